"""The contract of a provider: what the rest of SMS Inbox asks of it.

A provider reads one account's inbox at one SMS service. It knows nothing of Home Assistant: it gets an aiohttp session
and the account, and returns pages of messages. Where the service can send webhooks, it also verifies and reads those.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import aiohttp
from yarl import URL

from ..model import Cursor, Message, NumberFormat, Page, PushResult, WebhookResponse
from .addresses import check_url
from .errors import AuthenticationError
from .http import HttpClient, HttpResponse
from .parsing import well_formed

__all__ = ["Account", "Identity", "Provider", "WebhookPlace", "WebhookRequest", "WebhookResponse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account that a provider reads.

    Attributes:
        username: User name, or the id of an access token.
        password: Password, or the secret of an access token.
        url: The server's address.
        time_zone: The zone of times that the provider sends without one.
        key_id: The id of the API key whose secret is the password, for vendors that name the account beside it; else
            empty.
        allow_http: Whether the password may be sent over plain http to a server that is not local: a person has
            agreed to that.
        signing_key: The key with which webhook requests are signed; empty where they aren't, or where the vendor signs
            with the password.
        delete_stored: Whether a message may be deleted at the provider once it is stored here.
        preset: Key of the app or service that sends the webhook requests, see `presets`; only for the provider
            `webhook`.
        fields: Names of the fields of a webhook request, as a person has given them; only for the provider `webhook`.
        signature: How webhook requests are signed, as a person has described it; only for the provider `webhook`.
    """

    username: str
    password: str = field(repr=False)
    url: str
    time_zone: tzinfo = UTC
    key_id: str = ""
    allow_http: bool = False
    signing_key: str = field(default="", repr=False)
    delete_stored: bool = True
    preset: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Whose the credentials are, as an id that never changes."""

    account_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookRequest:
    """A request to an account's webhook.

    Attributes:
        method: `GET`, `POST` or `PUT`.
        url: The webhook's URL as the vendor knows it, with this request's query as it came.
        headers: Names are case-insensitive.
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
        """The fields of query and form, in UTF-8; of a name that occurs twice the last one."""
        form = self.body.decode("utf-8", "replace") if self.is_form else ""
        pairs = [
            *parse_qsl(self.url.raw_query_string, keep_blank_values=True),
            *parse_qsl(form, keep_blank_values=True),
        ]
        return {name: well_formed(value) for name, value in pairs}

    @property
    def is_form(self) -> bool:
        """Whether the body is declared as an HTML form."""
        return self.headers.get("Content-Type", "").strip().lower().startswith("application/x-www-form-urlencoded")

    @property
    def record(self) -> bytes:
        """What is kept of the request: the body, or without one the query."""
        return self.body or self.url.raw_query_string.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPlace:
    """A place at the vendor that holds the URL of one webhook: a phone number, a service, an entry of a list.

    Attributes:
        place_id: What never changes about it.
        name: Its name for people, such as the phone number.
        url: The URL that is there now, as it was given to `set_webhook`; empty where there is none.
    """

    place_id: str
    name: str
    url: str = ""


