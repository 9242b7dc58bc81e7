"""Icons, by the rules of `icons.py` in `script/hassfest` of Home Assistant's repository; each icon must exist."""

from functools import cache
import json
from pathlib import Path
from typing import Any

import hass_frontend
import voluptuous as vol

from homeassistant.helpers import config_validation as cv

from .schemas import by_key, errors


@cache
def _icons() -> frozenset[str]:
    """Return the names of all icons that the front end has."""
    listed = json.loads((Path(hass_frontend.__path__[0]) / "static/mdi/iconList.json").read_text())
    return frozenset(each["name"] for each in listed)


def icon(value: Any) -> str:
    """Accept an icon that the front end has."""
    prefix, _, name = str(value).partition(":")
    if prefix != "mdi" or name not in _icons():
        raise vol.Invalid(f"{value} is no icon of Material Design Icons")
    return str(value)


def _differs_from_default(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse an icon of a state that is the default one."""
    if value.get("default") in value.get("state", {}).values():
        raise vol.Invalid("the icon of a state is the default one")
    return value


def _ascends(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse a range whose limits are not numbers in order."""
    limits = [float(limit) for limit in value]
    if limits != sorted(set(limits)):
        raise vol.Invalid("the limits of a range must ascend")
    return value


STATES = by_key(icon)
ENTITY = {
    vol.Optional("default"): icon,
    vol.Optional("state"): STATES,
    vol.Optional("range"): vol.All({str: icon}, _ascends),
    vol.Optional("state_attributes"): by_key(
        vol.All({vol.Optional("default"): icon, vol.Optional("state"): STATES}, _differs_from_default)
    ),
}
FLOW = {"step": {str: {"sections": {str: icon}}}}
FILE = {
    vol.Optional("conditions"): by_key({vol.Required("condition"): icon}, cv.underscore_slug),
    vol.Optional("config"): FLOW,
    vol.Optional("entity"): by_key(by_key(ENTITY), cv.slug),
    vol.Optional("issues"): {str: {"fix_flow": FLOW}},
    vol.Optional("options"): FLOW,
    vol.Optional("services"): by_key({vol.Required("service"): icon, vol.Optional("sections"): by_key(icon)}),
    vol.Optional("triggers"): by_key({vol.Required("trigger"): icon}, cv.underscore_slug),
}


def check(icons: Any) -> list[str]:
    """Return what is wrong with the icons."""
    return errors(FILE, icons)
