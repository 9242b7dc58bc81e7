"""How often an account is polled: less often while webhook requests announce its messages."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

RELAXED_FACTOR = 4
LEAST_RELAXED, MOST_RELAXED = timedelta(seconds=60), timedelta(minutes=5)
NEARBY = 120.0  # seconds between a message's webhook request and the poll that brings it


class Pace:
    """Decides the pause between two polls of an account with a webhook.

    While each new message comes with a webhook request, the pause is longer: polls only bring what a webhook has
    missed. As soon as a poll brings a message for which no request comes, the webhook counts as failing, and the pause
    is the provider's usual one, until a message comes with a request again.

    Attributes:
        interval: The pause between two polls.
    """

    def __init__(self, hass: HomeAssistant, interval: timedelta, failing: Callable[[bool], None]) -> None:
        """Begin with the usual pause.

        Args:
            hass: Home Assistant.
            interval: The provider's usual pause.
            failing: Called with True when the webhook turns out to fail, and with False when a request has come.
        """
        self._hass = hass
        self._usual = self.interval = interval
        self._failing = failing
        self._requested_at: float | None = None
        self._job = HassJob(self._async_miss, cancel_on_shutdown=True)
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def note_request(self) -> None:
        """Note that a webhook request was accepted."""
        self._requested_at = self._hass.loop.time()
        self.stop()
        self._failing(False)  # noqa: FBT003 - a callback

    @callback
    def note_message(self) -> None:
        """Note that a poll, or a webhook request itself, has brought a new message."""
        now = self._hass.loop.time()
        if self._requested_at is not None and now - self._requested_at <= NEARBY:
            relaxed = min(max(self._usual * RELAXED_FACTOR, LEAST_RELAXED), MOST_RELAXED)
            self.interval = max(relaxed, self._usual)
        elif not self._timer:
            self._timer = async_call_later(self._hass, NEARBY, self._job)

    @callback
    def stop(self) -> None:
        """Wait for no request any more."""
        if self._timer:
            self._timer()
            self._timer = None

    @callback
    def _async_miss(self, _: datetime) -> None:
        """Return to the usual pause: a message came, and no request for it."""
        self._timer = None
        self.interval = self._usual
        self._failing(True)  # noqa: FBT003 - a callback
