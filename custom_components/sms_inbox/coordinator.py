"""When to ask the provider, and what becomes of its errors."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
import logging
import random
from typing import Any, override

import aiohttp

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import (
    CONF_PASSWORD,
    CONF_TIME_ZONE,
    CONF_URL,
    CONF_USERNAME,
    CONF_WEBHOOK_ID,
    EVENT_HOMEASSISTANT_STOP,
)
from homeassistant.core import Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError, ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task

from .const import (
    CONF_DELETE_STORED,
    CONF_DELIVER_EXISTING,
    CONF_FIELDS,
    CONF_KEEP_TEXTS,
    CONF_PROVIDER,
    CONF_RETENTION_DAYS,
    CONF_SIGNING_KEY,
    DEFAULT_RETENTION_DAYS,
    DOMAIN,
)
from .inbox import Inbox, async_get_store
from .model import Page, PushResult
from .providers import PROVIDERS
from .providers.contract import Account, Provider, WebhookRequest
from .providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from .push import async_address, async_forget_address, async_open, name_at_vendor
from .recovery import Span, UnprovenError
from .store import StoreError

_LOGGER = logging.getLogger(__name__)

SHORTEST_BACKOFF = 30.0
LONGEST_BACKOFF = 15 * 60.0
REFUSALS_BEFORE_REAUTH = 2
SETTLING_SECONDS = 3.0
KEEP_IDENTITIES = timedelta(days=400)
LONG_OUTAGE = 6 * 3600.0
CHECK_SECONDS = 10.0
ANNOUNCED_SECONDS = 60.0
POLLS_REMEMBERED = 20
ISSUES_OF_AN_ACCOUNT = ("deprecated_api", "outage", "unreadable")

type SmsInboxConfigEntry = ConfigEntry[SmsInboxCoordinator]


@dataclass(kw_only=True, slots=True)
class Poll:
    """How one poll went, for the diagnostics.

    Attributes:
        started: When it began.
        seconds: How long it took; None while it goes on.
        pages: How many pages were read.
        messages: How many messages were on them.
        error: The translation key of what went wrong and the reason for the log, None where nothing did.
    """

    started: datetime
    seconds: float | None = None
    pages: int = 0
    messages: int = 0
    error: str | None = None


def create_session(hass: HomeAssistant, *, auto_cleanup: bool = True) -> aiohttp.ClientSession:
    """Return a session that keeps no cookies: a server must never take one account for another."""
    return async_create_clientsession(hass, auto_cleanup=auto_cleanup, cookie_jar=aiohttp.DummyCookieJar())


async def async_create_provider(
    session: aiohttp.ClientSession, data: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Provider:
    """Return the provider of an account's data and options."""
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


