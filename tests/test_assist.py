"""Assist by SMS: who is answered, with which rights, and how often."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
import logging
from types import MappingProxyType
from typing import Any
from unittest.mock import Mock, patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.model import OPEN, Message
from custom_components.sms_inbox.providers.sending.bulksms import BulkSmsSending
from custom_components.sms_inbox.store import messages, outgoing
from emulator import Account, Emulator
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.components.assist_pipeline import PipelineNotFound
from homeassistant.components.conversation import ConversationResult
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigSubentry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.intent import IntentResponse
from homeassistant.helpers.issue_registry import IssueRegistry
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Clock, Repairs, broken_store, poll, set_up, settle

ANNA = "+447700900321"
OWN = "+447700900999"
SAFE = "input_boolean.safe"


@pytest.fixture
def provider() -> str:
    """Return a provider that can send; what depends on the provider has its own test."""
    return "bulksms"


@pytest.fixture
async def house(hass: HomeAssistant) -> User:
    """Set up Assist and a switch that it knows; return the owner of Home Assistant."""
    hass.config.country = "GB"
    for domain, config in (("homeassistant", {}), ("conversation", {}), ("input_boolean", {"safe": {"name": "Safe"}})):
        assert await async_setup_component(hass, domain, {domain: config})
    async_expose_entity(hass, "conversation", SAFE, should_expose=True)
    return await hass.auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])


@pytest.fixture
async def user(hass: HomeAssistant, house: User) -> User:
    """Return a user who may switch what is there."""
    assert house.is_owner
    return await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])


class Contact:
    """A person with a phone, and what the house answers."""

    def __init__(self, hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry) -> None:
        """Take the account that the person writes to."""
        self.hass, self.emulator, self.account, self.entry = hass, emulator, account, entry

    def allow(self, user: User | None, **settings: str) -> ConfigSubentry:
        """Let the contact talk to Assist as a user."""
        data = {"number": ANNA, "assist": True, "assist_user": user.id if user else "", **settings}
        for each in list(self.entry.subentries):
            self.hass.config_entries.async_remove_subentry(self.entry, each)
        contact = ConfigSubentry(data=MappingProxyType(data), subentry_type="contact", title="Anna", unique_id=ANNA)
        self.hass.config_entries.async_add_subentry(self.entry, contact)
        return contact

    async def write(self, text: str, sender: str = ANNA, **options: Any) -> list[str]:
        """Write a message, and return all that has come back so far."""
        self.account.send(text, sender=sender, recipient=OWN, **options)
        await poll(self.hass)
        await self.settle()
        return self.answers

    async def settle(self) -> None:
        """Wait until all that is to be sent is sent."""
        rows = await async_get_store(self.hass).read(outgoing.with_status, self.entry.entry_id, OPEN)
        await self.entry.runtime_data.outbox.async_wait([row.outgoing.key for row in rows], 10)
        await settle(self.hass)

    @property
    def answers(self) -> list[str]:
        """What is on the phone."""
        assert {each.recipient for each in self.emulator.handsets.shown} <= {ANNA}
        return [each.text for each in self.emulator.handsets.shown]


@pytest.fixture
async def anna(
    hass: HomeAssistant, emulator: Emulator, account: Account, entry: MockConfigEntry, user: User
) -> Contact:
    """Return a contact who may talk to Assist."""
    hass.config_entries.async_update_entry(entry, options={"sending": {}})
    contact = Contact(hass, emulator, account, entry)
    contact.allow(user)
    await set_up(hass, entry)
    return contact


class Talker:
    """Stands in for Assist: says what it is told to, and notes what it was asked."""

    def __init__(self) -> None:
        """Say something."""
        self.asked: list[str] = []
        self.agents: list[tuple[str | None, str | None]] = []
        """The agent and the language of each question."""
        self.conversations: list[str | None] = []
        self.speech: str | Exception = "Done"
        self.free = asyncio.Event()
        self.free.set()

    async def converse(
        self,
        _hass: HomeAssistant,
        text: str,
        conversation_id: str | None,
        context: Context,
        *,
        language: str | None,
        agent_id: str | None,
    ) -> ConversationResult:
        """Answer as Assist does, once it is free."""
        assert context.user_id
        self.asked.append(text)
        self.agents.append((agent_id, language))
        self.conversations.append(conversation_id)
        await self.free.wait()
        if isinstance(self.speech, Exception):
            raise self.speech
        response = IntentResponse("en")
        response.async_set_speech(self.speech)
        return ConversationResult(response, conversation_id)


@pytest.fixture
def talker(anna: Contact) -> Iterator[Talker]:
    """Let somebody else answer for Assist."""
    assert anna
    talker = Talker()
    with patch("homeassistant.components.conversation.async_converse", talker.converse):
        yield talker


def is_on(hass: HomeAssistant) -> bool:
    """Whether the switch is on."""
    return hass.states.is_state(SAFE, "on")


async def test_answer(hass: HomeAssistant, anna: Contact, user: User) -> None:
    """Assist does what a contact asks for, as the chosen user, and its answer is on the phone once."""
    sent = async_capture_events(hass, "sms_sent")
    (answer,) = await anna.write("Turn on safe")
    state = hass.states.get(SAFE)
    assert state
    assert (state.state, state.context.user_id) == ("on", user.id)
    (event,) = sent
    assert (event.data["text"], event.data["recipient"], event.data["contact"]) == (answer, ANNA, "Anna")
    assert event.data["answers"] == anna.account.messages[0].message_id
    assert event.context.user_id == user.id
    await poll(hass)
    assert len(anna.answers) == 1


@pytest.mark.parametrize("groups", [[GROUP_ID_READ_ONLY], []])
async def test_user_without_the_right(hass: HomeAssistant, anna: Contact, groups: list[str]) -> None:
    """A user who may not switch it is told of an error, and nothing changes."""
    anna.allow(await hass.auth.async_create_user("Guest", group_ids=groups))
    (answer,) = await anna.write("Turn on safe")
    assert "error" in answer
    assert not is_on(hass)


async def test_not_exposed(hass: HomeAssistant, anna: Contact) -> None:
    """What isn't exposed to Assist can't be switched, and the answer says so."""
    async_expose_entity(hass, "conversation", SAFE, should_expose=False)
    (answer,) = await anna.write("Turn on safe")
    assert "not exposed" in answer
    assert not is_on(hass)


@pytest.mark.parametrize(
    "who", ["nobody", "deleted", "inactive", "owner", "off", "another sender", "another assistant"]
)
async def test_not_asked(hass: HomeAssistant, anna: Contact, talker: Talker, house: User, user: User, who: str) -> None:
    """Without a user whose rights are checked, and for anybody who wasn't chosen, Assist isn't asked."""
    sender = ANNA
    match who:
        case "nobody":
            anna.allow(None)
        case "deleted":
            await hass.auth.async_remove_user(user)
        case "inactive":
            await hass.auth.async_update_user(user, is_active=False)
        case "owner":
            anna.allow(house)
        case "off":
            anna.allow(user, assist="")
        case "another sender":
            sender = "+447700900322"
        case "another assistant":
            anna.allow(user, assist_pipeline="gone")
    assert await anna.write("Turn on safe", sender=sender) == []
    assert talker.asked == []
    assert not await async_get_store(hass).read(
        outgoing.automatic_since, anna.entry.entry_id, ANNA, dt_util.utc_from_timestamp(0)
    )


@pytest.mark.parametrize(
    ("keyword", "text", "asked"),
    [
        ("?", "?Turn on safe", ["Turn on safe"]),
        ("?", "Turn on safe", []),
        ("assist", "ASSIST: turn on safe", ["turn on safe"]),
        ("assist", "assistant please", []),
        ("?", " ? ", []),
    ],
)
async def test_keyword(anna: Contact, user: User, talker: Talker, keyword: str, text: str, asked: list[str]) -> None:
    """With a keyword only messages that begin with it are questions; it is no part of them."""
    anna.allow(user, assist_keyword=keyword)
    await anna.write(text)
    assert talker.asked == asked


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("47110815 turn on safe", True),
        ("  47110815, turn on safe", True),
        ("\u0664\u0667\u0661\u0661\u0660\u0668\u0661\u0665 turn on safe", True),
        ("47110816 turn on safe", False),
        ("471108150 turn on safe", False),
        ("turn on safe 47110815", False),
        ("turn on safe", False),
    ],
)
async def test_pin(
    hass: HomeAssistant, anna: Contact, user: User, caplog: pytest.LogCaptureFixture, text: str, *, is_right: bool
) -> None:
    """Only the right PIN lets Assist be asked; neither it nor one that is nearly right is shown anywhere."""
    caplog.set_level(logging.DEBUG)
    actions = {"event": "seen", "event_data": {"text": "{{ trigger.event.data.text }}"}}
    automation = {"id": "a", "triggers": {"trigger": "event", "event_type": "sms_received"}, "actions": actions}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    received, seen = async_capture_events(hass, "sms_received"), async_capture_events(hass, "seen")
    anna.allow(user, assist_pin="47110815")
    answers = await anna.write(text)
    assert (is_on(hass), len(answers)) == (is_right, is_right)
    runs = await async_list_traces(hass, "automation", "automation.a")
    traces = [await async_get_trace(hass, "automation.a", run["run_id"]) for run in runs]
    shown = {
        "event": str([event.as_dict() for event in (*received, *seen)]),
        "trace": str(traces),
        "conversation": str([trace.as_dict() for trace in async_get_traces()]),
        "states": str(hass.states.async_all()),
        "log": caplog.text,
    }
    assert "turn on safe" in shown["event"]
    assert "turn on safe" in shown["trace"]
    assert [name for name, what in shown.items() if "4711081" in what or "\u0664\u0667" in what] == []


async def test_wrong_pins(
    anna: Contact,
    user: User,
    days: Clock,
    talker: Talker,
    issue_registry: IssueRegistry,
    repairs: Repairs,
) -> None:
    """After three wrong PINs even the right one isn't taken for an hour, or until a person says so."""
    contact = anna.allow(user, assist_pin="4711")
    issue_id = f"assist_paused_{contact.subentry_id}_{anna.entry.entry_id}"
    for text in ("4712 a", "4711 b", "4712 c", "d"):
        await anna.write(text)
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    await anna.write("0000 e")
    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue
    assert (issue.translation_key, issue.is_persistent) == ("assist_paused_pin", True)
    await anna.write("4711 f")
    assert talker.asked == ["b"]
    dialog = await repairs.open(issue_id)
    assert (await repairs.submit(dialog))["type"] == "create_entry"
    await anna.write("4711 g")
    assert talker.asked == ["b", "g"]
    for text in ("h", "i", "j"):
        await anna.write(text)
    assert issue_registry.async_get_issue(DOMAIN, issue_id)
    await days.advance(3700, step=400)
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    await anna.write("4711 k", received_at=dt_util.utcnow())
    assert talker.asked == ["b", "g", "k"]


