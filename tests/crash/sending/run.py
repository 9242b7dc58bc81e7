"""One run of the crash test of sending."""

import argparse
import asyncio
from collections import Counter
from contextlib import closing
from datetime import datetime
import json
from pathlib import Path
import sqlite3
import sys
import time
from typing import Any

from ...live.child import until
from ...live.emulator import Emulator
from ...live.home_assistant import HomeAssistant
from ..dice import dice, rounds
from ..sabotage import copy_components
from ..witness import Witness
from .accounts import EACH, Accounts
from .facts import OPEN, Evidence, Key, Shown, Stored, Told
from .harm import HARMS, Harm
from .sabotage import SABOTAGES
from .table import table
from .traffic import PHONES, Traffic
from .verdict import Report, compare

CALM = 2.0  # seconds until what was changed in Home Assistant is on disk
LATENCY = 0.05  # seconds
LIMIT = 300.0  # seconds until all is settled: what is in doubt is looked for until its time is over
PAUSE = (2.0, 6.0)  # seconds between two rounds
SHOWN = 10
REPORTS = ("sent", "delivered")

CONFIGURATION = """\
crash_witness:
  pipe: {pipe}
"""
AUTOMATIONS = """\
- id: crash_test
  alias: Crash test
  mode: parallel
  max: 10000
  triggers:
    - trigger: event
      event_type: sms_sent
    - trigger: event
      event_type: sms_status
  actions:
    - action: crash_witness.note
      data:
        type: "{{ trigger.event.event_type }}"
        event: "{{ trigger.event.data | to_json }}"
"""


