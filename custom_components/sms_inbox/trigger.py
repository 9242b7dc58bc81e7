"""The trigger "Text message received", and the list of all triggers."""

from typing import Any, override

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerConfig, TriggerNotTriggeredReporter
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .delivery_trigger import DeliveryChangedTrigger
from .dispatcher import SIGNAL_RECEIVED
from .filters import async_get_filters
from .matching import MessageFilter, async_validate_filter
from .phone_numbers import LONGEST_SENDER


class ReceivedTrigger(Trigger):
    """Triggers for each message that is delivered and meant.

    It listens to the dispatcher rather than to an entity or a coordinator: no entity must be enabled, a reload changes
    nothing, and an account that is added later is heard, too.
    """

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Refuse a filter that can never match."""
        return await async_validate_filter(hass, config)

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take options and target, which are validated."""
        super().__init__(hass, config)
        self._filter = MessageFilter.from_config(config.options or {}, config.target)

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action for each message that is meant."""
        filters, message_filter = async_get_filters(self._hass), self._filter

        @callback
        def async_received(message: dict[str, Any]) -> None:
            now = dt_util.utcnow()
            if found := filters.async_match(message_filter, message, now):
                sender = message["contact"] or message["sender_number"] or message["sender"][:LONGEST_SENDER]
                run_action({**message, "delivered_at": now.isoformat(), **found}, f"text message from {sender}")

        remove_filter = filters.async_add(message_filter)
        disconnect = async_dispatcher_connect(self._hass, SIGNAL_RECEIVED, async_received)

        @callback
        def async_detach() -> None:
            disconnect()
            remove_filter()

        return async_detach


async def async_get_triggers(_hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return {"delivery_changed": DeliveryChangedTrigger, "received": ReceivedTrigger}
