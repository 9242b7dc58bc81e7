"""Adding an account, changing it, and its storage and retention."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
import re
import ssl
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from custom_components.sms_inbox.providers.contract import Identity
from custom_components.sms_inbox.providers.errors import AuthenticationError, TemporaryError
from emulator import Account, Emulator
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData, section
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component

from .conftest import PASSWORD, USERNAME, poll, settle, texts

FAULTS = [
    ("unauthorized", {}, "invalid_auth"),
    ("server_error", {}, "cannot_connect"),
    ("dropped", {}, "cannot_connect"),
    ("rate_limited", {}, "rate_limited"),
    ("html", {}, "unexpected_answer"),
    ("redirect", {"location": "https://elsewhere.example"}, "invalid_configuration"),
]


@pytest.fixture(params=POLLED)
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for each provider: what it needs of a person is its own."""
    return str(request.param)


@pytest.fixture(autouse=True)
async def unload_afterwards(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Unload what a test has set up; whatever lingers then fails the test."""
    yield
    await settle(hass)
    for entry in hass.config_entries.async_entries(DOMAIN):
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def elsewhere(provider: str) -> AsyncGenerator[Emulator]:
    """Run another server of the provider, which has the account, too."""
    elsewhere = Emulator(hold=0.0)
    await elsewhere.start()
    elsewhere.add_account(provider, USERNAME, PASSWORD)
    yield elsewhere
    await elsewhere.stop()


def words_of_fields(path: str, schema: Any) -> Iterator[str]:
    """Yield the keys of the words for a form's fields."""
    for key, field in schema.schema.items():
        if isinstance(field, section):
            yield f"{path}.sections.{key}.name"
            yield from words_of_fields(f"{path}.sections.{key}", field.schema)
        else:
            yield f"{path}.data.{key}"
            if not getattr(field, "config", {}).get("read_only"):  # what is only to be copied is described by the step
                yield f"{path}.data_description.{key}"


def words_of(result: ConfigFlowResult) -> Iterator[str]:
    """Yield the keys of the words that a person needs at this point of a flow."""
    if result["type"] is FlowResultType.ABORT:
        yield f"abort.{result['reason']}"
        return
    if result["type"] is FlowResultType.SHOW_PROGRESS:
        yield f"progress.{result['progress_action']}"
        return
    if result["type"] is FlowResultType.CREATE_ENTRY:
        yield from (f"create_entry.{description}" for description in [result["description"]] if description)
        return
    step = f"step.{result['step_id']}"
    yield from (f"{step}.title", f"{step}.description")
    if result["type"] is FlowResultType.MENU:
        yield from (f"{step}.menu_options.{option}" for option in result["menu_options"])
        return
    yield from words_of_fields(step, result["data_schema"])
    yield from (f"error.{error}" for error in (result["errors"] or {}).values())


async def explained(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Return where a flow has got to, after checking that each word a person sees there exists."""
    domain = result.get("translation_domain") or DOMAIN
    category = "config" if result["handler"] == DOMAIN else "options"
    words = await async_get_translations(hass, "en", category, {domain})
    shown = [words[f"component.{domain}.{category}.{key}"] for key in words_of(result)]
    assert set(re.findall(r"{(\w+)}", " ".join(shown))) <= (result["description_placeholders"] or {}).keys()
    return result


async def shown_error(hass: HomeAssistant, result: ConfigFlowResult) -> str:
    """Return the error that a form shows."""
    [key] = result["errors"].values()
    category = "config" if result["handler"] == DOMAIN else "options"
    words = await async_get_translations(hass, "en", category, {DOMAIN})
    return words[f"component.{DOMAIN}.{category}.error.{key}"].format(**result["description_placeholders"] or {})


async def choose(hass: HomeAssistant, provider: str) -> ConfigFlowResult:
    """Choose the provider of a new account."""
    result = await explained(hass, await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
    assert result["type"] is FlowResultType.MENU
    assert provider in result["menu_options"]
    return await answer(hass, result, {"next_step_id": provider})


async def answer(hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any]) -> ConfigFlowResult:
    """Fill in a form."""
    return await explained(hass, await hass.config_entries.flow.async_configure(result["flow_id"], user_input))


async def add(hass: HomeAssistant, emulator: Emulator, provider: str) -> ConfigEntry:
    """Add an account."""
    result = await answer(hass, await choose(hass, provider), typed(emulator, provider))
    await settle(hass)
    assert result["result"].state is ConfigEntryState.LOADED
    return result["result"]


async def log_in_again(hass: HomeAssistant, entry: ConfigEntry) -> ConfigFlowResult:
    """Open the form that Home Assistant asks a person to fill in when credentials are refused."""
    entry.async_start_reauth(hass)
    await settle(hass)
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return await explained(hass, await hass.config_entries.flow.async_configure(flow["flow_id"]))


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry) -> ConfigFlowResult:
    """Open the form in which an account is changed."""
    context = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    return await explained(hass, await hass.config_entries.flow.async_init(DOMAIN, context=context))


async def change_options(hass: HomeAssistant, entry: ConfigEntry) -> ConfigFlowResult:
    """Open the form of storage and retention."""
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    if result["type"] is FlowResultType.MENU:
        configure = hass.config_entries.options.async_configure
        result = await explained(hass, await configure(result["flow_id"], {"next_step_id": "storage"}))
    return result


def own_fields(provider: str) -> dict[str, Any]:
    """Return what only some providers need a person to say."""
    deletion = {"delete_stored": True} if PROVIDERS[provider].deletes else {}
    return deletion | ({"time_zone": "Europe/London"} if PROVIDERS[provider].local_time else {})


def access(emulator: Emulator, provider: str, **changes: Any) -> dict[str, Any]:
    """Return what a person types to change an account."""
    data = {"username": USERNAME, "password": PASSWORD, **own_fields(provider)}
    return at_server({**data, "server": {}, **changes}, provider, emulator.url(provider))


def at_server(user_input: dict[str, Any], provider: str, url: str, *, allow_http: bool = False) -> dict[str, Any]:
    """Return what a person types, with this address of the server; that of one's own server is the first field."""
    if PROVIDERS[provider].is_own_server:
        own = {"verify_ssl": True, "allow_http": allow_http}
        return {"url": url, **{key: value for key, value in user_input.items() if key != "url"}, "server": own}
    return {**user_input, "server": {"url": url, "allow_http": allow_http}}


def saved_of_server(provider: str, url: str) -> dict[str, Any]:
    """Return what is saved about the server."""
    own = {"verify_ssl": True} if PROVIDERS[provider].is_own_server else {}
    return {"url": url, **own, "allow_http": False}


def typed(emulator: Emulator, provider: str, **changes: Any) -> dict[str, Any]:
    """Return what a person types to add an account."""
    return access(emulator, provider, **{"deliver_existing": False, **changes})


def suggested(schema: Any) -> dict[str, Any]:
    """Return the values that a form shows beside its defaults."""
    values = {}
    for key, field in schema.schema.items():
        if isinstance(field, section):
            values[str(key)] = suggested(field.schema)
        elif key.description and "suggested_value" in key.description:
            values[str(key)] = key.description["suggested_value"]
    return values


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form that takes credentials.

    Attributes:
        result: The flow which shows it.
        typed: What a person types.
        success: How the flow ends if all is well.
    """

    result: ConfigFlowResult
    typed: dict[str, Any]
    success: tuple[FlowResultType, str | None]


@pytest.fixture(params=[SOURCE_USER, SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def form(request: pytest.FixtureRequest, hass: HomeAssistant, emulator: Emulator, account: Account) -> Form:
    """Open each form that takes credentials."""
    provider = account.provider
    if request.param == SOURCE_USER:
        result, success = await choose(hass, provider), (FlowResultType.CREATE_ENTRY, None)
        return Form(result=result, typed=typed(emulator, provider), success=success)
    entry = await add(hass, emulator, provider)
    success = (FlowResultType.ABORT, f"{request.param}_successful")
    if request.param == SOURCE_REAUTH:
        user_input = {"username": USERNAME, "password": PASSWORD}
        return Form(result=await log_in_again(hass, entry), typed=user_input, success=success)
    return Form(result=await reconfigure(hass, entry), typed=access(emulator, provider), success=success)


async def succeed(hass: HomeAssistant, form: Form, result: ConfigFlowResult) -> None:
    """Fill in a form that showed an error once more, and get to the end."""
    result = await answer(hass, result, form.typed)
    assert (result["type"], result.get("reason")) == form.success
    await settle(hass)
    [entry] = hass.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(("fault", "options", "error"), FAULTS)
async def test_error_and_recovery(
    hass: HomeAssistant,
    emulator: Emulator,
    provider: str,
    form: Form,
    fault: str,
    options: dict[str, Any],
    error: str,
) -> None:
    """Each trouble has its own message, the form keeps what was typed, and trying again succeeds."""
    if (provider, fault) == ("voipms", "html"):
        error = "cannot_connect"
    emulator.fault(provider, fault, count=None, **options)
    result = await answer(hass, form.result, form.typed)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == form.result["step_id"]
    assert result["errors"] == {"base": error}
    assert f"({result['description_placeholders']['error']})" in await shown_error(hass, result)
    assert PASSWORD not in await shown_error(hass, result)
    assert suggested(result["data_schema"]) == form.typed
    emulator.clear_faults()
    await succeed(hass, form, result)


@pytest.mark.parametrize(
    ("provider", "word", "error"),
    [
        ("voipms", "ip_not_enabled", "ip_not_enabled"),
        ("voipms", "api_not_enabled", "api_not_enabled"),
        ("voipms", "invalid_credentials", "invalid_auth"),
        ("twilio", "20005", "account_suspended"),
        ("clicksend", "ACCOUNT_NOT_ACTIVATED", "account_suspended"),
    ],
    indirect=["provider"],
)
async def test_reason_of_the_vendor(
    hass: HomeAssistant, emulator: Emulator, provider: str, form: Form, word: str, error: str
) -> None:
    """The vendor's own word for what is wrong is shown in each form, and is gone when all is well."""
    emulator.fault(provider, "vendor_error", count=None, word=word)
    result = await answer(hass, form.result, form.typed)
    assert result["errors"] == {"base": error}
    assert word in await shown_error(hass, result)
    emulator.clear_faults()
    await succeed(hass, form, result)


@pytest.mark.parametrize("form", [SOURCE_USER, SOURCE_RECONFIGURE], indirect=True)
@pytest.mark.parametrize(
    ("url", "error"),
    [("http://8.8.8.8", "insecure_url"), ("ftp://server.example", "invalid_url"), ("my server", "invalid_url")],
)
async def test_server_address(
    hass: HomeAssistant, emulator: Emulator, provider: str, form: Form, url: str, error: str
) -> None:
    """An address that would betray the password, or that is none, is refused before anything is sent.

    The error stands at its field, or above the section that holds it, which is open.
    """
    asked = len(emulator.requests)
    user_input = at_server(form.typed, provider, url)
    result = await answer(hass, form.result, user_input)
    assert result["errors"] == {"url" if PROVIDERS[provider].is_own_server else "server": error}
    assert suggested(result["data_schema"]) == user_input
    assert not is_collapsed(result)
    assert len(emulator.requests) == asked
    await succeed(hass, form, result)


def is_collapsed(result: ConfigFlowResult) -> bool:
    """Return whether the section about the server is closed."""
    schema = result["data_schema"]
    assert schema
    return bool(schema.schema["server"].options["collapsed"])


@pytest.mark.parametrize("provider", ["twilio", "gammu"], indirect=True)
@pytest.mark.parametrize("form", [SOURCE_USER], indirect=True)
async def test_section_about_the_server(hass: HomeAssistant, emulator: Emulator, provider: str, form: Form) -> None:
    """It is open after an error that a wrong server may cause, and where it is not as usual; else it is closed."""
    assert is_collapsed(form.result)
    usual = at_server(form.typed, provider, PROVIDERS[provider].default_url or emulator.url(provider))
    for user_input, error, collapsed in (
        (usual, "invalid_auth", True),
        (usual, "cannot_connect", False),
        ({**usual, "server": {**usual["server"], "allow_http": True}}, "invalid_auth", False),
    ):
        answered = AuthenticationError("no") if error == "invalid_auth" else TemporaryError("no")
        with patch.object(PROVIDERS[provider], "validate", side_effect=answered):
            result = await answer(hass, form.result, user_input)
        assert result["errors"] == {"base": error}
        assert is_collapsed(result) is collapsed


@pytest.mark.parametrize("form", [SOURCE_USER, SOURCE_RECONFIGURE], indirect=True)
@pytest.mark.parametrize("provider", ["gammu", "bulksms"], indirect=True)
async def test_address_without_a_scheme(hass: HomeAssistant, emulator: Emulator, provider: str, form: Form) -> None:
    """One at home is completed with http, and what is saved has it."""
    url = emulator.url(provider)
    result = await answer(hass, form.result, at_server(form.typed, provider, f" {url.removeprefix('http://')} "))
    assert (result["type"], result.get("reason")) == form.success
    await settle(hass)
    [entry] = hass.config_entries.async_entries(DOMAIN)
    assert entry.data["url"] == url


async def test_pasted_blanks(hass: HomeAssistant, emulator: Emulator, provider: str, form: Form) -> None:
    """What is copied along with credentials and addresses is no part of them, and is not saved."""
    pasted = {**form.typed, "username": f" {USERNAME}\u00a0\n", "password": f"\u200b{PASSWORD}\r\n"}
    if "server" in pasted:
        pasted = at_server(pasted, provider, f"\ufeff {emulator.url(provider)} ")
    asked = len(emulator.requests)
    result = await answer(hass, form.result, pasted)
    assert (result["type"], result.get("reason")) == form.success
    assert not [request for request in list(emulator.requests)[asked:] if request.status == HTTPStatus.UNAUTHORIZED]
    await settle(hass)
    [entry] = hass.config_entries.async_entries(DOMAIN)
    saved = [entry.data[key] for key in ("username", "password", "url")]
    assert saved == [USERNAME, PASSWORD, emulator.url(entry.data["provider"])]


@pytest.mark.parametrize("chosen", ["pass", " pass", "pass "])
@pytest.mark.parametrize("blank", ["", " ", "\u00a0"])
async def test_password_with_blanks(
    hass: HomeAssistant, emulator: Emulator, provider: str, chosen: str, blank: str
) -> None:
    """One that a person has chosen may have blanks at its ends; others are cut off if the provider refuses them."""
    emulator.add_account(provider, USERNAME, chosen)
    user_input = typed(emulator, provider, password=f"{chosen}{blank}")
    result = await answer(hass, await choose(hass, provider), user_input)
    has_own = chosen != chosen.strip()
    if has_own and (blank or not PROVIDERS[provider].chooses_password):
        assert result["errors"] == {"base": "invalid_auth"}
    else:
        assert result["data"]["password"] == chosen


@pytest.mark.parametrize("provider", ["gammu"], indirect=True)
async def test_self_signed_certificate(hass: HomeAssistant, tmp_path: Path, provider: str) -> None:
    """A server of one's own may have one, once a person has said so."""

    async def answer_gammu(_: web.Request) -> web.Response:
        return web.json_response({"message": "SMS not found"}, status=HTTPStatus.NOT_FOUND)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer_gammu)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    url = f"https://127.0.0.1:{server.port}"
    user_input = {"url": url, "username": USERNAME, "password": PASSWORD, **own_fields(provider)}
    form = await choose(hass, provider)
    result = await answer(hass, form, {**user_input, "server": {"verify_ssl": True}})
    assert result["errors"] == {"base": "cannot_connect"}
    with patch("custom_components.sms_inbox.async_setup_entry", return_value=False):
        result = await answer(hass, form, {**user_input, "server": {"verify_ssl": False}})
    await server.close()
    assert result["type"] is FlowResultType.CREATE_ENTRY


def self_signed(path: Path) -> Path:
    """Write a certificate that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
@pytest.mark.parametrize("form", [SOURCE_USER, SOURCE_RECONFIGURE], indirect=True)
async def test_plain_http_that_is_allowed(hass: HomeAssistant, form: Form) -> None:
    """Whoever has read what it means may send the password in the clear."""
    url = "http://8.8.8.8"
    result = await answer(hass, form.result, at_server(form.typed, "bulletin", url))
    assert result["errors"] == {"server": "insecure_url"}
    identity = Identity(account_id=f"127.0.0.1 {USERNAME}")
    with (
        patch.object(PROVIDERS["bulletin"], "validate", return_value=identity),
        patch("custom_components.sms_inbox.async_setup_entry", return_value=False),
    ):
        result = await answer(hass, result, at_server(form.typed, "bulletin", url, allow_http=True))
    assert (result["type"], result.get("reason")) == form.success


async def test_unexpected_exception(hass: HomeAssistant, provider: str, form: Form) -> None:
    """A mistake of ours is reported, and trying again succeeds."""
    with patch.object(PROVIDERS[provider], "validate", side_effect=RuntimeError):
        result = await answer(hass, form.result, form.typed)
    assert result["errors"] == {"base": "unknown"}
    await succeed(hass, form, result)


@pytest.mark.parametrize("form", [SOURCE_REAUTH, SOURCE_RECONFIGURE], indirect=True)
async def test_another_account(hass: HomeAssistant, emulator: Emulator, provider: str, form: Form) -> None:
    """Another account's credentials are refused: its messages would be taken for this one's.

    Where nothing but the address tells accounts apart, only a person knows that it is the same.
    """
    [entry] = hass.config_entries.async_entries(DOMAIN)
    data, unique_id = dict(entry.data), entry.unique_id
    emulator.add_account(provider, "ben", "other")
    result = await answer(hass, form.result, {**form.typed, "username": "ben", "password": "other"})
    if PROVIDERS[provider].known_by_address:
        assert (result["type"], result["reason"]) == form.success
        assert entry.data["username"] == "ben"
        assert entry.unique_id != unique_id
        await settle(hass)
    else:
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "another_account")
        assert (dict(entry.data), entry.unique_id) == (data, unique_id)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["gammu"], indirect=True)
async def test_address_of_another_account(
    hass: HomeAssistant, emulator: Emulator, elsewhere: Emulator, provider: str
) -> None:
    """An account that is known by its address alone doesn't become one that is there already."""
    entry = await add(hass, emulator, provider)
    await add(hass, elsewhere, provider)
    data, unique_id = dict(entry.data), entry.unique_id
    result = await answer(hass, await reconfigure(hass, entry), access(elsewhere, provider))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "another_account")
    assert (dict(entry.data), entry.unique_id) == (data, unique_id)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["smsgate"], indirect=True)
