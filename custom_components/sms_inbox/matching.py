"""Filters of triggers and conditions: by account, sender, text and age; filters that can never match are refused."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
import re
from typing import Any, Final

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .contacts import contacts_named
from .model import NumberFormat
from .phone_numbers import (
    LONGEST_SENDER,
    SMS,
    WITHOUT_NUMBERS,
    Sender,
    digits_of,
    name_of,
    sender_of,
    split_channel,
    typed_number,
)
from .targets import check_target, selection_of
from .texts import INVISIBLE, Expression, plain

CONF_ALLOW_EMPTY_LISTS: Final = "allow_empty_lists"
CONF_CASE_SENSITIVE: Final = "case_sensitive"
CONF_CONTACT: Final = "contact"
CONF_EXCLUDE_SENDER: Final = "exclude_sender"
CONF_MATCH: Final = "match"
CONF_NOT_OLDER_THAN: Final = "not_older_than"
CONF_SENDER: Final = "sender"
CONF_TEXT: Final = "text"

ANY_FORMAT: Final = NumberFormat(has_channels=True)
DEFAULT_MATCH: Final = "contains"
REGEX: Final = "regex"
COMPARISONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "is": lambda text, whole: text.strip() == whole.strip(),
    "begins_with": lambda text, beginning: text.lstrip().startswith(beginning.strip()),
}
TEMPLATE: Final = re.compile(r"\{\{|\{%")
BETWEEN_SENDERS: Final = re.compile(r"[;,|\n]|(?<=\d)\s+(?=\+)")
MOST_DIGITS: Final = 17  # of E.164 15, and a trunk prefix
LEAST_DIGITS: Final = 7  # of what is probably a number, and not a short code or a part of a name
SHORTEST_SHORT_CODE: Final = 3
LONGEST_NAME: Final = 11  # characters of an alphanumeric sender (3GPP TS 23.040); some providers have longer ones
LONGEST_NATIONAL_CODE: Final = 8  # digits of a short code; some countries have such long ones
NO_INVISIBLE: Final = dict.fromkeys(map(ord, INVISIBLE))

plain_once = lru_cache(maxsize=8)(plain)
"""Returns the plain form of a message's text; it is made once for all filters that see the message."""


def valid_text(value: Any) -> str:
    """Validate a text.

    Raises:
        vol.Invalid: It is blank, a template, or not a text, such as what YAML reads as a number, as yes or as no.
    """
    if not isinstance(value, str):
        kind = "yes or no" if isinstance(value, bool) else "a number" if isinstance(value, int | float) else "no text"
        hint = "nothing" if value is None else f"{kind}: {value!r}"
        raise vol.Invalid(f"This must be text, but it was read as {hint}. Put the text in quotation marks")
    if not value.translate(NO_INVISIBLE).strip():
        raise vol.Invalid("This is blank, which would match nothing. Fill it in or remove it")
    if TEMPLATE.search(value):
        raise vol.Invalid("Templates can't be used here; use a template condition instead")
    return value


def valid_senders(value: Any) -> list[str]:
    """Validate senders, and return them without invisible characters, one in each item.

    Raises:
        vol.Invalid: One of them is neither a possible number nor a possible name.
    """
    return [sender for item in cv.ensure_list(value) for sender in _sender(item)]


def valid_contacts(value: Any) -> list[str]:
    """Validate contacts: ids of notify entities, or names.

    Raises:
        vol.Invalid: One of them is blank or not a text.
    """
    return [valid_text(item).translate(NO_INVISIBLE).strip() for item in cv.ensure_list(value)]


def valid_accounts(value: Any) -> list[str]:
    """Validate ids of accounts.

    Raises:
        vol.Invalid: One of them is blank or not a text.
    """
    return [valid_text(item) for item in cv.ensure_list(value)]


def valid_age(value: Any) -> timedelta:
    """Validate a duration.

    Raises:
        vol.Invalid: It is invalid, or zero, so that every message would be too old.
    """
    if not (duration := cv.positive_time_period(value)):
        raise vol.Invalid("No message is that new: the duration must be longer than zero")
    return duration


def refuse_empty_lists(lists: Mapping[str, Any], *path: str) -> None:
    """Refuse an empty list, which a person means as nobody, and which would be taken for everybody.

    Raises:
        vol.Invalid: One was found.
    """
    for key, value in lists.items():
        if value == []:
            raise vol.Invalid(
                "This list is empty, which would match nothing. Fill it in or remove it", path=[*path, key]
            )


def _complete(options: ConfigType) -> ConfigType:
    """Refuse empty lists, a missing text, and an invalid regular expression; return the options.

    Raises:
        vol.Invalid: One of these was found.
    """
    if not options.get(CONF_ALLOW_EMPTY_LISTS):
        refuse_empty_lists(options)
    if CONF_TEXT not in options and options[CONF_MATCH] != DEFAULT_MATCH:
        raise vol.Invalid("The text to compare with is missing", path=[CONF_TEXT])
    if CONF_TEXT in options and options[CONF_MATCH] == REGEX:
        try:
            Expression(options[CONF_TEXT], case_sensitive=options[CONF_CASE_SENSITIVE])
        except ValueError as err:
            raise vol.Invalid(f"The regular expression is invalid: {err}", path=[CONF_TEXT]) from err
    return options


