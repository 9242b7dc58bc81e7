"""A provider that reads an account at the emulator."""

from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

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


class CannedServer(TestServer):
    """A server that gives one answer to everything, and remembers what it was asked.

    Attributes:
        answer: What it answers.
        requests: What it was asked, with the form.
    """

    def __init__(self) -> None:
        """Answer 204 until told otherwise."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        super().__init__(app)
        self.answer: dict[str, Any] = {"status": 204}
        self.requests: list[tuple[web.Request, dict[str, Any]]] = []

    async def _handle(self, request: web.Request) -> web.Response:
        self.requests.append((request, dict(await request.post())))
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
