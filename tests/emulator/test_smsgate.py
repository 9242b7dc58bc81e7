"""The app's local server as its API description and source code have it."""

import base64
from datetime import UTC, datetime, timedelta
import hmac
import json
from typing import Any

import pytest

from emulator import Account, Emulator

from .conftest import BASIC, PASSWORD, USERNAME, Client, Reply

TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)
ADDRESS = "https://home.example/api/webhook/abc"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("smsgate", USERNAME, PASSWORD, time_zone="Europe/Berlin")


async def ask(client: Client, **params: str) -> Reply:
    """Ask for the inbox."""
    reply = await client.get("smsgate", "/inbox", params=params)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    return reply


async def ids(client: Client, **params: str) -> list[str]:
    """Ask for the inbox, and take the ids."""
    return [row["id"] for row in json.loads((await ask(client, **params)).body)]


async def post(client: Client, emulator: Emulator, **webhook: Any) -> Reply:
    """Register a webhook."""
    return await client.ask("POST", emulator.url("smsgate") + "/webhooks", json=webhook)


async def test_message(client: Client, account: Account) -> None:
    """A message has these fields, its time the phone's offset."""
    account.send("Hi|\n😀", sender="MYBANK", recipient="+44771", received_at=TIME, message_id="text:1")
    assert json.loads((await ask(client)).body) == [
        {
            "id": "text:1",
            "type": "SMS",
            "sender": "MYBANK",
            "recipient": "+44771",
            "simNumber": 1,
            "contentPreview": "Hi|\n😀",
            "createdAt": "2026-11-21T11:00:00.000+01:00",
            "attachments": [],
        }
    ]


async def test_time_of_a_phone_in_utc(client: Client, emulator: Emulator, account: Account) -> None:
    """There the offset is a Z; of fractions of a second there are three digits."""
    emulator.add_account("smsgate", USERNAME, PASSWORD, time_zone="UTC")
    account.send("x", received_at=TIME.replace(microsecond=7999))
    [row] = json.loads((await ask(client)).body)
    assert row["createdAt"] == "2026-11-21T10:00:00.007Z"


async def test_phone_that_does_not_know_its_number(client: Client, account: Account) -> None:
    """What is unknown is left out."""
    account.send("x", recipient="")
    [row] = json.loads((await ask(client)).body)
    assert not {"recipient", "simNumber"} & row.keys()


@pytest.mark.parametrize(("size", "preview"), [(0, ""), (64, "ff" * 64), (65, "ff" * 64 + "...")])
async def test_data_message(client: Client, account: Account, size: int, preview: str) -> None:
    """The inbox shows the first 64 bytes."""
    account.send(data=b"\xff" * size)
    [row] = json.loads((await ask(client)).body)
    assert (row["type"], row["contentPreview"]) == ("DATA_SMS", preview)


async def test_order_and_pages(client: Client, account: Account) -> None:
    """The newest come first, then by id; a header tells how many there are."""
    for number in (1, 3, 2):
        account.send("x", message_id=str(number), received_at=TIME + timedelta(seconds=number // 3))
    account.send("Sent", sent=True)
    assert await ids(client) == ["3", "2", "1"]
    assert await ids(client, limit="2") == ["3", "2"]
    assert await ids(client, limit="2", offset="2") == ["1"]
    assert await ids(client, offset="3") == []
    assert (await ask(client, limit="1")).headers["X-Total-Count"] == "3"


async def test_fifty_unless_asked_for_more(client: Client, account: Account) -> None:
    """The limit is 50 where it isn't told, or is no number."""
    for number in range(60):
        account.send(str(number))
    assert [len(await ids(client, **params)) for params in ({}, {"limit": "x"}, {"limit": "500"})] == [50, 50, 60]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"from": "2026-11-21T10:00:01Z"}, ["3", "2"]),
        ({"from": "2026-11-21T11:00:01.700+01:00"}, ["3", "2"]),
        ({"from": "2026-11-21T10:00:01.701Z"}, ["3"]),
        ({"to": "2026-11-21T10:00:01.700Z"}, ["2", "1"]),
        ({"from": "2026-11-21T10:00:01Z", "to": "2026-11-21T10:00:02Z"}, ["2"]),
        ({"type": "SMS"}, ["2", "1"]),
        ({"type": "DATA_SMS"}, ["3"]),
        ({"type": "MMS"}, []),
        ({"type": ""}, ["3", "2", "1"]),
    ],
)
async def test_filter(client: Client, account: Account, params: dict[str, str], expected: list[str]) -> None:
    """Both ends of the time belong to it, which is as precise as it is shown."""
    for number in range(3):
        at = TIME + timedelta(seconds=number, microseconds=700_900)
        account.send(data=b"x" if number == 2 else None, message_id=str(number + 1), received_at=at)
    assert await ids(client, **params) == expected


