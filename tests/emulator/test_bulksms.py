"""The JSON API of BulkSMS as its OpenAPI file describes it."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from emulator import Account, Emulator

from .conftest import PASSWORD, USERNAME, Client

TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)
SINCE_2020 = "submission.date>=2020-01-01T00:00:00Z"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


async def rows(client: Client, *clauses: str, **params: str) -> list[dict[str, Any]]:
    """Ask for messages."""
    if clauses:
        params["filter"] = "&".join(clauses)
    reply = await client.get("bulksms", "/messages", params=params)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    found: list[dict[str, Any]] = json.loads(reply.body)
    return found


async def ids(client: Client, *clauses: str, **params: str) -> list[str]:
    """Ask for messages, and take their ids."""
    return [row["id"] for row in await rows(client, *clauses, **params)]


async def test_message(client: Client, account: Account) -> None:
    """A message has these fields."""
    account.send(
        "Hi|\n😀", sender="447700900123", recipient="44771", received_at=TIME, message_id="4023", in_reply_to="5"
    )
    expected = {
        "id": "4023",
        "type": "RECEIVED",
        "from": "447700900123",
        "to": "44771",
        "body": "Hi|\n😀",
        "encoding": "UNICODE",
        "protocolId": 0,
        "messageClass": 2,
        "numberOfParts": 1,
        "creditCost": 0,
        "submission": {"id": "1-4023", "date": "2026-11-21T10:00:00Z"},
        "status": {"id": "DELIVERED.null", "type": "DELIVERED", "subtype": None},
        "relatedSentMessageId": "5",
        "userSuppliedId": None,
    }
    assert await rows(client, SINCE_2020) == [expected]
    assert json.loads((await client.get("bulksms", "/messages/4023")).body) == expected


@pytest.mark.parametrize(
    ("text", "data", "encoding", "body", "parts"),
    [
        ("plain {}", None, "TEXT", "plain {}", 1),
        ("x" * 161, None, "TEXT", "x" * 161, 2),
        ("€" * 81, None, "TEXT", "€" * 81, 2),
        ("ж" * 71, None, "UNICODE", "ж" * 71, 2),
        ("", b"\x00\xff", "BINARY", "00FF", 1),
    ],
)
async def test_encodings(
    client: Client, account: Account, *, text: str, data: bytes | None, encoding: str, body: str, parts: int
) -> None:
    """The encoding follows from the text; bytes are hex."""
    account.send(text, data=data)
    (row,) = await rows(client)
    assert (row["encoding"], row["body"], row["numberOfParts"]) == (encoding, body, parts)


async def test_order_and_limit(client: Client, account: Account) -> None:
    """The newest come first, unless asked otherwise; numbers count as numbers."""
    for number in ("9", "10", "100"):
        account.send("x", message_id=number)
    assert await ids(client) == ["100", "10", "9"]
    assert await ids(client, sortOrder="ASCENDING") == ["9", "10", "100"]
    assert await ids(client, sortOrder="ASCENDING", limit="2") == ["9", "10"]


async def test_short_pages(client: Client, account: Account) -> None:
    """A page may be shorter than the limit though more exist: only an empty one is the end."""
    for number in range(1, 251):
        account.send("x", message_id=str(number))
    last, sizes = 0, []
    while page := await ids(client, f"id>{last}", sortOrder="ASCENDING", limit="1000"):
        sizes.append(len(page))
        last = int(page[-1])
    assert sizes == [100, 100, 50]
    account.page_size = 7
    assert len(await ids(client, limit="1000")) == 7


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        (["id=2"], ["2"]),
        (["id<2"], ["1"]),
        (["id>2"], ["3", "4"]),
        (["id>1", "id<4"], ["2", "3"]),
        (["type=RECEIVED"], ["1", "2", "3"]),
        (["type=SENT"], ["4"]),
        (["type=RECEIVED", "id>1"], ["2", "3"]),
        (["submission.date<2026-11-21T10:00:01Z"], ["1"]),
        (["submission.date<=2026-11-21T10:00:01Z"], ["1", "2"]),
        (["submission.date>2026-11-21T10:00:01Z"], ["3", "4"]),
        (["submission.date>=2026-11-21T12:00:01+02:00"], ["2", "3", "4"]),
        (["submission.id=1-3"], ["3"]),
        (["status.type=DELIVERED"], ["1", "2", "3", "4"]),
        (["status.type=FAILED"], []),
        (["status.id=DELIVERED.null"], ["1", "2", "3", "4"]),
        (["userSuppliedId=x"], []),
    ],
)
async def test_filter(client: Client, account: Account, clauses: list[str], expected: list[str]) -> None:
    """Clauses narrow the list; dates have the precision they are shown with."""
    for number in range(4):
        time = TIME + timedelta(seconds=number, milliseconds=700)
        account.send("x", message_id=str(number + 1), received_at=time, sent=number == 3)
    if not any("submission.date" in clause for clause in clauses):
        clauses = [*clauses, SINCE_2020]
    assert await ids(client, *clauses, sortOrder="ASCENDING") == expected


async def test_filter_with_encoded_operators(client: Client, account: Account) -> None:
    """The filter is encoded as a whole; the comparison may stay raw."""
    account.send("x", message_id="7")
    url = "/messages?filter=type%3DRECEIVED%26id>6&sortOrder=ASCENDING&limit=500"
    assert json.loads((await client.get("bulksms", url)).body)[0]["id"] == "7"


async def test_only_last_seven_days(client: Client, account: Account) -> None:
    """Without a date of its own, a search doesn't see what is older than a week."""
    now = datetime.now(UTC)
    account.send("old", message_id="1", received_at=now - timedelta(days=7, minutes=1))
    account.send("new", message_id="2", received_at=now - timedelta(days=6, hours=23))
    assert await ids(client) == ["2"]
    assert await ids(client, "id>0") == ["2"]
    assert await ids(client, SINCE_2020) == ["2", "1"]
    assert (await client.get("bulksms", "/messages/1")).status == 200


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "nonsense"},
        {"filter": "colour=red"},
        {"filter": "id=x"},
        {"filter": "id>=1"},
        {"filter": "type>SENT"},
        {"filter": "type=received"},
        {"filter": "status.type=LOST"},
        {"filter": "submission.date=2026-11-21T10:00:00Z"},
        {"filter": "submission.date>=2026-11-21T10:00:00"},
        {"filter": "submission.date>=2026-11-21T10:00:00 02:00"},
        {"filter": "submission.date>=2026-13-21T10:00:00Z"},
        {"filter": "id=1&"},
        {"sortOrder": "DESCENDING"},
        {"limit": "0"},
        {"limit": "many"},
    ],
)
@pytest.mark.usefixtures("account")
async def test_bad_request(client: Client, params: dict[str, str]) -> None:
    """What isn't understood is a problem that says why."""
    reply = await client.get("bulksms", "/messages", params=params)
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "application/json"
    problem = json.loads(reply.body)
    assert problem["type"].endswith("#bad-request")
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)
    assert problem["detail"]


