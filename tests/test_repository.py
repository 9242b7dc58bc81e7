"""What stands around the component keeps its word: to Home Assistant, to HACS, and to whoever works on it."""

from importlib import import_module
import json
from pathlib import Path
import re
import shutil
import subprocess
import tomllib
from typing import Any
from zipfile import ZipFile

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.sms_inbox import PLATFORMS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .conftest import set_up

REPOSITORY = Path(__file__).parents[1]
COMPONENT = REPOSITORY / "custom_components/sms_inbox"
FORMS = REPOSITORY / ".github/ISSUE_TEMPLATE"
WORKFLOWS = REPOSITORY / ".github/workflows"

MANIFEST: dict[str, Any] = json.loads((COMPONENT / "manifest.json").read_text())
HACS: dict[str, Any] = json.loads((REPOSITORY / "hacs.json").read_text())
README = (REPOSITORY / "README.md").read_text()
RELEASED = "## 1.2.3 - 2026-11-30\n\n### Fixed\n\n- All.\n\n## 1.2.2 - 2026-11-29\n\nLong ago.\n"


def test_quality_scale_is_reached() -> None:
    """Each rule is followed, or doesn't apply; `tests/validation` looks at the reasons and at what the files show."""
    rules = yaml.safe_load((COMPONENT / "quality_scale.yaml").read_text())["rules"]
    answers = {answer if isinstance(answer, str) else answer["status"] for answer in rules.values()}
    assert answers == {"done", "exempt"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_parallel_updates(platform: str) -> None:
    """Each platform says how many updates may run at a time: any number, see quality_scale.yaml."""
    assert import_module(f"custom_components.sms_inbox.{platform}").PARALLEL_UPDATES == 0


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_entities(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Each entity has a unique id, a translated name and an icon, and is of a device which is a service.

    Contacts have the notify entities, each with the contact's name.
    """
    names = json.loads((COMPONENT / "translations/en.json").read_text())["entity"]
    icons = json.loads((COMPONENT / "icons.json").read_text())["entity"]
    await set_up(hass, entry)
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert {entity.domain for entity in entities} == set(PLATFORMS) - {"notify"}
    for entity in entities:
        assert entity.has_entity_name
        assert entity.unique_id == f"{entry.entry_id}_{entity.translation_key}"
        assert names[entity.domain][entity.translation_key]["name"]
        assert icons[entity.domain][entity.translation_key]["default"].startswith("mdi:")
        device = dr.async_get(hass).async_get(entity.device_id or "")
        assert device
        assert device.entry_type is dr.DeviceEntryType.SERVICE


@pytest.mark.parametrize("kind", ["triggers", "conditions", "services"])
def test_automations_are_explained(kind: str) -> None:
    """Each trigger, condition and action is on the page about automations or sending, with each of its fields."""
    page = "".join((REPOSITORY / f"docs/{name}.md").read_text() for name in ("automations", "sending"))
    for key, description in yaml.safe_load((COMPONENT / f"{kind}.yaml").read_text()).items():
        assert f"sms_inbox.{key}" in page
        for field in description["fields"]:
            assert f"`{field}`" in page


def test_addresses() -> None:
    """The manifest and the issue forms lead to the same repository."""
    assert MANIFEST["issue_tracker"] == f"{MANIFEST['documentation']}/issues"
    for link in yaml.safe_load((FORMS / "config.yml").read_text())["contact_links"]:
        assert link["url"].startswith(f"{MANIFEST['documentation']}/")


def test_requirements() -> None:
    """What Home Assistant will install is what the tests run with."""
    pins = (REPOSITORY / "requirements.txt").read_text().splitlines()
    assert set(MANIFEST["requirements"]) <= set(pins)


def test_hacs() -> None:
    """HACS is told the name and the oldest Home Assistant, as is the reader, and takes releases by their archive."""
    assert HACS["name"] == MANIFEST["name"]
    assert f"Needs Home Assistant {HACS['homeassistant'].removesuffix('.0')} or newer" in README
    assert HACS["zip_release"]
    assert HACS["hide_default_branch"]  # which has no archive
    assert f'"$RUNNER_TEMP/{HACS["filename"]}"' in (WORKFLOWS / "release.yml").read_text()


def test_one_version() -> None:
    """The manifest, the project and the top of the changelog have the same."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    top = re.search(r"^## (\S+) - ", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert top
    assert MANIFEST["version"] == project["version"] == top[1]


def test_no_strings_json() -> None:
    """Home Assistant never reads it; the texts are in translations/."""
    assert not list(COMPONENT.rglob("strings.json"))


def test_workflows_are_known() -> None:
    """The tests below look at each."""
    assert {path.name for path in WORKFLOWS.iterdir()} == {"release.yml", "tests.yml", "validate.yml", "versions.yml"}


@pytest.mark.parametrize("name", ["release", "tests", "validate", "versions"])
def test_workflow(name: str) -> None:
    """It may do only what it must, runs only what can't be exchanged under us, and scripts that are there."""
    text = (WORKFLOWS / f"{name}.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["cancel-in-progress"] is (name != "release")
    for key, job in workflow["jobs"].items():
        assert job["permissions"] == {"contents": "write" if key == "release" else "read"}
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", "")
    for action in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # \S+", action) or (REPOSITORY / action.split()[0]).is_file()
    for script in re.findall(r"run: ((?:scripts|\.ci)/\S+)", text):
        assert (REPOSITORY / script).is_file()


def test_dependabot() -> None:
    """It looks after the actions, and after what we chose ourselves."""
    updates = yaml.safe_load((REPOSITORY / ".github/dependabot.yml").read_text())["updates"]
    actions, python = sorted(updates, key=lambda update: update["package-ecosystem"])
    assert (actions["package-ecosystem"], python["package-ecosystem"]) == ("github-actions", "pip")
    chosen = re.findall(r"^[\w-]+", (REPOSITORY / "requirements.in").read_text(), re.MULTILINE)
    assert {allowed["dependency-name"] for allowed in python["allow"]} <= set(chosen)


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("bug", {"home-assistant", "sms-inbox", "provider", "what-happened", "diagnostics"}),
        ("provider", {"provider", "documentation", "account"}),
    ],
)
def test_issue_form(name: str, required: set[str]) -> None:
    """It asks for what is needed, insists on it, and warns of what must not be posted."""
    text = (FORMS / f"{name}.yml").read_text()
    form = yaml.safe_load(text)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert {field["id"] for field in fields if field.get("validations", {}).get("required")} == required
    assert re.search(r"Don't post .*passwords", text)


def test_issues_begin_with_a_form() -> None:
    """There is no way around the forms."""
    assert yaml.safe_load((FORMS / "config.yml").read_text())["blank_issues_enabled"] is False


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a copy of what a release is checked by, of version 1.2.3."""
    for path in ("scripts/check-release", "custom_components/sms_inbox/manifest.json"):
        (tmp_path / path).parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    manifest = tmp_path / "custom_components/sms_inbox/manifest.json"
    manifest.write_text(json.dumps(MANIFEST | {"version": "1.2.3"}, indent=2))
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\nAll of it.\n\n{RELEASED}")
    return tmp_path


def check_release(release: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the check."""
    return subprocess.run([release / "scripts/check-release", tag], check=False, capture_output=True, text=True)  # noqa: S603 - our own


def test_release(release: Path) -> None:
    """Where all agrees, the notes are what the changelog says of this version and of no other."""
    checked = check_release(release, "v1.2.3")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "### Fixed\n\n- All.\n\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "why"),
    [
        ("1.2.3", RELEASED, "v"),
        ("v1.2.4", RELEASED, "manifest"),
        ("v1.2.3", RELEASED.replace("1.2.3", "1.2.4"), "CHANGELOG"),
        ("v1.2.3", RELEASED.replace("2026-11-30", "unreleased"), "CHANGELOG"),
        ("v1.2.3", f"## Unreleased\n\n- More.\n\n{RELEASED}", "CHANGELOG"),
        ("v1.2.3", "", "CHANGELOG"),
    ],
)
def test_no_release(release: Path, tag: str, changelog: str, why: str) -> None:
    """Where something differs, there is no release, and it is told what."""
    (release / "CHANGELOG.md").write_text(changelog)
    checked = check_release(release, tag)
    assert (checked.returncode, checked.stdout) == (1, "")
    assert why in checked.stderr


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Return a repository with the integration, of version 1.2.3, and with what must not be in an archive."""
    for path in ("scripts/pack", "hacs.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    component = tmp_path / COMPONENT.relative_to(REPOSITORY)
    shutil.copytree(COMPONENT, component, ignore=shutil.ignore_patterns("__pycache__"))
    (component / "manifest.json").write_text(json.dumps(MANIFEST | {"version": "1.2.3"}))
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "Release")
    (component / "__pycache__").mkdir()
    (component / "__pycache__/const.cpython-314.pyc").write_bytes(b"")
    (component / "notes.txt").write_text("Not committed")
    (tmp_path / "out").mkdir()
    return tmp_path


def _git(repository: Path, *arguments: str) -> None:
    """Run git there, whoever runs the tests."""
    person = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    subprocess.run(["git", "-C", repository, *person, *arguments], check=True)  # noqa: S603, S607 - our own


def test_pack(packed: Path) -> None:
    """The archive of a release has each committed file of the integration at its top, nothing else, and always so."""
    contents = []
    for _ in range(2):
        command = [packed / "scripts/pack", packed / "out"]
        written = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
        assert Path(written.strip()) == packed / "out" / HACS["filename"]
        contents.append(Path(written.strip()).read_bytes())
    assert contents[0] == contents[1]
    own = {path for path in COMPONENT.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with ZipFile(packed / "out" / HACS["filename"]) as archive:
        files = {name for name in archive.namelist() if not name.endswith("/")}
        assert files == {str(path.relative_to(COMPONENT)) for path in own}
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["version"] == "1.2.3"
        assert archive.read("__init__.py") == (COMPONENT / "__init__.py").read_bytes()
