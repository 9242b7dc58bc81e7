"""Diagnostics: enough to find a fault, and nothing that a person couldn't show to everybody.

What gets out is named here, one by one: the provider's errors and cursors, which by their contract hold nothing of a
person, and of messages and records only their shape.
"""

from dataclasses import asdict
import json
import re
import sqlite3
from typing import Any

from homeassistant.const import CONF_TIME_ZONE, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.loader import async_get_integration

from .const import (
    CONF_ALLOW_HTTP,
    CONF_CLOUDHOOK,
    CONF_DELETE_STORED,
    CONF_DELIVER_EXISTING,
    CONF_FIELDS,
    CONF_KEY_ID,
    CONF_LOCAL_ONLY,
    CONF_PRESET,
    CONF_PROVIDER,
    CONF_REGISTERED,
    CONF_RETENTION_DAYS,
    CONF_SIGNING_KEY,
    CONF_STORE_TEXTS,
    DOMAIN,
)
from .contacts import contacts_of
from .coordinator import SmsInboxConfigEntry
from .inbox import async_get_store
from .model import StoredMessage
from .polling import Poll
from .providers import PROVIDERS
from .store import Store, StoreError, quarantine, search
from .webhook import async_endpoint

MESSAGES_SHOWN = 5
LONGEST_SHAPE = 200
ACCOUNT_COLUMNS = (
    "added_at",
    "loss_since",
    "loss_in_doubt",
    "doubt_since",
    "outage_since",
    "first_webhook_at",
    "last_webhook_at",
)
# Of the letters in a hexadecimal number, whether they are letters would tell too much.
HEXADECIMAL = re.compile(r"(?<=%)[0-9A-Fa-f]{2}|[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*")


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> dict[str, Any]:
    """Return what is known of an account, whether it could be set up or not."""
    integration = await async_get_integration(hass, DOMAIN)
    return {
        "version": str(integration.version),
        "country": hass.config.country,
        "account": _account(entry),
        "entities": _entities(hass, entry),
        "polling": _polling(entry),
        "webhook": _webhook(hass, entry),
        **await _async_stored(async_get_store(hass), entry.entry_id),
    }


def shape(text: str) -> str:
    """Return what a text looks like: each letter an "a", each digit a "9", what isn't ASCII a "�"."""
    nines = HEXADECIMAL.sub(lambda match: "9" * len(match[0]), text[:LONGEST_SHAPE])
    return "".join(_shape_of_character(character) for character in nines)


def _shape_of_character(character: str) -> str:
    """Return what a character looks like."""
    if character.isalpha():
        return "a"
    if character.isdecimal():
        return "9"
    return character if character.isascii() else "�"


def _account(entry: SmsInboxConfigEntry) -> dict[str, Any]:
    """Return how an account is set up, and what came of it."""
    data, options = entry.data, entry.options
    provider, url = PROVIDERS[data[CONF_PROVIDER]], data.get(CONF_URL, "").strip().rstrip("/")
    error = (entry.error_reason_translation_placeholders or {}).get("error", "")
    return {
        "provider": provider.key,
        "server": {
            "official": url == provider.default_url,
            "scheme": next((scheme for scheme in ("https", "http") if url.startswith(f"{scheme}://")), None),
        },
        "time_zone": data[CONF_TIME_ZONE] if provider.local_time else None,
        "deliver_existing": bool(data.get(CONF_DELIVER_EXISTING)),
        "delete_stored": data.get(CONF_DELETE_STORED),
        "api_key": bool(data.get(CONF_KEY_ID)),
        "allow_http": data.get(CONF_ALLOW_HTTP, False),
        "verify_ssl": data.get(CONF_VERIFY_SSL, True),
        "options": {key: options[key] for key in (CONF_STORE_TEXTS, CONF_RETENTION_DAYS) if key in options},
        "contacts": len(list(contacts_of(entry))),
        "state": entry.state.value,
        "disabled": entry.disabled_by is not None,
        "polling_disabled": entry.pref_disable_polling,
        "error": f"{key}: {error}" if (key := entry.error_reason_translation_key) else None,
    }


