"""What the steps of the browser test share: the servers, the browser, and what was sent and seen."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
import secrets
from typing import Any

import aiohttp
from playwright.async_api import Browser, ViewportSize
from yarl import URL

from emulator.protocol import Outgoing

from ..live.child import ChildError, until
from ..live.emulator import ACCOUNTS, Account, Emulator
from ..live.entries import ENTRIES
from ..live.home_assistant import REPOSITORY, HomeAssistant
from ..live.websocket import WebSocket
from .gallery import shrink
from .window import SIZE, THEMES, Texts, Window

CUSTOMERS = (
    *ACCOUNTS,
    Account("twilio", "/2010-04-01/Accounts/anna/Messages.json"),
    Account("gammu", "/sms", time_zone="Europe/Berlin"),
)
IMAGES = REPOSITORY / "docs" / "images"
NAMES = {"bulksms_eapi": "office"}
NEIGHBOUR = "+447700900123"
PATIENCE = 60.0  # seconds


def customers() -> dict[str, Account]:
    """Return the accounts by provider."""
    return {account.provider: customer(account) for account in CUSTOMERS}


def customer(account: Account) -> Account:
    """Return an account with a name as people have, and a password that nothing else looks like."""
    return replace(account, name=NAMES.get(account.provider, "anna"), password=secrets.token_urlsafe(12))


async def within(what: str, condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Return when the condition holds; raise ChildError where that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            await until(condition)
    except TimeoutError:
        raise ChildError(f"Not seen within {seconds:.0f} seconds: {what}") from None


def compare(seen: object, expected: object) -> None:
    """Raise ChildError where something isn't as expected."""
    if seen != expected:
        raise ChildError(f"Expected {expected}, saw {seen}")


