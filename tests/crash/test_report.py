"""The crash test's verdict: each way in which the promise could be broken must show."""

from collections import Counter
from collections.abc import Iterable

import pytest

from .report import Delivery, Message, Seen, Stop, compare, table

ALL = frozenset({"bulletin", "bulksms"})
NEVER = Stop(begin=-100.0, end=-99.0)


def message(message_id: str, at: float | None, provider: str = "bulletin", text: str | None = None) -> Message:
    """Return a message whose text is its id."""
    text = f"text {message_id}" if text is None else text
    return Message(provider=provider, message_id=message_id, text=text, handed_over=at)


def delivery(
    message_id: str, at: float, provider: str = "bulletin", text: str | None = None, *, redelivered: bool = False
) -> Delivery:
    """Return an event about such a message."""
    text = f"text {message_id}" if text is None else text
    return Delivery(at=at, provider=provider, message_id=message_id, text=text, redelivered=redelivered)


def seen(*started: Delivery, fired: Iterable[Delivery] = (), reported: Iterable[Delivery] = ()) -> Seen:
    """Return what was seen where the automation began to work on what was fired."""
    return Seen(started=started, fired=[*started, *fired], reported=list(reported))


def killed(at: float, *stored: str) -> Stop:
    """Return a kill that left these ids in the store."""
    return Stop(begin=at, end=at + 0.1, providers=ALL, stored=frozenset(stored))


def test_everything_in_order() -> None:
    """Plain deliveries, each once, keep the promise."""
    report = compare([message("1", 10), message("2", 11)], seen(delivery("1", 10), delivery("2", 11)), [NEVER])
    assert report.kept
    assert (report.sent, report.handed_over, report.delivered, report.redelivered) == (2, 2, 2, 0)


def test_accounts_have_their_own_ids_and_order() -> None:
    """The same id at two providers means two messages, and their order means nothing."""
    messages = [message("1", 10), message("1", 9, "bulksms")]
    assert compare(messages, seen(delivery("1", 10), delivery("1", 9, "bulksms")), []).kept
    assert compare(messages, seen(delivery("1", 10)), []).lost == [("bulksms", "1")]


def test_lost() -> None:
    """A message that was handed over and never came is lost, whether or not something was killed long before."""
    report = compare([message("1", 10), message("2", 11)], seen(delivery("2", 11)), [killed(5)])
    assert report.lost == [("bulletin", "1")]
    assert not report.kept


def test_not_handed_over() -> None:
    """A message that the provider still has breaks the promise, too: nobody asked for it."""
    report = compare([message("1", None)], seen(), [])
    assert (report.lost, report.sent, report.handed_over, report.kept) == ([], 1, 0, False)


@pytest.mark.parametrize(("redelivered", "repeated"), [(True, []), (False, [("bulletin", "1")])])
def test_repeat(*, redelivered: bool, repeated: list[tuple[str, str]]) -> None:
    """A repeat must say so."""
    twice = seen(delivery("1", 10), delivery("1", 20, redelivered=redelivered))
    report = compare([message("1", 10)], twice, [killed(10, "1")])
    assert report.repeated == repeated
    assert report.redelivered == int(redelivered)
    assert report.kept == redelivered


@pytest.mark.parametrize("wrong", ["text 1 ", "", "text 2"])
def test_altered(wrong: str) -> None:
    """Another text is a fault, whoever saw it."""
    right = delivery("1", 10)
    for saw in (seen(delivery("1", 10, text=wrong)), seen(right, reported=[delivery("1", 10, text=wrong)])):
        assert compare([message("1", 10)], saw, []).altered == [("bulletin", "1")]


def test_never_sent() -> None:
    """An event about a message that nobody sent is a fault."""
    assert compare([], seen(delivery("9", 10)), []).altered == [("bulletin", "9")]


def test_empty_text() -> None:
    """An empty text is a text like any other."""
    assert compare([message("1", 10, text="")], seen(delivery("1", 10, text="")), []).kept


def test_out_of_order() -> None:
    """Within an account messages come in their order; only what is delivered again may be late."""
    messages = [message("1", 10), message("2", 11)]
    assert compare(messages, seen(delivery("2", 11), delivery("1", 12)), []).out_of_order == [("bulletin", "1")]
    assert compare(messages, seen(delivery("2", 11), delivery("1", 12, redelivered=True)), [killed(10, "1")]).kept


def test_in_flight_at_a_kill() -> None:
    """One message an account that the store didn't have when all was dead may have been in flight; it must come."""
    messages = [message("1", 9), message("2", 10)]
    gone = compare(messages, seen(delivery("1", 9)), [killed(10, "1")])
    assert (gone.lost, gone.recovered, gone.not_recovered, gone.kept) == ([], [], [("bulletin", "2")], False)
    back = compare(messages, seen(delivery("1", 9), delivery("2", 20, redelivered=True)), [killed(10, "1")])
    assert (back.lost, back.recovered, back.not_recovered, back.kept) == ([], [("bulletin", "2")], [], True)


def test_in_flight_only_one() -> None:
    """Of two that vanish at a kill only the later one can have been in flight."""
    report = compare([message("1", 9.9), message("2", 10)], seen(), [killed(10)])
    assert (report.lost, report.not_recovered) == ([("bulletin", "1")], [("bulletin", "2")])


