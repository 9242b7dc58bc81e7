"""Being called by a provider."""

from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.diagnostics import async_get_config_entry_diagnostics
from custom_components.sms_inbox.store import Store, StoreError
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_START, EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import Clock, make_entry, poll, set_up, settle, texts

WEBHOOK_ID = "5ecre7" * 8
PATH = f"/api/webhook/{WEBHOOK_ID}"
REPLIES = {"bulksms_eapi": "OK", "twilio": "<Response/>"}
UNREADABLE = {"twilio": b"nonsense", "clicksend": b'{"message_id":"5"}'}


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    await async_setup_component(hass, "webhook", {})
    return await hass_client_no_auth()


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return the config entry of an account whose provider calls, not set up yet."""
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"webhook_id": WEBHOOK_ID})
    return entry


type Call = Callable[..., Any]


@pytest.fixture
def call(client: TestClient[Any, Any], account: Account) -> Call:
    """Return the vendor: it calls for a message as its documentation says."""

    async def call(**message: Any) -> tuple[int, str]:
        sent = account.messages[-1] if not message else account.send(**message)
        account.callback = f"https://home.example{PATH}"
        if account.provider == "bulletin":
            account.callback += "?inReplyToId={!messageId}&from={!recipient.msisdn}&body={!body}"
        account.webhooks = [{"id": "1", "url": account.callback, "active": True, "triggerScope": "RECEIVED"}]
        [outgoing] = account.protocol.calls(sent, account)
        account.webhooks, account.callback = [], ""
        path = outgoing.url.removeprefix("https://home.example")
        response = await client.request(outgoing.method, path, data=outgoing.body or None, headers=outgoing.headers)
        return response.status, await response.text()

    return call


@pytest.fixture(autouse=True)
def home(hass: HomeAssistant) -> None:
    """Let Home Assistant have an address in the internet."""
    hass.config.external_url = "https://home.example"


async def test_called(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], call: Call
) -> None:
    """A message is here as soon as the vendor calls, and once, though the next poll shows it, too."""
    await set_up(hass, entry)
    status, body = await call(text="Kia ora ☺ a|b + 100 %", sender="+447700900123")
    await settle(hass)
    assert texts(received) == ["Kia ora ☺ a|b + 100 %"]
    assert received[0].data["message_id"].startswith(account.messages[-1].message_id)
    assert not received[0].data["redelivered"]
    assert (status, body) == (200, REPLIES.get(account.provider, ""))
    await poll(hass)
    await poll(hass)
    assert len(received) == 1


async def test_polled_before_called(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], call: Call, clock: Clock
) -> None:
    """A call that comes after the poll brings nothing new."""
    await set_up(hass, entry)
    account.send("Hello")
    await poll(hass)
    assert texts(received) == ["Hello"]
    assert (await call())[0] == HTTPStatus.OK
    await clock.advance(200)
    assert texts(received) == ["Hello"]


async def test_stored_before_it_is_answered(
    hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], call: Call
) -> None:
    """What can't be written down is not taken: the vendor tries again."""
    await set_up(hass, entry)
    with patch.object(Store, "receive_call", side_effect=StoreError("disk full")):
        assert (await call(text="Hello"))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
    await settle(hass)
    assert received == []
    assert ir.async_get(hass).async_get_issue("sms_inbox", "store_failed")
    assert (await call())[0] == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Hello"]
    await poll(hass)
    assert len(received) == 1
    assert not ir.async_get(hass).async_get_issue("sms_inbox", "store_failed")


async def test_not_ticked_off(hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], call: Call) -> None:
    """A message that was written down is taken, also where the store fails right after it."""
    await set_up(hass, entry)
    with patch.object(Store, "tick_off", side_effect=StoreError("disk full")):
        assert (await call(text="Hello"))[0] == HTTPStatus.OK
        await settle(hass)
    assert texts(received) == ["Hello"]
    await poll(hass)
    assert (await call(text="Again"))[0] == HTTPStatus.OK
    await settle(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert texts(received) == ["Hello", "Again"]


async def test_while_starting(hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], call: Call) -> None:
    """Before automations listen, a call is written down and answered, and delivered when they do."""
    hass.set_state(CoreState.not_running)
    await set_up(hass, entry)
    assert (await call(text="Early"))[0] == HTTPStatus.OK
    await settle(hass)
    assert received == []
    hass.set_state(CoreState.starting)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_START)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass)
    assert texts(received) == ["Early"]
    assert not received[0].data["redelivered"]


