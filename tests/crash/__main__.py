"""The crash test: messages arrive while Home Assistant is harmed in many ways; then everything is counted.

What counts as delivered is a message on which an automation has begun to work. Home Assistant starts automations one
turn of its event loop after the event; the automation's first action, `crash_witness.note`, runs in that turn, and
what it notes outlives the process. SMS Inbox must not have marked the message delivered before: if it had, a kill in
between would show here as a loss. So every kill falls either before the note, and the message has to come again, or
after it. The second action reports to a server outside of Home Assistant, which a kill may rightly cut off: those are
counted, compared with what was sent, and no proof of a loss. The witness also notes what is fired on the bus, to show
what came while the automation itself was being replaced, when none was armed.

With `--push` each provider also sends a webhook for each message, and again until it gets the answer that it wants.
These have SMS Inbox poll at once, so that polls are many more, and all that is judged is judged in the same way.

With `--send` texts are sent instead, see `sending`.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
import json
import math
import random
import shutil
import sys
import time

from ..live.child import until
from ..live.command import check_ports, run
from ..live.emulator import Emulator
from ..live.entries import use_webhook
from ..live.home_assistant import REPOSITORY, HomeAssistant
from . import sending
from .accounts import EACH, Accounts
from .dice import dice, rounds
from .evidence import Evidence
from .facts import End, Key, Kind, Message, Seen
from .harm import CALM, HARMS, Harm
from .recorder import Recorder
from .sabotage import SABOTAGES, copy_components
from .table import table
from .traffic import Traffic
from .verdict import Report, compare
from .witness import Witness

FOLDER = REPOSITORY / ".crash-test"
LATENCY = 0.01  # seconds
QUIET = 3.0  # seconds without a delivery
REPEAT = 0.5  # seconds until a webhook is repeated
LIMIT = 120.0  # seconds
SHOWN = 10
STORY = 12  # events

CONFIGURATION = """\
crash_witness:
  pipe: {pipe}
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

    def __init__(self, options: argparse.Namespace, recorder: Recorder, witness: Witness) -> None:
        """Take the options of the command line, and what listens already."""
        self._options = options
        self._harms: Counter[str] = Counter()
        self._emulator = Emulator(options.emulator_port, FOLDER / "emulator.json", latency=LATENCY, repeat=REPEAT)
        config = FOLDER / "home-assistant"
        self._home_assistant = HomeAssistant(
            config,
            options.port,
            level="debug",
            components=config / "custom_components",  # where a backup has them, too
            more=CONFIGURATION.format(url=recorder.url, pipe=json.dumps(str(witness.pipe))),
        )
        self._accounts = Accounts(home_assistant=self._home_assistant, emulator=self._emulator)
        self._evidence = Evidence(self._emulator, self._accounts, witness, recorder)
        self._traffic = Traffic(self._emulator, EACH, dice(options.seed, "traffic"))
        self._harm = Harm(
            self._home_assistant,
            self._emulator,
            self._accounts,
            self._traffic,
            witness,
            self._evidence,
            dice(options.seed, "harm"),
        )

    async def run(self) -> bool:
        """Run all rounds and print what came of it; return whether the promise was kept, or the sabotage not seen."""
        began = time.monotonic()
        self._home_assistant.config.mkdir(parents=True)
        (self._home_assistant.config / "automations.yaml").write_text(AUTOMATIONS)
        copy_components(self._home_assistant.config / "custom_components", SABOTAGES.get(self._options.sabotage))
        print(f"Starting the emulator and Home Assistant; the seed is {self._options.seed} ...", flush=True)
        async with self._emulator, self._home_assistant:
            await self._set_up()
            await self._do_harm()
            await self._settle()
            messages, ends = await self._evidence.messages(), await self._ends()
            seen = self._evidence.seen()
            report = compare(messages, seen, ends)
            answers = await self._evidence.answers() if self._options.push else None
        print(f"\n{table(report, self._harms, self._options.seed, time.monotonic() - began, answers=answers)}")
        _explain(report, messages, seen, ends)
        if self._options.sabotage:
            fault = SABOTAGES[self._options.sabotage].fault
            print(f"The sabotage {'shows' if fault in report.broken else 'DOES NOT SHOW'} as: {fault}")
            return fault not in report.broken
        return not report.broken

    async def _set_up(self) -> None:
        """Add the accounts, and wait until each was read once."""
        for account in EACH:
            await self._accounts.add(account)
        async with asyncio.timeout(LIMIT):
            await until(self._evidence.is_asked)
        if self._options.push:
            for account, entry_id in self._accounts.entries.items():
                await use_webhook(self._home_assistant, self._emulator, account, entry_id)
        await asyncio.sleep(CALM)

    async def _do_harm(self) -> None:
        """Do one thing after the other while messages arrive."""
        thrown = dice(self._options.seed, "rounds")
        sabotage = SABOTAGES.get(self._options.sabotage)
        harms = self._options.harm or (sabotage.harms if sabotage else HARMS)
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(self._traffic.run()), tasks.create_task(self._emulator.wait())]
                for number, harm in enumerate(rounds(self._options.rounds, harms, thrown), 1):
                    await asyncio.sleep(thrown.uniform(0.2, 1.2))
                    await self._do(number, harm)
                for task in watching:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _do(self, number: int, harm: str) -> None:
        began = time.monotonic()
        await HARMS[harm](self._harm)
        self._harms[harm] += 1
        seconds = time.monotonic() - began
        print(
            f"round {number:3}/{self._options.rounds}  {harm:26} {seconds:5.1f} s"
            f"   sent {self._traffic.sent:6}   delivered {len(self._evidence.delivered()):6}",
            flush=True,
        )

    async def _settle(self) -> None:
        """Wait until every inbox was read to its end and nothing comes any more."""
        print("Waiting until everything is read ...", flush=True)
        await self._accounts.poll()
        try:
            async with asyncio.timeout(LIMIT):
                await until(self._evidence.is_read)
                await until(self._is_quiet)
        except TimeoutError:
            print(f"After {LIMIT:.0f} seconds not everything is read.")

    async def _is_quiet(self) -> bool:
        """Return whether nothing comes for a while."""
        before = len(self._evidence.seen().fired)
        await asyncio.sleep(QUIET)
        return before == len(self._evidence.seen().fired)

    async def _ends(self) -> list[End]:
        """Return what was ended; of restored backups also when the inboxes were read to their ends afterwards."""
        return [
            replace(end, read=await self._evidence.read_to_end(end.end, self._harm.ends))
            if end.kind is Kind.RESTORED
            else end
            for end in self._harm.ends
        ]


