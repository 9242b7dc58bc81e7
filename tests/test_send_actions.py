"""The actions `send_message` and `reply`."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_capture_events
import voluptuous as vol

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.store import Store, StoreError, outgoing
from emulator import Account, Emulator
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.setup import async_setup_component

from .conftest import PASSWORD, USERNAME, broken_store, make_entry, poll, set_up, settle
from .senders import ANNA, BEN, CLEO, add_contact, add_sender, shown

OURS = "+447700900999"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, with sending switched on."""
    return await add_sender(hass, emulator, account)


async def act(hass: HomeAssistant, action: str, context: Context | None = None, **data: Any) -> list[dict[str, Any]]:
    """Use an action; return what its response says of each text."""
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True, context=context)
    assert answer
    texts: list[dict[str, Any]] = answer["messages"]  # type: ignore[assignment]
    return texts


async def send(hass: HomeAssistant, context: Context | None = None, **data: Any) -> list[dict[str, Any]]:
    """Send a message."""
    return await act(hass, "send_message", context, **{"message": "Hello", **data})


async def refusal(hass: HomeAssistant, action: str = "send_message", **data: Any) -> str:
    """Use an action that is refused; return why, as a key of the translations, once its sentence is complete."""
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, action, **{"message": "Hello", **data})
    assert caught.value.translation_domain == DOMAIN
    assert "{" not in str(caught.value)
    return str(caught.value.translation_key)


async def receive(hass: HomeAssistant, account: Account, text: str = "Hi", **fields: Any) -> str:
    """Let a message come; return its id."""
    received = async_capture_events(hass, "sms_received")
    account.send(text, **{"sender": ANNA, "recipient": OURS, **fields})
    await poll(hass)
    return str(received[-1].data["message_id"])


@pytest.mark.parametrize(
    "recipient",
    [
        "07700 900321",
        "+44 7700 900321",
        "0044 (0)7700-900321",
        ["07700900321", "+447700900321"],
        447700900321,
        [447700900321],
    ],
)
@pytest.mark.usefixtures("entry")
async def test_number_as_typed(hass: HomeAssistant, emulator: Emulator, recipient: Any) -> None:
    """A number is understood as people type it, and as templates make it; twice the same number is one SMS."""
    (text,) = await send(hass, recipient=recipient)
    assert (text["recipient"], text["status"]) == (ANNA, "accepted")
    assert shown(emulator) == [(ANNA, "Hello")]


async def test_response(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The response has what the event has, with the caller's context; it is only there where it is wanted."""
    sent, context = async_capture_events(hass, "sms_sent"), Context()
    (text,) = await send(hass, context, recipient=ANNA, message="ж" * 71)
    (event,) = sent
    assert text == {key: event.data[key] for key in text}
    assert event.context is context
    assert (text["config_entry_id"], text["parts"], text["contact"]) == (entry.entry_id, 2, None)
    without = await hass.services.async_call(
        DOMAIN, "send_message", {"recipient": BEN, "message": "Hello"}, blocking=True
    )
    assert without is None
    assert len(sent) == 2


async def test_contacts_of_several_accounts(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Each contact gets the text from its own account, and whoever is named twice gets it once."""
    other = await add_sender(hass, emulator, emulator.add_account("bulksms", "ben", "secret"))
    anna, ben = add_contact(hass, entry, "Anna", ANNA), add_contact(hass, other, "Ben", BEN)
    texts = await send(hass, entity_id=[anna, ben], recipient=["07700900321", CLEO], config_entry_id=entry.entry_id)
    assert {(text["recipient"], text["contact"], text["config_entry_id"]) for text in texts} == {
        (ANNA, "Anna", entry.entry_id),
        (CLEO, None, entry.entry_id),
        (BEN, "Ben", other.entry_id),
    }
    assert {(each.username, each.recipient) for each in emulator.handsets.shown} == {
        (USERNAME, ANNA),
        (USERNAME, CLEO),
        ("ben", BEN),
    }


async def test_nothing_is_sent_if_one_account_can_not(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry
) -> None:
    """If the text is refused for one account, the contact of the other one gets nothing either."""
    other = await add_sender(hass, emulator, emulator.add_account("bulksms", "ben", "secret"), parts=1)
    anna, ben = add_contact(hass, entry, "Anna", ANNA), add_contact(hass, other, "Ben", BEN)
    assert await refusal(hass, entity_id=[anna, ben], message="x" * 161) == "send_too_many_parts"
    assert shown(emulator) == []


@pytest.mark.usefixtures("entry")
async def test_key(hass: HomeAssistant, emulator: Emulator) -> None:
    """The same call with the same key sends nothing more, and is answered in the same way."""
    first = await send(hass, recipient=ANNA, key="alarm 1")
    assert await send(hass, recipient=ANNA, key="alarm 1") == first
    await send(hass, recipient=ANNA, key="alarm 2")
    assert shown(emulator) == [(ANNA, "Hello")] * 2


@pytest.mark.parametrize(("sender", "expected"), [("ACME", "ACME"), (447700900999, OURS), (None, "+447700900111")])
async def test_sender(hass: HomeAssistant, emulator: Emulator, account: Account, sender: Any, expected: str) -> None:
    """A sender that is named goes before that of the contact, and that one before the account's."""
    entry = await add_sender(hass, emulator, account, sender="+447700900222")
    anna = add_contact(hass, entry, "Anna", ANNA, sender="+447700900111")
    await send(hass, entity_id=anna, **({"sender": sender} if sender else {}))
    assert [each.sender.lstrip("+") for each in emulator.handsets.shown] == [expected.lstrip("+")]


@pytest.mark.usefixtures("entry")
async def test_message_that_expires(hass: HomeAssistant, emulator: Emulator) -> None:
    """A text that can't be sent in time is an error; nothing of it is sent later."""
    emulator.fault("bulksms", "rate_limited", count=None, path="/messages")
    assert await refusal(hass, recipient=ANNA, expires_in={"seconds": 1}) == "send_expired"
    emulator.clear_faults()
    await settle(hass)
    assert shown(emulator) == []


@pytest.mark.parametrize(
    ("fault", "options", "key", "arrives"),
    [
        ("vendor_error", {"word": "insufficient-credits"}, "send_no_credit", False),
        ("unauthorized", {}, "send_invalid_auth", False),
        ("vendor_error", {"word": "bad-request"}, "send_refused", False),
    ],
)
@pytest.mark.usefixtures("entry")
async def test_vendor_refuses(
    hass: HomeAssistant,
    emulator: Emulator,
    fault: str,
    options: dict[str, Any],
    key: str,
    arrives: bool,  # noqa: FBT001
) -> None:
    """What the vendor refuses is an error that says why, whether a response is wanted or not."""
    emulator.fault("bulksms", fault, path="/messages", where={"deduplication-id": ""}, **options) if False else None
    emulator.fault("bulksms", fault, count=None, **options)
    assert await refusal(hass, recipient=ANNA) == key
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "send_message", {"recipient": BEN, "message": "Hello"}, blocking=True)
    assert bool(shown(emulator)) is arrives
