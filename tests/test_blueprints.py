"""The blueprints, each in an automation that a message of a real account runs."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
from pathlib import Path
import re
import shutil
import sys
from time import perf_counter
from typing import Any
import unicodedata
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)
import voluptuous as vol

from custom_components.sms_inbox.store import Store, StoreError
from emulator import Account, Emulator
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.trace.util import async_list_traces
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, device_registry as dr, selector
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, slugify
from homeassistant.util.yaml import extract_inputs, load_yaml_dict

from .conftest import Clock, broken_store, make_entry, poll, set_up, settle

REPOSITORY = Path(__file__).parents[1]
FOLDER = "blueprints/automation/sms_inbox"
FILES = sorted((REPOSITORY / FOLDER).iterdir())

MUM, BEN = "+447700900123", "+447700900456"
CODE = "input_text.code"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONES = ["notify.anna", "notify.ben"]
SPEAKERS = ["media_player.hall", "media_player.kitchen"]

# What a careless template makes something else of.
TRICKY = [
    "007",
    "1.50",
    "1_000",
    "None",
    "True",
    "...",
    "[1, 2]",
    "{'a': 1}",
    "'quoted' \"twice\"",
    r"C:\new",
    "{{ 7 * 7 }} {% raise %}",
    "two\nlines",
    "  space  ",
    "Kia ora ☺ 你好 שלום",
]
# What a stranger sends to break something.
HOSTILE = [
    *TRICKY,
    "",
    " ",
    "x" * 40_000,
    "1" * 40_000,
    "code 4829 " * 4_000,
    "\u0301" * 40_000,
    "\u200f\u202e\u2066",
    "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\ufffe",
    "<speak><break time='10000s'/></speak> &amp; &#60;",
    "-" * 900 + "1",
    "💥" * 10_000,
]
ONE_TIME_CODES = json.loads((Path(__file__).parent / "fixtures/one_time_codes.json").read_text())

type Calls = list[ServiceCall]


@pytest.fixture
def provider() -> str:
    """Take one provider; what blueprints see is the same for all."""
    return "bulksms"


@pytest.fixture
def hass_config_dir(hass_config_dir: str) -> str:
    """Put the blueprints where an import puts them."""
    shutil.copytree(REPOSITORY / FOLDER, Path(hass_config_dir) / FOLDER)
    return hass_config_dir


async def move_in(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Live where the numbers are from, with an account."""
    hass.config.country = "GB"
    await hass.config.async_set_time_zone("UTC")
    await set_up(hass, entry)


@pytest.fixture(autouse=True)
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Begin at the present."""
    await move_in(hass, entry)


@pytest.fixture
def opened(hass: HomeAssistant) -> Calls:
    """Return the calls of an action, as they come."""
    return async_mock_service(hass, "test", "open")


@pytest.fixture
def refused(hass: HomeAssistant) -> Calls:
    """Return the calls of another action."""
    return async_mock_service(hass, "test", "refuse")


@pytest.fixture
def notified(hass: HomeAssistant) -> Calls:
    """Return the notifications; they take what Home Assistant's take."""
    schema = cv.make_entity_service_schema({vol.Required("message"): cv.string, vol.Optional("title"): cv.string})
    return async_mock_service(hass, "notify", "send_message", schema)


async def automate(hass: HomeAssistant, name: str, *, state: str = "on", **inputs: Any) -> None:
    """Make an automation of a blueprint; it is unavailable if Home Assistant refuses it."""
    automation = {
        "alias": "Blueprint",
        "id": "blueprint",
        "use_blueprint": {"path": f"sms_inbox/{name}.yaml", "input": inputs},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await settle(hass)
    assert hass.states.is_state("automation.blueprint", state)


async def add_account(hass: HomeAssistant, emulator: Emulator) -> Account:
    """Add another account, and return it."""
    account = emulator.add_account("bulksms", "ben", "secret")
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    return account


def device_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the device of an account."""
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return device.id


async def receive(hass: HomeAssistant, account: Account, *texts: str, sender: str = MUM) -> None:
    """Let messages come, all at once."""
    for text in texts:
        account.send(text, sender=sender)
    await poll(hass)


async def receive_twice(hass: HomeAssistant, entry: MockConfigEntry, account: Account, text: str) -> None:
    """Let a message come, then a crash, and the message again."""

    def mark_delivered(*_: object) -> None:
        """Mark nothing, also not together with the next page."""

    lost = patch("custom_components.sms_inbox.store.messages.mark_delivered", mark_delivered)
    with lost, broken_store("mark_delivered", "release", "end", "prune"):
        await receive(hass, account, text)
        await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)


async def receive_at_work(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, *texts: str, sender: str = MUM
) -> None:
    """Let messages come to an automation that isn't done with them when this returns; then ask for no more."""
    runs = async_capture_events(hass, "automation_triggered")
    for text in texts:
        account.send(text, sender=sender)
    if entry.state is ConfigEntryState.LOADED:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=60))
    else:
        assert await hass.config_entries.async_setup(entry.entry_id)
    async with asyncio.timeout(10):
        while len(runs) < len(texts):
            await asyncio.sleep(0)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def advance(clock: Clock, seconds: float) -> None:
    """Let time pass for an automation that is at work."""
    clock.offset += seconds
    for _ in range(100):
        await asyncio.sleep(0)


def told(calls: Calls, key: str) -> list[Any]:
    """Return what calls told."""
    return [call.data[key] for call in calls]


async def receive_hostile(hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture) -> None:
    """Let hostile texts come, and one without a sender; no automation may fail."""
    caplog.clear()
    for text in HOSTILE:
        account.send(text, sender=MUM)
    account.send("no sender", sender="")
    await poll(hass)
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


class TestFiles:
    """What is true of all of them."""

    @pytest.fixture(autouse=True)
    def home(self) -> None:
        """Need no home."""

    def test_all_are_explained(self) -> None:
        """Each is on its page, with a badge that imports it, and nothing else lies in the folder."""
        page = (REPOSITORY / "docs/blueprints.md").read_text()
        listed = dict(re.findall(r"- \[\*\*(.+?)\*\*\]\(\.\./blueprints/automation/sms_inbox/(\w+)\.yaml\)", page))
        assert sorted(listed.values()) == [path.stem for path in FILES]
        for title, name in listed.items():
            assert slugify(title) == name
            assert f"[{name}]:\n  https://my.home-assistant.io/" in page
            assert f"%2Fblueprints%2Fautomation%2Fsms_inbox%2F{name}.yaml\n" in page

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_file(self, path: Path) -> None:
        """Home Assistant takes it, a person finds each input explained, and each is used."""
        data = load_yaml_dict(path)
        blueprint = Blueprint(data, expected_domain="automation", schema=AUTOMATION_BLUEPRINT_SCHEMA)
        assert blueprint.validate() is None
        assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
        assert blueprint.metadata["description"]
        address = f"https://github.com/sms-inbox/sms-inbox/blob/main/{path.relative_to(REPOSITORY)}"
        assert blueprint.metadata["source_url"] == address
        assert set(blueprint.inputs) == extract_inputs(data)
        for each in blueprint.inputs.values():
            assert each["name"]
            assert each["description"]
            if default := each.get("default"):
                selector.selector(each["selector"])(default)

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_no_message_is_dropped(self, path: Path) -> None:
        """A message that comes while the automation is at work waits, or takes the place of an outdated one.

        What waits for a person begins no second time meanwhile, so that nothing is asked or sent without end.
        """
        data = load_yaml_dict(path)
        modes = {
            "alarm_until_acknowledged": ("single", None),
            "ask_and_wait_for_yes": ("single", None),
            "one_time_code": ("restart", None),
        }
        assert (data["mode"], data.get("max")) == modes.get(path.stem, ("queued", 100))

    def test_names_are_found_alike(self) -> None:
        """Blueprints can't share templates, so those that find a sender's name are the same in each."""
        files = [path for path in FILES if "name_of" in path.read_text()]
        macros = [re.search(r"{% macro name_of.*?endmacro %}", " ".join(path.read_text().split())) for path in files]
        assert len(files) == 3
        assert len({macro and macro[0] for macro in macros}) == 1
        assert len({load_yaml_dict(path)["variables"]["people"] for path in files}) == 1

    def test_guesses_are_read_alike(self) -> None:
        """A message that is counted is read by the same template as one that is carried out."""
        text = " ".join((REPOSITORY / FOLDER / "keyword.yaml").read_text().split())
        first, second = re.findall(r"{% macro macro_parse.*?endmacro %}", text)
        assert first == second


