"""From a record of the provider `webhook` to its message: what the fields of the object that is the message say.

They are looked for in that object alone, and for some in the objects around it, but never in another message or beside
a list of messages.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
import hashlib
import json
from typing import Any
import uuid

from ..model import SYNTHETIC_ID, Encoding, Message
from .parsing import printable, text_of
from .presets import OTHER, Preset
from .times import is_moment, time_of
from .webhook_messages import Cutter, Mapped, innermost
from .webhook_names import (
    CONTACT,
    EITHER,
    NAMES,
    RANKS,
    SURE,
    UNSURE,
    is_name,
    is_number,
    is_placeholder,
    is_same_number,
)
from .webhook_records import Content, content_of, query_of, with_query
from .webhook_tree import (
    MISSING,
    Level,
    Names,
    Path,
    at,
    flat,
    in_order,
    leaves,
    number_in,
    own,
    resolve_outwards,
    scalar,
)

BODY = "(body)"
"""The name of a body that is neither JSON nor a form."""
LONGEST_ID = 255
SHORT_NUMBER = 4  # digits; ids as short as that are places of a list, or begin again
RECENT = timedelta(days=30)
TIMES = frozenset(NAMES["received_at"])
NUMBERS = frozenset((*NAMES["sender"], *NAMES["recipient"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads records.

    Attributes:
        mapped: Where the fields are.
        zone: The zone of times without one.
    """

    mapped: Mapped = field(default_factory=Mapped)
    zone: tzinfo = UTC

    def split(self, record: bytes) -> list[tuple[bytes, bool]]:
        """Return the records of the messages of a whole request, and of what stands among them and is none.

        Beside each is whether it may have a message.
        """
        content = content_of(record)
        units: list[tuple[Path, bool]] = [((), True)] if content.body is None else self.mapped.units(content.body)
        if len(units) <= 1 or (content.query and not any(is_message for _, is_message in units)):
            return [(record, True)] if units else []
        cutter, query = Cutter(self.mapped, content.body, [path for path, _ in units]), query_of(record)
        return [(with_query(query, cut) if (cut := cutter.cut(path)) else record, may) for path, may in units]

    def read(self, record: bytes, now: datetime | None = None) -> Message | None:
        """Return the message of a record, None where no text is found in it."""
        content = content_of(record)
        levels = self._message(content)
        return _Fields(self, levels, content, now or datetime.now(UTC)).message(record) if levels else None

    def is_about_something_else(self, record: bytes) -> bool:
        """Return whether a record says that it is about something else than a received message, as the preset knows."""
        preset = self.mapped.preset
        if not (preset.take or preset.leave) or (content := content_of(record)).body is None:
            return False
        levels = _levels(content, next(iter(self.mapped.messages(content.body)), ()))
        for path, values in preset.take.items():
            found = text_of(_plain_value(levels, path)).casefold()
            if found and found not in map(str.casefold, values):
                return True
        return any(_plain_value(levels, path) for path in preset.leave)

    def fields(self, record: bytes) -> dict[str, str]:
        """Return the fields of a record by the paths that a person may name, seen from the message."""
        content = content_of(record)
        if content.body is None:
            return {**dict(flat(content.query)), **({BODY: content.text} if content.source.strip() else {})}
        paths = self.mapped.messages(content.body)
        levels = _levels(content, paths[0] if paths else innermost(content.body))
        return {name: value for level in reversed(levels) for name, value in flat(level.row)}

    def _message(self, content: Content) -> list[Level]:
        """Return the object that is the message, and the objects around it; none where there is no message.

        Where the body has no message, the query may be one, together with the fields of the body.
        """
        query = _filled_in(content.query)
        if content.body is None and self.mapped.paths.get("text") == ((BODY,),):
            return [Level({BODY: content.text}), Level(query)]
        if content.body is not None:
            for path in self.mapped.messages(content.body)[:1]:
                levels = _levels(content, path)
                if self.mapped.guesses or self.mapped.text_of(levels[0].row) is not None:
                    return levels
        row = {**query, **(content.body if isinstance(content.body, dict) else {})}
        return [Level(row)] if query and self.mapped.text_of(query) is not None else []


