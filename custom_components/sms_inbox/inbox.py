"""The single door: whatever a provider hands over is received here, and leaves from here.

A message is first written down, then delivered, then ticked off.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.event_type import EventType
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalTypeFormat

from .const import CONF_PROVIDER, DOMAIN
from .model import Cursor, Message, Page, StoredMessage
from .recovery import Span, missing
from .store import AccountState, Status, Store

EVENT_SMS_RECEIVED: EventType[dict[str, Any]] = EventType("sms_received")
SIGNAL_RECEIVED: SignalTypeFormat[dict[str, Any]] = SignalTypeFormat(f"{DOMAIN}_received_{{}}")

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


class Inbox:
    """The inbox of one account.

    Attributes:
        cursor: Where the next page begins: after the last one that is written down.
        first_run: The provider's inbox has not been read to its end yet.
        last_received_at: When the message was received that was written down last, None where there is none.
        latest: What was delivered last, as event data; None where there is nothing.
        unreadable: How many records of the provider could not be understood.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, device_id: str, state: AccountState) -> None:
        """Begin where the account stands."""
        self._hass = hass
        self._entry = entry
        self._device_id = device_id
        self._store = async_get_store(hass)
        self._due: deque[StoredMessage] = deque()
        self._fired: list[int] = []
        self.cursor: Cursor = state.cursor
        self.first_run = state.first_run
        self.last_received_at = state.last_received_at
        self.unreadable = state.unreadable
        self.latest = self._event_data(state.latest) if state.latest else None

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
        if page == Page(messages=(), cursor=self.cursor, more=page.more) and first_run == self.first_run:
            return
        await self._async_write(page, first_run=first_run, status=Status.EXISTING if existing else Status.DUE)

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
        self.unreadable += len(page.unreadable)
        if stored and not attempts_before:
            self.last_received_at = stored[-1].message.received_at
        if attempt:
            self._due.extend(stored)

    async def async_keep_unreadable(self, raw: bytes) -> None:
        """Write down an answer that could not be understood."""
        await self._hass.async_add_executor_job(self._store.keep_unreadable, self._entry.entry_id, raw)
        self.unreadable += 1

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
            self.latest = data = self._event_data(stored)
            self._hass.bus.async_fire(EVENT_SMS_RECEIVED, data)
            async_dispatcher_send(self._hass, SIGNAL_RECEIVED.format(self._entry.entry_id), data)
            self._fired.append(stored.sequence)
            if self._hass.loop.time() >= until:
                return

    def _event_data(self, stored: StoredMessage) -> dict[str, Any]:
        """Return what the event says of a message."""
        message = stored.message
        return {
            "config_entry_id": self._entry.entry_id,
            "device_id": self._device_id,
            "provider": self._entry.data[CONF_PROVIDER],
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
