"""Follow every message from the provider's server to the automation, and print each step."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from tests.live.child import ChildError, until
from tests.live.emulator import Emulator
from tests.live.home_assistant import HomeAssistant
from tests.live.websocket import WebSocket

from .accounts import ACCOUNTS
from .proof import Proof, Question
from .timeline import Timeline

INBOXES = {account.provider: account.inbox for account in ACCOUNTS}
INTERVAL = 0.1  # seconds between two looks at the emulator


class Watch:
    """What the emulator and Home Assistant tell, on one timeline; ticks off the proofs on the way."""

    def __init__(self, emulator: Emulator, home_assistant: HomeAssistant, timeline: Timeline) -> None:
        """Take both sources, already started."""
        self.proofs: list[Proof] = []
        self.questions: list[Question] = []
        self.providers: dict[str, str] = {}  # by config entry id
        self.brief = False  # whether requests that bring nothing new are left out
        self._handed_over: set[tuple[str, str]] = set()  # provider and id of messages
        self._asked: set[str] = set()  # the providers whose inbox was read
        self.connected = asyncio.Event()
        self.proven = asyncio.Event()
        self._emulator = emulator
        self._home_assistant = home_assistant
        self._timeline = timeline
        self._last: dict[str, int] = {}  # numbers of the emulator's entries
        self._sensors: dict[str, str] = {}  # and whose they are
        self._texts: dict[str, str] = {}  # and whose they are

    async def asked(self, providers: set[str]) -> None:
        """Return when the inboxes of these providers were read."""

        async def read() -> bool:
            return providers <= self._asked

        await until(read)

    async def follow_emulator(self) -> None:
        """Note what happens at the emulator, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Note what happened at the emulator since the last look."""
        sources = {
            "sent": self._see_sent,
            "calls": self._see_call,
            "requests": self._see_request,
            "book": self._see_book,
            "handsets": self._see_handset,
        }
        for name, see in sources.items():
            answer = await self._emulator.get(f"/admin/{name}?since={self._last.get(name, 0)}")
            new = [entry for entry in answer["entries"] if entry["number"] > self._last.get(name, 0)]
            self._last[name] = answer["last"]
            for entry in new:
                see(entry)

    async def follow_home_assistant(self) -> None:
        """Note events, notifications and sensors, also after a restart, until cancelled."""
        while True:
            try:
                async with await self._home_assistant.websocket() as websocket:
                    await self._subscribe(websocket)
                    self.connected.set()
                    await websocket.wait()
            except aiohttp.ClientError, ChildError:
                pass  # it is restarting; when it doesn't come back, whoever waits for it says so
            await asyncio.sleep(INTERVAL)

    async def _subscribe(self, websocket: WebSocket) -> None:
        for entity in await websocket.command("config/entity_registry/list"):
            if entity["platform"] == "sms_inbox" and entity["unique_id"].endswith("_last_message"):
                self._sensors[entity["entity_id"]] = self.providers.get(entity["config_entry_id"], "")
        await websocket.subscribe(self._see_event, "subscribe_events", event_type="sms_received")
        await websocket.subscribe(self._see_text, "subscribe_events", event_type="sms_sent")
        await websocket.subscribe(self._see_text, "subscribe_events", event_type="sms_status")
        await websocket.subscribe(self._see_state, "subscribe_events", event_type="state_changed")
        await websocket.subscribe(self._see_notifications, "persistent_notification/subscribe")

    def _see_sent(self, entry: dict[str, Any]) -> None:
        shown = f"from {entry['sender']}: {entry['text']}"
        self._timeline.note(_time(entry["time"]), entry["provider"], "sent", shown)

    def _see_call(self, entry: dict[str, Any]) -> None:
        outcome = f"answered {entry['status']}" if entry["status"] else "not answered"
        self._timeline.note(_time(entry["time"]), entry["provider"], "webhook", f"to Home Assistant: {outcome}")

    def _see_request(self, entry: dict[str, Any]) -> None:
        path = entry["url"].partition("?")[0]
        outcome = "held until a message comes" if entry["status"] is None else str(entry["status"])
        if INBOXES.get(entry["provider"], "/") in path:
            self._asked.add(entry["provider"])
            outcome += f", messages: {len(entry['message_ids'])}" if entry["status"] else ""
        brings = {(entry["provider"], message_id) for message_id in entry["message_ids"]} - self._handed_over
        if self.brief and not brings and (entry["status"] or 0) < HTTPStatus.BAD_REQUEST:
            return
        self._timeline.note(_time(entry["time"]), entry["provider"], "asked", f"{entry['method']} {path}: {outcome}")

    def _see_book(self, entry: dict[str, Any]) -> None:
        message = (entry["provider"], entry["message_id"])
        if message not in self._handed_over:
            self._handed_over.add(message)
            shown = f"from {entry['sender']}: {entry['text']}"
            self._timeline.note(_time(entry["time"]), entry["provider"], "handed over", shown)

    def _see_handset(self, entry: dict[str, Any]) -> None:
        when = _time(entry["time"])
        shown = f"of {entry['recipient']}, from {entry['sender']}: {entry['text']}"
        self._timeline.note(when, entry["provider"], "on the phone", shown)
        for question in self.questions:
            question.see_handset(entry["recipient"], entry["text"], when.timestamp())
        self._check()

    def _see_text(self, event: dict[str, Any]) -> None:
        data = event["data"]
        shown = f"{data['status']}, to {data['recipient']}: {data['text']}"
        self._timeline.note(_time(event["time_fired"]), data["provider"], event["event_type"], shown)
        for question in self.questions:
            question.see_status(data["text"], data["status"])
        self._check()

    def _see_event(self, event: dict[str, Any]) -> None:
        data = event["data"]
        again = "again, from " if data["redelivered"] else "from "
        self._texts[data["text"]] = data["provider"]
        self._timeline.note(
            _time(event["time_fired"]), data["provider"], "event", f"{again}{data['sender']}: {data['text']}"
        )
        self._tick(Proof.see_event, data["text"])

    def _see_notifications(self, event: dict[str, Any]) -> None:
        if event["type"] != "added":
            return
        for notification in event["notifications"].values():
            text = notification["message"]
            provider = self._texts.get(text, "")
            shown = f"{notification['title']}: {text}"
            self._timeline.note(_time(notification["created_at"]), provider, "automation ran", shown)
            self._tick(Proof.see_notification, text)

    def _see_state(self, event: dict[str, Any]) -> None:
        entity_id, state = event["data"]["entity_id"], event["data"]["new_state"]
        if entity_id not in self._sensors or state is None:
            return
        self._timeline.note(_time(state["last_updated"]), self._sensors[entity_id], "sensor", state["state"])
        self._tick(Proof.see_sensor, state["state"])

    def _tick(self, see: Callable[[Proof, str], None], text: str) -> None:
        for proof in self.proofs:
            see(proof, text)
        self._check()

    def _check(self) -> None:
        complete = [*(each.complete for each in self.proofs), *(each.complete for each in self.questions)]
        if complete and all(complete):
            self.proven.set()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
