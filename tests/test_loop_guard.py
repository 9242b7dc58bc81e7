"""The guards against texts that go back and forth: between two houses, and with machines."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_test_home_assistant

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.loop_guard import MayNotAnswerError
from custom_components.sms_inbox.model import OPEN
from custom_components.sms_inbox.store import outgoing
from emulator import Emulator
from homeassistant import loader
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.components.conversation import ConversationResult
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.intent import IntentResponse
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Clock, Repairs, make_entry, poll, set_up, settle

ANNA = "+447700900321"
HERE, THERE = "+447700900100", "+447700900200"


class House:
    """A Home Assistant with one account, and a contact who may talk to its Assist."""

    def __init__(self, hass: HomeAssistant, emulator: Emulator, username: str, number: str, contact: str) -> None:
        """Take the house's own number, and that of its contact."""
        self.hass, self.emulator, self.number, self.contact = hass, emulator, number, contact
        self.account = emulator.add_account("bulksms", username, "s3cret")
        self.entry = make_entry(emulator, self.account)

    async def set_up(self, **options: Any) -> None:
        """Set it up, with sending from its own number."""
        hass, entry = self.hass, self.entry
        hass.config.country = "GB"
        for domain in ("homeassistant", "conversation"):
            assert await async_setup_component(hass, domain, {})
        if not any(user.is_owner for user in await hass.auth.async_get_users()):
            await hass.auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])
        user = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_USER])
        data = {"number": self.contact, "assist": True, "assist_user": user.id}
        entry.add_to_hass(hass)
        hass.config_entries.async_update_entry(
            entry, options={"sending": {"sender": self.number, "per_hour": 100, "per_day": 100, **options}}
        )
        hass.config_entries.async_add_subentry(
            entry,
            ConfigSubentry(data=MappingProxyType(data), subentry_type="contact", title="Anna", unique_id=self.contact),
        )
        await set_up(hass, entry)

    async def receive(self, text: str, sender: str | None = None, **options: Any) -> None:
        """Let a text come in, and let the house do what it does then."""
        sender = self.contact if sender is None else sender
        self.account.send(text, sender=sender, recipient=self.number, **options)
        await poll(self.hass)
        rows = await async_get_store(self.hass).read(outgoing.with_status, self.entry.entry_id, OPEN)
        await self.entry.runtime_data.outbox.async_wait([row.outgoing.key for row in rows], 10)
        await settle(self.hass)

    @property
    def sent(self) -> list[str]:
        """What has arrived from this house at phones."""
        return [each.text for each in self.emulator.handsets.shown if each.username == self.account.username]

    @property
    def paused(self) -> str | None:
        """The issue that says that Assist is paused, None where it isn't."""
        contact = next(iter(self.entry.subentries))
        issue_id = f"assist_paused_{contact}_{self.entry.entry_id}"
        return issue_id if ir.async_get(self.hass).async_get_issue(DOMAIN, issue_id) else None


@pytest.fixture
async def house(hass: HomeAssistant, emulator: Emulator) -> House:
    """Return a house whose contact is Anna."""
    house = House(hass, emulator, "here", HERE, ANNA)
    await house.set_up()
    return house


@pytest.fixture
async def other(hass: HomeAssistant, tmp_path: Path) -> AsyncGenerator[HomeAssistant]:
    """Run another Home Assistant beside the first one."""
    folder = tmp_path / "other"
    folder.mkdir()
    async with async_test_home_assistant(hass.loop, config_dir=str(folder)) as other:
        other.data.pop(loader.DATA_CUSTOM_COMPONENTS)
        yield other
        for entry in other.config_entries.async_entries(DOMAIN):
            assert await other.config_entries.async_unload(entry.entry_id)
        await other.async_stop(force=True)


@pytest.fixture
def talkative() -> Iterator[None]:
    """Let Assist say something else each time."""
    said = 0

    async def converse(_hass: HomeAssistant, _text: str, conversation_id: str | None, *_: Any, **__: Any) -> Any:
        nonlocal said
        said += 1
        response = IntentResponse("en")
        response.async_set_speech(f"Answer {said}")
        return ConversationResult(response, conversation_id)

    with patch("homeassistant.components.conversation.async_converse", converse):
        yield


