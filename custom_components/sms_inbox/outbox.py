"""The outbox of one account: the only place that sends.

A text is stored before its first byte leaves, and what the vendor answers is stored before anybody is told. Whether it
may be sent once more after an answer was lost follows from what the vendor documents: with the same key where a repeat
is recognised, else never.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task

from .model import Accepted, Message, Reason, ReplyTo, Report, SendStatus, SentText
from .providers.errors import NotSentError, ProviderError, UnknownOutcomeError
from .providers.sending import Sending
from .sent import async_announce
from .store import Store, StoreError, outgoing

_LOGGER = logging.getLogger(__name__)

SHORTEST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 120.0
STORE_RETRY_SECONDS: Final = 5.0
LOOKS: Final = (2.0, 5.0, 15.0, 30.0, 60.0)
"""Pauses between the attempts to find out what became of a text, in seconds; after the last one it is unknown."""
REPORT_PAUSES: Final = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Pauses between the questions for delivery reports after a text was taken; the last one is repeated."""
REPORTS_UNTIL: Final = timedelta(hours=72)
REPORTS_AT_ONCE: Final = 50
REPLIES_UNTIL: Final = timedelta(hours=72)
STOP_SECONDS: Final = 15.0
UNRESOLVED: Final = (SendStatus.SENDING,)


@dataclass(kw_only=True, slots=True)
class _Unresolved:
    """A text that may have been sent, and when it is looked into next.

    Attributes:
        text: The text.
        due: By the event loop's clock.
        looks: How often it was looked into.
    """

    text: SentText
    due: float
    looks: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """What became of a text, until it is stored."""

    key: str
    status: SendStatus
    accepted: Accepted | None = None
    reason: Reason | None = None


