"""An account that can't be polled: any app or service that posts a form or JSON."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import timedelta
import gzip
import hashlib
import hmac
from http import HTTPStatus
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.sms_inbox.diagnostics import async_get_config_entry_diagnostics
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.store import Store, StoreError
from custom_components.sms_inbox.store.quarantine import oldest
from emulator.senders import build
from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import logged, settle, texts
from .test_config_flow import answer, choose, explained, reconfigure, suggested
from .test_options_webhook import Cloud, subscribed

HOME = "http://192.168.1.2:8123"
FORM = "application/x-www-form-urlencoded"
JSON = {"Content-Type": "application/json"}

type Post = Callable[..., Coroutine[Any, Any, int]]


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody who knows the URL."""
    for component in ("webhook", "config"):
        assert await async_setup_component(hass, component, {})
    # As Home Assistant does itself: a URL may become known after the start.
    hass.http.app.router.freeze = lambda: None  # type: ignore[method-assign]
    return await hass_client_no_auth()


@pytest.fixture(autouse=True)
def home(hass: HomeAssistant) -> None:
    """Let Home Assistant have a URL."""
    hass.config.internal_url = HOME


async def begin(hass: HomeAssistant, name: str) -> ConfigFlowResult:
    """Begin to add an account: enter its name, and leave where its requests come from as it is."""
    result = await answer(hass, await choose(hass, "webhook"), {"preset": "other", "name": name})
    return await answer(hass, result, {}) if result["type"] is FlowResultType.FORM else result


@pytest.fixture
async def shown(hass: HomeAssistant, client: TestClient[Any, Any]) -> ConfigFlowResult:
    """Add an account by the UI, up to the URL that a person has to copy."""
    assert client  # what it needs is set up
    return await begin(hass, "Gate")


@pytest.fixture
async def added(hass: HomeAssistant, shown: ConfigFlowResult) -> ConfigFlowResult:
    """Add an account by the UI."""
    result = await answer(hass, shown, {})
    await settle(hass)
    return result


@pytest.fixture
async def entry(hass: HomeAssistant, added: ConfigFlowResult) -> AsyncGenerator[ConfigEntry]:
    """Return the account's config entry; in the end wait for a reload that changed options may have begun."""
    yield added["result"]
    await settle(hass)


@pytest.fixture
def post(added: ConfigFlowResult, shown: ConfigFlowResult, client: TestClient[Any, Any]) -> Post:
    """Return the app or service: it sends a request to the URL that a person was shown, and gets a status."""
    assert added
    path = URL(suggested(shown["data_schema"])["webhook_url"]).path

    async def post(body: Any = None, *, method: str = "POST", query: str = "", **headers: str) -> int:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url = URL(f"{path}?{query}" if query else path, encoded=True)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await client.request(method, url, data=data, headers=JSON | named)
        assert await response.read() == b""
        return response.status

    return post


async def configure(hass: HomeAssistant, entry: ConfigEntry, step: str) -> ConfigFlowResult:
    """Open a step of the options."""
    options = hass.config_entries.options
    result = await explained(hass, await options.async_init(entry.entry_id))
    assert result["menu_options"] == ["storage", "webhook", "signature", "fields"]
    return await explained(hass, await options.async_configure(result["flow_id"], {"next_step_id": step}))


async def name_fields(hass: HomeAssistant, entry: ConfigEntry, **fields: str) -> None:
    """Enter the names of a request's fields."""
    result = await configure(hass, entry, "fields")
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"time_zone": "UTC", **fields})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


async def sign_with(hass: HomeAssistant, entry: ConfigEntry, **signature: Any) -> None:
    """Enter how requests are signed, and with which key."""
    result = await configure(hass, entry, "signature")
    result = await hass.config_entries.options.async_configure(result["flow_id"], signature)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


async def diagnostics(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, Any]:
    """Return the diagnostics."""
    return await async_get_config_entry_diagnostics(hass, entry)


def issue(hass: HomeAssistant, entry: ConfigEntry) -> ir.IssueEntry | None:
    """Return what shows a person that requests could not be read."""
    return ir.async_get(hass).async_get_issue("sms_inbox", f"unreadable_{entry.entry_id}")


