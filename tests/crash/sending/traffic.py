"""Texts for the crash test of sending: alone and in bursts, by all accounts, all the time."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
import random
import time
from typing import Any

from ...live.emulator import Account
from ...live.home_assistant import AnswerError, HomeAssistant, HomeAssistantError
from .accounts import Accounts
from .facts import Text

PAUSE = 0.8  # seconds between two texts, on average
BURST = (3, 8)
SECONDS = (2, 60)
LONG = 180
PHONES = tuple(f"+4477009003{number:02}" for number in range(10, 20))
KINDS: Sequence[Callable[[int], str]] = (
    lambda number: f"Text {number}",
    lambda number: f"Text {number}",
    lambda number: f"🌊🚨 مرحبا, naïve café, 漏水 {number}",
    lambda number: f"{number}: {'A long text, which goes through the air in several parts. ' * 4}",
    lambda number: f"line {number}\nsecond line\r\nthird",
    lambda number: f"5 € [a] ~ {{{number}}} \\ 100% + a&b=c %41 <b>&amp;</b>",
)


class Traffic:
    """Sends texts by the action, as a person or an automation would; no two of them say the same.

    Attributes:
        asked: The texts so far.
    """

    def __init__(self, home_assistant: HomeAssistant, accounts: Accounts, dice: random.Random) -> None:
        """Take where they are sent."""
        self.asked: list[Text] = []
        self._home_assistant = home_assistant
        self._accounts = accounts
        self._dice = dice
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send single texts until cancelled, while there is somebody to ask."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / PAUSE))
            account = self._dice.choice(tuple(self._accounts.entries))
            if self._home_assistant.is_started:
                self.send(account, self._dice.randint(*SECONDS))

    def burst(self, *, lasting: bool = False) -> None:
        """Begin to send some texts by each account; `lasting` ones still may be sent after a restart."""
        for account in self._accounts.entries:
            for _ in range(self._dice.randint(*BURST)):
                self.send(account, LONG if lasting else self._dice.randint(*SECONDS))

    def send(self, account: Account, seconds: int) -> None:
        """Begin to send a text that must not be sent any more after some seconds."""
        text = Text(
            account=account.label,
            text=self._dice.choice(KINDS)(next(self._numbers)),
            asked=time.time(),
            seconds=seconds,
        )
        self.asked.append(text)
        data = {
            "config_entry_id": self._accounts.entries[account],
            "recipient": self._dice.choice(PHONES),
            "message": text.text,
            "expires_in": {"seconds": text.seconds},
        }
        task = asyncio.create_task(self._act(text, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answered(self) -> None:
        """Wait until each action was answered, or cut off."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _act(self, text: Text, data: dict[str, Any]) -> None:
        """Use the action, and note what it answers."""
        try:
            answer = await self._home_assistant.post("/api/services/sms_inbox/send_message?return_response", data)
            [text.answer] = [each["status"] for each in answer["service_response"]["messages"]]
        except AnswerError:
            text.answer = "error"
        except HomeAssistantError, ValueError:
            pass
