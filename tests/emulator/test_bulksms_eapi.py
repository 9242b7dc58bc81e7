"""The EAPI of BulkSMS as its pages describe it."""

from datetime import UTC, datetime

import pytest

from emulator import Account, Emulator

from .conftest import PASSWORD, USERNAME, Client, Reply

LOGIN = {"username": USERNAME, "password": PASSWORD}
INBOX = "/reception/get_inbox/1/1.1"
TIME = datetime(2011, 1, 20, 14, 6, 40, tzinfo=UTC)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """The account that the client asks for."""
    return emulator.add_account("bulksms_eapi", USERNAME, PASSWORD)


async def inbox(client: Client, last: object = 0, path: str = INBOX) -> Reply:
    """Ask for what came after a message."""
    params = {**LOGIN, "last_retrieved_id": str(last)}
    return await client.get("bulksms_eapi", path, headers={}, params=params)


async def test_documented_answer(client: Client, account: Account) -> None:
    """The sample of the documentation, with the bytes and the letter it has."""
    account.send("Hi there", sender="4412312345", recipient="44771234567", received_at=TIME, message_id="19")
    account.send(
        sender="4412312346",
        recipient="44771234568",
        received_at=TIME,
        message_id="20",
        data=b"#O4Z2KkR:",
        in_reply_to="7",
    )
    account.send("Unicode ☺", sender="4412312399", recipient="44771234568", received_at=TIME, message_id="21")
    reply = await inbox(client, 18)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.text == (
        "0|records to follow|3\n\n"
        "19|4412312345|Hi there|2011-01-20 16:06:40|44771234567|0|7bit\n"
        "20|4412312346|234f345a324b6b523a|2011-01-20 16:06:40|44771234568|7|8bit\n"
        "21|4412312399|Unicode ☺|2011-01-20 16:06:40|44771234568|0|16bit\n"
    )


@pytest.mark.usefixtures("account")
async def test_empty(client: Client) -> None:
    """An empty inbox says so."""
    assert (await inbox(client)).text == "0|records to follow|0\n\n"


@pytest.mark.parametrize(
    ("text", "options", "wire"),
    [
        ("a|b||c", {}, "a|b||c"),
        ("line1\nline2\r\nend", {}, r"line1\nline2\r\nend"),
        (r"C:\new", {}, r"C:\new"),
        ("", {}, ""),
        ("a\u2028b", {}, "a\u2028b"),
        ("😀", {"wire": "hex"}, "D83DDE00"),
        ("deadbeef", {}, "deadbeef"),
    ],
)
async def test_text(client: Client, account: Account, text: str, options: dict[str, str], wire: str) -> None:
    """Line breaks are escaped; pipes and backslashes are not."""
    account.send(text, message_id="5", **options)  # type: ignore[arg-type]
    record = (await inbox(client)).text.removeprefix("0|records to follow|1\n\n")
    assert record.startswith(f"5|+447700900123|{wire}|")
    assert record.count("\n") == 1


async def test_ids_ascend(client: Client, account: Account) -> None:
    """Only newer messages come, in the order of their numbers and not of their arrival."""
    for number in ("10", "9", "100", "3"):
        account.send("x", message_id=number)
    account.send("x", message_id="50", sent=True)
    records = (await inbox(client, 3)).text.splitlines()[2:]
    assert [record.split("|")[0] for record in records] == ["9", "10", "100"]
    assert (await inbox(client, 10**25)).text == "0|records to follow|0\n\n"


async def test_nothing_is_consumed(client: Client, account: Account) -> None:
    """The position is the client's affair."""
    message = account.send("Hi")
    assert (await inbox(client)).body == (await inbox(client)).body
    assert message.fetches == 2
    assert not message.read


async def test_pages(client: Client, account: Account) -> None:
    """At most 1000 records come, or as many as the account says."""
    for number in range(1, 1003):
        account.send("x", message_id=str(number))
    assert (await inbox(client)).text.startswith("0|records to follow|1000\n\n")
    assert (await inbox(client, 1000)).text.startswith("0|records to follow|2\n\n")
    account.page_size = 3
    assert (await inbox(client)).text.startswith("0|records to follow|3\n\n1|")


