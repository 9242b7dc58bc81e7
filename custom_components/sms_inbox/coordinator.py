"""When to poll, page by page; the one place where a provider's error becomes one of Home Assistant's."""

import asyncio
from datetime import timedelta
import logging
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .client import async_create_provider, create_session
from .const import CONF_DELIVER_EXISTING, DOMAIN
from .failures import Failure, Failures, translated
from .inbox import Inbox, async_get_store
from .issues import Issues
from .model import Page
from .poll_now import PollNow
from .polling import Polling
from .providers.contract import Provider
from .providers.errors import ConfigurationError, ProviderError
from .setup_retry import async_set_up_later
from .store import StoreError, accounts

_LOGGER = logging.getLogger(__name__)

CHECK_SECONDS = 10.0

type SmsInboxConfigEntry = ConfigEntry[SmsInboxCoordinator]


class SmsInboxCoordinator(DataUpdateCoordinator[None]):
    """Polls one account's provider, and reports what goes wrong.

    Attributes:
        provider: The account's provider.
        inbox: Where its pages are stored, and what was delivered.
        polling: The polls.
    """

    config_entry: SmsInboxConfigEntry
    provider: Provider
    inbox: Inbox
    polling: Polling
    _failures: Failures

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
        """Begin without an interval: entities listen early, and nothing may be delivered before automations do."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, always_update=False)
        self._issues = Issues(hass, entry)
        self._store = async_get_store(hass)
        self._beginning: asyncio.Task[None] | None = None
        self._poll_now = PollNow(hass, self._async_poll_at_once)

    async def async_prepare(self) -> None:
        """Load what is stored; the provider isn't asked.

        Raises:
            ConfigEntryError: The server address can't be used.
            ConfigEntryNotReady: The store can't be read; Home Assistant tries again.
        """
        entry = self.config_entry
        try:
            self.provider = await async_create_provider(create_session(self.hass), entry.data, entry.options)
            state = await self._async_begin_in_store()
        except ConfigurationError as err:
            raise ConfigEntryError(**translated(err, self.name)) from err
        except StoreError as err:
            self._issues.async_note_store(err)
            async_set_up_later(self.hass)
            raise ConfigEntryNotReady(**translated(err, self.name)) from err
        self._issues.async_note_store(None)
        self._show_device()
        self.inbox = Inbox(self.hass, entry, state, self._issues.async_note_store)
        self._failures = Failures(state.outage_since)
        self.polling = Polling(self.hass, self.provider, self.inbox, self.name, self._async_note_page)
        self.async_show_issues()

    @callback
    def async_start(self, _: HomeAssistant) -> None:
        """Begin to deliver and to poll, now that automations listen."""
        entry = self.config_entry
        self.update_interval = self.provider.interval
        # A coordinator polls only while somebody listens; with all entities disabled, the inbox still does.
        entry.async_on_unload(self.async_add_listener(lambda: None))
        entry.async_on_unload(async_track_time_interval(self.hass, self._async_prune, timedelta(days=1)))
        self._beginning = entry.async_create_background_task(self.hass, self._async_begin(), f"{self.name} begin")

    async def async_stop(self) -> None:
        """End polling and delivery; nothing of them runs after this, and nothing that was claimed stays so."""
        self._poll_now.stop()
        self.inbox.async_stop_pruning()
        if self._beginning:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        in_order = await self.polling.async_stop()
        try:
            await self.inbox.dispatcher.async_stop()
            if in_order:
                await self.inbox.async_end()
        except StoreError as err:
            _LOGGER.debug("The store of %s failed at the end: %s", self.name, err)
        if self.config_entry.disabled_by:
            self._issues.async_clear_failures(self._failures)

    async def async_check_now(self) -> None:
        """Poll at once, unless a poll is under way anyway, and wait a little for what comes of it.

        Raises:
            HomeAssistantError: The provider could not be polled, or its answer not stored.
        """
        if self.polling.is_running:
            return
        task = self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} check now")
        await asyncio.wait({task}, timeout=CHECK_SECONDS)
        if not self.last_update_success and isinstance(self.last_exception, HomeAssistantError):
            raise self.last_exception

    @callback
    def async_poll_now(self) -> None:
        """Poll since a webhook asked for it: at once, and again for a while until something new has come."""
        if self.provider.interval:
            self._poll_now.start()

    @callback
    def async_rename(self) -> None:
        """Take the account's new name, everywhere."""
        self.name = self.config_entry.title
        self.polling.rename(self.name)
        self._show_device()
        self._issues.async_rename()

    @callback
    def async_show_issues(self) -> None:
        """Show what a person is to decide, and what has become of the store."""
        self._issues.async_show_quarantine(self.inbox.state.quarantined)
        self._issues.async_show_deprecated_api(self.provider.successor)
        self._issues.async_show_store(self._store)

    @callback
    def _show_device(self) -> None:
        """Show the account as a device, by its name of now."""
        dr.async_get(self.hass).async_get_or_create(
            config_entry_id=self.config_entry.entry_id,
            identifiers={(DOMAIN, self.config_entry.entry_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=self.name,
            manufacturer=self.provider.name,
        )

    @callback
    def _async_note_page(self, page: Page) -> None:
        """Show at the first page after a failure that it is over, before its messages change any entity."""
        if not self.last_update_success:
            self.last_update_success = True
            _LOGGER.info("Fetching %s data recovered", self.name)
            self.async_update_listeners()
        if page.unreadable:
            self.async_show_issues()

    async def _async_begin_in_store(self) -> accounts.AccountState:
        """Return where the account stands.

        One that has a device was there before; where the store doesn't know it, its file was lost. Then only what came
        since the damaged file was written to for the last time is new.
        """
        entry, added_at = self.config_entry, self.config_entry.created_at
        await self._store.open()
        identifier = (DOMAIN, entry.entry_id)
        if was_there := dr.async_get(self.hass).async_get_device_by_identifier(identifier, entry.entry_id) is not None:
            added_at = self._store.damaged_at or dt_util.utcnow()
        return await self._store.write(accounts.begin, entry.entry_id, self.provider.key, added_at, was_lost=was_there)

    async def _async_begin(self) -> None:
        """Deliver what is stored, and poll for the first time."""
        try:
            await self.inbox.async_read_again(self.provider.read_again)
        except StoreError as err:
            self._issues.async_note_store(err)
        self.inbox.dispatcher.start()
        self.polling.loss.note(self.inbox.state.loss_since, self.hass.loop.time())
        self.async_show_issues()
        if self.provider.interval:
            await self.async_refresh()
        await self._async_prune()

    async def _async_prune(self, _: object = None) -> None:
        """Erase what is old enough; what fails is erased a day later."""
        try:
            await self.inbox.async_prune()
        except StoreError as err:
            _LOGGER.debug("Nothing of %s was erased: %s", self.name, err)

    @callback
    def _async_poll_at_once(self) -> None:
        """Poll; a poll that is under way may have begun too early."""
        if self.polling.is_running:
            self.polling.poll_again()
        else:
            self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} poll now")

    @override
    async def _async_update_data(self) -> None:
        """Read the provider's inbox to its end."""
        new, retry = 0, None
        try:
            new = (await self.polling.async_poll()).new
        except (ProviderError, StoreError) as err:
            await self._async_note_failure(err)
            retry = self._failures.pause
            raise UpdateFailed(**translated(err, self.name), retry_after=retry) from err
        finally:
            # Where a person has switched off polling, nothing else repeats a poll that a webhook asked for.
            self._poll_now.note(new=new, retry=retry if self.config_entry.pref_disable_polling else None)
            self.async_show_issues()
        await self._async_note_success()

    async def _async_note_success(self) -> None:
        """Clear what a success settles."""
        was_out = self._failures.since is not None
        self._issues.async_clear_failures(self._failures)
        self._failures.clear()
        if was_out:
            await self._async_note_outage()
        if self.config_entry.data.get(CONF_DELIVER_EXISTING) and not self.inbox.state.first_run:
            # Once it is done: if the store is ever lost, nothing old may fire.
            data = {**self.config_entry.data, CONF_DELIVER_EXISTING: False}
            self.hass.config_entries.async_update_entry(self.config_entry, data=data)

    async def _async_note_failure(self, err: Failure) -> None:
        """Count a failure, and show what a person can do."""
        _LOGGER.debug("A poll of %s failed: %s: %s", self.name, type(err).__name__, err)
        before = self._failures.since
        self._failures.add(err, dt_util.utcnow())
        self._poll_now.wait(self._failures.shortest_pause)
        self._issues.async_show_failures(self._failures)
        if self._failures.since != before:
            await self._async_note_outage()

    async def _async_note_outage(self) -> None:
        """Store since when the provider can't be read, so that a restart doesn't begin to count anew."""
        try:
            await self.inbox.async_set_outage(self._failures.since)
        except StoreError as err:
            _LOGGER.debug("The outage of %s was not stored: %s", self.name, err)
