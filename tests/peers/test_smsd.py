"""gammu-smsd hands what it receives to Home Assistant, by the script that we give to users."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
import fcntl
from functools import partial
from http import HTTPStatus
from itertools import repeat
import json
import os
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest
import pytest_asyncio

from ..live.child import Child, until
from .conftest import PATIENCE, Server, is_logged
from .programs import HOST, Programs, free_ports

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = Path(__file__).parents[2] / "docs" / "gammu-smsd" / "on-receive"
MODEM = Path(__file__).with_name("gammu_modem.py")
SENDER = "+447700900123"
TIME = "2026-11-21T10:00:00"
LONG = "Where are you? " * 20 + "😀" + " Nobody is here…" * 12
CUT = "é" * 66 + "😀" + "è" * 66  # the two halves of the emoji come in two parts

CONFIGURATION = """\
[gammu]
device = {folder}/modem
connection = none
model = dummy

[smsd]
service = files
inboxpath = {folder}/inbox/
outboxpath = {folder}/outbox/
sentsmspath = {folder}/sent/
errorsmspath = {folder}/error/
logfile = {folder}/smsd.log
debuglevel = 1
receivefrequency = 1
loopsleep = 1
commtimeout = 1
runonreceive = {script} {folder}/on-receive.conf
"""
SETTINGS = """\
[sms-inbox]
url = {url}
spool = {folder}/spool
patience = {patience}
"""
UTF_8 = {"LC_ALL": "C.UTF-8"}


class Daemon:
    """gammu-smsd with a modem of its own, and our script."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        """Write its configuration."""
        self.folder = folder
        self.log = folder / "smsd.log"
        self._programs = programs
        for name in ("inbox", "outbox", "sent", "error"):
            (folder / name).mkdir()
        (folder / "smsdrc").write_text(CONFIGURATION.format(folder=folder, script=SCRIPT))

    def settings(self, url: str, patience: float = PATIENCE) -> None:
        """Write the settings of the script."""
        (self.folder / "on-receive.conf").write_text(SETTINGS.format(url=url, folder=self.folder, patience=patience))

    async def receive(self, *texts: str) -> None:
        """Have the modem receive messages; gammu-smsd must not run, it could read a part that is half written."""
        command = self._programs.command("usr/bin/python3", str(MODEM), str(self.folder / "modem"))
        process = await asyncio.create_subprocess_exec(
            *command, env=self._programs.python, stdin=asyncio.subprocess.PIPE
        )
        await process.communicate(json.dumps([[SENDER, text, TIME] for text in texts]).encode())
        assert process.returncode == 0

    @asynccontextmanager
    async def running(self, **environment: str) -> AsyncGenerator[None]:
        """Run gammu-smsd."""
        command = self._programs.command("usr/bin/gammu-smsd", "--config", str(self.folder / "smsdrc"))
        output = self.folder / "smsd.out"
        child = await Child.start(command, output, cwd=self.folder, environment=environment or UTF_8)
        try:
            yield
        finally:
            await child.stop()

    async def logged(self, what: str) -> None:
        """Wait until something is in the log."""
        await is_logged(self.log, what)

    @property
    def kept(self) -> list[dict[str, Any]]:
        """What the script keeps, oldest first."""
        return [json.loads(file.read_bytes()) for file in sorted((self.folder / "spool").glob("*.json"))]

    async def is_keeping(self) -> bool:
        """Return whether the script keeps anything."""
        return bool(self.kept)

    @property
    def unread(self) -> list[Path]:
        """What is in the modem's storage."""
        return list((self.folder / "modem" / "sms" / "1").iterdir())


class Answers:
    """A server that answers what it is told, one after the other, and then 200; it notes what came."""

    def __init__(self) -> None:
        """Begin with a server that takes everything."""
        self.url = ""
        self.statuses: Iterator[int] = iter(())
        self.came: list[dict[str, Any]] = []
        self._more = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.Response:
        """Note what came, and answer."""
        self.came.append(await request.json())
        async with self._more:
            self._more.notify_all()
        return web.Response(status=next(self.statuses, HTTPStatus.OK), content_type="text/plain")

    async def have_come(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: len(self.came) >= count)


