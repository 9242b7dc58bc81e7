"""The notify entity of a contact, by Home Assistant's own action."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_capture_events

from emulator import Account, Emulator
from homeassistant.components.notify.const import NotifyEntityFeature
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component

from .conftest import PASSWORD, USERNAME, add_contact, make_entry, set_up, settle

ANNA = "+447700900321"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
def options() -> dict[str, Any]:
    """Return the account's options: sending is on."""
    return {"sending": {}}


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account, options: dict[str, Any]) -> MockConfigEntry:
    """Return its config entry, set up, with one contact."""
    hass.config.country = "GB"
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options=options)
    await add_contact(hass, entry, "Anna", ANNA)
    await set_up(hass, entry)
    return entry


async def send(hass: HomeAssistant, message: str, contact: str = "anna", **data: Any) -> None:
    """Send a text message to a contact."""
    context = data.pop("context", None)
    target = {"entity_id": f"notify.{contact}"}
    await hass.services.async_call(
        "notify", "send_message", {"message": message, **data}, target=target, context=context, blocking=True
    )


def shown(emulator: Emulator) -> list[tuple[str, str, str]]:
    """Return what phones show: sender, recipient and text."""
    return [(each.sender, each.recipient, each.text) for each in emulator.handsets.shown]


@pytest.mark.usefixtures("entry")
async def test_message_with_title(hass: HomeAssistant, emulator: Emulator) -> None:
    """The title is the first line, and the entity shows when the last message was sent."""
    state = hass.states.get("notify.anna")
    assert state.state == "unknown"
    assert state.attributes["supported_features"] == NotifyEntityFeature.TITLE
    await send(hass, "The door is open", title="Alarm")
    await send(hass, "It is closed")
    assert [text for _, _, text in shown(emulator)] == ["Alarm\nThe door is open", "It is closed"]
    assert hass.states.get("notify.anna").state.startswith("20")


async def test_sender_and_several_contacts(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Each contact gets an SMS, also one that was added later, from a sender of their own where they have one."""
    await add_contact(hass, entry, "Ben", "+33612345678", sender="+447700900999")
    await hass.services.async_call(
        "notify",
        "send_message",
        {"message": "Hello"},
        target={"entity_id": ["notify.anna", "notify.ben"]},
        blocking=True,
    )
    [(pool, anna, _), (own, ben, _)] = sorted(shown(emulator), key=lambda each: each[1], reverse=True)
    assert (anna, ben, own) == (ANNA, "+33612345678", "447700900999")
    assert pool != own


@pytest.mark.usefixtures("entry")
async def test_who_has_sent_it(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """The event has the caller's context, and the contact's name."""
    sent, context = async_capture_events(hass, "sms_sent"), Context(user_id=hass_admin_user.id)
    await send(hass, "Hello", context=context)
    [event] = sent
    assert event.context is context
    assert (event.data["contact"], event.data["recipient"], event.data["text"]) == ("Anna", ANNA, "Hello")


@pytest.mark.parametrize("options", [{}])
@pytest.mark.usefixtures("entry")
async def test_sending_is_off(hass: HomeAssistant, emulator: Emulator) -> None:
    """The entity is there, and the error says where to turn it on."""
    assert await async_setup_component(hass, "homeassistant", {})
    with pytest.raises(ServiceValidationError) as err:
        await send(hass, "Hello")
    assert err.value.translation_key == "sending_off"
    assert shown(emulator) == []
    assert hass.states.is_state("notify.anna", "unknown")


@pytest.mark.parametrize(
    ("number", "message", "key"),
    [
        ("+44909" + "8790000", "Hello", "recipient_premium"),
        ("+881612345678", "Hello", "recipient_satellite"),
        (ANNA.replace("321", "322"), "x" * 10_000, "send_too_long_parts"),
        (ANNA.replace("321", "322"), " ", "send_empty"),
    ],
)
async def test_what_is_not_sent(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, number: str, message: str, key: str
) -> None:
    """What a guard refuses doesn't reach the vendor; the time of the last message stays."""
    await add_contact(hass, entry, "Ben", number)
    with pytest.raises(ServiceValidationError) as err:
        await send(hass, message, contact="ben")
    assert err.value.translation_key == key
    assert shown(emulator) == []
    assert hass.states.is_state("notify.ben", "unknown")


@pytest.mark.usefixtures("entry")
async def test_vendor_refuses(hass: HomeAssistant, emulator: Emulator) -> None:
    """The action fails with the vendor's reason, in our words."""
    emulator.fault("bulksms", "unauthorized", count=None)
    with pytest.raises(HomeAssistantError) as err:
        await send(hass, "Hello")
    assert not isinstance(err.value, ServiceValidationError)
    assert err.value.translation_key == "send_invalid_auth"
    assert hass.states.is_state("notify.anna", "unknown")


async def test_number_of_now(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Another number counts at once, and so does the country that it brings; nothing is reloaded."""
    [contact] = entry.subentries.values()
    running = entry.runtime_data
    hass.config_entries.async_update_subentry(entry, contact, data={"number": "+33612345678"})
    await send(hass, "Hello")
    assert [recipient for _, recipient, _ in shown(emulator)] == ["+33612345678"]
    assert entry.runtime_data is running


async def test_options_can_be_saved(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The options dialog reloads the account by itself, which it can't where something else follows the entry."""
    dialog = await hass.config_entries.options.async_init(entry.entry_id)
    if dialog["type"] == "menu":
        dialog = await hass.config_entries.options.async_configure(dialog["flow_id"], {"next_step_id": "storage"})
    result = await hass.config_entries.options.async_configure(
        dialog["flow_id"], {"store_texts": True, "retention_days": 7}
    )
    await settle(hass)
    assert result["type"] == "create_entry"
    assert entry.options["retention_days"] == 7
    assert hass.states.is_state("notify.anna", "unknown")
