"""The button that polls the provider at once."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmsInboxConfigEntry
from .entity import SmsInboxEntity, async_remove_former

PARALLEL_UPDATES = 0

CHECK_NOW = ButtonEntityDescription(
    key="check_now", translation_key="check_now", entity_category=EntityCategory.DIAGNOSTIC
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the button of an account, if its provider can be polled."""
    if entry.runtime_data.provider.interval:
        async_add_entities([SmsInboxButton(entry.runtime_data, CHECK_NOW)])
    else:
        async_remove_former(hass, entry, Platform.BUTTON, CHECK_NOW.key)


class SmsInboxButton(SmsInboxEntity, ButtonEntity):
    """Polls the provider without waiting for the next poll; most useful when the last one failed."""

    @property
    @override
    def available(self) -> bool:
        """Whether it can be pressed: always."""
        return True

    @override
    async def async_press(self) -> None:
        """Poll now: a new message is there when this returns, and an error is shown to whoever pressed the button."""
        await self.coordinator.async_check_now()