@pytest_asyncio.fixture(loop_scope="session")
async def answers() -> AsyncGenerator[Answers]:
    """Run a server in Home Assistant's place."""
    answers = Answers()
    app = web.Application()
    app.router.add_post("/", answers.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    answers.url = f"http://{HOST}:{runner.addresses[0][1]}/"
    yield answers
    await runner.cleanup()


@pytest.fixture
def daemon(programs: Programs, tmp_path: Path) -> Daemon:
    """Return a gammu-smsd that doesn't run yet."""
    return Daemon(programs, tmp_path)


async def test_arrives_in_home_assistant(server: Server, daemon: Daemon) -> None:
    """Each message becomes one event with its whole text, in their order, and nothing is left behind."""
    texts = [
        "Open the gate & 100% = yes + more | \\n",
        "Grüße 😀",
        LONG,
        "two\nlines",
        "same",
        "same",
        CUT,
        "at the end 😀",
    ]
    daemon.settings((await server.add_account("smsd", "gammu_smsd")).url)
    await daemon.receive(*texts)
    async with daemon.running():
        events = [await server.next() for _ in texts]
    assert [event["text"] for event in events] == texts
    assert {event["sender"] for event in events} == {SENDER}
    assert {event["provider"] for event in events} == {"webhook"}
    assert len({event["message_id"] for event in events}) == len(texts)
    assert not any(event["redelivered"] for event in events)
    assert server.events.empty()
    assert daemon.unread == daemon.kept == []


async def test_tries_again(answers: Answers, daemon: Daemon) -> None:
    """A message is sent again while the answer isn't 2xx, with the same id, and those behind it wait."""
    answers.statuses = iter([HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNAUTHORIZED])
    daemon.settings(answers.url)
    await daemon.receive("first 😀", "second")
    async with daemon.running():
        await answers.have_come(4)
    assert [message["text"] for message in answers.came] == ["first 😀"] * 3 + ["second"]
    assert len({message["id"] for message in answers.came}) == 2
    assert daemon.kept == []


async def test_restart(server: Server, daemon: Daemon) -> None:
    """Nothing is lost in a restart, not even while Home Assistant answers but doesn't know the address yet."""
    daemon.settings((await server.add_account("restart", "gammu_smsd")).url, patience=0)
    await server.home_assistant.stop()
    assert await call(daemon, SMS_MESSAGES="1", SMS_1_NUMBER=SENDER, SMS_1_TEXT="Meanwhile 😀") == 1
    starting = asyncio.create_task(server.home_assistant.start())
    async with asyncio.timeout(3 * PATIENCE):
        await until(partial(is_sent, daemon))
    await starting
    answer = await server.home_assistant.post("/api/services/sms_inbox/get_messages?return_response", {"limit": 10})
    messages = answer["service_response"]["messages"]
    assert [message["text"] for message in messages if message["text"].startswith("Meanwhile")] == ["Meanwhile 😀"]


@pytest.mark.parametrize("trouble", ["nobody at this address", "no answer", "status 503"])
async def test_keeps_what_it_cannot_send(server: Server, answers: Answers, daemon: Daemon, trouble: str) -> None:
    """When the patience is over a message is kept, readable by its owner alone; a later call sends it, oldest first."""
    answers.statuses = repeat(HTTPStatus.SERVICE_UNAVAILABLE)
    urls = {
        # Home Assistant answers 200 here, as it does for a while at each start.
        "nobody at this address": f"{server.home_assistant.url}/api/webhook/unknown",
        "no answer": f"http://{HOST}:{free_ports(1)[0]}/",
        "status 503": answers.url,
    }
    texts = ["kept 😀", "kept, too", LONG]
    daemon.settings(urls[trouble], patience=0)
    await daemon.receive(*texts[:2])
    async with daemon.running():
        await daemon.logged(f"messages that wait for Home Assistant: 2 ({trouble})")
    assert [message["text"] for message in daemon.kept] == texts[:2]
    assert {file.stat().st_mode & 0o777 for file in (daemon.folder / "spool").iterdir()} == {0o600}
    assert not any(text in daemon.log.read_text() for text in texts)

    daemon.settings((await server.add_account(trouble, "gammu_smsd")).url)
    await daemon.receive(texts[2])
    async with daemon.running():
        events = [await server.next() for _ in texts]
    assert [event["text"] for event in events] == texts
    assert daemon.kept == []


async def test_other_locale(answers: Answers, daemon: Daemon) -> None:
    """Without UTF-8 gammu-smsd has no letters beyond ASCII; the rest comes, and the log tells what to do."""
    daemon.settings(answers.url)
    await daemon.receive("Smile 😀")
    async with daemon.running(LC_ALL="C"):
        await answers.have_come(1)
        await daemon.logged("without LC_ALL=C.UTF-8")
    assert [message["text"] for message in answers.came] == ["Smile ?"]


async def test_call_without_message(answers: Answers, daemon: Daemon) -> None:
    """A call by cron sends what is kept."""
    daemon.settings(f"http://{HOST}:{free_ports(1)[0]}/", patience=0)
    assert await call(daemon, SMS_MESSAGES="1", SMS_1_NUMBER=SENDER, SMS_1_TEXT="kept") == 1
    assert [message["text"] for message in daemon.kept] == ["kept"]
    daemon.settings(answers.url)
    assert await call(daemon) == 0
    assert [message["text"] for message in answers.came] == ["kept"]
    assert await call(daemon) == 0
    assert len(answers.came) == 1


async def test_calls_at_once(answers: Answers, daemon: Daemon) -> None:
    """What one call is sending isn't sent by another one."""
    daemon.settings(answers.url)
    spool = daemon.folder / "spool"
    spool.mkdir()
    with (spool / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        calling = asyncio.create_task(call(daemon, SMS_MESSAGES="1", SMS_1_NUMBER=SENDER, SMS_1_TEXT="once"))
        async with asyncio.timeout(PATIENCE):
            await until(daemon.is_keeping)
        for sent in spool.glob("*.json"):
            sent.unlink()
    assert await calling == 0
    assert answers.came == []


@pytest.mark.parametrize(
    ("environment", "field", "value"),
    [
        ({"SMS_1_DATETIME": "2026-11-21T10:00:00+01:00"}, "time", "2026-11-21T10:00:00+01:00"),
        ({"SMS_MESSAGES": "2", "DECODED_PARTS": "1", "SMS_1_TEXT": "one ", "SMS_2_TEXT": "two"}, "text", "one two"),
        ({"SMS_1_TEXT": b"half \xed\xa0\xbd"}, "text", "half \ufffd\ufffd\ufffd"),
        ({}, "text", ""),
    ],
    ids=["newer gammu tells the time", "parts that gammu does not join", "half an emoji", "binary"],
)
async def test_what_gammu_may_tell(
    answers: Answers, daemon: Daemon, environment: dict[str, str | bytes], field: str, value: str
) -> None:
    """What this gammu doesn't do here is understood, too."""
    daemon.settings(answers.url)
    assert await call(daemon, **{"SMS_MESSAGES": "1", "SMS_1_NUMBER": SENDER, **environment}) == 0
    assert [(message["from"], message[field]) for message in answers.came] == [(SENDER, value)]


async def is_sent(daemon: Daemon) -> bool:
    """Call the script without a message, and return whether it keeps none."""
    return await call(daemon) == 0


async def call(daemon: Daemon, **environment: str | bytes) -> int:
    """Call the script as gammu-smsd does, and return its exit code."""
    environment = {"PATH": os.environ["PATH"], **UTF_8, **environment}
    process = await asyncio.create_subprocess_exec(
        SCRIPT, daemon.folder / "on-receive.conf", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