def _explain(report: Report, messages: Sequence[Message], seen: Seen, ends: Sequence[End]) -> None:
    """Name what went wrong, and what happened around it."""
    for fault, keys in report.faults.items():
        for key in keys[:SHOWN]:
            print(f"{fault}: {' '.join(key)}{_story(key, messages, seen, ends)}", file=sys.stderr)
    for fault in report.broken - report.faults.keys():
        print(fault, file=sys.stderr)


def _story(key: Key, messages: Sequence[Message], seen: Seen, ends: Sequence[End]) -> str:
    """Return what happened to a message, and the ends of its account before that, in seconds before the last of it."""
    told: list[tuple[float | None, str]] = []
    for end in ends:
        if key[0] in end.accounts:
            told += [(end.begin, f"{end.kind} begins"), (end.end, f"{end.kind} ends"), (end.read.get(key[0]), "empty")]
    for message in messages:
        if message.key == key:
            told += [(message.begun, "answer begins"), (message.handed_over, "answer complete")]
    deliveries = [
        (each.at, "delivered, flagged" if each.redelivered else "delivered") for each in seen.started if each.key == key
    ]
    happened = sorted((at, what) for at, what in (*told, *deliveries) if at is not None)
    last = max((at for at, _ in deliveries), default=math.inf)
    before = [(at, what) for at, what in happened if at <= last][-STORY:]
    return "".join(f"; {what} {at - before[-1][0]:.1f}" for at, what in before)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crash-test", add_help=False)
    parser.add_argument("--send", action="store_true")
    is_sending = parser.parse_known_args()[0].send
    harms, sabotages = (sending.HARMS, sending.SABOTAGES) if is_sending else (HARMS, SABOTAGES)
    parser.add_argument("--rounds", type=int, default=2 * len(harms))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--port", type=int, default=8133)
    parser.add_argument("--emulator-port", type=int, default=8135)
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--harm", choices=harms, action="append")
    parser.add_argument("--sabotage", choices=sabotages)
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> bool:
    check_ports(options)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    async with Recorder() as recorder, Witness(FOLDER / "witness") as witness:
        if options.send:
            return await sending.CrashTest(options, FOLDER, witness).run()
        return await CrashTest(options, recorder, witness).run()


def main() -> int:
    """Run the test and return the exit code."""
    return run(_run(_options()))


if __name__ == "__main__":
    sys.exit(main())
