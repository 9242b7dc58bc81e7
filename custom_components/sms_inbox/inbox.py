"""The single door: whatever a provider hands over is received here, and leaves from here.

A message is first written down, then delivered, then ticked off.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
import hashlib
from pathlib import Path
import re
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util
from homeassistant.util.event_type import EventType
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType, SignalTypeFormat

from .const import CONF_PROVIDER, DOMAIN
from .model import SYNTHETIC_ID, Cursor, Message, Page, PushResult, StoredMessage
from .providers import PROVIDERS
from .providers.parsing import printable
from .recovery import Span, missing
from .store import AccountState, Status, Store

EVENT_SMS_RECEIVED: EventType[dict[str, Any]] = EventType("sms_received")
SIGNAL_RECEIVED: SignalType[dict[str, Any]] = SignalType(f"{DOMAIN}_received")
SIGNAL_CALLED: SignalTypeFormat[()] = SignalTypeFormat(f"{DOMAIN}_called_{{}}")
SIGNAL_RECEIVED_BY: SignalTypeFormat[dict[str, Any]] = SignalTypeFormat(f"{DOMAIN}_received_{{}}")

BATCH_SIZE = 500
KNOWN_FOR_RECOVERY = 1000
LONGEST_RECORD = 2000
SLICE_SECONDS = 0.002  # what automations do with the messages of a slice comes on top


@singleton(HassKey[Store](f"{DOMAIN}_store"))
@callback
def async_get_store(hass: HomeAssistant) -> Store:
    """Return the store of all accounts, which is closed when Home Assistant has written its last."""
    store = Store(Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.db")))

    async def async_close(_: Event) -> None:
        await hass.async_add_executor_job(store.close)

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, async_close)
    return store


def event_data(hass: HomeAssistant, stored: StoredMessage) -> dict[str, Any]:
    """Return what the event says of a message."""
    message = stored.message
    entry = hass.config_entries.async_get_entry(stored.account)
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, stored.account), stored.account)
    return {
        "config_entry_id": stored.account,
        "device_id": device and device.id,
        "provider": stored.provider or (entry and entry.data[CONF_PROVIDER]),
        "message_id": message.message_id,
        "sender": message.sender,
        "recipient": message.recipient,
        "text": message.text,
        "encoding": message.encoding,
        "data": message.data and message.data.hex(),
        "received_at": message.received_at and message.received_at.isoformat(),
        "in_reply_to": message.in_reply_to,
        "redelivered": stored.redelivered,
    }


def as_it_is(raw: bytes) -> Message:
    """Return a message that says no more than the bytes of a record that could not be understood."""
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


def readable(raw: bytes) -> str:
    """Return a record for people: cut, and unable to leave the block of code that it is shown in."""
    text = raw.decode("utf-8", "replace")
    cut = text if len(text) <= LONGEST_RECORD else f"{text[:LONGEST_RECORD]}…"
    return re.sub("```+", lambda fence: "\u200b".join(fence[0]), cut)


class Inbox:
    """The inbox of one account.

    Attributes:
        cursor: Where the next page begins: after the last one that is written down.
        first_run: The provider's inbox has not been read to its end yet.
        last_received_at: When the message was received that was written down last, None where there is none.
        latest: What was delivered last, as event data; None where there is nothing.
        latest_at: When that was written down.
        delivered: How many messages were delivered.
        unreadable: How many records of the provider could not be understood and still wait for a decision.
        resumed: What was written down and not delivered before we began is delivered.
        first_call_at: When the provider called for the first time, None where it never did.
        last_call_at: When it called last.
        announced: Whether announcements wait for the poll that brings their messages.
        shown: Ids of the messages on the last page that was written down.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, state: AccountState) -> None:
        """Begin where the account stands; its device is known already."""
        self._hass = hass
        self._entry = entry
        self._store = async_get_store(hass)
        self._due: deque[StoredMessage] = deque()
        self._fired: list[int] = []
        self._repeats = state.repeats
        self._shown_unreadable: frozenset[bytes] = frozenset()
        # One at a time writes or delivers, so that messages leave in the order in which they are written down.
        self._lock = asyncio.Lock()
        self.resumed = False
        self.shown: frozenset[str] = frozenset()
        self.first_call_at = state.first_call_at
        self.last_call_at = state.last_call_at
        self.announced = bool(state.announced)
        self.cursor: Cursor = state.cursor
        self.first_run = state.first_run
        self.last_received_at = state.last_received_at
        self.unreadable = state.unreadable
        self.delivered = state.delivered
        self.latest = event_data(hass, state.latest) if state.latest else None
        self.latest_at = state.latest.stored_at if state.latest else None

    async def async_receive(self, page: Page, *, deliver_existing: bool) -> None:
        """Write down a page, in one transaction with its cursor.

        Args:
            page: As the provider handed it over.
            deliver_existing: On the first run, whether what was in the inbox before is delivered, too.

        Raises:
            StoreError: Nothing was written; the cursor stays.
        """
        async with self._lock:
            existing = self.first_run and not page.arrived_during_poll and not deliver_existing
            first_run = self.first_run and page.more and not page.arrived_during_poll
            # Providers that list by time, or whose lists stay, show again and again what is written down already.
            new = self._without_known(page)
            nothing_new = new == Page(messages=(), cursor=self.cursor, more=page.more) and first_run == self.first_run
            if nothing_new and not self._repeats:
                return
            status = Status.EXISTING if existing else Status.DUE
            await self._async_write(new, first_run=first_run, status=status, attempts_before=int(self._repeats))
            self.shown = frozenset(message.message_id for message in page.messages)
            self._shown_unreadable = frozenset(page.unreadable)
            self._repeats = self._repeats and page.more

    def _without_known(self, page: Page) -> Page:
        """Return a page without what the page before has shown already, which is written down."""
        return replace(
            page,
            messages=tuple(message for message in page.messages if message.message_id not in self.shown),
            unreadable=tuple(record for record in page.unreadable if record not in self._shown_unreadable),
        )

    async def async_receive_call(self, pushed: PushResult) -> None:
        """Write down what a call of the provider brings.

        Raises:
            StoreError: Nothing was written.
        """
        async with self._lock:
            attempt = self._attempts_at_once
            receive = partial(self._store.receive_call, self._entry.entry_id, pushed, attempts=int(attempt))
            stored = await self._hass.async_add_executor_job(receive)
            self.last_call_at = dt_util.utcnow()
            self.first_call_at = self.first_call_at or self.last_call_at
            self.announced = self.announced or bool(pushed.announced)
            if attempt:
                self._due.extend(stored)
            if pushed.unreadable:
                await self._async_count_unreadable()
        async_dispatcher_send(self._hass, SIGNAL_CALLED.format(self._entry.entry_id))

    async def async_promote(self, before: datetime) -> None:
        """Make messages of earlier announcements that no poll has confirmed; they are due, see `Store.promote`."""
        promote = partial(self._store.promote, self._entry.entry_id, before)
        self.announced = bool(await self._hass.async_add_executor_job(promote))

    async def async_recover(self, shown: Sequence[Message], span: Span) -> int:
        """Write down what the provider shows once more and was lost on its way; return how many that are.

        Args:
            shown: What the provider shows, oldest first.
            span: When it was received.

        Raises:
            StoreError: Nothing was written.
            UnprovenError: Nothing that is known is among what is shown.
        """
        async with self._lock:
            recent = self._store.recent
            known = await self._hass.async_add_executor_job(recent, self._entry.entry_id, KNOWN_FOR_RECOVERY)
            lost = missing(shown, known, span)
            if lost:
                page = Page(messages=tuple(lost), cursor=self.cursor, more=False)
                await self._async_write(page, first_run=self.first_run, status=Status.DUE, attempts_before=1)
        return len(lost)

    async def _async_write(self, page: Page, *, first_run: bool, status: Status, attempts_before: int = 0) -> None:
        """Write down a page, with the attempt to deliver it where that follows at once."""
        attempt = self._attempts_at_once and status is Status.DUE
        stored = await self._hass.async_add_executor_job(
            partial(
                self._store.receive,
                self._entry.entry_id,
                page,
                first_run=first_run,
                status=status,
                attempts=attempts_before + attempt,
                known=self.shown,
            )
        )
        self.cursor, self.first_run = page.cursor, first_run
        if stored and not attempts_before:
            self.last_received_at = stored[-1].message.received_at
        if attempt:
            self._due.extend(stored)
        if page.unreadable:
            await self._async_count_unreadable()

    async def async_keep_unreadable(self, raw: bytes) -> None:
        """Write down an answer that could not be understood."""
        await self._hass.async_add_executor_job(self._store.keep_unreadable, self._entry.entry_id, raw)
        await self._async_count_unreadable()

    async def async_read_again(self, read: Callable[[bytes], Message | None]) -> None:
        """Make messages of the records that can be understood by now; they are due in their place."""
        if not self.unreadable:
            return
        unreadable = self._store.unreadable
        for number, raw in await self._hass.async_add_executor_job(unreadable, self._entry.entry_id, self.unreadable):
            if message := read(raw):
                await self.async_settle_unreadable(number, message)

    async def async_settle_unreadable(self, number: int, message: Message | None) -> None:
        """Drop a record that could not be understood; with a message, that one is due in its place."""
        provider = PROVIDERS[self._entry.data[CONF_PROVIDER]]
        shown_again = bool(provider.interval) and not provider.consumes
        settle = partial(self._store.settle_unreadable, self._entry.entry_id, number, message, shown_again=shown_again)
        await self._hass.async_add_executor_job(settle)
        await self._async_count_unreadable()

    async def _async_count_unreadable(self) -> None:
        """Count anew: a record may have come before, or have been settled already."""
        count = self._store.count_unreadable
        self.unreadable = await self._hass.async_add_executor_job(count, self._entry.entry_id)

    async def async_deliver(self) -> None:
        """Fire what is due, oldest first, and tick it off.

        Raises:
            StoreError: What was fired could not be ticked off; the next call does it.
        """
        async with self._lock:
            await self._async_deliver()

    async def async_deliver_stored(self) -> None:
        """Deliver what became due in the store and was not handed to us: before we began, or by a person.

        Raises:
            StoreError: It could not be read or ticked off.
        """
        async with self._lock:
            await self._async_deliver()
            while self._is_armed:
                attempt = self._store.attempt_due
                self._due.extend(await self._hass.async_add_executor_job(attempt, self._entry.entry_id, BATCH_SIZE))
                if not self._due:
                    self.resumed = True
                    return
                await self._async_deliver()

    async def _async_deliver(self) -> None:
        """Fire what is due, oldest first, and tick it off."""
        while self._due and self._is_armed:
            self._fire_slice()
            # Triggers start their automations one turn of the loop after the event, so this comes before ticking off.
            await asyncio.sleep(0)
        if self._fired:
            await self._hass.async_add_executor_job(self._store.tick_off, tuple(self._fired))
            self._fired.clear()

    @property
    def _attempts_at_once(self) -> bool:
        """Whether what is written down is delivered at once; before we resumed, it comes after what is stored."""
        return self._is_armed and self.resumed

    @property
    def _is_armed(self) -> bool:
        """Whether automations listen: neither before Home Assistant has started nor once it stops."""
        return self._hass.state is CoreState.running

    def _fire_slice(self) -> None:
        """Fire messages for as long as the event loop can spare."""
        until = self._hass.loop.time() + SLICE_SECONDS
        while self._due:
            stored = self._due.popleft()
            self.latest = data = event_data(self._hass, stored)
            self.latest_at = stored.stored_at
            self.delivered += 1
            self._hass.bus.async_fire(EVENT_SMS_RECEIVED, data)
            async_dispatcher_send(self._hass, SIGNAL_RECEIVED_BY.format(self._entry.entry_id), data)
            async_dispatcher_send(self._hass, SIGNAL_RECEIVED, data)
            self._fired.append(stored.sequence)
            if self._hass.loop.time() >= until:
                return
