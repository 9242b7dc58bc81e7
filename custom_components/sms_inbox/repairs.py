"""What a person can repair: unreadable records, a damaged store, a deprecated API, a lost webhook, a doubtful text."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
import logging
from pathlib import Path
from typing import Any, override

import voluptuous as vol

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_TIME_ZONE, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.selector import BooleanSelector
from homeassistant.util import dt as dt_util

from . import registration
from .assist_pauses import ASSIST_PAUSED
from .compose import Order, async_send, raise_for, recipient_of
from .config_flow import REAUTH_SCHEMA, URL
from .const import CONF_ALLOW_HTTP, CONF_PROVIDER, DOMAIN
from .contacts import CONF_NUMBER
from .coordinator import SmsInboxConfigEntry
from .credentials import Validation, async_validate, at_address
from .inbox import as_it_is, async_get_store
from .issues import SOLVABLE, account_url
from .model import SendStatus, SentText
from .moving import async_move
from .names import unique_id
from .providers import PROVIDERS
from .providers.contract import Identity
from .providers.errors import ProviderError
from .sent import sent_data
from .store import StoreError, outgoing, quarantine
from .texts import readable_record

_LOGGER = logging.getLogger(__name__)

CHOICE = "choice"
REPORT_URL = "https://github.com/sms-inbox/sms-inbox/issues"
DELIVER, DISCARD = "deliver", "discard"
SEND_AGAIN = "send_again"
RESUME = "resume"
SOLVE = "solve"
TAKE_OVER, LEAVE = "take_over", "leave"


async def async_create_fix_flow(
    _hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that repairs an issue."""
    told = {key: str(value) for key, value in (data or {}).items()}
    if issue_id == "store_damaged":
        return StoreDamagedFlow(told["path"])
    if problem := next((problem for problem in SOLVABLE if issue_id.startswith(f"{problem}_")), None):
        return ProblemFlow(told["entry_id"], problem)
    if issue_id.startswith(f"{ASSIST_PAUSED}_"):
        return AssistPausedFlow(told["entry_id"], told["contact_id"])
    if issue_id.startswith("send_unknown_"):
        return UnknownTextFlow(told["entry_id"], told["key"])
    flows: dict[str, Callable[[str], RepairsFlow]] = {
        "deprecated_api": DeprecatedApiFlow,
        "unreadable": UnreadableFlow,
        "webhook_elsewhere": WebhookElsewhereFlow,
    }
    flow = next((flow for key, flow in flows.items() if issue_id.startswith(f"{key}_")), None)
    return flow(told["entry_id"]) if flow else ConfirmRepairFlow()


class StoreDamagedFlow(RepairsFlow):
    """Keep or delete the file of a store that was damaged."""

    def __init__(self, path: str) -> None:
        """Take where it was put, from the configuration folder on."""
        self._path = path

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Let the person choose."""
        return self.async_show_menu(
            step_id="init", menu_options=["delete", "keep"], description_placeholders={"path": self._path}
        )

    async def async_step_keep(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Leave the file to the person."""
        return await self._async_settle(delete=False)

    async def async_step_delete(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Delete the file."""
        return await self._async_settle(delete=True)

    async def _async_settle(self, *, delete: bool) -> RepairsFlowResult:
        """Do what was chosen; what fails can be chosen again."""
        path = Path(self.hass.config.path(self._path))
        settle = partial(async_get_store(self.hass).settle_damaged, path, delete=delete)
        try:
            await self.hass.async_add_executor_job(settle)
        except OSError as err:
            _LOGGER.error("The damaged store could not be deleted: %s", err)  # noqa: TRY400 - the reason is enough
            return await self.async_step_init()
        return self.async_create_entry(data={})


class AccountFlow(RepairsFlow):
    """Repair something of an account."""

    def __init__(self, entry_id: str) -> None:
        """Take which account it is."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin, or go on; nothing is left to be repaired of an account that was removed."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if not entry:
            return self.async_create_entry(data={})
        try:
            if entry.state is ConfigEntryState.LOADED:
                return await self._async_step(entry, user_input)
        except StoreError as err:
            _LOGGER.error("The issue of %s could not be repaired: %s", entry.title, err)  # noqa: TRY400
        return self.async_abort(reason="not_loaded", description_placeholders={"account": entry.title})

    @abstractmethod
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Do what was answered, if anything was, and ask.

        Raises:
            StoreError: The store could not be read or written.
        """


class AssistPausedFlow(AccountFlow):
    """Let Assist answer a contact again."""

    def __init__(self, entry_id: str, contact_id: str) -> None:
        """Take which account and contact it is."""
        super().__init__(entry_id)
        self._contact_id = contact_id

    async def async_step_confirm(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """End the pause."""
        return await self.async_step_init({CHOICE: RESUME})

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Ask whether the pause may end; then count the answers from now on. The issue ends with the dialog."""
        contact = entry.subentries.get(self._contact_id)
        if contact and (user_input or {}).get(CHOICE) != RESUME:
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({}),
                description_placeholders={"account": entry.title, "contact": contact.title},
            )
        if contact:
            entry.runtime_data.loop_guard.async_resume(contact.data[CONF_NUMBER])
        return self.async_create_entry(data={})


