"""The walk through a list by time: where it stops, where it goes on, and what the cursor says."""

from datetime import UTC, datetime, timedelta
import tracemalloc

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Cursor, Message, Page
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    TemporaryError,
)
from custom_components.sms_inbox.providers.window import Next, Read, Row, Walk

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIZE = 10


class Server:
    """A list by time, newest first, whose positions are those of rows.

    Attributes:
        rows: Times by id.
        sent: Ids of rows that are no received messages.
        errors: What is raised instead of reading the page at a position; None is the newest page.
        reads: The positions that were read.
    """

    def __init__(self, count: int = 0) -> None:
        """Have some rows, a minute apart."""
        self.rows = {f"m{number}": NOW - timedelta(minutes=count - number) for number in range(count)}
        self.sent: set[str] = set()
        self.errors: dict[int | None, ProviderError] = {}
        self.reads: list[int | None] = []
        self.walk = Walk[int](lambda: NOW, timedelta(days=2))

    async def read(self, position: int | None) -> tuple[list[Row], Next[int]]:
        """Return the rows of a page, the oldest first."""
        self.reads.append(position)
        if position in self.errors:
            raise self.errors[position]
        listed = sorted(self.rows.items(), key=lambda item: item[1], reverse=True)
        start = position or 0
        page = listed[start : start + SIZE]
        rows = [Row(key=id_, time=at, message=None if id_ in self.sent else message(id_, at)) for id_, at in page]
        return rows[::-1], start + SIZE if start + SIZE < len(listed) else None

    async def poll(self, cursor: Cursor) -> list[Page]:
        """Read page by page until there are no more; return the pages."""
        self.reads.clear()
        pages = [await self.walk.fetch(cursor, self.read)]
        while pages[-1].more:
            pages.append(await self.walk.fetch(pages[-1].cursor, self.read))
        return pages


def message(id_: str, at: datetime) -> Message:
    """Return a message."""
    return Message(
        message_id=id_,
        sender="",
        recipient=None,
        text="",
        encoding="text",
        data=None,
        received_at=at,
        in_reply_to=None,
        raw=b"",
    )


def ids(pages: list[Page]) -> list[str]:
    """Return the ids on pages."""
    return [message.message_id for page in pages for message in page.messages]


async def test_first_walk() -> None:
    """It goes to the end; only then the cursor moves, to the latest time."""
    server = Server(35)
    pages = await server.poll({})
    assert [len(page.messages) for page in pages] == [10, 10, 10, 5]
    assert ids(pages[:1]) == [f"m{number}" for number in range(25, 35)]
    since = {"since": (NOW - timedelta(minutes=1)).isoformat()}
    assert [page.cursor for page in pages] == [{}, {}, {}, since]
    assert server.walk.begin == NOW - timedelta(days=32)


async def test_quiet_poll_of_many() -> None:
    """It reads one page of 10,000 rows, of which most are no received messages."""
    server = Server(10_000)
    server.sent = {f"m{number}" for number in range(9_990)}
    pages = await server.poll({})
    assert len(ids(pages)) == 10
    for _ in range(5):
        quiet = await server.poll(pages[-1].cursor)
        assert quiet == [Page(messages=(), cursor=pages[-1].cursor, more=False)]
        assert server.reads == [None]


async def test_new_messages() -> None:
    """The walk stops at the first page that is wholly known."""
    server = Server(100)
    cursor = (await server.poll({}))[-1].cursor
    server.rows |= {f"new{number}": NOW + timedelta(seconds=number) for number in range(14)}
    pages = await server.poll(cursor)
    assert sorted(ids(pages)) == sorted(f"new{number}" for number in range(14))
    assert server.reads == [None, 10, 20]
    assert pages[-1].cursor == {"since": NOW.isoformat()}  # and not the future


async def test_late_message_on_the_newest_page() -> None:
    """It is found at once."""
    server = Server(100)
    cursor = (await server.poll({}))[-1].cursor
    server.rows["late"] = NOW - timedelta(minutes=5, seconds=30)
    assert ids(await server.poll(cursor)) == ["late"]


