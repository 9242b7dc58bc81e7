"""Adding an account: choose the provider, then enter its credentials; and changing it."""

from collections.abc import Mapping
from functools import partialmethod
from typing import Any, override
from uuid import uuid4

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry, ConfigFlow, ConfigFlowResult, ConfigSubentryFlow
from homeassistant.const import (
    CONF_NAME,
    CONF_PASSWORD,
    CONF_TIME_ZONE,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
    CONF_WEBHOOK_ID,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .const import (
    CONF_ALLOW_HTTP,
    CONF_CLOUDHOOK,
    CONF_DELETE_STORED,
    CONF_DELIVER_EXISTING,
    CONF_KEY_ID,
    CONF_LOCAL_ONLY,
    CONF_PRESET,
    CONF_PROVIDER,
    CONF_SERVER,
    CONF_SIGNING_KEY,
    CONF_WEBHOOK_URL,
    DOMAIN,
)
from .contact_flow import ContactFlow
from .contacts import CONTACT
from .credentials import SERVER_ERRORS, Validation, async_validate, at_address
from .names import free_name, unique_id
from .options_flow import SmsInboxOptionsFlow, async_zone_selector
from .providers import PROVIDERS
from .providers.contract import Identity, Provider
from .providers.presets import OTHER, PRESETS, Preset
from .providers.webhook import Webhook
from .webhook_flow import KEY, URL_SCHEMA
from .webhook_url import account_page, async_forget_url, async_has_cloud, async_url, documentation

USERNAME = TextSelector(TextSelectorConfig(autocomplete="username"))
PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password"))
URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_USERNAME): USERNAME, vol.Required(CONF_PASSWORD): PASSWORD})
REAUTH_SCHEMA_WITH_KEY = vol.Schema(
    {
        vol.Required(CONF_USERNAME): USERNAME,
        vol.Required(CONF_PASSWORD): PASSWORD,
        vol.Optional(CONF_KEY_ID): TextSelector(),
    }
)
MENU = sorted(PROVIDERS.values(), key=lambda each: (not each.interval, bool(each.successor), each.name.casefold()))
"""The providers by name; a deprecated one after the others, and what is for any other app or service last."""


def place_of_address(provider: type[Provider]) -> str:
    """Return where a form shows what is wrong with the server's address: its field, or the section that holds it."""
    return CONF_URL if provider.is_own_server else CONF_SERVER


