"""Delivery reports, by a poll or a webhook, and answers to what was sent."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Reason, Report, SendStatus
from custom_components.sms_inbox.providers.sending import SENDING
from custom_components.sms_inbox.store import outgoing
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant

from ..conftest import USERNAME, Clock, poll, settle
from ..senders import ANNA, BEN, shown
from .helpers import (
    KEY,
    UNTIL_FOUND,
    Told,
    begin,
    begin_in_background,
    ended,
    gated,
    last_id,
    outbox_of,
    restart,
    send,
    sent,
    spoil,
    state,
)


@pytest.mark.parametrize("reports", [("sent", "delivered"), ("failed",), ("delivered", "sent")])
async def test_reports(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    told: Told,
    days: Clock,
    reports: tuple[str, ...],
) -> None:
    """The vendor is asked what became of a text until that is final; a state never falls."""
    text = await send(hass, entry)
    account = emulator.account(KEY, USERNAME)
    [message] = account.messages
    for status in reports:
        emulator.handsets.report_now(account, message, status)
        await days.advance(200, step=5)
    final = "failed" if "failed" in reports else "delivered"
    assert (await state(hass, text.outgoing.key)).status == final
    assert told.of("Hello") == [sent(), ended(final)]
    asked = len(emulator.requests)
    await days.advance(3600, step=60)
    assert len(emulator.requests) == asked


async def test_reports_from_outside(hass: HomeAssistant, entry: MockConfigEntry, told: Told) -> None:
    """Reports come in any order, twice, of unknown texts, with our key or with the vendor's id."""
    key = (await send(hass, entry)).outgoing.key
    provider_id = await last_id(hass, entry)
    for report, status in (
        (Report(status=SendStatus.DELIVERED, provider_id="another program's"), "accepted"),
        (Report(status=SendStatus.SENT, key=key, cost=1.5, currency="GBP"), "sent"),
        (Report(status=SendStatus.ACCEPTED, key=key), "sent"),
        (Report(status=SendStatus.DELIVERED, provider_id=provider_id), "delivered"),
        (Report(status=SendStatus.DELIVERED, provider_id=provider_id), "delivered"),
        (Report(status=SendStatus.SENT, provider_id=provider_id), "delivered"),
        (Report(status=SendStatus.FAILED, key=key, reason=Reason.EXPIRED), "delivered"),
    ):
        outbox_of(entry).async_report([report])
        await settle(hass)
        assert (await state(hass, key)).status == status
    text = await state(hass, key)
    assert (text.status, text.cost, text.currency, text.reason) == ("delivered", 1.5, "GBP", None)
    assert told.of("Hello") == [sent(), ended("delivered")]


async def test_report_before_the_answer(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, told: Told
) -> None:
    """A report may come before the answer that has the vendor's id."""
    async with gated() as gate:
        key = await begin_in_background(hass, entry)
        await gate.asked.wait()
        provider_id = account.messages[-1].message_id
        outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=provider_id)])
        gate.opened.set()
        await settle(hass)
    assert (await state(hass, key)).status == "delivered"
    assert told.of("Hello") == [sent(), ended("delivered")]


@pytest.mark.parametrize("by_key", [True, False])
async def test_report_of_a_text_in_doubt(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    by_key: bool,
) -> None:
    """A report settles a text whose answer was lost, at once by our key, or once the vendor's id is known."""
    spoil(emulator, account, "server_error", consume=True)
    with patch("custom_components.sms_inbox.in_doubt.LOOKS", (100.0,)):
        key = await begin(hass, entry)
    provider_id = account.messages[-1].message_id
    report = Report(status=SendStatus.DELIVERED, provider_id=provider_id, key=key if by_key else None)
    outbox_of(entry).async_report([report])
    await settle(hass)
    assert told.of("Hello") == ([sent("delivered"), ended("delivered")] if by_key else [])
    await days.advance(UNTIL_FOUND)
    assert told.of("Hello")[-1] == ended("delivered")
    assert len(told.of("Hello")) == 2
    assert shown(emulator) == [(ANNA, "Hello")]


async def test_report_after_erasure(hass: HomeAssistant, entry: MockConfigEntry, told: Told) -> None:
    """A report of a text that is erased is told; nothing of the text comes back."""
    hass.config_entries.async_update_entry(entry, options={**entry.options, "store_texts": False})
    await restart(hass, entry)
    await send(hass, entry)
    await settle(hass)
    await entry.runtime_data.inbox.async_prune()
    outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=await last_id(hass, entry))])
    await settle(hass)
    assert told.of("") == [ended("delivered")]


async def test_many_open(hass: HomeAssistant, entry: MockConfigEntry, days: Clock) -> None:
    """Where more is open than one question is about, all of it is asked for in turn."""
    asked: list[set[str]] = []

    async def note(_: Any, texts: Any) -> tuple[Report, ...]:
        asked.append({text.key for text in texts})
        return ()

    with patch.object(SENDING[KEY], "reports", note), patch("custom_components.sms_inbox.delivery_reports.AT_ONCE", 2):
        keys = {await begin(hass, entry, text) for text in ("one", "two", "three")}
        await days.advance(60)
    assert set().union(*asked) == keys
    assert max(map(len, asked)) == 2


@pytest.mark.parametrize("is_certain", [False, True])
async def test_answers(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event[Any]],
    *,
    is_certain: bool,
) -> None:
    """A message answers the text that the vendor names, else the latest one to its sender within some days."""
    hass.config_entries.async_update_entry(entry, pref_disable_polling=False)
    until = patch.object(outgoing, "REPLIES_UNTIL", timedelta(hours=24))
    with patch.object(SENDING[KEY], "replies_are_certain", is_certain), until:
        await restart(hass, entry)
        first, second = await send(hass, entry, "first"), await send(hass, entry, "second")
        now = emulator.now()
        account.send("named", sender=ANNA, in_reply_to=first.outgoing.provider_id)
        account.send("latest", sender=ANNA)
        account.send("of another program", sender=ANNA, in_reply_to="999")
        account.send("by another", sender=BEN)
        account.send("later", sender=ANNA, received_at=now + timedelta(hours=25))
        account.send("before", sender=ANNA, received_at=now - timedelta(hours=1))
        await restart(hass, entry)
        await poll(hass)
    answers = {event.data["text"]: (event.data["reply_to"], event.data["reply_to_certain"]) for event in received}
    assert answers == {
        "named": (first.outgoing.key, is_certain),
        "latest": (second.outgoing.key, False),
        "of another program": (second.outgoing.key, False),
        "by another": (None, None),
        "later": (None, None),
        "before": (None, None),
    }
