"""What the crash test does to Home Assistant, and what ended by that."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
import random
import shutil
import sqlite3
from tempfile import TemporaryDirectory
import time
from typing import Any

from ..live.backup import make_backup, restore_backup
from ..live.child import until
from ..live.emulator import Account, Emulator
from ..live.entries import ENTRIES
from ..live.home_assistant import HomeAssistant
from .accounts import EACH, WAIT, Accounts
from .evidence import Evidence
from .facts import End, Kind
from .traffic import Traffic
from .witness import Witness

ARRIVAL = 60.0  # seconds
CALM = 2.0  # seconds until what was changed in Home Assistant is on disk
FIRST = 10.0  # seconds until the first sign of what was begun
FULL_DISK = (1.0, 4.0)  # seconds
LONG_DRAIN = 300
LONGEST_DRAIN = 1.5  # seconds
OLD = 2.5  # seconds; some providers' times have no fractions
OUTAGE = (0.0, 8.0)  # seconds
SLOW_ANSWER = 1.5  # seconds

FAULTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "": (
        {"kind": "server_error", "status": 503, "count": None},
        {"kind": "server_error", "status": 403, "count": None},
        {"kind": "rate_limited", "count": None},
        {"kind": "html", "count": None},
        {"kind": "dropped", "count": None},
        {"kind": "unauthorized", "count": 1},
    ),
    # The vendor's own words: a fatal error of its own, and that it can't be asked now.
    "bulksms_eapi": ({"kind": "code", "code": 22, "count": None}, {"kind": "code", "code": 40, "count": None}),
}
"""How a provider can be down, by its key; empty for every provider."""


class Harm:
    """Does one thing a round, at a time of its dice.

    Attributes:
        ends: What ended by it, and when.
    """

    def __init__(
        self,
        home_assistant: HomeAssistant,
        emulator: Emulator,
        accounts: Accounts,
        traffic: Traffic,
        witness: Witness,
        evidence: Evidence,
        dice: random.Random,
    ) -> None:
        """Take what it works on, all of it started."""
        self.ends: list[End] = []
        self._home_assistant = home_assistant
        self._emulator = emulator
        self._accounts = accounts
        self._traffic = traffic
        self._witness = witness
        self._evidence = evidence
        self._dice = dice
        self._numbers = count(1)

    async def kill(self) -> None:
        """Kill it."""
        await self._end(Kind.KILLED)
        await self._home_assistant.start()

    async def kill_in_drain(self) -> None:
        """Kill it in the middle of a drain."""
        await self._drain()
        await self._end(Kind.KILLED)
        await self._home_assistant.start()

    async def kill_in_long_drain(self) -> None:
        """Kill it when it has begun to deliver many messages from one page."""
        async with self._long_drain():
            await self._end(Kind.KILLED)
        await self._home_assistant.start()

    async def kill_in_answer(self) -> None:
        """Kill it while the body of an answer arrives that can't be had again."""
        await self._begin_answer()
        await self._end(Kind.KILLED)
        await self._home_assistant.start()

    async def stop_in_answer(self) -> None:
        """Stop it in order while the body of an answer arrives that can't be had again."""
        await self._begin_answer()
        await self._end(Kind.STOPPED)
        await self._home_assistant.start()

    async def stop_in_drain(self) -> None:
        """Stop it in order in the middle of a drain."""
        await self._drain()
        await self._end(Kind.STOPPED)
        await self._home_assistant.start()

    async def stop_in_long_drain(self) -> None:
        """Stop it in order when it has begun to deliver many messages from one page."""
        async with self._long_drain():
            await self._end(Kind.STOPPED)
        await self._home_assistant.start()

    async def reload_in_poll(self) -> None:
        """Reload the account that waits at its provider for messages."""
        await self._reload(self._accounts.of("bulletin"))

    async def reload_in_answer(self) -> None:
        """Reload this account while the body of an answer arrives."""
        await self._reload(await self._begin_answer())

    async def reload_in_drain(self) -> None:
        """Reload an account in the middle of a drain."""
        await self._drain()
        await self._reload(self._dice.choice(EACH))

    async def reload_in_long_drain(self) -> None:
        """Reload an account when it has begun to deliver many messages from one page."""
        async with self._long_drain() as account:
            await self._reload(account)

    async def disable(self) -> None:
        """Disable an account in the middle of a drain, and enable it again."""
        account = self._dice.choice(EACH)
        await self._drain()
        begin = time.time()
        async with await self._home_assistant.websocket() as websocket:
            entry = {"entry_id": self._accounts.entries[account]}
            await websocket.command("config_entries/disable", **entry, disabled_by="user")
            await asyncio.sleep(self._dice.uniform(0, 1))
            await websocket.command("config_entries/disable", **entry, disabled_by=None)
        self._note(Kind.RELOADED, begin, account)

    async def replace_automations(self) -> None:
        """Have the automation replaced while it is busy; Home Assistant leaves alone what hasn't changed."""
        await self._drain()
        begin = time.time()
        file = self._home_assistant.config / "automations.yaml"
        await asyncio.to_thread(file.write_text, f"{file.read_text()}# \n")
        await self._home_assistant.post("/api/services/automation/reload", {})
        await until(self._is_armed)
        self._note(Kind.REPLACED, begin)

    async def restore(self) -> None:
        """Make a backup in the middle of a drain, let more messages come, and restore it."""
        await self._drain()
        backup = time.time()
        backup_id = await make_backup(self._home_assistant)
        await self._drain()
        await asyncio.sleep(self._dice.uniform(0, 2))
        begin = time.time()
        gone = await restore_backup(self._home_assistant, backup_id)
        self._note(Kind.RESTORED, begin, *self._accounts.entries, end=gone, backup=backup)

    async def fill_disk(self) -> None:
        """Let no write succeed for a while in which messages arrive."""
        with self._home_assistant.full_disk():
            await self._drain()
            await asyncio.sleep(self._dice.uniform(*FULL_DISK))
        await self._arrive()

    async def start_without_providers(self) -> None:
        """Stop it, and let the providers be down for a while from its start on."""
        await self._end(self._dice.choice((Kind.KILLED, Kind.STOPPED)))
        for account in self._accounts.entries:
            faults = FAULTS[""] + FAULTS.get(account.provider, ())
            await self._fault(account, self._dice.choice(faults))
        await self._home_assistant.start()
        for account in self._accounts.entries:
            await self._traffic.send(account, 2)
        await asyncio.sleep(self._dice.uniform(*OUTAGE))
        await self._emulator.delete("/admin/faults")
        await self._arrive()

    async def add_account(self) -> None:
        """Add an account that has messages already, and restart Home Assistant at once, while others arrive there."""
        account = replace(self._dice.choice(EACH), name=f"new-{next(self._numbers)}")
        await self._emulator.add(account)
        await self._traffic.send(account, self._dice.randint(1, 10))
        await asyncio.sleep(OLD)
        await self._accounts.add(account)
        sending = asyncio.create_task(self._traffic.keep_sending(account))
        try:
            await asyncio.sleep(self._dice.choice((0, self._dice.uniform(0, 1))))
            await self._end(Kind.STOPPED)
            await self._home_assistant.start()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        await self._arrive()
        await self._accounts.remove(account)
        await asyncio.sleep(CALM)

    async def _drain(self) -> None:
        """Send a burst, and return somewhere in the middle of its reading."""
        await self._traffic.burst()
        moment = self._dice.uniform(0.05, LONGEST_DRAIN)
        with suppress(TimeoutError):
            async with asyncio.timeout(moment):
                await self._accounts.poll()
                await asyncio.sleep(moment)

    @asynccontextmanager
    async def _long_drain(self) -> AsyncGenerator[Account]:
        """Have more delivered than is claimed at once, all from one page, and go on soon after the first of it."""
        account = self._accounts.of("bulksms_eapi")
        await self._emulator.add(replace(account, page_size=LONG_DRAIN))
        await self._traffic.send(account, LONG_DRAIN)
        polling = asyncio.create_task(self._accounts.poll())
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                await self._witness.next_note()
        await asyncio.sleep(self._dice.uniform(0, 0.1))
        yield account
        await asyncio.wait([polling])
        polling.exception()  # it may have been cut off
        await self._emulator.add(account)

    async def _begin_answer(self) -> Account:
        """Have an answer begin that arrives slowly, and return somewhere in its middle, with its account."""
        account = self._accounts.of("bulletin")
        await self._fault(account, {"kind": "slow", "path": account.inbox, "seconds": SLOW_ANSWER})
        polling = asyncio.create_task(self._accounts.poll())
        await self._traffic.send(account)
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                await until(self._is_answering)
        await asyncio.wait([polling])
        await asyncio.sleep(self._dice.uniform(0, SLOW_ANSWER - WAIT))
        return account

    async def _is_answering(self) -> bool:
        """Return whether no fault waits any more for an answer that it could slow down."""
        return not (await self._emulator.get("/admin/state"))["faults"]

    async def _arrive(self) -> None:
        """Wait until all that the providers have was delivered; where it doesn't come, the verdict says so."""
        expected = {message.key for message in await self._evidence.messages() if not message.old}
        expected = {key for key in expected if key[0] in self._accounts.all}

        async def is_there() -> bool:
            return expected <= self._evidence.delivered()

        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVAL):
                await self._accounts.poll()
                await until(is_there)

    async def _end(self, kind: Kind) -> None:
        """End Home Assistant, and look into the store as it was left."""
        begin = time.time()
        await (self._home_assistant.kill() if kind is Kind.KILLED else self._home_assistant.stop())
        end = time.time()
        stored = _stored(self._home_assistant.config / ".storage" / "sms_inbox.db")
        self._note(kind, begin, *self._accounts.entries, end=end, stored=stored)

    async def _reload(self, account: Account) -> None:
        begin = time.time()
        await self._home_assistant.post(f"{ENTRIES}/{self._accounts.entries[account]}/reload")
        self._note(Kind.RELOADED, begin, account)

    async def _fault(self, account: Account, fault: Mapping[str, Any]) -> None:
        data = {"provider": account.provider, "username": account.username, **fault}
        await self._emulator.post("/admin/faults", data)

    async def _is_armed(self) -> bool:
        states = await self._home_assistant.get("/api/states")
        return any(state["entity_id"].startswith("automation.") and state["state"] == "on" for state in states)

    def _note(self, kind: Kind, begin: float, *accounts: Account, end: float | None = None, **more: Any) -> None:
        labels = frozenset(account.label for account in accounts)
        self.ends.append(End(kind=kind, begin=begin, end=end or time.time(), accounts=labels, **more))


