"""The documentation: its links lead somewhere, its examples work, and it names everything as the dialogs do."""

from collections.abc import Iterable
from datetime import datetime
import json
import logging
from pathlib import Path
import re
import string
from typing import Any

import hass_frontend
from markdown_it import MarkdownIt
from markdown_it.token import Token
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import RecorderInstanceContextManager
from sqlalchemy import select
import yaml

from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from emulator import Account, Emulator, Message
from homeassistant import components
from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.components.recorder.db_schema import EventTypes, StatesMeta
from homeassistant.components.recorder.util import session_scope
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, frame
from homeassistant.helpers.template import Template
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, slugify

from .conftest import make_entry, poll, set_up, settle

REPOSITORY = Path(__file__).parents[1]
COMPONENT = REPOSITORY / "custom_components/sms_inbox"
ENGLISH = json.loads((COMPONENT / "translations/en.json").read_text())
MANIFEST = json.loads((COMPONENT / "manifest.json").read_text())
SIGNING_KEY = ENGLISH["options"]["step"]["webhook"]["data"]["signing_key"]
PAGES = sorted(str(file.relative_to(REPOSITORY)) for file in REPOSITORY.glob("docs/**/*.md"))
OURS = ["README.md", "CONTRIBUTING.md", *PAGES]
DOCUMENTS = [*OURS, "CHANGELOG.md", "emulator/README.md", "benchmarks/README.md"]
ABOUT_HOME_ASSISTANT = [
    "README.md",
    *(page for page in PAGES if page.count("/") == 1 and page != "docs/architecture.md"),
    "docs/webhooks/README.md",
]
LONGEST_LINE = 120
OTHER_WORDS = {
    "docs/automations.md": {"contains"},
    "docs/dashboards.md": {"template entity", "Already running"},
    "docs/installation.md": {"Custom repositories", "Integration"},
    "docs/reliability.md": {"in doubt", "on their way when Home Assistant ended", "quarantined"},
    "docs/sending.md": {"Cost", "Found later", "Knows a repeat", "Reply to", "unknown"},
    "docs/troubleshooting.md": {"Message Service (SMS/MMS)", "POLL"},
    "docs/webhooks/README.md": {"API Settings"},
}
"""What is emphasised and isn't a label of SMS Inbox or of Home Assistant, but of a vendor, or a word for itself."""


def read(document: str) -> str:
    """Return the text of a document."""
    return (REPOSITORY / document).read_text()


def blocks(document: str, language: str) -> list[str]:
    """Return the code blocks of a document in a language."""
    return re.findall(rf"```{language}\n(.*?)```", read(document), re.DOTALL)


EXAMPLES = [
    pytest.param(yaml.safe_load(block), id=f"{document} {number}")
    for document in DOCUMENTS
    for number, block in enumerate(blocks(document, "yaml"), 1)
]


def examples(key: str) -> list[Any]:
    """Return the examples with a key; a list of actions has those of its first one."""

    def keys(example: Any) -> set[str]:
        return set(example[0] if isinstance(example, list) else example)

    return [example for example in EXAMPLES if key in keys(example.values[0])]


AUTOMATIONS = examples("triggers")
ACTIONS = examples("action")
TEMPLATES = examples("template")
CARDS = examples("type")


class TestExamples:
    """What is shown in YAML works."""

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    @pytest.mark.parametrize("example", AUTOMATIONS)
    async def test_automation(self, hass: HomeAssistant, entry: MockConfigEntry, example: dict[str, Any]) -> None:
        """Each automation is accepted, and drops no message that comes while it runs."""
        await set_up(hass, entry)
        validated = await async_validate_config_item(hass, "example", {"alias": "Example", **example})
        assert validated
        assert validated.validation_status == "ok", validated.validation_error
        assert (example["mode"], example["max"]) == ("queued", 100)

    @pytest.mark.parametrize("example", ACTIONS)
    @pytest.mark.usefixtures("hass")
    async def test_actions(self, example: list[Any]) -> None:
        """Each list of actions is accepted."""
        assert cv.SCRIPT_SCHEMA(example)

    def test_every_example_is_looked_at(self) -> None:
        """There is none of another kind."""
        assert len(EXAMPLES) == len([*AUTOMATIONS, *ACTIONS, *TEMPLATES, *CARDS])
        assert TEMPLATES
        assert len(CARDS) == 2


