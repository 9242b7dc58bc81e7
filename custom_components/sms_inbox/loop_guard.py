"""Which messages may be answered without a person: guards against texts that go back and forth for ever.

They hold for the answers of Assist and for the action `reply`. What counts as a loop: answers to the house's own
numbers, to machines, to what was said already, and too many answers to one number. Beside them stands what a person has
asked for: whoever sends `STOP` gets no such answer before they send `START`.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
import logging
import re
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from .const import CONF_PROVIDER, CONF_SENDING, DOMAIN
from .contacts import CONF_OWN_SENDER, contacts_of
from .dispatcher import SIGNAL_RECEIVED
from .phone_numbers import LONGEST_SHORT_CODE, sender_of, typed_number
from .providers import number_format_of
from .store import Store, StoreError, outgoing, search
from .texts import plain

_LOGGER = logging.getLogger(__name__)

OPT_OUT: Final = frozenset(
    plain(
        "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT ARRET ARRÊT BAJA PARAR ANNULLA STOPP AVSLUTA ABMELDEN"
    ).split()
)
OPT_IN: Final = frozenset(plain("START UNSTOP").split())
AROUND: Final = " \t\r\n.!"
MACHINE: Final = re.compile(r"\b(reply|respond|text|txt)\s+(with\s+)?[\"']?(stop|start|unstop)\b")
"""How vendors and services write that one can opt out or in; people don't write that."""

EQUAL_MESSAGES: Final = 3
EQUAL_WITHIN: Final = timedelta(hours=1)
MOST_SENDERS: Final = 500
SHORT_WHILE: Final = timedelta(minutes=10)
MOST_IN_SHORT_WHILE: Final = 5
MOST_IN_A_DAY: Final = 20
RECENT_MESSAGES: Final = 500
"""In how many messages, of all accounts, the house's own numbers are looked for."""


class MayNotAnswerError(Exception):
    """A message must not be answered without a person.

    Attributes:
        key: Translation key that says why.
    """

    def __init__(self, key: str) -> None:
        """Take why."""
        super().__init__(key)
        self.key = key


class TooManyAnswersError(MayNotAnswerError):
    """So many answers have gone to a number that it looks like a loop."""

    def __init__(self) -> None:
        """Say that."""
        super().__init__("reply_too_many")


class LoopGuard:
    """Guards the automatic answers of one account; it listens to all that is received there."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, store: Store) -> None:
        """Take the account, and where its messages are."""
        self._hass = hass
        self._entry = entry
        self._store = store
        self._heard: OrderedDict[str, deque[tuple[datetime, int]]] = OrderedDict()
        """When the last messages came, and the hashes of their texts, by number; the latest sender is the last one."""
        self._counted_since: dict[str, datetime] = {}
        """From when answers count, by number, where a person has ended a pause."""

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Begin to listen; return what ends it."""
        return async_dispatcher_connect(self._hass, SIGNAL_RECEIVED, self._async_note)

    @callback
    def async_resume(self, number: str) -> None:
        """Count the answers to a number from now on, since a person has looked at them."""
        self._counted_since[number] = dt_util.utcnow()

    async def async_may_answer(self, data: Mapping[str, Any]) -> None:
        """Refuse to answer a message if that may become a loop, or if its sender wants no answers.

        Args:
            data: The message, as its event has it.

        Raises:
            MayNotAnswerError: It must not be answered; `TooManyAnswersError` if there were too many answers already.
            StoreError: That can't be found out.
        """
        number, text = data["sender_number"], data["text"]
        if not number or len(number.removeprefix("+")) <= LONGEST_SHORT_CODE:
            raise MayNotAnswerError("reply_sender")
        if data["redelivered"]:
            raise MayNotAnswerError("reply_redelivered")
        if is_opting(text) or MACHINE.search(plain(text)):
            raise MayNotAnswerError("reply_machine")
        if self._repeats(number):
            raise MayNotAnswerError("reply_repeated")
        if await self._store.read(outgoing.has_opted_out, self._entry.entry_id, number):
            raise MayNotAnswerError("reply_opted_out")
        if number in await self._own_numbers():
            raise MayNotAnswerError("reply_own_number")
        if await self._is_too_many(number):
            raise TooManyAnswersError

    @callback
    def _async_note(self, data: dict[str, Any]) -> None:
        """Remember what a sender has written, and note that they want no automatic answers, or want them again."""
        number = data["sender_number"]
        if data["config_entry_id"] != self._entry.entry_id or not number:
            return
        heard = self._heard.setdefault(number, deque(maxlen=EQUAL_MESSAGES))
        self._heard.move_to_end(number)
        heard.append((dt_util.utcnow(), hash(plain(data["text"]))))
        if len(self._heard) > MOST_SENDERS:
            self._heard.popitem(last=False)
        if word := is_opting(data["text"]):
            work = outgoing.opt_out if word in OPT_OUT else outgoing.opt_in
            self._entry.async_create_task(self._hass, self._async_opt(work, number), f"{self._entry.title} opts")

    async def _async_opt(self, work: Any, number: str) -> None:
        """Store what a person wants."""
        try:
            await self._store.write(work, self._entry.entry_id, number)
        except StoreError as err:
            _LOGGER.warning("It was not stored that somebody opted out of answers of %s: %s", self._entry.title, err)

    def _repeats(self, number: str) -> bool:
        """Whether the last messages of a sender, within an hour, were equal."""
        since = dt_util.utcnow() - EQUAL_WITHIN
        texts = [text for at, text in self._heard.get(number, ()) if at > since]
        return len(texts) == EQUAL_MESSAGES and len(set(texts)) == 1

    async def _own_numbers(self) -> frozenset[str]:
        """Return the house's own numbers, as far as they are known.

        They are those to which messages came lately, and those that were chosen as a sender: of all accounts.
        """
        country, entries = self._hass.config.country, self._hass.config_entries.async_entries(DOMAIN)
        providers = {entry.entry_id: entry.data[CONF_PROVIDER] for entry in entries}
        found = {
            sender_of(recipient, number_format_of(provider or providers.get(account)), country).number
            for account, provider, recipient in await self._store.read(search.recipients, RECENT_MESSAGES)
        }
        for entry in entries:
            senders = [entry.options.get(CONF_SENDING, {}).get("sender")]
            senders += [contact.data.get(CONF_OWN_SENDER) for contact in contacts_of(entry)]
            found |= {typed_number(sender, country) for sender in senders if sender}
        return frozenset(number for number in found if number)

    async def _is_too_many(self, number: str) -> bool:
        """Whether one more answer to a number would be too many."""
        now, account = dt_util.utcnow(), self._entry.entry_id
        counted_since = self._counted_since.get(number, now - timedelta(days=1))
        for period, most in ((SHORT_WHILE, MOST_IN_SHORT_WHILE), (timedelta(days=1), MOST_IN_A_DAY)):
            since = max(now - period, counted_since)
            if await self._store.read(outgoing.automatic_since, account, number, since) >= most:
                return True
        return False


def is_opting(text: str) -> str | None:
    """Return the word that a whole message is, if somebody opts out of answers or in again with it; else None."""
    word = plain(text).strip(AROUND)
    return word if word in OPT_OUT or word in OPT_IN else None
