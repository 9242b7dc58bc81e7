"""Sensors: what the last message of an account says, how many there were, and what was sent.

Each change of a sensor without a unit is a line in Home Assistant's activity, beside the one of the message itself. So
only the last message is enabled by default; its attributes hold what the others show. An attribute `state_class` would
keep a sensor out of the activity, but the front end draws the history of such a sensor as numbers: it would be empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
import logging
import sqlite3
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import CONF_WEBHOOK_ID, MATCH_ALL, MAX_LENGTH_STATE_STATE, EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .coordinator import SmsInboxConfigEntry
from .entity import SmsInboxEntity, SmsInboxMessageEntity, SmsInboxSummaryEntity, async_remove_former
from .inbox import SIGNAL_WEBHOOK, Inbox, async_get_store
from .sent import SIGNAL_SENT
from .store import StoreError, sent

_LOGGER = logging.getLogger(__name__)

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SmsInboxSensorDescription(SensorEntityDescription):
    """A sensor that shows something of the inbox.

    Attributes:
        value_fn: Its state.
        attributes_fn: Its attributes.
    """

    value_fn: Callable[[Inbox], StateType | datetime]
    attributes_fn: Callable[[Inbox], Mapping[str, Any] | None] = lambda _: None


LAST_MESSAGE = SmsInboxSensorDescription(
    key="last_message",
    translation_key="last_message",
    value_fn=lambda inbox: inbox.latest["text"][:MAX_LENGTH_STATE_STATE] if inbox.latest else None,
    attributes_fn=lambda inbox: inbox.latest,
)
SUMMARIES = (
    SmsInboxSensorDescription(
        key="last_received",
        translation_key="last_received",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=lambda inbox: datetime.fromisoformat(inbox.latest["received_at"]) if inbox.latest else None,
    ),
    SmsInboxSensorDescription(
        key="last_sender",
        translation_key="last_sender",
        entity_registry_enabled_default=False,
        value_fn=lambda inbox: inbox.latest["sender"][:MAX_LENGTH_STATE_STATE] if inbox.latest else None,
    ),
    SmsInboxSensorDescription(
        key="messages_received",
        translation_key="messages_received",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda inbox: inbox.delivered,
    ),
)
LAST_WEBHOOK = SmsInboxSensorDescription(
    key="last_webhook",
    translation_key="last_webhook",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
    value_fn=lambda inbox: inbox.last_webhook_at,
)


@dataclass(frozen=True, kw_only=True)
class SmsInboxSentDescription(SensorEntityDescription):
    """A sensor that shows something of what was sent.

    Attributes:
        read_fn: Reads its state from the store, by the account, and the time at which the day began.
    """

    read_fn: Callable[[sqlite3.Connection, str, datetime], StateType | datetime]


SENT = (
    SmsInboxSentDescription(
        key="last_sent",
        translation_key="last_sent",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read_fn=sent.last_accepted,
    ),
    SmsInboxSentDescription(
        key="sent_today",
        translation_key="sent_today",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.TOTAL_INCREASING,
        read_fn=sent.parts_accepted,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of an account."""
    coordinator = entry.runtime_data
    async_add_entities([LastMessageSensor(coordinator, LAST_MESSAGE)])
    async_add_entities(SummarySensor(coordinator, description) for description in SUMMARIES)
    if coordinator.outbox:
        async_add_entities((SentSensor(coordinator, each) for each in SENT), update_before_add=True)
    else:
        for each in SENT:
            async_remove_former(hass, entry, Platform.SENSOR, each.key)
    if CONF_WEBHOOK_ID in entry.options:
        async_add_entities([LastWebhookSensor(coordinator, LAST_WEBHOOK)])
    else:
        async_remove_former(hass, entry, Platform.SENSOR, LAST_WEBHOOK.key)


class SmsInboxSensor(SmsInboxEntity, SensorEntity):
    """A sensor of the inbox; what it showed before a restart comes from the store."""

    # The full text is for automations and people, not for the history.
    _unrecorded_attributes = frozenset({MATCH_ALL})
    entity_description: SmsInboxSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return what it shows."""
        return self.entity_description.value_fn(self.coordinator.inbox)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return all fields of the last message where the sensor shows them."""
        return self.entity_description.attributes_fn(self.coordinator.inbox)


class LastMessageSensor(SmsInboxSensor, SmsInboxMessageEntity):
    """The last message; each message is a state of it."""


class SummarySensor(SmsInboxSensor, SmsInboxSummaryEntity):
    """A sensor that sums up."""


class LastWebhookSensor(SmsInboxSensor):
    """When the last webhook request came, whether a message came with it or not."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for webhook requests."""
        await super().async_added_to_hass()
        signal = SIGNAL_WEBHOOK.format(self.coordinator.config_entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self.async_write_ha_state))


class SentSensor(SmsInboxEntity, SensorEntity):
    """A sensor of what was sent, as the store has it; it begins anew at midnight."""

    entity_description: SmsInboxSentDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for texts whose state has changed, and for midnight."""
        await super().async_added_to_hass()
        signal = SIGNAL_SENT.format(self.coordinator.config_entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._refresh))
        self.async_on_remove(async_track_time_change(self.hass, self._refresh, hour=0, minute=0, second=0))

    @override
    async def async_update(self) -> None:
        """Read the state from the store; while that fails, it stays."""
        read, account = self.entity_description.read_fn, self.coordinator.config_entry.entry_id
        try:
            self._attr_native_value = await async_get_store(self.hass).read(read, account, dt_util.start_of_local_day())
        except StoreError as err:
            _LOGGER.debug("What was sent from %s can't be read: %s", self.coordinator.name, err)

    @callback
    def _refresh(self, *_: datetime) -> None:
        """Show what has changed."""
        self.async_schedule_update_ha_state(force_refresh=True)
