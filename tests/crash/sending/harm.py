"""What the crash test of sending does to Home Assistant and the vendors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
import random
import time
from typing import Any

from ...live.backup import make_backup, restore_backup
from ...live.emulator import Account
from ...live.home_assistant import HomeAssistant
from .accounts import SUBMISSIONS, Accounts
from .facts import Break
from .traffic import Traffic

MOMENT = (0.0, 0.6)  # seconds from the beginning of a burst
SLOW_ANSWER = 2.0  # seconds
DOWN = (4.0, 20.0)  # seconds
FULL_DISK = (1.0, 4.0)  # seconds
CALM = 2.0  # seconds

LOST: tuple[Mapping[str, Any], ...] = (
    {"kind": "dropped", "consume": True},
    {"kind": "dropped", "consume": False},
    {"kind": "server_error", "status": 500, "consume": True},
    {"kind": "server_error", "status": 503, "consume": False},
    {"kind": "redirect", "status": 307, "location": "/", "consume": True},
)
"""How an answer is lost: of a text that was taken, or of one that was not."""
DOWN_BY: tuple[Mapping[str, Any], ...] = (
    {"kind": "rate_limited"},
    {"kind": "rate_limited", "retry_after": 2},
    {"kind": "server_error", "status": 503},
    {"kind": "dropped"},
)
"""How a vendor takes nothing for a while: it says so, or nobody can know."""


class Harm:
    """Does one thing a round, at a time of its dice.

    Attributes:
        breaks: The kills and the restored backups.
    """

    def __init__(
        self, home_assistant: HomeAssistant, accounts: Accounts, traffic: Traffic, dice: random.Random
    ) -> None:
        """Take what it works on, all of it started."""
        self.breaks: list[Break] = []
        self._home_assistant = home_assistant
        self._emulator = accounts.emulator
        self._accounts = accounts
        self._traffic = traffic
        self._dice = dice

    async def kill_in_burst(self) -> None:
        """Kill it while texts are stored and sent."""
        await self._burst()
        await self._kill()
        await self._home_assistant.start()

    async def kill_in_answer(self) -> None:
        """Kill it while the vendors have taken a text each, and their answers arrive."""
        async with self._slow_answers():
            await self._kill()
        await self._home_assistant.start()

    async def stop_in_burst(self) -> None:
        """Stop it in order while texts are stored and sent."""
        await self._burst()
        await self._home_assistant.stop()
        await self._home_assistant.start()

    async def stop_in_answer(self) -> None:
        """Stop it in order while the vendors' answers arrive."""
        async with self._slow_answers():
            await self._home_assistant.stop()
        await self._home_assistant.start()

    async def reload_in_burst(self) -> None:
        """Reload an account while texts are stored and sent."""
        await self._burst()
        await self._accounts.reload(self._an_account())

    async def reload_in_answer(self) -> None:
        """Reload an account while the vendor's answer arrives."""
        async with self._slow_answers():
            await self._accounts.reload(self._an_account())

    async def disable(self) -> None:
        """Disable an account while texts are stored and sent, and enable it again."""
        await self._burst()
        async with await self._home_assistant.websocket() as websocket:
            entry = {"entry_id": self._accounts.entries[self._an_account()]}
            await websocket.command("config_entries/disable", **entry, disabled_by="user")
            await asyncio.sleep(self._dice.uniform(0, CALM))
            await websocket.command("config_entries/disable", **entry, disabled_by=None)

    async def lose_answers(self) -> None:
        """Lose some answers of each vendor."""
        for account in self._accounts.entries:
            for _ in range(self._dice.randint(1, 3)):
                await self._fault(account, {**self._dice.choice(LOST), "count": 1})
        self._traffic.burst()
        await asyncio.sleep(self._dice.uniform(*DOWN))
        await self._emulator.delete("/admin/faults")

    async def refuse(self) -> None:
        """Let the vendor with a key refuse some texts, after it has lost the answer to another one."""
        account = next(account for account in self._accounts.entries if account.provider == "bulksms")
        await self._fault(account, {**LOST[0], "count": 1})
        await self._fault(account, {"kind": "vendor_error", "word": "insufficient-credits", "count": 3, "skip": 1})
        self._traffic.burst()
        await asyncio.sleep(CALM)

    async def take_down(self) -> None:
        """Let the vendors take nothing for a while."""
        for account in self._accounts.entries:
            await self._fault(account, {**self._dice.choice(DOWN_BY), "count": None})
        self._traffic.burst()
        await asyncio.sleep(self._dice.uniform(*DOWN))
        await self._emulator.delete("/admin/faults")

    async def kill_without_vendors(self) -> None:
        """Kill it while answers are lost, and let the vendors be down when it starts."""
        for account in self._accounts.entries:
            await self._fault(account, {**self._dice.choice(LOST), "count": 1})
        await self._burst()
        await self._kill()
        for account in self._accounts.entries:
            await self._fault(account, {**self._dice.choice(DOWN_BY), "count": None})
        await self._home_assistant.start()
        await asyncio.sleep(self._dice.uniform(0, CALM))
        await self._emulator.delete("/admin/faults")

    async def restore(self) -> None:
        """Make a backup while texts wait in the queue, let them be sent, and restore it."""
        for account in self._accounts.entries:
            await self._fault(account, {"kind": "rate_limited", "retry_after": 1, "count": 1})
        self._traffic.burst(lasting=True)
        await asyncio.sleep(self._dice.uniform(*MOMENT))
        begin = time.time()
        backup_id = await make_backup(self._home_assistant)
        await asyncio.sleep(self._dice.uniform(0, 8))
        self._traffic.burst()
        await asyncio.sleep(self._dice.uniform(0, CALM))
        end = await restore_backup(self._home_assistant, backup_id)
        self.breaks.append(Break(begin=begin, end=end, is_restored=True))

    async def fill_disk(self) -> None:
        """Let no write succeed for a while."""
        with self._home_assistant.full_disk():
            await self._burst()
            await asyncio.sleep(self._dice.uniform(*FULL_DISK))
        self._traffic.burst()

    async def kill_on_full_disk(self) -> None:
        """Let no write succeed while the vendors answer, and kill it."""
        async with self._slow_answers():
            with self._home_assistant.full_disk():
                await asyncio.sleep(SLOW_ANSWER)
                await self._kill()
        await self._home_assistant.start()

    def _an_account(self) -> Account:
        return self._dice.choice(tuple(self._accounts.entries))

    async def _burst(self) -> None:
        """Send a burst, and return somewhere in its middle."""
        self._traffic.burst()
        await asyncio.sleep(self._dice.uniform(*MOMENT))

    @asynccontextmanager
    async def _slow_answers(self) -> AsyncGenerator[None]:
        """Have each vendor take a text and answer slowly, and go on somewhere in the middle of that."""
        for account in self._accounts.entries:
            await self._fault(account, {"kind": "slow", "seconds": SLOW_ANSWER, "count": 1})
        self._traffic.burst(lasting=True)
        await asyncio.sleep(self._dice.uniform(0.3, SLOW_ANSWER))
        yield
        await self._emulator.delete("/admin/faults")

    async def _kill(self) -> None:
        begin = time.time()
        await self._home_assistant.kill()
        self.breaks.append(Break(begin=begin, end=time.time()))

    async def _fault(self, account: Account, fault: Mapping[str, Any]) -> None:
        of = {"provider": account.provider, "username": account.username, **SUBMISSIONS[account.provider]}
        await self._emulator.post("/admin/faults", {**of, **fault})


HARMS: Mapping[str, Callable[[Harm], Awaitable[None]]] = {
    "kill-in-burst": Harm.kill_in_burst,
    "kill-in-answer": Harm.kill_in_answer,
    "kill-without-vendors": Harm.kill_without_vendors,
    "kill-on-full-disk": Harm.kill_on_full_disk,
    "stop-in-burst": Harm.stop_in_burst,
    "stop-in-answer": Harm.stop_in_answer,
    "reload-in-burst": Harm.reload_in_burst,
    "reload-in-answer": Harm.reload_in_answer,
    "disable": Harm.disable,
    "lose-answers": Harm.lose_answers,
    "refuse": Harm.refuse,
    "take-down": Harm.take_down,
    "restore": Harm.restore,
    "fill-disk": Harm.fill_disk,
}
"""What can be done in a round, by name."""
