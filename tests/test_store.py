"""The store: the states of a message, and what it promises of its file."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
import sqlite3
import stat
import threading
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Message, StoredMessage
from custom_components.sms_inbox.store import (
    Status,
    Store,
    StoreError,
    accounts,
    messages,
    quarantine,
    retention,
    schema,
    search,
)
from custom_components.sms_inbox.store.accounts import AccountState, Progress
from custom_components.sms_inbox.store.connections import LOG_LIMIT
from custom_components.sms_inbox.store.messages import SLICE, Arrival, Received
from custom_components.sms_inbox.store.search import Query

ADDED_AT = datetime(2026, 11, 20, tzinfo=UTC)
MESSAGE = Message(
    message_id="1",
    sender="+447700900123",
    recipient=None,
    text="Kia ora\x00 ☺ |\n",
    encoding="unicode",
    data=None,
    received_at=datetime(2026, 11, 21, 10, 0, 0, 417000, UTC),
    in_reply_to=None,
    raw=b"\xff\x00raw",
)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
SECONDS = 30.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    """Return a store in a folder that isn't there yet, with an account that is in use."""
    store = Store(tmp_path / ".storage" / "sms_inbox.db")
    await begin(store)
    yield store
    await store.close()


async def begin(store: Store, account: str = "a", provider: str = "bulksms") -> AccountState:
    """Take an account into use."""
    return await store.write(accounts.begin, account, provider, ADDED_AT)


async def receive(store: Store, *received: Message | Arrival, account: str = "a", **options: Any) -> Received:
    """Store messages; pending ones unless they say otherwise."""
    arrivals = [each if isinstance(each, Arrival) else Arrival(each) for each in received]
    return await store.write(messages.receive, account, arrivals, **options)


async def claim(store: Store, *delivered: int, account: str = "a") -> list[StoredMessage]:
    """Mark what was fired, and claim what comes next."""
    return await store.write(messages.claim, account, delivered)


async def deliver(store: Store, account: str = "a") -> list[StoredMessage]:
    """Claim messages, and mark them delivered, until none is left."""
    found: list[StoredMessage] = []
    while some := await claim(store, account=account):
        await store.write(messages.mark_delivered, account, sequences(some))
        found += some
    return found


def numbered(*numbers: int) -> list[Message]:
    """Return messages with these ids."""
    return [replace(MESSAGE, message_id=str(number)) for number in numbers]


def ids(stored: list[StoredMessage]) -> list[str]:
    """Return the ids of messages."""
    return [each.message.message_id for each in stored]


def sequences(stored: list[StoredMessage]) -> list[int]:
    """Return the places of messages."""
    return [each.sequence for each in stored]


def in_doubt(stored: list[StoredMessage]) -> list[str]:
    """Return the ids of those messages that may have been fired before."""
    return [each.message.message_id for each in stored if each.in_doubt]


async def counts(store: Store, account: str = "a") -> search.Counts:
    """Return how many messages of an account there are."""
    return await store.read(search.counts, account)


async def crash(store: Store) -> Store:
    """Return the store as it is found after a crash: nothing was released."""
    await store.close()
    return store


@contextmanager
def other_connection(store: Store, **options: Any) -> Iterator[sqlite3.Connection]:
    """Connect to the file as another program does."""
    with closing(sqlite3.connect(store.path, isolation_level=None, **options)) as db:
        yield db


