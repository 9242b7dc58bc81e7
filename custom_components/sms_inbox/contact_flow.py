"""Adding a contact of an account, and changing it; neither reloads the account."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigEntry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType

from .const import CONF_PROVIDER
from .contacts import CONF_NUMBER, CONF_OWN_SENDER
from .phone_numbers import typed_number
from .providers.sending import SENDING

NUMBER = TextSelector(TextSelectorConfig(type=TextSelectorType.TEL, autocomplete="tel"))


def fields_of(entry: ConfigEntry) -> dict[vol.Marker, Any]:
    """Return the fields of a contact of an account."""
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_NAME): TextSelector(), vol.Required(CONF_NUMBER): NUMBER}
    sending = SENDING.get(entry.data[CONF_PROVIDER])
    if sending and sending.sender_use != "none":
        fields[vol.Optional(CONF_OWN_SENDER)] = TextSelector()
    return fields


class ContactFlow(ConfigSubentryFlow):
    """Add a contact, or change one; its unique id is its number in E.164."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a contact."""
        typed, errors = self._cleaned(user_input or {})
        if user_input is None or errors:
            return self._show("user", user_input or {}, {} if user_input is None else errors)
        name = typed.pop(CONF_NAME)
        return self.async_create_entry(title=name, data=typed, unique_id=typed[CONF_NUMBER])

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a contact."""
        contact = self._get_reconfigure_subentry()
        typed, errors = self._cleaned(user_input or {})
        if user_input is None or errors:
            present = {CONF_NAME: contact.title, **contact.data}
            return self._show("reconfigure", present if user_input is None else user_input, errors)
        name = typed.pop(CONF_NAME)
        return self.async_update_and_abort(
            self._get_entry(), contact, title=name, data=typed, unique_id=typed[CONF_NUMBER]
        )

    def _show(self, step: str, shown: Mapping[str, Any], errors: dict[str, str]) -> SubentryFlowResult:
        """Show the form."""
        entry = self._get_entry()
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields_of(entry)), shown),
            description_placeholders={"account": entry.title},
            errors=errors,
        )

    def _cleaned(self, user_input: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what was typed, with numbers in E.164 and without blank fields, and the errors by field."""
        typed = {key: value.strip() if isinstance(value, str) else value for key, value in user_input.items()}
        typed = {key: value for key, value in typed.items() if value != ""}
        country, errors = self.hass.config.country, dict[str, str]()
        if CONF_NAME not in typed:
            errors[CONF_NAME] = "no_name"
        if number := typed_number(typed.get(CONF_NUMBER, ""), country):
            typed[CONF_NUMBER] = number
        else:
            errors[CONF_NUMBER] = "invalid_number"
        if own := typed.get(CONF_OWN_SENDER):
            # A sender may also be a name, a short code, or whatever else the vendor lets one choose.
            typed[CONF_OWN_SENDER] = typed_number(own, country) or own
        return typed, errors
