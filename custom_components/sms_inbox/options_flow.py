"""What is kept of an account's messages, and being called by its provider."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
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
    CONF_CALLS,
    CONF_CLOUD,
    CONF_FIELDS,
    CONF_KEEP_TEXTS,
    CONF_PROVIDER,
    CONF_RETENTION_DAYS,
    CONF_SIGNING_KEY,
    DEFAULT_RETENTION_DAYS,
)
from .coordinator import SmsInboxConfigEntry, async_unregister
from .inbox import SIGNAL_CALLED, async_get_store, readable
from .providers import PROVIDERS
from .providers.contract import Provider
from .providers.errors import ProviderError
from .providers.webhook import NAMES, fields_of, parse
from .push import async_address, async_close, async_forget_address, async_has_cloud, async_open

ADDRESS = "address"
HEADERS = ("signature_header", "timestamp_header")
DAYS = NumberSelector(
    NumberSelectorConfig(min=1, max=3650, mode=NumberSelectorMode.BOX, unit_of_measurement=UnitOfTime.DAYS)
)
KEY = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
STORAGE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_KEEP_TEXTS, default=True): BooleanSelector(),
        vol.Required(CONF_RETENTION_DAYS, default=DEFAULT_RETENTION_DAYS): vol.All(DAYS, vol.Coerce(int)),
    }
)
ADDRESS_SCHEMA = vol.Schema({vol.Optional(ADDRESS): TemplateSelector(TemplateSelectorConfig(read_only=True))})


class SmsInboxOptionsFlow(OptionsFlowWithReload):
    """Choose what is kept of an account's messages, and whether its provider calls."""

    config_entry: SmsInboxConfigEntry
    _since: datetime | None = None
    _told = False
    _waiting: asyncio.Task[None] | None = None

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose what to change."""
        if not self._provider.calls:
            return await self.async_step_storage()
        steps = ["storage", "calls", *(() if self._provider.interval else ("fields",))]
        return self.async_show_menu(step_id="init", menu_options=steps)

    async def async_step_storage(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take how long texts are kept, and whether at all."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, **user_input})
        schema = self.add_suggested_values_to_schema(STORAGE_SCHEMA, options)
        return self.async_show_form(step_id="storage", data_schema=schema)

    async def async_step_calls(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take whether the provider calls, and with what it signs."""
        errors: dict[str, str] = {}
        present = {**self.config_entry.options, CONF_CALLS: CONF_WEBHOOK_ID in self.config_entry.options}
        if user_input is not None:
            if not user_input.get(CONF_CALLS, True):
                return await self._async_switch_off()
            error = await self._async_switch_on({key: user_input.get(key) for key in user_input if key != CONF_CALLS})
            if not error:
                return await self.async_step_address()
            errors["base"] = error
        return self.async_show_form(
            step_id="calls",
            data_schema=self.add_suggested_values_to_schema(self._calls_schema(), user_input or present),
            description_placeholders={"provider": self._caller},
            errors=errors,
        )

    async def async_step_address(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the address; of a vendor that was told it, nothing has to be pasted."""
        if user_input is not None or self._provider.registers:
            return await self.async_step_wait()
        address = await async_address(self.hass, self._provider, self.config_entry.options)
        if query := self._provider.call_query:
            address = f"{address}?{query}"
        return self.async_show_form(
            step_id="address",
            data_schema=self.add_suggested_values_to_schema(ADDRESS_SCHEMA, {ADDRESS: address}),
            description_placeholders={"provider": self._caller},
            last_step=False,
        )

    async def async_step_wait(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Wait for the first call; whoever doesn't want to may close the dialog, all is saved."""
        if not self._waiting:
            # Not one of Home Assistant's own: what waits for a person must not hold it up when it stops.
            self._waiting = create_eager_task(self._async_wait(), loop=self.hass.loop)
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="called")
        return self.async_show_progress(
            step_id="wait",
            progress_action="wait_for_call",
            progress_task=self._waiting,
            description_placeholders={"provider": self._caller},
        )

    async def async_step_called(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Tell when the first and the last call came in."""
        if self._told and user_input is not None:
            return self.async_create_entry(data=dict(self.config_entry.options))
        self._told = True  # when the wait is over at once, what was typed before comes here, too
        inbox = self.config_entry.runtime_data.inbox
        return self.async_show_form(
            step_id="called",
            data_schema=vol.Schema({}),
            description_placeholders={"first": _told(inbox.first_call_at), "last": _told(inbox.last_call_at)},
        )

    async def async_step_fields(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take what the fields of a call are called, with the last call before one's eyes."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, CONF_FIELDS: user_input})
        store = async_get_store(self.hass)
        record = await self.hass.async_add_executor_job(store.last_record, self.config_entry.entry_id) or b""
        schema = self.add_suggested_values_to_schema(_fields_schema(record), options.get(CONF_FIELDS, {}))
        return self.async_show_form(
            step_id="fields", data_schema=schema, description_placeholders=self._preview(record)
        )

    @property
    def _provider(self) -> type[Provider]:
        """The account's provider."""
        return PROVIDERS[self.config_entry.data[CONF_PROVIDER]]

    @property
    def _caller(self) -> str:
        """Who calls: a vendor, or what a person has named."""
        return self._provider.name if self._provider.interval else self.config_entry.title

    def _calls_schema(self) -> vol.Schema:
        """Return the fields about being called."""
        fields: dict[vol.Marker, Any] = {}
        if self._provider.interval:
            fields[vol.Required(CONF_CALLS, default=True)] = BooleanSelector()
        if async_has_cloud(self.hass):
            fields[vol.Required(CONF_CLOUD, default=True)] = BooleanSelector()
        if self._provider.signs:
            fields[vol.Optional(CONF_SIGNING_KEY)] = KEY
        return vol.Schema(fields)

    async def _async_switch_on(self, changes: Mapping[str, Any]) -> str | None:
        """Open the gate at an address; return what is wrong, if something is, with all as it was before."""
        before = dict(self.config_entry.options)
        options = {**before, **changes}
        if not changes.get(CONF_SIGNING_KEY):
            options.pop(CONF_SIGNING_KEY, None)
        if self._provider.needs_key and CONF_SIGNING_KEY not in options:
            return "signing_key_missing"
        options.setdefault(CONF_WEBHOOK_ID, webhook.async_generate_id())
        try:
            await async_address(self.hass, self._provider, options)
        except NoURLAvailableError:
            return "no_address"
        if options != before:
            self._since = dt_util.utcnow()
            await self._async_save(options)
        error = await self._async_register()
        if error:
            if CONF_WEBHOOK_ID not in before:
                await async_forget_address(self.hass, options[CONF_WEBHOOK_ID])
            await self._async_save(before)
        return error

    async def _async_register(self) -> str | None:
        """Tell the vendor the address, where it has an API for that; return what is wrong, if something is."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return "cannot_connect"
        if self._provider.registers:
            try:
                await self.config_entry.runtime_data.async_register()
            except ProviderError as err:
                return err.key
        return None

    async def _async_switch_off(self) -> ConfigFlowResult:
        """Close the gate, and forget its address."""
        options = dict(self.config_entry.options)
        if CONF_WEBHOOK_ID in options:
            async_close(self.hass, self.config_entry)
            await async_unregister(self.hass, self.config_entry)
        for key in (CONF_WEBHOOK_ID, CONF_CLOUD, CONF_SIGNING_KEY):
            options.pop(key, None)
        return self.async_create_entry(data=options)

    async def _async_save(self, options: dict[str, Any]) -> None:
        """Save at once: whoever pastes the address may call before the dialog is closed."""
        self.hass.config_entries.async_update_entry(self.config_entry, options=options)
        async_open(self.hass, self.config_entry)
        await self.hass.config_entries.async_reload(self.config_entry.entry_id)

    async def _async_wait(self) -> None:
        """Wait until the provider has called."""
        called = asyncio.Event()

        @callback
        def end() -> None:
            called.set()

        signal = SIGNAL_CALLED.format(self.config_entry.entry_id)
        disconnect = async_dispatcher_connect(self.hass, signal, end)
        try:
            last = self.config_entry.runtime_data.inbox.last_call_at
            if not last or (self._since and last < self._since):
                await called.wait()
        finally:
            disconnect()

    def _preview(self, record: bytes) -> dict[str, str]:
        """Return the last call as it came, and as it is understood."""
        understood = parse(record, self.config_entry.options.get(CONF_FIELDS, {}))
        return {
            "record": readable(record),
            "sender": readable(understood.sender.encode()) if understood else "",
            "text": readable(understood.text.encode()) if understood else "",
        }


def _fields_schema(record: bytes) -> vol.Schema:
    """Return the fields about a call's fields, with the names of a call to choose from."""
    names = SelectSelector(
        SelectSelectorConfig(options=sorted(fields_of(record)), custom_value=True, mode=SelectSelectorMode.DROPDOWN)
    )
    selectors = {**dict.fromkeys(NAMES, names), **dict.fromkeys(HEADERS, TextSelector())}
    return vol.Schema({vol.Optional(name): selector for name, selector in selectors.items()})


def _told(at: datetime | None) -> str:
    """Return a time for people."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M:%S}" if at else ""