async def exchange(first: House, second: House) -> list[str]:
    """Let the first house get a text from the second one, and carry what they send until nothing comes any more."""
    here, there, carried = first, second, list[str]()
    await here.receive("Hello")
    while new := here.sent[sum(each.startswith(here.account.username) for each in carried) :]:
        carried += [f"{here.account.username}: {text}" for text in new]
        assert len(carried) < 100
        for text in new:
            await there.receive(text)
        here, there = there, here
    return carried


@pytest.mark.usefixtures("talkative")
async def test_two_houses(hass: HomeAssistant, other: HomeAssistant, emulator: Emulator) -> None:
    """Two houses that talk to each other end after five texts each, and the one that stops says so."""
    first, second = House(hass, emulator, "here", HERE, THERE), House(other, emulator, "there", THERE, HERE)
    await first.set_up()
    await second.set_up()
    carried = await exchange(first, second)
    assert len(carried) == 10
    assert (len(first.sent), len(second.sent)) == (5, 5)
    assert first.paused
    await first.receive("One more")
    assert len(first.sent) == 5


async def test_two_houses_that_say_the_same(hass: HomeAssistant, other: HomeAssistant, emulator: Emulator) -> None:
    """Two houses that understand nothing end earlier, since they repeat themselves."""
    first, second = House(hass, emulator, "here", HERE, THERE), House(other, emulator, "there", THERE, HERE)
    await first.set_up()
    await second.set_up()
    assert len(await exchange(first, second)) == 6
    assert (len(first.sent), len(second.sent)) == (3, 3)


@pytest.mark.usefixtures("talkative")
async def test_two_accounts_of_one_house(hass: HomeAssistant, emulator: Emulator) -> None:
    """Two accounts of one house don't answer each other at all."""
    first, second = House(hass, emulator, "here", HERE, THERE), House(hass, emulator, "there", THERE, HERE)
    await first.set_up()
    await second.set_up()
    assert await exchange(first, second) == []


@pytest.mark.usefixtures("talkative")
async def test_number_that_was_written_to(hass: HomeAssistant, emulator: Emulator) -> None:
    """A number to which a message came is one's own, also if nobody has chosen it as a sender."""
    first, second = House(hass, emulator, "here", HERE, THERE), House(hass, emulator, "there", THERE, ANNA)
    await first.set_up(sender="")
    await second.set_up(sender="")
    await first.receive("One")
    assert first.sent == ["Answer 1"]
    await second.receive("Two", sender="+447700900555")
    await first.receive("Three")
    assert first.sent == ["Answer 1"]


@pytest.mark.usefixtures("talkative")
async def test_five_in_ten_minutes(hass: HomeAssistant, house: House, days: Clock, repairs: Repairs) -> None:
    """The sixth question is not answered, also after a restart, until a person says so; all count from then on."""
    for number in range(4):
        await house.receive(f"Question {number}")
    assert await hass.config_entries.async_reload(house.entry.entry_id)
    await settle(hass)
    await house.receive("Question 4")
    assert (len(house.sent), house.paused) == (5, None)
    await house.receive("Question 5")
    assert len(house.sent) == 5
    issue_id = house.paused
    assert issue_id
    await days.advance(700, step=100)
    await house.receive("Question 6", received_at=dt_util.utcnow())
    assert len(house.sent) == 5
    dialog = await repairs.open(issue_id)
    assert dialog["description_placeholders"]["contact"] == "Anna"
    await repairs.submit(dialog)
    assert house.paused is None
    for number in range(6):
        await house.receive(f"Question {number}", received_at=dt_util.utcnow())
    assert len(house.sent) == 10
    assert house.paused


@pytest.mark.usefixtures("talkative")
async def test_twenty_in_a_day(house: House, days: Clock) -> None:
    """The twenty-first question within a day is not answered, and after a day all begins anew."""
    for number in range(21):
        days.offset += 660
        await house.receive(f"Question {number}", received_at=dt_util.utcnow())
    assert len(house.sent) == 20
    assert house.paused
    days.offset += 23 * 3600
    await house.receive("Still paused", received_at=dt_util.utcnow())
    assert len(house.sent) == 20
    days.offset += 2 * 3600
    await house.receive("Next day", received_at=dt_util.utcnow())
    assert len(house.sent) == 21
    assert house.paused is None