def _entities(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> dict[str, str | None]:
    """Return which entities an account has, and who disabled them; their ids may have been chosen by a person.

    Those of contacts are left out: they are named after people.
    """
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {
        entity.unique_id.removeprefix(f"{entry.entry_id}_"): entity.disabled_by
        for entity in entities
        if not entity.config_subentry_id
    }


def _polling(entry: SmsInboxConfigEntry) -> dict[str, Any] | None:
    """Return how the provider was asked lately, None where it has not been since the start."""
    if not (coordinator := getattr(entry, "runtime_data", None)):
        return None
    interval = coordinator.update_interval
    return {
        "interval": interval and interval.total_seconds(),
        "last_succeeded": coordinator.last_update_success,
        "polls": [_poll(poll) for poll in coordinator.polling.polls],
    }


def _webhook(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> dict[str, Any] | None:
    """Return what came of the webhook's requests since the start, None where there is no webhook."""
    if not (endpoint := async_endpoint(hass, entry)):
        return None
    options = entry.options
    return {
        "preset": entry.data.get(CONF_PRESET),
        "cloudhook": bool(options.get(CONF_CLOUDHOOK)),
        "local_only": bool(options.get(CONF_LOCAL_ONLY)),
        "registered": len(options.get(CONF_REGISTERED, {})),
        "signed": bool(options.get(CONF_SIGNING_KEY)),
        "fields": sorted(key for key, value in options.get(CONF_FIELDS, {}).items() if value),
        "accepted": endpoint.accepted,
        "refused": dict(endpoint.refused),
    }


def _poll(poll: Poll) -> dict[str, Any]:
    """Return how one poll went."""
    return {
        "started": poll.started.isoformat(),
        "seconds": poll.seconds and round(poll.seconds, 3),
        "pages": poll.pages,
        "messages": poll.messages,
        "new": poll.new,
        "error": poll.error,
    }


async def _async_stored(store: Store, account: str) -> dict[str, Any]:
    """Return what is stored of an account, and how the file is."""
    found: dict[str, Any] = {"store": {"set_aside": store.set_aside is not None, "lost": store.lost, "error": None}}
    try:
        contents = await store.read(_contents, account)
        found["store"] |= {"sqlite": sqlite3.sqlite_version, "schema": contents.pop("schema"), **store.sizes()}
    except (StoreError, OSError) as err:
        found["store"]["error"] = str(err)
        return found
    return found | contents


def _contents(db: sqlite3.Connection, account: str) -> dict[str, Any]:
    """Return what is stored of an account."""
    found: dict[str, Any] = {"schema": search.schema_version(db)}
    last = search.recent(db, account, 1)
    if row := search.account_row(db, account):
        found["inbox"] = {
            **{key: value for key, value in row.items() if key in ACCOUNT_COLUMNS},
            "first_run": bool(row["first_run"]),
            "in_use": bool(row["in_use"]),
            "cursor": json.loads(row["cursor"]),
            "last_received_at": last[0].received_at.isoformat() if last and last[0].received_at else None,
        }
    return found | {
        "counts": asdict(search.counts(db, account)),
        "messages": [
            _message(stored) for stored in search.find(db, search.Query(accounts=(account,), limit=MESSAGES_SHOWN))
        ],
        "unreadable": [
            {"bytes": len(raw), "shape": shape(raw.decode("utf-8", "replace"))}
            for _, raw in quarantine.oldest(db, account, MESSAGES_SHOWN)
        ],
    }


def _message(stored: StoredMessage) -> dict[str, Any]:
    """Return what a message looks like."""
    message = stored.message
    return {
        "message_id": shape(message.message_id),
        "sender": shape(message.sender),
        "recipient": message.recipient and shape(message.recipient),
        "characters": len(message.text),
        "data_bytes": message.data and len(message.data),
        "encoding": message.encoding,
        "received_at": message.received_at and message.received_at.isoformat(),
        "stored_at": stored.stored_at.isoformat(),
        "is_reply": message.in_reply_to is not None,
        "redelivered": stored.in_doubt,
    }
