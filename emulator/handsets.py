"""The phones of the world: what arrives there, and what their networks report."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from .alphabet import BASIC, EXTENSION, parts
from .ledger import Ledger
from .model import Account, Message

REPLACEMENTS = str.maketrans({"ç": "Ç", "`": "'"})
REPORTED = ("sent", "delivered", "failed")
"""What a network reports of a text."""
ERRORS = ("expired", "unreachable", "filtered", "opted_out")
"""Why a text doesn't arrive; each vendor has its own word for it."""


class Shown(NamedTuple):
    """One text on a phone, as a person sees it."""

    time: datetime
    provider: str
    username: str
    message_id: str
    recipient: str
    sender: str
    text: str
    parts: int


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What the phone with a number does with what is sent to it.

    Attributes:
        reports: The states that its network reports, one after the other; empty where it reports nothing by itself.
        error: Why a text fails, where the last state is `failed`; then nothing arrives.
        seconds: How long each state takes.
    """

    reports: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0


ORDINARY = Behaviour(reports=("sent", "delivered"), seconds=0.5)
"""What phones do where people try it out."""


class Handsets:
    """All phones; one that isn't set up shows what arrives, and does what is usual."""

    def __init__(self, report: Callable[[Account, Message], None]) -> None:
        """Begin without anything; `report` is called after each change of a text's state."""
        self.shown: Ledger[Shown] = Ledger()
        self.behaviours: dict[str, Behaviour] = {}
        self.usual = Behaviour()
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    def set_up(self, number: str, behaviour: Behaviour) -> None:
        """Say what the phone with a number does; ValueError if that makes no sense."""
        for status in behaviour.reports:
            _check(status, behaviour.error)
        if behaviour.error and "failed" not in behaviour.reports:
            raise ValueError("A text with an error fails.")
        self.behaviours[number] = behaviour

    def take(self, account: Account, message: Message, text: str) -> None:
        """Take a text from a vendor."""
        behaviour = self.behaviours.get(message.recipient, self.usual)
        if not behaviour.error:
            message.shown = text
            now = datetime.now(UTC)
            self.shown.note(
                Shown(
                    now,
                    account.provider,
                    account.username,
                    message.message_id,
                    message.recipient,
                    message.sender,
                    text,
                    parts(text),
                )
            )
        if not behaviour.reports:
            return
        task = asyncio.get_running_loop().create_task(self._follow(account, message, behaviour))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def report_now(self, account: Account, message: Message, status: str, error: str = "") -> None:
        """Report a state, whichever state came before; ValueError if it is none."""
        _check(status, error)
        message.status, message.error = status, error
        account.on_change()
        self._report(account, message)

    def stop(self) -> None:
        """Let no network report anything any more."""
        for task in self._tasks:
            task.cancel()

    def forget(self) -> None:
        """Forget everything."""
        self.stop()
        self.shown.forget()
        self.behaviours.clear()

    async def _follow(self, account: Account, message: Message, behaviour: Behaviour) -> None:
        for status in behaviour.reports:
            await asyncio.sleep(behaviour.seconds)
            self.report_now(account, message, status, behaviour.error if status == "failed" else "")


def _check(status: str, error: str) -> None:
    if status not in REPORTED:
        raise ValueError(f"The states are: {', '.join(REPORTED)}.")
    if error and error not in ERRORS:
        raise ValueError(f"The errors are: {', '.join(ERRORS)}.")


def in_gsm(text: str, replacements: Mapping[int, int | str | None] = REPLACEMENTS) -> str:
    """What a phone shows of a text that a vendor squeezes into the plain alphabet."""
    known = BASIC | EXTENSION
    return "".join(letter if letter in known else "?" for letter in text.translate(dict(replacements)))
