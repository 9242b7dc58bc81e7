"""What the crash test's verdict is about: messages, deliveries, and what was done to Home Assistant when.

Times are seconds since the epoch. An account is named by its provider and its user name, such as `bulletin/demo`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
import math

type Key = tuple[str, str]
"""What distinguishes a message from all others: its account and its id there."""


def consumes(account: str) -> bool:
    """Whether reading takes messages out of an account's inbox, where a request waits for the next one."""
    return account.partition("/")[0] == "bulletin"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message at a provider.

    Attributes:
        account: Whose it is.
        message_id: Its id at the provider.
        text: Its text.
        begun: When an answer with it began for the first time, None if none ever did.
        handed_over: When such an answer was complete for the first time, or when one had begun that took it out of the
            inbox; None if it never was handed over.
        old: It was sent before its account was added to Home Assistant.
    """

    account: str
    message_id: str
    text: str
    begun: float | None
    handed_over: float | None
    old: bool = False

    @property
    def key(self) -> Key:
        """What distinguishes it from all others."""
        return self.account, self.message_id

    @property
    def consumed(self) -> bool:
        """Whether reading takes it out of the inbox, so that it can't be read again."""
        return consumes(self.account)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event, as somebody saw it."""

    at: float
    account: str
    message_id: str
    text: str
    redelivered: bool

    @property
    def key(self) -> Key:
        """The message it is about."""
        return self.account, self.message_id


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything that was seen of the events, each list in the order in which it happened.

    Attributes:
        started: By the automation's first action: this is what counts as delivered.
        fired: On the bus.
        reported: By the server outside, to which the automation's second action reports.
    """

    started: Sequence[Delivery]
    fired: Sequence[Delivery]
    reported: Sequence[Delivery]


class Kind(StrEnum):
    """What ended, and how."""

    KILLED = "kill"
    """Home Assistant was killed."""
    RESTORED = "restored backup"
    """Home Assistant was stopped in order, and started with the files of an earlier time."""
    STOPPED = "stop"
    """Home Assistant was stopped in order."""
    RELOADED = "reload"
    """Accounts were reloaded, or disabled and enabled again."""
    REPLACED = "replaced automations"
    """The automations were replaced; no account was touched."""

    @property
    def orderly(self) -> bool:
        """Whether nothing may be in doubt afterwards."""
        return self not in {Kind.KILLED, Kind.RESTORED}

    @property
    def deadly(self) -> bool:
        """Whether the process ended, so that all that was delivered before its end is of the run before."""
        return self not in {Kind.RELOADED, Kind.REPLACED}


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a run of accounts, or of the automations.

    Attributes:
        kind: What ended, and how.
        begin: When the end was asked for.
        end: When the process was gone, else when the account or the automation was back.
        accounts: Which accounts ended.
        stored: The ids in the store when the process was gone, None where nobody looked.
        backup: Of a restored backup: when it was begun. What was stored since then is gone.
        read: Of a restored backup: by account, when its inbox had been read to its end afterwards. What is handed over
            until then may have been delivered before, as far as anybody can tell from the files.
    """

    kind: Kind
    begin: float
    end: float
    accounts: frozenset[str] = frozenset()
    stored: frozenset[str] | None = None
    backup: float = math.inf
    read: Mapping[str, float] = field(default_factory=dict)

    @property
    def since(self) -> float:
        """From when on it takes back what was stored: for good from its begin, with a backup from that one on."""
        return min(self.backup, self.begin)
