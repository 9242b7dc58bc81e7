"""The REST API of ClickSend as its OpenAPI description and its client library have it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest

from emulator import Account, Emulator
from emulator.clicksend import ClickSend
from emulator.protocol import Outgoing

from .conftest import PASSWORD, USERNAME, Client, Reply

TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECONDS = 1795255200


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("clicksend", USERNAME, PASSWORD)


async def listed(client: Client, **params: str) -> dict[str, Any]:
    """Ask for messages."""
    reply = await client.get("clicksend", "/sms/inbound", params=params)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    answer = json.loads(reply.body)
    assert (answer["http_code"], answer["response_code"]) == (200, "SUCCESS")
    data: dict[str, Any] = answer["data"]
    return data


async def ids(client: Client, **params: str) -> list[str]:
    """Ask for messages, and take their ids."""
    return [row["message_id"] for row in (await listed(client, **params))["data"]]


async def put(client: Client, emulator: Emulator, path: str) -> Reply:
    """Mark something read."""
    return await client.ask("PUT", emulator.url("clicksend") + path)


async def pretend(client: Client, emulator: Emulator, body: Any) -> Reply:
    """Have a message made up."""
    return await client.ask("POST", emulator.url("clicksend") + "/sms/inbound", json=body)


def check_error(reply: Reply, status: int, code: str) -> None:
    """Check that an answer is an error of the API."""
    assert reply.status == status
    error = json.loads(reply.body)
    assert error.pop("response_msg")
    assert error == {"http_code": status, "response_code": code, "data": None}


async def test_message(client: Client, account: Account) -> None:
    """A message has these fields; the time is a number of seconds."""
    account.send("Hi there\n😀", sender="+1", recipient="+2", received_at=TIME, message_id="A-1", in_reply_to="B-2")
    data = await listed(client)
    (row,) = data.pop("data")
    assert isinstance(row.pop("user_id"), int)
    assert row == {
        "timestamp": SECONDS,
        "from": "+1",
        "body": "Hi there\n😀",
        "original_body": None,
        "original_message_id": "B-2",
        "to": "+2",
        "custom_string": "",
        "message_id": "A-1",
        "_keyword": "Hi",
    }
    assert data == {
        "total": 1,
        "per_page": 15,
        "current_page": 1,
        "last_page": 1,
        "next_page_url": None,
        "prev_page_url": None,
        "from": 1,
        "to": 1,
    }


@pytest.mark.usefixtures("account")
async def test_empty_list(client: Client) -> None:
    """There is a first page without a last one."""
    data = await listed(client)
    assert (data["total"], data["current_page"], data["last_page"], data["data"]) == (0, 1, 0, [])


@pytest.mark.parametrize("newest_first", [True, False])
async def test_pages(client: Client, account: Account, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool) -> None:
    """Pages are cut from one list, which is sorted by time."""
    monkeypatch.setattr(ClickSend, "newest_first", newest_first)
    for number in range(40):
        account.send("x", message_id=str(number), received_at=TIME + timedelta(seconds=number))
    account.send("sent", sent=True)
    order = [str(number) for number in range(40)][:: -1 if newest_first else 1]
    assert await ids(client) == order[:15]
    assert await ids(client, page="3") == order[30:]
    assert await ids(client, limit="100") == order
    data = await listed(client, page="2", limit="15")
    assert (data["total"], data["last_page"], data["from"], data["to"]) == (40, 3, 16, 30)
    assert (data["prev_page_url"], data["next_page_url"]) == ("/sms/inbound?page=1", "/sms/inbound?page=3")
    assert await ids(client, page="4") == []
    account.page_size = 3
    assert await ids(client, page="2", limit="100") == order[3:6]


@pytest.mark.parametrize(
    "params", [{"limit": "14"}, {"limit": "101"}, {"limit": "x"}, {"page": "0"}, {"page": "-1"}, {"page": "x"}]
)
@pytest.mark.usefixtures("account")
async def test_bad_request(client: Client, params: Mapping[str, str]) -> None:
    """What isn't understood is refused."""
    check_error(await client.get("clicksend", "/sms/inbound", params=params), 400, "BAD_REQUEST")


