"""Moves an account from an API that its vendor has deprecated to the API that replaces it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, OperationNotAllowed
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .client import async_create_provider, create_session
from .const import CONF_PROVIDER
from .coordinator import SmsInboxConfigEntry
from .inbox import Inbox, async_get_store
from .model import Message, Page
from .names import free_name, is_default_name, unique_id
from .providers import PROVIDERS
from .providers.contract import Identity
from .recovery import PRECISION, TOLERANCE, is_same, plain_sender
from .store import Status, search
from .store.messages import Arrival, move

LOOK_BACK = timedelta(hours=1)


async def async_move(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, data: Mapping[str, Any], identity: Identity
) -> None:
    r"""Move an account to the successor of its provider; entry, device, entities and stored messages stay.

    The successor gives the same message another id. So the old provider is polled for the last time, and then the
    messages that the successor lists, from an hour before the last stored message on, are compared with the stored
    ones. A message that is found among the stored ones is not delivered again; all others are delivered.

    One of the others may be a stored message that was not recognised; then its event says `redelivered`. That is
    assumed if it is older than the last stored message, or if the list lacks a stored message that is from the same
    sender or whose text is erased. Messages are not recognised where the two providers report a text or a time
    differently: the EAPI reports a line break and a `\n` typed by a sender alike, and its times may have been converted
    with the wrong time zone.

    The last poll may fail without harm, since the successor lists the same messages.

    Args:
        hass: Home Assistant.
        entry: The account.
        data: The new data of its entry.
        identity: The account as the successor identifies it.

    Raises:
        OperationNotAllowed: The account isn't loaded, or has been moved already.
        ProviderError: The successor could not be read; nothing has changed.
        StoreError: The store could not be read or written; nothing has changed.
    """
    async with entry.setup_lock:
        provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        if entry.state is not ConfigEntryState.LOADED or provider.successor != data[CONF_PROVIDER]:
            raise OperationNotAllowed(f"{entry.title} can't be moved in this state")
        coordinator = entry.runtime_data
        await coordinator.async_refresh()
        if not await entry.async_unload(hass):
            raise OperationNotAllowed(f"{entry.title} can't be unloaded")
        try:
            await _async_take_over(hass, entry, coordinator.inbox, data)
            hass.config_entries.async_update_entry(
                entry, title=_title(hass, entry, data), data=data, unique_id=unique_id(data, identity)
            )
        finally:
            await entry.async_setup(hass)
    for flow in entry.async_get_active_flows(hass, {SOURCE_REAUTH}):
        hass.config_entries.flow.async_abort(flow["flow_id"])


def _title(hass: HomeAssistant, entry: SmsInboxConfigEntry, data: Mapping[str, Any]) -> str:
    """Return the title of a moved account: the present one if a person chose it, else the one a new account gets."""
    if not is_default_name(entry.title, PROVIDERS[entry.data[CONF_PROVIDER]].name):
        return entry.title
    return free_name(hass, PROVIDERS[data[CONF_PROVIDER]].name)


async def _async_take_over(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, inbox: Inbox, data: Mapping[str, Any]
) -> None:
    """Store the successor's cursor and the messages that it lists and that are not stored yet."""
    store, left = async_get_store(hass), entry.data[CONF_PROVIDER]
    page, seen = Page(messages=(), cursor={}, more=True), Comparison()
    if not inbox.state.first_run:
        now = dt_util.utcnow()
        since = min(inbox.state.last_received_at or now, now) - LOOK_BACK
        page = await _async_read(hass, data, since)
        known = await store.read(search.received_since, entry.entry_id, since - TOLERANCE, left)
        last = inbox.state.last_received_at
        seen = await hass.async_add_executor_job(compare, page.messages, known, since, last)
    arrivals = [
        Arrival(
            message,
            Status.EXISTING if message.message_id in seen.known else Status.PENDING,
            in_doubt=message.message_id in seen.doubtful,
        )
        for message in page.messages
    ]
    await store.write(
        move,
        entry.entry_id,
        arrivals,
        cursor=page.cursor,
        unreadable=page.unreadable,
        left=left,
        provider=data[CONF_PROVIDER],
    )


async def _async_read(hass: HomeAssistant, data: Mapping[str, Any], since: datetime) -> Page:
    """Return all messages that a provider received since a time, as one page.

    Raises:
        ProviderError: One of its kinds.
    """
    session = create_session(hass, data, auto_cleanup=False)
    try:
        provider = await async_create_provider(session, data)
        pages = [Page(messages=(), cursor=provider.cursor_since(since), more=True)]
        while pages[-1].more:
            pages.append(await provider.fetch(pages[-1].cursor))
    finally:
        session.detach()
    shown = (message for page in pages for message in page.messages)
    return Page(
        messages=tuple(message for message in shown if not message.received_at or message.received_at >= since),
        unreadable=tuple(record for page in pages for record in page.unreadable),
        cursor=pages[-1].cursor,
        more=False,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which messages in a list are stored already.

    Attributes:
        known: The ids of those that are.
        doubtful: The ids of those that were not found in the store but may be there all the same.
    """

    known: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()


def compare(
    shown: Sequence[Message], known: Sequence[Message], since: datetime, last_received_at: datetime | None
) -> Comparison:
    """Compare the messages that one provider lists with those that another one has handed over.

    Each known message is matched with at most one listed message. Where several would fit, those nearest in time match.

    Args:
        shown: The listed messages, received at `since` or later.
        known: The stored messages of that time, and of a few minutes before it.
        since: When the compared time begins.
        last_received_at: When the last stored message was received, None where there is none.
    """
    pairs = sorted(
        (apart, number, place)
        for number, message in enumerate(shown)
        for place, other in enumerate(known)
        if (apart := _apart(message, other)) is not None
    )
    found, taken = set[int](), set[int]()
    for _, number, place in pairs:
        if number not in found and place not in taken:
            found.add(number)
            taken.add(place)
    left = [
        message
        for place, message in enumerate(known)
        if place not in taken and message.received_at and message.received_at >= since
    ]
    new = [message for number, message in enumerate(shown) if number not in found]
    return Comparison(
        known=frozenset(shown[number].message_id for number in found),
        doubtful=frozenset(message.message_id for message in new if _is_doubtful(message, left, last_received_at)),
    )


def _apart(shown: Message, known: Message) -> timedelta | None:
    """Return the time between two messages that seem to be the same, None for two different ones."""
    if not shown.received_at or not known.received_at:
        return None
    apart = abs(shown.received_at - known.received_at)
    same = is_same(shown, known) if known.raw else apart <= PRECISION  # an erased one has only its time left
    return apart if same else None


def _is_doubtful(message: Message, left: Sequence[Message], last_received_at: datetime | None) -> bool:
    """Whether a new message may be one of the unmatched known ones, or is so old that it should be among them."""
    if message.received_at and last_received_at and message.received_at < last_received_at:
        return True
    sender = plain_sender(message.sender)
    return any(not other.raw or plain_sender(other.sender) == sender for other in left)
