"""Numbers as E.164: what people type, in every country; and what providers write."""

import pytest

from custom_components.sms_inbox.matching import includes
from custom_components.sms_inbox.model import INTERNATIONAL, NumberFormat
from custom_components.sms_inbox.phone_numbers import Sender, sender_of, typed_number
from custom_components.sms_inbox.providers import PROVIDERS

from .regions import REGIONS, all_typed, table


def test_every_region() -> None:
    """A region's own mobile number is understood in every spelling, and never taken for another region's."""
    assert len(REGIONS) == 244
    print(table())  # noqa: T201
    for typed in all_typed():
        found = {
            number
            for number in (typed.number, *typed.strangers)
            if includes((typed.text,), sender_of(number, INTERNATIONAL, typed.region), typed.region)
        }
        assert found == {typed.number}, typed


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("+44 (0) 7700 900123", None, "+447700900123"),
        ("0044 7700 900123", "DE", "+447700900123"),
        ("447700900123", None, "+447700900123"),
        ("447700900123", "FR", "+447700900123"),
        ("131 2345 6789", "CN", "+8613123456789"),  # and not +1 312 345 6789
        ("131 2345 6789", "US", "+13123456789"),
        ("131 2345 6789", None, "+13123456789"),
        ("0171/123 45 67", "DE", "+491711234567"),
        ("4917112345678", "DE", "+4917112345678"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("1-202-555-0123", "US", "+12025550123"),
        ("011 44 7700 900123", "US", "+447700900123"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("+39 (06) 1234 5678", "IT", "+390612345678"),
        ("20 12 34 56", "DK", "+4520123456"),
        ("8 (916) 123-45-67", "RU", "+79161234567"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", "+447700900123"),
        ("+44 7700 900\u2011123", "GB", "+447700900123"),
        ("312345", "AD", "+376312345"),
        ("60300", "GB", None),
        ("0612345678", None, None),
        ("+44 12", "GB", None),
        ("MYBANK", "GB", None),
        ("1-800-FLOWERS", "US", None),
        ("1" * 100_000, "GB", None),
    ],
)
def test_typed(typed: str, country: str | None, number: str | None) -> None:
    """With + or 00 international, else national in the country, and only then international without +."""
    assert typed_number(typed, country) == number


@pytest.mark.parametrize(
    ("provider", "sender", "country", "expected"),
    [
        ("bulksms", "447700900123", "DE", ("+447700900123", "sms")),
        ("bulksms", "13123456789", "CN", ("+13123456789", "sms")),
        ("bulksms", "2025550123", "US", ("+202555" + "0123", "sms")),  # Cairo, not Washington
        ("bulksms", "60300", "GB", (None, "sms")),
        ("bulksms", "MYBANK", "GB", (None, "sms")),
        ("bulletin", "6421555001", "NZ", ("+6421555001", "sms")),
        ("bulksms_eapi", "27821234567", "GB", ("+27821234567", "sms")),
        ("twilio", "+447700900123", "DE", ("+447700900123", "sms")),
        ("twilio", "whatsapp:+447700900123", "DE", ("+447700900123", "whatsapp")),
        ("twilio", "rcs:+447700900123", "DE", ("+447700900123", "rcs")),
        ("twilio", "rcs:mybank_agent", "DE", (None, "rcs")),
        ("twilio", "messenger:447700900123", "DE", (None, "messenger")),
        ("bulksms", "whatsapp:447700900123", "DE", (None, "sms")),  # no channel of this vendor: a name
        ("voipms", "2025550123", "DE", ("+12025550123", "sms")),
        ("voipms", "12025550123", "DE", ("+12025550123", "sms")),
        ("voipms", "+12025550123", "DE", ("+12025550123", "sms")),
        ("voipms", "72645", "DE", (None, "sms")),
        ("clicksend", "+61411111111", "US", ("+61411111111", "sms")),
        ("elks", "+46766861069", "US", ("+46766861069", "sms")),
        ("gammu", "+491711234567", "GB", ("+491711234567", "sms")),
        ("gammu", "01711234567", "DE", ("+491711234567", "sms")),
        ("gammu", "13123456789", "CN", ("+8613123456789", "sms")),
        ("smsgate", "4917112345678", "DE", ("+4917112345678", "sms")),
        ("smsgate", "30123", "DE", (None, "sms")),  # a short code, though it could be a number in Berlin
        ("webhook", "tel:+447700900123", "GB", ("+447700900123", "sms")),
        ("webhook", "447911123456", "DE", ("+447911123456", "sms")),
        ("webhook", "01711234567", None, (None, "sms")),
        ("webhook", "", "GB", (None, "sms")),
        ("webhook", " " * 800 + "8" * 800 + "x", "GB", (None, "sms")),
        ("webhook", "MYBANK" + " " * 1000 + "x", "GB", (None, "sms")),
    ],
)
def test_sender(provider: str, sender: str, country: str | None, expected: tuple[str | None, str]) -> None:
    """Each provider's senders are understood as it writes them; Home Assistant's country counts where it must."""
    found = sender_of(sender, PROVIDERS[provider].number_format, country)
    assert (found.number, found.channel) == expected


def test_what_is_too_long_is_nobody() -> None:
    """A name is not cut, since its beginning could be that of somebody else."""
    found = sender_of("MYBANK" + " " * 1000 + "x", NumberFormat(), "GB")
    assert found == Sender(number=None, channel="sms", name="")
