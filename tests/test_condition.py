"""The condition "Text message matches", in one automation that does several things."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant, State
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.condition import async_from_config, async_validate_condition_config
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import add_contact, poll, set_up, settle

SENDER = "+447700900123"


async def automate(hass: HomeAssistant, trigger: dict[str, Any], **options: Any) -> list[Any]:
    """Add an automation with the condition; return its runs."""
    hass.config.country = "GB"
    automation = {
        "id": "1234",
        "alias": "Test",
        "mode": "queued",
        "max": 100,
        "triggers": trigger,
        "conditions": {"condition": "sms_inbox.message_matches", "options": options},
        "actions": {"event": "ran"},
    }
    await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    return async_capture_events(hass, "ran")


@pytest.mark.parametrize(
    "trigger",
    [
        {"trigger": "sms_inbox.received"},
        {"trigger": "event", "event_type": "sms_received"},
        {"trigger": "state", "entity_id": "event.bulksms_anna_message"},
        {
            "trigger": "event.received",
            "target": {"entity_id": "event.bulksms_anna_message"},
            "options": {"event_type": ["received"]},
        },
    ],
    ids=["ours", "event", "state", "event entity"],
)
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
@pytest.mark.usefixtures("every_entity")
async def test_message_of_every_trigger(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, trigger: dict[str, Any]
) -> None:
    """It tests the message of whichever trigger brought it."""
    await set_up(hass, entry)
    runs = await automate(hass, trigger, sender=["07700 900123"], text="gate", match="begins_with")
    for text, sender in [("Gate", SENDER), ("The gate", SENDER), ("Gate", "+447700900124")]:
        account.send(text, sender=sender)
        await poll(hass)
    assert len(runs) == 1


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_contact(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """A contact is told by the number of now, whichever trigger brought the message."""
    contact = await add_contact(hass, entry, "Anna", SENDER)
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "event", "event_type": "sms_received"}, contact=["notify.anna"])
    for sender in (SENDER, "+447700900124"):
        account.send("Gate", sender=sender)
        await poll(hass)
    assert len(runs) == 1
    hass.config_entries.async_update_subentry(entry, contact, data={"number": "+447700900124"})
    for sender in (SENDER, "+447700900124"):
        account.send("Gate", sender=sender)
        await poll(hass)
    assert len(runs) == 2


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_without_a_message(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What no message triggered doesn't match, and neither does an automation that is run by hand."""
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "event", "event_type": "something"})
    hass.bus.async_fire("something", {"text": "gate"})
    hass.bus.async_fire("something", {"text": "gate", "sender": SENDER})
    await hass.async_block_till_done()
    await hass.services.async_call(
        "automation", "trigger", {"entity_id": "automation.test", "skip_condition": False}, blocking=True
    )
    assert len(runs) == 1  # what looks like a message is taken for one


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_script_that_nothing_triggered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where there is no trigger at all, there is no message."""
    await set_up(hass, entry)
    sequence = [{"condition": "sms_inbox.message_matches", "options": {}}, {"event": "ran"}]
    await async_setup_component(hass, "script", {"script": {"test": {"sequence": sequence}}})
    runs = async_capture_events(hass, "ran")
    await hass.services.async_call("script", "test", blocking=True)
    assert runs == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_blank_row(hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused when the automation is saved, as everything that the trigger refuses."""
    await set_up(hass, entry)
    await automate(hass, {"trigger": "sms_inbox.received"}, sender=[""], text="gate")
    assert hass.states.is_state("automation.test", "unavailable")
    assert "This is blank" in caplog.text


@pytest.mark.parametrize("entity", ["event.bulksms_anna_message", "sensor.bulksms_anna_last_message"])
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
@pytest.mark.usefixtures("every_entity")
async def test_replayed_state(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, entity: str
) -> None:
    """A message that an entity shows again, after a reload, an outage or a new name, opens nothing."""
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "state", "entity_id": entity}, text="gate")
    account.send("Hello")  # the first message makes the entity known
    await poll(hass)
    account.send("Gate")
    await poll(hass)
    assert len(runs) == 1
    account.send("Gate")  # the same text is another message
    await poll(hass)
    assert len(runs) == 2
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    emulator.fault("bulksms", "server_error")
    await poll(hass)
    await poll(hass, 3600)
    er.async_get(hass).async_update_entity(entity, name="Another name")
    state = hass.states.get(entity)
    hass.states.async_set(entity, state.state, state.attributes, force_update=True)
    await settle(hass)
    assert len(runs) == 2
    account.send("Gate again")
    await poll(hass, 3700)
    assert len(runs) == 3


@pytest.mark.parametrize("age", [9, 11])
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_age_when_it_was_delivered(hass: HomeAssistant, entry: MockConfigEntry, age: int) -> None:
    """What counts is how old a message was when it was delivered, an hour ago, however long the automation takes."""
    await set_up(hass, entry)
    delivered_at = dt_util.utcnow() - timedelta(hours=1)
    received_at = (delivered_at - timedelta(minutes=age)).isoformat()
    message = {"sender": SENDER, "text": "Gate", "received_at": received_at}
    before = State("event.message", "unknown")
    state = State("event.message", delivered_at.isoformat(), message, last_updated=delivered_at)
    config = {"condition": "sms_inbox.message_matches", "options": {"not_older_than": {"minutes": 10}}}
    checker = await async_from_config(hass, await async_validate_condition_config(hass, config))
    for trigger in [
        {**message, "delivered_at": delivered_at.isoformat()},
        {"event": Event("sms_received", message, time_fired_timestamp=delivered_at.timestamp())},
        {"to_state": state, "from_state": before},
    ]:
        assert checker.async_check(variables={"trigger": trigger}) is (age == 9)
    checker.async_unload()


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_country_of_now(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Another country takes effect at once."""
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "sms_inbox.received"}, sender=["131 2345 6789"])
    for country in ("CN", "US"):
        await hass.config.async_update(country=country)
        account.send("Hello", sender="13123456789")
        await poll(hass)
        assert len(runs) == (country == "US")


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_expression_that_takes_too_long(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """It counts as not matching, and an issue names it and links to the automation until that is off."""
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "sms_inbox.received"}, text=r"(a|a)*$", match="regex")
    for text in ("a" * 40 + "b", "aa"):
        account.send(text)
        await poll(hass)
    assert len(runs) == 1
    [issue] = ir.async_get(hass).issues.values()
    assert issue.translation_key == "slow_expression"
    assert issue.translation_placeholders["automations"] == "[Test](/config/automation/edit/1234)"
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.test"}, blocking=True)
    await settle(hass)


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_expression_that_nobody_ran_before(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where a message doesn't come from the inbox, an expression is given a few milliseconds, and no more."""
    await set_up(hass, entry)
    runs = await automate(hass, {"trigger": "event", "event_type": "old"}, text=r"(a|a)*$", match="regex")
    hass.bus.async_fire("old", {"sender": SENDER, "text": "a" * 40 + "b"})
    hass.bus.async_fire("old", {"sender": SENDER, "text": "aa"})
    await hass.async_block_till_done()
    assert len(runs) == 1
    assert [issue.translation_key for issue in ir.async_get(hass).issues.values()] == ["slow_expression"]
