"""Webhook: forms, JSON, queries and plain texts, whatever the names of their fields, and signatures."""

import base64
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from random import Random
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import aiohttp
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Message, PushResult
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.errors import RefusedWebhookError
from custom_components.sms_inbox.providers.presets import OTHER, PRESETS, Preset
from custom_components.sms_inbox.providers.times import time_of
from custom_components.sms_inbox.providers.webhook import NAMES, Webhook, fields_of, parse
from custom_components.sms_inbox.providers.webhook_fields import Reader
from custom_components.sms_inbox.providers.webhook_messages import Mapped
from emulator.senders import build, public_key

from .webhook_shapes import SHAPES, Shape

ADDRESS = "https://home.example/api/webhook/5ecre7"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
KEY = "kéy-of-signatures"
NOW = datetime(2026, 11, 21, 19, 15, 4, tzinfo=UTC)
EMOJI = "Kia ora 😀👩‍👩‍👧 שלום"

type Headers = dict[str, str]


def make(signing_key: str = "", signature: dict[str, str] | None = None, **fields: str) -> Webhook:
    """Return a provider that knows the names of the fields; it sends no request, so it never uses its session."""
    session: Any = None
    described = {"signing_key": signing_key, "signature": signature or {}, "fields": fields}
    return Webhook(session, Account(username=" Gate ", password="", url="", **described))


def made(body: bytes | str = b"", headers: Headers | None = None, query: str = "") -> WebhookRequest:
    """Return a request."""
    return WebhookRequest(
        method="POST" if body else "GET",
        url=URL(f"{ADDRESS}?{query}" if query else ADDRESS, encoded=True),
        headers=CIMultiDict(headers or {}),
        body=body.encode() if isinstance(body, str) else body,
        at=NOW,
    )


def read(*args: Any, **fields: str) -> Message:
    """Return the one message of a request."""
    pushed = make(**fields).read_webhook(made(*args))
    assert not pushed.unreadable
    assert not pushed.poll
    [message] = pushed.messages
    return message


def read_json(row: Any, **fields: str) -> Message:
    """Return the one message of JSON."""
    return read(json.dumps(row), JSON, **fields)


def shown(message: Message) -> tuple[str, str, str | None, str]:
    """Return id, sender, recipient and text."""
    return message.message_id, message.sender, message.recipient, message.text


async def test_account() -> None:
    """There is nothing to ask, and nobody who could be known again."""
    provider = make()
    assert (await provider.validate()).account_id == ""
    page = await provider.fetch({})
    assert (page.messages, page.cursor, page.more) == ((), {}, False)


def test_json_object() -> None:
    """All fields of an object; what came is kept as it came."""
    row = {"id": 12, "from": "+447700900123", "to": 44771234567, "text": "Hello", "timestamp": "2026-11-21T10:00:00Z"}
    message = read_json(row)
    assert shown(message) == ("12", "+447700900123", "44771234567", "Hello")
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert (message.encoding, message.data, message.in_reply_to) == ("text", None, None)
    assert message.raw == json.dumps(row).encode()


@pytest.mark.parametrize("bad", ['"text=nonsense"', "7", "null", "[]", '["text"]', '{"from": "1"}', "{}"])
def test_json_list(bad: str) -> None:
    """A list holds several messages, in order; a row that is none is kept and takes nothing with it."""
    body = f'[{{"id": 1, "text": "one"}}, {bad}, {{"id": 2, "text": "two"}}]'
    pushed = make().read_webhook(made(body, JSON))
    assert [message.text for message in pushed.messages] == ["one", "two"]
    assert [json.loads(raw) for raw in pushed.unreadable] == [json.loads(bad, parse_int=str)]


def test_fields_inside_others() -> None:
    """A field inside another has a usual name, or is told with a dot, in a list by its number."""
    row = {
        "event": "sms",
        "payload": {"messageId": "m1", "phoneNumber": "+1", "message": "Hello"},
        "lines": [{"v": "first"}, {"v": "second"}],
    }
    assert shown(read_json(row)) == ("m1", "+1", None, "Hello")
    told = read_json(
        row, text="lines.1.v", sender="event", recipient="payload.phoneNumber", message_id="payload.messageId"
    )
    assert shown(told) == ("m1", "sms", "+1", "second")


def test_name_with_a_dot() -> None:
    """A field whose own name has a dot is told as it is."""
    assert read_json({"sms.text": "Hello"}, text="sms.text").text == "Hello"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b'"one\ntwo\ttabbed\r\nthree"', "one\ntwo\ttabbed\r\nthree"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud83d half"', "\ufffd half"),
        (f'"{EMOJI}"'.encode(), EMOJI),
        ('"Grüße für 5 €"'.encode("cp1252"), "Grüße für 5 €"),
        (b'""', ""),
        (b"null", ""),
        (b'"a\\u0000b"', "a\x00b"),
        (b"0.10", "0.10"),
        (b"1e999", "1e999"),
        (b"-0", "-0"),
        pytest.param(b"7" * 5000, "7" * 5000, id="huge"),
    ],
)
def test_text_in_json(value: bytes, text: str) -> None:
    """A text arrives unaltered, raw line breaks and numbers included."""
    for begin in (b"", b"\xef\xbb\xbf", b"\n  "):
        message = read(begin + b'{"text": ' + value + b', "from": 447700900123456789012}', JSON)
        assert (message.text, message.sender) == (text, "447700900123456789012")
    assert make().read_webhook(made(b'[{"text": ' + value + b"}]", JSON)).messages[0].text == text