@pytest.mark.parametrize("hides_read", [True, False])
async def test_mark_read(
    client: Client, emulator: Emulator, account: Account, monkeypatch: pytest.MonkeyPatch, *, hides_read: bool
) -> None:
    """All rows of an id become read, and leave the list or stay in it; done again, it changes nothing."""
    monkeypatch.setattr(ClickSend, "hides_read", hides_read)
    for message_id in ("A", "A", "B"):
        account.send("x", message_id=message_id)
    for count in (2, 0):
        answer = json.loads((await put(client, emulator, "/sms/inbound-read/A")).body)
        assert (answer["response_code"], answer["data"]) == ("SUCCESS", count)
    assert [message.read for message in account.messages] == [True, True, False]
    assert [message.message_id for message in account.unread] == ["B"]
    assert await ids(client) == (["B"] if hides_read else ["B", "A", "A"])


@pytest.mark.usefixtures("account")
async def test_nothing_to_mark(client: Client, emulator: Emulator) -> None:
    """An unknown id is not found, and none is no id."""
    for path in ("/sms/inbound-read/A", "/sms/inbound-read/", "/sms/inbound-read"):
        check_error(await put(client, emulator, path), 404, "NOT_FOUND")


@pytest.mark.usefixtures("account")
async def test_account(client: Client, emulator: Emulator) -> None:
    """The account's ids are its own for good, whatever the case of its name."""
    data = json.loads((await client.get("clicksend", "/account")).body)["data"]
    assert (data["username"], data["timezone"]) == (USERNAME, "UTC")
    other = Emulator()
    await other.start()
    emulator.add_account("clicksend", "someone else", PASSWORD)
    other.add_account("clicksend", USERNAME.upper(), PASSWORD).username = USERNAME
    other.accounts["clicksend", USERNAME] = other.accounts.pop(("clicksend", USERNAME.upper()))
    again = json.loads((await client.ask("GET", other.url("clicksend") + "/account")).body)["data"]
    await other.stop()
    assert (again["user_id"], again["_subaccount"]) == (data["user_id"], data["_subaccount"])


@pytest.mark.parametrize("path", ["/account", "/sms/inbound", "/elsewhere"])
@pytest.mark.usefixtures("account")
async def test_unauthorized(client: Client, path: str) -> None:
    """Only Basic is known."""
    params = {"username": USERNAME, "password": PASSWORD}
    check_error(await client.get("clicksend", path, headers={}, params=params), 401, "UNAUTHORIZED")


@pytest.mark.usefixtures("account")
async def test_errors(client: Client, emulator: Emulator) -> None:
    """What isn't there, and what can't be done."""
    check_error(await client.get("clicksend", "/elsewhere"), 404, "NOT_FOUND")
    check_error(await put(client, emulator, "/account"), 405, "NOT_FOUND")
    check_error(await client.ask("DELETE", emulator.url("clicksend") + "/sms/inbound"), 405, "NOT_FOUND")


async def test_made_up_message(client: Client, emulator: Emulator, account: Account) -> None:
    """It is put into the list, and the answer tells of it."""
    reply = await pretend(client, emulator, {"url": "poll"})
    data = json.loads(reply.body)["data"]
    assert data["timestamp_send"] == data["timestamp"]
    (row,) = (await listed(client))["data"]
    assert row.items() <= data.items()
    assert row["message_id"] == account.messages[0].message_id


@pytest.mark.parametrize("webhook_type", [None, "post", "get", "json"])
async def test_made_up_call(
    client: Client, emulator: Emulator, account: Account, monkeypatch: pytest.MonkeyPatch, webhook_type: str | None
) -> None:
    """It is sent to an address alone, in the form that was asked for."""
    made: list[Outgoing] = []

    async def ask(outgoing: Outgoing) -> int:
        made.append(outgoing)
        return 200

    monkeypatch.setattr(emulator.caller, "ask", ask)
    address = "https://home.example/x?a=1"
    reply = await pretend(client, emulator, {"url": address, "webhook_type": webhook_type})
    data = json.loads(reply.body)["data"]
    (call,) = made
    if webhook_type == "get":
        assert (call.method, call.body) == ("GET", b"")
        assert call.url.startswith(f"{address}&timestamp=")
        assert dict(parse_qsl(call.url))["message_id"] == data["message_id"]
    else:
        assert (call.method, call.url) == ("POST", address)
        fields = json.loads(call.body) if webhook_type == "json" else dict(parse_qsl(call.body.decode()))
        assert fields["message_id"] == data["message_id"]
    assert account.messages == []


