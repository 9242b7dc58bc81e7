"""Gammu gateway: the REST API of sms-gammu-gateway and of the add-ons made from it, a list of what a modem holds.

Source: the code and README of the gateway (`run.py`, `support.py`) and of its forks. It reads everything that lies on
SIM card and modem, has no ids, and numbers rows by their place in the list. What it doesn't say is assumed here:

- `Date` is the local time of the mobile network, without a zone; two messages of one sender with one text and one
  `Date` are two as long as both are listed, or one comes after this object has deleted the other.
- An update of the gateway may change the form of `Date`. So a message is recognised by the time that is meant, in the
  account's zone. Where an offset has come to times that are otherwise as before, as a gateway does that takes its own
  zone for that of the network, the messages listed before show it; the offset is ignored from then on.
- `GET /sms` is requested and never `/getsms`, which deletes before anything can be stored.
- Long messages are joined, but what has come of one so far is listed, too. So a text that fills its parts to the end
  waits until two lists some seconds apart have shown it alike. Its rest may come later still: so it isn't deleted for
  some minutes, and comes once more, whole. Of parts in the wrong order each is a message.
- `[MMS or binary message]` and the like stand for what is no text. It is delivered without a text. Where the gateway
  could not decode a text, the row is unreadable: it stays where it is, since an update may be able to.
- Another program may delete, too: what is gone before it is deleted here is as good as deleted.
- Numbers are those of the mobile network: some write all of them with `+`, others national ones of their country.
- A row whose `State` is `Sent` or `UnSent` was written here.
- A number above all rows is answered 404 with a `message`, which proves the credentials without reading a message.
- User names and hosts don't differ by case.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
import hashlib
from http import HTTPStatus
import re
import time
from typing import Any, override

import aiohttp

from ..model import SYNTHETIC_ID, UNKNOWN, Cursor, Message, Page
from .contract import Account, Identity, Provider
from .errors import ProtocolError
from .http import HttpResponse
from .parsing import in_turns, record_of, text_of, utc

ABOVE_ALL = 2**31 - 1
HOLD = 60.0  # a modem takes its time to read a full SIM card
FRESH = 0.5  # seconds for which places in a list are good, unless something was stored meanwhile
PARTS_APART = 8.0  # seconds for which the next part of a long message is waited for
PARTS_LATE = 300.0  # seconds for which what may be a part is not deleted
MARKS = 5
MARK = 6  # hexadecimal digits; enough to recognise one of a few hundred messages, and far too few to guess it
MIN = datetime.min.replace(tzinfo=UTC)
CONTENT = ("Number", "Date", "Text")
WRITTEN_HERE = ("Sent", "UnSent")
NO_TEXT = ("[MMS or binary message]", "[MMS or binary message - cannot display]")
NOT_DECODED = ("[Decoding error]", "[Message decoding failed]")
DATE = re.compile(
    r"(\d{4}|\d\d)([-/.])(\d\d)\2(\d\d)[T ,]+(\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
TWO_SEPTETS = "^{}\\[~]|€\f"


class Gammu(Provider):
    """One gateway.

    Cursor: `{"listed": true}` once it has been read, so that what comes is new; with `"ignores_offsets": true` where
    the offsets of its times mean nothing; and, where nothing is deleted, with `"marks"`, the last digits of the ids of
    some listed messages, by which a later object knows whether times are still meant as before.
    """

    key = "gammu"
    name = "Gammu gateway"
    default_url = ""
    number_format = UNKNOWN
    known_by_address = True
    interval = timedelta(seconds=10)
    is_own_server = True
    chooses_password = True
    acknowledges = True
    deletes = True
    local_time = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start without a list."""
        super().__init__(session, account)
        self._rows: list[Any] = []
        """The latest list."""
        self._contents: list[bytes] = []
        """What makes each of its rows the message it is."""
        self._listed_at = -FRESH
        """When it came (monotonic)."""
        self._ignores_offsets = False
        """Whether the offsets of times mean nothing."""
        self._marks: Sequence[str] = ()
        """The ends of some ids that were listed before, as the cursor has them."""
        self._may_go_on: dict[bytes, float] = {}
        """When each message that may go on was listed first (monotonic)."""
        self._stored: set[str | bytes] = set()
        """Ids of stored messages, and stored records, that are still listed."""
        self._has_waited = False
        """Whether a deletion waited for the next list."""
        self._deleting: tuple[bytes, int] | None = None
        """The content whose deletion was requested, and how many of it were listed before."""
        self._is_confirmed = False
        """Whether the gateway says that it has deleted it."""
        self._deleted: Counter[bytes] = Counter()
        """How many of each content were deleted here and seen to be gone."""
        self._staying: set[bytes] = set()
        """What was asked to be deleted and is still there."""

    @override
    async def validate(self) -> Identity:
        """Ask for a message that isn't there; what doesn't answer as it should must at least list."""
        answer = await self._send("GET", f"sms/{ABOVE_ALL}")
        if answer.status != HTTPStatus.NOT_FOUND or b'"message"' not in answer.body:
            await self._list()
        account_id = f"{self._http.url.host}:{self._http.url.port} {self._account.username}"
        return Identity(account_id=account_id.casefold())

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the whole list; messages that this object knows to be stored are left out."""
        self._ignores_offsets = cursor.get("ignores_offsets", self._ignores_offsets)
        self._marks = cursor.get("marks", ())
        await self._list()
        parsed = await in_turns(self._message, zip(self._rows, self._ids(self._contents), strict=True))
        await self._note_what_may_go_on(parsed)
        early = {content for content in self._may_go_on if cursor and self._is_younger(content, PARTS_APART)}
        found = zip(parsed, self._contents, strict=True)
        messages = [
            message
            for message, content in found
            if message and (content not in early or message.message_id in self._stored)
        ]
        unreadable = [
            _record(row)
            for row, message in zip(self._rows, parsed, strict=True)
            if not message and not _is_nothing(row)
        ]
        self._stored.intersection_update([*(message.message_id for message in messages), *unreadable])
        new = (message for message in messages if message.message_id not in self._stored)
        return Page(
            messages=tuple(sorted(new, key=lambda message: message.received_at or MIN)),
            unreadable=tuple(record for record in unreadable if record not in self._stored),
            cursor=self._cursor(messages),
            more=False,
        )

    def _cursor(self, messages: list[Message]) -> Cursor:
        """Return the cursor once these messages are stored."""
        cursor: dict[str, Any] = {"listed": True}
        if self._ignores_offsets:
            cursor["ignores_offsets"] = True
        if not self._account.delete_stored and messages:
            cursor["marks"] = sorted({message.message_id[-MARK:] for message in messages})[:MARKS]
        return cursor

    @override
    async def acknowledge(self, page: Page) -> bool:
        """Delete one stored message, that with the highest place in the list.

        Others may delete, too, and a gateway may say that it has deleted and not have done so. So a place is taken from
        the list that was read right before, and only a message that the next list doesn't have any more counts as
        deleted. One that stays is tried again at the next poll, after the others. A card may be slow, so a list
        that brought new messages is followed by another one before something is deleted, though not by a third.

        Returns:
            Whether there are more to delete. The next list, which has to be read anyway, says whether this one is gone.
        """
        self._stored.update((*(message.message_id for message in page.messages), *page.unreadable))
        if not self._account.delete_stored or self._last_stored() is None:
            self._staying.clear()
            return False
        brought = bool(page.messages or page.unreadable)
        self._has_waited = brought and not self._has_waited
        if self._has_waited:
            return True
        if brought or time.monotonic() - self._listed_at >= FRESH:
            await self._list()
        if (place := self._last_stored()) is None:
            return False
        content = self._contents[place]
        self._deleting, self._is_confirmed = (content, self._contents.count(content)), False
        self._listed_at = -FRESH
        await self._send("DELETE", f"sms/{place}")
        self._is_confirmed = True
        return True

    async def _list(self) -> None:
        """Read all rows, in the order by which they are numbered, and see whether the deleted one is gone."""
        rows = (await self.request("GET", "sms", headers=self.basic_auth(), wait=HOLD)).json()
        if not isinstance(rows, list):
            raise ProtocolError("the messages are no list")
        self._contents = await self._contents_of(rows)
        self._rows, self._listed_at = rows, time.monotonic()
        if self._deleting:
            content, present = self._deleting
            self._deleting = None
            if self._contents.count(content) < present:
                self._deleted[content] += 1
            elif self._is_confirmed:
                self._staying.add(content)

    async def _contents_of(self, rows: list[Any]) -> list[bytes]:
        """Return what makes each row the message it is.

        If no message that was listed before is among the rows as they are understood, but some are if offsets are
        understood otherwise, that is what the gateway means by them.
        """
        contents = await in_turns(self._content, rows)
        if not (self._stored or self._marks) or self._has_known(contents):
            return contents
        self._ignores_offsets = not self._ignores_offsets
        others = await in_turns(self._content, rows)
        if self._has_known(others):
            return others
        self._ignores_offsets = not self._ignores_offsets
        return contents

    def _content(self, row: Any) -> bytes:
        """Return what makes a row the message it is: its state changes when it is read, the form of its time may."""
        if not isinstance(row, dict):
            return record_of(row)
        number, date, text = (row.get(name) for name in CONTENT)
        local = _local_time(date, None if self._ignores_offsets else self._account.time_zone)
        return record_of([number, local.isoformat(" ", "seconds") if local else date, text])

    def _has_known(self, contents: list[bytes]) -> bool:
        """Return whether a message that was listed before is among these."""
        ids = set(self._ids(contents))
        if self._stored:
            return not self._stored.isdisjoint(ids)
        return any(id_[-MARK:] in self._marks for id_ in ids)

    async def _note_what_may_go_on(self, parsed: list[Message | None]) -> None:
        """Note when the messages that may go on were first listed, and forget those that aren't listed any more."""
        goes_on = await in_turns(lambda message: bool(message and _may_go_on(message.text)), parsed)
        contents = {content for content, may in zip(self._contents, goes_on, strict=True) if may}
        self._may_go_on = {content: self._may_go_on.get(content, self._listed_at) for content in contents}

    def _is_younger(self, content: bytes, seconds: float) -> bool:
        """Whether a message may go on, and was first listed less than some seconds before the latest list."""
        return self._listed_at - self._may_go_on.get(content, -PARTS_LATE) < seconds

    async def _send(self, method: str, path: str) -> HttpResponse:
        """Send a request about a row, which need not be there."""
        accept = (HTTPStatus.NOT_FOUND,)
        return await self.request(method, path, headers=self.basic_auth(), wait=HOLD, accept=accept)

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the code, which not every fork sends; the message beside it is a sentence."""
        return response.word("code")

    def _ids(self, contents: list[bytes]) -> Iterator[str]:
        """Yield the id of each row's message; those of equal ones differ by how many came before."""
        occurrences = self._deleted.copy()
        for content in contents:
            digest = hashlib.sha256(b"%s %d" % (content, occurrences[content])).hexdigest()
            occurrences[content] += 1
            yield f"{SYNTHETIC_ID}{digest[:32]}"

    def _message(self, row_with_id: tuple[Any, str]) -> Message | None:
        """Return the message of a row and its id, None where it has none."""
        return _message(*row_with_id, self._account.time_zone, ignores_offsets=self._ignores_offsets)

    def _last_stored(self) -> int | None:
        """Return the highest place of a stored message that may be deleted and isn't known to stay, None if none is."""
        stored = zip(self._ids(self._contents), self._contents, strict=True)
        places = (
            place
            for place, (id_, content) in enumerate(stored)
            if id_ in self._stored and content not in self._staying and not self._is_younger(content, PARTS_LATE)
        )
        return max(places, default=None)


