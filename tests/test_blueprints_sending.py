"""The blueprints that send: each in an automation, with a real account and the phones of the emulator."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)

from emulator import Account, Emulator
from emulator.handsets import Behaviour
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import PASSWORD, USERNAME, Clock, make_entry, set_up, settle
from .test_blueprints import FOLDER, REPOSITORY, automate

MUM, BEN, STRANGER = "+447700900123", "+447700900456", "+447700900789"
LIMIT = 10.0  # seconds
GO = [{"trigger": "event", "event_type": "go"}]

type Calls = list[ServiceCall]


@pytest.fixture
def hass_config_dir(hass_config_dir: str) -> str:
    """Put the blueprints where an import puts them."""
    shutil.copytree(REPOSITORY / FOLDER, Path(hass_config_dir) / FOLDER)
    return hass_config_dir


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


@pytest.fixture(autouse=True)
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, set up, with sending turned on and two contacts."""
    hass.config.country = "GB"
    contacts = [
        ConfigSubentryData(subentry_type="contact", title=name, unique_id=number, data={"number": number})
        for name, number in (("Mum", MUM), ("Ben", BEN))
    ]
    made = make_entry(emulator, account)
    entry = MockConfigEntry(
        domain=made.domain,
        title=made.title,
        unique_id=made.unique_id,
        data=dict(made.data),
        options={"sending": {}},
        subentries_data=contacts,
    )
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "notify", {})
    await set_up(hass, entry)
    return entry


@pytest.fixture
def contacts(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Return the notify entities of Mum and Ben."""
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    by_contact = {each.config_subentry_id: each.entity_id for each in found if each.domain == "notify"}
    return [by_contact[each.subentry_id] for each in entry.subentries.values()]


@pytest.fixture
def done(hass: HomeAssistant) -> Calls:
    """Return the calls of an action that says what an automation has come to."""
    return async_mock_service(hass, "test", "done")


def do(what: str, text: str = "") -> list[dict[str, Any]]:
    """Return actions for an input."""
    return [{"action": "test.done", "data": {"what": what, "text": text}}]


def outcomes(done: Calls) -> list[tuple[str, str]]:
    """Return what an automation has come to."""
    return [(call.data["what"], call.data["text"]) for call in done]


def shown(emulator: Emulator) -> list[tuple[str, str]]:
    """Return what phones show: recipient and text."""
    return [(each.recipient, each.text) for each in emulator.handsets.shown]


async def until(condition: Callable[[], object]) -> None:
    """Let an automation work that is not done yet, until a condition holds."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0)


async def begin(hass: HomeAssistant) -> None:
    """Start the automation."""
    hass.bus.async_fire("go")
    await asyncio.sleep(0)


class Waits:
    """How often the automation has begun to wait for a trigger, by what Home Assistant logs when it listens."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        """Begin with none."""
        self._caplog = caplog
        self._seen = 0

    async def next(self) -> None:
        """Return once it waits once more."""
        self._seen += 1
        await until(lambda: self._count() >= self._seen)

    def _count(self) -> int:
        return sum(record.getMessage().endswith("Initialized trigger") for record in self._caplog.records)


@pytest.fixture
def waits(caplog: pytest.LogCaptureFixture) -> Waits:
    """Return the automation's waits."""
    return Waits(caplog)


async def receive(hass: HomeAssistant, account: Account, text: str, sender: str = MUM, **fields: Any) -> None:
    """Let a message come, and return once its event was fired."""
    events = async_capture_events(hass, "sms_received")
    account.send(text, sender=sender, **fields)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=30))
    await until(lambda: [event for event in events if event.data["text"] == text])


