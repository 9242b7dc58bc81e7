"""The demo: emulated providers, a real Home Assistant with SMS Inbox, and every step of a message on the screen."""

import argparse
import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
import json
from pathlib import Path
import shutil
import sys
from typing import Any

from tests.live.child import until
from tests.live.command import INTERRUPTED, check_ports, run
from tests.live.emulator import Emulator
from tests.live.entries import ENTRIES, add_entry, use_sending, use_webhook
from tests.live.home_assistant import PASSWORD, REPOSITORY, USERNAME, AnswerError, HomeAssistant

from .accounts import ACCOUNTS, COUNTRIES, WITH_WEBHOOK
from .proof import ANSWER, Proof, Question, answers, samples, table
from .timeline import Timeline
from .watch import Watch

# One for each virtual environment: an older Home Assistant doesn't read what a newer one has written.
FOLDER = REPOSITORY / f".demo{Path(sys.prefix).name.removeprefix('.venv')}"
LIMIT = 90.0  # seconds

AUTOMATIONS = {
    "show_every_sms": {
        "alias": "Show every SMS",
        "mode": "queued",
        "max": 50,
        "triggers": [{"trigger": "sms_inbox.received"}],
        "actions": [
            {
                "action": "persistent_notification.create",
                "data": {"title": "SMS from {{ trigger.sender }}", "message": "{{ trigger.text }}"},
            }
        ],
    },
    "answer_status": {
        "alias": "Answer an SMS that asks for the status",
        "mode": "queued",
        "max": 50,
        "triggers": [{"trigger": "sms_inbox.received", "options": {"text": "status", "match": "begins_with"}}],
        "conditions": ["{{ not trigger.redelivered }}"],
        "actions": [
            {
                "action": "sms_inbox.reply",
                "data": {
                    "config_entry_id": "{{ trigger.config_entry_id }}",
                    "message_id": "{{ trigger.message_id }}",
                    "message": ANSWER.format(question="{{ trigger.text }}"),
                },
            }
        ],
    },
}


WHAT_TO_DO = """\
Everything is running.
{addresses}
1. Open both. On the phone, type a text message to the account at Twilio, and press Send.
2. In Home Assistant it is there at once, under Notifications: the automation "Show every SMS" shows each message.
   The device is under Settings, Devices & services, SMS Inbox; the automation under Settings, Automations & scenes.
   Type `status`, and the house answers: the phone shows the text, and what the network reports of it.
3. The phone has accounts at other providers, too. They are polled: a message takes up to 15 or 30 seconds, as the phone
   says beside each.
4. To add another provider, open it on the phone's page. It makes an account there, and shows what to enter under
   Settings, Devices & services, Add integration, SMS Inbox.

What happens to each message is printed below. Ctrl-C ends everything."""


