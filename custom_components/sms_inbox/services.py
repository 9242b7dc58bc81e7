"""The action `get_messages`."""

from typing import Any

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .dispatcher import event_data
from .inbox import async_get_store
from .matching import CONF_SENDER, SENDERS_SCHEMA, Senders
from .store import StoreError, search

SERVICE_GET_MESSAGES = "get_messages"
GET_MESSAGES_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Optional(CONF_SENDER, default=list): SENDERS_SCHEMA,
        vol.Optional("contains", default=""): cv.string,
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


async def _async_get_messages(call: ServiceCall) -> ServiceResponse:
    """Return stored messages, in the form of the event: `{"messages": [...]}`.

    Raises:
        ServiceValidationError: There is no such account.
        HomeAssistantError: The store can't be read.
    """
    hass, account = call.hass, call.data.get(ATTR_CONFIG_ENTRY_ID)
    if account and account not in {entry.entry_id for entry in hass.config_entries.async_entries(DOMAIN)}:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_account",
            translation_placeholders={ATTR_CONFIG_ENTRY_ID: account},
        )

    senders = await hass.async_add_executor_job(Senders.typed, call.data[CONF_SENDER], hass.config.country)
    query = search.Query(
        account=account,
        is_from=senders.__contains__ if senders else None,
        contains=call.data["contains"],
        since=_in_utc(call.data.get("since")),
        until=_in_utc(call.data.get("until")),
        limit=call.data["limit"],
        newest_first=call.data["order"] == "newest",
    )
    try:
        found = await async_get_store(hass).read(search.find, query)
    except StoreError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="store_unreadable", translation_placeholders={"error": str(err)}
        ) from err
    return {"messages": [event_data(hass, stored) for stored in found]}


def _in_utc(time: Any) -> Any:
    """Return a time in UTC, where one is given; without a zone it is Home Assistant's."""
    return time and dt_util.as_utc(time)
