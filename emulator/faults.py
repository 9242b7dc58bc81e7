"""What can be made to go wrong: faults that replace an answer, and faults that spoil one."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .protocol import Answer, Call, Protocol, html_page

REPLACING: Mapping[str, Mapping[str, Any]] = {
    "unauthorized": {},
    "rate_limited": {"retry_after": None},
    "server_error": {"status": 500, "retry_after": None, "consume": False},
    "vendor_error": {"word": "", "status": None},
    "html": {},
    "oversized": {"size": 5 * 1024 * 1024},
    "redirect": {"location": "", "status": 302, "consume": False},
    "bad_json": {},
    "garbage": {},
}
"""Faults that are answered without asking the protocol, and their options; with `consume` it is asked all the same."""

SPOILING: Mapping[str, Mapping[str, Any]] = {"cut": {}, "slow": {"seconds": 5.0}}
"""Faults of an answer that has a body."""

KINDS: Mapping[str, Mapping[str, Any]] = {
    **REPLACING,
    **SPOILING,
    "stall": {"seconds": 30.0},
    "dropped": {"consume": False},
}

STATUSES = range(300, 600)
WORD_STATUSES = range(200, 600)
"""Some vendors say in words what is wrong, and 200."""


@dataclass(eq=False, kw_only=True, slots=True)
class Fault:
    """Something that goes wrong `count` times, or until cleared, once `skip` requests that it fits have passed."""

    provider: str
    kind: str
    count: int | None
    username: str | None
    path: str | None
    skip: int
    where: Mapping[str, str]
    options: Mapping[str, Any]
    _spared: set[Call] = field(default_factory=set)

    @property
    def replaces(self) -> bool:
        """Whether the protocol isn't even asked."""
        return self.kind not in SPOILING and not self.options.get("consume")

    def fits(self, call: Call) -> bool:
        """Whether it is meant for this request."""
        return (
            self.provider == call.provider
            and self.username in (None, call.username)
            and (self.path is None or self.path in call.path)
            and self.where.items() <= call.fields.items()
        )

    def spares(self, call: Call) -> bool:
        """Whether a request is among the first that it fits, and so passes, however often it is looked at."""
        if call not in self._spared and len(self._spared) < self.skip and self.fits(call):
            self._spared.add(call)
        return call in self._spared


class Faults:
    """The faults still to come, the oldest first."""

    def __init__(self) -> None:
        """Begin without any."""
        self.pending: list[Fault] = []

    def add(self, protocol: Protocol, fault: Fault) -> None:
        """Plan a fault, with the defaults of the options that it leaves out; ValueError says what is wrong with it."""
        known = {**KINDS, **protocol.fault_options}
        if fault.kind not in known:
            raise ValueError(f"The faults of {protocol.key} are: {', '.join(known)}.")
        if fault.count is not None and fault.count < 1:
            raise ValueError("A fault happens at least once.")
        if fault.skip < 0:
            raise ValueError("A fault skips no request, or some.")
        if not all(isinstance(value, str) for value in fault.where.values()):
            raise ValueError("The fields of a request have text values.")
        defaults = known[fault.kind]
        options: Mapping[str, Any] = {**defaults, **_checked(fault.kind, fault.options, defaults)}
        if fault.kind == "vendor_error":
            options = _with_status(protocol, options)
        self.pending.append(replace(fault, options=options))

    def peek(self, call: Call, *, replacing: bool, but: Collection[str] = ()) -> Fault | None:
        """The fault that is due for a call."""
        due = [fault for fault in self.pending if not fault.spares(call)]
        for fault in due:
            if fault.replaces == replacing and fault.kind not in but and fault.fits(call):
                return fault
        return None

    def take(self, call: Call, *, replacing: bool, but: Collection[str] = ()) -> Fault | None:
        """The fault that is due for a call, counted as having happened."""
        fault = self.peek(call, replacing=replacing, but=but)
        if fault is not None and fault.count is not None:
            fault.count -= 1
            if not fault.count:
                self.pending.remove(fault)
        return fault


def _checked(kind: str, options: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := options.keys() - known.keys():
        raise ValueError(f"The fault {kind} has no option {', '.join(sorted(unknown))}.")
    if kind == "redirect" and not options.get("location"):
        raise ValueError("A redirect needs a location.")
    statuses = (*WORD_STATUSES, None) if kind == "vendor_error" else STATUSES
    for name, value in options.items():
        if not _fits(value, known[name]) or (name == "status" and value not in statuses):
            raise ValueError(f"The option {name} of the fault {kind} can't be {value!r}.")
    return options


def _with_status(protocol: Protocol, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a vendor's error with the status that belongs to its word, after a look at the word."""
    word, status = options["word"], options["status"] or protocol.errors.get(options["word"])
    if not word or status is None:
        raise ValueError(f"The error words of {protocol.key} are: {', '.join(protocol.errors)}; others need a status.")
    protocol.vendor_error(word, status)
    return {"word": word, "status": status}


def _fits(value: Any, default: Any) -> bool:
    """Whether an option's value is of the kind its default is; without a default it is a Retry-After."""
    match default:
        case bool():
            return isinstance(value, bool)
        case str():
            return isinstance(value, str)
        case int() | float():
            number = (int,) if isinstance(default, int) else (int, float)
            return isinstance(value, number) and not isinstance(value, bool) and value >= 0
    return value is None or (isinstance(value, (int, str)) and not isinstance(value, bool))


def answer_of(fault: Fault, protocol: Protocol) -> Answer:
    """The answer that a replacing fault gives instead of the protocol's."""
    make = ANSWERS.get(fault.kind)
    return make(protocol, fault.options) if make else protocol.fault(fault.kind, fault.options)


def _retry_after(options: Mapping[str, Any]) -> dict[str, str]:
    value = options["retry_after"]
    return {} if value is None else {"Retry-After": str(value)}


def _oversized(protocol: Protocol, options: Mapping[str, Any]) -> Answer:
    body = protocol.opening.ljust(options["size"], b"x")
    return Answer(body=body, content_type=protocol.content_type, chunked=True)


ANSWERS: Mapping[str, Callable[[Protocol, Mapping[str, Any]], Answer]] = {
    "unauthorized": lambda protocol, _: protocol.unauthorized(),
    "rate_limited": lambda _, options: html_page(429, "Too Many Requests", _retry_after(options)),
    "server_error": lambda _, options: html_page(options["status"], "Internal Error", _retry_after(options)),
    "vendor_error": lambda protocol, options: protocol.vendor_error(options["word"], options["status"]),
    "html": lambda _protocol, _options: html_page(200, "Please log in"),
    "oversized": _oversized,
    "redirect": lambda _, options: Answer(status=options["status"], headers={"Location": options["location"]}),
    "bad_json": lambda protocol, _: Answer(body=b'[{"id": "1", "type": ', content_type=protocol.content_type),
    "garbage": lambda protocol, _: Answer(body=bytes(range(255, -1, -1)), content_type=protocol.content_type),
}