class TestTransitions:
    """The transitions that `docs/reliability.md` lists."""

    async def test_stored_is_pending(self, store: Store) -> None:
        """What is not claimed at once waits, in order, and is not in doubt."""
        received = await receive(store, *numbered(1, 2))
        assert ids(received.new) == ["1", "2"]
        assert received.claimed == []
        assert received.is_more_pending
        assert (await counts(store)).pending == 2
        assert in_doubt(await claim(store)) == []

    async def test_stored_is_claimed(self, store: Store) -> None:
        """What is to be fired at once is claimed in the transaction in which it is stored."""
        received = await receive(store, *numbered(1, 2), claim=True)
        assert ids(received.claimed) == ["1", "2"]
        assert not received.is_more_pending
        assert (await counts(store)).claimed == 2
        assert await claim(store) == []

    async def test_stored_is_existing(self, store: Store) -> None:
        """What was there before the account is never claimed."""
        received = await receive(store, Arrival(MESSAGE, Status.EXISTING), claim=True)
        assert (ids(received.new), received.claimed, received.is_more_pending) == (["1"], [], False)
        assert await claim(store) == []
        assert (await counts(store)).existing == 1

    async def test_pending_is_claimed(self, store: Store) -> None:
        """The oldest first, each once."""
        await receive(store, *numbered(3, 1, 2))
        assert ids(await claim(store)) == ["3", "1", "2"]
        assert await claim(store) == []
        assert (await counts(store)).claimed == 3

    @pytest.mark.parametrize("how", ["alone", "next claim", "next page", "release"])
    async def test_claimed_is_delivered(self, store: Store, how: str) -> None:
        """The mark is stored alone, or with what is stored next."""
        fired = sequences((await receive(store, *numbered(1, 2), claim=True)).claimed)
        if how == "alone":
            await store.write(messages.mark_delivered, "a", fired)
        elif how == "next claim":
            await claim(store, *fired)
        elif how == "next page":
            await receive(store, delivered=fired)
        else:
            await store.write(messages.release, "a", fired)
        found = await counts(store)
        assert (found.delivered, found.claimed, found.pending) == (2, 0, 0)
        assert (await begin(store)).delivered == 2

    async def test_claimed_is_released(self, store: Store) -> None:
        """At a stop, what was not fired is pending again, and not in doubt."""
        claimed = (await receive(store, *numbered(1, 2, 3), claim=True)).claimed
        await store.write(messages.release, "a", [claimed[0].sequence])
        found = await counts(store)
        assert (found.delivered, found.pending, found.claimed) == (1, 2, 0)
        await crash(store)
        await begin(store)
        again = await claim(store)
        assert (ids(again), in_doubt(again)) == (["2", "3"], [])

    async def test_claimed_is_in_doubt_after_a_crash(self, store: Store) -> None:
        """It may have been fired; what was only pending was not."""
        await receive(store, *numbered(1), claim=True)
        await receive(store, *numbered(2))
        await crash(store)
        await begin(store)
        assert (await counts(store)).claimed == 0
        again = await claim(store)
        assert (ids(again), in_doubt(again)) == (["1", "2"], ["1"])

    async def test_undelivered_is_in_doubt_in_a_restored_snapshot(self, store: Store, tmp_path: Path) -> None:
        """Whether pending or claimed: it may have been fired after the snapshot was made."""
        fired = (await receive(store, *numbered(1), claim=True)).claimed
        await receive(store, *numbered(2), delivered=sequences(fired), claim=True)
        await receive(store, *numbered(3))
        await store.freeze()
        restored = Store(tmp_path / "restored.db")
        restored.path.write_bytes(store.path.read_bytes())
        await store.thaw()
        state = await begin(restored)
        assert state.doubt_since is not None
        again = await claim(restored)
        assert (ids(again), in_doubt(again)) == (["2", "3"], ["2", "3"])
        await restored.close()
        assert (await begin(store)).doubt_since is None

    async def test_quarantined_is_pending(self, store: Store) -> None:
        """A record that a person has delivered, or that can be read by now, is not in doubt."""
        await receive(store, unreadable=[b"nonsense"])
        [(number, raw)] = await store.read(quarantine.oldest, "a", 10)
        assert raw == b"nonsense"
        assert await store.write(messages.settle, "a", number, MESSAGE, shown_again=False) == 0
        again = await claim(store)
        assert (ids(again), in_doubt(again)) == (["1"], [])

    async def test_quarantined_is_discarded(self, store: Store) -> None:
        """It leaves nothing."""
        await receive(store, unreadable=[b"nonsense"])
        [(number, _)] = await store.read(quarantine.oldest, "a", 10)
        assert await store.write(messages.settle, "a", number, None, shown_again=False) == 0
        assert await claim(store) == []
        assert await store.read(quarantine.oldest, "a", 10) == []

    async def test_delivered_and_existing_stay_so(self, store: Store) -> None:
        """Neither a start, nor a release, nor a mark, nor its coming again changes them."""
        await receive(store, Arrival(MESSAGE, Status.EXISTING))
        [fired] = sequences((await receive(store, *numbered(2), claim=True)).claimed)
        for _ in range(2):
            await store.write(messages.mark_delivered, "a", [fired, fired - 1])
        await store.write(messages.release, "a", [])
        await crash(store)
        assert (await begin(store)).delivered == 1
        assert (await receive(store, *numbered(1, 2), claim=True)).new == []
        assert await claim(store) == []
        found = await counts(store)
        assert (found.delivered, found.existing) == (1, 1)

    async def test_released_is_not_marked(self, store: Store) -> None:
        """A mark that comes late is that of a message that was fired, whatever its state is by then."""
        [fired] = sequences((await receive(store, *numbered(1), claim=True)).claimed)
        await store.write(messages.release, "a", [])
        await claim(store, fired)
        assert (await counts(store)).delivered == 1


class TestClaims:
    """How many are claimed, and in which order."""

    async def test_never_more_than_a_slice(self, store: Store) -> None:
        """However many are pending."""
        await receive(store, *numbered(*range(250)))
        found: list[str] = []
        while some := await claim(store):
            assert len(some) <= SLICE
            assert (await counts(store)).claimed <= SLICE
            found += ids(some)
            await store.write(messages.mark_delivered, "a", sequences(some))
        assert found == [str(number) for number in range(250)]

    async def test_no_page_claims_more_than_a_slice(self, store: Store) -> None:
        """Of all pages together; what is left is pending."""
        first = await receive(store, *numbered(*range(60)), claim=True)
        second = await receive(store, *numbered(*range(60, 150)), claim=True)
        assert (len(first.claimed), len(second.claimed)) == (60, SLICE - 60)
        assert second.is_more_pending
        assert (await counts(store)).claimed == SLICE
        third = await receive(store, *numbered(200), delivered=sequences(first.claimed), claim=True)
        assert (third.claimed, third.is_more_pending) == ([], True)  # older ones are pending
        assert ids(await claim(store, *sequences(second.claimed))) == [str(n) for n in (*range(100, 150), 200)]

    async def test_claim_beside_what_a_page_has_claimed(self, store: Store) -> None:
        """It leaves no more than a slice in doubt, and makes progress all the same."""
        await receive(store, *numbered(*range(90)), claim=True)
        await receive(store, *numbered(*range(90, 300)))
        assert ids(await claim(store)) == [str(n) for n in range(90, SLICE)]
        assert ids(await claim(store)) == [str(SLICE)]

    async def test_marks_count_before_a_page_claims(self, store: Store) -> None:
        """What was fired makes room in the same transaction."""
        full = await receive(store, *numbered(*range(SLICE)), claim=True)
        new = await receive(store, *numbered(500), delivered=sequences(full.claimed), claim=True)
        assert ids(new.claimed) == ["500"]

    async def test_accounts_have_nothing_to_do_with_each_other(self, store: Store) -> None:
        """One waits for another's messages neither when it claims nor when it begins."""
        await begin(store, "b")
        await receive(store, *numbered(*range(SLICE)), claim=True)
        await receive(store, *numbered(1, 2))
        assert ids((await receive(store, *numbered(1, 2), account="b", claim=True)).claimed) == ["1", "2"]
        await begin(store, "b")
        assert (await counts(store)).claimed == SLICE
        assert in_doubt(await claim(store, account="b")) == ["1", "2"]


