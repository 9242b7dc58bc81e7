"""Webhook requests that libraries of others signed are believed, and with one byte changed they aren't.

The vendors' own libraries sign, or where they can only verify, they verify what a general one signed; how stands at the
top of each script in `clients/`. Apps that have no library are signed for by Node's cryptography.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.errors import RefusedWebhookError
from custom_components.sms_inbox.providers.presets import PRESETS
from emulator.senders import build

from .libraries import ask_library

STARTED = datetime.now(UTC)
KEY = "key-of-tests-0123456789abcdefghijklmnopqrstuvwxyz-0123456789ABCDEFGHIJ"
URLS = ("https://ha.example/api/webhook/abc", "https://ha.example:8123/api/webhook/abc?token=s&to=1")
TEXTS = (
    "Gate",
    "Grüße an alle 😀👩‍👩‍👧 שלום 你好",
    "a & b = 100% + more | \\n #1? <x> \"y\" 'z' / {0} %2B &amp; &id=7",
    " two\nlines\r\nand\ta tab ",
)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How an app or service signs.

    Attributes:
        of: Key of the provider, or of the preset.
        script: Who signs, in `clients/`.
        needs: What the script must know of the request: `url`, `body`, `time`.
        fields: The fields of the body, for a text.
        signs: What the signature covers, beside itself: `body`, and `url` or without the query `path`.
        method: What of the script signs.
        options: What else the script must know.
        client: What the script's client is made of, where it isn't the key.
        key: The key that verifies.
        content_type: That of the body.
        unsigned: Headers that nobody signs.
        place: Where the signature is: `headers`, `form` or, without a body, `query`.
        seconds: After how many seconds it is refused; None where there is no time in it.
    """

    of: str
    script: str
    needs: tuple[str, ...]
    fields: Callable[[str], Mapping[str, Any]]
    signs: tuple[str, ...] = ("body",)
    method: str = "sign"
    options: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, str] = field(default_factory=lambda: {"key": KEY})
    key: str = KEY
    content_type: str = JSON
    unsigned: Mapping[str, str] = field(default_factory=dict)
    place: str = "headers"
    seconds: float | None = 301


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it is sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]

    def changed(self, scheme: Scheme) -> Iterator[Request]:
        """Return it with each byte changed in turn of what the signature covers, and of the signature itself."""
        path, _, query = self.url.partition("?")
        if {"url", "path"} & {*scheme.signs}:
            yield from (replace(self, url=f"{path[:-3]}{other}?{query}") for other in ("abd", "abc/", "ABC"))
        if query and (scheme.place == "query" or "url" in scheme.signs):
            yield from (replace(self, url=f"{path}?{other}") for other in _changed(query))
        if scheme.place == "headers":
            for name, value in self.headers.items():
                yield from (replace(self, headers={**self.headers, name: other}) for other in _changed(value))
        if "body" in scheme.signs:
            yield from (replace(self, body=other.encode("latin-1")) for other in _changed(self.body.decode("latin-1")))


def _changed(text: str) -> Iterator[str]:
    """Return a text with each character changed in turn, but for what may not count: the last bits of Base64."""
    end = len(text.rstrip("=")) - 1
    for place, character in enumerate(text):
        if place != end:
            yield text[:place] + chr(ord(character) ^ 1) + text[place + 1 :]


def verify(scheme: Scheme, request: Request, at: datetime, *, key: str | None = None) -> bool:
    """Return whether a request is believed that comes at this time."""
    key = scheme.key if key is None else key
    received = WebhookRequest(
        method="GET" if scheme.place == "query" else "POST",
        url=URL(request.url, encoded=True),
        headers=CIMultiDict({"Content-Type": scheme.content_type, **scheme.unsigned, **request.headers}),
        body=request.body,
        at=at,
    )
    try:
        if provider := PROVIDERS.get(scheme.of):
            account = Account(username=SID, password="none", url="https://api.example", signing_key=key)
            provider(Mock(), account).read_webhook(received)
        else:
            PRESETS[scheme.of].signature.verify(received, key)
    except RefusedWebhookError:
        return False
    return True


