"""The vendors' OpenAPI descriptions, as APIs.guru collects them, judge the emulator's answers: status, type and body.

openapi-core judges, in a process of its own. Where a description is wrong, it is amended here, and each amendment
says why.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from emulator import Account, Emulator, twilio_account as state
from tests.conftest import PASSWORD, USERNAME

from .libraries import ask_library

SID = "AC0123456789abcdef0123456789abcdef"
TIME = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)  # the vendors show some days

type Amendments = Mapping[str, Any]

ERROR = {"$ref": "#/components/responses/bad-request"}
MESSAGE = "components schemas Message properties"
BULKSMS: Amendments = {
    # "Has a value only if" the message was sent, answers another, or failed: else null, which isn't declared.
    f"{MESSAGE} userSuppliedId nullable": True,
    f"{MESSAGE} relatedSentMessageId nullable": True,
    f"{MESSAGE} status properties subtype nullable": True,
    f"{MESSAGE} status properties subtype enum": ["EXPIRED", "HANDSET_ERROR", "BLOCKED", "NOT_SENT", None],
    # "It is null by default", it says where a webhook is made.
    "components schemas Webhook properties contactEmailAddress nullable": True,
    # A password is asked for, but a wrong one isn't mentioned; all errors are of one form.
    "paths /messages get responses 401": ERROR,
    "paths /profile get responses 401": ERROR,
    "paths /webhooks get responses 401": ERROR,
}
ROWS = "paths /sms/inbound get responses 200 content application/json schema properties data properties data items"
MADE = "paths /sms/inbound post responses 200 content application/json schema properties data"
MARKED = "paths /sms/inbound-read/{message_id} put responses 200 content application/json schema properties data"
ACCOUNT = "paths /account get responses 200 content application/json schema properties data"
CLICKSEND: Amendments = {
    # It has examples alone. Times are strings in them, but numbers in the vendor's newer library (6.0.2).
    f"{ROWS} properties timestamp": {"type": "integer"},
    f"{MADE} properties timestamp": {"type": "integer"},
    # An empty list in the example, the number of the rows that were marked in that library.
    f"{MARKED}": {"type": "integer"},
    # The emulator's account has no settings and no bill.
    f"{ACCOUNT} required": ["user_id", "username", "user_email", "active", "balance", "country", "timezone"],
    f"{ACCOUNT} properties _currency required": ["currency_name_short"],
    f"{ACCOUNT} properties _subaccount required": ["subaccount_id", "api_username"],
}
NUMBER = "components schemas api.v2010.account.incoming_phone_number properties sms_application_sid"
TWILIO: Amendments = {
    # Where there is none it is empty, as in the examples on the vendor's pages.
    f"{NUMBER} minLength": 0,
    f"{NUMBER} pattern": "^(AP[0-9a-fA-F]{32})?$",
}
MESSAGING = "twilio.com/twilio_messaging_v1.json"


class Judge:
    """Asks an account at the emulator, and has a description judge the answers."""

    def __init__(self, emulator: Emulator, account: Account, session: aiohttp.ClientSession) -> None:
        """Ask as this account."""
        self._url = emulator.url(account.provider)
        self._account = account
        self._session = session
        self._answers: list[dict[str, Any]] = []

    async def ask(
        self, method: str, path: str, status: int = 200, *, password: str = PASSWORD, below: str = "", **options: Any
    ) -> Any:
        """Ask, note the answer, and return its body; what the vendor has at another host is below a path."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self._account.username, password)}
        async with self._session.request(method, self._url + below + path, headers=headers, **options) as response:
            body = await response.text()
            assert response.status == status, body
            self.note(method, path, status, response.headers.get("Content-Type", ""), body)
        return json.loads(body) if body else None

    def note(self, method: str, path: str, status: int, content_type: str, body: str) -> None:
        """Note an answer."""
        self._answers.append(
            {"method": method, "path": path, "status": status, "content_type": content_type, "body": body}
        )

    async def errors(self, description: str, amendments: Amendments) -> list[tuple[str, list[str]]]:
        """Return what is wrong with which answers."""
        file = str(Path(os.environ["DESCRIPTIONS"]) / description)
        client = {"file": file, "amendments": [*amendments.items()]}
        found = await ask_library("check_openapi.py", client, *(("errors", answer) for answer in self._answers))
        judged = zip(self._answers, found, strict=True)
        return [(f"{answer['method']} {answer['path']}", errors) for answer, errors in judged if errors]


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session."""
    async with aiohttp.ClientSession() as session:
        yield session


def arrive(account: Account) -> list[str]:
    """Send messages of all kinds, and return their ids."""
    texts = ("Hello", "", "😀 שלום", "a & b = 100% + more | \\n", "The quick brown fox " * 40)
    messages = [account.send(text, received_at=TIME + timedelta(minutes=5 * n)) for n, text in enumerate(texts)]
    messages.append(account.send("sent", received_at=TIME, sent=True))
    if account.protocol.replies:
        messages.append(account.send("an answer", in_reply_to="123", received_at=TIME))
    if account.protocol.binary:
        messages.append(account.send(data=b"\x00\xff", received_at=TIME))
    return [message.message_id for message in messages]


@pytest.fixture
def bulksms(emulator: Emulator, session: aiohttp.ClientSession) -> tuple[Account, Judge]:
    """Return an account at BulkSMS, and who asks it."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    return account, Judge(emulator, account, session)


