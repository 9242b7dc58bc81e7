"""The condition "Text message matches"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack, override

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, State
from homeassistant.helpers.condition import Condition, ConditionCheckParams, ConditionConfig
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .filters import async_get_filters
from .matching import MessageFilter, async_validate_filter


class MessageMatchesCondition(Condition):
    """Tests the message that triggered the automation, so that one automation can do several things."""

    _remove: CALLBACK_TYPE | None = None

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Refuse a filter that can never match."""
        return await async_validate_filter(hass, config)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Take options and target, which are validated."""
        super().__init__(hass, config)
        self._filter = MessageFilter.from_config(config.options or {}, config.target)

    @override
    async def _async_setup(self) -> None:
        """Register the filter, so that its regular expression is run before messages are delivered."""
        self._remove = async_get_filters(self._hass).async_add(self._filter)

    @override
    def _async_unload(self) -> None:
        """Remove the filter."""
        if self._remove:
            self._remove()

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Whether the message is meant; without one, it isn't."""
        if not (delivered := _delivered((kwargs.get("variables") or {}).get("trigger"))):
            return False
        return async_get_filters(self._hass).async_match(self._filter, *delivered) is not None


def _delivered(trigger: Any) -> tuple[Mapping[str, Any], datetime] | None:
    """Return the message that triggered the automation, and when it was delivered; None if no new message did.

    The message is in the variables of our own trigger, in the event of an event trigger, or in the state of an entity.
    """
    if not isinstance(trigger, Mapping):
        return None
    message: Mapping[str, Any] = trigger
    delivered_at = dt_util.parse_datetime(str(trigger.get("delivered_at")))
    if isinstance(event := trigger.get("event"), Event):
        message, delivered_at = event.data, event.time_fired
    elif isinstance(state := trigger.get("to_state"), State):
        if _is_replay(trigger.get("from_state"), state):
            return None
        message, delivered_at = state.attributes, state.last_updated
    if "sender" not in message or "text" not in message:
        return None
    return message, delivered_at or dt_util.utcnow()


def _is_replay(before: Any, state: State) -> bool:
    """Whether a state shows an old message again: after a start, a reload, an outage, or a change of something else."""
    if not isinstance(before, State) or before.state == STATE_UNAVAILABLE:
        return True
    return before.state == state.state and before.attributes.get("message_id") == state.attributes.get("message_id")


async def async_get_conditions(_hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return {"message_matches": MessageMatchesCondition}
