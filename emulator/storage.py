"""Accounts and messages as JSON: for the data file and for the admin API."""

from collections.abc import Iterable
from datetime import datetime
import json
import os
from pathlib import Path
from typing import Any

from .model import Account, Message


class DataFileError(Exception):
    """The data file can't be used; the text says why."""


def message_to_json(message: Message) -> dict[str, Any]:
    """A message with times in ISO 8601 and bytes in hex."""
    return {
        "message_id": message.message_id,
        "text": message.text,
        "sender": message.sender,
        "recipient": message.recipient,
        "received_at": message.received_at.isoformat(),
        "sent_at": message.sent_at.isoformat(),
        "encoding": message.encoding,
        "in_reply_to": message.in_reply_to,
        "data": _hex(message.data),
        "wire": message.wire,
        "sent": message.sent,
        "raw": _hex(message.raw),
        "read": message.read,
        "fetched_at": message.fetched_at.isoformat() if message.fetched_at else None,
        "fetches": message.fetches,
        "webhook_status": message.webhook_status,
        "webhook_at": message.webhook_at.isoformat() if message.webhook_at else None,
        "status": message.status,
        "error": message.error,
        "key": message.key,
        "callback": message.callback,
        "shown": message.shown,
    }


def message_from_json(stored: dict[str, Any]) -> Message:
    """The message that `message_to_json` described."""
    for key in ("received_at", "sent_at", "fetched_at", "webhook_at"):
        stored[key] = datetime.fromisoformat(stored[key]) if stored.get(key) else None
    for key in ("data", "raw"):
        stored[key] = None if stored[key] is None else bytes.fromhex(stored[key])
    return Message(**stored)


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def read(path: Path) -> list[dict[str, Any]]:
    """The accounts in a data file, none if there is no file yet."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        accounts: list[dict[str, Any]] = stored["accounts"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(f"The data file {path} can't be read: {error}.") from error
    return accounts


def write(path: Path, accounts: Iterable[Account]) -> None:
    """Replace the data file in one step; only its owner may read it, for it holds passwords."""
    stored = {"accounts": [_account_to_json(account) for account in accounts]}
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(stored, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise DataFileError(f"The data file {path} can't be written: {error.strerror}.") from error


def _account_to_json(account: Account) -> dict[str, Any]:
    return {
        "provider": account.provider,
        "username": account.username,
        "password": account.password,
        "time_zone": account.time_zone,
        "page_size": account.page_size,
        "callback": account.callback,
        "signing_key": account.signing_key,
        "webhooks": account.webhooks,
        "extra": account.extra,
        "places": account.places,
        "messages": [message_to_json(message) for message in account.messages],
    }
