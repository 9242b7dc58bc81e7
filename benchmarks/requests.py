"""Requests and commits for each message: counted, not timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from custom_components.sms_inbox.store import Store
from homeassistant.core import HomeAssistant

from .core import add_idle_account, home_assistant
from .drain import PROVIDERS
from .emulator import Emulator, emulator
from .scale import Scale
from .table import Line


async def lines(scale: Scale) -> list[Line]:
    """Count for each provider, first a backlog and then a single message."""
    async with emulator() as server, home_assistant() as hass:
        return [await _line(hass, server, provider, number) for provider in PROVIDERS for number in (scale.messages, 1)]


async def _line(hass: HomeAssistant, server: Emulator, provider: str, number: int) -> Line:
    account = await server.add(provider)
    entry = await add_idle_account(hass, account)
    await server.send(account, number)
    before = await server.requests()
    with counted_commits() as commits:
        await entry.runtime_data.async_refresh()
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
    transaction = Store._transaction  # noqa: SLF001

    def counting(store: Store) -> object:
        commits.append(None)
        return transaction(store)

    with patch.object(Store, "_transaction", counting):
        yield commits
