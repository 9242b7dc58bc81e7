"""The only place that delivers: claims stored messages, fires them, marks them delivered, releases the rest at a stop.

Code that stores messages wakes the dispatcher, and never fires an event itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later
from homeassistant.util.event_type import EventType
from homeassistant.util.signal_type import SignalType

from .const import CONF_PROVIDER, DOMAIN
from .contacts import find_contact
from .filters import async_get_filters
from .model import StoredMessage
from .phone_numbers import sender_of
from .providers import number_format_of
from .questions import without_pin
from .store import Store, StoreError, messages

_LOGGER = logging.getLogger(__name__)

EVENT_SMS_RECEIVED: EventType[dict[str, Any]] = EventType("sms_received")
SIGNAL_RECEIVED: SignalType[dict[str, Any]] = SignalType(f"{DOMAIN}_received")

SLICE_SECONDS = 0.002  # without the time in which automations handle the slice
CARRY_SECONDS = 0.005  # a page that is stored within this time also stores the marks, in its own transaction
SHORTEST_RETRY = 1.0
LONGEST_RETRY = 60.0


def event_data(hass: HomeAssistant, stored: StoredMessage) -> dict[str, Any]:
    """Return the data of a message's event; a national sender's number is read as one of Home Assistant's country."""
    message = stored.message
    entry = hass.config_entries.async_get_entry(stored.account)
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, stored.account), stored.account)
    provider: str | None = stored.provider or (entry.data[CONF_PROVIDER] if entry else None)
    sender = sender_of(message.sender, number_format_of(provider), hass.config.country)
    contact = find_contact(hass, stored.account, sender.number)
    return {
        "config_entry_id": stored.account,
        "device_id": device and device.id,
        "provider": provider,
        "message_id": message.message_id,
        "sender": message.sender,
        "sender_number": sender.number,
        "contact": contact and contact.title,
        "channel": message.channel or sender.channel,
        "recipient": message.recipient,
        "text": without_pin(message.text, contact),
        "encoding": message.encoding,
        "data": message.data and message.data.hex(),
        "received_at": message.received_at and message.received_at.isoformat(),
        "in_reply_to": message.in_reply_to,
        "reply_to": stored.reply_to and stored.reply_to.key,
        "reply_to_certain": stored.reply_to and stored.reply_to.is_certain,
        "redelivered": stored.in_doubt,
    }


