"""Which messages are meant: by their sender, typed as people type numbers, and by their text."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
import re
from typing import Any, Final

import phonenumbers
import voluptuous as vol

from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

CONF_CASE_SENSITIVE: Final = "case_sensitive"
CONF_EXCLUDE_SENDER: Final = "exclude_sender"
CONF_MATCH: Final = "match"
CONF_SENDER: Final = "sender"
CONF_TEXT: Final = "text"

REGEX: Final = "regex"
# How a text that was typed becomes an expression that is searched for.
COMPARISONS: Final[dict[str, Callable[[str], str]]] = {
    "contains": re.escape,
    "is": lambda text: rf"\A\s*{re.escape(text.strip())}\s*\Z",
    "begins_with": lambda text: rf"\A\s*{re.escape(text.strip())}",
    REGEX: str,
}
NUMBER: Final = re.compile(r"\s*\+?[\d\s().,/\-\u2010-\u2015]*\d[\d\s().,/\-\u2010-\u2015]*")

SENDERS_SCHEMA: Final = vol.All(cv.ensure_list, [cv.string])
FILTER_SCHEMA: Final[dict[vol.Marker, Any]] = {
    vol.Optional(CONF_SENDER, default=list): SENDERS_SCHEMA,
    vol.Optional(CONF_EXCLUDE_SENDER, default=list): SENDERS_SCHEMA,
    vol.Optional(CONF_TEXT, default=""): cv.string,
    vol.Optional(CONF_MATCH, default="contains"): vol.In(COMPARISONS),
    vol.Optional(CONF_CASE_SENSITIVE, default=False): cv.boolean,
}


@dataclass(frozen=True, slots=True)
class Senders:
    """Senders that were typed: every way in which one of them may stand in a message."""

    spellings: frozenset[str]

    @classmethod
    def typed(cls, senders: Iterable[str], country: str | None) -> Senders:
        """Take them as people type them.

        Args:
            senders: Numbers (national, with spaces, `+` or `00`) and names; empty ones mean nothing.
            country: Where national numbers are dialled (ISO 3166-1 alpha-2), None where that is unknown.
        """
        return cls(frozenset().union(*(_spellings(sender, country) for sender in senders if sender.strip())))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.spellings)

    def __contains__(self, sender: str) -> bool:
        """Whether the sender of a message is one of them."""
        return _plain(sender) in self.spellings


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageFilter:
    """Which messages are meant; empty senders and no pattern mean all."""

    senders: Senders
    excluded: Senders
    pattern: re.Pattern[str] | None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], country: str | None) -> MessageFilter:
        """Make it of options that fit `FILTER_SCHEMA`.

        Raises:
            re.PatternError: The regular expression is none.
        """
        text, flags = options[CONF_TEXT], 0 if options[CONF_CASE_SENSITIVE] else re.IGNORECASE
        return cls(
            senders=Senders.typed(options[CONF_SENDER], country),
            excluded=Senders.typed(options[CONF_EXCLUDE_SENDER], country),
            pattern=re.compile(COMPARISONS[options[CONF_MATCH]](text), flags) if text.strip() else None,
        )

    def match(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the groups of the match (`groups`, `named_groups`), None where the message isn't meant."""
        sender = str(message.get("sender") or "")
        if sender in self.excluded or (self.senders and sender not in self.senders):
            return None
        if self.pattern is None:
            return {"groups": [], "named_groups": {}}
        found = self.pattern.search(str(message.get("text") or ""))
        return found and {"groups": list(found.groups()), "named_groups": found.groupdict()}


async def async_validate_filter(hass: HomeAssistant, options: ConfigType) -> None:
    """Refuse options that can't be used.

    In a thread, because the rules of a country's numbers are read from disk when they are first needed; whoever makes
    the filter afterwards finds them ready.

    Raises:
        vol.Invalid: The regular expression is none.
    """
    try:
        await hass.async_add_executor_job(MessageFilter.from_options, options, hass.config.country)
    except re.PatternError as err:
        raise vol.Invalid(f"The regular expression is invalid: {err}", path=[CONF_TEXT]) from err


def _plain(sender: str) -> str:
    """Return a sender for comparing: of a number its digits and a leading +, of a name what doesn't depend on case."""
    if not NUMBER.fullmatch(sender):
        return sender.strip().casefold()
    digits: str = phonenumbers.normalize_digits_only(sender)
    return f"+{digits}" if "+" in sender else digits


@lru_cache(maxsize=1024)
def _spellings(typed: str, country: str | None) -> frozenset[str]:
    """Return every way in which a sender that was typed may stand in a message, as `_plain` writes it."""
    plain = _plain(typed)
    if not NUMBER.fullmatch(typed) or (number := _number(plain, country)) is None:
        return frozenset({plain})
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    spellings = {plain, international, international.removeprefix("+"), international.replace("+", "00")}
    if country and number.country_code == phonenumbers.country_code_for_region(country):
        spellings.add(_plain(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)))
    return frozenset(spellings)


def _number(plain: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    """Return the number that was typed, None where it is none that could be dialled from abroad.

    Without + or 00 it is a national number, or, as most providers write it, an international one without its +. Where
    national numbers begin with 0, one without is taken for international first.
    """
    if plain.startswith("+"):
        return _parse(plain, None, phonenumbers.is_possible_number)
    if plain.startswith("00"):
        return _parse(f"+{plain[2:]}", None, phonenumbers.is_possible_number)
    possible, valid = phonenumbers.is_possible_number, phonenumbers.is_valid_number
    ways = [(plain, country, valid), (f"+{plain}", None, valid), (plain, country, possible)]
    trunk_prefix = phonenumbers.ndd_prefix_for_region(country, strip_non_digits=True) if country else "0"
    if trunk_prefix == "0" and not plain.startswith("0"):
        ways.insert(0, (f"+{plain}", None, possible))
    return next(filter(None, (_parse(*way) for way in ways)), None)


def _parse(
    text: str, region: str | None, accept: Callable[[phonenumbers.PhoneNumber], bool]
) -> phonenumbers.PhoneNumber | None:
    """Return the number that a text spells in a region, None where it isn't accepted."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if accept(number) else None
