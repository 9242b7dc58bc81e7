"""A webhook of a vendor that can be polled means: poll now."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.diagnostics import async_get_config_entry_diagnostics
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import Clock, set_up, settle, texts

WEBHOOK_ID = "5ecre7" * 8
STEP = 0.5
HOUR = 3600.0
HOURLY = timedelta(hours=1)

type Send = Callable[[], Awaitable[int]]


@pytest.fixture(params=["bulksms", "voipms"])
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for vendors that can be polled, and whose webhook requests are not believed."""
    return str(request.param)


@pytest.fixture
def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return the account's config entry, with a webhook."""
    hass.config_entries.async_update_entry(entry, options={"webhook_id": WEBHOOK_ID})
    return entry


@pytest.fixture(autouse=True)
def slow() -> Iterator[None]:
    """Let an hour pass between two polls that nobody has asked for, and no vendor ask for one."""
    with (
        patch("custom_components.sms_inbox.providers.bulksms.BulkSms.interval", HOURLY),
        patch("custom_components.sms_inbox.providers.voipms.VoipMs.interval", HOURLY),
        # These tests send themselves what the vendor would send to the URL that is registered there.
        patch("emulator.outgoing.Caller.tell"),
    ):
        yield


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    assert await async_setup_component(hass, "webhook", {})
    hass.config.external_url = "https://home.example"
    return await hass_client_no_auth()


@pytest.fixture
def request_poll(client: TestClient[Any, Any]) -> Send:
    """Return what sends a webhook request; the answer is an HTTP status."""

    async def send() -> int:
        response = await client.post(f"/api/webhook/{WEBHOOK_ID}", json={"text": "OPEN"})
        return response.status

    return send


class Watch:
    """When the provider is asked, in seconds of the clock."""

    def __init__(self, emulator: Emulator, clock: Clock) -> None:
        """Begin to watch."""
        self._emulator, self._clock = emulator, clock

    async def live(self, seconds: float, step: float = STEP) -> list[float]:
        """Let time pass; return after how many seconds the provider was asked."""
        asked: list[float] = []
        begin = self._clock.offset
        while self._clock.offset < begin + seconds:
            before = len(self._emulator.requests)
            await self._clock.advance(step, step)
            asked += [self._clock.offset - begin] * (len(self._emulator.requests) > before)
        return asked


@pytest.fixture
def watch(emulator: Emulator, clock: Clock) -> Watch:
    """Return who watches."""
    return Watch(emulator, clock)


def close_to(asked: list[float], *expected: float) -> bool:
    """Whether the provider was asked at these times; the machine's own time passes beside the clock."""
    return len(asked) == len(expected) and all(
        second - STEP <= at <= second + 3 * STEP for at, second in zip(asked, expected, strict=True)
    )


async def test_at_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """What the list shows is delivered at once, nothing of the request is believed, and that was it."""
    await set_up(hass, entry)
    account.send("Hello")
    assert await request_poll() == 200
    await settle(hass)
    assert texts(received) == ["Hello"]
    assert await watch.live(120) == []


async def test_again_while_nothing_new_comes(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, request_poll: Send, watch: Watch
) -> None:
    """The list may show the message later than the request: asked again after 2, 5, 15 and 30 s, and no further."""
    await set_up(hass, entry)
    asked = len(emulator.requests)
    await request_poll()
    await settle(hass)
    assert len(emulator.requests) > asked
    assert close_to(await watch.live(600), 2, 7, 22, 52)
    await request_poll()
    await settle(hass)
    assert close_to(await watch.live(120), 2, 7, 22, 52)


