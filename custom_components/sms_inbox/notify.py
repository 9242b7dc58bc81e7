"""Notify entities: one for each contact of an account that can send, on a device of its own."""

from typing import override

from homeassistant.components.notify import NotifyEntity
from homeassistant.components.notify.const import NotifyEntityFeature
from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
    ConfigSubentry,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .compose import Order, async_send, raise_for, recipient_of
from .const import CONF_PROVIDER, DOMAIN
from .contacts import CONF_NUMBER, contacts_of
from .coordinator import SmsInboxConfigEntry
from .providers.sending import SENDING

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the notify entities of an account, and follow its contacts from now on."""
    if entry.data[CONF_PROVIDER] not in SENDING:
        return
    known, devices = set[str](), dr.async_get(hass)

    @callback
    def async_follow() -> None:
        """Add the entities of new contacts, and rename the devices of others; core removes those of removed ones."""
        for contact in contacts_of(entry):
            key = contact.subentry_id
            if key not in known:
                known.add(key)
                async_add_entities([ContactEntity(hass, entry, contact)], config_subentry_id=key)
            elif device := devices.async_get_device_by_identifier((DOMAIN, key), entry.entry_id):
                devices.async_update_device(device.id, name=contact.title)

    @callback
    def async_note_change(_: ConfigEntryChange, changed: ConfigEntry) -> None:
        if changed is entry and entry.state is ConfigEntryState.LOADED:
            async_follow()

    async_follow()
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, async_note_change))


class ContactEntity(NotifyEntity):
    """Sends text messages to one contact."""

    _attr_has_entity_name = True
    _attr_name = None
    _attr_supported_features = NotifyEntityFeature.TITLE

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry, contact: ConfigSubentry) -> None:
        """Show the contact as a device behind the account's."""
        self._entry = entry
        self._contact_id = contact.subentry_id
        self._attr_unique_id = contact.subentry_id
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, contact.subentry_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=contact.title,
            via_device_id=dr.async_get_device_id_by_identifier(
                hass, (DOMAIN, entry.entry_id), config_entry_id=entry.entry_id
            ),
        )

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Send a text message, with the title as its first line; wait a while for the vendor's answer.

        Raises:
            ServiceValidationError: Nothing was stored; the error says what to change.
            HomeAssistantError: It was not sent, or it is unknown whether it was.
        """
        number = self._entry.subentries[self._contact_id].data[CONF_NUMBER]
        order = Order(
            recipients=[recipient_of(self.hass, self._entry, number)], text=f"{title}\n{message}" if title else message
        )
        raise_for(self._entry, await async_send(self._entry, order, self._context))
