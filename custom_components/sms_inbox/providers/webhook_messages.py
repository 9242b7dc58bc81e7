"""Which objects in the body of a webhook request are messages, and the record of each.

An object is a message if it has a text: under the path that was given, else under a usual name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .parsing import record_of, text_of
from .presets import OTHER, Preset
from .webhook_names import ACCESSORIES, ASIDES, EITHER, SURE, UNSURE, is_number, plain
from .webhook_tree import (
    DEEPEST,
    LIST_OF_ONE,
    Level,
    Names,
    Path,
    at,
    each_below,
    names_of,
    number_in,
    resolve,
    scalar,
    usual_text,
)

AROUND = 1_000_000  # bytes that the fields around the messages of one request may take in all its records


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapped:
    """Where the fields of a message are: the paths that were given, and whether others are guessed.

    Attributes:
        preset: The app or service that sends the requests.
        given: The paths that a person has given; they come before those of the preset.
        paths: The paths that count, by field; the first under which there is something is read.
    """

    preset: Preset = OTHER
    given: Mapping[str, str] = field(default_factory=dict)
    paths: dict[str, tuple[Names, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the paths."""
        preset = {name: (path, *self.preset.otherwise.get(name, ())) for name, path in self.preset.fields.items()}
        typed = {name: (path,) for name, path in self.given.items() if path.strip()}
        paths = {name: tuple(map(names_of, each)) for name, each in {**preset, **typed}.items()}
        object.__setattr__(self, "paths", paths)

    @property
    def guesses(self) -> bool:
        """Whether a field without a path is looked for under the usual names."""
        return not self.preset.fields

    def text_of(self, row: dict[str, Any]) -> str | None:
        """Return the text of an object: empty where it is, None where there is none."""
        if "text" not in self.paths:
            return usual_text(row) if self.guesses else None
        found = [text for names in self.paths["text"] if (text := scalar(resolve(row, names))) is not None]
        return next(filter(None, found), "" if found else None)

    def has_sender(self, row: dict[str, Any]) -> bool:
        """Return whether an object has a sender of its own."""
        if "sender" in self.paths:
            return any(number_in(resolve(row, names)) for names in self.paths["sender"])
        level = Level(row)
        return any(level.numbers(SURE | EITHER)) or any(map(is_number, level.numbers(UNSURE)))

    def messages(self, body: Any) -> list[Path]:
        """Return where in a body the messages are, in order; with a preset, where they should be."""
        if self.guesses:
            return [path for path, _ in _found(self, body)]
        rows = each_below(body, names_of(self.preset.messages) if self.preset.messages else ())
        return [path for path in rows if isinstance(at(body, path), dict)]

    def units(self, body: Any) -> list[tuple[Path, bool]]:
        """Return where in a body the messages are, and what stands in lists with them; all of it where there are none.

        Beside each is whether it is a message. Where there is none, each element of a list is by itself, since a person
        may name the field of the text.
        """
        if paths := self.messages(body):
            return [*((path, True) for path in paths), *((path, False) for path in _beside(body, paths))]
        if self.guesses:
            return [(path, False) for path in _elements(body)]
        rows = resolve(body, names_of(self.preset.messages)) if self.preset.messages else body
        return [] if rows == [] else [((), False)]


class Cutter:
    """Cuts a body into records: each has one message, at its place, and the fields around it."""

    def __init__(self, mapped: Mapped, body: Any, units: list[Path]) -> None:
        """Take the body, and where the messages in it are."""
        self._mapped = mapped
        self._body = body
        self._units = units
        self._budget = AROUND // len(units)
        self._busy: dict[Path, set[str | int]] = {}
        for path in units:
            for length, name in enumerate(path):
                self._busy.setdefault(path[:length], set()).add(name)
        self._around: dict[tuple[Path, bool], dict[str, Any]] = {}

    def cut(self, path: Path) -> bytes | None:
        """Return the record of the message at a path; None where only the whole body shows it.

        Where objects around it have other messages, too, the message is in a list of one, which keeps apart what is
        around it.
        """
        if path == self._units[0] and path in self._busy and not isinstance(self._body, list):
            return None
        value = at(self._body, path)
        has_sender = isinstance(value, dict) and self._mapped.has_sender(value)
        for length in range(len(path) - 1, -1, -1):
            around = at(self._body, path[:length])
            if isinstance(around, dict):
                has_others = len(self._busy[path[:length]]) > 1 and not isinstance(value, list)
                value = {
                    **self._fields_around(path[:length], around, has_sender),
                    path[length]: [value] if has_others else value,
                }
            elif length:
                value = [value]
        return record_of(value)

    def _fields_around(self, path: Path, around: dict[str, Any], has_sender: bool) -> dict[str, Any]:  # noqa: FBT001
        """Return the fields of an object around a message, as far as there is room.

        None are returned where they have a text with which the object would be taken for the message.
        """
        if (path, has_sender) not in self._around:
            fields = {name: value for name, value in around.items() if name not in self._busy[path]}
            if self._mapped.text_of(fields) is not None and (not has_sender or self._mapped.has_sender(fields)):
                fields = {}
            if len(record_of(fields)) > self._budget:
                fields = _as_much_as_fits(fields, self._budget)
            self._around[path, has_sender] = fields
        return self._around[path, has_sender]


