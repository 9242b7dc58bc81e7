"""What the tests of the outbox share."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.model import Accepted, Outgoing, SendStatus, SentText
from custom_components.sms_inbox.outbox import Outbox
from custom_components.sms_inbox.providers.sending import SENDING
from custom_components.sms_inbox.store import outgoing
from emulator import Account, Emulator
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.util import dt as dt_util

from ..conftest import settle
from ..senders import ANNA

KEY, FIND, NEITHER = "bulksms", "twilio", "gammu"
OWN = "+44771234567"
SUBMISSIONS: Mapping[str, dict[str, Any]] = {
    KEY: {"where": {"auto-unicode": "true"}},
    FIND: {"where": {"From": OWN}},
    NEITHER: {"path": "/sms"},
}
"""What a fault must fit to spoil only what sends, by vendor."""
LOST: Mapping[str, dict[str, Any]] = {
    "connection lost": {"kind": "dropped"},
    "500": {"kind": "server_error", "status": 500},
    "redirect": {"kind": "redirect", "location": "/", "status": 307},
}
"""Answers that leave the outcome unknown."""
UNTIL_FOUND = 150.0
"""Seconds in which it is found out what became of a text, or given up."""
CAPS = outgoing.Caps(per_hour=20, per_day=60)


class Told(list[Event[Any]]):
    """The events about texts, in their order."""

    def of(self, text: str) -> list[tuple[str, str, bool]]:
        """Return event, status and `redelivered` of those about a text."""
        return [
            (str(event.event_type), event.data["status"], event.data["redelivered"])
            for event in self
            if event.data["text"] == text
        ]


def sent(status: str = "accepted", *, redelivered: bool = False) -> tuple[str, str, bool]:
    """Return the event that says that the vendor has taken a text."""
    return "sms_sent", status, redelivered


def ended(status: str, *, redelivered: bool = False) -> tuple[str, str, bool]:
    """Return the event that says what became of a text."""
    return "sms_status", status, redelivered


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload the account."""
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)


def outbox_of(entry: MockConfigEntry) -> Outbox:
    """Return an account's outbox."""
    outbox: Outbox = entry.runtime_data.outbox
    return outbox


async def send(
    hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello", context: Context | None = None, **options: Any
) -> SentText:
    """Send a text, and wait for the vendor's answer."""
    order = Order(recipients=[recipient_of(hass, entry, ANNA)], text=text, **options)
    [found] = await async_send(entry, order, context)
    return found


async def begin(hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello", **options: Any) -> str:
    """Send a text without waiting for the answer, but until nothing is under way; return its key."""
    with patch("custom_components.sms_inbox.compose.ANSWER_SECONDS", 0.0):
        found = await send(hass, entry, text, **options)
    await settle(hass)
    return found.outgoing.key


async def begin_in_background(hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello") -> str:
    """Send a text whose answer doesn't come yet; return its key."""
    with patch("custom_components.sms_inbox.compose.ANSWER_SECONDS", 0.0):
        return (await send(hass, entry, text)).outgoing.key


async def state(hass: HomeAssistant, key: str) -> SentText:
    """Return a text as it is stored."""
    found = await async_get_store(hass).read(outgoing.get, key)
    assert found
    return found


async def charged(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Return how many parts count against the caps."""
    since = dt_util.utcnow() - timedelta(days=1)
    return await async_get_store(hass).read(outgoing.charged, entry.entry_id, since)


def spoil(emulator: Emulator, account: Account, kind: str, count: int | None = 1, **options: Any) -> None:
    """Let answers to texts go wrong."""
    emulator.fault(account.provider, kind, count, **SUBMISSIONS[account.provider], **options)


def submissions(emulator: Emulator) -> int:
    """Return how many requests have submitted a text."""
    return sum(request.method == "POST" for request in emulator.requests)


class Gate:
    """A vendor whose answers wait."""

    def __init__(self) -> None:
        """Begin closed."""
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()


@asynccontextmanager
async def gated(vendor: str = KEY) -> AsyncGenerator[Gate]:
    """Let the vendor's answers wait, once a text is submitted."""
    gate, submit = Gate(), SENDING[vendor].send

    async def wait(sending: Any, text: Outgoing) -> Accepted:
        accepted = await submit(sending, text)
        gate.asked.set()
        await gate.opened.wait()
        return accepted

    with patch.object(SENDING[vendor], "send", wait):
        yield gate


async def last_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the vendor's id of the text that it took last."""
    last = await async_get_store(hass).read(outgoing.last_taken, entry.entry_id)
    assert last
    assert last.outgoing.provider_id
    return last.outgoing.provider_id


def draft(entry: MockConfigEntry, text: str = "", *, is_automatic: bool = False, **changes: Any) -> outgoing.Draft:
    """Return a text to store: an automatic answer in preparation, or one that is complete."""
    now = dt_util.utcnow()
    drafted: dict[str, Any] = {
        "account": entry.entry_id,
        "provider": KEY,
        "outgoing": Outgoing(
            key=str(uuid4()),
            recipient=ANNA,
            sender=None,
            text=text,
            parts=1,
            created_at=now,
            expires_at=now + timedelta(minutes=10),
        ),
        "status": SendStatus.PREPARING if is_automatic else SendStatus.QUEUED,
        "is_automatic": is_automatic,
        "cause": "message 1" if is_automatic else None,
    }
    return outgoing.Draft(**{**drafted, **changes})
