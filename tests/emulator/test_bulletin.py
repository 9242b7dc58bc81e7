"""Bulletin Messenger as its pages describe it."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest

from emulator import Account, Emulator, Message

from .conftest import PASSWORD, USERNAME, Client, Reply, serving, until

ATOM = {"": "http://www.w3.org/2005/Atom"}
TIME = datetime(2017, 5, 16, 1, 23, 4, 417000, UTC)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("bulletin", USERNAME, PASSWORD)


def fields(reply: Reply) -> dict[str, str]:
    """The form of an answer."""
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-www-form-urlencoded"
    return {key: value for key, (value,) in parse_qs(reply.text, keep_blank_values=True, strict_parsing=True).items()}


async def test_message(client: Client, account: Account) -> None:
    """A message has these fields, and is read by being transmitted."""
    text = "Kia ora | ok & 100% = yes\nline2"
    message = account.send(text, sender="6421555001", recipient="2345", received_at=TIME, message_id="a1")
    assert fields(await client.poll()) == {
        "messageId": "a1",
        "from": "6421555001",
        "to": "2345",
        "body": text,
        "messageDate": "2017-05-16T01:23:04.417Z",
        "contentType": "text/plain",
    }
    assert message.read
    assert message.fetches == 1
    assert (await client.poll()).status == 204


@pytest.mark.parametrize("reference", ["default", "b2"])
async def test_reply(client: Client, account: Account, reference: str) -> None:
    """A reply names what it answers and not the number it went to."""
    account.send("a+b=c", in_reply_to=reference)
    reply = fields(await client.poll())
    assert reply["inReplyToId"] == reference
    assert reply["body"] == "a+b=c"
    assert "to" not in reply


async def test_order_of_fields_varies(client: Client, account: Account) -> None:
    """The order differs between messages, and stays the same for one message id."""
    for number in range(8):
        account.send("Hi", message_id=f"m{number}")
        account.send("Hi", message_id=f"m{number}")
    orders = [tuple(fields(await client.poll())) for _ in range(16)]
    assert orders[::2] == orders[1::2]
    assert len(set(orders)) > 2


async def test_empty_text(client: Client, account: Account) -> None:
    """An empty text is a message, too."""
    account.send("")
    assert fields(await client.poll())["body"] == ""


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (None, "Hi+%E2%98%BA"),
        ("utf-8", "Hi+%E2%98%BA"),
        ("utf-16-bom", "%FE%FF%00%48%00%69%00%20%26%3A"),
        ("utf-16-be", "%00%48%00%69%00%20%26%3A"),
        ("utf-16-le", "%48%00%69%00%20%00%3A%26"),
        ("java", "Hi+%FE%FF%26%3A"),
        ("hex", "004800690020263A"),
    ],
)
async def test_wire_forms(client: Client, account: Account, wire: str | None, body: str) -> None:
    """Unicode may travel in any of these forms."""
    account.send("Hi ☺", wire=wire)
    parts = dict(pair.split("=") for pair in (await client.poll()).text.split("&"))
    assert parts["body"] == body
    assert parts["contentType"] == "text%2Fplain%3B+charset%3DUTF-16"


async def test_java_form_is_java_s(client: Client, account: Account) -> None:
    """The form called java is what URLEncoder of Java 17 made of this text."""
    account.send("a|b\n😀 é=+%~*_-.", wire="java")
    expected = "a%FE%FF%00%7Cb%FE%FF%00%0A%D8%3D%DE%00+%FE%FF%00%E9%00%3D%00%2B%00%25%00%7E*_-."  # as Java printed it
    assert f"body={expected}" in (await client.poll()).text.split("&")


async def test_wire_form_of_plain_text(client: Client, account: Account) -> None:
    """A wire form flags even a plain text as UTF-16, unless told otherwise."""
    account.send("Hi", wire="hex")
    account.send("Hi", wire="hex", encoding="text")
    assert fields(await client.poll())["contentType"] == "text/plain; charset=UTF-16"
    assert fields(await client.poll())["contentType"] == "text/plain"


async def test_oldest_first(client: Client, account: Account) -> None:
    """One message a call, in the order of arrival; messages that were sent are not inbound."""
    account.send("mine", sent=True)
    for text in ("one", "two"):
        account.send(text)
    assert [fields(await client.poll())["body"] for _ in range(2)] == ["one", "two"]
    assert (await client.poll()).status == 204


async def test_raw(client: Client, account: Account) -> None:
    """A raw record is the body as it is."""
    account.send_raw(b"from=1&body=%FF\x00&new=7")
    assert (await client.poll()).body == b"from=1&body=%FF\x00&new=7"
    assert (await client.poll()).status == 204


@pytest.mark.usefixtures("account")
async def test_nothing_after_the_hold(client: Client) -> None:
    """An idle call ends with 204 and no body."""
    reply = await client.poll()
    assert (reply.status, reply.body) == (204, b"")


async def test_held_call_gets_the_message_at_once(client: Client, emulator: Emulator, account: Account) -> None:
    """A message ends the hold."""
    emulator.hold = 60
    poll = asyncio.create_task(client.poll())
    await until(lambda: emulator.requests)
    assert emulator.requests[0].status is None
    account.send("now")
    assert fields(await poll)["body"] == "now"


async def test_two_held_calls(client: Client, emulator: Emulator, account: Account) -> None:
    """A message goes to one of them only."""
    emulator.hold = 0.5
    polls = [asyncio.create_task(client.poll()) for _ in range(2)]
    await until(lambda: len(emulator.requests) == 2)
    account.send("once")
    assert sorted([reply.status for reply in await asyncio.gather(*polls)]) == [200, 204]
    assert len(emulator.book) == 1


async def test_client_leaves_while_held(client: Client, emulator: Emulator, account: Account) -> None:
    """What nobody waits for stays unread."""
    emulator.hold = 60
    poll = asyncio.create_task(client.poll())
    await until(lambda: emulator.requests)
    server_side = serving()
    poll.cancel()
    await asyncio.wait([server_side])
    message = account.send("still here")
    assert not message.read
    assert fields(await client.poll())["body"] == "still here"


@pytest.mark.parametrize(
    ("method", "carrier"),
    [("GET", "basic"), ("GET", "query"), ("POST", "basic"), ("POST", "query"), ("POST", "form")],
)
async def test_credentials(client: Client, emulator: Emulator, account: Account, method: str, carrier: str) -> None:
    """A user name and password may come in three ways, by GET and POST."""
    account.send("Hi")
    login = {"userId": USERNAME, "password": PASSWORD}
    options = {"basic": {}, "query": {"headers": {}, "params": login}, "form": {"headers": {}, "data": login}}[carrier]
    reply = await client.ask(method, emulator.url("bulletin") + "/api/1/sms/in", **options)
    assert fields(reply)["body"] == "Hi"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {}},
        {"headers": {"Authorization": "Basic !"}},
        {"headers": {"Authorization": "Bearer abc"}},
        {"headers": {}, "params": {"userId": USERNAME, "password": "wrong"}},
        {"headers": {}, "params": {"userid": USERNAME, "password": PASSWORD}},
    ],
)
@pytest.mark.parametrize("path", ["/api/1/sms/in", "/api/2/sms/list"])
async def test_unauthorized(client: Client, account: Account, options: dict[str, dict[str, str]], path: str) -> None:
    """Everything else is refused with a page for people, and reads nothing."""
    message = account.send("Hi")
    reply = await client.get("bulletin", path, **options)
    assert reply.status == 401
    assert reply.headers["Content-Type"].startswith("text/html")
    assert not message.read


async def test_other_accounts(client: Client, emulator: Emulator, account: Account) -> None:
    """An account sees its own messages only."""
    emulator.add_account("bulletin", "other", "password").send("not yours")
    account.send("yours")
    assert fields(await client.poll())["body"] == "yours"
    assert (await client.poll()).status == 204


@pytest.mark.usefixtures("account")
async def test_unknown_address_and_method(client: Client, emulator: Emulator) -> None:
    """There is no api/3 for inbound messages, and no PUT."""
    assert (await client.get("bulletin", "/api/3/sms/in")).status == 404
    assert (await client.ask("PUT", emulator.url("bulletin") + "/api/1/sms/in")).status == 405


async def test_feed(client: Client, account: Account) -> None:
    """The feed lists the newest first and consumes nothing."""
    text = "a < b & \x00 c\r\n\ud7ff 😀"
    account.send("old", received_at=datetime(2020, 1, 1, tzinfo=UTC), message_id="first")
    message = account.send(text, sender="MYBANK", received_at=TIME.replace(year=2026), message_id="second")
    account.send("out", sent=True)
    account.send_raw(b"body=raw")
    reply = await client.get("bulletin", "/api/2/sms/list?type=reply&format=ATOM")
    assert reply.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    entries = ET.fromstring(reply.text).findall("entry", ATOM)  # noqa: S314
    assert [entry.findtext("id", "", ATOM).rpartition(":")[2] for entry in entries] == ["second", "first"]
    assert entries[0].findtext("title", "", ATOM) == "MYBANK"
    assert entries[0].findtext("author/name", "", ATOM) == "MYBANK"
    assert entries[0].findtext("content", "", ATOM) == text.replace("\x00", "\ufffd")
    assert entries[0].findtext("published", "", ATOM) == "2026-05-16T01:23:04.417Z"
    assert entries[0].findtext("updated", "", ATOM) == "2026-05-16T01:23:04.417Z"
    assert (message.read, message.fetched_at, message.fetches) == (False, None, 0)
    assert len(account.unread) == 3


@pytest.mark.parametrize(
    ("query", "count"), [("", 8), ("?size=20", 20), ("?size=1000", 300), ("?size=1", 1), ("?type=out", 2)]
)
async def test_feed_size(client: Client, account: Account, query: str, count: int) -> None:
    """The size is 8 unless asked for, and at most 300."""
    for number in range(310):
        account.send(str(number))
    for _ in range(2):
        account.send("out", sent=True)
    feed = ET.fromstring((await client.get("bulletin", f"/api/2/sms/list{query}")).text)  # noqa: S314
    assert len(feed.findall("entry", ATOM)) == count


async def test_feed_as_rss(client: Client, account: Account) -> None:
    """The same as RSS."""
    account.send("Hi ☺", sender="MYBANK", received_at=TIME, message_id="a1")
    reply = await client.get("bulletin", "/api/2/sms/list?format=RSS")
    assert reply.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    item = ET.fromstring(reply.text).find("channel/item")  # noqa: S314
    assert item is not None
    assert {child.tag: child.text for child in item} == {
        "guid": "urn:bulletin:message:a1",
        "title": "MYBANK",
        "author": "MYBANK",
        "pubDate": "Tue, 16 May 2017 01:23:04 GMT",
        "description": "Hi ☺",
    }


@pytest.mark.parametrize("query", ["?size=many", "?type=in", "?format=JSON"])
@pytest.mark.usefixtures("account")
async def test_feed_refuses(client: Client, query: str) -> None:
    """A parameter that isn't understood is refused."""
    assert (await client.get("bulletin", f"/api/2/sms/list{query}")).status == 400