async def make(scheme: Scheme, now: datetime) -> list[Request]:
    """Have requests signed, with all texts, to all addresses where that may matter."""
    plain = []
    for url in URLS if scheme.place == "headers" else URLS[:1]:
        for text in TEXTS:
            fields = scheme.fields(text)
            body = urlencode(fields) if scheme.content_type == FORM else json.dumps(fields, ensure_ascii=False)
            plain.append((url, body))
    calls = []
    for url, body in plain:
        known = {"url": url, "body": body, "time": int(now.timestamp())}
        calls.append((scheme.method, {name: known[name] for name in scheme.needs} | scheme.options))
    requests = []
    for (url, body), signed in zip(plain, await ask_library(scheme.script, scheme.client, *calls), strict=True):
        match scheme.place:
            case "headers":
                requests.append(Request(url=url, body=body.encode(), headers=signed))
            case "form":
                requests.append(Request(url=url, body=f"{body}&{urlencode(signed)}".encode(), headers={}))
            case _:
                requests.append(Request(url=f"{url}?{body}&{urlencode(signed)}", body=b"", headers={}))
    return requests


SID = "AC0123456789abcdef0123456789abcdef"
TELNYX_KEY = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
SCHEMES = {
    "httpsms": Scheme(
        of="httpsms",
        script="sign_httpsms.mjs",
        needs=("url", "time"),
        signs=("url",),
        seconds=601,
        fields=lambda text: {
            "specversion": "1.0",
            "type": "message.phone.received",
            "data": {"message_id": "m1", "contact": "+447700900121", "content": text, "timestamp": f"{STARTED:%FT%TZ}"},
        },
    ),
    "messagebird": Scheme(
        of="messagebird",
        script="sign_messagebird.py",
        needs=("url", "body", "time"),
        signs=("url", "body"),
        options={"algorithm": "HS256"},
        content_type=FORM,
        seconds=62,
        fields=lambda text: {"id": "mb1", "recipient": "447700900999", "originator": "447700900121", "body": text},
    ),
    "plivo, version 3": Scheme(
        of="plivo",
        script="sign_plivo.py",
        needs=("url", "body"),
        signs=("url", "body"),
        method="version_3",
        options={"header": "X-Plivo-Signature-V3"},
        content_type=FORM,
        seconds=None,
        fields=lambda text: {"From": "447700900121", "MessageUUID": "5b40a428", "Text": text, "To": "1", "Type": "sms"},
    ),
    "seven": Scheme(
        of="seven",
        script="sign_seven.mjs",
        needs=("url", "body", "time"),
        signs=("url", "body"),
        fields=lambda text: {
            "data": {"id": "1174", "sender": "447700900121", "text": text, "time": str(int(STARTED.timestamp()))},
            "webhook_event": "sms_mo",
        },
    ),
    "signalwire": Scheme(
        of="signalwire",
        script="sign_signalwire.py",
        needs=("url", "body"),
        signs=("url", "body"),
        options={"algorithm": "sha1"},
        seconds=None,
        fields=lambda text: {"message": {"message_id": "4f7b", "from": "+15550001111", "to": "+1", "body": text}},
    ),
    "sinch": Scheme(
        of="sinch",
        script="sign_sinch.py",
        needs=("body", "time"),
        seconds=2 * 86_400,
        fields=lambda text: {"type": "mo_text", "id": "01FC", "from": "447700900121", "to": "1", "body": text},
    ),
    "smsforwarder": Scheme(
        of="smsforwarder",
        script="sign_apps.mjs",
        method="smsforwarder",
        needs=("time",),
        signs=(),
        content_type=FORM,
        place="form",
        seconds=601,
        fields=lambda text: {"from": "+447700900121", "content": text},
    ),
    "smsgate": Scheme(
        of="smsgate",
        script="sign_apps.mjs",
        method="smsgate",
        needs=("body", "time"),
        fields=lambda text: {"event": "sms:received", "id": "1", "payload": {"messageId": "5c74ebd6", "message": text}},
    ),
    "telnyx": Scheme(
        of="telnyx",
        script="sign_telnyx.py",
        client={"seed": "07" * 32},
        key=TELNYX_KEY,
        needs=("body", "time"),
        fields=lambda text: {"data": {"event_type": "message.received", "payload": {"id": "40385f64", "text": text}}},
    ),
    "textbee": Scheme(
        of="textbee",
        script="sign_apps.mjs",
        method="textbee",
        needs=("body",),
        seconds=None,
        fields=lambda text: {"smsId": "65f0c0ffee0c0ffee0c0ffee", "message": text, "webhookEvent": "MESSAGE_RECEIVED"},
    ),
    "twilio": Scheme(
        of="twilio",
        script="use_twilio.py",
        needs=("url", "body"),
        signs=("url", "body"),
        client={"url": "", "username": SID, "password": KEY},
        content_type=FORM,
        seconds=None,
        fields=lambda text: {"MessageSid": f"SM{'0' * 32}", "From": "+15550001111", "To": "+1", "Body": text},
    ),
    "vonage": Scheme(
        of="vonage",
        script="sign_vonage.py",
        needs=("body",),
        options={"method": "sha256"},
        content_type=FORM,
        place="form",
        seconds=2 * 86_400,
        fields=lambda text: {
            "msisdn": "447700900121",
            "to": "447700900999",
            "messageId": "0A01",
            "text": text,
            "timestamp": str(int(STARTED.timestamp())),
            "nonce": "n-1",
        },
    ),
}
SCHEMES |= {
    f"messagebird, {name}": replace(SCHEMES["messagebird"], options={"algorithm": name}) for name in ("HS384", "HS512")
}
SCHEMES["plivo, of the main account"] = replace(
    SCHEMES["plivo, version 3"], options={"header": "X-Plivo-Signature-Ma-V3"}
)
SCHEMES["plivo, version 2"] = replace(
    SCHEMES["plivo, version 3"], needs=("url",), method="version_2", options={}, signs=("path",)
)
SCHEMES["incoming_sms"] = replace(
    SCHEMES["textbee"], of="incoming_sms", fields=lambda text: {"from": "+447700900121", "text": text}
)
SCHEMES["smsgate, cloud"] = replace(SCHEMES["smsgate"], of="smsgate_cloud")
SCHEMES["signalwire, SHA-256"] = replace(SCHEMES["signalwire"], options={"algorithm": "sha256"})
SCHEMES["signalwire, provider"] = replace(SCHEMES["signalwire"], of="twilio")
SCHEMES["signalwire, form"] = replace(
    SCHEMES["twilio"], script="sign_signalwire.py", client={"key": KEY}, method="sign_form"
)
SCHEMES |= {
    f"twilio, {name}": replace(
        SCHEMES["twilio"],
        options={"algorithm": name},
        unsigned={"X-Twilio-Webhooks-Signature-Settings": f"key=webhooks_sharedkey_1,algorithm={name}"},
    )
    for name in ("HMAC_SHA1", "HMAC_SHA256")
}
SCHEMES |= {
    f"vonage, {name or 'md5 without HMAC'}": replace(SCHEMES["vonage"], options={"method": name})
    for name in (None, "md5", "sha1", "sha512")
}
SCHEMES["vonage, in the query"] = replace(SCHEMES["vonage"], place="query", signs=())


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
async def test_signature(scheme: Scheme) -> None:
    """What is signed with the key is believed for its time; with any byte changed or another key it isn't."""
    now = datetime.now(UTC)  # as it is, since some of the libraries have a clock of their own
    later = now + timedelta(seconds=scheme.seconds or 86_400)
    for request in await make(scheme, now):
        assert verify(scheme, request, now)
        assert [other for other in request.changed(scheme) if verify(scheme, other, now)] == []
        assert not verify(scheme, request, now, key=f"{scheme.key[:-2]}X{scheme.key[-1]}")
        assert verify(scheme, request, later) == (scheme.seconds is None)


@pytest.mark.parametrize("name", ["messagebird", "plivo", "seven", "signalwire", "sinch", "telnyx", "vonage"])
async def test_emulator(name: str) -> None:
    """The vendor's library believes what the emulator sends in its name, and nothing with another text."""
    scheme = next(scheme for scheme in SCHEMES.values() if scheme.of == name)
    key = base64.b64encode(bytes.fromhex(scheme.client["seed"])).decode() if name == "telnyx" else KEY
    checks = []
    for url in URLS:
        for text in TEXTS:
            sent = build(name, url, text=text, key=key)
            arguments = {"url": sent.url, "body": sent.body.decode(), "headers": dict(sent.headers)}
            checks.append(("is_signed", arguments))
    arguments = checks[0][1]
    assert "Gate" in arguments["body"]
    forged = ("is_signed", {**arguments, "body": arguments["body"].replace("Gate", "Date")})
    answers = await ask_library(scheme.script, scheme.client, *checks, forged)
    assert answers == [True] * len(checks) + [False]