class CrashTest:
    """Sends texts, does harm, and judges what came of it."""

    def __init__(self, options: argparse.Namespace, folder: Path, witness: Witness) -> None:
        """Take the options of the command line, an empty folder, and what listens already."""
        self._options = options
        self._witness = witness
        self._harms: Counter[str] = Counter()
        self._emulator = Emulator(options.emulator_port, folder / "emulator.json", latency=LATENCY)
        config = folder / "home-assistant"
        self._home_assistant = HomeAssistant(
            config,
            options.port,
            level="debug",
            components=config / "custom_components",  # where a backup has them, too
            more=CONFIGURATION.format(pipe=json.dumps(str(witness.pipe))),
        )
        self._accounts = Accounts(home_assistant=self._home_assistant, emulator=self._emulator)
        self._traffic = Traffic(self._home_assistant, self._accounts, dice(options.seed, "traffic"))
        self._harm = Harm(self._home_assistant, self._accounts, self._traffic, dice(options.seed, "harm"))

    async def run(self) -> bool:
        """Run all rounds and print what came of it; return whether the promise was kept, or the sabotage not seen."""
        began = time.monotonic()
        sabotage = SABOTAGES.get(self._options.sabotage)
        self._home_assistant.config.mkdir(parents=True)
        (self._home_assistant.config / "automations.yaml").write_text(AUTOMATIONS)
        copy_components(self._home_assistant.config / "custom_components", sabotage)
        print(f"Starting the emulator and Home Assistant; the seed is {self._options.seed} ...", flush=True)
        async with self._emulator, self._home_assistant:
            for phone in PHONES:
                await self._emulator.post("/admin/handsets", {"number": phone, "reports": REPORTS, "seconds": 0.5})
            for account in EACH:
                await self._accounts.add(account)
            await asyncio.sleep(CALM)
            await self._do_harm()
            await self._settle()
            evidence = await self._evidence()
        report = compare(evidence)
        print(f"\n{table(report, self._harms, self._options.seed, time.monotonic() - began)}")
        _explain(report, evidence)
        if sabotage:
            is_seen = sabotage.fault in report.broken
            print(f"The sabotage {'shows' if is_seen else 'DOES NOT SHOW'} as: {sabotage.fault}")
            return not is_seen
        return not report.broken

    async def _do_harm(self) -> None:
        """Do one thing after the other while texts are sent."""
        thrown, sabotage = dice(self._options.seed, "rounds"), SABOTAGES.get(self._options.sabotage)
        harms = self._options.harm or (sabotage.harms if sabotage else HARMS)
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(self._traffic.run()), tasks.create_task(self._emulator.wait())]
                for number, harm in enumerate(rounds(self._options.rounds, harms, thrown), 1):
                    await asyncio.sleep(thrown.uniform(*PAUSE))
                    await self._do(number, harm)
                for task in watching:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _do(self, number: int, harm: str) -> None:
        began = time.monotonic()
        await HARMS[harm](self._harm)
        self._harms[harm] += 1
        print(
            f"round {number:3}/{self._options.rounds}  {harm:22} {time.monotonic() - began:5.1f} s"
            f"   texts {len(self._traffic.asked):6}   told {len({each.key for each in self._told()}):6}",
            flush=True,
        )

    async def _settle(self) -> None:
        """Wait until every text has come to a state that was told."""
        print("Waiting until everything is settled ...", flush=True)
        await self._traffic.answered()
        try:
            async with asyncio.timeout(LIMIT):
                await until(self._is_settled)
        except TimeoutError:
            print(f"After {LIMIT:.0f} seconds not everything is settled.")

    async def _is_settled(self) -> bool:
        return all(row["status"] not in OPEN and row["status"] == row["announced"] for row in self._rows())

    def _rows(self) -> list[sqlite3.Row]:
        """Return the texts in the store."""
        path = self._home_assistant.config / ".storage" / "sms_inbox.db"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return db.execute("SELECT account, text, status, announced FROM outgoing").fetchall()

    def _told(self) -> list[Told]:
        """Return what the automation was told so far."""
        return [
            Told(
                at=note["at"],
                account=self._label(note["event"]["config_entry_id"]),
                text=note["event"]["text"],
                event=note["type"],
                status=note["event"]["status"],
                redelivered=note["event"]["redelivered"],
            )
            for note in self._witness.notes
            if note["what"] == "started"
        ]

    def _label(self, entry_id: str) -> str:
        return self._accounts.labels.get(entry_id, entry_id)

    async def _evidence(self) -> Evidence:
        """Return all that is known."""
        handsets: list[dict[str, Any]] = (await self._emulator.get("/admin/handsets"))["entries"]
        return Evidence(
            asked=self._traffic.asked,
            shown=[
                Shown(
                    at=datetime.fromisoformat(each["time"]).timestamp(),
                    account=f"{each['provider']}/{each['username']}",
                    text=each["text"],
                )
                for each in handsets
            ],
            told=self._told(),
            stored=[
                Stored(account=self._label(row["account"]), text=row["text"], status=row["status"])
                for row in self._rows()
            ],
            breaks=self._harm.breaks,
        )


def _explain(report: Report, evidence: Evidence) -> None:
    """Name what went wrong, and what happened to these texts."""
    for fault, keys in report.faults.items():
        for key in keys[:SHOWN]:
            print(f"{fault}: {key[0]} {key[1][:40]!r}{_story(key, evidence)}", file=sys.stderr)


def _story(key: Key, evidence: Evidence) -> str:
    """Return what happened to a text, in seconds since it was asked for."""
    [*asked] = (text for text in evidence.asked if text.key == key)
    if not asked:
        return ""
    [text] = asked
    happened = [(each.at, "on a phone") for each in evidence.shown if each.key == key]
    happened += [
        (each.at, f"{each.event} {each.status}{', flagged' * each.redelivered}")
        for each in evidence.told
        if each.key == key
    ]
    happened += [
        (each.end, "restored" if each.is_restored else "killed") for each in evidence.breaks if each.end >= text.asked
    ]
    stored = [each.status for each in evidence.stored if each.key == key]
    story = "".join(f"; {what} {at - text.asked:.1f}" for at, what in sorted(happened))
    return f": answered {text.answer or 'nothing'}, within {text.seconds:.0f}{story}; stored {stored}"
