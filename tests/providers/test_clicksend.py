"""ClickSend: the row, the walk through the list, and marking read one by one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import re
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.clicksend import ClickSend
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
import emulator as emulation
from emulator import Emulator, clicksend as emulated
from emulator.clicksend import ClickSend as Protocol

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, by_time, drain, new, poll, walk

SAMPLE = (Path(__file__).parents[1] / "fixtures/clicksend/inbound").read_text()
ROW: dict[str, Any] = {
    "timestamp": 1795255200,
    "from": "+447700900123",
    "body": "Hi|\n😀",
    "original_body": "What do you say?",
    "original_message_id": "373F7121-8089-42FA-8F5C-8F8F7C18DFAA",
    "to": "+61411111111",
    "custom_string": "",
    "message_id": "C557B56E-83C0-4070-A74C-9BF05474B418",
    "_keyword": "Hi",
    "brandNew": {"a": 1},
}
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
NAME = "SMS Inbox 1a2b3c4d"
URL_A, URL_B = "https://home.example/api/webhook/abc", "https://home.example/api/webhook/def"
THEIRS: dict[str, Any] = {
    "id": 7,
    "dedicated_number": "*",
    "rule_name": NAME,
    "message_search_type": 1,
    "message_search_term": "STOP",
    "action": "EMAIL_FIXED",
    "action_address": "someone@example.com",
    "body": None,
    "enabled": 1,
}
POLL: dict[str, Any] = THEIRS | {"id": 8, "rule_name": "Poll", "action": "POLL", "action_address": ""}

type Fetch = Callable[..., Awaitable[Page]]


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: CannedAnswers) -> ClickSend:
    """Return the provider of an account that gets canned answers."""
    return ClickSend(session, Account(username=USERNAME, password=PASSWORD, url=canned.url("/v3")))


@pytest.fixture
def fetch(provider: ClickSend, canned: CannedAnswers) -> Fetch:
    """Return what fetches one canned answer: rows, or a whole body."""

    async def fetch(rows: Any) -> Page:
        data = {"total": 1, "current_page": 1, "last_page": 1, "data": rows}
        canned.answer = {"text": rows if isinstance(rows, str) else json.dumps({"http_code": 200, "data": data})}
        return await provider.fetch({})

    return fetch


@pytest.fixture
def account(emulator: Emulator) -> emulation.Account:
    """Return the account at the emulator."""
    return emulator.add_account("clicksend", USERNAME, PASSWORD)


def asked(emulator: Emulator, method: str) -> list[str]:
    """Return what was asked for since the last time: the pages of the list, or the ids that were marked read."""
    urls = [URL(request.url) for request in emulator.requests if request.method == method]
    emulator.requests.clear()
    return [url.query.get("page") or url.name for url in urls]


async def test_message(fetch: Fetch, canned: CannedAnswers) -> None:
    """All fields of a row."""
    page = await fetch([ROW])
    [message] = page.messages
    assert re.fullmatch(r"C557B56E-83C0-4070-A74C-9BF05474B418-1795255200-[0-9a-f]{8}", message.message_id)
    assert (message.sender, message.recipient) == ("+447700900123", "+61411111111")
    assert (message.text, message.encoding, message.data) == ("Hi|\n😀", "unicode", None)
    assert message.received_at == TEN
    assert message.in_reply_to == "373F7121-8089-42FA-8F5C-8F8F7C18DFAA"
    assert json.loads(message.raw) == ROW
    assert (page.cursor, page.more) == ({"since": TEN.isoformat()}, False)
    [request] = canned.asked
    assert (request.method, request.url.path) == ("GET", "/v3/sms/inbound")
    assert dict(request.url.query) == {"page": "1", "limit": "100"}
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth(USERNAME, PASSWORD)


async def test_sample(fetch: Fetch, provider: ClickSend, canned: CannedAnswers) -> None:
    """Three rows with one id are three messages, oldest first, which are marked read at once (V50)."""
    page = await fetch(SAMPLE)
    assert [message.text.split()[0] for message in page.messages] == ["Jelly", "Lemon", "Liquorice"]
    assert len({message.message_id for message in page.messages}) == 3
    await provider.acknowledge(page)
    assert [request.url.path for request in canned.asked if request.method == "PUT"] == [
        "/v3/sms/inbound-read/C557B56E-83C0-4070-A74C-9BF05474B418"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timestamp": "1795255200"}, {"received_at": TEN}),
        ({"timestamp": None, "timestamp_send": 1795255200}, {"received_at": TEN}),
        ({"timestamp": None}, {"received_at": None}),
        ({"timestamp": "2026-11-21"}, {"received_at": None}),
        ({"timestamp": 10**30}, {"received_at": None}),
        ({"timestamp": "9" * 5000}, {"received_at": None}),
        ({"from": None}, {"sender": ""}),
        ({"to": None}, {"recipient": None}),
        ({"body": None}, {"text": "", "encoding": "text"}),
        ({"body": "a\x00b"}, {"text": "a\x00b", "encoding": "text"}),
        ({"body": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"original_message_id": None}, {"in_reply_to": None}),
        ({"original_message_id": ""}, {"in_reply_to": None}),
    ],
)
async def test_fields(fetch: Fetch, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch([ROW | change])).messages
    assert {name: getattr(message, name) for name in expected} == expected


async def test_list_without_rows(fetch: Fetch) -> None:
    """An empty list may leave out its rows."""
    page = await fetch(json.dumps({"http_code": 200, "data": {"total": 0, "current_page": 1, "last_page": 0}}))
    assert (page.messages, page.more) == ((), False)


async def test_several_rules(fetch: Fetch) -> None:
    """A message that is listed once for each rule is one; what has another id, time, sender or text is another."""
    others = [{"message_id": "7"}, {"timestamp": ROW["timestamp"] + 1}, {"from": "+1"}, {"body": "Hi"}]
    page = await fetch([ROW, ROW, *(ROW | other for other in others), ROW])
    assert len(page.messages) == len({message.message_id for message in page.messages}) == 1 + len(others)


@pytest.mark.parametrize("row", ["text", None, ["list"], {"body": "no id"}, {"message_id": "", "body": "no id"}])
async def test_row_that_is_no_message(fetch: Fetch, provider: ClickSend, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch([row, ROW])
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]
    await provider.acknowledge(page)


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"data": null}', '{"data": {"data": []}}', '{"data": {"data": {}, "last_page": 1}}', "<html>"],
)
async def test_what_is_no_list(fetch: Fetch, body: str) -> None:
    """What the API never says is told apart."""
    with pytest.raises(ProtocolError):
        await fetch(body)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({"user_id": 3819, "username": "X", "_subaccount": {"subaccount_id": 1716, "api_key": "k"}}, "3819-1716"),
        ({"user_id": 3819, "_subaccount": None}, "3819"),
    ],
)
async def test_identity(provider: ClickSend, canned: CannedAnswers, account: dict[str, Any], expected: str) -> None:
    """Subaccounts are accounts of their own."""
    canned.answer = {"text": json.dumps({"http_code": 200, "data": account})}
    identity = await provider.validate()
    assert identity.account_id == expected


@pytest.mark.parametrize(
    "flags", [{"active": 0}, {"active": "0"}, {"active": False}, {"active": 1, "banned": 1}, {"banned": "1"}]
)
async def test_inactive_account(provider: ClickSend, canned: CannedAnswers, flags: dict[str, Any]) -> None:
    """That is no matter of the credentials, though they are taken."""
    canned.answer = {"text": json.dumps({"http_code": 200, "data": {"user_id": 3819, **flags}})}
    with pytest.raises(ConfigurationError) as raised:
        await provider.validate()
    assert raised.value.hint == "account_suspended"


@pytest.mark.parametrize("status", [401, 403, 404, 400, 429, 503])
async def test_validation_reads_the_list(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, status: int
) -> None:
    """Credentials are only accepted if the list can be read with them; that there is no such page is no matter."""
    code = {400: "BAD_REQUEST", 404: "NOT_FOUND"}.get(status, "")
    emulator.fault("clicksend", "refused", path="inbound", http=status, code=code)
    if status in (400, 404):
        assert (await make_provider("clicksend").validate()).account_id
    else:
        with pytest.raises(ProviderError, match=str(status)):
            await make_provider("clicksend").validate()
    assert not account.messages


async def test_subaccount_without_access(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: emulation.Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which right it lacks is told."""
    profile = emulated._profile(account)  # noqa: SLF001
    without = {**profile, "_subaccount": {**profile["_subaccount"], "access_sms": 0}}
    monkeypatch.setattr(emulated, "_profile", lambda _: without)
    assert (await make_provider("clicksend").validate()).account_id
    emulator.fault("clicksend", "refused", path="inbound")
    with pytest.raises(ConfigurationError) as raised:
        await make_provider("clicksend").validate()
    assert raised.value.hint == "subaccount"


