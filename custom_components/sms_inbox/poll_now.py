"""Polling because a webhook asked for it."""

from collections.abc import Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

BURST = (2.0, 5.0, 15.0, 30.0)  # seconds
SHORTEST_DISTANCE = 1.0


class PollNow:
    """Has a provider polled at once, and again after 2, 5, 15 and 30 seconds as long as nothing new has come.

    A vendor may send its webhook request before its list shows the message. However many requests come, there is no
    more than one poll a second.
    """

    def __init__(self, hass: HomeAssistant, poll: Callable[[], None]) -> None:
        """Take what polls."""
        self._hass = hass
        self._poll = poll
        self._left: list[float] = []
        self._timer: CALLBACK_TYPE | None = None
        self._due = 0.0
        self._not_before = 0.0

    @callback
    def start(self) -> None:
        """Poll as soon as possible."""
        self._left = list(BURST)
        self._poll_at(self._hass.loop.time())

    @callback
    def wait(self, seconds: float) -> None:
        """Let some seconds pass first: the provider asked for that."""
        self._not_before = max(self._not_before, self._hass.loop.time() + seconds)

    @callback
    def note(self, *, new: bool) -> None:
        """Take note of a poll that has ended: if something new has come, that was it."""
        if new:
            self.stop()
        elif self._left and not self._timer:
            self._poll_at(self._hass.loop.time() + self._left.pop(0))

    @callback
    def stop(self) -> None:
        """Poll no more."""
        self._left = []
        if self._timer:
            self._timer()
            self._timer = None

    @callback
    def _poll_at(self, due: float) -> None:
        """Poll at a time of the event loop, unless that is to happen earlier anyway."""
        due = max(due, self._not_before)
        if self._timer:
            if self._due <= due:
                return
            self._timer()
            self._timer = None
        self._due = due
        seconds = due - self._hass.loop.time()
        if seconds > 0:
            self._timer = async_call_later(self._hass, seconds, self._async_poll)
        else:
            self._async_poll()

    @callback
    def _async_poll(self, _: datetime | None = None) -> None:
        """Poll, and not again within a second."""
        self._timer = None
        self.wait(SHORTEST_DISTANCE)
        self._poll()
