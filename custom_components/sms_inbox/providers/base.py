"""The contract of a provider, its errors, and the HTTP that providers share.

A provider reads one account's inbox at one SMS service. It knows nothing of Home Assistant: it is handed an aiohttp
session and the account, and returns pages of messages. Where the service can call us, it also reads its calls.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
import json
import time
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import aiohttp
from yarl import URL

from ..model import Cursor, Message, Page, Pushed

MAXIMUM_ANSWER = 4 * 1024 * 1024
MAXIMUM_REDIRECTS = 3
MAXIMUM_RETRY_AFTER = 3600.0
REQUEST_TIMEOUT = 30.0
REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


class ProviderError(Exception):
    """A provider could not do what it was asked; tells nothing of a person: it is logged, and shown in diagnostics.

    Attributes:
        key: The translation key of what a person is told.
        retry_after: Seconds to wait before the next request, None where the provider doesn't say.
        raw: The body of an answer that was not understood, for providers whose reads consume.
    """

    key: ClassVar[str]

    def __init__(self, reason: str, *, retry_after: float | None = None, raw: bytes | None = None) -> None:
        """Give the reason in a few words for the log."""
        super().__init__(reason)
        self.retry_after = retry_after
        self.raw = raw


class AuthenticationError(ProviderError):
    """The provider refuses the user name or the password."""

    key = "invalid_auth"


class RateLimitedError(ProviderError):
    """The provider asks for fewer requests."""

    key = "rate_limited"


class TemporaryError(ProviderError):
    """The provider can't be reached or is in trouble; trying later may help."""

    key = "cannot_connect"


class ProtocolError(ProviderError):
    """The provider answered something that its documentation doesn't know."""

    key = "unexpected_answer"


class ConfigurationError(ProviderError):
    """The provider refuses what this account asks for, or its server address is wrong."""

    key = "invalid_configuration"


class InsecureAddressError(ConfigurationError):
    """The server address would send the password in the clear over the internet."""

    key = "insecure_url"


