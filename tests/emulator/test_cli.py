"""The emulator as a process."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
import json
from pathlib import Path
import signal
import sys

import pytest

from emulator import Emulator

from .conftest import PASSWORD, PATIENCE, USERNAME, Client

ROOT = Path(__file__).parents[2]
LOGIN = {"provider": "bulletin", "username": USERNAME}

type Run = Callable[..., Awaitable[Process]]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Start emulators which don't outlive the test."""
    processes = []

    async def start(*options: str) -> Process:
        command = (sys.executable, "-m", "emulator", *options)
        processes.append(await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE))
        return processes[-1]

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def address(process: Process) -> str:
    """The address that an emulator prints."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode().split()[-1]


async def test_help(run: Run) -> None:
    """Help is there."""
    output, _ = await (await run("--help")).communicate()
    for option in ("--host", "--port", "--hold", "--latency", "--repeat", "--clock-offset", "--data"):
        assert option in output.decode()


@pytest.mark.usefixtures("client")
async def test_port_in_use(run: Run, emulator: Emulator) -> None:
    """One sentence, and exit code 1."""
    port = str(emulator.port)
    process = await run("--port", port)
    output, errors = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert errors.decode() == f"Port {port} is in use; choose another with --port.\n"


async def test_clock_offset(run: Run, client: Client) -> None:
    """The vendors' clock can be behind."""
    root = await address(await run("--port", "0", "--clock-offset", "-86400.5"))
    state = json.loads((await client.ask("GET", f"{root}/admin/state", headers={})).body)
    assert state["clock_offset"] == -86400.5


@pytest.mark.parametrize("seconds", ["tomorrow", "nan", "1e300"])
async def test_bad_clock_offset(run: Run, seconds: str) -> None:
    """What is no offset is refused before anything starts."""
    process = await run("--port", "0", "--clock-offset", seconds)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"--clock-offset" in errors.splitlines()[-1]


async def test_damaged_data(run: Run, tmp_path: Path) -> None:
    """One sentence, and exit code 1."""
    data = tmp_path / "data.json"
    data.write_text("{")
    process = await run("--port", "0", "--data", str(data))
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.count(b"\n") == 1
    assert b"can't be read" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ends_at_once(run: Run, client: Client, tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends it cleanly while a call is held; data is kept, and no secret or text is in its output."""
    data = tmp_path / "data.json"
    process = await run("--port", "0", "--data", str(data))
    root = await address(process)
    await client.ask("POST", f"{root}/admin/accounts", headers={}, json={**LOGIN, "password": PASSWORD})
    await client.ask("POST", f"{root}/admin/messages", headers={}, json={**LOGIN, "text": "a secret"})
    query = {"userId": USERNAME, "password": PASSWORD}
    assert b"a+secret" in (await client.ask("GET", f"{root}/bulletin/api/1/sms/in", headers={}, params=query)).body
    poll = asyncio.create_task(client.ask("GET", f"{root}/bulletin/api/1/sms/in", headers={}, params=query))
    while len(json.loads((await client.ask("GET", f"{root}/admin/requests")).body)["entries"]) < 2:
        pass
    process.send_signal(number)
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    assert (process.returncode, output, errors) == (0, b"", b"")
    with pytest.raises(OSError, match=r".*"):
        await poll
    assert json.loads(data.read_text())["accounts"][0]["messages"][0]["read"]
