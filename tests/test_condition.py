"""The condition "Text message matches", in one automation that does several things."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from emulator import Account
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import poll, set_up

SENDER = "+447700900123"


async def automate(hass: HomeAssistant, trigger: dict[str, Any], **options: Any) -> list[Any]:
    """Add an automation with the condition; return its runs."""
    hass.config.country = "GB"
    automation = {
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
async def test_bad_expression(hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture) -> None:
    """A regular expression that is none is refused when the automation is saved."""
    await set_up(hass, entry)
    await automate(hass, {"trigger": "sms_inbox.received"}, text="(", match="regex")
    assert hass.states.get("automation.test").state == "unavailable"
    assert "The regular expression is invalid" in caplog.text