class Dispatcher:
    """Delivers the messages of one account, in a task that runs while there is something to do.

    A message is claimed in the store before it is fired, and marked delivered after that: one turn of the event loop
    later, in which automations start. The mark is stored together with the next claim or the next page.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        store: Store,
        *,
        shown: Callable[[Sequence[tuple[StoredMessage, dict[str, Any]]]], None],
        outcome: Callable[[StoreError | None], None],
    ) -> None:
        """Deliver nothing before `start`.

        Args:
            hass: Home Assistant.
            entry: The account.
            store: Where its messages are.
            shown: Called with the messages of each slice after they were fired, for the entities.
            outcome: Called with an error of the store, or None when the store works.
        """
        self._hass = hass
        self._entry = entry
        self._store = store
        self._shown = shown
        self._outcome = outcome
        self._filters = async_get_filters(hass)
        self._is_started = False
        self._may_be_pending = True
        self._claimed: deque[StoredMessage] = deque()
        self._fired: list[int] = []
        self._marking: asyncio.TimerHandle | None = None
        self._is_mark_due = False
        self._task: asyncio.Task[None] | None = None
        self._retry: CALLBACK_TYPE | None = None
        self._retry_seconds = SHORTEST_RETRY

    @property
    def can_claim(self) -> bool:
        """Whether new messages may be claimed while they are stored: only if no older one is waiting in the store."""
        return self._is_armed and not self._may_be_pending

    @callback
    def start(self) -> None:
        """Begin to deliver, now that automations listen."""
        self._is_started = True
        self.wake()

    @callback
    def wake(self, claimed: Sequence[StoredMessage] = (), *, pending: bool = True) -> None:
        """Deliver the claimed messages and, with `pending`, look for others that are waiting in the store."""
        self._claimed.extend(claimed)
        self._may_be_pending = self._may_be_pending or pending
        if self._is_started and not (self._task and not self._task.done()):
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_run(), f"{self._entry.title} deliver"
            )

    @contextmanager
    def carry(self) -> Iterator[tuple[int, ...]]:
        """Yield the fired messages' sequences for a transaction that marks them; if it fails, they are marked later."""
        fired, self._fired = self._fired, []
        try:
            yield tuple(fired)
        except BaseException:
            self._fired = fired + self._fired
            raise

    async def async_stop(self) -> None:
        """Fire nothing more, mark the fired messages delivered, and release those that are only claimed.

        Raises:
            StoreError: That could not be stored; messages that are still claimed are in doubt at the next start.
        """
        self._is_started = False
        if self._retry:
            self._retry()
            self._retry = None
        if self._marking:
            self._marking.cancel()
            self._marking = None
        if self._task:
            # The task ends by itself before the next slice; a write to the store is finished first.
            await asyncio.wait({self._task})
        self._claimed.clear()
        with self.carry() as fired:
            await self._store.write(messages.release, self._entry.entry_id, fired)

    @property
    def _is_armed(self) -> bool:
        """Whether messages may be fired: automations listen from the start of Home Assistant until it stops."""
        return self._is_started and self._hass.state is CoreState.running

    async def _async_run(self) -> None:
        """Deliver until nothing is left; if the store fails, try again later."""
        try:
            while self._is_armed and await self._async_step():
                pass
        except StoreError as err:
            _LOGGER.debug("The store of %s failed: %s", self._entry.title, err)
            self._outcome(err)
            if self._is_started:
                self._retry = async_call_later(self._hass, self._retry_seconds, self._async_retry)
            self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY)

    async def _async_step(self) -> bool:
        """Fire a slice, claim the next one, or mark fired messages; return whether there may be more to do."""
        if self._claimed:
            await self._async_fire_slice()
            return True
        if self._may_be_pending:
            self._may_be_pending = False
            try:
                with self.carry() as fired:
                    claimed = await self._store.write(messages.claim, self._entry.entry_id, fired)
            except BaseException:
                self._may_be_pending = True
                raise
            self._claimed.extend(claimed)
            self._may_be_pending = self._may_be_pending or bool(claimed)
            self._note_success()
            return True
        if self._fired and self._is_mark_due:
            self._is_mark_due = False
            with self.carry() as fired:
                await self._store.write(messages.mark_delivered, self._entry.entry_id, fired)
            self._note_success()
        elif self._fired and not self._marking:
            self._marking = self._hass.loop.call_later(CARRY_SECONDS, self._mark)
        return bool(self._claimed or self._may_be_pending)

    @callback
    def _mark(self) -> None:
        """Mark the fired messages that no page has marked meanwhile."""
        self._marking, self._is_mark_due = None, True
        self.wake(pending=False)

    async def _async_fire_slice(self) -> None:
        """Fire events for a few milliseconds; update the entities one turn of the loop later, after the automations."""
        until = self._hass.loop.time() + SLICE_SECONDS
        fired: list[tuple[StoredMessage, dict[str, Any]]] = []
        # Home Assistant cancels this task when it begins to stop: what was fired until then must be marked.
        try:
            while self._claimed:
                data = event_data(self._hass, self._claimed[0])
                await self._filters.async_prepare(data)
                if not self._is_armed:
                    break
                self._hass.bus.async_fire(EVENT_SMS_RECEIVED, data)
                async_dispatcher_send(self._hass, SIGNAL_RECEIVED, data)
                fired.append((self._claimed.popleft(), data))
                if self._hass.loop.time() >= until:
                    break
            # Automations start one turn of the loop after the event; a mark must not be stored before that.
            await asyncio.sleep(0)
        finally:
            self._fired.extend(stored.sequence for stored, _ in fired)
            self._shown(fired)
        # The entities have taken their time; the next slice gets a turn of its own.
        await asyncio.sleep(0)

    @callback
    def _note_success(self) -> None:
        """Report that the store works."""
        self._retry_seconds = SHORTEST_RETRY
        self._outcome(None)

    @callback
    def _async_retry(self, _: datetime) -> None:
        """Go on after a failure of the store."""
        self._retry = None
        self.wake()