def test_form() -> None:
    """All fields of a form."""
    body = urlencode({"messageid": "x-1", "msisdn": "+44 7700", "to": "1", "text": "a & b = 100% + ☺\nnew"})
    message = read(body, FORM)
    assert shown(message) == ("x-1", "+44 7700", "1", "a & b = 100% + ☺\nnew")
    assert message.encoding == "unicode"
    assert message.raw == body.encode()


@pytest.mark.parametrize("headers", [FORM, {}, JSON])
@pytest.mark.parametrize("text", [EMOJI, "Grüße", "", " ", "a\x00b"])
@pytest.mark.parametrize("escaped", [True, False])
def test_text_in_a_form(headers: Headers, text: str, escaped: bool) -> None:  # noqa: FBT001
    """A text arrives unaltered, with or without percent signs, and however the body is announced."""
    value = quote(text) if escaped else text
    assert read(f"from=1&text={value}", headers).text == text


@pytest.mark.parametrize("body", ["Grüße für 5 €".encode("cp1252"), quote("Grüße für 5 €", encoding="cp1252").encode()])
def test_windows_1252(body: bytes) -> None:
    """What is no UTF-8 is Windows-1252, field by field."""
    message = read(b"from=" + quote("Zoë").encode() + b"&text=" + body, FORM)
    assert (message.sender, message.text) == ("Zoë", "Grüße für 5 €")


def test_byte_that_no_charset_has() -> None:
    """It is replaced, and the rest arrives."""
    assert read(b"text=a%81b%FF", FORM).text == "a\ufffdbÿ"


@pytest.mark.parametrize("text", [EMOJI, "a & b = 100% + more", ""])
def test_query(text: str) -> None:
    """A request by GET says all in its query."""
    query = urlencode({"id": "9", "from": "447700900123", "to": "44771234567", "text": text, "epoch": "1795288504"})
    message = read(b"", {}, query)
    assert shown(message) == ("9", "447700900123", "44771234567", text)
    assert message.received_at == NOW
    assert message.raw == query.encode()


def test_query_that_is_not_escaped() -> None:
    """Bytes that a careless sender puts into an address as they are arrive all the same."""
    query = "from=1&text=Gr\udcfc\udcdfe"  # as an HTTP server hands on what is no UTF-8
    assert read(b"", {}, query).text == "Grüße"


async def test_form_in_parts() -> None:
    """What `curl -F` sends."""
    form = aiohttp.FormData({"from": "+447700900123", "id": "7"}, default_to_multipart=True)
    form.add_field("text", f"{EMOJI} & 100% + more\r\nnew\r\n")
    form.add_field("file", b"\x00\xff", filename="picture.jpg", content_type="image/jpeg")
    parts = form()
    message = read(await parts.as_bytes(), {"Content-Type": str(parts.headers["Content-Type"])})
    assert shown(message) == ("7", "+447700900123", None, f"{EMOJI} & 100% + more\r\nnew\r\n")
    assert make().read_again(message.raw) == message


@pytest.mark.parametrize("boundary", ["", "; boundary=other", "; boundary=", "; boundary=\udcff"])
def test_form_in_parts_that_is_none(boundary: str) -> None:
    """It is kept as it came."""
    body = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nHello\r\n--b--\r\n'
    pushed = make().read_webhook(made(body, {"Content-Type": f"multipart/form-data{boundary}"}))
    assert pushed == PushResult(unreadable=(body,))


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", EMOJI.encode(), EMOJI),
        ("text/plain; charset=UTF-8", EMOJI.encode(), EMOJI),
        ('text/plain; charset="UTF-8"', "Grüße".encode("cp1252"), "Grüße"),
        ('text/plain; charset="UTF-16BE"', EMOJI.encode("utf-16-be"), EMOJI),
        ("text/plain; charset=ISO-10646-UCS-2", "Grüße".encode("utf-16-be"), "Grüße"),
        ("text/plain; charset=UTF-16", "Grüße".encode("utf-16-be"), "Grüße"),
        ("text/plain; charset=UTF-16", "\ufeffGrüße".encode("utf-16-le"), "Grüße"),
        ("text/plain; charset=UTF-16BE", b"\xd8\x3d\x00a", "\ufffda"),
        ("text/plain;Charset=ISO-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain; charset=koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("text/plain; charset=iso-nonsense", b"Hello", "Hello"),
        ("text/plain; charset=punycode", b"Hello-9", "Hello-9"),
        ("text/plain; charset=hex", b"48", "48"),
        ("text/plain; charset=\udcff", b"Hello", "Hello"),
        ("text/plain", b"from=2&text=no+form&x=%41\r\n", "from=2&text=no+form&x=%41\r\n"),
        ("text/plain", b'{"text": "no JSON"}', '{"text": "no JSON"}'),
        ("text/plain", b"", ""),
    ],
)
def test_plain_text(kind: str, body: bytes, text: str) -> None:
    """A body that is announced as plain text is the text, in its charset; the other fields are in the query."""
    query = "id=%31&from=447700900123&to=44771234567&ts=1795288504&charset=UTF-8"
    message = read(body, {"Content-Type": kind}, query)
    assert shown(message) == ("1", "447700900123", "44771234567", text)
    assert message.received_at == NOW
    assert make().read_again(message.raw) == message


