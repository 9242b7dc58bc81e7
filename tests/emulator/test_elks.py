"""The API of 46elks as its pages describe it."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from emulator import Account, Emulator
from emulator.elks import number
from emulator.handsets import Behaviour

from .conftest import PASSWORD, USERNAME, Client, Reply, until

TIME = datetime(2017, 3, 14, 8, 44, 34, 135000, tzinfo=UTC)
STAMP = "2017-03-14T08:44:34.135000"
TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("elks", USERNAME, PASSWORD)


async def history(client: Client, **params: str) -> dict[str, Any]:
    """Ask for the history."""
    reply = await client.get("elks", "/sms", params=params)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    answer: dict[str, Any] = json.loads(reply.body)
    return answer


async def texts(client: Client, **params: str) -> list[str]:
    """Ask for the history, and take its texts."""
    return [row["message"] for row in (await history(client, **params))["data"]]


async def test_documented_row(client: Client, account: Account) -> None:
    """The received message of the documentation's sample, in the history and alone."""
    account.send("Hours?", sender="+46704508449", recipient="+46766861069", received_at=TIME, message_id="s292")
    expected = {
        "id": "s292",
        "created": STAMP,
        "direction": "incoming",
        "from": "+46704508449",
        "to": "+46766861069",
        "message": "Hours?",
        "cost": 3500,
    }
    assert await history(client) == {"data": [expected]}
    assert json.loads((await client.get("elks", "/sms/s292")).body) == expected


async def test_sent(client: Client, account: Account) -> None:
    """What was sent is among the rest, with its fate."""
    account.send("x", sent=True)
    [row] = (await history(client))["data"]
    assert (row["direction"], row["status"], row["parts"]) == ("outgoing", "delivered", 1)
    assert row["delivered"].endswith("Z")


@pytest.mark.usefixtures("account")
async def test_empty(client: Client) -> None:
    """An empty history is an empty list."""
    assert await history(client) == {"data": []}


async def test_times(client: Client, account: Account) -> None:
    """The newest come first; `start` is the later bound, `end` the earlier one."""
    for place in range(5):
        account.send(str(place), received_at=TIME + timedelta(hours=place))
    assert await texts(client) == ["4", "3", "2", "1", "0"]
    assert await texts(client, start="2017-03-14T10:44:34.135000") == ["1", "0"]
    assert await texts(client, end="2017-03-14T10:44:34.135000") == ["4", "3"]
    assert await texts(client, start="2017-03-14T11:00:00", end=STAMP) == ["2", "1"]


async def test_pages(client: Client, account: Account) -> None:
    """At most 100 rows come, or as many as is asked for; `next` is there while there is more."""
    for place in range(101):
        account.send(str(place), received_at=TIME + timedelta(hours=place))
    page = await history(client)
    assert (len(page["data"]), page["next"]) == (100, page["data"][-1]["created"])
    assert await history(client, limit="1000") == page
    assert len((await history(client, limit="40"))["data"]) == 40
    last = await history(client, start=page["next"])
    assert [row["message"] for row in last["data"]] == ["0"]
    assert "next" not in last
    account.page_size = 3
    assert await texts(client) == ["100", "99", "98"]


async def test_recipient(client: Client, account: Account) -> None:
    """The history of one number."""
    account.send("a", recipient="+46766861069")
    account.send("b", recipient="+46766861070")
    assert await texts(client, to="+46766861069") == ["a"]


@pytest.mark.parametrize(
    "params", [{"start": "yesterday"}, {"end": "2017-03-14T08:44:34Z"}, {"limit": "0"}, {"limit": "x"}]
)
@pytest.mark.usefixtures("account")
async def test_bad_request(client: Client, params: dict[str, str]) -> None:
    """What isn't understood is refused, in words."""
    reply = await client.get("elks", "/sms", params=params)
    assert (reply.status, reply.headers["Content-Type"]) == (400, TEXT)
    assert next(iter(params)) in reply.text


async def test_raw(client: Client, account: Account) -> None:
    """A raw record is handed out as it is, again and again, and known by the id in it."""
    raw = account.send_raw(b'{"id": "s77",  "brandNew": 1}')
    assert raw.message_id == "s77"
    for _ in range(2):
        assert (await client.get("elks", "/sms")).body == b'{"data": [{"id": "s77",  "brandNew": 1}]}'


@pytest.mark.usefixtures("account")
async def test_account(client: Client) -> None:
    """The harmless call to check credentials."""
    information = json.loads((await client.get("elks", "/me")).body)
    assert information.keys() == {"mobilenumber", "displayname", "id", "currency", "balance", "email"}
    assert information["id"] == USERNAME


