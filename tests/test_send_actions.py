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
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.setup import async_setup_component

from .conftest import PASSWORD, USERNAME, broken_store, make_entry, poll, set_up, settle
from .senders import ANNA, BEN, CLEO, SUBMISSION, add_sender, notify_entity, shown

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
    anna, ben = await notify_entity(hass, entry, "Anna", ANNA), await notify_entity(hass, other, "Ben", BEN)
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
    anna, ben = await notify_entity(hass, entry, "Anna", ANNA), await notify_entity(hass, other, "Ben", BEN)
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
    anna = await notify_entity(hass, entry, "Anna", ANNA, sender="+447700900111")
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
    ("fault", "options", "key"),
    [
        ("vendor_error", {"word": "insufficient-credits"}, "send_no_credit"),
        ("unauthorized", {}, "send_invalid_auth"),
        ("vendor_error", {"word": "bad-request"}, "send_refused"),
    ],
)
@pytest.mark.usefixtures("entry")
async def test_vendor_refuses(
    hass: HomeAssistant, emulator: Emulator, fault: str, options: dict[str, Any], key: str
) -> None:
    """What the vendor refuses is an error that says why, whether a response is wanted or not."""
    emulator.fault("bulksms", fault, count=None, where=SUBMISSION, **options)
    assert await refusal(hass, recipient=ANNA) == key
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "send_message", {"recipient": BEN, "message": "Hello"}, blocking=True)
    assert shown(emulator) == []


@pytest.mark.usefixtures("entry")
async def test_vendor_does_not_answer_in_time(hass: HomeAssistant, emulator: Emulator) -> None:
    """A text that still waits in the queue is no error."""
    emulator.fault("bulksms", "rate_limited", count=None, where=SUBMISSION)
    with patch("custom_components.sms_inbox.compose.ANSWER_SECONDS", 0.0):
        (text,) = await send(hass, recipient=ANNA)
    assert (text["status"], text["sent_at"]) == ("queued", None)


@pytest.mark.usefixtures("entry")
async def test_store_fails(hass: HomeAssistant, emulator: Emulator) -> None:
    """What can't be stored is not sent."""
    with broken_store("insert"):
        assert await refusal(hass, recipient=ANNA) == "send_store"
    assert shown(emulator) == []


async def test_no_account(hass: HomeAssistant, emulator: Emulator, account: Account) -> None:
    """The account need not be named if it is clear; otherwise the error says what to do."""
    reader = make_entry(emulator, account)
    reader.add_to_hass(hass)
    await set_up(hass, reader)
    webhook = MockConfigEntry(domain=DOMAIN, data={"provider": "webhook"}, options={"sending": {}})
    webhook.add_to_hass(hass)
    assert await refusal(hass, recipient=ANNA) == "no_sending_account"
    assert await refusal(hass, recipient=ANNA, config_entry_id=reader.entry_id) == "sending_off"
    assert await refusal(hass, recipient=ANNA, config_entry_id=webhook.entry_id) == "cannot_send"
    assert await refusal(hass, recipient=ANNA, config_entry_id="nothing") == "unknown_account"
    for username in ("ben", "cleo"):
        last = await add_sender(hass, emulator, emulator.add_account("bulksms", username, "secret"))
    assert await refusal(hass, recipient=ANNA) == "which_account"
    await hass.config_entries.async_unload(last.entry_id)
    assert await refusal(hass, recipient=ANNA, config_entry_id=last.entry_id) == "not_loaded"
    assert shown(emulator) == []


@pytest.mark.usefixtures("entry")
async def test_recipients_that_make_no_sense(hass: HomeAssistant, emulator: Emulator) -> None:
    """Nobody, too many, what is no contact, and what is no number."""
    assert await refusal(hass) == "no_recipient"
    assert (
        await refusal(hass, recipient=[f"0770090033{digit}" for digit in range(10)] + [ANNA]) == "too_many_recipients"
    )
    assert await refusal(hass, entity_id="sensor.bulksms_anna_last_message") == "not_a_contact"
    assert await refusal(hass, entity_id="notify.nobody") == "not_a_contact"
    assert await refusal(hass, recipient="Anna") == "recipient_invalid"
    assert await refusal(hass, recipient=ANNA, message=" ") == "send_empty"
    hass.config.country = "DE"
    assert await refusal(hass, recipient=447700900321) == "recipient_ambiguous"
    assert shown(emulator) == []


