"""The outbox: each text is stored before it is sent, and sent at most once, whatever happens."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant

from .conftest import PASSWORD, USERNAME, make_entry, set_up, settle

PHONE = "+447700900321"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, set up, with sending switched on."""
    hass.config.country = "GB"
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"sending": {}})
    await set_up(hass, entry)
    return entry


def shown(emulator: Emulator) -> list[tuple[str, str]]:
    """Return what phones show: recipient and text."""
    return [(each.recipient, each.text) for each in emulator.handsets.shown]


async def send(hass: HomeAssistant, entry: MockConfigEntry, text: str, **options: Any) -> list[Any]:
    """Send a text."""
    order = Order(recipients=[recipient_of(hass, entry, PHONE)], text=text, **options)
    return await async_send(entry, order)


async def test_send(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """A text is on the phone, and the events say so."""
    sent, status = async_capture_events(hass, "sms_sent"), async_capture_events(hass, "sms_status")
    (text,) = await send(hass, entry, "Hello")
    assert text.status == "accepted"
    assert shown(emulator) == [(PHONE, "Hello")]
    assert [event.data["status"] for event in sent] == ["accepted"]
    assert [event.data["status"] for event in status] == []
    await settle(hass)
