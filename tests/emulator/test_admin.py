"""The admin API and the page."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
import json
from pathlib import Path
import re
from typing import Any

import pytest

import emulator as package
from emulator import Emulator
from emulator.registry import PROTOCOLS

from .conftest import PASSWORD, USERNAME, Client, until

LOGIN = {"provider": "bulletin", "username": USERNAME}


class Admin:
    """Asks the admin API."""

    def __init__(self, client: Client, emulator: Emulator) -> None:
        """Ask one emulator."""
        self._client = client
        self.emulator = emulator

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """Ask, and expect a status."""
        options = {"headers": {}, **options}
        reply = await self._client.ask(method, f"{self.emulator.root}/admin/{path}", **options)
        assert (reply.status, reply.headers["Content-Type"]) == (status, "application/json; charset=utf-8")
        return json.loads(reply.body)


@pytest.fixture
def admin(client: Client, emulator: Emulator) -> Admin:
    """The admin API."""
    return Admin(client, emulator)


async def test_accounts(admin: Admin, emulator: Emulator) -> None:
    """Accounts are made and listed, with what is entered to add them in Home Assistant."""
    account = {"provider": "bulksms_eapi", "username": USERNAME}
    made = await admin.ask("POST", "accounts", json={**account, "password": PASSWORD, "time_zone": "Europe/London"})
    expected = {
        **account,
        "password": PASSWORD,
        "time_zone": "Europe/London",
        "page_size": 1000,
        "url": emulator.url("bulksms_eapi"),
        "messages": 0,
        "callback": "",
        "has_webhook": False,
        "asked_at": None,
        "fields": [
            {"key": "username", "label": "Username", "value": USERNAME},
            {"key": "password", "label": "Password", "value": PASSWORD},
            {"key": "time_zone", "label": "Time zone", "value": "Europe/London"},
            {"key": "url", "label": "Server address", "value": emulator.url("bulksms_eapi")},
        ],
        "api_keys": [],
        "signing_key": [],
        "numbers": [],
    }
    assert made == expected
    await admin.ask("POST", "accounts", json={**account, "password": PASSWORD, "time_zone": None})
    assert await admin.ask("GET", "accounts") == {"accounts": [expected]}


@pytest.mark.parametrize("provider", PROTOCOLS)
async def test_made_up_account(admin: Admin, provider: str) -> None:
    """Without a user name and a password they are made up; the second time it is the same account."""
    made = await admin.ask("POST", "accounts", json={"provider": provider})
    assert made["username"]
    assert made["password"]
    await admin.ask("POST", "accounts", json={"provider": provider})
    assert await admin.ask("GET", "accounts") == {"accounts": [made]}


async def test_messages(admin: Admin, emulator: Emulator) -> None:
    """Messages are sent with all that they can have, and listed."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    emulator.add_account("bulksms", USERNAME, PASSWORD)
    fields = {
        "text": "Hi ☺",
        "sender": "MYBANK",
        "recipient": "2345",
        "in_reply_to": "default",
        "received_at": "2026-11-21T10:00:00+00:00",
        "message_id": "a1",
        "wire": "java",
        "encoding": "unicode",
        "sent": False,
    }
    answer = await admin.ask("POST", "messages", json={**LOGIN, **fields})
    assert answer == {"message_id": "a1", "message_ids": ["a1"]}
    await admin.ask("POST", "messages", json={"provider": "bulksms", "username": USERNAME, "data": "00ff"})
    assert account.messages[0].text == "Hi ☺"
    (listed,) = (await admin.ask("GET", "messages?provider=bulletin"))["messages"]
    assert {**LOGIN, **fields}.items() <= listed.items()
    assert (listed["read"], listed["fetched_at"], listed["fetches"]) == (False, None, 0)
    assert len((await admin.ask("GET", f"messages?username={USERNAME}"))["messages"]) == 2
    assert (await admin.ask("GET", "messages?username=other"))["messages"] == []


