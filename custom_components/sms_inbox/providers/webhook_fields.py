"""From a record of the provider `webhook` to its messages: which object is a message, and what its fields say.

The object that is the message is found first: the one that holds a text, at any depth. Its fields are then looked for
in it alone, and for some in the objects around it, but never in another message or beside a list of messages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
import hashlib
import json
from typing import Any
import uuid

from ..model import SYNTHETIC_ID, Message
from .parsing import record_of, text_of, well_formed
from .presets import OTHER, Preset
from .times import is_moment, time_of
from .webhook_names import (
    ACCESSORIES,
    ASIDES,
    GROUPS,
    NAMES,
    PARTS_OF_A_NUMBER,
    SENDER_OR_RECIPIENT,
    SENDERS,
    UNSURE_SENDERS,
    is_name,
    is_number,
    is_placeholder,
    is_same_number,
    plain,
)
from .webhook_records import Content, content_of, query_of, with_query

BODY = "(body)"
DEEPEST = 40
DEEPEST_GROUP = 3
LONGEST_PATH = 200
LONGEST_ID = 255
MOST_NAMES_OF_A_PATH = 16
SHORT_NUMBER = 4  # digits; ids as short as that are places of a list, or begin again
AROUND = 1_000_000  # bytes that the fields around the messages of one request may take in all its records
MISSING = object()
LIST_OF_ONE = 1
RECENT = timedelta(days=30)
TIMES = frozenset(NAMES["received_at"])
NUMBERS = frozenset((*NAMES["sender"], *NAMES["recipient"]))

type Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads records by the names that a preset or a person has given, and else by the usual ones.

    Attributes:
        preset: The app or service that sends the requests.
        given: The names that a person has given; they come before those of the preset.
        zone: That of times without one.
        names: The names that count, by field.
    """

    preset: Preset = OTHER
    given: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    names: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the names."""
        typed = {name: path.strip() for name, path in self.given.items() if path.strip()}
        names = {name: _parts(path) for name, path in {**self.preset.fields, **typed}.items() if name in NAMES}
        object.__setattr__(self, "names", names)

    @property
    def guesses(self) -> bool:
        """Whether a field without a name is looked for under the usual names."""
        return not self.preset.fields

    def split(self, record: bytes) -> list[bytes]:
        """Return the records of the messages of a whole request, and of what stands among them and is none."""
        content = content_of(record)
        units = [()] if content.body is None else self._units(content.body)
        if len(units) == 1:
            return [record]
        cutter, query = _Cutter(self, content.body, units), query_of(record)
        return [record if (cut := cutter.cut(path)) is None else with_query(query, cut) for path in units]

    def read(self, record: bytes, now: datetime | None = None) -> Message | None:
        """Return the message of a record, None where no text is found in it."""
        content = content_of(record)
        scene = self._scene(content)
        return _Fields(self, scene, content, now or datetime.now(UTC)).message(record) if scene else None

    def is_about_something_else(self, record: bytes) -> bool:
        """Return whether a record says that it is about something else than a received message, as the preset knows."""
        content = content_of(record)
        if content.body is None or not (self.preset.take or self.preset.leave):
            return False
        levels = self._levels(content, (self._paths(content.body) or [()])[0])
        for path, values in self.preset.take.items():
            found = _text_in(_named(levels, _parts(path)))
            if found and found.casefold() not in {value.casefold() for value in values}:
                return True
        return any(_text_in(_named(levels, _parts(path))) for path in self.preset.leave)

    def fields(self, record: bytes) -> dict[str, str]:
        """Return the fields of a record by the paths that a person may name, seen from the message."""
        content = content_of(record)
        if content.body is None:
            fields = {BODY: content.text} if content.source.strip() else {}
            return {**dict(_flat(content.query)), **fields}
        paths = self._paths(content.body)
        levels = self._levels(content, paths[0] if paths else _innermost(content.body))
        return {name: value for level in reversed(levels) for name, value in _flat(level.row)}

    def text_of(self, row: dict[str, Any]) -> str | None:
        """Return the text of the message that an object is, None where it is none."""
        if "text" in self.names:
            value = _resolve(row, self.names["text"])
            return None if value is MISSING else _scalar(value)
        return _usual_text(row) if self.guesses else None

    def has_sender(self, row: dict[str, Any]) -> bool:
        """Return whether an object has a sender of its own."""
        if "sender" in self.names:
            return bool(_number_in(_resolve(row, self.names["sender"])))
        level = Level(row)
        return any(_number_in(value) for name in SENDERS + SENDER_OR_RECIPIENT for value in level.values(name)) or any(
            is_number(_number_in(value)) for name in UNSURE_SENDERS for value in level.values(name)
        )

    def _units(self, body: Any) -> list[Path]:
        """Return where in a body the messages are, and what stands among them; all of it where there are none."""
        if paths := self._paths(body):
            return _with_the_rest(body, paths)
        if not self.preset.fields:
            return _lists(body)
        rows = _resolve(body, _parts(self.preset.messages)) if self.preset.messages else body
        return [] if rows == [] else [()]

    def _paths(self, body: Any) -> list[Path]:
        """Return where in a body the messages are, in order."""
        if not self.preset.fields:
            return [path for path, _ in _messages(self, body)]
        if not self.preset.messages:
            rows: list[Path] = [(number,) for number in range(len(body))] if isinstance(body, list) else [()]
        else:
            rows = [path for path in _each(body, _parts(self.preset.messages)) if path]
        return [path for path in rows if isinstance(_at(body, path), dict)]

    def _scene(self, content: Content) -> list[Level] | None:
        """Return the object that is the message, and the objects around it; None where there is no message."""
        if content.body is None:
            query = _without_placeholders(content.query)
            if self.names.get("text") == (BODY,):
                return [Level({BODY: content.text}), Level(query)]
            return [Level(query)] if self.text_of(query) is not None else None
        for path in self._paths(content.body)[:1]:
            levels = self._levels(content, path)
            if self.text_of(levels[0].row) is not None:
                return levels
        query = _without_placeholders(content.query)
        if self.text_of(query) is None:
            return None
        return [Level({**query, **(content.body if isinstance(content.body, dict) else {})})]

    def _levels(self, content: Content, path: Path) -> list[Level]:
        """Return the object at a path, and the objects around it, the innermost first; the query is the outermost."""
        levels, is_beside_a_list = [], False
        value = _at(content.body, path)
        levels.append(Level(value if isinstance(value, dict) else {"": value}))
        for length in range(len(path) - 1, -1, -1):
            around = _at(content.body, path[:length])
            if isinstance(around, dict):
                row = {name: each for name, each in around.items() if name != path[length]}
                levels.append(Level(row, whole=around, is_beside_a_list=is_beside_a_list))
            else:
                is_beside_a_list = True
        if content.query:
            levels.append(Level(_without_placeholders(content.query)))
        return levels


class Level:
    """One object with fields: the message, or an object around it.

    Attributes:
        row: Its fields, without those on the way to the message.
        whole: All of it.
        is_beside_a_list: Whether there is a list between it and the message, so that it stands for several.
    """

    def __init__(
        self, row: dict[str, Any], *, whole: dict[str, Any] | None = None, is_beside_a_list: bool = False
    ) -> None:
        """Take its fields."""
        self.row = row
        self.whole = row if whole is None else whole
        self.is_beside_a_list = is_beside_a_list
        self._values: dict[str, list[Any]] | None = None

    def values(self, name: str) -> list[Any]:
        """Return the values under a usual name."""
        if self._values is None:
            self._values = {}
            for each, value in _usual(self.row, 0):
                self._values.setdefault(each, []).append(value)
        return self._values.get(name, [])


class _Fields:
    """Reads the fields of one message."""

    def __init__(self, reader: Reader, levels: list[Level], content: Content, now: datetime) -> None:
        """Take the message, and what is around it."""
        self._reader = reader
        self._levels = levels
        self._near = [level for level in levels if not level.is_beside_a_list]
        self._content = content
        self._now = now

    def message(self, record: bytes) -> Message:
        """Return the message."""
        text = self._reader.text_of(self._levels[0].row) or self._text_beside()
        recipient = self._value("recipient")
        sender = self._sender(recipient)
        if is_same_number(sender, recipient) and "recipient" not in self._reader.names and self._is_guessed(recipient):
            recipient = ""
        received_at = self._received_at()
        message_id = self._message_id((sender, recipient, text))
        content = [sender, recipient, text]
        if message_id.isdecimal() and len(message_id) <= SHORT_NUMBER and received_at:
            content.append(received_at.isoformat())
        return Message(
            message_id=message_id or self._synthetic_id(content),
            sender=sender,
            recipient=recipient or None,
            text=text,
            encoding="text" if text.isascii() else "unicode",
            data=None,
            received_at=received_at,
            in_reply_to=None,
            raw=record,
            fingerprint=_hash(content) if message_id else None,
        )

    def _text_beside(self) -> str:
        """Return the text of the query where that of the body is empty."""
        query = self._levels[-1]
        return (self._reader.text_of(query.row) or "") if self._content.query and query is not self._levels[0] else ""

    def _is_guessed(self, recipient: str) -> bool:
        """Return whether a recipient stands under a name that is that of the sender at other vendors."""
        return any(
            _number_in(value) == recipient for name in SENDER_OR_RECIPIENT for value in self._levels[0].values(name)
        )

    def _value(self, name: str) -> str:
        """Return a field under the name that was given, else under the first usual one that isn't empty."""
        if name in self._reader.names:
            return _number_in(_named(self._levels, self._reader.names[name]))
        if not self._reader.guesses:
            return ""
        return next(
            (
                found
                for level in self._near
                for usual in NAMES[name]
                for value in level.values(usual)
                if (found := _number_in(value))
            ),
            "",
        )

    def _sender(self, recipient: str) -> str:
        """Return the sender; empty where there is none, or where it can't be told from others."""
        if "sender" in self._reader.names or not self._reader.guesses:
            return self._value("sender")
        for level in self._near:
            sure = _numbers(level, SENDERS)
            for found in (sure, [] if sure else _numbers(level, SENDER_OR_RECIPIENT)):
                if any(found):
                    return _agreed(found)
            is_outside = level is not self._levels[0] and not (self._content.query and level is self._levels[-1])
            if not sure and not is_outside and (unsure := _unsure(level, recipient)) is not None:
                return unsure
        return ""

    def _message_id(self, others: tuple[str, ...]) -> str:
        """Return the id: under the name that was given, else beside the text."""
        if "message_id" in self._reader.names:
            found = [self._value("message_id")]
        elif self._reader.guesses:
            beside = [
                (name, _scalar(value) or "") for row in self._beside() for name, value in _usual(row, DEEPEST_GROUP)
            ]
            found = [each for usual in NAMES["message_id"] for name, each in beside if name == usual]
            found = [each for each in found if each not in others]
        else:
            return ""
        return next((each for each in found if each and len(each) <= LONGEST_ID and not is_placeholder(each)), "")

    def _beside(self) -> list[dict[str, Any]]:
        """Return the objects in which an id is that of the message: its own, and the query of a text alone."""
        rows = [level.row for level in self._levels]
        return rows[:1] if len(rows[0]) > 1 or not self._content.query else [rows[0], rows[-1]]

    def _received_at(self) -> datetime | None:
        """Return when the message was received."""
        if "received_at" in self._reader.names:
            value = _scalar(_named(self._levels, self._reader.names["received_at"])) or ""
            return time_of(value, self._reader.zone, self._now)
        if not self._reader.guesses:
            return None
        return next(filter(None, map(self._usual_time, self._near)), None)

    def _usual_time(self, level: Level) -> datetime | None:
        """Return the time of an object; one that is split into date and time is put together."""
        values = [_scalar(value) or "" for usual in NAMES["received_at"] for value in level.values(usual)]
        if level.values("date") and level.values("time"):
            values.append(f"{_scalar(level.values('date')[0])} {_scalar(level.values('time')[0])}")
        times = (time_of(value, self._reader.zone, self._now) for value in values if value)
        return next(filter(None, times), None)

    def _synthetic_id(self, content: list[str]) -> str:
        """Return the id of a message without one: the same for the same bytes if they hold a time, else a new one."""
        content = [*content, self._content.source.hex()]
        if self._has_moment(self._content.body, content):
            return f"{SYNTHETIC_ID}{_hash(content)}"
        if self._has_moment(self._content.query, content):
            return f"{SYNTHETIC_ID}{_hash([*content, text_of(self._content.query)])}"
        return f"{SYNTHETIC_ID}{uuid.uuid4()}"

    def _has_moment(self, value: Any, known: list[str]) -> bool:
        """Return whether a field below a value is a time to the second, and neither part of a message nor a number.

        Under a name that isn't usual for a time, it must be one of the last days: it may be that of something else.
        """
        named = self._reader.names.get("received_at", ("",))[-1]
        for name, each in _leaves(value):
            if name in NUMBERS or each in known or not is_moment(each):
                continue
            at = time_of(each, self._reader.zone, self._now)
            if at and (name in TIMES or name == plain(named) or abs(self._now - at) < RECENT):
                return True
        return False