async def test_another_phone(hass: HomeAssistant, emulator: Emulator, elsewhere: Emulator, provider: str) -> None:
    """An account doesn't become another phone, though user name and password are the same there."""
    entry = await add(hass, emulator, provider)
    data, unique_id = dict(entry.data), entry.unique_id
    with patch("emulator.smsgate.device_id", return_value="another"):
        result = await answer(hass, await reconfigure(hass, entry), access(elsewhere, provider))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "another_account")
    assert (dict(entry.data), entry.unique_id) == (data, unique_id)


async def test_add_account(hass: HomeAssistant, emulator: Emulator, account: Account, provider: str) -> None:
    """An account is added without a message being read; only what is needed of the form is saved."""
    account.send("Hello")
    result = await choose(hass, provider)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == provider
    assert result["errors"] == {}
    result = await answer(hass, result, typed(emulator, provider))
    assert not emulator.book
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == PROVIDERS[provider].name
    assert result["data"] == {
        "provider": provider,
        "username": USERNAME,
        "password": PASSWORD,
        "deliver_existing": False,
        **saved_of_server(provider, emulator.url(provider)),
        **own_fields(provider),
    }
    assert result["options"] == {}


async def test_order_of_providers(hass: HomeAssistant) -> None:
    """They are listed by name, a deprecated one after the others, and the webhook last, in every language."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["menu_options"] == [
        *("elks", "bulksms", "bulletin", "clicksend", "gammu", "smsgate", "twilio", "voipms", "bulksms_eapi", "webhook")
    ]


@pytest.mark.parametrize("provider", ["voipms"], indirect=True)
async def test_names(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An account is called as its provider, or as a person types, with a number where that is taken.

    No name of an entry, a device or an entity has anything of the credentials.
    """
    user_input: dict[str, Any]
    for username, user_input, title in (
        ("anna@example.org", {}, "VoIP.ms"),
        ("ben@example.org", {"name": "  "}, "VoIP.ms 2"),
        ("carl@example.org", {"name": " Door bell "}, "Door bell"),
        ("dora@example.org", {"name": "door BELL"}, "door BELL 2"),
    ):
        emulator.add_account(provider, username, PASSWORD)
        result = await answer(
            hass, await choose(hass, provider), typed(emulator, provider, username=username, **user_input)
        )
        assert result["title"] == title
        assert "name" not in result["data"]
        await settle(hass)
    assert hass.states.get("sensor.voip_ms_2_last_message")
    entries = hass.config_entries.async_entries(DOMAIN)
    registry = dr.async_get(hass)
    devices = [device for entry in entries for device in dr.async_entries_for_config_entry(registry, entry.entry_id)]
    shown = [str(state.as_dict()) for state in hass.states.async_all()]
    shown += [f"{device.name} {device.model} {device.serial_number}" for device in devices]
    shown += [entry.title for entry in entries]
    assert not [each for each in shown if "example" in each]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
