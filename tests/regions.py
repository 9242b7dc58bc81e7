"""How the numbers of all regions are understood when they are typed there; `python -m tests.regions` prints a table."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from custom_components.sms_inbox.phone_numbers import typed_number

REGIONS = sorted(
    region
    for region in phonenumbers.SUPPORTED_REGIONS
    if phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
)


@dataclass(frozen=True, slots=True)
class Typed:
    """One spelling of a region's own example of a mobile number.

    Attributes:
        region: ISO 3166-1 alpha-2.
        spelling: The name of the spelling.
        text: What is typed.
        number: The number, in E.164.
    """

    region: str
    spelling: str
    text: str
    number: str

    @property
    def is_understood(self) -> bool:
        """Whether it is taken for the number where it is dialled."""
        return typed_number(self.text, self.region) == self.number

    @property
    def strangers(self) -> frozenset[str]:
        """The valid numbers of other regions that the same digits are."""
        return _numbers(phonenumbers.normalize_diallable_chars_only(self.text).lstrip("+")) - {self.number}


def all_typed() -> Iterator[Typed]:
    """Yield each spelling of each region's number; `(0)` where the trunk prefix is 0."""
    for region in REGIONS:
        example: PhoneNumber = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        digits = phonenumbers.national_significant_number(example)
        national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
        trunk_prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
        spellings = {
            "national format": national,
            "national digits": phonenumbers.normalize_digits_only(national),
            "national, without trunk prefix": digits,
            "national, with trunk prefix": trunk_prefix + digits,
            "international, +": number,
            "international, + and blanks": phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL),
            "international, 00": f"00{number[1:]}",
            "international, digits only": number[1:],
        }
        if trunk_prefix == "0":
            spellings["international, (0)"] = f"+{example.country_code} (0) {digits}"
        for spelling, text in spellings.items():
            yield Typed(region, spelling, text, number)


@cache
def _numbers(digits: str) -> frozenset[str]:
    """Return the valid numbers that digits are in any region, or with a plus, in E.164."""
    readings = [(f"+{digits}", None), *((digits, region) for region in REGIONS)]
    return frozenset(found for reading in readings if (found := _valid(*reading)))


def _valid(text: str, region: str | None) -> str | None:
    """Return the valid number that a text is in a region, in E.164, None if it is none."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    found: str = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return found


def table() -> str:
    """Return how many regions pass for each spelling, and the others by name."""
    tried, understood = Counter[str](), Counter[str]()
    others: dict[str, list[str]] = {}
    for typed in all_typed():
        tried[typed.spelling] += 1
        understood[typed.spelling] += typed.is_understood
        if not typed.is_understood:
            others.setdefault(typed.spelling, []).append(f"{typed.region} {typed.text}")
    rows = [
        f"{spelling:32} {understood[spelling]:4} of {tried[spelling]:4}   {', '.join(others.get(spelling, []))}"
        for spelling in tried
    ]
    return "\n".join(row.rstrip() for row in rows)


def abroad() -> str:
    """Return, for each region, how many other regions' numbers are national ones there if they are typed without +."""
    numbers = {typed.region: typed.number for typed in all_typed()}
    misread = {
        region: sum(typed_number(number[1:], region) != number for number in set(numbers.values()))
        for region in REGIONS
    }
    rows = sorted(misread.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"{region} {count:4}" for region, count in rows if count)


if __name__ == "__main__":
    print(table())  # noqa: T201
    print(f"\nNumbers of other regions that are taken for national ones if they are typed without +:\n{abroad()}")  # noqa: T201
