"""Contacts: the people whom an account knows by name, each a subentry of its config entry.

They are read from the config entries whenever they are needed, so that adding, changing or removing one needs no
reload.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .texts import plain

CONTACT: Final = "contact"
"""The type of the subentries."""
CONF_NUMBER: Final = "number"
"""E.164."""
CONF_OWN_SENDER: Final = "sender"
"""What is the sender of texts to this contact, instead of the account's; may be left out."""


def contacts_of(entry: ConfigEntry) -> Iterator[ConfigSubentry]:
    """Yield the contacts of an account."""
    return (each for each in entry.subentries.values() if each.subentry_type == CONTACT)


def contact_with(entry: ConfigEntry, number: str | None) -> ConfigSubentry | None:
    """Return an account's contact with a number in E.164, None where there is none."""
    return next((each for each in contacts_of(entry) if number and each.data[CONF_NUMBER] == number), None)


def find_contact(hass: HomeAssistant, account: str, number: str | None) -> ConfigSubentry | None:
    """Return the contact with a number in E.164: that of the account, else that of any other account."""
    found = None
    for entry in hass.config_entries.async_entries(DOMAIN) if number else ():
        if entry.subentries and (contact := contact_with(entry, number)):
            if entry.entry_id == account:
                return contact
            found = found or contact
    return found


def contacts_named(hass: HomeAssistant, named: str) -> list[ConfigSubentry]:
    """Return the contacts that a person means: that of a notify entity's id, else those of a name, of all accounts."""
    if entity := er.async_get(hass).async_get(named):
        entry = hass.config_entries.async_get_entry(entity.config_entry_id or "")
        contact = entry.subentries.get(entity.config_subentry_id or "") if entry and entity.platform == DOMAIN else None
        return [contact] if contact and contact.subentry_type == CONTACT else []
    name = _plain_name(named)
    contacts = (each for entry in hass.config_entries.async_entries(DOMAIN) for each in contacts_of(entry))
    return [each for each in contacts if _plain_name(each.title) == name]


def numbers_of(hass: HomeAssistant, named: Iterable[str]) -> frozenset[str]:
    """Return the present numbers of contacts, in E.164; each is named as in `contacts_named`."""
    return frozenset(each.data[CONF_NUMBER] for one in named for each in contacts_named(hass, one))


@lru_cache(maxsize=1024)
def _plain_name(name: str) -> str:
    """Return a name as it is compared."""
    return plain(name).strip()
