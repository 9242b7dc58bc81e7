"""The accounts of the crash test, in Home Assistant and at the providers."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
import time

from ..live.emulator import ACCOUNTS, Account, Emulator
from ..live.entries import ENTRIES, add_entry
from ..live.home_assistant import AnswerError, HomeAssistant

PAGE_SIZE = 7
WAIT = 0.5  # seconds; a provider that waits for messages would keep us for longer
EACH = tuple(replace(account, page_size=PAGE_SIZE) for account in ACCOUNTS)
"""One account at each provider."""


@dataclass(kw_only=True)
class Accounts:
    """Which accounts there are.

    Attributes:
        home_assistant: Where they are added.
        emulator: Where they are read.
        entries: The ids of the config entries by account.
        labels: The labels of the accounts by config entry, those that were removed included.
        added: By label, when an account was added; what was sent to it before is old.
    """

    home_assistant: HomeAssistant
    emulator: Emulator
    entries: dict[Account, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    added: dict[str, float] = field(default_factory=dict)

    @property
    def all(self) -> frozenset[str]:
        """The labels of those that are in Home Assistant now."""
        return frozenset(account.label for account in self.entries)

    def of(self, provider: str) -> Account:
        """Return the first account at a provider."""
        return next(account for account in self.entries if account.provider == provider)

    async def add(self, account: Account) -> None:
        """Add an account to Home Assistant, after its messages that are to be old."""
        url = await self.emulator.add(account)
        self.added[account.label] = time.time()
        entry_id = await add_entry(self.home_assistant, account, url)
        self.entries[account] = entry_id
        self.labels[entry_id] = account.label

    async def remove(self, account: Account) -> None:
        """Remove an account from Home Assistant."""
        await self.home_assistant.delete(f"{ENTRIES}/{self.entries.pop(account)}")

    async def poll(self) -> None:
        """Have all accounts asked at once; return when those that don't wait for messages at their provider were."""
        buttons = await self._buttons()
        async with asyncio.TaskGroup() as tasks:
            for account in self.entries:
                if account.label in buttons:
                    tasks.create_task(self._press(buttons[account.label], waits=account.provider == "bulletin"))

    async def _buttons(self) -> dict[str, str]:
        """Return the entity id of each account's button *Check now*."""
        async with await self.home_assistant.websocket() as websocket:
            entities = await websocket.command("config/entity_registry/list")
        return {
            self.labels[entity["config_entry_id"]]: entity["entity_id"]
            for entity in entities
            if entity["config_entry_id"] in self.labels and entity["unique_id"].endswith("_check_now")
        }

    async def _press(self, button: str, *, waits: bool) -> None:
        """Press a button; whether the account could be asked is not of interest here."""
        with suppress(AnswerError, TimeoutError):
            async with asyncio.timeout(WAIT if waits else None):
                await self.home_assistant.post("/api/services/button/press", {"entity_id": button})
