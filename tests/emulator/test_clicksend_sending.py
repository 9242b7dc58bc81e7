"""What ClickSend sends, as its OpenAPI description, its client library and a recorded answer have it."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from emulator import Account, Emulator

from .conftest import PASSWORD, USERNAME, Client

TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECONDS = 1795255200
TEXT: dict[str, Any] = {"source": "test", "to": "+61411222333", "body": "Hello", "custom_string": "ours"}


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("clicksend", USERNAME, PASSWORD)


async def submit(client: Client, emulator: Emulator, *texts: Any) -> dict[str, Any]:
    """Submit texts; return the data of the answer."""
    reply = await client.ask("POST", emulator.url("clicksend") + "/sms/send", json={"messages": texts})
    data: dict[str, Any] = json.loads(reply.body)["data"]
    assert reply.status == 200
    return data


async def history(client: Client, **params: str) -> list[dict[str, Any]]:
    """Ask for what was sent."""
    reply = await client.get("clicksend", "/sms/history", params=params)
    rows: list[dict[str, Any]] = json.loads(reply.body)["data"]["data"]
    return rows


async def test_submission(client: Client, emulator: Emulator, account: Account) -> None:
    """Each text of a request is taken or refused by itself, and only those that were taken are sent and listed."""
    data = await submit(client, emulator, TEXT, TEXT | {"to": "0411"}, TEXT | {"from": "+61411000111", "body": "☺"})
    assert [row["status"] for row in data["messages"]] == ["SUCCESS", "INVALID_RECIPIENT", "SUCCESS"]
    assert (data["total_count"], data["queued_count"], data["blocked_count"]) == (3, 2, 1)
    assert (data["total_price"], data["_currency"]["currency_name_short"]) == (0.1584, "AUD")
    assert [row["message_parts"] for row in data["messages"]] == [1, 0, 1]
    rows = await history(client)
    assert [row["message_id"] for row in rows] == [data["messages"][place]["message_id"] for place in (0, 2)]
    assert [(row["status"], row["status_code"], row["custom_string"]) for row in rows] == [
        ("Completed", None, "ours")
    ] * 2
    assert [(shown.sender, shown.text) for shown in emulator.handsets.shown] == [
        ("+61447238703", "Hello"),
        ("+61411000111", "☺"),
    ]
    assert len(account.messages) == 2


@pytest.mark.parametrize(
    ("change", "extra", "status"),
    [
        ({"body": ""}, {}, "EMPTY_MESSAGE"),
        ({"from": "two words"}, {}, "INVALID_SENDER_ID"),
        ({}, {"countries": ["+44"]}, "COUNTRY_NOT_ENABLED"),
        ({}, {"credits": 0}, "INSUFFICIENT_CREDIT"),
    ],
)
async def test_refused_submission(
    client: Client, emulator: Emulator, account: Account, change: dict[str, str], extra: dict[str, Any], status: str
) -> None:
    """The HTTP status is 200 all the same."""
    account.extra |= extra
    assert [row["status"] for row in (await submit(client, emulator, TEXT | change))["messages"]] == [status]
    assert account.messages == []


@pytest.mark.usefixtures("account")
async def test_throttled(client: Client, emulator: Emulator) -> None:
    """An equal text to the same number is refused until a few seconds have passed."""
    data = await submit(client, emulator, TEXT, TEXT, TEXT | {"to": "+61411222334"})
    assert [row["status"] for row in data["messages"]] == ["SUCCESS", "THROTTLED", "SUCCESS"]
    emulator.clock_offset = timedelta(seconds=6)
    assert [row["status"] for row in (await submit(client, emulator, TEXT))["messages"]] == ["SUCCESS"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("letter", "most"), [("x", 918), ("ж", 402)])
async def test_cut(client: Client, emulator: Emulator, letter: str, most: int) -> None:
    """What is beyond the sixth part is lost, and nobody is told."""
    data = await submit(client, emulator, TEXT | {"body": letter * (most + 5)})
    assert [(row["status"], row["message_parts"]) for row in data["messages"]] == [("SUCCESS", 6)]
    [shown] = emulator.handsets.shown
    assert shown.text == letter * most


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": [1]}', b'{"messages": null}'])
async def test_wrong_submission(client: Client, emulator: Emulator, account: Account, body: bytes) -> None:
    """What is no list of texts is refused as a whole."""
    reply = await client.ask("POST", emulator.url("clicksend") + "/sms/send", data=body)
    assert (reply.status, json.loads(reply.body)["response_code"]) == (400, "BAD_REQUEST")
    assert account.messages == []


async def test_history(client: Client, account: Account) -> None:
    """It is searched by time, the oldest first, and tells the state of now."""
    for number, status in enumerate(("sent", "delivered", "failed")):
        message = account.submit(str(number), sender="+1", recipient="+2", message_id=str(number))
        message.received_at = TIME + timedelta(hours=number)
        message.status, message.error = status, "unreachable" if status == "failed" else ""
    rows = await history(client, date_from=str(SECONDS + 1), date_to=str(SECONDS + 7200))
    assert [(row["message_id"], row["status_code"]) for row in rows] == [("1", "201"), ("2", "301")]
    assert rows[1]["error_text"].startswith("Absent Subscriber")
    assert [row["message_id"] for row in await history(client)] == ["0", "1", "2"]
    assert (await client.get("clicksend", "/sms/history?date_from=yesterday")).status == 400


async def test_delivery_reports(client: Client, emulator: Emulator, account: Account) -> None:
    """A rule sends a form for all states, for failures or for successes."""
    rule = {"rule_name": "Mine", "action": "URL", "enabled": 1}
    for match in range(3):
        fields = rule | {"match_type": match, "action_address": f"https://home.example/{match}"}
        path = emulator.url("clicksend") + "/automations/sms/receipts"
        assert json.loads((await client.ask("POST", path, json=fields)).body)["data"]["receipt_rule_id"] == match + 1
    message = account.submit("Hello", sender="+1", recipient="+2", key="ours", message_id="A")
    assert account.protocol.status_calls(message, account) == []
    message.status = "delivered"
    calls = account.protocol.status_calls(message, account)
    assert [call.url[-1] for call in calls] == ["0", "2"]
    fields = dict(parse_qsl(calls[0].body.decode()))
    assert (fields["message_id"], fields["status_code"], fields["custom_string"]) == ("A", "201", "ours")
    message.status, message.error = "failed", "filtered"
    assert [call.url[-1] for call in account.protocol.status_calls(message, account)] == ["0", "1"]