@pytest.mark.parametrize(
    ("body", "query", "text"),
    [
        ("body", "from=1&text=query", "body"),
        ("", "from=1&text=query", "query"),
        ("", "from=1&message=query", "query"),
        ("Hello = you", "", "Hello = you"),
        ('{"text": "JSON of a browser"}', "", "JSON of a browser"),
        ('[{"text": "JSON of a browser"}]', "", "JSON of a browser"),
        ('{"text": "broken', "", '{"text": "broken'),
        ("4711", "", "4711"),
    ],
)
def test_plain_text_or_not(body: str, query: str, text: str) -> None:
    """The body comes before a text in the query, unless it is empty; alone it may be JSON."""
    assert read(body, {"Content-Type": "text/plain;charset=UTF-8"}, query).text == text


def test_large_plain_text() -> None:
    """What would take seconds in a charset that a sender chooses takes none."""
    body = b"a-" + b"9" * 250_000
    assert read(body, {"Content-Type": "text/plain; charset=punycode"}, "from=1").text == body.decode()


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in NAMES.items() for name in names])
def test_usual_names(field: str, name: str) -> None:
    """What isn't told is found under its usual names, however they are spelt."""
    value = "1795288504" if field == "received_at" else "+447700900121"
    others = {} if field == "text" else {"text": "Hello"}
    if (field, name) == ("recipient", "msisdn"):
        others["from"] = "+447700900123"
    for spelt in (name, name.upper(), name.title(), f"{name[0]}_{name[1:]}", f"data.{name}"):
        for message in (read_json({spelt: value, **others}), read(urlencode({spelt: value, **others}), FORM)):
            assert getattr(message, field) == (NOW if field == "received_at" else value)


@pytest.mark.parametrize("field", NAMES)
def test_given_names(field: str) -> None:
    """A name that was told goes before the usual ones, and is exact."""
    row = {name: "1" for names in NAMES.values() for name in names} | {"text": "usual", "Odd": "1795288504"}
    message = read_json(row, **{field: "Odd"})
    assert getattr(message, field) == (NOW if field == "received_at" else "1795288504")


@pytest.mark.parametrize(
    ("field", "value"), [("sender", ""), ("recipient", None), ("received_at", None), ("message_id", "synthetic-")]
)
def test_given_name_that_is_not_there(field: str, value: str | None) -> None:
    """The field is empty then; nothing is guessed."""
    row = {name: "1" for names in NAMES.values() for name in names}
    message = read_json(row, **{field: "odd"})
    found = getattr(message, field)
    assert found.startswith(value) if field == "message_id" else found == value


@pytest.mark.parametrize("row", [{"text": "usual"}, {"even": "other"}, {"a": {"even": "inside"}}])
def test_told_text_that_is_not_there(row: dict[str, Any]) -> None:
    """A record without its text is kept until a person tells where that is; nothing is guessed."""
    provider = make(text="odd")
    pushed = provider.read_webhook(made(json.dumps(row), JSON))
    assert pushed == PushResult(unreadable=(json.dumps(row).encode(),))
    assert not provider.read_again(pushed.unreadable[0])
    [name] = fields_of(pushed.unreadable[0])
    told = make(text=name).read_again(pushed.unreadable[0])
    assert told
    assert told.text in ("usual", "other", "inside")


@pytest.mark.parametrize(
    ("row", "told", "text"),
    [
        ({"text ": "1", "Text": "2", "text": "3"}, " text\n", "3"),
        ({"TEXT": "1", "Text": "2"}, "Text ", "2"),
        ({" Text": "1", "body": "2"}, "text", "1"),
        ({"Straße": "1", "body": "2"}, "STRASSE", "1"),
        ({"a": {"B": "1"}}, "A.b", "1"),
        ({"a.B": "1"}, "A.b", "1"),
        ({"a": [{"b": "1"}]}, "a.b", "1"),
        ({"a": {"b": ["0", "1"]}}, "a.b.1", "1"),
        ({"x": [{"y": {"b": "1"}}]}, "b", "1"),
    ],
)
def test_typed_names(row: dict[str, Any], told: str, text: str) -> None:
    """What a person has typed is compared without blanks around it, exactly first and then without case."""
    assert read_json(row, text=told).text == text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"text": "", "body": "Hello"}, "Hello"),
        ({"text": None, "body": "Hello"}, "Hello"),
        ({"body": "second", "text": "first"}, "first"),
        ({"text": "outside", "data": {"text": "inside"}}, "outside"),
        ({"text": "", "body": ""}, ""),
    ],
)
def test_several_usual_names(row: dict[str, Any], text: str) -> None:
    """The most usual one that isn't empty is taken, of equal ones the first."""
    assert read_json(row).text == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-21T19:15:04Z", NOW),
        ("2026-11-21T19:15:04", NOW),
        ("2026-11-21 19:15:04", NOW),
        (" 2026-11-21T21:15:04+02:00 ", NOW),
        ("2026-11-21T19:15:04.500Z", NOW + timedelta(milliseconds=500)),
        (1795288504, NOW),
        ("1795288504", NOW),
        (1795288504.5, NOW + timedelta(milliseconds=500)),
        (1795288504000, NOW),
        ("1795288504500", NOW + timedelta(milliseconds=500)),
        ("1795288504" + "0" * 6, NOW),
        ("99999999999999999999", None),
        ("-1795288504", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-02-30T10:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_times(value: Any, expected: datetime | None) -> None:
    """Times are understood or left out; the message arrives in either case."""
    assert read_json({"text": "Hello", "timestamp": value}).received_at == expected


@pytest.mark.parametrize("body", ['{"from": "1", "text": "Open"}', '{"from": "1", "text": "Open", "id": ""}'])
def test_equal_messages_without_an_id(body: str) -> None:
    """They are different ones."""
    assert read(body, JSON).message_id != read(body, JSON).message_id


@pytest.mark.parametrize("headers", [{}, JSON, {"Content-Type": "text/plain"}])
def test_nothing(headers: Headers) -> None:
    """Only a request with neither body nor query is refused."""
    with pytest.raises(RefusedWebhookError, match="no fields") as raised:
        make().read_webhook(made(b"", headers))
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'["nonsense"]',
        b"{}",
        b'{"a": {}}',
        b"null",
        b" ",
        b'{"text": "cut',
        b"<text>Hello</text>",
        b'"text=Hello"',
        b"\xff\xfe\x00",
        b"{" + b'"a":{' * 300 + b"}" * 301,
    ],
)
def test_what_is_not_understood(body: bytes) -> None:
    """It is kept as it came, and accepted."""
    assert make().read_webhook(made(body, JSON)) == PushResult(unreadable=(body,))


