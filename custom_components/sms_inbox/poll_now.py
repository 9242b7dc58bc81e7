"""Polls because of a webhook request, and again until the announced message has come."""

from collections.abc import Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

BURST = (2.0, 5.0, 15.0, 30.0)  # seconds
SHORTEST_DISTANCE = 1.0  # seconds


class PollNow:
    """Polls a provider at once, and again after 2, 5, 15 and 30 seconds as long as no new message has come.

    A vendor may send its webhook request before its list shows the message. However many requests come, there is no
    more than one poll a second. The polling ends when as many new messages have come as there were requests, so that
    the first of two announced messages doesn't end the wait for the second.
    """

    def __init__(self, hass: HomeAssistant, poll: Callable[[], None]) -> None:
        """Take the function that begins a poll."""
        self._hass = hass
        self._poll = poll
        self._job = HassJob(self._async_poll, cancel_on_shutdown=True)
        self._left: list[float] = []
        self._expected = 0
        self._is_requested = False
        self._is_stopped = False
        self._timer: CALLBACK_TYPE | None = None
        self._due = 0.0
        self._not_before = 0.0

    @callback
    def start(self) -> None:
        """Poll as soon as possible."""
        self._expected += 1
        self._left = list(BURST)
        self._is_requested = True
        self._poll_at(self._hass.loop.time())

    @callback
    def wait(self, seconds: float) -> None:
        """Don't poll for some seconds: the provider asked for that, or refuses the credentials."""
        self._not_before = max(self._not_before, self._hass.loop.time() + seconds)

    @callback
    def note(self, *, new: int, retry: float | None = None) -> None:
        """Take note of a poll that has ended.

        Args:
            new: How many new messages it brought.
            retry: In how many seconds to repeat a failed poll; None if it did not fail or is repeated otherwise.
        """
        self._expected = max(self._expected - new, 0)
        if new and not self._expected:
            self._left = []
        if not self._is_requested:
            if not self._left:
                self._cancel()
            elif not self._timer:
                self._poll_at(self._hass.loop.time() + self._left.pop(0))
        if retry is not None:
            self._poll_at(self._hass.loop.time() + retry)

    @callback
    def stop(self) -> None:
        """Poll no more, for good."""
        self._is_stopped = True
        self._cancel()

    @callback
    def _cancel(self) -> None:
        """Cancel the planned polls, and expect no message until the next request."""
        self._left, self._expected = [], 0
        if self._timer:
            self._timer()
            self._timer = None

    @callback
    def _poll_at(self, due: float) -> None:
        """Poll at a time of the event loop, unless a poll is planned before that."""
        due = max(due, self._not_before)
        if self._is_stopped or (self._timer and self._due <= due):
            return
        if self._timer:
            self._timer()
            self._timer = None
        seconds = due - self._hass.loop.time()
        if seconds > 0:
            self._due = due
            self._timer = async_call_later(self._hass, seconds, self._job)
        else:
            self._is_requested = False
            self._not_before = self._hass.loop.time() + SHORTEST_DISTANCE
            self._poll()

    @callback
    def _async_poll(self, _: datetime) -> None:
        """Poll, unless the provider has asked meanwhile to wait for longer."""
        self._timer = None
        self._poll_at(self._hass.loop.time())
