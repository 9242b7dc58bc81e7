"""Which messages a filter means, and which filters are refused when they are saved."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import voluptuous as vol

from custom_components.sms_inbox.matching import FILTER_SCHEMA, MessageFilter

SCHEMA = vol.Schema(FILTER_SCHEMA)
MUM = "+447700900123"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def message(sender: str = MUM, text: str = "", **fields: Any) -> dict[str, Any]:
    """Return the data of an event."""
    number = sender if sender.startswith("+") else None
    return {"sender": sender, "sender_number": number, "channel": "sms", "text": text, "received_at": NOW} | fields


def admits(data: dict[str, Any], country: str | None = "GB", **options: Any) -> bool:
    """Whether a filter with these options means a message, as far as its sender and its age say."""
    return MessageFilter.from_config(SCHEMA(options)).admits(data, NOW, country)


def compares(received: str, options: dict[str, Any]) -> bool:
    """Whether a filter with these options means a text."""
    compare = MessageFilter.from_config(SCHEMA(options)).compare
    assert compare
    return compare(received)


@pytest.mark.parametrize(
    ("typed", "country", "data"),
    [
        ("07700 900123", "GB", message()),
        ("+44 7700 900123", "CN", message()),
        ("07700 900123", "GB", message("whatsapp:+447700900123", sender_number=MUM, channel="whatsapp")),
        ("whatsapp:07700 900123", "GB", message("whatsapp:+447700900123", sender_number=MUM, channel="whatsapp")),
        ("tel:+447700900123", "GB", message()),
        ("\u202a+44 7700\u00a0900123\u202c", "GB", message()),
        ("+447700900124; 07700 900123", "GB", message()),
        ("MYBANK, +447700900123", "GB", message()),
        ("131 2345 6789", "CN", message("+8613123456789")),
        (" MyBank ", "GB", message("MYBANK")),
        ("TX 1234567", "IN", message("TX 1234567")),
        ("Mu\u0308ller\u2019s", "GB", message("mu\u0308ller's")),
        ("60300", "GB", message("60300")),
        ("12345678", "AU", message("12345678")),
        ("0612345678", None, message("0612345678")),
        ("messenger:447700900123", "GB", message("messenger:447700900123", channel="messenger")),
        ("07700 900123", "GB", {"sender": "07700 900123", "text": ""}),  # an event that somebody else fired
    ],
)
def test_senders_that_are_meant(typed: str, country: str | None, data: dict[str, Any]) -> None:
    """A number is recognised in each spelling of its country, a name whatever its case; one that is excluded, too."""
    assert admits(data, country, sender=typed)
    assert not admits(data, country, exclude_sender=[typed])


@pytest.mark.parametrize(
    ("typed", "country", "data"),
    [
        ("07700 900123", "GB", message("+447700900124")),
        ("07700 900123", "GB", message("07700900123 x")),
        ("07700 900123", "IE", message()),
        ("07700 900123", None, message()),
        ("131 2345 6789", "CN", message("+13123456789")),
        ("2025550123", "US", message("+202555" + "0123")),  # Cairo, not Washington
        ("whatsapp:+447700900123", "GB", message()),
        ("+447700900123", "GB", message("447700900123", channel="messenger")),
        ("MYBANK", "GB", message("MYBANK2")),
        ("MYBANK", "GB", message("MYBANK" + " " * 1000)),
        ("60300", "GB", message("160300")),
        ("07700 900123", "GB", message("")),
    ],
)
def test_senders_that_are_not_meant(typed: str, country: str | None, data: dict[str, Any]) -> None:
    """Another number is another one, however much of it is the same."""
    assert not admits(data, country, sender=typed)
    assert admits(data, country, exclude_sender=[typed])


def test_several_senders_and_exceptions() -> None:
    """One of the senders suffices, an exception wins, and a message without a sender is from none of them."""
    options = {"sender": ["07700 900123", "MYBANK"], "exclude_sender": "mybank"}
    assert admits(message(), **options)
    assert not admits(message("MYBANK"), **options)
    assert not admits(message("OTHER"), **options)
    assert not admits(message(""), **options)
    assert admits(message(""), exclude_sender="MYBANK")


@pytest.mark.parametrize(
    ("data", "is_meant"),
    [
        (message(), True),
        (message("whatsapp:+447700900123", sender_number=MUM, channel="whatsapp"), True),
        ({"sender": "07700 900123", "text": ""}, True),  # an event that somebody else fired
        (message("+447700900124"), False),
        (message("MYBANK"), False),
        (message(""), False),
    ],
)
def test_contacts(data: dict[str, Any], *, is_meant: bool) -> None:
    """A contact is meant by the present number; beside senders either suffices, and an exception wins."""
    anna = MessageFilter.from_config(SCHEMA({"contact": "Anna"}))
    assert anna.admits(data, NOW, "GB", {MUM}) is is_meant
    assert not anna.admits(data, NOW, "GB", ())
    either = MessageFilter.from_config(SCHEMA({"contact": "Anna", "sender": "MYBANK", "exclude_sender": "mybank 2"}))
    assert either.admits(data, NOW, "GB", {MUM}) is (is_meant or data["sender"] == "MYBANK")
    assert not either.admits(message("MYBANK 2"), NOW, "GB", {MUM})
    nobody = MessageFilter.from_config(SCHEMA({"contact": "Anna", "exclude_sender": MUM}))
    assert not nobody.admits(data, NOW, "GB", {MUM})


@pytest.mark.parametrize(
    ("options", "matching", "others"),
    [
        ({"text": "gate"}, ["gate", "Open the GATE please", "investigate"], ["door", ""]),
        ({"text": "gate", "case_sensitive": True}, ["the gate"], ["the Gate"]),
        ({"text": "Gate", "match": "is"}, ["gate", " GATE \n", "gate\u00a0"], ["gates", "the gate", "gate\ngate"]),
        ({"text": " gate ", "match": "is"}, ["gate"], ["gate!"]),
        ({"text": "gate ", "match": "begins_with"}, ["Gate 1234", "  gate"], ["the gate"]),
        ({"text": "a.c"}, ["xa.cx"], ["abc"]),
        ({"text": "ÄRGER 🚨"}, ["So ein ärger 🚨!", "a\u0308rger 🚨"], ["arger 🚨"]),
        ({"text": "a\u0301rea"}, ["Área"], ["area"]),
        ({"text": "don't"}, ["I don\u2019t know", "don`t", "DON'T"], ["dont"]),
        ({"text": 'say "yes"', "case_sensitive": True}, ["say “yes”", "say «yes»"], ["say yes"]),
        ({"text": "on-off"}, ["on\u2013off", "on\u2011off"], ["on off"]),
        ({"text": "open gate"}, ["Open\u00a0gate", "open\u202fgate", "\u2067open\u200b gate\u2069"], ["opengate"]),
        ({"text": "straße"}, ["STRASSE", "STRAẞE"], ["strase"]),
        ({"text": "שלום"}, ["אז שלום לך"], ["שלם"]),
    ],
)
def test_texts(options: dict[str, Any], matching: list[str], others: list[str]) -> None:
    """Each way of comparing: whatever the case unless it is asked for, and however a phone writes quotes and blanks."""
    for text in matching:
        assert compares(text, options), text
    for text in others:
        assert not compares(text, options), text


@pytest.mark.parametrize(
    ("age", "limit", "is_meant"),
    [
        (timedelta(minutes=10), "00:10:00", True),
        (timedelta(minutes=10, seconds=1), {"minutes": 10}, False),
        (timedelta(days=3), 600, False),
        (timedelta(days=3), {"days": 4}, True),
        (timedelta(days=-3), 600, True),  # a clock that is ahead
    ],
)
def test_age(age: timedelta, limit: Any, *, is_meant: bool) -> None:
    """A message that is too old when it is delivered isn't meant; one that doesn't say isn't either."""
    assert admits(message(received_at=(NOW - age).isoformat()), not_older_than=limit) is is_meant
    assert not admits(message(received_at=None), not_older_than=limit)
    assert admits(message(received_at=None))


