"""What is known from outside: of the messages from the providers, of the deliveries from the automation."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..live.emulator import Emulator
from .accounts import EACH, Accounts
from .facts import Delivery, End, Key, Message, Seen, consumes
from .recorder import Recorder
from .verdict import LONGEST_ANSWER
from .witness import Witness


class Evidence:
    """Everything that the verdict is made of, and how far it is."""

    def __init__(self, emulator: Emulator, accounts: Accounts, witness: Witness, recorder: Recorder) -> None:
        """Take the sources."""
        self._emulator = emulator
        self._accounts = accounts
        self._witness = witness
        self._recorder = recorder

    async def messages(self) -> list[Message]:
        """Return what was sent, as the providers have it."""
        asked = {
            (label, message_id): _seconds(request["time"])
            for label, requests in (await self._inbox_requests()).items()
            for request in reversed(requests)
            for message_id in request["message_ids"]
        }
        return [self._message(sent, asked) for sent in (await self._emulator.get("/admin/messages"))["messages"]]

    def _message(self, sent: dict[str, Any], asked: Mapping[Key, float]) -> Message:
        label, sent_at = _label(sent), _seconds(sent["sent_at"])
        request = asked.get((label, sent["message_id"]))
        begun = None if request is None else max(request, sent_at)
        return Message(
            account=label,
            message_id=sent["message_id"],
            text=sent["text"],
            begun=begun,
            # What was taken for an answer that nobody got was handed over all the same.
            handed_over=_seconds(sent["fetched_at"]) if sent["fetched_at"] else begun if sent["read"] else None,
            old=sent_at < self._accounts.added.get(label, 0.0),
        )

    def seen(self) -> Seen:
        """Return what was seen of the events so far."""
        notes = [(note["what"], self._delivery(note["at"], note["event"])) for note in self._witness.notes]
        return Seen(
            started=[delivery for what, delivery in notes if what == "started"],
            fired=[delivery for what, delivery in notes if what == "fired"],
            reported=[self._delivery(at, event) for at, event in self._recorder.reports],
        )

    def delivered(self) -> set[Key]:
        """Return what was delivered so far."""
        return {delivery.key for delivery in self.seen().started}

    def _delivery(self, at: float, event: Mapping[str, Any]) -> Delivery:
        return Delivery(
            at=at,
            account=self._accounts.labels.get(event["config_entry_id"], event["config_entry_id"]),
            message_id=event["message_id"],
            text=event["text"],
            redelivered=event["redelivered"],
        )

    async def is_asked(self) -> bool:
        """Return whether each inbox was asked for, and answered unless there is nothing to answer."""
        asked = await self._inbox_requests()
        return all(
            any(request["status"] or account.provider == "bulletin" for request in asked.get(account.label, ()))
            for account in EACH
        )

    async def is_read(self) -> bool:
        """Return whether the last answer from each inbox was empty."""
        asked = await self._inbox_requests()
        answered = [[request for request in asked.get(account.label, ()) if request["status"]] for account in EACH]
        return all(requests and not requests[-1]["message_ids"] for requests in answered)

    async def read_to_end(self, since: float, ends: Iterable[End] = ()) -> dict[str, float]:
        """Return by account when its inbox was found empty for the first time after a time, where it was.

        That is when an answer holds nothing. Where a request waits for a message, one that was sent meanwhile is the
        last one, too; a list may have a next page then. An answer that an end may have cut off doesn't count, since
        nobody may have read it.
        """
        spans = [(end.begin - LONGEST_ANSWER, end.end, end.accounts) for end in ends]
        messages = (await self._emulator.get("/admin/messages"))["messages"]
        sent = {(_label(message), message["message_id"]): message for message in messages}
        found: dict[str, float] = {}
        for label, requests in (await self._inbox_requests()).items():
            for request in requests:
                at = _seconds(request["time"])
                answer = [sent[label, message_id] for message_id in request["message_ids"]]
                is_last = _waited(answer, at) if consumes(label) else not answer
                is_cut_off = any(begin <= at <= end for begin, end, accounts in spans if label in accounts)
                if at > since and request["status"] in (200, 204) and is_last and not is_cut_off:
                    times = [_seconds(message["fetched_at"]) for message in answer if message["fetched_at"]]
                    found[label] = max([at, *times])
                    break
        return found

    async def _inbox_requests(self) -> dict[str, list[dict[str, Any]]]:
        """Return the requests for messages by account."""
        inboxes = {account.provider: account.inbox for account in EACH}
        found: dict[str, list[dict[str, Any]]] = {}
        for request in (await self._emulator.get("/admin/requests"))["entries"]:
            if inboxes[request["provider"]] in request["url"]:
                found.setdefault(_label(request), []).append(request)
        return found

    async def answers(self) -> list[int]:
        """Return the statuses of the answers to the providers' webhooks."""
        statuses: list[int] = []
        last = 0
        while (calls := await self._emulator.get(f"/admin/calls?since={last}"))["entries"]:
            statuses += (call["status"] for call in calls["entries"])
            last = calls["last"]
        return statuses


def _waited(answer: Iterable[Mapping[str, Any]], asked: float) -> bool:
    """Whether all messages of an answer were sent after it was asked for."""
    return all(_seconds(message["sent_at"]) > asked for message in answer)


def _label(entry: Mapping[str, Any]) -> str:
    return f"{entry['provider']}/{entry['username']}"


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
