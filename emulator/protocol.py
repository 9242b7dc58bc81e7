"""What a provider's protocol has to say; everything else of the emulator doesn't know protocols."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
import re
from typing import Any
from urllib.parse import urlencode

from .model import Account, Carrier, Message


class InterruptedHoldError(Exception):
    """A fault became due while a call was held."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One request that the provider makes to a client: a callback, a webhook."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One request; `path` is what follows the base address, `fields` are those of query and form.

    `ask` makes a request to a client, and tells the status of its answer, 0 without one.
    """

    provider: str
    method: str
    path: str
    fields: Mapping[str, str]
    basic: tuple[str, str] | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[Outgoing], Awaitable[int]]
    username: str | None = None
    hold: float = 0.0
    interrupted: Callable[[Call], bool]

    async def wait_unread(self, account: Account) -> bool:
        """Hold the call until the account has an unread message; False when the time is over."""
        try:
            async with asyncio.timeout(self.hold):
                while not account.unread:
                    if self.interrupted(self):
                        raise InterruptedHoldError
                    await account.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response; `messages` are those in its body, which it hands over unless `shown` only."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    shown: bool = False
    chunked: bool = False


class Protocol(Carrier, ABC):
    """One provider; a new one is one such class in a file of its own, and a line in `registry.py`."""

    name: str
    base_path = ""
    """What follows the provider's key in the base address."""
    content_type: str
    page_size = 1
    """How many messages an answer holds at most, unless the account says otherwise."""
    time_zone = "UTC"
    signed = False
    """Whether calls to clients are signed."""
    username_in_path = False
    """Whether the addresses of this API name the account."""
    opening = b""
    """How an answer begins that never ends."""
    methods: tuple[str, ...] = ("GET", "POST")
    errors: Mapping[str, int]
    """The words by which the vendor says what is wrong, with the HTTP status of each."""
    fault_options: Mapping[str, Mapping[str, Any]] = {}
    """Faults of this protocol only: their options with the defaults."""

    @abstractmethod
    def credentials(self, call: Call) -> tuple[str, str] | None:
        """The user name and password in a request."""

    def account_of(self, username: str, password: str, accounts: Iterable[Account]) -> Account | None:
        """The account that a user name and a password are of, None where they are of none."""
        found = (account for account in accounts if (account.username, account.password) == (username, password))
        return next(found, None)

    @abstractmethod
    def unauthorized(self) -> Answer:
        """What a wrong user name or password gets."""

    @abstractmethod
    def not_found(self) -> Answer:
        """What an unknown address gets."""

    @abstractmethod
    def vendor_error(self, word: str, status: int) -> Answer:
        """What the vendor answers when something is wrong, in its own words; ValueError if that can't be its word."""

    @abstractmethod
    async def answer(self, call: Call, account: Account) -> Answer:
        """What this account gets."""

    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """The requests by which the vendor tells its clients of a message, if it can."""
        del message, account
        return []

    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """The requests by which the vendor tells its clients what has become of a text, if it can."""
        del message, account
        return []

    def registered(self, account: Account) -> list[str]:
        """The addresses that the customer registered to be called, by the vendor's API."""
        return [webhook["url"] for webhook in account.webhooks]

    def numbers_of(self, account: Account) -> list[str]:
        """The account's phone numbers, if this vendor has a list of them."""
        del account
        return []

    def is_settled(self, status: int) -> bool:
        """Whether the vendor stops to tell of a message after this answer, be it taken or given up."""
        return 200 <= status < 300

    def is_taken(self, status: int, body: str) -> bool:
        """The same, for vendors that look at the body of the answer, too."""
        del body
        return self.is_settled(status)

    def wrong_method(self) -> Answer:
        """What a method other than `methods` gets."""
        return html_page(405, "Method Not Allowed")

    def fault(self, kind: str, options: Mapping[str, Any]) -> Answer:
        """What a fault of `fault_options` answers."""
        raise NotImplementedError(kind, options)


def number_of(word: str) -> int:
    """The number that a vendor has for a word; ValueError if it is none."""
    if not re.fullmatch("[0-9]{1,9}", word):
        raise ValueError("An error of this vendor is a number.")
    return int(word)


def with_query(url: str, query: Mapping[str, str]) -> str:
    """An address with more in its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def html_page(status: int, title: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A page for people, where a client hoped for data."""
    text = escape(title)
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    return Answer(status=status, body=page.encode(), headers=headers or {})