async def test_time_zone(client: Client, emulator: Emulator) -> None:
    """Times are in the account's zone, also across a change of clocks."""
    account = emulator.add_account("bulksms_eapi", USERNAME, PASSWORD, time_zone="Europe/London")
    account.send("x", received_at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    account.send("x", received_at=datetime(2026, 12, 1, 12, tzinfo=UTC))
    text = (await inbox(client)).text
    assert "|2026-07-01 13:00:00|" in text
    assert "|2026-12-01 12:00:00|" in text


async def test_old_version(client: Client, account: Account) -> None:
    """Version 1.0 has six fields."""
    account.send("Hello\nagain", sender="1", recipient="2", received_at=TIME, message_id="29")
    reply = await inbox(client, path="/reception/get_inbox/1/1.0")
    assert reply.text == "0|records to follow|1\n\n29|1|Hello\\nagain|2011-01-20 16:06:40|2|0\n"


async def test_raw(client: Client, account: Account) -> None:
    """A raw record takes the place of its number, again and again."""
    account.send("a", message_id="21")
    account.send_raw(b"22|447700900123|broken")
    assert int(account.send("c").message_id) > 22
    for _ in range(2):
        assert b"\n22|447700900123|broken\n" in (await inbox(client, 21)).body
    assert b"broken" not in (await inbox(client, 22)).body


async def test_raw_without_number(client: Client, account: Account) -> None:
    """A raw record without a number gets the next one."""
    raw = account.send_raw(b"\xffnonsense\n")
    assert (await inbox(client)).body == b"0|records to follow|1\n\n\xffnonsense\n"
    assert (await inbox(client, raw.message_id)).text == "0|records to follow|0\n\n"


async def test_post(client: Client, emulator: Emulator, account: Account) -> None:
    """A form works like a query."""
    account.send("Hi")
    data = {**LOGIN, "last_retrieved_id": "0"}
    reply = await client.ask("POST", emulator.url("bulksms_eapi") + INBOX, headers={}, data=data)
    assert "|Hi|" in reply.text


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"last_retrieved_id": "0"}, 23),
        ({"username": USERNAME, "last_retrieved_id": "0"}, 23),
        ({"username": USERNAME, "password": "wrong", "last_retrieved_id": "0"}, 23),
        ({"username": "nobody", "password": PASSWORD}, 23),
        (LOGIN, 24),
        ({**LOGIN, "last_retrieved_id": ""}, 24),
        ({**LOGIN, "last_retrieved_id": "1x"}, 24),
        ({**LOGIN, "last_retrieved_id": "-1"}, 24),
    ],
)
@pytest.mark.usefixtures("account")
async def test_errors(client: Client, params: dict[str, str], code: int) -> None:
    """Errors are 200 for HTTP, have a code, and end with a pipe; Basic means nothing here."""
    reply = await client.get("bulksms_eapi", INBOX, params=params)
    assert reply.status == 200
    assert reply.text.split("|")[0] == str(code)
    assert reply.text.endswith("|")
    assert reply.text.count("|") == 2


@pytest.mark.usefixtures("account")
async def test_credits(client: Client) -> None:
    """The harmless call to check credentials."""
    assert (await client.get("bulksms_eapi", "/user/get_credits/1/1.1", params=LOGIN)).text == "0|2101.15"
    wrong = {**LOGIN, "password": "wrong"}
    assert (await client.get("bulksms_eapi", "/user/get_credits/1/1.1", params=wrong)).text == "23|invalid credentials|"
    assert (await client.get("bulksms_eapi", "/user/unknown", params=LOGIN)).status == 404


@pytest.mark.usefixtures("account")
async def test_other_accounts(client: Client, emulator: Emulator) -> None:
    """An account sees its own messages only."""
    emulator.add_account("bulksms_eapi", "other", "password").send("not yours")
    assert (await inbox(client)).text == "0|records to follow|0\n\n"


@pytest.mark.parametrize("options", [{"message_id": "abc"}, {"wire": "java"}, {"sender": "a|b"}, {"recipient": "a\nb"}])
def test_unfit_messages(account: Account, options: dict[str, str]) -> None:
    """What the protocol can't carry is refused."""
    with pytest.raises(ValueError, match=r"\.$"):
        account.send("x", **options)  # type: ignore[arg-type]
    assert not account.messages
