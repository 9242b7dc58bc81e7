"""Times in the forms in which apps, services and modems write them."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime
import re

from .parsing import utc

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FUTURE = timedelta(days=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = 64  # characters
# A number of seconds is smaller; a larger one is in milliseconds, microseconds or nanoseconds.
SECONDS = 100_000_000_000
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d{1,9}))?)?( ?(?P<half>[ap]m))?"
ZONE = r"( ?(?P<zone>z|utc|gmt|(utc|gmt)?[+-]\d\d(:?\d\d)?))?"
DIGITS = r"(?P<hour>\d\d)(?P<minute>\d\d)((?P<second>\d\d)(?P<fraction>\d{3})?)?"
FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)[T ,]{{1,2}}{CLOCK}{ZONE}",
        rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}})[T ,]{{1,2}}{CLOCK}{ZONE}",
        rf"(?P<one>\d\d?)[-/](?P<other>\d\d?)[-/](?P<year>\d{{4}})[T ,]{{1,2}}{CLOCK}{ZONE}",
        # A modem's: the zone is in quarters of an hour (3GPP TS 27.005).
        rf"(?P<short_year>\d\d)/(?P<month>\d\d)/(?P<day>\d\d)[ ,]{{1,2}}{CLOCK}(?P<quarters>[+-]\d\d)?",
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)T?{DIGITS}{ZONE}",
        rf"[a-z]{{3}},? (?P<name>[a-z]{{3}}) {{1,2}}(?P<day>\d\d?) {CLOCK}{ZONE}( [a-z]{{3,4}})? (?P<year>\d{{4}})",
    )
)
NUMBER = re.compile(r"[1-9]\d{8,18}(\.\d{1,9})?|\d\.\d{1,18}e\+?\d\d?", re.ASCII | re.IGNORECASE)
TO_THE_SECOND = re.compile(r"\d:\d\d:\d\d|T\d{6}", re.ASCII)


def time_of(value: str, zone: tzinfo = UTC, now: datetime | None = None) -> datetime | None:
    """Return a time in UTC; None for what is none, and for one before 2000 or more than two days ahead.

    Understood are ISO 8601, a modem's `yy/MM/dd,hh:mm:ss+zz`, `YYYYmmddHHMMSS`, `DD.MM.YYYY HH:MM`, RFC 2822, what C
    and Java write (`Sat Nov 21 10:00:00 2026`), and seconds, milliseconds, microseconds or nanoseconds since 1970. A
    date alone is no time. Of slashes or hyphens, day and month are told apart only where one of them is above 12.

    Args:
        value: As it came.
        zone: That of a time which names none.
        now: The present, as it is known.
    """
    value = value.strip() if len(value) <= LONGEST else ""
    try:
        time = _written(value, zone) or _counted(value) or _mailed(value, zone)
    except ValueError, OverflowError, ArithmeticError, TypeError, IndexError:
        return None
    return time if time and EARLIEST <= time <= (now or datetime.now(UTC)) + FUTURE else None


def is_moment(value: str) -> bool:
    """Return whether a time is written to the second, so that it distinguishes one message from the next."""
    value = value.strip() if len(value) <= LONGEST else ""
    return bool(TO_THE_SECOND.search(value)) or (bool(NUMBER.fullmatch(value)) and len(value) != len("YYYYmmddHHMM"))


def _written(value: str, zone: tzinfo) -> datetime | None:
    """Return a time that is written as date and time of the day."""
    match = next(filter(None, (form.fullmatch(value) for form in FORMS)), None)
    if not match:
        return None
    part = match.groupdict()
    if not (date := _date(part)):
        return None
    hour, half = int(part["hour"]), (part.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    fraction = (part.get("fraction") or "")[:6].ljust(6, "0")
    time = datetime(
        *date, hour, int(part["minute"]), int(part.get("second") or 0), int(fraction), tzinfo=_zone(part) or zone
    )
    return utc(time)


def _date(part: dict[str, str | None]) -> tuple[int, int, int] | None:
    """Return year, month and day; None where day and month can't be told apart."""
    year = int(part.get("year") or f"20{part['short_year']}")
    if name := part.get("name"):
        return year, MONTHS.index(name.lower()) + 1, int(part["day"] or 0)
    if not part.get("one"):
        return year, int(part["month"] or 0), int(part["day"] or 0)
    one, other = int(part["one"] or 0), int(part["other"] or 0)
    if one <= 12 and other <= 12 and one != other:
        return None
    return (year, other, one) if one > 12 else (year, one, other)


def _zone(part: dict[str, str | None]) -> tzinfo | None:
    """Return the zone that is written behind a time."""
    if quarters := part.get("quarters"):
        return timezone(timedelta(minutes=15 * int(quarters)))
    if not (written := part.get("zone")):
        return None
    offset = re.sub(r"[^+\-0-9]", "", written)
    if not offset:
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[3:] or 0)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _counted(value: str) -> datetime | None:
    """Return a time that is counted since 1970."""
    if not NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    while number >= SECONDS:
        number /= 1000
    return EPOCH + timedelta(microseconds=int(number * 1_000_000))


def _mailed(value: str, zone: tzinfo) -> datetime | None:
    """Return a time of RFC 2822."""
    if ":" not in value or not re.search(r"[A-Za-z]{3}", value):
        return None
    time = parsedate_to_datetime(value)
    return utc(time, UTC if value.endswith("-0000") else zone)
