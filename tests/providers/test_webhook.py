"""Webhook: forms, JSON, queries and plain texts, whatever the names of their fields, and signatures."""

import base64
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Message, PushResult
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.errors import RefusedWebhookError
from custom_components.sms_inbox.providers.webhook import NAMES, Webhook

ADDRESS = "https://home.example/api/webhook/5ecre7"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
KEY = "kéy-of-signatures"
NOW = datetime(2026, 11, 21, 19, 15, 4, tzinfo=UTC)
EMOJI = "Kia ora 😀👩‍👩‍👧 שלום"

type Headers = dict[str, str]


def make(signing_key: str = "", **fields: str) -> Webhook:
    """Return a provider that knows the names of the fields; it sends no request, so it never uses its session."""
    session: Any = None
    return Webhook(session, Account(username=" Gate ", password="", url="", signing_key=signing_key, fields=fields))


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
    """A person's name for it is what it is known by; there is nothing to ask."""
    provider = make()
    identity = await provider.validate()
    assert (identity.name, identity.account_id) == ("Gate", "gate")
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
    told = read_json(row, text="lines.1.v", sender="event", recipient="payload.phoneNumber")
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
    """There are no fields in it."""
    body = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nHello\r\n--b--\r\n'
    with pytest.raises(RefusedWebhookError, match="no fields"):
        make().read_webhook(made(body, {"Content-Type": f"multipart/form-data{boundary}"}))


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
    value = "1795288504" if field == "received_at" else "value"
    others = {} if field == "text" else {"text": "Hello"}
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


@pytest.mark.parametrize("row", [{"text": "usual"}, {"Odd": "other case"}, {"a": {"odd": "inside"}}])
def test_told_text_that_is_not_there(row: dict[str, Any]) -> None:
    """A record without its text is kept until a person tells where that is."""
    pushed = make(text="odd").read_webhook(made(json.dumps(row), JSON))
    assert pushed == PushResult(unreadable=(json.dumps(row).encode(),))
    assert make().read_again(pushed.unreadable[0]) is None or "text" in row
    [name] = row
    told = make(text="a.odd" if name == "a" else name).read_again(pushed.unreadable[0])
    assert told
    assert told.text in ("usual", "other case", "inside")


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
        ("1795288504" + "0" * 6, None),
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


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b'["nonsense"]', JSON),
        (b"{}", JSON),
        (b'{"a": {}}', JSON),
        (b"[]", JSON),
        (b'{"text": "cut', JSON),
        (b"", {"Content-Type": "text/plain"}),
        (b"{" + b'"a":{' * 300 + b"}" * 301, JSON),
    ],
)
def test_no_fields(body: bytes, headers: Headers) -> None:
    """What has nothing in it is no message, and its sender is told so."""
    with pytest.raises(RefusedWebhookError, match="no fields") as raised:
        make().read_webhook(made(body, headers))
    assert raised.value.status == 400


@pytest.mark.parametrize("depth", [50, 2000, 20_000, 120_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"":', "}"), ('{"a":', "}")])
def test_deep_json(depth: int, begin: str, end: str) -> None:
    """JSON of any depth is read, kept or refused."""
    deep = begin * depth + "1" + end * depth
    for body in (deep, f'{{"text": "Hello", "deep": {deep}}}', f'[{{"text": "Hello"}}, {deep}]'):
        try:
            pushed = make().read_webhook(made(body, JSON))
        except RefusedWebhookError as err:
            assert err.status == 400  # noqa: PT017 - or else nothing is raised
        else:
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
    provider = make(KEY, signature_header="X-My-Hash", timestamp_header="X-My-Time")
    signature = sign(BODY, FRESH).hex()
    assert provider.read_webhook(made(BODY, {"X-My-Hash": signature, "X-My-Time": str(FRESH)})).messages
    with pytest.raises(RefusedWebhookError, match="wrong signature"):
        provider.read_webhook(made(BODY, {"X-Signature": signature, "X-Timestamp": str(FRESH)}))


def test_time_moved_into_the_body() -> None:
    """An old request doesn't become a fresh one by leaving out the header of the time, once a person has named it."""
    body = f"text=Open&id=1{OLD}".encode()
    with pytest.raises(RefusedWebhookError, match="without a time"):
        make(KEY, timestamp_header="X-Timestamp").read_webhook(made(body, {"X-Signature": sign(body).hex()}))


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
