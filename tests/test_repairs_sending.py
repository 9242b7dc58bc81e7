"""What a person can repair of sending, driven like the front end does it; and the issue about the caps."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import SendStatus
from custom_components.sms_inbox.store import Store, StoreError, outgoing
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .conftest import PASSWORD, USERNAME, Clock, Repairs, broken_store, set_up, settle
from .senders import ANNA, BEN, SUBMISSION, add_sender, notify_entity, report, shown

BULKSMS = "custom_components.sms_inbox.providers.sending.bulksms.BulkSmsSending"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, with sending switched on."""
    return await add_sender(hass, emulator, account)


async def send(hass: HomeAssistant, **data: Any) -> None:
    """Send a message."""
    await hass.services.async_call(DOMAIN, "send_message", {"message": "Hello", **data}, blocking=True)


async def send_in_doubt(hass: HomeAssistant, emulator: Emulator, **data: Any) -> str:
    """Send a message that arrives, and whose answer is lost for good; return the id of its issue."""
    status = async_capture_events(hass, "sms_status")
    emulator.fault("bulksms", "dropped", where=SUBMISSION, consume=True)
    with (
        patch(f"{BULKSMS}.deduplicates", None),
        patch(f"{BULKSMS}.finds_sent", new=False),
        patch("custom_components.sms_inbox.in_doubt.LOOKS", (0.0,)),
        pytest.raises(HomeAssistantError) as caught,
    ):
        await send(hass, **data)
    assert caught.value.translation_key == "send_unknown"
    event = status[-1].data
    assert event["status"] == "unknown"
    return f"send_unknown_{event['id']}_{event['config_entry_id']}"


class TestUnknown:
    """A text of which it is unknown whether it was sent."""

    async def test_send_again(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        entry: MockConfigEntry,
        repairs: Repairs,
        issue_registry: ir.IssueRegistry,
    ) -> None:
        """The dialog names the contact, not the text; the text is sent once more, to the same person."""
        anna = await notify_entity(hass, entry, "Anna", ANNA)
        issue_id = await send_in_doubt(hass, emulator, entity_id=anna)
        issue = issue_registry.async_get_issue(DOMAIN, issue_id)
        assert issue
        assert ANNA not in str(issue)
        dialog = await repairs.open(issue_id)
        at = dialog["description_placeholders"].pop("at")
        assert dialog["description_placeholders"] == {"account": entry.title, "recipient": "Anna"}
        assert dt_util.parse_datetime(at)
        dialog = await repairs.choose(dialog, "send_again")
        assert dialog["type"] == "create_entry"
        assert shown(emulator) == [(ANNA, "Hello")] * 2
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)

    async def test_leave(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        repairs: Repairs,
        issue_registry: ir.IssueRegistry,
        entry: MockConfigEntry,
    ) -> None:
        """Nothing is sent again; without a contact the dialog names the number. A restart forgets no open issue."""
        issue_id = await send_in_doubt(hass, emulator, recipient=ANNA)
        assert issue_registry.issues[DOMAIN, issue_id].to_json()["is_persistent"]
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        dialog = await repairs.open(issue_id)
        assert dialog["description_placeholders"]["recipient"] == ANNA
        dialog = await repairs.choose(dialog, "leave")
        assert dialog["type"] == "create_entry"
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)
        assert len(shown(emulator)) == 1

    async def test_refused_then(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        repairs: Repairs,
        issue_registry: ir.IssueRegistry,
        entry: MockConfigEntry,
    ) -> None:
        """If it can't be sent again, the dialog says why, and can be opened again."""
        issue_id = await send_in_doubt(hass, emulator, recipient=ANNA)
        emulator.fault("bulksms", "vendor_error", word="insufficient-credits", where=SUBMISSION)
        dialog = await repairs.choose(await repairs.open(issue_id), "send_again")
        assert (dialog["type"], dialog["reason"]) == ("abort", "not_sent")
        assert "credit" in dialog["description_placeholders"]["error"]
        with broken_store("insert"):
            dialog = await repairs.choose(await repairs.open(issue_id), "send_again")
        assert dialog["reason"] == "not_sent"
        await hass.config_entries.async_unload(entry.entry_id)
        assert (await repairs.open(issue_id))["reason"] == "not_loaded"
        assert issue_registry.async_get_issue(DOMAIN, issue_id)
        assert len(shown(emulator)) == 1

    @pytest.mark.usefixtures("entry")
    async def test_unknown_again(
        self, hass: HomeAssistant, emulator: Emulator, repairs: Repairs, issue_registry: ir.IssueRegistry
    ) -> None:
        """If that is in doubt, too, the new text has an issue of its own."""
        issue_id = await send_in_doubt(hass, emulator, recipient=ANNA)
        emulator.fault("bulksms", "dropped", where=SUBMISSION, consume=True)
        with (
            patch(f"{BULKSMS}.deduplicates", None),
            patch(f"{BULKSMS}.finds_sent", new=False),
            patch("custom_components.sms_inbox.in_doubt.LOOKS", (0.0,)),
        ):
            dialog = await repairs.choose(await repairs.open(issue_id), "send_again")
        assert dialog["type"] == "create_entry"
        [left] = [issue for _, issue in issue_registry.issues if issue.startswith("send_unknown_")]
        assert left != issue_id

    async def test_known_later(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        entry: MockConfigEntry,
        repairs: Repairs,
        issue_registry: ir.IssueRegistry,
    ) -> None:
        """A report that says what became of it clears the issue, and a dialog that is open then sends nothing."""
        issue_id = await send_in_doubt(hass, emulator, recipient=ANNA)
        dialog = await repairs.open(issue_id)
        key = issue_id.split("_")[2]
        await report(hass, entry, key, SendStatus.DELIVERED)
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)
        assert (await repairs.choose(dialog, "send_again"))["type"] == "create_entry"
        assert len(shown(emulator)) == 1

    async def test_renamed_and_removed(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        entry: MockConfigEntry,
        issue_registry: ir.IssueRegistry,
        repairs: Repairs,
    ) -> None:
        """The issue has the account's new name, and goes with the account."""
        issue_id = await send_in_doubt(hass, emulator, recipient=ANNA)
        hass.config_entries.async_update_entry(entry, title="New name")
        issue = issue_registry.async_get_issue(DOMAIN, issue_id)
        assert issue
        assert issue.translation_placeholders
        assert (issue.translation_placeholders["account"], issue.is_persistent) == ("New name", True)
        assert (await repairs.open(issue_id))["description_placeholders"]["recipient"] == ANNA
        await hass.config_entries.async_remove(entry.entry_id)
        assert not issue_registry.async_get_issue(DOMAIN, issue_id)