async def test_while_stopping(hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], call: Call) -> None:
    """When Home Assistant stops, it says so, and the message comes after the next start."""
    await set_up(hass, entry)
    hass.set_state(CoreState.stopping)
    assert (await call(text="Late"))[0] == HTTPStatus.SERVICE_UNAVAILABLE
    await settle(hass)
    assert received == []
    hass.set_state(CoreState.running)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert texts(received) == ["Late"]


@pytest.mark.parametrize("disabled", [True, False])
async def test_not_loaded(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    received: list[Event],
    call: Call,
    disabled: bool,  # noqa: FBT001
) -> None:
    """While an account is not loaded or disabled, nothing is taken, and what was called for comes afterwards."""
    await set_up(hass, entry)
    if disabled:
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_unload(entry.entry_id)
    assert (await call(text="Hello"))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
    if disabled:
        await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    else:
        await hass.config_entries.async_setup(entry.entry_id)
    assert (await call())[0] == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Hello"]


async def test_before_set_up(hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], call: Call) -> None:
    """Where Home Assistant itself answers in our place, a poll brings the message."""
    assert (await call(text="Too early"))[0] == HTTPStatus.OK
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": True})
    await set_up(hass, entry)
    assert texts(received) == ["Too early"]


async def test_removed(hass: HomeAssistant, entry: MockConfigEntry, call: Call) -> None:
    """Of an account that is removed no address is left."""
    await set_up(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    with patch.object(Store, "receive_call", side_effect=AssertionError):
        assert (await call(text="Hello"))[0] == HTTPStatus.OK  # by Home Assistant, which knows no such address


async def test_line_break_in_a_query(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], call: Call
) -> None:
    """Home Assistant refuses a query with a line break before we see it; a poll brings the message."""
    await set_up(hass, entry)
    status, _ = await call(text="one\ntwo")
    in_query = account.provider in ("bulletin", "bulksms_eapi")
    assert status == (HTTPStatus.BAD_REQUEST if in_query else HTTPStatus.OK)
    await poll(hass)
    assert texts(received) == ["one\ntwo"]


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
class TestWithoutIds:
    """Calls that carry no id, such as Bulletin's."""

    async def test_equal_messages(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], call: Call
    ) -> None:
        """Two messages with the same text are two, in whichever order calls and polls come."""
        await set_up(hass, entry)
        for _ in range(3):
            assert (await call(text="Open"))[0] == HTTPStatus.OK
            await settle(hass)
        account.send("Open")
        await poll(hass)
        assert (await call())[0] == HTTPStatus.OK
        await settle(hass)
        account.send("Open")
        account.send("Open")
        await poll(hass)
        assert [event.data["message_id"] for event in received] == [each.message_id for each in account.messages]
        assert not any(event.data["redelivered"] for event in received)

    async def test_repeated_call(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        received: list[Event],
        call: Call,
        clock: Clock,
    ) -> None:
        """A call that comes twice can be a message that no poll shows, so it is delivered, and says so."""
        await set_up(hass, entry)
        await call(text="Open")
        await settle(hass)
        await call()
        await settle(hass)
        assert texts(received) == ["Open"]
        await clock.advance(130)
        assert texts(received) == ["Open", "Open"]
        assert [event.data["redelivered"] for event in received] == [False, True]
        await clock.advance(600)
        assert len(received) == 2

    async def test_read_elsewhere(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        call: Call,
        clock: Clock,
    ) -> None:
        """A message that no poll brings, since somebody else has read it, arrives by its call."""
        await set_up(hass, entry)
        account.send("Open", sender="+447700900123", in_reply_to="12345")
        account.take_unread()
        await call()
        await clock.advance(130)
        [event] = received
        assert (event.data["text"], event.data["sender"]) == ("Open", "+447700900123")
        assert (event.data["in_reply_to"], event.data["redelivered"]) == ("12345", False)

    async def test_provider_that_calls_and_does_not_answer(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        received: list[Event],
        call: Call,
        clock: Clock,
    ) -> None:
        """While polls fail, messages arrive by their calls; each is matched once when polls bring it after all."""
        await set_up(hass, entry)
        emulator.fault("bulletin", "server_error", count=None)
        await poll(hass)
        await call(text="Open")
        await call(text="Open")
        await clock.advance(130)
        assert texts(received) == ["Open", "Open"]
        emulator.clear_faults()
        account.send("Open")
        await clock.advance(1000)
        assert texts(received) == ["Open", "Open", "Open"]
        assert received[2].data["message_id"] == account.messages[2].message_id

    async def test_announced_before_a_stop(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        received: list[Event],
        call: Call,
        clock: Clock,
    ) -> None:
        """What a call announced is known after a restart."""
        await set_up(hass, entry)
        emulator.fault("bulletin", "server_error", count=None)
        await call(text="Open")
        account.take_unread()
        await hass.config_entries.async_unload(entry.entry_id)
        emulator.clear_faults()
        await set_up(hass, entry)
        assert received == []
        await clock.advance(130)
        assert texts(received) == ["Open"]


