"""Twilio: the list of messages of the REST API, version 2010-04-01, which SignalWire speaks, too.

Source: the vendor's OpenAPI description `twilio_api_v2010`, "Twilio's request to your incoming message Webhook URL" and
the signature in its client libraries; SignalWire's "Compatibility API" and "Webhook Security". What they don't say is
assumed here:

- A message appears in the list at most two days after the day of its `date_sent`, by which the list is searched.
- All that is sent says so: its `direction` begins with `outbound`.
- The list doesn't tell how a text was encoded: `text` is what is ASCII.
- SignalWire's `next_page_uri` begins with `/api/laml`, as the other addresses in its answers do, and its accounts are
  asked for with `.json` behind them, as Twilio's are.
- A call with JSON has the names of a form. Its body is only believed where `bodySHA256` vouches for it.
- SignalWire signs like Twilio, under a header of either name, with the signing key of its dashboard, which a person can
  tell; without one the password is the key, as at Twilio.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
import hashlib
import hmac
from http import HTTPStatus
import json
from typing import Any, override
from urllib.parse import parse_qsl

from yarl import URL

from ..model import Cursor, Message, Page, PushResult
from .contract import Identity, Provider, WebhookRequest, WebhookResponse
from .errors import ConfigurationError, ProtocolError, RefusedWebhookError
from .parsing import record_of, text_of, utc
from .window import page, since_of

OVERLAP = timedelta(days=2)
PAGE_SIZE = "200"  # of the largest messages, which is half of what an answer may have
SIGNATURES = ("X-Twilio-Signature", "X-SignalWire-Signature")


class Twilio(Provider):
    """One account at Twilio or SignalWire. Cursor: see `window.page`."""

    key = "twilio"
    name = "Twilio"
    default_url = "https://api.twilio.com"
    interval = timedelta(seconds=15)
    receives_webhooks = True
    signs = True
    webhook_response = WebhookResponse(
        body="<Response/>", content_type="text/xml"
    )  # an empty TwiML: plain text could be sent as an answer

    @override
    async def validate(self) -> Identity:
        """Read the account itself."""
        account = await self._ask(f"{self._path}.json")
        if not (sid := text_of(account.get("sid"))):
            raise ProtocolError("the account has no sid")
        return Identity(account_id=sid.casefold(), name=text_of(account.get("friendly_name")) or self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read what was received since two days before the latest message; the vendor lists the newest first."""
        rows = await self._list({"DateSent>": f"{since_of(cursor) - OVERLAP:%Y-%m-%d}", "PageSize": PAGE_SIZE})
        parsed = [(row, _message(row)) for row in reversed(rows)]
        return page(
            (message for _, message in parsed if message),
            (record_of(row) for row, message in parsed if not message),
            cursor,
        )

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a call; nothing tells its time, but its id tells a call that is made again.

        Calls about what becomes of a message that was sent have no text.
        """
        if not self._is_signed(request):
            raise RefusedWebhookError("not signed by the vendor")
        fields = _fields(request)
        if not {"MessageSid", "Body"} & fields.keys():
            raise RefusedWebhookError("no field of a message", status=HTTPStatus.BAD_REQUEST)
        if "Body" not in fields or fields.get("MessageStatus", "received") != "received":
            return PushResult()
        if not fields.get("MessageSid"):
            return PushResult(unreadable=(request.record,))
        row = {"sid": fields["MessageSid"], "from": fields.get("From"), "to": fields.get("To"), "body": fields["Body"]}
        return PushResult(messages=(_build(row, received_at=request.at, raw=request.record),))

    @property
    def _path(self) -> str:
        """Return the path of the account."""
        return f"2010-04-01/Accounts/{self._account.username}"

    async def _list(self, params: Mapping[str, str]) -> list[Any]:
        """Read the messages to the last page, without those that were sent."""
        path, seen = f"{self._path}/Messages.json", set[str]()
        received: list[Any] = []
        while True:
            answer = await self._ask(path, params)
            if not isinstance(rows := answer.get("messages"), list):
                raise ProtocolError("no list of messages")
            received += [row for row in rows if not _is_sent(row)]
            following = text_of(answer.get("next_page_uri"))
            if not following:
                return received
            if following in seen:
                raise ProtocolError("the pages go in circles")
            seen.add(following)
            path, params = self._located(following)

    async def _ask(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read an object."""
        answer = (await self.request("GET", path, params=params, headers=self.basic_auth())).json()
        if not isinstance(answer, dict):
            raise ProtocolError("the answer is no object")
        return answer

    def _located(self, uri: str) -> tuple[str, Mapping[str, str]]:
        """Return the path and the query of a page, whose address may have the server's path in front of it, or not."""
        try:
            target = self._http.url.join(URL(uri))
            is_ours = target.origin() == self._http.url.origin()
        except ValueError:
            raise ProtocolError("the address of the next page is none") from None
        if not is_ours:
            raise ConfigurationError("the next page is at another server")
        return target.path.removeprefix(f"{self._http.url.path.rstrip('/')}/").lstrip("/"), target.query

    def _is_signed(self, request: WebhookRequest) -> bool:
        """Whether the vendor signed a call: its address, with a port or without, and the fields of its form by name."""
        if request.body and not request.is_form:
            vouched, form = request.url.query.get("bodySHA256", ""), []
            if not _is_equal(vouched, hashlib.sha256(request.body).hexdigest()):
                return False
        else:
            form = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        fields = "".join(name + value for name, value in sorted(set(form)))
        signatures = [self._signature(address + fields) for address in _addresses(request.url)]
        given = [request.headers[name] for name in SIGNATURES if name in request.headers]
        return any(_is_equal(one, other) for one in given for other in signatures)

    def _signature(self, text: str) -> str:
        """Return what the vendor signs a text with."""
        key, data = (
            part.encode("utf-8", "replace") for part in (self._account.signing_key or self._account.password, text)
        )
        return b64encode(hmac.digest(key, data, "sha1")).decode()


def _is_equal(given: str, expected: str) -> bool:
    """Whether two texts are the same, in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _addresses(url: URL) -> list[str]:
    """Return an address without its port and with it: the vendor signs one or the other."""
    return [f"{url.scheme}://{url.host_subcomponent}{port}{url.raw_path_qs}" for port in ("", f":{url.port}")]


def _fields(request: WebhookRequest) -> dict[str, str]:
    """Return the fields of a form, of a query, or of JSON."""
    if not request.body or request.is_form:
        return request.fields
    try:
        content = json.loads(request.body)
    except ValueError, RecursionError:
        content = None
    return {name: text_of(value) for name, value in content.items()} if isinstance(content, dict) else {}


def _is_sent(row: Any) -> bool:
    """Whether a row is a message that the account sent."""
    return isinstance(row, dict) and text_of(row.get("direction")).startswith("outbound")


def _message(row: Any) -> Message | None:
    """Return the message of a row, None where it has no sid, without which it can't be told from others."""
    if not isinstance(row, dict) or not row.get("sid"):
        return None
    return _build(row, received_at=_time(row.get("date_sent")) or _time(row.get("date_created")), raw=record_of(row))


def _build(row: Mapping[str, Any], *, received_at: datetime | None, raw: bytes) -> Message:
    """Return the message that a row tells of."""
    text = text_of(row.get("body"))
    return Message(
        message_id=text_of(row["sid"]),
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=received_at,
        in_reply_to=None,
        raw=raw,
    )


def _time(value: Any) -> datetime | None:
    """Return a time of RFC 2822 in UTC, None for anything else."""
    try:
        return utc(parsedate_to_datetime(text_of(value)))
    except ValueError:
        return None
