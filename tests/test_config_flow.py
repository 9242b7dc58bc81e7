"""Adding an account, and logging in again."""

from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import PROVIDERS
from emulator import Account, Emulator
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData

from .conftest import PASSWORD, USERNAME, settle


async def start(hass: HomeAssistant, provider: str) -> dict[str, Any]:
    """Choose the provider."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert provider in result["menu_options"]
    return await hass.config_entries.flow.async_configure(result["flow_id"], {"next_step_id": provider})


def typed(emulator: Emulator, provider: str, **changes: Any) -> dict[str, Any]:
    """Return what a person types."""
    time_zone = {"time_zone": "Europe/London"} if PROVIDERS[provider].local_time else {}
    data = {"username": USERNAME, "password": PASSWORD, "deliver_existing": False, **time_zone}
    return {**data, "server": {"url": emulator.url(provider)}, **changes}


def suggested(result: dict[str, Any]) -> dict[str, Any]:
    """Return the values that the form shows."""
    return {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
        if str(key) != "server"
    }


async def test_add_account(hass: HomeAssistant, emulator: Emulator, account: Account, provider: str) -> None:
    """An account is added without a message being read."""
    account.send("Hello")
    result = await start(hass, provider)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == provider
    assert result["errors"] == {}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert not emulator.book
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == f"{PROVIDERS[provider].name} {USERNAME}"
    time_zone = {"time_zone": "Europe/London"} if PROVIDERS[provider].local_time else {}
    assert result["data"] == {
        "provider": provider,
        "username": USERNAME,
        "password": PASSWORD,
        "url": emulator.url(provider),
        "deliver_existing": False,
        **time_zone,
    }
    entry = result["result"]
    assert entry.unique_id.startswith(f"{provider}_")
    assert emulator.url(provider) not in entry.unique_id
    await settle(hass)


@pytest.mark.usefixtures("account")
async def test_form(hass: HomeAssistant, provider: str) -> None:
    """The server's address is the official one, in a section that is closed; the zone is Home Assistant's."""
    result = await start(hass, provider)
    schema = result["data_schema"].schema
    fields = {str(key): key for key in schema}
    assert list(fields) == [
        "username",
        "password",
        *(["time_zone"] if PROVIDERS[provider].local_time else []),
        "deliver_existing",
        "server",
    ]
    assert schema["server"].options == {"collapsed": True}
    [url] = schema["server"].schema.schema
    assert url.default() == PROVIDERS[provider].default_url
    if "time_zone" in fields:
        assert fields["time_zone"].default() == hass.config.time_zone


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        ("unauthorized", {}, "invalid_auth"),
        ("server_error", {}, "cannot_connect"),
        ("dropped", {}, "cannot_connect"),
        ("rate_limited", {}, "rate_limited"),
        ("html", {}, "unexpected_answer"),
        ("redirect", {"location": "https://elsewhere.example"}, "invalid_configuration"),
    ],
)
async def test_error_and_recovery(
    hass: HomeAssistant,
    emulator: Emulator,
    provider: str,
    fault: str,
    options: dict[str, Any],
    error: str,
) -> None:
    """Each trouble has its own message, the form keeps what was typed, and trying again succeeds."""
    result = await start(hass, provider)
    emulator.fault(provider, fault, count=None, **options)
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {"base": error}
    shown = suggested(result)
    assert (shown["username"], shown["password"]) == (USERNAME, PASSWORD)
    [url] = result["data_schema"].schema["server"].schema.schema
    assert url.description == {"suggested_value": emulator.url(provider)}
    emulator.clear_faults()
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("url", "error"), [("http://server.example", "insecure_url"), ("server", "invalid_configuration")]
)
async def test_server_address(hass: HomeAssistant, emulator: Emulator, provider: str, url: str, error: str) -> None:
    """An address that would betray the password, or that is none, is refused before anything is sent."""
    result = await start(hass, provider)
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], typed(emulator, provider, server={"url": url})
    )
    assert result["errors"] == {"base": error}
    assert not emulator.requests
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


@pytest.mark.usefixtures("account")
async def test_unexpected_exception(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """A mistake of ours is told, and trying again succeeds."""
    result = await start(hass, provider)
    with patch.object(PROVIDERS[provider], "validate", side_effect=RuntimeError):
        result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert result["errors"] == {"base": "unknown"}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


@pytest.mark.usefixtures("account")
async def test_same_account_again(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An account is added once, however its name is written."""
    for username in (USERNAME, USERNAME.upper()):
        if provider != "bulksms":  # which tells an id of its own
            emulator.add_account(provider, username, PASSWORD)
        else:
            username = USERNAME  # noqa: PLW2901
        result = await start(hass, provider)
        result = await hass.config_entries.flow.async_configure(
            result["flow_id"], typed(emulator, provider, username=username)
        )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    await settle(hass)


async def test_same_user_at_another_provider(hass: HomeAssistant, emulator: Emulator) -> None:
    """Equal user names at different providers are different accounts."""
    for provider in PROVIDERS:
        emulator.add_account(provider, USERNAME, PASSWORD)
        result = await start(hass, provider)
        result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
        assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == len(PROVIDERS)
    await settle(hass)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
async def test_time_zone_that_is_none(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """Only a zone from the list is taken."""
    result = await start(hass, provider)
    with pytest.raises(InvalidData):
        await hass.config_entries.flow.async_configure(
            result["flow_id"], typed(emulator, provider, time_zone="Mars/Olympus")
        )


async def test_log_in_again(
    hass: HomeAssistant, emulator: Emulator, account: Account, provider: str, entry: MockConfigEntry
) -> None:
    """New credentials of the same account are taken; a wrong password can be corrected in place."""
    entry = await added(hass, emulator, provider)
    account.password = "new"
    result = await entry.start_reauth_flow(hass)
    assert result["step_id"] == "reauth_confirm"
    assert suggested(result) == {"username": USERNAME, "password": None}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"username": USERNAME, "password": "wrong"}
    )
    assert result["errors"] == {"base": "invalid_auth"}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"username": USERNAME, "password": "new"}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert entry.data["password"] == "new"
    assert entry.data["url"] == emulator.url(provider)
    await settle(hass)


@pytest.mark.usefixtures("account")
async def test_log_in_again_as_somebody_else(
    hass: HomeAssistant, emulator: Emulator, provider: str, entry: MockConfigEntry
) -> None:
    """Another account's credentials are refused: its messages would be taken for this one's."""
    entry = await added(hass, emulator, provider)
    emulator.add_account(provider, "ben", "other")
    result = await entry.start_reauth_flow(hass)
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {"username": "ben", "password": "other"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "another_account"
    assert entry.data["username"] == USERNAME
    await settle(hass)


async def added(hass: HomeAssistant, emulator: Emulator, provider: str) -> Any:
    """Add an account through the flow, in place of the one that was made by hand."""
    for old in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_remove(old.entry_id)
    result = await start(hass, provider)
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed(emulator, provider))
    await settle(hass)
    # What the fixture's helpers do, for an entry that a real flow made.
    result["result"].start_reauth_flow = lambda hass: MockConfigEntry.start_reauth_flow(result["result"], hass)
    return result["result"]
