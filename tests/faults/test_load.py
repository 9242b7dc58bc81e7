"""Many accounts, and much at once. Figures are printed by scripts/bench."""

import asyncio
from itertools import pairwise

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from tests.conftest import Clock, set_up, settle, texts

LARGE = 3_000  # three of the largest pages, thirty slices


async def test_thirty_accounts(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, received: list[Event], clock: Clock
) -> None:
    """Each account gets its own messages, in order."""
    accounts: dict[str, Account] = {}
    for number in range(30):
        user = f"user{number}"
        account = emulator.add_account(entry.data["provider"], user, "password")
        more = MockConfigEntry(
            domain="sms_inbox",
            title=user,
            data={**entry.data, "username": user, "password": "password", "url": emulator.url(account.provider)},
        )
        more.add_to_hass(hass)
        accounts[more.entry_id] = account
    await set_up(hass, entry)
    await settle(hass)
    for account in accounts.values():
        for number in range(5):
            account.send(f"{account.username} {number}")
    await clock.advance(31)
    await clock.advance(31)
    assert len(received) == 150
    for entry_id, account in accounts.items():
        own = [event for event in received if event.data["config_entry_id"] == entry_id]
        assert texts(own) == [f"{account.username} {number}" for number in range(5)]


@pytest.mark.parametrize("provider", ["bulksms", "bulksms_eapi"], indirect=True)
async def test_large_backlog(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """A large backlog arrives whole, in order, once, while other work goes on."""
    await set_up(hass, entry)
    for number in range(LARGE):
        account.send(f"Message {number}")
    seen: list[int] = [0]

    async def watch() -> None:
        while len(received) < LARGE:
            if len(received) != seen[-1]:
                seen.append(len(received))
            await asyncio.sleep(0)

    watching = hass.async_create_background_task(watch(), "watch")
    await clock.advance(31)
    await watching
    assert texts(received) == [f"Message {number}" for number in range(LARGE)]
    # Nothing takes the event loop for a whole page of 500 or more.
    assert max(later - earlier for earlier, later in pairwise(seen)) < 500
