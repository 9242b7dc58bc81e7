"""Assist by SMS: asks Assist what a contact has written, and sends the answer back.

The sender's number proves nothing, so this is off for everybody until a person switches it on for a contact, and it is
done with the rights of a user of Home Assistant that a person has chosen. The answer is stored, without its text,
before Assist is asked: whatever crashes, a message is handed to Assist once at most, and answered once at most.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
import logging
import re
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import MATCH_ALL
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .assist_pauses import async_assist_pauses, async_end_assist_pause, async_pause_assist
from .compose import CONF_PARTS, CONF_SENDER, DEFAULT_PARTS, EXPIRES_IN, caps_of, options_of, recipient_of
from .const import CONF_PROVIDER
from .contacts import CONF_OWN_SENDER, contact_with, contacts_of
from .coordinator import SmsInboxConfigEntry
from .loop_guard import MayNotAnswerError, TooManyAnswersError, is_opting
from .model import Outgoing, Reason, SendStatus, StoredMessage
from .outbox import Outbox
from .phone_numbers import SMS, sender_of
from .providers import number_format_of
from .providers.errors import NotSentError
from .questions import AssistSettings, WrongPinError, question_in, settings_of
from .store import StoreError, outgoing

_LOGGER = logging.getLogger(__name__)

ASSIST_SECONDS: Final = 60.0
MOST_PARTS: Final = 2
"""Parts of an answer; a longer one is cut."""
TOO_OLD: Final = timedelta(minutes=10)
"""What was written before is not done any more: nobody expects a door to open hours later."""
WRONG_PINS: Final = 3
PAUSE_OF_PIN: Final = timedelta(hours=1)
PAUSE_OF_LOOP: Final = timedelta(days=1)
LOOK_AT_PAUSES: Final = timedelta(minutes=5)
CUT: Final = "..."
LAST_WORD: Final = re.compile(r"\s\S{0,40}$")
"""Where a text is cut; in a language without blanks, anywhere."""


class CannotAskError(Exception):
    """Assist can't be asked; the text says why, and names nobody."""


