"""Twilio's REST API as its OpenAPI description and its pages about calls describe it."""

import base64
from datetime import UTC, datetime, timedelta
import hmac
import json
from pathlib import Path
import re
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest

from emulator import Account, Emulator, twilio_account

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
    for path in (f"{BASE}.json", f"{BASE}/Messages/SM1.json"):
        assert (await client.ask("POST", emulator.url("twilio") + path)).status == 405


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


NUMBERS = f"{BASE}/IncomingPhoneNumbers"
SERVICES = "/messaging/v1/Services"


async def post(client: Client, emulator: Emulator, path: str, **data: str) -> dict[str, Any]:
    """Change something; return the answer."""
    reply = await client.ask("POST", emulator.url("twilio") + path, data=data)
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def code(client: Client, path: str, username: str = USERNAME, password: str = PASSWORD) -> int:
    """Ask with some credentials; return the vendor's code, 0 where it is answered."""
    headers = {"Authorization": aiohttp.encode_basic_auth(username, password)}
    reply = await client.get("twilio", path, headers=headers)
    return 0 if reply.status == 200 else int(json.loads(reply.body)["code"])


@pytest.mark.parametrize(
    ("kind", "may", "codes"),
    [
        ("main", (), [0, 0, 0, 0]),
        ("standard", (), [20003, 0, 0, 0]),
        ("restricted", ("messages",), [20003, 0, 70051, 70051]),
        ("restricted", ("numbers", "services"), [20003, 70051, 0, 0]),
    ],
)
async def test_api_keys(client: Client, account: Account, kind: str, may: tuple[str, ...], codes: list[int]) -> None:
    """Only a main key may read the account, and a restricted one what it was given."""
    twilio_account.add_key(account, "SK1", "secret", kind, may)
    paths = (f"{BASE}.json", LIST, f"{NUMBERS}.json", SERVICES)
    assert [await code(client, path, "SK1", "secret") for path in paths] == codes
    assert await code(client, LIST, "SK1", PASSWORD) == 20003
    with pytest.raises(ValueError, match="restricted"):
        twilio_account.add_key(account, "SK2", "secret", "strange")


async def test_suspended(client: Client, account: Account) -> None:
    """The account can still be read, and nothing else."""
    twilio_account.suspend(account, 20403, "closed")
    assert json.loads((await client.get("twilio", f"{BASE}.json")).body)["status"] == "closed"
    assert [await code(client, path) for path in (LIST, f"{NUMBERS}.json", SERVICES)] == [20403] * 3


async def test_numbers(client: Client, emulator: Emulator, account: Account) -> None:
    """They are listed page by page; a POST changes what it names."""
    [first] = twilio_account.numbers_of(account)
    second = twilio_account.add_number(account, "+15550000001", sms_url="https://a.example")
    start = await page(client, f"{NUMBERS}.json", PageSize="1")
    assert start["incoming_phone_numbers"] == [first]
    rest = await page(client, start["next_page_uri"])
    assert (rest["incoming_phone_numbers"], rest["next_page_uri"]) == ([second], None)
    path = f"{NUMBERS}/{second['sid']}.json"
    assert await post(client, emulator, path, SmsUrl="https://b.example#rc=5") == second
    assert (second["sms_url"], second["sms_method"]) == ("https://b.example#rc=5", "POST")
    assert (await post(client, emulator, path, SmsUrl="nonsense"))["code"] == 21502
    assert account.protocol.registered(account) == ["https://b.example"]
    assert await code(client, f"{NUMBERS}/PN1.json") == 20404


async def test_services(client: Client, emulator: Emulator, account: Account) -> None:
    """They are listed with whole addresses; what one of them drops is in no list."""
    [number] = twilio_account.numbers_of(account)
    message = account.send("Hello")
    service = twilio_account.add_service(account, "Alarms", [number])
    twilio_account.add_service(account, "Other")
    start = await page(client, SERVICES, PageSize="1")
    assert [row["friendly_name"] for row in start["services"]] == ["Alarms"]
    assert start["meta"]["key"] == "services"
    assert start["meta"]["next_page_url"].endswith(f"/twilio{SERVICES}?PageSize=1&Page=1")
    members = await page(client, f"{SERVICES}/{service['sid']}/PhoneNumbers")
    assert [row["sid"] for row in members["phone_numbers"]] == [number["sid"]]
    assert ids(await page(client)) == []
    path = f"{SERVICES}/{service['sid']}"
    await post(client, emulator, path, InboundRequestUrl="https://a.example#rc=5")
    assert ids(await page(client)) == [message.message_id]
    [call] = account.protocol.calls(message, account)
    assert call.url == "https://a.example"
    number["sms_url"] = "https://b.example"
    await post(client, emulator, path, UseInboundWebhookOnNumber="true", InboundRequestUrl="")
    assert service["inbound_request_url"] is None
    [call] = account.protocol.calls(message, account)
    assert call.url == "https://b.example"
    number["sms_application_sid"] = "AP1"
    assert account.protocol.calls(message, account) == []


async def test_message_that_is_still_arriving(client: Client, account: Account) -> None:
    """Its text comes later."""
    twilio_account.receive_slowly(account, account.send("Hello"))
    [row] = (await page(client))["messages"]
    assert (row["status"], row["body"]) == ("receiving", "")
    twilio_account.finish_receiving(account)
    [row] = (await page(client))["messages"]
    assert (row["status"], row["body"]) == ("received", "Hello")


