"""Requests and commits for each message, and requests of a poll that finds nothing: counted, not timed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from custom_components.sms_inbox.providers import PROVIDERS as CLASSES
from custom_components.sms_inbox.store import Store
from homeassistant.core import HomeAssistant

from .core import add_idle_account, home_assistant
from .drain import PROVIDERS
from .emulator import Emulator, emulator
from .scale import Scale
from .table import Line

# Lists of these have what was sent, too.
LISTS_SENT = ("twilio", "elks")
SENT = 10_000
POLLS = 5
AT_MOST = 3  # requests: a list may be in two parts


async def lines(scale: Scale) -> list[Line]:
    """Count for each provider: a backlog and a single message, and then polls that find nothing."""
    polled = {key: cls for key, cls in CLASSES.items() if cls.interval}
    async with emulator() as server, home_assistant() as hass:
        found = [
            await _message_line(hass, server, provider, number)
            for provider in PROVIDERS
            for number in (scale.messages, 1)
        ]
        return found + [await _quiet_line(hass, server, key, cls.name) for key, cls in polled.items()]


async def _message_line(hass: HomeAssistant, server: Emulator, provider: str, number: int) -> Line:
    account = await server.add(provider)
    entry = await add_idle_account(hass, account)
    await server.send(account, number)
    before = await server.requests()
    with counted_commits() as commits:
        await entry.runtime_data.async_refresh()
        await hass.async_block_till_done(wait_background_tasks=True)
    requests = await server.requests() - before
    await hass.config_entries.async_remove(entry.entry_id)
    return Line(
        what=f"requests and commits for {number:,} at {PROVIDERS[provider]}",
        ours=f"{requests:,} requests, {len(commits):,} commits",
        other=f"{requests / number:.3f} and {len(commits) / number:.3f} a message",
    )


async def _quiet_line(hass: HomeAssistant, server: Emulator, provider: str, name: str) -> Line:
    """Count what some polls ask for after the inbox was read to its end, and the most that one of them does."""
    account = await server.add(provider)
    what = f"requests of a poll that finds nothing at {name}"
    if provider in LISTS_SENT:
        await server.send(account, SENT, sent=True)
        what += f", {SENT:,} sent messages in its window"
    await server.send(account, 1)
    began = await server.requests()
    entry = await add_idle_account(hass, account)
    first = await server.requests() - began
    quiet = []
    with counted_commits() as commits:
        for _ in range(POLLS):
            before = await server.requests()
            await entry.runtime_data.async_refresh()
            quiet.append(await server.requests() - before)
    await server.send(account, 1)
    before = await server.requests()
    await entry.runtime_data.async_refresh()
    single = await server.requests() - before
    await hass.config_entries.async_remove(entry.entry_id)
    await server.reset()
    return Line(
        what=what,
        ours=f"{max(quiet)} requests, {len(commits) / POLLS:g} commits",
        other=f"{first:,} at the first poll, {single} where one message is new",
        aim=f"≤ {AT_MOST}",
        met=max(quiet) <= AT_MOST,
    )


@contextmanager
def counted_commits() -> Iterator[list[None]]:
    """Count the transactions of the store: the list gets an item for each."""
    commits: list[None] = []
    write = Store.write

    def counting(store: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        commits.append(None)
        return write(store, work, *args, **kwargs)

    with patch.object(Store, "write", counting):
        yield commits