def test_what_is_not_understood_is_read_again() -> None:
    """A person can name it, and then it is the text, with what the query says; so is the next one."""
    body = b'{"from":"+447700900123","text":"Press "OPEN" now"}'
    request = made(body, JSON, "who=%2B447700900121")
    [record] = make().read_webhook(request).unreadable
    assert fields_of(record) == {"(body)": body.decode(), "who": "+447700900121"}
    told = {"text": "(body)", "sender": "who"}
    for message in (make(**told).read_again(record), *make(**told).read_webhook(request).messages):
        assert message
        assert (message.sender, message.text) == ("+447700900121", body.decode())


@pytest.mark.parametrize("depth", [50, 2000, 20_000, 120_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"":', "}"), ('{"a":', "}")])
def test_deep_json(depth: int, begin: str, end: str) -> None:
    """JSON of any depth is read or kept."""
    deep = begin * depth + "1" + end * depth
    for body in (deep, f'{{"text": "Hello", "deep": {deep}}}', f'[{{"text": "Hello"}}, {deep}]'):
        pushed = make().read_webhook(made(body, JSON))
        assert pushed.unreadable or [message.text for message in pushed.messages] == ["Hello"]


def test_paths_are_no_bomb() -> None:
    """A long name around many fields is not multiplied by them."""
    body = json.dumps({"text": "Hello", "x" * 100_000: [1] * 50_000})
    assert read(body, JSON).text == "Hello"


def test_lone_surrogate_in_a_name() -> None:
    """It becomes a character that can be shown."""
    assert read('{"\\ud800": "Hello"}', JSON, text="\ufffd").text == "Hello"


def sign(content: bytes, at: int | str = "", key: str = KEY) -> bytes:
    """Return the signature of a request."""
    return hmac.new(key.encode(), content + str(at).encode(), hashlib.sha256).digest()


BODY = b'{"text": "Open"}'
FRESH, OLD, FUTURE = (int(NOW.timestamp()) + seconds for seconds in (-30, -360, 360))


@pytest.mark.parametrize(
    "signature",
    [
        sign(BODY).hex(),
        sign(BODY).hex().upper(),
        f"sha256={sign(BODY).hex()}",
        base64.b64encode(sign(BODY)).decode(),
        f"sha256={base64.b64encode(sign(BODY)).decode()}",
    ],
)
def test_signature(signature: str) -> None:
    """A signed request is read, however its signature is written."""
    [message] = make(KEY).read_webhook(made(BODY, {"x-signature": signature})).messages
    assert message.text == "Open"


@pytest.mark.parametrize("at", [FRESH, int(NOW.timestamp()) - 300, int(NOW.timestamp()) + 300])
def test_signature_with_a_time(at: int) -> None:
    """The time is signed, too."""
    headers = {"X-Signature": sign(BODY, at).hex(), "X-Timestamp": str(at)}
    assert make(KEY).read_webhook(made(BODY, headers)).messages


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (BODY, {}, "wrong signature"),
        (BODY, {"X-Signature": ""}, "wrong signature"),
        (BODY, {"X-Signature": "sha256="}, "wrong signature"),
        (BODY, {"X-Signature": "é\udcff"}, "wrong signature"),
        (BODY, {"X-Signature": sign(BODY, key="other").hex()}, "wrong signature"),
        (BODY, {"X-Signature": base64.b64encode(sign(BODY)).decode().swapcase()}, "wrong signature"),
        (BODY + b" ", {"X-Signature": sign(BODY).hex()}, "wrong signature"),
        (BODY, {"X-Signature": sign(BODY).hex(), "X-Timestamp": str(FRESH)}, "wrong signature"),
        (BODY, {"X-Signature": sign(BODY, OLD).hex(), "X-Timestamp": str(FRESH)}, "wrong signature"),
        (BODY, {"X-Signature": sign(BODY, OLD).hex(), "X-Timestamp": str(OLD)}, "too long ago"),
        (BODY, {"X-Signature": sign(BODY, FUTURE).hex(), "X-Timestamp": str(FUTURE)}, "too long ago"),
        (BODY, {"X-Signature": sign(BODY, "soon").hex(), "X-Timestamp": "soon"}, "too long ago"),
        (BODY, {"X-Signature": sign(BODY, "9" * 400).hex(), "X-Timestamp": "9" * 400}, "too long ago"),
        (BODY, {"X-Signature": sign(BODY).hex(), "X-Timestamp": "\udcff"}, "wrong signature"),
        (b"", {"X-Signature": sign(BODY).hex()}, "wrong signature"),
    ],
)
def test_wrong_signature(body: bytes, headers: Headers, reason: str) -> None:
    """A request that isn't signed as it should be is refused, and the reason says nothing of it."""
    with pytest.raises(RefusedWebhookError, match=reason) as raised:
        make(KEY).read_webhook(made(body, headers))
    assert raised.value.status == 403


def test_own_names_of_headers() -> None:
    """The headers that a person has told are read, and no others."""
    provider = make(KEY, {"signature_header": "X-My-Hash", "timestamp_header": "X-My-Time"})
    signature = sign(BODY, FRESH).hex()
    assert provider.read_webhook(made(BODY, {"X-My-Hash": signature, "X-My-Time": str(FRESH)})).messages
    with pytest.raises(RefusedWebhookError, match="wrong signature"):
        provider.read_webhook(made(BODY, {"X-Signature": signature, "X-Timestamp": str(FRESH)}))


def test_time_moved_into_the_body() -> None:
    """An old request doesn't become a fresh one by leaving out the header of the time, once a person has named it."""
    body = f"text=Open&id=1{OLD}".encode()
    with pytest.raises(RefusedWebhookError, match="without a time"):
        make(KEY, {"timestamp_header": "X-Timestamp"}).read_webhook(made(body, {"X-Signature": sign(body).hex()}))


def test_signed_query() -> None:
    """A request by GET is signed over its query as it was sent."""
    query = "text=a%20b&from=%2b1"
    headers = {"X-Signature": sign(query.encode()).hex()}
    assert make(KEY).read_webhook(made(b"", headers, query)).messages[0].text == "a b"
    with pytest.raises(RefusedWebhookError, match="wrong signature"):
        make(KEY).read_webhook(made(b"", headers, "text=a+b&from=%2B1"))


def test_signed_plain_text() -> None:
    """Where body and query are read, both are signed: another sender can't be put before a signed text."""
    headers = {"Content-Type": "text/plain", "X-Signature": sign(b"from=1\nOpen").hex()}
    assert make(KEY).read_webhook(made(b"Open", headers, "from=1")).messages[0].sender == "1"
    for body, query in ((b"Open", "from=2"), (b"Open", ""), (b"\nOpen", "from=1"), (b"1\nOpen", "from=")):
        with pytest.raises(RefusedWebhookError, match="wrong signature"):
            make(KEY).read_webhook(made(body, headers, query))
    alone = {"Content-Type": "text/plain", "X-Signature": sign(b"Open").hex()}
    assert make(KEY).read_webhook(made(b"Open", alone)).messages


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shapes(shape: Shape) -> None:
    """Of each shape of a request all messages are read, each with its own fields, and what is none is kept."""
    result, again = shape.read(), shape.read()
    expected = shape.row["messages"]
    assert [(message.sender, message.text) for message in result.messages] == [
        (row["sender"], row["text"]) for row in expected
    ]
    for message, repeated, row in zip(result.messages, again.messages, expected, strict=True):
        assert message.recipient == row.get("recipient")
        assert (message.received_at and message.received_at.isoformat()) == row["time"]
        assert (message.data and message.data.hex()) == row.get("data")
        if row["id"] in ("same", "new"):
            assert message.message_id.startswith("synthetic-")
            assert (message.message_id == repeated.message_id) is (row["id"] == "same")
        else:
            assert message.message_id == row["id"]
            assert shape.provider().read_again(message.raw) == message
    assert len({message.message_id for message in result.messages}) == len(result.messages)
    assert len(result.unreadable) == len(shape.row["kept"])
    for record, piece in zip(result.unreadable, shape.row["kept"], strict=True):
        assert piece in record.decode()
    assert result.lacks_sender is shape.row.get("lacks_sender", False)


def scattered(random: Random, number: int) -> tuple[Any, set[tuple[str, str]]]:
    """Return a body with messages somewhere in it, and which sender may go with which text."""
    pairs, rows = set(), []
    for each in range(number):
        sender, text = f"+4477009{random.randrange(10**5):05}{each}", f"text {each}."
        row: dict[str, Any] = (
            {random.choice(("from", "sender", "msisdn", "phone")): sender} if random.random() < 0.8 else {}
        )
        if random.random() < 0.8:
            row[random.choice(("text", "body", "message"))] = text
        pairs.add((sender if row and next(iter(row.values())) == sender else "", text))
        if random.random() < 0.3:
            row["device"] = {"from": "+4411111111", "id": "d", "text": "none"}
        if random.random() < 0.3:
            row = {random.choice(("data", "sms", "x")): row, "id": f"event {each}"}
        rows.append(row)
    body: Any = rows
    for _ in range(random.randrange(3)):
        body = random.choice(
            ({"items": body}, {"n": "2", "data": body}, {"status": "ok", "message": "2 new", "rows": body})
        )
    return body, pairs


@pytest.mark.parametrize("seed", range(200))
def test_nothing_lost_nothing_mixed(seed: int) -> None:
    """Wherever messages are in a body, no sender comes to the text of another, and each text is read or kept."""
    body, pairs = scattered(Random(seed), 1 + seed % 5)  # noqa: S311
    result = make().read_webhook(made(json.dumps(body), JSON))
    for message in result.messages:
        assert message.text == "2 new" or message.sender == "" or (message.sender, message.text) in pairs
    texts = [message.text for message in result.messages]
    records = [message.raw for message in result.messages] + list(result.unreadable)
    assert any(b"2 new" in record for record in records) is ("2 new" in json.dumps(body))
    for _, text in pairs:
        assert texts.count(text) + sum(text in record.decode() for record in result.unreadable) == (
            text in json.dumps(body)
        )


def test_senders_around_several_messages() -> None:
    """A person's name counts around a list, too; and one message does not give another its own."""
    body = {"who": "+447700900121", "sms": [{"v": "one"}, {"v": "two", "who": "+447999888777"}]}
    pushed = make(text="v", sender="who").read_webhook(made(json.dumps(body), JSON))
    assert [(message.sender, message.text) for message in pushed.messages] == [
        ("+447700900121", "one"),
        ("+447999888777", "two"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ({"text": "one"}, {"text": "one"}, True),
        ({"text": "one"}, {"text": "two"}, False),
        ({"text": "one"}, {"text": "one", "from": "+447999888777"}, False),
        ({"text": "one"}, {"text": "one", "to": "+447999888777"}, False),
        ({"text": "one", "attempt": 1}, {"text": "one", "attempt": 2}, True),
        ({"text": "one", "ts": 1795288504}, {"text": "one", "ts": 1795288505}, True),
        ({"text": "one", "ts": 1795288504, "id": 7}, {"text": "one", "ts": 1795288505, "id": 7}, False),
    ],
)
def test_fingerprint(first: dict[str, Any], second: dict[str, Any], *, is_same: bool) -> None:
    """The same id with another content is another message; one that is a place on a card, with another time, too."""
    messages = [read_json({"from": "+447700900121", "id": "m-123456"} | row) for row in (first, second)]
    assert messages[0].message_id == messages[1].message_id
    assert (messages[0].fingerprint == messages[1].fingerprint) is is_same
    assert messages[0].fingerprint


@pytest.mark.parametrize(
    "row",
    [
        {"device": {"id": "A1"}},
        {"id": "+447700900121"},
        {"id": "Open"},
        {"id": ""},
        {"id": None},
        {"id": True},
        {"id": "{ID}"},
        {"id": ["1", "2"]},
        {"id": "8" * 300},
        {"deviceId": "A1", "webhookId": "w", "event_id": "e"},
        {"meta": {"id": "A1"}},
    ],
)
def test_no_id(row: dict[str, Any]) -> None:
    """What is not the message's id doesn't make two messages one."""
    body = {"from": "+447700900121", "text": "Open"} | row
    one, other = read_json(body), read_json(body)
    assert one.message_id != other.message_id
    assert one.fingerprint is None


@pytest.mark.parametrize(
    ("body", "headers", "query"),
    [
        ('{"from": "1234", "text": "Open", "ts": 1795288504}', JSON, ""),
        ('{"from": "1234", "text": "Open", "when_it_was": "2026-11-21T19:15:04"}', JSON, ""),
        ('{"from": "1234", "text": "Open", "nr": 1795288504000}', JSON, ""),
        ('{"data": {"from": "1234", "text": "Open"}, "sent": "2026-11-21 19:15:04"}', JSON, ""),
        ("from=1234&text=Open&ts=20261121191504", FORM, ""),
        ("Open", {"Content-Type": "text/plain"}, "from=1234&ts=1795288504"),
        ("", {}, "from=1234&text=Open&ts=1795288504"),
    ],
)
def test_same_bytes_with_a_time(body: str, headers: Headers, query: str) -> None:
    """The same bytes again are the same message if they hold a time to the second, and no other."""
    assert read(body, headers, query).message_id == read(body, headers, query).message_id
    later = [
        part.replace("179528850", "179528851").replace("19:15:04", "19:15:05").replace("191504", "191505")
        for part in (body, query)
    ]
    others = [(later[0], headers, later[1]), (body.replace("Open", "Shut"), headers, query.replace("Open", "Shut"))]
    for other in others:
        assert read(*other).message_id != read(body, headers, query).message_id


def test_equal_messages_of_one_request() -> None:
    """Two of them in one request are two, and the same two when the request is made again."""
    row = {"from": "1234", "text": "Open", "ts": 1795288504}
    request = made(json.dumps([row, row]), JSON)
    first, second = make().read_webhook(request).messages
    assert first.message_id != second.message_id
    assert make().read_webhook(request).messages == (first, second)


@pytest.mark.parametrize(
    ("sender", "lacks"),
    [
        ("+447700900121", False),
        ("whatsapp:+447700900121", False),
        ("(020) 7946-0018", False),
        ("2345", False),
        ("MYBANK", False),
        ("Zoë & Co.", False),
        ("anna@example.org", False),
        ("", True),
        ("0", True),
        ("12", True),
        ("447700900999", True),
        ("123456789012345678901", True),
        ("0b6e7f7e-1b8b-4b42-9d7e-2f6f5d0f7c11", True),
        ("5f0c0ffee0c0ffee0c0ffee", True),
        ("{FROM}", True),
        ("%SMSRF", True),
        ("[sms_number]", True),
        ("/v1/messages", True),
    ],
)
def test_lacks_sender(sender: str, *, lacks: bool) -> None:
    """A person is told where no sender was found, or none that can be one; the message arrives in either case."""
    row = {"from": sender, "to": "+447700900999", "id": "m-1", "text": "Open"}
    pushed = make().read_webhook(made(json.dumps(row), JSON))
    assert [message.text for message in pushed.messages] == ["Open"]
    assert pushed.lacks_sender is lacks


def test_sender_that_is_the_id() -> None:
    """A wrong name given for the sender is noticed."""
    pushed = make(sender="id", message_id="id").read_webhook(made('{"id": "m-1", "text": "Open"}', JSON))
    assert pushed.lacks_sender


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-11-21 19:15:04", "Africa/Johannesburg", "17:15:04"),
        ("2026-11-21T19:15:04Z", "Africa/Johannesburg", "19:15:04"),
        ("2026-11-21T19:15:04.220+0000", "Africa/Johannesburg", "19:15:04.220"),
        ("2026-11-21T19:15:04,220+02", "UTC", "17:15:04.220"),
        ("2026-11-21 19:15:04 UTC", "Africa/Johannesburg", "19:15:04"),
        ("2026-11-21 19:15", "UTC", "19:15"),
        ("2026/11/21, 7:15:04 PM", "UTC", "19:15:04"),
        ("20261121191504", "Africa/Johannesburg", "17:15:04"),
        ("20261121T191504Z", "Africa/Johannesburg", "19:15:04"),
        ("202611211915", "UTC", "19:15"),
        ("20261121191504500", "UTC", "19:15:04.500"),
        ("26/11/21,19:15:04+12", "UTC", "16:15:04"),
        ("26/11/21,19:15:04-04", "UTC", "20:15:04"),
        ("26/11/21,19:15:04", "Africa/Johannesburg", "17:15:04"),
        ("21.11.2026 19:15:04", "Africa/Johannesburg", "17:15:04"),
        ("21.11.2026, 19:15", "UTC", "19:15"),
        ("21/11/2026 19:15:04", "UTC", "19:15:04"),
        ("11/21/2026 07:15:04 PM", "UTC", "19:15:04"),
        ("11-21-2026 12:15:04 AM", "UTC", "00:15:04"),
        ("Sat, 21 Nov 2026 19:15:04 +0200", "UTC", "17:15:04"),
        ("21 Nov 2026 19:15:04", "Africa/Johannesburg", "17:15:04"),
        ("Sat Nov 21 19:15:04 2026", "Africa/Johannesburg", "17:15:04"),
        ("Sat Nov 21 19:15:04 GMT+02:00 2026", "UTC", "17:15:04"),
        ("1795288504", "Africa/Johannesburg", "19:15:04"),
        ("1795288504.25", "UTC", "19:15:04.250"),
        ("1795288504000", "UTC", "19:15:04"),
        ("1795288504000000", "UTC", "19:15:04"),
        ("1795288504000000000", "UTC", "19:15:04"),
        ("1.795288504E9", "UTC", "19:15:04"),
        ("1.795288504E12", "UTC", "19:15:04"),
    ],
)
def test_forms_of_time(value: str, zone: str, expected: str) -> None:
    """A time is read in each form in which it is sent; in the chosen zone where it has none."""
    found = time_of(f" {value} ", ZoneInfo(zone), NOW)
    assert found == datetime.fromisoformat(f"2026-11-21T{expected}+00:00")


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-21", "19:15:04", "20261121", "2612-10-20T00:00:00Z", "1999-12-31T23:59:59Z", "0001-01-01T00:00:00"),
        *("2026-11-23T19:15:05Z", "26/13/21,10:00:00+00", "05/11/2026 10:00:00", "20261321101010", "00000000000000"),
        *("9999999999", "99999999999999999999", "1e99", "nan", "infinity", "+1795288504", "١٧٩٥٢٨٨٥٠٤", "4" * 300),
        *("2026-11-21T25:00:00Z", "2026-11-21T10:00:00+99:00", "Sat, 99 Nov 2026 10:00:00", "a:" * 30, "Mon: :::: jan"),
        *("26/11/21,10:00:00+99", "21.11.2026", "441795288504", "01795288504"),
    ],
)
def test_no_time(value: str) -> None:
    """What is no time, or an absurd one, is left out."""
    assert time_of(value, UTC, NOW) is None


