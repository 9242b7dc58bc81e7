"""The signed requests that Twilio and SignalWire make to a client."""

import base64
from collections.abc import Mapping
from datetime import UTC
import hmac
import json
from typing import Any
from urllib.parse import urlencode
import uuid

from .alphabet import parts
from .model import Account, Message
from .protocol import Outgoing


def form_call(account: Account, url: str, form: Mapping[str, str]) -> Outgoing:
    """A signed call with a form."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        **_signed(account, url + "".join(f"{name}{form[name]}" for name in sorted(form))),
    }
    return Outgoing(method="POST", url=url, headers=headers, body=urlencode(form).encode())


def swml_call(message: Message, account: Account, url: str) -> Outgoing:
    """A request for an SWML document; its id is not the one that the list has."""
    content: dict[str, Any] = {
        "message_id": str(uuid.uuid5(uuid.NAMESPACE_OID, message.message_id)),
        "project_id": account.username,
        "direction": "inbound",
        "type": "mms" if media_of(message) != "0" else "sms",
        "from": message.sender,
        "to": message.recipient,
        "body": message.text,
        "media": [],
        "segments": parts(message.text),
        "timestamp": message.received_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    body = json.dumps({"message": content, "params": {}}, ensure_ascii=False).encode()
    key = (account.signing_key or account.password).encode()
    headers = {
        "Content-Type": "application/json",
        "X-SignalWire-Signature": hmac.digest(key, url.encode() + body, "sha1").hex(),
        "X-SignalWire-Sha256-Signature": hmac.digest(key, url.encode() + body, "sha256").hex(),
    }
    return Outgoing(method="POST", url=url, headers=headers, body=body)


def media_of(message: Message) -> str:
    """How many pictures a message has: the ids of those with some begin with MM."""
    return "1" if message.message_id.startswith("MM") else "0"


def _signed(account: Account, text: str) -> dict[str, str]:
    """The headers of a form that is signed: with the account's token, its SharedKey, or SignalWire's signing key."""
    shared = account.extra.get("shared_key")
    key, algorithm = account.signing_key or account.password, "HMAC_SHA1"
    settings = {}
    if shared:
        key, algorithm = shared["secret"], shared["algorithm"]
        settings = {"X-Twilio-Webhooks-Signature-Settings": f"key={shared['sid']},algorithm={algorithm}"}
    digest = hmac.digest(key.encode(), text.encode(), algorithm.removeprefix("HMAC_").lower())
    name = "X-SignalWire-Signature" if account.extra.get("handler") == "cxml" else "X-Twilio-Signature"
    return {name: base64.b64encode(digest).decode(), **settings}
