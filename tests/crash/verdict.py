"""The crash test's verdict: what was handed over, compared with what reached the automation.

Delivered once, unflagged, unaltered and in order is what every message should be. Everything else needs an excuse:

- **Delivered again** is excused if the run in which it was delivered before ended by a kill or by a restored backup,
  and if it is flagged (`redelivered: true`). The first end after the earlier delivery decides: at an orderly end all
  that was fired is marked, so a kill later on excuses nothing of what was delivered before that.
- **Flagged** though delivered for the first time is excused if a kill lies between its being handed over and its
  delivery: it may have been fired without any trace. After a restored backup that holds for all that is handed over
  until the inbox was read to its end, since the files can't tell what was delivered after the backup.
- After one kill at most `SLICE` messages of an account may be flagged.
- **In flight.** What a read takes out of the inbox (Bulletin) is gone from there when its answer begins. Where a kill
  cut that off, the message is in neither place, and has to be recovered from the provider's feed: at most one message
  of an account, the last one, which isn't in the store that the kill left. An orderly end cuts off less: an answer
  whose head has arrived has to be read to its end and stored first. Only where the answer began when the end had been
  asked for already (or `LATE` seconds before, so that its head may not have been seen) may nobody have received it;
  a message recovered from there may be flagged, since the feed doesn't prove that nobody has.
- **Order.** The deliveries of an account, flagged or not, come in the order of its messages from one kill or restored
  backup to the next; orderly ends change nothing about that. Only what was in flight comes late by its nature, and,
  after a restored backup, what was read since the backup and can't be read again.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
import math

from .facts import Delivery, End, Key, Kind, Message, Seen

LATE = 0.5
"""Seconds in which the head of an answer reaches the integration, on a busy machine."""
MOMENT = 1.0
"""Seconds by which times noted in different processes may miss each other."""
LONGEST_ANSWER = 2.5
"""Seconds that an answer takes at most."""
SLICE = 100

NOT_HANDED_OVER = "not handed over"
TOO_MANY_FLAGGED = "too many flagged after one kill"
NOTHING = "nothing"
RECOVERED = "recovered"
"""What flagged deliveries came after, beside the kinds of ends: see `Report.flagged`."""


@dataclass(kw_only=True)
class Report:
    """How the messages fared.

    Attributes:
        sent: How many were sent to accounts that were there.
        handed_over: How many of these the providers handed over.
        delivered: How many messages were delivered.
        reported: How many the automation reported to the server outside.
        silent: How many were sent before their account was added, and were not delivered.
        unarmed: How many were fired only while the automation was being replaced.
        flagged: How many deliveries were flagged, by what they came after: the kind of the end that excuses them, else
            of the last end before them; `RECOVERED` for what an orderly end had cut off; `NOTHING` where nothing ended.
        most_flagged: The largest number of flagged deliveries of one account after one kill.
        recovered: What was in flight at an end and came later.
        not_recovered: What was in flight at an end and never came.
        lost: What was handed over and never came.
        repeated: What was delivered again and not flagged.
        altered: What came with another text, or was never sent.
        out_of_order: What came after a younger one.
        flagged_wrongly: What was flagged without an excuse.
        woken: What was sent before its account was added, and was delivered.
    """

    sent: int = 0
    handed_over: int = 0
    delivered: int = 0
    reported: int = 0
    silent: int = 0
    unarmed: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    most_flagged: int = 0
    recovered: list[Key] = field(default_factory=list)
    not_recovered: list[Key] = field(default_factory=list)
    lost: list[Key] = field(default_factory=list)
    repeated: list[Key] = field(default_factory=list)
    altered: list[Key] = field(default_factory=list)
    out_of_order: list[Key] = field(default_factory=list)
    flagged_wrongly: list[Key] = field(default_factory=list)
    woken: list[Key] = field(default_factory=list)

    @property
    def faults(self) -> Mapping[str, list[Key]]:
        """What must not happen to any message, by its name for a person."""
        return {
            "not recovered": self.not_recovered,
            "lost": self.lost,
            "repeated silently": self.repeated,
            "altered": self.altered,
            "out of order": self.out_of_order,
            "flagged after an orderly end": self.flagged_wrongly,
            "old, and delivered": self.woken,
        }

    @property
    def broken(self) -> set[str]:
        """In which ways the promise was broken."""
        found = {fault for fault, keys in self.faults.items() if keys}
        if self.handed_over != self.sent:
            found.add(NOT_HANDED_OVER)
        if self.most_flagged > SLICE:
            found.add(TOO_MANY_FLAGGED)
        return found


def compare(messages: Sequence[Message], seen: Seen, ends: Sequence[End]) -> Report:
    """Return how the messages fared; they come in the order in which each account got them.

    Args:
        messages: What was sent.
        seen: What came of it.
        ends: What was ended, and how, in the order of time.
    """
    started = _by_key(seen.started)
    new = [message for message in messages if not message.old]
    cut_off = [(end, message) for end in ends for message in _cut_off(messages, started, end)]
    in_flight = {
        message.key: end.kind for end, message in cut_off if end.kind.deadly or not _came_plainly(message, started)
    }
    unarmed = _unarmed(seen, ends) - started.keys()
    flagged = list(_flagged(messages, started, ends, in_flight))
    after_kills = Counter(
        (delivery.account, end.begin)
        for delivery, _, end in flagged
        if end and end.kind is Kind.KILLED and delivery.key not in in_flight
    )
    late = {message.key: end.begin for end, message in cut_off}
    late |= {key: end.end for end in ends for key in _taken_back(messages, end)}
    return Report(
        sent=len(new),
        handed_over=sum(message.handed_over is not None for message in new),
        delivered=len(started),
        reported=len({delivery.key for delivery in seen.reported}),
        silent=sum(message.old and message.key not in started for message in messages),
        unarmed=len(unarmed),
        flagged=Counter(after for _, after, _ in flagged),
        most_flagged=max(after_kills.values(), default=0),
        recovered=sorted(in_flight.keys() & started.keys()),
        not_recovered=sorted(in_flight.keys() - started.keys()),
        lost=[
            message.key
            for message in new
            if message.handed_over is not None and message.key not in started.keys() | in_flight.keys() | unarmed
        ],
        repeated=[key for key, found in started.items() for again in found[1:] if not again.redelivered],
        altered=_altered(messages, (*seen.started, *seen.fired, *seen.reported)),
        out_of_order=list(_out_of_order(messages, seen.started, ends, late)),
        flagged_wrongly=[
            delivery.key for delivery, after, end in flagged if after != RECOVERED and (not end or end.kind.orderly)
        ],
        woken=[message.key for message in messages if message.old and message.key in started],
    )


def _by_key(deliveries: Iterable[Delivery]) -> dict[Key, list[Delivery]]:
    found: dict[Key, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        found[delivery.key].append(delivery)
    return dict(found)


def _cut_off(messages: Sequence[Message], started: Mapping[Key, list[Delivery]], end: End) -> Iterable[Message]:
    """Return what may have been in flight at an end: at most one message of an account, the last one.

    Where the process lived on, the store wasn't looked into: then one that came flagged or not at all goes before one
    that came plainly, and among these one that came after a younger one before one that came in order, since what was
    stored comes plainly and in order.
    """
    if end.kind is Kind.RESTORED:
        return ()
    found: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        if not message.consumed or message.old or message.account not in end.accounts or message.begun is None:
            continue
        earliest = end.begin - (LATE if end.kind.orderly else LONGEST_ANSWER)
        # A provider under load may take up the last request of a process only after that is gone.
        latest = end.end + (MOMENT if end.kind.deadly else 0.0)
        known = end.stored is not None and message.message_id in end.stored
        if earliest <= message.begun <= latest and not known:
            found[message.account].append(message)
    if end.kind.deadly:
        return [candidates[-1] for candidates in found.values()]

    def suspicion(message: Message) -> tuple[bool, bool]:
        return not _came_plainly(message, started), _came_after_younger(message, messages, started)

    return [max(reversed(candidates), key=suspicion) for candidates in found.values()]


def _came_plainly(message: Message, started: Mapping[Key, list[Delivery]]) -> bool:
    """Whether the first delivery of a message was not flagged."""
    return message.key in started and not started[message.key][0].redelivered


def _came_after_younger(message: Message, messages: Sequence[Message], started: Mapping[Key, list[Delivery]]) -> bool:
    """Whether a message was delivered first after one that its account got later."""
    if message.key not in started:
        return False
    younger = messages[messages.index(message) + 1 :]
    return any(
        other.account == message.account
        and other.key in started
        and started[other.key][0].at < started[message.key][0].at
        for other in younger
    )


def _taken_back(messages: Sequence[Message], end: End) -> set[Key]:
    """Return what a restored backup doesn't know and can't be read again."""
    return {
        message.key
        for message in messages
        if message.consumed and message.begun is not None and end.backup - LONGEST_ANSWER <= message.begun <= end.end
    }


def _unarmed(seen: Seen, ends: Sequence[End]) -> set[Key]:
    """Return what was fired while only the automation was being replaced: then none was armed."""
    gaps = [end for end in ends if end.kind is Kind.REPLACED]
    return {delivery.key for delivery in seen.fired if any(gap.begin <= delivery.at <= gap.end for gap in gaps)}


def _altered(messages: Sequence[Message], deliveries: Iterable[Delivery]) -> list[Key]:
    """Return what somebody saw with another text, or what was never sent."""
    texts = {message.key: message.text for message in messages}
    return sorted({delivery.key for delivery in deliveries if texts.get(delivery.key) != delivery.text})


def _flagged(
    messages: Sequence[Message],
    started: Mapping[Key, list[Delivery]],
    ends: Sequence[End],
    in_flight: Mapping[Key, Kind],
) -> Iterator[tuple[Delivery, str, End | None]]:
    """Yield each flagged delivery with what it came after, and with the end that this was, if any."""
    handed_over = {message.key: message.handed_over for message in messages}
    for key, found in started.items():
        concerned = [end for end in ends if key[0] in end.accounts]
        begun = handed_over.get(key)
        for before, delivery in pairwise([None, *found]):
            if delivery is None or not delivery.redelivered:
                continue
            if before:
                end = _end_after(before, delivery, concerned)
            else:
                end = _doubt(math.inf if begun is None else begun, delivery, concerned)
                if end is None and key in in_flight:
                    yield delivery, RECOVERED, None
                    continue
            since = before.at if before else begun if begun is not None else math.inf
            end = end or _last_between(since, delivery, ends)
            yield delivery, end.kind if end else NOTHING, end


def _end_after(before: Delivery, delivery: Delivery, ends: Iterable[End]) -> End | None:
    """Return the end of the run in which a message was delivered before, None if that run still went on.

    A restored backup ends everything since the backup. Where the process lived on, what was delivered during the end
    counts as of the run after it.
    """
    later = [
        end for end in ends if (end.end if end.kind.deadly else end.begin) > before.at and end.begin <= delivery.at
    ]
    return min(later, key=lambda end: end.since, default=None)


def _doubt(handed_over: float, delivery: Delivery, ends: Iterable[End]) -> End | None:
    """Return the kill or the restored backup that puts a first delivery in doubt, None where there is none."""
    restored = [
        end
        for end in ends
        if end.kind is Kind.RESTORED
        and end.begin <= delivery.at
        and handed_over <= end.read.get(delivery.account, math.inf) + MOMENT
    ]
    killed = [
        end for end in ends if end.kind is Kind.KILLED and handed_over <= end.end + MOMENT and end.begin <= delivery.at
    ]
    doubts = restored or killed
    return doubts[-1] if doubts else None


def _last_between(since: float, delivery: Delivery, ends: Iterable[End]) -> End | None:
    """Return the last end between a time and a delivery that concerns its account, or only the automations."""
    between = [
        end
        for end in ends
        if (delivery.account in end.accounts or not end.accounts)
        and end.end + MOMENT >= since
        and end.begin <= delivery.at
    ]
    return max(between, key=lambda end: end.begin, default=None)


def _out_of_order(
    messages: Sequence[Message], deliveries: Sequence[Delivery], ends: Sequence[End], late: Mapping[Key, float]
) -> Iterator[Key]:
    """Yield what came after a younger one of its account, with no kill and no restored backup between the two.

    Args:
        messages: What was sent.
        deliveries: What came of it.
        ends: What was ended.
        late: By message, from when on it may come late.
    """
    places = {message.key: place for place, message in enumerate(messages)}
    runs: dict[tuple[str, int], list[Key]] = defaultdict(list)
    for delivery in deliveries:
        breaks = sorted(end.end for end in ends if not end.kind.orderly and delivery.account in end.accounts)
        if delivery.key in places and delivery.at < late.get(delivery.key, math.inf):
            runs[delivery.account, bisect_right(breaks, delivery.at)].append(delivery.key)
    for keys in runs.values():
        for earlier, later in pairwise(keys):
            if places[later] < places[earlier]:
                yield later
