"""Contacts: the dialog, and what follows from adding, changing and removing one, without a reload."""

import asyncio
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.contacts import contacts_of, find_contact
from emulator import Account, Emulator
from emulator.handsets import Behaviour
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .conftest import PASSWORD, Clock, make_entry, poll, set_up, settle

ANNA = "+447700900123"
ANNA_TYPED = {"name": " Anna ", "number": "07700 900123"}


@pytest.fixture(autouse=True)
def country(hass: HomeAssistant) -> None:
    """Live where the numbers are from."""
    hass.config.country = "GB"


@pytest.fixture
def provider() -> str:
    """Return a provider that can send; what depends on the provider has its own test."""
    return "bulksms"


async def open_dialog(hass: HomeAssistant, entry: MockConfigEntry, contact_id: str | None = None) -> dict[str, Any]:
    """Open the dialog of a new contact, or that of one that there is."""
    context = {"source": SOURCE_RECONFIGURE, "subentry_id": contact_id} if contact_id else {"source": SOURCE_USER}
    return dict(await hass.config_entries.subentries.async_init((entry.entry_id, "contact"), context=context))  # type: ignore[arg-type]


async def submit(hass: HomeAssistant, dialog: dict[str, Any], **typed: str) -> dict[str, Any]:
    """Fill in the form, and wait for what follows."""
    result = dict(await hass.config_entries.subentries.async_configure(dialog["flow_id"], typed))
    await settle(hass)
    return result


async def add(hass: HomeAssistant, entry: MockConfigEntry, **typed: str) -> str:
    """Add a contact; return its id."""
    result = await submit(hass, await open_dialog(hass, entry), **typed)
    assert result["type"] == "create_entry"
    return list(entry.subentries)[-1]


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the names of the contacts' devices, by the entity on each."""
    devices, entities = dr.async_get(hass), er.async_get(hass)
    return {
        entity.entity_id: str(device.name)
        for device in dr.async_entries_for_config_entry(devices, entry.entry_id)
        if device.config_subentry_id
        for entity in er.async_entries_for_device(entities, device.id)
    }


