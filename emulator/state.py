"""What one emulator knows: accounts, faults, records of what happened, and the file that keeps some of it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import storage
from .faults import Fault, Faults
from .handsets import Handsets
from .ledger import Called, Ledger, Passed, Request
from .model import Account, Message
from .outgoing import Caller
from .protocol import Protocol
from .registry import PROTOCOLS

SAVE_DELAY = 0.2
CENTURY = timedelta(days=36_525)


class State:
    """Everything that the server, the admin API and the exchanges with clients share; it lives in one event loop."""

    def __init__(
        self, hold: float, latency: float, data: str | Path | None, repeat: float, clock_offset: timedelta
    ) -> None:
        """Begin with what the data file has; `Emulator` says what the settings mean.

        Raises:
            DataFileError: the file is damaged.
        """
        self.hold = hold
        self.latency = latency
        self.clock_offset = clock_offset
        """How far the vendors' clock is ahead of ours; it may be behind."""
        self.accounts: dict[tuple[str, str], Account] = {}
        self.faults = Faults()
        self.sent: Ledger[Passed] = Ledger()
        self.book: Ledger[Passed] = Ledger()
        self.requests: Ledger[Request] = Ledger()
        self.calls: Ledger[Called] = Ledger()
        self.caller = Caller(self.calls, repeat)
        self.handsets = Handsets(self.caller.report)
        self.host = ""
        self.port = 0
        self.running = False
        self._first_offset = clock_offset
        self._data = Path(data) if data else None
        self._saving: asyncio.TimerHandle | None = None
        self._load()

    def now(self) -> datetime:
        """The time by the vendors' clock."""
        return datetime.now(UTC) + self.clock_offset

    @property
    def root(self) -> str:
        """The address of the page."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def url(self, provider: str) -> str:
        """The base address of a provider."""
        protocol = self.protocol(provider)
        return f"{self.root}/{protocol.key}{protocol.base_path}"

    def protocol(self, provider: str) -> Protocol:
        """A provider's protocol; ValueError if there is no such provider."""
        if provider not in PROTOCOLS:
            raise ValueError(f"The providers are: {', '.join(PROTOCOLS)}.")
        return PROTOCOLS[provider]

    def add_account(
        self,
        provider: str,
        username: str,
        password: str,
        time_zone: str | None = None,
        page_size: int | None = None,
    ) -> Account:
        """Make an account, or return the one that has these credentials already."""
        protocol = self.protocol(provider)
        account = self.accounts.get((provider, username))
        if not username or ":" in username:
            raise ValueError("A user name is not empty and has no colon.")
        if account is not None and account.password != password:
            raise ValueError(f"{username} exists already, with another password.")
        if page_size is not None and page_size < 1:
            raise ValueError("A page holds at least one message.")
        if account is None:
            account = Account(
                protocol=protocol,
                username=username,
                password=password,
                time_zone=protocol.time_zone,
                page_size=protocol.page_size,
                on_change=self.save_soon,
                on_message=self._receive,
                on_submitted=self.handsets.take,
                now=self.now,
                places=protocol.first_places(),
            )
        account.time_zone = _zone(time_zone) if time_zone else account.time_zone
        account.page_size = page_size or account.page_size
        self.accounts[provider, username] = account
        self.save_soon()
        return account

    def account(self, provider: str, username: str) -> Account:
        """An account; ValueError if there is none."""
        try:
            return self.accounts[provider, username]
        except KeyError:
            raise ValueError(f"{provider} has no account {username}.") from None

    def fault(
        self,
        provider: str,
        kind: str,
        count: int | None = 1,
        username: str | None = None,
        path: str | None = None,
        *,
        skip: int = 0,
        where: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Let the answers to the next `count` requests that fit go wrong (None: until cleared), also to held ones.

        Args:
            provider: The provider's key.
            kind: What goes wrong.
            count: How often.
            username: Only requests of this account fit.
            path: Only requests fit which have this in their path.
            skip: How many requests that fit are answered as ever before, whatever other faults do to them.
            where: Only requests fit whose query or form has these fields with these values.
            options: The options of the fault.

        Raises:
            ValueError: there is no such fault, or it makes no sense; the text says why.
        """
        fault = Fault(
            provider=provider,
            kind=kind,
            count=count,
            username=username,
            path=path,
            skip=skip,
            where=where or {},
            options=options,
        )
        self.faults.add(self.protocol(provider), fault)
        for account in self.accounts.values():
            account.wake()

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.pending.clear()

    def reset(self) -> None:
        """Forget accounts, messages, faults and what happened; the vendors' clock is as it was at the beginning."""
        self.clock_offset = self._first_offset
        self.accounts.clear()
        self.clear_faults()
        self.sent.forget()
        self.book.forget()
        self.requests.forget()
        self.calls.forget()
        self.caller.forget()
        self.handsets.forget()
        self.save_soon()

    def save_soon(self) -> None:
        """Save in a moment, together with what else changes until then."""
        if self._data and self._saving is None and self.running:
            self._saving = asyncio.get_running_loop().call_later(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Write the data file."""
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        if self._data:
            storage.write(self._data, self.accounts.values())

    def _receive(self, account: Account, message: Message) -> None:
        """Note a message that was sent to an account, and have its clients told."""
        if not message.sent:
            self.sent.note(Passed.of(message.sent_at, account, message))
        self.caller.tell(account, message)

    def _load(self) -> None:
        if self._data is None:
            return
        try:
            for stored in storage.read(self._data):
                messages = stored.pop("messages")
                called = {
                    key: stored.pop(key)
                    for key in ("callback", "signing_key", "webhooks", "extra", "places")
                    if key in stored
                }
                account = self.add_account(**stored)
                for key, value in called.items():
                    setattr(account, key, value)
                for message in messages:
                    account.add(storage.message_from_json(message))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise storage.DataFileError(f"The data file {self._data} can't be read: {error}.") from error


def offset_of(seconds: float) -> timedelta:
    """A clock's offset; ValueError if it is no number of seconds within a century."""
    if not abs(seconds) <= CENTURY.total_seconds():
        raise ValueError("A clock differs by a century at most.")
    return timedelta(seconds=seconds)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except ValueError, KeyError, OSError:
        raise ValueError(f"There is no time zone {name}.") from None
