"""Which senders and texts are meant by what a person typed."""

from typing import Any

import pytest
import voluptuous as vol

from custom_components.sms_inbox.matching import FILTER_SCHEMA, MessageFilter, Senders

MUM = "+447700900123"


@pytest.mark.parametrize(
    ("typed", "country", "senders"),
    [
        ("07700 900123", "GB", [MUM, "447700900123", "07700900123", "00447700900123", "+44 7700 900-123"]),
        ("+44 (0) 7700 900123", None, [MUM, "447700900123"]),
        ("+44 7700 900123", None, [MUM, "447700900123", "00447700900123"]),
        ("0044 7700 900123", "DE", [MUM, "447700900123"]),
        ("447700900123", "DE", [MUM, "447700900123"]),
        ("447700900123", None, [MUM, "447700900123"]),
        ("0171/123 45 67", "DE", ["+491711234567", "491711234567", "01711234567"]),
        ("(202) 555-0123", "US", ["+12025550123", "12025550123", "2025550123"]),
        ("1-202-555-0123", "US", ["+12025550123", "2025550123"]),
        ("06 1234 5678", "IT", ["+390612345678", "0612345678"]),
        ("20 12 34 56", "DK", ["+4520123456", "4520123456", "20123456"]),
        ("8 (916) 123-45-67", "RU", ["+79161234567", "79161234567"]),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", [MUM]),
        (" MyBank ", "GB", ["MYBANK", "mybank"]),
        ("60300", "GB", ["60300"]),
        ("0612345678", None, ["0612345678"]),
        ("1-800-FLOWERS", "US", ["1-800-flowers"]),
    ],
)
def test_senders_that_are_meant(typed: str, country: str | None, senders: list[str]) -> None:
    """A number is found in every form in which providers write it, a name in any case."""
    meant = Senders.typed([typed], country)
    assert meant
    for sender in senders:
        assert sender in meant


@pytest.mark.parametrize(
    ("typed", "country", "sender"),
    [
        ("07700 900123", "GB", "+447700900124"),
        ("07700 900123", "GB", "+497700900123"),
        ("07700 900123", "GB", "900123"),
        ("07700 900123", "GB", "07700900123 x"),
        ("07700 900123", "IE", MUM),
        ("07700 900123", None, MUM),
        ("2025550123", "US", "+2025550123"),  # Cairo, not Washington
        ("MYBANK", "GB", "MYBANK2"),
        ("60300", "GB", "160300"),
        ("07700 900123", "GB", ""),
    ],
)
def test_senders_that_are_not_meant(typed: str, country: str | None, sender: str) -> None:
    """Another number is another one, however much of it is the same."""
    assert sender not in Senders.typed([typed], country)


@pytest.mark.parametrize("typed", [[], [""], ["  "]])
def test_no_sender(typed: list[str]) -> None:
    """An empty line that a person left in a form means nothing."""
    assert not Senders.typed(typed, "GB")


def match(message: dict[str, Any], **options: Any) -> dict[str, Any] | None:
    """Return what comes of a message, with options as a person gives them."""
    return MessageFilter.from_options(vol.Schema(FILTER_SCHEMA)(options), "GB").match(message)


@pytest.mark.parametrize(
    ("options", "matching", "others"),
    [
        ({}, ["", "anything"], []),
        ({"text": "gate"}, ["gate", "Open the GATE please", "investigate"], ["door", ""]),
        ({"text": "gate", "case_sensitive": True}, ["the gate"], ["the Gate"]),
        ({"text": "Gate", "match": "is"}, ["gate", " GATE \n"], ["gates", "the gate", "gate\ngate"]),
        ({"text": " gate ", "match": "is"}, ["gate"], ["gate!"]),
        ({"text": "gate ", "match": "begins_with"}, ["Gate 1234", "  gate"], ["the gate"]),
        ({"text": "a.c"}, ["xa.cx"], ["abc"]),
        ({"text": "a.c", "match": "regex"}, ["xABCx"], ["ac"]),
        ({"text": "a.c", "match": "regex", "case_sensitive": True}, ["abc"], ["ABC"]),
        ({"text": "ÄRGER 🚨"}, ["So ein ärger 🚨!"], ["arger 🚨"]),
        ({"text": "שלום"}, ["אז שלום לך"], ["שלם"]),
    ],
)
def test_texts(options: dict[str, Any], matching: list[str], others: list[str]) -> None:
    """Each way of comparing, with the case ignored unless it is asked for."""
    for text in matching:
        assert match({"sender": MUM, "text": text}, **options) is not None, text
    for text in others:
        assert match({"sender": MUM, "text": text}, **options) is None, text


def test_groups() -> None:
    """What a regular expression caught comes with the message."""
    caught = match({"sender": "MYBANK", "text": "Your code is 123-456."}, text=r"(?P<a>\d+)-(\d+)|(x)", match="regex")
    assert caught == {"groups": ["123", "456", None], "named_groups": {"a": "123"}}
    assert match({"sender": "MYBANK", "text": "code"}, text="code") == {"groups": [], "named_groups": {}}


def test_several_senders_and_exceptions() -> None:
    """One of the senders suffices, an exception wins, and a message without a sender is from none of them."""
    options = {"sender": ["07700 900123", "MYBANK"], "exclude_sender": "mybank"}
    assert match({"sender": MUM, "text": ""}, **options) is not None
    assert match({"sender": "MYBANK", "text": ""}, **options) is None
    assert match({"sender": "OTHER", "text": ""}, **options) is None
    assert match({"sender": "", "text": ""}, **options) is None
    assert match({"sender": "", "text": ""}, exclude_sender="MYBANK") is not None
