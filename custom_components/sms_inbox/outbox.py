"""The outbox of one account: the only place that sends.

A text is stored before its first byte leaves, and what the vendor answers is stored before anybody is told. Whether it
may be sent once more after an answer was lost follows from what the vendor documents: with the same key where a repeat
is recognised, else never.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
import logging
import math
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, CoreState, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .delivery_reports import DeliveryReports
from .in_doubt import Answer, InDoubt
from .model import Reason, Report, SendStatus, SentText
from .providers.errors import NotSentError, UnknownOutcomeError
from .providers.sending import Sending
from .sent import async_announce
from .store import Store, StoreError, outgoing, transitions

_LOGGER = logging.getLogger(__name__)

SHORTEST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 120.0
RETRY_SECONDS: Final = 5.0
"""Pause after an error of the store."""
STOP_SECONDS: Final = 15.0
"""How long a stop waits for the vendor's answer."""
MOST_CONTEXTS: Final = 1000


class Outbox:
    """Sends the texts of one account one after the other, in a task that runs while there is something to do.

    Each step of the task does one thing, and is repeated if the store fails; what a vendor has answered is kept until
    it is stored.

    Attributes:
        sending: Sends at the vendor.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        store: Store,
        sending: Sending,
        *,
        outcome: Callable[[StoreError | None], None],
        changed: Callable[[SentText], None],
    ) -> None:
        """Send nothing before `start`.

        Args:
            hass: Home Assistant.
            entry: The account.
            store: Where its texts are.
            sending: Sends at the vendor.
            outcome: Called with an error of the store, or None when the store works.
            changed: Called with each text whose state has changed, once that is stored.
        """
        self.sending = sending
        self._hass = hass
        self._entry = entry
        self._store = store
        self._outcome = outcome
        self._changed = changed
        self._is_started = False
        self._task: asyncio.Task[None] | None = None
        self._timer: CALLBACK_TYPE | None = None
        self._look_at = 0.0
        self._paused_until = 0.0
        self._pause = SHORTEST_PAUSE
        self._in_doubt: dict[str, InDoubt] = {}
        self._answers: deque[Answer] = deque()
        self._changes: deque[transitions.Change] = deque()
        self._announced: list[transitions.Change] = []
        self._reports = DeliveryReports(hass, entry, store, sending)
        self._waiting: dict[asyncio.Event, Collection[str]] = {}
        self._contexts: dict[str, Context] = {}

    async def async_load(self, *, is_on: bool) -> None:
        """Take over what is in the store.

        Args:
            is_on: Whether sending is switched on. If it isn't, what waits is settled, and nothing is sent again.

        Raises:
            StoreError: It can't be read or written.
        """
        account, now = self._entry.entry_id, self._hass.loop.time()
        await self._store.write(transitions.interrupt, account, queued=not is_on)
        self._changes.extend(await self._store.read(transitions.unannounced, account))
        for sent in await self._store.read(outgoing.with_status, account, (SendStatus.SENDING,)):
            self._in_doubt[sent.outgoing.key] = InDoubt(text=sent, tried_at=now, due=now, may_repeat=is_on)

    @callback
    def start(self) -> None:
        """Begin to send, now that automations listen."""
        self._is_started = True
        self.wake()

    @callback
    def wake(self) -> None:
        """Look for something to do."""
        self._cancel_timer()
        if self._is_armed and not (self._task and not self._task.done()):
            self._task = self._hass.loop.create_task(self._async_run())
            # Home Assistant cancels its tasks when it stops, and a request that is cut off is in doubt: so its task
            # only waits for ours.
            waiting = asyncio.wait({self._task})
            self._entry.async_create_background_task(self._hass, waiting, f"{self._entry.title} send")

    async def async_stop(self) -> None:
        """Send nothing more, and wait for the answer to what is being sent; without one it is in doubt.

        What was not announced yet is announced by the next start.
        """
        self._is_started = False
        self._cancel_timer()
        try:
            if self._task:
                await asyncio.wait({self._task}, timeout=STOP_SECONDS)
                self._task.cancel()
                await asyncio.wait({self._task})
            while self._answers:
                await self._async_store_answer()
            self._changes.extend(await self._reports.async_store())
            await self._store.write(transitions.release, self._announced, self._changes)
        except StoreError as err:
            _LOGGER.debug("The store of %s failed at the end: %s", self._entry.title, err)
        finally:
            for event in self._waiting:
                event.set()

    async def async_send(
        self, drafts: Sequence[outgoing.Draft], caps: outgoing.Caps, context: Context | None = None
    ) -> outgoing.Stored:
        """Store texts, all or none, and begin to send them.

        Raises:
            StoreError: Nothing was stored.
        """
        try:
            stored = await self._store.write(outgoing.insert, drafts, caps)
            if context:
                self._contexts |= dict.fromkeys(stored.new, context)
                while len(self._contexts) > MOST_CONTEXTS:
                    del self._contexts[next(iter(self._contexts))]
            return stored
        finally:
            self._look()

    async def async_fill(
        self, key: str, text: str, *, parts: int, expires_at: datetime, caps: outgoing.Caps
    ) -> outgoing.Stored:
        """Give a text in preparation its content, and begin to send it; it is refused if a cap is reached.

        Raises:
            StoreError: It is still in preparation; the next start settles it.
        """
        try:
            filled = await self._store.write(outgoing.fill, key, text, parts=parts, expires_at=expires_at, caps=caps)
            if filled.reached:
                await self._async_settle(Answer(key=key, status=SendStatus.REFUSED, reason=Reason.DAILY_LIMIT))
            return filled
        finally:
            self._look()

    async def async_drop(self, key: str, reason: Reason) -> None:
        """Settle a text in preparation for which there is no content.

        Raises:
            StoreError: It is still in preparation; the next start settles it.
        """
        await self._async_settle(Answer(key=key, status=SendStatus.EXPIRED, reason=reason))
        self.wake()

    async def async_wait(self, keys: Collection[str], seconds: float) -> list[SentText]:
        """Wait until the vendor has answered to all of these texts, at most for some seconds; return them.

        A stop ends it, too.

        Raises:
            StoreError: They can't be read.
        """
        until, event = self._hass.loop.time() + seconds, asyncio.Event()
        self._waiting[event] = frozenset(keys)
        try:
            while True:
                event.clear()
                texts = await self._store.read(outgoing.with_keys, keys)
                left = until - self._hass.loop.time()
                is_open = any(text.status in (SendStatus.QUEUED, SendStatus.SENDING) for text in texts)
                if not is_open or left <= 0 or not self._is_started:
                    return texts
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await event.wait()
        finally:
            del self._waiting[event]

    @callback
    def async_report(self, reports: Iterable[Report]) -> None:
        """Note what the vendor has reported by a webhook."""
        self._reports.note(reports)
        self.wake()

    @callback
    def async_check_reports(self) -> None:
        """Ask for delivery reports now, if there is a text of which one is missing."""
        self._reports.ask_now()
        self.wake()

    @property
    def _is_armed(self) -> bool:
        """Whether texts may be sent, and events fired: from the start of Home Assistant until it stops."""
        return self._is_started and self._hass.state is CoreState.running

    @callback
    def _look(self) -> None:
        """Look into the queue now."""
        self._look_at = 0.0
        self.wake()

    async def _async_run(self) -> None:
        """Do what is due until nothing is; after an error, try again later."""
        try:
            while self._is_armed and await self._async_step():
                pass
        except StoreError as err:
            _LOGGER.debug("The store of %s failed: %s", self._entry.title, err)
            self._outcome(err)
            self._wake_in(RETRY_SECONDS)
        except Exception as err:  # noqa: BLE001 - whatever a fault of ours is, what comes later is to be sent
            _LOGGER.warning("Unexpected error in the outbox of %s: %s", self._entry.title, _name(err))
            self._wake_in(RETRY_SECONDS)
        else:
            due = min(self._look_at, self._reports.due, *(each.due for each in self._in_doubt.values()))
            if due < math.inf:
                self._wake_in(due - self._hass.loop.time())

    async def _async_step(self) -> bool:
        """Do one thing that is due; return whether there may be more."""
        now = self._hass.loop.time()
        if self._answers:
            await self._async_store_answer()
        elif self._changes:
            await self._async_announce()
        elif self._reports.waiting:
            self._changes.extend(await self._reports.async_store(keep_unknown=bool(self._in_doubt)))
        elif in_doubt := next((each for each in self._in_doubt.values() if each.due <= now), None):
            await self._async_resolve(in_doubt)
        elif self._announced or self._look_at <= now:
            await self._async_advance()
        elif self._reports.due <= now:
            await self._reports.async_ask()
        else:
            return False
        return True

    @callback
    def _wake_in(self, seconds: float) -> None:
        """Wake up after some seconds."""
        self._cancel_timer()
        if self._is_started:
            self._timer = async_call_later(self._hass, max(seconds, 0.0), self._async_wake)

    @callback
    def _async_wake(self, _: datetime) -> None:
        """Wake up."""
        self._timer = None
        self.wake()

    @callback
    def _cancel_timer(self) -> None:
        """Don't wake up as planned."""
        if self._timer:
            self._timer()
            self._timer = None

    async def _async_advance(self) -> None:
        """Mark what was announced, settle what has expired, and send the oldest text in the queue."""
        now, announced = dt_util.utcnow(), self._announced[:]
        may_claim = self._paused_until <= self._hass.loop.time()
        self._look_at = math.inf
        try:
            found = await self._store.write(
                transitions.advance, self._entry.entry_id, now, announced, may_claim=may_claim
            )
        except BaseException:
            self._look_at = 0.0
            raise
        self._outcome(None)
        del self._announced[: len(announced)]
        self._changes.extend(found.expired)
        if found.claimed and self._is_armed:
            await self._async_attempt(found.claimed)
        elif found.claimed:
            self._answers.append(Answer(key=found.claimed.outgoing.key, status=SendStatus.QUEUED))
        if found.expires_at:
            left = (found.expires_at - dt_util.utcnow()).total_seconds()
            due = min(self._paused_until, self._hass.loop.time() + max(left, 0.0))
            self._look_at = min(self._look_at, due)

    async def _async_attempt(self, sent: SentText, in_doubt: InDoubt | None = None) -> None:
        """Send a text, for the first time or once more, and keep what comes of it to be stored."""
        key, began = sent.outgoing.key, self._hass.loop.time()
        try:
            accepted = await self.sending.send(sent.outgoing)
        except NotSentError as err:
            _LOGGER.debug("A text of %s was not sent: %s", self._entry.title, err)
            pause = max(self._pause, err.retry_after or 0.0) if err.reason.is_temporary else 0.0
            if pause:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._paused_until = self._hass.loop.time() + pause
            if in_doubt:
                # That this attempt was not sent says nothing of the one before.
                in_doubt.may_repeat = err.reason.is_temporary
                in_doubt.due = max(in_doubt.due, self._paused_until)
            else:
                status = SendStatus.QUEUED if err.reason.is_temporary else SendStatus.REFUSED
                self._answers.append(Answer(key=key, status=status, reason=err.reason))
        except Exception as err:  # noqa: BLE001 - a fault of ours may come after the first byte as well as before
            _LOGGER.warning("It is unknown whether a text of %s was sent: %s", self._entry.title, _name(err))
            now = self._hass.loop.time()
            self._paused_until = max(self._paused_until, now + SHORTEST_PAUSE)
            if not in_doubt:
                self._in_doubt[key] = InDoubt(text=sent, tried_at=began, due=now)
                self._in_doubt[key].plan(now)
        else:
            self._pause = SHORTEST_PAUSE
            self._in_doubt.pop(key, None)
            self._answers.append(Answer(key=key, status=SendStatus.ACCEPTED, accepted=accepted))

    async def _async_resolve(self, in_doubt: InDoubt) -> None:
        """Find out what became of a text: send it again where the vendor recognises a repeat, else look for it."""
        key, now = in_doubt.text.outgoing.key, self._hass.loop.time()
        in_doubt.plan(now)
        if in_doubt.is_repeatable(self.sending):
            if again := await self._store.write(transitions.claim_again, key):
                in_doubt.text, in_doubt.tried_at = again, now
                await self._async_attempt(again, in_doubt)
            else:
                del self._in_doubt[key]
        elif answer := await in_doubt.async_look_for(self.sending, self._store, now):
            del self._in_doubt[key]
            self._answers.append(answer)

    async def _async_store_answer(self) -> None:
        """Store the oldest answer, which is kept until that has succeeded."""
        answer = self._answers[0]
        if answer.status is SendStatus.QUEUED:
            await self._store.write(transitions.requeue, answer.key)
            self._look_at = 0.0
        else:
            await self._async_settle(answer)
        self._answers.popleft()
        self._outcome(None)

    async def _async_settle(self, answer: Answer) -> None:
        """Store what became of a text, so that it is announced."""
        if change := await self._store.write(
            transitions.settle, answer.key, answer.status, accepted=answer.accepted, reason=answer.reason
        ):
            self._changes.append(change)

    async def _async_announce(self) -> None:
        """Tell which states have changed; what was told is marked in the store one turn later, see `_async_advance`."""
        while self._changes:
            change = self._changes.popleft()
            key, status = change.text.outgoing.key, change.text.status
            self._in_doubt.pop(key, None)
            if status.is_taken:
                self._reports.note_taken(is_final=status.is_final)
            async_announce(self._hass, change, self._contexts.get(key))
            self._announced.append(change)
            if status.is_final:
                self._contexts.pop(key, None)
            self._changed(change.text)
            for event in [event for event, keys in self._waiting.items() if key in keys]:
                event.set()
        # Automations start one turn of the loop after the event; a mark must not be stored before that.
        await asyncio.sleep(0)


def _name(err: Exception) -> str:
    """Return what an error says, or only its name where it may hold something of a text."""
    return str(err) if isinstance(err, UnknownOutcomeError) else type(err).__name__
