"""The page for people and the JSON API behind it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
import json
from pathlib import Path
import re
from typing import Any, NamedTuple

from aiohttp import web

from .faults import Fault
from .guide import Guide, add_sample
from .handsets import Behaviour
from .ledger import Ledger
from .model import Account
from .registry import PROTOCOLS
from .state import State, offset_of
from .storage import message_to_json
from .trial import send_as

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = Path(__file__).with_name("page.html")
SHOWN_MESSAGES = 200
SHOWN_REQUESTS = 50
COPIES_MAX = 100_000
SECRET = re.compile(r"(?<=[?&])(password=)[^&]*", re.IGNORECASE)
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
MESSAGE_FIELDS: Mapping[str, type] = {
    "text": str,
    "sender": str,
    "recipient": str,
    "in_reply_to": str,
    "encoding": str,
    "data": str,
    "received_at": str,
    "message_id": str,
    "wire": str,
    "sent": bool,
}


class Admin:
    """Everything under `/admin`, and the page at `/`."""

    def __init__(self, state: State) -> None:
        """Show and change the state of an emulator."""
        self._state = state
        self._guide = Guide()
        self._page = PAGE.read_text(encoding="utf-8")

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.middlewares.append(_errors_in_json)
        app.router.add_get("/", self.show_page)
        app.router.add_get("/admin/accounts", self.list_accounts)
        app.router.add_post("/admin/accounts", self.add_account)
        app.router.add_post("/admin/password", self.change_password)
        app.router.add_post("/admin/callback", self.set_callback)
        app.router.add_post("/admin/clock", self.set_clock)
        app.router.add_get("/admin/calls", self.list_calls)
        app.router.add_get("/admin/messages", self.list_messages)
        app.router.add_post("/admin/messages", self.send)
        app.router.add_post("/admin/faults", self.add_fault)
        app.router.add_delete("/admin/faults", self.clear_faults)
        app.router.add_post("/admin/webhook", self.send_webhook)
        app.router.add_get("/admin/handsets", self.list_handsets)
        app.router.add_post("/admin/handsets", self.set_up_handset)
        app.router.add_post("/admin/report", self.report)
        app.router.add_get("/admin/sent", self.list_sent)
        app.router.add_get("/admin/book", self.list_book)
        app.router.add_get("/admin/requests", self.list_requests)
        app.router.add_get("/admin/state", self.show_state)
        app.router.add_post("/admin/reset", self.reset)
        app.router.add_route("*", "/admin/{path:.*}", _nothing_here)

    async def show_page(self, _request: web.Request) -> web.Response:
        """Show the page."""
        return web.Response(text=self._page, content_type="text/html", headers=PAGE_HEADERS)

    async def list_accounts(self, _request: web.Request) -> web.Response:
        """List the accounts, with their passwords: they are for nothing else than to be typed in SMS Inbox."""
        return web.json_response({"accounts": self._accounts()})

    async def add_account(self, request: web.Request) -> web.Response:
        """Make an account; without user name and password they are made up."""
        known = {"provider": str, "username": str, "password": str, "time_zone": str, "page_size": int}
        fields = _checked(await _body(request), known, required=("provider",))
        if fields.keys() == {"provider"}:
            return web.json_response(self._account(add_sample(self._state, fields["provider"])))
        _checked(fields, known, required=("username", "password"))
        return web.json_response(self._account(self._state.add_account(**fields)))

    async def change_password(self, request: web.Request) -> web.Response:
        """Give an account another password."""
        known = {"provider": str, "username": str, "password": str}
        fields = _checked(await _body(request), known, required=tuple(known))
        account = self._state.account(fields["provider"], fields["username"])
        account.password = fields["password"]
        account.on_change()
        return web.json_response(self._account(account))

    async def set_callback(self, request: web.Request) -> web.Response:
        """Set the address to call when a message comes, empty for none, and with what calls are signed."""
        known = {"provider": str, "username": str, "url": str, "signing_key": str}
        fields = _checked(await _body(request), known, required=("provider", "username", "url"))
        account = self._state.account(fields["provider"], fields["username"])
        account.callback, account.signing_key = fields["url"], fields.get("signing_key", account.signing_key)
        account.on_change()
        return web.json_response(self._account(account))

    async def set_clock(self, request: web.Request) -> web.Response:
        """Set by how many seconds the vendors' clock is ahead of ours, or behind where they are negative."""
        fields = _checked(await _body(request), {"seconds": int | float}, required=("seconds",))
        self._state.clock_offset = offset_of(fields["seconds"])
        return web.json_response({"seconds": fields["seconds"], "now": self._state.now().isoformat()})

    async def list_calls(self, request: web.Request) -> web.Response:
        """List the calls to clients, after a number."""
        return web.json_response(_since(request, self._state.calls))

    async def list_messages(self, request: web.Request) -> web.Response:
        """List the messages, of all accounts or of some."""
        messages = [
            {"provider": account.provider, "username": account.username, **message_to_json(message)}
            for account in self._state.accounts.values()
            if request.query.get("provider", account.provider) == account.provider
            and request.query.get("username", account.username) == account.username
            for message in account.messages
        ]
        return web.json_response({"messages": messages})

    async def send(self, request: web.Request) -> web.Response:
        """Send an SMS, numbered copies of one, or a record as it is."""
        known = {"provider": str, "username": str, "count": int, "raw": str, **MESSAGE_FIELDS}
        fields = _checked(await _body(request), known, required=("provider", "username"))
        account = self._state.account(fields.pop("provider"), fields.pop("username"))
        if "raw" in fields:
            if len(fields) > 1:
                raise ValueError("A raw record has no other fields.")
            message_id = account.send_raw(fields["raw"].encode()).message_id
            return web.json_response({"message_id": message_id, "message_ids": [message_id]})
        texts = _copies(fields.pop("text", ""), fields.pop("count", None))
        if len(texts) > 1 and "message_id" in fields:
            raise ValueError("Only one message can have this message_id.")
        if "data" in fields:
            fields["data"] = bytes.fromhex(fields["data"])
        if "received_at" in fields:
            fields["received_at"] = datetime.fromisoformat(fields["received_at"])
        ids = [account.send(text, **fields).message_id for text in texts]
        return web.json_response({"message_id": ids[-1], "message_ids": ids})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Plan a fault; fields beyond the common ones are its options."""
        fields = {key: value for key, value in (await _body(request)).items() if value is not None or key == "count"}
        common = {"provider": str, "kind": str, "count": int, "username": str, "path": str, "skip": int, "where": dict}
        _checked({key: fields[key] for key in common if key in fields}, common, required=("provider", "kind"))
        self._state.fault(**fields)
        return web.json_response({"faults": self._faults()})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Let nothing go wrong any more."""
        self._state.clear_faults()
        return web.json_response({"faults": []})

    async def list_handsets(self, request: web.Request) -> web.Response:
        """List what arrived at phones, after a number."""
        return web.json_response(_since(request, self._state.handsets.shown))

    async def set_up_handset(self, request: web.Request) -> web.Response:
        """Say what the phone with a number does, and what its network reports."""
        known = {"number": str, "reports": list, "error": str, "seconds": int | float}
        fields = _checked(await _body(request), known, required=("number",))
        if "reports" in fields:
            fields["reports"] = tuple(fields["reports"])
        self._state.handsets.set_up(fields.pop("number"), Behaviour(**fields))
        return web.json_response({})

    async def report(self, request: web.Request) -> web.Response:
        """Report a state of a text that a client submitted, whichever came before."""
        known = {"provider": str, "username": str, "message_id": str, "status": str, "error": str}
        required = ("provider", "username", "message_id", "status")
        fields = _checked(await _body(request), known, required=required)
        account = self._state.account(fields["provider"], fields["username"])
        message = next((each for each in account.messages if each.message_id == fields["message_id"]), None)
        if message is None or not message.sent:
            raise ValueError("No client submitted this text.")
        self._state.handsets.report_now(account, message, fields["status"], fields.get("error", ""))
        return web.json_response({})

    async def send_webhook(self, request: web.Request) -> web.Response:
        """Send an SMS as an app or service does that can't be polled: as a request to a webhook of SMS Inbox."""
        known = {"preset": str, "url": str, "signed": bool, "sender": str, "text": str}
        fields = _checked(await _body(request), known, required=("preset", "url"))
        return web.json_response(await send_as(**fields))

    async def list_sent(self, request: web.Request) -> web.Response:
        """List what was sent to the accounts, after a number."""
        return web.json_response(_since(request, self._state.sent))

    async def list_book(self, request: web.Request) -> web.Response:
        """List what was handed over, after a number."""
        return web.json_response(_since(request, self._state.book))

    async def list_requests(self, request: web.Request) -> web.Response:
        """List the requests of clients, after a number."""
        return web.json_response(_since(request, self._state.requests))

    async def show_state(self, request: web.Request) -> web.Response:
        """Tell all that the page shows, with the messages of the account it asks about."""
        state = self._state
        account = state.accounts.get((request.query.get("provider", ""), request.query.get("username", "")))
        messages = account.messages[-SHOWN_MESSAGES:] if account else []
        return web.json_response(
            {
                "now": datetime.now(UTC).isoformat(),
                "clock_offset": state.clock_offset.total_seconds(),
                "providers": [self._guide.provider(key) for key in PROTOCOLS],
                "presets": self._guide.presets(),
                "words": self._guide.words(),
                "accounts": self._accounts(),
                "messages": [message_to_json(message) for message in messages],
                "requests": _numbered(state.requests.since(state.requests.last - SHOWN_REQUESTS)),
                "calls": _numbered(state.calls.since(state.calls.last - SHOWN_REQUESTS)),
                "faults": self._faults(),
            }
        )

    async def reset(self, request: web.Request) -> web.Response:
        """Forget everything."""
        _checked(await _body(request), {})
        self._state.reset()
        return web.json_response({})

    def _accounts(self) -> list[dict[str, Any]]:
        return [self._account(account) for account in self._state.accounts.values()]

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            "provider": account.provider,
            "username": account.username,
            "password": account.password,
            "time_zone": account.time_zone,
            "page_size": account.page_size,
            "url": self._state.url(account.provider),
            "messages": len(account.messages),
            "callback": account.callback,
            "has_webhook": bool(account.callback or PROTOCOLS[account.provider].registered(account)),
            "asked_at": account.asked_at.isoformat() if account.asked_at else None,
            **self._guide.fields(account, self._state.url(account.provider)),
        }

    def _faults(self) -> list[dict[str, Any]]:
        return [_fault(fault) for fault in self._state.faults.pending]


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "provider": fault.provider,
        "kind": fault.kind,
        "count": fault.count,
        "username": fault.username,
        "path": fault.path,
        "skip": fault.skip,
        "where": fault.where,
        **fault.options,
    }