def _time(date: Any) -> datetime | None:
    """Return the time that a row has, in any form that a modem or Python writes; None for anything else.

    A modem writes two digits of the year, and the offset in quarters of an hour (3GPP TS 27.005):
    `26/11/21,10:00:00+04`.
    """
    if not isinstance(date, str):
        return None
    try:
        if not (match := DATE.fullmatch(date.strip())):
            return datetime.fromisoformat(date)
        year, separator, month, day, at, offset = match.groups("")
        plain = datetime.fromisoformat(f"{year:0>4}-{month}-{day}T{at}")
        plain = plain.replace(year=plain.year + 2000) if len(year) == 2 else plain
        if len(year) == 2 and separator == "/" and len(offset) == 3:
            return plain.replace(tzinfo=timezone(timedelta(minutes=15 * int(offset))))
        return datetime.fromisoformat(f"{plain.isoformat()}{offset}")
    except ValueError:
        return None


def _local_time(date: Any, zone: tzinfo | None) -> datetime | None:
    """Return the local time in a zone that a row has, without its zone; without a zone an offset is ignored."""
    if not (at := _time(date)):
        return None
    try:
        return (at.astimezone(zone) if zone and at.tzinfo else at).replace(tzinfo=None)
    except OverflowError:
        return None


def _record(row: Any) -> bytes:
    """Return what is kept of a row that can't be understood: all but its state, which changes when it is read."""
    return record_of({name: row[name] for name in row if name != "State"} if isinstance(row, dict) else row)


