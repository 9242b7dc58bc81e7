"""JSON and forms of the provider `webhook`: finding fields in them, by a path that was given or by usual names."""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from .parsing import text_of, well_formed
from .webhook_names import ASIDES, GROUPS, PARTS, RANKS, SURE, is_placeholder, plain

DEEPEST = 24
DEEPEST_GROUP = 3
LONGEST_PATH = 200
MOST_NAMES_OF_A_PATH = 16
LIST_OF_ONE = 1
MISSING = object()

type Path = tuple[str | int, ...]
type Names = tuple[str, ...]


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
        self._fields: list[tuple[str, Any]] | None = None

    def values(self, ranks: dict[str, int]) -> list[Any]:
        """Return the values under usual names, in the order of the names."""
        if self._fields is None:
            self._fields = list(usual(self.row))
        return in_order(self._fields, ranks)

    def numbers(self, ranks: dict[str, int]) -> list[str]:
        """Return the senders or recipients under usual names, empty ones included."""
        values = self.values(ranks)
        return [number_in(each) for value in values for each in (value if isinstance(value, list) else [value])]


def in_order(fields: Iterable[tuple[str, Any]], ranks: dict[str, int]) -> list[Any]:
    """Return the values of fields that have one of some names, in the order of the names."""
    found = [(ranks[name], value) for name, value in fields if name in ranks]
    return [value for _, value in sorted(found, key=itemgetter(0))]


def names_of(path: str) -> Names:
    """Return the names of a path; `resolve` also tries several of them as one name."""
    return tuple(path.strip().split(".", MOST_NAMES_OF_A_PATH - 1))


def at(value: Any, path: Path) -> Any:
    """Return what is at a path that is there."""
    for name in path:
        value = value[name]
    return value


def resolve(value: Any, names: Names) -> Any:
    """Return what is at a path that was given, `MISSING` where nothing is.

    Names are compared exactly first, and then without case. A number is a place in a list; a list of one needs none.
    """
    if not names:
        return value
    if isinstance(value, list):
        if names[0].isdecimal() and len(names[0]) < 6:
            return resolve(value[int(names[0])], names[1:]) if int(names[0]) < len(value) else MISSING
        return resolve(value[0], names) if len(value) == LIST_OF_ONE else MISSING
    if isinstance(value, dict):
        for length in range(len(names), 0, -1):
            key = key_of(value, ".".join(names[:length]))
            if key is not None and (found := resolve(value[key], names[length:])) is not MISSING:
                return found
    return MISSING


def resolve_outwards(levels: Iterable[Level], names: Names) -> Any:
    """Return what is at a path that was given: seen from the message, else from an object around it."""
    return next((found for level in levels if (found := resolve(level.whole, names)) is not MISSING), MISSING)


def key_of(row: dict[str, Any], name: str) -> str | None:
    """Return the key of an object that is meant by a name, None where none is."""
    if name in row:
        return name
    wanted = name.casefold()
    return next((key for key in row if well_formed(key).strip().casefold() == wanted), None)


def each_below(value: Any, names: Names) -> list[Path]:
    """Return the paths of all that a given path leads to; at a list it goes on in each element."""
    if isinstance(value, list):
        return [(place, *path) for place, each in enumerate(value) for path in each_below(each, names)]
    if not names:
        return [()]
    if not isinstance(value, dict) or (key := key_of(value, names[0])) is None:
        return []
    return [(key, *path) for path in each_below(value[key], names[1:])]


def scalar(value: Any) -> str | None:
    """Return a value as text, None for a flag, an object and several values."""
    if isinstance(value, list) and len(value) == LIST_OF_ONE and not isinstance(value[0], list):
        return scalar(value[0])
    return None if isinstance(value, bool | dict | list) or value is MISSING else text_of(value)


def number_in(value: Any, depth: int = 0) -> str:
    """Return a value of which an object has a part that is the number, and a list the first; no placeholder."""
    if depth > DEEPEST_GROUP:
        return ""
    if isinstance(value, list) and value:
        return number_in(value[0], depth + 1)
    if isinstance(value, dict):
        parts = (number_in(each, depth + 1) for each in Level(value).values(PARTS))
        return next(filter(None, parts), "")
    found = scalar(value) or ""
    return "" if is_placeholder(found) else found


def own(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the fields of an object by their names as they are compared; of `data.text` the last part counts."""
    for key, value in row.items():
        group, dot, last = key.rpartition(".") if "." in key else ("", "", key)
        yield plain(last if dot and all(plain(part) in GROUPS for part in group.split(".")) else key), value


def usual(row: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Return the fields of an object and of those in it that only group fields, by their names as they are compared."""
    yield from own(row)
    for key, value in row.items():
        if isinstance(value, dict) and plain(key) in GROUPS and depth < DEEPEST_GROUP and usual_text(value) is None:
            yield from usual(value, depth + 1)


def usual_text(row: dict[str, Any]) -> str | None:
    """Return the text of an object under a usual name; empty where all are, None where there is none.

    Several values of one name are none: nobody can say which is the text.
    """
    fields = list(own(row))
    values = in_order(fields, RANKS["text"])
    found = None
    for value in values:
        if isinstance(value, list) and len(value) > LIST_OF_ONE and not isinstance(value[0], dict | list):
            return None
        if text := scalar(value):
            return text
        found = "" if text == "" else found
    inside = [value for value in values if isinstance(value, dict)]
    return (_text_inside(fields, inside[0]) if len(inside) == 1 else None) or found


def _text_inside(fields: list[tuple[str, Any]], row: dict[str, Any]) -> str | None:
    """Return the text of an object such as `"text": {"body": "Hello"}`, where the sender stands beside it."""
    inner = list(own(row))
    if any(name in SURE or name in RANKS["message_id"] for name, _ in inner):
        return None
    texts = filter(None, map(scalar, in_order(inner, RANKS["text"])))
    return next(texts, None) if any(map(number_in, in_order(fields, SURE))) else None


def leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Return the texts below a value by the last names of their paths, but for what is not of the message."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict | list) and depth <= DEEPEST:
        for key, each in value.items() if isinstance(value, dict) else ((name, each) for each in value):
            if (last := plain(key)) not in ASIDES:
                yield from leaves(each, last, depth + 1)


def flat(value: Any, path: str | None = None, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Return the fields of JSON by their paths, but for those that are so long or deep that nobody names them."""
    if not isinstance(value, dict | list):
        yield well_formed(path or ""), text_of(value)
    elif depth <= DEEPEST:
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            longer = str(name) if path is None else f"{path}.{name}"
            if len(longer) <= LONGEST_PATH:
                yield from flat(inner, longer, depth + 1)
