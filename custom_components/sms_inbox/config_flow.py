"""Adding an account: choose the provider, then enter its credentials; and changing it."""

from collections.abc import Mapping
from functools import partialmethod
from typing import Any, override

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_TIME_ZONE, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
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
from .credentials import Validation, async_validate
from .options_flow import SmsInboxOptionsFlow, async_zone_selector
from .providers import PROVIDERS
from .providers.contract import Identity, Provider
from .providers.presets import OTHER, PRESETS, Preset
from .providers.webhook import Webhook
from .webhook_flow import KEY, URL_SCHEMA
from .webhook_url import async_forget_url, async_has_cloud, async_url, documentation

USERNAME = TextSelector(TextSelectorConfig(autocomplete="username"))
PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password"))
URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_USERNAME): USERNAME, vol.Required(CONF_PASSWORD): PASSWORD})
REAUTH_SCHEMA_WITH_KEY = vol.Schema(
    {
        vol.Required(CONF_USERNAME): USERNAME,
        vol.Optional(CONF_KEY_ID): TextSelector(),
        vol.Required(CONF_PASSWORD): PASSWORD,
    }
)


async def async_account_schema(hass: HomeAssistant, provider: type[Provider], *, exists: bool = False) -> vol.Schema:
    """Return the fields of a provider's account; of one that exists, those that can change."""
    password = vol.Optional if exists else vol.Required
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_USERNAME): USERNAME}
    if provider.takes_key_id:
        fields[vol.Optional(CONF_KEY_ID)] = TextSelector()
    fields[password(CONF_PASSWORD)] = PASSWORD
    if provider.deletes:
        fields[vol.Required(CONF_DELETE_STORED, default=True)] = BooleanSelector()
    if provider.local_time:
        zone = vol.Required(CONF_TIME_ZONE, default=hass.config.time_zone)
        fields[zone] = await async_zone_selector(hass)
    if not exists:
        fields[vol.Required(CONF_DELIVER_EXISTING, default=False)] = BooleanSelector()
    url = vol.Required(CONF_URL, default=provider.default_url or vol.UNDEFINED)
    server: dict[vol.Marker, Any] = {url: URL}
    if provider.is_own_server:
        server[vol.Required(CONF_VERIFY_SSL, default=True)] = BooleanSelector()
    server[vol.Required(CONF_ALLOW_HTTP, default=False)] = BooleanSelector()
    fields[vol.Required(CONF_SERVER)] = section(vol.Schema(server), {"collapsed": bool(provider.default_url)})
    return vol.Schema(fields)


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

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose the provider; each has a step of its name."""
        return self.async_show_menu(step_id="user", menu_options=list(PROVIDERS))

    async def _async_step_account(
        self, user_input: dict[str, Any] | None = None, *, provider: type[Provider]
    ) -> ConfigFlowResult:
        """Take the credentials of an account and prove them."""
        result = Validation()
        if user_input is not None:
            data = {CONF_PROVIDER: provider.key, **without_section(user_input)}
            result = await async_validate(self.hass, data)
            if identity := result.identity:
                await self.async_set_unique_id(f"{provider.key}_{identity.account_id}")
                self._abort_if_unique_id_configured()
                return self.async_create_entry(title=f"{provider.name} {identity.name}", data=result.data)
        schema = await async_account_schema(self.hass, provider)
        return self.async_show_form(
            step_id=provider.key,
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            description_placeholders={**provider.placeholders, **result.placeholders},
            errors=result.errors,
        )

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take which app or service sends the messages, and a name for it."""
        if user_input is not None:
            self._preset = PRESETS[user_input[CONF_PRESET]]
            name = user_input.get(CONF_USERNAME, "").strip() or self._free_name(self._preset.name or Webhook.name)
            data = {CONF_PROVIDER: Webhook.key, CONF_PRESET: self._preset.key, CONF_USERNAME: name}
            await self.async_set_unique_id(f"{Webhook.key}_{name.casefold()}", raise_on_progress=False)
            self._abort_if_unique_id_configured()
            self._account = {"title": name, "data": data}
            return await self.async_step_webhook_source()
        presets = SelectSelector(
            SelectSelectorConfig(options=list(PRESETS), translation_key="preset", mode=SelectSelectorMode.DROPDOWN)
        )
        schema = vol.Schema(
            {vol.Required(CONF_PRESET, default=OTHER.key): presets, vol.Optional(CONF_USERNAME): TextSelector()}
        )
        return self.async_show_form(step_id=Webhook.key, data_schema=schema)

    async def async_step_webhook_source(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take from where the app or service sends, its key, and its time zone, as far as it needs that."""
        preset, errors = self._preset, dict[str, str]()
        fields: dict[vol.Marker, Any] = {vol.Required(CONF_LOCAL_ONLY, default=preset.is_at_home): BooleanSelector()}
        if async_has_cloud(self.hass):
            fields[vol.Required(CONF_CLOUDHOOK, default=not preset.is_at_home)] = BooleanSelector()
        if preset.signature:
            fields[(vol.Required if preset.needs_key else vol.Optional)(CONF_SIGNING_KEY)] = KEY
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
        """What the texts about an app or service need: its name, and the page that says what to set there."""
        name = self._preset.name or self._account["title"]
        return {"provider": name, "documentation": documentation(f"webhooks/{self._preset.key}")}

    @callback
    def _free_name(self, name: str) -> str:
        """Return a name, with a number behind it if there is an account of that name."""
        taken = {entry.unique_id for entry in self._async_current_entries()}
        names = (name, *(f"{name} {number}" for number in range(2, len(taken) + 3)))
        return next(each for each in names if f"{Webhook.key}_{each.casefold()}" not in taken)

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
        if not PROVIDERS[entry.data[CONF_PROVIDER]].interval:
            return self.async_abort(reason="nothing_to_reconfigure")
        if user_input is not None:
            changes = without_section(user_input)
            changes[CONF_PASSWORD] = changes.get(CONF_PASSWORD) or entry.data.get(CONF_PASSWORD, "")
            result = await async_validate(self.hass, {**_without_key(entry.data), **changes})
            if result.identity:
                return await self._async_change(entry, result.identity, result.data)
        schema = await async_account_schema(self.hass, PROVIDERS[entry.data[CONF_PROVIDER]], exists=True)
        present = {key: value for key, value in entry.data.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or {**present, CONF_SERVER: present}),
            description_placeholders={"account": entry.title, **result.placeholders},
            errors=result.errors,
        )

    async def _async_change(self, entry: ConfigEntry, identity: Identity, data: Mapping[str, Any]) -> ConfigFlowResult:
        """Change an account, unless it would become another, whose messages would be taken for its own."""
        provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        other = await self.async_set_unique_id(f"{provider.key}_{identity.account_id}")
        if other or not provider.known_by_address:
            self._abort_if_unique_id_mismatch(reason="another_account")
        return self.async_update_reload_and_abort(entry, unique_id=self.unique_id, data=data)


for _provider in filter(lambda provider: provider.interval, PROVIDERS.values()):
    setattr(
        SmsInboxConfigFlow,
        f"async_step_{_provider.key}",
        partialmethod(SmsInboxConfigFlow._async_step_account, provider=_provider),  # noqa: SLF001
    )