async def test_password(admin: Admin, client: Client, emulator: Emulator) -> None:
    """A password is changed: the old one is refused, the new one taken."""
    emulator.add_account("bulletin", USERNAME, "another")
    assert (await client.poll()).status == 401
    await admin.ask("POST", "password", json={**LOGIN, "password": PASSWORD})
    assert (await client.poll()).status == 204
    answer = await admin.ask("POST", "password", 400, json={**LOGIN, "username": "other", "password": PASSWORD})
    assert answer == {"error": "bulletin has no account other."}


async def test_raw_record(admin: Admin, client: Client, emulator: Emulator) -> None:
    """A record is handed out as it is, and is nothing but that."""
    emulator.add_account("bulletin", USERNAME, PASSWORD)
    answer = await admin.ask("POST", "messages", json={**LOGIN, "raw": "what=ever"})
    assert answer["message_ids"] == [answer["message_id"]]
    assert (await client.poll()).text == "what=ever"
    answer = await admin.ask("POST", "messages", 400, json={**LOGIN, "raw": "what", "sender": "1"})
    assert answer == {"error": "A raw record has no other fields."}


async def test_numbered_copies(admin: Admin, emulator: Emulator) -> None:
    """A count makes that many messages."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    answer = await admin.ask("POST", "messages", json={**LOGIN, "text": "No.", "count": 3})
    assert [message.text for message in account.messages] == ["No. 1", "No. 2", "No. 3"]
    assert answer["message_ids"] == [message.message_id for message in account.messages]
    assert answer["message_id"] == answer["message_ids"][-1]


@pytest.mark.usefixtures("emulator")
async def test_faults(admin: Admin, client: Client) -> None:
    """Faults are planned, shown and cleared."""
    fault = {"provider": "bulletin", "kind": "server_error", "count": None, "status": 502}
    answer = await admin.ask("POST", "faults", json=fault)
    shown = {**fault, "username": None, "path": None, "skip": 0, "where": {}, "retry_after": None, "consume": False}
    assert answer == {"faults": [shown]}
    assert (await client.poll()).status == 502
    assert (await admin.ask("GET", "state"))["faults"] == [shown]
    assert await admin.ask("DELETE", "faults") == {"faults": []}
    assert (await client.poll()).status == 401


async def test_aimed_fault(admin: Admin, client: Client, emulator: Emulator) -> None:
    """A fault can wait and be meant for some requests only; null is as good as nothing."""
    emulator.add_account("bulksms", USERNAME, PASSWORD)
    fault = {"provider": "bulksms", "kind": "server_error", "skip": 1, "where": {"limit": "5"}, "path": None}
    answer = await admin.ask("POST", "faults", json={**fault, "retry_after": None})
    assert fault.items() <= answer["faults"][0].items()
    paths = ("/messages", "/messages?limit=5", "/messages?limit=5")
    assert [(await client.get("bulksms", path)).status for path in paths] == [200, 200, 500]


async def test_clock(admin: Admin, client: Client, emulator: Emulator) -> None:
    """The vendors' clock is set, ahead or behind, and shown."""
    for seconds in (-3600, 0.5):
        answer = await admin.ask("POST", "clock", json={"seconds": seconds})
        ahead = datetime.fromisoformat(answer.pop("now")) - datetime.now(UTC)
        assert answer == {"seconds": seconds}
        assert abs(ahead.total_seconds() - seconds) < 60
        assert emulator.clock_offset == timedelta(seconds=seconds)
        assert (await admin.ask("GET", "state"))["clock_offset"] == seconds
    await admin.ask("POST", "reset", json={})
    assert not emulator.clock_offset
    assert abs(parsedate_to_datetime((await client.poll()).headers["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_book_and_requests(admin: Admin, client: Client, emulator: Emulator) -> None:
    """A watcher can ask for what is new; passwords in addresses are hidden."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    assert await admin.ask("GET", "book") == {"entries": [], "last": 0}
    for text in ("one", "two"):
        account.send(text)
        await client.poll(headers={}, params={"userId": USERNAME, "password": PASSWORD})
    book = await admin.ask("GET", "book?since=1")
    (entry,) = book["entries"]
    assert book["last"] == entry["number"] == 2
    assert (entry["text"], entry["username"], entry["provider"]) == ("two", USERNAME, "bulletin")
    assert await admin.ask("GET", "book?since=2") == {"entries": [], "last": 2}
    sent = await admin.ask("GET", "sent")
    assert [(entry["text"], entry["username"]) for entry in sent["entries"]] == [("one", USERNAME), ("two", USERNAME)]
    requests = (await admin.ask("GET", "requests"))["entries"]
    assert [request["number"] for request in requests] == [1, 2]
    assert requests[0]["url"] == "/bulletin/api/1/sms/in?userId=user&password=***"
    assert requests[0]["message_ids"] == [account.messages[0].message_id]
    assert "pass:word" in emulator.requests[0].url


async def test_state(admin: Admin, client: Client, emulator: Emulator) -> None:
    """The state has all that the page needs."""
    emulator.add_account("bulletin", USERNAME, PASSWORD).send("Hi")
    await client.poll()
    state = await admin.ask("GET", f"state?provider=bulletin&username={USERNAME}")
    assert [provider["key"] for provider in state["providers"]] == list(PROTOCOLS)
    assert [message["text"] for message in state["messages"]] == ["Hi"]
    assert (len(state["accounts"]), len(state["requests"])) == (1, 1)
    assert (await admin.ask("GET", "state?provider=bulletin&username=x"))["messages"] == []


async def test_handsets(admin: Admin, emulator: Emulator) -> None:
    """Phones are set up, what arrived there is listed, and what becomes of a text is reported by hand."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    away = {"number": "+447700900321", "reports": ["failed"], "error": "expired", "seconds": 0}
    assert await admin.ask("POST", "handsets", json=away) == {}
    failing = account.submit("Hello?", sender="HOUSE", recipient="+447700900321")
    await until(lambda: failing.status == "failed")
    assert failing.error == "expired"
    text = account.submit("Caf\u00e9", sender="HOUSE", recipient="+447700900123", shown="Caf?")
    answer = await admin.ask("GET", "handsets")
    (entry,) = answer["entries"]
    assert entry.pop("time")
    assert entry == {
        "number": 1,
        "provider": "bulksms",
        "username": USERNAME,
        "message_id": text.message_id,
        "recipient": "+447700900123",
        "sender": "HOUSE",
        "text": "Caf?",
        "parts": 1,
    }
    assert await admin.ask("GET", "handsets?since=1") == {"entries": [], "last": 1}
    report = {"provider": "bulksms", "username": USERNAME, "message_id": text.message_id, "status": "delivered"}
    assert await admin.ask("POST", "report", json=report) == {}
    listed = (await admin.ask("GET", f"state?provider=bulksms&username={USERNAME}"))["messages"]
    assert [(each["text"], each["shown"], each["status"], each["error"]) for each in listed] == [
        ("Hello?", None, "failed", "expired"),
        ("Caf\u00e9", "Caf?", "delivered", ""),
    ]


async def test_reset(admin: Admin, emulator: Emulator) -> None:
    """Everything is forgotten."""
    emulator.add_account("bulletin", USERNAME, PASSWORD).send("Hi")
    assert await admin.ask("POST", "reset", json={}) == {}
    assert await admin.ask("GET", "messages") == {"messages": []}
    assert await admin.ask("GET", "accounts") == {"accounts": []}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("accounts", {}),
        ("accounts", {**LOGIN}),
        ("accounts", {**LOGIN, "password": 5}),
        ("accounts", {**LOGIN, "password": "x", "colour": "red"}),
        ("accounts", {**LOGIN, "password": "another"}),
        ("accounts", {"provider": "nobody", "username": "x", "password": "x"}),
        ("accounts", {"provider": "bulletin", "username": "a:b", "password": "x"}),
        ("accounts", {"provider": "bulletin", "username": "", "password": "x"}),
        ("accounts", {**LOGIN, "password": PASSWORD, "time_zone": "Nowhere"}),
        ("accounts", {**LOGIN, "password": PASSWORD, "page_size": 0}),
        ("messages", {"provider": "bulletin", "text": "x"}),
        ("messages", {**LOGIN, "username": "unknown", "text": "x"}),
        ("messages", {**LOGIN, "text": ["x"]}),
        ("messages", {**LOGIN, "text": "\ud83d"}),
        ("messages", {**LOGIN, "wire": "smoke"}),
        ("messages", {**LOGIN, "sent": 1}),
        ("messages", {**LOGIN, "count": 0}),
        ("messages", {**LOGIN, "count": True}),
        ("messages", {**LOGIN, "count": 2, "message_id": "a"}),
        ("messages", {**LOGIN, "data": "xyz"}),
        ("messages", {**LOGIN, "received_at": "yesterday"}),
        ("messages", {**LOGIN, "received_at": "2026-11-21T10:00:00"}),
        ("faults", {"provider": "bulletin"}),
        ("faults", {"provider": "bulletin", "kind": "unknown"}),
        ("faults", {"provider": "bulletin", "kind": "html", "count": "3"}),
        ("faults", {"provider": "bulletin", "kind": "html", "seconds": 3}),
        ("faults", {"provider": "bulletin", "kind": "html", "skip": -1}),
        ("faults", {"provider": "bulletin", "kind": "html", "skip": "1"}),
        ("faults", {"provider": "bulletin", "kind": "html", "where": "page=2"}),
        ("faults", {"provider": "bulletin", "kind": "html", "where": {"page": 2}}),
        ("clock", {}),
        ("clock", {"seconds": "5"}),
        ("clock", {"seconds": True}),
        ("clock", {"seconds": 1e10}),
        ("clock", {"seconds": float("nan")}),
        ("handsets", {"reports": ["sent"]}),
        ("handsets", {"number": "+447700900123", "reports": ["read"]}),
        ("handsets", {"number": "+447700900123", "reports": [1]}),
        ("handsets", {"number": "+447700900123", "reports": ["failed"], "error": "eaten"}),
        ("handsets", {"number": "+447700900123", "reports": ["sent"], "error": "expired"}),
        ("report", {**LOGIN, "status": "sent"}),
        ("report", {**LOGIN, "message_id": "unknown", "status": "sent"}),
        ("reset", {"really": True}),
        ("reset", []),
    ],
)
async def test_bad_input(admin: Admin, emulator: Emulator, path: str, fields: Any) -> None:
    """Bad input gets a sentence and changes nothing."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    answer = await admin.ask("POST", path, 400, json=fields)
    assert list(answer) == ["error"]
    assert answer["error"]
    assert (len(emulator.accounts), account.messages, emulator.faults.pending) == (1, [], [])


@pytest.mark.parametrize("path", ["accounts", "messages", "faults", "reset"])
async def test_other_sites_are_refused(admin: Admin, emulator: Emulator, path: str) -> None:
    """What a page of another site could send is refused."""
    emulator.add_account("bulletin", USERNAME, PASSWORD)
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await admin.ask("POST", path, 400, data=b"{}", headers={"Content-Type": content_type})
        assert "application/json" in answer["error"]
    assert emulator.accounts


async def test_more_bad_requests(admin: Admin, client: Client, emulator: Emulator) -> None:
    """Broken JSON, a strange number and an unknown address get a sentence, too."""
    options = {"headers": {"Content-Type": "application/json"}, "data": b"{"}
    reply = await client.ask("POST", f"{emulator.root}/admin/reset", **options)
    assert (reply.status, json.loads(reply.body)) == (400, {"error": "The body is not JSON."})
    assert "since" in (await admin.ask("GET", "book?since=x", 400))["error"]
    await admin.ask("GET", "unknown", 404)
    await admin.ask("PUT", "accounts", 404)
    assert (await client.ask("GET", f"{emulator.root}/unknown/x")).status == 404


async def test_page(client: Client, emulator: Emulator) -> None:
    """The page needs nothing from elsewhere, and may not."""
    reply = await client.ask("GET", f"{emulator.root}/", headers={})
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.text == Path(package.__file__).with_name("page.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", reply.text)


async def test_page_puts_text_as_text(client: Client, emulator: Emulator) -> None:
    """A text message can't become a part of the page."""
    page = (await client.ask("GET", f"{emulator.root}/", headers={})).text
    for dangerous in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert dangerous not in page