async def test_one_answer_at_a_time(hass: HomeAssistant, anna: Contact, talker: Talker) -> None:
    """A contact's questions are asked in order, and each is answered once."""
    talker.free.clear()
    anna.account.send("One", sender=ANNA)
    anna.account.send("Two", sender=ANNA)
    hass.async_create_task(anna.write("Three"))
    while not talker.asked:
        await asyncio.sleep(0)
    assert talker.asked == ["One"]
    talker.free.set()
    await settle(hass)
    await anna.settle()
    assert talker.asked == ["One", "Two", "Three"]
    assert anna.answers == ["Done"] * 3


async def test_stop_while_assist_thinks(hass: HomeAssistant, anna: Contact, talker: Talker) -> None:
    """What was being answered when Home Assistant stopped or crashed is never asked again, and that is told."""
    status = async_capture_events(hass, "sms_status")
    talker.free.clear()
    anna.account.send("Turn on safe", sender=ANNA)
    waiting = hass.async_create_task(poll(hass))
    while not talker.asked:
        await asyncio.sleep(0)
    assert await hass.config_entries.async_unload(anna.entry.entry_id)
    await waiting
    talker.free.set()
    await async_get_store(hass).write(lambda db: db.execute("UPDATE message SET status = 0"))
    await set_up(hass, anna.entry)
    await anna.settle()
    assert talker.asked == ["Turn on safe"]
    assert anna.answers == []
    assert [(event.data["status"], event.data["reason"]) for event in status] == [("expired", "interrupted")]


