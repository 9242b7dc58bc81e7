"""What the crash test knows from outside, and that no note of the witness is lost."""

from datetime import UTC, datetime
import os
from pathlib import Path
from typing import Any, cast

import pytest

from ..live.emulator import Emulator
from ..live.home_assistant import HomeAssistant
from .accounts import EACH, Accounts
from .evidence import Evidence
from .facts import Delivery, End, Kind, Message
from .recorder import Recorder
from .witness import Witness

LABEL = EACH[0].label
INBOX = f"/{EACH[0].provider}/api/1{EACH[0].inbox}"


class Provider:
    """What the emulator's admin interface would say of one account."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    async def get(self, path: str) -> Any:
        """Answer as the emulator does."""
        return {"messages": self.messages} if path == "/admin/messages" else {"entries": self.requests}

    def sent(self, message_id: str, at: float, *, fetched: float | None = None, read: bool = False) -> None:
        """Add a message."""
        times = {"sent_at": _time(at), "fetched_at": fetched and _time(fetched)}
        self.messages.append({**_account(), "message_id": message_id, "text": "Hello", "read": read, **times})

    def asked(self, at: float, *message_ids: str, status: int | None = 200) -> None:
        """Add a request for messages."""
        fields = {"time": _time(at), "url": INBOX, "status": status, "message_ids": list(message_ids)}
        self.requests.append({**_account(), **fields})


@pytest.fixture
def provider() -> Provider:
    """Return a provider."""
    return Provider()


@pytest.fixture
def evidence(provider: Provider, tmp_path: Path) -> Evidence:
    """Return what is known of an account with this provider that was added at 100."""
    emulator = cast("Emulator", provider)
    accounts = Accounts(home_assistant=HomeAssistant(tmp_path), emulator=emulator, added={LABEL: 100.0})
    accounts.labels["entry"] = LABEL
    witness = Witness(tmp_path / "pipe")
    event = {"config_entry_id": "entry", "message_id": "1", "text": "Hello", "redelivered": True}
    witness.notes += [{"at": 110.0, "what": what, "event": event} for what in ("fired", "started")]
    return Evidence(emulator, accounts, witness, Recorder())


async def test_messages(provider: Provider, evidence: Evidence) -> None:
    """When an answer began and was complete is known, also where it took a message away and never arrived."""
    provider.sent("old", 99.0, fetched=103.0)
    provider.sent("waited for", 105.0, read=True)
    provider.sent("waiting", 106.0)
    provider.asked(102.0, "old")
    provider.asked(104.0, "waited for")
    provider.asked(107.0, "old")

    def message(message_id: str, begun: float | None, handed_over: float | None, *, old: bool = False) -> Message:
        return Message(
            account=LABEL, message_id=message_id, text="Hello", begun=begun, handed_over=handed_over, old=old
        )

    assert await evidence.messages() == [
        message("old", 102.0, 103.0, old=True),
        message("waited for", 105.0, 105.0),
        message("waiting", None, None),
    ]


@pytest.mark.parametrize(
    ("requests", "end"),
    [
        ([(110.0, ("1",)), (120.0, ()), (130.0, ())], 120.0),
        ([(90.0, ()), (110.0, ("1",)), (111.0, ("1", "2"))], None),
        ([(110.0, ("1",)), (112.0, ("3",))], 116.0),
    ],
)
async def test_read_to_end(
    provider: Provider, evidence: Evidence, requests: list[tuple[float, tuple[str, ...]]], end: float | None
) -> None:
    """An inbox is empty when nothing is in an answer but what was sent while it was waited for."""
    for message_id, at in (("1", 101.0), ("2", 102.0), ("3", 115.0)):
        provider.sent(message_id, at, fetched=at + 1)
    for at, message_ids in requests:
        provider.asked(at, *message_ids)
    provider.asked(119.0, status=500)
    assert await evidence.read_to_end(100.0) == ({} if end is None else {LABEL: end})


async def test_answer_that_was_cut_off(provider: Provider, evidence: Evidence) -> None:
    """An inbox that was found empty right before a kill may not have been found so by anybody who lived on."""
    for at in (110.0, 115.0):
        provider.asked(at)
    kill = End(kind=Kind.KILLED, begin=110.5, end=111.0, accounts=frozenset({LABEL}))
    other = End(kind=Kind.KILLED, begin=115.5, end=116.0, accounts=frozenset({EACH[1].label}))
    assert await evidence.read_to_end(100.0) == {LABEL: 110.0}
    assert await evidence.read_to_end(100.0, [kill, other]) == {LABEL: 115.0}


def test_seen(evidence: Evidence) -> None:
    """Events are known by the account of their config entry."""
    delivery = Delivery(at=110.0, account=LABEL, message_id="1", text="Hello", redelivered=True)
    assert evidence.seen().started == evidence.seen().fired == [delivery]
    assert evidence.delivered() == {(LABEL, "1")}


async def test_witness(tmp_path: Path) -> None:
    """Notes arrive whatever becomes of who wrote them, and a torn one spoils no other."""
    async with Witness(tmp_path / "pipe") as witness:
        for text in ('\n{"at": 1}\n{"at"', '\n{"at": 2}\n', '\n{"at":', " 3}\n"):
            pipe = os.open(witness.pipe, os.O_WRONLY)
            os.write(pipe, text.encode())
            os.close(pipe)
            await witness.next_note()
        assert witness.notes == [{"at": 1}, {"at": 2}, {"at": 3}]


async def test_list_read_to_end(provider: Provider, evidence: Evidence) -> None:
    """A page of a list with what was sent meanwhile may have a next one: only an empty one is the last."""
    listing = {"provider": EACH[1].provider, "username": EACH[1].username}
    provider.sent("1", 115.0, fetched=116.0)
    provider.asked(112.0, "1")
    provider.asked(120.0)
    for each in (*provider.messages, *provider.requests):
        each.update(listing)
    for request in provider.requests:
        request["url"] = EACH[1].inbox
    assert await evidence.read_to_end(100.0) == {EACH[1].label: 120.0}


def _account() -> dict[str, str]:
    return {"provider": EACH[0].provider, "username": EACH[0].username}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