@pytest.mark.parametrize(
    ("http", "code", "message", "error", "hint"),
    [
        (401, "UNAUTHORIZED", "Authorization failed.", AuthenticationError, None),
        (401, "UNAUTHORIZED", "Your API key has been disabled.", AuthenticationError, None),
        (401, "UNAUTHORIZED", "Your account is not active.", ConfigurationError, "account_suspended"),
        (401, "UNAUTHORIZED", "This account has been banned", ConfigurationError, "account_suspended"),
        (401, "UNAUTHORIZED", "Your trial has expired.", ConfigurationError, "expired"),
        (403, "FORBIDDEN", "", ConfigurationError, None),
        (403, "FORBIDDEN", "Subaccounts have no access to this.", ConfigurationError, "subaccount"),
        (403, "ACCOUNT_NOT_ACTIVATED", "", ConfigurationError, "account_suspended"),
        (403, "ACCOUNT_SUSPENDED", "", ConfigurationError, "account_suspended"),
        (403, "NOT_ENOUGH_PERMISSION_TO_LIST_ID", "", ConfigurationError, "missing_permission"),
        (400, "INVALID_CREDENTIALS", "", AuthenticationError, None),
        (400, "BAD_REQUEST", "", ConfigurationError, None),
        (200, "UNAUTHORIZED", "", AuthenticationError, None),
        (200, "INVALID_CREDENTIALS", "", AuthenticationError, None),
        (200, "FORBIDDEN", "Account locked.", ConfigurationError, "account_suspended"),
        (200, "INSUFFICIENT_CREDIT", "", ConfigurationError, "no_credit"),
        (200, "TOO_MANY_REQUESTS", "", RateLimitedError, None),
        (200, "INTERNAL_SERVER_ERROR", "Account service is disabled.", TemporaryError, None),
        (200, "SOMETHING_NEW", "", ProtocolError, None),
        (500, "INTERNAL_SERVER_ERROR", "", TemporaryError, None),
        (429, "TOO_MANY_REQUESTS", "", RateLimitedError, None),
    ],
)
@pytest.mark.parametrize("call", ["validate", "fetch"])
async def test_words_of_refusal(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: emulation.Account,
    http: int,
    code: str,
    message: str,
    error: type[ProviderError],
    hint: str | None,
    call: str,
) -> None:
    """An answer is the error that its code means, whatever its status; who can't be helped by a login isn't asked."""
    emulator.fault("clicksend", "refused", http=http, code=code, message=message)
    provider = make_provider("clicksend")
    with pytest.raises(error) as raised:
        await (provider.validate() if call == "validate" else provider.fetch({}))
    assert (type(raised.value), raised.value.hint) == (error, hint)
    assert str(raised.value) == f"HTTP status {http}, {code}"
    assert not account.messages


