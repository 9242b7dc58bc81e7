"""Webhook requests about sent texts that are not signed: nothing in one is believed, but the vendor is asked at once.

The requests are the vendor's own, see `status_calls`; they are sent to Home Assistant by the test.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from emulator import Account, Emulator
from emulator.elks import NUMBER
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import make_entry, set_up

PHONE = "+447700900321"
WEBHOOK_ID = "5ecre7" * 8
PATH = f"/api/webhook/{WEBHOOK_ID}"
PATIENCE = 4.5  # seconds, less than until the next question that nobody asked for
HOME = "https://home.example"


@pytest.fixture(params=["elks", "clicksend"])
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for each vendor whose requests are not signed."""
    return str(request.param)


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    await async_setup_component(hass, "webhook", {})
    return await hass_client_no_auth()


@pytest.fixture
async def entry(
    hass: HomeAssistant, emulator: Emulator, account: Account, client: TestClient[Any, Any]
) -> MockConfigEntry:
    """Return the config entry of an account that sends and has a webhook, set up."""
    assert client
    hass.config.country, hass.config.external_url = "GB", HOME
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"sending": {}, "webhook_id": WEBHOOK_ID})
    await set_up(hass, entry)
    return entry


async def test_status_request(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, client: TestClient[Any, Any]
) -> None:
    """It is answered with 200 and an empty body; what has become of the text is what the vendor says when asked."""
    order = Order(recipients=[recipient_of(hass, entry, PHONE)], text="Hello", sender=NUMBER)
    [text] = await async_send(entry, order)
    assert text.status == "accepted"
    status = async_capture_events(hass, "sms_status")
    [message] = account.messages
    message.callback = HOME + PATH
    rule = {"action": "URL", "action_address": HOME + PATH, "enabled": 1, "match_type": 0}
    account.webhooks = [rule]

    message.status = "failed"
    [call] = account.protocol.status_calls(message, account)
    message.status = "delivered"
    response = await client.request(call.method, PATH, data=call.body, headers=call.headers)
    assert (response.status, await response.text()) == (HTTPStatus.OK, "")
    async with asyncio.timeout(PATIENCE):
        while not status:
            await asyncio.sleep(0)
    assert [event.data["status"] for event in status] == ["delivered"]
