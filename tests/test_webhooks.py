"""Webhook requests: what vendors send, what anybody could send, and what each of them causes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import hmac
from http import HTTPStatus
import json
from pathlib import Path
import sqlite3
import time
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.diagnostics import async_get_config_entry_diagnostics
from custom_components.sms_inbox.store import Store
from custom_components.sms_inbox.webhook import WebhookEndpoint
from emulator import Account, Emulator, Message
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_START, EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import Clock, broken_store, logged, make_entry, poll, set_up, settle, texts

WEBHOOK_ID = "5ecre7" * 8
PATH = f"/api/webhook/{WEBHOOK_ID}"
BODIES = {"bulksms_eapi": "OK", "twilio": "<Response/>"}
POLLED = ["bulletin", "bulksms", "bulksms_eapi", "clicksend"]

type Notify = Callable[[Message], Awaitable[tuple[int, str]]]


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    await async_setup_component(hass, "webhook", {})
    return await hass_client_no_auth()


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return the config entry of an account that has a webhook, not set up yet."""
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"webhook_id": WEBHOOK_ID})
    return entry


@pytest.fixture
def notify(client: TestClient[Any, Any], account: Account) -> Notify:
    """Return the vendor: it sends a webhook request for a message as its documentation says."""

    async def notify(message: Message) -> tuple[int, str]:
        [outgoing] = outgoing_for(account, message)
        path = outgoing.url.removeprefix("https://home.example")
        response = await client.request(outgoing.method, path, data=outgoing.body or None, headers=outgoing.headers)
        return response.status, await response.text()

    return notify


@pytest.fixture(autouse=True)
def home(hass: HomeAssistant) -> Iterator[None]:
    """Let Home Assistant have a URL in the internet; the tests themselves send what the vendor would send there."""
    hass.config.external_url = "https://home.example"
    with patch("emulator.outgoing.Caller.ask", return_value=HTTPStatus.OK), patch("emulator.outgoing.Caller.tell"):
        yield


def outgoing_for(account: Account, message: Message) -> list[Any]:
    """Return the requests that the vendor makes for a message, without making them."""
    account.callback = f"https://home.example{PATH}"
    event = "sms:received" if account.provider == "smsgate" else None
    account.webhooks = [
        {"id": "1", "url": account.callback, "active": True, "triggerScope": "RECEIVED", "event": event}
    ]
    try:
        return list(account.protocol.calls(message, account))
    finally:
        account.webhooks, account.callback = [], ""


async def webhook_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return what the diagnostics say of an account's webhook."""
    found: dict[str, Any] = (await async_get_config_entry_diagnostics(hass, entry))["webhook"]
    return found