async def test_preset_decides() -> None:
    """The preset says what is answered, where the fields are and what is left out; a person's names come first."""
    session: Any = None
    account = Account(username="", password="", url="", preset="bulksms_relay", fields={"sender": "source_id"})
    provider = Webhook(session, account)
    assert provider.webhook_response.body == "OK"
    query = "msisdn=447700900999&sender=447700900121&source_id=2345&msg_id=7&referring_batch_id=9"
    query += "&message=00480069&dca=16bit"
    [message] = provider.read_webhook(made(b"", {}, query)).messages
    assert shown(message) == ("7", "2345", "447700900999", "Hi")
    assert message.in_reply_to == "9"
    assert (
        Webhook(session, Account(username="", password="", url="", preset="of the future")).webhook_response.body == ""
    )


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_preset_with_anything(number: int) -> None:
    """Whatever comes to an account with a preset is read, left out or kept, and never raises anything else."""
    shape = SHAPES[number]
    session: Any = None
    for preset in PRESETS.values():
        provider = Webhook(session, Account(username="", password="", url="", preset=preset.key))
        if preset.needs_key:
            with pytest.raises(RefusedWebhookError, match="no signing key"):
                provider.read_webhook(shape.request)
        else:
            pushed = provider.read_webhook(shape.request)
            assert all(provider.read_again(record) is None for record in pushed.unreadable)


