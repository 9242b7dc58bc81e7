"""Shows that an account has sent as much as it may, and takes that back once it may send again."""

from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .issues import Issues
from .store import Store, StoreError, outgoing

CHECK_SECONDS: Final = 300.0
SHOWN_AGAIN_SECONDS: Final = 86_400.0


class CapNotice:
    """The issue about the caps of one account; a person sees it once a day at most."""

    def __init__(self, hass: HomeAssistant, account: str, store: Store, issues: Issues) -> None:
        """Begin without the issue."""
        self._hass = hass
        self._account = account
        self._store = store
        self._issues = issues
        self._timer: CALLBACK_TYPE | None = None
        self._shown_at: float | None = None

    @callback
    def async_show(self, caps: outgoing.Caps) -> None:
        """Show that a cap was reached, unless that was shown within a day."""
        now = self._hass.loop.time()
        if self._shown_at is None or now - self._shown_at >= SHOWN_AGAIN_SECONDS:
            self._shown_at = now
            self._issues.async_show_cap()
            self._wait(caps)

    @callback
    def async_stop(self) -> None:
        """Take it back: when the account is loaded again, its caps may be others."""
        if self._timer:
            self._timer()
            self._timer = None
        self._issues.async_clear_cap()

    @callback
    def _wait(self, caps: outgoing.Caps) -> None:
        """Look after some minutes whether the account may send again."""
        if self._timer:
            self._timer()
        self._timer = async_call_later(self._hass, CHECK_SECONDS, partial(self._async_check, caps))

    async def _async_check(self, caps: outgoing.Caps, _: datetime) -> None:
        """Take it back if the account may send again."""
        self._timer = None
        try:
            has_room = await self._store.read(outgoing.has_room, self._account, caps)
        except StoreError:
            has_room = False
        if has_room:
            self._issues.async_clear_cap()
        else:
            self._wait(caps)
