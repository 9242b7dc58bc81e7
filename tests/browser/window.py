"""A real browser, and what it shows."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import shutil
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Error, Locator, Page, ViewportSize, async_playwright, expect

from ..live.child import ChildError
from ..live.home_assistant import REPOSITORY

type Theme = Literal["light", "dark"]

ABORTED = "net::ERR_ABORTED"
EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT = 20_000  # milliseconds
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE = ViewportSize(width=1180, height=760)
THEMES: tuple[Theme, ...] = ("light", "dark")
TRANSLATIONS = REPOSITORY / "custom_components" / "sms_inbox" / "translations"

VISIBLE_TEXT = """() => {
    const lines = [];
    const look = (node) => {
        if (node.nodeType === Node.TEXT_NODE) {
            const parent = node.parentElement ?? node.parentNode.host;
            const text = node.textContent.trim();
            if (text && parent.checkVisibility({visibilityProperty: true}) && parent.offsetHeight) lines.push(text);
        } else if (!["STYLE", "SCRIPT"].includes(node.tagName)) {
            [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].forEach(look);
        }
    };
    look(document.body);
    return lines.join("\\n");
}"""
"""What a person can read; what is typed into fields isn't part of it."""
FOLLOW = """(path) => {
    history.pushState(null, "", path);
    dispatchEvent(new CustomEvent("location-changed", {detail: {replace: false}}));
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
LOCALIZE = "(key) => document.querySelector('home-assistant').hass?.localize(key)"
LEAVE_UNSAVED = "addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), {capture: true})"
"""Lets a page with something unsaved be left without a question."""


def find_chromium() -> str:
    """Return the path of a browser; raise ChildError where there is none."""
    for name in EXECUTABLES:
        if path := shutil.which(name):
            return path
    raise ChildError("There is no Chromium on PATH: `apt-get install chromium` gets it on Debian and Ubuntu.")


@asynccontextmanager
async def chromium(*, headed: bool) -> AsyncIterator[Browser]:
    """Run the browser."""
    path = find_chromium()
    expect.set_options(timeout=LIMIT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS, headless=not headed)
        try:
            yield browser
        finally:
            await browser.close()


class Texts:
    """What SMS Inbox says to a person in one language; in English where that language lacks a text."""

    def __init__(self, language: str) -> None:
        """Read them."""
        self.by_key = _read_texts("en") | _read_texts(language)

    def __call__(self, key: str, **placeholders: str) -> str:
        """Return a text by its key, such as `config.error.unknown`."""
        return self.by_key[key].format(**placeholders)


def _read_texts(language: str) -> dict[str, str]:
    """Return the texts of a language by key."""
    return dict(_flat(json.loads((TRANSLATIONS / f"{language}.json").read_text())))


def _flat(texts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in texts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class Window:
    """A window of its own, with its own cookies, on one server.

    Attributes:
        page: What it shows.
        complaints: The errors and warnings in its console, each with the address that it is about.
    """

    def __init__(self, page: Page, url: str) -> None:
        """Take over an empty page; use `open` to make one."""
        self.page = page
        self.complaints: list[str] = []
        self._url = url
        page.on("console", self._note)
        page.on("pageerror", self._note_error)

    @classmethod
    async def open(cls, browser: Browser, url: str, size: ViewportSize, locale: str) -> Self:
        """Open a window and go to the server's start page."""
        context = await browser.new_context(viewport=size, locale=locale, color_scheme="light")
        context.set_default_timeout(LIMIT)
        await context.add_init_script(LEAVE_UNSAVED)
        window = cls(await context.new_page(), url)
        await window.go("/")
        return window

    async def go(self, path: str) -> None:
        """Go to a page of the server."""
        try:
            await self.page.goto(f"{self._url}{path}")
        except Error as error:
            # A dialog of Home Assistant goes back in the history when it closes, which may be just now.
            if ABORTED not in error.message:
                raise
            await self.page.goto(f"{self._url}{path}")

    async def move(self, path: str) -> None:
        """Go to another page of Home Assistant's front end without loading that anew, as its own links do."""
        await self.page.evaluate(FOLLOW, path)

    async def log_in(self, username: str, password: str) -> None:
        """Log in to Home Assistant, in whatever language it asks, and wait for its first page."""
        await self.page.locator("input[name=username]").fill(username)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.locator("input[name=password]").press("Enter")
        await self.page.locator("#ha-launch-screen").wait_for(state="detached")
        # Leaving before the first page is there would be undone: the front end goes to that page by itself.
        await self.page.locator("partial-panel-resolver > *").first.wait_for()
        await self.page.wait_for_url(lambda url: urlsplit(url).path not in ("/", "/auth/authorize"))

    async def text(self) -> str:
        """Return what a person can read."""
        return str(await self.page.evaluate(VISIBLE_TEXT))

    async def word(self, key: str) -> str:
        """Return what Home Assistant's front end says for a key of its own translations, in this window's language."""
        word = await self.page.wait_for_function(LOCALIZE, arg=key)
        return str(await word.json_value())

    @property
    def size(self) -> ViewportSize:
        """Its size in pixels."""
        return self.page.viewport_size or SIZE

    async def picture(self, file: Path, theme: Theme, size: ViewportSize | None = None) -> None:
        """Take a picture in a theme, when nothing moves any more, with a size in a window that has it for that long."""
        before = self.size
        await self.page.emulate_media(color_scheme=theme)
        if size:
            await self.page.set_viewport_size(size)
        await self.page.mouse.move(0, 0)
        await self.page.wait_for_load_state("networkidle")
        await self.page.evaluate(TWO_FRAMES)
        await self.page.screenshot(path=file, animations="disabled", caret="hide")
        await self.page.emulate_media(color_scheme="light")
        if size:
            await self.page.set_viewport_size(before)

    async def close(self) -> None:
        """Close it, and forget its cookies."""
        await self.page.context.close()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _note_error(self, error: Error) -> None:
        self.complaints.append(f"error: {error.message} {error.stack}")


async def sees(scope: Page | Locator, text: str, *, exact: bool = True) -> None:
    """Wait until a text can be read there."""
    await expect(scope.get_by_text(text, exact=exact).filter(visible=True).first).to_be_visible()