class World:
    """Both servers, the browser, and what was sent and seen.

    Attributes:
        accounts: By provider, with their present passwords.
        urls: Where the providers are, likewise.
        titles: What Home Assistant calls the accounts, likewise.
        keys: With what apps and services sign, by preset.
        automation: The id of the automation that was built.
        window: The window with Home Assistant.
        windows: All that were opened.
        texts: What SMS Inbox says in the browser's language.
        events: What was fired for messages.
        notifications: The notifications that were shown.
        passwords: Those that no log may have.
        messages: The texts that no log may have.
        refused: What Home Assistant calls the accounts for which a request was forged.
        at_home: Home Assistant's address for the local network, which is not the one for the internet.
    """

    automation: str
    window: Window
    _websocket: WebSocket

    def __init__(
        self,
        home_assistant: HomeAssistant,
        emulator: Emulator,
        browser: Browser,
        accounts: dict[str, Account],
        *,
        pictures: bool = False,
        locale: str = "en-GB",
    ) -> None:
        """Take servers and browser, already started, and the accounts."""
        self.home_assistant = home_assistant
        self.emulator = emulator
        self.browser = browser
        self.accounts = accounts
        self.urls: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.texts = Texts(locale.partition("-")[0])
        self.events: list[dict[str, Any]] = []
        self.notifications: list[str] = []
        self.windows: list[Window] = []
        self.passwords = {account.password for account in self.accounts.values()}
        self.messages: set[str] = set()
        self.refused: set[str] = set()
        self.at_home = home_assistant.url.replace("127.0.0.1", "localhost")
        self._locale = locale
        self._pictures = pictures

    async def begin(self) -> None:
        """Make the accounts at the emulator, listen to Home Assistant, and open a window."""
        websocket = self._websocket = await self.home_assistant.websocket()
        self.urls = {provider: await self.emulator.add(account) for provider, account in self.accounts.items()}
        await websocket.command("config/core/update", internal_url=self.at_home)
        await websocket.subscribe(self._see_event, "subscribe_events", event_type="sms_received")
        await websocket.subscribe(self._see_notifications, "persistent_notification/subscribe")
        self.window = await self.open_window(self.home_assistant.url)

    async def open_window(self, url: str, size: ViewportSize = SIZE, locale: str = "") -> Window:
        """Open another window, with cookies of its own."""
        window = await Window.open(self.browser, url, size, locale or self._locale)
        self.windows.append(window)
        return window

    async def add_account(self, provider: str, name: str) -> str:
        """Make one more account at a provider of the emulator, and return its key in `accounts`."""
        account = replace(self.accounts[provider], name=name, password=secrets.token_urlsafe(12))
        key = f"{provider} {name}"
        self.accounts[key] = account
        self.passwords.add(account.password)
        await self.emulator.add(account)
        return key

    async def send(self, provider: str, text: str, sender: str = NEIGHBOUR, recipient: str | None = None) -> None:
        """Send an SMS to the account at a provider, to one of its numbers if it has several."""
        self.messages.add(text)
        account = self.accounts[provider]
        message = {"provider": account.provider, "username": account.username, "text": text, "sender": sender}
        await self.emulator.post("/admin/messages", {**message, "recipient": recipient})

    async def arrival(self, text: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until a message was fired, and return what the event says."""

        async def is_there() -> bool:
            return any(event["text"] == text for event in self.events)

        await within(f"the event of the message {text!r}", is_there, seconds)
        return next(event for event in self.events if event["text"] == text)

    async def paste_address(self, provider: str, address: str) -> None:
        """Tell the provider of an account what to call, nothing where the address is empty."""
        account = self.accounts[provider]
        data = {"provider": provider, "username": account.username, "url": address}
        await self.emulator.post("/admin/callback", data)

    async def request(self, request: Outgoing, *, status: HTTPStatus = HTTPStatus.OK) -> str:
        """Make a request as an app or a service does, and return its answer, which must have a status."""
        url = URL(request.url, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=request.headers, data=request.body or None) as response,
        ):
            if response.status != status:
                raise ChildError(f"A request was answered {response.status}, not {status:d}.")
            return await response.text()

    async def change_password(self, provider: str) -> None:
        """Give the account at a provider another password, there."""
        account = self.accounts[provider] = customer(self.accounts[provider])
        self.passwords.add(account.password)
        data = {"provider": provider, "username": account.username, "password": account.password}
        await self.emulator.post("/admin/password", data)

    async def ask(self, command: str, **data: Any) -> Any:
        """Send a command to Home Assistant's websocket interface and return the result."""
        return await self._websocket.command(command, **data)

    async def armed(self, automation: str) -> None:
        """Wait until an automation listens."""

        async def is_on() -> bool:
            states = await self.home_assistant.get("/api/states")
            return any(state["attributes"].get("id") == automation and state["state"] == "on" for state in states)

        await within("the automation", is_on)

    async def poll(self, provider: str) -> None:
        """Wait until an account's inbox is asked for once more."""
        last = (await self.emulator.get("/admin/requests"))["last"]

        async def was_asked() -> bool:
            return any(request["status"] for request in await self._requests(provider, since=last))

        await within(f"a poll of {provider}", was_asked)

    async def long_poll(self, provider: str) -> None:
        """Have an account wait at its provider for the next message."""

        async def waits() -> bool:
            return (await self._requests(provider))[-1]["status"] is None

        button = asyncio.create_task(self.check_now(provider))  # ends when the poll does
        await within(f"a long poll of {provider}", waits)
        button.cancel()

    async def check_now(self, provider: str) -> None:
        """Have an account ask at once, without a click; returns after the poll, or some seconds later."""
        entry_id = (await self.entry(provider))["entry_id"]
        entities = await self.ask("config/entity_registry/list")
        button = next(entity["entity_id"] for entity in entities if entity["unique_id"] == f"{entry_id}_check_now")
        await self.home_assistant.post("/api/services/button/press", {"entity_id": button})

    async def _requests(self, provider: str, since: int = 0) -> list[dict[str, Any]]:
        """Return an account's requests after one with a number."""
        entries = (await self.emulator.get(f"/admin/requests?since={since}"))["entries"]
        return [entry for entry in entries if entry["provider"] == provider]

    async def entry(self, provider: str) -> dict[str, Any]:
        """Return what Home Assistant tells about an account's config entry."""
        entries = await self.home_assistant.get(f"{ENTRIES}?domain=sms_inbox")
        return next(entry for entry in entries if entry["title"] == self.titles[provider])

    async def device_id(self, provider: str) -> str:
        """Return the id of an account's device."""
        entry_id = (await self.entry(provider))["entry_id"]
        devices = await self.ask("config/device_registry/list")
        return next(str(device["id"]) for device in devices if entry_id in device["config_entries"])

    async def picture(self, name: str, window: Window | None = None, height: int = 0) -> None:
        """Take a picture for the documentation, light and dark, if that is wanted."""
        if not self._pictures:
            return
        shown = window or self.window
        size = ViewportSize(width=shown.size["width"], height=height or shown.size["height"])
        for theme, suffix in zip(THEMES, ("", "-dark"), strict=True):
            file = IMAGES / f"{name}{suffix}.png"
            await shown.picture(file, theme, size)
            shrink(file)

    def without_passwords(self, text: str) -> str:
        """Return a text in which no password can be read."""
        for password in self.passwords:
            text = text.replace(password, "***")
        return text

    def _see_event(self, event: dict[str, Any]) -> None:
        self.events.append(event["data"])

    def _see_notifications(self, event: dict[str, Any]) -> None:
        if event["type"] == "added":
            self.notifications += [shown["message"] for shown in event["notifications"].values()]