async def pass_time(hass: HomeAssistant, **time: float) -> None:
    """Let time pass for an automation that waits."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(**time))
    await asyncio.sleep(0)


class TestStatusBySms:
    """A contact asks the house, and the house answers."""

    async def automate(self, hass: HomeAssistant, contacts: list[str], **inputs: Any) -> None:
        """Make the automation."""
        await automate(hass, "status_by_sms", contacts=contacts[:1], **inputs)

    async def test_answer(self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str]) -> None:
        """The answer has the present state, and goes to whoever asked."""
        hass.states.async_set("sensor.porch", "21.5")
        await self.automate(hass, contacts, answer="{{ trigger.contact }}: {{ states('sensor.porch') }} °C, 🙂\nok")
        for text in ("Status ", "STATUS", "status?"):
            account.send(text, sender=MUM)
        await receive(hass, account, "Hello")
        await settle(hass)
        assert shown(emulator) == [(MUM, "Mum: 21.5 °C, 🙂\nok")] * 2

    async def test_others(self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str]) -> None:
        """Nobody else is answered, whether a contact or not, and no message is that waited for long."""
        await self.automate(hass, contacts, answer="Hi")
        await receive(hass, account, "status", sender=BEN)
        await receive(hass, account, "status ", sender=STRANGER)
        late = dt_util.utcnow() - timedelta(minutes=11)
        await receive(hass, account, " status", received_at=late)
        await settle(hass)
        assert shown(emulator) == []


class TestAskAndWait:
    """A question, and what follows from the answer."""

    async def automate(self, hass: HomeAssistant, contacts: list[str], **inputs: Any) -> None:
        """Make the automation."""
        defaults: dict[str, Any] = {
            "triggers": GO,
            "contact": contacts[0],
            "question": "Close the {{ 'window' }}?",
            "if_yes": do("yes"),
            "if_no": do("no", "{{ wait.trigger.text }}"),
            "if_none": do("none"),
        }
        await automate(hass, "ask_and_wait_for_yes", **defaults | inputs)

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            ("yes", ("yes", "")),
            (" YES! ", ("yes", "")),
            ("Ok.", ("yes", "")),
            ("no", ("no", "no")),
            ("yesterday", ("no", "yesterday")),
            ("not yes", ("no", "not yes")),
            ("", ("no", "")),
        ],
    )
    async def test_answer(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        account: Account,
        contacts: list[str],
        done: Calls,
        answer: str,
        outcome: tuple[str, str],
        waits: Waits,
    ) -> None:
        """Only a word for yes means yes, and only from the contact."""
        await self.automate(hass, contacts)
        await begin(hass)
        await waits.next()
        await receive(hass, account, "yes ", sender=BEN)
        await receive(hass, account, answer)
        await until(lambda: done)
        await settle(hass)
        assert shown(emulator) == [(MUM, "Close the window?")]
        assert outcomes(done) == [outcome]
        await receive(hass, account, "yes, later")
        await settle(hass)
        assert len(done) == 1

    async def test_no_answer(
        self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str], done: Calls, waits: Waits
    ) -> None:
        """After the time, an answer has no effect; until then no second question is asked."""
        await self.automate(hass, contacts, wait_time={"minutes": 5})
        await begin(hass)
        await waits.next()
        await begin(hass)
        await pass_time(hass, minutes=4)
        assert done == []
        await pass_time(hass, minutes=5, seconds=1)
        await until(lambda: done)
        await settle(hass)
        await receive(hass, account, "yes")
        await settle(hass)
        assert outcomes(done) == [("none", "")]
        assert len(shown(emulator)) == 1

    async def test_not_sent(
        self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str], done: Calls
    ) -> None:
        """If the question can't be sent, nobody is waited for."""
        account.extra["credits"] = 0
        await self.automate(hass, contacts)
        await begin(hass)
        await until(lambda: done)
        assert outcomes(done) == [("none", "")]
        assert shown(emulator) == []

    async def test_answer_to_another_text(
        self, hass: HomeAssistant, account: Account, contacts: list[str], done: Calls, waits: Waits
    ) -> None:
        """An answer that belongs to another text isn't taken for one to the question."""
        await self.automate(hass, contacts)
        await begin(hass)
        await waits.next()
        data = {"entity_id": contacts[0], "message": "Is the other thing right?"}
        await hass.services.async_call("sms_inbox", "send_message", data, blocking=True)
        await receive(hass, account, "yes")
        assert done == []
        question = next(message for message in account.messages if message.sent)
        await receive(hass, account, "yes ", in_reply_to=question.message_id)
        await until(lambda: done)
        assert outcomes(done) == [("yes", "")]


