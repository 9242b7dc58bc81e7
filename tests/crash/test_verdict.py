"""The crash test's verdict: each way in which the promise could be broken must show, and what is excused must not."""

from collections import Counter
from collections.abc import Iterable

import pytest

from .facts import Delivery, End, Key, Kind, Message, Seen
from .table import table
from .verdict import NOT_HANDED_OVER, SLICE, TOO_MANY_FLAGGED, Report, compare

BULLETIN = "bulletin/demo"
BULKSMS = "bulksms/demo"
ALL = frozenset({BULLETIN, BULKSMS})
ONE: list[Key] = [(BULKSMS, "1")]
IN_FLIGHT: list[Key] = [(BULLETIN, "1")]


def message(
    message_id: str,
    at: float | None,
    account: str = BULKSMS,
    text: str | None = None,
    *,
    whole: float | None = None,
    old: bool = False,
) -> Message:
    """Return a message whose text is its id; the answer with it was complete when it began, or later."""
    text = f"text {message_id}" if text is None else text
    handed_over = at if whole is None else whole
    return Message(account=account, message_id=message_id, text=text, begun=at, handed_over=handed_over, old=old)


def delivery(
    message_id: str, at: float, account: str = BULKSMS, text: str | None = None, *, redelivered: bool = False
) -> Delivery:
    """Return an event about such a message."""
    text = f"text {message_id}" if text is None else text
    return Delivery(at=at, account=account, message_id=message_id, text=text, redelivered=redelivered)


def flagged(message_id: str, at: float, account: str = BULKSMS) -> Delivery:
    """Return an event about such a message that says `redelivered`."""
    return delivery(message_id, at, account, redelivered=True)


def seen(*started: Delivery, fired: Iterable[Delivery] = (), reported: Iterable[Delivery] = ()) -> Seen:
    """Return what was seen where the automation began to work on what was fired."""
    return Seen(started=started, fired=[*started, *fired], reported=list(reported))


def killed(at: float, *stored: str) -> End:
    """Return a kill that left these ids in the store."""
    return End(kind=Kind.KILLED, begin=at, end=at + 0.1, accounts=ALL, stored=frozenset(stored))


def stopped(at: float, *stored: str) -> End:
    """Return a stop that left these ids in the store."""
    return End(kind=Kind.STOPPED, begin=at, end=at + 1, accounts=ALL, stored=frozenset(stored))


def reloaded(at: float, *accounts: str) -> End:
    """Return a reload of accounts."""
    return End(kind=Kind.RELOADED, begin=at, end=at + 0.2, accounts=frozenset(accounts) or ALL)


def replaced(at: float) -> End:
    """Return a time in which the automations were replaced."""
    return End(kind=Kind.REPLACED, begin=at, end=at + 0.2)


def restored(at: float, backup: float, read: float) -> End:
    """Return a restored backup, and until when the inboxes were read to their end after it."""
    return End(kind=Kind.RESTORED, begin=at, end=at + 1, accounts=ALL, backup=backup, read=dict.fromkeys(ALL, read))


ORDERLY = [stopped(15, "1"), reloaded(15), replaced(15)]


def broken(report: Report) -> dict[str, list[Key]]:
    """Return the faults that there are."""
    return {fault: keys for fault, keys in report.faults.items() if keys}


def test_everything_in_order() -> None:
    """Plain deliveries, each once, keep the promise, whatever ended in between."""
    ends = [killed(15, "1"), stopped(16, "1"), reloaded(17), replaced(18), restored(20, 16, 25)]
    report = compare([message("1", 10), message("2", 30)], seen(delivery("1", 10), delivery("2", 30)), ends)
    assert not report.broken
    assert (report.sent, report.handed_over, report.delivered, report.flagged.total()) == (2, 2, 2, 0)


def test_accounts_have_their_own_ids_and_order() -> None:
    """The same id in two accounts means two messages, and their order means nothing."""
    messages = [message("1", 10), message("1", 9, BULLETIN)]
    assert not compare(messages, seen(delivery("1", 10), delivery("1", 9, BULLETIN)), []).broken
    assert compare(messages, seen(delivery("1", 10)), []).lost == [(BULLETIN, "1")]


def test_lost() -> None:
    """A message that was handed over and never came is lost, whether or not something was killed long before."""
    report = compare([message("1", 10), message("2", 11)], seen(delivery("2", 11)), [killed(5)])
    assert broken(report) == {"lost": ONE}
    assert report.broken == {"lost"}


