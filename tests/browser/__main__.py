"""The browser test: runs the steps of a first evening in a real browser, and says what was seen."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
import shutil
import sys
import time

from playwright.async_api import Error

from ..live.child import ChildError
from ..live.command import check_ports, run
from ..live.emulator import Emulator
from ..live.home_assistant import PASSWORD, REPOSITORY, USERNAME, HomeAssistant
from . import dashboards
from .component import copy_component
from .gallery import HEIGHTS
from .registration import plant_numbers
from .steps import STEPS, Step
from .walk import COUNTRIES, walk_through
from .window import THEMES, chromium, find_chromium
from .world import World, customers

FOLDER = REPOSITORY / ".demo-browser"
ARIA = "Aria snapshot:"  # has what is typed into fields
FAILURE = FOLDER / "failure.png"


@asynccontextmanager
async def world(options: argparse.Namespace) -> AsyncIterator[World]:
    """Start everything, on a folder that is new."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    accounts = customers()
    plant_numbers(FOLDER / "emulator.json", accounts["twilio"])
    emulator = Emulator(options.emulator_port, FOLDER / "emulator.json")
    components = FOLDER / "components"
    copy_component(components, emulator.url)
    home_assistant = HomeAssistant(
        FOLDER / "home-assistant", options.port, level="debug", components=components, more=dashboards.WITHOUT
    )
    async with emulator, home_assistant, chromium(headed=options.headed) as browser:
        world = World(home_assistant, emulator, browser, accounts, pictures=options.pictures)
        await world.begin()
        yield world


async def take(world: World, step: Step) -> bool:
    """Take a step, print what was seen, and return whether it was as expected."""
    name = _name(step)
    begin = time.monotonic()
    try:
        seen = await step(world)
    except (AssertionError, ChildError, Error) as error:
        print(f"FAILED  {name}\n\n{world.without_passwords(str(error).partition(ARIA)[0])}", flush=True)
        window = next(window for window in reversed(world.windows) if not window.page.is_closed())
        await window.page.screenshot(path=FAILURE)
        print(f"The page, as in {FAILURE.relative_to(REPOSITORY)}:\n\n{await window.text()}", flush=True)
        return False
    print(f"ok  {time.monotonic() - begin:5.1f} s  {name}: {seen}", flush=True)
    return True


async def _take_all(world: World) -> bool:
    """Take one step after the other until one fails."""
    for step in STEPS:
        if not await take(world, step):
            return False
    return True


def _name(step: Step) -> str:
    """Return what a step is called."""
    if isinstance(step, partial):
        return f"{_name(step.func)} {' '.join(step.keywords.values())}"
    return step.__name__.replace("_", " ")


async def _run(options: argparse.Namespace) -> bool:
    find_chromium()
    check_ports(options)
    if options.walk:
        return await walk_through(options)
    async with world(options) as shared:
        ok = await _take_all(shared)
        if options.keep:
            print(f"{shared.home_assistant.url} (user {USERNAME}, password {PASSWORD}), {shared.emulator.url}; Ctrl-C")
            await asyncio.Event().wait()
    return ok


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/test-browser", add_help=False)
    parser.add_argument("--port", type=int, default=8143)
    parser.add_argument("--emulator-port", type=int, default=8145)
    parser.add_argument("--headed", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--walk")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--language", action="append", choices=list(COUNTRIES))
    parser.add_argument("--theme", action="append", choices=list(THEMES))
    parser.add_argument("--width", action="append", type=int, choices=list(HEIGHTS))
    return parser.parse_args()


def main() -> int:
    """Run the test and return the exit code."""
    return run(_run(_options()))


if __name__ == "__main__":
    sys.exit(main())