async def test_late_message_among_known_ones(freezer: FrozenDateTimeFactory) -> None:
    """It is found by the hourly check, which reads one page of the window at each poll."""
    server = Server(100)
    cursor = (await server.poll({}))[-1].cursor
    server.rows["late"] = NOW - timedelta(minutes=55, seconds=30)
    assert ids(await server.poll(cursor)) == []
    freezer.tick(3600)
    assert ids(await server.poll(cursor)) == []
    found, reads = [], []
    for _ in range(12):
        found += ids(await server.poll(cursor))
        reads.append(list(server.reads))
    assert found == ["late"]
    assert reads[:4] == [[None, 10], [None, 20], [None, 30], [None, 40]]
    assert reads[-1] == [None]


async def test_late_message_in_a_check_at_once(freezer: FrozenDateTimeFactory) -> None:
    """Without spreading, one poll reads the whole window."""
    server = Server(100)
    server.walk = Walk[int](lambda: NOW, timedelta(days=2), spread=False)
    cursor = (await server.poll({}))[-1].cursor
    server.rows["late"] = NOW - timedelta(minutes=55, seconds=30)
    freezer.tick(3600)
    assert ids(await server.poll(cursor)) == ["late"]
    assert len(server.reads) == 11
    await server.poll(cursor)
    assert server.reads == [None]


@pytest.mark.parametrize("error", [TemporaryError("x"), AuthenticationError("x")])
async def test_page_that_fails(error: ProviderError) -> None:
    """The next walk reads the newest page, for what has come, and goes on at the page that failed."""
    server = Server(50)
    server.errors[20] = error
    with pytest.raises(type(error)):
        await server.poll({})
    assert server.reads == [None, 10, 20]
    server.rows["new"] = NOW
    with pytest.raises(type(error)):
        await server.poll({})
    assert server.reads == [None, 10, 20]
    server.errors.clear()
    pages = await server.poll({})
    assert server.reads == [None, 20, 30, 40, 50]
    assert (await server.poll(pages[-1].cursor))[0].messages == ()


async def test_nothing_twice_and_nothing_lost() -> None:
    """However pages fail and messages arrive, each message is on one page, and the cursor waits for the end."""
    server = Server(60)
    found: list[str] = []
    cursor: Cursor = {}
    for number, position in enumerate((30, None, 40, 10, 50, None, 20)):
        server.errors = {position: TemporaryError("x")}
        more = True
        while more:
            try:
                page = await server.walk.fetch(cursor, server.read)
            except TemporaryError:
                break
            found += ids([page])
            cursor, more = page.cursor, page.more
        server.rows |= {f"new{number}-{each}": NOW - timedelta(seconds=59 - number) for each in range(7)}
    server.errors.clear()
    found += ids(await server.poll(cursor))
    assert sorted(found) == sorted(server.rows)


async def test_new_object() -> None:
    """It reads the whole window of the cursor: what the one before left over is in it."""
    server = Server(40)
    cursor = (await server.poll({}))[-1].cursor
    server.rows |= {f"new{number}": NOW - timedelta(seconds=30 - number) for number in range(25)}
    server.errors[20] = TemporaryError("x")
    with pytest.raises(TemporaryError):
        await server.poll(cursor)
    server.walk, server.errors = Walk[int](lambda: NOW, timedelta(days=2)), {}
    assert set(ids(await server.poll(cursor))) == set(server.rows)


@pytest.mark.parametrize("error", [ConfigurationError("x"), ProtocolError("x")])
async def test_position_that_is_of_no_use_any_more(error: ProviderError) -> None:
    """The next walk doesn't insist on it, and goes through the whole window."""
    server = Server(50)
    server.errors[20] = error
    with pytest.raises(type(error)):
        await server.poll({})
    server.errors.clear()
    pages = await server.poll({})
    assert server.reads == [None, 10, 20, 30, 40]
    assert len(ids(pages)) == 30