@pytest.mark.parametrize("body", [{}, [], None, {"url": ""}, {"url": 1}, {"url": "poll", "webhook_type": "fax"}])
async def test_made_up_wrongly(client: Client, emulator: Emulator, account: Account, body: Any) -> None:
    """Without an address nothing is made up."""
    check_error(await pretend(client, emulator, body), 400, "BAD_REQUEST")
    assert account.messages == []


def test_call(account: Account) -> None:
    """A rule calls with a form that has the fields of the row, empty where the row has null."""
    message = account.send("a&b\n☺", sender="+1", received_at=TIME, message_id="A-1")
    assert account.protocol.calls(message, account) == []
    account.callback = "https://home.example/x"
    (call,) = account.protocol.calls(message, account)
    assert (call.method, call.url) == ("POST", account.callback)
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    fields = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    assert (fields["message_id"], fields["timestamp"], fields["body"]) == ("A-1", str(SECONDS), "a&b\n☺")
    assert fields["original_message_id"] == ""
    assert account.protocol.is_settled(200)
    assert not account.protocol.is_settled(404)


async def test_raw(client: Client, emulator: Emulator, account: Account) -> None:
    """A raw row is a row as it is, and can be marked read if it has an id; a call brings it as JSON."""
    message = account.send_raw(b'{"message_id": "A-1", "brandNew": {"a": 1}}')
    account.send_raw(b'"no object"')
    assert (await listed(client))["data"] == ["no object", {"message_id": "A-1", "brandNew": {"a": 1}}]
    account.callback = "https://home.example/x"
    (call,) = account.protocol.calls(message, account)
    assert (call.body, call.headers["Content-Type"]) == (message.raw, "application/json")
    assert (await put(client, emulator, "/sms/inbound-read/A-1")).status == 200
    assert (await listed(client))["data"] == ["no object"]
    account.send_raw(b'{"broken\xff')
    assert b'{"broken\xff' in (await client.get("clicksend", "/sms/inbound")).body


@pytest.mark.usefixtures("account")
async def test_other_accounts(client: Client, emulator: Emulator) -> None:
    """An account sees and marks its own messages only."""
    other = emulator.add_account("clicksend", "other", "password").send("not yours", message_id="A")
    assert await ids(client) == []
    assert (await put(client, emulator, "/sms/inbound-read/A")).status == 404
    assert not other.read


def test_no_bytes(account: Account) -> None:
    """There are no binary messages."""
    with pytest.raises(ValueError, match=r"\.$"):
        account.send(data=b"x")


RULE: dict[str, Any] = {
    "dedicated_number": "+2",
    "rule_name": "Mine",
    "message_search_type": 0,
    "message_search_term": "*",
    "action": "POLL",
    "action_address": "poll",
    "enabled": 1,
}


async def rules(client: Client, emulator: Emulator, method: str, path: str = "", **options: Any) -> Any:
    """Ask for rules; return the data of the answer."""
    reply = await client.ask(method, emulator.url("clicksend") + "/automations/sms/inbound" + path, **options)
    return json.loads(reply.body)["data"]


