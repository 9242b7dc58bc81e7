"""What a person can repair under Settings, driven like the front end does it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch
import uuid

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox import issues
from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Cursor, Page
from custom_components.sms_inbox.providers.bulksms import BulkSms
from custom_components.sms_inbox.providers.bulksms_eapi import BulkSmsEapi
from custom_components.sms_inbox.providers.contract import Identity
from emulator import Account, Emulator
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import USERNAME, Repairs, add_contact, broken_store, make_entry, poll, set_up, settle, texts

UNREADABLE = {
    "bulletin": (b"frm=one", b"frm=two"),
    "bulksms": (b'{"type":"RECEIVED","body":"one"}', b'{"type":"RECEIVED","body":"two"}'),
    "bulksms_eapi": (b"1|447700900123|one|no time|", b"2|447700900123|two|no time|"),
    "twilio": (b'{"from":"447700900123","body":"one"}', b'{"from":"447700900123","body":"two"}'),
    "clicksend": (b'{"from":"447700900123","body":"one"}', b'{"from":"447700900123","body":"two"}'),
}


def told(received: list[Event[Any]]) -> list[tuple[str, bool]]:
    """Return the texts of messages, and whether each said that it may have come before."""
    return [(event.data["text"], event.data["redelivered"]) for event in received]


def suggested(dialog: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a form shows."""
    return {field["name"]: (field.get("description") or {}).get("suggested_value") for field in dialog["data_schema"]}


async def stored_messages(hass: HomeAssistant) -> Any:
    """Return what the action `get_messages` returns."""
    return await hass.services.async_call(DOMAIN, "get_messages", {}, blocking=True, return_response=True)


async def automate(hass: HomeAssistant, device_id: str) -> list[Event[Any]]:
    """Add an automation for an account's messages; return its runs."""
    triggers = {"trigger": "sms_inbox.received", "target": {"device_id": device_id}}
    actions = {"event": "ran", "event_data": {"text": "{{ trigger.text }}"}}
    assert await async_setup_component(hass, "automation", {"automation": {"triggers": triggers, "actions": actions}})
    await hass.async_block_till_done()
    return async_capture_events(hass, "ran")


def spread(record: bytes) -> str:
    """Return a record as it is shown: JSON with a line for each field, anything else as it came."""
    try:
        return json.dumps(json.loads(record), indent=2, ensure_ascii=False)
    except ValueError:
        return record.decode()


def shown(entry: MockConfigEntry, count: str, raw: str) -> dict[str, str]:
    """Return what the dialog of an unreadable record shows."""
    return {
        "account": entry.title,
        "account_url": f"/config/integrations/integration/{DOMAIN}#config_entry={entry.entry_id}",
        "report_url": "https://github.com/sms-inbox/sms-inbox/issues",
        "count": count,
        "raw": raw,
    }


def test_pages_that_issues_link_to() -> None:
    """Each page of the documentation is there; those of the providers and presets are counted elsewhere."""
    pages = re.findall(r'documentation\("(\w+)"\)', Path(issues.__file__).read_text())
    assert pages
    for page in pages:
        assert (Path(__file__).parents[1] / f"docs/{page}.md").is_file()


