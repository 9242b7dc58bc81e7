"""The delivery reports of one account: those that the vendor sends, and those that it is asked for."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
import logging
import math
import sys
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .model import Report
from .providers.errors import ProviderError
from .providers.sending import Sending
from .store import Store, outgoing, transitions

_LOGGER = logging.getLogger(__name__)

PAUSES: Final = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Pauses between the questions for reports after a text was taken, in seconds; the last one is repeated."""
UNTIL: Final = timedelta(hours=72)
AT_ONCE: Final = 50
MOST_UNKNOWN: Final = 100


class DeliveryReports:
    """Collects reports until they are stored, and plans when to ask for more.

    Attributes:
        waiting: Reports that are not stored yet.
        due: When the vendor is asked next, by the event loop's clock; infinite where nothing is open.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, store: Store, sending: Sending) -> None:
        """Plan a first question: there may be open texts in the store."""
        self.waiting: list[Report] = []
        self.due = 0.0 if sending.polls_reports else math.inf
        self._hass = hass
        self._entry = entry
        self._store = store
        self._sending = sending
        self._round = 0
        self._before = sys.maxsize
        self._unknown: list[Report] = []

    def note(self, reports: Iterable[Report]) -> None:
        """Take reports that the vendor has sent."""
        self.waiting.extend(reports)

    def note_taken(self, *, is_final: bool) -> None:
        """Note that the vendor has taken a text: ask for its report soon, and look at reports that came too early."""
        self.waiting.extend(self._unknown)
        self._unknown.clear()
        if self._sending.polls_reports and not is_final:
            self.due, self._round = min(self.due, self._hass.loop.time() + PAUSES[0]), 0

    def ask_now(self) -> None:
        """Ask now, if something is open."""
        if self.due < math.inf:
            self.due = 0.0

    async def async_store(self, *, keep_unknown: bool = False) -> Sequence[transitions.Change]:
        """Store what is waiting; return the texts whose state has changed.

        Args:
            keep_unknown: Whether a report of a text that is not known may be of one whose answer was lost. It is
                looked at again when the vendor's id of that one is known.

        Raises:
            StoreError: The reports are still waiting.
        """
        reports = self.waiting[:]
        changes, unknown = await self._store.write(transitions.report, self._entry.entry_id, reports)
        del self.waiting[: len(reports)]
        if keep_unknown:
            self._unknown = [*self._unknown, *unknown][-MOST_UNKNOWN:]
        return changes

    async def async_ask(self) -> None:
        """Ask the vendor what has become of what it took, less and less often, until nothing is open.

        Where more is open than one question may be about, the next question is about the older ones.

        Raises:
            StoreError: It is not known what is open.
        """
        now, is_first = self._hass.loop.time(), self._before == sys.maxsize
        self.due = now + PAUSES[min(self._round, len(PAUSES) - 1)]
        since, before, self._before = dt_util.utcnow() - UNTIL, self._before, sys.maxsize
        account = self._entry.entry_id
        asked = await self._store.read(outgoing.waiting, account, since, before=before, limit=AT_ONCE)
        if not asked:
            self.due = math.inf if is_first else now
            return
        if len(asked) == AT_ONCE:
            self._before = asked[-1].sequence
        self._round += 1
        try:
            self.waiting.extend(await self._sending.reports([each.outgoing for each in asked]))
        except ProviderError as err:
            _LOGGER.debug("There are no delivery reports of %s: %s", self._entry.title, err)