@pytest.mark.parametrize(("username", "hint"), [("notactive", "account_suspended"), ("banned", "account_suspended")])
async def test_logins_for_tests(session: aiohttp.ClientSession, emulator: Emulator, username: str, hint: str) -> None:
    """The vendor has usernames for trying its refusals."""
    emulator.add_account("clicksend", username, PASSWORD)
    account = Account(username=username, password=PASSWORD, url=emulator.url("clicksend"))
    with pytest.raises(ConfigurationError) as raised:
        await ClickSend(session, account).validate()
    assert raised.value.hint == hint


@pytest.mark.parametrize("body", ["[]", '{"data": null}', '{"data": {"username": "anna"}}'])
async def test_account_without_an_id(provider: ClickSend, canned: CannedAnswers, body: str) -> None:
    """An answer that names no account proves nothing."""
    canned.answer = {"text": body}
    with pytest.raises(ProtocolError):
        await provider.validate()


async def test_vanishing(emulator: Emulator, make_provider: MakeProvider, account: emulation.Account) -> None:
    """What is marked read is neither listed nor marked again."""
    provider = make_provider("clicksend")
    account.send("Hello", message_id="a-1")
    messages, page = await drain(provider)
    assert (asked(emulator, "PUT"), account.messages[0].read) == (["a-1"], True)
    account.send("Again", message_id="a-2")
    again, page = await drain(provider, page.cursor)
    assert [message.text for message in new(again, messages)] == ["Again"]
    assert (asked(emulator, "PUT"), page.unreadable) == (["a-2"], ())
    nothing, last = await drain(provider, page.cursor)
    assert (nothing, last.cursor) == ([], page.cursor)


