"""The webhook's URL at each vendor whose API can hold it: stored, changed, removed, refused, taken over by a copy."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from custom_components.sms_inbox.providers import PROVIDERS
from emulator import Account, Emulator
from emulator.twilio_account import add_number, add_service
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import Clock, Repairs, poll, set_up, settle
from .test_config_flow import explained

REGISTERING = [key for key, provider in PROVIDERS.items() if provider.registers]
OURS, COPY = "https://home.example", "https://copy.example"
TAKEN = "https://other.example/hook"


@pytest.fixture(params=REGISTERING)
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for each vendor whose API can hold the URL."""
    return str(request.param)


@pytest.fixture(autouse=True)
async def reachable(hass: HomeAssistant) -> Iterator[None]:  # type: ignore[misc]
    """Let Home Assistant have a URL in the internet, where somebody answers the vendor."""
    assert await async_setup_component(hass, "webhook", {})
    hass.config.external_url, hass.config.internal_url = OURS, None
    with patch("emulator.outgoing.Caller.ask", return_value=HTTPStatus.OK):
        yield


async def switch(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> ConfigFlowResult:
    """Fill in the form about the webhook."""
    options = hass.config_entries.options
    result = await options.async_init(entry.entry_id)
    result = await options.async_configure(result["flow_id"], {"next_step_id": "webhook"})
    return await explained(hass, await options.async_configure(result["flow_id"], {"webhook": True, **typed}))


async def close(hass: HomeAssistant, result: ConfigFlowResult) -> None:
    """Close the dialog, if it is still open."""
    if result["type"] is not FlowResultType.CREATE_ENTRY:
        hass.config_entries.options.async_abort(result["flow_id"])
    await settle(hass)


async def register(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> None:
    """Switch the webhook on, and register its URL where nothing else stands."""
    result = await switch(hass, entry, **typed)
    assert result["type"] is FlowResultType.SHOW_PROGRESS or result["step_id"] == "webhook_received", result
    await close(hass, result)


def hosts(account: Account) -> set[str]:
    """Return the beginnings of the URLs at the vendor."""
    return {url.partition("/api/")[0] for url in account.protocol.registered(account)}


def is_elsewhere(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Whether a person is asked about another URL at the vendor."""
    return ir.async_get(hass).async_get_issue("sms_inbox", f"webhook_elsewhere_{entry.entry_id}") is not None


async def move(hass: HomeAssistant, entry: MockConfigEntry, url: str) -> None:
    """Let Home Assistant have another URL from its next start on."""
    hass.config.external_url = url
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)


async def test_registered(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """The vendor has the URL, nothing has to be pasted, and a restart changes nothing."""
    await set_up(hass, entry)
    await register(hass, entry)
    before = account.protocol.registered(account)
    assert hosts(account) == {OURS}
    assert all(url.endswith(entry.options["webhook_id"]) for url in before)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert account.protocol.registered(account) == before
    assert not is_elsewhere(hass, entry)


@pytest.mark.parametrize("removed", [True, False])
async def test_removed(hass: HomeAssistant, entry: MockConfigEntry, account: Account, *, removed: bool) -> None:
    """It is gone at the vendor when the webhook is switched off, and when the account is removed."""
    await set_up(hass, entry)
    await register(hass, entry)
    if removed:
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        await close(hass, await switch(hass, entry, webhook=False))
        assert entry.options == {}
    assert account.protocol.registered(account) == []


async def test_changed(hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs) -> None:
    """Another URL of Home Assistant is stored once a person has said that this is no copy."""
    await set_up(hass, entry)
    await register(hass, entry)
    await hass.config.async_update(external_url="https://new.example")
    await settle(hass)
    assert hosts(account) == {OURS}
    assert is_elsewhere(hass, entry)
    dialog = await repairs.open(f"webhook_elsewhere_{entry.entry_id}")
    assert (await repairs.choose(dialog, "take_over"))["type"] == "create_entry"
    assert hosts(account) == {"https://new.example"}
    assert not is_elsewhere(hass, entry)


async def test_copy(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs, clock: Clock
) -> None:
    """A copy takes nothing over silently; what it leaves it also doesn't remove; what it takes the original reports."""
    await set_up(hass, entry)
    await register(hass, entry)
    options = dict(entry.options)
    await move(hass, entry, COPY)
    assert hosts(account) == {OURS}
    dialog = await repairs.open(f"webhook_elsewhere_{entry.entry_id}")
    assert "home.example" in dialog["description_placeholders"]["places"]
    assert entry.options["webhook_id"] not in str(dialog)
    await repairs.choose(dialog, "leave")
    assert not is_elsewhere(hass, entry)
    await close(hass, await switch(hass, entry, webhook=False))
    assert hosts(account) == {OURS}
    # The copy is restored once more, and takes it over now.
    hass.config_entries.async_update_entry(entry, options=options)
    await move(hass, entry, COPY)
    dialog = await repairs.open(f"webhook_elsewhere_{entry.entry_id}")
    await repairs.choose(dialog, "take_over")
    assert hosts(account) == {COPY}
    # And this is the original.
    hass.config.external_url = OURS
    hass.config_entries.async_update_entry(entry, options=options)
    for _ in range(2):
        await clock.advance(86_500, 86_500)
        await settle(hass)
    assert is_elsewhere(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    assert hosts(account) == {COPY}


@pytest.mark.parametrize(
    ("fault", "error"),
    [("server_error", "cannot_connect"), ("unauthorized", "invalid_auth"), ("rate_limited", "rate_limited")],
)
async def test_refused(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, fault: str, error: str
) -> None:
    """The reason is shown, and all is as it was before; then it can be pasted, and registered later."""
    await set_up(hass, entry)
    emulator.fault(account.provider, fault, count=None)
    result = await switch(hass, entry)
    assert result["errors"] == {"base": error}
    assert (dict(entry.options), account.protocol.registered(account)) == ({}, [])
    options = hass.config_entries.options
    pasted = await options.async_configure(result["flow_id"], {"webhook": True, "register": False})
    assert pasted["step_id"] == "webhook_url"
    await close(hass, pasted)
    emulator.clear_faults()
    await register(hass, entry, register=True)
    assert hosts(account) == {OURS}


async def test_vendor_is_down_when_it_is_removed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """An account can be removed all the same, and the log says what is left at the vendor."""
    await set_up(hass, entry)
    await register(hass, entry)
    emulator.fault(account.provider, "server_error", count=None)
    await hass.config_entries.async_remove(entry.entry_id)
    assert "could not be removed at the provider" in caplog.text
    assert hass.config_entries.async_entries("sms_inbox") == []


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_places_to_choose(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Numbers with another URL are replaced only if a person ticks them; the others stay as they are."""
    add_number(account, "+447700900001")
    taken = add_number(account, "+447700900002", sms_url=TAKEN)
    kept = add_number(account, "+447700900003", sms_url=TAKEN)
    await set_up(hass, entry)
    result = await switch(hass, entry)
    assert result["step_id"] == "places"
    [selector] = result["data_schema"].schema.values()
    labels = {option["label"]: option["value"] for option in selector.config["options"]}
    assert "+447700900002 (other.example)" in labels
    chosen = result["data_schema"]({})["registered"]
    assert labels["+447700900001"] in chosen
    assert labels["+447700900002 (other.example)"] not in chosen
    options = hass.config_entries.options
    typed = {"registered": [*chosen, labels["+447700900002 (other.example)"]]}
    await close(hass, await options.async_configure(result["flow_id"], typed))
    assert (taken["sms_url"].startswith(OURS), kept["sms_url"]) == (True, TAKEN)
    result = await switch(hass, entry, register=True)
    assert set(result["data_schema"]({})["registered"]) == set(typed["registered"])
    await close(hass, result)
    await close(hass, await switch(hass, entry, webhook=False))
    assert (taken["sms_url"], kept["sms_url"]) == ("", TAKEN)


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_service_that_drops_messages(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
) -> None:
    """A number in a messaging service without a webhook receives nothing that a list shows; a person must know."""
    messaging = URL(f"{emulator.url('twilio')}/messaging")
    add_service(account, "Alerts", [add_number(account, "+447700900001")])
    with patch("custom_components.sms_inbox.providers.twilio.messaging_url", return_value=messaging):
        await set_up(hass, entry)
    issue = ir.async_get(hass).async_get_issue("sms_inbox", f"service_without_webhook_{entry.entry_id}")
    assert issue
    assert not issue.is_fixable


@pytest.mark.parametrize("provider", ["clicksend"], indirect=True)
async def test_rule_that_is_missing(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs
) -> None:
    """Without a rule the vendor lists nothing; it is made when a person agrees, and then messages come."""
    account.places = []
    await set_up(hass, entry)
    issue_id = f"no_poll_rule_{entry.entry_id}"
    dialog = await repairs.open(issue_id)
    assert (dialog["type"], dialog["step_id"]) == ("form", "confirm")
    assert (await repairs.submit(dialog))["type"] == "create_entry"
    assert [rule["action"] for rule in account.places] == ["POLL"]
    assert ir.async_get(hass).async_get_issue("sms_inbox", issue_id) is None
    account.send("Hello")
    await poll(hass)
    assert entry.runtime_data.inbox.delivered == 1
