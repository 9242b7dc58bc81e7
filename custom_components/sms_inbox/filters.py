"""The filters of all running automations: matches messages, and reports slow expressions and removed accounts.

A regular expression can take extremely long for some texts, and the senders of messages choose the texts. So, before a
message is delivered, the regular expressions that it will be compared with are run: for a moment in the event loop, and
if that isn't enough, in a thread with a time limit. Triggers and conditions then use the stored results.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from functools import partial
import hashlib
import logging
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.event_type import EventType
from homeassistant.util.hass_dict import HassKey

from . import issues
from .const import DOMAIN
from .contacts import numbers_of
from .matching import MessageFilter
from .targets import accounts_in, missing
from .texts import LONGEST_TEXT, Expression, Found

_LOGGER = logging.getLogger(__name__)

LIMIT_SECONDS: Final = 0.05
MOMENT_SECONDS: Final = 0.001
UNPREPARED_SECONDS: Final = 0.002  # for a message that was not delivered just now, such as after a delay
REMEMBERED: Final = 16  # texts
NOTHING: Final = Found(groups=(), named_groups={})
REGISTRIES: Final[tuple[EventType[Any], ...]] = (
    ar.EVENT_AREA_REGISTRY_UPDATED,
    dr.EVENT_DEVICE_REGISTRY_UPDATED,
    er.EVENT_ENTITY_REGISTRY_UPDATED,
)
"""Which accounts a target selects changes with these; removing a floor or a label updates areas, devices, entities."""


class Filters:
    """The filters of the triggers and conditions that are in use."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without any, and follow which accounts are in their targets."""
        self._hass = hass
        self._filters: dict[int, MessageFilter] = {}
        self._accounts: dict[MessageFilter, frozenset[str]] = {}
        self._found: OrderedDict[str, dict[Expression, Found | None]] = OrderedDict()
        self._gone: set[str] = set()
        for event_type in REGISTRIES:
            hass.bus.async_listen(event_type, self._async_check_accounts)

    @callback
    def async_add(self, message_filter: MessageFilter) -> CALLBACK_TYPE:
        """Add a filter that is in use; return a function that removes it."""
        key = id(message_filter)
        self._filters[key] = message_filter
        self._async_check_accounts()

        @callback
        def async_remove() -> None:
            if self._filters.pop(key, None) is None:
                return
            self._async_check_accounts()
            expression = message_filter.expression
            if expression and expression not in {other.expression for other in self._filters.values()}:
                issues.async_clear_slow_expression(self._hass, _id_of(expression))

        return async_remove

    async def async_prepare(self, message: Mapping[str, Any]) -> None:
        """Run the regular expressions that a message will be compared with, before it is delivered.

        Other tasks only run meanwhile if the expressions take longer than a moment.
        """
        now, text = dt_util.utcnow(), _text_of(message)
        wanted = {
            each.expression: None
            for each in self._filters.values()
            if each.expression and self._admits(each, message, now)
        }
        until = self._hass.loop.time() + MOMENT_SECONDS
        for expression in wanted:
            if expression in self._found.get(text, {}):
                continue
            seconds = until - self._hass.loop.time()
            try:
                # Once the moment is over, the remaining expressions run in a thread.
                found = expression.search(text, seconds) if seconds > 0 else await self._async_search(expression, text)
            except TimeoutError, MemoryError:
                found = await self._async_search(expression, text)
            self._remember(expression, text, found)

    @callback
    def async_match(
        self, message_filter: MessageFilter, message: Mapping[str, Any], delivered_at: datetime
    ) -> dict[str, Any] | None:
        """Return what a filter finds in a message (`groups`, `named_groups`), None where the message isn't meant."""
        if not self._admits(message_filter, message, delivered_at):
            return None
        text = _text_of(message)
        if message_filter.compare and not message_filter.compare(text):
            return None
        found = self._search(message_filter.expression, text) if message_filter.expression else NOTHING
        return None if found is None else {"groups": list(found.groups), "named_groups": dict(found.named_groups)}

    def _admits(self, message_filter: MessageFilter, message: Mapping[str, Any], delivered_at: datetime) -> bool:
        """Whether a message is meant as far as account, sender and age say; the contacts' present numbers count."""
        if message_filter.target:
            if message_filter not in self._accounts:
                self._accounts[message_filter] = accounts_in(self._hass, message_filter.target)
            if message.get(ATTR_CONFIG_ENTRY_ID) not in self._accounts[message_filter]:
                return False
        numbers = numbers_of(self._hass, message_filter.contacts)
        return message_filter.admits(message, delivered_at, self._hass.config.country, numbers)

    def _search(self, expression: Expression, text: str) -> Found | None:
        """Return the result of `async_prepare`; without one, search now, but only briefly."""
        if expression in (known := self._found.get(text, {})):
            return known[expression]
        found = None
        try:
            found = expression.search(text, UNPREPARED_SECONDS)
        except TimeoutError, MemoryError:
            self._report(expression)
        self._remember(expression, text, found)
        return found

    async def _async_search(self, expression: Expression, text: str) -> Found | None:
        """Search in a thread; None if nothing is found within the time limit."""
        search = partial(expression.search, text, LIMIT_SECONDS, in_thread=True)
        try:
            return await self._hass.async_add_executor_job(search)
        except TimeoutError:
            self._report(expression)
        except (MemoryError, RuntimeError) as err:
            # Too little memory, or Home Assistant is stopping: the other messages must still be delivered.
            _LOGGER.debug("A regular expression could not be run: %s", type(err).__name__)
        return None

    def _remember(self, expression: Expression, text: str, found: Found | None) -> None:
        """Store a result; the results for the text that was used longest ago are dropped."""
        self._found.setdefault(text, {})[expression] = found
        self._found.move_to_end(text)
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)

    def _report(self, expression: Expression) -> None:
        """Show that an expression takes too long."""
        issues.async_show_slow_expression(self._hass, _id_of(expression), expression.pattern)

    @callback
    def _async_check_accounts(self, *_: Any) -> None:
        """Forget which accounts are in a target, and show which of the named ones have been removed."""
        self._accounts.clear()
        gone = {each for one in self._filters.values() if one.target for each in missing(self._hass, one.target)}
        for account in gone - self._gone:
            issues.async_show_account_gone(self._hass, account)
        for account in self._gone - gone:
            issues.async_clear_account_gone(self._hass, account)
        self._gone = gone


def _text_of(message: Mapping[str, Any]) -> str:
    """Return the part of a message's text that is compared."""
    return str(message.get("text") or "")[:LONGEST_TEXT]


def _id_of(expression: Expression) -> str:
    """Return a short id of an expression."""
    return hashlib.sha256(expression.pattern.encode("utf-8", "replace")).hexdigest()[:12]


@singleton(HassKey[Filters](f"{DOMAIN}_filters"))
@callback
def async_get_filters(hass: HomeAssistant) -> Filters:
    """Return the filters of this Home Assistant."""
    return Filters(hass)