async def test_rules(client: Client, emulator: Emulator, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made, listed by pages, changed and deleted; the list is as long as messages match."""
    assert [rule["action"] for rule in (await rules(client, emulator, "GET"))["data"]] == ["POLL"]
    made = await rules(client, emulator, "POST", "/", json=RULE)
    assert made == RULE | {"inbound_rule_id": 2, "body": None}
    account.send("Hello", recipient="+2", message_id="A")
    account.send("Other", recipient="+3", message_id="B")
    assert sorted(await ids(client)) == ["A", "A", "B"]
    monkeypatch.setattr(ClickSend, "rule_id", "sms_inbound_rule_id")
    account.page_size = 1
    listed = await rules(client, emulator, "GET", params={"page": "2", "limit": "15"})
    assert ([rule["sms_inbound_rule_id"] for rule in listed["data"]], listed["last_page"]) == ([1], 2)
    account.page_size = 100
    changed = await rules(client, emulator, "PUT", "/2", json=RULE | {"action": "URL", "webhook_type": "json"})
    assert (changed["action"], changed["webhook_type"]) == ("URL", "json")
    assert await rules(client, emulator, "GET", "/2") == changed
    assert await ids(client) == ["B", "A"]
    assert await rules(client, emulator, "DELETE", "/2") == []
    assert await rules(client, emulator, "DELETE", "/1") == []
    assert await ids(client) == []


async def test_marking_what_two_rules_list(client: Client, emulator: Emulator, account: Account) -> None:
    """One id is marked once, and the answer counts its rows."""
    account.places.append(RULE | {"id": 2, "dedicated_number": "*"})
    account.send("Hello", message_id="A")
    assert json.loads((await put(client, emulator, "/sms/inbound-read/A")).body)["data"] == 2
    assert await ids(client) == []


@pytest.mark.parametrize(
    ("kind", "term", "found"),
    [(0, "*", "ABC"), (1, "open", "AB"), (2, "gate", "BC"), (3, "gate", "A")],
    ids=["any", "starts", "contains", "contains not"],
)
async def test_rule_for_some_messages(client: Client, account: Account, kind: int, term: str, found: str) -> None:
    """A rule is for the messages that it searches for; a disabled one for none, and only ten act on one message."""
    account.places = [RULE | {"id": 1, "message_search_type": kind, "message_search_term": term}]
    for message_id, text in (("A", "Open"), ("B", "open the gate"), ("C", "Gate")):
        account.send(text, recipient="+2", message_id=message_id)
    assert sorted(await ids(client)) == sorted(found)
    account.places[0]["enabled"] = 0
    assert await ids(client) == []
    account.places = [RULE | {"id": number} for number in range(1, 13)]
    assert len(await ids(client, limit="100")) == 30


@pytest.mark.parametrize("change", [*({name: ""} for name in RULE), {"action": "FAX"}, {"webhook_type": "fax"}])
async def test_wrong_rule(client: Client, emulator: Emulator, account: Account, change: dict[str, Any]) -> None:
    """A rule that lacks something is refused."""
    assert await rules(client, emulator, "POST", json=RULE | change) is None
    assert await rules(client, emulator, "POST", data=b"[]") is None
    assert len(account.places) == 1


@pytest.mark.parametrize(("webhook_type", "method"), [("post", "POST"), ("get", "GET"), ("json", "POST")])
def test_rule_that_calls(account: Account, webhook_type: str, method: str) -> None:
    """A message is sent to the address of each rule for it, in the form that it asks for."""
    address = "https://home.example/x"
    url = RULE | {"action": "URL", "action_address": address, "webhook_type": webhook_type}
    message = account.send("Hi", recipient="+2")
    account.places = [url | {"id": 1}, url | {"id": 2, "dedicated_number": "+9"}, RULE | {"id": 3}]
    [call] = account.protocol.calls(message, account)
    assert (call.method, call.url.partition("?")[0]) == (method, address)


@pytest.mark.parametrize(("username", "status"), [("notactive", 401), ("banned", 403)])
async def test_logins_for_tests(client: Client, emulator: Emulator, username: str, status: int) -> None:
    """The documents have accounts that are refused."""
    emulator.add_account("clicksend", username, PASSWORD)
    headers = {"Authorization": aiohttp.encode_basic_auth(username, PASSWORD)}
    for path in ("/account", "/sms/inbound", "/automations/sms/inbound"):
        assert (await client.get("clicksend", path, headers=headers)).status == status


@pytest.mark.usefixtures("account")
async def test_refusal_in_words(client: Client, emulator: Emulator) -> None:
    """A code and a sentence come with any status."""
    emulator.fault("clicksend", "refused", http=200, code="FORBIDDEN", message="Account on hold.")
    reply = await client.get("clicksend", "/account")
    error = json.loads(reply.body)
    assert (reply.status, error["response_code"], error["response_msg"]) == (200, "FORBIDDEN", "Account on hold.")
