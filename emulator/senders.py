"""What apps and services that can't be polled send when a text message comes: one request to a webhook.

    python -m emulator.senders PRESET URL [--key KEY] [--text TEXT] [--from NUMBER] [--to NUMBER]
    python -m emulator.senders --list

The request is signed where a key is given, as each vendor describes it. Telnyx signs with a private key: give the 32
bytes of one in base64; the public key that belongs to it is printed.
"""

import argparse
import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
import hashlib
import hmac
import json
import sys
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit
import uuid

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from .alphabet import is_plain
from .protocol import Outgoing

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Sms:
    """One text message that comes, and what is needed to send a request about it.

    `at` is when it came and when the request is made; `zone` is that of devices which say their local time; `key` is
    empty where nothing is signed.
    """

    url: str
    sender: str
    text: str
    recipient: str
    key: str
    at: datetime
    zone: tzinfo = UTC
    message_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def seconds(self) -> int:
        """The time in seconds since 1970."""
        return int(self.at.timestamp())

    @property
    def milliseconds(self) -> int:
        """The time in milliseconds since 1970."""
        return self.seconds * 1000 + self.at.microsecond // 1000

    @property
    def iso(self) -> str:
        """The time in UTC, with milliseconds and a Z."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.at.microsecond // 1000:03}Z"

    @property
    def digits(self) -> str:
        """The sender without a plus."""
        return self.sender.removeprefix("+")

    def local(self, form: str) -> str:
        """Return the local time."""
        return self.at.astimezone(self.zone).strftime(form)

    def hash(self, content: bytes | str, algorithm: str = "sha256") -> bytes:
        """Return the keyed hash of something."""
        data = content if isinstance(content, bytes) else content.encode()
        return hmac.new(self.key.encode(), data, algorithm).digest()


def build(
    preset: str,
    url: str,
    *,
    sender: str = "+447700900121",
    text: str = "Gate",
    recipient: str = "+447700900999",
    key: str = "",
    at: datetime | None = None,
    **more: Any,
) -> Outgoing:
    """Return the request that an app or service makes when a text message comes; `more` are other fields of `Sms`."""
    sms = Sms(url=url, sender=sender, text=text, recipient=recipient, key=key, at=at or datetime.now(UTC), **more)
    return SENDERS[preset](sms)


def africastalking(sms: Sms) -> Outgoing:
    """Africa's Talking: a form."""
    return _form(
        sms.url,
        linkId="1a2b",
        text=sms.text,
        to=sms.recipient,
        id=sms.message_id,
        date=sms.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        **{"from": sms.sender},
        networkCode="63902",
    )


def bulletin_callback(sms: Sms) -> Outgoing:
    """Bulletin: the variables of a URL template are filled in; `messageId` is that of the message that is answered."""
    query = f"msg=5e1f&from={quote(sms.digits, safe='')}&body={quote(sms.text, safe='')}"
    return Outgoing(method="POST", url=_with(sms.url, query))


def bulksms_relay(sms: Sms) -> Outgoing:
    """BulkSMS: a query; what the alphabet of SMS hasn't is UTF-16 in hexadecimal."""
    plain = is_plain(sms.text)
    fields = {
        "msisdn": sms.recipient.removeprefix("+"),
        "sender": sms.digits,
        "message": sms.text if plain else sms.text.encode("utf-16-be").hex(),
        "dca": "7bit" if plain else "16bit",
        "msg_id": sms.message_id,
        "source_id": "",
        "referring_batch_id": "0",
    }
    return Outgoing(method="GET", url=_with(sms.url, urlencode(fields)))


def gammu_smsd(sms: Sms) -> Outgoing:
    """The script `docs/gammu-smsd/on-receive`: JSON, with the modem's local time."""
    return _json(
        sms.url,
        {"id": sms.message_id, "from": sms.sender, "text": sms.text, "time": sms.local("%Y-%m-%d %H:%M:%S")},
        blanks=True,
    )


