"""The options about sending: switched on and off in the UI."""

from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.providers.sending import SENDING
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.exceptions import ServiceValidationError

from .conftest import PASSWORD, USERNAME, make_entry, set_up, settle
from .senders import ANNA, shown
from .test_config_flow import explained, shown_error, suggested

DEFAULTS = {"parts": 6, "per_hour": 20, "per_day": 60, "short_numbers": False, "countries": []}


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry: set up, and sending is off."""
    hass.config.country = "GB"
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    return entry


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Open the form."""
    menu = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    assert menu["type"] is FlowResultType.MENU
    assert "sending" in menu["menu_options"]
    flow = hass.config_entries.options
    return await explained(hass, await flow.async_configure(menu["flow_id"], {"next_step_id": "sending"}))


async def fill_in(hass: HomeAssistant, form: ConfigFlowResult, **typed: Any) -> ConfigFlowResult:
    """Fill in the form."""
    result = await explained(hass, await hass.config_entries.options.async_configure(form["flow_id"], typed))
    await settle(hass)
    return result


async def can_send(hass: HomeAssistant) -> bool:
    """Send a text, if that is allowed."""
    data = {"recipient": ANNA, "message": "Hello"}
    try:
        await hass.services.async_call("sms_inbox", "send_message", data, blocking=True)
    except ServiceValidationError:
        return False
    return True


async def test_switch_on_and_off(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """What was opened and saved once lets the account send, until it is switched off; other options stay."""
    hass.config_entries.async_update_entry(entry, options={"retention_days": 7})
    assert not await can_send(hass)
    result = await fill_in(hass, await begin(hass, entry))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == {"retention_days": 7, "sending": DEFAULTS}
    assert await can_send(hass)
    await fill_in(hass, await begin(hass, entry), send=False)
    assert dict(entry.options) == {"retention_days": 7}
    assert not await can_send(hass)
    assert len(shown(emulator)) == 1


async def test_what_was_chosen_before(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The form shows what was chosen; an empty sender is none."""
    chosen = {
        "sender": "ACME",
        "parts": 2,
        "per_hour": 5,
        "per_day": 9,
        "short_numbers": True,
        "countries": ["GB", "DE"],
    }
    await fill_in(hass, await begin(hass, entry), **{**chosen, "sender": " ACME "})
    assert entry.options["sending"] == chosen
    form = await begin(hass, entry)
    assert suggested(form["data_schema"]) == chosen
    await fill_in(hass, form, **{**chosen, "sender": " "})
    assert "sender" not in entry.options["sending"]


@pytest.mark.parametrize(
    "typed",
    [{"parts": 0}, {"parts": 11}, {"per_hour": 0}, {"per_day": 10_001}, {"countries": ["XX"]}, {"countries": "GB"}],
)
async def test_what_makes_no_sense(hass: HomeAssistant, entry: MockConfigEntry, typed: dict[str, Any]) -> None:
    """No limit at all can't be chosen."""
    with pytest.raises(InvalidData):
        await fill_in(hass, await begin(hass, entry), **typed)
    assert "sending" not in entry.options


def senders_in(form: ConfigFlowResult) -> list[str]:
    """Return the senders that the form offers."""
    assert form["data_schema"]
    fields = {str(key): field for key, field in form["data_schema"].schema.items()}
    senders: list[str] = fields["sender"].config["options"]
    return senders


async def test_senders_of_the_vendor(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry
) -> None:
    """They are offered, others can be typed; while the vendor fails, or the account isn't loaded, there are none."""
    account.extra["senders"] = [{"type": "INTERNATIONAL", "address": "+447700900999"}]
    assert senders_in(await begin(hass, entry)) == ["+447700900999"]
    emulator.fault("bulksms", "server_error", count=None, path="/profile")
    assert senders_in(await begin(hass, entry)) == []
    emulator.clear_faults()
    await hass.config_entries.async_unload(entry.entry_id)
    assert senders_in(await begin(hass, entry)) == []


async def test_sender_that_is_required(hass: HomeAssistant, account: Account, entry: MockConfigEntry) -> None:
    """Without one nothing can be sent there, so it must be entered, unless sending is switched off; one is chosen."""
    account.extra["senders"] = [{"type": "INTERNATIONAL", "address": "+447700900999"}]
    with patch.object(SENDING["bulksms"], "sender_use", "required"):
        form = await fill_in(hass, await begin(hass, entry), sender=" ")
        assert "Enter the sender" in await shown_error(hass, form)
        await fill_in(hass, form)
        assert entry.options["sending"] == {"sender": "+447700900999", **DEFAULTS}
        await fill_in(hass, await begin(hass, entry), send=False, sender=" ")
        assert "sending" not in entry.options


async def test_sender_that_is_not_used(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A SIM card has one number: nothing is asked."""
    with patch.object(SENDING["bulksms"], "sender_use", "none"):
        form = await begin(hass, entry)
        assert form["data_schema"]
        assert "sender" not in {str(key) for key in form["data_schema"].schema}


async def test_account_that_can_not_send(hass: HomeAssistant, emulator: Emulator) -> None:
    """Where SMS Inbox only receives, the menu doesn't offer it."""
    entry = make_entry(emulator, emulator.add_account("bulksms_eapi", USERNAME, PASSWORD))
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert "sending" not in menu["menu_options"]
