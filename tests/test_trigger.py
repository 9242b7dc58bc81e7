"""The trigger "Text message received", in automations as people build them."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from homeassistant.components.automation import DATA_COMPONENT
from homeassistant.config_entries import ConfigEntryDisabler, ConfigSubentry
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    issue_registry as ir,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import add_contact, make_entry, poll, set_up, settle

MUM = "+447700900123"
VARIABLES = (
    "sender",
    "sender_number",
    "contact",
    "channel",
    "delivered_at",
    "text",
    "groups",
    "named_groups",
    "platform",
    "message_id",
    "redelivered",
    "device_id",
)

type Runs = list[Event[Any]]


@pytest.fixture(autouse=True)
def country(hass: HomeAssistant) -> None:
    """Live where the numbers are from."""
    hass.config.country = "GB"


def device_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the account's device."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device
    return device.id


def contact_device_id(hass: HomeAssistant, entry: MockConfigEntry, contact: ConfigSubentry) -> str:
    """Return a contact's device."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, contact.subentry_id), entry.entry_id)
    assert device
    return device.id


def entity_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the entity of the account's last message."""
    found = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_last_message")
    assert found
    return found


def target(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, list[str]]:
    """Return what the front end saves when the account's device is picked."""
    return {"device_id": [device_id(hass, entry)]}


async def automate(hass: HomeAssistant, *triggers: dict[str, Any]) -> list[Runs]:
    """Add an automation for each trigger's options and target; return their runs, with the trigger's variables."""
    variables = {each: f"{{{{ trigger.{each} }}}}" for each in VARIABLES}
    automations = [
        {
            "alias": f"Automation {number}",
            "mode": "queued",
            "max": 100,
            "triggers": {
                "trigger": "sms_inbox.received",
                **({"target": trigger["target"]} if "target" in trigger else {}),
                "options": {key: value for key, value in trigger.items() if key != "target"},
            },
            "actions": {"event": f"ran_{number}", "event_data": variables},
        }
        for number, trigger in enumerate(triggers)
    ]
    await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()
    return [async_capture_events(hass, f"ran_{number}") for number in range(len(triggers))]


async def reload_automations(hass: HomeAssistant) -> None:
    """Read the automations anew, as at a start."""
    # One that has changed is made anew; others stay as they are.
    configs = [{**entity.raw_config, "description": "changed"} for entity in hass.data[DATA_COMPONENT].entities]
    with patch("homeassistant.config.load_yaml_config_file", return_value={"automation": configs}):
        await hass.services.async_call("automation", "reload", blocking=True)
    await settle(hass)


async def receive(hass: HomeAssistant, account: Account, text: str, sender: str = MUM) -> None:
    """Let a message come."""
    account.send(text, sender=sender)
    await poll(hass)


def texts(runs: Runs) -> list[str]:
    """Return the texts of the messages for which an automation ran."""
    return [run.data["text"] for run in runs]


