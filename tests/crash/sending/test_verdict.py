"""The verdict about sending: each way in which the promise could be broken must show, and what is excused must not."""

from collections import Counter
from collections.abc import Sequence

import pytest

from .facts import Break, Evidence, Shown, Stored, Text, Told
from .table import table
from .verdict import (
    AGAIN,
    ALTERED,
    FAULTS,
    FLAGGED,
    LOST,
    NOT_SETTLED,
    NOT_TAKEN_AT_ALL,
    NOT_TOLD,
    SENT_ALL_THE_SAME,
    TOO_LATE,
    TWICE,
    UNKNOWN_IN_TIME,
    compare,
)

WITH_KEY, WITHOUT = "bulksms/demo", "gammu/demo"
KILL = Break(begin=105.0, end=106.0)
BACKUP = Break(begin=95.0, end=120.0, is_restored=True)


def asked(answer: str | None = "accepted", account: str = WITHOUT, text: str = "Hello") -> Text:
    """Return a text that was asked for at 100, and must not be sent after 130."""
    return Text(account=account, text=text, asked=100.0, seconds=30.0, answer=answer)


def shown(at: float = 101.0, account: str = WITHOUT, text: str = "Hello") -> Shown:
    """Return it on a phone."""
    return Shown(at=at, account=account, text=text)


def told(
    status: str, at: float = 102.0, account: str = WITHOUT, text: str = "Hello", *, redelivered: bool = False
) -> Told:
    """Return an event about it."""
    event = "sms_sent" if status == "accepted" else "sms_status"
    return Told(at=at, account=account, text=text, event=event, status=status, redelivered=redelivered)


def stored(status: str, account: str = WITHOUT, text: str = "Hello") -> Stored:
    """Return it in the store."""
    return Stored(account=account, text=text, status=status)


def faults(
    text: Text | None = None,
    on_phones: Sequence[Shown] = (),
    events: Sequence[Told] = (),
    row: Stored | None = None,
    breaks: Sequence[Break] = (),
) -> set[str]:
    """Return what is wrong with a text."""
    rows = [row] if row else []
    evidence = Evidence(asked=[text] if text else [], shown=on_phones, told=events, stored=rows, breaks=breaks)
    return compare(evidence).broken


def test_everything_in_order() -> None:
    """A text that is on one phone, and was told to its end, keeps the promise."""
    events = [told("accepted"), told("delivered", 103.0)]
    assert not faults(asked(), [shown()], events, stored("delivered"))
    assert not faults(asked(), [shown()], [told("accepted")], stored("sent"))


@pytest.mark.parametrize("account", [WITH_KEY, WITHOUT])
@pytest.mark.parametrize("breaks", [[], [KILL], [BACKUP]])
def test_twice(account: str, breaks: list[Break]) -> None:
    """Nothing excuses a second SMS."""
    twice = [shown(account=account), shown(103.0, account)]
    row = stored("accepted", account)
    assert faults(asked(account=account), twice, [told("accepted", account=account)], row, breaks) == {TWICE}


@pytest.mark.parametrize("text", ["Hello ", "hello", "Other"])
def test_altered(text: str) -> None:
    """What a phone shows was asked for, word by word, and of that account."""
    assert ALTERED in faults(asked(), [shown(text=text)], [told("accepted")], stored("accepted"))
    assert faults(None, [shown()]) == {ALTERED}
    assert ALTERED in faults(asked(account=WITH_KEY), [shown()])


@pytest.mark.parametrize("answer", ["queued", "sending"])
def test_lost(answer: str) -> None:
    """A text that is on no phone needs a word; a kill is none, a restored backup takes back what came since."""
    assert faults(asked(answer)) == {LOST}
    assert faults(asked(answer), breaks=[KILL]) == {LOST}
    assert not faults(asked(answer), breaks=[BACKUP])
    assert faults(asked(answer), breaks=[Break(begin=101.0, end=120.0, is_restored=True)]) == {LOST}


@pytest.mark.parametrize("answer", ["error", None])
def test_not_taken_over(answer: str | None) -> None:
    """Whose action raised an error, or got no answer, can't count on the text."""
    assert not faults(asked(answer))
    assert not faults(asked(answer), [shown()], [told("accepted")], stored("accepted"))