FILTER_SCHEMA: Final = vol.All(
    {
        vol.Optional(CONF_SENDER): valid_senders,
        vol.Optional(CONF_CONTACT): valid_contacts,
        vol.Optional(CONF_EXCLUDE_SENDER): valid_senders,
        vol.Optional(CONF_TEXT): valid_text,
        vol.Optional(CONF_MATCH, default=DEFAULT_MATCH): vol.In((*COMPARISONS, REGEX)),
        vol.Optional(CONF_CASE_SENSITIVE, default=False): cv.boolean,
        vol.Optional(CONF_NOT_OLDER_THAN): valid_age,
        vol.Optional(CONF_ALLOW_EMPTY_LISTS, default=False): cv.boolean,
    },
    _complete,
)
CONFIG_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(CONF_TARGET, default=dict): vol.All(cv.TARGET_FIELDS, {str: [valid_text]}),
        vol.Required(CONF_OPTIONS, default=dict): FILTER_SCHEMA,
    }
)


async def async_validate_filter(hass: HomeAssistant, config: ConfigType) -> ConfigType:
    """Validate the configuration of a trigger or a condition, and return it with its filter's options cleaned.

    An empty target is accepted: it selects all accounts. So is an account that is gone, see `targets`, and while Home
    Assistant starts a number that is impossible in the present country, and a contact that is unknown: automations that
    were saved before must go on.

    Raises:
        vol.Invalid: The filter can never match.
    """
    config = CONFIG_SCHEMA(config)
    options = config[CONF_OPTIONS]
    if not options[CONF_ALLOW_EMPTY_LISTS]:
        refuse_empty_lists(config[CONF_TARGET], CONF_TARGET)
    check_target(hass, config[CONF_TARGET])
    if hass.is_running:
        for key in (CONF_SENDER, CONF_EXCLUDE_SENDER):
            check_country(options.get(key, ()), hass.config.country, key)
        check_contacts(hass, options.get(CONF_CONTACT, ()))
    return config


def check_contacts(hass: HomeAssistant, contacts: Iterable[str]) -> None:
    """Refuse contacts that there are not.

    Raises:
        vol.Invalid: One of them is unknown.
    """
    for contact in contacts:
        if not contacts_named(hass, contact):
            raise vol.Invalid(
                f"{contact} is not a contact of SMS Inbox. Choose the notify entity of a contact, or write the name of "
                "a contact as it is shown at the account",
                path=[CONF_CONTACT],
            )


def check_country(typed: Iterable[str], country: str | None, key: str) -> None:
    """Refuse senders that are impossible as a number of a country and as an international number.

    Raises:
        vol.Invalid: One of them is impossible; its path is `key`.
    """
    for sender in typed:
        channel, address = split_channel(sender)
        digits = None if channel in WITHOUT_NUMBERS else digits_of(address)
        if country and digits and len(digits) > LONGEST_NATIONAL_CODE and not typed_number(address, country):
            raise vol.Invalid(
                f"{sender} is not a possible phone number in Home Assistant's country, {country}. Check its digits, "
                "or write it with + and its country code",
                path=[key],
            )


def includes(typed: tuple[str, ...], sender: Sender, country: str | None) -> bool:
    """Whether a sender is among those that were typed.

    Args:
        typed: Numbers and names, as `valid_senders` returns them.
        sender: Compared by number, in E.164; by name only if it has no number.
        country: Where typed national numbers are dialled (ISO 3166-1 alpha-2), None if that is unknown.
    """
    numbers, names = _known(typed, country)
    if sender.number:
        return (None, sender.number) in numbers or (sender.channel, sender.number) in numbers
    return (None, sender.name) in names or (sender.channel, sender.name) in names


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MessageFilter:
    """Which messages a person means.

    Attributes:
        target: Which accounts are selected, None for all; `filters` follows which ones those are at present.
        senders: As typed; without these and without contacts, all are meant.
        contacts: As `valid_contacts` returns them; they are meant beside the senders.
        excluded: As typed; these never.
        compare: Whether a text is meant, None for all.
        expression: What must be found in the text, None where it isn't compared with an expression.
        not_older_than: The highest age of a message when it is delivered, None for any.
    """

    target: TargetSelection | None
    senders: tuple[str, ...]
    contacts: tuple[str, ...]
    excluded: tuple[str, ...]
    compare: Callable[[str], bool] | None
    expression: Expression | None
    not_older_than: timedelta | None

    @classmethod
    def from_config(cls, options: Mapping[str, Any], target: Mapping[str, Any] | None = None) -> MessageFilter:
        """Make it of the options and the target that `async_validate_filter` has validated."""
        typed, case_sensitive = options.get(CONF_TEXT), options[CONF_CASE_SENSITIVE]
        is_expression = typed is not None and options[CONF_MATCH] == REGEX
        return cls(
            target=selection_of(target),
            senders=tuple(options.get(CONF_SENDER, ())),
            contacts=tuple(options.get(CONF_CONTACT, ())),
            excluded=tuple(options.get(CONF_EXCLUDE_SENDER, ())),
            compare=None
            if typed is None or is_expression
            else partial(
                _compare,
                COMPARISONS[options[CONF_MATCH]],
                plain(typed, case_sensitive=case_sensitive),
                case_sensitive=case_sensitive,
            ),
            expression=Expression(typed, case_sensitive=case_sensitive) if typed and is_expression else None,
            not_older_than=options.get(CONF_NOT_OLDER_THAN),
        )

    def admits(
        self,
        message: Mapping[str, Any],
        delivered_at: datetime,
        country: str | None,
        contact_numbers: Collection[str] = (),
    ) -> bool:
        """Whether a message is meant as far as sender and age say.

        Args:
            message: Data of the event.
            delivered_at: When the message was delivered (aware).
            country: Where Home Assistant is.
            contact_numbers: The present numbers of `contacts`, in E.164.
        """
        if self.not_older_than is not None:
            received_at = dt_util.parse_datetime(str(message.get("received_at")))
            if received_at is None or delivered_at - dt_util.as_utc(received_at) > self.not_older_than:
                return False
        if not (self.senders or self.contacts or self.excluded):
            return True
        sender = _sender_in(message, country)
        if includes(self.excluded, sender, country):
            return False
        if not (self.senders or self.contacts):
            return True
        return sender.number in contact_numbers or includes(self.senders, sender, country)