async def test_every_message(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Without options it triggers for each message, with the fields of the event; equal ones count twice."""
    await set_up(hass, entry)
    [runs] = await automate(hass, {})
    await receive(hass, account, "Gate")
    await receive(hass, account, "Gate")
    assert texts(runs) == ["Gate", "Gate"]
    assert len({run.data["message_id"] for run in runs}) == 2
    assert runs[0].data.keys() == set(VARIABLES)
    assert abs(dt_util.utcnow() - dt_util.parse_datetime(runs[0].data["delivered_at"])) < timedelta(minutes=1)
    expected = {
        "sender_number": int(MUM),  # as Home Assistant renders it alone
        "channel": "sms",
        "groups": [],
        "named_groups": {},
        "platform": "sms_inbox.received",
        "redelivered": False,
    }
    assert runs[0].data.items() >= {**expected, "device_id": device_id(hass, entry)}.items()


@pytest.mark.parametrize("typed", [MUM, "07700 900123", "00447700900123", ["MYBANK", "07700-900-123"]])
async def test_sender_and_text(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, typed: str | list[str]
) -> None:
    """Only the right text of the right sender triggers, whichever way the provider writes the number."""
    await set_up(hass, entry)
    [runs] = await automate(hass, {"sender": typed, "text": "gate"})
    await receive(hass, account, "Open the GATE")
    await receive(hass, account, "Open the door")
    await receive(hass, account, "Open the gate", sender="+447700900124")
    assert texts(runs) == ["Open the GATE"]


async def test_excluded_sender(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """All but one sender trigger."""
    await set_up(hass, entry)
    [runs] = await automate(hass, {"exclude_sender": ["07700 900123"]})
    await receive(hass, account, "No")
    await receive(hass, account, "Yes", sender="MYBANK")
    assert texts(runs) == ["Yes"]


async def test_groups(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """What an expression catches can be used in the actions."""
    await set_up(hass, entry)
    [runs] = await automate(hass, {"text": r"code (?P<code>[a-z]\d+)(x)?", "match": "regex"})
    await receive(hass, account, "Your Code A1234.")
    assert [run.data["groups"] for run in runs] == [["A1234", None]]
    assert [run.data["named_groups"] for run in runs] == [{"code": "A1234"}]


async def test_account_that_is_picked(hass: HomeAssistant, emulator: Emulator) -> None:
    """Only the messages of the account in the target trigger; without a target, also those of one added later."""
    accounts = [emulator.add_account("bulksms", name, "secret") for name in ("anna", "ben")]
    entries = [make_entry(emulator, account) for account in accounts]
    entries[0].add_to_hass(hass)
    await set_up(hass, entries[0])
    every, empty, picked = await automate(hass, {}, {"target": {}}, {"target": target(hass, entries[0])})
    entries[1].add_to_hass(hass)
    await set_up(hass, entries[1])
    for account in accounts:
        await receive(hass, account, f"To {account.username}")
    assert texts(every) == texts(empty) == ["To anna", "To ben"]
    assert texts(picked) == ["To anna"]


@pytest.mark.parametrize("by", ["area_id", "floor_id", "label_id"])
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_target_follows_the_registries(hass: HomeAssistant, emulator: Emulator, provider: str, by: str) -> None:
    """A device counts from when it is in the target's area, floor or label to when that is removed."""
    accounts = [emulator.add_account(provider, name, "secret") for name in ("anna", "ben")]
    entries = [make_entry(emulator, account) for account in accounts]
    for entry in entries:
        entry.add_to_hass(hass)
    await set_up(hass, entries[0])
    areas, floors, labels = ar.async_get(hass), fr.async_get(hass), lr.async_get(hass)
    floor, label = floors.async_create("Attic"), labels.async_create("Family")
    area = areas.async_create("Study")
    ids = {"area_id": area.id, "floor_id": floor.floor_id, "label_id": label.label_id}
    [runs] = await automate(hass, {"target": {by: ids[by]}})
    assert hass.states.is_state("automation.automation_0", "on")

    def move_in() -> None:
        areas.async_update(area.id, floor_id=floor.floor_id)
        device = device_id(hass, entries[0])
        dr.async_get(hass).async_update_device(device, area_id=area.id, labels={label.label_id})

    def remove() -> None:
        labels.async_delete(label.label_id)
        floors.async_delete(floor.floor_id)
        areas.async_delete(area.id)

    for change in (lambda: None, move_in, remove):
        change()
        await settle(hass)
        for account in accounts:
            await receive(hass, account, f"{account.username} after {change.__name__}")
    assert texts(runs) == ["anna after move_in"]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_entity_in_the_target(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """An entity stands for its account, also a disabled one, and one that only has the target's label."""
    accounts = [emulator.add_account(provider, name, "secret") for name in ("anna", "ben")]
    entries = [make_entry(emulator, account) for account in accounts]
    for entry in entries:
        entry.add_to_hass(hass)
    await set_up(hass, entries[0])
    entity, label = entity_id(hass, entries[0]), lr.async_get(hass).async_create("Family").label_id
    by_entity, by_label = await automate(hass, {"target": {"entity_id": entity}}, {"target": {"label_id": label}})
    disabled = er.RegistryEntryDisabler.USER
    er.async_get(hass).async_update_entity(entity, disabled_by=disabled, labels={label})
    for account in accounts:
        await receive(hass, account, f"To {account.username}")
    assert texts(by_entity) == texts(by_label) == ["To anna"]
    er.async_get(hass).async_update_entity(entity, new_entity_id="sensor.another_name")
    await receive(hass, accounts[0], "After it has another name")
    assert texts(by_entity) == ["To anna"]
    assert texts(by_label) == ["To anna", "After it has another name"]
    assert ir.async_get(hass).async_get_issue(DOMAIN, f"account_gone_{entity}")


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_offered_on_the_devices_page(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """The front end offers the trigger for the device of an account, and for no other, not even a contact's."""
    assert await async_setup_component(hass, "automation", {})
    await set_up(hass, entry)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=other.entry_id, identifiers={("other", "1")})
    contact = contact_device_id(hass, entry, await add_contact(hass, entry, "Anna", MUM))
    client = await hass_ws_client()
    for picked, is_offered in [(device_id(hass, entry), True), (device.id, False), (contact, False)]:
        await client.send_json_auto_id({"type": "get_triggers_for_target", "target": {"device_id": [picked]}})
        offered = (await client.receive_json())["result"]
        assert ("sms_inbox.received" in offered) is is_offered


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_reload_and_no_entity(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """A reload of the account changes nothing, and no entity is needed."""
    await set_up(hass, entry)
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    [runs] = await automate(hass, {"target": target(hass, entry)})
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not hass.states.async_entity_ids(["sensor", "event", "button"])
    await receive(hass, account, "After the reload")
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    account.send("While it was disabled")
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await settle(hass)
    assert texts(runs) == ["After the reload", "While it was disabled"]


async def test_first_message_after_an_outage(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, provider: str
) -> None:
    """The message that comes with the first good answer triggers."""
    await set_up(hass, entry)
    [runs] = await automate(hass, {})
    emulator.fault(provider, "server_error")
    await poll(hass)
    await receive(hass, account, "Back again")
    await poll(hass, 3600)
    assert texts(runs) == ["Back again"]


async def test_message_that_waited_for_the_start(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """What came while Home Assistant was down triggers when automations are armed."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    account.send("Good morning")
    hass.set_state(CoreState.not_running)
    await hass.config_entries.async_setup(entry.entry_id)
    [runs] = await automate(hass, {"text": "good morning", "match": "is"})
    assert runs == []
    await hass.async_start()
    await settle(hass)
    assert texts(runs) == ["Good morning"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"text": "(", "match": "regex"}, "The regular expression is invalid"),
        ({"text": "x", "match": "sounds_like"}, "match"),
        ({"sender": [""], "text": "gate"}, "This is blank"),
        ({"target": {"device_id": []}}, "This list is empty"),
        ({"target": {"area_id": ["kitchen"], "label_id": []}}, "This list is empty"),
        ({"target": {"device_id": ""}}, "This is blank"),
        ({"target": {"device_id": "{{ device }}"}}, "Templates can't be used here"),
        ({"device_id": "0123"}, "device_id"),
        ({"sender": "077009001234567"}, "not a possible phone number in Home Assistant's country, GB"),
    ],
)
async def test_options_that_are_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    options: dict[str, Any],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An automation that could never work isn't accepted, and the reason is told."""
    await set_up(hass, entry)
    await automate(hass, options)
    assert hass.states.get("automation.automation_0").state == "unavailable"
    assert reason in caplog.text


async def test_another_integrations_device(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A device or an entity that is no account's is refused."""
    await set_up(hass, entry)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=other.entry_id, identifiers={("other", "1", "2")})
    entity = er.async_get(hass).async_get_or_create("sensor", "other", "1", device_id=device.id)
    await automate(
        hass,
        {"target": {"device_id": device.id}},
        {"target": {"entity_id": entity.entity_id}},
        {"target": {"entity_id": entity_id(hass, entry)}},
    )
    assert [hass.states.get(f"automation.automation_{number}").state for number in range(3)] == [
        "unavailable",
        "unavailable",
        "on",
    ]


@pytest.mark.parametrize("named", ["notify.anna", "Anna", " anna", ["Ben", "ANNA"]])
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_contact(hass: HomeAssistant, entry: MockConfigEntry, account: Account, named: str | list[str]) -> None:
    """The number counts that a contact has when a message comes; automations and account go on as they are."""
    await set_up(hass, entry)
    contact = await add_contact(hass, entry, "Anna", MUM)
    await add_contact(hass, entry, "Ben", "+447700900555")
    [runs] = await automate(hass, {"contact": named})
    await receive(hass, account, "First")
    await receive(hass, account, "Stranger", sender="+447700900124")
    hass.config_entries.async_update_subentry(entry, contact, data={"number": "+447700900124"})
    await receive(hass, account, "Former number")
    await receive(hass, account, "New number", sender="+447700900124")
    assert texts(runs) == ["First", "New number"]
    assert [run.data["contact"] for run in runs] == ["Anna", "Anna"]
    hass.config_entries.async_remove_subentry(entry, contact.subentry_id)
    await receive(hass, account, "Removed", sender="+447700900124")
    await receive(hass, account, "Somebody else", sender="+447700900126")
    assert texts(runs) == ["First", "New number"]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_unknown_contact(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused when it is saved; what was saved before goes on after a restart, and means nobody."""
    await set_up(hass, entry)
    contact = await add_contact(hass, entry, "Anna", MUM)
    wrong = ["Carl", "notify.carl", entity_id(hass, entry)]
    known, *_ = await automate(hass, {"contact": "notify.anna"}, *({"contact": each} for each in wrong))
    assert [hass.states.get(f"automation.automation_{number}").state for number in range(4)] == [
        "on",
        *["unavailable"] * 3,
    ]
    for each in wrong:
        assert f"{each} is not a contact of SMS Inbox" in caplog.text
    hass.config_entries.async_remove_subentry(entry, contact.subentry_id)
    hass.set_state(CoreState.not_running)
    await reload_automations(hass)
    await hass.async_start()
    await receive(hass, account, "Hello")
    assert hass.states.is_state("automation.automation_0", "on")
    assert known == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_contact_in_the_target(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """A contact is no account: device and entity are refused, and with a label they don't stand for the account."""
    await set_up(hass, entry)
    device = contact_device_id(hass, entry, await add_contact(hass, entry, "Anna", MUM))
    label = lr.async_get(hass).async_create("Family").label_id
    dr.async_get(hass).async_update_device(device, labels={label})
    er.async_get(hass).async_update_entity("notify.anna", labels={label})
    *_, by_label = await automate(
        hass,
        {"target": {"device_id": device}},
        {"target": {"entity_id": "notify.anna"}},
        {"target": {"label_id": label}},
    )
    assert [hass.states.get(f"automation.automation_{number}").state for number in range(3)] == [
        "unavailable",
        "unavailable",
        "on",
    ]
    for named in (device, "notify.anna"):
        assert f"{named} is a contact, not an account of SMS Inbox" in caplog.text
    await receive(hass, account, "Hello")
    assert by_label == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_country_of_now(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Setting the country, or another one, takes effect at once; the same digits mean another number then."""
    hass.config.country = None
    await set_up(hass, entry)
    [runs] = await automate(hass, {"sender": "131 2345 6789"})
    for country, sender in [(None, "8613123456789"), ("CN", "8613123456789"), ("CN", "13123456789")]:
        await hass.config.async_update(country=country)
        await receive(hass, account, f"{sender} in {country}", sender=sender)
    await hass.config.async_update(country="US")
    await receive(hass, account, "In America", sender="13123456789")
    assert texts(runs) == ["8613123456789 in CN", "In America"]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_number_of_another_country_at_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account
) -> None:
    """A number that became impossible with another country doesn't keep an automation from starting."""
    await set_up(hass, entry)
    hass.set_state(CoreState.not_running)
    [runs] = await automate(hass, {"sender": ["077009001234567", "07700 900123"]})
    await hass.async_start()
    await receive(hass, account, "Gate")
    assert texts(runs) == ["Gate"]


@pytest.mark.parametrize("picked_by", ["device_id", "entity_id"])
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_account_that_is_removed(hass: HomeAssistant, emulator: Emulator, provider: str, picked_by: str) -> None:
    """Other accounts go on, also after a restart, and an issue says which automation asks for one that is gone."""
    accounts = [emulator.add_account(provider, name, "secret") for name in ("anna", "ben")]
    entries = [make_entry(emulator, account) for account in accounts]
    for entry in entries:
        entry.add_to_hass(hass)
    await set_up(hass, entries[0])
    ids = [(device_id if picked_by == "device_id" else entity_id)(hass, entry) for entry in entries]
    [runs] = await automate(hass, {"target": {picked_by: ids}})
    assert not ir.async_get(hass).issues
    await hass.config_entries.async_remove(entries[0].entry_id)
    await reload_automations(hass)
    await settle(hass)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"account_gone_{ids[0]}")
    assert issue
    assert issue.translation_placeholders == {"account": ids[0], "automations": "Automation 0"}
    await receive(hass, accounts[1], "To Ben")
    assert texts(runs) == ["To Ben"]
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.automation_0"}, blocking=True)
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_only_account_is_removed(hass: HomeAssistant, emulator: Emulator, provider: str) -> None:
    """A filter whose accounts are all gone means nobody, not everybody."""
    accounts = [emulator.add_account(provider, name, "secret") for name in ("anna", "ben")]
    entries = [make_entry(emulator, account) for account in accounts]
    for entry in entries:
        entry.add_to_hass(hass)
    await set_up(hass, entries[0])
    [runs] = await automate(hass, {"target": target(hass, entries[0])})
    await hass.config_entries.async_remove(entries[0].entry_id)
    await reload_automations(hass)
    await receive(hass, accounts[1], "To Ben")
    assert hass.states.is_state("automation.automation_0", "on")
    assert runs == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_old_message(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """A message that has waited too long at the provider triggers nothing that asks for new ones."""
    await set_up(hass, entry)
    every, new = await automate(hass, {}, {"not_older_than": {"minutes": 10}})
    for minutes in (11, 9):
        account.send(f"{minutes} minutes", received_at=dt_util.utcnow() - timedelta(minutes=minutes))
    await poll(hass, 16)
    assert texts(every) == ["11 minutes", "9 minutes"]
    assert texts(new) == ["9 minutes"]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_expression_that_takes_too_long(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """It counts as not matching, an issue names it, other automations go on, and the event loop is never held up."""
    await set_up(hass, entry)
    slow = r"(a|a)*$"
    runs, others = await automate(hass, {"text": slow, "match": "regex"}, {"text": "(?P<end>b)", "match": "regex"})
    await receive(hass, account, "a" * 40 + "b")
    await receive(hass, account, "aa")
    assert texts(runs) == ["aa"]
    assert texts(others) == ["a" * 40 + "b"]
    [issue] = ir.async_get(hass).issues.values()
    assert issue.translation_key == "slow_expression"
    assert issue.translation_placeholders == {"expression": slow, "automations": "Automation 0"}
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.automation_0"}, blocking=True)
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
@pytest.mark.parametrize("match", ["contains", "regex"])
async def test_how_much_is_compared(hass: HomeAssistant, entry: MockConfigEntry, account: Account, match: str) -> None:
    """Of a text that is longer than any SMS, the beginning is compared; the event has all of it."""
    await set_up(hass, entry)
    [every, runs] = await automate(hass, {}, {"text": "x", "match": match})
    for length in (39_999, 40_000):
        await receive(hass, account, "a" * length + "x")
    assert [len(text) for text in texts(every)] == [40_000, 40_001]
    assert [len(text) for text in texts(runs)] == [40_000]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_stranger_and_a_slow_expression(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Who isn't among the senders can't make an expression run at all."""
    await set_up(hass, entry)
    await automate(hass, {"sender": MUM, "text": r"(a|a)*$", "match": "regex"})
    await receive(hass, account, "a" * 40 + "b", sender="+447700900124")
    assert not ir.async_get(hass).issues
