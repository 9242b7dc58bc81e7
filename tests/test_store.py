"""The store: what it promises of its file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
import stat

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Message, Page
from custom_components.sms_inbox.store import Counts, Query, Status, Store, StoreError

FIXTURES = Path(__file__).parent / "fixtures"
MESSAGE = Message(
    message_id="1",
    sender="+1",
    recipient=None,
    text="Kia ora\x00 ☺ |\n",
    encoding="unicode",
    data=None,
    received_at=datetime(2026, 11, 21, 10, 0, 0, 417000, UTC),
    in_reply_to=None,
    raw=b"\xff\x00raw",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store in a folder that isn't there yet."""
    store = Store(tmp_path / ".storage" / "sms_inbox.db")
    yield store
    store.close()


def page(*messages: Message, number: int = 1) -> Page:
    """Return a page."""
    return Page(messages=messages, cursor={"page": number}, more=False)


def receive(store: Store, *messages: Message, account: str = "a", attempts: int = 0) -> list[str]:
    """Write down a page; return the ids of what was new."""
    store.begin(account)
    stored = store.receive(account, page(*messages), first_run=False, status=Status.DUE, attempts=attempts)
    return [each.message.message_id for each in stored]


def test_a_message_comes_back_unaltered(store: Store) -> None:
    """Text, bytes and time are what they were."""
    receive(store, MESSAGE)
    [stored] = store.attempt_due("a", 10)
    assert stored.message == MESSAGE
    assert not stored.redelivered


def test_new_account_is_at_its_first_run(store: Store) -> None:
    """Nothing is known of an account that was never seen."""
    state = store.begin("a")
    assert (state.cursor, state.first_run, state.latest, state.unreadable) == ({}, True, None, 0)


