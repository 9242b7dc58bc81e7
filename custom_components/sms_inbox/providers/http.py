"""HTTP as all providers need it: limits, redirects to the same server only, and errors by status."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
import re
import time
from typing import Any

import aiohttp
from yarl import URL

from ..model import Reason
from .addresses import is_local, leads_home
from .errors import (
    AuthenticationError,
    ConfigurationError,
    InsecureAddressError,
    NotSentError,
    ProtocolError,
    RateLimitedError,
    TemporaryError,
    UnknownOutcomeError,
)
from .parsing import mail_time

MAXIMUM_BODY = 4 * 1024 * 1024
TOO_LARGE = f"the answer is larger than {MAXIMUM_BODY} bytes"
MAXIMUM_REDIRECTS = 3
MAXIMUM_RETRY_AFTER = 3600.0
REQUEST_TIMEOUT = 30.0
LOOKED_UP_SECONDS = 60.0
DATE_PRECISION = timedelta(seconds=1)
VENDOR_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}|[0-9]{1,6}", re.ASCII)
PLAUSIBLE_YEARS = range(2000, 3000)
MAXIMUM_DIGITS = 1000
REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpResponse:
    """A complete HTTP response: status, headers, body, and how many seconds it took from the request on."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float

    @property
    def date(self) -> datetime:
        """The server's clock when it answered, our clock where it sends no `Date`."""
        return _http_date(self.headers.get("Date")) or datetime.now(UTC)

    @property
    def retry_after(self) -> float | None:
        """The seconds that `Retry-After` asks for, at most an hour; None where there is none."""
        return _retry_after(self)

    @property
    def is_html(self) -> bool:
        """Whether a web page came where none is documented: a login page, a notice of maintenance."""
        return self.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<?xml" not in self.body[:64]

    def json(self) -> Any:
        """Return the body as JSON.

        A number with more digits than Python reads is returned as text, so that it spoils only its own record.

        Raises:
            ProtocolError: It is none.
        """
        try:
            return json.loads(self.body, parse_int=_integer)
        except (ValueError, RecursionError) as err:
            # From None: the decoder's error carries the whole document, and with it the texts.
            raise ProtocolError(f"the answer is no JSON: {type(err).__name__}") from None

    def word(self, *names: str) -> str | None:
        """Return the vendor's code or word in the first of these fields of a JSON object that holds one.

        What is longer than a code, or not made of the characters of one, is none: it may be a text with values in it.
        """
        try:
            fields = self.json()
        except ProtocolError:
            return None
        values = [fields.get(name) for name in names] if isinstance(fields, dict) else []
        words = [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
        return next(filter(VENDOR_WORD.fullmatch, words), None)


class HttpClient:
    """Sends requests to one server.

    Attributes:
        url: The server's address; other than it, nothing is sent a request.
        is_receiving: Whether a response is arriving: its headers are here, its body may not be.
        clock_offset: How far the server's clock is ahead of ours, to the second, as the `Date` header of its last
            response says; None before the first one, or where it sends none.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        vendor_word: Callable[[HttpResponse], str | None],
        *,
        allow_http: bool = False,
    ) -> None:
        """Take the session, which is ours to use and not to close.

        Args:
            session: It must keep no cookies: with them a server could take one account's request for another's.
            url: The server's address.
            vendor_word: Returns the vendor's own code or word for what went wrong, None where the response has none.
            allow_http: Whether plain http is allowed, wherever the server is.
        """
        self.url = url
        self.is_receiving = False
        self.clock_offset: timedelta | None = None
        self._session = session
        self._vendor_word = vendor_word
        # Of a name, only the addresses behind it say where the server is.
        self._must_be_local = url.scheme == "http" and not allow_http and not is_local(url.host or "")
        self._local_until = 0.0

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
        wait: float = 0.0,
        accept: Collection[int] = (),
    ) -> HttpResponse:
        """Send one request and read the whole response.

        Args:
            method: The HTTP method.
            path: Below the server's address, without a leading slash.
            params: The query; never credentials.
            data: A form.
            multipart: Whether the form is sent in parts (RFC 7578), for servers that take no other.
            json: The body as JSON.
            headers: Beside the usual ones.
            wait: Seconds for which the server may let us wait before it answers.
            accept: Statuses beside 2xx that are a valid answer.

        Raises:
            ProviderError: For every other status, for no response, and for one that is too large.
        """
        try:
            url = self.url.joinpath(*path.split("/")).with_query(params or {})
        except ValueError:
            raise ProtocolError("what the server sent makes no address") from None
        timeout = aiohttp.ClientTimeout(total=wait + REQUEST_TIMEOUT, sock_connect=15, sock_read=wait + 15)
        if self._must_be_local:
            await self._require_local()
        for _ in range(MAXIMUM_REDIRECTS + 1):
            form = aiohttp.FormData(dict(data or {}), default_to_multipart=True) if multipart else data
            try:
                response = await self._exchange(method, url, data=form, json=json, headers=headers, timeout=timeout)
            except (aiohttp.ClientError, TimeoutError, OSError) as err:
                raise TemporaryError(f"no answer: {type(err).__name__}") from err
            if response.status in accept:
                return response
            if not 300 <= response.status < 400:
                self._raise_for_status(response)
                return response
            url = _redirected(url, response)
        raise ConfigurationError("the server redirects in circles")

    async def post_once(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        multipart: bool = False,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        wait: float = REQUEST_TIMEOUT,
    ) -> HttpResponse:
        """Send one POST on a connection of its own, which is never repeated, and return its answer, whatever it is.

        A connection that was used before may break just as a request goes out, and then nobody knows whether the
        server has read it. A name of the server in the TLS handshake, which is the usual one, gives the connection a
        place of its own in the pool, and it is closed after the answer.

        Args:
            path: Below the server's address, without a leading slash.
            params: The query; never credentials.
            data: A form.
            multipart: Whether the form is sent in parts (RFC 7578).
            json: The body as JSON.
            headers: Beside the usual ones.
            wait: Seconds that the answer may take.

        Raises:
            NotSentError: No connection was made.
            UnknownOutcomeError: There was no whole answer.
        """
        url = self.url.joinpath(*path.split("/")).with_query(params or {})
        timeout = aiohttp.ClientTimeout(total=wait + REQUEST_TIMEOUT, sock_connect=15, sock_read=wait)
        try:
            if self._must_be_local:
                await self._require_local()
            form = aiohttp.FormData(dict(data or {}), default_to_multipart=True) if multipart else data
            return await self._exchange(
                "POST",
                url,
                data=form,
                json=json,
                headers={**(headers or {}), "Connection": "close"},
                timeout=timeout,
                server_hostname=url.host,
                is_reading=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, InsecureAddressError) as err:
            raise NotSentError(Reason.CANNOT_CONNECT, word=type(err).__name__) from err
        except TemporaryError as err:
            raise NotSentError(Reason.CANNOT_CONNECT, word="no such host") from err
        except (aiohttp.ClientError, ProtocolError, TimeoutError, OSError) as err:
            raise UnknownOutcomeError(f"no answer: {type(err).__name__}") from err

    async def _exchange(self, method: str, url: URL, *, is_reading: bool = True, **options: Any) -> HttpResponse:
        """Send one request and read its response up to the limit; `is_reading` says that it may bring messages."""
        started = time.monotonic()
        options["middlewares"] = (_send_once,) if method == "DELETE" else None
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            self.is_receiving = self.is_receiving or is_reading
            try:
                self._note_clock(response.headers)
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > MAXIMUM_BODY:
                        raise ProtocolError(TOO_LARGE)
            finally:
                self.is_receiving = self.is_receiving and not is_reading
            elapsed = time.monotonic() - started
            return HttpResponse(status=response.status, headers=response.headers, body=bytes(body), elapsed=elapsed)

    async def _require_local(self) -> None:
        """Raise an error unless the server's name leads to local addresses only; that is looked up once a minute.

        Raises:
            InsecureAddressError: It leads out of the local network.
            TemporaryError: It can't be looked up.
        """
        if time.monotonic() < self._local_until:
            return
        if not await leads_home(self.url):
            raise InsecureAddressError("plain http is only for a server in the local network")
        self._local_until = time.monotonic() + LOOKED_UP_SECONDS

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        """Compare the server's clock with ours; its date is cut to the second, so half of that is added."""
        date = _http_date(headers.get("Date"))
        self.clock_offset = date + DATE_PRECISION / 2 - datetime.now(UTC) if date else None

    def _raise_for_status(self, response: HttpResponse) -> None:
        """Raise the error that a status means; 2xx means none."""
        status, retry_after = response.status, _retry_after(response)
        if 200 <= status < 300:
            return
        found = self._vendor_word(response) or ""
        word = found if VENDOR_WORD.fullmatch(found) else None
        reason = f"HTTP status {status}" + (f", {word}" if word else "")
        if status == HTTPStatus.UNAUTHORIZED:
            raise AuthenticationError(reason, word=word)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(reason, retry_after=retry_after, word=word)
        if status in REFUSALS:
            raise ConfigurationError(reason, word=word)
        if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            raise TemporaryError(reason, retry_after=retry_after, word=word)
        raise ProtocolError(reason, word=word)


def _redirected(url: URL, response: HttpResponse) -> URL:
    """Return where a redirect leads, which must be the same server: it gets the credentials."""
    try:
        target = url.join(URL(response.headers.get("Location", "")))
        is_same_server = target.origin() == url.origin()
    except ValueError:
        raise ConfigurationError("the server redirects to an invalid address") from None
    if not is_same_server:
        raise ConfigurationError("the server redirects to another one")
    return target


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a request after a broken connection: the second one may delete something else."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as err:
        raise aiohttp.ClientConnectionError(type(err).__name__) from err


def _retry_after(response: HttpResponse) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110, 10.2.3), at most an hour."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAXIMUM_RETRY_AFTER)
    if (at := _http_date(value)) is None:
        return None
    return min(max((at - response.date).total_seconds(), 0.0), MAXIMUM_RETRY_AFTER)


def _integer(digits: str) -> int | str:
    """Return a number of JSON, as text where it has too many digits."""
    return int(digits) if len(digits) <= MAXIMUM_DIGITS else digits


def _http_date(value: str | None) -> datetime | None:
    """Return an HTTP date in UTC, None for anything else, and for a year with which nobody can reckon."""
    date = mail_time(value or "")
    return date if date and date.year in PLAUSIBLE_YEARS else None