async def test_redelivered(hass: HomeAssistant, anna: Contact, talker: Talker) -> None:
    """A message that may have been delivered before isn't handed over."""
    message = Message(
        message_id="1",
        sender=ANNA,
        recipient=OWN,
        text="Turn on safe",
        encoding="text",
        data=None,
        received_at=dt_util.utcnow(),
        in_reply_to=None,
        raw=b"",
    )
    await async_get_store(hass).write(messages.receive, anna.entry.entry_id, [messages.Arrival(message, in_doubt=True)])
    anna.entry.runtime_data.inbox.dispatcher.wake()
    await settle(hass)
    assert anna.entry.runtime_data.inbox.latest["redelivered"]
    assert talker.asked == []


async def test_too_old(anna: Contact, talker: Talker) -> None:
    """What was written long ago isn't done any more."""
    await anna.write("Old", received_at=dt_util.utcnow() - timedelta(minutes=11))
    await anna.write("New", received_at=dt_util.utcnow() - timedelta(minutes=9))
    assert talker.asked == ["New"]


async def test_store_that_fails(anna: Contact, talker: Talker) -> None:
    """Assist isn't asked if it can't be stored first that it is."""
    with broken_store("insert"):
        await anna.write("Turn on safe")
    assert talker.asked == []


@pytest.mark.parametrize(
    ("speech", "shown", "parts"),
    [
        ("word " * 100, "word " * 59 + "word...", 2),
        ("\u017ewort " * 100, "\u017ewort " * 21 + "\u017ewort...", 2),
        ("x" * 400, "x" * 303 + "...", 2),
        ("word " * 40, ("word " * 40).strip(), 2),
        ("Done.", "Done.", 1),
    ],
)
async def test_length(anna: Contact, talker: Talker, speech: str, shown: str, parts: int) -> None:
    """A long answer is cut to two parts between two words, whichever alphabet it needs."""
    talker.speech = speech
    assert await anna.write("Tell me") == [shown]
    assert anna.emulator.handsets.shown[0].parts == parts