@pytest.mark.usefixtures("emulator")
def test_no_binary_messages(account: Account) -> None:
    """Bulletin has no messages of bytes."""
    with pytest.raises(ValueError, match="no binary"):
        account.send(data=b"\x00", encoding="binary")


async def test_connect(client: Client, account: Account) -> None:
    """The sibling product has the same messages, no feed, and tells how many wait without taking one."""
    account.send("Hello")
    for _ in range(2):
        assert (await client.get("bulletin", "/connect/api/1/sms/queue")).text == "statusCount=0&inCount=1"
    assert fields(await client.get("bulletin", "/connect/api/1/sms/in"))["body"] == "Hello"
    assert (await client.get("bulletin", "/connect/api/2/sms/list")).status == 404
    assert (await client.get("bulletin", "/connect/api/1/sms/in", headers={})).status == 401


async def test_strict_connect(
    client: Client, emulator: Emulator, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take neither Basic nor POST; the account is known by query or form then."""
    path = "/connect/api/1/sms/queue"
    monkeypatch.setattr(account.protocol, "connect_takes_post", False)
    assert (await client.ask("POST", emulator.url("bulletin") + path)).status == 405
    monkeypatch.setattr(account.protocol, "connect_takes_basic", False)
    assert (await client.get("bulletin", path)).status == 401
    assert (await client.get("bulletin", path, params={"userId": USERNAME, "password": PASSWORD})).status == 200


async def submit(client: Client, emulator: Emulator, **fields: str) -> Reply:
    """Send a text."""
    url = f"{emulator.url('bulletin')}/api/3/sms/out"
    return await client.ask("POST", url, data={"to": "6421555001", "body": "Hello", **fields})


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"body": "é €"}, "é €"),
        ({"body": "ж ☺"}, "? ?"),
        ({"body": "ж ☺", "contentType": "text/plain; charset=UTF-16"}, "ж ☺"),
        ({"body": "a" * 481}, "a" * 480),
        ({"body": "a" * 481, "fragmentationLimit": "4"}, "a" * 481),
    ],
    ids=["plain", "lost", "unicode", "cut", "long"],
)
@pytest.mark.usefixtures("account")
async def test_submit(client: Client, emulator: Emulator, fields: dict[str, str], shown: str) -> None:
    """What is too long is cut, and letters are lost that the announced alphabet doesn't have."""
    assert (await submit(client, emulator, **fields)).status == 200
    assert [(each.recipient, each.text) for each in emulator.handsets.shown] == [("+6421555001", shown)]


async def test_submit_to_several(client: Client, emulator: Emulator, account: Account) -> None:
    """Spaces separate recipients, and one may be a name of the address book; a repeated id is no repeat."""
    account.extra["address_book"] = {"Family": ["6421555002", "6421555003"]}
    for _ in range(2):
        assert (await submit(client, emulator, to="6421555001 Family", messageId="m1")).status == 200
    assert [each.recipient[-1] for each in emulator.handsets.shown] == ["1", "2", "3"] * 2


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("fields", [{"to": "Nobody"}, {"body": ""}, {"messageId": "m" * 37}, {"from": "HOME"}])
async def test_submit_refused(client: Client, emulator: Emulator, fields: dict[str, str]) -> None:
    """What is missing, unknown, too long or not registered."""
    assert (await submit(client, emulator, **fields)).status == 400
    assert not emulator.handsets.shown


async def test_callbacks(client: Client, emulator: Emulator, account: Account) -> None:
    """A text's own callback gets its states and replies, other callbacks those of the account."""
    account.extra["senders"] = ["HOME"]
    template = "https://home.example/?id={!messageId}&s={!status}&b={!body}"
    assert (await submit(client, emulator, messageId="m1", callbackUrl=template)).status == 200
    assert (await submit(client, emulator, **{"messageId": "m2", "from": "HOME"})).status == 200
    first, second = account.messages
    reply = account.send("Yes", in_reply_to="m1")

    def states(message: Message, status: str, error: str = "") -> list[str]:
        message.status, message.error = status, error
        return [outgoing.url for outgoing in account.protocol.status_calls(message, account)]

    assert states(first, "sent") == ["https://home.example/?id=m1&s=SNT&b="]
    assert states(first, "delivered") == ["https://home.example/?id=m1&s=RCV&b="]
    assert states(first, "failed", "expired") == ["https://home.example/?id=m1&s=EXP&b="]
    assert states(second, "sent") == []
    assert [each.url for each in account.protocol.calls(reply, account)] == ["https://home.example/?id=m1&s=&b=Yes"]
    account.callback = "https://home.example/?id={!messageId}"
    assert states(second, "sent") == []
    account.callback += "&s={!status}"
    assert states(second, "failed") == ["https://home.example/?id=m2&s=ERR"]