@pytest.mark.parametrize(
    "data",
    [
        {"recipient": ""},
        {"recipient": True},
        {"recipient": 7.5},
        {"message": None},
        {"message": ["Hello"]},
        {"sender": ""},
        {"key": ""},
        {"key": "x" * 256},
        {"expires_in": {"seconds": 0}},
        {"expires_in": {"hours": 24, "seconds": 1}},
        {"entity_id": "Anna"},
        {"title": "Hello"},
    ],
)
@pytest.mark.usefixtures("entry")
async def test_bad_data(hass: HomeAssistant, emulator: Emulator, data: dict[str, Any]) -> None:
    """What makes no sense is refused."""
    with pytest.raises(vol.Invalid):
        await send(hass, **{"recipient": ANNA, **data})
    assert shown(emulator) == []


@pytest.mark.parametrize(
    ("policy", "to_contact", "to_number"),
    [
        ({}, False, False),
        ({"entities": {"all": {"read": True}}}, False, False),
        ({"entities": {"all": {"control": True}}}, True, True),
        ({"entities": {"entity_ids": {"CONTACT": {"control": True}}}}, True, False),
        ({"entities": {"entity_ids": {"CONTACT": {"read": True}}}}, False, False),
        ({"entities": {"entity_ids": {"sensor.bulksms_anna_last_message": {"control": True}}}}, True, True),
        ({"entities": {"entity_ids": {"button.bulksms_anna_check_now": {"control": True}}}}, False, False),
    ],
)
async def test_users(
    hass: HomeAssistant,
    emulator: Emulator,
    account: Account,
    entry: MockConfigEntry,
    policy: dict[str, Any],
    to_contact: bool,  # noqa: FBT001
    to_number: bool,  # noqa: FBT001
) -> None:
    """Who isn't an administrator may send to a contact with its entity, and to all numbers with one of the account."""
    anna = await notify_entity(hass, entry, "Anna", ANNA)
    if named := policy.get("entities", {}).get("entity_ids"):
        policy = {"entities": {"entity_ids": {each.replace("CONTACT", anna): right for each, right in named.items()}}}
    user = MockUser().add_to_hass(hass)
    user.mock_policy(policy)
    context = Context(user_id=user.id)
    answers = [await receive(hass, account, sender=number) for number in (ANNA, BEN)]

    async def may(action: str, **data: Any) -> bool:
        try:
            await act(hass, action, context, message="Hello", **data)
        except Unauthorized:
            return False
        return True

    assert await may("send_message", entity_id=anna) is to_contact
    assert await may("send_message", recipient=BEN) is to_number
    assert await may("send_message", entity_id=anna, recipient=BEN) is to_number
    for message_id, allowed in zip(answers, (to_contact, to_number), strict=True):
        assert await may("reply", config_entry_id=entry.entry_id, message_id=message_id) is allowed
    assert len(shown(emulator)) == 2 * to_contact + 4 * to_number


@pytest.mark.usefixtures("entry")
async def test_administrator_and_user_who_is_gone(hass: HomeAssistant, emulator: Emulator) -> None:
    """An administrator may send to all; a user who was deleted may not."""
    admin = MockUser(is_owner=True).add_to_hass(hass)
    await send(hass, Context(user_id=admin.id), recipient=ANNA)
    with pytest.raises(UnknownUser):
        await send(hass, Context(user_id="gone"), recipient=ANNA)
    assert len(shown(emulator)) == 1


