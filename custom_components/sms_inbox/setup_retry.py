"""Setting accounts up again soon after the store has failed: Home Assistant itself would let ten minutes pass."""

from datetime import datetime

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

SHORTEST_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 60.0


class SetupRetry:
    """Sets up again all accounts for which the store failed, after a pause that grows from 1 s to 1 min."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with the shortest pause."""
        self._hass = hass
        self._job = HassJob(self._async_set_up, cancel_on_shutdown=True)
        self._pause = SHORTEST_PAUSE
        self._failed_at = 0.0
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def start(self) -> None:
        """Set up after a pause; it is the shortest where the last failure was long ago."""
        now = self._hass.loop.time()
        if now - self._failed_at > 2 * LONGEST_PAUSE:
            self._pause = SHORTEST_PAUSE
        self._failed_at = now
        if not self._timer:
            self._timer = async_call_later(self._hass, self._pause, self._job)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    @callback
    def _async_set_up(self, _: datetime) -> None:
        """Set up what Home Assistant would set up later; what fails once more starts the next pause."""
        self._timer = None
        for entry in self._hass.config_entries.async_entries(DOMAIN):
            if entry.state is ConfigEntryState.SETUP_RETRY:
                self._hass.config_entries.async_schedule_reload(entry.entry_id)


@singleton(HassKey[SetupRetry](f"{DOMAIN}_setup_retry"))
@callback
def _async_get(hass: HomeAssistant) -> SetupRetry:
    """Return the only one."""
    return SetupRetry(hass)


@callback
def async_set_up_later(hass: HomeAssistant) -> None:
    """Set up soon again what could not be set up since the store failed."""
    _async_get(hass).start()
