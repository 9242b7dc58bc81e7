"""The README's examples work, and its links lead somewhere."""

import json
from pathlib import Path
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.sms_inbox.providers import POLLED
from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv

from .conftest import set_up

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
ENGLISH = json.loads((REPOSITORY / "custom_components/sms_inbox/translations/en.json").read_text())
DOCUMENTS = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "emulator/README.md", "benchmarks/README.md"),
    *sorted(str(file.relative_to(REPOSITORY)) for file in REPOSITORY.glob("docs/**/*.md")),
]
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]
AUTOMATIONS = [example for example in EXAMPLES if "triggers" in example]
ACTIONS = [example for example in EXAMPLES if isinstance(example, list)]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
@pytest.mark.parametrize("example", AUTOMATIONS)
async def test_automation(hass: HomeAssistant, entry: MockConfigEntry, example: dict[str, Any]) -> None:
    """Each automation is accepted, and drops no message that comes while it runs."""
    await set_up(hass, entry)
    validated = await async_validate_config_item(hass, "example", {"alias": "Example", **example})
    assert validated
    assert validated.validation_status == "ok"
    assert (example["mode"], example["max"]) == ("queued", 100)


@pytest.mark.parametrize("example", ACTIONS)
@pytest.mark.usefixtures("hass")
async def test_actions(example: list[Any]) -> None:
    """Each list of actions is accepted."""
    assert cv.SCRIPT_SCHEMA(example)


def test_every_example_is_looked_at() -> None:
    """There is none of another kind but the recorder's."""
    others = [example for example in EXAMPLES if example not in AUTOMATIONS and example not in ACTIONS]
    assert [example.keys() for example in others] == [{"recorder"}]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links(document: str) -> None:
    """Each file and each heading that is linked is there."""
    for link in links(document):
        file, _, heading = link.partition("#")
        target = (REPOSITORY / document).parent.joinpath(file) if file else REPOSITORY / document
        assert target.exists(), link
        assert not heading or heading in headings(target), link


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ('[a](#there) [b](other.md#there-too) <img src="other.md">', []),
        ("[a](#gone)", ["#gone"]),
        ("[a](other.md#there)", ["other.md#there"]),
        ("[a](gone.md)", ["gone.md"]),
        ("```\n# There\n```\n[a](#there-1)", ["#there-1"]),
    ],
)
def test_broken_links_are_found(tmp_path: Path, text: str, broken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test before this one would fail."""
    (tmp_path / "one.md").write_text(f"# There\n\n{text}\n")
    (tmp_path / "other.md").write_text("# *There*, too\n")
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    if broken:
        with pytest.raises(AssertionError, match=re.escape(broken[0])):
            test_links("one.md")
    else:
        test_links("one.md")


@pytest.mark.parametrize("key", POLLED)
def test_provider_has_its_pages(key: str) -> None:
    """Its page is linked from the README and from the index, and names the fields of the dialog as the dialog does."""
    page = (REPOSITORY / f"docs/providers/{key}.md").read_text()
    assert f"(docs/providers/{key}.md)" in README
    assert f"({key}.md)" in (REPOSITORY / "docs/providers/README.md").read_text()
    step = ENGLISH["config"]["step"][key]
    options = ENGLISH["options"]["step"]["webhook"]["data"]
    labels = {*step["data"].values(), *step["sections"]["server"]["data"].values(), options["signing_key"]}
    tables = re.findall(r"^\| [Ff]ield \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert tables
    for row in "".join(tables).splitlines():
        assert is_made_of(row.split("|")[1].strip(), labels), row


def test_fields() -> None:
    """The README names the fields of the dialogs as the dialogs do."""
    steps = ENGLISH["config"]["step"].values()
    sections = [step["sections"]["server"]["data"] for step in steps if "sections" in step]
    labels = {label for data in (*sections, *(step.get("data", {}) for step in steps)) for label in data.values()}
    [table] = re.findall(r"^\| Field \| Meaning \|\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    for row in table.splitlines():
        assert is_made_of(row.split("|")[1].strip(), labels), row
    [options] = re.findall(r"^\| Option \| Default \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    named = [row.split("|")[1].strip() for row in options.splitlines()]
    assert sorted(named) == sorted(ENGLISH["options"]["step"]["storage"]["data"].values())


def links(document: str) -> list[str]:
    """Return the links of a document that lead to files of this project."""
    text = (REPOSITORY / document).read_text()
    found = map("".join, re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text))
    return [link for link in found if "://" not in link]


def headings(file: Path) -> set[str]:
    """Return the headings of a document, as links name them."""
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
    lines = [re.sub(r"\]\(.*?\)", "]", line.lstrip("# ").lower()) for line in text.splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line).replace(" ", "-") for line in lines}


def is_made_of(text: str, labels: set[str]) -> bool:
    """Return whether a text is one label, or several with commas between them; a label may have a comma itself."""
    return text in labels or any(
        text.startswith(f"{label}, ") and is_made_of(text.removeprefix(f"{label}, "), labels) for label in labels
    )
