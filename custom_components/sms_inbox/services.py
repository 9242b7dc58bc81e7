"""The action `get_messages`, and the registration of all actions."""

from collections.abc import Callable, Collection
from operator import itemgetter
from typing import Any

import voluptuous as vol

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .const import CONF_PROVIDER, DOMAIN
from .dispatcher import event_data
from .inbox import async_get_store
from .matching import CONF_SENDER, check_country, includes, valid_accounts, valid_senders, valid_text
from .model import INTERNATIONAL, NumberFormat, SentText, StoredMessage
from .phone_numbers import sender_of
from .providers import PROVIDERS, number_format_of
from .rights import allowed_accounts, async_limited_user
from .send_actions import async_setup_send_actions
from .sent import sent_data
from .store import StoreError, search, sent

SERVICE_GET_MESSAGES = "get_messages"
RECEIVED, SENT, BOTH = "received", "sent", "both"
GET_MESSAGES_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): vol.All(valid_accounts, vol.Length(min=1)),
        vol.Optional("direction", default=RECEIVED): vol.In((RECEIVED, SENT, BOTH)),
        vol.Optional(CONF_SENDER): vol.All(valid_senders, vol.Length(min=1)),
        vol.Optional("contains"): valid_text,
        vol.Optional("since"): cv.datetime,
        vol.Optional("until"): cv.datetime,
        vol.Optional("order", default="newest"): vol.In(("newest", "oldest")),
        vol.Optional("limit", default=10): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN,
        SERVICE_GET_MESSAGES,
        _async_get_messages,
        schema=GET_MESSAGES_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    async_setup_send_actions(hass)


async def _async_get_messages(call: ServiceCall) -> ServiceResponse:
    """Return stored messages, in the form of their events, each with its direction: `{"messages": [...]}`.

    Received and sent ones together are a thread, ordered by the times at which they were received and stored. A user
    gets the messages of the accounts whose entities the user may read; an automation gets all.

    Raises:
        ServiceValidationError: There is no such account.
        Unauthorized: The user may not read an account that was asked for.
        HomeAssistantError: The store can't be read.
    """
    hass, direction = call.hass, call.data["direction"]
    typed = tuple(call.data.get(CONF_SENDER, ()))
    check_country(typed, hass.config.country, CONF_SENDER)
    query = search.Query(
        accounts=await _async_accounts(call),
        **_senders(hass, typed),
        contains=call.data.get("contains", ""),
        since=_in_utc(call.data.get("since")),
        until=_in_utc(call.data.get("until")),
        limit=call.data["limit"],
        newest_first=call.data["order"] == "newest",
    )
    received: list[StoredMessage] = []
    texts: list[SentText] = []
    try:
        if direction != SENT:
            received = await async_get_store(hass).read(search.find, query)
        if direction != RECEIVED:
            texts = await async_get_store(hass).read(sent.find, query, _recipients(hass, typed))
    except StoreError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="store_unreadable", translation_placeholders={"error": str(err)}
        ) from err
    found = [
        *((each.message.received_at or each.stored_at, event_data(hass, each), RECEIVED) for each in received),
        *((each.outgoing.created_at, sent_data(hass, each), SENT) for each in texts),
    ]
    # Each list is in order already, so what was stored at the same time stays in its order.
    found.sort(key=itemgetter(0), reverse=query.newest_first)
    return {"messages": [{**data, "direction": direction} for _, data, direction in found[: query.limit]]}


async def _async_accounts(call: ServiceCall) -> Collection[str] | None:
    """Return the accounts that are asked for, None for all.

    Raises:
        ServiceValidationError: There is no such account.
        Unauthorized: The user may not read one of them.
    """
    present = {entry.entry_id for entry in call.hass.config_entries.async_entries(DOMAIN)}
    asked: list[str] | None = call.data.get(ATTR_CONFIG_ENTRY_ID)
    for account in asked or ():
        if account not in present:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="unknown_account",
                translation_placeholders={ATTR_CONFIG_ENTRY_ID: account},
            )
    readable = await _async_readable(call, present)
    if readable is None:
        return asked
    if asked and not readable.issuperset(asked):
        raise Unauthorized(context=call.context, permission=POLICY_READ)
    return asked or readable


async def _async_readable(call: ServiceCall, accounts: Collection[str]) -> set[str] | None:
    """Return the accounts of which the user may read an entity that shows messages, None for all."""
    user = await async_limited_user(call.hass, call.context, POLICY_READ)
    return allowed_accounts(call.hass, user, POLICY_READ, accounts) if user else None


def _senders(hass: HomeAssistant, typed: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a query for messages of some senders; none if any sender is wanted."""
    if not typed:
        return {}
    country, formats = hass.config.country, {provider.number_format for provider in PROVIDERS.values()}
    providers = {entry.entry_id: entry.data[CONF_PROVIDER] for entry in hass.config_entries.async_entries(DOMAIN)}

    def is_from(sender: str, number_formats: Collection[NumberFormat]) -> bool:
        return any(includes(typed, sender_of(sender, each, country), country) for each in number_formats)

    return {
        "is_from": lambda sender: is_from(sender, formats),
        "is_exactly_from": lambda account, provider, sender: is_from(
            sender, (number_format_of(provider or providers.get(account)),)
        ),
    }


def _recipients(hass: HomeAssistant, typed: tuple[str, ...]) -> Callable[[str], bool] | None:
    """Return whether a recipient is among the numbers that were typed, None if any is wanted."""
    country = hass.config.country

    def is_to(recipient: str) -> bool:
        return includes(typed, sender_of(recipient, INTERNATIONAL, country), country)

    return is_to if typed else None


def _in_utc(time: Any) -> Any:
    """Return a time in UTC, where one is given; without a zone it is Home Assistant's."""
    return time and dt_util.as_utc(time)