class TestPages:
    """What is stored of a page."""

    async def test_a_message_comes_back_unaltered(self, store: Store) -> None:
        """From memory as from the disk."""
        [new] = (await receive(store, MESSAGE)).new
        [claimed] = await claim(store)
        assert new.message == claimed.message == MESSAGE
        assert new == claimed

    async def test_same_id_with_other_content(self, store: Store) -> None:
        """Where a fingerprint says so, it is another message; the first keeps its id, and each is a repeat later."""
        one, two, three = (
            replace(MESSAGE, message_id="A1", text=text, fingerprint=text * 8) for text in ("a", "b", "c")
        )
        assert ids((await receive(store, one)).new) == ["A1"]
        assert ids((await receive(store, two, one, three, two)).new) == ["A1~bbbbbbbb", "A1~cccccccc"]
        await deliver(store)
        await prune(store, store_texts=False)
        assert ids((await receive(store, one, two, three)).new) == []
        assert ids((await receive(store, replace(one, message_id="A2", channel="mms"))).new) == ["A2"]
        assert [each.channel for each in await store.read(search.recent, "a", 4)] == ["mms", None, None, None]

    async def test_known_messages_are_skipped(self, store: Store) -> None:
        """An id is taken once an account, also within a page; the others have the places that they say."""
        await begin(store, "b")
        assert ids((await receive(store, *numbered(1, 1))).new) == ["1"]
        mixed = (await receive(store, *numbered(1, 2, 1, 3, 2))).new
        assert ids(mixed) == ["2", "3"]
        assert ids((await receive(store, *numbered(4))).new) == ["4"]
        assert ids((await receive(store, *numbered(1), account="b")).new) == ["1"]
        by_place = {each.sequence: each.message.message_id for each in await claim(store)}
        assert by_place == {each.sequence: each.message.message_id for each in await deliver(store)} | {
            each.sequence: each.message.message_id
            for each in await store.read(search.find, Query(accounts=("a",), limit=9))
        }
        assert [by_place[each.sequence] for each in mixed] == ["2", "3"]

    @pytest.mark.parametrize("number", [1, 99, 100, 101, 250])
    async def test_places_of_large_pages(self, store: Store, number: int) -> None:
        """What is returned from memory is what is on the disk."""
        await receive(store, *numbered(0))
        new = (await receive(store, *numbered(*range(1, number + 1)))).new
        assert ids(new) == [str(each) for each in range(1, number + 1)]
        found = await store.read(search.find, Query(limit=1000, newest_first=False))
        assert [(each.sequence, each.message.message_id) for each in found][1:] == [
            (each.sequence, each.message.message_id) for each in new
        ]

    async def test_page_and_cursor_are_one(self, store: Store) -> None:
        """A page that can't be stored whole moves no cursor and leaves no message, mark or record."""
        fired = (await receive(store, MESSAGE, claim=True)).claimed
        bad = replace(MESSAGE, message_id="3", sender=None)  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            await receive(
                store,
                replace(MESSAGE, message_id="2"),
                bad,
                progress=Progress(cursor={"page": 2}, first_run=False),
                unreadable=[b"nonsense"],
                delivered=sequences(fired),
            )
        state = await begin(store)
        assert (state.cursor, state.quarantined, state.delivered) == ({}, 0, 0)
        assert ids(await claim(store)) == ["1"]

    async def test_progress(self, store: Store) -> None:
        """It is where the account begins next time; being at the end of the inbox ends a doubt."""
        await store.write(accounts.doubt_all)
        await receive(store, progress=Progress(cursor={"page": 2}, first_run=True))
        state = await begin(store)
        assert (state.cursor, state.first_run, state.doubt_since is None) == ({"page": 2}, True, False)
        await receive(store, progress=Progress(cursor={"page": 3}, first_run=False, caught_up=True))
        state = await begin(store)
        assert (state.cursor, state.first_run, state.doubt_since) == ({"page": 3}, False, None)

    async def test_unreadable_records_are_kept_once(self, store: Store) -> None:
        """The same nonsense again is the same; messages come with it all the same."""
        received = await receive(store, MESSAGE, unreadable=[b"\x00nonsense", b"more"])
        assert (received.quarantined, ids(received.new)) == (2, ["1"])
        assert (await receive(store, unreadable=[b"\x00nonsense"])).quarantined == 2
        assert (await receive(store, *numbered(2))).quarantined == 2
        assert (await begin(store)).quarantined == 2

    @pytest.mark.parametrize("deliver_it", [False, True])
    async def test_record_that_is_shown_again_is_settled_once(self, store: Store, *, deliver_it: bool) -> None:
        """A list goes on showing what a person has delivered or discarded; nobody is asked about it again."""
        await receive(store, unreadable=[b"nonsense", b"more"])
        (number, _), _ = await store.read(quarantine.oldest, "a", 10)
        for _ in range(2):
            left = await store.write(messages.settle, "a", number, MESSAGE if deliver_it else None, shown_again=True)
            assert left == 1
        await receive(store, unreadable=[b"nonsense", b"more"])
        assert [raw for _, raw in await store.read(quarantine.oldest, "a", 10)] == [b"more"]
        assert len(await claim(store)) == deliver_it

    async def test_file_was_deleted_while_the_account_was_in_use(self, store: Store) -> None:
        """What its provider may go on showing was fired, so that it isn't again; what is new is."""
        for path in store.path.parent.iterdir():
            path.unlink()
        progress = Progress(cursor={"page": 7}, first_run=False, stored_ids=["1", "\ud800"])
        new = (await receive(store, *numbered(1, 2), progress=progress)).new
        assert ids(new) == ["2"]
        assert store.lost
        assert (await begin(store)).cursor == {"page": 7}

    async def test_few_statements(self, store: Store) -> None:
        """However many messages a page has: a mark, progress, a look, an insertion; begin and commit."""
        fired = sequences((await receive(store, *numbered(*range(50)), claim=True)).claimed)
        statements: list[str] = []

        def traced(db: sqlite3.Connection) -> Received:
            db.set_trace_callback(statements.append)
            try:
                return messages.receive(
                    db,
                    "a",
                    [Arrival(message) for message in numbered(*range(100, 200))],
                    progress=Progress(cursor={}, first_run=False),
                    delivered=fired,
                    claim=True,
                )
            finally:
                db.set_trace_callback(None)

        assert len((await store.write(traced)).new) == 100
        top = [statement for statement in statements if not statement.startswith("--")]
        assert len(top) <= 5