@pytest.mark.usefixtures("account")
async def test_name_of_a_renamed_account_is_free(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """The next account gets the name that another one no longer has."""
    entry = await add(hass, emulator, provider)
    hass.config_entries.async_update_entry(entry, title="Door bell")
    emulator.add_account(provider, "ben", PASSWORD)
    result = await answer(hass, await choose(hass, provider), typed(emulator, provider, username="ben"))
    assert result["title"] == PROVIDERS[provider].name


@pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi"], indirect=True)
@pytest.mark.usefixtures("account")
async def test_unique_id(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An account is known by its user name where that is all there is, and by a server that is not the official one."""
    entry = await add(hass, emulator, provider)
    assert entry.unique_id == f"{provider}_127.0.0.1 {USERNAME}"


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
@pytest.mark.usefixtures("account")
async def test_unique_id_of_a_profile(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An account is known by the id that its provider reports, whichever token opens it."""
    entry = await add(hass, emulator, provider)
    assert re.fullmatch(f"{provider}_[0-9a-f]{{32}}", str(entry.unique_id))


@pytest.mark.usefixtures("account")
async def test_form(hass: HomeAssistant, provider: str) -> None:
    """The official server's address is in a section that is closed; that of one's own server is the first field.

    What must be filled in stands first, and the zone is Home Assistant's.
    """
    result = await choose(hass, provider)
    schema = result["data_schema"].schema
    fields = {str(key): key for key in schema}
    key = ["key_id"] if PROVIDERS[provider].takes_key_id else []
    rest = [*key, *own_fields(provider), "deliver_existing", "name", "server"]
    official = PROVIDERS[provider].default_url
    assert list(fields) == [*([] if official else ["url"]), "username", "password", *rest]
    assert is_collapsed(result)
    usual = {str(key): key.default() for key in schema["server"].schema.schema}
    if official:
        assert usual == {"url": official, "allow_http": False}
    else:
        assert usual == {"verify_ssl": True, "allow_http": False}
        assert fields["url"].default == vol.UNDEFINED
    if "time_zone" in fields:
        assert fields["time_zone"].default() == hass.config.time_zone


@pytest.mark.usefixtures("account")
async def test_same_account_again(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An account is added once, however its name is written."""
    await add(hass, emulator, provider)
    # BulkSMS has an id of its own.
    username = USERNAME if provider == "bulksms" else USERNAME.upper()
    emulator.add_account(provider, username, PASSWORD)
    result = await answer(hass, await choose(hass, provider), typed(emulator, provider, username=username))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_same_user_at_another_provider(hass: HomeAssistant, emulator: Emulator) -> None:
    """Equal user names at different providers are different accounts."""
    for provider in POLLED:
        emulator.add_account(provider, USERNAME, PASSWORD)
        await add(hass, emulator, provider)
    assert len(hass.config_entries.async_entries(DOMAIN)) == len(POLLED)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
@pytest.mark.parametrize("form", [SOURCE_USER, SOURCE_RECONFIGURE], indirect=True)
async def test_time_zone_that_is_none(hass: HomeAssistant, form: Form) -> None:
    """Only a zone from the list is taken."""
    with pytest.raises(InvalidData):
        await answer(hass, form.result, {**form.typed, "time_zone": "Mars/Olympus"})
    await succeed(hass, form, form.result)


async def test_log_in_again(hass: HomeAssistant, emulator: Emulator, account: Account, provider: str) -> None:
    """New credentials of the same account are taken; a wrong password can be corrected in place."""
    entry = await add(hass, emulator, provider)
    data = dict(entry.data)
    account.password = "new"
    result = await log_in_again(hass, entry)
    assert result["step_id"] == "reauth_confirm"
    assert suggested(result["data_schema"]) == {"username": USERNAME}
    result = await answer(hass, result, {"username": USERNAME, "password": "wrong"})
    assert result["errors"] == {"base": "invalid_auth"}
    result = await answer(hass, result, {"username": USERNAME, "password": "new"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data == {**data, "password": "new"}


@pytest.mark.usefixtures("account")
async def test_form_to_reconfigure(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """It shows what is stored, but not the password, and nothing that only matters once."""
    result = await reconfigure(hass, await add(hass, emulator, provider))
    assert result["step_id"] == "reconfigure"
    assert result["errors"] == {}
    assert result["description_placeholders"] == {"account": PROVIDERS[provider].name}
    present = access(emulator, provider)
    assert [str(key) for key in result["data_schema"].schema if key != "key_id"] == list(present)
    assert suggested(result["data_schema"]) == {key: value for key, value in present.items() if key != "password"}


async def test_reconfigure(
    hass: HomeAssistant, emulator: Emulator, account: Account, elsewhere: Emulator, provider: str, received: list[Event]
) -> None:
    """Another server and password are used at once, and what was read at the old one is not delivered again."""
    entry = await add(hass, emulator, provider)
    message_id = account.send("First").message_id
    await poll(hass)
    data, unique_id = dict(entry.data), entry.unique_id
    moved = elsewhere.account(provider, USERNAME)
    moved.password = "new"
    moved.send("First", message_id=message_id)
    moved.send("Second")
    result = await answer(hass, await reconfigure(hass, entry), access(elsewhere, provider, password="new"))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == {**data, "url": elsewhere.url(provider), "password": "new"}
    assert (entry.unique_id != unique_id) == PROVIDERS[provider].known_by_address
    await settle(hass)
    assert texts(received) == ["First", "Second"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("password", [{}, {"password": ""}])
async def test_password_left_empty(
    hass: HomeAssistant, emulator: Emulator, elsewhere: Emulator, provider: str, password: dict[str, str]
) -> None:
    """The stored one stays, also after an error."""
    entry = await add(hass, emulator, provider)
    user_input = access(elsewhere, provider)
    del user_input["password"]
    elsewhere.fault(provider, "server_error")
    result = await answer(hass, await reconfigure(hass, entry), {**user_input, **password})
    assert result["errors"] == {"base": "cannot_connect"}
    assert PASSWORD not in str(suggested(result["data_schema"]))
    assert entry.data["url"] == emulator.url(provider)
    result = await answer(hass, result, {**user_input, **password})
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["password"] == PASSWORD
    assert entry.data["url"] == elsewhere.url(provider)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi"], indirect=True)
async def test_reconfigure_spelling(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """The account is the same, however its name is written."""
    entry = await add(hass, emulator, provider)
    emulator.add_account(provider, USERNAME.upper(), "other")
    user_input = access(emulator, provider, username=USERNAME.upper(), password="other")
    result = await answer(hass, await reconfigure(hass, entry), user_input)
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["username"] == USERNAME.upper()
    assert entry.unique_id == f"{provider}_127.0.0.1 {USERNAME}"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["gammu"], indirect=True)
async def test_reconfigure_what_is_known_by_its_address(
    hass: HomeAssistant, emulator: Emulator, elsewhere: Emulator, provider: str
) -> None:
    """It may move to another address, unless that is the one of another account."""
    entry = await add(hass, emulator, provider)
    unique_id = entry.unique_id
    result = await answer(hass, await reconfigure(hass, entry), access(elsewhere, provider))
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["url"] == elsewhere.url(provider)
    assert entry.unique_id != unique_id
    await add(hass, emulator, provider)
    result = await answer(hass, await reconfigure(hass, entry), access(emulator, provider))
    assert result["reason"] == "another_account"
    assert entry.data["url"] == elsewhere.url(provider)


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
async def test_reconfigure_time_zone(
    hass: HomeAssistant, emulator: Emulator, account: Account, provider: str, received: list[Event]
) -> None:
    """Times are read in the new zone."""
    entry = await add(hass, emulator, provider)
    account.time_zone = "Africa/Johannesburg"
    user_input = access(emulator, provider, time_zone=account.time_zone)
    result = await answer(hass, await reconfigure(hass, entry), user_input)
    assert result["reason"] == "reconfigure_successful"
    account.send("Hello", received_at=datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC))
    await settle(hass)
    await poll(hass)
    assert [event.data["received_at"] for event in received] == ["2026-11-21T12:00:05+00:00"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("http://127.0.0.1:1", ConfigEntryState.LOADED),
        ("http://8.8.8.8", ConfigEntryState.SETUP_ERROR),
    ],
)
async def test_reconfigure_what_does_not_work(
    hass: HomeAssistant, emulator: Emulator, provider: str, url: str, state: ConfigEntryState
) -> None:
    """An account whose server is wrong is put right."""
    entry = await add(hass, emulator, provider)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": url})
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is state
    result = await answer(hass, await reconfigure(hass, entry), access(emulator, provider))
    assert result["reason"] == "reconfigure_successful"
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED


async def test_reconfigure_instead_of_logging_in(
    hass: HomeAssistant, emulator: Emulator, account: Account, provider: str
) -> None:
    """A person who finds the other form first is not asked any more."""
    entry = await add(hass, emulator, provider)
    account.password = "new"
    for _ in range(2):
        await poll(hass, 400)
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    result = await answer(hass, await reconfigure(hass, entry), access(emulator, provider, password="new"))
    assert result["reason"] == "reconfigure_successful"
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


@pytest.mark.usefixtures("account")
async def test_options(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """Texts are stored for 90 days until somebody chooses otherwise; days are a whole number."""
    entry = await add(hass, emulator, provider)
    result = await change_options(hass, entry)
    assert result["step_id"] == "storage"
    assert result["data_schema"]({}) == {"store_texts": True, "retention_days": 90}
    assert suggested(result["data_schema"]) == {}
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], {"store_texts": False, "retention_days": 30.0}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"store_texts": False, "retention_days": 30}
    assert isinstance(entry.options["retention_days"], int)
    assert suggested((await change_options(hass, entry))["data_schema"]) == entry.options


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("refused", "taken"), [(0, 1), (3651, 3650), ("long", 30)])
async def test_days_out_of_range(
    hass: HomeAssistant, emulator: Emulator, provider: str, refused: float | str, taken: int
) -> None:
    """A day at least, ten years at most; a mistake can be corrected in place."""
    entry = await add(hass, emulator, provider)
    result = await change_options(hass, entry)
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(result["flow_id"], {"retention_days": refused})
    assert entry.options == {}
    await hass.config_entries.options.async_configure(result["flow_id"], {"retention_days": taken})
    assert entry.options == {"store_texts": True, "retention_days": taken}


@pytest.mark.usefixtures("account")
async def test_forms_reach_the_browser(
    hass: HomeAssistant, emulator: Emulator, provider: str, hass_client: ClientSessionGenerator
) -> None:
    """Each form can be sent, and none has the stored password."""
    entry = await add(hass, emulator, provider)
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    for path, question in (
        ("flow", {"handler": DOMAIN, "entry_id": entry.entry_id}),
        ("options/flow", {"handler": entry.entry_id}),
    ):
        response = await client.post(f"/api/config/config_entries/{path}", json=question)
        assert response.status == HTTPStatus.OK
        assert [field["name"] for field in (await response.json())["data_schema"]]
        assert PASSWORD not in await response.text()
