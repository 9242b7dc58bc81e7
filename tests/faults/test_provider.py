"""A provider in trouble, for a moment and for an hour."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from tests.conftest import DISCIPLINES, Clock, poll, set_up, texts

OUTAGES = [
    ("unauthorized", {}, "invalid_auth"),
    ("rate_limited", {}, "rate_limited"),
    ("rate_limited", {"retry_after": 600}, "rate_limited"),
    ("server_error", {"status": 500}, "cannot_connect"),
    ("server_error", {"status": 503, "retry_after": 600}, "cannot_connect"),
    ("server_error", {"status": 403}, "invalid_configuration"),
    ("server_error", {"status": 404}, "invalid_configuration"),
    ("html", {}, "unexpected_answer"),
    ("oversized", {}, "unexpected_answer"),
    ("dropped", {}, "cannot_connect"),
    ("redirect", {"location": "https://elsewhere.example/"}, "invalid_configuration"),
    ("stall", {"seconds": 60.0}, "cannot_connect"),
    ("code", {"code": 22}, "cannot_connect"),
    ("code", {"code": 24}, "invalid_configuration"),
    ("code", {"code": 40}, "cannot_connect"),
    ("bad_json", {}, "unexpected_answer"),
    ("garbage", {}, "unexpected_answer"),
]


def is_available(hass: HomeAssistant) -> bool:
    """Whether the account's sensors are."""
    states = {hass.states.get(entity_id).state == "unavailable" for entity_id in hass.states.async_entity_ids("sensor")}
    assert len(states) == 1
    return states == {False}


@pytest.fixture(autouse=True)
def short_poll() -> Any:
    """Let no server keep a request waiting."""
    with patch("custom_components.sms_inbox.providers.bulletin.HOLD", 0.0):
        yield


def impatience(fault: str) -> AbstractContextManager[Any]:
    """Let a request time out at once where the server says nothing; elsewhere a busy machine may take its time."""
    return patch("custom_components.sms_inbox.providers.http.REQUEST_TIMEOUT", 0.2 if fault == "stall" else 30.0)


def providers_with(fault: str) -> list[str]:
    """Return the providers that can be in a trouble.

    Codes are the EAPI's, and nonsense from Bulletin may have been a message, see below.
    """
    if fault == "code":
        return ["bulksms_eapi"]
    return [key for key in DISCIPLINES if fault not in ("bad_json", "garbage") or key != "bulletin"]


CASES = [
    pytest.param(provider, *outage, seconds, id="-".join(map(str, (provider, outage[0], *outage[1].values(), seconds))))
    for number, outage in enumerate(OUTAGES)
    for providers in [providers_with(outage[0])]
    # How long it is waited is the error's matter, not the provider's: an hour of each is lived through at one of them.
    for provider, seconds in [*((key, 0) for key in providers), (providers[number % len(providers)], 3600)]
    # Who has been asked to log in isn't hurried.
    if (outage[0], seconds) != ("unauthorized", 3600)
]


@pytest.mark.parametrize(("provider", "fault", "options", "error", "seconds"), CASES, indirect=["provider"])
async def test_outage(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    caplog: pytest.LogCaptureFixture,
    clock: Clock,
    fault: str,
    options: dict[str, Any],
    error: str,
    seconds: int,
) -> None:
    """The right error is shown, asking slows down, it ends by itself, and no message is passed over."""
    await set_up(hass, entry)
    cursor = entry.runtime_data.inbox.state.cursor
    emulator.fault(account.provider, fault, count=None, **options)
    account.send("Patience")
    caplog.clear()
    caplog.set_level(logging.INFO)
    tries = set()
    with impatience(fault):
        await clock.advance(31)
        assert not is_available(hass)
        assert entry.runtime_data.last_exception.translation_key == error
        for second in range(0, seconds, 30):
            before = len(emulator.requests)
            await clock.advance(30)
            if len(emulator.requests) > before:
                tries.add(second)
    if tries:
        # Pauses from half of 30 s to all of 5 minutes, or 10 minutes where the provider asks for them.
        assert 3 <= len(tries) <= (6 if options.get("retry_after") else 26)
    assert entry.runtime_data.inbox.state.cursor == cursor
    emulator.clear_faults()
    await clock.advance(3600)
    assert is_available(hass)
    assert texts(received) == ["Patience"]
    told = [record for record in caplog.records if record.name == "custom_components.sms_inbox.coordinator"]
    assert [record.levelname for record in told] == ["ERROR", "INFO"]
    assert told[1].getMessage() == f"Fetching {entry.title} data recovered"
    assert hass.config_entries.flow.async_progress() == []


@pytest.mark.parametrize("fault", ["bad_json", "garbage"])
@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_nonsense_from_bulletin(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    fault: str,
) -> None:
    """It may have been a message, so it is kept and shown; the others come at the usual pace."""
    await set_up(hass, entry)
    emulator.fault("bulletin", fault, count=3)
    account.send("Good")
    for number in range(1, 6):
        await poll(hass, number * 60)
    assert texts(received) == ["Good"]
    assert entry.runtime_data.inbox.state.quarantined == 1  # the same answer each time, which is kept once
    assert is_available(hass)


@pytest.mark.parametrize("fault", ["slow", "stall"])
async def test_slow_answer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    provider: str,
    received: list[Event],
    fault: str,
) -> None:
    """An answer that takes its time is waited for."""
    await set_up(hass, entry)
    emulator.fault(provider, fault, seconds=0.05)
    account.send("Slowly")
    await poll(hass)
    assert texts(received) == ["Slowly"]
    assert is_available(hass)


async def test_cut_answer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    clock: Clock,
) -> None:
    """A message in an answer that broke off arrives after all, and is no repeat: it was never delivered."""
    await set_up(hass, entry)
    account.send("Before", received_at=datetime.now(UTC) - timedelta(minutes=3))
    await clock.advance(31)
    emulator.fault(account.provider, "cut")
    account.send("Cut", received_at=datetime.now(UTC) - timedelta(minutes=2))
    await clock.advance(31)
    for _ in range(5):
        await clock.advance(31)
    assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
        ("Before", False),
        ("Cut", False),
    ]
