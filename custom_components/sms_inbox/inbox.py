"""The inbox of one account: stores messages from pages and webhook requests, and wakes the dispatcher."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
import hashlib
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalTypeFormat

from .const import (
    CONF_DELIVER_EXISTING,
    CONF_PROVIDER,
    CONF_RETENTION_DAYS,
    CONF_SENDING,
    CONF_STORE_TEXTS,
    DEFAULT_RETENTION_DAYS,
    DOMAIN,
)
from .dispatcher import Dispatcher, event_data
from .model import SYNTHETIC_ID, Cursor, Message, Page, PushResult, StoredMessage
from .phone_numbers import sender_of
from .providers import PROVIDERS
from .providers.parsing import printable
from .providers.sending import SENDING
from .recovery import Span, missing, share_ids
from .store import Status, Store, StoreError, accounts, messages, quarantine, retention, search

SIGNAL_MESSAGE: SignalTypeFormat[dict[str, Any]] = SignalTypeFormat(f"{DOMAIN}_message_{{}}")
SIGNAL_SLICE: SignalTypeFormat[()] = SignalTypeFormat(f"{DOMAIN}_slice_{{}}")
SIGNAL_WEBHOOK: SignalTypeFormat[()] = SignalTypeFormat(f"{DOMAIN}_webhook_{{}}")

KEEP_IDENTITIES = timedelta(days=400)
KNOWN_FOR_RECOVERY = 1000
PRUNE_SECONDS = 2.0  # after a delivery, where texts are not to be stored
REPEATED_WEBHOOKS = timedelta(days=2)
SAME_CLOCK = timedelta(seconds=2)
SECOND = timedelta(seconds=1)


@singleton(HassKey[Store](f"{DOMAIN}_store"))
@callback
def async_get_store(hass: HomeAssistant) -> Store:
    """Return the store of all accounts; it is closed when Home Assistant has written everything else."""
    store = Store(Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.db")))

    async def async_close(_: Event) -> None:
        await store.close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, async_close)
    return store


def as_it_is(raw: bytes) -> Message:
    """Return a message whose text or data is a whole record that could not be understood."""
    try:
        content: dict[str, Any] = {"text": raw.decode(), "encoding": "unicode", "data": None}
    except UnicodeDecodeError:
        content = {"text": printable(raw), "encoding": "binary", "data": raw}
    return Message(
        message_id=f"{SYNTHETIC_ID}{hashlib.sha256(raw).hexdigest()[:32]}",
        sender="",
        recipient=None,
        received_at=None,
        in_reply_to=None,
        raw=raw,
        **content,
    )


class Inbox:
    """The inbox of one account.

    Attributes:
        state: The account's state, see `accounts.AccountState`.
        dispatcher: Delivers its messages.
        latest: Event data of the message delivered last, None where there is none.
        latest_at: When that message was stored.
        delivered: How many messages were delivered.
        last_page_ids: Ids of the messages on the last page with messages that was stored.
        on_delivered: Called with each message that was fired, and with its event data; None where nobody listens. Other
            than the event data, the message may hold a PIN.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        state: accounts.AccountState,
        outcome: Callable[[StoreError | None], None],
    ) -> None:
        """Begin with the account's state; its device must exist already.

        Args:
            hass: Home Assistant.
            entry: The account.
            state: The account's state in the store.
            outcome: Called with an error of the store that no caller would report, and None when the store works.
        """
        self._hass = hass
        self._entry = entry
        self._store = async_get_store(hass)
        self._last_page_unreadable: frozenset[bytes] = frozenset()
        # Pages and webhooks are stored one after the other, so that messages are claimed in the order of the store.
        self._lock = asyncio.Lock()
        self._outcome = outcome
        self._pruning: CALLBACK_TYPE | None = None
        self.dispatcher = Dispatcher(hass, entry, self._store, shown=self._show, outcome=outcome)
        self.state = state
        self.last_page_ids: frozenset[str] = frozenset()
        self.on_delivered: Callable[[StoredMessage, dict[str, Any]], None] | None = None
        self.delivered = state.delivered
        self.latest = event_data(hass, state.latest) if state.latest else None
        self.latest_at = state.latest.stored_at if state.latest else None

    async def async_receive(self, page: Page, clock_offset: timedelta | None, stored: Callable[[Page], None]) -> int:
        """Store a page, in one transaction with its cursor; return how many of its messages are new.

        Args:
            page: The page, as the provider returned it.
            clock_offset: How far the provider's clock is ahead of ours, None where that is unknown.
            stored: Called with the page once it is stored, before anything of it is delivered.

        Raises:
            StoreError: Nothing was stored; the cursor stays.
        """
        return await self._async_one_at_a_time(self._async_receive(page, clock_offset, stored))

    async def async_receive_pushed(self, push: PushResult) -> None:
        """Store the messages and unreadable records of a verified webhook request.

        Raises:
            StoreError: Nothing was stored.
        """
        arrivals = [self._new(message, in_doubt=self._is_doubtful(message)) for message in push.messages]
        try:
            await self._async_one_at_a_time(self._async_store(arrivals, unreadable=push.unreadable))
        except StoreError as err:
            self._outcome(err)
            self.dispatcher.wake()  # it tries the store again and again, and reports when it works
            raise

    async def async_recover(self, shown: Sequence[Message], span: Span) -> int:
        """Store the messages that were lost on their way here; return how many there are.

        Args:
            shown: The messages that the provider lists once more, oldest first.
            span: When a lost message was received.

        Raises:
            StoreError: Nothing was stored.
            UnprovenError: None of the stored messages is in the list.
        """
        known = await self._store.read(search.recent, self._entry.entry_id, KNOWN_FOR_RECOVERY)
        # A message is stored before it is fired: without a stored id it was not fired, unless the file was restored.
        in_doubt = self.state.loss_in_doubt or self.state.doubt_since is not None or not share_ids(shown, known)
        lost = [self._new(message, in_doubt=in_doubt) for message in missing(shown, known, span)]
        if lost:
            await self._async_one_at_a_time(self._async_store(lost))
        return len(lost)

    async def async_quarantine(self, raw: bytes) -> None:
        """Store an answer that could not be understood, as a record in quarantine."""
        await self._async_one_at_a_time(self._async_store((), unreadable=(raw,)))

    async def async_read_again(self, read: Callable[[bytes], Message | None]) -> None:
        """Replace the records in quarantine that can be understood by now with messages, which are then delivered."""
        if not self.state.quarantined:
            return
        records = await self._store.read(quarantine.oldest, self._entry.entry_id, self.state.quarantined)
        for number, raw in records:
            if message := read(raw):
                await self.async_settle(number, message)

    async def async_settle(self, number: int, message: Message | None) -> None:
        """Remove a record from quarantine; if a message is given, deliver that one instead."""
        provider = PROVIDERS[self._entry.data[CONF_PROVIDER]]
        shown_again = bool(provider.interval) and not provider.consumes
        left = await self._store.write(messages.settle, self._entry.entry_id, number, message, shown_again=shown_again)
        self.state = replace(self.state, quarantined=left)
        self.dispatcher.wake()

    async def async_set_loss(self, since: datetime | None) -> None:
        """Note since when an answer may have been lost, None where none is."""
        await self._store.write(accounts.set_loss, self._entry.entry_id, since)
        self.state = replace(self.state, loss_in_doubt=self.state.loss_in_doubt and since is not None)

    async def async_set_outage(self, since: datetime | None) -> None:
        """Note since when the provider can't be read, None where it can."""
        await self._store.write(accounts.set_outage, self._entry.entry_id, since)
        self.state = replace(self.state, outage_since=since)

    async def async_prune(self) -> None:
        """Erase what is older than the retention allows, and delivered texts if texts must not stay in the store.

        Raises:
            StoreError: Some of it was not erased.
        """
        now, options = dt_util.utcnow(), self._entry.options
        kept = timedelta(days=options.get(CONF_RETENTION_DAYS, DEFAULT_RETENTION_DAYS))
        prune = partial(
            retention.prune,
            account=self._entry.entry_id,
            store_texts=self._stores_texts,
            texts_before=now - kept,
            identities_before=now - max(kept, KEEP_IDENTITIES),
        )
        if await self._store.write_in_batches(prune):
            await self._store.empty_log()

    async def async_end(self) -> None:
        """Store that the account was stopped in order, while no answer of its provider was on its way.

        Raises:
            StoreError: It could not be noted; the next start looks for what may have been lost.
        """
        progress = self._progress(self.state.cursor, first_run=self.state.first_run)
        await self._store.write(accounts.end, self._entry.entry_id, progress)

    @callback
    def async_stop_pruning(self) -> None:
        """Cancel the erasing that is planned; the next start does it."""
        if self._pruning:
            self._pruning()
            self._pruning = None

    async def async_set_webhook(self) -> None:
        """Show and store that a webhook request was accepted.

        Raises:
            StoreError: It was not stored; until the next restart it is shown.
        """
        now = dt_util.utcnow()
        self.state = replace(self.state, first_webhook_at=self.state.first_webhook_at or now, last_webhook_at=now)
        async_dispatcher_send(self._hass, SIGNAL_WEBHOOK.format(self._entry.entry_id))
        await self._store.write(accounts.set_webhook, self._entry.entry_id, now)

    @property
    def last_webhook_at(self) -> datetime | None:
        """When the last webhook request was accepted, None if none was."""
        return self.state.last_webhook_at

    @property
    def _stores_texts(self) -> bool:
        """Whether texts stay in the store after their delivery."""
        return bool(self._entry.options.get(CONF_STORE_TEXTS, True))

    async def _async_one_at_a_time[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Wait until nothing else is being stored, then do this work, even if its caller is cancelled meanwhile."""

        async def run() -> T:
            async with self._lock:
                return await work

        return await asyncio.shield(create_eager_task(run(), loop=self._hass.loop))

    async def _async_receive(self, page: Page, clock_offset: timedelta | None, stored: Callable[[Page], None]) -> int:
        """Store a page, except for what was on the page before, since that is stored already."""
        state = self.state
        caught_up = not page.more or page.arrived_during_poll
        progress = self._progress(page.cursor, first_run=state.first_run and not caught_up, caught_up=caught_up)
        new = [message for message in page.messages if message.message_id not in self.last_page_ids]
        unreadable = [record for record in page.unreadable if record not in self._last_page_unreadable]
        changes = progress.cursor != state.cursor or progress.first_run != state.first_run or state.doubt_since
        if not (new or unreadable or changes):
            stored(page)
            return 0
        arrivals = [self._arrival(message, page, clock_offset) for message in new]
        received = await self._async_store(
            arrivals, unreadable=unreadable, progress=progress, stored=partial(stored, page)
        )
        if page.messages:
            self.last_page_ids = frozenset(message.message_id for message in page.messages)
        self._last_page_unreadable = frozenset(page.unreadable)
        self.state = replace(
            self.state,
            cursor=page.cursor,
            first_run=progress.first_run,
            doubt_since=None if caught_up else self.state.doubt_since,
            last_received_at=received.new[-1].message.received_at if received.new else self.state.last_received_at,
        )
        return len(received.new)

    async def _async_store(
        self,
        arrivals: Sequence[messages.Arrival],
        *,
        unreadable: Sequence[bytes] = (),
        progress: accounts.Progress | None = None,
        stored: Callable[[], None] = lambda: None,
    ) -> messages.Received:
        """Store messages, and hand them to the dispatcher."""
        with self.dispatcher.carry() as fired:
            received = await self._store.write(
                messages.receive,
                self._entry.entry_id,
                arrivals,
                progress=progress,
                unreadable=unreadable,
                delivered=fired,
                claim=self.dispatcher.can_claim,
            )
        self.state = replace(self.state, quarantined=received.quarantined)
        stored()
        self.dispatcher.wake(received.claimed, pending=received.is_more_pending)
        return received

    def _progress(self, cursor: Cursor, *, first_run: bool, caught_up: bool = False) -> accounts.Progress:
        """Return the account's progress in the form in which it is stored."""
        return accounts.Progress(cursor=cursor, first_run=first_run, caught_up=caught_up, stored_ids=self.last_page_ids)

    def _arrival(self, message: Message, page: Page, clock_offset: timedelta | None) -> messages.Arrival:
        """Return a message of a page with its status: existing if it was in the inbox before the account was added."""
        if page.arrived_during_poll:
            return self._new(message)
        is_new = not self.state.first_run or self._entry.data.get(CONF_DELIVER_EXISTING)
        if is_new or self._came_later(message, clock_offset or timedelta()):
            return self._new(message, in_doubt=self.state.doubt_since is not None)
        return messages.Arrival(message, Status.EXISTING)

    def _new(self, message: Message, *, in_doubt: bool = False) -> messages.Arrival:
        """Return a message that is new; where the account sends, with what tells which sent text it answers."""
        provider = PROVIDERS[self._entry.data[CONF_PROVIDER]]
        if CONF_SENDING not in self._entry.options or provider.key not in SENDING:
            return messages.Arrival(message, in_doubt=in_doubt)
        number = sender_of(message.sender, provider.number_format, self._hass.config.country).number
        is_certain = SENDING[provider.key].replies_are_certain
        return messages.Arrival(message, in_doubt=in_doubt, number=number, is_reply_certain=is_certain)

    def _came_later(self, message: Message, clock_offset: timedelta) -> bool:
        """Whether the provider received a message after the account was added, judged by the provider's clock.

        Only asked before the inbox has been read to its end for the first time; a message without a time is then old.
        """
        if not message.received_at:
            return False
        try:
            # A smaller difference than the precision of the header `Date` is no difference.
            at = message.received_at - (clock_offset if abs(clock_offset) > SAME_CLOCK else timedelta())
        except OverflowError:
            return False
        # A time without a fraction may have been rounded down to the second.
        rounded = timedelta() if at.microsecond else SECOND
        return messages.is_possible(at, datetime.now(UTC)) and at + rounded > self.state.added_at

    def _is_doubtful(self, message: Message) -> bool:
        """Whether a pushed message may have been delivered before the file was restored.

        Vendors repeat their webhook requests for two days at most.
        """
        since = self.state.doubt_since
        if since is None or datetime.now(UTC) - since > REPEATED_WEBHOOKS:
            return False
        return message.received_at is None or message.received_at < since

    @callback
    def _show(self, fired: Sequence[tuple[StoredMessage, dict[str, Any]]]) -> None:
        """Update the entities: some for each message of a slice, and those with counts and times once for the slice."""
        entry_id = self._entry.entry_id
        for stored, data in fired:
            self.latest, self.latest_at = data, stored.stored_at
            self.delivered += 1
            async_dispatcher_send(self._hass, SIGNAL_MESSAGE.format(entry_id), data)
            if self.on_delivered:
                self.on_delivered(stored, data)
        async_dispatcher_send(self._hass, SIGNAL_SLICE.format(entry_id))
        if not (self._stores_texts or self._pruning):
            self._pruning = async_call_later(self._hass, PRUNE_SECONDS, self._async_prune)

    async def _async_prune(self, _: datetime) -> None:
        """Erase the texts that were just delivered, if texts must not stay in the store."""
        self._pruning = None
        try:
            await self.async_prune()
        except StoreError:
            self._pruning = async_call_later(self._hass, PRUNE_SECONDS, self._async_prune)