class _Cutter:
    """Cuts a body into records: each has one message, at its place, and the fields around it."""

    def __init__(self, reader: Reader, body: Any, units: list[Path]) -> None:
        """Take the body, and where the messages in it are."""
        self._reader = reader
        self._body = body
        self._budget = AROUND // len(units)
        self._units = units
        self._busy: dict[Path, set[str | int]] = {}
        for path in units:
            for length, name in enumerate(path):
                self._busy.setdefault(path[:length], set()).add(name)
        self._around: dict[Path, dict[str, Any]] = {}

    def cut(self, path: Path) -> bytes | None:
        """Return the record of the message at a path; None where it is the whole body."""
        if self._holds_the_first(path):
            return None
        value = _at(self._body, path)
        for length in range(len(path) - 1, -1, -1):
            around = _at(self._body, path[:length])
            if isinstance(around, dict):
                busy = self._busy[path[:length]]
                value = [value] if len(busy) > 1 and not isinstance(value, list) else value
                value = {**self._fields_around(path[:length], around), str(path[length]): value}
            elif length:
                value = [value]
        return record_of(value)

    def _holds_the_first(self, path: Path) -> bool:
        """Return whether a message is the first in the body and holds others, so that only the whole body shows it."""
        return path == self._units[0] and path in self._busy and not isinstance(self._body, list)

    def _fields_around(self, path: Path, around: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of an object around messages, as far as there is room; none if it is a message itself."""
        if path not in self._around:
            busy = self._busy[path]
            fields = {name: value for name, value in around.items() if name not in busy}
            if self._reader.text_of(fields) is not None:
                fields = {}
            if len(record_of(fields)) > self._budget:
                fields = _as_much_as_fits(fields, self._budget)
            self._around[path] = fields
        return self._around[path]


def parse(
    record: bytes,
    names: Mapping[str, str],
    *,
    preset: Preset = OTHER,
    zone: tzinfo = UTC,
    now: datetime | None = None,
) -> Message | None:
    """Return the message of a record, None where no text is found in it.

    Args:
        record: What was kept of a request.
        names: The names of the fields, as a person has given them.
        preset: The app or service that sent it.
        zone: That of times without one.
        now: The present, as it is known.
    """
    return Reader(preset=preset, given=names, zone=zone).read(record, now)


def fields_of(record: bytes, preset: Preset = OTHER) -> dict[str, str]:
    """Return the fields of a record by the paths that a person may name, seen from the message.

    Those inside others have a dot, those of objects around the message are named from there. Empty where there are none.
    """
    return Reader(preset=preset).fields(record)


def lacks_sender(message: Message) -> bool:
    """Return whether a message has no sender, or one that can neither be a number nor a name."""
    sender = message.sender.strip()
    if not (is_number(sender) or is_name(sender)) or is_placeholder(sender):
        return True
    return sender == message.message_id or is_same_number(sender, message.recipient or "")


def _hash(content: list[str]) -> str:
    """Return a hash of texts."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _parts(path: str) -> tuple[str, ...]:
    """Return the names of a path; `_resolve` also tries several of them as one name."""
    return tuple(path.strip().split(".", MOST_NAMES_OF_A_PATH - 1))


def _at(value: Any, path: Path) -> Any:
    """Return what is at a path that is there."""
    for name in path:
        value = value[name]
    return value


def _resolve(value: Any, parts: tuple[str, ...]) -> Any:
    """Return what is at a path that a person has given, `MISSING` where nothing is.

    Names are compared exactly first, and then without case. A number is a place in a list; a list of one needs none.
    """
    if not parts:
        return value
    if isinstance(value, list):
        if parts[0].isdecimal() and len(parts[0]) < 6:
            return _resolve(value[int(parts[0])], parts[1:]) if int(parts[0]) < len(value) else MISSING
        return _resolve(value[0], parts) if len(value) == LIST_OF_ONE else MISSING
    if isinstance(value, dict):
        for length in range(len(parts), 0, -1):
            name = _key(value, ".".join(parts[:length]))
            if name is not None and (found := _resolve(value[name], parts[length:])) is not MISSING:
                return found
    return MISSING


def _key(row: dict[str, Any], name: str) -> str | None:
    """Return the key of an object that is meant by a name, None where none is."""
    if name in row:
        return name
    wanted = name.casefold()
    return next((key for key in row if well_formed(key).strip().casefold() == wanted), None)


def _named(levels: list[Level], parts: tuple[str, ...]) -> Any:
    """Return what has a name that was given: in the message, else in the objects around it."""
    return next((found for level in levels if (found := _resolve(level.whole, parts)) is not MISSING), MISSING)


def _text_in(value: Any) -> str:
    """Return a field as text, empty for a missing one."""
    return "" if value is MISSING else text_of(value)


def _scalar(value: Any) -> str | None:
    """Return a value as text, None for a flag, an object and several values."""
    if isinstance(value, list) and len(value) == LIST_OF_ONE:
        return _scalar(value[0]) if not isinstance(value[0], list) else None
    if isinstance(value, bool | dict | list) or value is MISSING:
        return None
    return text_of(value)


def _number_in(value: Any, depth: int = 0) -> str:
    """Return a number or another value; of an object the part that is the number, of several values the first."""
    if isinstance(value, list) and value and depth < DEEPEST_GROUP:
        return _number_in(value[0], depth + 1)
    if isinstance(value, dict) and depth < DEEPEST_GROUP:
        level = Level(value)
        parts = (_number_in(each, depth + 1) for name in PARTS_OF_A_NUMBER for each in level.values(name))
        return next(filter(None, parts), "")
    found = _scalar(value) or ""
    return "" if is_placeholder(found) else found


def _usual(row: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Return fields by their names as they are compared, those in mere groups of fields included."""
    groups = []
    for key, value in row.items():
        group, _, last = key.rpartition(".")
        is_grouped = group and all(plain(part) in GROUPS for part in group.split("."))
        yield plain(last if is_grouped else key), value
        if isinstance(value, dict) and plain(key) in GROUPS and depth < DEEPEST_GROUP and _usual_text(value) is None:
            groups.append(value)
    for group_of_fields in groups:
        yield from _usual(group_of_fields, depth + 1)


def _usual_text(row: dict[str, Any]) -> str | None:
    """Return the text of an object under a usual name; empty where all are, None where there is none."""
    own: dict[str, list[Any]] = {}
    for key, value in row.items():
        group, _, last = key.rpartition(".")
        is_grouped = group and all(plain(part) in GROUPS for part in group.split("."))
        own.setdefault(plain(last if is_grouped else key), []).append(value)
    found = None
    for value in (value for name in NAMES["text"] for value in own.get(name, ())):
        if isinstance(value, list) and len(value) > LIST_OF_ONE and not isinstance(value[0], dict | list):
            return None
        if text := _scalar(value):
            return text
        found = "" if text == "" else found
    return next(filter(None, (_text_in_object(own, name) for name in NAMES["text"])), found)


def _text_in_object(own: dict[str, list[Any]], name: str) -> str | None:
    """Return the text of an object such as `"text": {"body": "Hello"}`, where the sender stands beside it."""
    rows = [value for value in own.get(name, ()) if isinstance(value, dict)]
    if len(rows) != 1 or not any(_number_in(value) for each in SENDERS for value in own.get(each, ())):
        return None
    inner = {plain(key) for key in rows[0]}
    if inner.intersection((*SENDERS, *NAMES["message_id"])):
        return None
    texts = (_scalar(value) for each in NAMES["text"] for key, value in rows[0].items() if plain(key) == each)
    return next(filter(None, texts), None)


def _numbers(level: Level, names: tuple[str, ...]) -> list[str]:
    """Return the senders under names, empty ones included."""
    return [_number_in(each) for name in names for value in level.values(name) for each in _several(value)]


def _agreed(found: list[str]) -> str:
    """Return the one sender among several, empty where they contradict each other; a number comes before a name."""
    chosen = [each for each in found if is_number(each)] or [each for each in found if each]
    return chosen[0] if all(is_same_number(chosen[0], each) for each in chosen) else ""


def _several(value: Any) -> list[Any]:
    """Return the values of a name that occurs several times, else the one."""
    return value if isinstance(value, list) else [value]


def _unsure(level: Level, recipient: str) -> str | None:
    """Return the sender under names that may mean something else: only a number that no other contradicts.

    Without a number, it is the name of a contact. None where there is neither.
    """
    numbers = [
        each for each in _numbers(level, UNSURE_SENDERS) if is_number(each) and not is_same_number(each, recipient)
    ]
    return _agreed(numbers) if numbers else next(iter(_numbers(level, ("contact",))), None)


def _without_placeholders(query: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a query, without variables that were never filled in."""
    return {name: value for name, value in query.items() if not (isinstance(value, str) and is_placeholder(value))}


def _messages(reader: Reader, value: Any, depth: int = 0) -> list[tuple[Path, bool]]:
    """Return where below a value the messages are, in order, and whether each has a sender of its own.

    An object is a message if it has a text. One inside another counts instead of it if it has a sender and the other has
    none, and beside it only in a list: a message inside a message is quoted.
    """
    if depth > DEEPEST:
        return []
    if isinstance(value, list):
        return [
            ((place, *path), full)
            for place, each in enumerate(value)
            for path, full in _messages(reader, each, depth + 1)
        ]
    if not isinstance(value, dict):
        return []
    if listed := _each_text(reader, value):
        return [(path, reader.has_sender(_at(value, path))) for path in listed]
    text = reader.text_of(value)
    inner: list[tuple[Path, bool]] = [
        ((key, *path), full)
        for key, each in value.items()
        if isinstance(each, dict | list) and plain(key) not in ASIDES
        for path, full in _messages(reader, each, depth + 1)
    ]
    if text and reader.has_sender(value):
        return [((), True), *((path, full) for path, full in inner if full and _is_in_a_list(path))]
    any_full = any(full for _, full in inner)
    if not inner or (text and not any_full):
        return [] if text is None else [((), reader.has_sender(value))]
    return [(path, full) for path, full in inner if full or not any_full or _is_in_a_list(path)]


def _is_in_a_list(path: Path) -> bool:
    """Return whether a path leads through a list."""
    return any(isinstance(name, int) for name in path)


def _each_text(reader: Reader, row: dict[str, Any]) -> list[Path]:
    """Return the elements of a list that the given path of the text leads into, as in `messages.text`."""
    parts = reader.names.get("text", ())
    for length in range(1, len(parts)):
        value = _resolve(row, parts[:length])
        rest = parts[length + 1 :] if parts[length] == "0" else parts[length:]
        if isinstance(value, list) and len(value) > LIST_OF_ONE and rest:
            paths = [path for path in _each(row, parts[:length]) if path]
            return [path for path in paths if _scalar(_resolve(_at(row, path), rest)) is not None]
    return []


def _each(body: Any, parts: tuple[str, ...]) -> list[Path]:
    """Return the elements of the list that a path leads to; the value itself where it is no list."""
    if isinstance(body, list):
        return [(place, *path) for place, each in enumerate(body) for path in _each(each, parts)]
    if not parts:
        return [()]
    if not isinstance(body, dict) or (key := _key(body, parts[0])) is None:
        return []
    return [(key, *path) for path in _each(body[key], parts[1:])]


def _with_the_rest(body: Any, paths: list[Path]) -> list[Path]:
    """Return the places of messages, and of what stands in one list with them."""
    covered: dict[Path, set[int]] = {}
    for path in paths:
        for length, name in enumerate(path):
            if isinstance(name, int):
                covered.setdefault(path[:length], set()).add(name)
    rest = [
        (*path, place)
        for path, places in covered.items()
        for place in range(len(_at(body, path)))
        if place not in places
    ]
    return [*paths, *rest]


def _lists(value: Any, depth: int = 0) -> list[Path]:
    """Return the elements of the outermost lists that may be lists of messages, else the value itself."""
    if isinstance(value, list) and (
        not depth or (len(value) > LIST_OF_ONE and all(isinstance(each, dict) for each in value))
    ):
        return [(place,) for place in range(len(value))]
    if isinstance(value, dict) and depth <= DEEPEST:
        found: list[Path] = [
            (key, *path)
            for key, each in value.items()
            if isinstance(each, dict | list) and plain(key) not in ACCESSORIES
            for path in _lists(each, depth + 1)
            if path and any(isinstance(name, int) for name in path)
        ]
        return found or [()]
    return [()]


def _innermost(value: Any) -> Path:
    """Return the object in which a person will look for the fields: what lists of one lead to."""
    path: Path = ()
    for _ in range(DEEPEST):
        key = next(
            (
                key
                for key, each in (value.items() if isinstance(value, dict) else ())
                if isinstance(each, list) and each and isinstance(each[0], dict) and plain(key) not in ACCESSORIES
            ),
            None,
        )
        if isinstance(value, list) and value:
            path, value = (*path, 0), value[0]
        elif key is not None:
            path, value = (*path, key, 0), value[key][0]
        else:
            break
    return path


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Return the fields below a value by their last names."""
    if isinstance(value, dict | list):
        if depth > DEEPEST:
            return
        for key, each in value.items() if isinstance(value, dict) else ((name, each) for each in value):
            if (usual := plain(key)) not in ASIDES:
                yield from _leaves(each, usual, depth + 1)
    elif isinstance(value, str):
        yield name, value


def _flat(value: Any, path: str | None = None, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Return the fields of JSON by their paths, but for those that are so long or deep that nobody names them."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            longer = str(name) if path is None else f"{path}.{name}"
            if len(longer) <= LONGEST_PATH and depth <= DEEPEST:
                yield from _flat(inner, longer, depth + 1)
    else:
        yield well_formed(path or ""), text_of(value)


def _as_much_as_fits(fields: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the first fields whose sizes are within a limit."""
    fitting = {}
    for name, value in fields.items():
        if isinstance(value, dict | list) or (length := len(name) + len(text_of(value)) + 6) > size:
            continue
        size -= length
        fitting[name] = value
    return fitting
