"""What all entities of an account share."""

from typing import Any, override

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import SmsInboxConfigEntry, SmsInboxCoordinator
from .inbox import SIGNAL_MESSAGE, SIGNAL_SLICE

SHOWS_MESSAGES = ("message", "last_message")
"""Keys of the entities that show whole messages."""


@callback
def async_remove_former(hass: HomeAssistant, entry: SmsInboxConfigEntry, platform: Platform, key: str) -> None:
    """Remove an entity from the registry that the account had, and has no more."""
    registry = er.async_get(hass)
    if former := registry.async_get_entity_id(platform, DOMAIN, f"{entry.entry_id}_{key}"):
        registry.async_remove(former)


class SmsInboxEntity(CoordinatorEntity[SmsInboxCoordinator]):
    """An entity of an account."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: SmsInboxCoordinator, description: EntityDescription) -> None:
        """Attach to the account's device."""
        super().__init__(coordinator)
        entry_id = coordinator.config_entry.entry_id
        self.entity_description = description
        self._attr_unique_id = f"{entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry_id)})


class SmsInboxMessageEntity(SmsInboxEntity):
    """An entity that changes with each message."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for messages."""
        await super().async_added_to_hass()
        signal = SIGNAL_MESSAGE.format(self.coordinator.config_entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._handle_message))

    @callback
    def _handle_message(self, _: dict[str, Any]) -> None:
        """Show a message that was delivered."""
        self.async_write_ha_state()


class SmsInboxSummaryEntity(SmsInboxEntity):
    """An entity that sums up, and changes once for all messages that are delivered together."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for deliveries."""
        await super().async_added_to_hass()
        signal = SIGNAL_SLICE.format(self.coordinator.config_entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self.async_write_ha_state))
