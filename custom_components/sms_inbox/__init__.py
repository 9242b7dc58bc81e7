"""SMS Inbox: text messages from SMS providers, each written down, fired as an event, and ticked off."""

from homeassistant.const import CONF_WEBHOOK_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, issue_registry as ir
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .coordinator import ISSUES_OF_AN_ACCOUNT, SmsInboxConfigEntry, SmsInboxCoordinator, async_unregister
from .inbox import async_get_store
from .push import async_close, async_open
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BUTTON, Platform.EVENT, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Set up what all accounts share, and open the gates of all, those that can't be loaded now included."""
    async_setup_services(hass)
    for entry in hass.config_entries.async_entries(DOMAIN):
        async_open(hass, entry)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> bool:
    """Set up one account; asking begins when Home Assistant has started."""
    coordinator = SmsInboxCoordinator(hass, entry)
    await coordinator.async_prepare()
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(async_at_started(hass, coordinator.async_start))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> bool:
    """Unload one account."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Forget what is stored of one account, what a person was to do about it, and where it was called."""
    if CONF_WEBHOOK_ID in entry.options:
        async_close(hass, entry)
        await async_unregister(hass, entry)
    for issue in ISSUES_OF_AN_ACCOUNT:
        ir.async_delete_issue(hass, DOMAIN, f"{issue}_{entry.entry_id}")
    await hass.async_add_executor_job(async_get_store(hass).remove, entry.entry_id)
