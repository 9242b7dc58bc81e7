"""Options of an account: storage and retention, sending, its webhook, and the field mapping of what can't be polled."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any
import zoneinfo

import voluptuous as vol

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import CONF_TIME_ZONE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.util import dt as dt_util

from .compose import CONF_SENDER
from .const import (
    CONF_FIELDS,
    CONF_RETENTION_DAYS,
    CONF_SENDING,
    CONF_SIGNATURE,
    CONF_STORE_TEXTS,
    DEFAULT_RETENTION_DAYS,
)
from .inbox import async_get_store
from .providers.presets import OTHER
from .providers.sending import SENDING
from .providers.signatures import ALGORITHMS, ENCODINGS, SIGNED
from .providers.webhook import NAMES, fields_of, parse
from .sending_flow import CONF_SEND, async_schema
from .store import StoreError, search
from .texts import readable, readable_record
from .webhook_flow import WebhookOptionsFlow, local_time, set_key
from .webhook_url import documentation

DAYS = NumberSelector(
    NumberSelectorConfig(
        min=1, max=3650, mode=NumberSelectorMode.BOX, unit_of_measurement="days", translation_key="retention"
    )
)
STORAGE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_STORE_TEXTS, default=True): BooleanSelector(),
        vol.Required(CONF_RETENTION_DAYS, default=DEFAULT_RETENTION_DAYS): vol.All(DAYS, vol.Coerce(int)),
    }
)


def _choice(options: Iterable[str], translation_key: str = "") -> SelectSelector:
    """Return a selector for one of some values."""
    return SelectSelector(
        SelectSelectorConfig(options=list(options), translation_key=translation_key, mode=SelectSelectorMode.DROPDOWN)
    )


SIGNATURE: dict[str, tuple[str | None, Any]] = {
    "signed": ("body", _choice(SIGNED, "signed")),
    "algorithm": ("sha256", _choice(ALGORITHMS, "algorithm")),
    "encoding": (None, _choice(ENCODINGS, "encoding")),
    "prefix": ("", TextSelector()),
    "signature_header": ("", TextSelector()),
    "timestamp_header": ("", TextSelector()),
}
"""The fields that describe how requests are signed, each with its default, if it has one, and its selector."""


async def async_zone_selector(hass: HomeAssistant) -> SelectSelector:
    """Return a selector for a time zone."""
    zones = await hass.async_add_executor_job(zoneinfo.available_timezones)
    return SelectSelector(
        SelectSelectorConfig(options=sorted({*zones, hass.config.time_zone}), mode=SelectSelectorMode.DROPDOWN)
    )


class SmsInboxOptionsFlow(WebhookOptionsFlow):
    """Choose what is stored of an account's messages, how they are received by webhook, and how requests are read."""

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose what to change."""
        steps = ["storage"]
        if self.provider.key in SENDING:
            steps.append("sending")
        if self.provider.receives_webhooks:
            steps.append("webhook")
        if not self.provider.interval:
            steps += ["signature"] if self.preset is OTHER or self.preset.signature else []
            steps += ["fields"]
        if steps == ["storage"]:
            return await self.async_step_storage()
        return self.async_show_menu(step_id="init", menu_options=steps)

    async def async_step_storage(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take how long texts are stored, and whether at all."""
        options = self.config_entry.options
        if user_input is not None:
            return self.async_create_entry(data={**options, **user_input})
        schema = self.add_suggested_values_to_schema(STORAGE_SCHEMA, options)
        return self.async_show_form(step_id="storage", data_schema=schema)

    async def async_step_sending(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take whether texts may be sent, and within which limits; what was saved once switches it on."""
        errors: dict[str, str] = {}
        options = dict(self.config_entry.options)
        schema = await async_schema(self.config_entry)
        if user_input is not None:
            sending = dict(user_input)
            is_on, sender = sending.pop(CONF_SEND), sending.pop(CONF_SENDER, "").strip()
            if is_on and not sender and SENDING[self.provider.key].sender_use == "required":
                errors[CONF_SENDER] = "no_sender"
            else:
                options.pop(CONF_SENDING, None)
                if is_on:
                    options[CONF_SENDING] = sending | ({CONF_SENDER: sender} if sender else {})
                return self.async_create_entry(data=options)
        present = user_input or options.get(CONF_SENDING, {})
        return self.async_show_form(
            step_id="sending",
            data_schema=self.add_suggested_values_to_schema(schema, present),
            description_placeholders={"provider": self.provider.name, "documentation": documentation("sending")},
            errors=errors,
        )

    async def async_step_fields(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the names of a request's fields; the form shows the last request, once there is one."""
        options = self.config_entry.options
        if user_input is not None:
            zone = user_input.pop(CONF_TIME_ZONE)
            names = {name: path.strip() for name, path in user_input.items() if path.strip()}
            return self.async_create_entry(data={**options, CONF_FIELDS: names, CONF_TIME_ZONE: zone})
        try:
            record = await async_get_store(self.hass).read(search.last_record, self.config_entry.entry_id)
        except StoreError:
            record = b""  # the names can be entered without it
        zone = options.get(CONF_TIME_ZONE, "UTC")
        schema = self.add_suggested_values_to_schema(
            _fields_schema(fields_of(record or b"", self.preset), await async_zone_selector(self.hass)),
            {CONF_TIME_ZONE: zone, **options.get(CONF_FIELDS, {})},
        )
        if record is None:
            return self.async_show_form(step_id="fields_first", data_schema=schema)
        return self.async_show_form(
            step_id="fields", data_schema=schema, description_placeholders=await self._async_preview(record)
        )

    async def async_step_fields_first(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the names of a request's fields before any request has come."""
        return await self.async_step_fields(user_input)

    async def async_step_signature(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take how an app or service signs its requests, and the key; a key that is stored is never shown."""
        options = dict(self.config_entry.options)
        if user_input is not None:
            set_key(options, user_input)
            if self.preset is OTHER:
                options[CONF_SIGNATURE] = {
                    key: value.strip() for key, value in user_input.items() if key in SIGNATURE and value.strip()
                }
            return self.async_create_entry(data=options)
        fields = self.key_fields()
        if self.preset is OTHER:
            fields |= {
                vol.Optional(key, default=vol.UNDEFINED if default is None else default): selector
                for key, (default, selector) in SIGNATURE.items()
            }
        schema = self.add_suggested_values_to_schema(vol.Schema(fields), options.get(CONF_SIGNATURE, {}))
        return self.async_show_form(
            step_id="signature",
            data_schema=schema,
            description_placeholders={"provider": self.origin, "documentation": self.documentation},
        )

    async def _async_preview(self, record: bytes) -> dict[str, str]:
        """Return the last request as it came, and as it is understood."""
        options = self.config_entry.options
        zone = await dt_util.async_get_time_zone(options.get(CONF_TIME_ZONE, "UTC"))
        understood = parse(record, options.get(CONF_FIELDS, {}), preset=self.preset, zone=zone or UTC)
        at = understood.received_at if understood else None
        return {
            "record": readable_record(record),
            "sender": readable(understood.sender) if understood else "",
            "text": readable(understood.text) if understood else "",
            "received_at": local_time(at) or "-",
        }


def _fields_schema(found: Iterable[str], zones: SelectSelector) -> vol.Schema:
    """Return the fields of the field mapping, with the names of a request's fields to choose from."""
    names = SelectSelector(
        SelectSelectorConfig(options=sorted(found), custom_value=True, mode=SelectSelectorMode.DROPDOWN)
    )
    return vol.Schema({**{vol.Optional(name): names for name in NAMES}, vol.Required(CONF_TIME_ZONE): zones})
