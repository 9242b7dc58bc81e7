"""The crash test: messages arrive while Home Assistant is killed, stopped and reloaded; then everything is counted.

What counts as delivered is a message on which an automation has begun to work. Home Assistant starts automations one
turn of its event loop after the event; the automation's first action, `crash_witness.note`, runs in that turn and is
in a file when it returns, which outlives the process. SMS Inbox must not have ticked the message off before: if it
had, a kill in between would show here as a loss. So every kill falls either before the note, and the message has to
come again, or after it. The second action reports to a server outside of Home Assistant, which a kill may rightly cut
off: those are counted, compared with what was sent, and no proof of a loss. The witness also notes what is fired on
the bus, to tell what came while the automation itself was being replaced, when none was armed.

What a read takes out of the inbox (Bulletin) can be in flight at a stop: handed over, and not yet written down. That
is at most one message a stop and account, the last one, and it isn't in the store that the stop left. It has to be
recovered later; anything else that doesn't come is lost.

With calls, each provider also posts its messages, and again until it gets the answer that it wants. Calls and polls
overlap; vendors promise no order of calls, so the order isn't judged then.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import cycle
import json
from pathlib import Path
import random
import shutil
import sys
import time
from typing import Any

from ..live.child import until
from ..live.command import check_ports, run
from ..live.emulator import ACCOUNTS, Account, Emulator
from ..live.entries import add_entry, let_call
from ..live.home_assistant import REPOSITORY, HomeAssistant
from .harm import Harm
from .recorder import Recorder
from .report import Delivery, Message, Report, Seen, compare, table
from .sabotage import SABOTAGES, copy_components
from .traffic import Traffic

FOLDER = REPOSITORY / ".crash-test"
PAGE_SIZE = 7
LATENCY = 0.01  # seconds
CALM = 2.0  # seconds until what was set up is on disk
QUIET = 3.0  # seconds without a delivery
QUIET_CALLS = 70.0  # seconds after which nothing waits any more that was only announced
REPEAT = 0.5  # seconds until a call is repeated
LIMIT = 120.0  # seconds
SHOWN = 10
EACH = tuple(replace(account, page_size=PAGE_SIZE) for account in ACCOUNTS)

CONFIGURATION = """\
crash_witness:
rest_command:
  report:
    url: {url}
    method: post
    content_type: application/json
    payload: "{{{{ event }}}}"
"""
AUTOMATIONS = """\
- id: crash_test
  alias: Crash test
  mode: parallel
  max: 10000
  triggers:
    - trigger: event
      event_type: sms_received
  actions:
    - action: crash_witness.note
      data:
        event: "{{ trigger.event.data | to_json }}"
    - action: rest_command.report
      data:
        event: "{{ trigger.event.data | to_json }}"