def test_in_flight_not_what_was_stored() -> None:
    """What was in the store when all was dead was not in flight: if it never comes it is lost."""
    assert compare([message("1", 10)], seen(), [killed(10, "1")]).lost == [("bulletin", "1")]
    later = compare([message("1", 10)], seen(delivery("1", 20, redelivered=True)), [killed(10, "1")])
    assert (later.recovered, later.kept) == ([], True)


def test_in_flight_only_where_reading_consumes() -> None:
    """What can be read again is never in flight."""
    assert compare([message("1", 10, "bulksms")], seen(), [killed(10)]).lost == [("bulksms", "1")]


def test_in_flight_at_an_unload() -> None:
    """Where Home Assistant lived on, what came plainly was written down; what says redelivered was recovered."""
    stop = Stop(begin=10, end=10.2, providers=frozenset({"bulletin"}))
    assert compare([message("1", 10)], seen(delivery("1", 10)), [stop]).recovered == []
    late = compare([message("1", 10)], seen(delivery("1", 10.5, redelivered=True)), [stop])
    assert late.recovered == [("bulletin", "1")]
    other = Stop(begin=10, end=10.2, providers=frozenset({"bulksms"}))
    assert compare([message("1", 10)], seen(), [other]).lost == [("bulletin", "1")]


def test_fired_while_no_automation_was_armed() -> None:
    """What is fired while the automation itself is being replaced was not promised to it; at other times it was."""
    saw = seen(fired=[delivery("1", 10)])
    assert compare([message("1", 10)], saw, [Stop(begin=9.9, end=10.1)]).unarmed == 1
    assert compare([message("1", 10)], saw, [Stop(begin=9.9, end=10.1)]).lost == []
    assert compare([message("1", 10)], saw, [killed(20, "1")]).lost == [("bulletin", "1")]


class TestCalls:
    """Messages that came by calls without an id of the provider's."""

    def test_text_tells(self) -> None:
        """The text tells which message it was, also to whoever saw it without the automation, in any order."""
        messages = [message("1", 10), message("2", 11), message("3", 12)]
        late, third = delivery("synthetic-a", 13, text="text 1"), delivery("synthetic-b", 12, text="text 3")
        report = compare(messages, seen(third, delivery("2", 12), late, reported=[late, third]), [], ordered=False)
        assert report.kept
        assert (report.delivered, report.reported) == (3, 2)
        assert compare(messages, seen(third, delivery("2", 12)), [], ordered=False).lost == [("bulletin", "1")]

    @pytest.mark.parametrize(("calls", "lost"), [(1, [("bulletin", "2")]), (2, [])])
    def test_equal_texts(self, calls: int, lost: list[tuple[str, str]]) -> None:
        """Each call stands for one message, beginning with those that came by no poll."""
        messages = [message(each, 10, text="") for each in ("1", "2", "3")]
        called = [delivery(f"synthetic-{number}", 11, text="") for number in range(calls)]
        report = compare(messages, seen(*called, delivery("3", 12, text="")), [], ordered=False)
        assert (report.lost, report.repeated, report.altered) == (lost, [], [])

    @pytest.mark.parametrize(("redelivered", "repeated"), [(True, []), (False, [("bulletin", "1")])])
    def test_repeat(self, *, redelivered: bool, repeated: list[tuple[str, str]]) -> None:
        """A message that came by a call and by a poll is a repeat, and must say so."""
        polled = delivery("1", 10)
        called = delivery("synthetic-a", 20, text="text 1", redelivered=redelivered)
        report = compare([message("1", 10)], seen(polled, called), [killed(10, "1")], ordered=False)
        assert (report.repeated, report.redelivered) == (repeated, int(redelivered))

    def test_same_call_again(self) -> None:
        """What is delivered twice under one such id is one message."""
        twice = [delivery("synthetic-a", at, text="", redelivered=at > 10) for at in (10, 20)]
        report = compare([message("1", 10, text=""), message("2", 10, text="")], seen(*twice), [], ordered=False)
        assert (report.delivered, report.redelivered, report.lost) == (1, 1, [("bulletin", "2")])

    def test_never_sent(self) -> None:
        """A call with a text that nobody sent, or that another provider got, is a fault."""
        saw = seen(delivery("synthetic-a", 10, text="text 1"))
        for sent in ([], [message("1", 10, "bulksms")]):
            assert compare(sent, saw, [], ordered=False).altered == [("bulletin", "synthetic-a")]


def test_table() -> None:
    """The table has a row for each count, and for calls where they were made."""
    report = compare([message("1", 10)], seen(), [])
    shown = rows(table(report, Counter(kill=2), 7, 61.4))
    assert shown["handed over"] == "1"
    assert shown["lost"] == "1"
    assert shown["rounds: kill"] == "2"
    assert shown["seed"] == "7"
    assert shown["seconds"] == "61"
    assert "calls made" not in shown
    shown = rows(table(report, Counter(), 7, 1, answers=[200, 500, 0, 204, 302]))
    assert (shown["calls made"], shown["of these taken"]) == ("5", "2")


def rows(shown: str) -> dict[str, str]:
    """Return the rows of a table."""
    return {line[:50].strip(): line[50:].strip() for line in shown.splitlines()}