def test_channel_of_a_preset() -> None:
    """An MMS says so, and the event of a kind that isn't a message is answered and not kept."""
    preset = PRESETS["smsgate_cloud"]
    record = b'{"event": "%s", "payload": {"messageId": "m1", "body": "Hi", "sender": "+447700900121"}}'
    message = parse(record % b"mms:downloaded", {}, preset=preset)
    assert message
    assert (message.text, message.channel) == ("Hi", "mms")
    assert Reader(mapped=Mapped(preset=preset)).is_about_something_else(record % b"sms:sent")


def test_signed_body_beside_a_query() -> None:
    """A query that isn't signed says nothing, as anybody could have written it."""
    body = b'{"text": "Open"}'
    headers = JSON | {"X-Signature": sign(body).hex()}
    pushed = make(KEY).read_webhook(made(body, headers, "from=%2B447700900121"))
    assert [(message.sender, message.text) for message in pushed.messages] == [("", "Open")]
    assert make().read_webhook(made(body, JSON, "from=%2B447700900121")).messages[0].sender == "+447700900121"


def test_around_many_messages() -> None:
    """What is around many messages is not multiplied by them."""
    body = json.dumps({"x": "y" * 100_000, "z": [1] * 10_000, "sms": [{"text": "a"}] * 5000})
    pushed = make().read_webhook(made(body, JSON))
    assert len(pushed.messages) == 5000
    assert sum(len(message.raw) for message in pushed.messages) < 3_000_000
    assert make().read_webhook(made('{"device": "d", "sms": [{"text": "a"}, {"text": "b"}]}', JSON)).messages[
        0
    ].raw == (b'{"device":"d","sms":[{"text":"a"}]}')


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (
            b'{"event": "e", "data": {"from": "1", "x": {"y": 2}, "text": "t"}}',
            {"event": "e", "from": "1", "x.y": "2", "text": "t"},
        ),
        (b'{"n": 1, "sms": [{"v": "a"}]}', {"n": "1", "v": "a"}),
        (b'?q=1\n{"text": "t"}', {"q": "1", "text": "t"}),
        (b"from=1&data[x]=2&text=t", {"from": "1", "data.x": "2", "text": "t"}),
        (b"\xff", {"(body)": "ÿ"}),
        (b"", {}),
    ],
)
def test_fields_of(record: bytes, fields: dict[str, str]) -> None:
    """A person sees the fields as they are named: from the message, and around it."""
    assert fields_of(record) == fields
    assert all(make(text=name).read_again(record) for name in fields)


