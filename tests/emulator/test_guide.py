"""What the page shows is enough to add an account of each provider in Home Assistant, and to receive a message."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from custom_components.sms_inbox.providers.contract import Provider
from custom_components.sms_inbox.providers.presets import OTHER, PRESETS
from emulator import Emulator
from emulator.guide import INTERVALS, WEBHOOKS
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.setup import async_setup_component

from ..conftest import poll, settle, texts
from .conftest import Client, until
from .test_admin import Admin

TELLING = [key for key in POLLED if WEBHOOKS[key] in ("registered", "pasted")]


@pytest.fixture
def admin(client: Client, emulator: Emulator) -> Admin:
    """The page's API."""
    return Admin(client, emulator)


@pytest.fixture
def events(hass: HomeAssistant) -> list[Event[Any]]:
    """The events of messages, as they come."""
    return async_capture_events(hass, "sms_received")


@pytest.fixture
async def home(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Home Assistant's server, at the URL that it gives to others."""
    assert await async_setup_component(hass, "webhook", {})
    # Home Assistant's own server takes routes after its start, too.
    hass.http.app.router.freeze = lambda: None  # type: ignore[method-assign]
    client = await hass_client_no_auth()
    url = str(client.make_url("/")).rstrip("/")
    await hass.config.async_update(external_url=url, internal_url=url)
    return client


def typed(rows: list[dict[str, str]]) -> dict[str, str]:
    """What somebody enters who copies these fields."""
    return {row["key"]: row["value"] for row in rows}


def placed(fields: dict[str, str], schema: vol.Schema) -> dict[str, Any]:
    """What is entered, each field where the dialog has it: some are in a section."""
    return {
        str(key): placed(fields, value.schema) if isinstance(value, section) else fields[key]
        for key, value in schema.schema.items()
        if isinstance(value, section) or key in fields
    }


async def made(admin: Admin, provider: str) -> dict[str, Any]:
    """An account, made by the button of the page, as the page then shows it."""
    await admin.ask("POST", "accounts", json={"provider": provider})
    [account] = (await admin.ask("GET", "state"))["accounts"]
    return dict(account)


async def send(admin: Admin, account: dict[str, Any], text: str) -> None:
    """Type a text message on the page's phone."""
    message = {"provider": account["provider"], "username": account["username"], "text": text}
    await admin.ask("POST", "messages", json={**message, "recipient": (account["numbers"] or [None])[0]})


async def chosen(hass: HomeAssistant, provider: str) -> ConfigFlowResult:
    """A dialog in which the provider was chosen."""
    flow = hass.config_entries.flow
    result = await flow.async_init(DOMAIN, context={"source": "user"})
    return await flow.async_configure(result["flow_id"], {"next_step_id": provider})


async def add(hass: HomeAssistant, provider: str, fields: dict[str, str]) -> str:
    """Add an account, and return the id of its entry."""
    dialog = await chosen(hass, provider)
    assert dialog["data_schema"]
    entered = placed(fields, dialog["data_schema"])
    result = await hass.config_entries.flow.async_configure(dialog["flow_id"], entered)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result["errors"]
    await settle(hass)
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    return entry.entry_id


async def switch_on(hass: HomeAssistant, entry_id: str, fields: dict[str, Any]) -> ConfigFlowResult:
    """Switch the webhook on."""
    options = hass.config_entries.options
    result = await options.async_init(entry_id)
    await options.async_configure(result["flow_id"], {"next_step_id": "webhook"})
    return await options.async_configure(result["flow_id"], {"webhook": True, **fields})


@pytest.mark.parametrize("provider", POLLED)
async def test_polled(hass: HomeAssistant, events: list[Event[Any]], admin: Admin, provider: str) -> None:
    """An account of each provider is added by its fields, and asked for messages, whose times are right."""
    account = await made(admin, provider)
    await add(hass, provider, typed(account["fields"]))
    await send(admin, account, "Hello")
    await poll(hass)
    assert texts(events) == ["Hello"]
    assert [event.data["provider"] for event in events] == [provider]
    received_at = datetime.fromisoformat(events[0].data["received_at"])
    assert abs(datetime.now(UTC) - received_at) < timedelta(minutes=2)
    assert (await admin.ask("GET", "state"))["accounts"][0]["asked_at"]


@pytest.mark.parametrize(("provider", "with_api_key"), [*((key, False) for key in TELLING), ("twilio", True)])
@pytest.mark.usefixtures("home")
async def test_webhook(
    hass: HomeAssistant, events: list[Event[Any]], admin: Admin, provider: str, *, with_api_key: bool
) -> None:
    """A message comes at once when the webhook is switched on as the page says; the page shows that."""
    account = await made(admin, provider)
    fields, webhook = typed(account["fields"]), {}
    if with_api_key:
        fields |= typed(account["api_keys"][0])
        webhook = {"signing_key": fields.pop("signing_key")}
    result = await switch_on(hass, await add(hass, provider, fields), webhook)
    if WEBHOOKS[provider] == "pasted":
        [url] = [key.description["suggested_value"] for key in result["data_schema"].schema]
        login = {key: account[key] for key in ("provider", "username")}
        await admin.ask("POST", "callback", json={**login, "url": url})
    hass.config_entries.options.async_abort(result["flow_id"])
    [account] = (await admin.ask("GET", "state"))["accounts"]
    assert account["has_webhook"]
    await send(admin, account, "At once")
    await until(lambda: events)
    await settle(hass)
    assert texts(events) == ["At once"]
    await until(lambda: admin.emulator.calls)
    query = f"state?provider={provider}&username={account['username']}"
    [message] = (await admin.ask("GET", query))["messages"]
    assert (message["webhook_status"], message["webhook_at"] > message["sent_at"]) == (200, True)


@pytest.mark.usefixtures("home")
async def test_apps_and_services(hass: HomeAssistant, events: list[Event[Any]], admin: Admin) -> None:
    """Each app and service is added by what the page shows, and its request is accepted, but not without the key."""
    flow = hass.config_entries.flow
    presets = (await admin.ask("GET", "state"))["presets"]
    for preset in presets:
        key = preset["key"]
        flow_id = (await chosen(hass, "webhook"))["flow_id"]
        await flow.async_configure(flow_id, {"preset": key})
        shown = {name: preset[name] for name in ("signing_key", "time_zone") if preset[name]}
        result = await flow.async_configure(flow_id, {"local_only": True, **shown})
        [url] = [field.description["suggested_value"] for field in result["data_schema"].schema]
        await flow.async_configure(flow_id, {})
        await settle(hass)
        request = {"preset": key, "url": url, "sender": "+447700900123", "text": key}
        if preset["signing_key"]:
            assert 400 <= (await admin.ask("POST", "webhook", json=request))["status"] < 500, key
        answer = await admin.ask("POST", "webhook", json={**request, "signed": bool(preset["signing_key"])})
        assert 200 <= answer["status"] < 300, (key, answer)
        await settle(hass)
    assert texts(events) == [preset["key"] for preset in presets]


@pytest.mark.parametrize(
    "url", ["", "home", "file:///etc/passwd", "http://[", "http://8.8.8.8/api", "http://home:x/", "http://127.0.0.1:1/"]
)
async def test_requests_stay_at_home(admin: Admin, url: str) -> None:
    """Only a server of this machine or its network gets a request; else a sentence says why none was accepted."""
    answer = await admin.ask("POST", "webhook", 400, json={"preset": "kannel", "url": url, "text": "x"})
    assert answer["error"]


async def test_unknown_preset(admin: Admin) -> None:
    """What isn't known gets a sentence, too."""
    answer = await admin.ask("POST", "webhook", 400, json={"preset": "pigeon", "url": "http://127.0.0.1/"})
    assert "kannel" in answer["error"]


def webhook_of(provider: type[Provider]) -> str:
    """How a provider gets the webhook's URL."""
    if provider.registers:
        return "https" if provider.needs_https else "registered"
    return "pasted" if provider.receives_webhooks else "none"


async def test_what_is_said_of_providers_and_presets(admin: Admin) -> None:
    """What the page says about them is what SMS Inbox does."""
    intervals = {key: PROVIDERS[key].interval for key in POLLED}
    assert {key: interval.total_seconds() for key, interval in intervals.items() if interval} == INTERVALS
    assert {key: webhook_of(PROVIDERS[key]) for key in POLLED} == WEBHOOKS
    shown = {preset["key"]: preset for preset in (await admin.ask("GET", "state"))["presets"]}
    assert shown.keys() == PRESETS.keys()
    for key, preset in PRESETS.items():
        asked = (preset.signature is not None, preset.needs_key, preset.needs_zone or preset is OTHER)
        row = shown[key]
        assert (bool(row["signing_key"]), row["needs_key"], bool(row["time_zone"])) == asked, key
