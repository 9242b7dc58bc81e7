"""Adding a contact of an account, and changing it; neither reloads the account."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import BooleanSelector, TextSelector, TextSelectorConfig, TextSelectorType

from .assist_form import async_assist_fields, async_cleaned_assist
from .const import CONF_PROVIDER
from .contacts import CONF_NUMBER, CONF_OWN_SENDER
from .phone_numbers import typed_number
from .providers.sending import SENDING
from .questions import ASSIST_FIELDS, CONF_ASSIST, CONF_ASSIST_PIN, CONF_ASSIST_USER
from .webhook_url import documentation

NUMBER = TextSelector(TextSelectorConfig(type=TextSelectorType.TEL, autocomplete="tel"))


def fields_of(entry: ConfigEntry) -> dict[vol.Marker, Any]:
    """Return the fields of a contact of an account."""
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_NAME): TextSelector(), vol.Required(CONF_NUMBER): NUMBER}
    sending = SENDING.get(entry.data[CONF_PROVIDER])
    if sending and sending.sender_use != "none":
        fields[vol.Optional(CONF_OWN_SENDER)] = TextSelector()
    if sending:
        fields[vol.Optional(CONF_ASSIST)] = BooleanSelector()
    return fields


class ContactFlow(ConfigSubentryFlow):
    """Add a contact, or change one; its unique id is its number in E.164."""

    _typed: dict[str, Any]

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a contact."""
        typed, errors = self._cleaned(user_input or {})
        if user_input is None or errors:
            return self._show("user", user_input or {}, {} if user_input is None else errors)
        self._typed = typed
        return await self.async_step_assist() if typed.get(CONF_ASSIST) else self._save()

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a contact."""
        typed, errors = self._cleaned(user_input or {})
        if user_input is None or errors:
            present = {CONF_NAME: self._get_reconfigure_subentry().title, CONF_ASSIST: False, **self._present}
            return self._show("reconfigure", present if user_input is None else user_input, errors)
        self._typed = typed
        return await self.async_step_assist() if typed.get(CONF_ASSIST) else self._save()

    async def async_step_assist(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say with whose rights Assist acts, and what a message must begin with; the present PIN is not shown."""
        present = {key: value for key, value in self._present.items() if key != CONF_ASSIST_PIN}
        typed, errors = present, dict[str, str]()
        if user_input is not None:
            typed, errors = await async_cleaned_assist(self.hass, user_input, self._present)
            if not errors:
                self._typed = {key: value for key, value in self._typed.items() if key not in ASSIST_FIELDS} | typed
                user = await self.hass.auth.async_get_user(typed[CONF_ASSIST_USER])
                return await self.async_step_assist_admin() if user and user.is_admin else self._save()
            typed = user_input
        return self.async_show_form(
            step_id="assist",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(await async_assist_fields(self.hass)), typed),
            description_placeholders={"contact": self._typed[CONF_NAME], "documentation": documentation("assist")},
            errors=errors,
        )

    async def async_step_assist_admin(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let a person confirm that Assist acts with the rights of an administrator."""
        if user_input is not None:
            return self._save()
        user = await self.hass.auth.async_get_user(self._typed[CONF_ASSIST_USER])
        return self.async_show_form(
            step_id="assist_admin",
            data_schema=vol.Schema({}),
            description_placeholders={"contact": self._typed[CONF_NAME], "user": (user and user.name) or ""},
        )

    @property
    def _present(self) -> Mapping[str, Any]:
        """The data of the contact that is changed; empty for a new one."""
        return {} if self.source == SOURCE_USER else self._get_reconfigure_subentry().data

    def _save(self) -> SubentryFlowResult:
        """Add or change the contact, as it was typed."""
        data = {key: value for key, value in self._typed.items() if key != CONF_NAME}
        name, number = self._typed[CONF_NAME], self._typed[CONF_NUMBER]
        if self.source == SOURCE_USER:
            return self.async_create_entry(title=name, data=data, unique_id=number)
        contact = self._get_reconfigure_subentry()
        return self.async_update_and_abort(self._get_entry(), contact, title=name, data=data, unique_id=number)

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
        """Return what was typed, with numbers in E.164 and without what is blank or off, and the errors by field."""
        typed = {key: value.strip() if isinstance(value, str) else value for key, value in user_input.items()}
        typed = {key: value for key, value in typed.items() if value not in ("", False)}
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