class Assist:
    """Answers the contacts of one account."""

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry, outbox: Outbox) -> None:
        """Take the account and its outbox."""
        self._hass = hass
        self._entry = entry
        self._outbox = outbox
        self._guard = entry.runtime_data.loop_guard
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._wrong_pins: Counter[str] = Counter()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Listen to what is delivered; return what ends the look for pauses that are over."""
        self._entry.runtime_data.inbox.on_delivered = self._async_note
        self._async_end_pauses()
        return async_track_time_interval(self._hass, self._async_end_pauses, LOOK_AT_PAUSES)

    @callback
    def _async_note(self, stored: StoredMessage, data: Mapping[str, Any]) -> None:
        """Answer a message of a contact who may talk to Assist; each contact's messages one after the other."""
        contact = contact_with(self._entry, data["sender_number"])
        settings = settings_of(contact)
        if contact and settings and data["channel"] == SMS and stored.message.encoding != "binary":
            work = self._async_answer(contact, settings, stored.message.text, data)
            self._entry.async_create_background_task(self._hass, work, f"{self._entry.title} asks Assist")

    async def _async_answer(
        self, contact: ConfigSubentry, settings: AssistSettings, text: str, data: Mapping[str, Any]
    ) -> None:
        """Answer a message, unless something speaks against it."""
        async with self._locks[contact.subentry_id]:
            try:
                question = self._question(contact, settings, text, data)
                if question and await self._async_may_answer(contact, data):
                    await self._async_ask_once(contact, settings, question, data)
            except CannotAskError as err:
                _LOGGER.warning("Assist was not asked for a contact of %s: %s", self._entry.title, err)
            except StoreError as err:
                _LOGGER.warning(
                    "Assist was not asked for a contact of %s: the store failed: %s", self._entry.title, err
                )

    @callback
    def _question(
        self, contact: ConfigSubentry, settings: AssistSettings, text: str, data: Mapping[str, Any]
    ) -> str | None:
        """Return the question of a message, None where there is none, or where Assist is paused."""
        self._async_end_pauses()
        paused = dict(async_assist_pauses(self._hass, self._entry.entry_id))
        received_at = dt_util.parse_datetime(data["received_at"] or "")
        if contact.subentry_id in paused or is_opting(text):
            return None
        if received_at and dt_util.utcnow() - received_at > TOO_OLD:
            _LOGGER.info("A message of %s is too old for Assist", self._entry.title)
            return None
        try:
            question = question_in(text, settings)
        except WrongPinError:
            self._note_wrong_pin(contact)
            return None
        if question:
            self._wrong_pins.pop(contact.subentry_id, None)
        return question

    @callback
    def _note_wrong_pin(self, contact: ConfigSubentry) -> None:
        """Count a wrong PIN; after some of them Assist pauses."""
        self._wrong_pins[contact.subentry_id] += 1
        if self._wrong_pins[contact.subentry_id] >= WRONG_PINS:
            del self._wrong_pins[contact.subentry_id]
            self._pause(contact, PAUSE_OF_PIN, "assist_paused_pin")

    @callback
    def _pause(self, contact: ConfigSubentry, period: timedelta, text: str) -> None:
        """Answer a contact no more for a while, and show that."""
        async_pause_assist(self._hass, self._entry, contact, dt_util.utcnow() + period, text=text)

    @callback
    def _async_end_pauses(self, _: datetime | None = None) -> None:
        """End the pauses that are over, and those of contacts that are gone or no longer talk to Assist."""
        talking = {contact.subentry_id for contact in contacts_of(self._entry) if settings_of(contact)}
        for contact_id, until in async_assist_pauses(self._hass, self._entry.entry_id):
            if until <= dt_util.utcnow() or contact_id not in talking:
                async_end_assist_pause(self._hass, self._entry.entry_id, contact_id)

    async def _async_may_answer(self, contact: ConfigSubentry, data: Mapping[str, Any]) -> bool:
        """Whether a message may be answered; Assist pauses if it looks like a loop.

        Raises:
            StoreError: That can't be found out.
        """
        try:
            await self._guard.async_may_answer(data)
        except TooManyAnswersError:
            self._pause(contact, PAUSE_OF_LOOP, "assist_paused")
            return False
        except MayNotAnswerError as err:
            _LOGGER.debug("A message of %s is not answered: %s", self._entry.title, err)
            return False
        return True

    async def _async_ask_once(
        self, contact: ConfigSubentry, settings: AssistSettings, question: str, data: Mapping[str, Any]
    ) -> None:
        """Store an answer without a text, ask Assist, and send what it says.

        Raises:
            CannotAskError: Nothing was stored.
            StoreError: Assist was not asked, or the answer is not sent.
        """
        await self._async_check_user(settings.user_id)
        engine, language = self._assistant(settings.pipeline)
        context = Context(user_id=settings.user_id)
        key = await self._async_prepare(contact, data, context)
        if not key:
            return
        speech = await self._async_ask(contact, question, context, engine, language)
        if speech is None:
            await self._outbox.async_drop(key, Reason.INTERRUPTED)
            return
        most = min(MOST_PARTS, options_of(self._entry).get(CONF_PARTS, DEFAULT_PARTS))
        text = fitted(speech, self._outbox.sending.check, most)
        if text is None:
            await self._outbox.async_drop(key, Reason.UNSUITABLE_TEXT if speech else Reason.EMPTY)
            return
        filled = await self._outbox.async_fill(
            key,
            text,
            parts=self._outbox.sending.check(text),
            expires_at=dt_util.utcnow() + EXPIRES_IN,
            caps=caps_of(self._entry),
        )
        if filled.reached:
            self._entry.runtime_data.cap_notice.async_show(caps_of(self._entry))

    async def _async_prepare(self, contact: ConfigSubentry, data: Mapping[str, Any], context: Context) -> str | None:
        """Store an answer without a text; return its key, None if there is one already, or if a cap is reached.

        Raises:
            CannotAskError: The contact's number must not be sent to, or there is no sender.
            StoreError: Nothing was stored.
        """
        try:
            recipient = recipient_of(self._hass, self._entry, data["sender_number"])
        except HomeAssistantError as err:
            raise CannotAskError(f"their number is refused ({err.translation_key})") from err
        key, now = str(uuid4()), dt_util.utcnow()
        draft = outgoing.Draft(
            account=self._entry.entry_id,
            provider=self._entry.data[CONF_PROVIDER],
            outgoing=Outgoing(
                key=key,
                recipient=recipient.number,
                sender=self._sender(contact, data),
                text="",
                parts=1,
                created_at=now,
                expires_at=now + EXPIRES_IN,
            ),
            status=SendStatus.PREPARING,
            contact=contact.subentry_id,
            cause=data["message_id"],
            is_automatic=True,
            user_id=context.user_id,
        )
        stored = await self._outbox.async_send([draft], caps_of(self._entry), context)
        if stored.reached:
            self._entry.runtime_data.cap_notice.async_show(caps_of(self._entry))
        return key if key in stored.new else None

    async def _async_ask(
        self, contact: ConfigSubentry, question: str, context: Context, engine: str | None, language: str | None
    ) -> str | None:
        """Return what Assist says, which may be nothing or an error; None where it failed."""
        from homeassistant.components import conversation  # noqa: PLC0415 - an inbox must work without it

        try:
            async with asyncio.timeout(ASSIST_SECONDS):
                result = await conversation.async_converse(
                    self._hass,
                    question,
                    # A conversation belongs to one user from its beginning on.
                    f"sms_inbox:{contact.subentry_id}:{context.user_id}",
                    context,
                    language=language,
                    agent_id=engine,
                )
        except TimeoutError:
            _LOGGER.warning("Assist did not answer a contact of %s in time", self._entry.title)
            return None
        except Exception as err:  # noqa: BLE001 - agents are of many authors, and the text of an error may hold the question
            _LOGGER.warning("Assist failed for a contact of %s: %s", self._entry.title, type(err).__name__)
            return None
        return str(result.response.speech.get("plain", {}).get("speech") or "").strip()

    async def _async_check_user(self, user_id: str) -> None:
        """Refuse to ask without a user whose rights are checked.

        Raises:
            CannotAskError: There is no such user any more, or it is one who may not be used.
        """
        user = await self._hass.auth.async_get_user(user_id)
        if not user or not user.is_active or user.system_generated:
            raise CannotAskError("the user is gone, or switched off")
        if user.is_owner:
            raise CannotAskError("the user is the owner of Home Assistant")

    @callback
    def _assistant(self, pipeline_id: str | None) -> tuple[str | None, str | None]:
        """Return the agent and the language of an assistant, None for Home Assistant's own.

        Raises:
            CannotAskError: There is no such assistant.
        """
        components = self._hass.config.components
        if "conversation" not in components:
            raise CannotAskError("Assist is not set up in this Home Assistant")
        if "assist_pipeline" not in components:
            if pipeline_id:
                raise CannotAskError("the chosen assistant is gone")
            return None, None
        from homeassistant.components.assist_pipeline import PipelineNotFound  # noqa: PLC0415 - as above
        from homeassistant.components.assist_pipeline.pipeline import async_get_pipeline  # noqa: PLC0415

        try:
            pipeline = async_get_pipeline(self._hass, pipeline_id)
        except PipelineNotFound:
            raise CannotAskError("the chosen assistant is gone") from None
        every = pipeline.conversation_language == MATCH_ALL
        return pipeline.conversation_engine, pipeline.language if every else pipeline.conversation_language

    def _sender(self, contact: ConfigSubentry, data: Mapping[str, Any]) -> str | None:
        """Return the sender of an answer: where the vendor wants one, the number that the message was sent to.

        Where it doesn't have to be named, the vendor knows best which one can be answered, unless a person has chosen.

        Raises:
            CannotAskError: The vendor wants a sender, and none is known.
        """
        use = self._outbox.sending.sender_use
        chosen = contact.data.get(CONF_OWN_SENDER) or options_of(self._entry).get(CONF_SENDER) or None
        if use == "none":
            return None
        if use == "optional":
            return chosen
        number_format = number_format_of(data["provider"])
        written_to = sender_of(data["recipient"] or "", number_format, self._hass.config.country).number
        if not (sender := written_to or chosen):
            raise CannotAskError("the provider wants a sender, and the account has none")
        return sender


def fitted(text: str, check: Callable[[str], int], most: int) -> str | None:
    """Return a text, cut between two words if it has too many parts; None where it can't be sent.

    Args:
        text: The text.
        check: Returns the parts of a text, see `Sending.check`.
        most: How many parts it may have.
    """

    def fits(candidate: str) -> bool:
        try:
            return check(candidate) <= most
        except NotSentError as err:
            if err.reason is Reason.TOO_LONG:
                return False
            raise

    try:
        if fits(text):
            return text
        shortest, longest = 0, len(text)
        while shortest < longest:
            middle = (shortest + longest + 1) // 2
            if fits(text[:middle].rstrip() + CUT):
                shortest = middle
            else:
                longest = middle - 1
    except NotSentError:
        return None
    cut = text[:shortest]
    if not text[shortest].isspace() and (end := LAST_WORD.search(cut)):
        cut = cut[: end.start()]
    return cut.rstrip() + CUT
