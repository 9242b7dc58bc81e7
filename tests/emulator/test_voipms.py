"""The REST API of VoIP.ms as its client libraries describe it."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from emulator import Account, Emulator
from emulator.voipms import make_number

from .conftest import PASSWORD, USERNAME, Client, until

LOGIN = {"api_username": USERNAME, "api_password": PASSWORD}
TIME = datetime(2025, 11, 21, 10, tzinfo=UTC)
DAY = {"from": "2025-11-21", "to": "2025-11-21"}


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("voipms", USERNAME, PASSWORD, time_zone="Africa/Johannesburg")


async def ask(client: Client, **fields: object) -> Any:
    """Call a method by GET; everything is 200 for HTTP."""
    params = {name: str(value) for name, value in ({"method": "getSMS"} | LOGIN | fields).items()}
    reply = await client.get("voipms", "/rest.php", headers={}, params=params)
    assert reply.status == 200
    return json.loads(reply.text)


async def ids(client: Client, **fields: object) -> list[str]:
    """The ids of the messages that are listed."""
    return [row["id"] for row in (await ask(client, **DAY | fields)).get("sms", [])]


async def test_documented_answer(client: Client, account: Account) -> None:
    """The fields of the documentation, the newest first; what was sent is there, too."""
    account.send("hello|\n😀", sender="8577884821", recipient="8574884828", received_at=TIME, message_id="9")
    account.send("sent", sender="8574884828", recipient="8577884821", received_at=TIME, message_id="10", sent=True)
    row = {
        "date": "2025-11-21 05:00:00",
        "did": "8574884828",
        "contact": "8577884821",
        "carrier_status": "Information not available",
    }
    assert await ask(client, **DAY) == {
        "status": "success",
        "sms": [
            {"id": "10", **row, "type": "0", "message": "sent"},
            {"id": "9", **row, "type": "1", "message": "hello|\n😀"},
        ],
    }


@pytest.mark.usefixtures("account")
async def test_empty(client: Client) -> None:
    """Nothing has a status of its own."""
    assert await ask(client) == {"status": "no_sms", "message": "There are no SMS messages"}


async def test_filters(client: Client, account: Account) -> None:
    """By kind, number, contact and id; 0 as an id is none."""
    account.send("x", sender="1", recipient="2", received_at=TIME, message_id="5")
    account.send("x", sender="3", recipient="4", received_at=TIME, message_id="6")
    account.send("x", sender="4", recipient="3", received_at=TIME, message_id="7", sent=True)
    assert await ids(client) == ["7", "6", "5"]
    assert await ids(client, sms=0) == ["7", "6", "5"]
    assert await ids(client, type=1) == ["6", "5"]
    assert await ids(client, type=0) == ["7"]
    assert await ids(client, did=4) == ["7", "6"]
    assert await ids(client, contact=1) == ["5"]
    assert await ids(client, sms=6) == ["6"]


async def test_limit(client: Client, account: Account) -> None:
    """50 messages come, or as many as are asked for; the newest, and there are no pages."""
    for number in range(1, 62):
        account.send("x", received_at=TIME + timedelta(seconds=number), message_id=str(number))
    assert await ids(client) == [str(number) for number in range(61, 11, -1)]
    assert await ids(client, limit=2) == ["61", "60"]
    assert len(await ids(client, limit=1_000_000)) == 61
    account.page_size = 3
    assert len(await ids(client)) == 3


async def test_days(client: Client, account: Account) -> None:
    """A day is one of New York, whatever time is asked for; without dates it is today."""
    account.send("x", received_at=datetime(2025, 11, 21, 4, 59, 59, tzinfo=UTC), message_id="1")
    account.send("x", received_at=datetime(2025, 11, 21, 5, tzinfo=UTC), message_id="2")
    account.send("x", received_at=datetime(2025, 11, 22, 4, 59, 59, tzinfo=UTC), message_id="3")
    account.send("x", message_id="4")
    assert await ids(client) == ["3", "2"]
    assert await ids(client, timezone=5) == ["3", "2"]
    assert await ids(client, **{"from": "2025-11-20"}) == ["3", "2", "1"]
    assert await ids(client, **{"from": "", "to": ""}) == ["4"]


@pytest.mark.parametrize(
    ("received_at", "zone", "shown"),
    [
        (TIME, -5, "2025-11-21 05:00:00"),
        (TIME, 0, "2025-11-21 10:00:00"),
        (datetime(2025, 7, 1, 9, tzinfo=UTC), -5, "2025-07-01 05:00:00"),
        (datetime(2025, 7, 1, 9, tzinfo=UTC), 0, "2025-07-01 10:00:00"),
    ],
)
async def test_time_zone(client: Client, account: Account, received_at: datetime, zone: int, shown: str) -> None:
    """Summer time is in all times, so that even 0 is not UTC in summer."""
    account.send("x", received_at=received_at)
    day = received_at.date().isoformat()
    [row] = (await ask(client, timezone=zone, **{"from": day, "to": day}))["sms"]
    assert row["date"] == shown


async def test_mms(client: Client, account: Account) -> None:
    """SMS and MMS have ids of their own and lists of their own; asked for all, each list mixes them without a word."""
    account.send("an SMS", received_at=TIME, message_id="5")
    account.send("a long text", received_at=TIME, message_id="5", wire="mms")
    account.send("", received_at=TIME, message_id="6", wire="mms")
    account.send_raw(b'{"id":"7","message":"raw","media":{"1":"https://voip.ms/x"}}').received_at = TIME
    for all_messages in ({}, {"all_messages": 0}):
        assert [row["message"] for row in (await ask(client, **DAY, **all_messages))["sms"]] == ["an SMS"]
        rows = (await ask(client, method="getMMS", **DAY, **all_messages))["sms"]
        assert [(row["id"], row["message"]) for row in rows] == [("7", "raw"), ("6", ""), ("5", "a long text")]
    picture = "https://voip.ms/media/6/media.png"
    assert [(row["col_media1"], row["col_media2"], row["media"]) for row in rows[1:]] == [
        (picture, "", [picture]),
        ("", "", []),
    ]
    mixed = [(await ask(client, method=method, all_messages=1, **DAY))["sms"] for method in ("getSMS", "getMMS")]
    assert [[row["id"] for row in rows] for rows in mixed] == [["7", "6", "5", "5"]] * 2
    assert not any("media" in row for row in mixed[0][1:])
    assert [row["message"] for row in (await ask(client, method="getMMS", mms=5, **DAY))["sms"]] == [
        "raw",
        "a long text",
    ]


@pytest.mark.usefixtures("account")
async def test_no_mms(client: Client) -> None:
    """Nothing has the same word in both lists."""
    assert (await ask(client, method="getMMS"))["status"] == "no_sms"


async def test_numbers(client: Client, account: Account) -> None:
    """A number's settings are shown as flags and texts; of other numbers nothing is."""
    numbers = account.protocol.numbers(account)
    numbers.append(make_number("2025550143", description="Home", sms_email="a@example.com", sms_email_enabled="1"))
    both = (await ask(client, method="getDIDsInfo"))["dids"]
    assert [number["did"] for number in both] == ["2025550142", "2025550143"]
    [one] = (await ask(client, method="getDIDsInfo", did="2025550143"))["dids"]
    assert one == both[1]
    assert (one["description"], one["sms_email"], one["sms_email_enabled"]) == ("Home", "a@example.com", "1")
    assert (one["sms_enabled"], one["sms_url_callback_enabled"], one["dialmode"]) == ("1", "0", "1")
    assert (await ask(client, method="getDIDsInfo", did="1"))["status"] == "no_did"


