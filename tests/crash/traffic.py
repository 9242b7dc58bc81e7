"""Messages for the crash test: of all sorts, alone and in bursts, at all providers, all the time."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
import random

from ..live.emulator import Account, Emulator

PAUSE = 0.4  # seconds between two messages, on average
BURST = (25, 60)
SMALL_BURST = (3, 12)
SMALL_BURSTS = 0.15  # of all sendings
SENDERS = ("+447700900123", "+27820000001", "MYBANK")
KINDS: Sequence[Callable[[int], str]] = (
    lambda number: f"Message {number}",
    lambda number: f"🌊🚨 مرحبا, naïve café, 漏水 {number} 👩‍👩‍👧",
    lambda number: f"{number}: {'A long message, which goes through the air in several parts. ' * 20}",
    lambda number: f"Gate {number}|1234|2026-01-01 10:00:00|447700900123|0|7bit\nsecond line\r\nthird|\n",
    lambda number: f"  between spaces {number}   ",
    lambda number: f"{number:07}",
    lambda number: f"{{{{ {number} + 1 }}}} {{% raw %}} {{# not a template #}}",
    lambda number: f'{{"number": {number}, "none": null}} <b>&amp;</b> %41 + "quoted" \'too\'',
    lambda _: "",
)


class Traffic:
    """Sends messages; numbers them, so that no two with a text have the same one."""

    def __init__(self, emulator: Emulator, accounts: Sequence[Account], dice: random.Random) -> None:
        """Take the accounts that get the messages."""
        self.sent = 0
        self._emulator = emulator
        self._accounts = accounts
        self._dice = dice
        self._numbers = count(1)

    async def run(self) -> None:
        """Send single messages and small bursts until cancelled."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / PAUSE))
            few = self._dice.randint(*SMALL_BURST) if self._dice.random() < SMALL_BURSTS else 1
            await self.send(self._dice.choice(self._accounts), few)

    async def keep_sending(self, account: Account) -> None:
        """Send single messages to an account until cancelled."""
        while True:
            await self.send(account)
            await asyncio.sleep(self._dice.expovariate(1 / PAUSE))

    async def burst(self) -> None:
        """Send many messages to each account."""
        for account in self._accounts:
            await self.send(account, self._dice.randint(*BURST))

    async def send(self, account: Account, many: int = 1) -> None:
        """Send messages to an account."""
        for _ in range(many):
            text = self._dice.choice(KINDS)(next(self._numbers))
            await self._emulator.send(account, text, self._dice.choice(SENDERS))
            self.sent += 1
