"""What the verdict about sending is made of. Times are seconds since the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

type Key = tuple[str, str]
"""What distinguishes a text from all others: its account and what it says."""

NOT_TAKEN = ("refused", "expired")
"""States that say that nothing was sent."""
TAKEN = ("accepted", "sent", "delivered", "failed")
"""States that say that the vendor has taken a text."""
OPEN = ("preparing", "queued", "sending")
"""States in which nothing is said yet."""


def has_key(account: str) -> bool:
    """Whether an account's vendor recognises a repeat, so that each text has to arrive exactly once."""
    return account.partition("/")[0] == "bulksms"


@dataclass(kw_only=True)
class Text:
    """One text that somebody has asked to send.

    Attributes:
        account: The account that is to send it.
        text: What it says; no other text of the account says the same.
        asked: When that was asked.
        seconds: After how many seconds it must not be sent any more.
        answer: What the action has answered: a state, or `error`; None where its answer was cut off.
    """

    account: str
    text: str
    asked: float
    seconds: float
    answer: str | None = None

    @property
    def key(self) -> Key:
        """What distinguishes it from all others."""
        return self.account, self.text


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One text on a phone."""

    at: float
    account: str
    text: str

    @property
    def key(self) -> Key:
        """Which text it is."""
        return self.account, self.text


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event about a text, as an automation got it.

    Attributes:
        at: When.
        account: The account that sends the text.
        text: The text.
        event: `sms_sent` or `sms_status`.
        status: The state that it tells.
        redelivered: Whether it may have been told before.
    """

    at: float
    account: str
    text: str
    event: str
    status: str
    redelivered: bool

    @property
    def key(self) -> Key:
        """Which text it is about."""
        return self.account, self.text


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One text as it is in the store at the end."""

    account: str
    text: str
    status: str

    @property
    def key(self) -> Key:
        """Which text it is."""
        return self.account, self.text


@dataclass(frozen=True, kw_only=True)
class Break:
    """The end of a run of Home Assistant after which events may come again: a kill, or a restored backup.

    Attributes:
        begin: When it was begun; for a restored backup, when the backup was begun, since all since then is taken back.
        end: When the process was gone.
        is_restored: Whether the files were replaced by those of a backup.
    """

    begin: float
    end: float
    is_restored: bool = False


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known from outside.

    Attributes:
        asked: What somebody has asked to send.
        shown: What phones show.
        told: What the events told, in their order.
        stored: What is in the store at the end.
        breaks: The kills and the restored backups.
    """

    asked: Sequence[Text]
    shown: Sequence[Shown]
    told: Sequence[Told]
    stored: Sequence[Stored]
    breaks: Sequence[Break]
