"""The crash test's verdict: what was handed over, compared with what reached the automation."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

MOMENT = 1.0  # seconds
SYNTHETIC = "synthetic-"
CONSUMING = frozenset({"bulletin"})

type Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message at a provider; `handed_over` says when for the first time, None if it never was."""

    provider: str
    message_id: str
    text: str
    handed_over: float | None

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.provider, self.message_id


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event, as somebody saw it."""

    at: float
    provider: str
    message_id: str
    text: str
    redelivered: bool

    @property
    def key(self) -> Key:
        """The message it is about."""
        return self.provider, self.message_id


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything that was seen of the events, in the order of time.

    Attributes:
        started: By the automation's first action: this is what counts as delivered.
        fired: On the bus.
        reported: By the server outside, to which the automation's second action reports.
    """

    started: Sequence[Delivery]
    fired: Sequence[Delivery]
    reported: Sequence[Delivery]


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A time in which something was stopped: Home Assistant, an account, or the automation.

    Attributes:
        begin: Seconds since the epoch.
        end: Likewise; of Home Assistant when it was dead, else when the account or the automation was back.
        providers: Whose accounts were stopped.
        stored: The ids in the store when Home Assistant was dead; None where it lived on.
    """

    begin: float
    end: float
    providers: frozenset[str] = frozenset()
    stored: frozenset[str] | None = None

    def covers(self, at: float) -> bool:
        """Return whether something happened in it or a moment before or after."""
        return self.begin - MOMENT <= at <= self.end + MOMENT


@dataclass(kw_only=True)
class Report:
    """How many messages fared how; see `table` for what the counts mean."""

    sent: int = 0
    handed_over: int = 0
    delivered: int = 0
    reported: int = 0
    redelivered: int = 0
    unarmed: int = 0
    recovered: list[Key] = field(default_factory=list)
    not_recovered: list[Key] = field(default_factory=list)
    lost: list[Key] = field(default_factory=list)
    repeated: list[Key] = field(default_factory=list)
    altered: list[Key] = field(default_factory=list)
    out_of_order: list[Key] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        faults = (self.not_recovered, self.lost, self.repeated, self.altered, self.out_of_order)
        return not any(faults) and self.handed_over == self.sent


def compare(messages: Sequence[Message], seen: Seen, stops: Sequence[Stop], *, ordered: bool = True) -> Report:
    """Return how the messages fared; they come in the order in which each account got them.

    Args:
        messages: What was sent.
        seen: What came of it.
        stops: When something was stopped.
        ordered: Whether the order is judged.
    """
    seen = _identified(messages, seen)
    started = _by_key(seen.started)
    in_flight = {key for stop in stops for key in _in_flight(messages, started, stop)}
    unarmed = _unarmed(seen, stops) - started.keys()
    handed_over = [message for message in messages if message.handed_over is not None]
    missing = [message.key for message in handed_over if message.key not in started]
    return Report(
        sent=len(messages),
        handed_over=len(handed_over),
        delivered=len(started),
        reported=len({delivery.key for delivery in seen.reported}),
        redelivered=sum(delivery.redelivered for delivery in seen.started),
        unarmed=len(unarmed),
        recovered=sorted(in_flight & started.keys()),
        not_recovered=sorted(in_flight - started.keys()),
        lost=[key for key in missing if key not in in_flight | unarmed],
        repeated=[key for key, found in started.items() for again in found[1:] if not again.redelivered],
        altered=_altered(messages, (*seen.started, *seen.fired, *seen.reported)),
        out_of_order=_out_of_order(messages, started) if ordered else [],
    )


def _identified(messages: Sequence[Message], seen: Seen) -> Seen:
    """Return what was seen with the ids of the provider, also where a call carried none: there the text tells."""
    known = {delivery.key for delivery in seen.started}
    by_text: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message in messages:
        by_text[message.provider, message.text].append(message.message_id)
    ids: dict[str, str] = {}
    for delivery in (*seen.started, *seen.fired):
        if delivery.message_id.startswith(SYNTHETIC) and delivery.message_id not in ids:
            candidates = by_text[delivery.provider, delivery.text] or [delivery.message_id]
            unseen = [each for each in candidates if (delivery.provider, each) not in known]
            ids[delivery.message_id] = (unseen or candidates)[0]
            known.add((delivery.provider, ids[delivery.message_id]))

    def named(deliveries: Sequence[Delivery]) -> list[Delivery]:
        return [replace(each, message_id=ids.get(each.message_id, each.message_id)) for each in deliveries]

    return Seen(started=named(seen.started), fired=named(seen.fired), reported=named(seen.reported))


def _by_key(deliveries: Iterable[Delivery]) -> dict[Key, list[Delivery]]:
    found: dict[Key, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        found[delivery.key].append(delivery)
    return dict(found)


def _in_flight(messages: Sequence[Message], started: dict[Key, list[Delivery]], stop: Stop) -> Iterable[Key]:
    """Return what a provider had just handed over for good when the stop cut off the writing down: one an account.

    Where the store doesn't tell, the delivery does: what a living Home Assistant has written down it delivers plainly.
    """
    last: dict[str, Key] = {}
    for message in messages:
        if message.provider not in CONSUMING & stop.providers or message.handed_over is None:
            continue
        known = stop.stored is not None and message.message_id in stop.stored
        plain = any(not delivery.redelivered for delivery in started.get(message.key, ())[:1])
        if stop.covers(message.handed_over) and not known and not plain:
            last[message.provider] = message.key
    return last.values()


def _unarmed(seen: Seen, stops: Sequence[Stop]) -> set[Key]:
    """Return what was fired while only the automation was being replaced: then none was armed."""
    gaps = [stop for stop in stops if not stop.providers]
    return {delivery.key for delivery in seen.fired if any(gap.begin <= delivery.at <= gap.end for gap in gaps)}


def _altered(messages: Sequence[Message], deliveries: Iterable[Delivery]) -> list[Key]:
    """Return what somebody saw with another text, or what was never sent."""
    texts = {message.key: message.text for message in messages}
    return sorted({delivery.key for delivery in deliveries if texts.get(delivery.key) != delivery.text})


def _out_of_order(messages: Sequence[Message], started: dict[Key, list[Delivery]]) -> list[Key]:
    """Return what came after a younger one of its account; a repeat is late by its nature."""
    places = {message.key: place for place, message in enumerate(messages)}
    firsts = [found[0] for key, found in started.items() if key in places and not found[0].redelivered]
    by_account: dict[str, list[Key]] = defaultdict(list)
    for delivery in sorted(firsts, key=lambda delivery: delivery.at):
        by_account[delivery.provider].append(delivery.key)
    return [
        later for keys in by_account.values() for earlier, later in pairwise(keys) if places[later] < places[earlier]
    ]


def table(
    report: Report, kinds: Counter[str], seed: int, seconds: float, *, answers: Sequence[int] | None = None
) -> str:
    """Return the report for a person.

    Args:
        report: How the messages fared.
        kinds: How often what was done.
        seed: What repeats it.
        seconds: How long it took.
        answers: The status of each call's answer, 0 where none came; None where nobody calls.
    """
    rows: list[tuple[str, object]] = [
        ("sent", report.sent),
        ("handed over", report.handed_over),
        *_calls(answers),
        ("delivered", report.delivered),
        ("  reported by the automation to a server outside", report.reported),
        ("  fired while the automation was being replaced", report.unarmed),
        ("redelivered, and said so", report.redelivered),
        ("in flight at a stop", len(report.recovered) + len(report.not_recovered)),
        ("  of these recovered", len(report.recovered)),
        ("  of these not recovered", len(report.not_recovered)),
        ("lost", len(report.lost)),
        ("repeated silently", len(report.repeated)),
        ("altered", len(report.altered)),
        ("out of order", len(report.out_of_order)),
        *((f"rounds: {kind}", count) for kind, count in sorted(kinds.items())),
        ("seed", seed),
        ("seconds", f"{seconds:.0f}"),
    ]
    return "\n".join(f"{name:50} {value:>8}" for name, value in rows)


def _calls(answers: Sequence[int] | None) -> list[tuple[str, object]]:
    if answers is None:
        return []
    taken = [status for status in answers if 200 <= status < 300]
    return [("calls made", len(answers)), ("  of these taken", len(taken))]