async def polls(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Return how many polls there were."""
    return len((await async_get_config_entry_diagnostics(hass, entry))["polling"]["polls"])


async def stored_texts(hass: HomeAssistant) -> list[str]:
    """Return the texts in the store, the oldest first."""
    response = await hass.services.async_call(
        "sms_inbox", "get_messages", {"order": "oldest"}, blocking=True, return_response=True
    )
    return [message["text"] for message in response["messages"]]


class Held:
    """What waits until it is let go on.

    Attributes:
        reached: Set when it waits.
        go_on: Set to let it go on.
    """

    def __init__(self) -> None:
        """Begin with nothing that waits."""
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def wait(self) -> None:
        """Wait until it is let go on."""
        self.reached.set()
        await self.go_on.wait()


@contextmanager
def held_while_storing() -> Iterator[Held]:
    """Hold whatever stores messages."""
    write, held = Store.write, Held()

    async def hold(store: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if getattr(work, "func", work).__name__ == "receive":
            await held.wait()
        return await write(store, work, *args, **kwargs)

    with patch.object(Store, "write", hold):
        try:
            yield held
        finally:
            held.go_on.set()


@contextmanager
def when_answering() -> Iterator[asyncio.Event]:
    """Yield an event that is set when a request is being answered."""
    answer, began = WebhookEndpoint.async_answer, asyncio.Event()

    async def watch(endpoint: WebhookEndpoint, request: Any) -> Any:
        began.set()
        return await answer(endpoint, request)

    with patch.object(WebhookEndpoint, "async_answer", watch):
        yield began


async def test_delivered_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """A message is delivered as soon as its request comes, and once, though the next poll shows it, too."""
    await set_up(hass, entry)
    message = account.send("Kia ora ☺ a|b + 100 %", sender="+447700900123")
    assert await notify(message) == (HTTPStatus.OK, BODIES.get(account.provider, ""))
    await settle(hass)
    assert texts(received) == ["Kia ora ☺ a|b + 100 %"]
    assert received[0].data["message_id"].startswith(message.message_id)
    for _ in range(2):
        await poll(hass)
    assert len(received) == 1
    assert not received[0].data["redelivered"]
    assert await webhook_of(hass, entry) == {
        "preset": None,
        "cloudhook": False,
        "local_only": False,
        "registered": 0,
        "signed": False,
        "fields": [],
        "accepted": 1,
        "refused": {},
    }


async def test_poll_before_the_request(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify, clock: Clock
) -> None:
    """A request that comes after the poll brings nothing new."""
    await set_up(hass, entry)
    message = account.send("Hello")
    await poll(hass)
    assert texts(received) == ["Hello"]
    assert (await notify(message))[0] == HTTPStatus.OK
    await clock.advance(200)
    assert texts(received) == ["Hello"]


@pytest.mark.parametrize("provider", POLLED, indirect=True)
async def test_request_before_the_list(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify, clock: Clock
) -> None:
    """A vendor whose list shows a message seconds after its request is polled again before the next poll is due."""
    await set_up(hass, entry)
    message = account.send("Hello")
    account.messages.clear()
    account.unread.clear()
    assert (await notify(message))[0] == HTTPStatus.OK
    await settle(hass)
    assert received == []
    account.add(message)
    await clock.advance(8, step=1)
    assert texts(received) == ["Hello"]


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_stored_before_it_is_answered(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """What can't be stored is not accepted: the vendor tries again. A person sees it until the store works."""
    await set_up(hass, entry)
    message = account.send("Hello")
    with broken_store():
        assert (await notify(message))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
        await settle(hass)
        assert received == []
        assert ir.async_get(hass).async_get_issue("sms_inbox", "store_failed")
        assert (await webhook_of(hass, entry))["refused"] == {"not stored: disk full": 1}
    assert (await notify(message))[0] == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Hello"]
    await poll(hass)
    assert len(received) == 1
    assert not ir.async_get(hass).async_get_issue("sms_inbox", "store_failed")


@pytest.mark.parametrize("provider", POLLED, indirect=True)
async def test_nothing_to_store(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """Where a request only asks for a poll, a store that fails doesn't matter to the vendor: the list has it all."""
    await set_up(hass, entry)
    message = account.send("Hello")
    with broken_store("receive"):
        assert (await notify(message))[0] == HTTPStatus.OK
        await settle(hass)
    assert received == []
    await poll(hass)
    assert texts(received) == ["Hello"]


async def test_while_starting(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """Before automations listen, a request is answered, and its message delivered when they do."""
    hass.set_state(CoreState.not_running)
    await set_up(hass, entry)
    assert (await notify(account.send("Early")))[0] == HTTPStatus.OK
    await settle(hass)
    assert received == []
    hass.set_state(CoreState.starting)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_START)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass)
    assert texts(received) == ["Early"]
    assert not received[0].data["redelivered"]


async def test_while_stopping(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """When Home Assistant stops, it says so, and the message comes after the next start."""
    await set_up(hass, entry)
    hass.set_state(CoreState.stopping)
    assert (await notify(account.send("Late")))[0] == HTTPStatus.SERVICE_UNAVAILABLE
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
    account: Account,
    received: list[Event],
    notify: Notify,
    disabled: bool,  # noqa: FBT001
) -> None:
    """While an account is not loaded or disabled, nothing is accepted, and the message comes afterwards."""
    await set_up(hass, entry)
    if disabled:
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_unload(entry.entry_id)
    message = account.send("Hello")
    assert (await notify(message))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
    assert (await webhook_of(hass, entry))["refused"] == {"the account is not loaded": 1}
    if disabled:
        await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    else:
        await hass.config_entries.async_setup(entry.entry_id)
    assert (await notify(message))[0] == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Hello"]


async def test_before_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """Where Home Assistant itself answers in our place, a poll brings the message."""
    assert (await notify(account.send("Too early")))[0] == HTTPStatus.OK
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": True})
    await set_up(hass, entry)
    assert texts(received) == ["Too early"]


async def test_removed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, notify: Notify, received: list[Event]
) -> None:
    """Of an account that is removed no URL is left."""
    await set_up(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    assert (await notify(account.send("Hello")))[0] == HTTPStatus.OK  # by Home Assistant, which knows no such webhook
    await settle(hass)
    assert (received, await stored_texts(hass)) == ([], [])


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_url_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """Without a URL in the internet no signature can be right; a poll brings the message."""
    await set_up(hass, entry)
    hass.config.external_url = None
    assert (await notify(account.send("Hello")))[0] == HTTPStatus.FORBIDDEN
    await poll(hass)
    assert texts(received) == ["Hello"]


@pytest.mark.parametrize("provider", [*POLLED, "voipms", "elks", "smsgate"], indirect=True)
class TestUnverified:
    """Invariant 5: requests that anybody can send who has seen the URL make us poll; nothing in them is believed."""

    async def test_another_text(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
    ) -> None:
        """A request that names a message's id with another text causes one poll, which brings the real one."""
        await set_up(hass, entry)
        before, message = await polls(hass, entry), account.send("ALARM")
        assert (await notify(replace(message, text=" ", sender="+447700900999")))[0] == HTTPStatus.OK
        await settle(hass)
        [event] = received
        assert (event.data["text"], event.data["sender"]) == ("ALARM", message.sender)
        assert not event.data["redelivered"]
        assert await polls(hass, entry) == before + 1
        await poll(hass)
        assert await stored_texts(hass) == ["ALARM"]

    async def test_message_that_is_none(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        notify: Notify,
        clock: Clock,
    ) -> None:
        """A made-up message is none; it costs a few polls within a minute, and then no more."""
        await set_up(hass, entry)
        message = account.send("Made up")
        account.messages.clear()
        account.unread.clear()
        before = await polls(hass, entry)
        with patch("custom_components.sms_inbox.coordinator.SmsInboxCoordinator.update_interval", None):
            assert (await notify(message))[0] == HTTPStatus.OK
            await clock.advance(60, step=1)
            assert await polls(hass, entry) - before <= 5 + 60 / 15
        assert (received, await stored_texts(hass)) == ([], [])

    async def test_ids_of_messages_to_come(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        client: TestClient[Any, Any],
    ) -> None:
        """A large request can't silence messages, nor does it leave anything for a person to decide."""
        await set_up(hass, entry)
        first_id = account.send("First").message_id
        first = int(first_id) if account.protocol.numeric_ids else 1
        await poll(hass)
        rows = [{"id": str(first + number), "message_id": str(first + number), "body": " "} for number in range(1, 500)]
        assert (await client.post(PATH, json=rows)).status == HTTPStatus.OK
        assert (await client.post(PATH, data=b"\xff{" * 50_000)).status == HTTPStatus.OK
        await settle(hass)
        expected = [account.send(f"Message {number}").text for number in range(10)]
        for _ in range(3):
            await poll(hass)
        assert sorted(texts(received)) == sorted(["First", *expected])
        assert not ir.async_get(hass).async_get_issue("sms_inbox", f"unreadable_{entry.entry_id}")

    async def test_flood(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        client: TestClient[Any, Any],
    ) -> None:
        """However many requests come, there is no more than one poll a second, and the message is delivered once."""
        await set_up(hass, entry)
        before, began = await polls(hass, entry), hass.loop.time()
        account.send("Hello")
        for _ in range(50):
            assert (await client.post(PATH, data=b"x")).status == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]
        assert await polls(hass, entry) - before <= 1 + (hass.loop.time() - began)


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_repeated_request(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    notify: Notify,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A request that comes twice doesn't swallow an equal message of days later, nor mark it as a repeat."""
    await set_up(hass, entry)
    message = account.send("OPEN")
    for _ in range(3):
        assert (await notify(message))[0] == HTTPStatus.OK
        await settle(hass)
    assert texts(received) == ["OPEN"]
    freezer.tick(2 * 24 * 3600)
    account.send("OPEN")
    await poll(hass)
    assert texts(received) == ["OPEN", "OPEN"]
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_equal_messages(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
) -> None:
    """Messages with the same text are as many as the list has, in whichever order requests and polls come."""
    await set_up(hass, entry)
    for _ in range(3):
        assert (await notify(account.send("Open")))[0] == HTTPStatus.OK
        await settle(hass)
    late = account.send("Open")
    await poll(hass, 125)
    assert (await notify(late))[0] == HTTPStatus.OK
    account.send("Open")
    account.send("Open")
    await poll(hass, 125)
    assert [event.data["message_id"] for event in received] == [each.message_id for each in account.messages]
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
class TestVerified:
    """Requests that are signed, with the id that the list has: they are stored, and only then answered."""

    async def test_unsigned_before_signed(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        client: TestClient[Any, Any],
        notify: Notify,
    ) -> None:
        """However many unsigned requests come, a signed one is accepted: they don't use up its allowance."""
        await set_up(hass, entry)
        for _ in range(400):
            assert (await client.post(PATH, data={"Body": "x", "MessageSid": "SM1"})).status == HTTPStatus.FORBIDDEN
        assert (await notify(account.send("Hello")))[0] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]
        found = await webhook_of(hass, entry)
        assert (found["accepted"], sum(found["refused"].values())) == (1, 400)

    async def test_too_many(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        notify: Notify,
        clock: Clock,
    ) -> None:
        """Too many signed requests are to come later; then it goes on, and each message is there once."""
        with patch("custom_components.sms_inbox.webhook.BURST", 3):
            await set_up(hass, entry)
            messages = [account.send(f"Message {number}") for number in range(5)]
            with patch("custom_components.sms_inbox.webhook.VERIFIED_PER_SECOND", 0.0):
                await hass.config_entries.async_reload(entry.entry_id)
            statuses = [(await notify(message))[0] for message in messages]
            assert statuses[:3] == [HTTPStatus.OK] * 3
            assert HTTPStatus.INTERNAL_SERVER_ERROR in statuses
            assert (await webhook_of(hass, entry))["refused"]["too many requests"] >= 1
            await clock.advance(5, step=1)
            for message in messages[3:]:
                assert (await notify(message))[0] == HTTPStatus.OK
            await settle(hass)
        assert sorted(texts(received)) == [message.text for message in messages]

    async def test_reload_while_storing(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
    ) -> None:
        """A reload waits for a request that is being stored; its message is delivered once, and is no repeat."""
        await set_up(hass, entry)
        message = account.send("Hello")
        with held_while_storing() as held:
            answering = asyncio.ensure_future(notify(message))
            await held.reached.wait()
            reloading = asyncio.ensure_future(hass.config_entries.async_reload(entry.entry_id))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not reloading.done()
            assert (await notify(account.send("Later")))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
            held.go_on.set()
            assert (await answering)[0] == HTTPStatus.OK
            assert await reloading
        await settle(hass)
        await poll(hass)
        assert sorted(texts(received)) == ["Hello", "Later"]
        assert not any(event.data["redelivered"] for event in received)

    async def test_removed_while_storing(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
    ) -> None:
        """An account that is removed meanwhile leaves nothing, and nothing of it is delivered afterwards."""
        await set_up(hass, entry)
        message = account.send("Hello")
        with held_while_storing() as held:
            answering = asyncio.ensure_future(notify(message))
            await held.reached.wait()
            removing = asyncio.ensure_future(hass.config_entries.async_remove(entry.entry_id))
            await asyncio.sleep(0)
            held.go_on.set()
            await asyncio.gather(answering, removing)
        fired = len(received)
        await settle(hass)
        assert len(received) == fired
        assert await hass.async_add_executor_job(rows, hass) == 0

    @pytest.mark.parametrize("end", ["removed", "unloaded", "reloaded"])
    async def test_body_arrives_too_late(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        client: TestClient[Any, Any],
        end: str,
    ) -> None:
        """A request whose body arrives after the account's end is refused, and leaves nothing."""
        await set_up(hass, entry)
        [outgoing] = outgoing_for(account, account.send("s3cret text"))
        account.messages.clear()
        arrive = asyncio.Event()

        async def body() -> AsyncGenerator[bytes]:
            yield outgoing.body[:10]
            await arrive.wait()
            yield outgoing.body[10:]

        with when_answering() as began:
            answering = asyncio.ensure_future(client.post(PATH, data=body(), headers=outgoing.headers))
            await began.wait()
            if end == "removed":
                await hass.config_entries.async_remove(entry.entry_id)
            elif end == "unloaded":
                await hass.config_entries.async_unload(entry.entry_id)
            else:
                await hass.config_entries.async_reload(entry.entry_id)
            arrive.set()
            response = await answering
        await settle(hass)
        if end == "reloaded":  # it is loaded again, so the request is accepted
            assert (response.status, texts(received)) == (HTTPStatus.OK, ["s3cret text"])
            return
        assert (response.status, received) == (HTTPStatus.INTERNAL_SERVER_ERROR, [])
        if end == "unloaded":
            assert (await webhook_of(hass, entry))["refused"] == {"the account is not loaded": 1}
        folder = Path(hass.config.path(".storage"))
        assert not any(b"s3cret" in path.read_bytes() for path in folder.glob("sms_inbox.db*"))
        assert await hass.async_add_executor_job(rows, hass) == 0

    async def test_sender_goes_away(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], notify: Notify
    ) -> None:
        """A message is stored and delivered though its sender doesn't wait for the answer."""
        await set_up(hass, entry)
        with held_while_storing() as held:
            answering = asyncio.ensure_future(notify(account.send("Hello")))
            await held.reached.wait()
            answering.cancel()
            held.go_on.set()
            await settle(hass)
        assert texts(received) == ["Hello"]