async def test_stops_when_something_new_came(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """A message that the list shows late is delivered then."""
    await set_up(hass, entry)
    await request_poll()
    await settle(hass)
    assert close_to(await watch.live(4), 2)
    account.send("Late")
    assert close_to(await watch.live(120), 3)
    assert texts(received) == ["Late"]


async def test_message_of_each_request_is_waited_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """Of two messages that were announced, the first doesn't stand for both."""
    await set_up(hass, entry)
    account.send("First")
    await request_poll()
    await request_poll()
    await watch.live(2)
    assert texts(received) == ["First"]
    account.send("Second")
    await watch.live(10)
    assert texts(received) == ["First", "Second"]
    assert await watch.live(120) == []


@pytest.mark.usefixtures("days")
async def test_flood(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """A thousand requests cost a poll a second at most, and hold up no message."""
    await set_up(hass, entry)
    for _ in range(20):
        statuses = [await request_poll() for _ in range(50)]
        assert set(statuses) == {200}
        await watch.live(1, 0.25)
    polls = (await async_get_config_entry_diagnostics(hass, entry))["polling"]["polls"]
    started = [datetime.fromisoformat(poll["started"]) for poll in polls[1:]]
    assert len(started) >= 10
    # Counted, as on a busy machine one poll may begin late and the next one in time.
    assert len(started) <= (started[-1] - started[0]).total_seconds() + 2
    account.send("Real")
    await request_poll()
    await watch.live(1.5)
    assert texts(received) == ["Real"]
    assert len(await watch.live(600)) <= 4


async def test_during_a_poll(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    request_poll: Send,
    clock: Clock,
) -> None:
    """The poll that is under way may have begun too early: the provider is asked once more at its end."""
    await set_up(hass, entry)
    fetch = type(entry.runtime_data.provider).fetch
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(provider: Any, cursor: Any) -> Any:
        page = await fetch(provider, cursor)
        asked.set()
        await answer.wait()
        return page

    with patch.object(type(entry.runtime_data.provider), "fetch", slow):
        await request_poll()
        await asked.wait()
        account.send("Just missed")
        clock.offset += 2
        await request_poll()
        answer.set()
        await settle(hass)
    assert texts(received) == ["Just missed"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_retry_after_is_kept(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
    moment: str,
) -> None:
    """However many requests come, before or after the provider has asked us to wait."""
    await set_up(hass, entry)
    emulator.fault(account.provider, "rate_limited", retry_after=300)
    account.send("Waits")
    await request_poll()
    if moment == "before":
        await request_poll()
        await request_poll()
    await settle(hass)
    for _ in range(29):
        await request_poll()
        assert await watch.live(10, 5) == []
    await watch.live(20, 1)
    assert texts(received) == ["Waits"]
    assert not ir.async_get(hass).async_get_issue(DOMAIN, f"outage_{entry.entry_id}")


async def test_provider_that_is_down(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """The request is accepted, and the message delivered when the provider is there again."""
    await set_up(hass, entry)
    account.send("Waits")
    emulator.fault(account.provider, "server_error", count=None)
    assert await request_poll() == 200
    await settle(hass)
    assert len(await watch.live(600, 2)) >= 5
    assert received == []
    emulator.clear_faults()
    await watch.live(302, 2)
    assert texts(received) == ["Waits"]


async def test_credentials_that_are_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    request_poll: Send,
    watch: Watch,
) -> None:
    """Requests don't make us hand over credentials again and again that the vendor refuses; it may lock the account."""
    await set_up(hass, entry)
    emulator.fault(account.provider, "unauthorized", count=None)
    asked = 0
    for _ in range(120):
        await request_poll()
        asked += len(await watch.live(1, 1))
    assert asked <= 7
    emulator.clear_faults()
    account.send("Waits")
    await request_poll()
    await watch.live(32, 1)
    assert texts(received) == ["Waits"]


class TestWithoutPolling:
    """A person has switched off polling, or disabled all entities."""

    async def test_polling_disabled(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        request_poll: Send,
        watch: Watch,
    ) -> None:
        """The provider is asked only when a webhook requests it."""
        hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
        await set_up(hass, entry)
        assert await watch.live(2 * HOUR, 600) == []
        account.send("Hello")
        await request_poll()
        await settle(hass)
        assert texts(received) == ["Hello"]
        assert await watch.live(2 * HOUR, 600) == []

    async def test_polling_disabled_and_provider_down(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        received: list[Event],
        request_poll: Send,
        watch: Watch,
    ) -> None:
        """A poll that failed is repeated for ever, and no more once it has succeeded."""
        hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
        await set_up(hass, entry)
        account.send("Waits")
        emulator.fault(account.provider, "server_error", count=None)
        await request_poll()
        asked = await watch.live(2 * HOUR, 20)
        assert len(asked) > 20
        assert max(later - earlier for earlier, later in pairwise(asked)) <= 340
        emulator.clear_faults()
        await watch.live(302, 2)
        assert texts(received) == ["Waits"]
        assert await watch.live(2 * HOUR, 600) == []

    async def test_all_entities_disabled(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        request_poll: Send,
        watch: Watch,
        entity_registry: er.EntityRegistry,
    ) -> None:
        """The inbox works without them, with a webhook and without."""
        await set_up(hass, entry)
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id):
            entity_registry.async_update_entity(entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert not [
            each for each in hass.states.async_entity_ids() if not hass.states.get(each).attributes.get("restored")
        ]
        account.send("Hello")
        await request_poll()
        await settle(hass)
        assert texts(received) == ["Hello"]
        account.send("Polled")
        await watch.live(1.2 * HOUR, 300)
        assert texts(received) == ["Hello", "Polled"]


async def test_nothing_is_polled_after_unload(
    hass: HomeAssistant, entry: MockConfigEntry, request_poll: Send, watch: Watch
) -> None:
    """A burst ends with its account."""
    await set_up(hass, entry)
    await request_poll()
    await settle(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    assert await request_poll() == 500
    assert await watch.live(120) == []