async def test_bulksms(bulksms: tuple[Account, Judge]) -> None:
    """Messages, the profile and the errors of BulkSMS are what its description says."""
    account, judge = bulksms
    await judge.ask("GET", "/messages")
    ids = arrive(account)
    clauses = f"type=RECEIVED&id>0&submission.date>={TIME - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    for params in ({}, {"filter": clauses, "sortOrder": "ASCENDING", "limit": "500"}):
        assert await judge.ask("GET", "/messages", params=params)
    for message_id in ids:
        await judge.ask("GET", f"/messages/{message_id}")
    text = {"to": "+447700900321", "body": "Grüße 😀", "from": {"type": "REPLIABLE"}}
    (sent,) = await judge.ask("POST", "/messages", 201, params={"auto-unicode": "true"}, json=[text])
    for account.messages[-1].status in ("sent", "delivered", "failed"):
        await judge.ask("GET", f"/messages/{sent['id']}")
    await judge.ask("POST", "/messages", 400, json=[{"body": "nobody"}])
    await judge.ask("GET", "/profile")
    await judge.ask("GET", "/messages", 400, params={"filter": "colour=red"})
    await judge.ask("GET", "/messages/1", 404)
    for path in ("/messages", "/profile", "/webhooks"):
        await judge.ask("GET", path, 401, password="wrong")
    assert await judge.errors("bulksms.com.json", BULKSMS) == []