@pytest.mark.parametrize("speech", ["", " ", "Hello {fn#}", RuntimeError("Turn on safe")])
async def test_no_answer(
    hass: HomeAssistant, anna: Contact, talker: Talker, caplog: pytest.LogCaptureFixture, speech: str | Exception
) -> None:
    """Where Assist says nothing that can be sent, or fails, nothing is sent; the question isn't in the log."""
    status = async_capture_events(hass, "sms_status")
    talker.speech = speech
    assert await anna.write("Turn on safe") == []
    assert [event.data["status"] for event in status] == ["expired"]
    assert "Turn on safe" not in caplog.text
    talker.speech = "Done"
    assert await anna.write("Another") == ["Done"]


async def test_assist_that_hangs(hass: HomeAssistant, anna: Contact, talker: Talker, clock: Clock) -> None:
    """After a minute the answer isn't waited for any more, and the next question is asked."""
    talker.free.clear()
    anna.account.send("Turn on safe", sender=ANNA)
    waiting = hass.async_create_task(poll(hass))
    while not talker.asked:
        await asyncio.sleep(0)
    clock.offset += 61
    await waiting
    await anna.settle()
    assert anna.answers == []
    talker.free.set()
    assert await anna.write("Another") == ["Done"]


async def test_cap(hass: HomeAssistant, anna: Contact, talker: Talker, issue_registry: IssueRegistry) -> None:
    """Where the account may send no more, Assist isn't asked: nobody would hear what it did."""
    hass.config_entries.async_update_entry(anna.entry, options={"sending": {"per_hour": 1}})
    assert await anna.write("One") == ["Done"]
    assert await anna.write("Two") == ["Done"]
    assert talker.asked == ["One"]
    assert issue_registry.async_get_issue(DOMAIN, f"send_cap_{anna.entry.entry_id}")