async def test_no_future_unless_asked_for(client: Client, account: Account) -> None:
    """Without an end the list ends now."""
    account.send("x", message_id="1", received_at=datetime.now(UTC) + timedelta(hours=1))
    assert await ids(client) == []
    assert await ids(client, to="2999-01-01T00:00:00Z") == ["1"]


@pytest.mark.parametrize(
    "params",
    [
        {"type": "sms"},
        {"limit": "0"},
        {"limit": "501"},
        {"offset": "-1"},
        {"from": "2026-11-21"},
        {"from": "2026-11-21T10:00:00"},
        {"from": "2026-13-21T10:00:00Z"},
        {"to": "2026-11-21T10:00:00 01:00"},
        {"from": "2026-11-21T10:00:00Z", "to": "2026-11-21T09:00:00Z"},
    ],
)
@pytest.mark.usefixtures("account")
async def test_bad_request(client: Client, params: dict[str, str]) -> None:
    """What isn't understood is told."""
    reply = await client.get("smsgate", "/inbox", params=params)
    assert reply.status == 400
    assert json.loads(reply.body)["message"]


@pytest.mark.parametrize("path", ["/", "/device", "/inbox", "/webhooks"])
@pytest.mark.usefixtures("account")
async def test_unauthorized(client: Client, path: str) -> None:
    """Only Basic is known here."""
    reply = await client.get("smsgate", path, headers={})
    assert (reply.status, reply.body) == (401, b"")
    assert reply.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.usefixtures("account")
async def test_not_found(client: Client, emulator: Emulator) -> None:
    """What isn't there, and what can't be asked in that way, has no body."""
    assert (await client.get("smsgate", "/3rdparty/v1/inbox")).status == 404
    assert (await client.get("smsgate", "/webhooks/1")).status == 405
    assert (await client.ask("POST", emulator.url("smsgate") + "/inbox")).status == 405
    assert (await client.ask("PUT", emulator.url("smsgate") + "/inbox")).status == 405


async def test_device(client: Client, emulator: Emulator, account: Account) -> None:
    """There is one phone, whose id stays and doesn't tell the user's name."""
    [device] = json.loads((await client.get("smsgate", "/device")).body)
    assert {"id", "name", "createdAt", "updatedAt", "lastSeen", "simCards"} == device.keys()
    assert account.username not in device["id"]
    emulator.reset()
    emulator.add_account("smsgate", USERNAME, PASSWORD)
    assert json.loads((await client.get("smsgate", "/device")).body)[0]["id"] == device["id"]
    assert json.loads((await client.get("smsgate", "/")).body)["status"] == "ok"


@pytest.mark.usefixtures("account")
async def test_webhooks(client: Client, emulator: Emulator) -> None:
    """The client may choose the id; the same one again replaces the webhook; a deletion never fails."""
    reply = await post(client, emulator, id="mine", url=ADDRESS, event="sms:received")
    assert reply.status == 201
    mine = {"id": "mine", "url": ADDRESS, "event": "sms:received", "source": "Local"}
    assert json.loads(reply.body) == mine
    other = json.loads((await post(client, emulator, url="http://127.0.0.1:8123/x", event="system:ping")).body)
    await post(client, emulator, id="mine", url=ADDRESS + "d", event="sms:received")
    listed = json.loads((await client.get("smsgate", "/webhooks")).body)
    assert sorted(listed, key=lambda webhook: webhook["url"]) == [other, mine | {"url": ADDRESS + "d"}]
    for _ in range(2):
        url = emulator.url("smsgate") + "/webhooks/mine"
        assert (await client.ask("DELETE", url, headers=BASIC)).status == 204
    assert json.loads((await client.get("smsgate", "/webhooks")).body) == [other]


