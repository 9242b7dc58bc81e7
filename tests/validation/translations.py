"""Translations, by the rules of `script/hassfest/translations.py` in Home Assistant's repository."""

import re
from string import Formatter
from typing import Any

import voluptuous as vol

from homeassistant.helpers import config_validation as cv

from .schemas import by_key, errors

# hassfest looks for a scheme or `www.` with a host behind it; a scheme or `www.` alone is of no use to a reader either.
URL = re.compile(r"://|www\.", re.IGNORECASE)
QUOTED_PLACEHOLDER = re.compile(r"'{\w+}'")


def text(value: Any) -> str:
    """Accept a text of one or more words, with placeholders that can be filled in."""
    if not isinstance(value, str):
        raise vol.Invalid("expected a text")
    cv.string_with_no_html(value)
    if QUOTED_PLACEHOLDER.search(value):
        raise vol.Invalid("a placeholder in single quotes is not filled in")
    if not all(name.isidentifier() for name in _placeholders(value)):
        raise vol.Invalid("a placeholder must be an identifier")
    if "[%" in value or "%]" in value:
        raise vol.Invalid("references to other texts are only resolved in Home Assistant's own integrations")
    if value != value.strip() or not value:
        raise vol.Invalid("a text must not be empty, nor begin or end with a blank")
    if URL.search(value):
        raise vol.Invalid("an address must come by a placeholder")
    return value


def fixed_text(value: Any) -> str:
    """Accept a text where Home Assistant fills nothing in."""
    if any(True for _ in _placeholders(text(value))):
        raise vol.Invalid("placeholders are not filled in here")
    return str(value)


def _placeholders(value: str) -> list[str]:
    """Return the names of the placeholders; raise ValueError, which a schema refuses, if braces do not match."""
    return [name for _, name, _, _ in Formatter().parse(value) if name is not None]


def _described(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse the description of a field that a step or a section doesn't have."""
    for step in value["step"].values():
        for part in (step, *step.get("sections", {}).values()):
            if lacking := part.get("data_description", {}).keys() - part.get("data", {}).keys():
                raise vol.Invalid(f"data_description without data: {sorted(lacking)}")
    return value


TEXTS = {str: text}
SECTION = {
    vol.Optional("name"): text,
    vol.Optional("description"): text,
    vol.Optional("data"): TEXTS,
    vol.Optional("data_description"): TEXTS,
}
STEP = {
    vol.Optional("title"): text,
    vol.Optional("description"): text,
    vol.Optional("data"): TEXTS,
    vol.Optional("data_description"): TEXTS,
    vol.Optional("menu_options"): TEXTS,
    vol.Optional("menu_option_descriptions"): TEXTS,
    vol.Optional("submit"): text,
    vol.Optional("sections"): {str: SECTION},
}
FLOW_TEXTS = {
    vol.Optional("flow_title"): text,
    vol.Required("step"): {str: STEP},
    vol.Optional("error"): TEXTS,
    vol.Optional("abort"): TEXTS,
    vol.Optional("progress"): TEXTS,
    vol.Optional("create_entry"): TEXTS,
    vol.Optional("initiate_flow"): {vol.Required("user"): text},
}
FLOW = vol.All(FLOW_TEXTS, _described)
SUBENTRY = vol.All({**FLOW_TEXTS, vol.Required("entry_type"): text}, _described)
ISSUE = vol.All(
    cv.has_at_least_one_key("description", "fix_flow"),
    {
        vol.Required("title"): text,
        vol.Optional("short_title"): text,
        vol.Exclusive("description", "fixable"): text,
        vol.Exclusive("fix_flow", "fixable"): FLOW,
    },
)
STATES = by_key(fixed_text)
ENTITY = {
    vol.Optional("name"): text,
    vol.Optional("state"): STATES,
    vol.Optional("state_attributes"): by_key({vol.Optional("name"): fixed_text, vol.Optional("state"): STATES}),
    vol.Optional("unit_of_measurement"): fixed_text,
}
SELECTOR = {
    vol.Optional("options"): by_key(text),
    vol.Optional("choices"): by_key(text),
    vol.Optional("unit_of_measurement"): by_key(text),
    vol.Optional("fields"): by_key({vol.Required("name"): text, vol.Required("description"): text}),
}
FIELD = {vol.Required("name"): text, vol.Optional("description"): text, vol.Optional("example"): text}
ACTION_FIELD = {vol.Required("name"): text, vol.Required("description"): text, vol.Optional("example"): text}
AUTOMATION = {vol.Required("name"): text, vol.Required("description"): text, vol.Optional("fields"): by_key(FIELD)}
ACTION = {
    vol.Required("name"): text,
    vol.Required("description"): text,
    vol.Optional("fields"): by_key(ACTION_FIELD),
    vol.Optional("sections"): by_key({vol.Required("name"): text, vol.Optional("description"): text}),
}
# Of the sections that hassfest knows, those that an integration of this kind can use.
FILE = {
    vol.Optional("title"): text,
    vol.Optional("common"): by_key(text, cv.slug),
    vol.Optional("conditions"): by_key(AUTOMATION, cv.underscore_slug),
    vol.Optional("config"): FLOW,
    vol.Optional("config_subentries"): by_key(SUBENTRY, cv.slug),
    vol.Optional("device"): by_key({vol.Optional("name"): text}),
    vol.Optional("entity"): by_key(by_key(ENTITY), cv.slug),
    vol.Optional("exceptions"): by_key({vol.Required("message"): text}, cv.slug),
    vol.Optional("issues"): {str: ISSUE},
    vol.Optional("options"): FLOW,
    vol.Optional("selector"): by_key(SELECTOR, vol.Any("_", cv.slug)),
    vol.Optional("services"): by_key(ACTION),
    vol.Optional("system_health"): {vol.Optional("info"): by_key(text)},
    vol.Optional("triggers"): by_key(AUTOMATION, cv.underscore_slug),
}


def check(texts: Any) -> list[str]:
    """Return what is wrong with the texts of one language."""
    return errors(FILE, texts)