async def test_set_number(client: Client, account: Account) -> None:
    """What is left out is switched off, as with boxes to tick; a number may have moods of its own."""
    [number] = account.protocol.numbers(account)
    number.settings |= {"sms_email": "a@example.com", "sms_email_enabled": "1", "webhook_enabled": "1"}
    change = {"method": "setSMS", "did": "2025550142", "enable": 1, "url_callback": "http://x", "webhook_enable": 1}
    assert await ask(client, **change, url_callback_enable=1) == {"status": "success"}
    assert (number.settings["sms_email"], number.settings["sms_email_enabled"]) == ("", "0")
    assert (number.settings["sms_url_callback_retry"], number.settings["webhook_enabled"]) == ("0", "1")
    assert account.webhooks == [{"did": "2025550142", "url": "http://x"}]
    number.resets = ("webhook_enabled",)
    assert await ask(client, **change) == {"status": "success"}
    assert (number.settings["webhook_enabled"], account.webhooks) == ("0", [])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"did": "1"}, "invalid_did"),
        ({"url_callback_enable": "yes"}, "invalid_callback_enable"),
        ({"url_callback_retry": "yes"}, "invalid_callback_retry"),
        ({"url_callback_enable": "1", "url_callback": "home"}, "invalid_callback"),
    ],
)
@pytest.mark.usefixtures("account")
async def test_refused_settings(client: Client, fields: dict[str, str], status: str) -> None:
    """What makes no sense changes nothing."""
    assert (await ask(client, method="setSMS", **{"did": "2025550142", "enable": "1"} | fields))["status"] == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"api_username": ""}, "invalid_credentials"),
        ({"api_password": "wrong"}, "invalid_credentials"),
        ({"method": "getNothing"}, "invalid_method"),
        ({"from": "2025-08-20", "to": "2025-11-21"}, "invalid_daterange"),
        ({"from": "2025-11-22", "to": "2025-11-21"}, "invalid_daterange"),
        ({"from": "21/11/2026"}, "invalid_date"),
        ({"to": "2025-02-30"}, "invalid_date"),
        ({"type": "2"}, "invalid_type"),
        ({"timezone": "-13"}, "invalid_timezone"),
        ({"timezone": "UTC"}, "invalid_timezone"),
        ({"limit": "0"}, "invalid_limit"),
    ],
)
@pytest.mark.usefixtures("account")
async def test_errors(client: Client, fields: dict[str, str], status: str) -> None:
    """What is wrong is told by the status alone."""
    assert (await ask(client, **fields))["status"] == status


