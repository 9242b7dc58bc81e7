"""Requests of polls that find nothing new, at each provider that is polled: counted, not timed."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
import sys
import time
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from custom_components.sms_inbox.const import CONF_DELETE_STORED
from custom_components.sms_inbox.coordinator import SmsInboxConfigEntry
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Provider
from homeassistant.core import HomeAssistant

from .core import add_idle_account, home_assistant
from .emulator import Emulator, emulator
from .process import in_fresh_process
from .requests import counted_commits
from .scale import Scale
from .table import Table

AT_MOST = 3  # requests: two lists, one of which may be in two parts
POLLS = 3
HOUR = timedelta(hours=1)
SETTLED_WITHIN = 2000  # polls
FEW, MANY = 50, 10_000
FEWER = {
    "bulletin": 2000,  # hands out one message a request
    "clicksend": 2000,  # each received message is marked as read, ten at a poll
    "gammu": 500,  # all are listed at each poll; no card holds more
    "smsgate": 2000,  # the emulator compares each with all others
    "voipms": 2000,  # all are listed at each poll
}
"""Where more would take too long."""
SLOW = ("gammu", "twilio")
"""What takes about as long as all the others."""
BLOCK = 10  # messages that have one time
NEW_YORK = ZoneInfo("America/New_York")
BEGIN = timedelta(hours=22, minutes=15)
CHANGES = ("PUT", "DELETE")
"""Methods by which messages are confirmed, and not read."""


@dataclass(frozen=True, kw_only=True)
class Hour:
    """The polls of an hour.

    Attributes:
        requests: Those of each poll.
        commits: How often the polls after the first one wrote to the disk.
    """

    requests: list[int]
    commits: int

    @property
    def shown(self) -> str:
        """The requests as the table shows them."""
        return f"{sum(self.requests) / len(self.requests):.2f} (at most {max(self.requests)})"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The requests at a provider, see the table's headings.

    Attributes:
        key: The provider's key.
        many: How many messages the long list has.
    """

    key: str
    many: int
    empty: int
    quiet_with_few: int
    quiet_with_many: int
    one_new: int
    hour: Hour

    @property
    def name(self) -> str:
        """The provider's name."""
        return PROVIDERS[self.key].name

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        with_many = f"{self.quiet_with_many}" + (f" (of {self.many:,})" if self.many != MANY else "")
        return (self.name, f"{self.empty}", f"{self.quiet_with_few}", with_many, f"{self.one_new}", self.hour.shown)

    @property
    def most(self) -> int:
        """The most requests of a poll that finds nothing."""
        return max(self.empty, self.quiet_with_few, self.quiet_with_many, *self.hour.requests)