def test_not_handed_over() -> None:
    """A message that the provider still has breaks the promise, too: nobody asked for it."""
    report = compare([message("1", None)], seen(), [])
    assert (broken(report), report.sent, report.handed_over) == ({}, 1, 0)
    assert report.broken == {NOT_HANDED_OVER}


@pytest.mark.parametrize("wrong", ["text 1 ", "", "text 2"])
def test_altered(wrong: str) -> None:
    """Another text is a fault, whoever saw it."""
    right = delivery("1", 10)
    for saw in (seen(delivery("1", 10, text=wrong)), seen(right, reported=[delivery("1", 10, text=wrong)])):
        assert compare([message("1", 10)], saw, []).altered == ONE


def test_never_sent() -> None:
    """An event about a message that nobody sent is a fault."""
    assert compare([], seen(delivery("9", 10)), []).altered == [(BULKSMS, "9")]


def test_empty_text() -> None:
    """An empty text is a text like any other."""
    assert not compare([message("1", 10, text="")], seen(delivery("1", 10, text="")), []).broken


def test_fired_while_no_automation_was_armed() -> None:
    """What is fired while the automation itself is being replaced was not promised to it; at other times it was."""
    saw = seen(fired=[delivery("1", 10)])
    assert compare([message("1", 10)], saw, [replaced(9.9)]).unarmed == 1
    assert compare([message("1", 10)], saw, [replaced(9.9)]).lost == []
    for end in (killed(20, "1"), reloaded(9.9), replaced(12), replaced(8)):
        assert compare([message("1", 10)], saw, [end]).lost == ONE


class TestRepeats:
    """What is delivered again."""

    twice = seen(delivery("1", 10), flagged("1", 20))

    def test_after_a_kill(self) -> None:
        """It is excused by a kill between the two, if it says so."""
        report = compare([message("1", 10)], self.twice, [killed(15, "1")])
        assert not report.broken
        assert report.flagged == Counter({Kind.KILLED: 1})

    @pytest.mark.parametrize("ends", [[killed(15, "1")], [stopped(15, "1")], [restored(15, 9, 30)], []])
    def test_silent(self, ends: list[End]) -> None:
        """One that doesn't say so is never excused."""
        report = compare([message("1", 10)], seen(delivery("1", 10), delivery("1", 20)), ends)
        assert broken(report) == {"repeated silently": ONE}

    @pytest.mark.parametrize("end", ORDERLY)
    def test_after_an_orderly_end(self, end: End) -> None:
        """It is a fault after an orderly end, and counted by its kind."""
        report = compare([message("1", 10)], self.twice, [end])
        assert broken(report) == {"flagged after an orderly end": ONE}
        assert report.flagged == Counter({end.kind: 1})
        assert report.broken == {"flagged after an orderly end"}

    def test_after_nothing(self) -> None:
        """It is a fault where nothing ended in between."""
        report = compare([message("1", 10)], self.twice, [killed(5), killed(25, "1")])
        assert broken(report) == {"flagged after an orderly end": ONE}
        assert report.flagged == Counter(nothing=1)

    @pytest.mark.parametrize(("first", "kept"), [(killed(12, "1"), True), (stopped(12, "1"), False)])
    def test_first_end_decides(self, first: End, *, kept: bool) -> None:
        """A kill after an orderly end doesn't excuse what was delivered before that one, but the first kill does."""
        assert (not compare([message("1", 10)], self.twice, [first, killed(15, "1")]).broken) is kept
        assert (not compare([message("1", 10)], self.twice, [first, stopped(15, "1")]).broken) is kept

    def test_end_of_another_account(self) -> None:
        """Only ends of the message's own account count."""
        kill = End(kind=Kind.KILLED, begin=15, end=15.1, accounts=frozenset({BULLETIN}), stored=frozenset())
        assert compare([message("1", 10)], self.twice, [kill]).broken
        assert not compare([message("1", 10)], self.twice, [reloaded(12, BULLETIN), killed(15, "1")]).broken

    def test_each_repeat_needs_its_own_excuse(self) -> None:
        """One kill excuses no more than what was delivered before it."""
        saw = seen(delivery("1", 10), flagged("1", 20), flagged("1", 30))
        assert compare([message("1", 10)], saw, [killed(15, "1")]).broken
        assert compare([message("1", 10)], saw, [killed(15, "1"), stopped(25, "1")]).broken
        assert not compare([message("1", 10)], saw, [killed(15, "1"), killed(25, "1")]).broken

    def test_delivered_while_it_was_being_killed(self) -> None:
        """What was delivered just before a process was gone is of the run that ended; after a reload it isn't."""
        assert not compare([message("1", 10)], self.twice, [killed(9.95, "1")]).broken
        assert compare([message("1", 10)], self.twice, [stopped(9.5, "1"), killed(15, "1")]).broken
        assert not compare([message("1", 10)], self.twice, [reloaded(9.9), killed(15, "1")]).broken


