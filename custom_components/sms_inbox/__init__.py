"""SMS Inbox: text messages from SMS providers, each stored, fired as an event, and marked delivered."""

from datetime import timedelta
from functools import partial
import logging

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.const import CONF_WEBHOOK_ID, EVENT_CORE_CONFIG_UPDATE, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType

from . import webhook
from .assist import Assist
from .const import CONF_SENDING, DOMAIN
from .coordinator import SmsInboxConfigEntry, SmsInboxCoordinator
from .inbox import async_get_store
from .issues import async_forget_account
from .services import async_setup_services
from .store import StoreError, accounts, retention

_LOGGER = logging.getLogger(__name__)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BUTTON, Platform.EVENT, Platform.NOTIFY, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Set up what all accounts share, and open their webhooks, those of accounts that can't be loaded now included."""
    async_setup_services(hass)
    for entry in hass.config_entries.async_entries(DOMAIN):
        webhook.async_open(hass, entry)
    async_at_started(hass, _async_begin_to_forget)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> bool:
    """Set up one account from what is on disk; delivery and polling begin when Home Assistant has started."""
    coordinator = SmsInboxCoordinator(hass, entry)
    await coordinator.async_prepare()
    entry.runtime_data = coordinator

    async def async_stop(_: Event) -> None:
        await coordinator.async_stop()

    @callback
    def async_note_change(change: ConfigEntryChange, changed: ConfigEntry) -> None:
        if changed is entry and change is ConfigEntryChange.UPDATED and entry.title != coordinator.name:
            coordinator.async_rename()

    @callback
    def async_note_address(event: Event) -> None:
        if coordinator.provider.registers and {"external_url", "internal_url"} & event.data.keys():
            check = coordinator.async_check_webhook()
            entry.async_create_background_task(hass, check, f"{entry.title} checks its webhook")

    if coordinator.outbox and CONF_SENDING in entry.options:
        entry.async_on_unload(Assist(hass, entry, coordinator.outbox).async_start())
    webhook.async_open(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, async_stop))
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, async_note_change))
    entry.async_on_unload(async_at_started(hass, coordinator.async_start))
    entry.async_on_unload(async_at_started(hass, partial(_async_check_vendor, entry)))
    entry.async_on_unload(hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, async_note_address))
    entry.async_on_unload(async_track_time_interval(hass, coordinator.async_check_vendor, timedelta(hours=1)))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> bool:
    """Unload one account: its webhook refuses requests, and nothing of it runs any more when this returns."""
    await webhook.async_drain(hass, entry)
    await entry.runtime_data.async_stop()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Forget what is stored of one account, its issues, and its webhook."""
    if CONF_WEBHOOK_ID in entry.options:
        webhook.async_close(hass, entry)
        await webhook.async_unregister(hass, entry)
    async_forget_account(hass, entry.entry_id)
    try:
        await _async_forget(hass, entry.entry_id)
    except StoreError as err:
        _LOGGER.warning("Messages of %s are still stored (%s); the next start erases them", entry.title, err)


async def _async_forget(hass: HomeAssistant, account: str) -> None:
    """Erase all that is stored of an account."""
    store = async_get_store(hass)
    await store.write_in_batches(partial(retention.remove, account=account))
    await store.empty_log()


@callback
def _async_begin_to_forget(hass: HomeAssistant) -> None:
    """Erase in the background what is left of removed accounts; a stop doesn't wait for it."""
    hass.async_create_background_task(_async_forget_removed(hass), "SMS Inbox erases removed accounts")


async def _async_forget_removed(hass: HomeAssistant) -> None:
    """Erase what is left of accounts that were removed while the store failed or Home Assistant was killed."""
    try:
        for account in await async_get_store(hass).read(accounts.names):
            if not hass.config_entries.async_get_entry(account):
                await _async_forget(hass, account)
    except StoreError as err:
        _LOGGER.debug("What is left of removed accounts is erased at a later start: %s", err)


@callback
def _async_check_vendor(entry: SmsInboxConfigEntry, hass: HomeAssistant) -> None:
    """Look at the vendor in the background for what polls don't show."""
    check = entry.runtime_data.async_check_vendor()
    entry.async_create_background_task(hass, check, f"{entry.title} looks at its settings")