async def test_staying(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the list goes on showing what is read, each message is marked once, and not once more with the next."""
    monkeypatch.setattr(Protocol, "hides_read", False)
    provider = make_provider("clicksend")
    account.send("Hello", message_id="a-1")
    _, page = await drain(provider)
    assert asked(emulator, "PUT") == ["a-1"]
    account.send("Again", message_id="a-2")
    messages, page = await drain(provider, page.cursor)
    assert [message.text for message in messages] == ["Again"]
    assert asked(emulator, "PUT") == ["a-2"]
    assert (await drain(provider, page.cursor))[1].cursor == page.cursor
    assert asked(emulator, "PUT") == []


async def test_two_rules_list_all_twice(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account
) -> None:
    """Equal rows are one message, and marking its id once takes away all of them."""
    account.places.append(POLL | {"message_search_type": 0})
    account.send("Hello", message_id="a", received_at=TEN)
    account.send("Other", message_id="a", received_at=TEN)
    messages, page = await drain(make_provider("clicksend"))
    assert sorted(message.text for message in messages) == ["Hello", "Other"]
    assert asked(emulator, "PUT") == ["a"]
    assert (await drain(make_provider("clicksend"), page.cursor))[0] == []


async def test_more_than_a_page(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, freezer: FrozenDateTimeFactory
) -> None:
    """All come at once, and are marked after the walk, in some polls; then a poll is one request."""
    for number in range(101):
        account.send(str(number), message_id=str(number), received_at=TEN + timedelta(seconds=number))
    provider = make_provider("clicksend")
    messages, page = await drain(provider)
    assert sorted(int(message.text) for message in messages) == list(range(101))
    urls = [(request.method, URL(request.url).query.get("page")) for request in emulator.requests]
    assert urls[:3] == [("GET", "1"), ("GET", "2"), ("PUT", None)]
    for _ in range(10):
        freezer.tick(30)
        again, page = await drain(provider, page.cursor)
        assert again == []
    assert all(message.read for message in account.messages)
    emulator.requests.clear()
    await drain(provider, page.cursor)
    assert len(emulator.requests) == 1


async def test_few_at_once(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, freezer: FrozenDateTimeFactory
) -> None:
    """A backlog is marked read little by little, the oldest first, so that the rate limit holds up no message."""
    provider = make_provider("clicksend")
    for number in range(25):
        account.send("x", message_id=str(number), received_at=TEN + timedelta(seconds=number))
    marked, steps, cursor = [], [], {}
    for _ in range(4):
        pages = await poll(provider, cursor)
        cursor = dict(pages[-1].cursor)
        marked.append(sorted(map(int, asked(emulator, "PUT"))))
        steps.append(len(pages))
        freezer.tick(30)
    assert marked == [list(range(10)), list(range(10, 20)), list(range(20, 25)), []]
    assert steps == [2, 2, 1, 1]


async def test_new_message_while_there_is_more_to_mark(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account
) -> None:
    """It is returned before the next step of marking."""
    provider = make_provider("clicksend")
    for number in range(8):
        account.send("x", message_id=str(number))
    page = await provider.fetch({})
    assert await provider.acknowledge(page)
    account.send("New")
    page = await provider.fetch(page.cursor)
    assert [message.text for message in page.messages] == ["New"]
    assert len(asked(emulator, "PUT")) == 5


async def test_nothing_is_marked_while_pages_are_read(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account
) -> None:
    """Marked rows leave the list, so others would move up to pages that were read before."""
    provider = make_provider("clicksend")
    account.page_size = 3
    for number in range(9):
        account.send(str(number), received_at=TEN + timedelta(seconds=number))
    messages, page, number = [], await provider.fetch({}), 1
    while page.more:
        messages += page.messages
        assert not await provider.acknowledge(page)
        page, number = await provider.fetch(page.cursor), number + 1
    messages += page.messages
    assert (asked(emulator, "PUT"), number) == ([], 3)
    assert await provider.acknowledge(page)
    assert asked(emulator, "PUT") != []
    assert [message.text for message in by_time(messages)] == list("012345678")


@pytest.mark.parametrize(
    ("options", "error"), [({"status": 500}, TemporaryError), ({"status": 418}, ProtocolError)], ids=["500", "418"]
)
async def test_one_that_fails(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: emulation.Account,
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """It is told, stops no other, and is tried again (V50)."""
    provider = make_provider("clicksend")
    for message_id in ("a", "bad", "c"):
        account.send("x", message_id=message_id)
    emulator.fault("clicksend", "server_error", path="/bad", **options)
    page = await provider.fetch({})
    with pytest.raises(error):
        await provider.acknowledge(page)
    assert [message.read for message in account.messages] == [True, False, True]
    emulator.requests.clear()
    _, page = await drain(provider, page.cursor)
    assert asked(emulator, "PUT") == ["bad"]


async def test_rate_limit(emulator: Emulator, make_provider: MakeProvider, account: emulation.Account) -> None:
    """How long to wait is told."""
    provider = make_provider("clicksend")
    account.send("x")
    emulator.fault("clicksend", "rate_limited", path="inbound-read", retry_after=40)
    page = await provider.fetch({})
    with pytest.raises(RateLimitedError) as raised:
        await provider.acknowledge(page)
    assert raised.value.retry_after == 40


async def test_refused(emulator: Emulator, make_provider: MakeProvider, account: emulation.Account) -> None:
    """What the vendor will not mark read, since it is or since we may not, is no error and not asked for again."""
    provider = make_provider("clicksend")
    account.send("x", message_id="a")
    account.send("y", message_id="b")
    page = await provider.fetch({})
    account.messages.pop(0)
    assert not await provider.acknowledge(page)
    assert sorted(asked(emulator, "PUT")) == ["a", "b"]
    await drain(provider, page.cursor)
    assert asked(emulator, "PUT") == []


@pytest.mark.parametrize("http", [401, 403, 200])
async def test_account_that_is_closed_while_marking(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, http: int
) -> None:
    """It isn't taken for a message that is read already: it is marked once the account is open again."""
    provider = make_provider("clicksend")
    account.send("x", message_id="a")
    emulator.fault("clicksend", "refused", path="inbound-read", http=http, code="ACCOUNT_NOT_ACTIVATED")
    page = await provider.fetch({})
    with pytest.raises(ConfigurationError):
        await provider.acknowledge(page)
    await drain(provider, page.cursor)
    assert asked(emulator, "PUT") == ["a", "a"]


async def test_never_all_at_once(fetch: Fetch, provider: ClickSend, canned: CannedAnswers) -> None:
    """No id that a row may have becomes the address that marks all messages read (V50)."""
    odd = ["", ".", "..", "/", "../inbound-read", "a/..", "?", "#", "%2e", " ", "é", "a\n", {"a": 1}, ["a"], 7]
    page = await fetch([ROW | {"message_id": id_, "body": str(id_)} for id_ in odd])
    assert len(page.messages) == len(odd) - 1
    await provider.acknowledge(page)
    assert [request.url.raw_path for request in canned.asked[1:]] == ["/v3/sms/inbound-read/7"]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    ("days", "forwards", "backwards"),
    [
        # Pages of three, of which the last may be shorter; what counts are the two days before the latest message.
        ([0, 0, 0, 0, 0, 0, 0], "123", "132"),
        ([9, 9, 9, 9, 9, 9, 0], "12", "132"),
        ([9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 0], "123", "1432"),
        ([9, 8, 7, 6, 5, 4, 3, 3, 3], "1", "13"),
        ([9, 9, 9, 9, 0, 0, 0, 0], "123", "132"),
    ],
)
async def test_growing_list(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: emulation.Account,
    monkeypatch: pytest.MonkeyPatch,
    *,
    newest_first: bool,
    days: list[int],
    forwards: str,
    backwards: str,
) -> None:
    """A list that never ends is read down to two days before the latest message, whichever end is first."""
    monkeypatch.setattr(Protocol, "hides_read", False)
    monkeypatch.setattr(Protocol, "newest_first", newest_first)
    account.page_size = 3
    for number, day in enumerate(days):
        account.send(f"Message {number}", received_at=TEN - timedelta(days=day, seconds=-number))
    provider = make_provider("clicksend")
    messages = [message for page in await walk(provider, {"since": TEN.isoformat()}) for message in page.messages]
    recent = {f"Message {number}" for number, day in enumerate(days) if day < 2}
    assert recent <= {message.text for message in messages}
    pages = "".join(asked(emulator, "GET"))
    assert pages == (forwards if newest_first else backwards)
    whole, _ = await drain(make_provider("clicksend"))
    assert [message.text for message in by_time(whole)] == [f"Message {number}" for number in range(len(days))]


