"""Options of an account: storage and retention, its webhook, and the field mapping of what can't be polled."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OperationNotAllowed, OptionsFlowWithReload
from homeassistant.const import CONF_WEBHOOK_ID, UnitOfTime
from homeassistant.core import callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
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

from .const import (
    CONF_CLOUDHOOK,
    CONF_FIELDS,
    CONF_PROVIDER,
    CONF_RETENTION_DAYS,
    CONF_SIGNING_KEY,
    CONF_STORE_TEXTS,
    CONF_WEBHOOK,
    CONF_WEBHOOK_URL,
    DEFAULT_RETENTION_DAYS,
)
from .coordinator import SmsInboxConfigEntry
from .inbox import SIGNAL_WEBHOOK, async_get_store
from .providers import PROVIDERS
from .providers.contract import Provider
from .providers.errors import ProviderError
from .providers.webhook import NAMES, fields_of, parse
from .store import StoreError, search
from .texts import readable
from .webhook import async_close, async_open, async_register, async_unregister
from .webhook_url import async_forget_url, async_has_cloud, async_url

HEADERS = ("signature_header", "timestamp_header")
DAYS = NumberSelector(
    NumberSelectorConfig(min=1, max=3650, mode=NumberSelectorMode.BOX, unit_of_measurement=UnitOfTime.DAYS)
)
KEY = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
STORAGE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_STORE_TEXTS, default=True): BooleanSelector(),
        vol.Required(CONF_RETENTION_DAYS, default=DEFAULT_RETENTION_DAYS): vol.All(DAYS, vol.Coerce(int)),
    }
)
URL_SCHEMA = vol.Schema({vol.Optional(CONF_WEBHOOK_URL): TemplateSelector(TemplateSelectorConfig(read_only=True))})


class SmsInboxOptionsFlow(OptionsFlowWithReload):
    """Choose what is stored of an account's messages, and whether they are received by webhook."""

    config_entry: SmsInboxConfigEntry
    _since: datetime | None = None
    _is_shown = False
    _waiting: asyncio.Task[None] | None = None

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose what to change."""
        if not self._provider.receives_webhooks:
            return await self.async_step_storage()
        steps = ["storage", "webhook", *(() if self._provider.interval else ("fields",))]
        return self.async_show_menu(step_id="init", menu_options=steps)

    async def async_step_storage(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take how long texts are stored, and whether at all."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, **user_input})
        schema = self.add_suggested_values_to_schema(STORAGE_SCHEMA, options)
        return self.async_show_form(step_id="storage", data_schema=schema)

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take whether messages are received by webhook, and with which key requests are signed."""
        errors: dict[str, str] = {}
        placeholders = {"provider": self._source}
        present = {**self.config_entry.options, CONF_WEBHOOK: CONF_WEBHOOK_ID in self.config_entry.options}
        if user_input is not None:
            if not user_input.get(CONF_WEBHOOK, True):
                return await self._async_switch_off()
            try:
                await self._async_switch_on({key: user_input[key] for key in user_input if key != CONF_WEBHOOK})
            except NoURLAvailableError:
                errors["base"] = "no_url"
            except OperationNotAllowed:
                errors["base"] = "not_loaded"
                placeholders["account"] = self.config_entry.title
            except ProviderError as err:
                errors["base"] = err.key
                placeholders["error"] = str(err)
            else:
                return await self.async_step_webhook_url()
        return self.async_show_form(
            step_id="webhook",
            data_schema=self.add_suggested_values_to_schema(self._webhook_schema(), user_input or present),
            description_placeholders=placeholders,
            errors=errors,
        )

    async def async_step_webhook_url(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the URL; where it was registered at the vendor, nothing has to be pasted."""
        if user_input is not None or self._provider.registers:
            return await self.async_step_wait()
        url = await async_url(self.hass, self._provider, self.config_entry.options)
        return self.async_show_form(
            step_id="webhook_url",
            data_schema=self.add_suggested_values_to_schema(URL_SCHEMA, {CONF_WEBHOOK_URL: url}),
            description_placeholders={"provider": self._source},
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
            description_placeholders={"provider": self._source},
        )

    async def async_step_webhook_received(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show when the first and the last request came in."""
        if self._is_shown and user_input is not None:
            return self.async_create_entry(data=dict(self.config_entry.options))
        self._is_shown = True  # when the wait is over at once, what was typed before comes here, too
        inbox = self.config_entry.runtime_data.inbox
        return self.async_show_form(
            step_id="webhook_received",
            data_schema=vol.Schema({}),
            description_placeholders={"first": _local(inbox.first_webhook_at), "last": _local(inbox.last_webhook_at)},
        )

    async def async_step_fields(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the names of a request's fields, with the last request before one's eyes."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, CONF_FIELDS: user_input})
        try:
            record = await async_get_store(self.hass).read(search.last_record, self.config_entry.entry_id) or b""
        except StoreError:
            record = b""  # the names can be entered without it
        schema = self.add_suggested_values_to_schema(_fields_schema(record), options.get(CONF_FIELDS, {}))
        return self.async_show_form(
            step_id="fields", data_schema=schema, description_placeholders=self._preview(record)
        )

    @property
    def _provider(self) -> type[Provider]:
        """The account's provider."""
        return PROVIDERS[self.config_entry.data[CONF_PROVIDER]]

    @property
    def _source(self) -> str:
        """Where requests come from: a vendor, or what a person has named."""
        return self._provider.name if self._provider.interval else self.config_entry.title

    def _webhook_schema(self) -> vol.Schema:
        """Return the fields about the webhook."""
        fields: dict[vol.Marker, Any] = {}
        if self._provider.interval:
            fields[vol.Required(CONF_WEBHOOK, default=True)] = BooleanSelector()
        if async_has_cloud(self.hass):
            fields[vol.Required(CONF_CLOUDHOOK, default=True)] = BooleanSelector()
        if self._provider.signs:
            fields[vol.Optional(CONF_SIGNING_KEY)] = KEY
        return vol.Schema(fields)

    async def _async_switch_on(self, changes: Mapping[str, Any]) -> None:
        """Open the endpoint, and register it at the vendor; if that fails, all is as it was before.

        Raises:
            NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
            OperationNotAllowed: The account isn't loaded.
            ProviderError: The vendor doesn't register the webhook.
        """
        self._require_loaded()
        before = dict(self.config_entry.options)
        options = {CONF_WEBHOOK_ID: webhook.async_generate_id(), **before, **changes}
        if not changes.get(CONF_SIGNING_KEY):
            options.pop(CONF_SIGNING_KEY, None)
        await async_url(self.hass, self._provider, options)
        if options != before:
            self._since = dt_util.utcnow()
            await self._async_save(options)
        try:
            self._require_loaded()
            if self._provider.registers:
                await async_register(self.hass, self.config_entry, self.config_entry.runtime_data.provider)
        except NoURLAvailableError, OperationNotAllowed, ProviderError:
            if CONF_WEBHOOK_ID not in before:
                await async_forget_url(self.hass, options[CONF_WEBHOOK_ID])
            await self._async_save(before)
            raise

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
        for key in (CONF_WEBHOOK_ID, CONF_CLOUDHOOK, CONF_SIGNING_KEY):
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

    def _preview(self, record: bytes) -> dict[str, str]:
        """Return the last request as it came, and as it is understood."""
        understood = parse(record, self.config_entry.options.get(CONF_FIELDS, {}))
        return {
            "record": readable(record.decode("utf-8", "replace")),
            "sender": readable(understood.sender) if understood else "",
            "text": readable(understood.text) if understood else "",
        }


def _fields_schema(record: bytes) -> vol.Schema:
    """Return the fields of the field mapping, with the names of a request's fields to choose from."""
    names = SelectSelector(
        SelectSelectorConfig(options=sorted(fields_of(record)), custom_value=True, mode=SelectSelectorMode.DROPDOWN)
    )
    selectors = {**dict.fromkeys(NAMES, names), **dict.fromkeys(HEADERS, TextSelector())}
    return vol.Schema({vol.Optional(name): selector for name, selector in selectors.items()})


def _local(at: datetime | None) -> str:
    """Return a time for people."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M:%S}" if at else ""