class TestOddMessages:
    """One record never keeps others from being stored."""

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))),
            datetime(1999, 12, 31, tzinfo=UTC),
            datetime(2026, 11, 21),  # noqa: DTZ001 - that is the fault
            None,
        ],
        ids=str,
    )
    async def test_impossible_time(self, store: Store, at: datetime | None) -> None:
        """It becomes the time of arrival; the next start, a query and pruning can use it."""
        await receive(store, replace(MESSAGE, received_at=at), *numbered(2))
        first, second = await deliver(store)
        assert first.message.received_at == first.stored_at
        assert second.message.received_at == MESSAGE.received_at
        await crash(store)
        state = await begin(store)
        assert state.last_received_at
        assert len(await store.read(search.find, Query(limit=10, since=ADDED_AT))) == 2
        await prune(store)

    async def test_time_in_another_zone(self, store: Store) -> None:
        """It is stored in UTC, so that times are ordered as texts."""
        zone = timezone(timedelta(hours=13))
        assert MESSAGE.received_at
        await receive(store, replace(MESSAGE, received_at=MESSAGE.received_at.astimezone(zone)), *numbered(2))
        first, second = await claim(store)
        assert first.message.received_at == second.message.received_at
        with other_connection(store) as db:
            times = {row[0] for row in db.execute("SELECT received_at FROM message")}
        assert times == {MESSAGE.received_at.isoformat()}

    @pytest.mark.parametrize(
        "odd",
        [
            {"text": "\x00\x00"},
            {"text": "\ud800 lone", "sender": "\udfff", "recipient": "\ud800", "in_reply_to": "\ud800"},
            {"message_id": "\ud800"},
            {"message_id": "i" * 10_240},
            {"message_id": ""},
            {"sender": "s" * 10_240, "text": ""},
            {"text": "x" * 1024 * 1024, "raw": b"\xff" * 1024 * 1024},
            {"encoding": "binary", "data": b"\x00" * 140_000},
        ],
        ids=["NULs", "surrogates", "surrogate as id", "id of 10 KB", "no id", "sender of 10 KB", "1 MB", "data"],
    )
    async def test_odd_contents(self, store: Store, odd: dict[str, Any]) -> None:
        """They are stored, known when they come again, found, and leave the next ones alone."""
        message = replace(MESSAGE, message_id="odd", **({} if "message_id" in odd else odd))
        message = replace(message, **odd)
        page = [*numbered(1), message, *numbered(2)]
        assert len((await receive(store, *page)).new) == 3
        assert (await receive(store, *page)).new == []
        first, middle, last = await deliver(store)
        assert (first.message, last.message) == (page[0], page[2])
        for name, value in odd.items():
            got = getattr(middle.message, name)
            expected = (
                value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if type(value) is str else value
            )
            assert got == expected
        assert len(await store.read(search.find, Query(limit=10, is_from=lambda _: True))) == 3
        assert len(await store.read(search.recent, "a", 10)) == 3

    async def test_many_ids_of_10_kb(self, store: Store) -> None:
        """In one page."""
        page = [replace(MESSAGE, message_id=f"{number}{'i' * 10_240}") for number in range(100)]
        assert ids((await receive(store, *page, claim=True)).claimed) == [each.message_id for each in page]

    @pytest.mark.parametrize(
        "error",
        [TypeError, ValueError, OverflowError, KeyError, AttributeError, RecursionError, MemoryError, OSError],
    )
    @pytest.mark.parametrize("way", ["write", "read"])
    async def test_nothing_but_a_store_error(self, store: Store, way: str, error: type[Exception]) -> None:
        """Whatever goes wrong, nothing of it is stored, no text is in the error, and the next one works."""

        def fail(db: sqlite3.Connection) -> None:
            if way == "write":
                messages.receive(db, "a", [Arrival(MESSAGE)])
            raise error("Kia ora")

        with pytest.raises(StoreError) as raised:
            await getattr(store, way)(fail)
        assert "Kia ora" not in str(raised.value)
        assert isinstance(raised.value.__cause__, error)
        assert await claim(store) == []
        assert ids((await receive(store, MESSAGE)).new) == ["1"]

    @pytest.mark.parametrize("value", [2**80, float, b"", "\ud800"])
    async def test_values_that_can_not_be_stored(self, store: Store, value: Any) -> None:
        """The same."""
        with pytest.raises(StoreError):
            await store.write(lambda db: db.execute("UPDATE account SET first_run = ?", (value,)))
        assert (await begin(store)).first_run