class TestUnreadable:
    """Records that could not be understood."""

    @pytest.fixture(autouse=True)
    async def unreadable(self, hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
        """Let two of them come, and a message."""
        await set_up(hass, entry)
        for record in UNREADABLE[account.provider]:
            account.send_raw(record)
        account.send("Good")
        for _ in range(3):
            await poll(hass)

    @pytest.fixture
    def issue_id(self, entry: MockConfigEntry, issue_registry: ir.IssueRegistry) -> str:
        """Return the issue that tells of them."""
        issue_id = f"unreadable_{entry.entry_id}"
        assert issue_registry.async_get_issue(DOMAIN, issue_id)
        return issue_id

    async def test_deliver_one_and_discard_the_other(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        repairs: Repairs,
        issue_id: str,
        issue_registry: ir.IssueRegistry,
    ) -> None:
        """They are shown one after the other, the oldest first; what is delivered says no more than its bytes."""
        one, two = map(spread, UNREADABLE[account.provider])
        dialog = await repairs.open(issue_id)
        assert dialog["description_placeholders"] == shown(entry, "2", one)
        dialog = await repairs.choose(dialog, "deliver")
        assert dialog["description_placeholders"] == shown(entry, "1", two)
        dialog = await repairs.choose(dialog, "discard")
        assert (dialog["step_id"], dialog["description_placeholders"]) == ("discard", {"raw": two})
        # Whoever closes the dialog now has discarded nothing.
        again = await repairs.open(issue_id)
        assert again["description_placeholders"] == shown(entry, "1", two)
        dialog = await repairs.submit(dialog)
        assert dialog["type"] == "create_entry"
        await poll(hass)
        assert [(event.data["text"], event.data["sender"], event.data["redelivered"]) for event in received] == [
            (UNREADABLE[account.provider][0].decode(), "", False)
        ]
        await hass.config_entries.async_reload(entry.entry_id)
        await poll(hass)
        assert len(received) == 1
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)

    async def test_crash_before_it_is_delivered(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        repairs: Repairs,
        issue_id: str,
    ) -> None:
        """It is delivered by the next start, once."""
        dialog = await repairs.open(issue_id)
        with broken_store("claim", "release", "end"):
            await repairs.choose(dialog, "deliver")
            await hass.config_entries.async_unload(entry.entry_id)
        assert received == []
        for _ in range(2):
            await set_up(hass, entry)
            await hass.config_entries.async_unload(entry.entry_id)
        assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
            (UNREADABLE[account.provider][0].decode(), False)
        ]

    async def test_two_dialogs(
        self, hass: HomeAssistant, account: Account, received: list[Event], repairs: Repairs, issue_id: str
    ) -> None:
        """Two people who deliver the same record deliver it once, and see the other one then."""
        two = spread(UNREADABLE[account.provider][1])
        mine, yours = await repairs.open(issue_id), await repairs.open(issue_id)
        mine, yours = await repairs.choose(mine, "deliver"), await repairs.choose(yours, "deliver")
        for dialog in mine, yours:
            assert dialog["description_placeholders"] == {
                **dialog["description_placeholders"],
                "count": "1",
                "raw": two,
            }
        assert (await repairs.submit(await repairs.choose(mine, "discard")))["type"] == "create_entry"
        assert (await repairs.choose(yours, "deliver"))["type"] == "create_entry"
        await settle(hass)
        assert texts(received) == [UNREADABLE[account.provider][0].decode()]

    async def test_account_that_is_not_loaded(
        self, hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], repairs: Repairs, issue_id: str
    ) -> None:
        """A person is told; when it is loaded again, it goes on."""
        dialog = await repairs.open(issue_id)
        await hass.config_entries.async_unload(entry.entry_id)
        for answer in await repairs.choose(dialog, "deliver"), await repairs.open(issue_id):
            assert (answer["type"], answer["reason"]) == ("abort", "not_loaded")
            assert answer["description_placeholders"] == {"account": entry.title}
        await set_up(hass, entry)
        dialog = await repairs.choose(await repairs.open(issue_id), "deliver")
        assert (await repairs.choose(dialog, "deliver"))["type"] == "create_entry"
        await settle(hass)
        assert len(received) == 2

    async def test_account_that_is_removed(
        self, hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], repairs: Repairs, issue_id: str
    ) -> None:
        """Its records went with it."""
        dialog = await repairs.open(issue_id)
        await hass.config_entries.async_remove(entry.entry_id)
        assert (await repairs.choose(dialog, "deliver"))["type"] == "create_entry"
        await settle(hass)
        assert received == []

    async def test_store_that_fails(
        self, hass: HomeAssistant, account: Account, received: list[Event], repairs: Repairs, issue_id: str
    ) -> None:
        """A person is told, and the record is still there."""
        with broken_store("settle"):
            answer = await repairs.choose(await repairs.open(issue_id), "deliver")
        assert (answer["type"], answer["reason"]) == ("abort", "not_loaded")
        await repairs.choose(await repairs.open(issue_id), "deliver")
        await settle(hass)
        assert texts(received) == [UNREADABLE[account.provider][0].decode()]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (b"1|\xff\xfe|caf\xc3\xa9", "1|��|café"),
        (b"1|" + b"x" * 1998, "1|" + "x" * 1998),
        (b"1|" + b"x" * 1999, "1|" + "x" * 1998 + "…"),
        (b"1|```[click](x)`````", "1|`\u200b`\u200b`[click](x)`\u200b`\u200b`\u200b`\u200b`"),
        (b"1|`x`", "1|`x`"),
    ],
    ids=["no text", "as long as can be", "too long", "end of a block of code", "single ones"],
)
async def test_record_is_shown_for_people(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, repairs: Repairs, record: bytes, shown: str
) -> None:
    """Whatever it is, it can be read, and stays in its block of code."""
    await set_up(hass, entry)
    account.send_raw(record)
    for _ in range(2):  # at first it may have been cut off
        await poll(hass)
    dialog = await repairs.open(f"unreadable_{entry.entry_id}")
    assert dialog["description_placeholders"]["raw"] == shown


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
class TestStoreDamaged:
    """A damaged store that was set aside."""

    @pytest.fixture
    def store(self, hass: HomeAssistant) -> Path:
        """Return where the store is."""
        return Path(hass.config.path(".storage", "sms_inbox.db"))

    @pytest.mark.parametrize("choice", ["keep", "delete"])
    async def test_keep_or_delete(
        self,
        hass: HomeAssistant,
        store: Path,
        entry: MockConfigEntry,
        repairs: Repairs,
        issue_registry: ir.IssueRegistry,
        choice: str,
    ) -> None:
        """The file stays or goes, with all of its parts, and the issue doesn't come back."""
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_bytes(b"this was a database once" * 1000)
        await set_up(hass, entry)
        dialog = await repairs.open("store_damaged")
        file = Path(hass.config.path(dialog["description_placeholders"]["path"]))
        assert file.read_bytes().startswith(b"this was a database once")
        parts = [file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")]
        for part in parts:
            part.touch()
        assert (await repairs.choose(dialog, choice))["type"] == "create_entry"
        await poll(hass)
        assert not issue_registry.async_get_issue(DOMAIN, "store_damaged")
        assert {part.exists() for part in parts} == {choice == "keep"}
        assert store.exists()

    @pytest.mark.parametrize("removed", [False, True])
    async def test_after_a_restart(
        self, hass: HomeAssistant, store: Path, entry: MockConfigEntry, repairs: Repairs, *, removed: bool
    ) -> None:
        """It can be deleted when nobody remembers it any more, also without the account."""
        await set_up(hass, entry)
        if removed:
            await hass.config_entries.async_remove(entry.entry_id)
        file = store.with_name(f"{store.name}.damaged-20261121T100000000000")
        file.touch()
        tell_of(hass, file)
        assert (await repairs.choose(await repairs.open("store_damaged"), "delete"))["type"] == "create_entry"
        assert not file.exists()

    @pytest.mark.parametrize(
        "place",
        [
            "sms_inbox.db",
            "other.db.damaged-1",
            "../sms_inbox.db.damaged-1",
            "folder/sms_inbox.db.damaged-1",
            "sms_inbox.db.damaged-folder/../core.config",
        ],
    )
    async def test_nothing_else_is_ever_deleted(
        self, hass: HomeAssistant, store: Path, entry: MockConfigEntry, repairs: Repairs, place: str
    ) -> None:
        """Whatever the issue says, only damaged stores are."""
        await set_up(hass, entry)
        file = store.parent / place
        for folder in "folder", "sms_inbox.db.damaged-folder":
            (store.parent / folder).mkdir()
        file.touch()
        tell_of(hass, file)
        assert (await repairs.choose(await repairs.open("store_damaged"), "delete"))["type"] == "create_entry"
        assert file.exists()

    async def test_file_that_can_not_be_deleted(
        self, hass: HomeAssistant, store: Path, entry: MockConfigEntry, repairs: Repairs
    ) -> None:
        """The issue stays, and the person may choose again."""
        await set_up(hass, entry)
        obstacle = store.with_name(f"{store.name}.damaged-1")
        obstacle.mkdir()
        tell_of(hass, obstacle)
        dialog = await repairs.choose(await repairs.open("store_damaged"), "delete")
        obstacle.rmdir()
        obstacle.touch()
        assert (await repairs.choose(dialog, "delete"))["type"] == "create_entry"
        assert not obstacle.exists()


def tell_of(hass: HomeAssistant, path: Path) -> None:
    """Create the issue of a damaged store, as it is after a restart."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        "store_damaged",
        data={"path": str(path)},
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key="store_damaged",
        translation_placeholders={"path": str(path)},
    )


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_any_other_issue_is_confirmed(hass: HomeAssistant, entry: MockConfigEntry, repairs: Repairs) -> None:
    """An issue of another release can be put away."""
    await set_up(hass, entry)
    ir.async_create_issue(
        hass, DOMAIN, "other", is_fixable=True, severity=ir.IssueSeverity.WARNING, translation_key="other"
    )
    dialog = await repairs.open("other")
    assert (await repairs.submit(dialog))["type"] == "create_entry"


TOKEN = {"username": "token-id", "password": "token-secret"}
MUM = "+447700900123"

type Send = Callable[..., None]
type During = Callable[[Callable[[], Any]], AbstractContextManager[Any]]
type Move = Callable[[], Awaitable[dict[str, Any]]]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
class TestDeprecatedApi:
    """An account that is read by an API which has a successor."""

    @pytest.fixture(autouse=True)
    def successor(self, emulator: Emulator) -> Iterator[Account]:
        """Return the same account as the successor shows it."""
        with patch.object(BulkSms, "default_url", emulator.url("bulksms")):
            yield emulator.add_account("bulksms", TOKEN["username"], TOKEN["password"])

    @pytest.fixture(autouse=True)
    async def loaded(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Set up the account, with the title that it is given."""
        hass.config_entries.async_update_entry(entry, title="BulkSMS EAPI")
        await set_up(hass, entry)

    @pytest.fixture
    def issue_id(self, entry: MockConfigEntry) -> str:
        """Return the issue that tells of it."""
        return f"deprecated_api_{entry.entry_id}"

    @pytest.fixture
    def send(self, account: Account, successor: Account) -> Send:
        """Return how a message is sent, which both APIs show, under ids of their own."""

        def send(text: str, **options: Any) -> None:
            options = {"received_at": datetime.now(UTC), **options}
            account.send(text, **options)
            successor.send(text, **options)

        return send

    @pytest.fixture
    def move(self, hass: HomeAssistant, repairs: Repairs, issue_id: str) -> Move:
        """Return how the account is moved."""

        async def move() -> dict[str, Any]:
            answer = await repairs.submit(await repairs.open(issue_id), **TOKEN)
            await settle(hass)
            return answer

        return move

    async def test_form(self, entry: MockConfigEntry, emulator: Emulator, repairs: Repairs, issue_id: str) -> None:
        """It asks for the credentials, suggests the present user name, and shows the successor's official server."""
        dialog = await repairs.open(issue_id)
        assert dialog["step_id"] == "init"
        assert dialog["errors"] == {}
        assert dialog["description_placeholders"] == {"account": entry.title, "successor": "BulkSMS"}
        assert suggested(dialog) == {"username": USERNAME, "password": None, "url": None, "allow_http": None}
        [official] = [field["default"] for field in dialog["data_schema"] if field["name"] == "url"]
        assert official == emulator.url("bulksms")

    async def test_another_server(
        self, entry: MockConfigEntry, emulator: Emulator, repairs: Repairs, issue_id: str
    ) -> None:
        """Its address is completed; one that is none has an error at its field."""
        url = emulator.url("bulksms")
        with patch.object(BulkSms, "default_url", "https://bulksms.example/v1"):
            dialog = await repairs.open(issue_id)
            for wrong, error in (("my server", "invalid_url"), ("http://8.8.8.8", "insecure_url")):
                dialog = await repairs.submit(dialog, **TOKEN, url=wrong)
                assert dialog["errors"] == {"url": error}
            dialog = await repairs.submit(dialog, **TOKEN, url=url.removeprefix("http://"))
        assert dialog["type"] == "create_entry"
        assert entry.data["url"] == url

    async def test_what_stays_and_what_changes(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        emulator: Emulator,
        successor: Account,
        send: Send,
        move: Move,
        issue_id: str,
        received: list[Event],
        issue_registry: ir.IssueRegistry,
        device_registry: dr.DeviceRegistry,
        entity_registry: er.EntityRegistry,
    ) -> None:
        """Entry, device, entities, stored messages and automations stay; messages come from the successor."""

        def registered() -> tuple[str, set[tuple[str, str]]]:
            [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
            entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
            return device.id, {(entity.entity_id, entity.unique_id) for entity in entities}

        send("Before")
        await poll(hass)
        stored, present = await stored_messages(hass), registered()
        runs = await automate(hass, present[0])
        assert (await move())["type"] == "create_entry"
        assert entry.state is ConfigEntryState.LOADED
        assert entry.data == {
            "provider": "bulksms",
            **TOKEN,
            "url": emulator.url("bulksms"),
            "allow_http": False,
            "deliver_existing": False,
        }
        profile = uuid.uuid5(uuid.NAMESPACE_OID, f"bulksms {TOKEN['username']}").hex
        assert entry.unique_id == f"bulksms_{profile}"
        assert entry.title == "BulkSMS"
        assert registered() == present
        device = device_registry.async_get(present[0])
        assert device
        assert device.manufacturer == "BulkSMS"
        assert await stored_messages(hass) == stored
        asked = len(emulator.requests)
        successor.send("After")
        await poll(hass)
        assert {request.provider for request in list(emulator.requests)[asked:]} == {"bulksms"}
        assert [(event.data["text"], event.data["provider"]) for event in received] == [
            ("Before", "bulksms_eapi"),
            ("After", "bulksms"),
        ]
        assert [run.data["text"] for run in runs] == ["After"]
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)

    async def test_contacts(
        self, hass: HomeAssistant, entry: MockConfigEntry, successor: Account, move: Move, received: list[Event]
    ) -> None:
        """They stay, name senders as before, and get notify entities, as the successor can send."""
        contact = await add_contact(hass, entry, "Mum", MUM)
        assert not hass.states.async_entity_ids("notify")
        await move()
        assert entry.subentries == {contact.subentry_id: contact}
        assert hass.states.async_entity_ids("notify") == ["notify.mum"]
        successor.send("After", sender=MUM)
        await poll(hass)
        assert [event.data["contact"] for event in received] == ["Mum"]

    async def test_title_that_a_person_chose(self, hass: HomeAssistant, entry: MockConfigEntry, move: Move) -> None:
        """It stays."""
        hass.config_entries.async_update_entry(entry, title="Cottage")
        await move()
        assert entry.title == "Cottage"

    @pytest.mark.parametrize("path", ["profile", "messages"])
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("unauthorized", "invalid_auth"),
            ("server_error", "cannot_connect"),
            ("dropped", "cannot_connect"),
            ("rate_limited", "rate_limited"),
            ("bad_json", "unexpected_answer"),
        ],
    )
    async def test_error_and_recovery(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        emulator: Emulator,
        send: Send,
        repairs: Repairs,
        issue_id: str,
        received: list[Event],
        path: str,
        fault: str,
        error: str,
    ) -> None:
        """Each trouble has its own message, nothing has changed, and trying again succeeds."""
        before = entry.as_dict()
        emulator.fault("bulksms", fault, path=path, count=None)
        dialog = await repairs.submit(await repairs.open(issue_id), **TOKEN)
        assert dialog["errors"] == {"base": error}
        assert suggested(dialog) == {**TOKEN, "url": emulator.url("bulksms"), "allow_http": False}
        assert entry.as_dict() == before
        assert entry.state is ConfigEntryState.LOADED
        send("Still read by the old one")
        await poll(hass)
        emulator.clear_faults()
        assert (await repairs.submit(dialog, **TOKEN))["type"] == "create_entry"
        await settle(hass)
        send("Read by the new one")
        await poll(hass)
        assert [(event.data["text"], event.data["provider"]) for event in received] == [
            ("Still read by the old one", "bulksms_eapi"),
            ("Read by the new one", "bulksms"),
        ]

    async def test_store_that_fails(self, entry: MockConfigEntry, move: Move, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing has changed, the log tells why, and trying again succeeds."""
        with broken_store("move"):
            answer = await move()
        assert answer["errors"] == {"base": "unknown"}
        assert "disk full" in caplog.text
        assert entry.data["provider"] == "bulksms_eapi"
        assert entry.state is ConfigEntryState.LOADED
        assert (await move())["type"] == "create_entry"

    async def test_account_that_is_added_already(
        self, hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, move: Move
    ) -> None:
        """Nothing is moved onto it."""
        profile = uuid.uuid5(uuid.NAMESPACE_OID, f"bulksms {TOKEN['username']}").hex
        MockConfigEntry(domain=DOMAIN, unique_id=f"bulksms_{profile}").add_to_hass(hass)
        answer = await move()
        assert (answer["type"], answer["reason"]) == ("abort", "already_configured")
        assert answer["description_placeholders"] == {"account": entry.title, "successor": "BulkSMS"}
        assert entry.data["url"] == emulator.url("bulksms_eapi")

    async def test_account_that_is_not_loaded(
        self, hass: HomeAssistant, entry: MockConfigEntry, repairs: Repairs, issue_id: str
    ) -> None:
        """A person is told."""
        await hass.config_entries.async_unload(entry.entry_id)
        answer = await repairs.open(issue_id)
        assert (answer["type"], answer["reason"]) == ("abort", "not_loaded")
        assert answer["description_placeholders"] == {"account": entry.title}

    async def test_account_that_is_unloaded_meanwhile(
        self, hass: HomeAssistant, entry: MockConfigEntry, move: Move
    ) -> None:
        """It isn't moved, nor set up."""
        real = BulkSms.validate

        async def validate(provider: BulkSms) -> Identity:
            await hass.config_entries.async_unload(entry.entry_id)
            return await real(provider)

        with patch.object(BulkSms, "validate", validate):
            assert (await move())["errors"] == {"base": "unknown"}
        assert entry.data["provider"] == "bulksms_eapi"
        assert entry.state is ConfigEntryState.NOT_LOADED

    async def test_two_dialogs(
        self, entry: MockConfigEntry, repairs: Repairs, issue_id: str, emulator: Emulator
    ) -> None:
        """The second person finds it done."""
        mine, yours = await repairs.open(issue_id), await repairs.open(issue_id)
        assert (await repairs.submit(mine, **TOKEN))["type"] == "create_entry"
        asked = len(emulator.requests)
        assert (await repairs.submit(yours, username="x", password="y"))["type"] == "create_entry"
        assert len(emulator.requests) - asked <= 1  # the first poll
        assert entry.data["username"] == TOKEN["username"]

    async def test_login_that_was_asked_for(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        send: Send,
        move: Move,
        received: list[Event],
    ) -> None:
        """An account that its old API refuses can be moved, and needs no other login any more."""
        account.password = "changed"
        for hours in 1, 2:
            await poll(hass, hours * 3600)
        assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
        send("Unread")
        assert (await move())["type"] == "create_entry"
        assert not list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
        assert [(event.data["text"], event.data["redelivered"]) for event in received] == [("Unread", False)]

    @pytest.fixture
    def during(self) -> During:
        """Return how something is done in the midst of the move: after the last poll, before the successor is read."""
        real = BulkSms.cursor_since

        def during(happen: Callable[[], Any]) -> AbstractContextManager[Any]:
            def cursor_since(received_at: datetime) -> Cursor:
                happen()
                return real(received_at)

            return patch.object(BulkSms, "cursor_since", staticmethod(cursor_since))

        return during

    async def test_known_messages_are_not_delivered_again(
        self, hass: HomeAssistant, successor: Account, send: Send, move: Move, received: list[Event]
    ) -> None:
        """Also not equal ones in a row, and not those of long ago; they are known for good."""
        successor.page_size = 2
        now = datetime.now(UTC)
        sent = ["Long ago", "Just out of reach", "Gate", "Gate", "Bell", "Gate"]
        for text, minutes in zip(sent, (180, 90, 50, 49, 20, 1), strict=True):
            send(text, received_at=now - timedelta(minutes=minutes))
        await poll(hass)
        assert (await move())["type"] == "create_entry"
        await poll(hass)
        assert told(received) == [(text, False) for text in sent]
        send("Gate")
        await poll(hass)
        assert told(received)[len(sent) :] == [("Gate", False)]

    async def test_messages_that_come_with_the_move(
        self,
        hass: HomeAssistant,
        successor: Account,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """Whenever one comes, it is delivered once, plainly and in its turn, though it equals the others."""
        send("Gate")
        await poll(hass)
        send("Gate")
        update = hass.config_entries.async_update_entry

        def send_and_update(*args: Any, **changes: Any) -> bool:
            successor.send("Gate")
            return update(*args, **changes)

        with (
            during(lambda: send("Gate")),
            patch.object(hass.config_entries, "async_update_entry", side_effect=send_and_update),
        ):
            await move()
        send("Gate")
        await poll(hass)
        assert told(received) == [("Gate", False)] * 5
        assert [event.data["provider"] for event in received] == ["bulksms_eapi"] * 2 + ["bulksms"] * 3
        assert [message["text"] for message in (await stored_messages(hass))["messages"]] == ["Gate"] * 5

    async def test_first_message_comes_with_the_move(
        self,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """There is nothing to compare it with, so it is new."""
        with during(lambda: send("First")):
            await move()
        assert told(received) == [("First", False)]

    async def test_old_api_that_is_switched_off(
        self, hass: HomeAssistant, emulator: Emulator, send: Send, move: Move, received: list[Event]
    ) -> None:
        """What it doesn't hand over any more is delivered by the successor."""
        send("Before")
        await poll(hass)
        emulator.fault("bulksms_eapi", "server_error", count=None)
        send("After")
        await poll(hass)
        await move()
        assert told(received) == [("Before", False), ("After", False)]

    async def test_same_id_of_another_message(
        self,
        hass: HomeAssistant,
        account: Account,
        successor: Account,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """Ids of the two APIs have nothing to do with each other."""
        account.send("Known", message_id="9000000000000")
        successor.send("Known", message_id="8000000000000")
        await poll(hass)
        with during(lambda: successor.send("New", message_id="9000000000000")):
            await move()
        assert told(received) == [("Known", False), ("New", False)]

    async def test_message_that_the_old_api_should_have_shown(
        self, hass: HomeAssistant, successor: Account, send: Send, move: Move, received: list[Event]
    ) -> None:
        """Nobody knows why it didn't, so it is delivered, and says that it may not be the first time."""
        send("Known")
        successor.send("Passed over", received_at=datetime.now(UTC) - timedelta(minutes=30))
        await poll(hass)
        await move()
        assert told(received) == [("Known", False), ("Passed over", True)]

    async def test_text_that_the_two_tell_differently(
        self,
        hass: HomeAssistant,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """It may come twice, and says so; what somebody else sends isn't concerned."""
        send("C:\\new")
        await poll(hass)
        with during(lambda: send("Hello", sender="MYBANK")):
            await move()
        assert told(received) == [("C:\new", False), ("C:\\new", True), ("Hello", False)]

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
    async def test_wrong_time_zone(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
        zone: str,
    ) -> None:
        """Times that are hours off, whichever way, cost repeats that say so, and no message."""
        hass.config_entries.async_update_entry(entry, data={**entry.data, "time_zone": zone})
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        for text in "One", "Two":
            send(text)
        await poll(hass)
        with during(lambda: send("Three")):
            await move()
        assert told(received) == [("One", False), ("Two", False), ("One", True), ("Two", True), ("Three", True)]

    async def test_texts_that_are_erased(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """Messages of which only the identity is kept are known by their time."""
        hass.config_entries.async_update_entry(entry, options={"store_texts": False})
        now = datetime.now(UTC)
        for minutes in 3, 2, 1:
            send(f"{minutes} minutes ago", received_at=now - timedelta(minutes=minutes))
        await poll(hass)
        with during(lambda: send("Now")):
            await move()
        assert told(received)[3:] == [("Now", False)]

    async def test_crash_in_the_move(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        send: Send,
        move: Move,
        during: During,
        received: list[Event],
    ) -> None:
        """If the store has moved and the entry hasn't, the old API goes on where it was, and says what it repeats."""
        send("Old", received_at=datetime.now(UTC) - timedelta(days=1))
        send("Known")
        await poll(hass)
        crash = patch.object(hass.config_entries, "async_update_entry", side_effect=RuntimeError("power cut"))
        with during(lambda: send("In the midst")), crash, broken_store("end"):
            assert (await move())["errors"] == {"base": "unknown"}
        assert entry.data["provider"] == "bulksms_eapi"
        send("Later")
        await poll(hass)
        expected = [("Old", False), ("Known", False), ("In the midst", False), ("In the midst", True), ("Later", False)]
        assert told(received) == expected
        send("Later still")
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        expected.append(("Later still", False))
        assert told(received) == expected
        assert (await move())["type"] == "create_entry"
        send("With the new one")
        await poll(hass)
        assert told(received) == [*expected, ("With the new one", False)]
        assert received[-1].data["provider"] == "bulksms"


@pytest.mark.parametrize("deliver_existing", [False, True])
async def test_move_on_the_first_run(
    hass: HomeAssistant,
    emulator: Emulator,
    repairs: Repairs,
    received: list[Event],
    *,
    deliver_existing: bool,
) -> None:
    """The successor begins anew: nothing old fires, or, where that is wanted, what was delivered says so."""
    account = emulator.add_account("bulksms_eapi", USERNAME, "password", page_size=1)
    successor = emulator.add_account("bulksms", **TOKEN)
    old = [f"Old {number}" for number in range(5)]
    for text in old:
        for each in account, successor:
            each.send(text, received_at=datetime.now(UTC) - timedelta(minutes=1))
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": deliver_existing})
    real = BulkSmsEapi.fetch

    async def fetch(provider: BulkSmsEapi, cursor: Cursor) -> Page:
        if sum("get_inbox" in request.url for request in emulator.requests) == 2:
            emulator.fault("bulksms_eapi", "server_error", path="get_inbox", count=None)
        return await real(provider, cursor)

    with patch.object(BulkSmsEapi, "fetch", fetch), patch.object(BulkSms, "default_url", emulator.url("bulksms")):
        await set_up(hass, entry)
        dialog = await repairs.submit(await repairs.open(f"deprecated_api_{entry.entry_id}"), **TOKEN)
    assert dialog["type"] == "create_entry"
    await settle(hass)
    expected = [*((text, False) for text in old[:2]), *((text, True) for text in old)] if deliver_existing else []
    assert told(received) == expected
    successor.send("New")
    await poll(hass)
    assert told(received) == [*expected, ("New", False)]
