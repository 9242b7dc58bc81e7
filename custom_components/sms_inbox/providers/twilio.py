"""Twilio: the list of messages of the REST API, version 2010-04-01, which SignalWire offers, too.

Source: the vendor's OpenAPI description `twilio_api_v2010`, "Twilio's request to your incoming message Webhook URL" and
the signature in its client libraries; SignalWire's "Compatibility API" and "Webhook Security". What they don't say is
assumed here:

- The list has the newest messages first. A message appears in it at most two days after the day of its `date_sent`, by
  which the list is searched.
- Numbers are E.164, as the description says. In front of an address may be its channel: `whatsapp:`, `messenger:`,
  `rcs:`; without one it is an SMS or MMS.
- The `direction` of each sent message begins with `outbound`.
- A row whose status is `receiving` may lack its text; it is complete once it is `received`, or ten minutes old.
- The list doesn't say how a text was encoded: `text` is what is ASCII.
- SignalWire's `next_page_uri` begins with `/api/laml`, as the other addresses in its answers do, and its accounts are
  asked for with `.json` behind them, as Twilio's are.
- A webhook request with JSON has the names of a form. Its body is only believed where `bodySHA256` vouches for it.
- SignalWire signs like Twilio, under a header of either name, but with the signing key of its dashboard. Twilio signs
  with the password, the account's Auth Token.
- The signature covers names and values without a mark between them, so whoever has seen a signed request can move the
  end of a value and sign nothing anew. The id of a message is therefore only believed in its documented form.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
import hashlib
import hmac
import json
import re
from typing import Any, override
from urllib.parse import parse_qsl

import aiohttp
from yarl import URL

from ..model import Cursor, Message, NumberFormat, Page, PushResult
from .contract import Account, Identity, Provider, WebhookRequest, WebhookResponse
from .errors import ConfigurationError, ProtocolError, RefusedWebhookError
from .http import HttpResponse
from .parsing import in_turns, mail_time, record_of, text_of
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
COMPLETE_AFTER = timedelta(minutes=10)
PAGE_SIZE = "200"  # of the largest messages, which is half of what an answer may have
NOTHING = {"DateSent": "2000-01-01", "PageSize": "1"}
SIGNATURES = ("X-Twilio-Signature", "X-SignalWire-Signature")
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

type Place = tuple[str, tuple[tuple[str, str], ...]]
"""Path and query of a page."""


class Twilio(Provider):
    """One account at Twilio or SignalWire. Cursor: see `window`."""

    key = "twilio"
    name = "Twilio"
    default_url = "https://api.twilio.com"
    number_format = NumberFormat(is_international=True, has_channels=True)
    interval = timedelta(seconds=15)
    takes_key_id = True
    receives_webhooks = True
    pushes = True
    signs = True
    # An empty TwiML document: plain text could be sent to the sender as an answer.
    webhook_response = WebhookResponse(body="<Response/>", content_type="text/xml")

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._walk = Walk[Place](lambda: self.now, OVERLAP)

    @override
    async def validate(self) -> Identity:
        """Read the account, and the list of a day on which nothing was sent: credentials may be good for one alone."""
        account, _ = await self._read(f"{self._path}.json")
        await self._read(f"{self._path}/Messages.json", NOTHING)
        if not (sid := text_of(account.get("sid"))):
            raise ProtocolError("the account has no sid")
        return Identity(account_id=sid.casefold(), name=text_of(account.get("friendly_name")) or self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of what was sent and received since two days before the latest message."""
        return await self._walk.fetch(cursor, self._page)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a request. It has no time, but the id that the list shows.

        A request about something else, such as the delivery of a sent message, brings nothing.
        """
        if not self._signing_key:
            return PushResult(poll=True)
        if not self._is_signed(request):
            raise RefusedWebhookError("not signed by the vendor")
        fields = _fields(request)
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or "received"
        if not {"MessageSid", "Body"} & fields.keys() or status not in ("received", "receiving"):
            return PushResult()
        if not MESSAGE_SID.fullmatch(fields.get("MessageSid", "")):
            raise RefusedWebhookError("no id of a message")
        if "Body" not in fields or status != "received":
            return PushResult(poll=True)
        row = {"sid": fields["MessageSid"], "from": fields.get("From"), "to": fields.get("To"), "body": fields["Body"]}
        return PushResult(messages=(_build(row, received_at=request.at, raw=request.record),))

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the number of the error, which the vendor's pages explain."""
        return response.word("code")

    @property
    def _path(self) -> str:
        """The path of the account."""
        return f"2010-04-01/Accounts/{self._account.username}"

    @property
    def _signing_key(self) -> str:
        """The key with which the vendor signs, empty where it is unknown: SignalWire doesn't sign with the password."""
        host = self._http.url.host or ""
        is_signalwire = host == "signalwire.com" or host.endswith(".signalwire.com")
        return self._account.signing_key or ("" if is_signalwire else self._account.password)

    async def _page(self, place: Place | None) -> tuple[list[Row], Next[Place]]:
        """Read a page of the list, the first one where no place is given."""
        window = {"DateSent>": f"{self._walk.begin:%Y-%m-%d}", "PageSize": PAGE_SIZE}
        path, params = (place[0], dict(place[1])) if place else (f"{self._path}/Messages.json", window)
        answer, response = await self._read(path, params)
        if not isinstance(rows := answer.get("messages"), list):
            raise ProtocolError("no list of messages")
        following = text_of(answer.get("next_page_uri"))
        found = await in_turns(partial(_row, present=response.date), reversed(rows))
        return found, self._located(following) if following else None

    async def _read(self, path: str, params: Mapping[str, str] | None = None) -> tuple[dict[str, Any], HttpResponse]:
        """Read an object; return it with the response that it is from."""
        response = await self.request("GET", path, params=params, headers=self.basic_auth())
        if not isinstance(answer := response.json(), dict):
            raise ProtocolError("the answer is no object")
        return answer, response

    def _located(self, uri: str) -> Place | ConfigurationError | ProtocolError:
        """Return the place of a page, whose address may have the server's path in front of it, or not."""
        try:
            target = self._http.url.join(URL(uri))
            is_ours = target.origin() == self._http.url.origin()
        except ValueError:
            return ProtocolError("the address of the next page is none")
        if not is_ours:
            return ConfigurationError("the next page is at another server")
        path = target.path.removeprefix(f"{self._http.url.path.rstrip('/')}/").lstrip("/")
        return path, tuple(target.query.items())

    def _is_signed(self, request: WebhookRequest) -> bool:
        """Whether the vendor signed a request: its URL, with a port or without, and the fields of its form by name."""
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
        key, data = (part.encode("utf-8", "replace") for part in (self._signing_key, text))
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


def _row(row: Any, present: datetime) -> Row:
    """Return a row of the list; one without a sid, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    sid = text_of(row.get("sid"))
    time = mail_time(text_of(row.get("date_sent"))) or mail_time(text_of(row.get("date_created")))
    if text_of(row.get("direction")).startswith("outbound"):
        return Row(key=sid or record, time=time)
    if not sid:
        return Row(key=record, time=time, unreadable=record)
    if row.get("status") == "receiving" and time and present - time < COMPLETE_AFTER:
        return Row(key=None, time=time)
    return Row(key=sid, time=time, message=_build(row, received_at=time, raw=record))


def _build(row: Mapping[str, Any], *, received_at: datetime | None, raw: bytes) -> Message:
    """Return the message of a row."""
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
