"""SMS Gateway for Android: rows of the inbox, the window that is read again, and webhooks with their signature."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import hmac
import json
from typing import Any, override

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Page, PushResult, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.errors import ConfigurationError, ProtocolError, RefusedWebhookError
from custom_components.sms_inbox.providers.smsgate import SmsGate
from emulator import Account as EmulatedAccount, Emulator

from .conftest import PASSWORD, SIGNING_KEY, USERNAME, CannedAnswers, MakeProvider, Request, by_time, drain, new, walk

ROW: dict[str, Any] = {
    "id": "text:-1843019376",
    "type": "SMS",
    "sender": "+447700900123",
    "recipient": "+44771234567",
    "simNumber": 1,
    "contentPreview": "Hi|\n😀",
    "createdAt": "2026-11-21T11:00:00.000+01:00",
    "attachments": [],
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIGNED_AT = 1795250000
SIGNED_BODY = b'{"deviceId":"d","event":"sms:received","id":"1","payload":{"message":"Hi"},"webhookId":"w"}'
SIGNATURE = "9d2e968348927690038457ab7e7d4e9dd4dfc78c0cb23c5870d4add96da15e05"
PAYLOAD: dict[str, Any] = {
    "messageId": "9228efd0",
    "message": "Hi ☺",
    "sender": "MYBANK",
    "recipient": "+44771234567",
    "simNumber": 1,
    "receivedAt": "2026-11-21T11:00:00.000+01:00",
    "phoneNumber": "MYBANK",
}


class Phone(CannedAnswers):
    """A phone whose inbox changes while it is read.

    Attributes:
        rows: The inbox, newest first.
        limit: How many rows an answer holds at most.
        tells_total: Whether an answer tells how many rows there are.
        ignores_offset: Whether each answer is the first page.
        arrivals: What comes after each answer.
        queries: What was asked.
    """

    def __init__(self) -> None:
        """Begin with an empty inbox."""
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.limit = 500
        self.tells_total = True
        self.ignores_offset = False
        self.arrivals: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []

    @override
    def respond(self, request: Request) -> dict[str, Any]:
        """Return a page of the inbox."""
        assert (request.method, request.url.path) == ("GET", "/inbox")
        self.queries.append(dict(request.url.query))
        offset = 0 if self.ignores_offset else int(request.url.query.get("offset", 0))
        page, total = self.rows[offset : offset + self.limit], len(self.rows)
        if self.arrivals:
            self.rows.insert(0, self.arrivals.pop(0))
        return {"text": json.dumps(page), "headers": {"X-Total-Count": str(total)} if self.tells_total else {}}


@pytest.fixture
def phone() -> Iterator[Phone]:
    """Return a phone."""
    with Phone() as phone:
        yield phone


def provider_at(session: aiohttp.ClientSession, phone: CannedAnswers, signing_key: str = SIGNING_KEY) -> SmsGate:
    """Return the provider that reads a phone."""
    return SmsGate(session, Account(username="sms", password=PASSWORD, url=phone.url(), signing_key=signing_key))


@pytest.fixture
def provider(session: aiohttp.ClientSession, phone: Phone) -> SmsGate:
    """Return the provider that reads the phone."""
    return provider_at(session, phone)


def row(number: int, **fields: Any) -> dict[str, Any]:
    """Return a row that is a number of minutes old."""
    at = NOW - timedelta(minutes=number)
    return ROW | {"id": f"text:{number}", "contentPreview": str(number), "createdAt": at.isoformat()} | fields


def texts(page: Page) -> list[str]:
    """Return the texts on a page."""
    return [message.text for message in page.messages]


async def test_message(provider: SmsGate, phone: Phone) -> None:
    """All fields of a message; its time has the phone's offset (V47)."""
    phone.rows = [ROW]
    page = await provider.fetch({})
    [message] = page.messages
    assert (message.message_id, message.sender, message.recipient) == (ROW["id"], "+447700900123", "+44771234567")
    assert (message.text, message.encoding, message.data) == ("Hi|\n😀", "unicode", None)
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert json.loads(message.raw) == ROW
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"contentPreview": "Hello"}, {"encoding": "text", "text": "Hello"}),
        ({"contentPreview": None}, {"text": ""}),
        ({"contentPreview": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"recipient": None}, {"recipient": None}),
        ({"sender": "MYBANK"}, {"sender": "MYBANK"}),
        ({"sender": None}, {"sender": ""}),
        ({"type": "DATA_SMS", "contentPreview": "234f"}, {"encoding": "binary", "data": b"#O", "text": "#O"}),
        (
            {"type": "DATA_SMS", "contentPreview": "ff" * 64 + "..."},
            {"encoding": "binary", "data": b"\xff" * 64, "text": ""},
        ),
        (
            {"type": "DATA_SMS", "contentPreview": "Empty data"},
            {"encoding": "binary", "data": None, "text": "Empty data"},
        ),
        ({"contentPreview": "234f"}, {"encoding": "text", "data": None, "text": "234f"}),
        ({"type": "MMS", "contentPreview": "Holiday"}, {"text": "Holiday", "data": None, "channel": "mms"}),
        ({"type": "MMS_DOWNLOADED", "contentPreview": "A picture"}, {"text": "A picture", "channel": "mms"}),
        ({"type": "RCS"}, {"text": "Hi|\n😀", "channel": None}),
        ({"createdAt": "2026-11-21T10:00:00.000Z"}, {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
        ({"createdAt": "2026-11-21T07:00:00.000+-3:00"}, {"received_at": None}),
        ({"createdAt": "0001-01-01T00:00:00.000+14:00"}, {"received_at": None}),
        ({"createdAt": None}, {"received_at": None}),
    ],
)
async def test_fields(provider: SmsGate, phone: Phone, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each type is a message, and odd values are delivered as well as they can be."""
    phone.rows = [ROW | change]
    [message] = (await provider.fetch({})).messages
    assert {name: getattr(message, name) for name in expected} == expected


async def test_row_that_is_no_message(provider: SmsGate, phone: Phone) -> None:
    """It is kept, and the others come."""
    phone.rows = [ROW, {"type": "SMS", "contentPreview": "no id"}]
    page = await provider.fetch({})
    assert texts(page) == ["Hi|\n😀"]
    assert [json.loads(record) for record in page.unreadable] == [phone.rows[1]]


async def test_equal_times_and_a_late_message(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Messages of one moment, and one that comes late within a week, come once each (V47)."""
    account = emulator.add_account("smsgate", USERNAME, PASSWORD)
    provider, now = make_provider("smsgate"), datetime.now(UTC)
    for text in ("First", "Second"):
        account.send(text, received_at=now)
    messages, page = await drain(provider)
    account.send("Late", received_at=now - timedelta(days=6, hours=23))
    later, page = await drain(provider, page.cursor)
    last, _ = await drain(provider, page.cursor)
    assert sorted(message.text for message in messages) == ["First", "Second"]
    assert [message.text for message in new(later, messages)] == ["Late"]
    assert new(last, [*messages, *later]) == []


async def test_first_look(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 30 days and the overlap, and has no end; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await provider.fetch({})
    assert phone.queries == [{"from": "2026-10-15T12:00:00Z", "to": "9999-12-31T00:00:00Z", "limit": "500"}]
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin a week before the latest message; while nothing comes, one request is all they cost."""
    freezer.move_to(NOW)
    phone.rows = [row(number) for number in range(3)]
    page = await provider.fetch({"since": "2026-11-01T10:00:00+00:00"})
    again = await provider.fetch(page.cursor)
    assert [asked["from"] for asked in phone.queries] == ["2026-10-25T10:00:00Z", "2026-11-14T12:00:00Z"]
    assert again.cursor == page.cursor == {"since": NOW.isoformat()}


async def test_message_from_the_future(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """It must not hide those that come after it."""
    freezer.move_to(NOW)
    phone.rows = [row(-60)]
    page = await provider.fetch({})
    assert texts(page) == ["-60"]
    assert page.cursor == {"since": NOW.isoformat()}


@pytest.mark.parametrize("total", [True, False])
async def test_several_pages(provider: SmsGate, phone: Phone, *, total: bool) -> None:
    """All pages are read, the newest first, the oldest message of each first."""
    phone.rows, phone.tells_total = [row(number) for number in range(1200)], total
    pages = await walk(provider)
    assert texts(pages[0]) == [str(number) for number in reversed(range(500))]
    assert [text for page in reversed(pages) for text in texts(page)] == [str(n) for n in reversed(range(1200))]
    assert [asked.get("offset") for asked in phone.queries] == [None, "500", "1000"]


async def test_short_pages(provider: SmsGate, phone: Phone) -> None:
    """A page that is shorter than asked for is not the end while there is more in all."""
    phone.rows, phone.limit = [row(number) for number in range(7)], 3
    assert len((await drain(provider))[0]) == 7
    assert [asked.get("offset") for asked in phone.queries] == [None, "3", "6"]


async def test_arrivals_while_pages_are_read(provider: SmsGate, phone: Phone) -> None:
    """A message that comes meanwhile shifts the others: none is missed, and none is there twice."""
    phone.rows, phone.limit = [row(number) for number in range(1, 5)], 2
    phone.arrivals = [row(0), row(-1)]
    pages = await walk(provider)
    pages += await walk(provider, pages[-1].cursor)
    assert [message.text for message in by_time(m for page in pages for m in page.messages)] == [
        *("4", "3", "2", "1", "0", "-1")
    ]


async def test_offset_that_is_ignored(provider: SmsGate, phone: Phone) -> None:
    """A list without an end is given up."""
    phone.rows, phone.tells_total = [row(number) for number in range(500)], False
    phone.ignores_offset = True
    with pytest.raises(ProtocolError, match="circles"):
        await walk(provider)
    assert len(phone.queries) < 20


@pytest.mark.parametrize("body", ["", "{}", "null", '{"message": "no"}'])
async def test_what_is_no_list(session: aiohttp.ClientSession, canned: CannedAnswers, body: str) -> None:
    """What the API never says is told apart."""
    canned.answer = {"text": body}
    for ask in (provider_at(session, canned).validate(), provider_at(session, canned).fetch({})):
        with pytest.raises(ProtocolError):
            await ask


@pytest.mark.parametrize("devices", [[], [{}], ["phone"], [{"id": None}]])
async def test_phone_without_an_id(session: aiohttp.ClientSession, canned: CannedAnswers, devices: list[Any]) -> None:
    """A phone that can't be told from others is no account."""
    canned.answer = {"text": json.dumps(devices)}
    with pytest.raises(ProtocolError):
        await provider_at(session, canned).validate()


async def test_identity_is_the_phones(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Two phones have the same user name at first, so that is not what tells them apart."""
    emulator.add_account("smsgate", USERNAME, PASSWORD)
    identity = await make_provider("smsgate").validate()
    assert USERNAME not in identity.account_id


@pytest.mark.parametrize("call", ["validate", "fetch"])
@pytest.mark.parametrize(
    ("status", "hint"), [(501, "no_inbox"), (404, "no_inbox"), (403, "missing_permission"), (405, None)]
)
async def test_server_without_an_inbox(
    session: aiohttp.ClientSession, canned: CannedAnswers, call: str, status: int, hint: str | None
) -> None:
    """The app's servers on the internet have none, nor have old versions; a token may not be for it (V47)."""
    canned.answer = {"status": status, "text": '{"message": "Not implemented"}'}
    provider = provider_at(session, canned)
    with pytest.raises(ConfigurationError, match=str(status)) as raised:
        await (provider.validate() if call == "validate" else provider.fetch({}))
    assert raised.value.hint == hint
    assert canned.asked[0].url.path == "/inbox"


async def test_other_pages_that_are_missing(account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """Only a missing inbox is said to be one."""
    del account
    with pytest.raises(ConfigurationError, match="404") as raised:
        await make_provider("smsgate")._ask("GET", "nothing")  # noqa: SLF001 - no page that it asks for is missing
    assert raised.value.hint is None


def request(
    body: bytes = SIGNED_BODY, *, signature: str = SIGNATURE, at: float = SIGNED_AT, **headers: str
) -> WebhookRequest:
    """Return a request with its signature."""
    return WebhookRequest(
        method="POST",
        url=URL("https://home.example/api/webhook/abc"),
        headers=CIMultiDict({"X-Timestamp": str(SIGNED_AT), "X-Signature": signature, **headers}),
        body=body,
        at=datetime.fromtimestamp(at, UTC),
    )


def signed(body: bytes) -> WebhookRequest:
    """Return a request with another body, signed by the app."""
    message = body + str(SIGNED_AT).encode()
    return request(body, signature=hmac.new(SIGNING_KEY.encode(), message, "sha256").hexdigest())


def event(payload: Any, name: str = "sms:received") -> WebhookRequest:
    """Return a request about an event."""
    return signed(
        json.dumps({"id": "1", "webhookId": "w", "deviceId": "d", "event": name, "payload": payload}).encode()
    )


@pytest.mark.parametrize("seconds", [-290, 0, 290])
def test_signature(provider: SmsGate, seconds: int) -> None:
    """The signature is over the body as it came and the time, which may be five minutes off (V48)."""
    assert provider.read_webhook(request(at=SIGNED_AT + seconds)) == PushResult(poll=True)  # it names no message


@pytest.mark.parametrize(
    "forged",
    [
        request(at=SIGNED_AT + 600),
        request(at=SIGNED_AT - 600),
        request(SIGNED_BODY.replace(b"Hi", b"Ho")),
        request(signature=""),
        request(signature="\udcff\u00e9"),
        request(signature=SIGNATURE[:-1]),
        request(**{"X-Timestamp": str(SIGNED_AT + 1)}),
        request(**{"X-Timestamp": ""}),
        request(**{"X-Timestamp": "soon"}),
        request(**{"X-Timestamp": "9" * 5000}),
    ],
)
def test_forged_webhook(provider: SmsGate, forged: WebhookRequest) -> None:
    """What the app didn't sign, or signed at another time, is refused (V48)."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(forged)
    assert raised.value.status == 403


async def test_webhook_without_a_key(session: aiohttp.ClientSession, phone: Phone) -> None:
    """Where no key was entered, anybody could sign, so a request only makes us poll."""
    provider = provider_at(session, phone, signing_key="")
    signature = hmac.new(b"", SIGNED_BODY + str(SIGNED_AT).encode(), "sha256").hexdigest()
    for made in (request(signature=signature), request(), event(PAYLOAD)):
        assert provider.read_webhook(made) == PushResult(poll=True)


@pytest.mark.parametrize(
    ("message_id", "list_id"),
    [
        ("5c74ebd6", "text:1551166422"),
        ("6ecfa7f2", "text:1859102706"),
        ("fffffffe", "text:-2"),
        ("80000000", "text:-2147483648"),
        ("d1", "text:209"),
        ("0", "text:0"),
    ],
)
async def test_webhook(provider: SmsGate, phone: Phone, message_id: str, list_id: str) -> None:
    """All fields of a message; its id is the list's in another notation, so that it is the same message."""
    result = provider.read_webhook(event(PAYLOAD | {"messageId": message_id}))
    [message] = result.messages
    assert result == PushResult(messages=(message,))
    assert message.message_id == list_id
    assert (message.sender, message.recipient, message.text) == ("MYBANK", "+44771234567", "Hi ☺")
    assert (message.encoding, message.received_at) == ("unicode", datetime(2026, 11, 21, 10, tzinfo=UTC))
    assert json.loads(message.raw)["payload"]["message"] == "Hi ☺"
    phone.rows = [ROW | {"id": list_id, "sender": "MYBANK", "contentPreview": "Hi ☺"}]
    [listed] = (await provider.fetch({})).messages
    for name in ("message_id", "sender", "recipient", "text", "encoding", "data", "received_at"):
        assert getattr(listed, name) == getattr(message, name)


@pytest.mark.parametrize(
    ("name", "payload", "list_id", "text"),
    [
        ("mms:downloaded", {"messageId": "mms_12345abcde", "body": "Look"}, "mms:-152676100", "Look"),
        ("mms:downloaded", {"messageId": "mms_12345abcde", "body": "", "subject": "Trip"}, "mms:-152676100", "Trip"),
        ("mms:downloaded", {"messageId": "mms_12345abcde"}, "mms:-152676100", "MMS content"),
        ("mms:received", {"transactionId": "T1234567890ABC", "messageId": "1"}, "mms-header:-386800653", None),
        ("mms:received", {"transactionId": "T1234567890ABC", "subject": "Trip"}, "mms-header:-386800653", "Trip"),
    ],
)
def test_webhook_of_an_mms(
    provider: SmsGate, name: str, payload: dict[str, str], list_id: str, text: str | None
) -> None:
    """It has what the inbox shows."""
    [message] = provider.read_webhook(event(payload | {"sender": "+447700900123"}, name)).messages
    assert (message.message_id, message.text, message.channel) == (list_id, text or "MMS notification", "mms")
    assert message.received_at == datetime.fromtimestamp(SIGNED_AT, UTC)


def test_webhook_with_a_picture(provider: SmsGate) -> None:
    """What is in the attachments is not kept: it may be large."""
    file = {"contentType": "image/jpeg", "name": "a.jpg", "size": 300_000, "data": "x" * 400_000}
    payload = {"messageId": "mms_12345abcde", "sender": "+447700900123", "attachments": [file, "odd"]}
    [message] = provider.read_webhook(event(payload, "mms:downloaded")).messages
    del file["data"]
    assert json.loads(message.raw)["payload"] == payload | {"attachments": [file]}
    for odd in (None, {}, "x", [None]):
        assert provider.read_webhook(event(payload | {"attachments": odd}, "mms:downloaded")).messages


@pytest.mark.parametrize("wire", [None, "mms", "mms-notification"])
@pytest.mark.parametrize("text", ["Hello", ""])
async def test_webhooks_and_list(
    account: EmulatedAccount, make_provider: MakeProvider, wire: str | None, text: str
) -> None:
    """A message that is sent twice by webhook, and then found in the list, is one message, the same in both."""
    message = account.send(text, wire=wire)
    kinds = ("sms:received", "sms:received", "mms:received", "mms:received", "mms:downloaded", "mms:downloaded")
    account.webhooks = [
        {"id": str(number), "url": "https://home.example/", "event": kind, "source": "Local"}
        for number, kind in enumerate(kinds)
    ]
    account.signing_key = SIGNING_KEY
    provider = make_provider("smsgate")
    calls = account.protocol.calls(message, account)
    assert len(calls) == 2
    found = [
        provider.read_webhook(
            request(call.body, at=int(call.headers["X-Timestamp"]), signature="", **call.headers)
        ).messages[0]
        for call in calls
    ]
    found += (await drain(provider))[0]
    assert len(found) == 3
    for name in ("message_id", "sender", "recipient", "text", "encoding", "received_at", "channel"):
        assert len({getattr(message, name) for message in found}) == 1


def test_webhook_of_a_data_message(provider: SmsGate) -> None:
    """It has all of the bytes, of which the inbox shows the first."""
    payload = {"messageId": "fffffffe", "data": "I08=", "sender": "+447700900123"}
    [message] = provider.read_webhook(event(payload, "sms:data-received")).messages
    assert (message.message_id, message.data, message.text, message.encoding) == ("data:-2", b"#O", "#O", "binary")


def test_webhook_of_an_older_app(provider: SmsGate) -> None:
    """Before it had sender and recipient, it had the sender as a phone number."""
    payload = {name: value for name, value in PAYLOAD.items() if name not in ("sender", "recipient")}
    [message] = provider.read_webhook(event(payload)).messages
    assert (message.sender, message.recipient) == ("MYBANK", None)


@pytest.mark.parametrize("name", ["sms:cancelled", "system:ping", "app:started", "", None, ["sms:received"]])
def test_other_events(provider: SmsGate, name: Any) -> None:
    """A request about anything else brings nothing."""
    assert provider.read_webhook(event(PAYLOAD, name)) == PushResult()


@pytest.mark.parametrize(
    ("name", "payload", "report"),
    [
        ("sms:sent", {"partsCount": 2}, Report(status=SendStatus.SENT, parts=2)),
        ("sms:sent", {"partsCount": -1}, Report(status=SendStatus.SENT)),
        ("sms:delivered", {}, Report(status=SendStatus.DELIVERED)),
        ("sms:failed", {"reason": "TTL expired"}, Report(status=SendStatus.FAILED, reason=Reason.EXPIRED)),
        ("sms:failed", {"reason": "Unknown"}, Report(status=SendStatus.FAILED)),
    ],
)
def test_reports(provider: SmsGate, name: str, payload: dict[str, Any], report: Report) -> None:
    """A request about a text that was sent says what became of it; one that names no text brings nothing."""
    expected = replace(report, key="our-id", provider_id="our-id")
    result = provider.read_webhook(event({"messageId": "our-id", **payload}, name))
    assert result == PushResult(reports=(expected,))
    for odd in ({}, {"messageId": ""}, {"messageId": 1}):
        assert provider.read_webhook(event(odd, name)) == PushResult()


@pytest.mark.parametrize(
    "payload",
    [
        *(None, [], {}, {"messageId": "1"}),
        PAYLOAD | {"message": None},
        *(PAYLOAD | {"messageId": id_} for id_ in ("", None, 5, "x", "123456789", "5C74EBD6", "-1", "5c74ebd6 ")),
    ],
)
def test_webhook_without_a_message(provider: SmsGate, payload: Any) -> None:
    """What isn't whole, or can't be found in the list, is read from the list."""
    assert provider.read_webhook(event(payload)) == PushResult(poll=True)


@pytest.mark.parametrize("data", [None, "", "é", "I08", 5])
def test_webhook_without_bytes(provider: SmsGate, data: Any) -> None:
    """An empty data message is one; what is no base64 is read from the list."""
    result = provider.read_webhook(event({"messageId": "1", "data": data}, "sms:data-received"))
    assert result.poll != bool(result.messages)


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"[" * 100_000], ids=["empty", "text", "list", "deep"])
def test_webhook_with_nothing_in_it(provider: SmsGate, body: bytes) -> None:
    """It is refused."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(signed(body))
    assert raised.value.status == 400


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return the account at the emulator."""
    return emulator.add_account("smsgate", USERNAME, PASSWORD)


KINDS = ["sms:received", "sms:data-received", "mms:downloaded", "sms:sent", "sms:delivered", "sms:failed"]


async def test_registering(account: EmulatedAccount, make_provider: MakeProvider, emulator: Emulator) -> None:
    """There is one for each kind of event, all changed and removed together; others stay, and what is right, too."""
    other = {"id": "mine", "url": "https://elsewhere.example/", "event": "sms:received", "source": "Local"}
    account.webhooks = [other]
    provider = make_provider("smsgate")
    for name in ("SMS Inbox", "SMS Inbox / the long name of another account of the same person"):
        await provider.set_webhook(name, "https://home.example/api/webhook/abc")
    assert [webhook["event"] for webhook in account.webhooks[1:]] == KINDS * 2
    assert len({webhook["id"] for webhook in account.webhooks}) == 1 + 2 * len(KINDS)
    assert all(len(webhook["id"]) <= 36 for webhook in account.webhooks)
    emulator.requests.clear()
    await provider.set_webhook("SMS Inbox", "https://home.example/api/webhook/abc")
    assert [request.method for request in emulator.requests] == ["GET"]
    del account.webhooks[2]
    await provider.set_webhook("SMS Inbox", "https://home.example/api/webhook/abc")
    assert [request.method for request in emulator.requests] == ["GET", "GET", "POST"]
    await provider.set_webhook("SMS Inbox", "https://home.example/api/webhook/def")
    assert [webhook["url"][-3:] for webhook in account.webhooks[1:]] == ["abc"] * len(KINDS) + ["def"] * len(KINDS)
    [place] = await provider.webhook_places("SMS Inbox")
    assert place.url == "https://home.example/api/webhook/def"
    await provider.set_webhook("SMS Inbox", "")
    assert [webhook["event"] for webhook in account.webhooks] == ["sms:received", *KINDS]
    assert account.webhooks[0] == other


async def test_registering_at_an_older_app(
    account: EmulatedAccount, make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind of message that it doesn't know has no webhook."""
    monkeypatch.setattr("emulator.smsgate.EVENTS", ("sms:received", "sms:data-received"))
    await make_provider("smsgate").set_webhook("SMS Inbox", "https://home.example/api/webhook/abc")
    assert [webhook["event"] for webhook in account.webhooks] == ["sms:received", "sms:data-received"]


async def test_registering_that_is_not_permitted(
    account: EmulatedAccount, make_provider: MakeProvider, emulator: Emulator
) -> None:
    """It is said what is missing."""
    emulator.fault("smsgate", "vendor_error", count=None, word="Insufficient permissions", path="/webhooks")
    provider = make_provider("smsgate")
    for ask in (provider.set_webhook("SMS Inbox", "https://home.example/"), provider.webhook_places("SMS Inbox")):
        with pytest.raises(ConfigurationError) as raised:
            await ask
        assert raised.value.hint == "missing_permission"
    assert account.webhooks == []


@pytest.mark.parametrize("url", ["http://192.168.1.5:8123/api/webhook/abc", "http://homeassistant.local/"])
@pytest.mark.usefixtures("account")
async def test_address_that_is_not_secure(make_provider: MakeProvider, url: str) -> None:
    """The app refuses plain http, so there is something to set right."""
    with pytest.raises(ConfigurationError):
        await make_provider("smsgate").set_webhook("SMS Inbox", url)
