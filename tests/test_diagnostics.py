"""Diagnostics: what finds a fault, and nothing private."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import ANY

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.http import MAXIMUM_BODY
from custom_components.sms_inbox.store.schema import VERSION
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component

from .conftest import Clock, add_contact, make_entry, set_up

USERNAME, PASSWORD = "kowalska7", "vanilla-Zeppelin"
SENDERS = ("+447700900123", "+48601234567", "447700900456", "MYBANK", "Kowalski", "82345")
RECIPIENT = "+64215550019"
TEXTS = (
    "Twój kod to 49382716, nie podawaj nikomu",
    "Dentist appointment Thursday 14:30 ☺ Mulberry Lane 12",
    "Überweisung 1.204,50 EUR an Grzegorz",
    "قهوة بعد الظهر؟",
    "🎉🎂 gefeliciteerd",
    "SOS battery low\nmaps.example.org/?q=51.50735,-0.12776",
)
UNREADABLE = {
    "bulletin": "frm=%2B447700900789&kod=AB12CD&bdoy=Grzegorz%20czeka%20%C3%A9 ☺",
    "bulksms": '{"type":"RECEIVED","from":"447700900789","body":"Grzegorz czeka ☺',
    "bulksms_eapi": "12|447700900789|no time|kod|Grzegorz czeka ☺",
    "twilio": '{"direction":"inbound","from":"447700900789","body":"Grzegorz czeka ☺',
    "clicksend": '{"timestamp":1795168803,"from":"447700900789","body":"Grzegorz czeka ☺',
}
END = {
    "bulletin": "z" * 300,
    "bulksms": "z" * 300 + '"}',
    "bulksms_eapi": "z" * 300,
    "twilio": "z" * 300 + '"}',
    "clicksend": "z" * 300 + '"}',
}
SHAPES = {
    "bulletin": "aaa=%99999999999999&aaa=999999&aaaa=aaaaaaaa%99aaaaa%99%99%99 �",
    "bulksms": '{"aaaa":"aaaaaaaa","aaaa":"999999999999","aaaa":"aaaaaaaa aaaaa \\a9999',
    "bulksms_eapi": "99|999999999999|aa aaaa|aaa|aaaaaaaa aaaaa �",
    "twilio": '{"aaaaaaaaa":"aaaaaaa","aaaa":"999999999999","aaaa":"aaaaaaaa aaaaa \\a9999',
    "clicksend": '{"aaaaaaaaa":9999999999,"aaaa":"999999999999","aaaa":"aaaaaaaa aaaaa \\a9999',
}

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)

type Get = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
def account(emulator: Emulator, provider: str) -> Account:
    """Return an account whose user name stands nowhere else."""
    return emulator.add_account(provider, USERNAME, PASSWORD)


@pytest.fixture
async def get(hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> Get:
    """Return how the file is downloaded that people attach to their reports."""
    assert await async_setup_component(hass, "diagnostics", {})
    for component in ("repairs", "webhook"):  # which register pages, as some entities need them
        assert await async_setup_component(hass, component, {})
    client = await hass_client()

    async def download() -> dict[str, Any]:
        answer = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
        assert answer.status == 200
        content: dict[str, Any] = await answer.json()
        return content

    return download


async def everything_happens(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock
) -> None:
    """Receive 50 messages and a record that can't be understood, and fail once."""
    await set_up(hass, entry)
    for number in range(50):
        if number == 48 and account.protocol.binary:
            account.send(encoding="binary", data=b"\x00Grzegorz", sender=SENDERS[0], recipient=RECIPIENT)
            continue
        account.send(
            TEXTS[number % len(TEXTS)],
            sender=SENDERS[number // 2 % len(SENDERS)],
            recipient=RECIPIENT,
            in_reply_to="3141592653" if number % 2 else None,
            received_at=HOUR + timedelta(minutes=number),
        )
    account.send_raw((UNREADABLE[account.provider] + END[account.provider]).encode())
    await clock.advance(31)
    await clock.advance(31)
    emulator.fault(account.provider, "server_error", status=502)
    await clock.advance(31)


def private() -> set[str]:
    """Return what must not be told: names, secrets, texts and their words, numbers as people write them."""
    words = re.findall(r"[^\W\d_]{5,}|[\d.]{7,}|☺|🎉", "\n".join(TEXTS))
    numbers = [re.sub(r"\D", "", each) for each in (*SENDERS, RECIPIENT, "447700900789")]
    long = [number for number in numbers if len(number) > 5]
    national = [number[2:] for number in long]
    return {USERNAME, PASSWORD, "MYBANK", "Kowalski", "czeka", "3141592653", *TEXTS, *words, *long, *national}


async def test_nothing_private(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock, get: Get
) -> None:
    """The whole file has no secret, no name, no text, no word of one and no number, and not the server's address."""
    await everything_happens(hass, entry, account, emulator, clock)
    told = await get()
    assert told["data"]["counts"]["delivered"] == 50
    everything = json.dumps(told, ensure_ascii=False).casefold()
    assert {word for word in private() if word.casefold() in everything} == set()
    assert str(emulator.port) not in json.dumps(told["data"]["account"])
    assert "127.0.0.1" not in everything


async def test_what_a_fault_is_found_by(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock, get: Get
) -> None:
    """All that a developer asks a stranger for."""
    await everything_happens(hass, entry, account, emulator, clock)
    data = (await get())["data"]
    provider = PROVIDERS[account.provider]
    assert data.keys() == {
        *("version", "country", "account", "entities", "polling", "webhook", "store", "inbox"),
        *("counts", "messages", "unreadable"),
    }
    assert data["version"] == json.loads(Path("custom_components/sms_inbox/manifest.json").read_text())["version"]
    assert data["country"] == hass.config.country
    assert data["account"] == {
        "provider": account.provider,
        "server": {"official": False, "scheme": "http"},
        "time_zone": account.time_zone if provider.local_time else None,
        "deliver_existing": False,
        "delete_stored": None,
        "api_key": False,
        "allow_http": False,
        "verify_ssl": True,
        "options": {},
        "contacts": 0,
        "state": "loaded",
        "disabled": False,
        "polling_disabled": False,
        "error": None,
    }
    assert data["entities"] == {
        "check_now": None,
        "message": "integration",
        "last_message": None,
        "last_received": "integration",
        "last_sender": "integration",
        "messages_received": "integration",
    }
    assert data["polling"]["interval"] == provider.interval.total_seconds()
    assert data["polling"]["last_succeeded"] is False
    lists_by_time = data["inbox"]["cursor"].keys() == {"since"}  # and so shows what is known again
    shown = [poll["messages"] for poll in data["polling"]["polls"] if poll["messages"]]
    assert (shown[0] if lists_by_time else sum(shown)) == 50
    assert data["polling"]["polls"][-1] == {
        "started": ANY,
        "seconds": ANY,
        "pages": 0,
        "messages": 0,
        "new": 0,
        "error": "TemporaryError: HTTP status 502",
    }
    assert data["store"] == {
        "set_aside": False,
        "lost": False,
        "error": None,
        "schema": VERSION,
        "sqlite": ANY,
        "bytes": ANY,
        "log_bytes": ANY,
    }
    assert data["counts"] == {
        "pending": 0,
        "claimed": 0,
        "delivered": 50,
        "existing": 0,
        "with_text": 50,
        "quarantined": 1,
    }
    [unreadable] = data["unreadable"]
    assert unreadable["bytes"] > 300
    assert unreadable["shape"] == SHAPES[account.provider].ljust(200, "a")


async def test_shape_of_messages(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, clock: Clock, get: Get
) -> None:
    """Of the last five messages it is told what they look like."""
    await set_up(hass, entry)
    for number in range(6):
        account.send(
            "x" * number,
            sender=SENDERS[number],
            recipient=RECIPIENT,
            in_reply_to="8" if number == 5 else None,
            received_at=HOUR + timedelta(minutes=number),
        )
    await clock.advance(31)
    messages = (await get())["data"]["messages"]
    assert [message["characters"] for message in messages] == [5, 4, 3, 2, 1]
    assert [message["sender"] for message in messages] == [
        "99999",
        "aaaaaaaa",
        "aaaaaa",
        "999999999999",
        "+99999999999",
    ]
    assert messages[0] == {
        "message_id": ANY,
        "sender": "99999",
        "recipient": None if account.provider == "bulletin" else "+99999999999",
        "characters": 5,
        "data_bytes": None,
        "encoding": "text",
        "received_at": (HOUR + timedelta(minutes=5)).isoformat(),
        "stored_at": ANY,
        "is_reply": account.protocol.replies,
        "redelivered": False,
    }
    assert not re.search(r"[b-zB-Z]|[0-8]", messages[0]["message_id"])


async def test_state_of_the_inbox(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, clock: Clock, get: Get
) -> None:
    """Where the account stands, also before its first poll and after a message."""
    await set_up(hass, entry)
    sent = account.send("Hello", received_at=HOUR)
    await clock.advance(31)
    assert (await get())["data"]["inbox"] == {
        "first_run": False,
        "in_use": True,
        "cursor": {
            "bulletin": {},
            "bulksms": {"since": HOUR.isoformat()},
            "bulksms_eapi": {"last_retrieved_id": sent.message_id.isdigit() and int(sent.message_id)},
            "twilio": {"since": HOUR.isoformat()},
            "clicksend": {"since": HOUR.isoformat()},
        }[account.provider],
        "added_at": ANY,
        "loss_since": None,
        "loss_in_doubt": False,
        "doubt_since": None,
        "outage_since": None,
        "first_webhook_at": None,
        "last_webhook_at": None,
        "last_received_at": HOUR.isoformat(),
    }


async def test_what_a_person_changed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    get: Get,
    entity_registry: er.EntityRegistry,
) -> None:
    """Options, what is disabled, and the official server are told; other options that may come are not."""
    await set_up(hass, entry)
    entity_id = entity_registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_last_sender")
    assert entity_id
    entity_registry.async_update_entity(entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(
        entry,
        data={**entry.data, "url": f"{PROVIDERS[account.provider].default_url}/", "token": "s3cret"},
        options={"store_texts": False, "retention_days": 7, "friend": "Grzegorz"},
        pref_disable_polling=True,
    )
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    data = (await get())["data"]
    assert data["account"]["server"] == {"official": True, "scheme": "https"}
    assert data["account"]["options"] == {"store_texts": False, "retention_days": 7}
    assert data["account"]["disabled"]
    assert data["account"]["polling_disabled"]
    assert data["entities"]["last_sender"] == "user"
    assert not {"s3cret", "Grzegorz"} & set(re.findall(r"\w+", json.dumps(data)))


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_contacts(hass: HomeAssistant, entry: MockConfigEntry, account: Account, clock: Clock, get: Get) -> None:
    """It is told how many there are, and nothing of them: no name, no number, no sender, no entity."""
    for number, name in (("+447700900123", "Grzegorz"), ("+447700900124", "Mulberry")):
        await add_contact(hass, entry, name, number, sender="Kowalski")
    await set_up(hass, entry)
    account.send("Hello", sender="+447700900123")
    await clock.advance(31)
    told = await get()
    assert told["data"]["account"]["contacts"] == 2
    everything = json.dumps(told).casefold()
    assert [word for word in ("grzegorz", "mulberry", "kowalski", "7700900") if word in everything] == []
    assert [key for key in entry.subentries if key.casefold() in everything] == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_account_that_can_not_be_set_up(hass: HomeAssistant, entry: MockConfigEntry, get: Get) -> None:
    """The file says why, and what is stored of it."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": "http://8.8.8.8"})
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    data = (await get())["data"]
    assert data["account"]["state"] == "setup_error"
    assert data["account"]["error"] == "insecure_url: plain http is only for a server in the local network"
    assert data["polling"] is None
    assert data["inbox"]["first_run"] is False


async def test_account_that_was_never_read(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, account: Account, get: Get
) -> None:
    """The file says since when and why."""
    emulator.fault(account.provider, "server_error", count=None)
    await set_up(hass, entry)
    data = (await get())["data"]
    assert data["account"]["state"] == "loaded"
    assert [poll["error"] for poll in data["polling"]["polls"]] == ["TemporaryError: HTTP status 500"]
    assert data["inbox"]["first_run"] is True
    assert data["inbox"]["outage_since"]


@pytest.mark.parametrize("provider", ["voipms"], indirect=True)
async def test_vendors_own_word(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, get: Get
) -> None:
    """What the vendor itself says is wrong finds most faults."""
    emulator.fault(account.provider, "vendor_error", word="ip_not_enabled", count=None)
    await set_up(hass, entry)
    [poll] = (await get())["data"]["polling"]["polls"]
    assert poll["error"] == "ConfigurationError: status ip_not_enabled"


async def test_store_that_can_not_be_read(hass: HomeAssistant, entry: MockConfigEntry, get: Get) -> None:
    """The rest is told all the same, and the reason without the folder's name."""
    Path(hass.config.path(".storage")).write_bytes(b"")
    await hass.config_entries.async_setup(entry.entry_id)
    told = await get()
    assert told["data"]["account"]["state"] == "setup_retry"
    assert told["data"]["account"]["error"] == "store_failed: FileExistsError: File exists"
    assert told["data"]["store"]["error"] == "FileExistsError: File exists"
    assert hass.config.config_dir not in json.dumps(told)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", "RateLimitedError: HTTP status 429"),
        ("cut", "TemporaryError: no answer: ClientPayloadError"),
        ("oversized", f"ProtocolError: the answer is larger than {MAXIMUM_BODY} bytes"),
    ],
)
async def test_errors_are_told(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    clock: Clock,
    get: Get,
    fault: str,
    error: str,
) -> None:
    """The kind of an error and its reason."""
    await set_up(hass, entry)
    account.send("Hello")
    emulator.fault(account.provider, fault)
    await clock.advance(31)
    assert (await get())["data"]["polling"]["polls"][-1]["error"] == error


async def test_other_accounts_are_not_told(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock, get: Get
) -> None:
    """What is written down of one account is not in the file of another."""
    other = emulator.add_account(account.provider, "other", PASSWORD)
    second = make_entry(emulator, other)
    second.add_to_hass(hass)
    await set_up(hass, entry)
    other.send("Hello")
    await clock.advance(31)
    data = (await get())["data"]
    assert data["counts"]["delivered"] == 0
    assert data["messages"] == []
