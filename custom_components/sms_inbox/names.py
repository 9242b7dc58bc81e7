"""The names of accounts, which say nothing private unless a person typed it, and their unique ids."""

from collections.abc import Mapping
from itertools import count
import re
from typing import Any

from homeassistant.core import HomeAssistant, callback

from .const import CONF_PROVIDER, DOMAIN
from .providers.contract import Identity


def unique_id(data: Mapping[str, Any], identity: Identity) -> str:
    """Return the unique id of an account's entry."""
    return f"{data[CONF_PROVIDER]}_{identity.account_id}"


@callback
def free_name(hass: HomeAssistant, name: str) -> str:
    """Return a name for a new account, with a number behind it if another account is called so."""
    taken = {entry.title.casefold() for entry in hass.config_entries.async_entries(DOMAIN)}
    if name.casefold() not in taken:
        return name
    return next(each for number in count(2) if (each := f"{name} {number}").casefold() not in taken)


def is_default_name(title: str, name: str) -> bool:
    """Whether an account's title is the one that it gets where nobody types another: a name, maybe with a number."""
    return bool(re.fullmatch(rf"{re.escape(name)}(?: \d+)?", title))
