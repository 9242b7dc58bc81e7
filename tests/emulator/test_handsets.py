"""Phones: what a person sees there, and what their networks report."""

from pathlib import Path

import pytest

from emulator import Account, Emulator, Message
from emulator.handsets import Behaviour, Handsets, in_gsm

from .conftest import PASSWORD, USERNAME, until

PHONE, OTHER = "+447700900123", "+447700900456"


class Reports:
    """Handsets, and the states that are reported of texts."""

    def __init__(self) -> None:
        """Begin without any."""
        self.seen: list[tuple[str, str]] = []
        self.handsets = Handsets(self._note)

    def _note(self, _account: Account, message: Message) -> None:
        self.seen.append((message.status, message.error))


@pytest.fixture
def reports() -> Reports:
    """Handsets of their own."""
    return Reports()


@pytest.fixture
def account(emulator: Emulator, reports: Reports) -> Account:
    """An account whose texts go to these handsets."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    account.on_submitted = reports.handsets.take
    return account


def submit(account: Account, text: str = "Hello", *, recipient: str = PHONE, shown: str | None = None) -> Message:
    """Send a text to a phone."""
    return account.submit(text, sender="HOUSE", recipient=recipient, shown=shown)


async def test_usual(account: Account, reports: Reports) -> None:
    """A phone that isn't set up shows what arrives, and its network reports nothing."""
    message = submit(account, "Long " * 40)
    (shown,) = reports.handsets.shown
    assert (shown.recipient, shown.sender, shown.text, shown.parts) == (PHONE, "HOUSE", "Long " * 40, 2)
    assert (message.status, message.shown) == ("accepted", "Long " * 40)
    assert reports.seen == []


@pytest.mark.parametrize(
    ("behaviour", "expected", "arrived"),
    [
        (Behaviour(reports=("sent", "delivered")), [("sent", ""), ("delivered", "")], [PHONE]),
        (Behaviour(reports=("delivered", "sent", "sent")), [("delivered", ""), ("sent", ""), ("sent", "")], [PHONE]),
        (Behaviour(reports=("sent",)), [("sent", "")], [PHONE]),
        (Behaviour(reports=("sent", "failed"), error="expired"), [("sent", ""), ("failed", "expired")], []),
        (Behaviour(reports=("failed",)), [("failed", "")], [PHONE]),
    ],
)
async def test_behaviour(
    account: Account, reports: Reports, behaviour: Behaviour, expected: list[tuple[str, str]], arrived: list[str]
) -> None:
    """The network reports what it is told to, in that order; with an error nothing arrives."""
    reports.handsets.set_up(PHONE, behaviour)
    message = submit(account)
    submit(account, recipient=OTHER)
    await until(lambda: len(reports.seen) == len(expected))
    assert reports.seen == expected
    assert [shown.recipient for shown in reports.handsets.shown] == [*arrived, OTHER]
    assert message.shown == ("Hello" if arrived else None)


async def test_report_by_hand(account: Account, reports: Reports) -> None:
    """Any state is reported at any time, also one that comes too late."""
    message = submit(account)
    for status in ("delivered", "sent"):
        reports.handsets.report_now(account, message, status)
    assert reports.seen == [("delivered", ""), ("sent", "")]
    with pytest.raises(ValueError, match="The states are"):
        reports.handsets.report_now(account, message, "read")


async def test_stop(account: Account, reports: Reports) -> None:
    """After the end no network reports anything."""
    reports.handsets.set_up(PHONE, Behaviour(reports=("sent",)))
    submit(account)
    reports.handsets.forget()
    submit(account, recipient=OTHER)
    reports.handsets.set_up(OTHER, Behaviour(reports=("delivered",)))
    submit(account, recipient=OTHER)
    await until(lambda: reports.seen)
    assert reports.seen == [("delivered", "")]
    assert len(reports.handsets.shown) == 2


async def test_shown_survives_a_restart(tmp_path: Path) -> None:
    """What a phone shows is kept in the data file with the text."""
    emulator = Emulator(data=tmp_path / "emulator.json")
    await emulator.start()
    submit(emulator.add_account("bulksms", USERNAME, PASSWORD), "Café {fn#}", shown="Café ")
    await emulator.stop()
    (message,) = Emulator(data=tmp_path / "emulator.json").account("bulksms", USERNAME).messages
    assert (message.text, message.shown, message.status) == ("Café {fn#}", "Café ", "accepted")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 5 € [a]", "Grüße, 5 € [a]"),
        ("français `x`", "franÇais 'x'"),
        ("ж ☺ “quoted” now…", "? ? ?quoted? now?"),
    ],
)
def test_plain_alphabet(text: str, shown: str) -> None:
    """What isn't in the plain alphabet is lost where a vendor squeezes a text into it."""
    assert in_gsm(text) == shown
