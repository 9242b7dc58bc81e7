"""Accounts that send, and contacts, for the tests of sending."""

import asyncio
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Report, SendStatus
from custom_components.sms_inbox.sent import SIGNAL_STATUS
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .conftest import add_contact, make_entry, set_up, settle

ANNA, BEN, CLEO = "+447700900321", "+447700900322", "+447700900323"
SUBMISSION = {"auto-unicode": "true"}
"""What only a request has that submits a text."""


async def add_sender(hass: HomeAssistant, emulator: Emulator, account: Account, **options: Any) -> MockConfigEntry:
    """Set up an account with sending switched on, in the United Kingdom."""
    hass.config.country = "GB"
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"sending": options})
    await set_up(hass, entry)
    return entry


async def notify_entity(hass: HomeAssistant, entry: MockConfigEntry, name: str, number: str, **data: Any) -> str:
    """Add a contact to an account; return the id of its notify entity."""
    contact = await add_contact(hass, entry, name, number, **data)
    entity_id = er.async_get(hass).async_get_entity_id("notify", DOMAIN, contact.subentry_id)
    assert entity_id
    return entity_id


def shown(emulator: Emulator) -> list[tuple[str, str]]:
    """Return what phones show: recipient and text."""
    return [(each.recipient, each.text) for each in emulator.handsets.shown]


async def report(hass: HomeAssistant, entry: MockConfigEntry, key: str, status: SendStatus, **fields: Any) -> None:
    """Let the vendor report what became of a text, and wait until that is noted."""
    noted = asyncio.Event()
    disconnect = async_dispatcher_connect(hass, SIGNAL_STATUS, callback(lambda _: noted.set()))
    entry.runtime_data.outbox.async_report([Report(status=status, key=key, **fields)])
    await noted.wait()
    disconnect()
    await settle(hass)
