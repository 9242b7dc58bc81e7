"""What becomes of a text whose outcome is unknown: it is on a phone once at most."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Accepted, Outgoing
from custom_components.sms_inbox.providers.sending import SENDING
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..conftest import Clock, set_up
from ..senders import ANNA, shown
from .helpers import (
    FIND,
    KEY,
    LOST,
    NEITHER,
    UNTIL_FOUND,
    Told,
    begin,
    charged,
    ended,
    send,
    sent,
    spoil,
    state,
    submissions,
)


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_answer_lost(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    fault: str,
    vendor: str,
) -> None:
    """A text that was taken, and whose answer was lost, is on the phone once, and never sent again without a key."""
    spoil(emulator, account, **LOST[fault], consume=True)
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert submissions(emulator) == (2 if vendor == KEY else 1)
    assert told.of("Hello") == [ended("unknown") if vendor == NEITHER else sent()]
    assert await charged(hass, entry) == 1


@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_request_lost(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    vendor: str,
) -> None:
    """A text that was not taken, which nobody can know, is sent with the key, else told as unknown."""
    spoil(emulator, account, "dropped")
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND + 60)
    assert shown(emulator) == ([(ANNA, "Hello")] if vendor == KEY else [])
    assert submissions(emulator) == (2 if vendor == KEY else 1)
    assert told.of("Hello") == [sent() if vendor == KEY else ended("unknown")]


@pytest.mark.parametrize("taken", [True, False])
async def test_not_sent_late(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    taken: bool,
) -> None:
    """A text with a key whose time is over is not sent any more; whether it was sent is looked up."""
    if taken:
        spoil(emulator, account, "server_error", consume=True)
    spoil(emulator, account, "server_error", count=None, skip=int(taken))
    await begin(hass, entry, expires_in=timedelta(minutes=5))
    await days.advance(330)
    emulator.clear_faults()
    asked = submissions(emulator)
    await days.advance(600)
    assert submissions(emulator) == asked > 5
    assert shown(emulator) == [(ANNA, "Hello")] * taken
    assert told.of("Hello") == [sent() if taken else ended("unknown")]


@pytest.mark.parametrize("finds", [True, False])
async def test_repeat_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    finds: bool,
) -> None:
    """That a repeat is refused says nothing of the first request."""
    spoil(emulator, account, "server_error", consume=True)
    spoil(emulator, account, "vendor_error", word="insufficient-credits", count=None, skip=1)
    with patch.object(SENDING[KEY], "finds_sent", finds):
        await begin(hass, entry)
        await days.advance(UNTIL_FOUND)
    assert submissions(emulator) == 2
    assert told.of("Hello") == [sent() if finds else ended("unknown")]
    assert await charged(hass, entry) == 1


async def test_key_not_held_any_more(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """Once the vendor may have forgotten the key, a repeat would be another SMS."""
    spoil(emulator, account, "server_error", consume=True)
    await begin(hass, entry, expires_in=timedelta(hours=24))
    assert await hass.config_entries.async_unload(entry.entry_id)
    await days.advance(11 * 3600 + 60, step=3600)
    await set_up(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert submissions(emulator) == 1
    assert told.of("Hello") == [sent()]


async def test_key_and_clock_set_back(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, clock: Clock
) -> None:
    """A clock that was set back can't tell how long the vendor has had the key."""
    spoil(emulator, account, "server_error", consume=True)
    await begin(hass, entry)
    utcnow = dt_util.utcnow
    with patch.object(dt_util, "utcnow", lambda: utcnow() - timedelta(days=1)):
        await clock.advance(UNTIL_FOUND)
    assert submissions(emulator) == 1


@pytest.mark.parametrize("vendor", [FIND])
async def test_looks_while_the_vendor_is_down(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """A vendor that can't be asked is asked again until the text's time is over."""
    spoil(emulator, account, "dropped", consume=True)
    await begin(hass, entry)
    emulator.fault(FIND, "server_error", count=None)
    await days.advance(400)
    assert not told
    emulator.clear_faults()
    await days.advance(65)
    assert told.of("Hello") == [sent()]


@pytest.mark.parametrize("vendor", [FIND])
async def test_equal_text_found(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """An equal text that was sent just before isn't taken for one that was lost."""
    await send(hass, entry)
    spoil(emulator, account, "dropped")
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND + 60)
    assert told.of("Hello") == [sent(), ended("unknown")]


async def test_unknown_does_not_hold_up_others(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, days: Clock
) -> None:
    """While it is found out what became of a text, others are sent, after a short pause."""
    spoil(emulator, account, "server_error")
    await begin(hass, entry, "one")
    await begin(hass, entry, "two")
    assert shown(emulator) == []
    await days.advance(6, step=0.5)
    assert sorted(text for _, text in shown(emulator)) == ["one", "two"]


async def test_fault_of_ours(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    told: Told,
    days: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that nobody has foreseen is an unknown outcome; the log has nothing of the text."""
    submit, errors = SENDING[KEY].send, [ValueError("Hello +447700900321")]

    async def fail(sending: Any, text: Outgoing) -> Accepted:
        accepted = await submit(sending, text)
        if errors:
            raise errors.pop()
        return accepted

    with patch.object(SENDING[KEY], "send", fail):
        await begin(hass, entry)
        await days.advance(10)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert told.of("Hello") == [sent()]
    assert "ValueError" in caplog.text
    assert "900321" not in "".join(record.getMessage() for record in caplog.records if record.levelname == "WARNING")


async def test_nothing_is_erased_before_it_is_settled(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, days: Clock
) -> None:
    """A text that waits, or is in doubt, stays whole however old it is."""
    spoil(emulator, account, "server_error", consume=True)
    key = await begin(hass, entry)
    with patch("custom_components.sms_inbox.inbox.dt_util.utcnow", lambda: dt_util.now() + timedelta(days=1000)):
        await entry.runtime_data.inbox.async_prune()
    await days.advance(10)
    assert (await state(hass, key)).outgoing.text == "Hello"
    assert shown(emulator) == [(ANNA, "Hello")]
