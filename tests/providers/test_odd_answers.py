"""Answers that no vendor would send: whatever is in them, nothing but a `ProviderError` leaves a provider."""

from collections.abc import Callable, Iterator
from contextlib import suppress
import copy
import json
from typing import Any

import aiohttp
import pytest

from custom_components.sms_inbox.model import Cursor
from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from custom_components.sms_inbox.providers.contract import Account, Provider
from custom_components.sms_inbox.providers.errors import ProviderError
from emulator import Emulator
from emulator.faults import KINDS

from .conftest import PASSWORD, USERNAME, CannedAnswers, CannedServer, MakeProvider, poll

HUGE = "huge"
ENTRY = (
    b"<feed><entry><id>1</id><author><name>a</name></author><content>x</content>"
    b"<published>9999-12-31T23:59:59-14:00</published></entry></feed>"
)
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        10**30,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "\0",
        "\ud800",
        "é",
        "²",
        "9" * 5000,
    ),
    *([], {}, [[]], {"a": 1}, [None], [5], ["x"]),
    *("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999-14:00", "0001-01-01 00:00:00", "2026-02-30 10:00:00"),
    *("Fri, 31 Dec 9999 23:59:59 -1400", "Mon, 01 Jan 0001 00:00:00 +1400", " , ", "1 Jan 2026 00:00:00 +9999999"),
    *("http://[", "//x", "/", "..", "mailto:x", -(10**18), 10**18, "-9223372036854775808", HUGE),
]
ROWS: dict[str, dict[str, Any]] = {
    "bulksms": {"id": "4", "type": "RECEIVED", "from": "1", "to": "2", "body": "00", "encoding": "BINARY"}
    | {"submission": {"date": "2026-11-21T10:00:00Z"}, "relatedSentMessageId": "3"},
    "clicksend": {"timestamp": 1795255200, "timestamp_send": 1, "from": "1", "body": "x", "to": "2", "message_id": "a"}
    | {"original_message_id": "b"},
    "elks": {"id": "s1", "created": "2026-11-21T10:00:00", "direction": "incoming", "from": "1", "message": "x"},
    "gammu": {"Date": "2026-11-21 10:00:00", "Number": "1", "State": "Read", "Text": "x"},
    "smsgate": {"id": "text:1", "type": "DATA_SMS", "sender": "1", "recipient": "2", "contentPreview": "00"}
    | {"createdAt": "2026-11-21T10:00:00Z"},
    "twilio": {"sid": "SM1", "from": "1", "to": "2", "body": "x", "direction": "inbound", "status": "receiving"}
    | {"date_sent": "Sat, 21 Nov 2026 10:00:00 +0000", "date_created": ""},
    "voipms": {"id": "1", "date": "2026-11-21 05:00:00", "type": "1", "did": "1", "contact": "2", "message": "x"},
}
"""A row of each provider's list."""
LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "clicksend": lambda rows: {
        "response_code": "SUCCESS",
        "data": {"last_page": 1, "data": rows, "user_id": 1, "_subaccount": {"subaccount_id": 2}},
    },
    "elks": lambda rows: {"data": rows, "next": "", "id": "u1"},
    "twilio": lambda rows: {"sid": "AC1", "friendly_name": "x", "messages": rows, "next_page_uri": None},
    "voipms": lambda rows: {"status": "success", "sms": rows},
}
"""The list of some rows, where it is more than an array; the answers to all other questions are in it, too."""

BODIES: tuple[bytes, ...] = (
    *(
        b"",
        b"\0",
        b"\xff" * 9,
        b"0|records to follow|",
        b"0|x|" + b"9" * 5000 + b"\n\n1|1|x|",
        b"0|x|\xc2\xb2\n\n1|",
    ),
    b"0|records to follow|1\n\n" + b"9" * 25 + b"|1|x|9999-12-31 23:59:59|1|0|16bit\n",
    b"0|records to follow|1\n\n5|1|D800|0001-01-01 00:00:00|1|0|16bit\n",
    b"messageId=1&from=1&body=x&messageDate=9999-12-31T23:59:59-14:00",
    b"messageId=1&from=1&body=%ED%A0%80&messageDate=0001-01-01T00:00:00%2B14:00",
    b"<feed><entry/></feed>",
    b"<feed>" + b"<entry>" * 20_000 + b"</entry>" * 20_000 + b"</feed>",
    ENTRY,
)
"""What isn't JSON anyway."""


def listed(key: str, rows: list[Any]) -> Any:
    """Return a provider's list of rows."""
    return LISTS[key](rows) if key in LISTS else rows


def text_of(answer: Any) -> str:
    """Return an answer as JSON."""
    return json.dumps(answer).replace(f'"{HUGE}"', "9" * 5000)


def paths(part: Any) -> Iterator[list[Any]]:
    """Yield the paths of all parts."""
    for name, inner in list(part.items() if isinstance(part, dict) else enumerate(part)):
        yield [name]
        if isinstance(inner, dict | list):
            yield from ([name, *path] for path in paths(inner))