async def async_unregister(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Give back an account's address: the vendor is told to call no more, and Home Assistant Cloud to forget it.

    What fails is logged: it does no harm but for a vendor that calls in vain.
    """
    webhook_id = entry.options[CONF_WEBHOOK_ID]
    await async_forget_address(hass, webhook_id)
    if not PROVIDERS[entry.data[CONF_PROVIDER]].registers:
        return
    session = create_session(hass, auto_cleanup=False)
    try:
        provider = await async_create_provider(session, entry.data, entry.options)
        await provider.unregister(name_at_vendor(webhook_id))
    except ProviderError as err:
        _LOGGER.warning("The provider of %s could not be told to call no more: %s", entry.title, err)
    finally:
        session.detach()


class SmsInboxCoordinator(DataUpdateCoordinator[None]):
    """Asks one account's provider, page after page, and hands every page to the inbox."""

    config_entry: SmsInboxConfigEntry
    inbox: Inbox
    _provider: Provider

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
        """Begin without an interval: entities listen early, and nothing may be asked before automations do."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, always_update=False)
        self._failures = 0
        self._refusals = 0
        self._registering = asyncio.Lock()
        self._rung = False
        self._page: Page | None = None
        self._ahead: asyncio.Task[Page] | None = None
        self._asking = False
        self._writing = False
        self._unsure_since: datetime | None = None
        self._settled_at = 0.0
        self._looked = False
        self._promoting: Callable[[], None] | None = None
        self._down_since: tuple[float, datetime] | None = None
        self.polls: deque[Poll] = deque(maxlen=POLLS_REMEMBERED)

    async def async_prepare(self) -> None:
        """Prove the credentials and load what is stored; no message is read.

        Raises:
            ConfigEntryAuthFailed: The provider refuses the credentials.
            ConfigEntryError: The provider refuses the account's settings.
            ConfigEntryNotReady: The provider or the store is in trouble.
        """
        entry, store = self.config_entry, async_get_store(self.hass)
        try:
            self._provider = await async_create_provider(create_session(self.hass), entry.data, entry.options)
            await self._provider.validate()
            state = await self.hass.async_add_executor_job(store.begin, entry.entry_id, self._provider.key)
        except (ProviderError, StoreError) as err:
            raise self._translated(err, setting_up=True) from err
        dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, entry.entry_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=entry.title,
            manufacturer=self._provider.name,
        )
        self.inbox = Inbox(self.hass, entry, state)
        if state.unsure_since and self._provider.consumes:
            self._note_loss(state.unsure_since)
        self._show_issues()
        async_open(self.hass, entry)

    @callback
    def async_start(self, _: HomeAssistant) -> None:
        """Begin to deliver and to ask, now that automations listen."""
        entry = self.config_entry
        self.update_interval = self._provider.interval
        entry.async_on_unload(self._stop_promoting)
        if self.inbox.announced:
            self._promote_later()
        # A coordinator asks only while somebody listens; with all entities disabled, it's the inbox that does.
        entry.async_on_unload(self.async_add_listener(lambda: None))
        entry.async_on_unload(self._async_end)
        entry.async_on_unload(self.hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._async_end))
        entry.async_on_unload(async_track_time_interval(self.hass, self._async_erase, timedelta(days=1)))
        entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} first poll")
        if self._provider.registers and CONF_WEBHOOK_ID in entry.options:
            entry.async_create_background_task(self.hass, self._async_register(), f"{self.name} register")

    async def async_check_now(self) -> None:
        """Ask at once, unless the provider is being asked anyway, and wait a little for what comes of it.

        Raises:
            HomeAssistantError: The provider could not be asked, or its answer not written down.
        """
        if self._is_polling:
            return
        task = self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} check now")
        await asyncio.wait({task}, timeout=CHECK_SECONDS)
        if not self.last_update_success and isinstance(self.last_exception, HomeAssistantError):
            raise self.last_exception

    @callback
    def async_deliver_stored(self) -> None:
        """Deliver what became due in the store by another way than a page or a call."""
        if self.inbox.resumed:  # else the first poll does it
            deliver = self._async_try(self.inbox.async_deliver_stored())
            self.config_entry.async_create_background_task(self.hass, deliver, f"{self.name} deliver stored")

    async def _async_register(self) -> None:
        """Have the vendor call the address that Home Assistant has now."""
        try:
            await self.async_register()
        except (ProviderError, HomeAssistantError) as err:
            _LOGGER.warning("The provider of %s could not be told where to call: %s", self.name, err)

    async def async_register(self) -> None:
        """Have the vendor call us.

        Raises:
            NoURLAvailableError: Home Assistant has no address that the vendor could reach.
            ProviderError: One of its kinds.
        """
        options = self.config_entry.options
        address = await async_address(self.hass, type(self._provider), options)
        async with self._registering:
            await self._provider.register(name_at_vendor(options[CONF_WEBHOOK_ID]), address)

    def read_webhook(self, call: WebhookRequest) -> PushResult:
        """Read a call of the provider.

        Raises:
            RefusedWebhookError: It is not the provider's, or there is nothing in it.
        """
        return self._provider.read_webhook(call)

    async def async_receive_call(self, pushed: PushResult) -> None:
        """Write down what a call brings, and deliver it; what it only announces is asked for at once.

        Raises:
            HomeAssistantError: Nothing was written down.
        """
        try:
            await self.inbox.async_receive_call(pushed)
        except StoreError as err:
            raise self._translated(err, setting_up=False) from err
        if pushed.unreadable:
            self._show_issues()
        await self._async_try(self.inbox.async_deliver())
        if pushed.announced:
            self._ring()

    @callback
    def _ring(self) -> None:
        """Ask at once for what was announced, or let the poll that is under way go on until it has it."""
        self._rung = True
        self._promote_later()
        if self.inbox.resumed and self.last_update_success and not self._is_polling:
            self.config_entry.async_create_background_task(self.hass, self.async_refresh(), f"{self.name} called")

    @callback
    def _promote_later(self) -> None:
        """Look in a while whether polls have brought what was announced."""
        if not self._promoting:
            promote = partial(self._async_promote, dt_util.utcnow())
            self._promoting = async_call_later(self.hass, ANNOUNCED_SECONDS, HassJob(promote))

    async def _async_promote(self, before: datetime, _: datetime) -> None:
        """Deliver what was announced earlier and no poll has brought."""
        self._promoting = None
        await self._async_try(self.inbox.async_promote(before))
        await self._async_try(self.inbox.async_deliver_stored())
        if self.inbox.announced:
            self._promote_later()

    async def _async_try(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what is done later where the store fails now, and tell of it."""
        try:
            await work
        except StoreError as err:
            _LOGGER.debug("The store of %s failed: %s", self.name, err)
            self._translated(err, setting_up=False)

    @property
    def _delivers_existing(self) -> bool:
        """Whether what lay in the inbox before is delivered, too."""
        return bool(self.config_entry.data.get(CONF_DELIVER_EXISTING))

    @property
    def _is_polling(self) -> bool:
        """Whether the provider is being asked."""
        return bool(self.polls) and self.polls[-1].seconds is None

    @callback
    def _stop_promoting(self) -> None:
        """Leave what is announced to the next start."""
        if self._promoting:
            self._promoting()
            self._promoting = None

    async def _async_end(self, _: Event | None = None) -> None:
        """Note that this account ends in order, unless a request or a page is under way, which may be lost."""
        if not (self._asking or self._page):
            inbox = self.inbox
            end = partial(
                async_get_store(self.hass).end, cursor=inbox.cursor, first_run=inbox.first_run, known=inbox.shown
            )
            await self._async_try_to_write(end)

    async def _async_erase(self, _: datetime | None = None) -> None:
        """Erase what is old enough, or what is not to be kept."""
        now, options = dt_util.utcnow(), self.config_entry.options
        retention = timedelta(days=options.get(CONF_RETENTION_DAYS, DEFAULT_RETENTION_DAYS))
        erase = partial(
            async_get_store(self.hass).erase,
            keep_texts=self._keeps_texts,
            texts_before=now - retention,
            identities_before=now - max(retention, KEEP_IDENTITIES),
        )
        await self._async_try_to_write(erase)

    @property
    def _keeps_texts(self) -> bool:
        """Whether texts stay in the store after they were delivered."""
        return bool(self.config_entry.options.get(CONF_KEEP_TEXTS, True))

    async def _async_try_to_write(self, write: Callable[[str], None]) -> None:
        """Write what matters less than a message: a store that fails is told when a message comes."""
        try:
            await self.hass.async_add_executor_job(write, self.config_entry.entry_id)
        except StoreError as err:
            _LOGGER.debug("The store of %s could not be written: %s", self.name, err)

    @override
    async def _async_update_data(self) -> None:
        """Drain the provider: each page is written down and delivered before the next is asked for."""
        poll, started = Poll(started=dt_util.utcnow()), self.hass.loop.time()
        self.polls.append(poll)
        try:
            await self._async_drain(poll)
        except (ProviderError, StoreError) as err:
            self._failures += 1
            self._refusals = self._refusals + 1 if isinstance(err, AuthenticationError) else 0
            translated = self._translated(err, setting_up=False)
            poll.error = f"{translated.translation_key}: {err}"
            self._note_outage(str(err))
            raise translated from err
        finally:
            self._drop_ahead()
            poll.seconds = self.hass.loop.time() - started
            if poll.messages and not self._keeps_texts:
                await self._async_erase()
        self._failures = self._refusals = 0
        self._down_since = None
        self._show_issues()
        for issue in ("store_failed", f"outage_{self.config_entry.entry_id}"):
            ir.async_delete_issue(self.hass, DOMAIN, issue)

    async def _async_drain(self, poll: Poll) -> None:
        """Deliver what waits here, then read the provider's inbox to its end."""
        await self.inbox.async_deliver()
        if not self.inbox.resumed:
            await self._async_erase()
            await self.inbox.async_read_again(self._provider.read_again)
            await self.inbox.async_deliver_stored()
            self._show_issues()
        more = True
        while more:
            self._rung = False
            page = await self._async_handle_page()
            poll.pages += 1
            poll.messages += len(page.messages)
            await self._async_recover(caught_up=page.arrived_during_poll or not page.more)
            more = page.more or self._rung

    @callback
    def _note_outage(self, reason: str) -> None:
        """Tell a person when an account has not been read for long."""
        now = self.hass.loop.time()
        self._down_since = self._down_since or (now, dt_util.now())
        since, told = self._down_since
        if now - since >= LONG_OUTAGE:
            placeholders = {"account": self.name, "since": f"{told:%Y-%m-%d %H:%M}", "error": reason}
            issue_id = f"outage_{self.config_entry.entry_id}"
            self._show_issue(issue_id, "outage", ir.IssueSeverity.ERROR, placeholders)

    @callback
    def _note_loss(self, since: datetime) -> None:
        """Remember that an answer may have been lost."""
        self._unsure_since = since
        self._settled_at = self.hass.loop.time() + SETTLING_SECONDS
        self._looked = False

    async def _async_note_broken_answer(self) -> None:
        """Remember, also beyond a crash, that an answer broke off whose message can't be read again."""
        since = self.inbox.last_received_at
        if self._provider.consumes and since and not self.inbox.first_run:
            self._note_loss(self._unsure_since or since)
            await self._async_try_to_write(partial(async_get_store(self.hass).set_unsure, since=self._unsure_since))

    async def _async_recover(self, *, caught_up: bool) -> None:
        """Take in what the provider handed over and was lost on its way; try later what can't be done now.

        It is looked for after the first page, since a provider shows only its latest messages, and again when the inbox
        has been read to its end and things have settled: before, what was lost a moment ago can't be told from what
        just comes.
        """
        since, last_look = self._unsure_since, caught_up and self.hass.loop.time() >= self._settled_at
        if not since or (self._looked and not last_look):
            return
        self._looked = True
        span = Span(since=since, surely_until=self._provider.read_until, probably_until=self.inbox.last_received_at)
        try:
            shown = await self._provider.recover()
            lost = await self.inbox.async_recover(shown, span)
        except (TemporaryError, RateLimitedError) as err:
            _LOGGER.debug("Lost messages of %s are looked for later: %s", self.name, err)
            return
        except (ProviderError, UnprovenError) as err:
            _LOGGER.warning("Whether a message of %s was lost can't be told: %s", self.name, err)
        else:
            _LOGGER.debug("Recovered %d messages of %s", lost, self.name)
            if shown[0].received_at and shown[0].received_at > since:
                _LOGGER.warning("Messages of %s may be lost: its provider shows too few once more", self.name)
            await self.inbox.async_deliver()
            if not last_look:
                return
        self._unsure_since = None
        await self._async_try_to_write(partial(async_get_store(self.hass).set_unsure, since=None))

    async def _async_handle_page(self) -> Page:
        """Read a page, write it down and deliver it.

        Unload and shutdown end a request that is waiting, but not an answer that has begun to arrive where the
        provider has it no more, and not the writing down.
        """
        task = create_eager_task(self._async_read_page(), loop=self.hass.loop)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            if not (self._writing or (self._provider.consumes and self._provider.answering)):
                task.cancel()
            await asyncio.wait({task})
            self._report_loss(task)
            raise
        return task.result()

    @callback
    def _report_loss(self, task: asyncio.Task[Page]) -> None:
        """Log why a page that arrived while we were stopped could not be written down."""
        if not task.cancelled() and (err := task.exception()):
            _LOGGER.error("The last page of %s was not stored: %s", self.name, err)

    async def _async_read_page(self) -> Page:
        """Handle one page; one that could not be written down is kept and tried again."""
        page = self._page = self._page or await self._async_fetch()
        if page.more and not (self._provider.consumes or self._provider.acknowledges):
            self._look_ahead(page)
        self._writing = True
        try:
            await self.inbox.async_receive(page, deliver_existing=self._delivers_existing)
            self._page = None
            self._show_recovery()
            if page.unreadable:
                self._show_issues()
            await self.inbox.async_deliver()
            await self._async_acknowledge(page)
        finally:
            self._writing = False
        if self._delivers_existing and not self.inbox.first_run:
            self._forget_deliver_existing()
        _LOGGER.debug("Page of %s: %d messages, more: %s", self.name, len(page.messages), page.more)
        return page

    async def _async_acknowledge(self, page: Page) -> None:
        """Tell the provider what is written down; what fails is told again with the page that shows it once more."""
        try:
            await self._provider.acknowledge(page)
        except (TemporaryError, ProtocolError) as err:
            _LOGGER.debug("A page of %s is acknowledged later: %s", self.name, err)

    @callback
    def _look_ahead(self, page: Page) -> None:
        """Ask for the next page while this one is written down and delivered: asking takes nothing away there."""
        self._ahead = create_eager_task(self._provider.fetch(page.cursor), loop=self.hass.loop)

    @callback
    def _drop_ahead(self) -> None:
        """Forget a page that was asked for and isn't wanted any more; it will be asked for again."""
        ahead, self._ahead = self._ahead, None
        if ahead and not ahead.cancel() and not ahead.cancelled():
            ahead.exception()  # it is told when it comes again

    async def _async_fetch(self) -> Page:
        """Ask for a page; an answer that was not understood is written down where it can't be read again."""
        self._asking = True
        try:
            ahead, self._ahead = self._ahead, None
            page = await (ahead or self._provider.fetch(self.inbox.cursor))
        except ProviderError as err:
            self._asking = False
            if isinstance(err, (TemporaryError, ProtocolError)):
                await self._async_note_broken_answer()
            if self._provider.consumes and err.raw:
                await self.inbox.async_keep_unreadable(err.raw)
                self._show_issues()
            raise
        self._asking = False
        return page

    @callback
    def _forget_deliver_existing(self) -> None:
        """Drop the wish once it is fulfilled: if the store is ever lost, nothing old may fire."""
        data = {**self.config_entry.data, CONF_DELIVER_EXISTING: False}
        self.hass.config_entries.async_update_entry(self.config_entry, data=data)

    @callback
    def _show_recovery(self) -> None:
        """Tell at the first page after an outage that it is over, before its messages change any entity."""
        if not self.last_update_success:
            self.last_update_success = True
            _LOGGER.info("Fetching %s data recovered", self.name)
            self.async_update_listeners()

    @callback
    def _show_issues(self) -> None:
        """Tell a person what could not be read, what became of a damaged store, and which API will go away."""
        entry_id, account = self.config_entry.entry_id, {"account": self.name}
        if self.inbox.unreadable:
            self._show_issue(
                f"unreadable_{entry_id}", "unreadable", ir.IssueSeverity.WARNING, account, data={"entry_id": entry_id}
            )
        else:
            ir.async_delete_issue(self.hass, DOMAIN, f"unreadable_{entry_id}")
        if successor := self._provider.successor:
            self._show_issue(
                f"deprecated_api_{entry_id}",
                "deprecated_api",
                ir.IssueSeverity.WARNING,
                {**account, "successor": PROVIDERS[successor].name},
                data={"entry_id": entry_id},
            )
        if set_aside := async_get_store(self.hass).set_aside:
            # The folder's own name may be a person's, and Home Assistant adds issues to the diagnostics.
            path = str(set_aside.relative_to(self.hass.config.config_dir))
            self._show_issue(
                "store_damaged", "store_damaged", ir.IssueSeverity.ERROR, {"path": path}, data={"path": path}
            )
        if async_get_store(self.hass).lost:
            self._show_issue("store_lost", "store_lost", ir.IssueSeverity.ERROR, {})

    @callback
    def _show_issue(
        self,
        issue_id: str,
        key: str,
        severity: ir.IssueSeverity,
        placeholders: dict[str, str],
        *,
        data: dict[str, str | int | float | None] | None = None,
    ) -> None:
        """Create a repair issue; one with data can be fixed by a person, see `repairs`."""
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id,
            data=data,
            is_fixable=data is not None,
            is_persistent=key == "store_damaged",
            severity=severity,
            translation_key=key,
            translation_placeholders=placeholders,
        )

    def _translated(self, err: ProviderError | StoreError, *, setting_up: bool) -> HomeAssistantError:
        """Return what Home Assistant makes of an error: the one place where the two worlds meet."""
        key = "store_failed" if isinstance(err, StoreError) else err.key
        message: dict[str, Any] = {
            "translation_domain": DOMAIN,
            "translation_key": key,
            "translation_placeholders": {"account": self.name, "error": str(err)},
        }
        if isinstance(err, StoreError):
            self._show_issue("store_failed", key, ir.IssueSeverity.ERROR, {"error": str(err)})
        if isinstance(err, AuthenticationError) and (setting_up or self._refusals >= REFUSALS_BEFORE_REAUTH):
            return ConfigEntryAuthFailed(**message)
        if not setting_up:
            return UpdateFailed(**message, retry_after=self._pause(err))
        return (ConfigEntryError if isinstance(err, ConfigurationError) else ConfigEntryNotReady)(**message)

    def _pause(self, err: ProviderError | StoreError) -> float:
        """Return the seconds until the next try: longer with each failure, never less than the provider asks for."""
        backoff = min(SHORTEST_BACKOFF * 2.0 ** min(self._failures - 1, 10), LONGEST_BACKOFF)
        asked = (isinstance(err, ProviderError) and err.retry_after) or 0.0
        # The coordinator counts from the last full second.
        return max(backoff * random.uniform(0.5, 1), asked + 1)  # noqa: S311