def httpsms(sms: Sms) -> Outgoing:
    """The app httpSMS: a CloudEvent; a token names the address, and doesn't sign the body."""
    event = {
        "specversion": "1.0",
        "type": "message.phone.received",
        "source": "/v1/messages/receive",
        "id": str(uuid.uuid4()),
        "time": sms.iso,
        "datacontenttype": JSON,
        "data": {
            "message_id": sms.message_id,
            "user_id": "user-1",
            "owner": sms.recipient,
            "encrypted": False,
            "contact": sms.sender,
            "timestamp": sms.iso,
            "content": sms.text,
            "sim": "SIM1",
            "attachments": [],
        },
    }
    claims = {
        "iss": "api.httpsms.com",
        "sub": "user-1",
        "aud": [sms.url],
        "exp": sms.seconds + 600,
        "nbf": sms.seconds - 600,
        "iat": sms.seconds,
    }
    signed = {"Authorization": f"Bearer {_jwt(sms, claims)}"} if sms.key else {}
    return _json(sms.url, event, {"X-Event-Type": "message.phone.received", **signed})


def incoming_sms(sms: Sms) -> Outgoing:
    """The app "Incoming SMS to URL forwarder": JSON by its template; the body is signed."""
    row = {
        "from": sms.sender,
        "text": sms.text,
        "sentStamp": str(sms.milliseconds),
        "receivedStamp": str(sms.milliseconds + 1000),
        "sim": "sim1",
    }
    request = _json(sms.url, row, content_type="application/json; charset=utf-8")
    return _more(request, {"X-Signature": sms.hash(request.body).hex()} if sms.key else {})


def infobip(sms: Sms) -> Outgoing:
    """Infobip: JSON with a list."""
    row = {
        "messageId": sms.message_id,
        "from": sms.digits,
        "to": sms.recipient.removeprefix("+"),
        "text": sms.text,
        "cleanText": sms.text.partition(" ")[2],
        "keyword": sms.text.partition(" ")[0].upper(),
        "receivedAt": sms.iso.replace("Z", "+0000"),
        "smsCount": 1,
        "price": {"pricePerMessage": 0, "currency": "EUR"},
        "callbackData": None,
    }
    return _json(sms.url, {"results": [row], "messageCount": 1, "pendingMessageCount": 0})


def kannel(sms: Sms) -> Outgoing:
    """Kannel by `post-url`: the text is the body, in UTF-16 where the alphabet of SMS isn't enough."""
    charset = "UTF-8" if is_plain(sms.text) else "UTF-16BE"
    query = urlencode(
        {"id": sms.message_id, "from": sms.digits, "to": sms.recipient.removeprefix("+"), "ts": sms.seconds}
    )
    return Outgoing(
        method="POST",
        url=_with(sms.url, query),
        headers={"Content-Type": f"text/plain; charset={charset}", "User-Agent": "Kannel/1.4.5"},
        body=sms.text.encode(charset),
    )


def messagebird(sms: Sms) -> Outgoing:
    """MessageBird: a form; a token holds the hashes of address and body."""
    request = _form(
        sms.url,
        id=sms.message_id,
        recipient=sms.recipient.removeprefix("+"),
        originator=sms.digits,
        body=sms.text,
        createdDatetime=sms.at.astimezone(UTC).isoformat(timespec="seconds"),
    )
    claims = {
        "iss": "MessageBird",
        "nbf": sms.seconds,
        "exp": sms.seconds + 60,
        "jti": sms.nonce,
        "url_hash": hashlib.sha256(sms.url.encode()).hexdigest(),
        "payload_hash": hashlib.sha256(request.body).hexdigest(),
    }
    return _more(request, {"MessageBird-Signature-JWT": _jwt(sms, claims)} if sms.key else {})


def other(sms: Sms) -> Outgoing:
    """A script of one's own: JSON, and the hash of its body."""
    request = _json(sms.url, {"id": sms.message_id, "from": sms.sender, "text": sms.text, "timestamp": sms.seconds})
    return _more(request, {"X-Signature": sms.hash(request.body).hex()} if sms.key else {})


