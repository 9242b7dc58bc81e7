"""When the provider is asked, and what becomes of its errors."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.errors import ProtocolError, ProviderError, TemporaryError
from emulator import Account, Emulator
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers.issue_registry import IssueRegistry

from .conftest import broken_store, poll, set_up, settle, texts


def is_available(hass: HomeAssistant) -> bool:
    """Whether the account's sensors are."""
    sensors = hass.states.async_entity_ids("sensor")
    [available] = {hass.states.get(entity_id).state != "unavailable" for entity_id in sensors}
    return available


async def test_asks_at_the_providers_pace(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str
) -> None:
    """After an answer without more the provider's own pause passes."""
    await set_up(hass, entry)
    asked = len(emulator.requests)
    interval = PROVIDERS[provider].interval.total_seconds()
    await poll(hass, interval - 2)
    assert len(emulator.requests) == asked
    await poll(hass, interval + 1)
    assert len(emulator.requests) == asked + 1


async def test_backoff(hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str) -> None:
    """Pauses grow with each failure, up to five minutes, and never fall below half of the step."""
    await set_up(hass, entry)
    emulator.fault(provider, "server_error", count=None)
    pauses: list[float] = []
    for _ in range(8):
        with patch.object(hass.loop, "call_at", wraps=hass.loop.call_at) as call_at:
            await poll(hass, 4 * 3600)
        refreshes = [call for call in call_at.call_args_list if "refresh" in str(call.args[2:])]
        pauses.append(refreshes[-1].args[0] - hass.loop.time())
    for step, pause in zip((30, 60, 120, 240, 300, 300, 300, 300), pauses, strict=True):
        assert step / 2 - 1 <= pause <= step + 1


async def test_retry_after(hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str) -> None:
    """The provider is not asked again before the time that it asked for."""
    await set_up(hass, entry)
    emulator.fault(provider, "rate_limited", retry_after=300)
    await poll(hass)
    asked = len(emulator.requests)
    await poll(hass, 299)
    assert len(emulator.requests) == asked
    await poll(hass, 303)
    assert len(emulator.requests) > asked


async def test_password_that_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """One refusal may be a whim; two in a row ask the person to log in again, and then all goes on."""
    await set_up(hass, entry)
    identity = await entry.runtime_data.provider.validate()  # as the flow would have found it
    hass.config_entries.async_update_entry(entry, unique_id=f"{account.provider}_{identity.account_id}")
    account.send("Hello")
    account.password = "changed"
    await poll(hass)
    assert hass.config_entries.flow.async_progress() == []
    await poll(hass)
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    await poll(hass, 3600)
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": account.username, "password": "changed"}
    )
    await settle(hass)
    assert result["reason"] == "reauth_successful"
    assert texts(received) == ["Hello"]
    assert emulator.book


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_web_page_instead_of_a_message_is_kept(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str, issue_registry: IssueRegistry
) -> None:
    """Where a read consumes, every answer that makes no sense is stored, each once."""
    await set_up(hass, entry)
    emulator.fault(provider, "html", count=3)
    for hours in range(1, 4):
        await poll(hass, hours * 3600)
    assert entry.runtime_data.inbox.state.quarantined == 1
    assert issue_registry.async_get_issue(DOMAIN, f"unreadable_{entry.entry_id}")


async def test_first_page_after_an_outage_shows_that_it_is_over(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, provider: str
) -> None:
    """The entities are available again before the first message changes them, however long the drain takes."""
    account.page_size = 1
    await set_up(hass, entry)
    emulator.fault(provider, "server_error")
    await poll(hass)
    states: list[bool] = []

    @callback
    def note_state(_: Event[Any]) -> None:
        states.append(is_available(hass))

    hass.bus.async_listen("sms_received", note_state)
    for _ in range(3):
        account.send("x")
    await poll(hass, 3600)
    await poll(hass, 7200)
    assert states == [True, True, True]