@pytest.mark.usefixtures("account")
async def test_no_credentials(client: Client) -> None:
    """The vendor's words."""
    reply = await client.get("elks", "/me", headers={})
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Basic realm="46elks"')
    assert reply.text == "API access requires Basic HTTP authentication. Read documentation or examples."


@pytest.mark.usefixtures("account")
async def test_unknown(client: Client, emulator: Emulator) -> None:
    """Nothing else is there, and nothing else can be changed."""
    assert (await client.get("elks", "/sms/s1")).status == 404
    assert (await client.get("elks", "/mms/m1")).status == 404
    assert (await client.get("elks", "/numbers/n1")).status == 404
    assert (await client.ask("POST", f"{emulator.url('elks')}/numbers")).status == 405
    assert (await client.ask("POST", f"{emulator.url('elks')}/mms")).status == 405


async def test_other_accounts(client: Client, emulator: Emulator, account: Account) -> None:
    """An account sees its own messages only."""
    emulator.add_account("elks", "other", "password").send("not yours")
    account.send("yours")
    assert await texts(client) == ["yours"]


def test_no_binary_messages(account: Account) -> None:
    """What the protocol can't carry is refused."""
    with pytest.raises(ValueError, match=r"\.$"):
        account.send(data=b"\x00")
    assert not account.messages


