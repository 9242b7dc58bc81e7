"""Twilio: the list of messages of the REST API, version 2010-04-01, which SignalWire offers, too.

Source: the vendor's OpenAPI description `twilio_api_v2010`, "Twilio's request to your incoming message Webhook URL",
"API keys", "API domain migration guide", and the pages of its errors; SignalWire's "Compatibility API" and "Messaging
SWML". What they don't say is assumed here:

- The list has the newest messages first. A message appears in it at most two days after the day of its `date_sent`, by
  which the list is searched.
- Numbers are E.164, as the description says. In front of an address may be its channel: `whatsapp:`, `messenger:`,
  `rcs:`; without one it is an MMS if it has media, else an SMS.
- The `direction` of each sent message begins with `outbound`.
- A row whose status is `receiving` may lack its text; it is complete once it is `received`, or ten minutes old.
- The list doesn't say how a text was encoded: `text` is what is ASCII.
- The codes of an account that isn't active, of wrong credentials and of too many requests count whatever the HTTP
  status. Some kinds of API keys may not read the account, or the numbers; all that is needed is the list of messages.
- SignalWire's `next_page_uri` begins with `/api/laml`, as the other addresses in its answers do, and its accounts are
  asked for with `.json` behind them, as Twilio's are.
- A webhook request with JSON has the names of a form. Its body is only believed where `bodySHA256` vouches for it.
- SignalWire's request for SWML has an id that need not be the list's, so it only makes us poll.
- SignalWire signs with the signing key of its dashboard. Twilio signs with the account's Auth Token, or with a
  SharedKey, and never with the secret of an API key.
- The signature covers names and values without a mark between them, so whoever has seen a signed request can move the
  end of a value and sign nothing anew. The id of a message is therefore only believed in its documented form.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
import json
import re
from typing import Any, ClassVar, override

import aiohttp
from yarl import URL

from ..model import Cursor, NumberFormat, Page, PushResult, Report
from .contract import Account, Identity, Provider, WebhookPlace, WebhookRequest, WebhookResponse
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RefusedWebhookError,
    TemporaryError,
)
from .http import HttpClient, HttpResponse
from .parsing import in_turns, text_of
from .twilio_reports import report_of
from .twilio_rows import message_of, read_row
from .twilio_signature import is_signed, is_swml
from .twilio_webhooks import (
    MESSAGING_SERVICE,
    NUMBER,
    SERVICE,
    decides,
    form,
    is_set,
    is_sid,
    messaging_url,
    number_places,
    service_place,
)
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
PAGE_SIZE = "200"  # of the largest messages, which is half of what an answer may have
NOTHING = {"DateSent": "2000-01-01", "PageSize": "1"}
PLACES_A_PAGE = {"PageSize": "100"}
MAXIMUM_PAGES_OF_PLACES = 100
WRONG_CREDENTIALS = "20003"
TOO_MANY_REQUESTS = "20429"
NOT_ACTIVE = ("10001", "20005", "20403", "90010")
NOT_ACTIVE_STATUSES = ("suspended", "closed")
NOT_PERMITTED = ("20006", "70051")
API_KEY = "SK"
REGION = re.compile(r"api\.[a-z-]+\.(?!us1\.)[a-z]+[0-9]\.twilio\.com")
STOPPED = re.compile(r"api\.(ie1|au1|br1|de1|jp1|sg1|us2)\.twilio\.com")
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

type Place = tuple[str, tuple[tuple[str, str], ...]]
"""Path and query of a page."""


class Twilio(Provider):
    """One account at Twilio or SignalWire. Cursor: see `window`."""

    key = "twilio"
    name = "Twilio"
    default_url = "https://api.twilio.com"
    placeholders: ClassVar[Mapping[str, str]] = {"signalwire_url": "example.signalwire.com/api/laml"}
    number_format = NumberFormat(is_international=True, has_channels=True)
    interval = timedelta(seconds=15)
    takes_key_id = True
    receives_webhooks = True
    pushes = True
    registers = True
    signs = True
    # An empty TwiML document: plain text could be sent to the sender as an answer.
    webhook_response = WebhookResponse(body="<Response/>", content_type="text/xml")
    swml_response = WebhookResponse(body='{"version":"1.0.0","sections":{"main":[]}}', content_type="application/json")

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._session = session
        self._walk = Walk[Place](lambda: self.now, OVERLAP)

    @override
    async def validate(self) -> Identity:
        """Read the list of a day on which nothing was sent; and the account's status, which API keys may not."""
        await self._read_nothing()
        try:
            account, _ = await self._ask("GET", f"{self._path}.json")
        except AuthenticationError, ConfigurationError:
            account = {}
        if account.get("status") in NOT_ACTIVE_STATUSES:
            raise ConfigurationError("the account is not active", hint="account_suspended")
        return Identity(account_id=self._account.username.casefold())

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of what was sent and received since two days before the latest message."""
        return await self._walk.fetch(cursor, self._page)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a request. It has no time, but the id that the list shows.

        A request about a text that was sent brings its report; one about something else brings nothing.
        """
        response = self.swml_response if is_swml(request) else None
        if not self._signing_key:
            return PushResult(poll=True, response=response)
        if not is_signed(request, self._signing_key):
            raise RefusedWebhookError("not signed by the vendor")
        if response:
            return PushResult(poll=True, response=response)
        fields = _fields(request)
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or "received"
        if not {"MessageSid", "Body"} & fields.keys():
            return PushResult()
        if status not in ("received", "receiving"):
            return PushResult(reports=_reports(fields, status))
        if not MESSAGE_SID.fullmatch(fields.get("MessageSid", "")):
            raise RefusedWebhookError("no id of a message")
        if "Body" not in fields or status != "received":
            return PushResult(poll=True)
        names = {"sid": "MessageSid", "from": "From", "to": "To", "body": "Body", "num_media": "NumMedia"}
        row = {name: fields.get(field) for name, field in names.items()}
        return PushResult(messages=(message_of(row, received_at=request.at, raw=request.record),))

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the number of the error, which the vendor's pages explain."""
        return response.word("code")

    @override
    async def problems(self) -> tuple[str, ...]:
        """Look for a messaging service that drops what its numbers receive."""
        drops = any(members and not row.get("inbound_request_url") for row, members in await self._services())
        return ("service_without_webhook",) if drops else ()

    @override
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the numbers that decide themselves where messages are reported, and the services that do for others.

        Numbers with a TwiML app are left out: their URL is that of the app.
        """
        del name
        path = f"{self._path}/IncomingPhoneNumbers.json"
        numbers = await self._rows(self._http, path, "incoming_phone_numbers")
        services = await self._services()
        obeying = {sid for _, members in services for sid in members}
        return (*number_places(numbers, obeying), *(service_place(row) for row, _ in services))

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Set the URL of a number or a service, with the wish for retries where it is Twilio's.

        A service without a URL would drop messages, so it leaves them to its numbers from then on.
        """
        messaging = self._messaging
        if place_id.startswith(SERVICE) and messaging:
            http, path, setting = messaging, f"v1/Services/{place_id}", MESSAGING_SERVICE
        else:
            http, path, setting = self._http, f"{self._path}/IncomingPhoneNumbers/{place_id}.json", NUMBER
        gone = (HTTPStatus.NOT_FOUND,)
        row, response = await self._manage("GET", path, http, accept=gone) if is_sid(place_id) else ({}, None)
        if response is None or response.status in gone:
            if url:
                raise ConfigurationError("the vendor has no such number or service", hint="webhook_place_gone")
            return
        has_retries = not self._is_signalwire
        if not is_set(row, setting, url, has_retries=has_retries):
            await self._manage("POST", path, http, data=form(setting, url, has_retries=has_retries))

    @property
    def _path(self) -> str:
        """The path of the account."""
        return f"2010-04-01/Accounts/{self._account.username}"

    @property
    def _is_signalwire(self) -> bool:
        """Whether the server is SignalWire's."""
        return f".{self._http.url.host}".endswith(".signalwire.com")

    @property
    def _signing_key(self) -> str:
        """The key with which the vendor signs, empty where it is unknown: the password may be another one."""
        has_token = not self._account.key_id and not self._is_signalwire
        return self._account.signing_key or (self._account.password if has_token else "")

    @property
    def _messaging(self) -> HttpClient | None:
        """The vendor's server for messaging services, which is another one; None where there is none."""
        if not (url := messaging_url(self._http.url)):
            return None
        return HttpClient(self._session, url, self.vendor_word, allow_http=self._account.allow_http)

    async def _page(self, place: Place | None) -> tuple[list[Row], Next[Place]]:
        """Read a page of the list, the first one where no place is given."""
        window = {"DateSent>": f"{self._walk.begin:%Y-%m-%d}", "PageSize": PAGE_SIZE}
        path, params = (place[0], dict(place[1])) if place else (f"{self._path}/Messages.json", window)
        answer, response = await self._ask("GET", path, params=params)
        rows = _list(answer, "messages")
        following = text_of(answer.get("next_page_uri"))
        found = await in_turns(partial(read_row, present=response.date), reversed(rows))
        return found, _located(self._http, following) if following else None

    async def _read_nothing(self) -> None:
        """Read a part of the list in which nothing is."""
        answer, _ = await self._ask("GET", f"{self._path}/Messages.json", params=NOTHING)
        _list(answer, "messages")

    async def _services(self) -> list[tuple[dict[str, Any], list[str]]]:
        """Read the messaging services that decide for their numbers, with the ids of those; none where refused."""
        if not (messaging := self._messaging):
            return []
        found = []
        try:
            for row in await self._rows(messaging, "v1/Services", "services"):
                if decides(row):
                    path = f"v1/Services/{text_of(row['sid'])}/PhoneNumbers"
                    members = await self._rows(messaging, path, "phone_numbers")
                    found.append((row, [text_of(member.get("sid")) for member in members]))
        except AuthenticationError, ConfigurationError:
            return []
        except TemporaryError:
            if REGION.fullmatch(self._http.url.host or ""):
                return []  # which regions have that server is not documented
            raise
        return found

    async def _rows(self, http: HttpClient, path: str, name: str) -> list[dict[str, Any]]:
        """Read a list of numbers or services to its end."""
        rows: list[dict[str, Any]] = []
        params: Mapping[str, str] = PLACES_A_PAGE
        for _ in range(MAXIMUM_PAGES_OF_PLACES):
            answer, _ = await self._manage("GET", path, http, params=params)
            rows += [row for row in _list(answer, name) if isinstance(row, dict)]
            meta = answer.get("meta")
            following = meta.get("next_page_url") if isinstance(meta, dict) else answer.get("next_page_uri")
            if not following:
                return rows
            place = _located(http, text_of(following))
            if isinstance(place, ProviderError):
                raise place
            path, params = place[0], dict(place[1])
        raise ProtocolError("the pages go in circles")

    async def _manage(
        self, method: str, path: str, http: HttpClient, **options: Any
    ) -> tuple[dict[str, Any], HttpResponse]:
        """Read or change a number or a service, which credentials may not that can read the messages.

        Raises:
            ProviderError: As `_ask` does.
        """
        try:
            return await self._ask(method, path, http, **options)
        except AuthenticationError as err:
            await self._read_nothing()
            raise ConfigurationError(str(err), hint="missing_permission", word=err.word) from err

    async def _ask(
        self,
        method: str,
        path: str,
        http: HttpClient | None = None,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> tuple[dict[str, Any], HttpResponse]:
        """Send a request that an object answers; return it with the response that it is from."""
        self._require_possible()
        try:
            response = await (http or self._http).request(
                method, path, params=params, data=data, headers=self.basic_auth(), accept=accept
            )
        except ProviderError as err:
            if explained := self._explained(err):
                raise explained from err
            raise
        if response.status in accept:
            return {}, response
        if not isinstance(answer := response.json(), dict):
            raise ProtocolError("the answer is no object")
        return answer, response

    def _require_possible(self) -> None:
        """Raise an error where the vendor can only refuse what was typed.

        Raises:
            AuthenticationError: The id of an API key stands where the account's belongs.
            ConfigurationError: The server was switched off.
        """
        if self._account.username.upper().startswith(API_KEY):
            raise AuthenticationError("the user name is that of an API key", hint="key_without_account")
        if STOPPED.fullmatch(self._http.url.host or ""):
            raise ConfigurationError("this server was switched off on 2026-04-28", hint="wrong_region")

    def _explained(self, err: ProviderError) -> ProviderError | None:
        """Return what an error means by the vendor's code, whatever the HTTP status; None where that says no more."""
        reason, word = str(err), err.word
        if word in NOT_ACTIVE:
            return ConfigurationError(reason, hint="account_suspended", word=word)
        if word == TOO_MANY_REQUESTS:
            return RateLimitedError(reason, retry_after=err.retry_after, word=word)
        if word in NOT_PERMITTED and self._account.key_id:
            return ConfigurationError(reason, hint="missing_permission", word=word)
        if word == WRONG_CREDENTIALS or isinstance(err, AuthenticationError):
            is_regional = REGION.fullmatch(self._http.url.host or "")
            return AuthenticationError(reason, hint="wrong_region" if is_regional else None, word=word)
        return None


def _list(answer: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list of an answer."""
    if not isinstance(rows := answer.get(name), list):
        raise ProtocolError(f"no list of {name}")
    return rows


def _located(http: HttpClient, uri: str) -> Place | ConfigurationError | ProtocolError:
    """Return the place of a page, whose address may have the server's path in front of it, or not."""
    try:
        target = http.url.join(URL(uri))
        is_ours = target.origin() == http.url.origin()
    except ValueError:
        return ProtocolError("the address of the next page is none")
    if not is_ours:
        return ConfigurationError("the next page is at another server")
    path = target.path.removeprefix(f"{http.url.path.rstrip('/')}/").lstrip("/")
    return path, tuple(target.query.items())


def _fields(request: WebhookRequest) -> dict[str, str]:
    """Return the fields of a form, of a query, or of JSON."""
    if not request.body or request.is_form:
        return request.fields
    try:
        content = json.loads(request.body)
    except ValueError, RecursionError:
        content = None
    return {name: text_of(value) for name, value in content.items()} if isinstance(content, dict) else {}


def _reports(fields: Mapping[str, str], status: str) -> tuple[Report, ...]:
    """Return what a request says of a text that was sent."""
    sid = fields.get("MessageSid", "")
    report = report_of(sid, status, fields.get("ErrorCode")) if MESSAGE_SID.fullmatch(sid) else None
    return (report,) if report else ()
