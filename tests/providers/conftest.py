"""A provider that reads an account at the emulator."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
import re
from typing import Any, NamedTuple, override
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import hdrs, parse_content_disposition, web
from aiohttp.test_utils import TestServer
from aioresponses import CallbackResult, aioresponses
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Cursor, Message, Page
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Account, Provider
from emulator import Emulator

USERNAME, PASSWORD = "anna", "pass:wörd&|"
SIGNING_KEY = "abcd1234"
TIME_ZONE = "Africa/Johannesburg"

type MakeProvider = Callable[..., Provider]


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session like the one that Home Assistant hands in."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def make_provider(session: aiohttp.ClientSession, emulator: Emulator) -> MakeProvider:
    """Return a maker of providers for the emulator's account."""

    def make(key: str, *, password: str = PASSWORD, url: str | None = None, **options: Any) -> Provider:
        account = Account(
            username=USERNAME,
            password=password,
            url=url or emulator.url(key),
            time_zone=ZoneInfo(TIME_ZONE),
            **{"signing_key": SIGNING_KEY, **options},
        )
        return PROVIDERS[key](session, account)

    return make


class Request(NamedTuple):
    """A request that a provider has sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    form: Mapping[str, str]


class CannedAnswers(aioresponses):
    """Answers all that aiohttp's clients ask, in place of a server, and remembers what it was asked.

    For what is in an answer: errors, headers, odd bodies. What is about the wire needs a server on this machine, the
    emulator or a `CannedServer`: timeouts, bodies that break off, come in pieces or have more than 64 KiB, redirects,
    compression, how an address or a form is encoded, and what another process or the emulator itself asks.

    Attributes:
        answer: What it answers, with the names of `web.Response`.
        asked: What it was asked.
    """

    def __init__(self) -> None:
        """Answer 204 until told otherwise."""
        super().__init__()
        self.answer: dict[str, Any] = {"status": 204}
        self.asked: list[Request] = []

    @override
    def start(self) -> None:
        """Begin to answer."""
        super().start()
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT"):
            self.add(re.compile(""), method, repeat=True, callback=partial(self._handle, method))

    def url(self, path: str = "") -> str:
        """Return the address of the server that isn't there."""
        return f"https://server.example{path}"

    def respond(self, request: Request) -> dict[str, Any]:
        """Return the answer to a request."""
        del request
        return self.answer

    def _handle(self, method: str, url: URL, *, data: Any, headers: Any, **_: Any) -> CallbackResult:
        """Return the answer as the library wants it."""
        request = Request(method, url, headers or {}, _fields(data))
        self.asked.append(request)
        answer = dict(self.respond(request))
        body = answer.pop("text", None) or answer.pop("body", b"")
        return CallbackResult(**answer, body=body, response_class=CannedResponse)


class CannedResponse(aiohttp.ClientResponse):
    """The client's response, with the argument that aiohttp 3.14 demands and aioresponses 0.7.9 doesn't give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Have sent nothing."""
        super().__init__(*args, **kwargs, stream_writer=Mock(output_size=0))


def _fields(data: aiohttp.FormData | Mapping[str, str] | None) -> dict[str, str]:
    """Return the fields of a form."""
    if not isinstance(data, aiohttp.FormData):
        return dict(data or {})
    parts = [(parse_content_disposition(part.headers[hdrs.CONTENT_DISPOSITION]), part) for part, *_ in data()]
    return {str(parameters["name"]): part.decode() for (_, parameters), part in parts}


@pytest.fixture
def canned() -> Iterator[CannedAnswers]:
    """Return canned answers."""
    with CannedAnswers() as canned:
        yield canned


class CannedServer(TestServer):
    """A real server that gives one answer to everything, and remembers what it was asked; see `CannedAnswers`.

    Attributes:
        answer: What it answers.
        asked: What it was asked.
    """

    def __init__(self) -> None:
        """Answer 204 until told otherwise."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        super().__init__(app)
        self.answer: dict[str, Any] = {"status": 204}
        self.asked: list[Request] = []

    def url(self, path: str = "") -> str:
        """Return the server's address."""
        return str(self.make_url(path))

    async def _handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(Request(request.method, request.url, request.headers, form))
        return web.Response(**self.answer)


@pytest.fixture
async def server() -> AsyncGenerator[CannedServer]:
    """Run a server of canned answers."""
    async with CannedServer() as server:
        yield server


async def poll(provider: Provider, cursor: Cursor | None = None) -> list[Page]:
    """Fetch and acknowledge while there is more to do; return the pages."""
    pages: list[Page] = []
    more = True
    while more:
        page = await provider.fetch(cursor or {})
        more = await provider.acknowledge(page) or page.more
        pages.append(page)
        cursor = page.cursor
    return pages


async def walk(provider: Provider, cursor: Cursor | None = None) -> list[Page]:
    """Fetch to the last page, without acknowledging; return the pages."""
    pages = [await provider.fetch(cursor or {})]
    while pages[-1].more:
        pages.append(await provider.fetch(pages[-1].cursor))
    return pages


async def drain(provider: Provider, cursor: Cursor | None = None) -> tuple[list[Message], Page]:
    """Fetch and acknowledge while there is more to do; return all messages and the last page."""
    pages = await poll(provider, cursor)
    return [message for page in pages for message in page.messages], pages[-1]


def by_time(messages: Iterable[Message]) -> list[Message]:
    """Return messages as they were received: of a list of several pages, the newest page comes first."""
    return sorted(messages, key=lambda message: message.received_at or datetime.min.replace(tzinfo=UTC))


def new(messages: Iterable[Message], known: Iterable[Message] = ()) -> list[Message]:
    """Return those that are not known yet, each once, as the store does."""
    ids = {message.message_id for message in known}
    return [message for message in messages if not (message.message_id in ids or ids.add(message.message_id))]  # type: ignore[func-returns-value]