class TestFlaggedAtFirst:
    """What says `redelivered` though nobody saw it before."""

    once = seen(flagged("1", 20))

    def test_after_a_kill(self) -> None:
        """It may have been fired before a kill, if it was handed over by then."""
        report = compare([message("1", 10)], self.once, [killed(15, "1")])
        assert not report.broken
        assert report.flagged == Counter({Kind.KILLED: 1})
        assert compare([message("1", 18)], self.once, [killed(15)]).broken

    @pytest.mark.parametrize("end", ORDERLY)
    def test_after_an_orderly_end(self, end: End) -> None:
        """What was released at an orderly end was not fired, and must not say so."""
        report = compare([message("1", 10)], self.once, [end])
        assert broken(report) == {"flagged after an orderly end": ONE}
        assert report.flagged == Counter({end.kind: 1})

    def test_after_nothing(self) -> None:
        """Nor may it where nothing ended, or long ago."""
        for ends in ([], [killed(5)], [reloaded(15, BULLETIN)], [stopped(5)]):
            report = compare([message("1", 10)], self.once, ends)
            assert broken(report) == {"flagged after an orderly end": ONE}
            assert report.flagged == Counter(nothing=1)

    def test_kill_before_or_after_an_orderly_end(self) -> None:
        """One kill in between is enough: the message may have been claimed then, or been in doubt already."""
        for ends in ([killed(12, "1"), stopped(15, "1")], [stopped(12, "1"), killed(15, "1")]):
            assert not compare([message("1", 10)], self.once, ends).broken


class TestSlice:
    """How many may be in doubt after one kill."""

    @pytest.mark.parametrize(("many", "kept"), [(SLICE, True), (SLICE + 1, False)])
    def test_one_kill(self, many: int, *, kept: bool) -> None:
        """No more of an account than a slice."""
        messages = [message(f"{number:03}", 10) for number in range(many)]
        repeats = [flagged(each.message_id, 20) for each in messages]
        firsts = [delivery(each.message_id, 11) for each in messages]
        for saw in (seen(*firsts, *repeats), seen(*repeats)):
            report = compare(messages, saw, [killed(15, *(each.message_id for each in messages))])
            assert (report.most_flagged, report.broken) == (many, set() if kept else {TOO_MANY_FLAGGED})

    def test_each_kill_and_account(self) -> None:
        """Each account has its own slice after each kill."""
        messages = [message(f"{number:03}", 10, account) for number in range(SLICE) for account in sorted(ALL)]
        ids = {each.message_id for each in messages}
        once = [flagged(each.message_id, 20, each.account) for each in messages]
        again = [flagged(each.message_id, 30, each.account) for each in messages]
        report = compare(messages, seen(*once, *again), [killed(15, *ids), killed(25, *ids)])
        assert (report.most_flagged, report.broken) == (SLICE, set())

    def test_restored_backup(self) -> None:
        """After a restored backup everything since the backup is in doubt."""
        messages = [message(f"{number:03}", 10) for number in range(3 * SLICE)]
        report = compare(messages, seen(*(flagged(each.message_id, 20) for each in messages)), [restored(15, 9, 30)])
        assert (report.most_flagged, report.broken) == (0, set())
        report = compare(
            messages,
            seen(*(flagged(each.message_id, 20) for each in messages)),
            [restored(15, 9, 30), killed(17, *(each.message_id for each in messages))],
        )
        assert (report.most_flagged, report.broken) == (0, set())