class Provider(ABC):
    """One account at one SMS service.

    Attributes:
        key: Its name in configuration and translations; never changes.
        name: Its name for people.
        default_url: The official server address; empty where each account has a server of its own, or none.
        number_format: How it writes senders and recipients; its file names the source. `UNKNOWN` where it hands on what
            the mobile network or another program wrote.
        interval: Pause between two polls; None where it can't be polled and only sends webhooks.
        is_own_server: Whether the server belongs to the person who adds the account, at home or elsewhere, so that its
            certificate may be self-signed.
        takes_key_id: Whether a person can log in with an API key, see `Account.key_id`.
        chooses_password: Whether a person chooses the password, so that it may begin or end with a blank.
        known_by_address: Whether only the server's address distinguishes its accounts, so that it may change.
        consumes: Whether reading removes a message from the inbox, so that no answer must be lost.
        acknowledges: Whether `acknowledge` changes what the next page shows.
        deletes: Whether acknowledging deletes messages, so that a person must agree, see `Account.delete_stored`.
        local_time: Whether it sends times without a zone, so that a person must choose the zone.
        placeholders: Values for the placeholders in the texts of its dialog, such as host names, which translations
            must not hold.
        successor: Key of the provider that reads the same accounts by the API with which the vendor has replaced this
            one; None where the vendor hasn't.
        receives_webhooks: Whether the vendor can send a webhook request when a message arrives.
        pushes: Whether `read_webhook` reads requests: a verified one carries whole messages, with the ids that the list
            has, so that they are delivered at once, or it reports what has become of a text that was sent. Otherwise a
            request only makes us poll now, and nothing in it is believed.
        registers: Whether the webhook's URL can be stored at the vendor by its API, see `webhook_places`.
        signs: Whether a person can enter the key with which it signs webhook requests, see `Account.signing_key`.
        needs_https: Whether it only accepts webhook URLs that begin with https.
        webhook_response: The response to an accepted webhook request, unless its result has one of its own.
        read_until: What the provider received before has been handed over, by its own clock; None where it doesn't say.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    default_url: ClassVar[str]
    number_format: ClassVar[NumberFormat]
    interval: ClassVar[timedelta | None]
    is_own_server: ClassVar[bool] = False
    takes_key_id: ClassVar[bool] = False
    chooses_password: ClassVar[bool] = False
    known_by_address: ClassVar[bool] = False
    consumes: ClassVar[bool] = False
    acknowledges: ClassVar[bool] = False
    deletes: ClassVar[bool] = False
    local_time: ClassVar[bool] = False
    placeholders: ClassVar[Mapping[str, str]] = {}
    successor: ClassVar[str | None] = None
    receives_webhooks: ClassVar[bool] = False
    pushes: ClassVar[bool] = False
    registers: ClassVar[bool] = False
    signs: ClassVar[bool] = False
    needs_https: ClassVar[bool] = False
    webhook_response: WebhookResponse = WebhookResponse()

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Take the session and the account.

        Args:
            session: Ours to use and not to close. It must keep no cookies: with them a server could take one
                account's request for another's.
            account: The account to read.

        Raises:
            ConfigurationError: The server address is not valid, or would send the password unencrypted.
        """
        self._account = account
        url = check_url(account.url, allow_http=account.allow_http) if self.interval else URL()
        self._http = HttpClient(session, url, self.vendor_word, allow_http=account.allow_http)
        self.read_until: datetime | None = None

    @property
    def account(self) -> Account:
        """The account that it reads."""
        return self._account

    @property
    def is_receiving(self) -> bool:
        """Whether an answer is arriving: its headers are here, its body may not be."""
        return self._http.is_receiving

    @property
    def clock_offset(self) -> timedelta | None:
        """How far the provider's clock is ahead of ours, as its last answer says; None where it doesn't."""
        return self._http.clock_offset

    @property
    def now(self) -> datetime:
        """The present by the provider's clock, as far as it is known, else by ours (aware, UTC)."""
        return datetime.now(UTC) + (self.clock_offset or timedelta())

    @abstractmethod
    async def validate(self) -> Identity:
        """Prove the credentials without touching a message, and return whose they are.

        Raises:
            ProviderError: One of its kinds.
        """

    @abstractmethod
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the next page.

        The caller stores each page before it fetches the next one; an object whose page was not stored is not used
        again. So the object may remember what it has returned, and leave it out of later pages. A list of several
        pages is returned page by page, each as it comes, with `more` set. What is still to be read of it must follow
        from the cursor alone, since the process may end between two pages.

        Args:
            cursor: That of the page before; empty at the very first.

        Raises:
            ProviderError: One of its kinds. Nothing was read, or `raw` holds it. The next `fetch` gets the same cursor.
        """

    @classmethod
    def cursor_since(cls, received_at: datetime) -> Cursor:
        """Return the cursor that reads what was received then or later; only used for a provider that is a successor.

        Args:
            received_at: Aware; by the provider's clock.
        """
        raise NotImplementedError

    async def recover(self) -> tuple[Message, ...]:
        """Return what was received lately once more, oldest first, changing nothing, where reading consumes.

        It is used when an answer may have been lost on its way. Messages that are still to be read may be among it.

        Raises:
            ProviderError: One of its kinds; a ProtocolError where the answer was not understood.
        """
        return ()

    async def acknowledge(self, page: Page) -> bool:
        """Confirm to the vendor's server that a page is stored, where it wants to know, or delete what is stored.

        It is used after each page, also an empty one. Each time it does one short step, so that a new message never
        waits for long; if there is more to do, the next `fetch` follows at once.

        Returns:
            Whether there is more to do.

        Raises:
            ProviderError: One of its kinds. It is done later; the page may come again.
        """
        del page
        return False

    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Verify a webhook request and read its messages; only used where `pushes` is set.

        The signature is verified first, in constant time, with the replay window that the vendor documents. Without a
        key to verify it, the result is `PushResult(poll=True)`. What can't be understood is returned as unreadable.

        Raises:
            RefusedWebhookError: It is not the vendor's, or there is nothing in it.
        """
        raise NotImplementedError

    def read_again(self, record: bytes) -> Message | None:
        """Read a record that could not be understood before; None where it still can't.

        It is used where a person may have named the fields since, see `Account.fields`.
        """
        del record
        return None

    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return where the vendor can hold the URL of a webhook, with what is there now.

        Args:
            name: The name of our webhook, for vendors with a list of named ones: the only place is then the entry of
                that name, whether it is there or not. Others have a place for each phone number or service.

        Raises:
            ProviderError: One of its kinds.
        """
        raise NotImplementedError

    async def set_webhook(self, place_id: str, url: str) -> None:
        """Store the URL of our webhook at a place, instead of what is there; an empty URL removes what is there.

        It is left alone where it is as wanted already. Everything else at the place stays as it was. The vendor may
        send a request at once to see whether somebody answers.

        Raises:
            ProviderError: One of its kinds.
        """
        raise NotImplementedError

    async def problems(self) -> tuple[str, ...]:
        """Return what at the vendor keeps messages from being listed, as translation keys.

        It is empty where nothing is known.

        Raises:
            ProviderError: One of its kinds.
        """
        return ()

    async def solve(self, problem: str) -> None:
        """Solve a problem at the vendor that `problems` has returned; one that is solved already is left alone.

        Raises:
            NotImplementedError: Only a person can solve it.
            ProviderError: One of its kinds.
        """
        raise NotImplementedError(problem)

    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the vendor's own code or word for what went wrong, None where the response has none.

        It is shown to people and logged, so it must be one of the vendor's constants, never a text with values in it.
        """
        del response
        return None

    def account_at_server(self, username: str) -> str:
        """Return the id of an account that has no other than its user name, whose case doesn't matter.

        The same name at another server is another account, so the id holds the host, unless it is the official one.
        """
        host = self._http.url.host or ""
        is_official = host == URL(self.default_url).host
        return (username if is_official else f"{host} {username}").casefold()

    def basic_auth(self) -> dict[str, str]:
        """Return the header of HTTP Basic authorization (RFC 7617), in UTF-8; of the API key where there is one."""
        username = self._account.key_id or self._account.username
        try:
            return {"Authorization": aiohttp.encode_basic_auth(username, self._account.password)}
        except ValueError:
            # From None: the error's own text may hold what was typed.
            raise AuthenticationError("the user name or password has a character that none can have") from None

    async def request(self, method: str, path: str, **options: Any) -> HttpResponse:
        """Send one request to the account's server, see `HttpClient.request`."""
        return await self._http.request(method, path, **options)

    async def post_once(self, path: str, **options: Any) -> HttpResponse:
        """Send one POST to the account's server that is never repeated, see `HttpClient.post_once`."""
        return await self._http.post_once(path, **options)