async def test_opens_without_errors(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What nobody has typed yet isn't wrong."""
    assert (await open_dialog(hass, entry))["errors"] == {}


async def test_add(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A number is typed as people do; a notify entity comes at once, and what runs goes on."""
    await set_up(hass, entry)
    running = entry.runtime_data
    contact_id = await add(hass, entry, **ANNA_TYPED)
    contact = entry.subentries[contact_id]
    assert (contact.title, contact.unique_id, dict(contact.data)) == ("Anna", ANNA, {"number": ANNA})
    assert shown(hass, entry) == {"notify.anna": "Anna"}
    assert hass.states.is_state("notify.anna", "unknown")
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, contact.subentry_id), entry.entry_id)
    account = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device
    assert account
    assert device.via_device_id == account.id
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert entry.runtime_data is running


async def test_change(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The form shows what there is; another name is that of the device, and a sender that is left empty is gone."""
    await set_up(hass, entry)
    running = entry.runtime_data
    contact_id = await add(hass, entry, **ANNA_TYPED, sender="07700 900999")
    assert entry.subentries[contact_id].data == {"number": ANNA, "sender": "+447700900999"}
    dialog = await open_dialog(hass, entry, contact_id)
    assert {str(key): key.description["suggested_value"] for key in dialog["data_schema"].schema} == {
        "name": "Anna",
        "number": ANNA,
        "sender": "+447700900999",
        "assist": False,
    }
    result = await submit(hass, dialog, name="Mum", number="07700 900124", sender=" ")
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    contact = entry.subentries[contact_id]
    assert (contact.title, contact.unique_id, dict(contact.data)) == (
        "Mum",
        "+447700900124",
        {"number": "+447700900124"},
    )
    assert shown(hass, entry) == {"notify.anna": "Mum"}
    assert hass.states.get("notify.anna").attributes["friendly_name"] == "Mum"
    assert entry.runtime_data is running


async def test_remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Entity and device go with it, those of others stay; it may be added again."""
    await set_up(hass, entry)
    running = entry.runtime_data
    contact_id = await add(hass, entry, **ANNA_TYPED)
    await add(hass, entry, name="Ben", number="07700 900124")
    hass.config_entries.async_remove_subentry(entry, contact_id)
    await settle(hass)
    assert shown(hass, entry) == {"notify.ben": "Ben"}
    assert not hass.states.get("notify.anna")
    await add(hass, entry, **ANNA_TYPED)
    assert shown(hass, entry) == {"notify.anna": "Anna", "notify.ben": "Ben"}
    assert entry.runtime_data is running


@pytest.mark.parametrize("spelling", ["07700900123", "+44 (0)7700 900123", "0044 7700-900-123"])
async def test_number_that_is_there_already(hass: HomeAssistant, entry: MockConfigEntry, spelling: str) -> None:
    """A contact is one number, however it is written; so is one that is changed to it. Another account may have it."""
    await set_up(hass, entry)
    await add(hass, entry, **ANNA_TYPED)
    other = await add(hass, entry, name="Ben", number="07700 900124")
    for contact_id in (None, other):
        result = await submit(hass, await open_dialog(hass, entry, contact_id), name="Anna again", number=spelling)
        assert (result["type"], result["reason"]) == ("abort", "already_configured")
    assert [(each.title, each.data["number"]) for each in contacts_of(entry)] == [
        ("Anna", ANNA),
        ("Ben", "+447700900124"),
    ]
    second = MockConfigEntry(domain=DOMAIN, data={"provider": "webhook"})
    second.add_to_hass(hass)
    await add(hass, second, name="Anna", number=spelling)


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"name": "Anna", "number": "MYBANK"}, {"number": "invalid_number"}),
        ({"name": "Anna", "number": "60300"}, {"number": "invalid_number"}),
        ({"name": "Anna", "number": "077009001234567"}, {"number": "invalid_number"}),
        ({"name": " ", "number": ""}, {"name": "no_name", "number": "invalid_number"}),
    ],
)
async def test_what_is_no_number(
    hass: HomeAssistant, entry: MockConfigEntry, typed: dict[str, str], errors: dict[str, str]
) -> None:
    """It is refused at its field, what was typed stays, and a second try succeeds."""
    await set_up(hass, entry)
    dialog = await submit(hass, await open_dialog(hass, entry), **typed)
    assert dialog["errors"] == errors
    [suggested] = [key.description for key in dialog["data_schema"].schema if key == "number"]
    assert suggested == {"suggested_value": typed["number"]}
    assert (await submit(hass, dialog, name="Anna", number=ANNA))["type"] == "create_entry"


@pytest.mark.parametrize("number", ["+44 909 879 0000", "+8816 1234 5678", "+1 202 555 0123"])
async def test_number_that_must_not_be_sent_to(hass: HomeAssistant, entry: MockConfigEntry, number: str) -> None:
    """Whoever may write can be a contact."""
    await set_up(hass, entry)
    await add(hass, entry, name="Anna", number=number)


@pytest.mark.parametrize(("provider", "can_send"), [("bulksms", True), ("bulksms_eapi", False), ("webhook", False)])
async def test_account_that_only_receives(hass: HomeAssistant, provider: str, *, can_send: bool) -> None:
    """It has contacts, too, which name senders; they have no sender of their own."""
    entry = MockConfigEntry(domain=DOMAIN, data={"provider": provider})
    entry.add_to_hass(hass)
    dialog = await open_dialog(hass, entry)
    assert ("sender" in dialog["data_schema"].schema) is can_send
    assert (await submit(hass, dialog, **ANNA_TYPED))["type"] == "create_entry"
    contact = find_contact(hass, "another account", ANNA)
    assert contact
    assert contact.title == "Anna"


async def test_contact_while_the_account_is_not_loaded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Contacts that came, changed or went meanwhile are shown as they are when it is loaded."""
    await set_up(hass, entry)
    anna = await add(hass, entry, **ANNA_TYPED)
    ben = await add(hass, entry, name="Ben", number="07700 900124")
    await hass.config_entries.async_unload(entry.entry_id)
    await add(hass, entry, name="Carl", number="07700 900125")
    await submit(hass, await open_dialog(hass, entry, anna), name="Mum", number=ANNA)
    hass.config_entries.async_remove_subentry(entry, ben)
    await set_up(hass, entry)
    assert shown(hass, entry) == {"notify.anna": "Mum", "notify.carl": "Carl"}


async def test_names_of_senders(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event[Any]]
) -> None:
    """Each message has the name that its sender has when it is delivered, in event, sensor and action."""
    await set_up(hass, entry)
    for sender in (ANNA, "+447700900124", "MYBANK"):
        account.send("Before", sender=sender)
    await poll(hass)
    anna = await add(hass, entry, **ANNA_TYPED)
    account.send("As Anna", sender=ANNA)
    await poll(hass)
    await submit(hass, await open_dialog(hass, entry, anna), name="Mum", number="07700 900124")
    for sender in (ANNA, "+447700900124"):
        account.send("As Mum", sender=sender)
        await poll(hass)
    assert [event.data["contact"] for event in received] == [None, None, None, "Anna", None, "Mum"]
    assert hass.states.get("sensor.bulksms_anna_last_message").attributes["contact"] == "Mum"
    response = await hass.services.async_call(
        DOMAIN, "get_messages", {"order": "oldest"}, blocking=True, return_response=True
    )
    assert [each["contact"] for each in response["messages"]] == [None, "Mum", None, None, None, "Mum"]


async def test_contact_of_the_accounts_own(hass: HomeAssistant, emulator: Emulator, received: list[Event[Any]]) -> None:
    """Where two accounts know a number, each has its own name for it; an account without contacts uses the others'."""
    accounts = [emulator.add_account("bulksms", name, PASSWORD) for name in ("anna", "ben", "carl")]
    entries = [make_entry(emulator, account) for account in accounts]
    for each in entries:
        each.add_to_hass(hass)
    await set_up(hass, entries[0])
    for each, name in zip(entries[:2], ("Anna", "Mum"), strict=True):
        await add(hass, each, name=name, number=ANNA)
    for account in accounts:
        account.send("Hello", sender=ANNA)
        await poll(hass)
    assert [event.data["contact"] for event in received] == ["Anna", "Mum", "Anna"]


async def test_what_was_sent_to_a_contact_that_is_removed(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, clock: Clock
) -> None:
    """What becomes of it is still told, with the number and without a name."""
    emulator.handsets.behaviours[ANNA] = Behaviour(reports=("delivered",))
    hass.config_entries.async_update_entry(entry, options={"sending": {}})
    await set_up(hass, entry)
    anna = await add(hass, entry, **ANNA_TYPED)
    sent, status = async_capture_events(hass, "sms_sent"), asyncio.Future[dict[str, Any]]()
    hass.bus.async_listen_once("sms_status", callback(lambda event: status.set_result(event.data)))
    await hass.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "Hello"}, blocking=True
    )
    hass.config_entries.async_remove_subentry(entry, anna)
    await clock.advance(31)
    assert [(event.data["contact"], event.data["recipient"]) for event in sent] == [("Anna", ANNA)]
    told = await asyncio.wait_for(status, 5)
    assert (told["status"], told["contact"], told["recipient"], told["text"]) == ("delivered", None, ANNA, "Hello")
