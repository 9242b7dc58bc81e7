"""Phone numbers as E.164: those that providers write, and those that people type.

The rules of all countries are read when this module is imported, which Home Assistant does in a thread: read later, one
by one, they would hold up the event loop.
"""

from dataclasses import dataclass
from functools import lru_cache
import re
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from .model import NumberFormat
from .texts import plain

SMS: Final = "sms"
CHANNELS: Final = (SMS, "whatsapp", "rcs", "messenger")
WITHOUT_NUMBERS: Final = ("messenger",)  # where an address of digits is an id
SCHEMES: Final = {"tel": SMS} | {channel: channel for channel in CHANNELS}
SCHEME: Final = re.compile(rf"({'|'.join(SCHEMES)}):", re.IGNORECASE)
LONGEST_NUMBER: Final = 40  # characters, with blanks and the like
LONGEST_SENDER: Final = 200  # characters; a longer one matches no filter
LONGEST_SHORT_CODE: Final = 6  # digits; the shortest number of E.164 has seven
FULL_WIDTH_PLUS: Final = "\uff0b"
SEPARATORS: Final = frozenset(" ()./-")
BRACKETED_TRUNK: Final = "(0)"
MOBILE: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)

PhoneMetadata.load_all()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who sent a message.

    Attributes:
        number: E.164, such as `+447700900123`; None for a name, a short code, and what can't be a number.
        channel: `sms`, `whatsapp`, `rcs` or `messenger`.
        name: What is compared where there is no number: the address without its channel, as `plain` writes it.
    """

    number: str | None
    channel: str
    name: str


TOO_LONG: Final = Sender(number=None, channel=SMS, name="")


def sender_of(sender: str, number_format: NumberFormat, country: str | None) -> Sender:
    """Return the sender that a provider has written.

    Args:
        sender: As the provider wrote it. If it is longer than `LONGEST_SENDER`, the result has neither number nor name.
        number_format: How the provider writes numbers.
        country: Where Home Assistant is (ISO 3166-1 alpha-2), None where that isn't set.
    """
    return _sender_of(sender, number_format, country) if len(sender) <= LONGEST_SENDER else TOO_LONG


@lru_cache(maxsize=1024)
def _sender_of(sender: str, number_format: NumberFormat, country: str | None) -> Sender:
    """Return the sender that a provider has written, which is not too long."""
    channel, address = split_channel(sender)
    if channel not in (None, SMS) and not number_format.has_channels:
        channel, address = None, sender
    number = None if channel in WITHOUT_NUMBERS else _number_of_sender(address, number_format, country)
    return Sender(number=number, channel=channel or SMS, name=name_of(address))


def name_of(address: str) -> str:
    """Return the form in which an address without a number in E.164 is compared: its digits, or its plain form."""
    return digits_of(address) or plain(address).strip()


def split_channel(address: str) -> tuple[str | None, str]:
    """Return the channel in front of an address, None where there is none, and the address behind it."""
    address = address.strip()
    if not (match := SCHEME.match(address)):
        return None, address
    return SCHEMES[match[1].lower()], address[match.end() :].strip()


def digits_of(text: str) -> str | None:
    """Return the digits of a number, with `+` in front if it begins with `+` or `00`; None for any other text."""
    if len(text) > LONGEST_NUMBER:
        return None
    cleaned = plain(text).replace(FULL_WIDTH_PLUS, "+")
    has_plus = cleaned.lstrip("( ").startswith("+")
    rest = cleaned.replace("+", "", 1) if has_plus else cleaned
    digits = "".join(character for character in rest if character not in SEPARATORS)
    if not digits.isdecimal():
        return None
    digits = phonenumbers.normalize_digits_only(digits)
    return f"+{digits.removeprefix('00')}" if has_plus or digits.startswith("00") else digits


def typed_number(text: str, country: str | None) -> str | None:
    """Return the number that a person has typed, in E.164; None if it is impossible.

    With `+` or `00` it is an international number. Otherwise it is a national number of the country, with or without
    its trunk prefix; only if it is impossible there, it is an international number without `+`. One exception: the
    country's own code followed by one of its mobile numbers is an international number, too.

    Args:
        text: A number as people write it: with blanks, brackets, hyphens; `(0)` after the country code is left out.
        country: Where national numbers are dialled (ISO 3166-1 alpha-2), None where that is unknown.
    """
    if (digits := digits_of(text)) is None:
        return None
    if digits.startswith("+"):
        if BRACKETED_TRUNK in text and (shorter := digits_of(text.replace(BRACKETED_TRUNK, "", 1))):
            return _e164(shorter, valid=True) or _e164(digits) or _e164(shorter)
        return _e164(digits)
    if len(digits) <= LONGEST_SHORT_CODE:
        return _e164(digits, country, valid=True)
    trunk_prefix = phonenumbers.ndd_prefix_for_region(country, strip_non_digits=True) if country else None
    return (
        _own_mobile(digits, country)
        or _e164(digits, country, valid=True)
        # In some countries the library doesn't expect a trunk prefix in front of mobile numbers, but people type it.
        or (_e164(digits.removeprefix(trunk_prefix), country, valid=True) if trunk_prefix else None)
        or _e164(digits, country)
        or _e164(f"+{digits}")
    )


def _number_of_sender(address: str, number_format: NumberFormat, country: str | None) -> str | None:
    """Return the number of a sender in E.164.

    If it is unknown how the provider writes numbers, the digits can be a national or an international number. Tried are
    in this order: mobile numbers, since most text messages come from mobile phones; other valid numbers; numbers of a
    possible length. In each step the national number comes first.
    """
    if (digits := digits_of(address)) is None:
        return None
    if digits.startswith("+"):
        return _e164(digits)
    if number_format.is_international:
        return _e164(f"+{digits}") if len(digits) > LONGEST_SHORT_CODE else None
    country = number_format.country or country
    if len(digits) <= LONGEST_SHORT_CODE:
        return _e164(digits, country, valid=True, types=MOBILE)
    return (
        _own_mobile(digits, country)
        or _e164(digits, country, valid=True, types=MOBILE)
        or _e164(f"+{digits}", valid=True, types=MOBILE)
        or _e164(digits, country, valid=True)
        or _e164(f"+{digits}", valid=True)
        or _e164(digits, country)
        or _e164(f"+{digits}")
    )


def _own_mobile(digits: str, country: str | None) -> str | None:
    """Return a mobile number of a country that is written with the country's code, but without `+`."""
    code = str(phonenumbers.country_code_for_region(country)) if country else ""
    if not code.strip("0") or not digits.startswith(code):
        return None
    return _e164(f"+{digits}", valid=True, types=MOBILE)


def _e164(text: str, country: str | None = None, *, valid: bool = False, types: tuple[int, ...] = ()) -> str | None:
    """Return a number in E.164, None if it is not possible.

    Args:
        text: Digits, with `+` in front for an international number.
        country: Where a national number is dialled.
        valid: Whether it must be a number that is in use in its country, not only one of a possible length.
        types: Which types of numbers are meant; empty for all.
    """
    if not (country or text.startswith("+")):
        return None
    try:
        number: PhoneNumber = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    if valid and not phonenumbers.is_valid_number(number):
        return None
    if types and phonenumbers.number_type(number) not in types:
        return None
    result: str = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return result