def _copies(text: str, count: int | None) -> list[str]:
    if count is None:
        return [text]
    if not 1 <= count <= COPIES_MAX:
        raise ValueError(f"The count is from 1 to {COPIES_MAX}.")
    return [f"{text} {number}" for number in range(1, count + 1)]


def _since[Entry: NamedTuple](request: web.Request, ledger: Ledger[Entry]) -> dict[str, Any]:
    since = request.query.get("since", "0")
    if not re.fullmatch("[0-9]{1,15}", since):
        raise ValueError("since is the number of an entry.")
    return {"entries": _numbered(ledger.since(int(since))), "last": ledger.last}


def _numbered[Entry: NamedTuple](entries: Iterable[tuple[int, Entry]]) -> list[dict[str, Any]]:
    """Entries as JSON, each with its number; a password in an address is not for showing."""
    shown = []
    for number, entry in entries:
        fields = {"number": number, **entry._asdict()}
        fields["time"] = fields["time"].isoformat()
        if "url" in fields:
            fields["url"] = SECRET.sub(r"\1***", fields["url"])
        shown.append(fields)
    return shown


async def _body(request: web.Request) -> dict[str, Any]:
    """The fields of a request; a page of another site can't send this content type without being asked first."""
    if request.content_type != "application/json":
        raise ValueError("The content type must be application/json.")
    try:
        fields = json.loads(await request.read())
    except ValueError:
        raise ValueError("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004
    return fields


def _checked(fields: dict[str, Any], known: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields that are not null, after a look at their names and types."""
    if unknown := fields.keys() - known.keys():
        raise ValueError(f"Unknown: {', '.join(sorted(unknown))}.")
    present = {key: value for key, value in fields.items() if value is not None}
    if missing := [key for key in required if key not in present]:
        raise ValueError(f"Missing: {', '.join(missing)}.")
    for key, value in present.items():
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is not bool):
            raise ValueError(f"{key} can't be {value!r}.")
    return present


async def _nothing_here(_request: web.Request) -> web.Response:
    return web.json_response({"error": "There is nothing at this address."}, status=404)


@web.middleware
async def _errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer bad input with a sentence."""
    if not request.path.startswith("/admin/"):
        return await handler(request)
    try:
        return await handler(request)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