@pytest.mark.parametrize("path", ["/messages", "/messages/1", "/profile"])
@pytest.mark.usefixtures("account")
async def test_unauthorized(client: Client, path: str) -> None:
    """Only Basic is known."""
    reply = await client.get("bulksms", path, headers={}, params={"username": USERNAME, "password": PASSWORD})
    assert reply.status == 401
    assert json.loads(reply.body)["title"] == "Authentication Failed"
    assert reply.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.usefixtures("account")
async def test_not_found(client: Client, emulator: Emulator) -> None:
    """What isn't there is a problem, too."""
    for path in ("/messages/1", "/webhooks/1", "/elsewhere"):
        reply = await client.get("bulksms", path)
        assert reply.status == 404
        assert json.loads(reply.body)["status"] == 404
        assert reply.headers["Content-Type"] == "application/json"
    assert (await client.ask("POST", emulator.url("bulksms") + "/profile")).status == 405


@pytest.mark.usefixtures("account")
async def test_webhooks(client: Client, emulator: Emulator) -> None:
    """A webhook is known by a number; all that is done to it is answered with 200, and without how it is invoked."""
    url = emulator.url("bulksms") + "/webhooks"
    webhook = {"name": "a", "url": "https://home.example/", "triggerScope": "RECEIVED", "active": False}
    made = []
    for name in ("a", "b"):
        reply = await client.ask("POST", url, json=webhook | {"name": name, "invokeOption": "MANY"})
        assert reply.status == 200
        made.append(json.loads(reply.body))
    assert made[0] == webhook | {"id": 1, "contactEmailAddress": None, "onWebApp": True}
    assert json.loads((await client.ask("GET", url)).body) == made
    reply = await client.ask("POST", f"{url}/1", json=webhook | {"onWebApp": False})
    assert (reply.status, json.loads(reply.body)) == (200, made[0] | {"onWebApp": False})
    for body in ({"name": "a"}, webhook, webhook | {"name": "c", "triggerScope": "received"}):
        assert (await client.ask("POST", url, json=body)).status == 400
    reply = await client.ask("DELETE", f"{url}/1")
    assert (reply.status, reply.body) == (200, b"")
    assert json.loads((await client.ask("GET", url)).body) == made[1:]


@pytest.mark.usefixtures("emulator", "account")
async def test_profile(client: Client) -> None:
    """The profile's id is the account's for good, and not its name."""
    profile = json.loads((await client.get("bulksms", "/profile")).body)
    assert profile["username"] == USERNAME
    assert USERNAME not in profile["id"]
    assert {"created", "credits", "quota"} <= profile.keys()
    other = Emulator()
    await other.start()
    other.add_account("bulksms", USERNAME, PASSWORD)
    again = json.loads((await client.ask("GET", other.url("bulksms") + "/profile")).body)
    await other.stop()
    assert again["id"] == profile["id"]


async def test_raw(client: Client, account: Account) -> None:
    """A raw row is a row as it is, whatever the filter says about its type."""
    account.send_raw(b'{"id":"4023","type":"SENT","brandNew":{"a":1}}')
    (row,) = await rows(client, "type=RECEIVED", "id>4022")
    assert row["brandNew"] == {"a": 1}
    assert await rows(client, "type=RECEIVED", "id>4023") == []
    account.send_raw(b'{"broken')
    assert b'{"broken' in (await client.get("bulksms", "/messages")).body


@pytest.mark.usefixtures("account")
async def test_other_accounts(client: Client, emulator: Emulator) -> None:
    """An account sees its own messages only."""
    other = emulator.add_account("bulksms", "other", "password").send("not yours")
    assert await ids(client) == []
    assert (await client.get("bulksms", f"/messages/{other.message_id}")).status == 404