def test_add(shown: ConfigFlowResult, added: ConfigFlowResult) -> None:
    """An account needs no more than a name, and a person is shown the URL to copy."""
    entry = added["result"]
    assert (added["type"], added["title"]) == (FlowResultType.CREATE_ENTRY, "Gate")
    assert entry.data == {"provider": "webhook", "preset": "other"}
    assert entry.options == {
        "webhook_id": entry.options["webhook_id"],
        "local_only": False,
        "time_zone": "US/Pacific",  # that of Home Assistant in its tests
    }
    assert len(entry.options["webhook_id"]) == 64
    assert suggested(shown["data_schema"]) == {"webhook_url": f"{HOME}/api/sms_inbox/{entry.options['webhook_id']}"}
    assert entry.state is ConfigEntryState.LOADED


async def test_form_to_add(hass: HomeAssistant) -> None:
    """It asks which app or service it is, and for a name."""
    result = await choose(hass, "webhook")
    assert [str(key) for key in result["data_schema"].schema] == ["preset", "name"]


async def test_no_url(hass: HomeAssistant) -> None:
    """Where nobody could reach us, nothing is added, and the dialog says why."""
    result = await answer(hass, await choose(hass, "webhook"), {"preset": "other", "name": "Gate"})
    hass.config.internal_url = hass.config.api = None
    result = await answer(hass, result, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_url")
    assert hass.config_entries.async_entries("sms_inbox") == []


@pytest.mark.usefixtures("client")
async def test_url_in_the_internet(hass: HomeAssistant) -> None:
    """What is in the local network needs no other; else it is the one for the internet."""
    hass.config.internal_url, hass.config.external_url, hass.config.api = None, "https://home.example", None
    result = await begin(hass, "Gate")
    assert suggested(result["data_schema"])["webhook_url"].startswith("https://home.example/api/sms_inbox/")


async def test_url_stays(hass: HomeAssistant, shown: ConfigFlowResult) -> None:
    """The URL that was copied is the account's, also when the page was loaded again in between."""
    again = await explained(hass, await hass.config_entries.flow.async_configure(shown["flow_id"]))
    assert suggested(again["data_schema"]) == suggested(shown["data_schema"])


@pytest.mark.usefixtures("shown")
async def test_closed_at_the_url(hass: HomeAssistant) -> None:
    """Whoever leaves there has no account, and may begin anew under the same name."""
    assert hass.config_entries.async_entries("sms_inbox") == []
    added = await answer(hass, await begin(hass, "Gate"), {})
    assert hass.config_entries.async_entries("sms_inbox") == [added["result"]]
    assert added["title"] == "Gate"


async def test_cloud(hass: HomeAssistant) -> None:
    """Home Assistant Cloud makes the URL, and takes it back where the account is not added after all."""
    cloud = Cloud()
    with subscribed(hass, cloud):
        result = await begin(hass, "Gate")
        assert [suggested(result["data_schema"])["webhook_url"]] == list(cloud.hooks.values())
        hass.config_entries.flow.async_abort(result["flow_id"])
        await settle(hass)
        assert cloud.hooks == {}
        added = await answer(hass, await begin(hass, "Gate"), {})
        await settle(hass)
        assert list(cloud.hooks) == [added["result"].options["webhook_id"]]


@pytest.mark.parametrize(
    ("name", "title"), [("Gate", "Gate 2"), (" gate ", "gate 2"), ("Pump", "Pump"), ("", "Webhook")]
)
async def test_another_one(hass: HomeAssistant, entry: ConfigEntry, name: str, title: str) -> None:
    """Each account has a name and a URL of its own, and an id that says nothing of the name."""
    result = await answer(hass, await begin(hass, name), {})
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, title)
    assert result["result"].options["webhook_id"] != entry.options["webhook_id"]
    assert len({result["result"].unique_id, entry.unique_id}) == 2
    assert re.fullmatch(r"webhook_[0-9a-f]{32}", str(entry.unique_id))