class TestAlarmUntilAcknowledged:
    """An alarm goes out again and again."""

    async def automate(self, hass: HomeAssistant, contacts: list[str], **inputs: Any) -> None:
        """Make the automation."""
        defaults: dict[str, Any] = {
            "triggers": GO,
            "contacts": contacts,
            "message": "Water in the cellar",
            "most": 3,
            "if_acknowledged": do("acknowledged", "{{ wait.trigger.contact }}"),
            "if_not": do("never"),
        }
        await automate(hass, "alarm_until_acknowledged", **defaults | inputs)

    async def test_acknowledged(
        self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str], done: Calls, waits: Waits
    ) -> None:
        """Any text of one of them ends it."""
        await self.automate(hass, contacts)
        await begin(hass)
        await waits.next()
        await begin(hass)
        await receive(hass, account, "What?", sender=STRANGER)
        await pass_time(hass, minutes=3, seconds=1)
        await waits.next()
        await receive(hass, account, "I see", sender=BEN)
        await until(lambda: done)
        await settle(hass)
        assert outcomes(done) == [("acknowledged", "Ben")]
        assert shown(emulator) == [(number, "Water in the cellar") for number in (MUM, BEN, MUM, BEN)]

    async def test_never(
        self, hass: HomeAssistant, emulator: Emulator, contacts: list[str], done: Calls, waits: Waits
    ) -> None:
        """It is sent as often as chosen, also if one of them can't be sent to."""
        fault = {"where": {}, "word": "insufficient-credits", "path": "/messages"}
        emulator.fault("bulksms", "vendor_error", 1, **fault)
        await self.automate(hass, contacts)
        await begin(hass)
        for count in (1, 3, 5):
            await waits.next()
            assert len(shown(emulator)) == count
            assert done == []
            await pass_time(hass, minutes=3, seconds=1)
        await until(lambda: done)
        assert outcomes(done) == [("never", "")]


class TestEscalate:
    """The next contact gets the text if the phone of the one before has it not."""

    async def automate(self, hass: HomeAssistant, contacts: list[str]) -> None:
        """Make the automation."""
        inputs = {"triggers": GO, "contacts": contacts, "message": "Please call", "if_none": do("none")}
        await automate(hass, "escalate_when_not_delivered", **inputs)

    @pytest.mark.parametrize(
        ("behaviour", "seconds", "phones"),
        [
            (Behaviour(reports=("sent", "delivered")), 6, [MUM]),
            (Behaviour(reports=("failed",), error="unreachable"), 6, [BEN]),
            (Behaviour(reports=("sent",)), 121, [MUM, BEN]),
        ],
    )
    async def test_next(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        contacts: list[str],
        done: Calls,
        waits: Waits,
        clock: Clock,
        behaviour: Behaviour,
        seconds: int,
        phones: list[str],
    ) -> None:
        """Ben gets it at once if Mum's network says that she can't be reached, or later if it says nothing."""
        emulator.handsets.set_up(MUM, behaviour)
        emulator.handsets.set_up(BEN, Behaviour(reports=("delivered",)))
        statuses = async_capture_events(hass, "sms_status")
        await self.automate(hass, contacts)
        await begin(hass)
        await waits.next()
        clock.offset += seconds
        if BEN in phones:
            await waits.next()
            clock.offset += 6
        await until(lambda: [event for event in statuses if event.data["recipient"] == phones[-1]])
        await settle(hass)
        assert shown(emulator) == [(phone, "Please call") for phone in phones]
        assert statuses[-1].data["status"] == "delivered"
        assert done == []

    async def test_nobody(
        self, hass: HomeAssistant, emulator: Emulator, account: Account, contacts: list[str], done: Calls
    ) -> None:
        """It can be sent to nobody: no time is lost with waiting."""
        account.extra["credits"] = 0
        await self.automate(hass, contacts)
        await begin(hass)
        await until(lambda: done)
        assert outcomes(done) == [("none", "")]
        assert shown(emulator) == []


@pytest.mark.parametrize(("names", "title"), [([], "Mum"), ([{"name": "Mother", "number": MUM}], "Mother")])
async def test_names(
    hass: HomeAssistant, account: Account, contacts: list[str], names: list[dict[str, str]], title: str
) -> None:
    """A contact's name is shown in a notification, unless the blueprint has another one for the number."""
    notified = async_mock_service(hass, "notify", "send_message")
    await automate(hass, "forward", phones=[contacts[1]], contacts=names)
    await receive(hass, account, "Hello")
    await settle(hass)
    assert [call.data["title"] for call in notified] == [title]