@pytest.mark.usefixtures("talkative")
async def test_pause_ends_with_its_contact(hass: HomeAssistant, house: House, clock: Clock) -> None:
    """A pause is over when its contact may not talk to Assist any more, and when the account is removed."""
    for number in range(6):
        await house.receive(f"Question {number}")
    assert house.paused
    contact = next(iter(house.entry.subentries.values()))
    hass.config_entries.async_update_subentry(house.entry, contact, data={**contact.data, "assist": False})
    await clock.advance(400, step=100)
    assert house.paused is None
    hass.config_entries.async_update_subentry(house.entry, contact, data={**contact.data, "assist": True})
    await house.receive("Question 7")
    assert house.paused
    await hass.config_entries.async_remove(house.entry.entry_id)
    assert [issue for issue in ir.async_get(hass).issues.values() if issue.issue_id.startswith("assist")] == []


@pytest.mark.usefixtures("talkative")
async def test_repeated(house: House, days: Clock) -> None:
    """The third equal message within an hour isn't answered; another one is, and later the same one."""
    for _ in range(4):
        await house.receive("Status")
    assert len(house.sent) == 2
    await house.receive("Status please")
    assert len(house.sent) == 3
    for _ in range(3):
        days.offset += 1900
        await house.receive("Status", received_at=dt_util.utcnow())
    assert len(house.sent) == 6
    assert house.paused is None


@pytest.mark.parametrize("word", ["STOP", "stop.", " Arrêt ", "UNSUBSCRIBE", "abmelden"])
@pytest.mark.usefixtures("talkative")
async def test_opt_out(hass: HomeAssistant, house: House, word: str) -> None:
    """After an opt-out word nothing automatic is sent, also after a restart, until the sender opts in again."""
    await house.receive(word)
    await house.receive("Question")
    assert await hass.config_entries.async_reload(house.entry.entry_id)
    await settle(hass)
    await house.receive("Question 2")
    assert house.sent == []
    await house.receive("Start")
    assert house.sent == []
    await house.receive("Stop the music")
    assert house.sent == ["Answer 1"]


async def refusal(house: House, received: list[Event[Any]], text: str, sender: str = ANNA) -> str | None:
    """Let a message come in; return why it must not be answered, None if it may be."""
    await house.receive(text, sender=sender)
    try:
        await house.entry.runtime_data.loop_guard.async_may_answer(received[-1].data)
    except MayNotAnswerError as err:
        return err.key
    return None


@pytest.mark.parametrize(
    ("sender", "text", "key"),
    [
        ("+447700900555", "Hello", None),
        ("MYBANK", "Hello", "reply_sender"),
        ("60777", "Hello", "reply_sender"),
        ("", "Hello", "reply_sender"),
        (HERE, "Hello", "reply_own_number"),
        ("+447700900555", "QUIT", "reply_machine"),
        ("+447700900555", "START", "reply_machine"),
        ("+447700900555", "You have been unsubscribed. Reply START to resubscribe.", "reply_machine"),
        ("+447700900555", "Please stop and reply", None),
    ],
)
async def test_who_may_be_answered(
    house: House, received: list[Event[Any]], sender: str, text: str, key: str | None
) -> None:
    """What the action `reply` asks, too: machines, short numbers and the house itself aren't answered."""
    assert await refusal(house, received, text, sender) == key


async def test_redelivered(house: House, received: list[Event[Any]]) -> None:
    """A message that may have been delivered before isn't answered."""
    await house.receive("Hello", sender="+447700900555")
    with pytest.raises(MayNotAnswerError, match="reply_redelivered"):
        await house.entry.runtime_data.loop_guard.async_may_answer({**received[-1].data, "redelivered": True})


@pytest.mark.usefixtures("talkative")
async def test_replies_count(house: House, received: list[Event[Any]]) -> None:
    """What an automation has replied counts with what Assist has answered, and ends, too."""

    async def reply() -> None:
        message = {name: received[-1].data[name] for name in ("config_entry_id", "message_id")}
        await house.hass.services.async_call(DOMAIN, "reply", {**message, "message": "Hi"}, blocking=True)

    for number in range(3):
        await house.receive(f"Question {number}")
        if number < 2:
            await reply()
    assert len(house.sent) == 5
    await house.receive("Question 3")
    with pytest.raises(ServiceValidationError) as refused:
        await reply()
    assert refused.value.translation_key == "reply_too_many"
    assert len(house.sent) == 5
    assert house.paused
