"""Delivery reports by webhook: where the vendor is told to send them, and what they change."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from custom_components.sms_inbox.delivery_reports import PAUSES
from emulator import Account, Emulator, Message
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import make_entry, set_up, settle
from .test_options_webhook import Cloud, subscribed

HOME = "https://home.example"
WEBHOOK_ID = "5ecre7" * 8
PATH = f"/api/webhook/{WEBHOOK_ID}"
PHONE = "+447700900321"
SENDER = "+44771234567"
SIGNING_KEY = "abcd1234"
PATIENCE = 20

type Send = Callable[..., Awaitable[Message]]
type Report = Callable[..., Awaitable[int]]


@pytest.fixture(params=["twilio"])
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for a vendor that is told by each text where it reports."""
    return str(request.param)


@pytest.fixture(autouse=True)
def home(hass: HomeAssistant) -> Iterator[None]:
    """Let Home Assistant have a URL in the internet; the tests themselves send what the vendor would send there."""
    hass.config.external_url, hass.config.country = HOME, "GB"
    with patch("emulator.outgoing.Caller.report"):
        yield


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    await async_setup_component(hass, "webhook", {})
    return await hass_client_no_auth()


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return the config entry of an account that sends, and has a webhook; not set up yet."""
    account.signing_key = SIGNING_KEY
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    options = {"sending": {"sender": SENDER}, "webhook_id": WEBHOOK_ID, "signing_key": SIGNING_KEY}
    hass.config_entries.async_update_entry(entry, options=options)
    return entry


@pytest.fixture
def send(hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, account: Account) -> Send:
    """Return what sends a text from the account, with other options if some are given, as the vendor has it then.

    What became of it can't be asked for.
    """

    async def send(**options: Any) -> Message:
        hass.config_entries.async_update_entry(entry, options={**entry.options, **options})
        await set_up(hass, entry)
        await async_send(entry, Order(recipients=[recipient_of(hass, entry, PHONE)], text="Hello"))
        [message] = account.messages
        emulator.fault(account.provider, "server_error", count=None, path=message.message_id)
        return message

    return send


@pytest.fixture
def report(hass: HomeAssistant, client: TestClient[Any, Any], account: Account) -> Report:
    """Return the vendor: it reports a state of a text, and gets a status."""

    async def report(message: Message, status: str, error: str = "") -> int:
        message.status, message.error = status, error
        [outgoing] = account.protocol.status_calls(message, account)  # type: ignore[attr-defined]
        path = outgoing.url.removeprefix(HOME)
        response = await client.request(outgoing.method, path, data=outgoing.body, headers=outgoing.headers)
        await settle(hass)
        return response.status

    return report


@pytest.fixture
def statuses(hass: HomeAssistant) -> list[Event[Any]]:
    """Return the events about what became of texts, as they come."""
    return async_capture_events(hass, "sms_status")


async def told(statuses: list[Event[Any]]) -> list[tuple[str, str | None]]:
    """Wait for an event, since the outbox works on its own; return what the events say: status and reason."""
    async with asyncio.timeout(PATIENCE):
        while not statuses:
            await asyncio.sleep(0)
    return [(event.data["status"], event.data["reason"]) for event in statuses]


async def test_delivered(send: Send, report: Report, statuses: list[Event[Any]]) -> None:
    """A report is believed as soon as it comes, in any order, and once."""
    message = await send()
    assert message.callback == HOME + PATH
    for status in ("delivered", "sent", "delivered"):
        assert await report(message, status) == HTTPStatus.OK
    assert await told(statuses) == [("delivered", None)]


async def test_failed(send: Send, report: Report, statuses: list[Event[Any]]) -> None:
    """It says why a text doesn't arrive."""
    message = await send()
    assert await report(message, "failed", "unreachable") == HTTPStatus.OK
    assert await told(statuses) == [("failed", "unreachable")]


@pytest.mark.parametrize("provider", ["smsgate"], indirect=True)
async def test_by_the_vendors_list_of_webhooks(
    send: Send, report: Report, entry: MockConfigEntry, account: Account, statuses: list[Event]
) -> None:
    """A vendor that isn't told by each text reports to the webhooks that are registered there."""
    message = await send(sending={})
    await entry.runtime_data.provider.set_webhook("SMS Inbox", HOME + PATH)
    assert {"sms:sent", "sms:delivered", "sms:failed"} <= {webhook["event"] for webhook in account.webhooks}
    for status in ("sent", "delivered"):
        assert await report(message, status) == HTTPStatus.OK
    assert await told(statuses) == [("delivered", None)]


async def test_forged(send: Send, report: Report, account: Account, statuses: list[Event[Any]]) -> None:
    """A report that the vendor didn't sign changes nothing."""
    message = await send()
    account.signing_key = "another"
    assert await report(message, "delivered") == HTTPStatus.FORBIDDEN
    account.signing_key = SIGNING_KEY
    await report(message, "failed")
    assert await told(statuses) == [("failed", None)]


@pytest.mark.parametrize("provider", ["elks", "clicksend"], indirect=True)
async def test_unsigned(
    emulator: Emulator, send: Send, report: Report, account: Account, statuses: list[Event[Any]]
) -> None:
    """Of a vendor that doesn't sign, nothing is believed; but it is asked at once, not only when a poll is due."""
    message = await send()
    emulator.clear_faults()
    rule = {"action": "URL", "action_address": HOME + PATH, "enabled": 1, "match_type": 0}
    account.webhooks = [rule] if account.provider == "clicksend" else []
    message.status = "delivered"
    assert await report(replace(message), "failed") == HTTPStatus.OK
    async with asyncio.timeout(PAUSES[0] - 0.5):
        assert await told(statuses) == [("delivered", None)]


async def test_text_of_another_program(send: Send, report: Report, statuses: list[Event[Any]]) -> None:
    """A report of a text that wasn't sent from here is taken, and changes nothing."""
    message = await send()
    assert await report(replace(message, message_id="SM" + "0" * 32), "delivered") == HTTPStatus.OK
    await report(message, "failed")
    assert await told(statuses) == [("failed", None)]


@pytest.mark.parametrize("options", [{"webhook_id": WEBHOOK_ID, "local_only": True}, {}])
async def test_no_url_that_the_vendor_reaches(
    hass: HomeAssistant, entry: MockConfigEntry, send: Send, options: dict[str, Any]
) -> None:
    """Without a webhook, or with one for the local network alone, the vendor is told no URL."""
    hass.config_entries.async_update_entry(entry, options={"sending": {"sender": SENDER}, **options})
    assert (await send()).callback == ""


async def test_refused_url(emulator: Emulator, send: Send) -> None:
    """A URL that the vendor doesn't take keeps no text from being sent."""
    emulator.fault("twilio", "vendor_error", word="21609", where={"StatusCallback": HOME + PATH})
    assert (await send()).callback == ""
    assert [each.text for each in emulator.handsets.shown] == ["Hello"]


async def test_cloud(hass: HomeAssistant, send: Send) -> None:
    """With Home Assistant Cloud it is the URL there."""
    hass.config.external_url, cloud = None, Cloud()
    with subscribed(hass, cloud):
        assert (await send(cloudhook=True)).callback == cloud.hooks[WEBHOOK_ID]
