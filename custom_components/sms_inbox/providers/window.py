"""Reading a list by time again and again, for providers that list the newest messages first, page by page.

The cursor is `{"since": str}`: the time (ISO 8601) up to which the list was completely read. Each poll reads a window
of the list, which begins some time before `since` (the overlap), since a message may appear late:

- A *walk* goes from the newest page to older ones. `since` only moves when a walk is complete, so what is left of an
  unfinished walk follows from the cursor alone: a new object, which remembers no row, walks through the whole window.
- A walk is complete at a page on which every row is known, that is, was on a page that this object returned before.
  Until the object has read the window to its end once, only the end completes a walk.
- When a page fails, the next walk starts at the newest page again, so that a page that fails each time keeps no new
  message waiting. It then goes on at the page that failed, to the end of the window.
- A message that appears late is found at once on the newest page, and above the first page that is wholly known.
  Elsewhere it is found within hours: the whole window is read once more each hour, with `spread` one page at each
  poll, so that no new message waits for that. It is assumed that messages which are that late are rare.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import time

from ..model import Cursor, Message, Page
from .errors import ConfigurationError, ProtocolError, ProviderError

FIRST_LOOK_BACK = timedelta(days=30)
SECONDS_BETWEEN_CHECKS = 3600.0
MAXIMUM_REPEATS = 10
MAXIMUM_EMPTY_PAGES = 100
MAXIMUM_PAGES = 10_000
MIN = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a list.

    Attributes:
        key: By what it is recognized when it is listed again: its id, or its record. None where it may still change,
            so that it must be read again.
        time: When it was sent or received (aware), None where it doesn't say.
        message: The message, None where the row is no received message.
        unreadable: The record, where it could not be understood.
    """

    key: str | bytes | None
    time: datetime | None = None
    message: Message | None = None
    unreadable: bytes | None = None


type Next[Position] = Position | ProviderError | None
type Read[Position] = Callable[[Position | None], Awaitable[tuple[list[Row], Next[Position]]]]