class Demo:
    """One run of the demo."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Take the options of the command line."""
        self._once = options.once
        self._timeline = Timeline()
        self._emulator = Emulator(options.emulator_port, FOLDER / "emulator.json")
        level = "debug" if options.debug else "info"
        self._home_assistant = HomeAssistant(FOLDER / "home-assistant", options.port, level=level)
        self._urls: dict[str, str] = {}  # by provider
        self._watch = Watch(self._emulator, self._home_assistant, self._timeline)

    async def run(self) -> bool:
        """Run until the proof is there (with --once) or for ever; return whether the proof is complete."""
        FOLDER.mkdir(exist_ok=True)
        for log in FOLDER.glob("*.log"):
            log.unlink()
        print("Starting the emulator and Home Assistant ...", flush=True)
        async with self._emulator:
            for account in ACCOUNTS:
                sample = await self._emulator.post("/admin/accounts", {"provider": account.provider})
                self._urls[account.provider] = sample["url"]
            async with self._home_assistant:
                return await self._run_started()

    async def _run_started(self) -> bool:
        try:
            async with asyncio.TaskGroup() as tasks:
                sources = (self._emulator, self._home_assistant)
                watching = [tasks.create_task(source.wait()) for source in sources]
                watching += [tasks.create_task(self._watch.follow_emulator()), tasks.create_task(self._timeline.run())]
                new = await self._set_up()
                watching.append(tasks.create_task(self._watch.follow_home_assistant()))
                if not self._once:
                    print(self._addresses(), flush=True)
                complete = await self._prove(new)
                if not self._once:
                    self._watch.brief = True
                    print(f"{WHAT_TO_DO.format(addresses=self._addresses())}\n", flush=True)
                    await asyncio.Event().wait()
                for task in watching:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        return complete

    async def _set_up(self) -> set[str]:
        """Set up what isn't set up yet, and return the providers that are new."""
        kept = await self._kept_entries()
        new: dict[str, str] = {}
        for account in ACCOUNTS:
            if account.provider not in kept:
                print(f"Adding the account at {account.provider} ...", flush=True)
                url = self._urls[account.provider]
                entry_id = new[account.provider] = await add_entry(self._home_assistant, account, url)
                if account.provider in WITH_WEBHOOK:
                    await use_webhook(self._home_assistant, self._emulator, account, entry_id)
        entries = kept | new
        for entry_id in entries.values():
            await use_sending(self._home_assistant, entry_id, countries=COUNTRIES)
        _entries_file().write_text(json.dumps({"emulator": self._emulator.url, "entries": entries}))
        self._watch.providers = {entry_id: provider for provider, entry_id in entries.items()}
        for key, automation in AUTOMATIONS.items():
            await self._add_automation(key, automation)
        return set(new)

    async def _kept_entries(self) -> dict[str, str]:
        """Return the entry ids of an earlier run; entries for an emulator at another address are removed."""
        there = {entry["entry_id"] for entry in await self._home_assistant.get(f"{ENTRIES}?domain=sms_inbox")}
        known = json.loads(_entries_file().read_text()) if _entries_file().exists() else {"entries": {}}
        kept = {provider: entry_id for provider, entry_id in known["entries"].items() if entry_id in there}
        if kept and known["emulator"] != self._emulator.url:
            for entry_id in kept.values():
                await self._home_assistant.delete(f"{ENTRIES}/{entry_id}")
            return {}
        return kept

    async def _add_automation(self, key: str, automation: dict[str, Any]) -> None:
        """Make an automation, where it isn't there yet, and wait until it is armed."""
        path = f"/api/config/automation/config/{key}"
        try:
            await self._home_assistant.get(path)
        except AnswerError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self._home_assistant.post(path, automation)

            async def is_armed() -> bool:
                states = await self._home_assistant.get("/api/states")
                return any(state["attributes"].get("id") == key and state["state"] == "on" for state in states)

            await until(is_armed)

    async def _prove(self, new: set[str]) -> bool:
        """Send the samples and wait for them; print what came of them."""
        proofs, questions = self._watch.proofs, self._watch.questions = samples()
        try:
            async with asyncio.timeout(LIMIT):
                await self._watch.connected.wait()
                # What is in a new account's inbox before it is first read counts as old.
                await self._watch.asked(new)
                for proof in proofs:
                    await self._send(proof)
                for question in questions:
                    await self._send(question)
                await self._watch.proven.wait()
        except TimeoutError:
            print(f"\nNot everything arrived within {LIMIT:.0f} seconds.")
        await self._watch.look()
        self._timeline.print()
        print(f"\n{table(proofs)}\n\n{answers(questions)}\n", flush=True)
        return self._watch.proven.is_set()

    async def _send(self, sample: Proof | Question) -> None:
        sample.sent = datetime.now(UTC).timestamp()
        await self._emulator.send(sample.account, sample.text, sample.sender)

    def _addresses(self) -> str:
        return (
            f"\n  The phone        {self._emulator.url}"
            f"\n  Home Assistant   {self._home_assistant.url}   (user {USERNAME}, password {PASSWORD})\n"
        )


def _entries_file() -> Path:
    return FOLDER / "entries.json"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", add_help=False)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--emulator-port", type=int, default=8125)
    parser.add_argument("--debug", action="store_true")
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> bool:
    check_ports(options)
    if options.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return await Demo(options).run()


def main() -> int:
    """Run the demo and return the exit code."""
    options = _options()
    return run(_run(options), interrupted=INTERRUPTED if options.once else 0)


if __name__ == "__main__":
    sys.exit(main())