async def test_reconfigure(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """There is nothing to change, and the dialog says where the rest is."""
    result = await reconfigure(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "nothing_to_reconfigure")


async def test_request(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """A request makes an event with all that it says, once it is stored."""
    message = {"id": 7, "from": "+447700900123", "to": "+44771234567", "text": "Kia ora ☺", "date": 1795288504}
    assert await post(message) == HTTPStatus.OK
    await settle(hass)
    [event] = received
    device_id = event.data["device_id"]
    assert device_id
    assert event.data == {
        "config_entry_id": entry.entry_id,
        "device_id": device_id,
        "provider": "webhook",
        "message_id": "7",
        "sender": "+447700900123",
        "sender_number": "+447700900123",
        "contact": None,
        "channel": "sms",
        "recipient": "+44771234567",
        "text": "Kia ora ☺",
        "encoding": "unicode",
        "data": None,
        "received_at": "2026-11-21T19:15:04+00:00",
        "in_reply_to": None,
        "reply_to": None,
        "reply_to_certain": None,
        "redelivered": False,
    }
    assert await post(message) == HTTPStatus.OK
    await settle(hass)
    assert len(received) == 1
    assert (await diagnostics(hass, entry))["webhook"]["accepted"] == 2


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_forms_of_a_request(hass: HomeAssistant, post: Post, received: list[Event], method: str) -> None:
    """A form, a query and a plain text do as well; messages without an id are different ones."""
    form, kind = "from=1&text=Caf%C3%A9+%2B", "text/plain; charset=UTF-16BE"
    for _ in range(2):
        assert await post(method=method, query=form) == HTTPStatus.OK
        assert await post(form.encode(), method=method, Content_Type=FORM) == HTTPStatus.OK
        text = "Café +".encode("utf-16-be")
        assert await post(text, method=method, query="from=1", Content_Type=kind) == HTTPStatus.OK
    await settle(hass)
    assert [(event.data["sender"], event.data["text"]) for event in received] == [("1", "Café +")] * 6
    assert not any(event.data["redelivered"] for event in received)


async def test_several_in_a_request(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """Each message of a list is one, and what could not be read is kept."""
    assert await post([{"text": "one"}, "nonsense", {"text": "two"}]) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["one", "two"]
    assert issue(hass, entry)


async def test_nothing_in_it(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """A request with neither body nor query is refused and counted; an empty list has nothing to keep."""
    assert await post() == HTTPStatus.BAD_REQUEST
    assert await post(method="GET") == HTTPStatus.BAD_REQUEST
    assert await post([]) == HTTPStatus.OK
    assert (await diagnostics(hass, entry))["webhook"]["refused"] == {"no fields": 2}
    assert received == []
    assert not issue(hass, entry)


async def test_what_is_not_understood(
    hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]
) -> None:
    """A template that escapes nothing is kept and accepted, and so is whatever else is neither JSON nor a form."""
    bodies = [
        b'{"from":"+447700900123","text":"Press "OPEN" now"}',
        b"<sms><text>Open</text></sms>",
        b"{}",
        b"\xff\x00",
    ]
    for body in bodies:
        assert await post(body) == HTTPStatus.OK
    await settle(hass)
    assert received == []
    assert issue(hass, entry)
    assert await async_get_store(hass).read(oldest, entry.entry_id, 10) == list(enumerate(bodies, 1))
    await name_fields(hass, entry, text="(body)")
    assert texts(received) == [bodies[0].decode(), bodies[1].decode(), "\u00ff\x00"]


async def test_list_inside_an_object(
    hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]
) -> None:
    """Each message has its own sender; the one without a text is kept, and its sender never comes to another text."""
    rows = [
        {"from": "+447700900121", "type": "mms"},
        {"from": "+447999888777", "text": "gate"},
        {"from": "2345", "text": "two"},
    ]
    assert await post({"messages": rows}, query="to=%2B447700900999") == HTTPStatus.OK
    await settle(hass)
    assert [(event.data["sender"], event.data["text"], event.data["recipient"]) for event in received] == [
        ("+447999888777", "gate", "+447700900999"),
        ("2345", "two", "+447700900999"),
    ]
    assert issue(hass, entry)


async def test_same_request_again(hass: HomeAssistant, post: Post, received: list[Event]) -> None:
    """A sender that tries again makes no second event if the request holds a time, and a second one if it doesn't."""
    for _ in range(3):
        assert await post({"from": "+447700900121", "text": "one", "sentStamp": "1795288504000"}) == HTTPStatus.OK
    for _ in range(2):
        assert await post({"from": "+447700900121", "text": "two"}) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["one", "two", "two"]


async def test_compressed(hass: HomeAssistant, post: Post, received: list[Event]) -> None:
    """A body may be compressed."""
    body = gzip.compress(json.dumps({"from": "+447700900121", "text": "Open"}).encode())
    assert await post(body, Content_Encoding="gzip") == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Open"]


async def test_body_that_does_not_come(hass: HomeAssistant, entry: ConfigEntry, client: TestClient[Any, Any]) -> None:
    """A request whose body stays away is not waited for."""
    path, over = f"/api/sms_inbox/{entry.options['webhook_id']}", asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        yield b'{"text": '
        await over.wait()

    with patch("custom_components.sms_inbox.webhook.BODY_SECONDS", 0.0):
        response = await client.post(path, data=endless())
    over.set()
    assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert (await diagnostics(hass, entry))["webhook"]["refused"] == {"the body did not come": 1}


async def test_signature(
    hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """With a key, a request that isn't signed with it is refused and counted, until the key is gone."""
    await sign_with(hass, entry, signing_key="k3y-of-requests")
    body = b'{"text": "Open"}'
    signature = hmac.new(b"k3y-of-requests", body, hashlib.sha256).hexdigest()
    assert await post(body) == HTTPStatus.FORBIDDEN
    assert await post(body, X_Signature=signature[::-1]) == HTTPStatus.FORBIDDEN
    assert await post(body + b" ", X_Signature=signature) == HTTPStatus.FORBIDDEN
    await settle(hass)
    assert received == []
    assert (await diagnostics(hass, entry))["webhook"]["refused"] == {"wrong signature": 3}
    assert await post(body, X_Signature=signature) == HTTPStatus.OK
    await sign_with(hass, entry, remove_signing_key=True)
    assert await post(body) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Open", "Open"]
    for secret in ("k3y-of-requests", signature, "Open"):
        assert secret not in logged(caplog)


async def test_own_header(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """The names of the headers are entered beside the key."""
    await sign_with(hass, entry, signing_key="k3y", signature_header="X-Hub-Signature-256")
    body = b'{"text": "Open"}'
    signature = hmac.new(b"k3y", body, hashlib.sha256).hexdigest()
    assert await post(body, X_Signature=signature) == HTTPStatus.FORBIDDEN
    assert await post(body, X_Hub_Signature_256=f"sha256={signature}") == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["Open"]


async def test_unreadable(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """What could not be read becomes a message as soon as a person names the field of its text; no retry is needed."""
    assert await post({"v": "Open", "n": "+447700900123"}) == HTTPStatus.OK
    assert await post({"v": "Close", "n": "+447700900123"}) == HTTPStatus.OK
    await settle(hass)
    assert received == []
    shown = issue(hass, entry)
    assert shown
    # The remedy is the field mapping, and nobody is asked to report what no vendor documents.
    assert shown.translation_key == "unreadable_webhook"
    assert shown.learn_more_url
    assert shown.learn_more_url.endswith("/docs/webhooks/other.md")
    await name_fields(hass, entry, text="w")
    assert received == []
    assert issue(hass, entry)
    await name_fields(hass, entry, text="v", sender="n")
    assert texts(received) == ["Open", "Close"]
    assert received[0].data["sender"] == "+447700900123"
    assert not received[0].data["redelivered"]
    assert not issue(hass, entry)
    assert await post({"v": "Again"}) == HTTPStatus.OK
    await settle(hass)
    await name_fields(hass, entry, text="v")
    assert texts(received) == ["Open", "Close", "Again"]
    assert not issue(hass, entry)


async def test_unreadable_of_a_preset(hass: HomeAssistant, client: TestClient[Any, Any]) -> None:
    """What a preset should have understood is worth a report, too, and its page is linked."""
    form = await answer(hass, await choose(hass, "webhook"), {"preset": "infobip"})
    result = await answer(hass, form, {})
    url = suggested(result["data_schema"])["webhook_url"]
    entry = (await answer(hass, result, {}))["result"]
    await settle(hass)
    assert (await client.post(URL(url).path, json={"v": "Open"})).status == HTTPStatus.OK
    await settle(hass)
    shown = issue(hass, entry)
    assert shown
    assert shown.translation_key == "unreadable_preset"
    assert shown.learn_more_url
    assert shown.learn_more_url.endswith("/docs/webhooks/infobip.md")


async def test_last_request_is_shown(hass: HomeAssistant, entry: ConfigEntry, post: Post) -> None:
    """Whoever names the fields sees the last request, its fields' names, and how it is understood by now."""
    result = await configure(hass, entry, "fields")
    assert (result["step_id"], result["description_placeholders"]) == ("fields_first", None)
    await post({"from": "1", "text": "first"})
    await post({"data": {"who": "+447700900123", "what": "se```cond"}, "\ud800": 1})
    result = await configure(hass, entry, "fields")
    placeholders = result["description_placeholders"]
    assert json.loads(placeholders["record"].replace("\u200b", "")) == {
        "data": {"who": "+447700900123", "what": "se```cond"},
        "\ud800": 1,
    }
    assert (placeholders["sender"], placeholders["text"]) == ("", "")
    names = result["data_schema"].schema["text"].config
    assert (names["options"], names["custom_value"]) == (["data.what", "data.who", "\ufffd"], True)
    await hass.config_entries.options.async_configure(
        result["flow_id"], {"text": "data.what", "sender": "data.who", "time_zone": "UTC"}
    )
    await settle(hass)
    result = await configure(hass, entry, "fields")
    placeholders = result["description_placeholders"]
    assert placeholders["sender"] == "+447700900123"
    assert placeholders["text"].replace("\u200b", "") == "se```cond"
    assert "```" not in "".join(placeholders.values())
    assert suggested(result["data_schema"]) == {"text": "data.what", "sender": "data.who", "time_zone": "UTC"}


async def test_store_that_can_not_be_read(hass: HomeAssistant, entry: ConfigEntry, post: Post) -> None:
    """The names can be entered without the last request, too."""
    await post({"v": "Open"})
    with patch.object(Store, "read", side_effect=StoreError("disk error")):
        result = await configure(hass, entry, "fields")
    assert (result["step_id"], result["description_placeholders"]["record"]) == ("fields", "")
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"text": "v", "time_zone": "UTC"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_texts_are_not_stored(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """Where texts are not to be stored, all but the last one are gone from the disk seconds after their delivery."""
    result = await configure(hass, entry, "storage")
    await hass.config_entries.options.async_configure(result["flow_id"], {"store_texts": False, "retention_days": 90})
    await settle(hass)
    for text in ("s3cret one", "s3cret two", "s3cret three"):
        assert await post({"from": "+447700900123", "text": text}) == HTTPStatus.OK
        await settle(hass)
    assert texts(received) == ["s3cret one", "s3cret two", "s3cret three"]
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=3))
    await settle(hass)
    stored = b"".join(path.read_bytes() for path in Path(hass.config.path(".storage")).glob("sms_inbox.db*"))
    assert (b"s3cret one" in stored, b"s3cret two" in stored, b"s3cret three" in stored) == (False, False, True)


async def test_forms_reach_the_browser(entry: ConfigEntry, post: Post, hass_client: ClientSessionGenerator) -> None:
    """Each form can be sent, whatever the last request was."""
    await post({"data": {"who": "+1"}, "\ud800": "\ud83d", "x" * 1000: 1})
    browser = await hass_client()
    for step in ("storage", "webhook", "fields"):
        response = await browser.post("/api/config/config_entries/options/flow", json={"handler": entry.entry_id})
        path = f"/api/config/config_entries/options/flow/{(await response.json())['flow_id']}"
        response = await browser.post(path, json={"next_step_id": step})
        assert response.status == HTTPStatus.OK
        assert (await response.json())["data_schema"]


async def test_never_polled(
    hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """There is nobody to poll: time changes nothing, and there is no Check now; one of a former edition is removed."""
    await post({"text": "one"})
    polls = (await diagnostics(hass, entry))["polling"]["polls"]
    for hours in (1, 24, 48):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=hours))
        await settle(hass)
    assert (await diagnostics(hass, entry))["polling"] == {"interval": None, "last_succeeded": True, "polls": polls}
    former = ("button", "sms_inbox", f"{entry.entry_id}_check_now")
    assert not er.async_get(hass).async_get_entity_id(*former)
    er.async_get(hass).async_get_or_create(*former, config_entry=entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not er.async_get(hass).async_get_entity_id(*former)
    await post({"text": "two"})
    await settle(hass)
    assert texts(received) == ["one", "two"]
    assert "Exception" not in caplog.text


async def test_after_a_restart(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """The URL stays the same, what was delivered is not repeated, and entities show what they did."""
    await post({"id": "1", "text": "one"})
    await settle(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    assert await post({"id": "2", "text": "two"}) == HTTPStatus.INTERNAL_SERVER_ERROR
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    entity_id = er.async_get(hass).async_get_entity_id("sensor", "sms_inbox", f"{entry.entry_id}_last_message")
    assert entity_id
    state = hass.states.get(entity_id)
    assert state
    assert state.state == "one"
    for number, text in (("1", "one"), ("2", "two"), ("2", "two"), ("2", "another")):
        assert await post({"id": number, "text": text}) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["one", "two", "another"]


async def test_with_all_entities_disabled(
    hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]
) -> None:
    """Messages arrive though nothing shows them."""
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not [state for state in hass.states.async_all() if "gate" in state.entity_id]
    assert await post({"text": "one"}) == HTTPStatus.OK
    await settle(hass)
    assert texts(received) == ["one"]


async def test_before_set_up(client: TestClient[Any, Any], hass: HomeAssistant) -> None:
    """While this component isn't set up, a request is not accepted, since no poll would bring its message."""
    assert "sms_inbox" not in hass.config.components
    assert (await client.post("/api/sms_inbox/unknown", json={"text": "one"})).status == HTTPStatus.NOT_FOUND


async def test_removed(hass: HomeAssistant, entry: ConfigEntry, post: Post, received: list[Event]) -> None:
    """Of an account that is removed neither URL nor issue is left."""
    await post({"v": "unreadable"})
    assert issue(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    assert not issue(hass, entry)
    assert await post({"text": "one"}) == HTTPStatus.NOT_FOUND
    await settle(hass)
    assert received == []


async def test_preset(hass: HomeAssistant, client: TestClient[Any, Any], received: list[Event]) -> None:
    """A known app needs no names of fields: its key is asked for, never shown again, and only what it signed counts."""
    hass.config.external_url = "https://home.example"
    form = await answer(hass, await choose(hass, "webhook"), {"preset": "textbee"})
    assert [str(field) for field in form["data_schema"].schema] == ["signing_key", "local_only"]
    result = await answer(hass, form, {"signing_key": " "})
    assert result["errors"] == {"signing_key": "no_key"}
    result = await answer(hass, result, {"signing_key": " secret-of-textbee-0123\n"})
    url = suggested(result["data_schema"])["webhook_url"]
    assert url.startswith("https://home.example/")
    result = await answer(hass, result, {})
    entry = result["result"]
    await settle(hass)
    assert (entry.title, entry.options["signing_key"]) == ("textbee", "secret-of-textbee-0123")
    for key, status in (("secret-of-textbee-0123", 200), ("another-secret-of-textbee", 403)):
        sent = build("textbee", url, text=f"Signed with {key}", key=key)
        response = await client.request(sent.method, URL(sent.url).path, data=sent.body, headers=sent.headers)
        assert response.status == status
    await settle(hass)
    assert texts(received) == ["Signed with secret-of-textbee-0123"]
    options = hass.config_entries.options
    menu = await options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["storage", "webhook", "signature", "fields"]
    shown = await options.async_configure(menu["flow_id"], {"next_step_id": "signature"})
    assert [str(field) for field in shown["data_schema"].schema] == ["signing_key", "remove_signing_key"]
    assert "secret-of-textbee" not in str(shown)
    form = await answer(hass, await choose(hass, "webhook"), {"preset": "textbee"})
    result = await answer(hass, await answer(hass, form, {"signing_key": "other"}), {})
    assert result["title"] == "textbee 2"


async def test_preset_at_home(hass: HomeAssistant, client: TestClient[Any, Any], received: list[Event]) -> None:
    """A device at home is shown the URL there, its times are in the zone that is chosen, and nobody else may send."""
    hass.config.external_url = "https://home.example"
    form = await answer(hass, await choose(hass, "webhook"), {"preset": "smseagle", "name": "Eagle"})
    assert [str(field) for field in form["data_schema"].schema] == ["signing_key", "local_only", "time_zone"]
    assert form["data_schema"]({})["local_only"] is True
    result = await answer(hass, form, {"time_zone": "Pacific/Auckland"})
    url = suggested(result["data_schema"])["webhook_url"]
    assert url.startswith(HOME)
    entry = (await answer(hass, result, {}))["result"]
    await settle(hass)
    body = "sender=447700900121&timestamp=20261121100000&text=Gate&msgid=431"
    headers = {"Content-Type": FORM}
    assert (await client.post(URL(url).path, data=body, headers=headers)).status == 200
    with patch("custom_components.sms_inbox.webhook.network.is_local", return_value=False):
        assert (await client.post(URL(url).path, data=body.replace("431", "432"), headers=headers)).status == 403
    await settle(hass)
    assert [event.data["received_at"] for event in received] == ["2026-11-20T21:00:00+00:00"]
    assert (await diagnostics(hass, entry))["webhook"]["refused"] == {"not from the local network": 1}
