"""The REST API of VoIP.ms as its client libraries describe it."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
import pytest

from emulator import Account, Emulator

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


@pytest.mark.parametrize("all_messages", [None, "0", "1"])
async def test_mms(client: Client, account: Account, all_messages: str | None) -> None:
    """The list of MMS has our SMS only where all messages are asked for, with fields for pictures."""
    account.send("x", received_at=TIME)
    fields = DAY | ({} if all_messages is None else {"all_messages": all_messages})
    rows = (await ask(client, method="getMMS", **fields)).get("sms", [])
    assert [(row["col_media1"], row["media"]) for row in rows] == ([("", [])] if all_messages == "1" else [])
    assert len((await ask(client, **fields))["sms"]) == 1


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


@pytest.mark.parametrize("multipart", [True, False])
async def test_post(client: Client, emulator: Emulator, account: Account, *, multipart: bool) -> None:
    """A form works like a query, in parts or not."""
    account.send("Hi", received_at=TIME)
    form = aiohttp.FormData({"method": "getSMS"} | LOGIN | DAY, default_to_multipart=multipart)
    reply = await client.ask("POST", emulator.url("voipms") + "/rest.php", headers={}, data=form)
    assert [row["message"] for row in json.loads(reply.text)["sms"]] == ["Hi"]


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


def test_unfit_messages(account: Account) -> None:
    """What the protocol can't carry is refused."""
    for options in ({"message_id": "abc"}, {"data": b"\x00"}):
        with pytest.raises(ValueError, match=r"\.$"):
            account.send("x", **options)
    assert not account.messages