class Outbox:
    """Sends the texts of one account one after the other, in a task that runs while there is something to do.

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
        self._paused_until = 0.0
        self._pause = SHORTEST_PAUSE
        self._may_be_queued = True
        self._may_be_unannounced = True
        self._unresolved: dict[str, _Unresolved] = {}
        self._outcomes: list[_Outcome] = []
        self._reports: list[Report] = []
        self._reports_due: float | None = None
        self._report_round = 0
        self._waiters: dict[str, asyncio.Event] = {}
        self._contexts: dict[str, Context] = {}
        self._keys: dict[str, str] = {}
        """Our keys by the vendor's ids, of what was taken lately."""
        self._latest: dict[str, tuple[str, datetime]] = {}
        """The key of the text that was taken last, and when, by recipient."""

    async def async_load(self) -> None:
        """Take over what is in the store.

        Raises:
            StoreError: It can't be read or written.
        """
        account, now = self._entry.entry_id, dt_util.utcnow()
        await self._store.write(outgoing.interrupt, account)
        for sent in await self._store.read(outgoing.with_status, account, UNRESOLVED):
            self._unresolved[sent.outgoing.key] = _Unresolved(text=sent, due=0.0)
        for sent in await self._store.read(outgoing.taken_since, account, now - REPLIES_UNTIL):
            self._remember(sent)
        if self.sending.polls_reports and self._keys:
            self._reports_due = 0.0

    @callback
    def start(self) -> None:
        """Begin to send, now that automations listen."""
        self._is_started = True
        self.wake()

    @callback
    def wake(self) -> None:
        """Look for something to do."""
        if self._timer:
            self._timer()
            self._timer = None
        if self._is_started and not (self._task and not self._task.done()):
            # Home Assistant's own tasks are cancelled when it stops, and a request that is cut off is in doubt.
            self._task = create_eager_task(self._async_run(), loop=self._hass.loop)

    async def async_stop(self) -> None:
        """Send nothing more, and wait for the answer to what is being sent; without one it is in doubt."""
        self._is_started = False
        if self._timer:
            self._timer()
            self._timer = None
        if self._task and not self._task.done():
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task})
        for waiter in self._waiters.values():
            waiter.set()

    async def async_send(
        self, drafts: Sequence[outgoing.Draft], caps: outgoing.Caps, context: Context | None = None
    ) -> outgoing.Stored:
        """Store texts, all or none, and begin to send them.

        Raises:
            StoreError: Nothing was stored.
        """
        stored = await self._store.write(outgoing.insert, drafts, caps)
        if context:
            self._contexts |= dict.fromkeys(stored.new, context)
        self._may_be_queued = True
        self.wake()
        return stored

    async def async_fill(
        self, key: str, text: str, *, parts: int, expires_at: datetime, caps: outgoing.Caps
    ) -> outgoing.Stored:
        """Give a text in preparation its content, and begin to send it; it is refused if a cap is reached.

        Raises:
            StoreError: It is still in preparation; the next start settles it.
        """
        filled = await self._store.write(outgoing.fill, key, text, parts=parts, expires_at=expires_at, caps=caps)
        if filled.reached:
            await self._async_settle(_Outcome(key=key, status=SendStatus.REFUSED, reason=Reason.DAILY_LIMIT))
        self._may_be_queued = True
        self.wake()
        return filled

    async def async_drop(self, key: str, reason: Reason) -> None:
        """Settle a text in preparation for which there is no content.

        Raises:
            StoreError: It is still in preparation; the next start settles it.
        """
        await self._async_settle(_Outcome(key=key, status=SendStatus.EXPIRED, reason=reason))

    async def async_wait(self, keys: Collection[str], seconds: float) -> list[SentText]:
        """Wait until the vendor has answered to all of these texts, at most for some seconds; return them.

        Raises:
            StoreError: They can't be read.
        """
        until = self._hass.loop.time() + seconds
        while True:
            waiters = {key: self._waiters.setdefault(key, asyncio.Event()) for key in keys}
            found = [await self._store.read(outgoing.get, key) for key in keys]
            texts = [text for text in found if text]
            left = until - self._hass.loop.time()
            open_ = [waiters[text.outgoing.key] for text in texts if text.status in (SendStatus.QUEUED, *UNRESOLVED)]
            if not open_ or left <= 0 or not self._is_started:
                for key in keys:
                    self._waiters.pop(key, None)
                return texts
            tasks = [asyncio.ensure_future(waiter.wait()) for waiter in open_]
            try:
                await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
            for waiter in open_:
                waiter.clear()

    @callback
    def async_report(self, reports: Iterable[Report]) -> None:
        """Note what the vendor has reported by a webhook."""
        self._reports.extend(reports)
        self.wake()

    @callback
    def async_check_reports(self) -> None:
        """Ask for delivery reports now, if there is a text of which one is missing."""
        if self._reports_due is not None:
            self._reports_due = 0.0
            self.wake()

    def reply_to(self, message: Message, number: str | None) -> ReplyTo | None:
        """Return which text a message answers: the one that the vendor names, else the latest one to its sender.

        Args:
            message: The message.
            number: Its sender in E.164, None where that is no number.
        """
        named = message.in_reply_to
        if named and (key := self._keys.get(named)):
            return ReplyTo(key=key, is_certain=self.sending.replies_are_certain)
        if number is None or not (latest := self._latest.get(number)):
            return None
        key, accepted_at = latest
        at = message.received_at or dt_util.utcnow()
        return ReplyTo(key=key, is_certain=False) if at - accepted_at <= REPLIES_UNTIL else None

    async def _async_run(self) -> None:
        """Do what is due until nothing is; if the store fails, try again later."""
        try:
            await self._async_announce_again()
            while self._is_started and await self._async_step():
                pass
            self._plan()
        except StoreError as err:
            _LOGGER.debug("The store of %s failed: %s", self._entry.title, err)
            self._outcome(err)
            self._wake_in(STORE_RETRY_SECONDS)

    async def _async_step(self) -> bool:
        """Do one thing that is due; return whether there may be more."""
        now = self._hass.loop.time()
        if self._outcomes:
            await self._async_settle(self._outcomes[0])
            del self._outcomes[0]
        elif self._reports:
            reports, self._reports = self._reports, []
            await self._async_note_reports(reports)
        elif unresolved := next((each for each in self._unresolved.values() if each.due <= now), None):
            await self._async_resolve(unresolved)
        elif self._may_be_queued and self._paused_until <= now:
            await self._async_send_next()
        elif self._reports_due is not None and self._reports_due <= now:
            await self._async_ask_for_reports()
        else:
            return False
        return True

    @callback
    def _plan(self) -> None:
        """Wake up when the next thing is due."""
        due = [each.due for each in self._unresolved.values()]
        if self._may_be_queued:
            due.append(self._paused_until)
        if self._reports_due is not None:
            due.append(self._reports_due)
        if due:
            self._wake_in(min(due) - self._hass.loop.time())

    @callback
    def _wake_in(self, seconds: float) -> None:
        """Wake up after some seconds."""
        if self._is_started and not self._timer:
            self._timer = async_call_later(self._hass, max(seconds, 0.0), self._async_wake)

    @callback
    def _async_wake(self, _: datetime) -> None:
        """Wake up."""
        self._timer = None
        self.wake()

    async def _async_send_next(self) -> None:
        """Send the oldest text in the queue, and settle those whose time is over."""
        now, account = dt_util.utcnow(), self._entry.entry_id
        for change in await self._store.write(outgoing.expire, account, now):
            await self._async_announce(change)
        sent = await self._store.write(outgoing.claim, account, now)
        self._outcome(None)
        if sent:
            await self._async_attempt(sent)
        else:
            self._may_be_queued = False

    async def _async_attempt(self, sent: SentText) -> None:
        """Send a text, and store what came of it."""
        key = sent.outgoing.key
        try:
            accepted = await self.sending.send(sent.outgoing)
        except NotSentError as err:
            await self._async_note_not_sent(sent, err)
        except UnknownOutcomeError as err:
            _LOGGER.warning("It is unknown whether a text of %s was sent: %s", self._entry.title, err)
            self._unresolved[key] = _Unresolved(text=sent, due=self._hass.loop.time() + LOOKS[0])
        except Exception:
            # A fault of ours may come after the first byte as well as before.
            _LOGGER.exception("It is unknown whether a text of %s was sent", self._entry.title)
            self._unresolved[key] = _Unresolved(text=sent, due=self._hass.loop.time() + LOOKS[0])
        else:
            self._pause = SHORTEST_PAUSE
            self._unresolved.pop(key, None)
            self._outcomes.append(_Outcome(key=key, status=SendStatus.ACCEPTED, accepted=accepted))

    async def _async_note_not_sent(self, sent: SentText, err: NotSentError) -> None:
        """Put a text back into the queue if what has kept it may pass, else settle it as refused."""
        _LOGGER.debug("A text of %s was not sent: %s", self._entry.title, err)
        key, now = sent.outgoing.key, self._hass.loop.time()
        if not err.reason.is_temporary:
            self._unresolved.pop(key, None)
            self._outcomes.append(_Outcome(key=key, status=SendStatus.REFUSED, reason=err.reason))
            return
        pause = max(self._pause, err.retry_after or 0.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if unresolved := self._unresolved.get(key):
            # That this attempt was not sent says nothing of the one before.
            unresolved.due = now + pause
            return
        left = (sent.outgoing.expires_at - dt_util.utcnow()).total_seconds()
        self._paused_until = now + min(pause, max(left, 0.0))
        await self._store.write(outgoing.requeue, key)

    async def _async_resolve(self, unresolved: _Unresolved) -> None:
        """Find out what became of a text: send it again where the vendor recognises a repeat, else look for it."""
        sent, now = unresolved.text, dt_util.utcnow()
        key, begun_at = sent.outgoing.key, sent.outgoing.begun_at or sent.outgoing.created_at
        unresolved.due = self._hass.loop.time() + LOOKS[min(unresolved.looks, len(LOOKS) - 1)]
        unresolved.looks += 1
        held = self.sending.deduplicates
        if held and now < min(begun_at + held, sent.outgoing.expires_at):
            if again := await self._store.write(outgoing.claim_again, key):
                unresolved.text = again
                await self._async_attempt_again(unresolved)
            else:
                del self._unresolved[key]
            return
        if self.sending.finds_sent and unresolved.looks <= len(LOOKS):
            try:
                found = await self.sending.find_sent(sent.outgoing)
            except ProviderError as err:
                _LOGGER.debug("A text of %s could not be looked for: %s", self._entry.title, err)
                return
            if found:
                del self._unresolved[key]
                self._outcomes.append(_Outcome(key=key, status=SendStatus.ACCEPTED, accepted=found))
            return
        del self._unresolved[key]
        self._outcomes.append(_Outcome(key=key, status=SendStatus.UNKNOWN, reason=Reason.NO_ANSWER))

    async def _async_attempt_again(self, unresolved: _Unresolved) -> None:
        """Send a text again with the same key; if its outcome is unknown again, it is looked into as planned."""
        due, looks = unresolved.due, unresolved.looks
        await self._async_attempt(unresolved.text)
        if present := self._unresolved.get(unresolved.text.outgoing.key):
            present.due, present.looks = max(present.due, due), looks

    async def _async_settle(self, outcome: _Outcome) -> None:
        """Store what became of a text, and tell it."""
        change = await self._store.write(
            outgoing.settle, outcome.key, outcome.status, accepted=outcome.accepted, reason=outcome.reason
        )
        self._outcome(None)
        if change:
            await self._async_announce(change)

    async def _async_note_reports(self, reports: Sequence[Report]) -> None:
        """Store what the vendor reports, and tell it; what can't be stored is noted later."""
        try:
            changes = await self._store.write(outgoing.report, self._entry.entry_id, reports)
        except StoreError:
            self._reports = [*reports, *self._reports]
            raise
        for change in changes:
            self._unresolved.pop(change.text.outgoing.key, None)
            await self._async_announce(change)

    async def _async_ask_for_reports(self) -> None:
        """Ask the vendor what has become of what it took, less and less often, until nothing is open."""
        since = dt_util.utcnow() - REPORTS_UNTIL
        waiting = await self._store.read(outgoing.waiting, self._entry.entry_id, since, REPORTS_AT_ONCE)
        if not waiting:
            self._reports_due = None
            return
        pause = REPORT_PAUSES[min(self._report_round, len(REPORT_PAUSES) - 1)]
        self._reports_due, self._report_round = self._hass.loop.time() + pause, self._report_round + 1
        try:
            reports = await self.sending.reports([each.outgoing for each in waiting])
        except ProviderError as err:
            _LOGGER.debug("There are no delivery reports of %s: %s", self._entry.title, err)
            return
        await self._async_note_reports(reports)

    async def _async_announce_again(self) -> None:
        """Fire the events that a crash may have kept from being fired."""
        if self._may_be_unannounced:
            for change in await self._store.read(outgoing.unannounced, self._entry.entry_id):
                await self._async_announce(change, redelivered=True)
            self._may_be_unannounced = False

    async def _async_announce(self, change: outgoing.Change, *, redelivered: bool = False) -> None:
        """Tell that the state of a text has changed."""
        sent = change.text
        key = sent.outgoing.key
        if sent.status.is_taken:
            self._remember(sent)
            if self.sending.polls_reports and not sent.status.is_final:
                self._reports_due, self._report_round = self._hass.loop.time() + REPORT_PAUSES[0], 0
        async_announce(self._hass, change, self._contexts.get(key), redelivered=redelivered)
        self._changed(sent)
        if waiter := self._waiters.get(key):
            waiter.set()
        if sent.status.is_final:
            self._contexts.pop(key, None)
        await self._store.write(outgoing.mark_announced, [change])

    @callback
    def _remember(self, sent: SentText) -> None:
        """Remember a text that was taken, for the messages that answer it."""
        key, accepted_at = sent.outgoing.key, sent.accepted_at
        self._keys[sent.outgoing.provider_id or key] = key
        if accepted_at and sent.outgoing.recipient:
            latest = self._latest.get(sent.outgoing.recipient)
            if not latest or latest[1] <= accepted_at:
                self._latest[sent.outgoing.recipient] = (key, accepted_at)
