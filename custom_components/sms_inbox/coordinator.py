"""Decides when an account is polled; the one place where a provider's error becomes one of Home Assistant's."""

import asyncio
import contextlib
from datetime import timedelta
import logging
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import registration
from .cap_notice import CapNotice
from .client import async_create_provider, create_session
from .const import CONF_DELIVER_EXISTING, CONF_SENDING, DOMAIN
from .failures import Failure, Failures, translated
from .inbox import Inbox, async_get_store
from .issues import Issues
from .loop_guard import LoopGuard
from .model import Page, PushResult, Reason, SentText
from .outbox import Outbox
from .pace import Pace
from .poll_now import PollNow
from .polling import Polling
from .providers.contract import Provider
from .providers.errors import ConfigurationError, ProviderError
from .providers.sending import sending_of
from .setup_retry import async_set_up_later
from .store import StoreError, accounts, outgoing
from .webhook_url import async_url

_LOGGER = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
DAY_SECONDS = 86_400.0

type SmsInboxConfigEntry = ConfigEntry[SmsInboxCoordinator]


class SmsInboxCoordinator(DataUpdateCoordinator[None]):
    """Polls one account's provider, and reports errors.

    Attributes:
        provider: The account's provider.
        inbox: The account's inbox: it stores pages, and knows what was delivered.
        polling: Runs and records the polls.
        outbox: Sends the account's texts; None where the vendor can't send, or where it was never switched on.
        cap_notice: Shows that the account has sent as much as it may.
        loop_guard: Guards its automatic answers.
    """

    config_entry: SmsInboxConfigEntry
    provider: Provider
    inbox: Inbox
    polling: Polling
    outbox: Outbox | None = None
    loop_guard: LoopGuard
    _failures: Failures
    _pace: Pace | None = None

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
        """Begin without an interval: entities listen early, but nothing may be delivered before automations listen."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, always_update=False)
        self._issues = Issues(hass, entry)
        self._store = async_get_store(hass)
        self.cap_notice = CapNotice(hass, entry.entry_id, self._store, self._issues)
        self.loop_guard = LoopGuard(hass, entry, self._store)
        self._beginning: asyncio.Task[None] | None = None
        self._has_polled = False
        self._vendor_checked_at: float | None = None
        self._poll_now = PollNow(hass, self._async_poll_at_once)

    async def async_prepare(self) -> None:
        """Load the account's state from the store; nothing is requested from the provider.

        Raises:
            ConfigEntryError: The server address can't be used.
            ConfigEntryNotReady: The store can't be read; Home Assistant tries again.
        """
        entry = self.config_entry
        try:
            session = create_session(self.hass, entry.data)
            self.provider = await async_create_provider(session, entry.data, entry.options)
            state = await self._async_begin_in_store()
            self.outbox = await self._async_load_outbox()
            if self.outbox:
                entry.async_on_unload(self.loop_guard.async_start())
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
        if self.provider.interval:
            self._pace = Pace(self.hass, self.provider.interval, self._async_note_failing_webhook)
            self.update_interval = self._pace.interval
        # A coordinator polls only while it has a listener; this one keeps it polling when all entities are disabled.
        entry.async_on_unload(self.async_add_listener(lambda: None))
        entry.async_on_unload(async_track_time_interval(self.hass, self._async_prune, timedelta(days=1)))
        self._beginning = entry.async_create_background_task(self.hass, self._async_begin(), f"{self.name} begin")

    async def async_stop(self) -> None:
        """End polling and delivery: nothing of them runs after this, and messages that were claimed are released."""
        self._poll_now.stop()
        if self._pace:
            self._pace.stop()
        self.inbox.async_stop_pruning()
        if self._beginning:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        in_order = await self.polling.async_stop()
        if self.outbox:
            await self.outbox.async_stop()
        self.cap_notice.async_stop()
        try:
            await self.inbox.dispatcher.async_stop()
            if in_order:
                await self.inbox.async_end()
        except StoreError as err:
            _LOGGER.debug("The store of %s failed at the end: %s", self.name, err)
        if self.config_entry.disabled_by:
            self._issues.async_clear_failures(self._failures)

    async def async_check_now(self) -> None:
        """Poll at once, unless a poll is under way already, and wait up to ten seconds for its outcome.

        Raises:
            HomeAssistantError: The provider could not be polled, or its answer could not be stored.
        """
        if self.polling.is_running:
            return
        task = self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} check now")
        await asyncio.wait({task}, timeout=CHECK_SECONDS)
        if task.done() and not self.last_update_success and isinstance(self.last_exception, HomeAssistantError):
            raise self.last_exception

    @callback
    def async_note_request(self, push: PushResult) -> None:
        """Note an accepted webhook request; poll if it asks for that, now and for a while until a message has come.

        What it reports of sent texts is noted; one that can't be verified may be such a report. That reports come says
        nothing of whether requests announce messages.
        """
        if self.outbox:
            self.outbox.async_report(push.reports)
            if push.poll:
                self.outbox.async_check_reports()
        if not self.provider.interval:
            self._issues.async_note_sender(push)
            return
        if self._pace and not push.reports:
            self._pace.note_request()
            if push.messages:
                self._pace.note_message()
                self.update_interval = self._pace.interval
        if push.poll:
            self._poll_now.start()

    async def async_check_vendor(self, _: object = None) -> None:
        """Look at the vendor once a day for what polls don't show; after an error, again an hour later.

        That is what keeps messages from being listed, and whether the webhook's URL is still there. Each time, the
        present URL is noted for delivery reports.
        """
        await self._async_set_status_url()
        now = self.hass.loop.time()
        if self._vendor_checked_at is not None and now - self._vendor_checked_at < DAY_SECONDS:
            return
        try:
            self._issues.async_show_problems(await self.provider.problems())
        except ProviderError as err:
            _LOGGER.debug("The settings of %s at the provider could not be looked at: %s", self.name, err)
        else:
            self._vendor_checked_at = now
        if self.provider.registers and not await self.async_check_webhook():
            self._vendor_checked_at = None

    async def _async_set_status_url(self) -> None:
        """Let each text name where its delivery reports go, if the vendor takes that and the account has a webhook."""
        if not self.outbox or not self.outbox.sending.takes_status_url:
            return
        url, options = "", self.config_entry.options
        if CONF_WEBHOOK_ID in options:
            with contextlib.suppress(NoURLAvailableError):
                url = await async_url(self.hass, type(self.provider), options)
        self.outbox.sending.status_url = url

    @callback
    def _async_note_sent(self, sent: SentText) -> None:
        """Show what a person has to know of a text whose state has changed."""
        self._issues.async_note_sent(sent)
        if sent.reason is Reason.INVALID_AUTH:
            self.config_entry.async_start_reauth(self.hass)

    @callback
    def async_note_solved(self, problem: str) -> None:
        """Note that a problem at the vendor was solved."""
        self._issues.async_clear_problem(problem)

    async def async_check_webhook(self) -> bool:
        """Check that the vendor still has the webhook's URL; show an issue where another one stands there now.

        Returns:
            Whether that could be checked.
        """
        try:
            elsewhere = await registration.async_check(self.hass, self.config_entry, self.provider)
        except (ProviderError, NoURLAvailableError) as err:
            reason = str(err) or type(err).__name__
            _LOGGER.warning("The webhook of %s could not be checked at the provider: %s", self.name, reason)
            return False
        self._issues.async_show_webhook_elsewhere([found.label for found in elsewhere])
        return True

    @callback
    def async_rename(self) -> None:
        """Use the account's new name in the log, the device and the issues."""
        self.name = self.config_entry.title
        self.polling.rename(self.name)
        self._show_device()
        self._issues.async_rename()

    @callback
    def async_show_issues(self) -> None:
        """Show the issues that need a person's decision, and those of a damaged or lost store."""
        self._issues.async_show_quarantine(self.inbox.state.quarantined)
        self._issues.async_show_deprecated_api(self.provider.successor)
        self._issues.async_show_store(self._store)

    @callback
    def _show_device(self) -> None:
        """Register the account's device, or give it the account's present name."""
        dr.async_get(self.hass).async_get_or_create(
            config_entry_id=self.config_entry.entry_id,
            identifiers={(DOMAIN, self.config_entry.entry_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=self.name,
            manufacturer=self.provider.name,
        )

    @callback
    def _async_note_page(self, page: Page) -> None:
        """End an outage as soon as a page is stored, so that entities are available before its messages change them."""
        if not self.last_update_success:
            self.last_update_success = True
            _LOGGER.info("Fetching %s data recovered", self.name)
            self.async_update_listeners()
        if page.unreadable:
            self.async_show_issues()

    async def _async_load_outbox(self) -> Outbox | None:
        """Return the account's outbox, loaded; where sending is off, only if something was sent before."""
        entry, is_on = self.config_entry, CONF_SENDING in self.config_entry.options
        sending = sending_of(self.provider)
        if not sending or not (is_on or await self._store.read(outgoing.has_any, entry.entry_id)):
            return None
        outbox = Outbox(
            self.hass,
            entry,
            self._store,
            sending,
            outcome=self._issues.async_note_store,
            changed=self._async_note_sent,
        )
        await outbox.async_load(is_on=is_on)
        return outbox

    async def _async_begin_in_store(self) -> accounts.AccountState:
        """Take the account into use in the store, and return its state.

        An account that has a device has been set up before. If the store doesn't know it, the store's file was lost.
        Then only those messages are new that came after the last write to a damaged file, or else from now on.
        """
        entry, added_at = self.config_entry, self.config_entry.created_at
        await self._store.open()
        identifier = (DOMAIN, entry.entry_id)
        if was_there := dr.async_get(self.hass).async_get_device_by_identifier(identifier, entry.entry_id) is not None:
            added_at = self._store.damaged_at or dt_util.utcnow()
        return await self._store.write(accounts.begin, entry.entry_id, self.provider.key, added_at, was_lost=was_there)

    async def _async_begin(self) -> None:
        """Deliver stored messages, and poll for the first time."""
        try:
            await self.inbox.async_read_again(self.provider.read_again)
        except StoreError as err:
            self._issues.async_note_store(err)
        self.inbox.dispatcher.start()
        if self.outbox:
            self.outbox.start()
        self.polling.loss.note(self.inbox.state.loss_since, self.hass.loop.time())
        self.async_show_issues()
        if self.provider.interval:
            await self.async_refresh()
        await self._async_prune()

    async def _async_prune(self, _: object = None) -> None:
        """Erase what is older than the retention allows; after an error that is done a day later."""
        try:
            await self.inbox.async_prune()
        except StoreError as err:
            _LOGGER.debug("Nothing of %s was erased: %s", self.name, err)

    @callback
    def _async_poll_at_once(self) -> None:
        """Poll; if a poll is under way, let it ask once more at its end, since it may have begun too early."""
        if self.polling.is_running:
            self.polling.poll_again()
        else:
            self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} poll now")

    @override
    async def _async_update_data(self) -> None:
        """Read the provider's inbox to its end."""
        new, retry = 0, None
        goes_on = self.last_update_success and self._failures.last is None and self._has_polled
        try:
            new = (await self.polling.async_poll()).new
        except (ProviderError, StoreError) as err:
            await self._async_note_failure(err)
            retry = self._failures.pause
            raise UpdateFailed(**translated(err, self.name), retry_after=retry) from err
        finally:
            # If polling is switched off, nothing else repeats a failed poll that a webhook request has caused.
            self._poll_now.note(new=new, retry=retry if self.config_entry.pref_disable_polling else None)
            self.async_show_issues()
        self._has_polled = True
        if self._pace and CONF_WEBHOOK_ID in self.config_entry.options:
            # What came while Home Assistant or the provider was down says nothing about the webhook.
            if new and goes_on:
                self._pace.note_message()
            self.update_interval = self._pace.interval
        await self._async_note_success()

    @callback
    def _async_note_failing_webhook(self, failing: bool) -> None:  # noqa: FBT001 - a callback
        """Poll at the usual pace again, and show why, if the webhook fails."""
        self._issues.async_show_failing_webhook(failing=failing)
        if failing and self._pace and self.update_interval != self._pace.interval:
            self.update_interval = self._pace.interval
            self._async_poll_at_once()

    async def _async_note_success(self) -> None:
        """Clear failures and their issues after a successful poll."""
        was_out = self._failures.since is not None
        self._issues.async_clear_failures(self._failures)
        self._failures.clear()
        if was_out:
            await self._async_note_outage()
        if self.config_entry.data.get(CONF_DELIVER_EXISTING) and not self.inbox.state.first_run:
            # The inbox was delivered once. If the store is ever lost, its old messages must not be delivered again.
            data = {**self.config_entry.data, CONF_DELIVER_EXISTING: False}
            self.hass.config_entries.async_update_entry(self.config_entry, data=data)

    async def _async_note_failure(self, err: Failure) -> None:
        """Count a failure, and show the issue or login request that it leads to."""
        _LOGGER.debug("A poll of %s failed: %s: %s", self.name, type(err).__name__, err)
        before = self._failures.since
        self._failures.add(err, dt_util.utcnow())
        self._poll_now.wait(self._failures.shortest_pause)
        self._issues.async_show_failures(self._failures)
        if self._failures.since != before:
            await self._async_note_outage()

    async def _async_note_outage(self) -> None:
        """Store since when the provider can't be read, so that the hours are counted across restarts."""
        try:
            await self.inbox.async_set_outage(self._failures.since)
        except StoreError as err:
            _LOGGER.debug("The outage of %s was not stored: %s", self.name, err)