@pytest.mark.parametrize("status", ["refused", "expired", "unknown"])
def test_told_not_to_be_sent(status: str) -> None:
    """A text on no phone is excused by the event that says so."""
    assert not faults(asked("queued"), [], [told(status)], stored(status))


@pytest.mark.parametrize("status", ["refused", "expired"])
def test_sent_all_the_same(status: str) -> None:
    """What is said not to be sent is on no phone; unknown says neither."""
    assert faults(asked("queued"), [shown()], [told(status)], stored(status)) == {SENT_ALL_THE_SAME}
    assert not faults(asked("queued"), [shown()], [told("unknown")], stored("unknown"))


@pytest.mark.parametrize("breaks", [[], [BACKUP]])
def test_not_sent(breaks: list[Break]) -> None:
    """What is said to be taken, by the action or an event, is on a phone; a restored backup excuses nothing of that."""
    assert faults(asked(), breaks=breaks) == {NOT_TAKEN_AT_ALL}
    assert NOT_TAKEN_AT_ALL in faults(asked(None), [], [told("accepted")], stored("accepted"), breaks)


def test_late() -> None:
    """Nothing arrives after its time."""
    assert faults(asked(), [shown(141.0)], [told("accepted", 142.0)], stored("accepted")) == {TOO_LATE}
    assert not faults(asked(), [shown(131.0)], [told("accepted", 142.0)], stored("accepted"))


@pytest.mark.parametrize(("at", "found"), [(110.0, {UNKNOWN_IN_TIME}), (131.0, set())])
def test_unknown_with_a_key(at: float, found: set[str]) -> None:
    """A vendor with a key can be asked again until the text's time is over."""
    events = [told("unknown", at, WITH_KEY)]
    assert faults(asked("sending", WITH_KEY), [], events, stored("unknown", WITH_KEY)) == found
    assert not faults(asked("sending"), [], [told("unknown", at)], stored("unknown"))


@pytest.mark.parametrize("status", ["preparing", "queued", "sending"])
def test_not_settled(status: str) -> None:
    """Nothing is open at the end."""
    assert faults(asked(), [shown()], [told("accepted")], stored(status)) == {NOT_SETTLED}


def test_not_told() -> None:
    """The last state is told, also to who has got an error."""
    assert faults(asked(), [shown()], [told("accepted")], stored("delivered")) == {NOT_TOLD}
    assert faults(asked("error"), [], [], stored("refused")) == {NOT_TOLD}
    assert faults(asked(None), [shown()], [], stored("accepted"), [KILL]) == {NOT_TOLD}


def test_told_again() -> None:
    """What is told again says so, and only after a kill or a restored backup."""
    again = told("accepted", 125.0)
    flagged = told("accepted", 125.0, redelivered=True)
    row = stored("accepted")
    assert faults(asked(), [shown()], [told("accepted"), again], row, [KILL]) == {AGAIN}
    assert faults(asked(), [shown()], [told("accepted"), flagged], row) == {FLAGGED}
    assert faults(asked(), [shown()], [flagged], row, [Break(begin=124.0, end=126.0)]) == {FLAGGED}
    for end in (KILL, BACKUP):
        assert not faults(asked(), [shown()], [told("accepted"), flagged], row, [end])
        assert not faults(asked(), [shown()], [flagged], row, [end])


def test_table() -> None:
    """A person sees how many texts had which fault, and what was done."""
    evidence = Evidence(
        asked=[asked(), asked(None, text="Other"), asked("queued", text="Third")],
        shown=[shown()],
        told=[told("accepted", redelivered=True)],
        stored=[],
        breaks=[KILL],
    )
    lines = [line.rsplit(maxsplit=1) for line in table(compare(evidence), Counter(disable=2), 7, 65.4).splitlines()]
    shown_to_a_person = {name.strip(): value for name, value in lines}
    assert shown_to_a_person == {
        "texts": "3",
        "answered by the action: accepted": "1",
        "answered by the action: cut off": "1",
        "answered by the action: queued": "1",
        "on phones": "1",
        "told at last: accepted": "1",
        "told at last: nothing": "2",
        "events flagged (redelivered: true)": "1",
        **dict.fromkeys(FAULTS, "0"),
        LOST: "1",
        FLAGGED: "1",
        "rounds: disable": "2",
        "seed": "7",
        "seconds": "65",
    }