class Clock:
    """The time at one provider, which can be put forward: that of the emulated vendors, and what our code waits by.

    It begins before midnight in New York, so that this is in the hour that is counted: VoIP.ms lists whole days of that
    zone, and what is counted must not depend on when this is run.
    """

    def __init__(self, server: Emulator) -> None:
        """Take the emulator whose clock is set."""
        self._server = server
        self._ahead = timedelta()
        now = datetime.now(UTC)
        begin = now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0) + BEGIN
        self._behind = (now - begin) % timedelta(days=1)

    @property
    def now(self) -> datetime:
        """The vendors' time."""
        return datetime.now(UTC) - self._behind + self._ahead

    def monotonic(self) -> float:
        """Stand in for `time.monotonic`."""
        return time.monotonic() + self._ahead.total_seconds()

    async def forward(self, by: timedelta = timedelta()) -> None:
        """Let time pass."""
        self._ahead += by
        await self._server.set_clock(self._ahead - self._behind)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have the code of the providers use this clock."""
        with ExitStack() as stack:
            for name, module in list(sys.modules.items()):
                if name.startswith("custom_components.sms_inbox.providers") and getattr(module, "time", None) is time:
                    stack.enter_context(patch.object(module, "time", self))
            yield


@dataclass(frozen=True, kw_only=True)
class Polled:
    """An account that is polled only by this."""

    hass: HomeAssistant
    server: Emulator
    clock: Clock
    entry: SmsInboxConfigEntry
    provider: type[Provider]

    @property
    def interval(self) -> timedelta:
        """The pause between two polls."""
        return self.provider.interval or HOUR

    def require_read(self, number: int) -> None:
        """Raise RuntimeError unless the polls until now have read so many messages."""
        read = sum(poll.messages for poll in self.entry.runtime_data.polling.polls)
        if read != number:
            raise RuntimeError(f"{number:,} were received at {self.provider.name}, {read:,} of them were read.")

    async def poll(self, after: timedelta | None = None) -> list[str]:
        """Poll after a pause, and return the methods of the requests.

        Raises:
            RuntimeError: The poll failed.
        """
        await self.clock.forward(self.interval if after is None else after)
        before = await self.server.requests()
        coordinator = self.entry.runtime_data
        await coordinator.async_refresh()
        await self.hass.async_block_till_done()
        if not coordinator.last_update_success:
            raise RuntimeError(f"A poll of {self.provider.name} failed: {coordinator.last_exception}")
        return await self.server.methods(before)

    async def settle(self) -> None:
        """Poll until nothing that was stored has still to be confirmed."""
        for _ in range(SETTLED_WITHIN):
            if not set(CHANGES) & set(await self.poll()):
                return
        raise RuntimeError(f"{self.provider.name} confirms without end.")

    async def quiet(self) -> int:
        """Return the most requests of some polls that find nothing."""
        return max([len(await self.poll()) for _ in range(POLLS)])

    async def hour(self) -> Hour:
        """Count an hour of polls that find nothing; in it, lists that are read wholly once an hour are."""
        # What was delivered last may be marked only now.
        requests = [len(await self.poll(HOUR))]
        with counted_commits() as commits:
            requests += [len(await self.poll()) for _ in range(HOUR // self.interval - 1)]
        return Hour(requests=requests, commits=len(commits))


async def lines(_: Scale) -> Table:
    """Count at all providers, in two processes at once."""
    keys = [key for key, cls in PROVIDERS.items() if cls.interval]
    parts = ([key for key in keys if key in SLOW], [key for key in keys if key not in SLOW])
    halves = await asyncio.gather(*(asyncio.to_thread(in_fresh_process, count, part) for part in parts))
    counts = {each.key: each for half in halves for each in half}
    return _table([counts[key] for key in keys])


def count(keys: list[str]) -> list[Counts]:
    """Count at one provider after the other."""
    return asyncio.run(_count(keys))


async def _count(keys: list[str]) -> list[Counts]:
    async with emulator() as server, home_assistant() as hass:
        return [await _counts(hass, server, PROVIDERS[key]) for key in keys]


def _table(counts: list[Counts]) -> Table:
    """Return the table, with what is too much."""
    commits = ", ".join(f"{each.name} {each.hour.commits}" for each in counts if each.hour.commits) or "none"
    return Table(
        headings=("provider", "empty", f"{FEW}", f"{MANY:,}", "one new", "hour, per poll"),
        rows=tuple(each.cells for each in counts),
        notes=(f"Writes to the disk by the polls of that hour after its first one: {commits}.",),
        faults=tuple(
            f"{each.name}: {each.most} requests of a poll that finds nothing, more than {AT_MOST}"
            for each in counts
            if each.most > AT_MOST
        ),
    )


async def _counts(hass: HomeAssistant, server: Emulator, provider: type[Provider]) -> Counts:
    """Count at an account to which little has come, and at one that has a long list."""
    clock = Clock(server)
    with clock.used():
        account = await server.add(provider.key)
        async with _polled(hass, server, clock, account) as polled:
            empty = await polled.quiet()
            await server.send(account, FEW)
            await polled.settle()
            quiet_with_few = await polled.quiet()
        many = FEWER.get(provider.key, MANY)
        account = await server.add(provider.key)
        await clock.forward()
        await _fill(server, clock, account, many)
        # Where messages are deleted, nobody has so many.
        async with _polled(hass, server, clock, {**account, CONF_DELETE_STORED: False}) as polled:
            polled.require_read(many // 2)
            await polled.settle()
            quiet_with_many = await polled.quiet()
            await server.send(account, 1)
            one_new = len(await polled.poll())
            await polled.settle()
            hour = await polled.hour()
    return Counts(
        key=provider.key,
        many=many,
        empty=empty,
        quiet_with_few=quiet_with_few,
        quiet_with_many=quiet_with_many,
        one_new=one_new,
        hour=hour,
    )


async def _fill(server: Emulator, clock: Clock, account: dict[str, Any], number: int) -> None:
    """Let as many messages be sent as received, spread over the time that each poll searches."""
    module = import_module(PROVIDERS[account["provider"]].__module__)
    window: timedelta = getattr(module, "OVERLAP", timedelta(days=1))
    now, blocks = clock.now, number // BLOCK
    for block in range(blocks):
        at = now - window * (blocks - block) / (blocks + 1)
        await server.send(account, BLOCK, sent=block % 2 == 0, received_at=at)


@asynccontextmanager
async def _polled(
    hass: HomeAssistant, server: Emulator, clock: Clock, account: dict[str, Any]
) -> AsyncGenerator[Polled]:
    """Set up an account, poll it once, and at the end remove it and all that is at the vendor."""
    await clock.forward()
    entry = await add_idle_account(hass, account, polls=False)
    yield Polled(hass=hass, server=server, clock=clock, entry=entry, provider=PROVIDERS[account["provider"]])
    await hass.config_entries.async_remove(entry.entry_id)
    await server.reset()
