"""The trigger "Text message received"."""

from typing import Any, override

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID, CONF_OPTIONS
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerConfig, TriggerNotTriggeredReporter
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .dispatcher import SIGNAL_RECEIVED
from .matching import FILTER_SCHEMA, MessageFilter, async_validate_filter

SCHEMA = vol.Schema(
    {
        vol.Required(CONF_OPTIONS, default=dict): {
            vol.Optional(ATTR_DEVICE_ID, default=list): vol.All(cv.ensure_list, [cv.string]),
            **FILTER_SCHEMA,
        },
    }
)


class ReceivedTrigger(Trigger):
    """Triggers for each message that is delivered and meant.

    It listens to the dispatcher rather than to an entity or a coordinator: no entity must be enabled, a reload changes
    nothing, and an account that is added later is heard, too.
    """

    _options: dict[str, Any]

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Refuse a device that is no account, and a regular expression that is none."""
        config = SCHEMA(config)
        for device_id in config[CONF_OPTIONS][ATTR_DEVICE_ID]:
            device = dr.async_get(hass).async_get(device_id)
            if not device or DOMAIN not in {identifier[0] for identifier in device.identifiers}:
                raise vol.Invalid(f"Device {device_id} is no account of SMS Inbox", path=[ATTR_DEVICE_ID])
        await async_validate_filter(hass, config[CONF_OPTIONS])
        return config

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take the options, which are validated."""
        super().__init__(hass, config)
        self._options = config.options or {}

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action for each message that is meant."""
        devices = set(self._options[ATTR_DEVICE_ID])
        wanted = MessageFilter.from_options(self._options, self._hass.config.country)

        @callback
        def async_received(message: dict[str, Any]) -> None:
            if devices and message[ATTR_DEVICE_ID] not in devices:
                return
            if (found := wanted.match(message)) is not None:
                run_action({**message, **found}, f"text message from {message['sender']}")

        return async_dispatcher_connect(self._hass, SIGNAL_RECEIVED, async_received)


async def async_get_triggers(_hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return {"received": ReceivedTrigger}
