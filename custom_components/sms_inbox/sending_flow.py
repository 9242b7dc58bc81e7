"""The options about sending: whether an account sends at all, as whom, how much, and to which countries."""

import asyncio
from typing import Any, Final

import phonenumbers
import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .compose import (
    CONF_COUNTRIES,
    CONF_PARTS,
    CONF_PER_DAY,
    CONF_PER_HOUR,
    CONF_SENDER,
    CONF_SHORT_NUMBERS,
    DEFAULT_PARTS,
    DEFAULT_PER_DAY,
    DEFAULT_PER_HOUR,
)
from .coordinator import SmsInboxConfigEntry
from .providers.errors import ProviderError
from .providers.sending import SENDING, sending_of

CONF_SEND: Final = "send"
SENDERS_SECONDS: Final = 5.0
MOST_PARTS: Final = 10
MOST_PER_HOUR: Final = 1000
MOST_PER_DAY: Final = 10_000


def _number(most: int) -> vol.All:
    """Return a field for a whole number from one on."""
    box = NumberSelector(NumberSelectorConfig(min=1, max=most, step=1, mode=NumberSelectorMode.BOX))
    return vol.All(box, vol.Coerce(int))


COUNTRIES: Final = SelectSelector(
    SelectSelectorConfig(
        options=[
            SelectOptionDict(value=each, label=f"{each} (+{phonenumbers.country_code_for_region(each)})")
            for each in sorted(phonenumbers.SUPPORTED_REGIONS)
        ],
        multiple=True,
        mode=SelectSelectorMode.DROPDOWN,
    )
)
"""ISO 3166-1 alpha-2, each with its country calling code: Home Assistant's own field takes one country only."""
GUARDS: Final = vol.Schema(
    {
        vol.Required(CONF_PARTS, default=DEFAULT_PARTS): _number(MOST_PARTS),
        vol.Required(CONF_PER_HOUR, default=DEFAULT_PER_HOUR): _number(MOST_PER_HOUR),
        vol.Required(CONF_PER_DAY, default=DEFAULT_PER_DAY): _number(MOST_PER_DAY),
        vol.Optional(CONF_COUNTRIES, default=list): COUNTRIES,
        vol.Required(CONF_SHORT_NUMBERS, default=False): BooleanSelector(),
    }
)


async def async_schema(entry: SmsInboxConfigEntry) -> vol.Schema:
    """Return the fields, with the senders to choose from that the vendor names; sending is switched on by default."""
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_SEND, default=True): BooleanSelector()}
    use = SENDING[entry.data["provider"]].sender_use
    if use != "none":
        senders = await _async_senders(entry)
        selector = SelectSelector(
            SelectSelectorConfig(options=senders, custom_value=True, mode=SelectSelectorMode.DROPDOWN)
        )
        default = senders[0] if len(senders) == 1 else vol.UNDEFINED
        field = vol.Required(CONF_SENDER, default=default) if use == "required" else vol.Optional(CONF_SENDER)
        fields[field] = selector
    return vol.Schema(fields).extend(GUARDS.schema)


async def _async_senders(entry: SmsInboxConfigEntry) -> list[str]:
    """Return what the vendor allows as the sender; nothing where it doesn't say, or isn't asked now."""
    if entry.state is not ConfigEntryState.LOADED or not (sending := sending_of(entry.runtime_data.provider)):
        return []
    try:
        async with asyncio.timeout(SENDERS_SECONDS):
            return list(await sending.senders())
    except ProviderError, TimeoutError:
        return []
