"""The accounts in the target of a trigger or a condition, named by device, entity, area, floor or label."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from .const import DOMAIN


def check_target(hass: HomeAssistant, target: Mapping[str, Any]) -> None:
    """Refuse devices and entities of other integrations; what isn't registered (any more) is accepted, see `missing`.

    Raises:
        vol.Invalid: One was found.
    """
    devices, entities = dr.async_get(hass), er.async_get(hass)
    for device_id in target.get(ATTR_DEVICE_ID, ()):
        if (device := devices.async_get(device_id)) and not _accounts_of(device):
            raise vol.Invalid(f"Device {device_id} is not an account of SMS Inbox", path=[CONF_TARGET, ATTR_DEVICE_ID])
    for entity_id in target.get(ATTR_ENTITY_ID, ()):
        if (entity := entities.async_get(entity_id)) and entity.platform != DOMAIN:
            raise vol.Invalid(f"{entity_id} is not an entity of SMS Inbox", path=[CONF_TARGET, ATTR_ENTITY_ID])


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
        entity = entities.async_get(entity_id)
        if entity and entity.platform == DOMAIN and entity.config_entry_id:
            accounts.add(entity.config_entry_id)
    return frozenset(accounts)


def missing(hass: HomeAssistant, selection: TargetSelection) -> set[str]:
    """Return the ids of selected devices and entities that aren't registered, such as those of a removed account."""
    devices, entities = dr.async_get(hass), er.async_get(hass)
    gone = {each for each in selection.device_ids if not devices.async_get(each)}
    return gone | {each for each in selection.entity_ids if not entities.async_get(each)}


def _accounts_of(device: dr.DeviceEntry | dr.ChildDeviceEntry) -> set[str]:
    """Return the config entry of an account's device; none if it is something else's device."""
    identifiers = device.identifiers if isinstance(device, dr.DeviceEntry) else ()
    return {identifier[1] for identifier in identifiers if identifier[0] == DOMAIN}