def sent_by(preset: str, text: str = 'a & b = "100%" + more\nnew 😀', key: str = "") -> WebhookRequest:
    """Return what an app or service sends when an SMS comes."""
    at = datetime(2026, 11, 21, 19, 15, tzinfo=UTC)
    more = {"message_id": "7f3a", "nonce": "n0123456789", "zone": ZoneInfo("Pacific/Auckland")}
    request = build(preset, ADDRESS, text=text, key=key, at=at, **more)
    url, headers = URL(request.url, encoded=True), CIMultiDict(request.headers)
    return WebhookRequest(method=request.method, url=url, headers=headers, body=request.body, at=NOW)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.key)
@pytest.mark.parametrize("key", ["", base64.b64encode(b"\7" * 32).decode()], ids=["unsigned", "signed"])
def test_what_the_senders_of_the_presets_send(preset: Preset, key: str) -> None:
    """It is read with the preset, and again; a repeat is the same message wherever that can be known."""
    if preset.needs_key and not key:
        return
    signing_key = public_key(key) if preset.key == "telnyx" and key else key
    account = Account(
        username="",
        password="",
        url="",
        preset=preset.key,
        signing_key=signing_key if preset.signature else "",
        time_zone=ZoneInfo("Pacific/Auckland") if preset.needs_zone else UTC,
    )
    session: Any = None
    provider, request = Webhook(session, account), sent_by(preset.key, key=key)
    results = [provider.read_webhook(request) for _ in range(2)]
    [message], [repeated] = (result.messages for result in results)
    assert (message.sender.removeprefix("+"), message.text) == ("447700900121", 'a & b = "100%" + more\nnew 😀')
    assert not any(result.unreadable or result.lacks_sender for result in results)
    assert message.received_at in (datetime(2026, 11, 21, 19, 15, tzinfo=UTC), None)
    assert bool(message.received_at) is ("received_at" in preset.fields or preset is OTHER)
    assert (message.message_id == repeated.message_id) is (bool(preset.identity) or preset is OTHER)
    read_again = provider.read_again(message.raw)
    assert read_again
    assert (read_again.sender, read_again.text) == (message.sender, message.text)


@pytest.mark.parametrize("preset", PRESETS)
def test_what_they_send_without_a_preset(preset: str) -> None:
    """Their messages are understood by the usual names of fields, too; a text alone can't be mixed up with others."""
    pushed = make().read_webhook(sent_by(preset, text="Gate", key=base64.b64encode(b"\7" * 32).decode()))
    assert [(message.sender.removeprefix("+"), message.text) for message in pushed.messages] == [
        ("447700900121", "Gate")
    ]
