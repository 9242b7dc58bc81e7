"""The trigger "Delivery of a text message changed", in automations as people build them."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Reason, SendStatus
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.setup import async_setup_component

from .conftest import PASSWORD, USERNAME, settle
from .senders import ANNA, BEN, SUBMISSION, add_sender, notify_entity, report

type Runs = list[Event[Any]]


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, with sending switched on."""
    return await add_sender(hass, emulator, account)


def device_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the account's device."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device
    return device.id


async def automate(hass: HomeAssistant, **trigger: Any) -> Runs:
    """Add an automation with the trigger's options and target; return its runs, with the trigger's variables."""
    names = ("status", "previous", "recipient", "contact", "text", "id", "config_entry_id")
    target = {"target": trigger.pop("target")} if "target" in trigger else {}
    automation = {
        "alias": "Told",
        "mode": "queued",
        "triggers": {"trigger": "sms_inbox.delivery_changed", **target, "options": trigger},
        "actions": {"event": "ran", "event_data": {name: f"{{{{ [trigger.{name}] }}}}" for name in names}},
    }
    runs = async_capture_events(hass, "ran")
    await async_setup_component(hass, "automation", {"automation": automation})
    await settle(hass)
    return runs


async def send(hass: HomeAssistant, recipient: str = ANNA, **data: Any) -> str:
    """Send a message; return its id."""
    answer = await hass.services.async_call(
        DOMAIN,
        "send_message",
        {"recipient": recipient, "message": "Hello", **data},
        blocking=True,
        return_response=True,
    )
    await settle(hass)
    assert answer
    return str(answer["messages"][0]["id"])  # type: ignore[index,call-overload]


def told(runs: Runs) -> list[str]:
    """Return the states for which an automation ran."""
    return [event.data["status"][0] for event in runs]


async def test_every_change(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Without options it triggers for each state, with what the event has."""
    runs = await automate(hass)
    key = await send(hass, message="4711")
    await report(hass, entry, key, SendStatus.SENT)
    await report(hass, entry, key, SendStatus.DELIVERED)
    assert [(event.data["previous"][0], event.data["status"][0]) for event in runs] == [
        ("sending", "accepted"),
        ("accepted", "sent"),
        ("sent", "delivered"),
    ]
    data = {name: value for name, [value] in runs[0].data.items()}
    assert (data["id"], data["recipient"], data["text"], data["contact"]) == (key, ANNA, "4711", None)
    assert data["config_entry_id"] == entry.entry_id


async def test_states(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Only those that are chosen; a refusal has no acceptance before it."""
    runs = await automate(hass, to=["failed", "refused"])
    key = await send(hass)
    await report(hass, entry, key, SendStatus.FAILED, reason=Reason.UNREACHABLE)
    emulator.fault("bulksms", "vendor_error", word="insufficient-credits", where=SUBMISSION)
    with pytest.raises(HomeAssistantError):
        await send(hass)
    await settle(hass)
    assert told(runs) == ["failed", "refused"]


@pytest.mark.usefixtures("entry")
async def test_recipient(hass: HomeAssistant) -> None:
    """Only texts to a number, as people type it."""
    runs = await automate(hass, recipient=["07700 900322"])
    for recipient in (ANNA, BEN):
        await send(hass, recipient)
    assert [event.data["recipient"] for event in runs] == [[BEN]]


async def test_contact(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Only texts to a contact, at the number that it has at present."""
    anna = await notify_entity(hass, entry, "Anna", ANNA)
    runs = await automate(hass, contact=[anna], to=["accepted"])
    for recipient in (ANNA, BEN):
        await send(hass, recipient)
    assert [event.data["contact"] for event in runs] == [["Anna"]]
    [contact] = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, contact, data={"number": BEN})
    for recipient in (ANNA, BEN):
        await send(hass, recipient)
    assert [event.data["recipient"] for event in runs] == [[ANNA], [BEN]]


async def test_account(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Only texts of the account in the target; when it is removed, that is shown."""
    other = await add_sender(hass, emulator, emulator.add_account("bulksms", "ben", "secret"))
    runs = await automate(hass, target={"device_id": [device_id(hass, entry)]})
    for each in (other, entry):
        await send(hass, config_entry_id=each.entry_id)
    assert [event.data["config_entry_id"] for event in runs] == [[entry.entry_id]]
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert any(issue_id.startswith("account_gone_") for _, issue_id in ir.async_get(hass).issues)


async def test_short_number(hass: HomeAssistant, emulator: Emulator, account: Account) -> None:
    """A short number is a recipient like others; here the vendor refuses it."""
    await add_sender(hass, emulator, account, short_numbers=True)
    runs = await automate(hass, recipient=["80001"])
    for recipient in ("80001", "80002"):
        with pytest.raises(HomeAssistantError):
            await send(hass, recipient)
    assert [event.data["recipient"] for event in runs] == [["80001"]]


@pytest.mark.usefixtures("entry")
async def test_automation_that_is_switched_off_and_on(hass: HomeAssistant) -> None:
    """While it is off it hears nothing, and after that each change once."""
    runs = await automate(hass)
    for action, count in (("turn_off", 0), ("turn_on", 1)):
        await hass.services.async_call("automation", action, {"entity_id": "automation.told"}, blocking=True)
        await send(hass)
        assert len(runs) == count


@pytest.mark.parametrize(
    "options",
    [
        {"to": []},
        {"to": ["queued"]},
        {"to": "lost"},
        {"recipient": []},
        {"recipient": ["MYBANK"]},
        {"recipient": ["077009001234567"]},
        {"contact": []},
        {"contact": ["Nobody"]},
        {"sender": ["+447700900321"]},
        {"target": {"device_id": []}},
    ],
)
@pytest.mark.usefixtures("entry")
async def test_options_that_can_never_match(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    """They are refused, and the log says why."""
    runs = await automate(hass, **options)
    await send(hass)
    assert runs == []
    assert "Automation with alias 'Told' failed to setup triggers" in caplog.text
