"""Sensors: the last message of an account, and when it was received."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import MATCH_ALL, MAX_LENGTH_STATE_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import SmsInboxConfigEntry
from .entity import SmsInboxEntity

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SmsInboxSensorDescription(SensorEntityDescription):
    """A sensor that shows something of the last message.

    Attributes:
        value_fn: Its state, from the event data of the message.
        attributes_fn: Its attributes, likewise.
    """

    value_fn: Callable[[dict[str, Any]], StateType | datetime]
    attributes_fn: Callable[[dict[str, Any]], Mapping[str, Any] | None] = lambda _: None


SENSORS = (
    SmsInboxSensorDescription(
        key="last_message",
        translation_key="last_message",
        value_fn=lambda message: message["text"][:MAX_LENGTH_STATE_STATE],
        attributes_fn=lambda message: message,
    ),
    SmsInboxSensorDescription(
        key="last_received",
        translation_key="last_received",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda message: datetime.fromisoformat(message["received_at"]),
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: SmsInboxConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of an account."""
    async_add_entities(SmsInboxSensor(entry.runtime_data, description) for description in SENSORS)


class SmsInboxSensor(SmsInboxEntity, SensorEntity):
    """A sensor of the last message; what it showed before a restart comes from the store."""

    # The full text is for automations and people, not for the history.
    _unrecorded_attributes = frozenset({MATCH_ALL})
    entity_description: SmsInboxSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return what the last message says."""
        message = self.coordinator.inbox.latest
        return self.entity_description.value_fn(message) if message else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return all fields of the last message where the sensor shows them."""
        message = self.coordinator.inbox.latest
        return self.entity_description.attributes_fn(message) if message else None