def _compare(comparison: Callable[[str, str], bool], typed: str, text: str, *, case_sensitive: bool) -> bool:
    """Whether the text of a message is meant; `typed` is in its plain form."""
    return comparison(plain_once(text, case_sensitive=case_sensitive), typed)


def _sender_in(message: Mapping[str, Any], country: str | None) -> Sender:
    """Return the sender of a message from its event; other programs fire events with fewer fields."""
    sender = str(message.get("sender") or "")
    if "sender_number" not in message:
        return sender_of(sender, ANY_FORMAT, country)
    number, channel = message["sender_number"], str(message.get("channel") or SMS)
    return Sender(number=number and str(number), channel=channel, name=sender_of(sender, ANY_FORMAT, country).name)


@lru_cache(maxsize=256)
def _known(
    typed: tuple[str, ...], country: str | None
) -> tuple[frozenset[tuple[str | None, str]], frozenset[tuple[str | None, str]]]:
    """Return the numbers and the names of senders that were typed, each with its channel, None for any."""
    numbers, names = set(), set()
    for sender in typed:
        channel, address = split_channel(sender)
        channel = None if channel == SMS else channel
        names.add((channel, name_of(address)))
        if channel not in WITHOUT_NUMBERS and (number := typed_number(address, country)):
            numbers.add((channel, number))
    return frozenset(numbers), frozenset(names)


def _sender(item: Any) -> list[str]:
    """Return the senders in an item: one, or several if it is clearly a list, such as two numbers with a comma.

    Raises:
        vol.Invalid: One of them is neither a possible number nor a possible name.
    """
    cleaned = valid_text(item).translate(NO_INVISIBLE).strip()
    parts = [part.strip() for part in BETWEEN_SENDERS.split(cleaned)]
    is_list = any(map(_is_number, parts)) and all(_is_number(part) or _has_letter(part) for part in parts)
    found = parts if len(parts) > 1 and is_list else [cleaned]
    for sender in found:
        _check_sender(sender)
    return found


def _is_number(part: str) -> bool:
    """Whether a part of an item is a whole number or a short code."""
    digits = digits_of(split_channel(part)[1]) or ""
    return len(digits) >= (LEAST_DIGITS if digits.startswith("0") else SHORTEST_SHORT_CODE)


def _has_letter(text: str) -> bool:
    """Whether there is a letter in a text, in whichever script."""
    return any(map(str.isalpha, text))


def _check_sender(sender: str) -> None:
    """Refuse a sender that is neither a possible number nor a possible name.

    Raises:
        vol.Invalid: It is neither.
    """
    channel, address = split_channel(sender)
    if not address or len(address) > LONGEST_SENDER:
        raise vol.Invalid(f"{sender[:LONGEST_SENDER]} is neither a possible number nor a possible name")
    if channel in WITHOUT_NUMBERS:
        return
    if (digits := digits_of(address)) is None:
        is_long = sum(map(str.isdecimal, address)) >= LEAST_DIGITS
        has_label = " " in address and len(address) > LONGEST_NAME
        if is_long and (has_label or address.startswith("+") or not _has_letter(address)):
            raise vol.Invalid(f"{sender} is not a phone number. Write only the number, and one number in each row")
        return
    if len(digits.removeprefix("+")) > MOST_DIGITS:
        raise vol.Invalid(f"{sender} has too many digits for one phone number. Write each number into a row of its own")
    if digits.startswith("+") and not typed_number(address, None):
        raise vol.Invalid(f"{sender} is not a possible phone number. Check its digits")
