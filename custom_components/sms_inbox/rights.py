"""What a user may do with accounts and contacts, by the rights on their entities."""

from collections.abc import Collection

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import UnknownUser
from homeassistant.helpers import entity_registry as er

from .entity import SHOWS_MESSAGES


async def async_limited_user(hass: HomeAssistant, context: Context, policy: str) -> User | None:
    """Return the user who uses an action, None where all is allowed: to automations and to administrators.

    Raises:
        UnknownUser: The user was deleted.
    """
    if context.user_id is None:
        return None
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context, permission=policy)
    return None if user.is_admin else user


def allowed_accounts(hass: HomeAssistant, user: User, policy: str, accounts: Collection[str]) -> set[str]:
    """Return those of the accounts of which a user has a right on an entity that shows messages."""
    registry = er.async_get(hass)
    return {
        account
        for account in accounts
        for entity in er.async_entries_for_config_entry(registry, account)
        if entity.unique_id.removeprefix(f"{account}_") in SHOWS_MESSAGES
        and user.permissions.check_entity(entity.entity_id, policy)
    }


def is_contact_allowed(hass: HomeAssistant, user: User, policy: str, account: str, contact_id: str) -> bool:
    """Whether a user has a right on the notify entity of a contact."""
    return any(
        entity.config_subentry_id == contact_id and user.permissions.check_entity(entity.entity_id, policy)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), account)
    )
