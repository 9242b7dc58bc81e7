"""The event entity: each message is an event of it.

It is disabled by default: the trigger "Text message received" does more, and each event would be another line in Home
Assistant's activity.
"""

from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription, EventExtraStoredData
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmsInboxConfigEntry
from .entity import SmsInboxMessageEntity

PARALLEL_UPDATES = 0

RECEIVED = "received"
MESSAGE = EventEntityDescription(
    key="message", translation_key="message", entity_registry_enabled_default=False, event_types=[RECEIVED]
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: SmsInboxConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the event entity of an account."""
    async_add_entities([SmsInboxEvent(entry.runtime_data, MESSAGE)])


class SmsInboxEvent(SmsInboxMessageEntity, EventEntity):
    """Has an event for each message, with all of its fields as attributes."""

    # The full text is for automations and people, not for the history.
    _unrecorded_attributes = frozenset({MATCH_ALL})

    @property
    @override
    def available(self) -> bool:
        """Whether it can have an event: always, since triggers don't see one that comes from an unavailable entity."""
        return True

    @callback
    @override
    def _handle_message(self, message: dict[str, Any]) -> None:
        """Show a message that was delivered."""
        self._trigger_event(RECEIVED, message)
        super()._handle_message(message)

    @override
    async def async_get_last_state(self) -> State | None:
        """Return the state before a restart: that of the store, if a crash came before it was saved elsewhere."""
        state = await super().async_get_last_state()
        inbox = self.coordinator.inbox
        if not inbox.latest or not inbox.latest_at:
            return state
        if state and state.attributes.get("message_id") == inbox.latest["message_id"]:
            return state
        return State(self.entity_id, inbox.latest_at.isoformat(timespec="milliseconds"))

    @override
    async def async_get_last_event_data(self) -> EventExtraStoredData | None:
        """Return the message before a restart."""
        if message := self.coordinator.inbox.latest:
            return EventExtraStoredData(RECEIVED, message)
        return await super().async_get_last_event_data()