class TestBlank:
    """What is left blank by mistake is refused, and what may be empty means all."""

    @pytest.mark.parametrize(
        ("name", "inputs"),
        [
            ("announce", {"senders": [" "]}),
            ("announce", {"exclude_senders": [BEN, ""]}),
            ("announce", {"accounts": [""]}),
            ("digest", {"phones": PHONES, "exclude_senders": [""]}),
            ("digest", {"phones": PHONES, "accounts": [" "]}),
            ("forward", {"phones": PHONES, "senders": [MUM, ""]}),
            ("forward", {"phones": PHONES, "exclude_senders": [""]}),
            ("forward", {"phones": PHONES, "accounts": [""]}),
            ("keyword", {"senders": [], "keyword": "Gate", "action": []}),
            ("keyword", {"senders": [" "], "keyword": "Gate", "action": []}),
            ("keyword", {"senders": [MUM], "keyword": "", "action": []}),
            ("keyword", {"senders": [MUM], "keyword": " ", "action": []}),
            ("keyword", {"senders": [MUM], "keyword": "{{ 1 }}", "action": []}),
            ("keyword", {"senders": [MUM], "keyword": "Gate", "action": [], "not_older_than": {"minutes": 0}}),
            ("one_time_code", {"helper": CODE, "senders": [""]}),
            ("one_time_code", {"helper": CODE, "expression": ""}),
            ("one_time_code", {"helper": CODE, "expression": "("}),
            ("one_time_code", {"helper": CODE, "accounts": [""]}),
            ("status_by_sms", {"contacts": [], "answer": "Hi"}),
            ("status_by_sms", {"contacts": ["notify.nobody"], "word": " ", "answer": "Hi"}),
            ("tracker_alarm", {"trackers": []}),
            ("tracker_alarm", {"trackers": [MUM, " "]}),
        ],
    )
    async def test_refused(self, hass: HomeAssistant, name: str, inputs: dict[str, Any]) -> None:
        """An automation that could never run, or for everybody, can't be saved."""
        await automate(hass, name, state="unavailable", **inputs)

    @pytest.mark.parametrize(
        ("name", "inputs"),
        [
            ("announce", {"senders": [], "exclude_senders": [], "accounts": []}),
            ("digest", {"phones": PHONES, "exclude_senders": [], "accounts": []}),
            ("forward", {"phones": PHONES, "senders": [], "exclude_senders": [], "accounts": []}),
            ("one_time_code", {"helper": CODE, "senders": [], "accounts": []}),
        ],
    )
    async def test_accepted(self, hass: HomeAssistant, name: str, inputs: dict[str, Any]) -> None:
        """An empty list is what each of these inputs has at first."""
        await automate(hass, name, **inputs)
        await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.blueprint"}, blocking=True)