def test_lists_that_may_be_empty() -> None:
    """A blueprint can say that an empty list means any; a blank row in it is refused all the same."""
    assert admits(message(), allow_empty_lists=True, sender=[], exclude_sender=[])
    with pytest.raises(vol.Invalid, match="blank"):
        SCHEMA({"allow_empty_lists": True, "sender": [""]})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        *(({key: []}, "empty") for key in ("sender", "exclude_sender")),
        *(({key: [""]}, "blank") for key in ("sender", "exclude_sender")),
        *(({key: value}, "blank") for key in ("sender", "text") for value in ("", " ", "\u200b\u00a0\t\n")),
        ({"sender": ["07700 900123", ""]}, "blank"),
        *(({key: True}, "yes or no") for key in ("sender", "text")),
        *(({key: 31799671}, "a number: 31799671") for key in ("sender", "text")),
        ({"text": 750}, "a number: 750"),
        ({"text": 1.5}, "a number"),
        ({"text": None}, "nothing"),
        ({"sender": None}, "empty"),
        ({"sender": [None]}, "nothing"),
        ({"text": ["gate"]}, "no text"),
        ({"sender": [["07700 900123"]]}, "no text"),
        ({"sender": "{{ states('input_text.mum') }}"}, "Templates"),
        ({"text": "{% if x %}gate"}, "Templates"),
        ({"sender": "+44 12"}, "not a possible phone number"),
        ({"sender": "00"}, "not a possible phone number"),
        ({"sender": "++447700900123"}, "not a phone number"),
        ({"sender": "+44 7700 900123 (Mum)"}, "not a phone number"),
        ({"sender": "Mum 07700 900123"}, "not a phone number"),
        ({"sender": "07700 900123 07700 900456"}, "too many digits"),
        ({"sender": "07700 900123 / 07700 900456"}, "too many digits"),
        ({"sender": "0170, 1234567, 1"}, "not a phone number"),
        ({"sender": "tel:"}, "neither a possible"),
        ({"sender": "x" * 201}, "neither a possible"),
        ({"text": "(", "match": "regex"}, "The regular expression is invalid: missing"),
        ({"match": "regex"}, "missing"),
        ({"text": "x", "match": "sounds_like"}, "match"),
        ({"contact": []}, "This list is empty"),
        ({"contact": [""]}, "This is blank"),
        ({"contact": "{{ name }}"}, "Templates can't be used here"),
        ({"contact": 447700900123}, "a number"),
        ({"not_older_than": 0}, "longer than zero"),
        ({"not_older_than": "soon"}, "not_older_than"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_can_never_match(options: dict[str, Any], reason: str) -> None:
    """It is refused with a sentence that says what to do."""
    with pytest.raises(vol.Invalid, match=reason):
        SCHEMA(options)
