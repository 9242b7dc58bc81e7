"""The URL of an account's webhook: at Home Assistant's own address, or one of Home Assistant Cloud."""

from collections.abc import Mapping
from hashlib import sha256
import logging
from typing import Any

from homeassistant.components import webhook
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.network import NoURLAvailableError, get_url

from .const import CONF_CLOUDHOOK, CONF_LOCAL_ONLY, CONF_PRESET, CONF_PROVIDER, DOMAIN
from .providers import PROVIDERS
from .providers.contract import Provider
from .providers.presets import OTHER

_LOGGER = logging.getLogger(__name__)

# For what can't be polled: where nothing listens yet, Home Assistant answers 404 here, and not 200.
DOCUMENTATION = "https://github.com/sms-inbox/sms-inbox/blob/main/docs"
OWN_PATH = f"/api/{DOMAIN}/{{webhook_id}}"


def name_at_vendor(webhook_id: str) -> str:
    """Return the name under which a webhook is registered; it says nothing of the URL."""
    return f"SMS Inbox {sha256(webhook_id.encode()).hexdigest()[:8]}"


@callback
def async_has_cloud(hass: HomeAssistant) -> bool:
    """Whether the user has Home Assistant Cloud, which can receive webhooks for us."""
    if "cloud" not in hass.config.components:
        return False
    from homeassistant.components import cloud  # noqa: PLC0415 - it is large, and most don't have it

    return cloud.async_active_subscription(hass) and cloud.async_is_connected(hass)


async def async_url(hass: HomeAssistant, provider: type[Provider], options: Mapping[str, Any]) -> str:
    """Return the URL of an account's webhook, as the vendor is given it.

    Args:
        hass: Home Assistant.
        provider: One that is in the internet is given no URL of the local network; one of a person's own server is
            given it if there is one, and an app or service at an unknown place only if there is no other.
        options: Those of the account's entry; if requests are only accepted from the local network, it is the URL
            there.

    Raises:
        NoURLAvailableError: Home Assistant has none that this provider could reach.
    """
    webhook_id = options[CONF_WEBHOOK_ID]
    if options.get(CONF_CLOUDHOOK) and not options.get(CONF_LOCAL_ONLY) and async_has_cloud(hass):
        from hass_nabucasa import NabuCasaBaseError  # noqa: PLC0415

        from homeassistant.components import cloud  # noqa: PLC0415

        try:
            return await cloud.async_get_or_create_cloudhook(hass, webhook_id)
        except (HomeAssistantError, NabuCasaBaseError, TimeoutError, ValueError) as err:
            raise NoURLAvailableError from err
    is_local = bool(options.get(CONF_LOCAL_ONLY))
    home = get_url(
        hass,
        require_ssl=provider.needs_https,
        allow_internal=not provider.default_url,
        allow_external=not is_local,
        allow_cloud=False,
        prefer_external=not is_local and not provider.is_own_server,
    )
    return f"{home}{path(provider, webhook_id)}"


def path(provider: type[Provider], webhook_id: str) -> str:
    """Return the path of a webhook's URL."""
    if provider.interval:
        return webhook.async_generate_path(webhook_id)
    return OWN_PATH.format(webhook_id=webhook_id)


def account_page(data: Mapping[str, Any]) -> str:
    """Return the page of the documentation about an account's provider, or about the app or service of its webhook."""
    provider = data[CONF_PROVIDER]
    return f"providers/{provider}" if PROVIDERS[provider].interval else f"webhooks/{data.get(CONF_PRESET) or OTHER.key}"


def documentation(page: str) -> str:
    """Return the address of a page of the documentation."""
    return f"{DOCUMENTATION}/{page}.md"


async def async_forget_url(hass: HomeAssistant, webhook_id: str) -> None:
    """Give back the URL that Home Assistant Cloud has made, if it has."""
    if async_has_cloud(hass):
        from homeassistant.components import cloud  # noqa: PLC0415

        try:
            await cloud.async_delete_cloudhook(hass, webhook_id)
        except (HomeAssistantError, ValueError) as err:
            _LOGGER.debug("Home Assistant Cloud did not delete the URL of a webhook: %s", type(err).__name__)