def plivo(sms: Sms) -> Outgoing:
    """Plivo: a form, signed in the present way, and beside that in the one before, which doesn't sign the form."""
    fields = {
        "From": sms.digits,
        "MessageUUID": sms.message_id,
        "Text": sms.text,
        "To": sms.recipient.removeprefix("+"),
        "Type": "sms",
        "Units": "1",
        "TotalAmount": "0",
    }
    request = _form(sms.url, **fields)
    if not sms.key:
        return request
    parts = urlsplit(sms.url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = "&".join(sorted(f"{name}={value}" for name, value in parse_qsl(parts.query, keep_blank_values=True)))
    signed = f"{base}?{query}{'.' if query else ''}{''.join(name + fields[name] for name in sorted(fields))}"
    third = base64.b64encode(sms.hash(f"{signed}.{sms.nonce}")).decode()
    second = base64.b64encode(sms.hash(base + sms.nonce)).decode()
    return _more(
        request,
        {
            "X-Plivo-Signature-V3": third,
            "X-Plivo-Signature-Ma-V3": third,
            "X-Plivo-Signature-V3-Nonce": sms.nonce,
            "X-Plivo-Signature-V2": second,
            "X-Plivo-Signature-V2-Nonce": sms.nonce,
        },
    )


def seven(sms: Sms) -> Outgoing:
    """seven.io: JSON; some lines about the request are signed."""
    event = {
        "data": {
            "id": sms.message_id,
            "sender": sms.digits,
            "system": sms.recipient.removeprefix("+"),
            "text": sms.text,
            "time": str(sms.seconds),
            "message_type": "SMS",
        },
        "webhook_event": "sms_mo",
        "webhook_timestamp": sms.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    request = _json(sms.url, event)
    digest = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
    lines = "\n".join([str(sms.seconds), sms.nonce, "POST", sms.url, digest])
    times = {"X-Timestamp": str(sms.seconds), "X-Nonce": sms.nonce}
    return _more(request, {**times, "X-Signature": sms.hash(lines).hex()} if sms.key else {})


def shortcuts(sms: Sms) -> Outgoing:
    """Shortcuts on an iPhone: JSON; the key is a header that a person sets."""
    return _json(sms.url, {"from": sms.sender, "text": sms.text}, _token(sms))


def signalwire(sms: Sms) -> Outgoing:
    """SignalWire's handler SWML: JSON; address and body are signed, in two hashes."""
    row = {"message_id": sms.message_id, "from": sms.sender, "to": sms.recipient, "body": sms.text}
    request = _json(sms.url, {"message": row})
    signed = sms.url.encode() + request.body
    hashes = {
        "X-SignalWire-Signature": sms.hash(signed, "sha1").hex(),
        "X-SignalWire-Sha256-Signature": sms.hash(signed).hex(),
    }
    return _more(request, hashes if sms.key else {})


def sinch(sms: Sms) -> Outgoing:
    """Sinch: JSON; body, nonce and time are signed."""
    request = _json(
        sms.url,
        {
            "type": "mo_text",
            "id": sms.message_id,
            "from": sms.digits,
            "to": sms.recipient.removeprefix("+"),
            "body": sms.text,
            "received_at": sms.iso,
            "operator_id": "23430",
        },
    )
    name = "x-sinch-webhook-signature"
    signature = base64.b64encode(sms.hash(request.body + f".{sms.nonce}.{sms.seconds}".encode())).decode()
    headers = {
        name: signature,
        f"{name}-nonce": sms.nonce,
        f"{name}-timestamp": str(sms.seconds),
        f"{name}-algorithm": "HmacSHA256",
    }
    return _more(request, headers if sms.key else {})


def slzb(sms: Sms) -> Outgoing:
    """A script on an SLZB-Ultima: JSON with the time of the network, whose zone is in quarters of an hour."""
    offset = sms.at.astimezone(sms.zone).utcoffset()
    quarters = int(offset.total_seconds() // 900) if offset else 0
    stamp = f"{sms.local('%y/%m/%d,%H:%M:%S')}{quarters:+03}"
    return _json(sms.url, {"i": 3, "st": "unread", "from": sms.sender, "ts": stamp, "text": sms.text})


def smseagle(sms: Sms) -> Outgoing:
    """SMSEagle: a form with the device's local time; the key is one of the fields."""
    fields = {"sender": sms.digits, "timestamp": sms.local("%Y%m%d%H%M%S"), "text": sms.text, "msgid": sms.message_id}
    return _form(sms.url, **fields, **({"apikey": sms.key} if sms.key else {}))


def smsforwarder(sms: Sms) -> Outgoing:
    """The app SmsForwarder with our template: a form; the time of the request is signed, and escaped twice."""
    fields = {
        "from": sms.sender,
        "org_content": sms.text,
        "receive_time": sms.at.astimezone(sms.zone).isoformat(timespec="milliseconds"),
        "timestamp": str(sms.milliseconds),
    }
    signature = base64.b64encode(sms.hash(f"{sms.milliseconds}\n{sms.key}")).decode()
    return _form(sms.url, **fields, sign=quote_plus(signature) if sms.key else "")


def smsgate_cloud(sms: Sms) -> Outgoing:
    """The app SMS Gateway for Android: JSON; body and time are signed."""
    event = {
        "deviceId": "d",
        "event": "sms:received",
        "id": str(uuid.uuid4()),
        "payload": {
            "messageId": sms.message_id[:8],
            "message": sms.text,
            "sender": sms.sender,
            "recipient": None,
            "simNumber": 1,
            "receivedAt": sms.at.astimezone(sms.zone).isoformat(timespec="milliseconds"),
        },
        "webhookId": "w",
    }
    request = _json(sms.url, event)
    signature = sms.hash(request.body + str(sms.seconds).encode()).hex()
    return _more(request, {"X-Timestamp": str(sms.seconds), "X-Signature": signature} if sms.key else {})


def tasker(sms: Sms) -> Outgoing:
    """Tasker, MacroDroid: a form by a template; the key is a header that a person sets."""
    return _more(_form(sms.url, **{"from": sms.sender}, text=sms.text), _token(sms))


def telnyx(sms: Sms) -> Outgoing:
    """Telnyx: JSON; time and body are signed with a private key."""
    payload = {
        "direction": "inbound",
        "from": {"phone_number": sms.sender, "carrier": "", "line_type": ""},
        "id": sms.message_id,
        "media": [],
        "received_at": sms.iso.replace("Z", "+00:00"),
        "record_type": "message",
        "text": sms.text,
        "to": [{"phone_number": sms.recipient, "status": "webhook_delivered"}],
        "type": "SMS",
    }
    event = {
        "data": {
            "event_type": "message.received",
            "id": str(uuid.uuid4()),
            "occurred_at": payload["received_at"],
            "payload": payload,
            "record_type": "event",
        },
        "meta": {"attempt": 1, "delivered_to": sms.url},
    }
    request = _json(sms.url, event)
    if not sms.key:
        return request
    signature = _private_key(sms.key).sign(f"{sms.seconds}|".encode() + request.body)
    return _more(
        request,
        {
            "telnyx-timestamp": str(sms.seconds),
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        },
    )


def teltonika(sms: Sms) -> Outgoing:
    """A router of Teltonika: a form with names that a person gives; recipient and key are its two extra pairs."""
    fields = {"from": sms.sender, "text": sms.text, "to": sms.recipient}
    return _form(sms.url, **fields, **({"token": sms.key} if sms.key else {}))


def textbee(sms: Sms) -> Outgoing:
    """The app textbee: JSON; the body is signed."""
    event = {
        "smsId": sms.message_id[:24],
        "message": sms.text,
        "deviceId": "65f0",
        "webhookSubscriptionId": "65f1",
        "webhookEvent": "MESSAGE_RECEIVED",
        "idempotencyKey": str(uuid.uuid4()),
        "sender": sms.sender,
        "receivedAt": sms.iso,
    }
    request = _json(sms.url, event)
    return _more(request, {"X-Signature": sms.hash(request.body).hex()} if sms.key else {})


def vonage(sms: Sms) -> Outgoing:
    """Vonage: a form; all its fields are signed, here with SHA-256."""
    fields = {
        "msisdn": sms.digits,
        "to": sms.recipient.removeprefix("+"),
        "messageId": sms.message_id,
        "text": sms.text,
        "type": "text" if is_plain(sms.text) else "unicode",
        "keyword": sms.text.partition(" ")[0].upper(),
        "message-timestamp": sms.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "timestamp": str(sms.seconds),
        "nonce": sms.nonce,
    }
    if sms.key:
        clean = {name: fields[name].replace("&", "_").replace("=", "_") for name in sorted(fields)}
        fields["sig"] = sms.hash("".join(f"&{name}={value}" for name, value in clean.items())).hex().upper()
    return _form(sms.url, **fields)


SENDERS: dict[str, Callable[[Sms], Outgoing]] = {
    sender.__name__: sender
    for sender in (
        africastalking,
        bulksms_relay,
        bulletin_callback,
        gammu_smsd,
        httpsms,
        incoming_sms,
        infobip,
        kannel,
        messagebird,
        other,
        plivo,
        seven,
        shortcuts,
        signalwire,
        sinch,
        slzb,
        smseagle,
        smsforwarder,
        smsgate_cloud,
        tasker,
        telnyx,
        teltonika,
        textbee,
        vonage,
    )
}
"""What each app or service sends, by the key of its preset."""


def public_key(private_key: str) -> str:
    """Return the public key that belongs to a private one of Ed25519; both are base64."""
    return base64.b64encode(_private_key(private_key).public_key().public_bytes_raw()).decode()


def _private_key(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key))


def _jwt(sms: Sms, claims: Mapping[str, Any]) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{_base64url(sms.hash(signed))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _token(sms: Sms) -> dict[str, str]:
    return {"X-Token": sms.key} if sms.key else {}


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _form(url: str, **fields: str) -> Outgoing:
    return Outgoing(method="POST", url=url, headers={"Content-Type": FORM}, body=urlencode(fields).encode())


def _json(
    url: str,
    content: Any,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = JSON,
    blanks: bool = False,
) -> Outgoing:
    body = json.dumps(content, ensure_ascii=blanks, separators=None if blanks else (",", ":")).encode()
    return Outgoing(method="POST", url=url, headers={"Content-Type": content_type, **(headers or {})}, body=body)


def _more(request: Outgoing, headers: Mapping[str, str]) -> Outgoing:
    return Outgoing(method=request.method, url=request.url, headers={**request.headers, **headers}, body=request.body)


async def send(outgoing: Outgoing) -> tuple[int, str, str]:
    """Make a request; return status, type and body of the answer."""
    url = URL(outgoing.url, encoded=True)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
        session.request(
            outgoing.method, url, headers=outgoing.headers, data=outgoing.body or None, allow_redirects=False
        ) as response,
    ):
        return response.status, response.headers.get("Content-Type", ""), await response.text("utf-8", "replace")


def main() -> int:
    """Send one request; the exit code is 1 where it wasn't accepted."""
    parser = argparse.ArgumentParser(
        prog="python -m emulator.senders", description="What an app or service sends when a text message comes."
    )
    parser.add_argument("preset", nargs="?", choices=SENDERS, metavar="PRESET", help="key of the preset")
    parser.add_argument("url", nargs="?", metavar="URL", help="address that SMS Inbox shows")
    parser.add_argument("--key", default="", help="signing key; without one nothing is signed")
    parser.add_argument("--text", default="Gate", help="text of the message (%(default)s)")
    parser.add_argument("--from", dest="sender", default="+447700900121", metavar="NUMBER", help="(%(default)s)")
    parser.add_argument("--to", dest="recipient", default="+447700900999", metavar="NUMBER", help="(%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the presets")
    options = parser.parse_args()
    if options.list:
        print("\n".join(SENDERS))
        return 0
    if not options.url:
        parser.error("PRESET and URL are needed")
    if options.preset == "telnyx" and options.key:
        print(f"Public key: {public_key(options.key)}")
    outgoing = build(
        options.preset,
        options.url,
        sender=options.sender,
        text=options.text,
        recipient=options.recipient,
        key=options.key,
        zone=datetime.now().astimezone().tzinfo,
    )
    try:
        status, kind, body = asyncio.run(send(outgoing))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        print(f"No answer: {error}", file=sys.stderr)
        return 1
    print(f"{status} {kind}\n{body}".strip())
    return 0 if 200 <= status < 300 else 1


if __name__ == "__main__":
    sys.exit(main())
