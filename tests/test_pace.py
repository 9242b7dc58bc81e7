"""How often an account with a webhook is polled, and what is said when its webhook fails."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import Clock, set_up, settle, texts

WEBHOOK_ID = "5ecre7" * 8

type Announce = Callable[[str], Awaitable[None]]


@pytest.fixture
def provider() -> str:
    """Use a vendor that is polled every 15 seconds."""
    return "bulksms"


@pytest.fixture
def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return the account's config entry, with a webhook."""
    hass.config_entries.async_update_entry(entry, options={"webhook_id": WEBHOOK_ID})
    return entry


@pytest.fixture
async def announce(hass: HomeAssistant, account: Account, hass_client_no_auth: ClientSessionGenerator) -> Announce:
    """Return what sends a message together with its webhook request."""
    assert await async_setup_component(hass, "webhook", {})
    client: TestClient[Any, Any] = await hass_client_no_auth()

    async def send(text: str) -> None:
        account.send(text)
        assert (await client.post(f"/api/webhook/{WEBHOOK_ID}", json=[])).status == 200
        await settle(hass)

    return send


async def polls(emulator: Emulator, clock: Clock, seconds: float) -> int:
    """Let time pass; return how often the provider was asked, be it by one request or more at a time."""
    asked = 0
    for _ in range(int(seconds) // 10):
        before = len(emulator.requests)
        await clock.advance(10)
        asked += len(emulator.requests) > before
    return asked


def is_failing(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Whether a person is told that the webhook fails."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"webhook_failing_{entry.entry_id}") is not None


async def test_webhook_that_works(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, clock: Clock, announce: Announce
) -> None:
    """While it announces what comes, there are fewer polls."""
    await set_up(hass, entry)
    usual = await polls(emulator, clock, 600)
    await announce("One")
    await polls(emulator, clock, 60)
    relaxed = await polls(emulator, clock, 600)
    assert usual >= 28
    assert relaxed <= usual / 3
    assert not is_failing(hass, entry)


@pytest.mark.parametrize("provider", ["bulletin"])
async def test_reports_announce_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    clock: Clock,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """That a webhook brings reports of what was sent doesn't mean that it announces messages."""
    assert await async_setup_component(hass, "webhook", {})
    client: TestClient[Any, Any] = await hass_client_no_auth()
    await set_up(hass, entry)
    usual = await polls(emulator, clock, 600)
    answer = await client.post(f"/api/webhook/{WEBHOOK_ID}?messageId={uuid4()}&status=RCV")
    assert answer.status == 200
    account.send("One")
    await polls(emulator, clock, 60)
    assert await polls(emulator, clock, 600) >= usual - 1


async def test_webhook_that_fails(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    clock: Clock,
    received: list[Event],
    announce: Announce,
) -> None:
    """A message without a request is delivered by a poll; then polls are as many as before, and an issue says why."""
    await set_up(hass, entry)
    usual = await polls(emulator, clock, 600)
    await announce("One")
    await polls(emulator, clock, 300)
    account.send("Two")
    await polls(emulator, clock, 70)
    assert texts(received) == ["One", "Two"]
    assert not is_failing(hass, entry)
    await polls(emulator, clock, 130)
    assert is_failing(hass, entry)
    assert await polls(emulator, clock, 600) >= usual - 2
    await announce("Three")
    assert not is_failing(hass, entry)


async def test_request_that_comes_late(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock, announce: Announce
) -> None:
    """A poll may be faster than the request."""
    await set_up(hass, entry)
    await polls(emulator, clock, 60)
    account.send("One")
    await polls(emulator, clock, 100)
    await announce("Two")
    await polls(emulator, clock, 300)
    assert not is_failing(hass, entry)


@pytest.mark.parametrize("is_outage", [True, False])
async def test_message_of_an_outage(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    clock: Clock,
    received: list[Event],
    announce: Announce,
    *,
    is_outage: bool,
) -> None:
    """What came while Home Assistant or the provider was down says nothing about the webhook."""
    await set_up(hass, entry)
    await announce("One")
    if is_outage:
        emulator.fault("bulksms", "server_error", count=None)
        await polls(emulator, clock, 120)
    else:
        assert await hass.config_entries.async_unload(entry.entry_id)
    account.send("Two")
    if is_outage:
        emulator.clear_faults()
    else:
        assert await hass.config_entries.async_setup(entry.entry_id)
    await polls(emulator, clock, 600)
    assert texts(received) == ["One", "Two"]
    assert not is_failing(hass, entry)


async def test_without_a_webhook(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock
) -> None:
    """An account without one is polled at the usual pace, and nothing is missed."""
    hass.config_entries.async_update_entry(entry, options={})
    await set_up(hass, entry)
    await polls(emulator, clock, 60)
    account.send("One")
    assert await polls(emulator, clock, 600) >= 28
    assert not is_failing(hass, entry)