HARMS: Mapping[str, Callable[[Harm], Awaitable[None]]] = {
    "kill": Harm.kill,
    "kill-in-drain": Harm.kill_in_drain,
    "kill-in-long-drain": Harm.kill_in_long_drain,
    "kill-in-answer": Harm.kill_in_answer,
    "stop-in-drain": Harm.stop_in_drain,
    "stop-in-long-drain": Harm.stop_in_long_drain,
    "stop-in-answer": Harm.stop_in_answer,
    "reload-in-poll": Harm.reload_in_poll,
    "reload-in-answer": Harm.reload_in_answer,
    "reload-in-drain": Harm.reload_in_drain,
    "reload-in-long-drain": Harm.reload_in_long_drain,
    "disable": Harm.disable,
    "replace-automations": Harm.replace_automations,
    "restore": Harm.restore,
    "fill-disk": Harm.fill_disk,
    "start-without-providers": Harm.start_without_providers,
    "add-account": Harm.add_account,
}
"""What can be done in a round, by name."""


def _stored(store: Path) -> frozenset[str]:
    """Return the ids in a store that nobody has open; a copy is opened, so that the next start finds all as it was."""
    with TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{store}{suffix}", folder)
        with closing(sqlite3.connect(Path(folder) / store.name)) as db:
            return frozenset(message_id for (message_id,) in db.execute("SELECT message_id FROM message"))
