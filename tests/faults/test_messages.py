"""One bad message among good ones."""

import json

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.issue_registry import IssueRegistry
from homeassistant.helpers.json import json_bytes
from tests.conftest import Clock, set_up, texts

LONG = "x" * 20_000


def row(**fields: object) -> bytes:
    """Return a row of BulkSMS's JSON API."""
    common = {"id": "{id}", "type": "RECEIVED", "from": "1", "to": "2", "body": "x", "encoding": "TEXT"}
    return json.dumps(common | fields).encode()


def twilio(**fields: object) -> bytes:
    """Return a row of Twilio's."""
    sent = "Sat, 21 Nov 2026 10:00:00 +0000"
    common = {"sid": "{id}", "direction": "inbound", "from": "1", "to": "2", "body": "x", "date_sent": sent}
    return json.dumps(common | fields).encode()


def clicksend(**fields: object) -> bytes:
    """Return a row of ClickSend's."""
    common = {"message_id": "{id}", "from": "1", "to": "2", "body": "x", "timestamp": 1795168803}
    return json.dumps(common | fields).encode()


# How each provider would send it, and what then is the text; None where the record can't be understood.
BAD = {
    "undecodable bytes": (
        b"messageId={id}&from=1&body=a%FFb",
        b"{id}|1|a\xffb|2026-11-21 10:00:00|2|0|7bit",
        row(body="a\ufffdb"),
        twilio(body="a\ufffdb"),
        clicksend(body="a\ufffdb"),
        ("aÿb", *("a\ufffdb",) * 4),
    ),
    "no record at all": (b"\x00\x01\x02", b"\x00\x01\x02", *(b'"what"',) * 3, (None,) * 5),
    "impossible date": (
        b"messageId={id}&from=1&body=x&messageDate=2026-02-30T25:61:00Z",
        b"{id}|1|x|2026-02-30 25:61:00|2|0|7bit",
        row(submission={"date": "2026-02-30T25:61:00Z"}),
        twilio(date_sent="Mon, 30 Feb 2026 25:61:00 +0000"),
        clicksend(timestamp=10**17),
        ("x",) * 5,
    ),
    "no date": (
        b"messageId={id}&from=1&body=x",
        b"{id}|1|x||2|0|7bit",
        row(),
        twilio(date_sent=None),
        clicksend(timestamp=None),
        ("x", None, "x", "x", "x"),
    ),
    "binary": (
        b"messageId={id}&from=1&body=%00%01%FD&contentType=application%2Foctet-stream",
        b"{id}|1|0001feff|2026-11-21 10:00:00|2|0|8bit",
        row(encoding="BINARY", body="0001FEFF"),
        twilio(body="\x00\x01ý"),
        clicksend(body="\x00\x01ý"),
        ("\x00\x01ý", "", "", "\x00\x01ý", "\x00\x01ý"),
    ),
    "20,000 characters": (
        b"messageId={id}&from=1&body=" + LONG.encode(),
        b"{id}|1|" + LONG.encode() + b"|2026-11-21 10:00:00|2|0|7bit",
        row(body=LONG),
        twilio(body=LONG),
        clicksend(body=LONG),
        (LONG,) * 5,
    ),
    "NUL bytes": (
        b"messageId={id}&from=1&body=abc%00def%00g",
        b"{id}|1|abc\x00def\x00g|2026-11-21 10:00:00|2|0|7bit",
        row(body="abc\x00def\x00g"),
        twilio(body="abc\x00def\x00g"),
        clicksend(body="abc\x00def\x00g"),
        ("abc\x00def\x00g",) * 5,
    ),
    "lone surrogates": (
        b"messageId={id}&from=1&body=%FE%FF%D8%3D%00%41&contentType=text%2Fplain%3B+charset%3DUTF-16",
        b"{id}|1|D83D0041|2026-11-21 10:00:00|2|0|16bit",
        row(body="\ud83dA"),
        twilio(body="\ud83dA"),
        clicksend(body="\ud83dA"),
        ("\ufffdA", "D83D0041", *("\ufffdA",) * 3),
    ),
    "control characters": (
        b"messageId={id}&from=1&body=a%07%1B%5B31m%7Fb",
        b"{id}|1|a\x07\x1b[31m\x7fb|2026-11-21 10:00:00|2|0|7bit",
        row(body="a\x07\x1b[31m\x7fb"),
        twilio(body="a\x07\x1b[31m\x7fb"),
        clicksend(body="a\x07\x1b[31m\x7fb"),
        ("a\x07\x1b[31m\x7fb",) * 5,
    ),
    "a name as sender": (
        b"messageId={id}&from=MYBANK&body=x",
        b"{id}|MYBANK|x|2026-11-21 10:00:00|2|0|7bit",
        row(**{"from": "MYBANK"}),
        twilio(**{"from": "MYBANK"}),
        clicksend(**{"from": "MYBANK"}),
        ("x",) * 5,
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_message(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    issue_registry: IssueRegistry,
    name: str,
) -> None:
    """The others arrive; it is delivered as well as it can be, or kept and shown; nothing stops at it."""
    *records, expected = BAD[name]
    which = ["bulletin", "bulksms_eapi", "bulksms", "twilio", "clicksend"].index(account.provider)
    record, text = records[which], expected[which]
    await set_up(hass, entry)
    first = account.send("First")
    bad_id = str(int(first.message_id) + 1) if first.message_id.isdigit() else "bad"
    account.send_raw(record.replace(b"{id}", bad_id.encode()))
    account.send("Second")
    for _ in range(4):
        await clock.advance(31)
    assert sorted(texts(received)) == sorted(["First", "Second", *([] if text is None else [text])])
    issue = issue_registry.async_get_issue(DOMAIN, f"unreadable_{entry.entry_id}")
    assert bool(issue) == (text is None)
    for event in received:
        assert json_bytes(event.data)
    account.send("Third")
    await clock.advance(31)
    assert texts(received)[-1] == "Third"