class RefusedCallError(Exception):
    """A call is not the vendor's, or says nothing; tells nothing of a person.

    Attributes:
        status: The status of HTTP that it is answered with.
    """

    def __init__(self, reason: str, *, status: int = HTTPStatus.FORBIDDEN) -> None:
        """Give the reason in a few words for the log."""
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account that a provider reads.

    Attributes:
        username: User name, or the id of an access token.
        password: Password, or the secret of an access token.
        url: The server's address.
        time_zone: The zone of the times that the provider sends without one.
        signing_key: With what the vendor signs its calls; empty where it doesn't, or where the password is it.
        delete_stored: Whether a message may be deleted at the provider once it is written down here.
        fields: What the fields of a call are called, for a sender that has no protocol of its own.
    """

    username: str
    password: str = field(repr=False)
    url: str
    time_zone: tzinfo = UTC
    signing_key: str = field(default="", repr=False)
    delete_stored: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Whom the credentials belong to: an id that never changes, and a name for people."""

    account_id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer of HTTP: status, headers, body, and how many seconds it was waited for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float

    @property
    def date(self) -> datetime:
        """The provider's clock when it answered, ours where it doesn't tell."""
        return _http_date(self.headers.get("Date")) or datetime.now(UTC)

    @property
    def is_html(self) -> bool:
        """Whether a web page came where none is documented: a login page, a notice of maintenance."""
        return self.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<?xml" not in self.body[:64]

    def json(self) -> Any:
        """Return what the answer says in JSON.

        Raises:
            ProtocolError: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as err:
            # From None: the decoder's error carries the whole document, and with it the texts.
            raise ProtocolError(f"the answer is no JSON: {type(err).__name__}") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request that a vendor makes to us.

    Attributes:
        method: `GET`, `POST` or `PUT`.
        url: The address that the vendor was told, with the query of this call as it came.
        headers: Their names don't differ by case.
        body: As it came.
        at: When it came (aware, UTC).
    """

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def fields(self) -> dict[str, str]:
        """The fields of query and form, in UTF-8; of a name that comes twice the last."""
        form = self.body.decode("utf-8", "replace") if self.is_form else ""
        pairs = [
            *parse_qsl(self.url.raw_query_string, keep_blank_values=True),
            *parse_qsl(form, keep_blank_values=True),
        ]
        return {name: well_formed(value) for name, value in pairs}

    @property
    def is_form(self) -> bool:
        """Whether the body is announced as a form of HTML."""
        return self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")

    @property
    def record(self) -> bytes:
        """What came, to be kept: the body, or without one the query."""
        return self.body or self.url.raw_query_string.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a vendor needs to be told once its call is written down; a wrong one costs money or messages."""

    status: int = HTTPStatus.OK
    body: str = ""
    content_type: str = "text/plain"


class Provider(ABC):
    """One account at one SMS service.

    Attributes:
        key: Its name in the configuration and the translations; never changes.
        name: Its name for people.
        default_url: The official server address; empty where each account has a server of its own, or none.
        interval: Pause after an answer without `more`; None where it can't be asked and only calls.
        known_by_address: Whether nothing but the server's address tells its accounts apart, so that it may change.
        consumes: Whether a read takes the message out of the inbox, so that an answer must not be lost.
        acknowledges: Whether a page changes what the next one shows, by `acknowledge`.
        deletes: Whether acknowledging deletes messages, so that a person must agree, see `Account.delete_stored`.
        local_time: Whether it sends times without a zone, so that a person must tell the zone.
        successor: The key of the provider that reads the same accounts by the API which the vendor has replaced this
            one by; None where the vendor hasn't.
        calls: Whether the vendor can call us when a message comes, see `read_call`.
        call_query: What is put behind the address that the vendor is to call, for vendors that fill in a template.
        registers: Whether the vendor can be told the address by its API, see `register`.
        signs: Whether it signs its calls with a key that a person can tell, see `Account.signing_key`.
        needs_key: Whether no call can be verified without that key.
        needs_https: Whether it only calls an address that begins with https.
        reply: What a call is answered with once it is written down.
        answering: Whether an answer is arriving: its headers are here, its body may not be.
        read_until: By the provider's clock, what it received before has been handed over; None where it doesn't tell.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    default_url: ClassVar[str]
    interval: ClassVar[timedelta | None]
    known_by_address: ClassVar[bool] = False
    consumes: ClassVar[bool] = False
    acknowledges: ClassVar[bool] = False
    deletes: ClassVar[bool] = False
    local_time: ClassVar[bool] = False
    successor: ClassVar[str | None] = None
    calls: ClassVar[bool] = False
    call_query: ClassVar[str] = ""
    registers: ClassVar[bool] = False
    signs: ClassVar[bool] = False
    needs_key: ClassVar[bool] = False
    needs_https: ClassVar[bool] = False
    reply: ClassVar[Reply] = Reply()

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Take the session and the account.

        Args:
            session: Ours to use and not to close. It must keep no cookies: with them a server could take one
                account's request for another's.
            account: The account to read.

        Raises:
            ConfigurationError: The server address is none, or would send the password in the clear.
        """
        self._session = session
        self._account = account
        self._url = check_url(account.url) if self.interval else URL()
        self.answering = False
        self.read_until: datetime | None = None

    @abstractmethod
    async def validate(self) -> Identity:
        """Prove the credentials without touching a message, and tell whose they are.

        Raises:
            ProviderError: One of its kinds.
        """

    @abstractmethod
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the next page.

        Args:
            cursor: That of the page before; empty at the very first.

        Raises:
            ProviderError: One of its kinds. Nothing was read, or `raw` holds it.
        """

    @classmethod
    def cursor_since(cls, received_at: datetime) -> Cursor:
        """Return where to begin to read what was received then or later; only asked of a provider that is a successor.

        Args:
            received_at: Aware; by the provider's clock.
        """
        raise NotImplementedError

    async def recover(self) -> tuple[Message, ...]:
        """Read again what was received lately, touching nothing, where a read consumes; oldest first.

        It is asked for when an answer may have been lost on its way. What is still to be read may be among it.

        Raises:
            ProviderError: One of its kinds; a ProtocolError where the answer was not understood.
        """
        return ()

    async def acknowledge(self, page: Page) -> None:  # noqa: B027 - most providers need no acknowledgement
        """Tell the provider that the page is written down, where it wants to know.

        Raises:
            ProviderError: One of its kinds. The page may come again.
        """

    def read_call(self, call: Call) -> Pushed:
        """Read what the vendor's call brings; only asked where `calls` says so.

        What can't be understood is handed on as unreadable, and so kept. The signature is verified first, in constant
        time, with the replay window that the vendor documents.

        Raises:
            RefusedCallError: It is not the vendor's, or there is nothing in it.
        """
        raise NotImplementedError

    def read_again(self, record: bytes) -> Message | None:
        """Read a record that could not be understood before; None where it still can't.

        It is asked for where a person may have told more since, see `Account.fields`.
        """
        del record
        return None

    async def register(self, name: str, url: str) -> None:
        """Have the vendor call an address; done again, it changes nothing, or the address.

        The vendor may call at once to see whether somebody answers.

        Args:
            name: By which it is known again.
            url: The address.

        Raises:
            ProviderError: One of its kinds.
        """
        raise NotImplementedError

    async def unregister(self, name: str) -> None:
        """Have the vendor call no more; it doesn't matter whether it did.

        Raises:
            ProviderError: One of its kinds.
        """
        raise NotImplementedError

    def basic_auth(self) -> dict[str, str]:
        """Return the header of HTTP Basic authorization (RFC 7617), in UTF-8."""
        try:
            return {"Authorization": aiohttp.encode_basic_auth(self._account.username, self._account.password)}
        except ValueError:
            # From None: the error's own text may hold what was typed.
            raise AuthenticationError("the user name or password has a character that none can have") from None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        multipart: bool = False,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        hold: float = 0.0,
        accept: Collection[int] = (),
    ) -> Answer:
        """Make one request and read its whole answer.

        Args:
            method: That of HTTP.
            path: Below the server address, without a leading slash.
            params: The query; never credentials.
            data: A form.
            multipart: Whether the form is sent in parts (RFC 7578), for servers that take no other.
            json: What the body says in JSON.
            headers: Beside the usual ones.
            hold: Seconds for which the server may keep us waiting before it answers.
            accept: Statuses beside 2xx that say what is asked.

        Raises:
            ProviderError: For every other answer, for none, and for one that is too large.
        """
        url = self._url.joinpath(*path.split("/")).with_query(params or {})
        timeout = aiohttp.ClientTimeout(total=hold + REQUEST_TIMEOUT, sock_connect=15, sock_read=hold + 15)
        for _ in range(MAXIMUM_REDIRECTS + 1):
            form = aiohttp.FormData(dict(data or {}), default_to_multipart=True) if multipart else data
            try:
                answer = await self._exchange(method, url, data=form, json=json, headers=headers, timeout=timeout)
            except (aiohttp.ClientError, TimeoutError, OSError) as err:
                raise TemporaryError(f"no answer: {type(err).__name__}") from err
            if answer.status in accept:
                return answer
            if not 300 <= answer.status < 400:
                _raise_for_status(answer)
                return answer
            url = self._redirected(url, answer)
        raise ConfigurationError("the server redirects in circles")

    async def _exchange(self, method: str, url: URL, **options: Any) -> Answer:
        """Send one request and read its answer up to the limit."""
        started = time.monotonic()
        options["middlewares"] = (_send_once,) if method == "DELETE" else None
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            self.answering = True
            try:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > MAXIMUM_ANSWER:
                        raise ProtocolError(f"the answer is larger than {MAXIMUM_ANSWER} bytes")
            finally:
                self.answering = False
            elapsed = time.monotonic() - started
            return Answer(status=response.status, headers=response.headers, body=bytes(body), elapsed=elapsed)

    @staticmethod
    def _redirected(url: URL, answer: Answer) -> URL:
        """Return where a redirect leads, which must be the same server: it gets the credentials."""
        target = url.join(URL(answer.headers.get("Location", "")))
        if target.origin() != url.origin():
            raise ConfigurationError("the server redirects to another one")
        return target


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request that aiohttp repeats by itself when a connection breaks: the second may delete something else."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as err:
        raise aiohttp.ClientConnectionError(type(err).__name__) from err