class _Fields:
    """Reads the fields of one message."""

    def __init__(self, reader: Reader, levels: list[Level], content: Content, now: datetime) -> None:
        """Take the message, and what is around it."""
        self._reader = reader
        self._mapped = reader.mapped
        self._preset = reader.mapped.preset
        self._levels = levels
        self._near = [level for level in levels if not level.is_beside_a_list]
        self._content = content
        self._now = now

    def message(self, record: bytes) -> Message:
        """Return the message."""
        text, encoding, data = self._text()
        sender, recipient = self._numbers()
        written_at, received_at = self._received_at()
        message_id = self._message_id((sender, recipient, text))
        content = [sender, recipient, text]
        if not message_id:
            synthetic_id = self._synthetic_id(content, written_at)
        elif message_id.isdecimal() and len(message_id) <= SHORT_NUMBER and not self._preset.time_is_request:
            content.append(written_at)
        return Message(
            message_id=message_id or synthetic_id,
            sender=sender,
            recipient=recipient or None,
            text=text,
            encoding=encoding,
            data=data,
            received_at=received_at,
            in_reply_to=self._value("in_reply_to") or None,
            raw=record,
            channel=self._chosen_by(self._preset.channels),
            fingerprint=_hash(content) if message_id else None,
        )

    def _text(self) -> tuple[str, Encoding, bytes | None]:
        """Return the text with its encoding, and of a binary message the bytes; an empty one may be in the query."""
        query = self._levels[-1].row if self._content.query and len(self._levels) > 1 else {}
        text = self._mapped.text_of(self._levels[0].row) or self._mapped.text_of(query) or ""
        try:
            match self._chosen_by(self._preset.decode):
                case "binary-hex":
                    data = bytes.fromhex(text)
                    return printable(data), "binary", data
                case "binary-base64":
                    data = base64.b64decode(text, validate=True)
                    return printable(data), "binary", data
                case "utf-16-hex":
                    text = bytes.fromhex(text).decode("utf-16-be")
        except ValueError, binascii.Error:
            pass
        return text, "text" if text.isascii() else "unicode", None

    def _chosen_by[Choice: str](self, choices: Mapping[str, Mapping[str, Choice]]) -> Choice | None:
        """Return what the preset says for the value of another field, None where it says nothing."""
        found = (values.get(text_of(_plain_value(self._levels, path))) for path, values in choices.items())
        return next(filter(None, found), None)

    def _numbers(self) -> tuple[str, str]:
        """Return sender and recipient; a name that means the one or the other means only one of them."""
        recipient = self._value("recipient")
        sender = self._sender(recipient)
        unsure = self._levels[0].numbers(EITHER)
        is_guessed = "recipient" not in self._mapped.paths and recipient in unsure
        return sender, "" if is_guessed and is_same_number(sender, recipient) else recipient

    def _value(self, name: str) -> str:
        """Return a field under the path that was given, else under the first usual name that isn't empty."""
        if name in self._mapped.paths:
            paths = self._mapped.paths[name]
            return next(filter(None, (number_in(resolve_outwards(self._levels, each)) for each in paths)), "")
        if not self._mapped.guesses:
            return ""
        values = (value for level in self._near for value in level.values(RANKS.get(name, {})))
        return next(filter(None, map(number_in, values)), "")

    def _sender(self, recipient: str) -> str:
        """Return the sender; empty where there is none, or where several contradict each other.

        Names that may mean something else count only beside the text and in the query, and only where no name is there
        that means the sender.
        """
        if "sender" in self._mapped.paths or not self._mapped.guesses:
            return self._value("sender")
        for level in self._near:
            sure = level.numbers(SURE)
            for found in (sure, [] if sure else level.numbers(EITHER)):
                if any(found):
                    return _agreed(found)
            is_beside = level is self._levels[0] or (self._content.query and level is self._levels[-1])
            if is_beside and not sure and (unsure := _unsure(level, recipient)) is not None:
                return unsure
        return ""

    def _message_id(self, others: tuple[str, ...]) -> str:
        """Return the id: under the path that was given, else beside the text; empty where there is none."""
        if "message_id" in self._mapped.paths:
            found = [self._value("message_id")]
        elif self._mapped.guesses:
            rows = [level.row for level in self._levels]
            # Where the body is nothing but the text, the query stands beside it.
            beside = rows[:1] if len(rows[0]) > 1 or not self._content.query else [rows[0], rows[-1]]
            values = [scalar(value) or "" for row in beside for value in in_order(own(row), RANKS["message_id"])]
            found = [each for each in values if each not in others]
        else:
            found = []
        return next((each for each in found if each and len(each) <= LONGEST_ID and not is_placeholder(each)), "")

    def _received_at(self) -> tuple[str, datetime | None]:
        """Return when the message was received, as it is written and as it is understood."""
        written: list[str] = []
        if "received_at" in self._mapped.paths:
            paths = self._mapped.paths["received_at"]
            written = [scalar(resolve_outwards(self._levels, each)) or "" for each in paths]
        elif self._mapped.guesses:
            written = [value for level in self._near for value in _times(level)]
        times = ((value, time_of(value, self._reader.zone, self._now)) for value in written)
        return next(((value, time) for value, time in times if time), ("", None))

    def _synthetic_id(self, content: list[str], written_at: str) -> str:
        """Return the id of a message without one: the same for the same message, if a time tells that it is the same.

        A preset knows which fields are enough. Else it takes the same bytes, with a time to the second in them.
        """
        if not self._mapped.guesses:
            identity = self._preset.identity
            is_known = "received_at" in identity and is_moment(written_at)
            return f"{SYNTHETIC_ID}{_hash([*content, written_at]) if is_known else uuid.uuid4()}"
        content = [*content, self._content.source.hex()]
        if is_moment(written_at):
            return f"{SYNTHETIC_ID}{_hash([*content, written_at])}"
        if self._has_moment(self._content.body, content):
            return f"{SYNTHETIC_ID}{_hash(content)}"
        if self._has_moment(self._content.query, content):
            return f"{SYNTHETIC_ID}{_hash([*content, text_of(self._content.query)])}"
        return f"{SYNTHETIC_ID}{uuid.uuid4()}"

    def _has_moment(self, value: Any, known: list[str]) -> bool:
        """Return whether a field below a value is a time to the second, and neither text nor number of the message.

        Under a name that isn't usual for a time, it must be one of the last days: it may be that of something else.
        """
        for name, each in leaves(value):
            if name in NUMBERS or each in known or not is_moment(each):
                continue
            time = time_of(each, self._reader.zone, self._now)
            if time and (name in TIMES or abs(self._now - time) < RECENT):
                return True
        return False


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
        names: The paths of the fields, as a person has given them.
        preset: The app or service that sent it.
        zone: That of times without one.
        now: The present, as it is known.
    """
    return Reader(mapped=Mapped(preset=preset, given=names), zone=zone).read(record, now)


def fields_of(record: bytes, preset: Preset = OTHER) -> dict[str, str]:
    """Return the fields of a record by the paths that a person may name, seen from the message.

    Those inside others have a dot; those of objects around the message are named from there. Empty where there is none.
    """
    return Reader(mapped=Mapped(preset=preset)).fields(record)


def lacks_sender(message: Message) -> bool:
    """Return whether a message has no sender, or one that can neither be a number nor a name."""
    sender = message.sender.strip()
    if not (is_number(sender) or is_name(sender)) or is_placeholder(sender):
        return True
    return sender == message.message_id or is_same_number(sender, message.recipient or "")


def _levels(content: Content, path: Path) -> list[Level]:
    """Return the object at a path, and the objects around it, the innermost first; the query is the outermost."""
    value, is_beside_a_list = at(content.body, path), False
    levels = [Level(value if isinstance(value, dict) else {"": value})]
    for length in range(len(path) - 1, -1, -1):
        around = at(content.body, path[:length])
        if isinstance(around, dict):
            row = {name: each for name, each in around.items() if name != path[length]}
            levels.append(Level(row, whole=around, is_beside_a_list=is_beside_a_list))
        else:
            is_beside_a_list = True
    if content.query:
        levels.append(Level(_filled_in(content.query)))
    return levels


def _filled_in(query: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the query beside a body, without variables that were never filled in."""
    return {name: value for name, value in query.items() if not (isinstance(value, str) and is_placeholder(value))}