async def test_next_page_that_is_none() -> None:
    """The page before it is returned, and then the error raised; the next poll returns what is new."""
    server = Server(5)

    async def read(position: int | None) -> tuple[list[Row], Next[int]]:
        return (await server.read(position))[0], ProtocolError("nowhere")

    page = await server.walk.fetch({}, read)
    assert len(page.messages) == 5
    assert page.more
    with pytest.raises(ProtocolError, match="nowhere"):
        await server.walk.fetch(page.cursor, read)
    server.rows["new"] = NOW
    assert ids([await server.walk.fetch({}, read)]) == ["new"]


async def read_all(walk: Walk[int], read: Read[int]) -> None:
    """Read until there are no more pages."""
    while (await walk.fetch({}, read)).more:
        pass


async def test_list_without_an_end() -> None:
    """The same pages for ever, or ever new ones, or empty ones, are an error."""

    async def circle(position: int | None) -> tuple[list[Row], Next[int]]:
        number = position or 0
        return [Row(key=f"{number % 5}", time=NOW)], number + 1

    async def flood(position: int | None) -> tuple[list[Row], Next[int]]:
        number = position or 0
        return [Row(key=f"{number}", time=NOW)], number + 1

    async def nothing(position: int | None) -> tuple[list[Row], Next[int]]:
        return [], (position or 0) + 1

    for read in (circle, flood, nothing):
        walk = Walk[int](lambda: NOW, timedelta(days=2))
        for _ in range(2):
            with pytest.raises(ProtocolError, match="circles"):
                await read_all(walk, read)


async def test_row_that_may_still_change() -> None:
    """It is read again, until it is complete."""
    server = Server(30)
    cursor = (await server.poll({}))[-1].cursor
    is_complete = False

    async def read(position: int | None) -> tuple[list[Row], Next[int]]:
        rows, following = await server.read(position)
        if position is None:
            rows[-1] = Row(key="m", time=NOW, message=message("m", NOW)) if is_complete else Row(key=None, time=NOW)
        return rows, following

    pages = [await server.walk.fetch(cursor, read) for _ in range(2)]
    assert ids(pages) == []
    pages = [await server.walk.fetch(pages[-1].cursor, read), await server.walk.fetch(pages[-1].cursor, read)]
    is_complete = True
    assert ids([await server.walk.fetch(pages[-1].cursor, read)]) == ["m"]


async def test_rows_that_leave_the_window_are_forgotten(freezer: FrozenDateTimeFactory) -> None:
    """What is remembered has a bound: the rows of the window."""
    server = Server()
    cursor: Cursor = {}
    tracemalloc.start()
    sizes = []
    for day in range(12):
        server.rows = {f"{day} {number} {'x' * 100}": NOW for number in range(2_000)}
        freezer.tick(3601)
        for _ in range(2_000 // SIZE + 2):
            cursor = (await server.poll(cursor))[-1].cursor
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 2 * sizes[2]


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), None])
async def test_impossible_times(at: datetime | None) -> None:
    """They move nothing out of the calendar."""
    server = Server()

    async def read(_: int | None) -> tuple[list[Row], Next[int]]:
        return [Row(key="a", time=at, message=message("a", at or NOW))], None

    for look_back in (timedelta(days=30), None):
        walk = Walk[int](lambda: NOW, timedelta(days=2), look_back=look_back)
        page = await walk.fetch({}, read)
        page = await walk.fetch(page.cursor, server.read)
        assert (page.messages, page.more) == ((), False)
    walk = Walk[int](lambda: NOW, timedelta(days=2))
    assert ids([await walk.fetch({"since": "0001-01-01T00:00:00+00:00"}, read)]) == ["a"]


async def test_empty_window_leaves_no_trace() -> None:
    """A clock that was wrong must not decide what is searched later."""
    assert await Server().poll({}) == [Page(messages=(), cursor={}, more=False)]


async def test_vendors_clock() -> None:
    """The window begins by it."""
    walk = Walk[int](lambda: NOW - timedelta(days=400), timedelta(days=2))
    await walk.fetch({}, Server(3).read)
    assert walk.begin == NOW - timedelta(days=432)