class TestRefused:
    """What is no call of the vendor's, or too much."""

    async def test_method(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Another method is refused, and each time counted."""
        await set_up(hass, entry)
        for _ in range(3):
            assert (await client.head(PATH)).status == HTTPStatus.METHOD_NOT_ALLOWED
        assert (await diagnostics(hass, entry))["calls"] == {**NO_CALLS, "refused": {"wrong method": 3}}
        assert caplog.text.count("was refused (wrong method)") == 1

    async def test_large_body(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A body that is too large is not read, announced or not, and is in no log."""
        await set_up(hass, entry)

        async def endless() -> AsyncGenerator[bytes]:
            for _ in range(1000):
                yield b"secret" * 1000

        for body in (b"secret" * 100_000, endless()):
            response = await client.post(PATH, data=body)
            assert response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert (await diagnostics(hass, entry))["calls"]["refused"] == {"the body is too large": 2}
        assert "secret" not in caplog.text

    async def test_flood(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        call: Call,
        received: list[Event],
        clock: Clock,
    ) -> None:
        """Too many calls are told to come later, before anything of them is read; then it goes on."""
        await set_up(hass, entry)
        with patch("custom_components.sms_inbox.push.CALLS_PER_SECOND", 0.0):
            for _ in range(110):
                await client.put(PATH, data=b"x")
            assert (await call(text="Hello"))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
        assert (await diagnostics(hass, entry))["calls"]["refused"]["too many calls"] >= 11
        await clock.advance(20)
        assert (await call())[0] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]

    async def test_error_of_ours(self, hass: HomeAssistant, entry: MockConfigEntry, call: Call) -> None:
        """Even a fault in the program lets the vendor try again, where Home Assistant would say 200."""
        await set_up(hass, entry)
        with patch("custom_components.sms_inbox.push.async_address", side_effect=RuntimeError):
            assert (await call(text="Hello"))[0] == HTTPStatus.INTERNAL_SERVER_ERROR

    async def test_unreadable(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, client: TestClient[Any, Any], call: Call
    ) -> None:
        """A call that can't be understood is kept and shown, or else not taken."""
        await set_up(hass, entry)
        if record := UNREADABLE.get(account.provider):
            account.send_raw(record)
            status = (await call())[0]
        else:
            status = (await client.post(f"{PATH}?sender=1&message=x", data=b'["nonsense"]')).status
        assert status == HTTPStatus.OK
        kept = account.provider != "bulletin"
        assert bool(ir.async_get(hass).async_get_issue("sms_inbox", f"unreadable_{entry.entry_id}")) == kept


NO_CALLS = {"cloud": False, "signed": False, "fields_told": [], "taken": 0, "refused": {}}


async def diagnostics(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of an account."""
    return await async_get_config_entry_diagnostics(hass, entry)