def _plain_value(levels: list[Level], path: str) -> Any:
    """Return what is at a path of a preset, None where nothing is."""
    names: Names = tuple(path.split("."))
    value = resolve_outwards(levels, names)
    return None if value is MISSING else value


def _times(level: Level) -> list[str]:
    """Return the times of an object under usual names; one that is split into date and time is put together."""
    values = [scalar(value) or "" for value in level.values(RANKS["received_at"])]
    parts = [scalar(value) or "" for value in level.values({"date": 0, "time": 1})]
    return [*values, " ".join(parts)] if len(parts) > 1 else values


def _agreed(found: list[str]) -> str:
    """Return the one sender among several, empty where they contradict each other; a number comes before a name."""
    chosen = [each for each in found if is_number(each)] or [each for each in found if each]
    return chosen[0] if all(is_same_number(chosen[0], each) for each in chosen) else ""


def _unsure(level: Level, recipient: str) -> str | None:
    """Return the sender under names that may mean something else: only a number that no other contradicts.

    Without a number, it is the name of a contact. None where there is neither.
    """
    numbers = [each for each in level.numbers(UNSURE) if is_number(each)]
    numbers = [each for each in numbers if not is_same_number(each, recipient)]
    return _agreed(numbers) if numbers else next(filter(None, level.numbers(CONTACT)), None)


def _hash(content: list[str]) -> str:
    """Return a hash of texts."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