def check_url(address: str) -> URL:
    """Return the server address as a URL: https, or http where the host is local.

    Raises:
        ConfigurationError: It is no address of a server, or one that must not get a password.
    """
    try:
        url = URL(address.strip().rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string or url.fragment:
        raise ConfigurationError("the server address is no http or https address")
    if url.scheme == "http" and not _is_local(url.host):
        raise InsecureAddressError("plain http is only for a server in the local network")
    return url


def _is_local(host: str) -> bool:
    """Whether a host is in the local network, as far as its name or address tells."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".lan", ".home.arpa", ".internal"))


def _raise_for_status(answer: Answer) -> None:
    """Raise the error that a status means; 2xx means none."""
    status, retry_after = answer.status, _retry_after(answer)
    if 200 <= status < 300:
        return
    if status == HTTPStatus.UNAUTHORIZED:
        raise AuthenticationError("the provider refused the credentials")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimitedError("too many requests", retry_after=retry_after)
    if status in REFUSALS:
        raise ConfigurationError(f"HTTP status {status}")
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        raise TemporaryError(f"HTTP status {status}", retry_after=retry_after)
    raise ProtocolError(f"HTTP status {status}")


def _retry_after(answer: Answer) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110, 10.2.3), at most an hour."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAXIMUM_RETRY_AFTER)
    if (at := _http_date(value)) is None:
        return None
    return min(max((at - answer.date).total_seconds(), 0.0), MAXIMUM_RETRY_AFTER)


def _http_date(value: str | None) -> datetime | None:
    """Return a date of HTTP in UTC, None for anything else."""
    try:
        parsed = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)


def text_of(value: Any) -> str:
    """Return a value of JSON as text, empty for null."""
    return "" if value is None else well_formed(str(value))


def record_of(row: Any) -> bytes:
    """Return a row of JSON as it came, in ASCII, which keeps lone surrogates."""
    return json.dumps(row, separators=(",", ":")).encode()


def utc(time: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return a time in UTC, where it has no zone of its own one of `zone`; None for one that no calendar has there."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def well_formed(text: str) -> str:
    """Return a text in which lone surrogates, which no encoding can carry, are replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(data: bytes) -> str:
    """Return the text that binary data spells, empty where it spells none."""
    text = data.decode("ascii", "replace")
    return text if text.isprintable() and data.isascii() else ""