class TestRestoredBackup:
    """What comes after a backup was restored that was made at 10; the inbox was read to its end at 25."""

    ends = (restored(20, 10, 25),)

    @pytest.mark.parametrize("before", [9.9, 11, 19, 20.5])
    def test_repeat(self, before: float) -> None:
        """What was delivered before may come again, flagged, until it is made again: what came since is forgotten."""
        report = compare([message("1", 9)], seen(delivery("1", before), flagged("1", 24)), self.ends)
        assert not report.broken
        assert report.flagged == Counter({Kind.RESTORED: 1})
        assert compare([message("1", 9)], seen(delivery("1", before), delivery("1", 24)), self.ends).broken

    def test_repeat_of_what_the_backup_knows(self) -> None:
        """What an orderly end had marked before the backup was made is known afterwards, too."""
        saw = seen(delivery("1", 5), flagged("1", 24))
        assert broken(compare([message("1", 4)], saw, [stopped(7, "1"), *self.ends])) == {
            "flagged after an orderly end": ONE
        }

    def test_orderly_end_after_the_backup(self) -> None:
        """What an orderly end had marked later is forgotten."""
        saw = seen(delivery("1", 11), flagged("1", 24))
        assert not compare([message("1", 11)], saw, [reloaded(15), *self.ends]).broken

    @pytest.mark.parametrize(("handed_over", "kept"), [(15, True), (24, True), (27, False)])
    def test_doubt_ends_with_the_inbox(self, handed_over: float, *, kept: bool) -> None:
        """What is handed over until the inbox was read to its end may be flagged, nothing later."""
        assert (not compare([message("1", handed_over)], seen(flagged("1", 28)), self.ends).broken) is kept

    def test_lost(self) -> None:
        """What the restored files don't know has to be found again, also where it can't be read again."""
        for account in sorted(ALL):
            assert compare([message("1", 19, account)], seen(), self.ends).lost == [(account, "1")]

    def test_order(self) -> None:
        """What comes again comes in order, but for what can't be read again, which comes when it is found."""
        for account, kept in ((BULKSMS, False), (BULLETIN, True)):
            messages = [message(each, 12, account) for each in ("1", "2")]
            firsts = [delivery(each, 13, account) for each in ("1", "2")]
            late = seen(*firsts, flagged("2", 24, account), flagged("1", 24, account))
            assert (not compare(messages, late, self.ends).broken) is kept
            in_order = seen(*firsts, flagged("1", 24, account), flagged("2", 24, account))
            assert not compare(messages, in_order, self.ends).broken


class TestOrder:
    """In what order the messages of an account come."""

    messages = (message("1", 10), message("2", 11), message("3", 12))

    @pytest.mark.parametrize("ends", [[], [stopped(13, "1", "2", "3")], [reloaded(13)], [killed(5), killed(25)]])
    def test_first_deliveries(self, ends: list[End]) -> None:
        """A younger one doesn't come before an older one, whatever ended in order in between."""
        saw = seen(delivery("2", 12), delivery("1", 14), delivery("3", 15))
        assert broken(compare(self.messages, saw, ends)) == {"out of order": ONE}

    def test_again_before_what_is_new(self) -> None:
        """After a kill, what comes again comes before what never came."""
        ends = [killed(15, "1", "2", "3")]
        firsts = (delivery("1", 13), delivery("2", 13))
        assert not compare(self.messages, seen(*firsts, flagged("2", 20), delivery("3", 21)), ends).broken
        late = compare(self.messages, seen(*firsts, delivery("3", 20), flagged("2", 21)), ends)
        assert broken(late) == {"out of order": [(BULKSMS, "2")]}

    def test_again_in_order(self) -> None:
        """After a kill, what comes again is in order among itself."""
        ends = [killed(15, "1", "2", "3")]
        firsts = [delivery(each, 13) for each in "123"]
        assert not compare(self.messages, seen(*firsts, *(flagged(each, 20) for each in "123")), ends).broken
        late = compare(self.messages, seen(*firsts, *(flagged(each, 20) for each in "132")), ends)
        assert broken(late) == {"out of order": [(BULKSMS, "2")]}

    def test_answer_that_began_after_the_process_was_gone(self) -> None:
        """A provider that is slow to take up a request answers a process that isn't there any more."""
        messages = [message("1", 10.5, BULLETIN), message("2", 20, BULLETIN)]
        report = compare(messages, seen(delivery("2", 20, BULLETIN), flagged("1", 21, BULLETIN)), [killed(10)])
        assert (report.recovered, report.broken) == ([(BULLETIN, "1")], set())
        gone = compare(
            messages, seen(delivery("2", 20, BULLETIN), flagged("1", 21, BULLETIN)), [reloaded(10, BULLETIN)]
        )
        assert "out of order" in gone.broken

    def test_recovered_late(self) -> None:
        """What was in flight at a kill comes when it is found, flagged or not."""
        messages = [message("1", 9.9, BULLETIN), message("2", 20, BULLETIN)]
        for found in (flagged("1", 21, BULLETIN), delivery("1", 21, BULLETIN)):
            saw = seen(delivery("2", 20, BULLETIN), found)
            assert not compare(messages, saw, [killed(10)]).broken
            assert compare(messages, saw, [killed(10, "1")]).out_of_order == IN_FLIGHT


