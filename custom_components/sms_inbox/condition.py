"""The condition "Text message matches"."""

from collections.abc import Mapping
from typing import Any, Unpack, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.condition import Condition, ConditionCheckParams, ConditionConfig
from homeassistant.helpers.typing import ConfigType

from .matching import FILTER_SCHEMA, MessageFilter, async_validate_filter

SCHEMA = vol.Schema({vol.Required(CONF_OPTIONS, default=dict): FILTER_SCHEMA})


class MessageMatchesCondition(Condition):
    """Tests the message that triggered the automation, so that one automation can do several things."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Refuse a regular expression that is none."""
        config = SCHEMA(config)
        await async_validate_filter(hass, config[CONF_OPTIONS])
        return config

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Take the options, which are validated."""
        super().__init__(hass, config)
        self._wanted = MessageFilter.from_options(config.options or {}, hass.config.country)

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Whether the message is meant; without one, it isn't."""
        message = _message((kwargs.get("variables") or {}).get("trigger"))
        return message is not None and self._wanted.match(message) is not None


def _message(trigger: Any) -> Mapping[str, Any] | None:
    """Return the message that is in the variables of our trigger, of the event's, or of the event entity's."""
    if not isinstance(trigger, Mapping):
        return None
    event, state = trigger.get("event"), trigger.get("to_state")
    message = event.data if isinstance(event, Event) else getattr(state, "attributes", trigger)
    return message if "sender" in message and "text" in message else None


async def async_get_conditions(_hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return {"message_matches": MessageMatchesCondition}
