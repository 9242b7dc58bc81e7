"""System health: how much there is, and whether the providers can be reached."""

import asyncio
from collections.abc import Iterable
from typing import Any

from homeassistant.components import system_health
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback

from .const import CONF_PROVIDER, DOMAIN
from .inbox import async_get_store
from .store import StoreError, search


@callback
def async_register(_hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(async_info)


async def async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return how much there is, and a check for each provider that is in use."""
    servers: dict[str, set[str]] = {}
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
    for entry in entries:
        if url := entry.data.get(CONF_URL):
            servers.setdefault(entry.data[CONF_PROVIDER], set()).add(url)
    return {
        "accounts": len(entries),
        "stored_messages": _async_stored_messages(hass),
        **{f"can_reach_{provider}": _async_can_reach(hass, servers[provider]) for provider in sorted(servers)},
    }


async def _async_stored_messages(hass: HomeAssistant) -> int | dict[str, str]:
    """Return how many messages are stored."""
    try:
        return await async_get_store(hass).read(search.count_all)
    except StoreError:
        return {"type": "failed", "error": "unreadable"}


async def _async_can_reach(hass: HomeAssistant, urls: Iterable[str]) -> str | dict[str, str]:
    """Return "ok" where all servers answer, no matter what, else what is wrong with one that doesn't."""
    results = await asyncio.gather(*(system_health.async_check_can_reach_url(hass, url) for url in urls))
    return next((result for result in results if result != "ok"), "ok")
