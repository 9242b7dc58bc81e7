"""The icons: each is one that Home Assistant has, and each stands for something that there is."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import hass_frontend

COMPONENT = Path(__file__).parents[1] / "custom_components/sms_inbox"
ICONS: dict[str, Any] = json.loads((COMPONENT / "icons.json").read_text())
TEXTS: dict[str, Any] = json.loads((COMPONENT / "translations/en.json").read_text())


def names(value: Any) -> Iterator[str]:
    """Yield each icon."""
    if isinstance(value, dict):
        for item in value.values():
            yield from names(item)
    else:
        yield value


def test_home_assistant_has_each() -> None:
    """Each is in the front end's list of icons, without which it would be an empty place."""
    known = {icon["name"] for icon in json.loads((hass_frontend.where() / "static/mdi/iconList.json").read_text())}
    assert {name.removeprefix("mdi:") for name in names(ICONS)} <= known
    assert all(name.startswith("mdi:") for name in names(ICONS))


def test_sections() -> None:
    """Each section of a form has an icon, as elsewhere in Home Assistant, and none is of a section that is gone."""
    for category in ("config", "options"):
        sections = {key: set(step["sections"]) for key, step in TEXTS[category]["step"].items() if "sections" in step}
        steps = ICONS.get(category, {}).get("step", {})
        assert {key: set(step["sections"]) for key, step in steps.items()} == sections
