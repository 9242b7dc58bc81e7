"""The longest time for which anything that a stranger can send holds up the event loop, by kind of input.

The emulator runs in a thread of its own, so that the event loop's thread does nothing but Home Assistant's work.
Measured is the processor time of that thread in one turn of the loop, which other processes don't change; Python's
garbage collector, which goes through all objects of a process whenever it likes, is off. `pytest -s` prints a table.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
import gc
import json
from math import inf
import threading
import time
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import PROVIDERS, gammu
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.conftest import make_entry, poll, set_up, settle

LIMIT = 10.0  # milliseconds
ATTEMPTS = 5
ENOUGH = 500
"""Runs of automations after which a request was measured: all further slices of its messages are alike, and of many
thousands of turns one is long now and then for reasons outside, such as a virtual machine that was not run."""
REFERENCE = 8.0  # milliseconds that `slowness` measured where the limit was found to hold
POLLED = sorted(key for key, provider in PROVIDERS.items() if provider.interval)
LONGEST = 39_015  # characters of an SMS of 255 parts in the alphabet of GSM
LONGEST_UNICODE = 17_085  # units of UTF-16 of one with other characters
TEXTS = {
    "letters": "a" * LONGEST + "!",
    "words": "a " * (LONGEST // 2) + "!",
    "digits": "8" * LONGEST + "x",
    "blanks": " " * LONGEST + "x",
    "combining marks": "a" + "\u0301\u0316" * (LONGEST_UNICODE // 2),
    "what folding makes longer": "\u0130\ufb03" * (LONGEST_UNICODE // 2),
    "typographic": "\u201c\u2019\u2014\u00a0" * (LONGEST_UNICODE // 4),
    "emoji": "\U0001f469\u200d\U0001f680" * (LONGEST_UNICODE // 5),
}
SENDERS = {
    "digits and a letter": "8" * 10_000 + "x" + "8" * 100,
    "digits": "8" * LONGEST,
    "plus signs": "+" * LONGEST,
    "hyphens": "8-" * (LONGEST // 2),
    "channels": "whatsapp:" * (LONGEST // 9),
    "combining marks": "+44" + "\u0301\u0316" * (LONGEST // 2),
    "marks of direction": "\u202a\u202c" * (LONGEST // 2) + "+447700900123",
    "just short enough": "8" * 200,
}
EXPRESSIONS = [r"^(\w+\s?)*$", r"(a|a)*$", r"(\d+)*x?y", r"(.*)(.*)(.*)(.*)[^\s\S]", r"code (\d+)"]


class Turns:
    """Measures turns of the event loop.

    Attributes:
        longest: Of the longest turn the milliseconds, and what it did.
    """

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self.longest: tuple[float, str] = (0.0, "")

    @contextmanager
    def measured(self) -> Generator[Turns]:
        """Measure each turn of the loop that this thread runs."""
        run, thread = asyncio.Handle._run, threading.get_ident()  # noqa: SLF001

        def timed(handle: asyncio.Handle) -> None:
            before, name = time.thread_time(), _name(handle)
            run(handle)
            if threading.get_ident() == thread:
                self.longest = max(self.longest, ((time.thread_time() - before) * 1000, name))

        gc.collect()
        gc.disable()
        try:
            with patch.object(asyncio.Handle, "_run", timed):
                yield self
        finally:
            gc.enable()


def _name(handle: asyncio.Handle) -> str:
    """Return what a turn does, as far as that is known."""
    callback = handle._callback  # noqa: SLF001
    owner = getattr(callback, "__self__", None)
    coroutine = owner.get_coro() if isinstance(owner, asyncio.Task) else callback
    return str(getattr(coroutine, "__qualname__", coroutine))[:60]


async def check(provider: str, kind: str, size: int, attempt: Callable[[Turns, str], Awaitable[None]]) -> None:
    """Print the longest turn of a kind of input, and refuse one that is too long.

    An attempt that takes too long is made again, with something else at the end, so that nothing of it is remembered:
    what holds up the loop does so each time, and what else happens on this machine does not.
    """
    for number in range(ATTEMPTS):
        turns = Turns()
        await attempt(turns, str(number))
        longest, what = turns.longest
        if is_short := longest < LIMIT or longest < LIMIT * slowness():
            break
    print(f"{provider:14} {kind:32} {size:6} {longest:7.2f} ms  {what}")  # noqa: T201
    assert is_short, (longest, what)


def slowness() -> float:
    """Return how many times slower this machine is at this moment than when the limit was found to hold."""
    text = json.dumps([{"text": "\u00e9 '" * 500}] * 1000)
    fastest = inf
    for _ in range(3):
        before = time.thread_time()
        json.loads(text)
        fastest = min(fastest, time.thread_time() - before)
    return fastest * 1000 / REFERENCE


class Remote:
    """The emulator, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        """Start the thread."""
        self.emulator = Emulator(hold=0.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.emulator.start(), self._loop).result()

    async def do(self, work: Callable[[], Any]) -> Any:
        """Do something in the emulator's loop."""

        async def run() -> Any:
            return work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    def stop(self) -> None:
        """Stop the emulator, and end the thread."""
        asyncio.run_coroutine_threadsafe(self.emulator.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def remote() -> Iterator[Remote]:
    """Run the emulator."""
    remote = Remote()
    yield remote
    remote.stop()


async def automate(hass: HomeAssistant) -> list[Any]:
    """Add automations with filters of every kind; return the runs of the one without."""
    senders = [f"+4477009001{number:02}" for number in range(50)] + ["MYBANK", "07700 900456", "whatsapp:07700 900456"]
    filters: list[dict[str, Any]] = [
        {},
        {"sender": senders},
        {"exclude_sender": senders, "text": "gate"},
        {"text": "don't", "match": "is", "case_sensitive": True},
        {"text": "gate", "match": "begins_with", "not_older_than": {"minutes": 10}},
        *({"text": expression, "match": "regex"} for expression in EXPRESSIONS),
    ]
    automations = [
        {
            "alias": f"Automation {number}",
            "mode": "queued",
            "max": 2000,
            "trace": {"stored_traces": 0},
            "triggers": {"trigger": "sms_inbox.received", "options": options},
            "conditions": {"condition": "sms_inbox.message_matches", "options": filters[-1 - number]} if number else [],
            "actions": {"event": f"ran_{number}"},
        }
        for number, options in enumerate(filters)
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await settle(hass)
    return async_capture_events(hass, "ran_0")


def send_all(account: Account, messages: list[dict[str, str]]) -> int:
    """Send messages, a second apart; return how many of them the vendor can carry."""
    number, at = 0, account.now() - timedelta(seconds=len(messages))
    for message in messages:
        at += timedelta(seconds=1)
        with suppress(ValueError):
            account.send(**message, received_at=at)
            number += 1
    return number


@pytest.mark.parametrize("provider", POLLED)
async def test_messages(hass: HomeAssistant, remote: Remote, provider: str) -> None:
    """No text and no sender, and no page full of them, holds up the loop, whichever provider hands them over."""
    hass.config.country = "GB"
    account = await remote.do(lambda: remote.emulator.add_account(provider, "anna", "secret"))
    entry = make_entry(remote.emulator, account)
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    runs = await automate(hass)
    longest = 160 if provider == "voipms" else 1530  # characters; VoIP.ms lists longer ones as MMS
    most = 255 if provider == "gammu" else 1200  # what modems hold
    for kind, messages in {
        "texts": [{"text": text} for text in TEXTS.values()],
        "senders": [{"text": "gate", "sender": sender} for sender in SENDERS.values()],
        "pages of long texts": [
            {"text": f"{number:03} " + ("\u00e9 '" * longest)[: longest - 4]} for number in range(min(most, 600))
        ],
        "pages of short texts": [{"text": f"gate {number}"} for number in range(most)],
    }.items():

        async def attempt(turns: Turns, end: str, messages: list[dict[str, str]] = messages) -> None:
            before = len(runs)
            ended = [{key: value + end for key, value in message.items()} for message in messages]
            number = await remote.do(partial(send_all, account, ended))
            with turns.measured(), patch.object(gammu, "PARTS_APART", 0.0):
                for _ in range(200):
                    await poll(hass)
                    if len(runs) >= before + number:
                        break
            assert number >= len(messages) // 2
            assert len(runs) == before + number

        await check(provider, kind, len(messages), attempt)


END = "<end>"
TINY = b'{"from":"+447700900123","text":"gate"},'
BODIES: dict[str, tuple[str, bytes]] = {
    # The largest one that is read in the event loop.
    "small form in parts": (
        "multipart/form-data; boundary=b",
        b"".join(b"--b\r\nContent-Disposition:form-data;name=f\r\n\r\n1\r\n" for _ in range(40)) + b"--b--",
    ),
    "small form": ("application/x-www-form-urlencoded", b"text=gate&" + b"a=1&" * 500),
    "small escapes": ("application/x-www-form-urlencoded", b"text=" + b"%a%" * 650),
    "small fields": ("application/json", b"[" * 1000 + b"]" * 1000),
    "small lists of lists": ("application/json", b"[" + b"[{}]," * 200 + b"{}]"),
    "small messages in lists of one": ("application/json", b'{"a":[' * 11 + TINY * 20 + b"{}" + b"]}" * 11),
    "small messages": ("application/json", b"[" + b'{"text":1},' * 92 + b"{}]"),
    "small names": ("application/json", b'{"text":"gate"' + b',"a":1' * 160 + b"}"),
    **{
        f"text: {kind}": (
            "application/json",
            json.dumps({"from": "1", "text": text + END}, ensure_ascii=False).encode(),
        )
        for kind, text in TEXTS.items()
    },
    **{
        f"sender: {kind}": ("application/json", json.dumps({"from": sender + END, "text": "gate"}).encode())
        for kind, sender in SENDERS.items()
    },
    "many messages": ("application/json", b"[" + (TINY * 6600)[:-1] + b"]"),
    "many fields": (
        "application/json",
        json.dumps({"text": "gate"} | {f"field{number}": 1 for number in range(15_000)}).encode(),
    ),
    "deep fields": ("application/json", b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
    "many messages at some depth": ("application/json", b'{"a":[' * 11 + TINY * 6500 + b"{}" + b"]}" * 11),
    "one name many times": ("application/json", b'{"text":"gate"' + b',"a":{"b":1}' * 20_000 + b"}"),
    "much around messages": ("application/json", b'{"a":"' + b"x" * 130_000 + b'","sms":[' + TINY * 3000 + b"{}]}"),
    "broken JSON": ("application/json", TINY * 6600),
    "half a million brackets": ("application/x-www-form-urlencoded", b"a[b][c]" * 37_000 + b"=1"),
    "many names of brackets": ("application/x-www-form-urlencoded", b"text=gate&" + b"a[1][b]=1&" * 25_000),
    "query and form": ("application/x-www-form-urlencoded", b"?" * 100_000 + b"&text=gate&" + b"a&" * 70_000),
    "text in JSON in a text": ("text/plain", b"{" * 250_000),
    "deep lists": ("application/json", b"[" * 131_000 + b"]" * 131_000),
    "large number": ("application/json", b'{"text":"gate","id":' + b"8" * 260_000 + b"}"),
    "form of many fields": ("application/x-www-form-urlencoded", b"text=gate&" + b"a=1&" * 60_000),
    "form of escapes": ("application/x-www-form-urlencoded", b"text=" + b"%e2%80%99" * 29_000),
    "form of half escapes": ("application/x-www-form-urlencoded", b"text=" + b"%a%" * 80_000),
    "form in parts": (
        "multipart/form-data; boundary=b",
        b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % number for number in range(4000))
        + b"--b--",
    ),
    "headers of a part": (
        "multipart/form-data; boundary=b",
        b"--b\r\n" + b"X: " + b"a;" * 120_000 + b"\r\n\r\n1\r\n--b--",
    ),
    "plain text": ("text/plain; charset=utf-8", "\u2019".encode() * 87_000),
    "plain text in another charset": ("text/plain; charset=iso-2022-jp", b"\x1b$B" * 87_000),
}


WITHOUT_TEXT = (
    *("small fields", "deep fields", "deep lists", "small form in parts", "form in parts", "headers of a part"),
    *("broken JSON", "half a million brackets", "small lists of lists"),
)


async def test_webhook(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> None:
    """Nor does any request to a webhook, up to the largest one that is read."""
    hass.config.country = "GB"
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Webhook",
        data={"provider": "webhook", "username": "phone", "password": "", "url": ""},
        options={"webhook_id": "secret"},
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    runs = await automate(hass)
    client = await hass_client_no_auth()
    for kind, (content_type, body) in BODIES.items():

        async def attempt(
            turns: Turns, end: str, kind: str = kind, content_type: str = content_type, body: bytes = body
        ) -> None:
            data, before = body.replace(END.encode(), end.encode()), len(runs)
            with turns.measured():
                response = await client.post("/api/sms_inbox/secret", data=data, headers={"Content-Type": content_type})
                # The processor isn't let go to sleep meanwhile: after that it is slow for some milliseconds.
                settling = asyncio.create_task(settle(hass))
                while not settling.done() and len(runs) < before + ENOUGH:
                    await asyncio.sleep(0)
            await settling
            assert response.status == 200
            assert (len(runs) > before) is (kind not in WITHOUT_TEXT)

        await check("webhook", kind, len(body), attempt)