class TestFile:
    """What is promised of the file."""

    async def test_only_its_owner_can_read_it(self, store: Store) -> None:
        """The file and its companions."""
        await receive(store, MESSAGE)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in store.path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
        assert len(modes) == 3

    async def test_whoever_made_it(self, store: Store) -> None:
        """A file that somebody copied here, its log, and earlier damaged ones, are closed to others."""
        await receive(store, MESSAGE)
        log = Path(f"{store.path}-wal").read_bytes()
        await store.close()
        damaged = Path(f"{store.path}.damaged-20260101T000000")
        for file in (store.path, Path(f"{store.path}-wal"), Path(f"{store.path}-shm"), damaged, Path(f"{damaged}-wal")):
            if file != store.path:
                file.write_bytes(log if file.name == "sms_inbox.db-wal" else b"")
            file.chmod(0o644)
        Path(f"{store.path}.folder").mkdir(mode=0o755)
        await begin(store)
        for file in store.path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == (0o755 if file.is_dir() else 0o600)
        assert len(list(store.path.parent.iterdir())) == 6

    async def test_checkpoints_make_no_file(self, store: Store) -> None:
        """Where there is none any more; one that anybody could read would be left."""
        for path in store.path.parent.iterdir():
            path.unlink()
        await store.empty_log()
        assert list(store.path.parent.iterdir()) == []

    async def test_another_process_sees_what_was_written(self, store: Store) -> None:
        """When a write returns, its transaction is over."""
        await receive(store, MESSAGE)
        with other_connection(store) as db:
            assert db.execute("SELECT text FROM message").fetchall() == [(MESSAGE.text,)]

    async def test_survives_being_closed(self, store: Store) -> None:
        """The next use opens the file again."""
        await receive(store, MESSAGE)
        await store.close()
        await store.close()
        assert len(await store.read(search.find, Query(limit=1))) == 1
        await store.close()
        assert len(await claim(store)) == 1

    async def test_error_has_its_kind_and_no_path(self, store: Store) -> None:
        """A folder in the place of the file can't be opened; the error says so and no more."""
        await store.close()
        store.path.unlink()
        store.path.mkdir(parents=True)
        for use in (begin(store), store.read(search.count_all), store.freeze(), store.open()):
            with pytest.raises(StoreError) as raised:
                await use
            assert str(store.path.parent) not in str(raised.value)
        await store.empty_log()
        store.path.rmdir()
        await begin(store)
        assert ids((await receive(store, MESSAGE)).new) == ["1"]

    async def test_newer_version_is_refused_and_left_alone(self, store: Store) -> None:
        """A file of a later release is not touched."""
        await store.close()
        with other_connection(store) as db:
            db.execute("PRAGMA user_version = 99")
        content = store.path.read_bytes()
        with pytest.raises(StoreError, match="newer"):
            await begin(store)
        assert store.set_aside is None
        assert store.path.read_bytes() == content

    @pytest.mark.parametrize("damage", ["not a database", "torn page", "tables without a version"])
    async def test_damaged_file_is_set_aside(self, store: Store, damage: str) -> None:
        """A damaged file is kept beside a new one, closed to others."""
        await receive(store, *(replace(message, text="x" * 3000) for message in numbered(*range(50))))
        await store.close()
        content = bytearray(store.path.read_bytes())
        if damage == "not a database":
            content[:] = b"not a database" * 1000
        elif damage == "torn page":
            content[8192:16384] = b"\xa5" * 8192
        else:
            content[60:64] = bytes(4)
        store.path.write_bytes(content)
        store.path.chmod(0o644)
        assert (await begin(store)).first_run
        assert store.set_aside
        assert store.damaged_at
        assert store.set_aside.read_bytes() == content
        assert {stat.S_IMODE(path.stat().st_mode) for path in (store.path, store.set_aside)} == {0o600}
        await receive(store, MESSAGE)

    async def test_damaged_while_in_use(self, store: Store) -> None:
        """What meets the damage fails; the next use sets the file aside."""
        await receive(store, *(replace(message, text="x" * 3000) for message in numbered(*range(50))))
        await store.empty_log()
        with store.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 4096 * 40)
        await store.close()
        assert (await begin(store)).first_run
        assert store.set_aside

    @pytest.mark.parametrize("way", ["deleted", "replaced"])
    async def test_deleted_or_replaced_while_in_use(self, store: Store, tmp_path: Path, way: str) -> None:
        """What is stored next goes to the file that is there then, and reads see it."""
        await receive(store, *numbered(1))
        assert await store.read(search.count_all) == 1
        other = Store(tmp_path / "other.db")
        await begin(other)
        await other.close()
        if way == "deleted":
            for path in store.path.parent.iterdir():
                path.unlink()
        else:
            other.path.replace(store.path)
        assert await store.read(search.count_all) == 0
        assert store.lost
        await begin(store)
        await receive(store, *numbered(2, 3))
        assert await store.read(search.count_all) == 2
        await store.close()
        assert await store.read(search.count_all) == 2

    async def test_only_damaged_files_beside_it_are_deleted(self, store: Store, tmp_path: Path) -> None:
        """Whatever an issue's data says."""
        other = tmp_path / "sms_inbox.db.damaged-1"
        damaged = Path(f"{store.path}.damaged-1")
        for path in (other, damaged, Path(f"{damaged}-wal")):
            path.write_bytes(b"")
        store.set_aside = damaged
        store.settle_damaged(other, delete=True)
        store.settle_damaged(store.path, delete=True)
        assert other.exists()
        assert store.path.exists()
        assert store.set_aside == damaged
        store.settle_damaged(damaged, delete=True)
        assert not damaged.exists()
        assert not Path(f"{damaged}-wal").exists()
        assert store.set_aside is None

    async def test_log_stays_small(self, store: Store) -> None:
        """It is copied into the file beside the writer, and begins again."""
        sizes = []
        for number in range(40):
            await receive(store, replace(MESSAGE, message_id=str(number), text="x" * 1024 * 1024))
            sizes.append(store.sizes()["log_bytes"])
            await store.read(search.count_all)  # the checkpoint came before it
        assert max(sizes) < 4 * LOG_LIMIT
        assert store.sizes()["bytes"] > 40 * 1024 * 1024

    async def test_log_stays_small_while_others_write(self, store: Store) -> None:
        """Also where a long job never leaves them a gap in which all of it is copied."""
        batches = iter(range(200))
        sizes = []

        def batch(db: sqlite3.Connection) -> bool:
            number = next(batches)
            messages.receive(db, "a", [Arrival(replace(MESSAGE, message_id=str(number), text="x" * 300_000))])
            return number < 199

        job = asyncio.create_task(store.write_in_batches(batch))
        while not job.done():
            await store.write(accounts.set_loss, "a", datetime.now(UTC))
            sizes.append(store.sizes()["log_bytes"])
        assert await job
        assert max(sizes) < 4 * LOG_LIMIT

    @pytest.mark.parametrize("beside", ["nobody", "a reader of ours", "a reader elsewhere"])
    async def test_what_is_erased_is_not_in_the_file(self, store: Store, beside: str) -> None:
        """Nor in its log: at once, or as soon as others let go of it."""
        await receive(store, replace(MESSAGE, text="Gate code 4711", raw=b"4711"), *numbered(2))
        await deliver(store)
        assert b"4711" in contents(store)
        if beside == "a reader of ours":
            await asyncio.gather(store.read(search.count_all), prune(store, store_texts=False), store.empty_log())
        elif beside == "a reader elsewhere":
            with other_connection(store) as db:
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM message").fetchone()
                await prune(store, store_texts=False)
                await store.empty_log()
                await receive(store, *numbered(3))
                assert b"4711" in contents(store)
            await receive(store, *numbered(4))
            await store.read(search.count_all)
        else:
            await prune(store, store_texts=False)
            await store.empty_log()
        assert b"4711" not in contents(store)