NASTY = (
    "# Heading\n- a list\n1. one\n\n    code\n\n> quote\n===",
    "[Your bank](https://example.org/login) ![picture](https://example.org/p.png)",
    "<img src=x onerror=alert(1)> <ha-icon icon='mdi:bank'></ha-icon> </table><ha-alert>Fire</ha-alert>",
    "https://example.org/login www.example.org anna@example.org <https://example.org>",
    "*a* _b_ ~~c~~ `d` **e** \\* &lt; &#42; \\",
    "a | b | c\n|---|---|\n| 1 | 2 |",
    "{{ states('sensor.text_messages') }} {% raw %} {# note #}",
    "None",
    "['a']",
    string.punctuation,
)
HARMLESS = {"inline", "text", "text_special", "strong_open", "strong_close", "softbreak"}
TABLE = {f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
class TestDashboards:
    """The cards of the page show messages, and nothing of a text acts as markup."""

    @pytest.fixture
    def expected_lingering_timers(self) -> bool:
        """The trigger by time of a template entity ends with Home Assistant, and not before."""
        return True

    @pytest.fixture(autouse=True)
    async def inbox(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Set up an account, and the entity of the page."""
        await set_up(hass, entry)
        [example] = TEMPLATES
        assert await async_setup_component(hass, "template", example.values[0])
        await settle(hass)

    async def test_entity(self, hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture) -> None:
        """It has the newest messages, also when many come at once, and says when the newest was received."""
        sent = [account.send(f"Number {number}") for number in range(60)]
        await poll(hass)
        state = hass.states.get("sensor.text_messages")
        assert state
        texts = [message["text"] for message in state.attributes["messages"]]
        assert texts == [message.text for message in reversed(sent)][:50]
        assert datetime.fromisoformat(state.state) == sent[-1].received_at.replace(microsecond=0)
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    async def test_last_messages(self, hass: HomeAssistant, account: Account) -> None:
        """The card has ten messages, the newest first, with sender and time, and their texts as they were typed."""
        await poll(hass)
        assert render(hass, CARDS[0]) == "No messages yet."
        sent = [account.send(nasty, sender="*[a](b)") for nasty in ("Eleventh", *NASTY)]
        await poll(hass)
        tokens = parse(render(hass, CARDS[0]))
        assert {token.type for token in tokens} <= HARMLESS | {"paragraph_open", "paragraph_close"}
        expected = [
            f"*[a](b) · {local(message)}\n" + re.sub(r"\s*\n\s*", "\n", message.text) for message in reversed(sent)
        ]
        assert shown(tokens) == expected[:10]

    async def test_marks_of_direction(self, hass: HomeAssistant, account: Account) -> None:
        """A text can't turn the direction of what stands behind it; one without letters is named."""
        account.send("")
        account.send("\u202etxet\u2066 ok")
        await poll(hass)
        assert [each.partition("\n")[2] for each in shown(parse(render(hass, CARDS[0])))] == ["txet ok", "(no text)"]

    async def test_conversations(self, hass: HomeAssistant, account: Account) -> None:
        """The card has a row for each sender, with the latest message, shortened, and how many there are."""
        senders = [f"<b>{number}" for number in range(len(NASTY))]
        for nasty, sender in zip(NASTY, senders, strict=True):
            account.send(nasty, sender=sender)
        last = account.send("long " * 20, sender=senders[0])
        await poll(hass)
        tokens = parse(render(hass, CARDS[1]))
        assert {token.type for token in tokens if token.type not in TABLE} <= HARMLESS
        cells = shown(tokens)
        assert cells[:4] == [
            "Sender",
            "Latest message",
            f"<b>0\N{NO-BREAK SPACE}(2)\n{local(last)}",
            ("long " * 12)[:59] + "…",
        ]
        assert [cell.partition("\N{NO-BREAK SPACE}(1)")[0] for cell in cells[4::2]] == senders[:0:-1]
        for cell, nasty in zip(cells[5::2], NASTY[:0:-1], strict=True):
            assert cell == " ".join((nasty if len(nasty) <= 60 else nasty[:59] + "…").split())


def render(hass: HomeAssistant, card: Any) -> str:
    """Return what a Markdown card gets to show."""
    [example] = card.values
    assert example["type"] == "markdown"
    return str(Template(example["content"], hass).async_render(parse_result=False)).strip()


def parse(markdown: str) -> list[Token]:
    """Return the elements of a text in Markdown; `<br>` is an element, any other HTML is not expected."""
    blocks_ = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    tokens = [token for block in blocks_ for token in (block, *(block.children or ()))]
    for token in tokens:
        if token.type == "html_inline" and token.content == "<br>":
            token.type = "softbreak"
    return tokens


def shown(tokens: Iterable[Token]) -> list[str]:
    """Return what a person reads, by paragraph and cell."""
    texts: list[str] = []
    for token in tokens:
        if token.type == "inline":
            texts.append("")
        elif token.type == "softbreak":
            texts[-1] += "\n"
        elif token.type in ("text", "text_special"):
            texts[-1] += token.content
    return texts


def local(message: Message) -> str:
    """Return when a message was received, as the cards show it."""
    return dt_util.as_local(message.received_at).strftime("%Y-%m-%d %H:%M")


class TestPrivacy:
    """What is to be kept out of the history is kept out, in any language."""

    @pytest.fixture
    async def mock_recorder_before_hass(self, async_test_recorder: RecorderInstanceContextManager) -> None:
        """Let there be a history; it must be known before Home Assistant is."""

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    @pytest.mark.parametrize(
        ("language", "id_language"),
        [("en", "en"), ("de", "de"), ("el", "en")],  # IDs are English where a language has other letters
    )
    async def test_recorder(
        self,
        hass: HomeAssistant,
        emulator: Emulator,
        account: Account,
        async_test_recorder: RecorderInstanceContextManager,
        tmp_path: Path,
        language: str,
        id_language: str,
    ) -> None:
        """With the configuration that the template writes, the recorder has neither texts nor senders."""
        [block] = blocks("docs/privacy.md", "jinja")
        async with async_test_home_assistant(config_dir=str(tmp_path)) as before_restart:
            before_restart.data.pop(DATA_CUSTOM_COMPONENTS)
            frame.async_setup(before_restart)  # the one in which it looks for integrations
            before_restart.config.language = language
            before = make_entry(emulator, account)
            before.add_to_hass(before_restart)
            await set_up(before_restart, before)
            config = yaml.safe_load(str(Template(block, before_restart).async_render(parse_result=False)))
            await before_restart.config_entries.async_unload(before.entry_id)
            await before_restart.async_stop()
        frame.async_setup(hass)
        hass.config.language = language
        async with async_test_recorder(hass, config["recorder"]) as recorder:
            entry = make_entry(emulator, account)
            entry.add_to_hass(hass)
            await set_up(hass, entry)
            sensor = f"sensor.bulksms_anna_{slugify(last_message_in(id_language))}"
            account.send("Secret", sender="MYBANK")
            await poll(hass)
            state = hass.states.get(sensor)
            assert state
            assert state.state == "Secret"
            hass.bus.async_fire("something_else")
            hass.states.async_set("light.porch", "on")
            await async_wait_recording_done(hass)
            recorded = await recorder.async_add_executor_job(_recorded, hass)
        assert {"light.porch", "something_else"} <= recorded
        assert not {each for each in recorded if each.startswith("sensor.")}
        assert not {"sms_received", "sms_sent", "sms_status"} & recorded


def test_example_of_ids() -> None:
    """The page about privacy names an entity as it is called in German."""
    page = read("docs/privacy.md")
    assert f"`sensor.bulksms_{slugify(last_message_in('en'))}`" in page
    assert f"`sensor.bulksms_{slugify(last_message_in('de'))}` in German" in page


def last_message_in(language: str) -> str:
    """Return the name of the sensor with the last message."""
    texts = json.loads((COMPONENT / f"translations/{language}.json").read_text())
    return str(texts["entity"]["sensor"]["last_message"]["name"])


def _recorded(hass: HomeAssistant) -> set[str]:
    """Return the entities and types of events that the recorder knows."""
    with session_scope(hass=hass, read_only=True) as session:
        return {
            *session.scalars(select(StatesMeta.entity_id)),
            *session.scalars(select(EventTypes.event_type)),
        }


class TestPages:
    """Each page can be read, and found."""

    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_links(self, document: str) -> None:
        """Each file, picture and heading that is linked is there."""
        check_links(document)

    @pytest.mark.parametrize(
        ("text", "broken"),
        [
            ('[a](#there) [b](other.md#there-too) <img src="other.md">', []),
            ("[a](#gone)", ["#gone"]),
            ("[a](other.md#there)", ["other.md#there"]),
            ("[a](gone.md)", ["gone.md"]),
            ("[a][b]\n\n[b]: gone.md", ["gone.md"]),
            ("[a][b]", ["b"]),
            ("```\n# There\n```\n[a](#there-1)", ["#there-1"]),
        ],
    )
    def test_broken_links_are_found(
        self, tmp_path: Path, text: str, broken: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The test before this one would fail."""
        (tmp_path / "one.md").write_text(f"# There\n\n{text}\n")
        (tmp_path / "other.md").write_text("# *There*, too\n")
        monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
        if broken:
            with pytest.raises(AssertionError, match=re.escape(broken[0])):
                check_links("one.md")
        else:
            check_links("one.md")

    @pytest.mark.parametrize("page", PAGES)
    def test_page_is_linked(self, page: str) -> None:
        """Each page is linked from another one that people find."""
        indexes = ("README.md", "docs/README.md", "docs/providers/README.md", "docs/webhooks/README.md")
        targets = {
            (REPOSITORY / index).parent.joinpath(link.partition("#")[0]).resolve()
            for index in indexes
            for link in links(index)
        }
        assert (REPOSITORY / page).resolve() in targets or page == "docs/README.md"

    def test_pictures_are_shown(self) -> None:
        """There is no picture that no page shows."""
        targets = {(REPOSITORY / page).parent.joinpath(link).resolve() for page in DOCUMENTS for link in links(page)}
        assert {path.resolve() for path in REPOSITORY.glob("docs/images/*")} <= targets

    @pytest.mark.parametrize("document", [*OURS, "benchmarks/README.md"])
    def test_lines(self, document: str) -> None:
        """No line is longer than 120 letters, unless it can't be broken, or is a row that `scripts/bench` printed."""
        for line in read(document).splitlines():
            is_printed = document == "benchmarks/README.md" and line.startswith("|")
            assert len(line) <= LONGEST_LINE or is_printed or " " not in line.strip(), line

    def test_readme_is_short(self) -> None:
        """It is read in a few minutes."""
        assert len(read("README.md").splitlines()) <= 200


class TestNames:
    """Pages call everything as the dialogs do."""

    @pytest.mark.parametrize("document", ABOUT_HOME_ASSISTANT)
    def test_labels(self, document: str) -> None:
        """What is emphasised is a label of SMS Inbox or of Home Assistant, or a word that is meant otherwise."""
        assert emphasised(document) <= LABELS | OTHER_WORDS.get(document, set())

    @pytest.mark.parametrize("key", POLLED)
    def test_provider_has_its_page(self, key: str) -> None:
        """It is linked from the README and from the index, and names the fields of the dialog as the dialog does."""
        assert f"(docs/providers/{key}.md)" in read("README.md")
        assert f"({key}.md)" in read("docs/providers/README.md")
        step = ENGLISH["config"]["step"][key]
        labels = {*step["data"].values(), *step["sections"]["server"]["data"].values(), SIGNING_KEY}
        for name in named(f"docs/providers/{key}.md", "Field"):
            assert is_made_of(name, labels), name

    def test_fields(self) -> None:
        """The page about the installation names the fields of all dialogs."""
        steps = ENGLISH["config"]["step"].values()
        sections = [step["sections"]["server"]["data"] for step in steps if "sections" in step]
        labels = {label for data in (*sections, *(step.get("data", {}) for step in steps)) for label in data.values()}
        for name in named("docs/installation.md", "Field"):
            assert is_made_of(name, labels), name

    def test_options(self) -> None:
        """The page about the options has all of them, and the menu as it is."""
        steps = ENGLISH["options"]["step"]
        assert sorted(named("docs/options.md", "Option")) == sorted(steps["storage"]["data"].values())
        assert sorted(named("docs/options.md", "Menu")) == sorted(steps["init"]["menu_options"].values())

    def test_entities(self) -> None:
        """The page about the entities has all of them."""
        names = [f"{each['name']} ({kind})" for kind, all_ in ENGLISH["entity"].items() for each in all_.values()]
        assert sorted(named("docs/entities.md", "Entity")) == sorted(names)


def check_links(document: str) -> None:
    """Raise AssertionError if a file or a heading is linked that isn't there."""
    for link in links(document):
        file, _, heading = link.partition("#")
        target = (REPOSITORY / document).parent.joinpath(file) if file else REPOSITORY / document
        assert target.exists(), link
        assert not heading or heading in headings(target), link


def links(document: str) -> list[str]:
    """Return the links of a document that lead to files of this project; names of links that aren't defined, too."""
    text = without_code(read(document))
    defined = dict(re.findall(r"^\[([^\]]+)\]:\s+(\S+)$", text, re.MULTILINE))
    used = re.findall(r"\]\[([^\]]+)\]", text)
    found = map("".join, re.findall(r"\]\(([^)]+)\)|src(?:set)?=\"([^\"]+)\"", text))
    return [link for link in (*found, *(defined.get(name, name) for name in used)) if "://" not in link]


def headings(file: Path) -> set[str]:
    """Return the headings of a document, as links name them."""
    lines = without_code(file.read_text()).splitlines()
    lines = [re.sub(r"\]\(.*?\)", "]", line.lstrip("# ").lower()) for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line).replace(" ", "-") for line in lines}


def without_code(markdown: str) -> str:
    """Return a text without its code blocks."""
    return re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)


def named(document: str, heading: str) -> list[str]:
    """Return the first cells of the tables whose first column has a heading."""
    tables = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", read(document), re.MULTILINE)
    assert tables
    return [row.split("|")[1].strip() for row in "".join(tables).splitlines()]


def is_made_of(name: str, labels: set[str]) -> bool:
    """Return whether a name is one label, or several with commas between them; a label may have a comma itself."""
    return name in labels or any(
        name.startswith(f"{label}, ") and is_made_of(name.removeprefix(f"{label}, "), labels) for label in labels
    )


def emphasised(document: str) -> set[str]:
    """Return what stands between single asterisks."""
    text = re.sub(r"`[^`]*`", "", without_code(read(document)))
    return set(re.findall(r"\*([^*]+)\*", re.sub(r"\s+", " ", text).replace("**", "")))


def texts_of(value: Any) -> set[str]:
    """Return all texts of a translation, with an ellipsis for each placeholder."""
    if isinstance(value, dict):
        return {text for each in value.values() for text in texts_of(each)}
    return {re.sub(r"\{\w+\}", "…", value)}


def _labels() -> set[str]:
    """Return what SMS Inbox and Home Assistant show in English, and the names of providers and blueprints."""
    core = Path(components.__path__[0])
    files = [
        *Path(hass_frontend.where()).glob("static/translations/**/en-[0-9a-f]*.json"),
        *(core / name / "translations/en.json" for name in ("event", "recorder", "template")),
        COMPONENT / "translations/en.json",
    ]
    blueprints = re.findall(r"\[\*\*(.+?)\*\*\]", read("docs/blueprints.md"))
    return {
        *(text for file in files if file.exists() for text in texts_of(json.loads(file.read_text()))),
        *(provider.name for provider in PROVIDERS.values()),
        *blueprints,
        MANIFEST["name"],
    }


LABELS = _labels()
