"""Twilio's REST API as its OpenAPI description and its pages about calls describe it."""

import base64
from datetime import UTC, datetime, timedelta
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from emulator import Account, Emulator

from .conftest import PASSWORD, USERNAME, Client

TIME = datetime(2026, 11, 21, 10, 0, 0, 700_000, tzinfo=UTC)
BASE = f"/2010-04-01/Accounts/{USERNAME}"
LIST = f"{BASE}/Messages.json"


@pytest.fixture(autouse=True)
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("twilio", USERNAME, PASSWORD)


async def page(client: Client, path: str = LIST, **params: str) -> dict[str, Any]:
    """Ask for a page of the list."""
    reply = await client.get("twilio", path, params=params or None)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(reply.body)
    return found


def ids(page: dict[str, Any]) -> list[str]:
    """The ids of the messages on a page."""
    return [row["sid"] for row in page["messages"]]


async def test_message(client: Client, account: Account) -> None:
    """A message has all fields of the description, in its types."""
    account.send("Hi|\n😀", sender="+447700900123", recipient="+44771", received_at=TIME, message_id="SM1")
    expected = {
        "account_sid": USERNAME,
        "api_version": "2010-04-01",
        "body": "Hi|\n😀",
        "date_created": "Sat, 21 Nov 2026 10:00:00 +0000",
        "date_sent": "Sat, 21 Nov 2026 10:00:00 +0000",
        "date_updated": "Sat, 21 Nov 2026 10:00:00 +0000",
        "direction": "inbound",
        "error_code": None,
        "error_message": None,
        "from": "+447700900123",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": "SM1",
        "status": "received",
        "subresource_uris": {
            "media": f"{BASE}/Messages/SM1/Media.json",
            "feedback": f"{BASE}/Messages/SM1/Feedback.json",
        },
        "to": "+44771",
        "uri": f"{BASE}/Messages/SM1.json",
    }
    assert (await page(client))["messages"] == [expected]
    assert json.loads((await client.get("twilio", f"{BASE}/Messages/SM1.json")).body) == expected


def test_ids(account: Account) -> None:
    """An id looks like the vendor's, and no two are the same."""
    first, second = account.send("a").message_id, account.send("a").message_id
    assert re.fullmatch("SM[0-9a-f]{32}", first)
    assert first != second


async def test_sent(client: Client, account: Account) -> None:
    """What was sent stands in the same list."""
    account.send("x", sent=True)
    [row] = (await page(client))["messages"]
    assert (row["direction"], row["status"]) == ("outbound-api", "delivered")


async def test_empty(client: Client) -> None:
    """Even an empty page has all that stands around the rows."""
    assert await page(client) == {
        "end": 0,
        "first_page_uri": f"{LIST}?PageSize=50&Page=0",
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "messages": [],
        "start": 0,
        "uri": f"{LIST}?PageSize=50&Page=0",
    }


async def test_pages(client: Client, account: Account) -> None:
    """The newest come first; a token leads on behind the last message, whatever came since, and back."""
    for number in range(5):
        account.send("x", message_id=f"SM{number}", recipient="+1", received_at=TIME)
    first = await page(client, To="+1", PageSize="2", **{"DateSent>": "2026-11-20"})
    assert ids(first) == ["SM4", "SM3"]
    query = "To=%2B1&DateSent%3E=2026-11-20&PageSize=2"
    assert first["next_page_uri"] == f"{LIST}?{query}&Page=1&PageToken=PASM3"
    account.send("x", message_id="SM5", recipient="+1", received_at=TIME)
    second = await page(client, first["next_page_uri"])
    assert ids(second) == ["SM2", "SM1"]
    assert (second["start"], second["end"], second["page"], second["page_size"]) == (3, 4, 1, 2)
    assert second["uri"] == first["next_page_uri"]
    assert ids(await page(client, second["previous_page_uri"])) == ["SM4", "SM3"]
    last = await page(client, second["next_page_uri"])
    assert (ids(last), last["next_page_uri"]) == (["SM0"], None)


async def test_order(client: Client, account: Account) -> None:
    """The time decides, and within a second what came last."""
    for number, seconds in enumerate((5, 1, 1)):
        account.send("x", message_id=f"SM{number}", received_at=TIME + timedelta(seconds=seconds))
    assert ids(await page(client)) == ["SM0", "SM2", "SM1"]


