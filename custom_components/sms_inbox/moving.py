"""Moving an account to the API by which its vendor has replaced the one that it is read with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, OperationNotAllowed
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .client import async_create_provider, create_session
from .const import CONF_PROVIDER
from .coordinator import SmsInboxConfigEntry
from .inbox import Inbox, async_get_store
from .model import Message, Page
from .providers import PROVIDERS
from .providers.contract import Identity
from .recovery import PRECISION, TOLERANCE, is_same, plain_sender
from .store import Status, search
from .store.messages import Arrival, move

LOOK_BACK = timedelta(hours=1)


async def async_move(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, data: Mapping[str, Any], identity: Identity
) -> None:
    r"""Let an account be read by the successor of its provider; entry, device, entities and messages stay.

    The successor gives the same message another id. So, after a last poll, what it shows from an hour before the last
    message on is compared with what is written down. What is known is not delivered again. What is new is, with
    `redelivered` where it may be known all the same: where it is older than the last message, and where a known message
    of its sender is not among those shown. That happens where the two tell a text or a time differently, such as `\n`
    typed by a sender, which the EAPI can't tell from a line break, or times converted with the wrong zone.

    A last poll that fails does no harm, since the successor shows what it would have read.

    Args:
        hass: Home Assistant.
        entry: The account.
        data: What its entry is to hold from now on.
        identity: Whose account it is at the successor.

    Raises:
        OperationNotAllowed: The account isn't loaded, or was moved meanwhile.
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
                entry, title=_title(entry, data, identity), data=data, unique_id=unique_id(data, identity)
            )
        finally:
            await entry.async_setup(hass)
    for flow in entry.async_get_active_flows(hass, {SOURCE_REAUTH}):
        hass.config_entries.flow.async_abort(flow["flow_id"])


def unique_id(data: Mapping[str, Any], identity: Identity) -> str:
    """Return the unique id of an account's entry."""
    return f"{data[CONF_PROVIDER]}_{identity.account_id}"


def _title(entry: SmsInboxConfigEntry, data: Mapping[str, Any], identity: Identity) -> str:
    """Return the title of a moved account, which stays where a person chose it."""
    if entry.title != f"{PROVIDERS[entry.data[CONF_PROVIDER]].name} {entry.data[CONF_USERNAME]}":
        return entry.title
    return f"{PROVIDERS[data[CONF_PROVIDER]].name} {identity.name}"


async def _async_take_over(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, inbox: Inbox, data: Mapping[str, Any]
) -> None:
    """Write down where the successor goes on, and what it shows that is not known yet."""
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
    """Return all that a provider shows of a time, as one page.

    Raises:
        ProviderError: One of its kinds.
    """
    session = create_session(hass, auto_cleanup=False)
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
    """Which of the messages shown are known.

    Attributes:
        known: The ids of those that are.
        doubtful: The ids of those of which that can't be told.
    """

    known: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()


def compare(
    shown: Sequence[Message], known: Sequence[Message], since: datetime, last_received_at: datetime | None
) -> Comparison:
    """Compare what a provider shows with what another one has handed over.

    Each known message is one shown, those that are nearest in time first.

    Args:
        shown: What was received since.
        known: What is known of that time, and of a little more.
        since: When the time begins.
        last_received_at: When the message was received that was handed over last, None where there is none.
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
    """Return the time between two messages that are the same as far as can be told, None for any others."""
    if not shown.received_at or not known.received_at:
        return None
    apart = abs(shown.received_at - known.received_at)
    same = is_same(shown, known) if known.raw else apart <= PRECISION  # of one that is erased only the time is left
    return apart if same else None


def _is_doubtful(message: Message, left: Sequence[Message], last_received_at: datetime | None) -> bool:
    """Whether a message that was not found may be one of those that are left, or should have been handed over."""
    if message.received_at and last_received_at and message.received_at < last_received_at:
        return True
    sender = plain_sender(message.sender)
    return any(not other.raw or plain_sender(other.sender) == sender for other in left)
