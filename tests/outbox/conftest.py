"""An account that sends, and the events about its texts."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant, callback

from ..conftest import PASSWORD, USERNAME
from ..senders import add_sender
from .helpers import KEY, OWN, Told, restart


@pytest.fixture
def vendor() -> str:
    """Return the vendor: the one that recognises repeats, unless the test names another one."""
    return KEY


@pytest.fixture
def account(emulator: Emulator, vendor: str) -> Account:
    """Return an account that can send."""
    return emulator.add_account(vendor, USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, set up, with sending switched on; it is polled once only."""
    entry = await add_sender(hass, emulator, account, sender=OWN)
    hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
    await restart(hass, entry)
    return entry


@pytest.fixture
def told(hass: HomeAssistant) -> Told:
    """Return the events, as they come."""
    told = Told()

    @callback
    def note(event: Event[Any]) -> None:
        told.append(event)

    for kind in ("sms_sent", "sms_status"):
        hass.bus.async_listen(kind, note)
    return told