@pytest.mark.parametrize("provider", ["smsgate"], indirect=True)
async def test_signed_by_an_app(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    client: TestClient[Any, Any],
    emulator: Emulator,
) -> None:
    """With the app's key a message is delivered without a poll, and is known when the list shows it."""
    hass.config_entries.async_update_entry(entry, options={"webhook_id": WEBHOOK_ID, "signing_key": "k3y"})
    await set_up(hass, entry)
    asked, message = len(emulator.requests), account.send("Kia ora", message_id="text:26")
    payload = {"messageId": "1a", "message": message.text, "sender": message.sender}
    body = json.dumps({"event": "sms:received", "payload": payload})
    at = str(int(time.time()))
    signature = hmac.digest(b"k3y", f"{body}{at}".encode(), "sha256").hex()
    for key, status in ((signature[::-1], HTTPStatus.FORBIDDEN), (signature, HTTPStatus.OK)):
        response = await client.post(PATH, data=body, headers={"X-Timestamp": at, "X-Signature": key})
        assert response.status == status
    await settle(hass)
    assert (texts(received), len(emulator.requests)) == (["Kia ora"], asked)
    for _ in range(2):
        await poll(hass)
    assert len(received) == 1


class TestRefused:
    """What is no request of a vendor, or too much."""

    async def test_method(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Another method is refused and counted, logged once, and causes nothing."""
        await set_up(hass, entry)
        before = await polls(hass, entry)
        for _ in range(3):
            assert (await client.head(PATH)).status == HTTPStatus.METHOD_NOT_ALLOWED
        for method in ("OPTIONS", "DELETE", "PATCH"):
            assert (await client.request(method, PATH)).status >= HTTPStatus.BAD_REQUEST
        await settle(hass)
        found = await webhook_of(hass, entry)
        assert (found["accepted"], found["refused"]) == (0, {"wrong method": 3})
        assert caplog.text.count("was refused (wrong method)") == 1
        assert await polls(hass, entry) == before

    async def test_large_body(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A body that is too large is not read to its end, announced or not, and is in no log."""
        await set_up(hass, entry)

        async def endless() -> AsyncGenerator[bytes]:
            for _ in range(1000):
                yield b"secret" * 1000

        for body in (b"secret" * 100_000, endless()):
            response = await client.post(PATH, data=body)
            assert response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert (await webhook_of(hass, entry))["refused"] == {"the body is too large": 2}
        assert "secret" not in logged(caplog)

    async def test_body_that_does_not_come(
        self, hass: HomeAssistant, entry: MockConfigEntry, client: TestClient[Any, Any]
    ) -> None:
        """A request whose body stays away is not waited for."""
        await set_up(hass, entry)
        over = asyncio.Event()

        async def endless() -> AsyncGenerator[bytes]:
            yield b"x"
            await over.wait()

        with patch("custom_components.sms_inbox.webhook.BODY_SECONDS", 0.0):
            response = await client.post(PATH, data=endless())
        over.set()
        assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
        assert (await webhook_of(hass, entry))["refused"] == {"the body did not come": 1}

    async def test_error_of_ours(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        notify: Notify,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Even a fault in the program lets the vendor try again, where Home Assistant would say 200."""
        await set_up(hass, entry)
        message = account.send("Hello")
        with patch("custom_components.sms_inbox.inbox.Inbox.async_set_webhook", side_effect=RuntimeError):
            assert (await notify(message))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
        assert "Unexpected exception" in caplog.text
        caplog.clear()
        assert (await notify(message))[0] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]


def rows(hass: HomeAssistant) -> int:
    """Return how many rows there are of messages, and of records that could not be understood."""
    with sqlite3.connect(hass.config.path(".storage", "sms_inbox.db")) as db:
        [count] = db.execute("SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM quarantine)").fetchone()
    db.close()
    return int(count)
