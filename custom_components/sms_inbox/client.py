"""Making the provider of an account from its config entry."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from homeassistant.const import CONF_PASSWORD, CONF_TIME_ZONE, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.util import dt as dt_util

from .const import CONF_DELETE_STORED, CONF_FIELDS, CONF_PROVIDER, CONF_SIGNING_KEY
from .providers import PROVIDERS
from .providers.contract import Account, Provider


def create_session(hass: HomeAssistant, *, auto_cleanup: bool = True) -> aiohttp.ClientSession:
    """Return a session that keeps no cookies: a server must never take one account for another."""
    return async_create_clientsession(hass, auto_cleanup=auto_cleanup, cookie_jar=aiohttp.DummyCookieJar())


async def async_create_provider(
    session: aiohttp.ClientSession, data: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Provider:
    """Return the provider of an account's data and options.

    Raises:
        ConfigurationError: The server address is none, or would send the password unencrypted.
    """
    options = options or {}
    account = Account(
        username=data[CONF_USERNAME],
        password=data.get(CONF_PASSWORD, ""),
        url=data.get(CONF_URL, ""),
        time_zone=await dt_util.async_get_time_zone(data.get(CONF_TIME_ZONE, "UTC")) or dt_util.UTC,
        signing_key=options.get(CONF_SIGNING_KEY, ""),
        delete_stored=data.get(CONF_DELETE_STORED, True),
        fields=options.get(CONF_FIELDS, {}),
    )
    return PROVIDERS[data[CONF_PROVIDER]](session, account)
