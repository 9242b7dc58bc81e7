"""A gammu REST gateway as its code behaves."""

from datetime import UTC, datetime
import json

import pytest

from emulator import Account, Emulator

from .conftest import BASIC, PASSWORD, USERNAME, Client, Reply

TIME = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The modem that the client asks for."""
    return emulator.add_account("gammu", USERNAME, PASSWORD)


async def ask(client: Client, emulator: Emulator, method: str, path: str) -> Reply:
    """Ask in any way."""
    return await client.ask(method, emulator.url("gammu") + path)


async def test_list(client: Client, account: Account) -> None:
    """All messages, oldest place first, in ASCII; once they were listed they are read."""
    account.send(r"Hi there | pipe \n end", sender="+4412345678", received_at=TIME)
    account.send("Emoji 😀 ok", sender="MYBANK", received_at=TIME)
    reply = await client.get("gammu", "/sms")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.text == (
        '[{"Date": "2026-11-21 10:00:00", "Number": "+4412345678", "State": "UnRead", '
        r'"Text": "Hi there | pipe \\n end"}, '
        '{"Date": "2026-11-21 10:00:00", "Number": "MYBANK", "State": "UnRead", '
        '"Text": "Emoji \\ud83d\\ude00 ok"}]\n'
    )
    assert (await client.get("gammu", "/sms")).text == reply.text.replace("UnRead", "Read")


@pytest.mark.usefixtures("account")
async def test_empty(client: Client) -> None:
    """There is an empty list, no message of that number, and nothing to take."""
    assert (await client.get("gammu", "/sms")).text == "[]\n"
    missing = await client.get("gammu", "/sms/0")
    assert (missing.status, json.loads(missing.body)) == (404, {"message": "Sms with id '0' not found"})
    assert (await client.get("gammu", "/getsms")).text == '{"Date": "", "Number": "", "State": "", "Text": ""}\n'


async def test_one(client: Client, account: Account) -> None:
    """A message by its place."""
    account.send("a")
    account.send("b")
    assert json.loads((await client.get("gammu", "/sms/1")).body)["Text"] == "b"
    assert (await client.get("gammu", "/sms/2")).status == 404
    assert (await client.get("gammu", "/sms/-1")).status == 404


async def test_delete(client: Client, emulator: Emulator, account: Account) -> None:
    """The list closes up."""
    for text in "abc":
        account.send(text)
    assert (await ask(client, emulator, "DELETE", "/sms/1"))[:2] == (204, b"")
    assert [row["Text"] for row in json.loads((await client.get("gammu", "/sms")).body)] == ["a", "c"]
    assert (await ask(client, emulator, "DELETE", "/sms/2")).status == 404
    assert [message.text for message in account.unread] == ["a", "c"]


async def test_take(client: Client, account: Account) -> None:
    """The first message, which is gone then."""
    message = account.send("a")
    account.send("b")
    assert json.loads((await client.get("gammu", "/getsms")).body)["Text"] == "a"
    assert message.fetches == 1
    assert [message.text for message in account.messages] == ["b"]


async def test_forks(client: Client, emulator: Emulator, account: Account) -> None:
    """They have other paths beside the usual ones."""
    for text in "abc":
        account.send(text)
    assert json.loads((await client.get("gammu", "/status/sms_capacity")).body)["SIMUsed"] == 3
    assert json.loads((await client.get("gammu", "/sms/getsms")).body)["Text"] == "a"
    assert (await ask(client, emulator, "GET", "/sms/deleteall")).status == 405
    assert (await ask(client, emulator, "DELETE", "/sms/deleteall")).status == 204
    assert account.messages == []


@pytest.mark.parametrize(
    ("wire", "date"),
    [
        ("iso", "2026-11-21T12:00:00"),
        ("fraction", "2026-11-21 12:00:00.000000"),
        ("offset", "2026-11-21 12:00:00+02:00"),
        ("utc", "2026-11-21 10:00:00+00:00"),
        ("label", "2026-11-21 12:00:00+00:00"),
        ("short", "26-11-21 12:00:00"),
        ("modem", "26/11/21,12:00:00+08"),
    ],
)
async def test_forms_of_a_date(client: Client, emulator: Emulator, wire: str, date: str) -> None:
    """Gateways may write it differently."""
    account = emulator.add_account("gammu", USERNAME, PASSWORD, time_zone="Africa/Johannesburg")
    account.send("a", received_at=TIME, wire=wire)
    assert json.loads((await client.get("gammu", "/sms/0")).body)["Date"] == date


async def test_sent(client: Client, emulator: Emulator, account: Account) -> None:
    """What was sent lies there, too, with its recipient; it is not handed over to anybody."""
    account.send("Hello", recipient="+447700900456", sent=True)
    [row] = json.loads((await client.get("gammu", "/sms")).body)
    assert (row["Number"], row["State"]) == ("+447700900456", "Sent")
    assert not emulator.book


async def test_raw(client: Client, account: Account) -> None:
    """A raw record comes as it is."""
    account.send("a")
    account.send_raw(b'{"Text":  5}')
    assert (await client.get("gammu", "/sms")).body.endswith(b', {"Text":  5}]\n')
    assert (await client.get("gammu", "/sms/1")).body == b'{"Text":  5}\n'


async def test_time_zone(client: Client, emulator: Emulator) -> None:
    """Times are the network's."""
    account = emulator.add_account("gammu", USERNAME, PASSWORD, time_zone="Africa/Johannesburg")
    account.send("a", received_at=TIME)
    assert '"2026-11-21 12:00:00"' in (await client.get("gammu", "/sms")).text


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("path", ["/sms", "/sms/0", "/getsms"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dXNlcjp3cm9uZw=="}])
async def test_unauthorized(client: Client, path: str, headers: dict[str, str]) -> None:
    """A wrong password gets a page for people."""
    reply = await client.get("gammu", path, headers=headers)
    assert (reply.status, reply.text) == (401, "Unauthorized Access")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/sms", 405), ("DELETE", "/getsms", 405), ("POST", "/sms/0", 404)],
)
async def test_wrong_address(client: Client, emulator: Emulator, method: str, path: str, status: int) -> None:
    """What there isn't, and what can't be done."""
    assert (await ask(client, emulator, method, path)).status == status


async def submit(client: Client, emulator: Emulator, **fields: object) -> Reply:
    """Send a text."""
    return await client.ask("POST", emulator.url("gammu") + "/sms", json=fields)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"text": "ж ☺ 😀 ç"}, "? ? ?? c"),
        ({"text": "ж ☺ 😀 ç", "unicode": True}, "ж ☺ 😀 ç"),
        ({"text": "ж", "unicode": "false"}, "ж"),
        ({"text": "before\0after"}, "before"),
    ],
)
async def test_submit(
    client: Client, emulator: Emulator, account: Account, fields: dict[str, object], shown: str
) -> None:
    """A text is on the phone as the modem encodes it, and not on the SIM card; commas separate recipients."""
    account.send("received")
    reply = await submit(client, emulator, number="+447700900321,+447700900322", **fields)
    assert (reply.status, json.loads(reply.body)) == (200, {"status": 200, "message": "[255, 255]"})
    assert [(each.recipient, each.text) for each in emulator.handsets.shown] == [
        ("+447700900321", shown),
        ("+447700900322", shown),
    ]
    assert [row["Text"] for row in json.loads((await client.get("gammu", "/sms")).body)] == ["received"]
    assert (await client.get("gammu", "/sms/1")).status == 404


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("fields", "status"),
    [({"number": "1"}, 404), ({"text": "a"}, 404), ({"number": "1", "text": "a" * 8000}, 500)],
    ids=["no text", "no number", "too long"],
)
async def test_submit_refused(client: Client, emulator: Emulator, fields: dict[str, object], status: int) -> None:
    """Something is missing, or there are too many parts."""
    assert (await submit(client, emulator, **fields)).status == status
    assert not emulator.handsets.shown


async def test_modem_fails(client: Client, emulator: Emulator, account: Account) -> None:
    """The parts before the one at which the modem fails are sent."""
    account.extra["failing_part"] = 3
    assert (await submit(client, emulator, number="+447700900321", text="a" * 300)).status == 200
    assert (await submit(client, emulator, number="+447700900321", text="b" * 400)).status == 500
    assert [each.text for each in emulator.handsets.shown] == ["a" * 300, "b" * 306]


async def test_other_modems(client: Client, emulator: Emulator, account: Account) -> None:
    """Each user has a modem of its own."""
    del account
    emulator.add_account("gammu", "other", "password").send("not yours")
    assert (await client.get("gammu", "/sms", headers=BASIC)).text == "[]\n"


@pytest.mark.parametrize("options", [{"encoding": "binary", "data": b"x"}, {"wire": "hex"}])
def test_unfit_messages(account: Account, options: dict[str, object]) -> None:
    """What the gateway can't show is refused."""
    with pytest.raises(ValueError, match=r"\.$"):
        account.send("x", **options)  # type: ignore[arg-type]
    assert not account.messages