class TestThreads:
    """Who waits for whom; nothing sleeps."""

    async def test_a_read_does_not_wait_for_a_write(self, store: Store) -> None:
        """It sees what was committed before."""
        await receive(store, *numbered(1))
        writing, go_on = threading.Event(), threading.Event()

        def write(db: sqlite3.Connection) -> None:
            messages.receive(db, "a", [Arrival(message) for message in numbered(2)])
            writing.set()
            assert go_on.wait(SECONDS)

        task = asyncio.create_task(store.write(write))
        await wait_for(writing)
        assert await store.read(search.count_all) == 1
        assert not task.done()
        go_on.set()
        await task
        assert await store.read(search.count_all) == 2

    async def test_results_come_in_the_order_of_the_writes(self, store: Store) -> None:
        """A thread that has ended before its caller waits doesn't overtake the one before."""
        asked, ended = threading.Event(), []

        async def write(number: int) -> None:
            await store.write(lambda _: asked.wait(SECONDS))
            ended.append(number)

        submit = ThreadPoolExecutor.submit

        def submit_and_wait(executor: ThreadPoolExecutor, work: Callable[[], Any]) -> Future[Any]:
            asked.set()
            future = submit(executor, work)
            wait([future])
            return future

        first = asyncio.Task(write(1), eager_start=True)
        with patch.object(ThreadPoolExecutor, "submit", submit_and_wait):
            await write(2)
        await first
        assert ended == [1, 2]

    async def test_a_write_does_not_wait_for_a_read(self, store: Store) -> None:
        """The read goes on seeing what it began with."""
        await receive(store, *numbered(1))
        reading, go_on = threading.Event(), threading.Event()

        def read(db: sqlite3.Connection) -> tuple[int, int]:
            before = search.count_all(db)
            reading.set()
            assert go_on.wait(SECONDS)
            return before, search.count_all(db)

        task = asyncio.create_task(store.read(read))
        await wait_for(reading)
        fired = (await receive(store, *numbered(2), claim=True)).claimed
        await store.write(messages.release, "a", sequences(fired))
        assert not task.done()
        go_on.set()
        assert await task == (1, 1)

    async def test_a_read_can_not_write(self, store: Store) -> None:
        """Whatever its function does."""
        with pytest.raises(StoreError):
            await store.read(messages.claim, "a", [])

    async def test_writes_keep_their_order(self, store: Store) -> None:
        """That in which they were asked for; a batch lets others in between."""
        order: list[str] = []
        batches = iter(range(3))
        writing, go_on = threading.Event(), threading.Event()

        def note(_: sqlite3.Connection, name: str) -> None:
            order.append(name)
            writing.set()
            assert go_on.wait(SECONDS)

        def batch(_: sqlite3.Connection) -> bool:
            order.append("batch")
            return next(batches) < 2

        tasks = []
        for work in (store.write(note, "first"), store.write_in_batches(batch), store.write(note, "second")):
            tasks.append(asyncio.create_task(work))
            await asyncio.sleep(0)  # it is asked for now
        await wait_for(writing)
        go_on.set()
        assert await asyncio.gather(*tasks) == [None, True, None]
        assert order == ["first", "batch", "second", "batch", "batch"]
        assert not await store.write_in_batches(lambda _: False)

    async def test_a_write_goes_on_when_nobody_waits(self, store: Store) -> None:
        """It is stored whole."""
        writing, go_on = threading.Event(), threading.Event()

        def write(db: sqlite3.Connection) -> None:
            writing.set()
            assert go_on.wait(SECONDS)
            messages.receive(db, "a", [Arrival(MESSAGE)])

        task = asyncio.create_task(store.write(write))
        await wait_for(writing)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert ids(await claim(store)) == ["1"]

    async def test_the_executor_of_others_is_not_used(self, store: Store) -> None:
        """All its threads may be busy: Home Assistant's is the default one of the loop."""
        with patch.object(asyncio.get_running_loop(), "run_in_executor") as run_in_executor:
            await receive(store, MESSAGE)
            await store.read(search.count_all)
            await store.freeze()
            await store.thaw()
            await store.empty_log()
            await store.close()
        run_in_executor.assert_not_called()

    async def test_threads_end(self, store: Store) -> None:
        """With the store."""
        await store.read(search.count_all)
        assert len(own_threads()) == 2
        await store.close()
        assert own_threads() == []


