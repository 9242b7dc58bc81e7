"""Home Assistant's own backups: made while it runs, and restored by its own restart."""

import asyncio
from contextlib import suppress
import time

import aiohttp

from .child import until
from .home_assistant import HomeAssistant, HomeAssistantError
from .websocket import WebSocketError

AGENT = "backup.local"
RESTART_LIMIT = 60.0  # seconds


async def make_backup(home_assistant: HomeAssistant) -> str:
    """Make a backup of everything, and return its id when it is complete."""
    before = await _backups(home_assistant)
    await home_assistant.post("/api/services/backup/create", {})
    new = await _backups(home_assistant) - before
    if len(new) != 1:
        raise HomeAssistantError(f"There are {len(new)} new backups, and should be one; see {home_assistant.log}")
    return new.pop()


async def restore_backup(home_assistant: HomeAssistant, backup_id: str) -> float:
    """Restore a backup, delete it, and return when the process that ran before was gone, in seconds since the epoch.

    Home Assistant restarts for it, in order as at any other restart, puts the files in place before anything else of
    it runs, and restarts once more.
    """
    before = home_assistant.pid
    # The answer may be lost with the connection.
    with suppress(WebSocketError, aiohttp.ClientError):
        async with await home_assistant.websocket() as websocket:
            await websocket.command("backup/restore", backup_id=backup_id, agent_id=AGENT)

    async def is_gone() -> bool:
        return home_assistant.pid != before

    try:
        async with asyncio.timeout(RESTART_LIMIT):
            await until(is_gone)
    except TimeoutError:
        raise HomeAssistantError(f"Home Assistant doesn't restart for the backup; see {home_assistant.log}") from None
    gone = time.time()
    await home_assistant.ready()
    async with await home_assistant.websocket() as websocket:
        event = (await websocket.command("backup/info"))["last_action_event"]
        if not event or (event["manager_state"], event["state"]) != ("restore_backup", "completed"):
            raise HomeAssistantError(f"The backup was not restored: {event}; see {home_assistant.log}")
        await websocket.command("backup/delete", backup_id=backup_id)
    return gone


async def _backups(home_assistant: HomeAssistant) -> set[str]:
    async with await home_assistant.websocket() as websocket:
        return {backup["backup_id"] for backup in (await websocket.command("backup/info"))["backups"]}
