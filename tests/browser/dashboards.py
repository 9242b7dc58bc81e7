"""The dashboard of the documentation: its entity and its cards, made of what stands on its page."""

import re
from typing import Any

from homeassistant.util.yaml import parse_yaml

from ..live.home_assistant import REPOSITORY
from .window import sees
from .world import NEIGHBOUR, World

PAGE = REPOSITORY / "docs" / "dashboards.md"
PATH = "text-messages"
WITHOUT = "template:\n"
"""What stands in configuration.yaml before: then template entities can be loaded without a restart."""


def entity() -> str:
    """Return what the page adds to configuration.yaml."""
    return next(block for block in _blocks() if block.startswith(WITHOUT))


def cards() -> list[Any]:
    """Return the cards of the page."""
    return [parse_yaml(block) for block in _blocks() if block.startswith("type:")]


async def show_dashboard(world: World) -> str:
    """Add the page's entity, make a dashboard of its cards, and look whether the last message is on each."""
    configuration = world.home_assistant.config / "configuration.yaml"
    configuration.write_text(configuration.read_text().replace(WITHOUT, entity()))
    await world.home_assistant.post("/api/services/template/reload")
    text = "Dinner at eight? *Bring* the [map](x) 🗺️"
    await world.ask("lovelace/dashboards/create", url_path=PATH, title="Text messages", mode="storage")
    views = [{"type": "sections", "sections": [{"type": "grid", "cards": [card]} for card in cards()]}]
    await world.ask("lovelace/config/save", url_path=PATH, config={"title": "Text messages", "views": views})
    await world.send("bulletin", text)
    await world.arrival(text)
    await world.window.go(f"/{PATH}")
    shown = world.window.page.locator("hui-markdown-card")
    for place in range(len(cards())):
        await sees(shown.nth(place), text, exact=False)
        await sees(shown.nth(place), NEIGHBOUR, exact=False)
    await world.picture("dashboard")
    return f"each of the {len(cards())} cards shows the last message as it was typed"


def _blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
