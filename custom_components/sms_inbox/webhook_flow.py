"""The options about an account's webhook: its URL, its key, and its registration at the vendor."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OperationNotAllowed, OptionsFlowWithReload
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TemplateSelector,
    TemplateSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task

from . import registration
from .const import (
    CONF_CLOUDHOOK,
    CONF_LOCAL_ONLY,
    CONF_PRESET,
    CONF_PROVIDER,
    CONF_REGISTERED,
    CONF_SIGNING_KEY,
    CONF_WEBHOOK,
    CONF_WEBHOOK_URL,
)
from .coordinator import SmsInboxConfigEntry
from .credentials import Validation, shown_error
from .inbox import SIGNAL_WEBHOOK
from .providers import PROVIDERS
from .providers.contract import Provider
from .providers.errors import ConfigurationError, ProviderError
from .providers.presets import OTHER, PRESETS, Preset
from .webhook import async_close, async_open, async_unregister
from .webhook_url import account_page, async_forget_url, async_has_cloud, async_url, documentation

CONF_REGISTER = "register"
CONF_REMOVE_KEY = "remove_signing_key"
CONF_RENEW = "renew"
FAILURES = (NoURLAvailableError, OperationNotAllowed, ProviderError)
KEY = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
URL_SCHEMA = vol.Schema({vol.Optional(CONF_WEBHOOK_URL): TemplateSelector(TemplateSelectorConfig(read_only=True))})


class WebhookOptionsFlow(OptionsFlowWithReload):
    """Choose whether and how messages are received by webhook."""

    config_entry: SmsInboxConfigEntry
    _since: datetime | None = None
    _is_shown = False
    _places: tuple[registration.Found, ...] = ()
    _waiting: asyncio.Task[None] | None = None

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take whether and how messages are received by webhook; if its URL can be registered, that comes next."""
        result = Validation()
        options = self.config_entry.options
        present = {**options, CONF_WEBHOOK: CONF_WEBHOOK_ID in options}
        present.pop(CONF_SIGNING_KEY, None)
        if user_input is not None:
            if not user_input.get(CONF_WEBHOOK, True):
                return await self._async_switch_off()
            before = dict(options)
            try:
                await self._async_switch_on(user_input)
                if user_input.get(CONF_REGISTER):
                    return await self._async_begin_to_register()
                await self._async_give_up_registration()
            except FAILURES as err:
                result = self._shown(err)
            else:
                return await self.async_step_webhook_url()
            await self._async_restore(before)
        return self.async_show_form(
            step_id="webhook",
            data_schema=self.add_suggested_values_to_schema(self._webhook_schema(), user_input or present),
            description_placeholders={"provider": self.origin, **result.placeholders},
            errors=result.errors,
            last_step=False,
        )

    async def async_step_places(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take where at the vendor the URL is stored; what stands there is replaced only if the person agrees."""
        result = Validation()
        is_first = not registration.registered(self.config_entry.options)
        chosen = [found.place.place_id for found in self._places if found.is_free and (is_first or found.is_registered)]
        if user_input is not None:
            chosen = user_input[CONF_REGISTERED]
            try:
                await self._async_register(chosen)
            except FAILURES as err:
                result = self._shown(err)
            else:
                return await self.async_step_webhook_url()
        labels = [SelectOptionDict(value=found.place.place_id, label=found.label) for found in self._places]
        places = SelectSelector(SelectSelectorConfig(options=labels, multiple=True, mode=SelectSelectorMode.LIST))
        return self.async_show_form(
            step_id="places",
            data_schema=vol.Schema({vol.Required(CONF_REGISTERED, default=chosen): places}),
            description_placeholders={"provider": self.origin, **result.placeholders},
            errors=result.errors,
            last_step=False,
        )

    async def async_step_webhook_url(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the URL, unless it was registered at the vendor, so that nothing has to be pasted."""
        if user_input is not None or registration.registered(self.config_entry.options):
            return await self.async_step_wait()
        url = await async_url(self.hass, self.provider, self.config_entry.options)
        return self.async_show_form(
            step_id="webhook_url",
            data_schema=self.add_suggested_values_to_schema(URL_SCHEMA, {CONF_WEBHOOK_URL: url}),
            description_placeholders={"provider": self.origin, "documentation": self.documentation},
            last_step=False,
        )

    async def async_step_wait(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Wait for the first request; whoever doesn't want to may close the dialog, everything is saved."""
        if not self._waiting:
            # Not one of Home Assistant's own: what waits for a person must not hold it up when it stops.
            self._waiting = create_eager_task(self._async_wait(), loop=self.hass.loop)
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="webhook_received")
        return self.async_show_progress(
            step_id="wait",
            progress_action="wait_for_webhook",
            progress_task=self._waiting,
            description_placeholders={"provider": self.origin},
        )

    async def async_step_webhook_received(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show when the last request came in."""
        if self._is_shown and user_input is not None:
            return self.async_create_entry(data=dict(self.config_entry.options))
        self._is_shown = True  # when the wait is over at once, what was typed before comes here, too
        inbox = self.config_entry.runtime_data.inbox
        return self.async_show_form(
            step_id="webhook_received",
            data_schema=vol.Schema({}),
            description_placeholders={"last": local_time(inbox.last_webhook_at)},
        )

    @property
    def provider(self) -> type[Provider]:
        """The account's provider."""
        return PROVIDERS[self.config_entry.data[CONF_PROVIDER]]

    @property
    def origin(self) -> str:
        """Where requests come from: a vendor, or what a person has named."""
        return self.provider.name if self.provider.interval else self.config_entry.title

    @property
    def preset(self) -> Preset:
        """The preset of an account that can't be polled."""
        return PRESETS.get(self.config_entry.data.get(CONF_PRESET, ""), OTHER)

    @property
    def documentation(self) -> str:
        """The address of the page of the documentation that says how the webhook is set up."""
        return documentation(account_page(self.config_entry.data))

    def _shown(self, failure: NoURLAvailableError | OperationNotAllowed | ProviderError) -> Validation:
        """Return how a form shows why the webhook could not be switched on or registered."""
        if isinstance(failure, ProviderError):
            return shown_error(failure)
        if isinstance(failure, NoURLAvailableError):
            return Validation(errors={"base": "no_url"})
        return Validation(errors={"base": "not_loaded"}, placeholders={"account": self.config_entry.title})

    def _webhook_schema(self) -> vol.Schema:
        """Return the fields about the webhook."""
        options = self.config_entry.options
        fields: dict[vol.Marker, Any] = {}
        if self.provider.interval:
            fields[vol.Required(CONF_WEBHOOK, default=True)] = BooleanSelector()
        if self.provider.registers:
            is_registered = CONF_WEBHOOK_ID not in options or bool(registration.registered(options))
            fields[vol.Required(CONF_REGISTER, default=is_registered)] = BooleanSelector()
        if async_has_cloud(self.hass):
            fields[vol.Required(CONF_CLOUDHOOK, default=True)] = BooleanSelector()
        if not self.provider.default_url:
            fields[vol.Required(CONF_LOCAL_ONLY, default=False)] = BooleanSelector()
        if self.provider.interval and self.provider.signs:
            fields |= self.key_fields()
        if CONF_WEBHOOK_ID in options:
            fields[vol.Required(CONF_RENEW, default=False)] = BooleanSelector()
        return vol.Schema(fields)

    def key_fields(self) -> dict[vol.Marker, Any]:
        """Return the fields of a signing key; one that is stored can be removed, and is never shown."""
        fields: dict[vol.Marker, Any] = {vol.Optional(CONF_SIGNING_KEY): KEY}
        if self.config_entry.options.get(CONF_SIGNING_KEY):
            fields[vol.Required(CONF_REMOVE_KEY, default=False)] = BooleanSelector()
        return fields

    async def _async_switch_on(self, user_input: Mapping[str, Any]) -> None:
        """Open the endpoint with what was chosen.

        Raises:
            NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
            OperationNotAllowed: The account isn't loaded.
            ProviderError: What the vendor has of a URL that is replaced could not be removed.
        """
        self._require_loaded()
        before = dict(self.config_entry.options)
        options = {CONF_WEBHOOK_ID: webhook.async_generate_id(), **before}
        options |= {key: user_input[key] for key in (CONF_CLOUDHOOK, CONF_LOCAL_ONLY) if key in user_input}
        if not options.get(CONF_LOCAL_ONLY):
            options.pop(CONF_LOCAL_ONLY, None)
        set_key(options, user_input)
        if user_input.get(CONF_RENEW):
            await self._async_give_up_registration()
            await async_forget_url(self.hass, before[CONF_WEBHOOK_ID])
            options[CONF_WEBHOOK_ID] = webhook.async_generate_id()
            options.pop(CONF_REGISTERED, None)
        await async_url(self.hass, self.provider, options)
        if options != before:
            self._since = dt_util.utcnow()
            await self._async_save(options)
        self._require_loaded()

    async def _async_restore(self, options: dict[str, Any]) -> None:
        """Undo what was switched on, where the rest of it failed; a URL that was renewed stays the new one."""
        present = self.config_entry.options
        is_renewed = CONF_WEBHOOK_ID in options and options[CONF_WEBHOOK_ID] != present.get(CONF_WEBHOOK_ID)
        if present == options or is_renewed:
            return
        if CONF_WEBHOOK_ID not in options:
            await async_forget_url(self.hass, present[CONF_WEBHOOK_ID])
        await self._async_save(options)

    async def _async_begin_to_register(self) -> ConfigFlowResult:
        """Register the webhook where nothing else stands and there is no choice; else let the person choose.

        Raises:
            NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
            ProviderError: One of its kinds.
        """
        provider, options = self.config_entry.runtime_data.provider, self.config_entry.options
        self._places = await registration.async_find_places(self.hass, provider, options)
        if not self._places:
            raise ConfigurationError("no place for a webhook", hint="no_places")
        if len(self._places) == 1 and self._places[0].is_free:
            await self._async_register([self._places[0].place.place_id])
            return await self.async_step_webhook_url()
        return await self.async_step_places()

    async def _async_register(self, place_ids: list[str]) -> None:
        """Store the URL at these places at the vendor.

        Raises:
            NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
            OperationNotAllowed: The account isn't loaded.
            ProviderError: One of its kinds.
        """
        self._require_loaded()
        provider = self.config_entry.runtime_data.provider
        await registration.async_register(self.hass, self.config_entry, provider, place_ids)
        await self.config_entry.runtime_data.async_check_webhook()

    async def _async_give_up_registration(self) -> None:
        """Remove the URL at the vendor.

        Raises:
            ProviderError: One of its kinds.
        """
        if registration.registered(self.config_entry.options):
            await registration.async_unregister(self.config_entry.runtime_data.provider, self.config_entry.options)
            registration.async_note(self.hass, self.config_entry, {})

    def _require_loaded(self) -> None:
        """Raise OperationNotAllowed where the account isn't loaded."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            raise OperationNotAllowed(f"{self.config_entry.title} is not loaded")

    async def _async_switch_off(self) -> ConfigFlowResult:
        """Close the endpoint, and give up its URL."""
        options = dict(self.config_entry.options)
        if CONF_WEBHOOK_ID in options:
            async_close(self.hass, self.config_entry)
            await async_unregister(self.hass, self.config_entry)
        for key in (CONF_WEBHOOK_ID, CONF_CLOUDHOOK, CONF_LOCAL_ONLY, CONF_SIGNING_KEY, CONF_REGISTERED):
            options.pop(key, None)
        return self.async_create_entry(data=options)

    async def _async_save(self, options: dict[str, Any]) -> None:
        """Save at once: a request may come before the dialog is closed."""
        self.hass.config_entries.async_update_entry(self.config_entry, options=options)
        async_open(self.hass, self.config_entry)
        await self.hass.config_entries.async_reload(self.config_entry.entry_id)

    async def _async_wait(self) -> None:
        """Wait until a request has come."""
        received = asyncio.Event()

        @callback
        def end() -> None:
            received.set()

        signal = SIGNAL_WEBHOOK.format(self.config_entry.entry_id)
        disconnect = async_dispatcher_connect(self.hass, signal, end)
        try:
            last = self.config_entry.runtime_data.inbox.last_webhook_at
            if not last or (self._since and last < self._since):
                await received.wait()
        finally:
            disconnect()


def set_key(options: dict[str, Any], user_input: Mapping[str, Any]) -> None:
    """Take over a signing key that was entered, or remove the stored one; an empty field leaves it as it is."""
    if user_input.get(CONF_REMOVE_KEY):
        options.pop(CONF_SIGNING_KEY, None)
    if key := user_input.get(CONF_SIGNING_KEY, "").strip():
        options[CONF_SIGNING_KEY] = key


def local_time(at: datetime | None) -> str:
    """Return a time for people."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M:%S}" if at else ""