@pytest.mark.parametrize(
    "webhook",
    [
        {},
        {"url": ADDRESS},
        {"event": "sms:received"},
        {"url": ADDRESS, "event": "sms:lost"},
        {"url": "http://192.168.1.5:8123/x", "event": "sms:received"},
        {"url": "http://127.0.0.1.example/x", "event": "sms:received"},
        {"url": ADDRESS, "event": "sms:received", "deviceId": "another"},
    ],
)
async def test_bad_webhook(client: Client, emulator: Emulator, account: Account, webhook: dict[str, str]) -> None:
    """Plain http is for the phone itself only."""
    reply = await post(client, emulator, **webhook)
    assert reply.status == 400
    assert json.loads(reply.body)["message"]
    assert account.webhooks == []


async def test_call(account: Account) -> None:
    """A call for each webhook of the kind, signed over its body and the time."""
    account.signing_key = "abcd1234"
    account.webhooks = [
        {"id": event, "url": ADDRESS, "event": event, "source": "Local"}
        for event in ("sms:received", "sms:data-received", "system:ping")
    ]
    [call] = account.protocol.calls(account.send("Hi 😀", sender="MYBANK", received_at=TIME), account)
    event = json.loads(call.body)
    assert (call.method, call.url) == ("POST", ADDRESS)
    number = int(account.messages[-1].message_id.removeprefix("text:"))
    assert int(event["payload"]["messageId"], 16) == number % (1 << 32)
    assert event == {
        "id": event["id"],
        "webhookId": "sms:received",
        "event": "sms:received",
        "deviceId": event["deviceId"],
        "payload": {
            "message": "Hi 😀",
            "receivedAt": "2026-11-21T11:00:00.000+01:00",
            "messageId": event["payload"]["messageId"],
            "sender": "MYBANK",
            "recipient": "+44771234567",
            "simNumber": 1,
            "phoneNumber": "MYBANK",
        },
    }
    timestamp = call.headers["X-Timestamp"]
    signature = hmac.new(b"abcd1234", call.body + timestamp.encode(), "sha256").hexdigest()
    assert call.headers["X-Signature"] == signature
    assert abs(datetime.now(UTC).timestamp() - int(timestamp)) < 60
    [call] = account.protocol.calls(account.send(data=b"\x00\xff"), account)
    event = json.loads(call.body)
    assert (event["event"], base64.b64decode(event["payload"]["data"])) == ("sms:data-received", b"\x00\xff")