def replaced(whole: Any, path: list[Any], value: Any) -> Any:
    """Return a copy with one part replaced."""
    made = copy.deepcopy(whole)
    *parents, last = path
    part = made
    for name in parents:
        part = part[name]
    part[last] = value
    return made


def make(session: aiohttp.ClientSession, source: CannedAnswers | CannedServer, key: str) -> Provider:
    """Return a provider that gets canned answers."""
    return PROVIDERS[key](session, Account(username="anna", password=PASSWORD, url=source.url("/x")))


async def use(provider: Provider) -> list[str]:
    """Use all that asks the server; return the texts that came."""
    texts: list[str] = []
    for ask in (provider.validate, provider.recover):
        with suppress(ProviderError):
            await ask()
    cursor: Cursor = {}
    for _ in range(3):
        with suppress(ProviderError):
            page = await provider.fetch(cursor)
            texts += [message.text for message in page.messages]
            cursor = json.loads(json.dumps(page.cursor))
            with suppress(ProviderError):
                await provider.acknowledge(page)
    return texts


@pytest.mark.parametrize("key", ROWS)
async def test_odd_values_in_a_row(session: aiohttp.ClientSession, canned: CannedAnswers, key: str) -> None:
    """Each type in the place of each field; the other rows come."""
    row = ROWS[key]
    good = {name: "good" if value in ("x", "00") else value for name, value in row.items()}
    good |= {name: "17" for name in ("id", "sid", "message_id") if name in row}
    for path in paths(row):
        rows = [replaced(row, path, value) for value in VALUES]
        canned.answer = {"body": text_of(listed(key, [*VALUES, *rows, good])).encode()}
        assert "good" in await use(make(session, canned, key))


@pytest.mark.parametrize("key", LISTS)
async def test_odd_values_around_the_rows(session: aiohttp.ClientSession, canned: CannedAnswers, key: str) -> None:
    """Each type in the place of each part."""
    whole = listed(key, [ROWS[key]])
    for path in paths(listed(key, [])):
        for value in VALUES:
            canned.answer = {"body": text_of(replaced(whole, path, value)).encode()}
            await use(make(session, canned, key))


@pytest.mark.parametrize("key", ROWS)
async def test_nested_too_deeply(session: aiohttp.ClientSession, server: CannedServer, key: str) -> None:
    """A row that can be read and not written again doesn't keep the others from coming."""
    depth = 40_000
    good = {name: "good" if value in ("x", "00") else value for name, value in ROWS[key].items()}
    deep = '{"a":' * depth + "1" + "}" * depth
    rows = [ROWS[key] | {"brandNew": "deep"}, good | {"id": "18", "sid": "18", "message_id": "18"}]
    server.answer = {"text": json.dumps(listed(key, rows)).replace('"deep"', deep)}
    assert "good" in await use(make(session, server, key))


@pytest.mark.parametrize("key", ["bulksms_eapi", "bulletin"])
async def test_odd_bodies(
    session: aiohttp.ClientSession, server: CannedServer, subtests: pytest.Subtests, key: str
) -> None:
    """Where the answers are no JSON, no body is too odd either."""
    for body in BODIES:
        server.answer = {"body": body}
        with subtests.test(body=body[:80]):
            await use(make(session, server, key))


@pytest.mark.parametrize("key", POLLED)
@pytest.mark.parametrize(
    "date",
    ["", "x", " , ", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1 Jan 2026 0:0:0 +999999"],
)
async def test_odd_clock(session: aiohttp.ClientSession, canned: CannedAnswers, key: str, date: str) -> None:
    """A server may have any date."""
    body = (
        json.dumps(listed(key, [ROWS[key]]))
        if key in ROWS
        else {"bulletin": "messageId=1&from=1&body=x"}.get(key, "0|x|0\n\n")
    )
    for status in (200, 204, 503):
        canned.answer = {"status": status, "text": body, "headers": {"Date": date, "Retry-After": date}}
        await use(make(session, canned, key))


@pytest.mark.parametrize("key", POLLED)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "stall"])
async def test_faults(emulator: Emulator, make_provider: MakeProvider, key: str, kind: str) -> None:
    """Each trouble that the emulator knows; afterwards, what can be read again is."""
    account = emulator.add_account(key, USERNAME, PASSWORD)
    account.send("Hello")
    options = {
        "redirect": {"location": "http://["},
        "slow": {"seconds": 0.01},
        "vendor_error": {"word": next(iter(account.protocol.errors))},
    }.get(kind, {})
    provider = make_provider(key)
    for count in (1, None):
        emulator.fault(key, kind, count=count, **options)
        await use(provider)
        emulator.clear_faults()
    account.send("World")
    found = [message.text for page in await poll(provider) for message in page.messages]
    assert "World" in found