@pytest.mark.parametrize("provider", ["bulksms_eapi", "bulksms"], indirect=True)
async def test_deprecated_api_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry, provider: str, issue_registry: IssueRegistry
) -> None:
    """An account whose API the vendor has replaced can be moved."""
    await set_up(hass, entry)
    issue = issue_registry.async_get_issue(DOMAIN, f"deprecated_api_{entry.entry_id}")
    if provider == "bulksms":
        assert not issue
    else:
        assert issue
        assert issue.is_fixable
        assert issue.translation_placeholders == {
            "account": entry.title,
            "account_url": f"/config/integrations/integration/sms_inbox#config_entry={entry.entry_id}",
            "successor": "BulkSMS",
        }


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
class TestConsumingRead:
    """A provider whose reads consume: what it has handed over must be stored, whatever stops us."""

    @pytest.fixture(autouse=True)
    async def held_answer(self, hass: HomeAssistant, entry: MockConfigEntry) -> Any:
        """Run a server which sends headers, and the body when it may."""
        self.headers, self.body = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            if "list" in request.path:
                return web.Response(text="<feed/>")
            if self.body.is_set():
                return web.Response(status=204)
            response = web.StreamResponse()
            await response.prepare(request)
            self.headers.set()
            await self.body.wait()
            await response.write(b"messageId=7&from=1&body=Just+in+time")
            return response

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            data = {**entry.data, "url": str(server.make_url("/")), "deliver_existing": True}
            hass.config_entries.async_update_entry(entry, data=data)
            yield

    async def start(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Set up the account, and wait until its first answer has begun."""
        assert await hass.config_entries.async_setup(entry.entry_id)
        await self.headers.wait()
        while not entry.runtime_data.provider.is_receiving:
            await asyncio.sleep(0)

    async def test_reload_waits_for_the_body(
        self, hass: HomeAssistant, entry: MockConfigEntry, received: list[Event]
    ) -> None:
        """A reload during the body of an answer loses nothing."""
        await self.start(hass, entry)
        reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not reload.done()
        self.body.set()
        await reload
        await settle(hass)
        assert entry.state is ConfigEntryState.LOADED
        assert texts(received) == ["Just in time"]
        assert received[0].data["redelivered"] is False

    async def test_shutdown_waits_for_the_body(
        self, hass: HomeAssistant, entry: MockConfigEntry, received: list[Event]
    ) -> None:
        """So does a shutdown; automations are gone by then, so the next start delivers it."""
        await self.start(hass, entry)
        for task in list(hass._background_tasks):  # noqa: SLF001 - what stopping Home Assistant does
            task.cancel()
        hass.set_state(CoreState.stopping)
        self.body.set()
        await settle(hass)
        assert received == []
        await hass.config_entries.async_unload(entry.entry_id)
        hass.set_state(CoreState.running)
        await set_up(hass, entry)
        assert texts(received) == ["Just in time"]

    async def test_answer_that_cannot_be_stored_is_kept_in_memory(
        self, hass: HomeAssistant, entry: MockConfigEntry, received: list[Event]
    ) -> None:
        """With a full disk the message waits for room, and nothing more is taken from the provider."""
        with broken_store("receive") as tries:
            await self.start(hass, entry)
            self.body.set()
            await settle(hass)
            await poll(hass, 3600)
            assert len(tries) == 2
        assert received == []
        await poll(hass, 7200)
        assert texts(received) == ["Just in time"]

    async def test_loss_at_unload_is_logged(
        self, hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What can be neither stored nor kept is at least logged."""
        await self.start(hass, entry)
        with broken_store("receive"):
            unload = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
            await asyncio.sleep(0)
            self.body.set()
            await unload
        assert f"The last page of {entry.title} was not stored: disk full" in caplog.text


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_idle_long_poll_is_closed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """A request that only waits doesn't hold up a reload, and takes no message with it."""
    emulator.hold = 3600.0
    assert await hass.config_entries.async_setup(entry.entry_id)
    while not emulator.requests:
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await hass.config_entries.async_unload(entry.entry_id)
    account.send("Hello")
    emulator.hold = 0.0
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": True})
    await set_up(hass, entry)
    assert texts(received) == ["Hello"]


@pytest.mark.parametrize("error", [TemporaryError("gone"), ProtocolError("odd")])
async def test_acknowledgement_that_fails_does_not_hold_up_the_message(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    provider: str,
    received: list[Event],
    error: ProviderError,
) -> None:
    """The page is confirmed after it was stored; that it can't be confirmed is no outage."""
    await set_up(hass, entry)
    stored: list[str] = []

    async def acknowledge(_: object, page: Page) -> bool:
        if page.messages:
            stored.append(page.messages[0].text)
            raise error
        return False

    with patch.object(PROVIDERS[provider], "acknowledge", acknowledge):
        account.send("Hello")
        await poll(hass)
    assert stored[0] == "Hello"
    assert texts(received) == ["Hello"]
    assert is_available(hass)
    assert entry.runtime_data.last_exception is None
    await poll(hass, timedelta(hours=1).total_seconds())
    assert texts(received) == ["Hello"]