class TestKeyword:
    """A keyword from somebody trusted runs an action."""

    @pytest.fixture(autouse=True)
    def actions(self, opened: Calls, refused: Calls) -> None:
        """Have something to do."""

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation."""
        defaults: dict[str, Any] = {
            "senders": ["07700 900123"],
            "keyword": "Gate",
            "action": [{"action": "test.open", "data": {"arguments": "{{ arguments }}", "text": "{{ trigger.text }}"}}],
            "otherwise": [{"action": "test.refuse", "data": {"text": "{{ trigger.text }}"}}],
        }
        await automate(hass, "keyword", **defaults | inputs)

    @pytest.mark.parametrize(
        ("inputs", "text"),
        [
            ({}, "Gate"),
            ({}, "  gATE \n"),
            ({}, "Gate!"),
            ({}, "Gate 👍"),
            ({"keyword": " Gate"}, "gate"),
            ({"keyword": "open the gate"}, "Open the gate."),
            ({"keyword": "ÖFFNE"}, "öffne"),
            ({"keyword": "ÖFFNE"}, unicodedata.normalize("NFD", "öffne!")),
            ({"keyword": "don't wait"}, "Don\u2019t\u00a0wait."),
            ({"keyword": "افتح"}, "افتح"),
            ({"keyword": "C++ (now)?"}, "c++ (now)?"),
            ({"pin": "4711"}, "Gate 4711"),
            ({"pin": "4711"}, "gate,  4711."),
            ({"pin": "0042"}, "gate 0042"),
            ({"pin": "pässwört"}, "gate pässwört"),
            ({"pin": "a.c"}, "gate a.c"),
            ({"pin": "my  secret"}, "gate my secret!"),
            ({"pin": "it's"}, "gate it\u2019s"),
            ({"pin": "4711"}, "\u200fgate \u20684711\u2069"),
            ({"pin": "4711", "keyword": "ÖFFNE das Tor"}, unicodedata.normalize("NFD", "öffne das Tor 4711")),
            ({"pin": "4711", "keyword": "don't wait"}, "don\u2019t wait 4711"),
        ],
    )
    async def test_runs(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, inputs: Any, text: str
    ) -> None:
        """The keyword, with the PIN where there is one, runs the action."""
        await self.automate(hass, **inputs)
        await receive(hass, account, text)
        assert len(opened) == 1
        assert refused == []

    @pytest.mark.parametrize(
        ("inputs", "text", "arguments"),
        [
            ({"exact": False}, "Gate for mum, please", "for mum, please"),
            ({"exact": False}, "Gate: -5", -5),
            ({"pin": "4711"}, "Gate 4711, for 10 minutes", "for 10 minutes"),
            ({"pin": "4711", "keyword": "don't"}, "Don\u2019t 4711 two\nlines", "two\nlines"),
            ({"exact": False, "keyword": "ÖÖ"}, unicodedata.normalize("NFD", "öö 21"), 21),
            pytest.param({"exact": False}, "Gate " + "x" * 40_000, "x" * 495, id="very long"),
        ],
    )
    async def test_arguments(
        self, hass: HomeAssistant, account: Account, opened: Calls, inputs: Any, text: str, arguments: Any
    ) -> None:
        """What follows can be used."""
        await self.automate(hass, **inputs)
        await receive(hass, account, text)
        assert told(opened, "arguments") == [arguments]

    @pytest.mark.parametrize(
        ("inputs", "text"),
        [
            ({}, "Gateway"),
            ({}, "Open the gate"),
            ({}, "Gate is broken"),
            ({}, ""),
            ({"exact": False}, "Gate-crasher"),
            ({"pin": "4711"}, "Gateway 4711"),
            ({"pin": "4711"}, "4711"),
            ({"pin": "4711", "keyword": "don't"}, "don\u2019ts 4711"),
        ],
    )
    async def test_is_something_else(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, inputs: Any, text: str
    ) -> None:
        """Another text runs nothing."""
        await self.automate(hass, **inputs)
        await receive(hass, account, text)
        assert opened == refused == []

    @pytest.mark.parametrize("pin", ["4711", "Secret"])
    @pytest.mark.parametrize(
        "text", ["Gate", "Gate 0", "Gate {}0", "Gate 0{}", "Gate 0 {}", "Gate {}-0", "Gate{}", "Gate {{{{ pin }}}}"]
    )
    async def test_wrong_pin(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, pin: str, text: str
    ) -> None:
        """A PIN that isn't the very word runs the other action, unless the keyword is lost in it."""
        await self.automate(hass, pin=pin)
        await receive(hass, account, text.format(pin))
        assert opened == []
        assert told(refused, "text") == ([] if text == "Gate{}" else [text.format(pin)])

    async def test_case_of_the_pin(self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls) -> None:
        """Capital and small letters of a PIN differ."""
        await self.automate(hass, pin="Secret")
        await receive(hass, account, "Gate SECRET")
        assert (len(opened), len(refused)) == (0, 1)

    async def test_pin_is_not_logged(
        self, hass: HomeAssistant, account: Account, opened: Calls, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither the right PIN nor one that was tried is in the log."""
        caplog.set_level("INFO")
        await self.automate(hass, pin="471147")
        await receive(hass, account, "Gate 471147", "Gate 815815")
        assert len(opened) == 1
        assert "Blueprint" in caplog.text
        assert "471147" not in caplog.text
        assert "815815" not in caplog.text

    @pytest.mark.parametrize(("inputs", "traces"), [({}, 0), ({"stored_traces": 2}, 2)])
    async def test_pin_is_in_no_trace(
        self, hass: HomeAssistant, account: Account, opened: Calls, inputs: dict[str, Any], traces: int
    ) -> None:
        """There is no trace in which the PIN or a guess is, unless traces are wanted."""
        await self.automate(hass, pin="471147", **inputs)
        await receive(hass, account, "Gate 471147", "Gate 815815", "Gateway")
        assert len(opened) == 1
        assert len(await async_list_traces(hass, "automation", "automation.blueprint")) == traces

    async def test_three_wrong_pins(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        refused: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """They lock the sender for an hour: even the right PIN runs nothing, and a wrong one neither."""
        await self.automate(hass, senders=[MUM, BEN], pin="4711")
        for text in ("Gate 1", "Gate 2", "Gate 3"):
            await receive(hass, account, text)
            freezer.tick(60)
        assert told(refused, "text") == ["Gate 1", "Gate 2", "Gate 3"]
        await receive(hass, account, "Gate 4711 too early")
        freezer.tick(1000)
        await receive(hass, account, "Gate 4711 still too early")
        await receive(hass, account, "Gate 4711, I am somebody else", sender=BEN)
        freezer.tick(2539)
        await receive(hass, account, "Gate 4711 a second too early")
        freezer.tick(1)
        await receive(hass, account, "Gate 4711 at last")
        assert told(opened, "text") == ["Gate 4711, I am somebody else", "Gate 4711 at last"]
        assert len(refused) == 3

    async def test_guessing_on(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        refused: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Who goes on guessing stays locked; nothing but silence opens again."""
        await self.automate(hass, pin="4711")
        for number in range(10):
            await receive(hass, account, f"Gate {number}")
            freezer.tick(1200)
        await receive(hass, account, "Gate 4711")
        assert opened == []
        assert told(refused, "text") == ["Gate 0", "Gate 1", "Gate 2"]

    async def test_minute_after_a_wrong_pin(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        refused: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """In it nothing runs; after a right one the next may come at once."""
        await self.automate(hass, pin="4711")
        await receive(hass, account, "Gate 1")
        freezer.tick(59)
        await receive(hass, account, "Gate 4711")
        assert (len(opened), len(refused)) == (0, 1)
        freezer.tick(1)
        await receive(hass, account, "Gate 4711")
        freezer.tick(1)
        await receive(hass, account, "Gate 4711", "Gate 4711")
        assert (len(opened), len(refused)) == (3, 1)

    @pytest.mark.parametrize("position", [0, 1, 2, 250, 499])
    async def test_many_guesses_at_once(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, position: int
    ) -> None:
        """The right PIN among hundreds of wrong ones opens nothing, wherever it stands; the first wrong one is told."""
        await self.automate(hass, pin="4711")
        texts = [f"Gate {number}" for number in range(500)]
        texts[position] = "Gate 4711"
        await receive(hass, account, *texts)
        assert opened == []
        assert len(refused) == 1

    @pytest.mark.parametrize("position", [0, 119])
    async def test_more_messages_than_are_counted(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, position: int
    ) -> None:
        """Where a sender's messages are too many to look at, nothing runs, whatever they say."""
        await self.automate(hass, pin="4711")
        texts = ["Hello"] * 120
        texts[position] = "Gate 4711"
        await receive(hass, account, *texts)
        assert opened == refused == []

    @pytest.mark.parametrize("minutes", [range(-9, 1), range(0, 600, 61), range(0, -10, -1)])
    async def test_guesses_of_other_times(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        freezer: FrozenDateTimeFactory,
        minutes: range,
    ) -> None:
        """Nothing is won by other times: in the past, in the future, and backwards, each by itself."""
        freezer.move_to(NOON)
        await self.automate(hass, pin="4711", not_older_than={"minutes": 30})
        for minute in minutes:
            account.send("Gate 1", sender=MUM, received_at=NOON + timedelta(minutes=minute))
            if minutes.step < 0:
                await poll(hass)
        account.send("Gate 4711", sender=MUM, received_at=NOON + timedelta(minutes=minutes[-1] + minutes.step))
        await poll(hass)
        assert opened == []

    async def test_texts_that_are_not_stored(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        opened: Calls,
        refused: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Then at least the minute after a wrong PIN is kept, also if the wrong one has been erased."""
        hass.config_entries.async_update_entry(entry, options={"store_texts": False})
        await settle(hass)
        await self.automate(hass, pin="4711")
        await receive(hass, account, "Gate 1")
        await receive(hass, account, "Hello", sender=BEN)
        await poll(hass)
        found: Any = await hass.services.async_call("sms_inbox", "get_messages", blocking=True, return_response=True)
        assert [message["text"] for message in found["messages"]] == ["Hello"]
        freezer.tick(58)
        await receive(hass, account, "Gate 4711")
        assert (len(opened), len(refused)) == (0, 1)
        freezer.tick(60)
        await receive(hass, account, "Gate 4711")
        assert len(opened) == 1

    @pytest.mark.parametrize("found", [{"side_effect": StoreError("disk full")}, {"return_value": []}])
    async def test_uncounted(
        self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls, found: dict[str, Any]
    ) -> None:
        """Where wrong PINs can't be counted, because the store fails or a text is erased by now, nothing runs."""
        await self.automate(hass, pin="4711")
        with patch.object(Store, "read", **found):
            await receive(hass, account, "Gate 4711", "Gate 1")
        assert opened == refused == []

    @pytest.mark.parametrize(("inputs", "limit"), [({}, 600), ({"not_older_than": {"hours": 1}}, 3600)])
    async def test_old_message(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        freezer: FrozenDateTimeFactory,
        inputs: dict[str, Any],
        limit: int,
    ) -> None:
        """A message that comes too late runs nothing."""
        freezer.move_to(NOON)
        await self.automate(hass, exact=False, **inputs)
        account.send("Gate, too old", sender=MUM, received_at=NOON - timedelta(seconds=limit + 1))
        account.send("Gate, just in time", sender=MUM, received_at=NOON - timedelta(seconds=limit))
        await poll(hass)
        assert told(opened, "arguments") == ["just in time"]

    async def test_confirmation(self, hass: HomeAssistant, account: Account, opened: Calls) -> None:
        """It is sent after the action, to the number of the sender, and neither for a wrong PIN nor if that fails."""
        sent = async_mock_service(hass, "test", "answer")
        data = "{{ {'message': confirmation, 'target': [trigger.sender_number], 'opened': true} }}"
        confirm = [{"action": "test.answer", "data": data}]
        await self.automate(hass, pin="4711", confirm=confirm, confirmation="The gate is open.")
        await receive(hass, account, "Gate 4711", "Gate 1")
        assert len(opened) == 1
        assert [call.data for call in sent] == [{"message": "The gate is open.", "target": [MUM], "opened": True}]

    async def test_no_confirmation_of_a_failure(self, hass: HomeAssistant, account: Account) -> None:
        """If the action fails, nothing is confirmed."""
        sent = async_mock_service(hass, "test", "answer")
        async_mock_service(hass, "test", "fail", raise_exception=HomeAssistantError("Stuck"))
        await self.automate(hass, action=[{"action": "test.fail"}], confirm=[{"action": "test.answer"}])
        await receive(hass, account, "Gate")
        assert sent == []

    @pytest.mark.parametrize("inputs", [{}, {"pin": "4711"}, {"exact": False, "keyword": "x"}])
    async def test_hostile(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        caplog: pytest.LogCaptureFixture,
        inputs: dict[str, Any],
    ) -> None:
        """No text makes it fail."""
        await self.automate(hass, **inputs)
        await receive_hostile(hass, account, caplog)
        assert opened == []
        await receive(hass, account, "Gate 4711" if "pin" in inputs else inputs.get("keyword", "Gate"))
        assert len(opened) == 1

    async def test_stranger(self, hass: HomeAssistant, account: Account, opened: Calls, refused: Calls) -> None:
        """A sender who isn't trusted runs nothing, not even the action for a wrong PIN."""
        await self.automate(hass, pin="4711")
        await receive(hass, account, "Gate 4711", "Gate 0", sender=BEN)
        assert opened == refused == []

    async def test_each_of_two(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, opened: Calls, clock: Clock
    ) -> None:
        """Messages that come at once run one after the other, also where the action takes its time."""
        slow = [{"delay": 30}, {"action": "test.open", "data": {"text": "{{ trigger.text }}"}}]
        await self.automate(hass, exact=False, action=slow)
        await receive_at_work(hass, entry, account, "Gate one", "Gate two")
        await advance(clock, 30)
        assert told(opened, "text") == ["Gate one"]
        await advance(clock, 30)
        assert told(opened, "text") == ["Gate one", "Gate two"]

    @pytest.mark.parametrize(("inputs", "runs"), [({}, 1), ({"repeat_redelivered": True}, 2)])
    async def test_redelivered(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        opened: Calls,
        inputs: dict[str, Any],
        runs: int,
    ) -> None:
        """A message that comes again runs nothing, unless that is wanted."""
        await self.automate(hass, **inputs)
        await receive_twice(hass, entry, account, "Gate")
        assert len(opened) == runs

    async def test_cooldown(
        self,
        hass: HomeAssistant,
        account: Account,
        opened: Calls,
        refused: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Within the pause nothing runs, whoever guesses the PIN must wait, too, and other texts begin no pause."""
        await self.automate(hass, pin="4711", cooldown=60)
        await receive(hass, account, "Hello", "Gate 4711 first", "Gate 4711", "Gate 0")
        freezer.tick(59)
        await receive(hass, account, "Gate 4711")
        assert told(opened, "text") == ["Gate 4711 first"]
        freezer.tick(1)
        await receive(hass, account, "Gate 0", "Gate 4711")
        assert len(opened) == 1
        assert told(refused, "text") == ["Gate 0"]
        freezer.tick(60)
        await receive(hass, account, "Gate 4711 last")
        assert told(opened, "text") == ["Gate 4711 first", "Gate 4711 last"]

    async def test_account_that_is_picked(
        self, hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, opened: Calls
    ) -> None:
        """Only the account that is picked counts."""
        await self.automate(hass, accounts=[device_id(hass, entry)], exact=False)
        other = await add_account(hass, emulator)
        await receive(hass, account, "Gate, says Anna's account")
        await receive(hass, other, "Gate, says Ben's account")
        assert told(opened, "arguments") == ["says Anna's account"]


class TestForward:
    """Messages become notifications."""

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation."""
        await automate(hass, "forward", phones=PHONES, **inputs)

    async def test_every_message(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """Each of several reaches all phones, exactly as it was sent, and is never taken for a template."""
        await self.automate(hass)
        await receive(hass, account, *TRICKY)
        assert told(notified, "message") == TRICKY
        assert told(notified, "title") == [MUM] * len(TRICKY)
        assert told(notified, "entity_id") == [PHONES] * len(TRICKY)

    @pytest.mark.parametrize(
        ("typed", "sender", "is_theirs"),
        [
            (MUM, MUM, True),
            ("07700 900123", MUM, True),
            ("(0044) 7700/900-123", MUM, True),
            ("+44 (0)7700 900123", MUM, True),
            ("\u202a+44\u00a07700\u2011900123\u202c", MUM, True),
            ("07700 900123", "447700900123", True),
            ("021 555 001", "+6421555001", True),
            ("912 34 567", "+4791234567", True),
            ("06 20 123 4567", "+36201234567", True),
            ("0699 12345678", "+4369912345678", True),
            ("mybank", "MyBank", True),
            ("12345", "12345", True),
            ("12 345", "12345", True),
            ("BANK 4", "BANK 4", True),
            ("07700 900124", MUM, False),
            ("447700900123", MUM, False),
            ("+7700900123", MUM, False),
            ("+34 7700 900123", MUM, False),
            ("900123", MUM, False),
            ("00900123", MUM, False),
            ("0912 345678", "+4369912345678", False),
            ("22158", "+29022158", False),
            ("12345", "912345", False),
            ("", MUM, False),
            ("MYBANK", "MYBANK2", False),
            ("BANK 1234567", "+441234567", False),
        ],
    )
    async def test_name(
        self, hass: HomeAssistant, account: Account, notified: Calls, typed: str, sender: str, *, is_theirs: bool
    ) -> None:
        """A number with its country code is the whole number, one without is what follows the code."""
        contacts = [{"name": "Somebody", "number": BEN}, {"name": "Mum", "number": typed}, {"name": "Not her"}]
        await self.automate(hass, contacts=contacts)
        await receive(hass, account, "Hello", sender=sender)
        assert told(notified, "title") == ["Mum" if is_theirs else sender]

    async def test_nobody(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """A message without a sender has no name, also if a name without a number was entered."""
        await self.automate(hass, contacts=[{"name": "Mum", "number": ""}, {"name": "Ben", "number": " "}])
        await receive(hass, account, "Hello", sender="")
        assert told(notified, "title") == ["?"]

    @pytest.mark.parametrize("wording", ["{text}", "  {text}\n"])
    async def test_commands(self, hass: HomeAssistant, account: Account, notified: Calls, wording: str) -> None:
        """A text that the companion app would carry out is shown: an invisible character stands in front of it."""
        commands = [
            "command_screen_on",
            "  command_dnd ",
            "COMMAND_X",
            "command_activity\n",
            "clear_notification",
            "clear_badge",
            "delete_alert",
            "request_location_update",
            "remove_channel",
            "update_complications",
            "update_widgets",
            "end_live_activity",
            "kiosk_show_screensaver",
            "TTS",
            "\u200bcommand_dnd",
        ]
        await self.automate(hass, title=wording, message=wording)
        await receive(hass, account, *commands)
        expected = [f"\u2060{wording.replace('{text}', command)}" for command in commands]
        assert told(notified, "message") == told(notified, "title") == expected

    async def test_name_that_is_a_command(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """It doesn't matter which placeholder stands for it."""
        await self.automate(hass, message="{name}")
        await receive(hass, account, "Hello", sender="command_dnd")
        assert told(notified, "message") == told(notified, "title") == ["\u2060command_dnd"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x" * 3000, "x" * 3000),
            ("x" * 3001, "x" * 3000 + "…"),
            ("é" * 40_000, "é" * 1500 + "…"),
            ("a" + "☺" * 1000, "a" + "☺" * 999 + "…"),
        ],
        ids=["just not too long", "too long", "very long", "within a character"],
    )
    async def test_long_text(
        self, hass: HomeAssistant, account: Account, notified: Calls, text: str, message: str
    ) -> None:
        """A text is cut to what push services take, never within a character."""
        await self.automate(hass, title="{text}")
        await receive(hass, account, text)
        assert told(notified, "message") == [message]
        assert len(told(notified, "title")[0].encode()) <= 303

    async def test_hostile(
        self, hass: HomeAssistant, account: Account, notified: Calls, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever comes is shown."""
        await self.automate(hass)
        await receive_hostile(hass, account, caplog)
        assert len(notified) == len(HOSTILE) + 1

    async def test_first_name_counts(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """Of two names for a number the first is taken."""
        await self.automate(hass, contacts=[{"name": name, "number": MUM} for name in ("Mum", "Anna")])
        await receive(hass, account, "Hello")
        assert told(notified, "title") == ["Mum"]

    async def test_wording(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """Placeholders stand for what the message says, and those in its text are text."""
        wording = {"title": "SMS: {name}, {number}", "message": "{name}: {text}"}
        await self.automate(hass, **wording, contacts=[{"name": "Mum", "number": MUM}])
        await receive(hass, account, "See {name}")
        assert told(notified, "title") == [f"SMS: Mum, {MUM}"]
        assert told(notified, "message") == ["Mum: See {name}"]

    async def test_without_text(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """A binary message is shown in hexadecimal, and an empty one is told, too."""
        await self.automate(hass)
        account.send(encoding="binary", data=b"\x00\xff")
        account.send("")
        await poll(hass)
        assert told(notified, "message") == ["00ff", "-"]

    async def test_which(self, hass: HomeAssistant, account: Account, notified: Calls) -> None:
        """Only the senders who are asked for, and never those who are excluded."""
        await self.automate(hass, senders=["07700 900123", "MYBANK"], exclude_senders=["mybank"])
        await receive(hass, account, "Yes")
        await receive(hass, account, "No", sender="MYBANK")
        await receive(hass, account, "No", sender=BEN)
        assert told(notified, "message") == ["Yes"]

    async def test_redelivered(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, notified: Calls
    ) -> None:
        """A message that comes again may have been lost on its way to the phones."""
        await self.automate(hass)
        await receive_twice(hass, entry, account, "Hello")
        assert told(notified, "message") == ["Hello", "Hello"]


class TestAnnounce:
    """Messages are read aloud."""

    @pytest.fixture
    def spoken(self, hass: HomeAssistant) -> Calls:
        """Return what speakers say; they take what Home Assistant's take."""
        fields = {
            vol.Required("media_player_entity_id"): cv.comp_entity_ids,
            vol.Required("message"): cv.string,
            vol.Optional("cache"): cv.boolean,
        }
        return async_mock_service(hass, "tts", "speak", cv.make_entity_service_schema(fields))

    @pytest.fixture
    def announced(self, hass: HomeAssistant) -> Calls:
        """Return what satellites say; they take what Home Assistant's take."""
        schema = cv.make_entity_service_schema({vol.Optional("message"): str})
        return async_mock_service(hass, "assist_satellite", "announce", schema)

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation."""
        defaults: dict[str, Any] = {
            "satellites": ["assist_satellite.kitchen"],
            "contacts": [{"name": "Mum", "number": MUM}],
            "quiet_from": "00:00:00",
            "quiet_to": "00:00:00",
        }
        await automate(hass, "announce", **defaults | inputs)

    async def test_satellites(self, hass: HomeAssistant, account: Account, announced: Calls, spoken: Calls) -> None:
        """Each of several is announced, with the sender's name."""
        await self.automate(hass)
        await receive(hass, account, "Hello", "It's me ☺")
        assert told(announced, "message") == ["Message from Mum: Hello", "Message from Mum: It's me ☺"]
        assert told(announced, "entity_id") == [["assist_satellite.kitchen"]] * 2
        assert spoken == []

    async def test_speakers(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        announced: Calls,
        spoken: Calls,
        clock: Clock,
    ) -> None:
        """The second one waits until the first is read; what is said isn't kept."""
        await self.automate(hass, satellites=[], speakers=SPEAKERS, voice="tts.anna")
        await receive_at_work(hass, entry, account, "one " * 10_000, "007")
        assert told(spoken, "message") == [f"Message from Mum: {'one ' * 73}one…"]
        await advance(clock, 20)
        assert len(spoken) == 1
        await advance(clock, 20)
        assert told(spoken, "message")[1:] == ["Message from Mum: 007"]
        assert spoken[0].data["entity_id"] == ["tts.anna"]
        assert spoken[0].data["media_player_entity_id"] == SPEAKERS
        assert spoken[0].data["cache"] is False
        assert announced == []

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            *((text, text) for text in TRICKY if text not in ("[1, 2]", r"C:\new", "two\nlines", "  space  ")),
            ("[1, 2]", "1, 2"),
            (r"C:\new", "C: new"),
            ("two\nlines", "two lines"),
            ("  space  ", "space"),
            ("", ""),
            ("<speak>Hi<break time='9s'/></speak>", "speak Hi break time='9s'/ /speak"),
            ("[[slnc 9000]] Tom &amp; Jerry &#60;", "slnc 9000 Tom amp; Jerry #60;"),
            ("a\x00\x1b\x07b\x7f\x85\u2028c\ufffe", "a b c"),
            ("👨\u200d👩\u200d👧 ☺", "👨\u200d👩\u200d👧 ☺"),
            pytest.param("word " * 100, "word " * 58 + "word…", id="many words"),
            pytest.param("x" * 300, "x" * 300, id="just not too long"),
            pytest.param("two " + "x" * 400, "two " + "x" * 295 + "…", id="long word"),
            pytest.param("x" * 40_000, "x" * 299 + "…", id="very long word"),
        ],
    )
    async def test_what_is_said(
        self, hass: HomeAssistant, account: Account, announced: Calls, text: str, said: str
    ) -> None:
        """A text is never taken for a template or for markup, and can't go on for ever."""
        await self.automate(hass, announcement="{text}")
        await receive(hass, account, text)
        assert told(announced, "message") == [said]

    async def test_wording_with_markup(self, hass: HomeAssistant, account: Account, announced: Calls) -> None:
        """The markup of whoever made the automation is left; neither the name nor the text adds any."""
        await self.automate(hass, announcement="<speak>{name}: {text}</speak>")
        await receive(hass, account, "</speak>", sender="<b>" + "x" * 150)
        assert told(announced, "message") == [f"<speak>b {'x' * 57}…: /speak</speak>"]

    async def test_hostile(
        self,
        hass: HomeAssistant,
        account: Account,
        announced: Calls,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Whatever comes is announced, in at most 300 characters."""
        await self.automate(hass)
        await receive_hostile(hass, account, caplog)
        assert len(announced) == len(HOSTILE) + 1
        assert max(map(len, told(announced, "message"))) <= len("Message from Mum: ") + 300

    @pytest.mark.parametrize(
        ("quiet_from", "quiet_to", "time", "is_said"),
        [
            ("22:00:00", "07:00:00", "06:59:59", False),
            ("22:00:00", "07:00:00", "07:00:00", True),
            ("22:00:00", "07:00:00", "21:59:59", True),
            ("22:00:00", "07:00:00", "22:00:00", False),
            ("13:00:00", "15:00:00", "12:59:59", True),
            ("13:00:00", "15:00:00", "14:00:00", False),
            ("13:00:00", "15:00:00", "15:00:00", True),
            ("07:00:00", "07:00:00", "07:00:00", True),
            ("07:00:00", "07:00:00", "23:00:00", True),
        ],
    )
    async def test_quiet_hours(
        self,
        hass: HomeAssistant,
        account: Account,
        announced: Calls,
        freezer: FrozenDateTimeFactory,
        quiet_from: str,
        quiet_to: str,
        time: str,
        *,
        is_said: bool,
    ) -> None:
        """Nothing is said in them, also where they span midnight."""
        await self.automate(hass, quiet_from=quiet_from, quiet_to=quiet_to)
        tomorrow = dt_util.utcnow().date() + timedelta(days=1)
        freezer.move_to(f"{tomorrow} {time}")
        await receive(hass, account, "Hello")
        assert bool(announced) is is_said

    async def test_redelivered(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, announced: Calls
    ) -> None:
        """A message that comes again isn't said again."""
        await self.automate(hass)
        await receive_twice(hass, entry, account, "Hello")
        assert len(announced) == 1

    async def test_which(self, hass: HomeAssistant, account: Account, announced: Calls) -> None:
        """Only the senders who are asked for, and never those who are excluded."""
        await self.automate(hass, senders=["07700 900123", "MYBANK"], exclude_senders=["mybank"])
        await receive(hass, account, "Yes")
        await receive(hass, account, "No", sender="MYBANK")
        await receive(hass, account, "No", sender=BEN)
        assert told(announced, "message") == ["Message from Mum: Yes"]


class TestOneTimeCode:
    """A code is shown for a while."""

    @pytest.fixture
    async def shown(self, hass: HomeAssistant) -> list[Any]:
        """Add the helper; return the changes of its state, as they come."""
        assert await async_setup_component(hass, "input_text", {"input_text": {"code": {}}})
        return async_capture_events(hass, "state_changed")

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation."""
        await automate(hass, "one_time_code", **{"senders": ["MYBANK"], "helper": CODE} | inputs)

    def codes(self, shown: list[Any]) -> list[str]:
        """Return the codes that were shown."""
        return [event.data["new_state"].state for event in shown if event.data["entity_id"] == CODE]

    async def test_samples(self, hass: HomeAssistant, account: Account, shown: list[Any]) -> None:
        """The code is found in messages as they are sent, in many languages; `pytest -s` shows what was found."""
        samples = ONE_TIME_CODES["codes"]
        await self.automate(hass, minutes=0)
        found = []
        for sample in samples:
            shown.clear()
            await receive(hass, account, sample["text"], sender="MyBank")
            found.append(next(iter(self.codes(shown)), ""))
            verdict = "" if found[-1] == sample["code"] else "(wrong) "
            line = sample["text"].replace("\n", " ")
            sys.stdout.write(f"\n{sample['language']:4} {found[-1]:8} {verdict}{line}")
        assert found == [sample["code"] for sample in samples]

    async def test_samples_without_a_code(self, hass: HomeAssistant, account: Account, shown: list[Any]) -> None:
        """In messages with other numbers none is found."""
        await self.automate(hass)
        await receive(hass, account, *(sample["text"] for sample in ONE_TIME_CODES["no_codes"]), sender="MYBANK")
        assert self.codes(shown) == []

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("Code: 48291357", "48291357"),
            ("code:007007", "007007"),
            ("code 482\u00a0913, PIN 48 29 13", "482913"),
            ("code 4829-1357", "48291357"),
            ("#482913", "482913"),
            ("On 20.11.2026, 10:30: 48.2913 EUR, code 4711", "4711"),
            ("2026-11-20 4711", "4711"),
            ("4829\n1357", "4829"),
            ("In 2026 your code is 2027", "2027"),
            ("Sign in to the Example app with 482 913 now, please, or at 1435", "482913"),
            ("Your code: A1B-2C3 (not ABC123)", "A1B2C3"),
            pytest.param("x" * 980 + " code 4829", "4829", id="far behind"),
        ],
    )
    async def test_code(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], text: str, code: str
    ) -> None:
        """Four to eight digits are a code, whole or in parts, and so are letters with digits next to such a word."""
        await self.automate(hass)
        await receive_at_work(hass, entry, account, text, sender="MyBank")
        assert self.codes(shown) == [code]

    @pytest.mark.parametrize(
        "text",
        [
            "No code",
            "code 482",
            "code 482913570",
            "12.11.2026",
            "1234.56",
            "555-1234",
            "code 555-1234",
            "The code is not ready, order 4829",
            "Our code of conduct is from 2026",
            pytest.param("x" * 1000 + " code 4829", id="too far behind"),
        ],
    )
    async def test_no_code(self, hass: HomeAssistant, account: Account, shown: list[Any], text: str) -> None:
        """Fewer or more digits are none, and neither are dates, amounts and the numbers of something else."""
        await self.automate(hass)
        await receive(hass, account, text, sender="MYBANK")
        assert self.codes(shown) == []

    async def test_stranger(self, hass: HomeAssistant, account: Account, shown: list[Any]) -> None:
        """A code of somebody else isn't shown."""
        await self.automate(hass)
        await receive(hass, account, "Your code is 4829.", sender="OTHER")
        assert self.codes(shown) == []

    @pytest.mark.parametrize("code", ["1.50", "None", "{{7*7}}"])
    async def test_expression(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], code: str
    ) -> None:
        """What the first group of another expression catches is shown as it is."""
        await self.automate(hass, expression=r"code (\S+)")
        await receive_at_work(hass, entry, account, f"Code {code}", sender="MYBANK")
        assert self.codes(shown) == [code]

    @pytest.mark.parametrize("expression", [r"\d+", "login", "(?:login|code)"])
    async def test_expression_without_a_group(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], expression: str
    ) -> None:
        """It says in which messages the code is looked for."""
        await self.automate(hass, expression=expression)
        await receive_at_work(hass, entry, account, "1200 EUR, login code 48 29 13", sender="MYBANK")
        assert self.codes(shown) == ["482913"]

    @pytest.mark.parametrize(
        ("expression", "text"),
        [(r"code( \d+)?", "Code"), ("login", "Your code is 4829"), (r"(\w+\s?)*#", "code 4829 " * 4_000)],
        ids=["empty group", "no match", "no match in time"],
    )
    async def test_expression_without_a_code(
        self,
        hass: HomeAssistant,
        account: Account,
        shown: list[Any],
        caplog: pytest.LogCaptureFixture,
        expression: str,
        text: str,
    ) -> None:
        """Where nothing is in the group, or nothing matches in time, nothing runs."""
        await self.automate(hass, expression=expression)
        runs = async_capture_events(hass, "automation_triggered")
        await receive(hass, account, text, sender="MYBANK")
        assert self.codes(shown) == runs == []
        assert "Error" not in caplog.text

    async def test_any_sender(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any]
    ) -> None:
        """Without senders, everybody's code is shown, also one of a message without a sender."""
        await self.automate(hass, senders=[])
        await receive_at_work(hass, entry, account, "Code 4829", sender="")
        assert self.codes(shown) == ["4829"]

    async def test_hostile(
        self, hass: HomeAssistant, account: Account, shown: list[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """No text makes it fail; what has a code shows one."""
        await self.automate(hass, senders=[], minutes=0)
        await receive_hostile(hass, account, caplog)
        assert self.codes(shown) == ["4829", ""]

    @pytest.mark.parametrize(
        "part", ["1", "1234\n", "code 4829 ", "pin ", "A1B2 ", "*", "1 000 ", "验证码4829\n", "\u0301"]
    )
    def test_time(self, hass: HomeAssistant, part: str) -> None:
        """A text of a stranger doesn't hold up Home Assistant."""
        variables = load_yaml_dict(REPOSITORY / FOLDER / "one_time_code.yaml")["variables"]
        variables["trigger"] = {"id": "code", "text": part * 40_000, "groups": []}
        template = Template(variables["found"], hass)
        seconds = []
        for _ in range(5):
            before = perf_counter()
            template.async_render(variables)
            seconds.append(perf_counter() - before)
        sys.stdout.write(f"\n{part!r}: {min(seconds) * 1000:.1f} ms")
        assert min(seconds) < 0.02

    async def test_redelivered(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any]
    ) -> None:
        """A code that comes again is shown again, since it may not have been seen."""
        await self.automate(hass, senders=[], minutes=0)
        await receive_twice(hass, entry, account, "Code 4829")
        assert self.codes(shown) == ["4829", "", "4829", ""]

    async def test_clearing(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], clock: Clock
    ) -> None:
        """A code disappears after its time; one that comes meanwhile has a time of its own, even if it is the same."""
        await self.automate(hass)
        await receive_at_work(hass, entry, account, "4829", sender="MYBANK")
        await advance(clock, 240)
        await receive_at_work(hass, entry, account, "4829", sender="MYBANK")
        await advance(clock, 240)
        assert self.codes(shown) == ["4829"]
        await advance(clock, 60)
        assert self.codes(shown) == ["4829", ""]

    async def test_each_of_two(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], clock: Clock
    ) -> None:
        """Of codes that come at once, each is written, and the newer one stays."""
        await self.automate(hass, minutes=1)
        await receive_at_work(hass, entry, account, "1111", "2222", sender="MYBANK")
        assert self.codes(shown) == ["1111", "2222"]
        await advance(clock, 60)
        assert self.codes(shown) == ["1111", "2222", ""]

    async def test_what_somebody_else_wrote(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, shown: list[Any], clock: Clock
    ) -> None:
        """What isn't the code any more isn't cleared."""
        await self.automate(hass)
        await receive_at_work(hass, entry, account, "4829", sender="MYBANK")
        await hass.services.async_call("input_text", "set_value", {"entity_id": CODE, "value": "Mine"})
        await advance(clock, 300)
        assert self.codes(shown) == ["4829", "Mine"]

    async def test_restart(self, hass: HomeAssistant, entry: MockConfigEntry, clock: Clock) -> None:
        """A code that was shown when Home Assistant stopped is cleared by the next one."""
        await hass.config_entries.async_unload(entry.entry_id)
        hass.set_state(CoreState.not_running)
        assert await async_setup_component(hass, "input_text", {"input_text": {"code": {"initial": "4829"}}})
        await self.automate(hass)
        await hass.async_start()
        await advance(clock, 299)
        assert hass.states.is_state(CODE, "4829")
        await advance(clock, 1)
        assert hass.states.is_state(CODE, "")


class TestTrackerAlarm:
    """Reports of a tracker run actions."""

    @pytest.fixture
    def alarms(self, hass: HomeAssistant) -> Calls:
        """Return the calls of all actions."""
        return async_mock_service(hass, "test", "alarm")

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation, with an action for each kind."""
        data = {key: f"{{{{ {key} }}}}" for key in ("latitude", "longitude", "map_link")}
        actions = {
            f"{kind}_action": [{"action": "test.alarm", "data": data | {"kind": kind, "text": "{{ trigger.text }}"}}]
            for kind in ("emergency", "area", "battery", "other")
        }
        await automate(hass, "tracker_alarm", **{"trackers": ["07700 900123"]} | actions | inputs)

    @pytest.mark.parametrize(
        ("text", "kinds"),
        [
            ("SOS!", ["emergency"]),
            ("help me! lat:48.20849 long:16.37208", ["emergency"]),
            ("Low Battery! Bat: 12%", ["battery"]),
            ("GEO-FENCE alarm", ["area"]),
            ("low battery, sos", ["emergency", "battery"]),
            ("Speed: 12 km/h, bat: 80%", ["other"]),
            ("求救SOS", ["emergency"]),
            ("", ["other"]),
        ],
    )
    async def test_kind(
        self, hass: HomeAssistant, account: Account, alarms: Calls, text: str, kinds: list[str]
    ) -> None:
        """Each kind has its action; a report may be of several, the most urgent first."""
        await self.automate(hass)
        await receive(hass, account, text)
        assert told(alarms, "kind") == kinds

    async def test_words(self, hass: HomeAssistant, account: Account, alarms: Calls) -> None:
        """Other words can be chosen, and an empty one means nothing."""
        await self.automate(hass, emergency_words=["Notruf", "救命", " "])
        await receive(hass, account, "NOTRUF", "老王救命", "SOS")
        assert told(alarms, "kind") == ["emergency", "emergency", "other"]

    @pytest.mark.parametrize(
        ("text", "latitude", "longitude"),
        [
            ("lat:48.20849 long:16.37208 speed:0.00", 48.20849, 16.37208),
            ("Lat: -33.8688, Lon: +151.2093", -33.8688, 151.2093),
            ("SOS Lat:S33.8688,Lon:W070.6693", -33.8688, -70.6693),
            ("N22.566901 E114.051258 12.500km/h", 22.566901, 114.051258),
            ("48.20849° N, 16.37208° W", 48.20849, -16.37208),
            ("33.8688S 151.2093E", -33.8688, 151.2093),
            ("http://maps.google.com/maps?q=48.20849,16.37208", 48.20849, 16.37208),
            ("http://maps.google.com/?q=N48.20849,E016.37208", 48.20849, 16.37208),
            ("https://maps.example/?q=48.20849%2C-16.37208&z=16", 48.20849, -16.37208),
            ("https://www.google.com/maps/@48.20849,16.37208,17z", 48.20849, 16.37208),
            ("Lat=48.20849\nLon=16.37208", 48.20849, 16.37208),
            ("At 20.11.2026 12:30, pos 48.20849 16.37208", 48.20849, 16.37208),
            ("48.20849 so now 16.37208 was", 48.20849, 16.37208),
        ],
    )
    async def test_position(
        self, hass: HomeAssistant, account: Account, alarms: Calls, text: str, latitude: float, longitude: float
    ) -> None:
        """A position is taken out of the text, whichever way it is written."""
        await self.automate(hass)
        await receive(hass, account, text)
        [data] = [alarm.data for alarm in alarms]
        assert (data["latitude"], data["longitude"]) == (latitude, longitude)
        assert data["map_link"] == f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"

    @pytest.mark.parametrize(
        ("text", "link"),
        [
            ("SOS", ""),
            ("SOS https://maps.example/AbC12 sent by tracker", "https://maps.example/AbC12"),
            ("Bat 80%, 20.11.2026, 4812.5094N 01622.3248E", ""),
            ("4812.5094 16.37208", ""),
            ("lat:98.20849 long:16.37208", ""),
            ("1.234 / 181.234", ""),
            ("{{ 48.20849 }} {{ 7*7 }}", ""),
        ],
    )
    async def test_no_position(
        self, hass: HomeAssistant, account: Account, alarms: Calls, text: str, link: str
    ) -> None:
        """Where none is told there is none, rather than a wrong one; a link is told."""
        await self.automate(hass)
        await receive(hass, account, text)
        [data] = [alarm.data for alarm in alarms]
        assert (data["latitude"], data["longitude"], data["map_link"], data["text"]) == (None, None, link, text)

    @pytest.mark.parametrize("sender", [BEN, ""])
    async def test_stranger(self, hass: HomeAssistant, account: Account, alarms: Calls, sender: str) -> None:
        """Nobody but the trackers raises an alarm."""
        await self.automate(hass)
        await receive(hass, account, "SOS", sender=sender)
        assert alarms == []

    async def test_account_that_is_picked(
        self, hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, alarms: Calls
    ) -> None:
        """Only the account that is picked counts."""
        await self.automate(hass, accounts=[device_id(hass, entry)])
        other = await add_account(hass, emulator)
        await receive(hass, account, "SOS to Anna")
        await receive(hass, other, "SOS to Ben")
        assert told(alarms, "text") == ["SOS to Anna"]

    async def test_hostile(
        self, hass: HomeAssistant, account: Account, alarms: Calls, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever comes runs the action for everything else."""
        await self.automate(hass)
        await receive_hostile(hass, account, caplog)
        assert told(alarms, "kind") == ["other"] * len(HOSTILE)

    async def test_each_of_two(self, hass: HomeAssistant, account: Account, alarms: Calls) -> None:
        """Equal reports that come at once are two."""
        await self.automate(hass)
        await receive(hass, account, "SOS", "SOS")
        assert told(alarms, "kind") == ["emergency", "emergency"]

    async def test_redelivered(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, alarms: Calls
    ) -> None:
        """An alarm that comes again may not have been heard."""
        await self.automate(hass)
        await receive_twice(hass, entry, account, "SOS")
        assert told(alarms, "kind") == ["emergency", "emergency"]


class TestDigest:
    """Many messages become one notification."""

    @pytest.fixture(autouse=True)
    async def home(
        self, hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
    ) -> AsyncGenerator[None]:
        """Begin at noon, six hours before the digest; at the end wait for no other."""
        freezer.move_to(NOON)
        await move_in(hass, entry)
        yield
        await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.blueprint"}, blocking=True)

    async def automate(self, hass: HomeAssistant, **inputs: Any) -> None:
        """Make the automation."""
        await automate(hass, "digest", phones=PHONES, **inputs)

    async def reach(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, time: str) -> None:
        """Let time pass."""
        freezer.move_to(dt_util.parse_datetime(f"{time}:00+00:00", raise_on_error=True))
        async_fire_time_changed(hass)
        await settle(hass)

    @pytest.mark.parametrize(
        ("texts", "messages"),
        [
            ([], []),
            (["Hello"], [f"{MUM}: Hello"]),
            (["Hello", "Hello", "Kia ora ☺"], [f"{MUM}: Hello\n{MUM}: Hello\n{MUM}: Kia ora ☺"]),
            ([f"{number}" for number in range(40)], ["…\n" + "\n".join(f"{MUM}: {each}" for each in range(20, 40))]),
            (["x" * 300], [f"{MUM}: {'x' * 199}…"]),
            (TRICKY, [f"{MUM}: " + f"\n{MUM}: ".join(TRICKY)]),
            (
                ["😀" * 199 + str(number) for number in range(5)],
                ["…\n" + "\n".join(f"{MUM}: {'😀' * 199}{number}" for number in (2, 3, 4))],
            ),
        ],
    )
    async def test_messages(
        self,
        hass: HomeAssistant,
        account: Account,
        notified: Calls,
        freezer: FrozenDateTimeFactory,
        texts: list[str],
        messages: list[str],
    ) -> None:
        """All messages are in one notification, the oldest first; without any there is none."""
        await self.automate(hass)
        for number, text in enumerate(texts):
            account.send(text, sender=MUM, received_at=NOON + timedelta(seconds=number))
        await poll(hass)
        await self.reach(hass, freezer, "2026-11-20 17:59")
        assert notified == []
        await self.reach(hass, freezer, "2026-11-20 18:00")
        assert told(notified, "message") == messages
        assert told(notified, "title") == [f"Text messages: {len(texts)}"] * len(messages)
        assert told(notified, "entity_id") == [PHONES] * len(messages)

    async def test_each_message_is_in_one_digest(
        self, hass: HomeAssistant, account: Account, notified: Calls, freezer: FrozenDateTimeFactory
    ) -> None:
        """A digest begins where the last one ended, and the newest wait for the next."""
        await self.automate(hass, title="{count}")
        times = [
            "2026-11-19 17:00",  # more than a day ago: before the first
            "2026-11-19 18:00",
            "2026-11-20 17:54",
            "2026-11-20 17:55",  # the first one's grace begins
            "2026-11-20 18:00",
            "2026-11-21 17:54",
            "2026-11-23 12:00",  # after a day without
        ]
        received = [dt_util.parse_datetime(f"{time}:00+00:00", raise_on_error=True) for time in times]
        digests = [f"2026-11-{day} 18:00" for day in range(20, 25)]
        ends = [NOON, *(dt_util.parse_datetime(f"{time}:00+00:00", raise_on_error=True) for time in digests)]
        for (before, after), digest in zip(pairwise(ends), digests, strict=True):
            for number, time in enumerate(received):
                if before <= time < after or (before == NOON and time < before):
                    account.send(str(number), sender=MUM, received_at=time)
            freezer.move_to(after - timedelta(seconds=30))
            await poll(hass, 15)
            await self.reach(hass, freezer, digest)
        assert told(notified, "message") == [f"{MUM}: 1\n{MUM}: 2", f"{MUM}: 3\n{MUM}: 4\n{MUM}: 5", f"{MUM}: 6"]

    async def test_which(
        self, hass: HomeAssistant, account: Account, notified: Calls, freezer: FrozenDateTimeFactory
    ) -> None:
        """Excluded senders and words are left out, an empty word excludes nothing, and names are told."""
        exclude = {"exclude_senders": ["07700 900456", "shop"], "exclude_words": ["Offer", " "]}
        await self.automate(hass, **exclude, contacts=[{"name": "Mum", "number": "07700 900123"}])
        await receive(hass, account, "Hello", "A special OFFER")
        await receive(hass, account, "Ben", sender=BEN)
        await receive(hass, account, "New shoes", sender="SHOP")
        await receive(hass, account, "Balance", sender="MYBANK")
        await self.reach(hass, freezer, "2026-11-20 18:00")
        assert told(notified, "message") == ["Mum: Hello\nMYBANK: Balance"]

    async def test_days(
        self, hass: HomeAssistant, account: Account, notified: Calls, freezer: FrozenDateTimeFactory
    ) -> None:
        """On other days nothing is sent, and the message waits."""
        await self.automate(hass, weekdays=["sun"], time="09:00:00", grace=0)
        await self.reach(hass, freezer, "2026-11-22 09:00")
        await receive(hass, account, "On Sunday")
        await self.reach(hass, freezer, "2026-11-28 09:00")
        assert notified == []
        await self.reach(hass, freezer, "2026-11-29 09:00")
        assert told(notified, "message") == [f"{MUM}: On Sunday"]

    async def test_account_that_is_picked(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        entry: MockConfigEntry,
        account: Account,
        notified: Calls,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Only the account that is picked is in it."""
        await self.automate(hass, accounts=[device_id(hass, entry)])
        other = await add_account(hass, emulator)
        await receive(hass, account, "To Anna")
        await receive(hass, other, "To Ben")
        await self.reach(hass, freezer, "2026-11-20 18:00")
        assert told(notified, "message") == [f"{MUM}: To Anna"]

    async def test_hostile(
        self,
        hass: HomeAssistant,
        account: Account,
        notified: Calls,
        freezer: FrozenDateTimeFactory,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Whatever has come, there is a digest that push services take."""
        await self.automate(hass, shown=100)
        await receive_hostile(hass, account, caplog)
        await self.reach(hass, freezer, "2026-11-20 18:00")
        assert told(notified, "title") == [f"Text messages: {len(HOSTILE) + 1}"]
        assert len(told(notified, "message")[0].encode()) <= 3010