class TestCap:
    """An account that has sent as much as it may."""

    async def test_until_there_is_room(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        account: Account,
        days: Clock,
        issue_registry: ir.IssueRegistry,
    ) -> None:
        """It is shown until parts are free again, and once a day at most."""
        entry = await add_sender(hass, emulator, account, per_hour=1)

        async def is_shown() -> bool:
            await days.advance(301, step=301)
            return issue_registry.async_get_issue(DOMAIN, f"send_cap_{entry.entry_id}") is not None

        await send(hass, recipient=ANNA)
        for _ in range(2):
            with pytest.raises(ServiceValidationError):
                await send(hass, recipient=BEN)
        assert await is_shown()
        with patch.object(outgoing, "HOUR", timedelta()):
            with patch.object(Store, "read", side_effect=StoreError("disk")):
                assert await is_shown()
            assert not await is_shown()
        with pytest.raises(ServiceValidationError):
            await send(hass, recipient=BEN)
        assert not await is_shown()
        await days.advance(86_400, step=86_400)
        with pytest.raises(ServiceValidationError):
            await send(hass, recipient=BEN)
        assert await is_shown()

    async def test_until_the_options_change(
        self, hass: HomeAssistant, emulator: Emulator, account: Account, issue_registry: ir.IssueRegistry
    ) -> None:
        """Higher limits clear it."""
        entry = await add_sender(hass, emulator, account, per_day=1)
        await send(hass, recipient=ANNA)
        with pytest.raises(ServiceValidationError):
            await send(hass, recipient=BEN)
        assert issue_registry.async_get_issue(DOMAIN, f"send_cap_{entry.entry_id}")
        hass.config_entries.async_update_entry(entry, options={"sending": {"per_day": 2}})
        await hass.config_entries.async_unload(entry.entry_id)
        await set_up(hass, entry)
        assert not issue_registry.async_get_issue(DOMAIN, f"send_cap_{entry.entry_id}")
        await send(hass, recipient=BEN)
