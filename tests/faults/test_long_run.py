"""Two weeks with daily restarts and a bad network: all messages once, and nothing left lying about."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
import gc
import logging
from pathlib import Path
import random
import threading
import tracemalloc

import pytest

from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from tests.conftest import DISCIPLINES, PASSWORD, USERNAME, Clock, make_entry, set_up, settle, texts

DAYS = 14
STEP = 1800.0  # seconds


def belongings(hass: HomeAssistant) -> dict[str, int]:
    """Count what the process holds; memory is that which the component's own lines took, in KB."""
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/sms_inbox/*")])  # noqa: FBT003
    return {
        "tasks": len(asyncio.all_tasks()),
        "timers": sum(not handle.cancelled() for handle in hass.loop._scheduled),  # type: ignore[attr-defined]  # noqa: SLF001
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "memory": sum(trace.size for trace in ours.traces) // 1024,
    }


@pytest.fixture
def quiet() -> Generator[None]:
    """Keep no log: two weeks of it are larger than anything that is measured."""
    logging.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    logging.disable(logging.NOTSET)


class Life:
    """The days of one account at each provider."""

    def __init__(self, hass: HomeAssistant, emulator: Emulator, clock: Clock, received: list[Event]) -> None:
        """Add the accounts."""
        self.hass, self.emulator, self.clock, self.received = hass, emulator, clock, received
        self.accounts = [emulator.add_account(key, USERNAME, PASSWORD) for key in DISCIPLINES]
        self.entries = [make_entry(emulator, account) for account in self.accounts]
        self.chance = random.Random(1)  # noqa: S311 - chance, not secrets
        self.sent = 0

    async def begin(self) -> None:
        """Set the accounts up."""
        for entry in self.entries:
            entry.add_to_hass(self.hass)
        await set_up(self.hass, self.entries[0])

    async def day(self) -> None:
        """Live through a day that ends with a restart, and see that each message arrived once."""
        first = self.sent
        for _ in range(24):
            if self.chance.random() < 0.1:
                for account in self.accounts:
                    fault = self.chance.choice(["dropped", "server_error", "cut"])
                    self.emulator.fault(account.provider, fault, count=None)
            for account in self.accounts:
                if self.chance.random() < 0.5:
                    self.send(account)
            await self.clock.advance(3600, step=STEP)
            self.emulator.clear_faults()
        await self.clock.advance(3600, step=STEP)
        for entry in self.entries:
            await self.hass.config_entries.async_reload(entry.entry_id)
        await settle(self.hass)
        assert sorted(texts(self.received)) == sorted(f"Number {number}" for number in range(first, self.sent))
        for kept in (self.received, self.emulator.requests, self.emulator.book):
            kept.clear()
        for account in self.accounts:
            del account.messages[:-50]  # the wall clock stands still, and so would what a list by time shows

    def send(self, account: Account) -> None:
        """Send a message, some time ago by the wall clock, which stands still."""
        at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=self.sent)
        account.send(f"Number {self.sent}", received_at=at)
        self.sent += 1


@pytest.mark.usefixtures("quiet")
async def test_two_weeks(hass: HomeAssistant, emulator: Emulator, received: list[Event], clock: Clock) -> None:
    """Daily restarts, an hour in ten without a network, and messages at any time."""
    life = Life(hass, emulator, clock, received)
    await life.begin()
    for _ in range(3):
        await life.day()
    before = belongings(hass)
    for _ in range(3, DAYS):
        await life.day()
    after = belongings(hass)
    allowed = {"tasks": 1, "timers": 4, "threads": 1, "files": 1, "memory": 150}
    assert life.sent > 700
    assert {what: (before[what], count) for what, count in after.items() if count > before[what] + allowed[what]} == {}
