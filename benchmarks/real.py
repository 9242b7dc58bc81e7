"""A real Home Assistant in a process of its own, with automations that report when they start."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import socket
from tempfile import TemporaryDirectory
from typing import Any

from tests.live.home_assistant import HomeAssistant
from tests.live.websocket import WebSocket

from .bot_api import CHAT, TOKEN
from .core import FOLDER
from .emulator import REPOSITORY
from .telegram import Bot

COMPONENTS = (REPOSITORY / "custom_components" / "sms_inbox", Path(__file__).with_name("witness"))
WITNESS = "benchmark"
IDLE = 0.5  # seconds
IDLE_SHARE = 0.05  # of one processor


class Home:
    """A running Home Assistant. All times are seconds since the epoch."""

    def __init__(self, home_assistant: HomeAssistant, websocket: WebSocket) -> None:
        """Take it with a connection."""
        self._home_assistant = home_assistant
        self._websocket = websocket
        self._log = home_assistant.config / "home-assistant_v2.db-wal"

    async def add_account(self, account: dict[str, Any]) -> str:
        """Add an account of SMS Inbox by the dialog, and return its config entry's id."""
        flow = await self._home_assistant.flow("sms_inbox")
        await flow.choose(account["provider"])
        server = {"url": account["url"]}
        data = {"username": account["username"], "password": account["password"], "server": server}
        return _entry_id(await flow.submit(data))

    async def add_bot(self, bot: Bot) -> str:
        """Add a bot to core's `telegram_bot` by the dialog, with one allowed chat; return its config entry's id."""
        flow = await self._home_assistant.flow("telegram_bot")
        endpoint = {"api_endpoint": bot.url}
        data = {"platform": "polling", "api_key": TOKEN, "additional_settings": endpoint}
        entry_id = _entry_id(await flow.submit(data))
        path = "/api/config/config_entries/subentries/flow"
        form = await self._home_assistant.post(path, {"handler": [entry_id, "allowed_chat_ids"]})
        result = await self._home_assistant.post(f"{path}/{form['flow_id']}", {"chat_id": CHAT})
        if result["type"] != "create_entry":
            raise RuntimeError(f"The chat could not be allowed: {result.get('errors') or result.get('reason')}.")
        return entry_id

    async def stop_polling(self, entry_id: str) -> None:
        """Have an account be asked only when somebody wants it."""
        await self._websocket.command("config_entries/update", entry_id=entry_id, pref_disable_polling=True)

    async def button(self, entry_id: str) -> str:
        """Return the entity id of an account's button `check_now`."""
        entities = await self._websocket.command("config/entity_registry/list")
        [found] = [entity["entity_id"] for entity in entities if entity["unique_id"] == f"{entry_id}_check_now"]
        return str(found)

    async def press(self, button: str) -> None:
        """Press a button, and return when all is done that it does."""
        await self._websocket.command("call_service", domain="button", service="press", target={"entity_id": button})

    async def fire(self, event_type: str, event_data: dict[str, Any], number: int) -> float:
        """Fire bare events in a loop, and return when that began."""
        answer = await self._ask("fire", event_type=event_type, event_data=event_data, count=number)
        return float(answer["at"])

    async def until(self, source: str, number: int) -> float:
        """Wait until so many automations of a source have started in all, and return when the last of them did."""
        return float((await self._ask("until", source=source, count=number))["at"])

    async def processor(self) -> float:
        """Return the seconds of processor time that Home Assistant has taken in all its threads."""
        return float((await self._ask("processor"))["seconds"])

    async def until_idle(self) -> None:
        """Return when the recorder has written everything, and Home Assistant does nothing any more."""
        await self._ask("settle")
        before = await self.processor()
        while True:
            await asyncio.sleep(IDLE)
            await self._ask("settle")
            now = await self.processor()
            if now - before < IDLE * IDLE_SHARE:
                return
            before = now

    async def until_recorder_ticks(self) -> None:
        """Return when the recorder's timer has just made it write, as every 5 s when something has happened."""
        before = self._log.stat().st_mtime_ns
        await self.fire("benchmark_marker", {}, 1)
        while self._log.stat().st_mtime_ns == before:  # noqa: ASYNC110 - it is written by another process
            await asyncio.sleep(0.01)

    async def _ask(self, service: str, **data: Any) -> Any:
        result = await self._websocket.command(
            "call_service", domain=WITNESS, service=service, service_data=data, return_response=True
        )
        return result["response"]


def _entry_id(result: dict[str, Any]) -> str:
    if result["type"] != "create_entry":
        raise RuntimeError(f"The account could not be added: {result.get('errors') or result.get('reason')}.")
    return str(result["result"]["entry_id"])


@asynccontextmanager
async def real_home_assistant(events: dict[str, str]) -> AsyncGenerator[Home]:
    """Run Home Assistant, its recorder as it is by default, with an automation for each source of events.

    Args:
        events: The type of the event that starts the automation, by the name of the source.
    """
    with TemporaryDirectory(dir=FOLDER) as folder:
        components, config = _prepare(Path(folder), events)
        home_assistant = HomeAssistant(
            config, _free_port(), level="warning", components=components, more=f"{WITNESS}:\n"
        )
        async with home_assistant, await home_assistant.websocket() as websocket:
            yield Home(home_assistant, websocket)


def _prepare(folder: Path, events: dict[str, str]) -> tuple[Path, Path]:
    """Make the folders of the custom components and of the configuration."""
    components, config = folder / "custom_components", folder / "config"
    components.mkdir()
    for component in COMPONENTS:
        domain = json.loads((component / "manifest.json").read_text())["domain"]
        (components / domain).symlink_to(component)
    config.mkdir()
    # JSON is YAML, too.
    (config / "automations.yaml").write_text(json.dumps([_automation(*each) for each in events.items()]))
    return components, config


def _automation(source: str, event_type: str) -> dict[str, Any]:
    return {
        "id": source,
        "alias": f"Note {source}",
        "mode": "queued",
        "max": 100_000,
        "triggers": [{"trigger": "event", "event_type": event_type}],
        "actions": [{"action": f"{WITNESS}.note", "data": {"source": source}}],
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
