"""The accounts in the target of a trigger or a condition, named by device, entity, area, floor or label.

Devices and entities of contacts stand for people, not for accounts: they are refused, and found by area, floor or label
they count for nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from .const import DOMAIN

CONTACT_IN_TARGET: Final = (
    "{} is a contact, not an account of SMS Inbox. Choose accounts here, and contacts in the field Contacts (contact)"
)


def check_target(hass: HomeAssistant, target: Mapping[str, Any]) -> None:
    """Refuse devices and entities of contacts, and those of other integrations.

    What isn't registered (any more) is accepted, see `missing`.

    Raises:
        vol.Invalid: One was found.
    """
    devices, entities = dr.async_get(hass), er.async_get(hass)
    for device_id in target.get(ATTR_DEVICE_ID, ()):
        if (device := devices.async_get(device_id)) and not _accounts_of(device):
            is_contact = device.config_subentry_id and _ids_of(device)
            text = CONTACT_IN_TARGET if is_contact else "Device {} is not an account of SMS Inbox"
            raise vol.Invalid(text.format(device_id), path=[CONF_TARGET, ATTR_DEVICE_ID])
    for entity_id in target.get(ATTR_ENTITY_ID, ()):
        if (entity := entities.async_get(entity_id)) and not _account_of(entity):
            text = CONTACT_IN_TARGET if entity.platform == DOMAIN else "{} is not an entity of SMS Inbox"
            raise vol.Invalid(text.format(entity_id), path=[CONF_TARGET, ATTR_ENTITY_ID])


def selection_of(target: Mapping[str, Any] | None) -> TargetSelection | None:
    """Return what a target selects, None where it is empty and so names every account."""
    selection = TargetSelection(dict(target or {}))
    return selection if selection.has_any_target else None


def accounts_in(hass: HomeAssistant, selection: TargetSelection) -> frozenset[str]:
    """Return the ids of the accounts' config entries; that entities are disabled or hidden changes nothing."""
    found = async_extract_referenced_entity_ids(hass, selection, expand_group=False, primary_entities_only=False)
    devices, entities = dr.async_get(hass), er.async_get(hass)
    accounts: set[str] = set()
    for device_id in found.referenced_devices:
        if device := devices.async_get(device_id):
            accounts |= _accounts_of(device)
    for entity_id in found.referenced | found.indirectly_referenced:
        if (entity := entities.async_get(entity_id)) and (account := _account_of(entity)):
            accounts.add(account)
    return frozenset(accounts)


def missing(hass: HomeAssistant, selection: TargetSelection) -> set[str]:
    """Return the ids of selected devices and entities that aren't registered, such as those of a removed account."""
    devices, entities = dr.async_get(hass), er.async_get(hass)
    gone = {each for each in selection.device_ids if not devices.async_get(each)}
    return gone | {each for each in selection.entity_ids if not entities.async_get(each)}


def _accounts_of(device: dr.DeviceEntry | dr.ChildDeviceEntry) -> set[str]:
    """Return the config entry of an account's device; none if it is a contact's device, or something else's."""
    return set() if device.config_subentry_id else _ids_of(device)


def _ids_of(device: dr.DeviceEntry | dr.ChildDeviceEntry) -> set[str]:
    """Return what of ours a device stands for: a config entry, or a subentry; none if it is something else's."""
    identifiers = device.identifiers if isinstance(device, dr.DeviceEntry) else ()
    return {identifier[1] for identifier in identifiers if identifier[0] == DOMAIN}


def _account_of(entity: er.RegistryEntry) -> str | None:
    """Return the config entry of an account's entity; None if it is a contact's entity, or something else's."""
    return entity.config_entry_id if entity.platform == DOMAIN and not entity.config_subentry_id else None
