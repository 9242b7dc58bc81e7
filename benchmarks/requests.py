"""Requests and commits for each message: counted, not timed; `quiet` counts what no message causes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from custom_components.sms_inbox.store import Store
from homeassistant.core import HomeAssistant

from .core import add_idle_account, home_assistant
from .drain import PROVIDERS
from .emulator import Emulator, emulator
from .scale import Scale
from .table import Line


async def lines(scale: Scale) -> list[Line]:
    """Count for a backlog and a single message."""
    async with emulator() as server, home_assistant() as hass:
        return [
            await _message_line(hass, server, provider, number)
            for provider in PROVIDERS
            for number in (scale.messages, 1)
        ]


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