async def test_reply_in_an_automation(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry
) -> None:
    """An automation answers with the fields of its trigger, and the answer says to which message it belongs."""
    sent = async_capture_events(hass, "sms_sent")
    reply = {
        "action": "sms_inbox.reply",
        "data": {
            "config_entry_id": "{{ trigger.config_entry_id }}",
            "message_id": "{{ trigger.message_id }}",
            "message": "You wrote {{ trigger.text }}",
        },
    }
    automation = {"alias": "Answer", "triggers": {"trigger": "sms_inbox.received"}, "actions": reply}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    message_id = await receive(hass, account, "Hi", sender=BEN)
    assert shown(emulator) == [(BEN, "You wrote Hi")]
    assert (sent[0].data["answers"], sent[0].data["config_entry_id"]) == (message_id, entry.entry_id)


@pytest.mark.parametrize(
    ("senders", "from_number"), [([], False), ([{"type": "INTERNATIONAL", "address": OURS}], True)]
)
async def test_reply_from_the_number_that_was_written_to(
    hass: HomeAssistant,
    emulator: Emulator,
    account: Account,
    entry: MockConfigEntry,
    senders: Any,
    from_number: bool,  # noqa: FBT001
) -> None:
    """The answer comes from there where the vendor allows that, else from the account's sender."""
    account.extra["senders"] = senders
    message_id = await receive(hass, account)
    await act(hass, "reply", config_entry_id=entry.entry_id, message_id=message_id, message="Yes", key="once")
    await act(hass, "reply", config_entry_id=entry.entry_id, message_id=message_id, message="Yes", key="once")
    (text,) = emulator.handsets.shown
    assert (text.sender.removeprefix("+") == OURS.removeprefix("+")) is from_number


async def test_reply_when_the_senders_are_not_known(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry
) -> None:
    """A vendor that doesn't say who may be the sender doesn't keep the answer from being sent."""
    message_id = await receive(hass, account)
    emulator.fault("bulksms", "server_error", count=None, path="/profile")
    await act(hass, "reply", config_entry_id=entry.entry_id, message_id=message_id, message="Yes")
    assert shown(emulator) == [(ANNA, "Yes")]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"sender": "MYBANK"}, "reply_sender"),
        ({"sender": "80001"}, "reply_sender"),
        ({"sender": "+449098790001"}, "recipient_premium"),
        ({"sender": "+33612345678"}, "recipient_country"),
        ({"received_at": datetime.now(UTC) - timedelta(days=7, minutes=5)}, "reply_too_old"),
    ],
)
async def test_senders_that_are_not_answered(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry, fields: dict[str, Any], key: str
) -> None:
    """Names and short numbers can't be answered, and what must not be sent to isn't."""
    message_id = await receive(hass, account, **fields)
    assert await refusal(hass, "reply", config_entry_id=entry.entry_id, message_id=message_id) == key
    assert shown(emulator) == []


async def test_messages_that_are_not_answered(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry
) -> None:
    """What isn't there, and who wants no answers."""
    message_id = await receive(hass, account)
    ours = {"config_entry_id": entry.entry_id, "message_id": message_id}
    assert await refusal(hass, "reply", **{**ours, "message_id": "4711"}) == "reply_unknown"
    assert await refusal(hass, "reply", **{**ours, "config_entry_id": "nothing"}) == "unknown_account"
    with patch.object(Store, "read", side_effect=StoreError("disk I/O")):
        assert await refusal(hass, "reply", **ours) == "store_unreadable"
    await async_get_store(hass).write(outgoing.opt_out, entry.entry_id, ANNA)
    assert await refusal(hass, "reply", **ours) == "reply_opted_out"
    hass.config_entries.async_update_entry(entry, options={})
    await async_get_store(hass).write(outgoing.opt_in, entry.entry_id, ANNA)
    assert await refusal(hass, "reply", **ours) == "sending_off"
    assert shown(emulator) == []


async def test_message_of_another_channel(hass: HomeAssistant, emulator: Emulator) -> None:
    """A WhatsApp message is not answered by SMS."""
    account = emulator.add_account("twilio", USERNAME, PASSWORD)
    entry = await add_sender(hass, emulator, account)
    message_id = await receive(hass, account, sender=f"whatsapp:{ANNA}")
    assert await refusal(hass, "reply", config_entry_id=entry.entry_id, message_id=message_id) == "reply_channel"
