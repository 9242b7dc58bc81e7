"""The webhook: switched on and off in the UI."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from http import HTTPStatus
import logging
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from hass_nabucasa import CloudError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.sending import SENDING
from emulator import Account, Emulator, Message
from homeassistant.components import webhook
from homeassistant.components.cloud import CloudNotConnected
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest, serialize_response

from .conftest import Clock, Repairs, broken_store, poll, set_up, settle, texts
from .test_config_flow import choose, explained, shown_error, suggested

NOTIFYING = [key for key, each in PROVIDERS.items() if each.receives_webhooks and each.interval and key != "smsgate"]
PASTED = [key for key in NOTIFYING if not PROVIDERS[key].registers]
KEY = "k3y-of-requests"


@pytest.fixture(autouse=True)
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Let Home Assistant have a URL that the emulator can reach; return somebody in the internet."""
    assert await async_setup_component(hass, "webhook", {})
    # As Home Assistant does itself: a URL may become known after the start.
    hass.http.app.router.freeze = lambda: None  # type: ignore[method-assign]
    client = await hass_client_no_auth()
    hass.config.external_url = str(client.make_url("/")).rstrip("/")
    return client


@pytest.fixture(autouse=True)
async def unload_afterwards(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncGenerator[None]:
    """Unload what a test has set up; whatever lingers then fails the test."""
    yield
    for flow in hass.config_entries.options.async_progress():
        hass.config_entries.options.async_abort(flow["flow_id"])
    await settle(hass)
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def still(freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture) -> FrozenDateTimeFactory:
    """Stop the clock."""
    caplog.set_level(logging.WARNING, "aiohttp.access")  # it asks a frozen clock in vain
    return freezer


def shown_time(clock: FrozenDateTimeFactory) -> str:
    """Return the time as people in Africa/Johannesburg see it."""
    return f"{clock() + timedelta(hours=2):%Y-%m-%d %H:%M:%S}"


async def answer(
    hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any] | None = None
) -> ConfigFlowResult:
    """Fill in a form, or look where the dialog has got to."""
    return await explained(hass, await hass.config_entries.options.async_configure(result["flow_id"], user_input))


