"""The README's examples work, and its links lead somewhere."""

from pathlib import Path
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv

from .conftest import set_up

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
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


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "emulator/README.md", "benchmarks/README.md"])
def test_links(document: str) -> None:
    """Each file and each heading that is linked is there."""
    text = (REPOSITORY / document).read_text()
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text):
        link = "".join(target)
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif "://" not in link:
            assert (REPOSITORY / document).parent.joinpath(link.partition("#")[0]).exists(), link