class TestRetention:
    """What is erased, and what is forgotten."""

    async def test_latest_is_what_was_delivered_last(self, store: Store) -> None:
        """What is only stored is not shown."""
        await receive(store, *numbered(1, 2))
        claimed = await claim(store)
        await store.write(messages.release, "a", [claimed[0].sequence])
        latest = (await begin(store)).latest
        assert latest
        assert latest.message.message_id == "1"

    async def test_texts_are_erased_after_a_time(self, store: Store, freezer: FrozenDateTimeFactory) -> None:
        """With all that says something of a person; what is not delivered stays, and a repeat is still known."""
        freezer.move_to(ADDED_AT)
        await receive(store, *numbered(1, 2), Arrival(replace(MESSAGE, message_id="3"), Status.EXISTING))
        [first, _] = await claim(store)
        await store.write(messages.release, "a", [first.sequence])
        freezer.move_to(ADDED_AT + timedelta(days=31))
        await prune(store)
        with other_connection(store) as db:
            left = db.execute(
                "SELECT message_id, sender, recipient, text, data, raw FROM message ORDER BY sequence"
            ).fetchall()
        assert left[0] == ("1", "", None, None, None, None)
        assert left[1][0] == "2"
        assert left[1][3] == MESSAGE.text
        assert left[2] == ("3", "", None, None, None, None)
        assert (await receive(store, *numbered(1, 2, 3))).new == []

    async def test_only_the_last_text_is_stored(self, store: Store) -> None:
        """Where texts are not to be stored: all others go at once, but for those that are not delivered."""
        await receive(store, *numbered(*range(250)))
        while claimed := await claim(store):
            await store.write(messages.mark_delivered, "a", sequences(claimed))
        await receive(store, *numbered(300), claim=True)
        await prune(store, store_texts=False)
        assert sequences(await store.read(search.find, Query(limit=10))) == [251]
        assert (await counts(store)).with_text == 1
        assert (await receive(store, *numbered(5, 300))).new == []

    async def test_nothing_is_written_where_nothing_is_to_be_erased(self, store: Store) -> None:
        """Neither to the file nor to its log."""
        await receive(store, *numbered(1, 2))
        await deliver(store)
        await prune(store, store_texts=False)
        before = contents(store)
        assert not await prune(store, store_texts=False)
        assert not await prune(store)
        assert contents(store) == before

    async def test_a_clock_that_was_ahead_keeps_no_text(self, store: Store, freezer: FrozenDateTimeFactory) -> None:
        """Messages that were stored in days to come don't keep later ones from being erased."""
        freezer.move_to(datetime(2090, 1, 1, tzinfo=UTC))
        await receive(store, *numbered(*range(150)))
        await deliver(store)
        freezer.move_to(ADDED_AT)
        await receive(store, replace(MESSAGE, message_id="now", text="Gate code 4711"))
        await deliver(store)
        freezer.move_to(ADDED_AT + timedelta(days=31))
        await prune(store)
        assert await store.read(search.find, Query(limit=10, contains="4711")) == []

    async def test_pending_messages_keep_no_text(self, store: Store) -> None:
        """Those of an account that can't deliver don't keep others from being erased."""
        await receive(store, *numbered(*range(150)))
        await receive(store, Arrival(replace(MESSAGE, message_id="old", text="Gate code 4711"), Status.EXISTING))
        await prune(store, texts_before=datetime.now(UTC) + timedelta(days=1))
        assert await store.read(search.find, Query(limit=10, contains="4711")) == []
        assert (await counts(store)).pending == 150

    @pytest.mark.parametrize(
        ("received", "stored", "known"),
        [(0, 0, False), (0, 100, True), (100, 0, True)],
        ids=["old", "came late, or our clock was ahead", "our clock was behind"],
    )
    async def test_identity_is_kept_for_400_days(
        self, store: Store, freezer: FrozenDateTimeFactory, received: int, stored: int, *, known: bool
    ) -> None:
        """Since the message was received and since it was stored, whatever is later."""
        message = replace(MESSAGE, received_at=ADDED_AT + timedelta(days=received))
        freezer.move_to(ADDED_AT + timedelta(days=max(stored, received - 1)))
        await receive(store, message)
        if received > stored:
            with other_connection(store) as db:
                db.execute("UPDATE message SET stored_at = ?", (ADDED_AT.isoformat(),))
        freezer.move_to(ADDED_AT + timedelta(days=450))
        await receive(store, replace(MESSAGE, message_id="2", received_at=datetime.now(UTC)))
        await deliver(store)
        await prune(store)
        assert ids((await receive(store, message)).new) == ([] if known else ["1"])

    async def test_identity_is_kept_while_nothing_comes(self, store: Store, freezer: FrozenDateTimeFactory) -> None:
        """A list by time goes on showing the latest messages, however old; they go when others have come."""
        freezer.move_to(ADDED_AT)
        shown = [replace(MESSAGE, message_id=str(day), received_at=ADDED_AT - timedelta(days=day)) for day in (2, 0)]
        await receive(store, *shown)
        await deliver(store)
        freezer.move_to(ADDED_AT + timedelta(days=1000))
        await prune(store)
        assert (await receive(store, *shown)).new == []
        await receive(store, replace(MESSAGE, message_id="new", received_at=datetime.now(UTC)))
        await deliver(store)
        await prune(store)
        assert ids((await receive(store, *shown)).new) == ["2", "0"]

    async def test_delivered_messages_are_counted_for_good(self, store: Store, freezer: FrozenDateTimeFactory) -> None:
        """Also when their identities are forgotten."""
        freezer.move_to(ADDED_AT)
        await receive(store, *numbered(1, 2, 3))
        await deliver(store)
        freezer.move_to(ADDED_AT + timedelta(days=450))
        await receive(store, replace(MESSAGE, message_id="4", received_at=datetime.now(UTC)))
        await prune(store)
        assert await counts(store) == search.Counts(
            pending=1, delivered=0, existing=0, claimed=0, with_text=1, quarantined=0
        )
        assert (await begin(store)).delivered == 3
        assert await store.read(search.count_all) == 1

    async def test_records_are_forgotten(self, store: Store, freezer: FrozenDateTimeFactory) -> None:
        """With the texts; that they were settled is known for as long as identities are."""
        freezer.move_to(ADDED_AT)
        await receive(store, *numbered(1), unreadable=[b"waiting", b"settled"])
        await deliver(store)
        _, (number, _) = await store.read(quarantine.oldest, "a", 10)
        await store.write(messages.settle, "a", number, None, shown_again=True)
        freezer.move_to(ADDED_AT + timedelta(days=31))
        assert await prune(store)
        assert (await begin(store)).quarantined == 0
        assert (await receive(store, unreadable=[b"settled"])).quarantined == 0
        freezer.move_to(ADDED_AT + timedelta(days=450))
        await prune(store)
        assert (await receive(store, unreadable=[b"settled"])).quarantined == 1

    async def test_removed_account_leaves_nothing(self, store: Store) -> None:
        """Neither in the tables nor in the bytes of the file; others stay."""
        secret = replace(MESSAGE, text="Gate code 4711", raw=b"4711", sender="4711")
        await receive(store, *(replace(secret, message_id=f"{number} 4711") for number in range(250)))
        await receive(store, unreadable=[b"4711"])
        await begin(store, "b")
        await receive(store, MESSAGE, account="b")
        assert await store.write_in_batches(partial(retention.remove, account="a"))
        await store.empty_log()
        assert b"4711" not in contents(store)
        with other_connection(store) as db:
            for table in ("message", "account", "quarantine"):
                assert db.execute(f"SELECT count(*) FROM {table} WHERE account = 'a'").fetchone()[0] == 0
        assert ids(await claim(store, account="b")) == ["1"]
        assert (await begin(store)).first_run


