"""One request of a client, from its arrival to the last byte of the answer."""

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from .delivery import deliver
from .faults import REPLACING, SPOILING, Fault, answer_of
from .ledger import Passed, Request
from .model import Account, Message
from .protocol import Answer, Call, InterruptedHoldError, Protocol
from .registry import PROTOCOLS
from .state import State


class Exchanges:
    """Answers what clients ask, by the provider's protocol and the faults that were planned."""

    def __init__(self, state: State) -> None:
        """Serve the accounts of an emulator."""
        self._state = state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, and note it and what was handed over."""
        protocol = PROTOCOLS.get(request.match_info["provider"])
        if protocol is None:
            raise web.HTTPNotFound
        call, account = await self._read(request, protocol)
        entry = Request(datetime.now(UTC), request.method, request.raw_path, protocol.key, call.username, None, ())
        number = self._state.requests.note(entry)
        if account is not None:
            account.asked_at = entry.time
        if self._state.latency:
            await asyncio.sleep(self._state.latency)
        answer, fault = await self._decide(protocol, call, account)
        # Nothing may be awaited between here and the first byte: what was marked read must be on its way.
        ids = tuple(message.message_id for message in answer.messages)
        status = None if fault and fault.kind == "dropped" else answer.status
        self._state.requests.amend(number, entry._replace(status=status, message_ids=ids))
        date = format_datetime(self._state.now(), usegmt=True)
        answer = replace(answer, headers={"Date": date, **answer.headers})
        try:
            response, complete = await deliver(request, answer, fault)
        except ConnectionError:
            return web.Response()
        if complete and account is not None and not answer.shown:
            self._book(account, answer.messages)
        return response

    async def _read(self, request: web.Request, protocol: Protocol) -> tuple[Call, Account | None]:
        """Understand a request, and find the account whose credentials it has."""
        call = Call(
            provider=protocol.key,
            method=request.method,
            path=request.path.removeprefix(f"/{protocol.key}{protocol.base_path}"),
            fields={**request.query, **await _form(request)},
            basic=_basic(request),
            body=await _body(request),
            headers=request.headers,
            ask=self._state.caller.ask,
            hold=self._state.hold,
            interrupted=self._is_interrupted,
        )
        username, password = protocol.credentials(call) or ("", "")
        accounts = [account for (key, _), account in self._state.accounts.items() if key == protocol.key]
        account = protocol.account_of(username, password, accounts)
        return replace(call, username=username or None), account

    async def _decide(self, protocol: Protocol, call: Call, account: Account | None) -> tuple[Answer, Fault | None]:
        """The answer to a call, and the fault that spoils its delivery."""
        faults = self._state.faults
        while True:
            fault = faults.take(call, replacing=True)
            if fault is not None and fault.kind == "stall":
                await asyncio.sleep(fault.options["seconds"])
            elif fault is not None:
                return (Answer(), fault) if fault.kind == "dropped" else (answer_of(fault, protocol), None)
            try:
                answer = await _respond(protocol, call, account)
            except InterruptedHoldError:
                continue
            fault = faults.take(call, replacing=False, but=() if answer.body else SPOILING)
            return (answer_of(fault, protocol), None) if fault and fault.kind in REPLACING else (answer, fault)

    def _is_interrupted(self, call: Call) -> bool:
        return self._state.faults.peek(call, replacing=True, but=("stall",)) is not None

    def _book(self, account: Account, messages: tuple[Message, ...]) -> None:
        now = datetime.now(UTC)
        for message in messages:
            message.fetched_at = message.fetched_at or now
            message.fetches += 1
            if not message.sent:
                self._state.book.note(Passed.of(now, account, message))
        if messages:
            self._state.save_soon()


async def _respond(protocol: Protocol, call: Call, account: Account | None) -> Answer:
    if call.method not in protocol.methods:
        return protocol.wrong_method()
    if account is None:
        return protocol.unauthorized()
    return await protocol.answer(call, account)


async def _form(request: web.Request) -> dict[str, str]:
    try:
        return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    except ValueError:
        return {}


async def _body(request: web.Request) -> bytes:
    """The body, but of a form in parts, whose fields are known."""
    return b"" if request.content_type.startswith("multipart/") else await request.read()


def _basic(request: web.Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (username, password) if scheme.lower() == "basic" and colon else None