class UnreadableFlow(AccountFlow):
    """Deliver or discard the records that could not be understood, one after the other."""

    _shown: tuple[int, bytes]

    async def async_step_deliver(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Deliver the record as it is."""
        return await self.async_step_init({CHOICE: DELIVER})

    async def async_step_discard(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Discard the record, once a person has confirmed that."""
        if user_input is not None:
            return await self.async_step_init({CHOICE: DISCARD})
        return self.async_show_form(
            step_id="discard", data_schema=vol.Schema({}), description_placeholders={"raw": self._text}
        )

    @property
    def _text(self) -> str:
        """The record that is shown, as text."""
        return readable_record(self._shown[1])

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Settle the record that was shown, if that was chosen, and show the next one, until none is left."""
        coordinator, choice = entry.runtime_data, (user_input or {}).get(CHOICE)
        if choice:
            number, raw = self._shown
            message = as_it_is(raw) if choice == DELIVER else None
            await coordinator.inbox.async_settle(number, message)
            coordinator.async_show_issues()
        left = await async_get_store(self.hass).read(quarantine.oldest, entry.entry_id, 1)
        if not left:
            return self.async_create_entry(data={})
        self._shown = left[0]
        return self.async_show_menu(
            step_id="init",
            menu_options=[DELIVER, DISCARD],
            description_placeholders={
                "account": entry.title,
                "account_url": account_url(entry.entry_id),
                "report_url": REPORT_URL,
                "count": str(coordinator.inbox.state.quarantined),
                "raw": self._text,
            },
        )


class ProblemFlow(AccountFlow):
    """Change at the vendor what keeps messages from being listed."""

    def __init__(self, entry_id: str, problem: str) -> None:
        """Take which account it is, and the problem."""
        super().__init__(entry_id)
        self._problem = problem

    async def async_step_confirm(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Solve the problem."""
        return await self.async_step_init({CHOICE: SOLVE})

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Ask whether it may be changed, and change it."""
        coordinator, placeholders = entry.runtime_data, {"account": entry.title}
        if (user_input or {}).get(CHOICE) != SOLVE:
            return self.async_show_form(
                step_id="confirm", data_schema=vol.Schema({}), description_placeholders=placeholders
            )
        try:
            await coordinator.provider.solve(self._problem)
        except ProviderError as err:
            return self.async_abort(reason="not_solved", description_placeholders={**placeholders, "error": str(err)})
        coordinator.async_note_solved(self._problem)
        return self.async_create_entry(data={})


class WebhookElsewhereFlow(AccountFlow):
    """Store the webhook's URL at the vendor again, or leave the vendor's webhook to somebody else."""

    async def async_step_take_over(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Receive the messages here."""
        return await self.async_step_init({CHOICE: TAKE_OVER})

    async def async_step_leave(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Leave the vendor's webhook as it is."""
        return await self.async_step_init({CHOICE: LEAVE})

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Do what was chosen, and ask again what could not be done."""
        coordinator, choice = entry.runtime_data, (user_input or {}).get(CHOICE)
        ours = registration.registered(entry.options)
        try:
            if choice == TAKE_OVER:
                await registration.async_register(self.hass, entry, coordinator.provider, ours)
            elif choice == LEAVE:
                registration.async_note(self.hass, entry, {})
            if choice:
                await coordinator.async_check_webhook()
                return self.async_create_entry(data={})
            found = await registration.async_find_places(self.hass, coordinator.provider, entry.options)
            places = ", ".join(each.label for each in found if each.is_registered)
        except (ProviderError, NoURLAvailableError) as err:
            return self.async_abort(
                reason="not_registered",
                description_placeholders={"account": entry.title, "error": str(err) or type(err).__name__},
            )
        return self.async_show_menu(
            step_id="init",
            menu_options=[TAKE_OVER, LEAVE],
            description_placeholders={"account": entry.title, "places": places or "-"},
        )


class UnknownTextFlow(AccountFlow):
    """Send a text again of which it is unknown whether it was sent, or leave it."""

    def __init__(self, entry_id: str, key: str) -> None:
        """Take which account it is, and our id of the text."""
        super().__init__(entry_id)
        self._key = key

    async def async_step_send_again(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Send it again."""
        return await self.async_step_init({CHOICE: SEND_AGAIN})

    async def async_step_leave(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Leave it."""
        return await self.async_step_init({CHOICE: LEAVE})

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Do what was chosen, or ask; nothing is left to be done where the outcome is known, or the text is erased."""
        choice = (user_input or {}).get(CHOICE)
        sent = await async_get_store(self.hass).read(outgoing.get, self._key)
        if choice == LEAVE or not sent or sent.status is not SendStatus.UNKNOWN or not sent.outgoing.text:
            return self.async_create_entry(data={})
        data = sent_data(self.hass, sent)
        shown = {
            "account": entry.title,
            "recipient": data["contact"] or data["recipient"],
            "at": f"{dt_util.as_local(sent.outgoing.created_at):%Y-%m-%d %H:%M:%S}",
        }
        if choice != SEND_AGAIN:
            return self.async_show_menu(
                step_id="init", menu_options=[SEND_AGAIN, LEAVE], description_placeholders=shown
            )
        try:
            await self._async_send_again(entry, sent)
        except HomeAssistantError as err:
            return self.async_abort(reason="not_sent", description_placeholders={**shown, "error": str(err)})
        return self.async_create_entry(data={})

    async def _async_send_again(self, entry: SmsInboxConfigEntry, sent: SentText) -> None:
        """Send the same text as a new one; if its outcome is unknown, too, it has an issue of its own.

        Raises:
            HomeAssistantError: It was not sent.
        """
        recipient = recipient_of(self.hass, entry, sent.outgoing.recipient)
        order = Order(recipients=[recipient], text=sent.outgoing.text, sender=sent.outgoing.sender, cause=sent.cause)
        texts = await async_send(entry, order)
        raise_for(entry, [text for text in texts if text.status is not SendStatus.UNKNOWN])


class DeprecatedApiFlow(AccountFlow):
    """Move an account to the successor of its provider."""

    @override
    async def _async_step(self, entry: SmsInboxConfigEntry, user_input: dict[str, Any] | None) -> RepairsFlowResult:
        """Take the credentials for the successor, prove them, and move the account."""
        if not (successor := PROVIDERS[entry.data[CONF_PROVIDER]].successor):
            return self.async_create_entry(data={})
        provider = PROVIDERS[successor]
        placeholders = {"account": entry.title, "successor": provider.name}
        # The first time it is the issue's id that is handed in.
        typed = user_input if user_input and CONF_USERNAME in user_input else None
        errors: dict[str, str] = {}
        if typed:
            data = {**entry.data, **typed, CONF_PROVIDER: successor}
            data.pop(CONF_TIME_ZONE, None)
            result = await async_validate(self.hass, data)
            errors, placeholders = result.errors, placeholders | result.placeholders
            if identity := result.identity:
                if self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, unique_id(data, identity)):
                    return self.async_abort(reason="already_configured", description_placeholders=placeholders)
                result = await self._async_move(entry, result.data, identity)
                errors, placeholders = result.errors, placeholders | result.placeholders
                if not errors:
                    return self.async_create_entry(data={})
        # Without a section: the front end has no words for one in a repair.
        schema = REAUTH_SCHEMA.extend(
            {
                vol.Required(CONF_URL, default=provider.default_url): URL,
                vol.Required(CONF_ALLOW_HTTP, default=False): BooleanSelector(),
            }
        )
        suggested = typed or {CONF_USERNAME: entry.data[CONF_USERNAME]}
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            description_placeholders=placeholders,
            errors=at_address(errors, CONF_URL),
        )

    async def _async_move(self, entry: SmsInboxConfigEntry, data: dict[str, Any], identity: Identity) -> Validation:
        """Move the account; return the error to show."""
        try:
            await async_move(self.hass, entry, data, identity)
        except ProviderError as err:
            return Validation(errors={"base": err.key}, placeholders={"error": str(err)})
        except Exception:
            _LOGGER.exception("Unexpected exception")
            return Validation(errors={"base": "unknown"})
        return Validation()