class Walk[Position]:
    """Where one object stands in a list whose pages go from the newest messages to the oldest.

    Attributes:
        begin: The begin of the window.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        overlap: timedelta,
        *,
        look_back: timedelta | None = FIRST_LOOK_BACK,
        spread: bool = True,
    ) -> None:
        """Start without having read anything.

        Args:
            clock: Returns the present by the provider's clock (aware).
            overlap: How long before `since` the window begins, which is how late a message may appear.
            look_back: How far the first window goes back; None for all that there is.
            spread: Whether the hourly check reads one page at each poll; otherwise it reads them all at once.
        """
        self.begin = MIN
        self._clock, self._overlap, self._look_back, self._spread = clock, overlap, look_back, spread
        self._forget({})

    def _forget(self, cursor: Cursor) -> None:
        """Know nothing but the cursor."""
        self._cursor = cursor
        self._known: set[str | bytes] = set()
        """Rows on pages that were returned."""
        self._position: Next[Position] = None
        """The page to read next; None is the newest page, where a walk starts."""
        self._rest: Position | None = None
        """Where the rest of the window begins that an interrupted walk, or a check, has still to read."""
        self._is_check = False
        """Whether that rest was read before."""
        self._goes_on = False
        """Whether this walk goes on to the end of the window, past pages that are known."""
        self._ended_at: float | None = None
        """When a walk last got to the end of the window; None where one must, from the newest page on."""
        self._met: set[str | bytes] = set()
        """Rows that were met since a walk started with no rest; at the end of the window, all rows in it."""
        self._latest: datetime | None = None
        self._pages = self._repeats = 0

    async def fetch(self, cursor: Cursor, read: Read[Position]) -> Page:
        """Read the next page of the present walk, or the first one of the next walk.

        Args:
            cursor: That of the page before; with any other one, the object forgets what it has read.
            read: Reads the page at a position, at None the newest one. Returns its rows, the oldest first, and the
                position of the page with older ones: None where there is none, an error where there is one that can't
                be read. The error is raised instead of reading that page.

        Returns:
            The rows that this object didn't return before; `more` is set as long as the walk isn't complete.

        Raises:
            ProviderError: What `read` raised.
            ProtocolError: The list has no end.
        """
        if cursor != self._cursor:
            self._forget(cursor)
        self.begin = self._begin(cursor)
        position, self._position = self._position, None
        rest, is_check = self._rest, self._is_check
        if position is None:
            self._start()
        try:
            if isinstance(position, ProviderError):
                raise position
            if position is not None:
                # If this page fails, the rest begins here.
                self._rest, self._is_check = position, is_check and self._goes_on
            rows, following = await read(position)
            self._check_progress(rows, is_newest=position is None)
        except ConfigurationError, ProtocolError:
            if position is not None:
                # The position may be of no use any more: the next walk reads the whole window.
                self._rest, self._is_check, self._ended_at = None, False, None
            raise
        self._rest, self._is_check = None if self._goes_on else rest, is_check
        return self._page(rows, following)

    def _begin(self, cursor: Cursor) -> datetime:
        """Return the begin of the window."""
        if cursor:
            return max(datetime.fromisoformat(cursor["since"]), MIN + self._overlap) - self._overlap
        return MIN if self._look_back is None else self._clock() - self._look_back - self._overlap

    def _start(self) -> None:
        """Start a walk at the newest page."""
        self._goes_on = self._ended_at is None and self._rest is None
        self._repeats = 0
        if self._rest is None:
            self._met, self._pages = set(), 0

    def _check_progress(self, rows: list[Row], *, is_newest: bool) -> None:
        """Raise ProtocolError where the list goes in circles: some pages in a row have nothing that wasn't met."""
        self._pages += not is_newest
        self._repeats = 0 if any(row.key not in self._met for row in rows) else self._repeats + 1
        maximum = MAXIMUM_REPEATS if rows else MAXIMUM_EMPTY_PAGES
        if self._pages > MAXIMUM_PAGES or (self._goes_on and self._repeats > maximum):
            raise ProtocolError("the pages go in circles")

    def _page(self, rows: list[Row], following: Next[Position]) -> Page:
        """Return the page of the rows, and decide where to go on."""
        fresh = self._fresh(rows)
        keys = {row.key for row in rows if row.key is not None}
        self._known |= keys
        self._met |= keys
        # A time in the future must not hide the messages to come.
        times = [min(row.time, self._clock()) for row in fresh if row.time]
        self._latest = max([*times, *filter(None, [self._latest])], default=None)
        is_before_window = bool(rows) and all(row.time and row.time < self.begin for row in rows)
        if is_before_window or following is None:
            self._end()
            more = False
        else:
            more = self._go_on(following, is_known=not fresh)
        if not more:
            self._cursor = self._moved(self._cursor)
        messages = (row.message for row in fresh if row.message)
        return Page(
            messages=tuple(sorted(messages, key=lambda message: message.received_at or MIN)),
            unreadable=tuple(row.unreadable for row in fresh if row.unreadable is not None),
            cursor=self._cursor,
            more=more,
        )

    def _fresh(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that aren't known, each once."""
        found: dict[object, Row] = {}
        for row in rows:
            if row.key is None:
                found[row] = row
            elif row.key not in self._known:
                found.setdefault(row.key, row)
        return list(found.values())

    def _end(self) -> None:
        """Note that the window is read to its end; rows that are in it no longer are forgotten."""
        self._rest, self._is_check = None, False
        self._known = self._met.copy()
        self._ended_at = time.monotonic()

    def _go_on(self, following: Position | ProviderError, *, is_known: bool) -> bool:
        """Decide what is read next; return whether that is now, and not at the next poll."""
        if is_known and not self._goes_on:
            if self._rest is None and not self._is_check_due():
                return False
            if self._rest is not None:
                self._position, self._goes_on = self._rest, True
                return True
            self._is_check = True
            if self._spread and not isinstance(following, ProviderError):
                self._rest = following
                return False
            self._goes_on = True
        elif self._is_check and self._spread and not isinstance(following, ProviderError):
            self._rest = following
            return False
        self._position = following
        return True

    def _is_check_due(self) -> bool:
        """Whether it is time to read the whole window once more."""
        return self._ended_at is not None and time.monotonic() - self._ended_at >= SECONDS_BETWEEN_CHECKS

    def _moved(self, cursor: Cursor) -> Cursor:
        """Return the cursor of a complete walk.

        One that has found nothing leaves no trace: a clock that was wrong must not decide what is searched later.
        """
        if self._latest is None:
            return cursor
        since = max(self._latest, datetime.fromisoformat(cursor["since"]) if cursor else self.begin)
        return {"since": since.isoformat(timespec="seconds")}
