"""What the crash test does to Home Assistant, and when it was stopped by that."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
import random
import shutil
import sqlite3
from tempfile import TemporaryDirectory
import time

from ..live.child import until
from ..live.emulator import Account, Emulator
from ..live.entries import ENTRIES
from ..live.home_assistant import HomeAssistant
from .report import Stop
from .traffic import Traffic

LAST_MESSAGE = "_last_message"
LONGEST_DRAIN = 1.5  # seconds
SLOW_ANSWER = 1.5  # seconds


class Harm:
    """Does one thing a round, at a time of its dice.

    Attributes:
        stops: What was stopped by it, and when.
        kinds: The things it does, by their names for a person.
    """

    def __init__(
        self,
        home_assistant: HomeAssistant,
        emulator: Emulator,
        traffic: Traffic,
        entries: Mapping[Account, str],
        dice: random.Random,
    ) -> None:
        """Take the ids of the config entries by account."""
        self.stops: list[Stop] = []
        self.kinds: Mapping[str, Callable[[], Awaitable[None]]] = {
            "SIGKILL while idle": self._kill,
            "SIGKILL in a drain": self._kill_in_drain,
            "SIGTERM in a drain": self._stop_in_drain,
            "reload in a long poll": self._reload_waiting,
            "reload in an answer": self._reload_answering,
            "account disabled, enabled": self._disable,
            "automations reloaded": self._reload_automations,
        }
        self._home_assistant = home_assistant
        self._emulator = emulator
        self._traffic = traffic
        self._entries = entries
        self._dice = dice

    async def poll(self) -> None:
        """Have the accounts ask that don't wait for messages at their provider."""
        states = await self._home_assistant.get("/api/states")
        sensors = [state["entity_id"] for state in states if state["entity_id"].endswith(LAST_MESSAGE)]
        asked = [sensor for sensor in sensors if "bulksms" in sensor]
        await self._home_assistant.post("/api/services/homeassistant/update_entity", {"entity_id": asked})

    async def _drain(self) -> None:
        """Send a burst, and return somewhere in the middle of its reading."""
        await self._traffic.burst()
        moment = self._dice.uniform(0.05, LONGEST_DRAIN)
        with suppress(TimeoutError):
            async with asyncio.timeout(moment):
                await self.poll()
                await asyncio.sleep(moment)

    async def _kill(self) -> None:
        await self._end(self._home_assistant.kill)

    async def _kill_in_drain(self) -> None:
        await self._drain()
        await self._end(self._home_assistant.kill)

    async def _stop_in_drain(self) -> None:
        await self._drain()
        await self._end(self._home_assistant.stop)

    async def _end(self, way: Callable[[], Awaitable[None]]) -> None:
        """End Home Assistant, look into the store as it was left, and start it again."""
        begin = time.time()
        await way()
        stored = _stored(self._home_assistant.config / ".storage" / "sms_inbox.db")
        self._note(begin, *self._entries, stored=stored)
        await self._home_assistant.start()

    async def _reload_waiting(self) -> None:
        await self._reload(_consuming(self._entries))

    async def _reload_answering(self) -> None:
        account = _consuming(self._entries)
        fault = {"provider": account.provider, "kind": "slow", "path": account.inbox, "seconds": SLOW_ANSWER}
        await self._emulator.post("/admin/faults", fault)
        await self._traffic.send(account)
        await asyncio.sleep(self._dice.uniform(0.05, SLOW_ANSWER))
        await self._reload(account)

    async def _reload(self, account: Account) -> None:
        begin = time.time()
        await self._home_assistant.post(f"{ENTRIES}/{self._entries[account]}/reload")
        self._note(begin, account)

    async def _disable(self) -> None:
        account = self._dice.choice(list(self._entries))
        begin = time.time()
        async with await self._home_assistant.websocket() as websocket:
            for disabled_by in ("user", None):
                entry = {"entry_id": self._entries[account], "disabled_by": disabled_by}
                await websocket.command("config_entries/disable", **entry)
                await asyncio.sleep(self._dice.uniform(0, 1))
        self._note(begin, account)

    async def _reload_automations(self) -> None:
        """Have the automation replaced while it is busy; Home Assistant leaves alone what hasn't changed."""
        await self._drain()
        begin = time.time()
        file = self._home_assistant.config / "automations.yaml"
        await asyncio.to_thread(file.write_text, f"{file.read_text()}# \n")
        await self._home_assistant.post("/api/services/automation/reload", {})
        await until(self._is_armed)
        self._note(begin)

    async def _is_armed(self) -> bool:
        states = await self._home_assistant.get("/api/states")
        return any(state["entity_id"].startswith("automation.") and state["state"] == "on" for state in states)

    def _note(self, begin: float, *accounts: Account, stored: frozenset[str] | None = None) -> None:
        providers = frozenset(account.provider for account in accounts)
        self.stops.append(Stop(begin=begin, end=time.time(), providers=providers, stored=stored))


def _consuming(entries: Mapping[Account, str]) -> Account:
    """Return the account that waits for messages at its provider."""
    return next(account for account in entries if account.provider == "bulletin")


def _stored(store: Path) -> frozenset[str]:
    """Return the ids in a store that nobody has open; a copy is opened, so that the next start finds all as it was."""
    with TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{store}{suffix}", folder)
        with closing(sqlite3.connect(Path(folder) / store.name)) as db:
            return frozenset(message_id for (message_id,) in db.execute("SELECT message_id FROM message"))