async def test_picture(client: Client, account: Account) -> None:
    """An id that begins with MM is of a message with a picture."""
    message = account.send("", message_id="MM1")
    assert [row["num_media"] for row in (await page(client))["messages"]] == ["1"]
    account.callback = "https://a.example"
    [call] = account.protocol.calls(message, account)
    form = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    assert (form["NumMedia"], form["MediaContentType0"]) == ("1", "image/jpeg")


async def test_call_signed_with_a_shared_key(account: Account) -> None:
    """Another key and another hash, and a header that says so."""
    account.extra["shared_key"] = {"sid": "webhooks_sharedkey_1", "secret": "s", "algorithm": "HMAC_SHA256"}
    message = account.send_raw(b"x")
    account.callback = "https://a.example"
    [call] = account.protocol.calls(message, account)
    expected = base64.b64encode(hmac.digest(b"s", b"https://a.exampleBodyx", "sha256")).decode()
    assert call.headers["X-Twilio-Signature"] == expected
    assert call.headers["X-Twilio-Webhooks-Signature-Settings"] == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


async def test_calls_of_signalwire(account: Account) -> None:
    """A form under another header, or JSON that is signed as it is."""
    message = account.send("Hello", sender="+1", recipient="+2")
    account.callback, account.signing_key, account.extra["handler"] = "https://a.example", "PSK", "cxml"
    [call] = account.protocol.calls(message, account)
    assert "X-SignalWire-Signature" in call.headers
    account.extra["handler"] = "swml"
    [call] = account.protocol.calls(message, account)
    told = json.loads(call.body)["message"]
    assert (told["from"], told["to"], told["body"]) == ("+1", "+2", "Hello")
    assert told["message_id"] != message.message_id
    for name, digest in (("X-SignalWire-Signature", "sha1"), ("X-SignalWire-Sha256-Signature", "sha256")):
        assert call.headers[name] == hmac.digest(b"PSK", b"https://a.example" + call.body, digest).hex()


async def test_account_is_remembered(tmp_path: Path) -> None:
    """What it has beside messages survives a restart, too."""
    first = Emulator(data=tmp_path / "data.json")
    twilio_account.add_key(first.add_account("twilio", USERNAME, PASSWORD), "SK1", "secret")
    first.save()
    assert twilio_account.has_secret(Emulator(data=tmp_path / "data.json").account("twilio", USERNAME), "SK1", "secret")


SUBMISSION = {"To": "+447700900321", "From": "+44771234567", "Body": "Hi ☺"}


async def test_submitting(client: Client, emulator: Emulator) -> None:
    """A text is taken as often as it is submitted, and its row says what became of it."""
    url = emulator.url("twilio") + LIST
    replies = [await client.ask("POST", url, data=SUBMISSION) for _ in range(2)]
    rows = [json.loads(reply.body) for reply in replies]
    assert [(reply.status, row["status"], row["price"]) for reply, row in zip(replies, rows, strict=True)] == [
        (201, "queued", None)
    ] * 2
    assert [(each.sender, each.text) for each in emulator.handsets.shown] == [("+44771234567", "Hi ☺")] * 2
    account = emulator.account("twilio", USERNAME)
    emulator.handsets.report_now(account, account.messages[0], "failed", "unreachable")
    row = json.loads((await client.get("twilio", f"{BASE}/Messages/{rows[0]['sid']}.json")).body)
    assert (row["direction"], row["status"], row["error_code"]) == ("outbound-api", "undelivered", 30003)
    assert row["price"] == "-0.00750"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "12345"}, 21211),
        ({"To": "+15005550009"}, 21408),
        ({"To": "+447700900999"}, 21610),
        ({"From": ""}, 21603),
        ({"From": "+15005550001"}, 21659),
        ({"From": "+44771234568"}, 21661),
        ({"MessagingServiceSid": "MG1"}, 21703),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"ValidityPeriod": "0"}, 21624),
        ({"StatusCallback": "home.example"}, 21609),
    ],
)
async def test_submission_that_is_refused(
    client: Client, emulator: Emulator, change: dict[str, str], code: int
) -> None:
    """The code says why."""
    account = emulator.account("twilio", USERNAME)
    account.extra |= {"opted_out": ["+447700900999"], "countries": ["+44"]}
    assert twilio_account.numbers_of(account)
    twilio_account.add_number(account, "+44771234568", capabilities={"sms": False})
    reply = await client.ask("POST", emulator.url("twilio") + LIST, data=SUBMISSION | change)
    assert (reply.status, json.loads(reply.body)["code"]) == (400 if code != 21408 else 403, code)
    assert not emulator.handsets.shown


@pytest.mark.parametrize(("smart", "shown"), [({}, "It's"), ({"SmartEncoded": "false"}, "It\u2019s")])
async def test_submission_by_a_service(client: Client, emulator: Emulator, smart: dict[str, str], shown: str) -> None:
    """A service sends from one of its numbers, with similar characters unless it is told not to."""
    account = emulator.account("twilio", USERNAME)
    service = twilio_account.add_service(account, "Home", twilio_account.numbers_of(account))
    form = {"To": "+447700900321", "MessagingServiceSid": service["sid"], "Body": "It\u2019s", **smart}
    assert (await client.ask("POST", emulator.url("twilio") + LIST, data=form)).status == 201
    assert [(each.sender, each.text) for each in emulator.handsets.shown] == [("+44771234567", shown)]