@pytest.mark.usefixtures("account")
async def test_longest_range(client: Client) -> None:
    """92 days are not too many."""
    assert (await ask(client, **{"from": "2025-08-21", "to": "2025-11-21"}))["status"] == "no_sms"


@pytest.mark.usefixtures("account")
async def test_other_methods(client: Client) -> None:
    """The balance, the address that we are seen with, and no method at all."""
    assert await ask(client, method="getBalance") == {
        "status": "success",
        "balance": {"current_balance": "112.192790"},
    }
    assert await ask(client, method="getIP") == {"status": "success", "ip": "127.0.0.1"}
    reply = await client.get("voipms", "/rest.php", headers={}, params=LOGIN)
    assert json.loads(reply.text)["status"] == "missing_method"
    assert (await client.get("voipms", "/soap.php", headers={}, params=LOGIN)).status == 404


async def test_post(client: Client, emulator: Emulator, account: Account) -> None:
    """A form works like a query if it is one in parts; any other is taken for SOAP."""
    account.send("Hi", received_at=TIME)
    replies = []
    for multipart in (True, False):
        form = aiohttp.FormData({"method": "getSMS"} | LOGIN | DAY, default_to_multipart=multipart)
        replies.append(await client.ask("POST", emulator.url("voipms") + "/rest.php", headers={}, data=form))
    assert [row["message"] for row in json.loads(replies[0].text)["sms"]] == ["Hi"]
    assert replies[1].text.startswith("<?xml")


async def test_raw(client: Client, account: Account) -> None:
    """A raw row is handed out as it is."""
    assert account.send_raw(b'{"id": 77, "new": 1}').message_id == "77"
    account.send_raw(b'"nonsense"')
    assert (await ask(client, type=1))["sms"] == ["nonsense", {"id": 77, "new": 1}]


@pytest.mark.usefixtures("account")
async def test_fault(client: Client, emulator: Emulator) -> None:
    """The vendor refuses for reasons of its own."""
    emulator.fault("voipms", "refused")
    emulator.fault("voipms", "refused", reason="api_limit_exceeded")
    assert [(await ask(client))["status"] for _ in range(3)] == ["ip_not_enabled", "api_limit_exceeded", "no_sms"]
    emulator.fault("voipms", "soap")
    reply = await client.get("voipms", "/rest.php", headers={}, params=LOGIN)
    assert (reply.status, reply.text[:5]) == (200, "<?xml")


async def test_callback(emulator: Emulator, account: Account) -> None:
    """The customer's address is called by GET, with what is in braces filled in, and again unless it is taken."""
    account.callback = "http://127.0.0.1:1/x?a=1&to={TO}&from={FROM}&message={MESSAGE}&id={ID}&date={TIMESTAMP}&x={NEW}"
    message = account.send("a&b +{ID}", sender="+1", recipient="2", received_at=TIME, message_id="9")
    [outgoing] = account.protocol.calls(message, account)
    assert outgoing.method == "GET"
    assert outgoing.url == (
        "http://127.0.0.1:1/x?a=1&to=2&from=%2B1&message=a%26b%20%2B%7BID%7D&id=9&date=2025-11-21%2005%3A00%3A00&x=%7BNEW%7D"
    )
    await until(lambda: emulator.calls)
    assert (emulator.calls[0].message_id, emulator.calls[0].status) == ("9", 0)
    account.callback = ""
    assert account.protocol.calls(message, account) == []