async def test_bulksms_webhooks(bulksms: tuple[Account, Judge]) -> None:
    """So are webhooks; and what they are sent has "the same structure as" the list of messages."""
    account, judge = bulksms
    bodies: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def called(request: web.Request) -> web.Response:
        await bodies.put((request.headers["Content-Type"], await request.text()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/called", called)
    async with TestServer(app) as server:
        webhook = {"name": "SMS Inbox", "url": str(server.make_url("/called")), "triggerScope": "RECEIVED"}
        made = await judge.ask("POST", "/webhooks", json=webhook | {"invokeOption": "MANY", "active": True})
        await judge.ask("POST", "/webhooks", 400, json=webhook)
        await judge.ask("POST", "/webhooks", 400, json={**webhook, "name": "2", "url": str(server.make_url("/gone"))})
        path = f"/webhooks/{made['id']}"
        await judge.ask("POST", path, json=webhook | {"contactEmailAddress": "tech_team@example.com"})
        await judge.ask("GET", "/webhooks")
        await judge.ask("GET", path)
        arrive(account)
        for _ in range(1 + 1 + len(account.messages) - 1):  # made and changed; what was sent is not told
            judge.note("GET", "/messages", 200, *await bodies.get())
        await judge.ask("DELETE", path)
        await judge.ask("GET", "/webhooks")
        for method in ("GET", "POST", "DELETE"):
            await judge.ask(method, path, 404, **({"json": webhook} if method == "POST" else {}))
    assert await judge.errors("bulksms.com.json", BULKSMS) == []


async def test_clicksend(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    """The answers of ClickSend have what the examples of its description have; its errors the listed codes."""
    account = emulator.add_account("clicksend", USERNAME, PASSWORD)
    judge = Judge(emulator, account, session)
    await judge.ask("GET", "/account")
    await judge.ask("GET", "/sms/inbound")
    ids = arrive(account)
    await judge.ask("GET", "/sms/inbound", params={"page": "1", "limit": "15"})
    await judge.ask("PUT", f"/sms/inbound-read/{ids[0]}")
    await judge.ask("POST", "/sms/inbound", json={"url": "poll"})
    assert await judge.errors("clicksend.com.json", CLICKSEND) == []


async def test_clicksend_rules(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    """So have the answers about rules."""
    account = emulator.add_account("clicksend", USERNAME, PASSWORD)
    judge = Judge(emulator, account, session)
    path = "/automations/sms/inbound"
    fields = {
        "dedicated_number": "*",
        "rule_name": "SMS Inbox",
        "message_search_type": 0,
        "message_search_term": "*",
        "action": "URL",
        "action_address": "https://ha.example/",
        "enabled": 1,
        "webhook_type": "json",
    }
    await judge.ask("POST", f"{path}/", json=fields)
    listed = await judge.ask("GET", path)
    one = f"{path}/{listed['data']['data'][0]['inbound_rule_id']}"
    await judge.ask("GET", one)
    await judge.ask("PUT", one, json=fields | {"enabled": 0})
    await judge.ask("DELETE", one)
    assert await judge.errors("clicksend.com.json", CLICKSEND) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "password"),
    [
        ("GET", "/sms/inbound?limit=101", 400, PASSWORD),
        ("GET", "/sms/inbound", 401, "wrong"),
        ("PUT", "/sms/inbound-read/unknown", 404, PASSWORD),
        ("DELETE", "/sms/inbound", 405, PASSWORD),
    ],
)
async def test_clicksend_errors(
    emulator: Emulator, session: aiohttp.ClientSession, *, method: str, path: str, status: int, password: str
) -> None:
    """An error has the fields of all answers, and the code that the description's table has beside the status."""
    judge = Judge(emulator, emulator.add_account("clicksend", USERNAME, PASSWORD), session)
    body = await judge.ask(method, path, status, password=password)
    assert body["http_code"] == status
    description = json.loads((Path(os.environ["DESCRIPTIONS"]) / "clicksend.com.json").read_bytes())
    assert f"| `{status}` | `{body['response_code']}` |" in description["info"]["description"]


async def test_twilio(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    """The account and the messages of Twilio are what its description says, which is silent about errors."""
    account = emulator.add_account("twilio", SID, PASSWORD)
    judge = Judge(emulator, account, session)
    base = f"/2010-04-01/Accounts/{SID}"
    await judge.ask("GET", f"{base}.json")
    await judge.ask("GET", f"{base}/Messages.json")
    ids = arrive(account)
    for params in ({}, {"PageSize": "2"}, {"PageSize": "1000", "DateSent>": "2026-11-20"}):
        assert await judge.ask("GET", f"{base}/Messages.json", params=params)
    form = {"To": "+447700900321", "From": state.FIRST_NUMBER, "Body": "Grüße 😀"}
    ids.append((await judge.ask("POST", f"{base}/Messages.json", 201, data=form))["sid"])
    for message_id in ids:
        await judge.ask("GET", f"{base}/Messages/{message_id}.json")
    for account.messages[-1].status in ("sent", "delivered", "failed"):
        await judge.ask("GET", f"{base}/Messages/{ids[-1]}.json")
    assert await judge.errors("twilio.com/api.json", TWILIO) == []


async def test_twilio_numbers(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    """So are phone numbers, before and after a change."""
    account = emulator.add_account("twilio", SID, PASSWORD)
    judge = Judge(emulator, account, session)
    state.add_number(account, "+447712345600")
    state.add_number(account, "+447712345610")
    base = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers"
    page = await judge.ask("GET", f"{base}.json", params={"PageSize": "1"})
    assert page["next_page_uri"]
    path = f"{base}/{page['incoming_phone_numbers'][0]['sid']}.json"
    await judge.ask("GET", path)
    await judge.ask("POST", path, data={"SmsUrl": "https://ha.example/#rc=5&rp=all", "SmsMethod": "POST"})
    assert await judge.errors("twilio.com/api.json", TWILIO) == []


async def test_twilio_services(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    """So are messaging services and the phone numbers in one, which another description has."""
    account = emulator.add_account("twilio", SID, PASSWORD)
    judge = Judge(emulator, account, session)
    await judge.ask("GET", "/v1/Services", below="/messaging")
    sid = state.add_service(account, "Service", [state.add_number(account, "+447712345600")])["sid"]
    state.add_service(account, "Another")
    page = await judge.ask("GET", "/v1/Services", below="/messaging", params={"PageSize": "1"})
    assert page["meta"]["next_page_url"]
    await judge.ask("GET", f"/v1/Services/{sid}", below="/messaging")
    await judge.ask("GET", f"/v1/Services/{sid}/PhoneNumbers", below="/messaging")
    changes = {"InboundRequestUrl": "https://ha.example/", "UseInboundWebhookOnNumber": "true"}
    await judge.ask("POST", f"/v1/Services/{sid}", below="/messaging", data=changes)
    assert await judge.errors(MESSAGING, {}) == []