def innermost(body: Any) -> Path:
    """Return the object in which a person will look for the fields of a message: what lists lead to."""
    path: Path = ()
    for _ in range(DEEPEST):
        key = next((key for key, each in body.items() if _is_list(key, each)), None) if isinstance(body, dict) else None
        if isinstance(body, list) and body:
            path, body = (*path, 0), body[0]
        elif key is not None:
            path, body = (*path, key, 0), body[key][0]
        else:
            break
    return path


def _found(mapped: Mapped, value: Any, depth: int = 0) -> list[tuple[Path, bool]]:
    """Return where below a value the messages are, in order, and whether each has a sender of its own."""
    if depth <= DEEPEST and isinstance(value, list):
        rows = enumerate(value)
        return [((place, *path), full) for place, each in rows for path, full in _found(mapped, each, depth + 1)]
    if depth > DEEPEST or not isinstance(value, dict):
        return []
    if listed := _each_text(mapped, value):
        return [(path, mapped.has_sender(at(value, path))) for path in listed]
    text = mapped.text_of(value)
    others = ASIDES | ACCESSORIES if text else ASIDES
    inner: list[tuple[Path, bool]] = [
        ((key, *path), full)
        for key, each in value.items()
        if isinstance(each, dict | list) and plain(key) not in others
        for path, full in _found(mapped, each, depth + 1)
    ]
    return _chosen(text, text is not None and mapped.has_sender(value), inner)


def _chosen(text: str | None, has_sender: bool, inner: list[tuple[Path, bool]]) -> list[tuple[Path, bool]]:  # noqa: FBT001
    """Return which of an object and those inside it are messages.

    One inside counts instead of the object if it has a sender and the object has none, and beside it only in a list: a
    message inside a message is quoted. Of several inside, those with a sender count, and all of a list.
    """
    is_any_full = any(full for _, full in inner)
    listed = [(path, full) for path, full in inner if _is_in_a_list(path)]
    if text and has_sender:
        return [((), True), *((path, full) for path, full in listed if full)]
    if text and not is_any_full:
        return [((), False), *listed]
    if not inner:
        return [] if text is None else [((), has_sender)]
    return [(path, full) for path, full in inner if full or not is_any_full or _is_in_a_list(path)]


def _is_in_a_list(path: Path) -> bool:
    """Return whether a path leads through a list."""
    return any(isinstance(name, int) for name in path)


def _each_text(mapped: Mapped, row: dict[str, Any]) -> list[Path]:
    """Return the elements of a list that the given path of the text leads into, as in `messages.text`."""
    for names in mapped.paths.get("text", ()):
        for length in range(1, len(names)):
            rest = names[length + 1 :] if names[length] == "0" else names[length:]
            value = resolve(row, names[:length])
            if isinstance(value, list) and len(value) > LIST_OF_ONE and rest:
                paths = each_below(row, names[:length])
                return [path for path in paths if scalar(resolve(at(row, path), rest)) is not None]
    return []


def _beside(body: Any, paths: list[Path]) -> list[Path]:
    """Return what stands in lists with messages and is none."""
    covered: dict[Path, set[str | int]] = {}
    for path in paths:
        for length, name in enumerate(path):
            if isinstance(name, int):
                covered.setdefault(path[:length], set()).add(name)
    return [
        (*path, place)
        for path, places in covered.items()
        for place in range(len(at(body, path)))
        if place not in places
    ]


def _elements(value: Any, depth: int = 0) -> list[Path]:
    """Return the elements of the outermost lists that may be lists of messages, else the value itself."""
    if isinstance(value, list) and not depth:
        return [(place,) for place in range(len(value))]
    if not isinstance(value, dict) or depth > DEEPEST:
        return [()]
    found: list[Path] = []
    for key, each in value.items():
        if _is_list(key, each) and len(each) > LIST_OF_ONE:
            found += [(key, place) for place in range(len(each))]
        elif isinstance(each, dict) and plain(key) not in ACCESSORIES:
            found += [(key, *path) for path in _elements(each, depth + 1) if path]
    return found or [()]


def _is_list(key: str, value: Any) -> bool:
    """Return whether a value can be a list of messages."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and plain(key) not in ACCESSORIES


def _as_much_as_fits(fields: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the first fields whose sizes are within a limit."""
    fitting = {}
    for name, value in fields.items():
        length = len(record_of({name: text_of(value)})) if not isinstance(value, dict | list) else size + 1
        if length <= size:
            size -= length
            fitting[name] = value
    return fitting