@pytest.mark.parametrize(
    ("use", "chosen", "sender"),
    [("required", "", OWN), ("required", "+447700900777", OWN), ("optional", "+447700900777", "+447700900777")],
)
async def test_sender(
    hass: HomeAssistant,
    anna: Contact,
    talker: Talker,
    monkeypatch: pytest.MonkeyPatch,
    use: str,
    chosen: str,
    sender: str,
) -> None:
    """Where the vendor wants a sender, it is the number that was written to; else what a person has chosen."""
    monkeypatch.setattr(BulkSmsSending, "sender_use", use)
    hass.config_entries.async_update_entry(anna.entry, options={"sending": {"sender": chosen}})
    assert await anna.write("One") == [talker.speech]
    assert anna.emulator.handsets.shown[0].sender.removeprefix("+") == sender.removeprefix("+")


async def test_no_sender(anna: Contact, talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the vendor wants a sender and none is known, Assist isn't asked; a SIM card needs none."""
    monkeypatch.setattr(BulkSmsSending, "sender_use", "required")
    anna.account.send("One", sender=ANNA, recipient="")
    await poll(anna.hass)
    assert (talker.asked, anna.answers) == ([], [])
    monkeypatch.setattr(BulkSmsSending, "sender_use", "none")
    assert await anna.write("Two") == ["Done"]


async def test_premium_number(anna: Contact, user: User, talker: Talker, caplog: pytest.LogCaptureFixture) -> None:
    """A contact whose number must not be sent to isn't answered, and Assist isn't asked."""
    data = {"number": "+449098790000", "assist": True, "assist_user": user.id}
    contact = ConfigSubentry(data=MappingProxyType(data), subentry_type="contact", title="Ben", unique_id="ben")
    anna.hass.config_entries.async_add_subentry(anna.entry, contact)
    assert await anna.write("One", sender="+449098790000") == []
    assert talker.asked == []
    assert "their number is refused (recipient_premium)" in caplog.text


async def test_assistant(
    hass: HomeAssistant, anna: Contact, user: User, talker: Talker, caplog: pytest.LogCaptureFixture
) -> None:
    """The chosen assistant is asked in its language, else the preferred one; where it is gone, nobody is."""
    hass.config.components.add("assist_pipeline")
    pipelines = {
        None: Mock(conversation_engine="conversation.home_assistant", conversation_language="*", language="en"),
        "mine": Mock(conversation_engine="conversation.other", conversation_language="de", language="en"),
    }

    def pipeline(_: HomeAssistant, pipeline_id: str | None) -> Mock:
        if pipeline_id not in pipelines:
            raise PipelineNotFound("gone", "gone")
        return pipelines[pipeline_id]

    with patch("homeassistant.components.assist_pipeline.pipeline.async_get_pipeline", pipeline):
        await anna.write("One")
        anna.allow(user, assist_pipeline="mine")
        await anna.write("Two")
        assert talker.agents == [("conversation.home_assistant", "en"), ("conversation.other", "de")]
        anna.allow(user, assist_pipeline="gone")
        await anna.write("Three")
    hass.config.components.remove("assist_pipeline")
    await anna.write("Four")
    assert talker.asked == ["One", "Two"]
    assert caplog.text.count("the chosen assistant is gone") == 2
    hass.config.components.remove("conversation")
    await anna.write("Five")
    assert "Assist is not set up in this Home Assistant" in caplog.text
    assert talker.asked == ["One", "Two"]


async def test_conversation(hass: HomeAssistant, anna: Contact, talker: Talker) -> None:
    """A contact's messages are one conversation, and another one with another user."""
    await anna.write("One")
    await anna.write("Two")
    contact = next(iter(anna.entry.subentries.values()))
    other = await hass.auth.async_create_user("Bob", group_ids=[GROUP_ID_USER])
    hass.config_entries.async_update_subentry(anna.entry, contact, data={**contact.data, "assist_user": other.id})
    await anna.write("Three")
    first, second, third = talker.conversations
    assert first == second != third
    assert ANNA[1:] not in str(talker.conversations)


async def test_another_user_goes_on(hass: HomeAssistant, anna: Contact) -> None:
    """Assist itself answers after the contact was given another user."""
    assert len(await anna.write("Turn on safe")) == 1
    contact = next(iter(anna.entry.subentries.values()))
    other = await hass.auth.async_create_user("Bob", group_ids=[GROUP_ID_USER])
    hass.config_entries.async_update_subentry(anna.entry, contact, data={**contact.data, "assist_user": other.id})
    assert len(await anna.write("Turn off safe")) == 2
    assert not is_on(hass)


async def open_dialog(hass: HomeAssistant, entry: MockConfigEntry, contact_id: str | None = None) -> dict[str, Any]:
    """Open the dialog of a new contact, or that of one that there is."""
    context = {"source": SOURCE_RECONFIGURE, "subentry_id": contact_id} if contact_id else {"source": SOURCE_USER}
    return dict(await hass.config_entries.subentries.async_init((entry.entry_id, "contact"), context=context))  # type: ignore[arg-type]


async def submit(hass: HomeAssistant, dialog: dict[str, Any], **typed: Any) -> dict[str, Any]:
    """Fill in a form."""
    return dict(await hass.config_entries.subentries.async_configure(dialog["flow_id"], typed))


async def test_dialog(hass: HomeAssistant, anna: Contact, house: User, user: User) -> None:
    """The owner is refused, what was typed wrong is told, and the PIN is kept without being shown."""
    entry = anna.entry
    dialog = await submit(hass, await open_dialog(hass, entry), name="Bob", number="07700 900555", assist=True)
    assert dialog["step_id"] == "assist"
    gone = await hass.auth.async_create_user("Gone", group_ids=[GROUP_ID_USER])
    dialog = await submit(hass, dialog, assist_user=house.id)
    await hass.auth.async_remove_user(gone)
    dialog = await submit(hass, dialog, assist_user=gone.id)
    assert dialog["errors"] == {"assist_user": "assist_no_user"}
    dialog = await submit(hass, dialog, assist_user=house.id, assist_pin="12", assist_keyword="a b")
    assert dialog["errors"] == {
        "assist_user": "assist_owner",
        "assist_pin": "assist_pin_invalid",
        "assist_keyword": "assist_keyword_invalid",
    }
    dialog = await submit(hass, dialog, assist_user=user.id, assist_pin="4711", assist_keyword="?")
    assert dialog["type"] == "create_entry"
    contact_id = list(entry.subentries)[-1]
    settings = {"assist": True, "assist_user": user.id, "assist_pin": "4711"}
    assert entry.subentries[contact_id].data == {"number": "+447700900555", **settings, "assist_keyword": "?"}
    dialog = await submit(
        hass, await open_dialog(hass, entry, contact_id), name="Bob", number="07700 900555", assist=True
    )
    shown = {str(key): (key.description or {}).get("suggested_value") for key in dialog["data_schema"].schema}
    assert shown == {"assist_user": user.id, "assist_pin": None, "assist_keyword": "?"}
    await submit(hass, dialog, assist_user=user.id)
    assert entry.subentries[contact_id].data == {"number": "+447700900555", **settings}
    dialog = await submit(hass, await open_dialog(hass, entry, contact_id), name="Bob", number="07700 900555")
    assert entry.subentries[contact_id].data == {"number": "+447700900555"}


async def test_dialog_with_assistants(hass: HomeAssistant, anna: Contact) -> None:
    """Where there are assistants to choose from, one can be chosen."""
    hass.config.components.add("assist_pipeline")
    dialog = await submit(hass, await open_dialog(hass, anna.entry), name="Bob", number="07700 900555", assist=True)
    assert "assist_pipeline" in dialog["data_schema"].schema


async def test_administrator(hass: HomeAssistant, anna: Contact, house: User) -> None:
    """An administrator is taken once a person has confirmed what that means."""
    assert house
    admin = await hass.auth.async_create_user("Admin", group_ids=[GROUP_ID_ADMIN])
    dialog = await submit(hass, await open_dialog(hass, anna.entry), name="Bob", number="07700 900555", assist=True)
    dialog = await submit(hass, dialog, assist_user=admin.id)
    assert (dialog["step_id"], dialog["description_placeholders"]["user"]) == ("assist_admin", "Admin")
    assert len(anna.entry.subentries) == 1
    assert (await submit(hass, dialog))["type"] == "create_entry"
