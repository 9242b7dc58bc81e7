"""A poll of one account: fetches, stores and confirms page after page until the inbox is read to its end."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
import logging

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task

from .inbox import Inbox
from .model import Page
from .providers.contract import Provider
from .providers.errors import ProtocolError, ProviderError, TemporaryError
from .recovery import Loss
from .store import StoreError

_LOGGER = logging.getLogger(__name__)

POLLS_REMEMBERED = 20


@dataclass(kw_only=True, slots=True)
class Poll:
    """The course of one poll, for the diagnostics.

    Attributes:
        started: When it began.
        seconds: How long it took; None while it goes on.
        pages: How many pages were read.
        messages: How many messages were on them.
        new: How many of these were new.
        error: The error that ended it, None if there was none.
    """

    started: datetime
    seconds: float | None = None
    pages: int = 0
    messages: int = 0
    new: int = 0
    error: str | None = None


class Polling:
    """Polls one account, and keeps the page that is being handled.

    A page that could not be stored is kept; the next poll stores it before it requests another one.

    Attributes:
        polls: The last polls.
        loss: Whether an answer may have been lost.
    """

    def __init__(
        self, hass: HomeAssistant, provider: Provider, inbox: Inbox, name: str, stored: Callable[[Page], None]
    ) -> None:
        """Begin without a poll.

        Args:
            hass: Home Assistant.
            provider: The account's provider.
            inbox: Where its pages are stored.
            name: The account's name for the log.
            stored: Called with each page once it is stored, before anything of it is delivered.
        """
        self._loop = hass.loop
        self._provider = provider
        self._inbox = inbox
        self._name = name
        self._stored = stored
        self._task: asyncio.Task[None] | None = None
        self._page: Page | None = None
        self._is_asking = False
        self._again = False
        self._is_stopping = False
        self.loss = Loss(inbox, provider, name)
        self.polls: deque[Poll] = deque(maxlen=POLLS_REMEMBERED)

    @property
    def is_running(self) -> bool:
        """Whether a poll is under way."""
        return self._task is not None and not self._task.done()

    @callback
    def rename(self, name: str) -> None:
        """Use the account's new name in the log."""
        self._name = self.loss.name = name

    @callback
    def poll_again(self) -> None:
        """Request one more page at the end of the poll that is under way, since it may have begun too early."""
        self._again = True

    async def async_poll(self) -> Poll:
        """Poll, or wait for the poll that is under way; the poll goes on even if its caller is cancelled.

        Raises:
            CancelledError: The account is being unloaded.
            ProviderError: One of its kinds.
            StoreError: A page could not be stored; it is kept.
        """
        if self._is_stopping:
            raise asyncio.CancelledError
        if not self._task or self._task.done():
            self.polls.append(Poll(started=dt_util.utcnow()))
            self._task = create_eager_task(self._async_poll(self.polls[-1]), loop=self._loop)
            self._task.add_done_callback(_retrieve)
        task, poll = self._task, self.polls[-1]
        # Cancelling the caller must not end the poll; then `async_stop` sees its outcome.
        await asyncio.wait({task})
        task.result()
        return poll

    async def async_stop(self) -> bool:
        """End the poll that is under way; return whether no message can be lost by that.

        A request without an answer yet is cancelled. A page that is being stored is stored to the end, and an answer
        that has begun to arrive is awaited if the provider's reads consume, since it can't be read again.
        """
        self._is_stopping = True
        if self._task and not self._task.done():
            if not self._page and not (self._provider.consumes and self._provider.is_receiving):
                self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled() and (err := self._task.exception()):
                _LOGGER.error("The last page of %s was not stored: %s", self._name, err)
        return not self._provider.consumes or not (self._is_asking or self._page)

    async def _async_poll(self, poll: Poll) -> None:
        """Read the inbox to its end."""
        began = self._loop.time()
        try:
            more, self._again = True, False
            while (more or self._again) and not self._is_stopping:
                # Later pages of a list may not show what has come since: a request for one more waits for their end.
                if not more:
                    self._again = False
                more = await self._async_handle_page(poll)
        except (ProviderError, StoreError) as err:
            poll.error = f"{type(err).__name__}: {err}"
            raise
        finally:
            poll.seconds = self._loop.time() - began

    async def _async_handle_page(self, poll: Poll) -> bool:
        """Fetch a page, store it and confirm it; return whether another page follows at once."""
        page = self._page = self._page or await self._async_fetch()
        new = await self._inbox.async_receive(page, self._provider.clock_offset, self._stored)
        self._page = None
        poll.pages += 1
        poll.messages += len(page.messages)
        poll.new += new
        _LOGGER.debug("Page of %s: %d messages, %d new, more: %s", self._name, len(page.messages), new, page.more)
        unconfirmed = await self._async_acknowledge(page)
        caught_up = page.arrived_during_poll or not page.more
        await self.loss.async_look(self._inbox.state.last_received_at, self._loop.time(), caught_up=caught_up)
        return page.more or unconfirmed

    async def _async_acknowledge(self, page: Page) -> bool:
        """Confirm a page to the provider; after an error that is done when a later page shows its messages again."""
        try:
            return await self._provider.acknowledge(page)
        except (TemporaryError, ProtocolError) as err:
            _LOGGER.debug("A page of %s will be confirmed later: %s", self._name, err)
            return False

    async def _async_fetch(self) -> Page:
        """Fetch a page; an answer that was not understood is quarantined if it can't be read again."""
        self._is_asking = True
        try:
            page = await self._provider.fetch(self._inbox.state.cursor)
        except ProviderError as err:
            self._is_asking = False
            if isinstance(err, (TemporaryError, ProtocolError)):
                await self._async_note_loss()
            if self._provider.consumes and err.raw:
                await self._inbox.async_quarantine(err.raw)
            raise
        self._is_asking = False
        return page

    async def _async_note_loss(self) -> None:
        """Remember, also across a crash, that an answer broke off whose messages can't be read again."""
        state = self._inbox.state
        if self._provider.consumes and state.last_received_at and not state.first_run:
            self.loss.note(state.last_received_at, self._loop.time())
            try:
                await self._inbox.async_set_loss(self.loss.since)
            except StoreError as err:
                _LOGGER.debug("A possible loss of %s was not stored: %s", self._name, err)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Retrieve a task's exception, so that asyncio doesn't log it; the task's callers report it."""
    if not task.cancelled():
        task.exception()
