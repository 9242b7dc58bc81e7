"""Clocks that are wrong, and messages that don't come in order."""

from collections.abc import Generator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, tzinfo
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Cursor, Page
from custom_components.sms_inbox.providers import PROVIDERS
from emulator import Account
from homeassistant.core import Event, HomeAssistant
from tests.conftest import Clock, set_up, texts


class WallClock(datetime):
    """A clock on the wall that somebody sets."""

    wrong = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """Return what it shows."""
        return datetime.now(tz) + cls.wrong


@pytest.fixture
def wall_clock() -> Generator[type[WallClock]]:
    """Let the component look at the clock on the wall."""
    modules = ("inbox", "store.accounts", "store.messages", "providers.http", "providers.contract")
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(patch(f"custom_components.sms_inbox.{module}.datetime", WallClock))
        yield WallClock
        WallClock.wrong = timedelta()


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
async def test_clock_that_jumps(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    wall_clock: type[WallClock],
    days: int,
) -> None:
    """Our clock decides nothing about which messages arrive."""
    now = datetime.now(UTC)
    await set_up(hass, entry)
    account.send("Before", received_at=now)
    await clock.advance(31)
    wall_clock.wrong = timedelta(days=days)
    account.send("After", received_at=now + timedelta(seconds=1))
    await clock.advance(31)
    await hass.config_entries.async_reload(entry.entry_id)
    account.send("Later", received_at=now + timedelta(seconds=2))
    await clock.advance(31)
    wall_clock.wrong = timedelta()
    account.send("Right again", received_at=now + timedelta(seconds=3))
    await clock.advance(31)
    await clock.advance(31)
    assert texts(received) == ["Before", "After", "Later", "Right again"]


async def test_message_from_the_future(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """It arrives, and so do those that come after it."""
    now = datetime.now(UTC)
    await set_up(hass, entry)
    for text, days in (("Tomorrow", 1), ("Today", 0), ("In a year", 365), ("Now", 0)):
        account.send(text, received_at=now + timedelta(days=days))
        await clock.advance(31)
        await clock.advance(31)
    assert texts(received) == ["Tomorrow", "Today", "In a year", "Now"]


async def test_same_second(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """Messages of one second, even equal ones, are as many as were sent."""
    now = datetime.now(UTC).replace(microsecond=0)
    await set_up(hass, entry)
    account.send("Same", received_at=now)
    await clock.advance(31)
    account.send("Same", received_at=now)
    account.send("Same", received_at=now)
    await clock.advance(31)
    await clock.advance(31)
    assert texts(received) == ["Same", "Same", "Same"]


@pytest.mark.parametrize("provider", ["bulksms", "bulksms_eapi"], indirect=True)
async def test_page_out_of_order(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """A page whose ids don't rise is taken whole."""
    await set_up(hass, entry)
    base = int(account.send("Base").message_id)
    await clock.advance(31)
    fetch = PROVIDERS[account.provider].fetch

    async def shuffled(provider: object, cursor: Cursor) -> Page:
        page = await fetch(provider, cursor)  # type: ignore[arg-type]
        return Page(messages=page.messages[::-1], cursor=page.cursor, more=page.more)

    for number in (3, 1, 2):
        account.send(f"Number {number}", message_id=str(base + number))
    with patch.object(PROVIDERS[account.provider], "fetch", shuffled):
        await clock.advance(31)
    account.send("Next", message_id=str(base + 4))
    await clock.advance(31)
    assert sorted(texts(received)) == ["Base", "Next", "Number 1", "Number 2", "Number 3"]


async def test_provider_that_repeats_a_page(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """A page that comes again fires nothing again, and doesn't keep us asking."""
    await set_up(hass, entry)
    for number in range(3):
        account.send(f"Number {number}")
    await clock.advance(31)
    pages: list[Page] = []
    fetch = PROVIDERS[account.provider].fetch

    async def repeat(provider: object, _: Cursor) -> Page:
        for message in account.messages:
            if message.read:
                message.read = False
                account.unread.append(message)
        pages.append(await fetch(provider, {}))  # type: ignore[arg-type]
        return pages[-1] if len(pages) < 5 else Page(messages=(), cursor=pages[-1].cursor, more=False)

    with patch.object(PROVIDERS[account.provider], "fetch", repeat):
        await clock.advance(31)
    account.send("Next")
    await clock.advance(31)
    await clock.advance(31)
    assert any(page.messages for page in pages)
    assert texts(received) == ["Number 0", "Number 1", "Number 2", "Next"]
