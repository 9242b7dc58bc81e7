"""Texts as they are compared, and regular expressions that can't take long."""

from contextlib import suppress
from dataclasses import dataclass
import json
from typing import Final, override
import unicodedata

import regex

LONGEST_TEXT: Final = 40_000  # characters that are compared; the longest SMS, of 255 parts, has 39,015
LONGEST_SHOWN: Final = 2000
LONGEST_PARSED: Final = 65_536  # bytes of a record; parsing more would hold up the event loop
# Combining marks in a row, as in Unicode's Stream-Safe Text Format (UAX 15). Without a limit, putting them in order may
# take a time that grows with the square of their number, as it did in older versions of Python.
MOST_MARKS: Final = 30
TOO_MANY_MARKS: Final = regex.compile(rf"(\p{{M}}{{{MOST_MARKS}}})\p{{M}}+")
PLAIN_FORMS: Final = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4\u2039\u203a",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d",
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
}
INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
TABLE: Final = str.maketrans(
    {typographic: form for form, many in PLAIN_FORMS.items() for typographic in many} | dict.fromkeys(INVISIBLE)
)


def plain(text: str, *, case_sensitive: bool = False) -> str:
    """Return a text in the form in which texts are compared.

    Characters are composed (NFC); typographic quotes, dashes and blanks become plain ones; invisible marks are left
    out; unless case matters, it is folded. `LONGEST_TEXT` characters take a few milliseconds, whatever they are.
    """
    if text.isascii():
        text = text.replace("\t", " ").replace("`", "'")
        return text if case_sensitive else text.lower()
    bounded: str = TOO_MANY_MARKS.sub(r"\1", text.translate(TABLE))
    text = unicodedata.normalize("NFC", bounded)
    # Folding may take characters apart.
    return text if case_sensitive else unicodedata.normalize("NFC", text.casefold())


def readable(text: str) -> str:
    """Return a text for people: shortened, and unable to end the Markdown code block in which it is shown."""
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    shown: str = regex.sub("```+", lambda fence: "\u200b".join(fence[0]), cut)
    return shown


def readable_record(record: bytes) -> str:
    """Return a record for people, JSON with a line for each field, so that a narrow screen shows all of it."""
    text = record.decode("utf-8", "replace")
    if len(record) > LONGEST_PARSED:
        return readable(text)
    with suppress(ValueError, RecursionError):
        if isinstance(found := json.loads(text), dict | list):
            # What can't be encoded, half a character, stays escaped as it came.
            text = json.dumps(found, ensure_ascii=False, indent=2).encode().decode()
    return readable(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What an expression has found: its groups by number and by name, None for those that took no part."""

    groups: tuple[str | None, ...]
    named_groups: dict[str, str | None]


class Expression:
    """A regular expression that a person has typed, and whether capital and small letters differ in it."""

    def __init__(self, pattern: str, *, case_sensitive: bool) -> None:
        """Compile it.

        Raises:
            ValueError: It is invalid; the error says why.
        """
        self.pattern = pattern
        self._identity = (pattern, case_sensitive)
        try:
            self._compiled = regex.compile(pattern, 0 if case_sensitive else regex.IGNORECASE)
        except regex.error as err:
            raise ValueError(str(err)) from err

    @override
    def __eq__(self, other: object) -> bool:
        """Whether another one is the same, so that it is run once for both."""
        return isinstance(other, Expression) and self._identity == other._identity

    @override
    def __hash__(self) -> int:
        """Return a number that is the same for equal ones."""
        return hash(self._identity)

    def search(self, text: str, seconds: float, *, in_thread: bool = False) -> Found | None:
        """Return what it finds first in a text, None for nothing.

        Args:
            text: Searched as it is.
            seconds: How long it may take.
            in_thread: Whether other threads can go on meanwhile.

        Raises:
            TimeoutError: It took longer.
        """
        found = self._compiled.search(text, timeout=seconds, concurrent=in_thread)
        return found and Found(groups=found.groups(), named_groups=found.groupdict())
