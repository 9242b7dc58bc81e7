"""Guards against texts that cost much or go to the wrong phone: which numbers may be sent to.

The prefix of a number says what it may cost, so that a wrong template can't call for the numbers that fraud lives from.
What is refused here never reaches the vendor.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

from .phone_numbers import LONGEST_SHORT_CODE, digits_of, typed_number

EVERYWHERE: Final = "001"
"""The region of numbers that belong to no country, such as those of satellites."""
EMERGENCY: Final = frozenset({"000", "08", "110", "112", "118", "119", "911", "999"})
"""What phones call as emergency numbers in every country (3GPP TS 22.101, section 10.1.1), beside the country's own."""
COSTLY: Final = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberRules:
    """Which numbers an account may send to.

    Attributes:
        country: Where Home Assistant is (ISO 3166-1 alpha-2), None where that isn't set.
        countries: The countries that may be sent to.
        short_numbers: Whether short numbers may be sent to, which often cost more.
    """

    country: str | None
    countries: frozenset[str]
    short_numbers: bool


class RefusedNumberError(Exception):
    """A number must not be sent to.

    Attributes:
        key: Translation key that says why.
    """

    def __init__(self, key: str) -> None:
        """Take why."""
        super().__init__(key)
        self.key = key


def checked_number(typed: str, rules: NumberRules) -> str:
    """Return the number that a person has typed, in E.164, or a short number as it is.

    Raises:
        RefusedNumberError: It is no number, or one that must not be sent to.
    """
    digits = digits_of(typed)
    if digits is None:
        raise RefusedNumberError("recipient_invalid")
    if _is_emergency(digits, rules):
        raise RefusedNumberError("recipient_emergency")
    if number := typed_number(typed, rules.country):
        check_number(number, rules)
        return number
    if digits.startswith("+") or len(digits) > LONGEST_SHORT_CODE:
        raise RefusedNumberError("recipient_invalid")
    if not rules.short_numbers:
        raise RefusedNumberError("recipient_short")
    return digits


def check_number(number: str, rules: NumberRules) -> None:
    """Refuse a number in E.164 that must not be sent to.

    Raises:
        RefusedNumberError: It must not be sent to.
    """
    parsed = phonenumbers.parse(number)
    regions = regions_of(number)
    if EVERYWHERE in regions:
        raise RefusedNumberError("recipient_satellite")
    if phonenumbers.number_type(parsed) in COSTLY:
        raise RefusedNumberError("recipient_premium")
    if rules.countries.isdisjoint(regions):
        raise RefusedNumberError("recipient_country")


def regions_of(number: str) -> Collection[str]:
    """Return the countries that a number in E.164 may belong to: one, unless several share its country code."""
    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(parsed)
    return (region,) if region else tuple(phonenumbers.region_codes_for_country_code(parsed.country_code or 0))


def _is_emergency(digits: str, rules: NumberRules) -> bool:
    """Whether a short number is one for emergencies, or begins with one where that is enough to call it."""
    countries = {rules.country or "", *rules.countries} - {""}
    return len(digits) <= LONGEST_SHORT_CODE and (
        digits in EMERGENCY
        or any(shortnumberinfo.connects_to_emergency_number(digits, country) for country in countries)
    )