def _is_nothing(row: Any) -> bool:
    """Whether a row is no message that was received: one that was written here, or one with nothing in it."""
    if not isinstance(row, dict):
        return False
    return row.get("State") in WRITTEN_HERE or all(row.get(name, "missing") in ("", None) for name in CONTENT)


def _message(row: Any, message_id: str, time_zone: tzinfo, *, ignores_offsets: bool) -> Message | None:
    """Return the message of a row, None where it is nothing or can't be understood."""
    if _is_nothing(row) or not isinstance(row, dict) or not isinstance(row.get("Text", 0), str | None):
        return None
    text = text_of(row["Text"])
    if text in NOT_DECODED:
        return None
    at = _local_time(row.get("Date"), None) if ignores_offsets else _time(row.get("Date"))
    return Message(
        message_id=message_id,
        sender=text_of(row.get("Number")),
        recipient=None,
        text="" if text in NO_TEXT else text,
        encoding="binary" if text in NO_TEXT else "text" if text.isascii() else "unicode",
        data=None,
        received_at=utc(at, time_zone) if at else None,
        in_reply_to=None,
        raw=record_of(row),
    )


def _may_go_on(text: str) -> bool:
    """Whether a text fills its parts to the end: so does one of which more is to come.

    A part of a long message has 153 septets or 67 units of UTF-16, one less where its number takes two bytes, and
    another one less where a character would be torn apart. A part in plain ASCII can be one of UTF-16, too.
    """
    septets, units = len(text) + sum(map(text.count, TWO_SEPTETS)), len(text.encode("utf-16-le")) // 2
    return _fills(septets, 151, 153) or _fills(units, 65, 67)


def _fills(length: int, least: int, most: int) -> bool:
    """Whether a length is that of full parts."""
    return length >= least * -(-length // most) > 0