async def webhook_form(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Open the form of the webhook."""
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    return await answer(hass, result, {"next_step_id": "webhook"})


async def switch(hass: HomeAssistant, entry: MockConfigEntry, *, on: bool, **typed: Any) -> ConfigFlowResult:
    """Switch the webhook on or off; where a request is waited for already, wait for nothing else."""
    result = await answer(hass, await webhook_form(hass, entry), {"webhook": on, **typed})
    if result["type"] is not FlowResultType.SHOW_PROGRESS:
        await settle(hass)
    return result


async def paste(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> ConfigFlowResult:
    """Switch the webhook on, with a URL that a person pastes at the vendor."""
    if PROVIDERS[entry.data["provider"]].registers:
        typed["register"] = False
    result = await switch(hass, entry, on=True, **typed)
    assert result["step_id"] == "webhook_url"
    return result


async def close(hass: HomeAssistant, result: ConfigFlowResult) -> None:
    """Close the dialog."""
    hass.config_entries.options.async_abort(result["flow_id"])
    await settle(hass)


async def switch_on(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> None:
    """Switch the webhook on, and close the dialog."""
    result = await switch(hass, entry, on=True, **typed)
    assert not result.get("errors")
    await close(hass, result)


async def answer_config(hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, Any]) -> ConfigFlowResult:
    """Fill in a form of the flow that adds an account."""
    return await explained(hass, await hass.config_entries.flow.async_configure(result["flow_id"], user_input))


def elsewhere(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    """Return the issue that the webhook goes elsewhere, None where there is none."""
    return ir.async_get(hass).async_get_issue("sms_inbox", f"webhook_elsewhere_{entry.entry_id}")


async def repair_webhook(hass: HomeAssistant, repairs: Repairs, entry: MockConfigEntry, choice: str) -> None:
    """Choose what happens to a webhook that goes elsewhere."""
    dialog = await repairs.open(f"webhook_elsewhere_{entry.entry_id}")
    assert dialog["menu_options"] == ["take_over", "leave"]
    assert (await repairs.choose(dialog, choice))["type"] == "create_entry"
    await settle(hass)


async def settle_requests(hass: HomeAssistant, emulator: Emulator) -> None:
    """Wait until the vendor has made its requests, and what follows is over."""
    async with asyncio.timeout(10):
        while emulator.caller.busy:
            await asyncio.sleep(0)
    await settle(hass)


async def receive_before_next_step(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
) -> None:
    """Switch the webhook on, and let a request come before the dialog's next step, which then shows it at once."""
    result = await paste(hass, entry)
    account.callback = suggested(result["data_schema"])["webhook_url"]
    account.send("Hello")
    await settle_requests(hass, emulator)
    assert (await answer(hass, result, {}))["step_id"] == "webhook_received"


def quietly_send(account: Account) -> Message:
    """Let a message come to an account whose vendor has a URL that this test can't reach."""
    webhooks, account.webhooks = account.webhooks, []
    message = account.send("Hello")
    account.webhooks = webhooks
    return message


async def notify(client: TestClient[Any, Any], account: Account, message: Message) -> int:
    """Send the request for a message, though the URL is another one; return the status of the answer."""
    [outgoing] = account.protocol.calls(message, account)
    path = URL(outgoing.url).path
    response = await client.request(outgoing.method, path, data=outgoing.body, headers=outgoing.headers)
    return response.status


def url_of(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the URL that is the account's now."""
    return f"{hass.config.external_url}/api/webhook/{entry.options['webhook_id']}"


def last_webhook(hass: HomeAssistant, entry: MockConfigEntry) -> str | None:
    """Return the state of the sensor of the last webhook, None where there is none."""
    entity_id = er.async_get(hass).async_get_entity_id("sensor", "sms_inbox", f"{entry.entry_id}_last_webhook")
    state = hass.states.get(entity_id) if entity_id else None
    return state and state.state


async def test_menu(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Storage and the webhook are chosen apart."""
    await set_up(hass, entry)
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    steps = ["storage", *["sending"] * (entry.data["provider"] in SENDING), "webhook"]
    assert (result["type"], result["menu_options"]) == (FlowResultType.MENU, steps)
    result = await answer(hass, result, {"next_step_id": "webhook"})
    assert (result["step_id"], result["errors"]) == ("webhook", {})
    provider = PROVIDERS[entry.data["provider"]]
    assert [str(key) for key in result["data_schema"].schema] == [
        "webhook",
        *["register"] * provider.registers,
        *["local_only"] * provider.is_own_server,
        *["signing_key"] * provider.signs,
    ]
    assert suggested(result["data_schema"]) == {"webhook": False}
    assert result["description_placeholders"] == {"provider": provider.name}


@pytest.mark.parametrize("provider", ["gammu"], indirect=True)
async def test_provider_without_webhooks(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where no webhook can come, the menu has none."""
    await set_up(hass, entry)
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    assert result["menu_options"] == ["storage", "sending"]


@pytest.mark.parametrize("provider", PASTED, indirect=True)
async def test_switch_on(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    still: FrozenDateTimeFactory,
) -> None:
    """The URL can be pasted at the vendor and works at once; the dialog waits for the first request, and shows it."""
    await hass.config.async_set_time_zone("Africa/Johannesburg")
    await set_up(hass, entry)
    result = await switch(hass, entry, on=True)
    assert result["step_id"] == "webhook_url"
    url = suggested(result["data_schema"])["webhook_url"]
    assert url == url_of(hass, entry)
    result = await answer(hass, result, {"webhook_url": url})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert (await answer(hass, result))["type"] is FlowResultType.SHOW_PROGRESS
    account.callback = url
    first = shown_time(still)
    account.send("Kia ora ☺", sender="447700900123")
    await settle_requests(hass, emulator)
    assert texts(received) == ["Kia ora ☺"]
    result = await answer(hass, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "webhook_received")
    assert result["description_placeholders"] == {"last": first}
    options = dict(entry.options)
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == options == {"webhook_id": options["webhook_id"]}
    still.tick(61)
    account.send("Again")
    await settle_requests(hass, emulator)
    result = await switch(hass, entry, on=True)
    result = await answer(hass, result, {"webhook_url": url})
    assert result["step_id"] == "webhook_received"
    assert result["description_placeholders"] == {"last": shown_time(still)}


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_request_before_the_dialog_waits(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
) -> None:
    """The dialog doesn't wait for a second request if the URL was tried before the next step."""
    await set_up(hass, entry)
    await receive_before_next_step(hass, entry, account, emulator)


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_dialog_is_closed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """Everything is saved before the first request comes; nothing waits any more."""
    await set_up(hass, entry)
    result = await switch(hass, entry, on=True)
    account.callback = suggested(result["data_schema"])["webhook_url"]
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    await close(hass, result)
    account.send("Hello")
    await settle_requests(hass, emulator)
    assert texts(received) == ["Hello"]
    with pytest.raises(UnknownFlow):
        await answer(hass, result)


@pytest.mark.parametrize("provider", NOTIFYING, indirect=True)
async def test_switch_off(
    hass: HomeAssistant, entry: MockConfigEntry, client: TestClient[Any, Any], received: list[Event]
) -> None:
    """The URL is gone: Home Assistant answers it as it answers any, and nothing comes of a request."""
    await set_up(hass, entry)
    await switch_on(hass, entry)
    path = URL(url_of(hass, entry)).path
    result = await webhook_form(hass, entry)
    assert suggested(result["data_schema"])["webhook"] is True
    result = await answer(hass, result, {"webhook": False})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert entry.options == {}
    response = await client.post(f"{path}?from=1&sender=1&message=x&body=x", json=[{"id": "1", "body": "x"}])
    assert (response.status, await response.read()) == (HTTPStatus.OK, b"")
    await settle(hass)
    assert received == []
    assert suggested((await webhook_form(hass, entry))["data_schema"]) == {"webhook": False}


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_switch_off_while_the_provider_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, client: TestClient[Any, Any]
) -> None:
    """The URL is gone, too, while the provider is down."""
    await set_up(hass, entry)
    await switch_on(hass, entry)
    path = URL(url_of(hass, entry)).path
    emulator.fault("bulletin", "server_error", count=None)
    await switch(hass, entry, on=False)
    assert entry.options == {}
    assert (await client.get(f"{path}?from=1&body=x")).status == HTTPStatus.OK  # by Home Assistant
    emulator.clear_faults()


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_switch_off_what_is_off(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Nothing changes."""
    await set_up(hass, entry)
    result = await switch(hass, entry, on=False)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {}


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_storage_stays(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """One part of the options doesn't touch the other."""
    stored = {"store_texts": False, "retention_days": 30}
    await set_up(hass, entry)
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    await answer(hass, await answer(hass, result, {"next_step_id": "storage"}), stored)
    await settle(hass)
    await switch_on(hass, entry)
    assert entry.options == {**stored, "webhook_id": entry.options["webhook_id"]}
    result = await explained(hass, await hass.config_entries.options.async_init(entry.entry_id))
    await answer(hass, await answer(hass, result, {"next_step_id": "storage"}), {**stored, "retention_days": 31})
    await settle(hass)
    assert entry.options == {**stored, "retention_days": 31, "webhook_id": entry.options["webhook_id"]}
    await switch(hass, entry, on=False)
    assert entry.options == {**stored, "retention_days": 31}


@pytest.mark.parametrize("provider", ["bulletin", "bulksms"], indirect=True)
@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.usefixtures("every_entity")
async def test_sensor(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    still: FrozenDateTimeFactory,
    *,
    crashes: bool,
) -> None:
    """It shows when the last request came, survives a restart, and is there only while there is a webhook."""
    await set_up(hass, entry)
    assert last_webhook(hass, entry) is None
    result = await switch(hass, entry, on=True)
    if account.provider == "bulletin":
        assert last_webhook(hass, entry) == STATE_UNKNOWN
        account.callback = suggested(result["data_schema"])["webhook_url"]
    for _ in range(2):
        still.tick(1)
        account.send("Hello")
        await settle_requests(hass, emulator)
        assert last_webhook(hass, entry) == dt_util.utcnow().isoformat(timespec="seconds")
    with broken_store() if crashes else nullcontext():
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert last_webhook(hass, entry) == dt_util.utcnow().isoformat(timespec="seconds")
    await switch(hass, entry, on=False)
    assert last_webhook(hass, entry) is None


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
class TestRegistered:
    """A vendor whose API registers the webhook."""

    async def test_register(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        received: list[Event],
        clock: Clock,
    ) -> None:
        """Nothing has to be pasted, and the vendor learns no more than the URL."""
        await set_up(hass, entry)
        result = await switch(hass, entry, on=True)
        assert result["type"] is FlowResultType.SHOW_PROGRESS or result["step_id"] == "webhook_received"
        [registered] = account.webhooks
        assert registered["url"] == url_of(hass, entry)
        assert entry.options["webhook_id"][:8] not in registered["name"]
        account.send("Kia ora ☺")
        await settle_requests(hass, emulator)
        await clock.advance(1)  # no more than once a second, and the vendor has just looked whether somebody answers
        assert texts(received) == ["Kia ora ☺"]
        assert (await answer(hass, result))["step_id"] == "webhook_received"
        await poll(hass)
        assert len(received) == 1
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert account.webhooks == [registered]

    @pytest.mark.usefixtures("every_entity")
    async def test_request_without_a_message(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        client: TestClient[Any, Any],
        still: FrozenDateTimeFactory,
    ) -> None:
        """The sensor shows it, too: the vendor finds the way."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        still.tick(1)
        await client.post(URL(url_of(hass, entry)).path, json=[])
        await settle(hass)
        assert last_webhook(hass, entry) == dt_util.utcnow().isoformat(timespec="seconds")

    async def test_url_changes(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs
    ) -> None:
        """When Home Assistant has another URL, a person says that it is no copy; then the vendor gets the new one."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        [before] = account.webhooks
        hass.config.external_url = "https://home.example"
        with patch("emulator.outgoing.Caller.ask", return_value=HTTPStatus.OK):
            await hass.config_entries.async_reload(entry.entry_id)
            await settle(hass)
            assert account.webhooks == [before]
            await repair_webhook(hass, repairs, entry, "take_over")
        [after] = account.webhooks
        assert after == {**before, "url": url_of(hass, entry)}
        assert after["url"] != before["url"]
        assert not elsewhere(hass, entry)

    async def test_copy(self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs) -> None:
        """A copy of Home Assistant leaves the vendor's webhook to the other one, unless a person decides otherwise."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        [webhook] = account.webhooks
        hass.config.external_url = "https://copy.example"
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        issue = elsewhere(hass, entry)
        assert issue
        assert URL(webhook["url"]).host in issue.translation_placeholders["places"]
        assert entry.options["webhook_id"] not in str(issue)
        await repair_webhook(hass, repairs, entry, "leave")
        assert not elsewhere(hass, entry)
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert not elsewhere(hass, entry)
        await hass.config_entries.async_remove(entry.entry_id)
        assert account.webhooks == [webhook]

    async def test_taken_over_by_a_copy(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, clock: Clock
    ) -> None:
        """The original says within a day that another one stands at the vendor, and removes nothing of it."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        [webhook] = account.webhooks
        webhook["url"] = "https://copy.example/api/webhook/abc"
        await clock.advance(86_500, 86_500)
        assert elsewhere(hass, entry)
        await switch(hass, entry, on=False)
        assert [webhook["url"] for webhook in account.webhooks] == ["https://copy.example/api/webhook/abc"]

    async def test_lost_at_the_vendor(self, hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
        """What the vendor has lost is stored there again."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        account.webhooks = []
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert [webhook["url"] for webhook in account.webhooks] == [url_of(hass, entry)]

    async def test_something_else_stands_there(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account
    ) -> None:
        """It is replaced only if a person agrees; without that, the URL is shown to be pasted."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        [webhook] = account.webhooks
        webhook["url"] = "https://other.example/hook"
        result = await switch(hass, entry, on=True)
        assert result["step_id"] == "places"
        [choice] = result["data_schema"].schema.values()
        assert "other.example" in choice.config["options"][0]["label"]
        assert result["data_schema"]({}) == {"registered": []}
        pasted = await answer(hass, result, {"registered": []})
        assert pasted["step_id"] == "webhook_url"
        assert webhook["url"] == "https://other.example/hook"
        await close(hass, pasted)
        result = await switch(hass, entry, on=True, register=True)
        result = await answer(hass, result, {"registered": [webhook["name"]]})
        assert [webhook["url"] for webhook in account.webhooks] == [url_of(hass, entry)]
        await close(hass, result)

    async def test_renew(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, client: TestClient[Any, Any]
    ) -> None:
        """An address that has leaked stops working at once, and the vendor has the new one and nothing of the old."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        before = URL(url_of(hass, entry)).path
        await switch_on(hass, entry, renew=True)
        after = URL(url_of(hass, entry)).path
        assert before != after
        assert [URL(webhook["url"]).path for webhook in account.webhooks] == [after]
        inbox = entry.runtime_data.inbox
        seen = inbox.last_webhook_at
        await client.post(before, json=[])
        assert inbox.last_webhook_at == seen
        await client.post(after, json=[])
        assert inbox.last_webhook_at != seen

    async def test_pasted(self, hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
        """Whoever prefers to paste the URL is shown it, and what was registered before is removed."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        result = await switch(hass, entry, on=True, register=False)
        assert result["step_id"] == "webhook_url"
        assert (account.webhooks, entry.options.get("registered")) == ([], None)
        await close(hass, result)
        assert "register" in (await webhook_form(hass, entry))["data_schema"].schema

    async def test_url_is_gone(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Without a URL polls go on, and it is logged."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        hass.config.external_url = None
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert "could not be checked at the provider" in caplog.text
        account.webhooks = []
        account.send("Hello")
        await poll(hass)
        assert texts(received) == ["Hello"]

    @pytest.mark.parametrize("removed", [True, False])
    async def test_unregister(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        removed: bool,  # noqa: FBT001
    ) -> None:
        """Only what is ours is taken away, when it is switched off and when the account is removed."""
        other = {"id": 1, "name": "Mine", "url": "https://elsewhere.example", "active": True, "triggerScope": "SENT"}
        account.webhooks = [other]
        await set_up(hass, entry)
        await switch_on(hass, entry)
        assert len(account.webhooks) == 2
        if removed:
            await hass.config_entries.async_remove(entry.entry_id)
        else:
            await switch(hass, entry, on=False)
        assert account.webhooks == [other]

    async def test_vendor_does_not_answer(
        self, hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An account can be removed all the same, and it is logged."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        emulator.fault("bulksms", "server_error", count=None)
        await hass.config_entries.async_remove(entry.entry_id)
        assert "could not be removed at the provider" in caplog.text
        assert hass.config_entries.async_entries("sms_inbox") == []

    @pytest.mark.parametrize(
        ("fault", "error"),
        [("server_error", "cannot_connect"), ("unauthorized", "invalid_auth"), ("rate_limited", "rate_limited")],
    )
    async def test_vendor_refuses(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        received: list[Event],
        fault: str,
        error: str,
    ) -> None:
        """The reason is shown, all is as before, and trying again succeeds."""
        await set_up(hass, entry)
        emulator.fault("bulksms", fault, count=None, path="/webhooks")
        result = await switch(hass, entry, on=True)
        assert (result["type"], result["errors"]) == (FlowResultType.FORM, {"base": error})
        assert f"({result['description_placeholders']['error']})" in await shown_error(hass, result)
        assert suggested(result["data_schema"])["webhook"] is True
        assert (entry.options, account.webhooks) == ({}, [])
        assert last_webhook(hass, entry) is None
        account.send("Hello")
        await poll(hass)
        assert texts(received) == ["Hello"]
        emulator.clear_faults()
        await close(hass, await answer(hass, result, {"webhook": True}))
        assert account.webhooks[0]["url"] == url_of(hass, entry)

    async def test_vendor_refuses_later(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
    ) -> None:
        """What was switched on stays on when it can't be registered once more."""
        await set_up(hass, entry)
        await switch_on(hass, entry)
        options, webhooks = dict(entry.options), list(account.webhooks)
        emulator.fault("bulksms", "server_error", count=None, path="/webhooks")
        result = await switch(hass, entry, on=True)
        assert result["errors"] == {"base": "cannot_connect"}
        assert (entry.options, account.webhooks) == (options, webhooks)

    async def test_url_that_does_not_answer(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account
    ) -> None:
        """A vendor that looks whether somebody answers refuses it."""
        await set_up(hass, entry)
        hass.config.external_url = "http://127.0.0.1:1"
        result = await switch(hass, entry, on=True)
        assert result["errors"] == {"base": "invalid_configuration"}
        assert (entry.options, account.webhooks) == ({}, [])


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_account_that_is_not_loaded(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """The webhook of an account that isn't running can't be switched on; it can be as soon as the account runs."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    result = await switch(hass, entry, on=True)
    assert result["errors"] == {"base": "not_loaded"}
    assert entry.title in await shown_error(hass, result)
    assert entry.options == {}
    await set_up(hass, entry)
    await close(hass, await answer(hass, result, {"webhook": True}))
    assert account.webhooks[0]["url"] == url_of(hass, entry)


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_account_that_can_not_be_loaded_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """If the account doesn't come back with its webhook, all is as it was before."""
    await set_up(hass, entry)
    with broken_store("begin"):
        result = await switch(hass, entry, on=True)
    assert result["errors"] == {"base": "not_loaded"}
    assert entry.options == {}


@pytest.mark.parametrize("url", [None, "http://192.168.1.2:8123"])
@pytest.mark.parametrize("provider", NOTIFYING, indirect=True)
async def test_no_url(hass: HomeAssistant, entry: MockConfigEntry, url: str | None) -> None:
    """A vendor in the internet is given no URL of the local network; without another one the form says why not."""
    hass.config.external_url, hass.config.internal_url = None, url
    await set_up(hass, entry)
    result = await switch(hass, entry, on=True)
    assert result["errors"] == {"base": "no_url"}
    assert entry.options == {}


@pytest.mark.parametrize("provider", ["smsgate"], indirect=True)
async def test_url_in_the_local_network(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """A phone at home is given a URL at home, but only one that it accepts."""
    hass.config.external_url, hass.config.internal_url = None, "http://192.168.1.2:8123"
    await set_up(hass, entry)
    result = await switch(hass, entry, on=True, signing_key=KEY)
    assert result["errors"] == {"base": "no_url"}
    assert (entry.options, account.webhooks) == ({}, [])
    hass.config.external_url = "https://home.example"
    await switch_on(hass, entry, signing_key=KEY)
    assert account.webhooks[0]["url"] == url_of(hass, entry)
    await switch(hass, entry, on=False)
    hass.config.internal_url = "https://192.168.1.2:8123"
    await switch_on(hass, entry, signing_key=KEY)
    assert account.webhooks
    assert all(webhook["url"].startswith("https://192.168.1.2:8123/") for webhook in account.webhooks)


@pytest.mark.parametrize("provider", ["smsgate"], indirect=True)
async def test_signing_key(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    client: TestClient[Any, Any],
    emulator: Emulator,
    received: list[Event],
) -> None:
    """Without a key requests only cause a poll; with it only those are accepted that are signed; then it is gone."""
    hass.config.external_url = "https://home.example"
    await set_up(hass, entry)
    result = await webhook_form(hass, entry)
    result = await answer(hass, result, {"webhook": True, "signing_key": ""})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert entry.options.keys() == {"webhook_id", "registered"}
    await settle(hass)
    asked, message = len(emulator.requests), quietly_send(account)
    assert await notify(client, account, message) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Hello"]
    assert len(emulator.requests) > asked
    assert (await answer(hass, result))["step_id"] == "webhook_received"
    await switch_on(hass, entry, signing_key=KEY)
    asked, message = len(emulator.requests), quietly_send(account)
    account.signing_key = "other"
    assert await notify(client, account, message) == HTTPStatus.FORBIDDEN
    account.signing_key = KEY
    assert await notify(client, account, message) == HTTPStatus.OK
    await settle(hass)
    assert (texts(received), len(emulator.requests)) == (["Hello", "Hello"], asked)
    result = await webhook_form(hass, entry)
    assert KEY not in str(result)
    assert "remove_signing_key" in result["data_schema"].schema
    await switch(hass, entry, on=False)
    assert (entry.options, account.webhooks) == ({}, [])


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_key_comes_and_goes(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """It is saved when it is entered, stays when the field is left empty, and is forgotten when that is asked for."""
    await set_up(hass, entry)
    await close(hass, await paste(hass, entry))
    webhook_id = entry.options["webhook_id"]
    await switch_on(hass, entry, signing_key=f" {KEY}\n")
    assert entry.options == {"webhook_id": webhook_id, "signing_key": KEY}
    await switch_on(hass, entry)
    assert entry.options == {"webhook_id": webhook_id, "signing_key": KEY}
    await switch_on(hass, entry, remove_signing_key=True)
    assert entry.options == {"webhook_id": webhook_id}


@pytest.mark.parametrize("provider", ["twilio"], indirect=True)
async def test_request_before_a_change(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
) -> None:
    """A request that came before a change doesn't prove that the webhook works after it."""
    await set_up(hass, entry)
    await receive_before_next_step(hass, entry, account, emulator)
    result = await answer(hass, await paste(hass, entry, signing_key=KEY), {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    account.signing_key = KEY
    account.send("After")
    await settle_requests(hass, emulator)
    assert (await answer(hass, result))["step_id"] == "webhook_received"


class Cloud:
    """Home Assistant Cloud.

    Attributes:
        hooks: The URLs that it has made.
        error: What goes wrong when it makes one.
    """

    def __init__(self) -> None:
        """Begin without a URL."""
        self.hooks: dict[str, str] = {}
        self.error: Exception | None = None

    async def get_or_create(self, _hass: HomeAssistant, webhook_id: str) -> str:
        """Return the URL for a webhook."""
        if self.error:
            raise self.error
        return self.hooks.setdefault(webhook_id, f"https://hooks.cloud.example/{len(self.hooks)}")

    async def delete(self, _hass: HomeAssistant, webhook_id: str) -> None:
        """Forget the URL for a webhook."""
        if webhook_id not in self.hooks:
            raise ValueError("Hook is not enabled for the cloud.")
        del self.hooks[webhook_id]

    async def hand_on(self, hass: HomeAssistant, url: str, request: MockRequest) -> dict[str, Any]:
        """Hand on a request, and return its answer."""
        [webhook_id] = [webhook_id for webhook_id, hook in self.hooks.items() if hook == url]
        return serialize_response(await webhook.async_handle_webhook(hass, webhook_id, request))


@contextmanager
def subscribed(hass: HomeAssistant, cloud: Cloud) -> Iterator[None]:
    """Let a person have Home Assistant Cloud."""
    component = "homeassistant.components.cloud"
    hass.config.components.add("cloud")
    with (
        patch(f"{component}.async_active_subscription", return_value=True),
        patch(f"{component}.async_is_connected", return_value=True),
        patch(f"{component}.async_get_or_create_cloudhook", cloud.get_or_create),
        patch(f"{component}.async_delete_cloudhook", cloud.delete),
    ):
        yield
    hass.config.components.remove("cloud")


class TestCloud:
    """Requests that come through Home Assistant Cloud."""

    @pytest.fixture(autouse=True)
    def cloud(self, hass: HomeAssistant) -> Iterator[Cloud]:
        """Let a person have it, and no other URL in the internet."""
        hass.config.external_url, cloud = None, Cloud()
        with subscribed(hass, cloud):
            yield cloud

    @pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi"], indirect=True)
    async def test_switch_on_and_off(self, hass: HomeAssistant, entry: MockConfigEntry, cloud: Cloud) -> None:
        """It is offered, its URL is shown, and given back in the end."""
        await set_up(hass, entry)
        result = await webhook_form(hass, entry)
        assert [str(key) for key in result["data_schema"].schema] == ["webhook", "cloudhook"]
        assert result["data_schema"]({}) == {"webhook": True, "cloudhook": True}
        result = await answer(hass, result, {"webhook": True, "cloudhook": True})
        await settle(hass)
        assert suggested(result["data_schema"])["webhook_url"] == "https://hooks.cloud.example/0"
        assert entry.options == {"webhook_id": entry.options["webhook_id"], "cloudhook": True}
        assert suggested((await webhook_form(hass, entry))["data_schema"]) == {"webhook": True, "cloudhook": True}
        await switch(hass, entry, on=False, cloudhook=True)
        assert (entry.options, cloud.hooks) == ({}, {})

    @pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi"], indirect=True)
    async def test_removed(self, hass: HomeAssistant, entry: MockConfigEntry, cloud: Cloud) -> None:
        """The URL of an account that is removed is given back."""
        await set_up(hass, entry)
        await switch_on(hass, entry, cloudhook=True)
        assert cloud.hooks
        await hass.config_entries.async_remove(entry.entry_id)
        assert cloud.hooks == {}

    @pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
    async def test_own_url(self, hass: HomeAssistant, entry: MockConfigEntry, cloud: Cloud) -> None:
        """Whoever prefers a URL of their own has that; the cloud has nothing to give back then."""
        hass.config.external_url = "https://home.example"
        await set_up(hass, entry)
        result = await switch(hass, entry, on=True, cloudhook=False)
        assert suggested(result["data_schema"])["webhook_url"].startswith(url_of(hass, entry))
        assert cloud.hooks == {}
        await switch(hass, entry, on=False, cloudhook=False)
        assert entry.options == {}

    @pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
    async def test_account_that_cannot_be_polled(
        self, hass: HomeAssistant, cloud: Cloud, received: list[Event]
    ) -> None:
        """Whoever adds one is shown the cloud's URL, and it works."""
        result = await choose(hass, "webhook")
        result = await answer_config(hass, result, {"preset": "other", "name": "Gate"})
        assert result["data_schema"]({})["cloudhook"] is True
        result = await answer_config(hass, result, {})
        url = suggested(result["data_schema"])["webhook_url"]
        assert url in cloud.hooks.values()
        result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
        assert result["options"]["cloudhook"] is True
        await settle(hass)
        request = MockRequest(b"from=1&text=Hello", "cloud", method="POST")
        assert (await cloud.hand_on(hass, url, request))["status"] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]
        await hass.config_entries.async_remove(result["result"].entry_id)
        assert cloud.hooks == {}

    # The emulator's BulkSMS only knows URLs that were registered.
    @pytest.mark.parametrize("provider", [key for key in NOTIFYING if key != "bulksms"], indirect=True)
    async def test_request(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        cloud: Cloud,
        received: list[Event],
    ) -> None:
        """What the cloud hands on is no request of HTTP, and arrives."""
        await set_up(hass, entry)
        result = await paste(hass, entry, cloudhook=True)
        message = account.send("Kia ora ☺")
        account.callback = suggested(result["data_schema"])["webhook_url"]
        [outgoing] = account.protocol.calls(message, account)
        url = URL(outgoing.url, encoded=True)
        request = MockRequest(
            content=outgoing.body,
            mock_source="cloud",
            method=outgoing.method,
            query_string=url.raw_query_string,
            headers=dict(outgoing.headers),
        )
        answered = await cloud.hand_on(hass, f"{url.origin()}{url.path}", request)
        expected = PROVIDERS[account.provider].webhook_response
        assert (answered["status"], answered["body"]) == (expected.status, expected.body)
        await settle(hass)
        assert texts(received) == ["Kia ora ☺"]

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_request_by_a_registered_url(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, cloud: Cloud, received: list[Event]
    ) -> None:
        """A vendor with an API is given the cloud's URL; where it refuses, that is given back."""
        await set_up(hass, entry)
        with patch("emulator.outgoing.Caller.ask", return_value=0):
            result = await switch(hass, entry, on=True, cloudhook=True)
        assert result["errors"] == {"base": "invalid_configuration"}
        assert (entry.options, cloud.hooks) == ({}, {})
        with patch("emulator.outgoing.Caller.ask", return_value=HTTPStatus.OK):
            await close(hass, await answer(hass, result, {"webhook": True, "cloudhook": True}))
        [registered] = account.webhooks
        assert registered["url"] in cloud.hooks.values()
        quietly_send(account)
        answered = await cloud.hand_on(hass, registered["url"], MockRequest(b"[]", "cloud", method="POST"))
        assert answered["status"] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]

    @pytest.mark.parametrize("error", [CloudNotConnected(), CloudError(), TimeoutError(), ValueError()])
    @pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
    async def test_cloud_makes_no_url(
        self, hass: HomeAssistant, entry: MockConfigEntry, cloud: Cloud, error: Exception
    ) -> None:
        """The reason is shown, all is as before, and trying again succeeds."""
        cloud.error = error
        await set_up(hass, entry)
        result = await switch(hass, entry, on=True, cloudhook=True)
        assert result["errors"] == {"base": "no_url"}
        assert entry.options == {}
        cloud.error = None
        result = await answer(hass, result, {"webhook": True, "cloudhook": True})
        assert result["step_id"] == "webhook_url"

    @pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
    async def test_cloud_is_gone(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, cloud: Cloud, received: list[Event]
    ) -> None:
        """Polls go on, and requests that come another way are accepted."""
        await set_up(hass, entry)
        result = await switch(hass, entry, on=True, cloudhook=True)
        message, account.callback = account.send("Hello"), suggested(result["data_schema"])["webhook_url"]
        [outgoing] = account.protocol.calls(message, account)
        cloud.error = CloudNotConnected()
        url = URL(outgoing.url, encoded=True)
        request = MockRequest(b"", "cloud", query_string=url.raw_query_string)
        assert (await cloud.hand_on(hass, f"{url.origin()}{url.path}", request))["status"] == HTTPStatus.OK
        await settle(hass)
        assert texts(received) == ["Hello"]