"""


class CrashTest:
    """One run."""

    def __init__(self, options: argparse.Namespace, recorder: Recorder) -> None:
        """Take the options of the command line."""
        self._options = options
        self._recorder = recorder
        self._kinds: Counter[str] = Counter()
        self._emulator = Emulator(options.emulator_port, FOLDER / "emulator.json", latency=LATENCY, repeat=REPEAT)
        self._home_assistant = HomeAssistant(
            FOLDER / "home-assistant",
            options.port,
            level="debug",
            components=FOLDER / "custom_components",
            more=CONFIGURATION.format(url=recorder.url),
        )
        self._traffic = Traffic(self._emulator, EACH, _dice(options.seed, "traffic"))

    async def run(self) -> bool:
        """Run all rounds and print what came of it; return whether the promise was kept."""
        began = time.monotonic()
        self._home_assistant.config.mkdir(parents=True)
        (self._home_assistant.config / "automations.yaml").write_text(AUTOMATIONS)
        copy_components(FOLDER / "custom_components", self._options.sabotage)
        print(f"Starting the emulator and Home Assistant; the seed is {self._options.seed} ...", flush=True)
        async with self._emulator, self._home_assistant:
            harm = await self._set_up()
            await self._harm(harm)
            await self._settle(harm)
            report = compare(await self._messages(), self._seen(), harm.stops, ordered=not self._options.push)
            answers = await self._answers() if self._options.push else None
        print(f"\n{table(report, self._kinds, self._options.seed, time.monotonic() - began, answers=answers)}")
        _explain(report)
        return report.kept

    async def _set_up(self) -> Harm:
        """Add the accounts, and wait until each was read once: what is there before counts as old."""
        urls = {account: await self._emulator.add(account) for account in EACH}
        entries = {account: await add_entry(self._home_assistant, account, url) for account, url in urls.items()}
        async with asyncio.timeout(LIMIT):
            await until(self._is_asked)
        if self._options.push:
            for account, entry_id in entries.items():
                await let_call(self._home_assistant, self._emulator, account, entry_id)
        await asyncio.sleep(CALM)
        dice = _dice(self._options.seed, "harm")
        return Harm(self._home_assistant, self._emulator, self._traffic, entries, dice)

    async def _harm(self, harm: Harm) -> None:
        """Do one thing after the other while messages arrive."""
        dice = _dice(self._options.seed, "rounds")
        kinds = [kind for kind, _ in zip(cycle(harm.kinds), range(self._options.rounds), strict=False)]
        dice.shuffle(kinds)
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(self._traffic.run()), tasks.create_task(self._emulator.wait())]
                for number, kind in enumerate(kinds, 1):
                    await asyncio.sleep(dice.uniform(0.2, 1.2))
                    await self._do(harm, number, kind)
                for task in watching:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _do(self, harm: Harm, number: int, kind: str) -> None:
        began = time.monotonic()
        await harm.kinds[kind]()
        self._kinds[kind] += 1
        delivered = len({delivery.key for delivery in self._seen().started})
        seconds = time.monotonic() - began
        print(
            f"round {number:3}/{self._options.rounds}  {kind:26} {seconds:5.1f} s"
            f"   sent {self._traffic.sent:6}   delivered {delivered:6}",
            flush=True,
        )

    async def _settle(self, harm: Harm) -> None:
        """Wait until every inbox was read to its end and nothing comes any more."""
        print("Waiting until everything is read ...", flush=True)
        await harm.poll()
        try:
            async with asyncio.timeout(LIMIT * 2 if self._options.push else LIMIT):
                await until(self._is_read)
                await until(self._is_quiet)
        except TimeoutError:
            print(f"After {LIMIT:.0f} seconds not everything is read.")

    async def _is_asked(self) -> bool:
        """Return whether each inbox was asked for, and answered unless there is nothing to answer."""
        asked = await self._inbox_requests()
        return all(
            any(request["status"] or account.provider == "bulletin" for request in asked[account]) for account in EACH
        )

    async def _is_read(self) -> bool:
        """Return whether the last answer from each inbox was empty."""
        asked = await self._inbox_requests()
        answered = [[request for request in asked[account] if request["status"]] for account in EACH]
        return all(requests and not requests[-1]["message_ids"] for requests in answered)

    async def _is_quiet(self) -> bool:
        """Return whether nothing comes for a while."""
        before = len(self._seen().fired)
        await asyncio.sleep(QUIET_CALLS if self._options.push else QUIET)
        return before == len(self._seen().fired)

    async def _inbox_requests(self) -> dict[Account, list[dict[str, Any]]]:
        """Return the emulator's requests for messages."""
        requests = (await self._emulator.get("/admin/requests"))["entries"]
        return {
            account: [
                request
                for request in requests
                if request["provider"] == account.provider and account.inbox in request["url"]
            ]
            for account in EACH
        }

    async def _messages(self) -> list[Message]:
        """Return what was sent, as the emulator's accounts have it."""
        taken = {
            (account.provider, message_id): request["time"]
            for account, requests in (await self._inbox_requests()).items()
            for request in requests
            for message_id in request["message_ids"]
        }
        return [
            Message(
                provider=sent["provider"],
                message_id=sent["message_id"],
                text=sent["text"],
                handed_over=_handed_over(sent, taken.get((sent["provider"], sent["message_id"]))),
            )
            for sent in (await self._emulator.get("/admin/messages"))["messages"]
        ]

    async def _answers(self) -> list[int]:
        """Return the statuses of the answers to the providers' calls."""
        statuses: list[int] = []
        last = 0
        while (calls := await self._emulator.get(f"/admin/calls?since={last}"))["entries"]:
            statuses += (call["status"] for call in calls["entries"])
            last = calls["last"]
        return statuses

    def _seen(self) -> Seen:
        lines = _lines(self._home_assistant.config / "witness.jsonl")
        notes = [(line["what"], _delivery(line["at"], line["event"])) for line in lines]
        return Seen(
            started=[delivery for what, delivery in notes if what == "started"],
            fired=[delivery for what, delivery in notes if what == "fired"],
            reported=[_delivery(at, event) for at, event in self._recorder.reports],
        )


def _dice(seed: int, what: str) -> random.Random:
    """Return dice of their own, so that how often others throw theirs doesn't matter."""
    return random.Random(f"{seed} {what}")  # noqa: S311


def _handed_over(sent: dict[str, Any], asked: str | None) -> float | None:
    """Return when a message was handed over: by the book, else when it was taken for an answer that nobody got."""
    if sent["fetched_at"]:
        return _seconds(sent["fetched_at"])
    return max(_seconds(asked), _seconds(sent["sent_at"])) if sent["read"] and asked else None


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _delivery(at: float, event: dict[str, Any]) -> Delivery:
    return Delivery(
        at=at,
        provider=event["provider"],
        message_id=event["message_id"],
        text=event["text"],
        redelivered=event["redelivered"],
    )


def _lines(file: Path) -> Iterable[dict[str, Any]]:
    """Yield the witness's notes but one that a kill has torn."""
    for line in file.read_text().splitlines() if file.exists() else ():
        with suppress(ValueError):
            yield json.loads(line)


def _explain(report: Report) -> None:
    """Name what went wrong."""
    faults = {
        "lost": report.lost,
        "not recovered": report.not_recovered,
        "repeated silently": report.repeated,
        "altered": report.altered,
        "out of order": report.out_of_order,
    }
    for fault, keys in faults.items():
        for provider, message_id in keys[:SHOWN]:
            print(f"{fault}: {provider} {message_id}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crash-test", add_help=False)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--port", type=int, default=8133)
    parser.add_argument("--emulator-port", type=int, default=8135)
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--sabotage", choices=SABOTAGES)
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> bool:
    check_ports(options)
    shutil.rmtree(FOLDER, ignore_errors=True)
    async with Recorder() as recorder:
        return await CrashTest(options, recorder).run()


def main() -> int:
    """Run the test and return the exit code."""
    return run(_run(_options()))


if __name__ == "__main__":
    sys.exit(main())