@pytest.mark.parametrize("newest_first", [True, False])
async def test_new_message_in_a_growing_list(
    make_provider: MakeProvider, account: emulation.Account, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    """It is found at whichever end it is."""
    monkeypatch.setattr(Protocol, "hides_read", False)
    monkeypatch.setattr(Protocol, "newest_first", newest_first)
    account.page_size = 3
    for number in range(10):
        account.send(f"Message {number}", received_at=TEN + timedelta(seconds=number))
    provider = make_provider("clicksend")
    _, page = await drain(provider)
    for number in range(5):
        account.send(f"New {number}", received_at=TEN + timedelta(minutes=number + 1))
        messages, page = await drain(provider, page.cursor)
        assert [message.text for message in messages] == [f"New {number}"]


async def test_first_walk(make_provider: MakeProvider, account: emulation.Account) -> None:
    """The first time all is read, however old it is."""
    account.page_size = 3
    for days in (68, 67, 66, 65, 64, 63, 0):
        account.send(f"{days} days", received_at=datetime.now(UTC) - timedelta(days=days))
    assert len((await drain(make_provider("clicksend")))[0]) == 7


async def test_message_that_comes_during_the_walk(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It pushes others on to the next page, even to one that was not there: none is passed over, none comes twice."""
    account.page_size = 3
    for number in range(6):
        account.send(f"Message {number}", received_at=TEN + timedelta(seconds=number))
    listed = Protocol._list  # noqa: SLF001

    def send_and_list(protocol: Protocol, *args: Any) -> Any:
        answer = listed(protocol, *args)
        if len(account.messages) == 6:
            account.send("Message 6", received_at=TEN + timedelta(seconds=6))
        return answer

    monkeypatch.setattr(Protocol, "_list", send_and_list)
    provider = make_provider("clicksend")
    pages = await walk(provider)
    pages += await walk(provider, pages[-1].cursor)
    messages = [message for page in pages for message in page.messages]
    assert asked(emulator, "GET") == ["1", "2", "3", "1", "2"]
    assert sorted(message.text for message in messages) == [f"Message {number}" for number in range(7)]


@pytest.mark.parametrize("rule_id", ["inbound_rule_id", "sms_inbound_rule_id"])
@pytest.mark.parametrize("shows_webhook_type", [True, False])
async def test_rule_of_ours(
    make_provider: MakeProvider,
    account: emulation.Account,
    monkeypatch: pytest.MonkeyPatch,
    rule_id: str,
    *,
    shows_webhook_type: bool,
) -> None:
    """A rule of our name that calls a URL is made, changed and deleted; of the others, on any page, none is touched."""
    monkeypatch.setattr(Protocol, "rule_id", rule_id)
    monkeypatch.setattr(Protocol, "shows_webhook_type", shows_webhook_type)
    account.page_size = 2
    others = [THEIRS, THEIRS | {"id": 8, "action": "URL", "rule_name": f"{NAME}x"}, POLL | {"id": 9, "rule_name": NAME}]
    account.places = [dict(rule) for rule in others]
    provider = make_provider("clicksend")
    [place] = await provider.webhook_places(NAME)
    assert (place.place_id, place.name, place.url) == (NAME, NAME, "")
    await provider.set_webhook(NAME, URL_A)
    rule = {
        "dedicated_number": "*",
        "rule_name": NAME,
        "message_search_type": 0,
        "message_search_term": "*",
        "action": "URL",
        "action_address": URL_A,
        "enabled": 1,
        "webhook_type": "post",
        "body": None,
        "id": 10,
    }
    assert account.places == [*others, rule]
    account.places += [POLL | {"id": number, "rule_name": "x"} for number in range(20, 25)]
    await provider.set_webhook(NAME, URL_B)
    assert account.places[3] == rule | {"action_address": URL_B}
    assert [place.url for place in await provider.webhook_places(NAME)] == [URL_B]
    await provider.set_webhook(NAME, "")
    assert [rule["id"] for rule in account.places] == [7, 8, 9, 20, 21, 22, 23, 24]
    assert account.places[:3] == others


@pytest.mark.parametrize("change", [{"enabled": 0}, {"webhook_type": "json"}, {"action_address": URL_B}])
async def test_rule_of_ours_that_was_changed(
    emulator: Emulator, make_provider: MakeProvider, account: emulation.Account, change: dict[str, Any]
) -> None:
    """It is put right where it would not call us, and for which messages it is stays; a second one is deleted."""
    provider = make_provider("clicksend")
    ours = THEIRS | {"action": "URL", "action_address": URL_A, "webhook_type": "post"}
    account.places = [dict(ours | change), dict(ours | change | {"id": 9})]
    await provider.set_webhook(NAME, URL_A)
    [kept] = account.places
    assert {**kept, "id": 7} == ours
    emulator.requests.clear()
    await provider.set_webhook(NAME, URL_A)
    assert [request.method for request in emulator.requests] == ["GET"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], ("no_poll_rule",)),
        ([THEIRS], ("no_poll_rule",)),
        ([POLL | {"enabled": 0}], ("no_poll_rule",)),
        ([POLL], ()),
        ([POLL, POLL | {"id": 9}], ()),
        ([POLL, *(THEIRS | {"id": number} for number in range(20, 29))], ()),
        ([POLL | {"enabled": "1"}], ()),
    ],
    ids=["none", "another", "disabled", "one", "two", "on another page", "text"],
)
async def test_rule_that_lists(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: emulation.Account,
    rules: list[dict[str, Any]],
    expected: tuple[str, ...],
) -> None:
    """Without a rule with the action POLL nothing is listed; one is made that lists all, and never a second one."""
    account.page_size = 3
    account.places = [dict(rule) for rule in rules]
    provider = make_provider("clicksend")
    assert await provider.problems() == expected
    emulator.requests.clear()
    for _ in range(2):
        await provider.solve("no_poll_rule")
    made = [request for request in emulator.requests if request.method != "GET"]
    assert [request.method for request in made] == ["POST"] * len(expected)
    assert account.places[: len(rules)] == rules
    assert await provider.problems() == ()
    if expected:
        account.send("Hello")
        assert [message.text for message in (await drain(provider))[0]] == ["Hello"]


async def test_rule_that_listed(make_provider: MakeProvider, account: emulation.Account) -> None:
    """The one that we made is switched on again."""
    account.places = []
    provider = make_provider("clicksend")
    await provider.solve("no_poll_rule")
    [rule] = account.places
    rule["enabled"] = 0
    await provider.solve("no_poll_rule")
    assert [rule["enabled"] for rule in account.places] == [1]
    assert account.places == [rule]


async def test_unknown_problem(make_provider: MakeProvider, account: emulation.Account) -> None:
    """Nothing is done about it."""
    before = list(account.places)
    with pytest.raises(NotImplementedError):
        await make_provider("clicksend").solve("something else")
    assert account.places == before


@pytest.mark.parametrize("rows", [["x", None, 5, [], {}], [{"action": "URL", "rule_name": NAME}]])
async def test_odd_rules(provider: ClickSend, canned: CannedAnswers, rows: list[Any]) -> None:
    """They are passed over; one of ours without an id can't be changed, and no address is made of what is none."""
    data = {"total": 1, "current_page": 1, "last_page": 1, "data": rows}
    canned.answer = {"text": json.dumps({"http_code": 200, "response_code": "SUCCESS", "data": data})}
    assert await provider.problems() == ("no_poll_rule",)
    assert [place.url for place in await provider.webhook_places(NAME)] == [""]
    if len(rows) == 1:
        for odd in ("", "..", "1/../2", {"a": 1}):
            canned.answer = {"text": json.dumps({"data": {**data, "data": [{**rows[0], "inbound_rule_id": odd}]}})}
            with pytest.raises(ProtocolError):
                await provider.set_webhook(NAME, "")
        assert {request.method for request in canned.asked} == {"GET"}


async def test_rules_without_end(provider: ClickSend, canned: CannedAnswers) -> None:
    """A list that goes on for ever is told apart."""
    data = {"total": 1, "current_page": 1, "last_page": 10**9, "data": [{"action": "NONE"}]}
    canned.answer = {"text": json.dumps({"data": data})}
    with pytest.raises(ProtocolError, match="end"):
        await provider.problems()
    assert len(canned.asked) == 100