class TestInFlight:
    """What a read had taken out of the inbox when the storing was cut off."""

    def test_at_a_kill(self) -> None:
        """One message that the store didn't have when the process was gone may have been in flight; it must come."""
        messages = [message("1", 9, BULLETIN), message("2", 10, BULLETIN)]
        gone = compare(messages, seen(delivery("1", 9, BULLETIN)), [killed(10, "1")])
        assert broken(gone) == {"not recovered": [(BULLETIN, "2")]}
        for found in (flagged("2", 20, BULLETIN), delivery("2", 20, BULLETIN)):
            back = compare(messages, seen(delivery("1", 9, BULLETIN), found), [killed(10, "1")])
            assert (back.recovered, back.most_flagged, back.broken) == ([(BULLETIN, "2")], 0, set())
            assert back.flagged == Counter({Kind.KILLED: 1} if found.redelivered else {})

    def test_only_one(self) -> None:
        """Of two that vanish at a kill only the later one can have been in flight."""
        report = compare([message("0", 9.9, BULLETIN), message("1", 10, BULLETIN)], seen(), [killed(10)])
        assert broken(report) == {"lost": [(BULLETIN, "0")], "not recovered": IN_FLIGHT}
        found = seen(delivery("1", 20, BULLETIN))
        report = compare([message("0", 9.9, BULLETIN), message("1", 10, BULLETIN)], found, [killed(10)])
        assert (broken(report), report.recovered) == ({"lost": [(BULLETIN, "0")]}, IN_FLIGHT)

    def test_not_what_was_stored(self) -> None:
        """What was in the store when the process was gone was not in flight: if it never comes it is lost."""
        assert compare([message("1", 10, BULLETIN)], seen(), [killed(10, "1")]).lost == IN_FLIGHT
        later = compare([message("1", 10, BULLETIN)], seen(flagged("1", 20, BULLETIN)), [killed(10, "1")])
        assert (later.recovered, later.broken) == ([], set())

    def test_only_where_reading_consumes(self) -> None:
        """What can be read again is never in flight."""
        assert compare([message("1", 10)], seen(), [killed(10)]).lost == ONE

    @pytest.mark.parametrize("end", [stopped(10), reloaded(10)])
    def test_at_an_orderly_end(self, end: End) -> None:
        """An answer that began when the end had been asked for may be cut off; what is recovered may be flagged."""
        cut_off = message("1", 10.1, BULLETIN)
        report = compare([cut_off], seen(flagged("1", 20, BULLETIN)), [end])
        assert (report.recovered, report.flagged, report.broken) == (IN_FLIGHT, Counter(recovered=1), set())
        assert broken(compare([cut_off], seen(), [end])) == {"not recovered": IN_FLIGHT}
        twice = seen(flagged("1", 20, BULLETIN), flagged("1", 21, BULLETIN))
        assert broken(compare([cut_off], twice, [end])) == {"flagged after an orderly end": IN_FLIGHT}

    @pytest.mark.parametrize("end", [stopped(10), reloaded(10)])
    def test_answer_before_an_orderly_end(self, end: End) -> None:
        """An answer that had begun before has to be read to its end, and stored."""
        arriving = message("1", 9, BULLETIN, whole=10.5)
        report = compare([arriving], seen(flagged("1", 20, BULLETIN)), [end])
        assert broken(report) == {"flagged after an orderly end": IN_FLIGHT}
        assert broken(compare([arriving], seen(), [end])) == {"lost": IN_FLIGHT}
        assert not compare([arriving], seen(delivery("1", 20, BULLETIN)), [end]).broken

    def test_one_that_came_plainly(self) -> None:
        """Where the process lived on, one that came plainly was stored, and the one before it was in flight."""
        messages = [message("1", 10, BULLETIN), message("2", 10.1, BULLETIN)]
        late = seen(delivery("2", 10.3, BULLETIN), flagged("1", 10.5, BULLETIN))
        report = compare(messages, late, [reloaded(10)])
        assert (report.recovered, report.broken) == (IN_FLIGHT, set())
        plain = compare(messages[:1], seen(delivery("1", 10, BULLETIN)), [reloaded(10)])
        assert (plain.recovered, plain.broken) == ([], set())

    def test_one_that_came_late(self) -> None:
        """Of those that came plainly only one may have been in flight: the one that came after a younger one."""
        messages = [message(str(number), 10 + number / 10, BULLETIN) for number in range(3)]
        late = seen(delivery("1", 10.3, BULLETIN), delivery("2", 10.4, BULLETIN), delivery("0", 15, BULLETIN))
        assert not compare(messages, late, [reloaded(10)]).broken
        two_late = seen(delivery("2", 10.4, BULLETIN), delivery("1", 14, BULLETIN), delivery("0", 15, BULLETIN))
        assert compare(messages, two_late, [reloaded(10)]).out_of_order == [(BULLETIN, "0")]

    def test_other_account(self) -> None:
        """The end of another account cuts off nothing."""
        assert compare([message("1", 10, BULLETIN)], seen(), [reloaded(10, BULKSMS)]).lost == IN_FLIGHT