class Customer(TestServer):
    """A customer's server; it answers with these statuses in turn, and remembers the forms."""

    def __init__(self, *statuses: int) -> None:
        """Answer so."""
        app = web.Application()
        app.router.add_post("/elks/sms", self._take)
        super().__init__(app)
        self.statuses = list(statuses)
        self.forms: list[dict[str, list[str]]] = []

    async def _take(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        self.forms.append(parse_qs(await request.text(), keep_blank_values=True))
        return web.Response(status=self.statuses.pop(0))


@pytest.fixture
async def customer() -> AsyncGenerator[Customer]:
    """A server that takes a message at the third try only."""
    async with Customer(500, 205, 204) as customer:
        yield customer


async def test_call(emulator: Emulator, account: Account, customer: Customer) -> None:
    """A message is posted as the documentation shows until 200 to 204 is answered."""
    emulator.caller.repeat = 0.0
    account.callback = str(customer.make_url("/elks/sms"))
    account.send("Hours? +&", sender="+46704508449", recipient="+46766861069", received_at=TIME, message_id="s292")
    await until(lambda: len(customer.forms) == 3 and not emulator.caller.busy)
    form = {
        "direction": ["incoming"],
        "id": ["s292"],
        "from": ["+46704508449"],
        "to": ["+46766861069"],
        "created": [STAMP],
        "message": ["Hours? +&"],
    }
    assert customer.forms == [form] * 3


async def test_mms(client: Client, account: Account) -> None:
    """They have a history of their own, which shows no pictures; one alone does."""
    account.send("Text", message_id="s1")
    account.send("", message_id="m1", wire="mms", sender="+1", recipient="+2", received_at=TIME)
    account.send_raw(b'{"id": "m2"}')
    row = {"id": "m1", "created": STAMP, "direction": "incoming", "from": "+1", "to": "+2", "message": "", "cost": 3500}
    assert [row["id"] for row in (await history(client))["data"]] == ["s1"]
    answer = json.loads((await client.get("elks", "/mms")).body)
    assert answer == {"data": [{"id": "m2"}, row]}
    answer = json.loads((await client.get("elks", "/mms", params={"limit": "1"})).body)
    assert answer.keys() == {"data", "next"}
    assert json.loads((await client.get("elks", "/mms/m1")).body) == row | {"images": ["m1-i0", "m1-i1"]}
    assert (await client.get("elks", "/sms/m1")).status == 404


def test_call_of_an_mms(account: Account) -> None:
    """It goes to the number's address for MMS, with the addresses of the pictures (V72)."""
    sms, mms = account.send("a", recipient="+461"), account.send("b", recipient="+461", wire="mms")
    account.places = [
        number("+461", sms_url="https://home.example/sms", mms_url="https://home.example/mms"),
        number("+462", mms_url="https://elsewhere.example/"),
    ]
    [call] = account.protocol.calls(mms, account)
    assert call.url == "https://home.example/mms"
    assert parse_qs(call.body.decode()).keys() >= {"id", "from", "to", "message", "image", "image2"}
    [call] = account.protocol.calls(sms, account)
    assert (call.url, b"image" in call.body) == ("https://home.example/sms", False)
    account.places[0] |= {"sms_url": '{"forward":"+46700000000"}', "mms_url": ""}
    assert [account.protocol.calls(message, account) for message in (sms, mms)] == [[], []]


async def ask(client: Client, emulator: Emulator, path: str, **form: str) -> Any:
    """Ask for numbers, or change one."""
    url = f"{emulator.url('elks')}/numbers{path}"
    return json.loads((await client.ask("POST" if form else "GET", url, data=form or None)).body)


async def test_numbers(client: Client, emulator: Emulator, account: Account) -> None:
    """A number has what was set there, until it is cleared; the list shows the numbers alone, and those given back."""
    [row] = (await ask(client, emulator, ""))["data"]
    assert row.keys() == {"id", "active", "country", "number", "capabilities", "created"}
    path = f"/{row['id']}"
    changed = await ask(client, emulator, path, sms_url="https://home.example/x", sms_replies="no", name="Gate")
    assert changed == row | {"sms_url": "https://home.example/x", "name": "Gate"} == await ask(client, emulator, path)
    assert account.places[0]["sms_replies"] == "no"
    assert (await ask(client, emulator, ""))["data"] == [row | {"name": "Gate"}]
    for cleared in ("none", " "):
        assert await ask(client, emulator, path, sms_url=cleared, name=cleared) == row
    assert (await ask(client, emulator, path, active="no"))["active"] == "no"
    account.places.append(number("+462", created="2017-01-01T10:00:00.000000"))
    account.page_size = 1
    page = await ask(client, emulator, "")
    assert ([row["active"] for row in page["data"]], page["next"]) == (["no"], row["created"])
    assert [row["number"] for row in (await ask(client, emulator, f"?start={page['next']}"))["data"]] == ["+462"]


def test_no_callback(account: Account) -> None:
    """Nobody is called who didn't ask for it."""
    assert account.protocol.calls(account.send("x"), account) == []


SMS = {"from": "+46766861069", "to": "+46704508449", "message": "Hello ☺"}


async def submit(client: Client, emulator: Emulator, **form: str) -> Reply:
    """Submit a text."""
    return await client.ask("POST", f"{emulator.url('elks')}/sms", data=SMS | form)


async def test_submission(client: Client, emulator: Emulator, account: Account) -> None:
    """The documented answer; the text is in the history, and reads the same by its id, with its state of now."""
    reply = await submit(client, emulator)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    row = json.loads(reply.body)
    known = {"status": "created", "direction": "outgoing", "parts": 1, "cost": 3500, **SMS}
    assert row == known | {"id": row["id"], "created": row["created"]}
    assert (await history(client, to=SMS["to"]))["data"] == [row]
    [message] = account.messages
    message.status = "sent"
    assert json.loads((await client.get("elks", f"/sms/{row['id']}")).body) == row | {"status": "sent"}
    assert [(shown.recipient, shown.text) for shown in emulator.handsets.shown] == [(SMS["to"], SMS["message"])]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"from": ""}, (403, "Missing key from")),
        ({"message": ""}, (403, "Missing key message")),
        ({"from": "A name too long"}, (400, "Invalid from")),
        ({"to": "0704508449"}, (400, "Invalid to")),
    ],
)
async def test_refused_submission(
    client: Client, emulator: Emulator, account: Account, form: dict[str, str], expected: tuple[int, str]
) -> None:
    """A sentence says what is wrong."""
    reply = await submit(client, emulator, **form)
    assert (reply.status, reply.text) == expected
    account.extra["credits"] = 0
    reply = await submit(client, emulator)
    assert (reply.status, reply.text) == (403, "Not enough credits")
    assert account.messages == []


async def test_dry_run(client: Client, emulator: Emulator, account: Account) -> None:
    """Nothing is sent, and the answer says what it would cost."""
    row = json.loads((await submit(client, emulator, message="x" * 161, dryrun="yes")).body)
    assert (row["estimated_cost"], row["parts"]) == (7000, 2)
    assert account.messages == []


async def test_delivery_reports(client: Client, emulator: Emulator, account: Account, customer: Customer) -> None:
    """The address of the request is told of each state."""
    emulator.handsets.usual = Behaviour(reports=("sent", "delivered"))
    customer.statuses = [204, 200]
    await submit(client, emulator, whendelivered=str(customer.make_url("/elks/sms")))
    await until(lambda: len(customer.forms) == 2 and not emulator.caller.busy)
    [message] = account.messages
    assert [form["id"] for form in customer.forms] == [[message.message_id]] * 2
    found = sorted((*form["status"], "delivered" in form) for form in customer.forms)
    assert found == [("delivered", True), ("sent", False)]
