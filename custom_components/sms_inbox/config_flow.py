"""Adding an account: choose the provider, then enter its credentials; and changing it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partialmethod
import logging
from typing import Any, override
import zoneinfo

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_TIME_ZONE, CONF_URL, CONF_USERNAME, CONF_WEBHOOK_ID
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

from .client import async_create_provider, create_session
from .const import (
    CONF_CLOUDHOOK,
    CONF_DELETE_STORED,
    CONF_DELIVER_EXISTING,
    CONF_PROVIDER,
    CONF_SERVER,
    CONF_WEBHOOK_URL,
    DOMAIN,
)
from .options_flow import URL_SCHEMA, SmsInboxOptionsFlow
from .providers import PROVIDERS
from .providers.contract import Identity, Provider
from .providers.errors import ProviderError
from .webhook_url import async_forget_url, async_has_cloud, async_url

_LOGGER = logging.getLogger(__name__)

USERNAME = TextSelector(TextSelectorConfig(autocomplete="username"))
PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password"))
URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_USERNAME): USERNAME, vol.Required(CONF_PASSWORD): PASSWORD})


async def async_account_schema(hass: HomeAssistant, provider: type[Provider], *, exists: bool = False) -> vol.Schema:
    """Return the fields of a provider's account; of one that exists, those that can change."""
    password = vol.Optional if exists else vol.Required
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_USERNAME): USERNAME}
    if not provider.interval:
        return vol.Schema(fields)
    fields[password(CONF_PASSWORD)] = PASSWORD
    if provider.deletes:
        fields[vol.Required(CONF_DELETE_STORED, default=True)] = BooleanSelector()
    if provider.local_time:
        zones = await hass.async_add_executor_job(zoneinfo.available_timezones)
        fields[vol.Required(CONF_TIME_ZONE, default=hass.config.time_zone)] = SelectSelector(
            SelectSelectorConfig(options=sorted({*zones, hass.config.time_zone}), mode=SelectSelectorMode.DROPDOWN)
        )
    if not exists:
        fields[vol.Required(CONF_DELIVER_EXISTING, default=False)] = BooleanSelector()
    url = vol.Required(CONF_URL, default=provider.default_url or vol.UNDEFINED)
    fields[vol.Required(CONF_SERVER)] = section(vol.Schema({url: URL}), {"collapsed": bool(provider.default_url)})
    return vol.Schema(fields)


def without_section(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed, the server's fields among the others."""
    typed = {**user_input, **user_input.get(CONF_SERVER, {})}
    typed.pop(CONF_SERVER, None)
    return typed


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What a provider says to credentials.

    Attributes:
        identity: Whose account it is; None where that could not be found out.
        errors: What a form shows for an error, by its field.
        placeholders: What the text of the error needs: `error`, the reason.
    """

    identity: Identity | None = None
    errors: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)


async def async_validate(hass: HomeAssistant, data: Mapping[str, Any]) -> Validation:
    """Ask the provider whose account it is."""
    session = create_session(hass, auto_cleanup=False)
    try:
        provider = await async_create_provider(session, data)
        return Validation(identity=await provider.validate())
    except ProviderError as err:
        return Validation(errors={"base": err.key}, placeholders={"error": str(err)})
    except Exception:
        _LOGGER.exception("Unexpected exception")
        return Validation(errors={"base": "unknown"})
    finally:
        session.detach()


class SmsInboxConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add an account, or change one."""

    _account: dict[str, Any]
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
                unique_id = f"{provider.key}_{identity.account_id}"
                await self.async_set_unique_id(unique_id, raise_on_progress=bool(provider.interval))
                self._abort_if_unique_id_configured()
                self._account = {"title": f"{provider.name} {identity.name}", "data": data}
                if not provider.interval:
                    return await self.async_step_webhook_url()
                return self.async_create_entry(**self._account)
        schema = await async_account_schema(self.hass, provider)
        return self.async_show_form(
            step_id=provider.key,
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            description_placeholders={**provider.placeholders, **result.placeholders},
            errors=result.errors,
        )

    async def async_step_webhook_url(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the URL that a person has to copy, then create the entry of an account that can't be polled."""
        if user_input is not None:
            options, self._options = self._options, None
            return self.async_create_entry(**self._account, options=options)
        if not self._options:
            self._options = {CONF_WEBHOOK_ID: webhook.async_generate_id(), CONF_CLOUDHOOK: async_has_cloud(self.hass)}
        try:
            provider = PROVIDERS[self._account["data"][CONF_PROVIDER]]
            url = await async_url(self.hass, provider, self._options)
        except NoURLAvailableError:
            return self.async_abort(reason="no_url")
        schema = self.add_suggested_values_to_schema(URL_SCHEMA, {CONF_WEBHOOK_URL: url})
        return self.async_show_form(step_id="webhook_url", data_schema=schema)

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
            result = await async_validate(self.hass, {**entry.data, **user_input})
            if result.identity:
                return await self._async_change(entry, result.identity, user_input)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=self.add_suggested_values_to_schema(
                REAUTH_SCHEMA, user_input or {CONF_USERNAME: entry.data[CONF_USERNAME]}
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
            result = await async_validate(self.hass, {**entry.data, **changes})
            if result.identity:
                return await self._async_change(entry, result.identity, changes)
        schema = await async_account_schema(self.hass, PROVIDERS[entry.data[CONF_PROVIDER]], exists=True)
        present = {key: value for key, value in entry.data.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or {**present, CONF_SERVER: present}),
            description_placeholders={"account": entry.title, **result.placeholders},
            errors=result.errors,
        )

    async def _async_change(
        self, entry: ConfigEntry, identity: Identity, changes: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Change an account, unless it would become another, whose messages would be taken for its own."""
        provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        other = await self.async_set_unique_id(f"{provider.key}_{identity.account_id}")
        if other or not provider.known_by_address:
            self._abort_if_unique_id_mismatch(reason="another_account")
        return self.async_update_reload_and_abort(entry, unique_id=self.unique_id, data_updates=changes)


for _provider in PROVIDERS.values():
    setattr(
        SmsInboxConfigFlow,
        f"async_step_{_provider.key}",
        partialmethod(SmsInboxConfigFlow._async_step_account, provider=_provider),  # noqa: SLF001
    )
