"""The part of a contact's dialog that says how the contact may talk to Assist."""

from collections.abc import Mapping
import re
from typing import Any, Final

import phonenumbers
import voluptuous as vol

from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    AssistPipelineSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .questions import ASSIST_FIELDS, CONF_ASSIST_KEYWORD, CONF_ASSIST_PIN, CONF_ASSIST_PIPELINE, CONF_ASSIST_USER

LONGEST_KEYWORD: Final = 20
PIN: Final = re.compile(r"[0-9]{4,8}")
HIDDEN_TEXT: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))


async def async_assist_fields(hass: HomeAssistant) -> dict[vol.Marker, Any]:
    """Return the fields; the users are those of people."""
    users = [user for user in await hass.auth.async_get_users() if user.is_active and not user.system_generated]
    options = [SelectOptionDict(value=user.id, label=user.name or user.id) for user in users]
    fields: dict[vol.Marker, Any] = {
        vol.Required(CONF_ASSIST_USER): SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, sort=True)
        ),
        vol.Optional(CONF_ASSIST_PIN): HIDDEN_TEXT,
        vol.Optional(CONF_ASSIST_KEYWORD): TextSelector(),
    }
    if "assist_pipeline" in hass.config.components:
        fields[vol.Optional(CONF_ASSIST_PIPELINE)] = AssistPipelineSelector()
    return fields


async def async_cleaned_assist(
    hass: HomeAssistant, user_input: Mapping[str, Any], present: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what was typed, without blank fields, and the errors by field.

    Args:
        hass: Home Assistant.
        user_input: As it was typed.
        present: The data of the contact so far; an empty PIN stays what it is there.
    """
    typed = {key: str(user_input[key]).strip() for key in ASSIST_FIELDS if key in user_input}
    typed = {key: value for key, value in typed.items() if value}
    errors: dict[str, str] = {}
    user = await hass.auth.async_get_user(typed.get(CONF_ASSIST_USER, ""))
    if not user or not user.is_active or user.system_generated:
        errors[CONF_ASSIST_USER] = "assist_no_user"
    elif user.is_owner:
        errors[CONF_ASSIST_USER] = "assist_owner"
    if pin := typed.get(CONF_ASSIST_PIN):
        typed[CONF_ASSIST_PIN] = pin = phonenumbers.normalize_digits_only(pin, keep_non_digits=True)
        if not PIN.fullmatch(pin):
            errors[CONF_ASSIST_PIN] = "assist_pin_invalid"
    elif CONF_ASSIST_PIN in present:
        typed[CONF_ASSIST_PIN] = present[CONF_ASSIST_PIN]
    keyword = typed.get(CONF_ASSIST_KEYWORD, "")
    if len(keyword) > LONGEST_KEYWORD or len(keyword.split()) > 1:
        errors[CONF_ASSIST_KEYWORD] = "assist_keyword_invalid"
    return typed, errors