class TestNewAccount:
    """What came before and after an account was added."""

    def test_old(self) -> None:
        """What was sent before stays silent, and isn't missed, whether or not it was ever asked for."""
        for at in (10, None):
            report = compare([message("1", at, old=True)], seen(), [killed(10)])
            assert (report.sent, report.silent, report.broken) == (0, 1, set())
        in_flight = compare([message("1", 10, BULLETIN, old=True)], seen(), [stopped(10)])
        assert (in_flight.silent, in_flight.broken) == (1, set())

    @pytest.mark.parametrize("redelivered", [True, False])
    def test_woken(self, *, redelivered: bool) -> None:
        """If it is delivered all the same, that is a fault."""
        saw = seen(delivery("1", 20, redelivered=redelivered))
        report = compare([message("1", 10, old=True)], saw, [killed(15, "1")])
        assert broken(report) == {"old, and delivered": ONE}

    def test_new(self) -> None:
        """What was sent afterwards has to come, whatever ended meanwhile."""
        messages = [message("0", 10, old=True), message("1", 11)]
        assert broken(compare(messages, seen(), [stopped(10.5)])) == {"lost": ONE}
        assert not compare(messages, seen(delivery("1", 20)), [stopped(10.5)]).broken


def test_table() -> None:
    """The table has a row for each count, and for webhooks where they were sent."""
    messages = [message("1", 10), message("2", 10), message("3", 16), message("4", 9, old=True)]
    saw = seen(flagged("1", 20), flagged("3", 21))
    report = compare(messages, saw, [killed(11, "1"), stopped(17, "3")])
    shown = rows(table(report, Counter(kill=2), 7, 61.4))
    assert shown["handed over"] == "3"
    assert shown["older than their account, and silent"] == "1"
    assert shown["flagged (redelivered: true)"] == "2"
    assert shown["after a kill"] == "1"
    assert shown["after a stop"] == "1"
    assert shown["after a reload"] == shown["after a restored backup"] == shown["after replaced automations"] == "0"
    assert shown["most of one account after one kill, of 100"] == "1"
    assert shown["flagged after an orderly end"] == "1"
    assert shown["lost"] == "1"
    assert shown["rounds: kill"] == "2"
    assert shown["seed"] == "7"
    assert shown["seconds"] == "61"
    assert "webhooks sent" not in shown
    shown = rows(table(report, Counter(), 7, 1, answers=[200, 500, 0, 204, 302]))
    assert (shown["webhooks sent"], shown["of these answered 2xx"]) == ("5", "2")


def rows(shown: str) -> dict[str, str]:
    """Return the rows of a table."""
    return {line[:50].strip(): line[50:].strip() for line in shown.splitlines()}