class TestQueries:
    """What is found, and by which index."""

    async def test_newest_messages_come_in_the_order_of_their_times(self, store: Store) -> None:
        """Not in that of their arrival; those of one second in that."""
        times = [datetime(2026, 11, 21, 10, 0, second, tzinfo=UTC) for second in (5, 1, 1)]
        page = [replace(MESSAGE, message_id=str(number), received_at=time) for number, time in enumerate(times)]
        await receive(store, *page)
        assert sequences(await store.read(search.find, Query(limit=10))) == [1, 3, 2]
        assert sequences(await store.read(search.find, Query(limit=2, newest_first=False))) == [2, 3]

    async def test_what_came_last(self, store: Store) -> None:
        """Understood or not, as it came; nothing where it is erased."""
        assert await store.read(search.last_record, "a") is None
        await receive(store, MESSAGE)
        assert await store.read(search.last_record, "a") == MESSAGE.raw
        await receive(store, unreadable=[b"nonsense"])
        assert await store.read(search.last_record, "a") == b"nonsense"

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            (Query(limit=10), "message_received"),
            (Query(limit=10, newest_first=False), "message_received"),
            (Query(limit=10, contains="x"), "message_received"),
            (Query(limit=10, since=ADDED_AT, until=ADDED_AT), "message_received"),
            (Query(accounts=("a",), limit=10), "message_newest"),
            (Query(accounts=("a",), limit=10, since=ADDED_AT), "message_newest"),
            (Query(accounts=("a",), limit=10, contains="x"), "message_newest"),
            (Query(limit=10, is_from=lambda sender: sender.endswith("7")), "message_sender"),
            (Query(accounts=("a",), limit=10, is_from=lambda sender: sender.endswith("7")), "message_sender"),
        ],
    )
    async def test_index_of_a_query(self, store: Store, query: Query, index: str) -> None:
        """No query of a person looks at more than it has to."""
        await fill(store)
        plan = await store.read(explain, lambda db: search.find(db, query))
        assert all(f"USING INDEX {index}" in step or "USING COVERING INDEX" in step for step in used(plan)), plan
        assert any(index in step for step in plan)

    @pytest.mark.parametrize(
        ("work", "indexes"),
        [
            (lambda db: messages.claim(db, "a", []), {"message_undelivered"}),
            (lambda db: messages.mark_delivered(db, "a", [1, 2]), set()),
            (lambda db: messages.release(db, "a", []), {"message_undelivered"}),
            (
                lambda db: messages.receive(db, "a", [Arrival(MESSAGE)], claim=True),
                {"message_undelivered", "quarantine_waiting", "message_account"},
            ),
            (
                lambda db: accounts.begin(db, "a", "bulksms", ADDED_AT),
                {"message_undelivered", "message_text", "message_account", "quarantine_waiting"},
            ),
            (lambda db: retention.remove(db, "a"), {"message_account"}),
            (
                lambda db: retention.prune(
                    db, "a", store_texts=False, texts_before=ADDED_AT, identities_before=LONG_AGO
                ),
                {"message_text", "message_account", "quarantine"},
            ),
            (lambda db: search.recent(db, "a", 10), {"message_account"}),
            (lambda db: search.last_record(db, "a"), {"message_account", "quarantine_waiting"}),
            (accounts.doubt_all, {"message_undelivered", "account"}),
        ],
        ids=["claim", "mark", "release", "receive", "begin", "remove", "prune", "recent", "last_record", "doubt_all"],
    )
    async def test_index_of_a_write(
        self, store: Store, work: Callable[[sqlite3.Connection], Any], indexes: set[str]
    ) -> None:
        """Nothing looks at a whole table, or sorts one."""
        await fill(store)
        plan = await store.write(explain, work)
        assert not [step for step in plan if "TEMP B-TREE" in step or step == "SCAN message"], plan
        for step in used(plan):
            assert any(index in step for index in indexes), plan


def explain(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], Any]) -> list[str]:
    """Return the plans of all statements of a function."""
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    try:
        work(db)
    finally:
        db.set_trace_callback(None)
    return [
        step["detail"]
        for statement in statements
        if statement.startswith(("SELECT", "\nSELECT", "UPDATE", "\nUPDATE", "DELETE", "\nWITH", "WITH"))
        for step in db.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def used(plan: list[str]) -> list[str]:
    """Return the steps that look into the tables of messages or records."""
    found = [step for step in plan if step.startswith(("SEARCH message", "SCAN message", "SEARCH quarantine"))]
    return [step for step in found if "USING INTEGER PRIMARY KEY" not in step]


async def fill(store: Store) -> None:
    """Store enough for SQLite to have a choice."""
    await begin(store, "b")
    for account in "ab":
        page = [replace(message, sender=f"+44770090{index}") for index, message in enumerate(numbered(*range(300)))]
        await receive(store, *page, account=account, unreadable=[b"nonsense"])
        await claim(store, account=account)


async def prune(store: Store, *, store_texts: bool = True, texts_before: datetime | None = None) -> bool:
    """Erase texts of more than 30 days ago, and forget what is 400 days old; return whether there was any."""
    now = datetime.now(UTC)
    return await store.write_in_batches(
        partial(
            retention.prune,
            account="a",
            store_texts=store_texts,
            texts_before=texts_before or now - timedelta(days=30),
            identities_before=now - timedelta(days=400),
        )
    )


def contents(store: Store) -> bytes:
    """Return the bytes of the file and its log."""
    log = Path(f"{store.path}-wal")
    return store.path.read_bytes() + (log.read_bytes() if log.exists() else b"")


def own_threads() -> list[str]:
    """Return the names of the store's threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sms_inbox")]


async def wait_for(event: threading.Event) -> None:
    """Wait until a thread has come somewhere, while the event loop runs."""
    async with asyncio.timeout(SECONDS):
        while not event.is_set():
            await asyncio.sleep(0)


def test_statuses_are_those_of_the_file() -> None:
    """Their numbers are stored."""
    assert {status.name: status.value for status in Status} == {
        "PENDING": 0,
        "DELIVERED": 1,
        "EXISTING": 2,
        "CLAIMED": 3,
    }
    assert schema.VERSION == 6