def without_section(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed, the server's fields among the others."""
    typed = {**user_input, **user_input.get(CONF_SERVER, {})}
    typed.pop(CONF_SERVER, None)
    return typed


def _without_key(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's data without the id of an API key: what a form leaves empty is no longer used."""
    return {key: value for key, value in data.items() if key != CONF_KEY_ID}


class SmsInboxConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add an account, or change one."""

    _account: dict[str, Any]
    _preset: Preset = OTHER
    _typed: Mapping[str, Any] = {}
    _options: dict[str, Any] | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(_entry: ConfigEntry) -> SmsInboxOptionsFlow:
        """Change how an account's messages are stored and received."""
        return SmsInboxOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, _entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Add contacts to any account: they also name the senders of messages."""
        return {CONTACT: ContactFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose the provider; each has a step of its name."""
        return self.async_show_menu(step_id="user", menu_options=[provider.key for provider in MENU])

    async def _async_step_account(
        self, user_input: dict[str, Any] | None = None, *, provider: type[Provider]
    ) -> ConfigFlowResult:
        """Take the credentials of an account and prove them."""
        result = Validation()
        if user_input is not None:
            data = {CONF_PROVIDER: provider.key, **without_section(user_input)}
            name = data.pop(CONF_NAME, "").strip() or provider.name
            result = await async_validate(self.hass, data)
            if identity := result.identity:
                await self.async_set_unique_id(unique_id(result.data, identity))
                self._abort_if_unique_id_configured()
                return self.async_create_entry(title=free_name(self.hass, name), data=result.data)
        return self.async_show_form(
            step_id=provider.key,
            data_schema=await self._async_account_schema(provider, user_input or {}, result.errors),
            description_placeholders={**provider.placeholders, **result.placeholders},
            errors=at_address(result.errors, place_of_address(provider)),
        )

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take which app or service sends the messages, and a name for it."""
        if user_input is not None:
            self._preset = PRESETS[user_input[CONF_PRESET]]
            name = user_input.get(CONF_NAME, "").strip() or self._preset.name or Webhook.name
            data = {CONF_PROVIDER: Webhook.key, CONF_PRESET: self._preset.key}
            await self.async_set_unique_id(f"{Webhook.key}_{uuid4().hex}")
            self._account = {"title": free_name(self.hass, name), "data": data}
            return await self.async_step_webhook_source()
        presets = SelectSelector(
            SelectSelectorConfig(options=list(PRESETS), translation_key="preset", mode=SelectSelectorMode.DROPDOWN)
        )
        schema = vol.Schema(
            {vol.Required(CONF_PRESET, default=OTHER.key): presets, vol.Optional(CONF_NAME): TextSelector()}
        )
        return self.async_show_form(step_id=Webhook.key, data_schema=schema)

    async def async_step_webhook_source(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take from where the app or service sends, its key, and its time zone, as far as it needs that."""
        preset, errors = self._preset, dict[str, str]()
        fields: dict[vol.Marker, Any] = {}
        if preset.signature:
            fields[(vol.Required if preset.needs_key else vol.Optional)(CONF_SIGNING_KEY)] = KEY
        fields[vol.Required(CONF_LOCAL_ONLY, default=preset.is_at_home)] = BooleanSelector()
        if async_has_cloud(self.hass):
            fields[vol.Required(CONF_CLOUDHOOK, default=not preset.is_at_home)] = BooleanSelector()
        if preset.needs_zone or preset is OTHER:
            zone = vol.Required(CONF_TIME_ZONE, default=self.hass.config.time_zone)
            fields[zone] = await async_zone_selector(self.hass)
        if user_input is not None:
            if key := user_input.pop(CONF_SIGNING_KEY, "").strip():
                user_input[CONF_SIGNING_KEY] = key
            if key or not preset.needs_key:
                self._typed = user_input
                return await self.async_step_webhook_url()
            errors[CONF_SIGNING_KEY] = "no_key"
        return self.async_show_form(
            step_id="webhook_source",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), user_input),
            description_placeholders=self._placeholders,
            errors=errors,
        )

    async def async_step_webhook_url(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the URL that a person has to copy, then create the entry of an account that can't be polled."""
        if user_input is not None:
            options, self._options = self._options, None
            return self.async_create_entry(**self._account, options=options)
        self._options = {CONF_WEBHOOK_ID: webhook.async_generate_id(), **(self._options or {}), **self._typed}
        try:
            url = await async_url(self.hass, Webhook, self._options)
        except NoURLAvailableError:
            return self.async_abort(reason="no_url")
        schema = self.add_suggested_values_to_schema(URL_SCHEMA, {CONF_WEBHOOK_URL: url})
        return self.async_show_form(
            step_id="webhook_url", data_schema=schema, description_placeholders=self._placeholders
        )

    @property
    def _placeholders(self) -> dict[str, str]:
        """What the texts about an app or service need: the account, and the page that says what to set there."""
        page = account_page(self._account["data"])
        return {"account": self._account["title"], "documentation": documentation(page)}

    @callback
    @override
    def async_remove(self) -> None:
        """Give back the URL of an account that was not added after all."""
        if self._options:
            forget = async_forget_url(self.hass, self._options[CONF_WEBHOOK_ID])
            self.hass.async_create_task(forget, "SMS Inbox gives back a URL")

    async def async_step_reauth(self, _entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin when the provider refuses the credentials."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take new credentials of the same account."""
        result = Validation()
        entry = self._get_reauth_entry()
        if user_input is not None:
            result = await async_validate(self.hass, {**_without_key(entry.data), **user_input})
            if result.identity:
                return await self._async_change(entry, result.identity, result.data)
        takes_key_id = PROVIDERS[entry.data[CONF_PROVIDER]].takes_key_id
        present = {key: entry.data[key] for key in (CONF_USERNAME, CONF_KEY_ID) if key in entry.data}
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=self.add_suggested_values_to_schema(
                REAUTH_SCHEMA_WITH_KEY if takes_key_id else REAUTH_SCHEMA, user_input or present
            ),
            description_placeholders=result.placeholders,
            errors=result.errors,
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take another way to the same account: other credentials, another server, another time zone."""
        result = Validation()
        entry = self._get_reconfigure_entry()
        provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        if not provider.interval:
            return self.async_abort(reason="nothing_to_reconfigure")
        if user_input is not None:
            changes = without_section(user_input)
            changes[CONF_PASSWORD] = changes.get(CONF_PASSWORD) or entry.data.get(CONF_PASSWORD, "")
            result = await async_validate(self.hass, {**_without_key(entry.data), **changes})
            if result.identity:
                return await self._async_change(entry, result.identity, result.data)
        present = {key: value for key, value in entry.data.items() if key != CONF_PASSWORD}
        shown = user_input or {**present, CONF_SERVER: present}
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=await self._async_account_schema(provider, shown, result.errors, exists=True),
            description_placeholders={"account": entry.title, **result.placeholders},
            errors=at_address(result.errors, place_of_address(provider)),
        )

    async def _async_account_schema(
        self, provider: type[Provider], shown: Mapping[str, Any], errors: Mapping[str, str], *, exists: bool = False
    ) -> vol.Schema:
        """Return the fields of a provider's account, with what they show.

        The section about the server is closed, unless something in it is not as usual or may be the cause of an error.

        Args:
            provider: The account's provider.
            shown: What was typed, or what is stored.
            errors: The errors that the form shows.
            exists: Whether the account exists: then only the fields are returned that can change.
        """
        url = vol.Required(CONF_URL, default=provider.default_url or vol.UNDEFINED)
        password = vol.Optional if exists else vol.Required
        fields: dict[vol.Marker, Any] = {url: URL} if provider.is_own_server else {}
        fields |= {vol.Required(CONF_USERNAME): USERNAME, password(CONF_PASSWORD): PASSWORD}
        if provider.takes_key_id:
            fields[vol.Optional(CONF_KEY_ID)] = TextSelector()
        if provider.deletes:
            fields[vol.Required(CONF_DELETE_STORED, default=True)] = BooleanSelector()
        if provider.local_time:
            zone = vol.Required(CONF_TIME_ZONE, default=self.hass.config.time_zone)
            fields[zone] = await async_zone_selector(self.hass)
        if not exists:
            fields[vol.Required(CONF_DELIVER_EXISTING, default=False)] = BooleanSelector()
            fields[vol.Optional(CONF_NAME)] = TextSelector()
        certificate = vol.Required(CONF_VERIFY_SSL, default=True)
        server: dict[vol.Marker, Any] = {certificate: BooleanSelector()} if provider.is_own_server else {url: URL}
        server[vol.Required(CONF_ALLOW_HTTP, default=False)] = BooleanSelector()
        present = shown.get(CONF_SERVER, {})
        is_usual = all(present.get(str(key), key.default()) == key.default() for key in server)
        collapsed = is_usual and SERVER_ERRORS.isdisjoint(errors.values())
        fields[vol.Required(CONF_SERVER)] = section(vol.Schema(server), {"collapsed": collapsed})
        return self.add_suggested_values_to_schema(vol.Schema(fields), shown)

    async def _async_change(self, entry: ConfigEntry, identity: Identity, data: Mapping[str, Any]) -> ConfigFlowResult:
        """Change an account, unless it would become another, whose messages would be taken for its own."""
        provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        other = await self.async_set_unique_id(unique_id(data, identity))
        if other or not provider.known_by_address:
            self._abort_if_unique_id_mismatch(reason="another_account")
        return self.async_update_reload_and_abort(entry, unique_id=self.unique_id, data=data)


for _provider in filter(lambda provider: provider.interval, PROVIDERS.values()):
    setattr(
        SmsInboxConfigFlow,
        f"async_step_{_provider.key}",
        partialmethod(SmsInboxConfigFlow._async_step_account, provider=_provider),  # noqa: SLF001
    )
