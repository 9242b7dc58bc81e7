"""The single door: whatever a provider hands over is received here, and leaves from here.

A message is first written down, then delivered, then ticked off.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
import hashlib
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.event_type import EventType
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType, SignalTypeFormat

from .const import CONF_PROVIDER, DOMAIN
from .model import SYNTHETIC_ID, Cursor, Message, Page, StoredMessage
from .providers.base import printable
from .recovery import Span, missing
from .store import AccountState, Status, Store

EVENT_SMS_RECEIVED: EventType[dict[str, Any]] = EventType("sms_received")
SIGNAL_RECEIVED: SignalType[dict[str, Any]] = SignalType(f"{DOMAIN}_received")
SIGNAL_RECEIVED_BY: SignalTypeFormat[dict[str, Any]] = SignalTypeFormat(f"{DOMAIN}_received_{{}}")

BATCH_SIZE = 500
KNOWN_FOR_RECOVERY = 1000
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
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, state: AccountState) -> None:
        """Begin where the account stands; its device is known already."""
        self._hass = hass
        self._entry = entry
        self._store = async_get_store(hass)
        self._due: deque[StoredMessage] = deque()
        self._fired: list[int] = []
        self._repeats = state.repeats
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
        existing = self.first_run and not page.awaited and not deliver_existing
        first_run = self.first_run and page.more and not page.awaited
        nothing_new = page == Page(messages=(), cursor=self.cursor, more=page.more) and first_run == self.first_run
        if nothing_new and not self._repeats:
            return
        status = Status.EXISTING if existing else Status.DUE
        await self._async_write(page, first_run=first_run, status=status, attempts_before=int(self._repeats))
        self._repeats = self._repeats and page.more

    async def async_recover(self, shown: Sequence[Message], span: Span) -> int:
        """Write down what the provider shows once more and was lost on its way; return how many that are.

        Args:
            shown: What the provider shows, oldest first.
            span: When it was received.

        Raises:
            StoreError: Nothing was written.
            UnprovenError: Nothing that is known is among what is shown.
        """
        known = await self._hass.async_add_executor_job(self._store.recent, self._entry.entry_id, KNOWN_FOR_RECOVERY)
        lost = missing(shown, known, span)
        if lost:
            page = Page(messages=tuple(lost), cursor=self.cursor, more=False)
            await self._async_write(page, first_run=self.first_run, status=Status.DUE, attempts_before=1)
        return len(lost)

    async def _async_write(self, page: Page, *, first_run: bool, status: Status, attempts_before: int = 0) -> None:
        """Write down a page, with the attempt to deliver it where that follows at once."""
        attempt = self._is_armed and status is Status.DUE
        stored = await self._hass.async_add_executor_job(
            partial(
                self._store.receive,
                self._entry.entry_id,
                page,
                first_run=first_run,
                status=status,
                attempts=attempts_before + attempt,
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

    async def async_settle_unreadable(self, number: int, message: Message | None) -> None:
        """Drop a record that could not be understood; with a message, that one is due in its place."""
        settle = partial(self._store.settle_unreadable, self._entry.entry_id, number, message)
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
        while self._due and self._is_armed:
            self._fire_slice()
            # Triggers start their automations one turn of the loop after the event, so this comes before ticking off.
            await asyncio.sleep(0)
        if self._fired:
            await self._hass.async_add_executor_job(self._store.tick_off, tuple(self._fired))
            self._fired.clear()

    async def async_deliver_stored(self) -> None:
        """Deliver what was written down and not ticked off before we began."""
        while self._is_armed:
            self._due.extend(
                await self._hass.async_add_executor_job(self._store.attempt_due, self._entry.entry_id, BATCH_SIZE)
            )
            if not self._due:
                return
            await self.async_deliver()

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