@pytest.mark.parametrize(
    ("sender", "milliseconds", "recipient", "text", "list_id", "message_id"),
    [
        ("+447700900121", 1795250000000, "+44771234567", "Gate 😀", "text:1551166422", "5c74ebd6"),
        ("MYBANK", 1795250000123, "", "", "text:1859102706", "6ecfa7f2"),
    ],
)
def test_ids(
    account: Account, *, sender: str, milliseconds: int, recipient: str, text: str, list_id: str, message_id: str
) -> None:
    """An id is the app's hash of the message, in a call without a sign and in hexadecimal (V74)."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)
    message = account.send(text, sender=sender, recipient=recipient, received_at=at)
    account.webhooks = [{"id": "1", "url": ADDRESS, "event": "sms:received", "source": "Local"}]
    [call] = account.protocol.calls(message, account)
    assert message.message_id == list_id
    assert json.loads(call.body)["payload"]["messageId"] == message_id


def test_equal_messages(account: Account) -> None:
    """They are one to the app, unless their times differ."""
    first = account.send("Open", received_at=TIME)
    assert account.send("Open", received_at=TIME) is first
    account.send("Open", received_at=TIME + timedelta(seconds=1))
    assert len(account.messages) == 2


async def test_mms(client: Client, account: Account) -> None:
    """One that was downloaded has a text and files, of which a call has the bytes; else there is a subject at most."""
    look, nothing, notice = (
        account.send(text, wire=wire, received_at=TIME)
        for text, wire in (("Look", "mms"), ("", "mms"), ("", "mms-notification"))
    )
    rows = {row["id"]: row for row in json.loads((await ask(client, includeAttachments="true")).body)}
    shown = [
        (rows[message.message_id]["type"], rows[message.message_id]["contentPreview"])
        for message in (look, nothing, notice)
    ]
    assert shown == [("MMS_DOWNLOADED", "Look"), ("MMS_DOWNLOADED", "MMS content"), ("MMS", "MMS notification")]
    assert await ids(client, type="MMS") == [notice.message_id]
    assert [len(rows[message.message_id]["attachments"]) for message in (look, notice)] == [1, 0]
    account.webhooks = [
        {"id": event, "url": ADDRESS, "event": event, "source": "Local"} for event in ("mms:received", "mms:downloaded")
    ]
    events = [json.loads(account.protocol.calls(message, account)[0].body) for message in (look, nothing, notice)]
    assert [event["event"] for event in events] == ["mms:downloaded", "mms:downloaded", "mms:received"]
    assert [event["payload"].get("body") for event in events] == ["Look", None, None]
    assert base64.b64decode(events[0]["payload"]["attachments"][0]["data"]).startswith(b"\xff\xd8")


@pytest.mark.parametrize(("status", "settled"), [(200, True), (204, True), (302, False), (404, False), (500, False)])
def test_settled(account: Account, status: int, *, settled: bool) -> None:
    """All but 2xx is repeated."""
    assert account.protocol.is_settled(status) == settled


async def test_raw(client: Client, account: Account) -> None:
    """A raw row is a row as it is; nobody is called."""
    account.webhooks = [{"id": "1", "url": ADDRESS, "event": "sms:received", "source": "Local"}]
    message = account.send_raw(b'{"id":"text:7","brandNew":{"a":1}}')
    assert message.message_id == "text:7"
    assert account.protocol.calls(message, account) == []
    account.send_raw(b'"nonsense"')
    assert (await ask(client, type="SMS")).body == b'["nonsense",{"id":"text:7","brandNew":{"a":1}}]'


@pytest.mark.usefixtures("account")
async def test_other_accounts(client: Client, emulator: Emulator) -> None:
    """An account sees its own messages only."""
    emulator.add_account("smsgate", "other", "password").send("not yours")
    assert await ids(client) == []


SUBMISSION = {"id": "mine", "textMessage": {"text": "Hi ☺"}, "phoneNumbers": ["+447700900321"]}


async def test_submitting(client: Client, emulator: Emulator, account: Account) -> None:
    """A text is taken once under its id, arrives once, and its state can be asked for."""
    url = emulator.url("smsgate") + "/messages"
    reply = await client.ask("POST", url, json={**SUBMISSION, "ttl": 60, "simNumber": 2, "withDeliveryReport": True})
    assert (reply.status, json.loads(reply.body)["state"]) == (202, "Pending")
    again = await client.ask("POST", url, json=SUBMISSION)
    assert (again.status, json.loads(again.body)) == (409, {"message": "Message with the same ID already exists"})
    [shown] = emulator.handsets.shown
    assert (shown.sender, shown.recipient, shown.text) == ("SIM 2", "+447700900321", "Hi ☺")
    emulator.handsets.report_now(account, account.messages[0], "failed", "expired")
    row = json.loads((await client.get("smsgate", "/messages/mine")).body)
    assert (row["state"], row["recipients"][0]["error"]) == ("Failed", "TTL expired")
    assert (await client.get("smsgate", "/messages/another")).status == 404
    assert (await client.ask("DELETE", f"{url}/mine")).status == 405
    assert json.loads((await client.get("smsgate", "/inbox")).body) == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "change",
    [
        {"textMessage": {"text": ""}},
        {"textMessage": None},
        {"message": "Hi"},
        {"phoneNumbers": []},
        {"phoneNumbers": None},
        {"simNumber": 0},
        {"ttl": -1},
        {"ttl": 1, "validUntil": "2030-01-01T00:00:00Z"},
    ],
)
async def test_submission_that_makes_no_sense(client: Client, emulator: Emulator, change: dict[str, Any]) -> None:
    """It is refused with a sentence."""
    reply = await client.ask("POST", emulator.url("smsgate") + "/messages", json=SUBMISSION | change)
    assert (reply.status, [*json.loads(reply.body)]) == (400, ["message"])
    assert not emulator.handsets.shown


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("query", "state"), [("", "Failed"), ("?skipPhoneValidation=true", "Pending")])
async def test_submission_to_a_short_number(client: Client, emulator: Emulator, query: str, state: str) -> None:
    """The app takes it, and fails by itself unless it is told not to look at the number."""
    url = f"{emulator.url('smsgate')}/messages{query}"
    reply = await client.ask("POST", url, json=SUBMISSION | {"phoneNumbers": ["85258"]})
    assert (reply.status, json.loads(reply.body)["state"]) == (202, state)
    assert len(emulator.handsets.shown) == (state == "Pending")
