"""Making the provider of an account from its config entry."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from homeassistant.const import CONF_PASSWORD, CONF_TIME_ZONE, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ALLOW_HTTP,
    CONF_DELETE_STORED,
    CONF_FIELDS,
    CONF_KEY_ID,
    CONF_PRESET,
    CONF_PROVIDER,
    CONF_SIGNATURE,
    CONF_SIGNING_KEY,
)
from .providers import PROVIDERS
from .providers.contract import Account, Provider


def create_session(hass: HomeAssistant, data: Mapping[str, Any], *, auto_cleanup: bool = True) -> aiohttp.ClientSession:
    """Return a session for an account's data that keeps no cookies: a server must never take one account for another.

    The server's certificate isn't verified where a person has switched that off for a server of their own.
    """
    is_own_server = PROVIDERS[data[CONF_PROVIDER]].is_own_server
    return async_create_clientsession(
        hass,
        verify_ssl=data.get(CONF_VERIFY_SSL, True) or not is_own_server,
        auto_cleanup=auto_cleanup,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def async_create_provider(
    session: aiohttp.ClientSession, data: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Provider:
    """Return the provider of an account's data and options.

    Raises:
        ConfigurationError: The server address is none, or would send the password unencrypted.
    """
    options = options or {}
    zone = options.get(CONF_TIME_ZONE) or data.get(CONF_TIME_ZONE, "UTC")
    account = Account(
        username=data.get(CONF_USERNAME, ""),
        password=data.get(CONF_PASSWORD, ""),
        url=data.get(CONF_URL, ""),
        time_zone=await dt_util.async_get_time_zone(zone) or dt_util.UTC,
        key_id=data.get(CONF_KEY_ID, ""),
        allow_http=data.get(CONF_ALLOW_HTTP, False),
        signing_key=options.get(CONF_SIGNING_KEY, ""),
        delete_stored=data.get(CONF_DELETE_STORED, True),
        preset=data.get(CONF_PRESET, ""),
        fields=options.get(CONF_FIELDS, {}),
        signature=options.get(CONF_SIGNATURE, {}),
    )
    return PROVIDERS[data[CONF_PROVIDER]](session, account)
