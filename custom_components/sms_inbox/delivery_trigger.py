"""The trigger "Delivery of a text message changed"."""

from typing import Any, Final, override

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerConfig, TriggerNotTriggeredReporter
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .filters import async_get_filters
from .matching import (
    CONF_CASE_SENSITIVE,
    CONF_CONTACT,
    CONF_MATCH,
    CONF_SENDER,
    DEFAULT_MATCH,
    MessageFilter,
    check_contacts,
    check_country,
    refuse_empty_lists,
    valid_contacts,
    valid_senders,
    valid_text,
)
from .model import OPEN, SendStatus
from .phone_numbers import digits_of
from .sent import SIGNAL_STATUS
from .targets import check_target

CONF_RECIPIENT: Final = "recipient"
CONF_TO: Final = "to"
STATUSES: Final = tuple(str(status) for status in SendStatus if status not in OPEN)


def _valid_recipients(value: Any) -> list[str]:
    """Validate numbers, and return one in each item.

    Raises:
        vol.Invalid: One of them is none.
    """
    recipients = valid_senders(value)
    for recipient in recipients:
        if digits_of(recipient) is None:
            raise vol.Invalid(f"{recipient} is not a phone number")
    return recipients


CONFIG_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(CONF_TARGET, default=dict): vol.All(cv.TARGET_FIELDS, {str: [valid_text]}),
        vol.Required(CONF_OPTIONS, default=dict): {
            vol.Optional(CONF_RECIPIENT): _valid_recipients,
            vol.Optional(CONF_CONTACT): valid_contacts,
            vol.Optional(CONF_TO): vol.All(cv.ensure_list, [vol.In(STATUSES)]),
        },
    }
)


class DeliveryChangedTrigger(Trigger):
    """Triggers for each sent text whose state has changed, if account, recipient and state are meant.

    It listens to what every outbox reports, so an account that is added later is heard, too.
    """

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Refuse what can never match; as `matching.async_validate_filter` does."""
        config = CONFIG_SCHEMA(config)
        options = config[CONF_OPTIONS]
        refuse_empty_lists(options)
        refuse_empty_lists(config[CONF_TARGET], CONF_TARGET)
        check_target(hass, config[CONF_TARGET])
        if hass.is_running:
            check_country(options.get(CONF_RECIPIENT, ()), hass.config.country, CONF_RECIPIENT)
            check_contacts(hass, options.get(CONF_CONTACT, ()))
        return config

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take options and target, which are validated."""
        super().__init__(hass, config)
        options = config.options or {}
        self._statuses = frozenset(options.get(CONF_TO, STATUSES))
        self._filter = MessageFilter.from_config(
            {
                CONF_SENDER: options.get(CONF_RECIPIENT, ()),
                CONF_CONTACT: options.get(CONF_CONTACT, ()),
                CONF_MATCH: DEFAULT_MATCH,
                CONF_CASE_SENSITIVE: False,
            },
            config.target,
        )

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action for each change that is meant."""
        filters = async_get_filters(self._hass)

        @callback
        def async_changed(sent: dict[str, Any]) -> None:
            # A recipient is compared as the sender of a message is.
            recipient = sent["recipient"]
            number = recipient if recipient.startswith("+") else None
            message = {
                ATTR_CONFIG_ENTRY_ID: sent[ATTR_CONFIG_ENTRY_ID],
                "sender": recipient,
                "sender_number": number,
                "text": "",
            }
            is_meant = sent["status"] in self._statuses
            if is_meant and filters.async_match(self._filter, message, dt_util.utcnow()) is not None:
                run_action({**sent}, f"text message to {sent['contact'] or recipient}: {sent['status']}")

        remove_filter = filters.async_add(self._filter)
        disconnect = async_dispatcher_connect(self._hass, SIGNAL_STATUS, async_changed)

        @callback
        def async_detach() -> None:
            disconnect()
            remove_filter()

        return async_detach
