"""The verdict about sending: what was asked for, compared with what phones show and what was told.

Every text must come to this:

- **At most once** on a phone, and as it was written.
- **Not at all** only where somebody was told: the action raised an error or its answer was cut off, or an event says
  that it was refused, is too late, or that its outcome is unknown. At a vendor with a key *unknown* is no excuse before
  the text's time was over, since the same request can be repeated until then.
- **As it was told**: what is said to be taken is on a phone; what is said to be refused or too late is on none, and
  nothing arrives after its time.
- **Told to its end**: nothing is open at the end, and the last state in the store is the last one that was told.
- **Told once**: what is told again says so (`redelivered: true`), and only after a kill or a restored backup.

A restored backup takes back what was asked for since it was begun: such a text may be gone without a word, but not
where it was told before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .facts import NOT_TAKEN, OPEN, TAKEN, Evidence, Key, Stored, Text, Told, has_key

LATE = 10.0
"""Seconds by which a text may arrive after its time: the last request may just have begun, at a slow vendor."""

TWICE = "sent twice"
ALTERED = "altered, or never asked for"
LOST = "lost without a word"
NOT_TAKEN_AT_ALL = "said to be taken, and not sent"
SENT_ALL_THE_SAME = "said not to be sent, and sent"
TOO_LATE = "sent after its time"
UNKNOWN_IN_TIME = "unknown at a vendor with a key, in its time"
NOT_TOLD = "not told"
NOT_SETTLED = "not settled"
AGAIN = "told again silently"
FLAGGED = "flagged without a crash"
FAULTS = (
    TWICE,
    ALTERED,
    LOST,
    NOT_TAKEN_AT_ALL,
    SENT_ALL_THE_SAME,
    TOO_LATE,
    UNKNOWN_IN_TIME,
    NOT_TOLD,
    NOT_SETTLED,
    AGAIN,
    FLAGGED,
)
"""What must not happen to any text."""


@dataclass(kw_only=True)
class Report:
    """How the texts fared.

    Attributes:
        asked: How many were asked for.
        answers: How often the action has answered what; `cut off` where its answer was.
        arrived: How many are on a phone.
        last: How many texts have come to which state, as it was told last; `nothing` where nothing was told.
        flagged: How many events were flagged.
        faults: Which texts had which fault.
    """

    asked: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    last: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    faults: dict[str, list[Key]] = field(default_factory=lambda: {fault: [] for fault in FAULTS})

    @property
    def broken(self) -> set[str]:
        """In which ways the promise was broken."""
        return {fault for fault, keys in self.faults.items() if keys}


def compare(evidence: Evidence) -> Report:
    """Return how the texts fared."""
    told: dict[Key, list[Told]] = defaultdict(list)
    for each in evidence.told:
        told[each.key].append(each)
    on_phones = Counter(each.key for each in evidence.shown)
    stored = {each.key: each for each in evidence.stored}
    known = {each.key for each in evidence.asked}
    report = Report(
        asked=len(evidence.asked),
        answers=Counter(each.answer or "cut off" for each in evidence.asked),
        arrived=len(on_phones),
        last=Counter(told[key][-1].status if told[key] else "nothing" for key in known),
        flagged=sum(each.redelivered for each in evidence.told),
    )
    report.faults[ALTERED] += sorted((on_phones.keys() | told.keys() | stored.keys()) - known)
    for text in evidence.asked:
        is_taken_back = any(each.is_restored and each.begin <= text.asked <= each.end for each in evidence.breaks)
        of_arrival = _faults_of_arrival(text, on_phones[text.key], told[text.key], is_taken_back=is_taken_back)
        of_events = _faults_of_events(evidence, told[text.key], stored.get(text.key))
        for fault in (*of_arrival, *of_events):
            report.faults[fault].append(text.key)
    asked = {text.key: text for text in evidence.asked}
    report.faults[TOO_LATE] += [
        each.key
        for each in evidence.shown
        if each.key in asked and each.at > asked[each.key].asked + asked[each.key].seconds + LATE
    ]
    return report


def _faults_of_arrival(text: Text, count: int, told: list[Told], *, is_taken_back: bool) -> Iterator[str]:
    """Yield what is wrong between what phones show of a text and what was said of it."""
    said = [each.status for each in told] + ([text.answer] if text.answer else [])
    is_said_taken = any(status in TAKEN for status in said)
    is_said_unsent = any(status in NOT_TAKEN for status in said)
    if count > 1:
        yield TWICE
    if count and is_said_unsent:
        yield SENT_ALL_THE_SAME
    if not count and is_said_taken:
        yield NOT_TAKEN_AT_ALL
    elif not count and not (is_said_unsent or is_taken_back or "unknown" in said or text.answer in ("error", None)):
        yield LOST
    unknown = [each for each in told if each.status == "unknown"]
    if has_key(text.account) and any(each.at < text.asked + text.seconds for each in unknown):
        yield UNKNOWN_IN_TIME


def _faults_of_events(evidence: Evidence, told: list[Told], stored: Stored | None) -> Iterator[str]:
    """Yield what is wrong with the events about a text."""
    if stored and stored.status in OPEN:
        yield NOT_SETTLED
    elif stored and stored.status != "sent" and (not told or told[-1].status != stored.status):
        yield NOT_TOLD
    before: set[tuple[str, str]] = set()
    for each in told:
        if (each.event, each.status) in before and not each.redelivered:
            yield AGAIN
        before.add((each.event, each.status))
        if each.redelivered and not any(end.end <= each.at for end in evidence.breaks):
            yield FLAGGED