def test_page_and_cursor_are_one(store: Store) -> None:
    """A page that can't be written whole moves no cursor and leaves no message."""
    receive(store, MESSAGE)
    bad = replace(MESSAGE, message_id="3", received_at=None, sender=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.receive(
            "a",
            page(replace(MESSAGE, message_id="2"), bad, number=2),
            first_run=False,
            status=Status.DUE,
            attempts=0,
        )
    assert store.begin("a").cursor == {"page": 1}
    assert [stored.message.message_id for stored in store.attempt_due("a", 10)] == ["1"]


def test_known_message_is_skipped(store: Store) -> None:
    """An id is taken once an account."""
    assert receive(store, MESSAGE) == ["1"]
    assert receive(store, MESSAGE, replace(MESSAGE, message_id="2")) == ["2"]
    assert receive(store, MESSAGE, account="b") == ["1"]


def test_redelivered(store: Store) -> None:
    """Whoever asks a second time for what was not ticked off is told so."""
    receive(store, MESSAGE, attempts=1)
    receive(store, replace(MESSAGE, message_id="2"))
    assert [stored.redelivered for stored in store.attempt_due("a", 10)] == [True, False]
    assert [stored.redelivered for stored in store.attempt_due("a", 10)] == [True, True]


def test_due_comes_in_order_and_in_batches(store: Store) -> None:
    """The oldest first, as many as asked for."""
    receive(store, *(replace(MESSAGE, message_id=str(number)) for number in range(5)))
    batch = store.attempt_due("a", 3)
    assert [stored.message.message_id for stored in batch] == ["0", "1", "2"]
    store.tick_off(stored.sequence for stored in batch)
    assert [stored.message.message_id for stored in store.attempt_due("a", 3)] == ["3", "4"]


def test_latest_is_what_was_delivered_last(store: Store) -> None:
    """What is only written down is not shown."""
    receive(store, MESSAGE, replace(MESSAGE, message_id="2"))
    [first] = store.attempt_due("a", 1)
    store.tick_off([first.sequence])
    latest = store.begin("a").latest
    assert latest
    assert latest.message.message_id == "1"


def test_unreadable_records_are_kept_once(store: Store) -> None:
    """The same nonsense again is the same."""
    store.begin("a")
    for _ in range(2):
        store.keep_unreadable("a", b"\x00nonsense")
    assert store.begin("a").unreadable == 1


def test_remove(store: Store) -> None:
    """An account goes with all that is its own."""
    receive(store, MESSAGE)
    store.keep_unreadable("a", b"x")
    receive(store, MESSAGE, account="b")
    store.remove("a")
    assert store.attempt_due("a", 10) == []
    assert store.begin("a").unreadable == 0
    assert len(store.attempt_due("b", 10)) == 1


def test_only_its_owner_can_read_it(store: Store) -> None:
    """The file and its companions have mode 0600."""
    receive(store, MESSAGE)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in store.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_another_process_sees_what_was_written(store: Store) -> None:
    """When a method returns, its transaction is over."""
    receive(store, MESSAGE)
    with sqlite3.connect(store.path) as other:
        assert other.execute("SELECT text FROM message").fetchall() == [(MESSAGE.text,)]
    other.close()


def test_survives_being_closed(store: Store) -> None:
    """The next use opens the file again."""
    receive(store, MESSAGE)
    store.close()
    assert len(store.attempt_due("a", 10)) == 1


def test_error_tells_its_kind_and_no_text(store: Store) -> None:
    """A store in the place of a folder can't be opened; the error says so and no more."""
    store.path.mkdir(parents=True)
    with pytest.raises(StoreError) as raised:
        store.begin("a")
    assert "Kia ora" not in str(raised.value)
    store.path.rmdir()
    assert receive(store, MESSAGE) == ["1"]


def test_newer_version_is_refused_and_left_alone(store: Store) -> None:
    """A file of a later release is not touched."""
    receive(store, MESSAGE)
    store.close()
    with sqlite3.connect(store.path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreError, match="newer"):
        store.begin("a")
    assert store.set_aside is None


@pytest.mark.parametrize("damage", ["not a database", "torn page"])
def test_damaged_file_is_set_aside(store: Store, damage: str) -> None:
    """A damaged file is kept beside a new one."""
    receive(store, *(replace(MESSAGE, message_id=str(number), text="x" * 3000) for number in range(50)))
    store.close()
    content = bytearray(store.path.read_bytes())
    if damage == "not a database":
        content[:] = b"not a database" * 1000
    else:
        content[8192:16384] = b"\xa5" * 8192
    store.path.write_bytes(content)
    assert store.begin("a").first_run
    assert store.set_aside
    assert store.set_aside.read_bytes() == content
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_older_version_is_brought_up_to_date(store: Store) -> None:
    """A file of the first version loses nothing: what is due stays due, and what was delivered is counted."""
    store.path.parent.mkdir()
    db = sqlite3.connect(store.path)
    db.executescript((FIXTURES / "store_v1.sql").read_text())
    db.close()
    state = store.begin("A")
    assert (state.cursor, state.delivered, state.unreadable) == ({"id": 4}, 2, 1)
    assert state.latest
    assert state.latest.message.text == "Three"
    assert [stored.message.text for stored in store.attempt_due("A", 10)] == ["Four"]
    assert [stored.message.text for stored in store.find(Query(limit=2))] == ["Four", "Three"]
    assert store.begin("B").delivered == 0


def test_delivered_messages_are_counted_for_good(store: Store) -> None:
    """Each once, also when its identity is forgotten."""
    receive(store, *(replace(MESSAGE, message_id=str(number)) for number in range(3)))
    for _ in range(2):
        store.tick_off([1, 2])
    future = datetime(9999, 1, 1, tzinfo=UTC)
    store.erase("a", keep_texts=True, texts_before=future, identities_before=future)
    assert store.begin("a").delivered == 2
    assert store.counts("a") == Counts(due=1, delivered=0, existing=0, with_text=1, unreadable=0)
    assert store.count() == 1


def test_only_identities_are_kept(store: Store) -> None:
    """All texts go but that of the last message, and those that are due; a repeat is still known."""
    receive(store, *(replace(MESSAGE, message_id=str(number)) for number in range(4)))
    store.tick_off([1, 2, 3])
    past = datetime.now(UTC) - timedelta(days=1)
    store.erase("a", keep_texts=False, texts_before=past, identities_before=past)
    assert [stored.sequence for stored in store.find(Query(limit=10))] == [4, 3]
    assert [message.text for message in store.recent("a", 10)] == [MESSAGE.text] * 2 + [""] * 2
    assert receive(store, MESSAGE) == []


def forget(store: Store) -> None:
    """Forget what is older than 400 days."""
    now = datetime.now(UTC)
    store.erase("a", keep_texts=True, texts_before=now, identities_before=now - timedelta(days=400))


@pytest.mark.parametrize(
    ("received", "stored", "known"),
    [(0, 0, False), (0, 100, True), (100, 0, True)],
    ids=["old", "came late, or our clock was ahead", "our clock was behind"],
)
def test_identity_is_kept_for_400_days(
    store: Store, freezer: FrozenDateTimeFactory, received: int, stored: int, *, known: bool
) -> None:
    """Since the message was received and since it was written down, whatever is later."""
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    message = replace(MESSAGE, received_at=begin + timedelta(days=received))
    freezer.move_to(begin + timedelta(days=stored))
    receive(store, message)
    freezer.move_to(begin + timedelta(days=450))
    receive(store, replace(MESSAGE, message_id="2", received_at=datetime.now(UTC)))
    store.tick_off([1, 2])
    forget(store)
    assert receive(store, message) == ([] if known else ["1"])


def test_identity_is_kept_while_nothing_comes(store: Store, freezer: FrozenDateTimeFactory) -> None:
    """A list by time goes on showing the latest messages, however old; they are forgotten when others have come."""
    freezer.move_to(begin := datetime(2026, 11, 21, tzinfo=UTC))
    messages = [replace(MESSAGE, message_id=str(day), received_at=begin - timedelta(days=day)) for day in (2, 0)]
    receive(store, *messages)
    store.tick_off([1, 2])
    freezer.move_to(begin + timedelta(days=1000))
    forget(store)
    assert receive(store, *messages) == []
    receive(store, replace(MESSAGE, message_id="new", received_at=datetime.now(UTC)))
    forget(store)
    assert receive(store, *messages) == ["2", "0"]


@pytest.mark.parametrize("deliver", [False, True])
def test_record_that_is_shown_again_is_settled_once(store: Store, *, deliver: bool) -> None:
    """A list goes on showing what a person has delivered or discarded; nobody is asked about it again."""
    store.begin("a")
    shown = replace(page(), unreadable=(b"nonsense", b"more"))
    store.receive("a", shown, first_run=False, status=Status.DUE, attempts=0)
    (number, raw), _ = store.unreadable("a", 10)
    assert raw == b"nonsense"
    store.settle_unreadable("a", number, MESSAGE if deliver else None, shown_again=True)
    store.receive("a", shown, first_run=False, status=Status.DUE, attempts=0)
    assert [raw for _, raw in store.unreadable("a", 10)] == [b"more"]
    assert store.begin("a").unreadable == 1
    assert len(store.attempt_due("a", 10)) == deliver


def test_unreadable_record_becomes_a_message_once(store: Store) -> None:
    """It is dropped and due in one transaction; settled twice, it is due once."""
    store.begin("a")
    store.keep_unreadable("a", b"one")
    store.keep_unreadable("a", b"two")
    (number, raw), _ = store.unreadable("a", 10)
    assert raw == b"one"
    for _ in range(2):
        store.settle_unreadable("a", number, replace(MESSAGE, text="one"), shown_again=False)
    assert store.unreadable("a", 10) == [(number + 1, b"two")]
    store.settle_unreadable("a", number + 1, None, shown_again=False)
    assert store.unreadable("a", 10) == []
    assert [(stored.message.text, stored.redelivered) for stored in store.attempt_due("a", 10)] == [("one", False)]


def test_newest_messages_come_in_the_order_of_their_times(store: Store) -> None:
    """Not in that of their arrival; those of one second in that."""
    times = [datetime(2026, 11, 21, 10, 0, second, tzinfo=UTC) for second in (5, 1, 1)]
    receive(store, *(replace(MESSAGE, message_id=str(number), received_at=time) for number, time in enumerate(times)))
    assert [stored.sequence for stored in store.find(Query(limit=10))] == [1, 3, 2]
    assert [stored.sequence for stored in store.find(Query(limit=2, newest_first=False))] == [2, 3]