async def test_webhook(account: Account) -> None:
    """The webhook for telephone systems is JSON, beside the URL callback; its address stays as it was typed."""
    url = "http://127.0.0.1:1/x?from={FROM}"
    [number] = account.protocol.numbers(account)
    number.settings |= {"sms_url_callback": url, "sms_url_callback_enabled": "1", "webhook": url}
    assert number.url == url
    number.settings["webhook_enabled"] = "1"
    sent = {"sender": "2025550100", "recipient": "2025550142", "received_at": TIME}
    sms, mms = account.send("Gate", message_id="9", **sent), account.send("", message_id="9", wire="mms", **sent)
    callback, webhook = account.protocol.calls(sms, account)
    assert (callback.method, callback.url) == ("GET", "http://127.0.0.1:1/x?from=2025550100")
    assert (webhook.method, webhook.url) == ("POST", url)
    assert json.loads(webhook.body) == {
        "data": {
            "id": 9,
            "event_type": "message.received",
            "record_type": "event",
            "payload": {
                "id": 9,
                "type": "SMS",
                "record_type": "message",
                "from": {"phone_number": "2025550100"},
                "to": [{"status": "webhook_delivered", "phone_number": "2025550142"}],
                "text": "Gate",
                "media": [],
                "received_at": "2025-11-21T10:00:00.000000+00:00",
            },
        }
    }
    payload = json.loads(account.protocol.calls(mms, account)[1].body)["data"]["payload"]
    assert (payload["type"], payload["media"]) == ("MMS", [{"url": "https://voip.ms/media/9/media.png"}])


async def test_callbacks_are_for_a_number(account: Account) -> None:
    """Where there are several numbers, each has its own."""
    first, second = make_number("1"), make_number("2", sms_url_callback="http://x", sms_url_callback_enabled="1")
    account.protocol.numbers(account)[:] = [first, second]
    messages = [account.send("x", recipient=did) for did in ("1", "2")]
    assert [len(account.protocol.calls(message, account)) for message in messages] == [0, 1]


@pytest.mark.parametrize(("body", "repeats"), [("ok", False), (" ok\n", False), ("", True), ("<html>ok", True)])
async def test_answer_to_a_callback(emulator: Emulator, account: Account, body: str, *, repeats: bool) -> None:
    """Anything but `ok` makes the vendor call again."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_get("/", answer)
    emulator.caller.repeat = 0.01
    async with TestServer(app) as server:
        account.callback = str(server.make_url("/"))
        account.send("x")
        await until(lambda: len(emulator.calls) > repeats)
        await until(lambda: emulator.caller.busy is repeats)
        emulator.caller.forget()
    assert {call.status for call in emulator.calls} == {200}


def test_unfit_messages(account: Account) -> None:
    """What the protocol can't carry is refused."""
    for options in ({"message_id": "abc"}, {"data": b"\x00"}, {"wire": "hex"}):
        with pytest.raises(ValueError, match=r"\.$"):
            account.send("x", **options)
    assert not account.messages


SMS = {"method": "sendSMS", "did": "2025550142", "dst": "2025550123", "message": "Hello"}


async def test_submit(client: Client, emulator: Emulator, account: Account) -> None:
    """A text is on the phone, and in the list of those that were sent."""
    reply = await ask(client, **SMS)
    assert reply == {"status": "success", "sms": int(account.messages[0].message_id)}
    assert [(each.recipient, each.sender, each.text) for each in emulator.handsets.shown] == [
        ("+12025550123", "+12025550142", "Hello")
    ]
    [row] = (await ask(client, type="0", did="2025550142", contact="2025550123"))["sms"]
    assert (row["id"], row["message"]) == (str(reply["sms"]), "Hello")
    assert (await ask(client, type="0", contact="2025550124"))["status"] == "no_sms"


@pytest.mark.parametrize(
    ("fields", "extra", "status"),
    [
        ({"did": "2025550143"}, {}, "invalid_did"),
        ({"dst": "447700900321"}, {}, "invalid_dst"),
        ({"dst": "+12025550123"}, {}, "invalid_dst"),
        ({"message": ""}, {}, "message_empty"),
        ({"message": "é" * 80 + "a"}, {}, "sms_toolong"),
        ({}, {"credits": 0}, "no_credits"),
        ({}, {"daily_limit": 0}, "limit_reached"),
    ],
)
async def test_submit_refused(
    client: Client, emulator: Emulator, account: Account, fields: dict[str, str], extra: dict[str, int], status: str
) -> None:
    """What the vendor doesn't send; bytes are counted."""
    account.extra |= extra
    assert (await ask(client, **SMS | fields))["status"] == status
    assert not emulator.handsets.shown