async def test_page_sizes(client: Client, account: Account) -> None:
    """50 unless asked otherwise, and at most what the account says."""
    for _ in range(60):
        account.send("x")
    assert [len(ids(await page(client))), len(ids(await page(client, PageSize="1000")))] == [50, 60]
    account.page_size = 7
    assert len(ids(await page(client, PageSize="1000"))) == 7


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"DateSent": "2026-11-21"}, ["SM2", "SM1"]),
        ({"DateSent<": "2026-11-21"}, ["SM2", "SM1", "SM0"]),
        ({"DateSent>": "2026-11-21"}, ["SM3", "SM2", "SM1"]),
        ({"DateSent>": "2026-11-21T23:59:59Z"}, ["SM3", "SM2", "SM1"]),
        ({"DateSent<": "2026-11-20", "DateSent>": "2026-11-20"}, ["SM0"]),
        ({"To": "+1"}, ["SM1"]),
        ({"From": "+2"}, ["SM2"]),
    ],
)
async def test_filter(client: Client, account: Account, params: dict[str, str], expected: list[str]) -> None:
    """Days are those of GMT, and belong to what is asked for."""
    for number, hour in enumerate((-11, 0, 13, 14)):
        recipient, sender = ("+1" if number == 1 else "+9"), ("+2" if number == 2 else "+9")
        time = TIME + timedelta(hours=hour)
        account.send("x", message_id=f"SM{number}", received_at=time, recipient=recipient, sender=sender)
    assert ids(await page(client, **params)) == expected


@pytest.mark.parametrize(
    "params",
    [{"DateSent>": "soon"}, {"PageSize": "0"}, {"PageSize": "1001"}, {"PageSize": "many"}, {"PageToken": "PASM1"}],
)
async def test_bad_request(client: Client, params: dict[str, str]) -> None:
    """What isn't understood is an error that says why."""
    reply = await client.get("twilio", LIST, params=params)
    assert reply.status == 400
    error = json.loads(reply.body)
    assert error["status"] == 400
    assert error["message"]
    assert error["more_info"].endswith(f"/{error['code']}")


@pytest.mark.parametrize("path", [LIST, f"{BASE}.json", f"{BASE}/Messages/SM1.json"])
async def test_unauthorized(client: Client, path: str) -> None:
    """Only Basic is known."""
    reply = await client.get("twilio", path, headers={}, params={"username": USERNAME, "password": PASSWORD})
    assert reply.status == 401
    assert json.loads(reply.body)["code"] == 20003
    assert reply.headers["WWW-Authenticate"].startswith("Basic")


async def test_not_found(client: Client, emulator: Emulator) -> None:
    """Another account's addresses are not there, nor are those without .json."""
    other = emulator.add_account("twilio", "other", "password").send("not yours")
    path = f"/2010-04-01/Accounts/other/Messages/{other.message_id}.json"
    for elsewhere in (path, LIST.removesuffix(".json"), f"{BASE}/Messages/SM1.json", "/"):
        reply = await client.get("twilio", elsewhere)
        assert reply.status == 404
        assert json.loads(reply.body)["code"] == 20404
    assert (await client.ask("POST", emulator.url("twilio") + LIST)).status == 405


async def test_account(client: Client) -> None:
    """The account tells its token, too."""
    found = json.loads((await client.get("twilio", f"{BASE}.json")).body)
    assert (found["sid"], found["friendly_name"], found["status"]) == (USERNAME, USERNAME, "active")
    assert found["auth_token"] == PASSWORD


async def test_raw(client: Client, account: Account) -> None:
    """A raw row is a row as it is, and is known by its sid."""
    record = b'{"sid": "77",  "brandNew": {"a": 1}}'
    assert account.send_raw(record).message_id == "77"
    account.send_raw(b'"nonsense"')
    body = (await client.get("twilio", LIST, params={"To": "+1"})).body
    assert b'"messages": ["nonsense",' + record + b"]" in body


async def test_call(account: Account) -> None:
    """A form that tells of a message, signed with the token; nothing is called before an address is known."""
    message = account.send("Hi + 😀", sender="+447700900123", recipient="+44771", message_id="SM1")
    assert account.protocol.calls(message, account) == []
    account.callback = "https://ha.example/api/webhook/abc?a=b"
    [call] = account.protocol.calls(message, account)
    assert (call.method, call.url) == ("POST", account.callback)
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert dict(parse_qsl(call.body.decode(), strict_parsing=True)) == {
        "AccountSid": USERNAME,
        "ApiVersion": "2010-04-01",
        "Body": "Hi + 😀",
        "From": "+447700900123",
        "MessageSid": "SM1",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": "SM1",
        "SmsSid": "SM1",
        "SmsStatus": "received",
        "To": "+44771",
    }
    signed = (
        "https://ha.example/api/webhook/abc?a=bAccountSiduserApiVersion2010-04-01BodyHi + 😀From+447700900123"
        "MessageSidSM1NumMedia0NumSegments1SmsMessageSidSM1SmsSidSM1SmsStatusreceivedTo+44771"
    )
    expected = base64.b64encode(hmac.digest(PASSWORD.encode(), signed.encode(), "sha1")).decode()
    assert call.headers["X-Twilio-Signature"] == expected


async def test_call_with_a_raw_record(account: Account) -> None:
    """What came raw has a text and no more."""
    account.callback = "https://ha.example/api/webhook/abc"
    [call] = account.protocol.calls(account.send_raw(b'"nonsense"'), account)
    assert call.body == b"Body=%22nonsense%22"


def test_call_is_made_once(account: Account) -> None:
    """Whatever is answered, nobody is called again."""
    assert all(account.protocol.is_settled(status) for status in (200, 403, 500))
