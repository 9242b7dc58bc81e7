"""Where texts are not to be stored, they are gone seconds after delivery, and quiet polls write nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.sms_inbox.const import CONF_STORE_TEXTS, DOMAIN
from custom_components.sms_inbox.inbox import PRUNE_SECONDS
from custom_components.sms_inbox.model import Message, PushResult
from custom_components.sms_inbox.store import Store
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant
from homeassistant.util import dt as dt_util

from .conftest import make_entry, poll, set_up, settle, texts

SECRETS = [f"Gate code 471{number}" for number in range(5)]

type Deliver = Callable[[], Awaitable[None]]


@pytest.fixture(params=["bulksms", "bulksms_eapi", "bulletin", "webhook"])
def kind(request: pytest.FixtureRequest) -> str:
    """Run the test for a provider of each kind."""
    return str(request.param)


@pytest.fixture
def account(emulator: Emulator, kind: str) -> Account | None:
    """Return the account at the emulator; a sender of webhooks has none."""
    return None if kind == "webhook" else emulator.add_account(kind, "anna", "s3cret-pass")


@pytest.fixture
def entry(hass: HomeAssistant, emulator: Emulator, account: Account | None) -> MockConfigEntry:
    """Return the account's entry, which is not to store texts."""
    data: dict[str, Any] = {"provider": "webhook", "username": "Door", "url": ""}
    if account:
        data = dict(make_entry(emulator, account).data)
    entry = MockConfigEntry(domain=DOMAIN, title="Door", data=data, options={CONF_STORE_TEXTS: False})
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def deliver(hass: HomeAssistant, entry: MockConfigEntry, account: Account | None) -> Deliver:
    """Return what lets the messages come."""

    async def send() -> None:
        if account:
            for text in SECRETS:
                account.send(text)
            await poll(hass)
            return
        messages = tuple(_message(text) for text in SECRETS)
        await entry.runtime_data.inbox.async_receive_pushed(PushResult(messages=messages))
        await settle(hass)

    return send


def _message(text: str) -> Message:
    """Return a message as a webhook brings it."""
    return Message(
        message_id=f"id of {SECRETS.index(text)}",
        sender="+447700900123",
        recipient=None,
        text=text,
        encoding="text",
        data=None,
        received_at=None,
        in_reply_to=None,
        raw=text.encode(),
    )


def contents(hass: HomeAssistant) -> bytes:
    """Return the bytes of the store's file and its log."""
    paths = sorted(Path(hass.config.path(".storage")).glob("sms_inbox.db*"))
    return b"".join(path.read_bytes() for path in paths if path.suffix != ".db-shm")


async def seconds_later(hass: HomeAssistant) -> None:
    """Let the time pass after which texts are erased."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=PRUNE_SECONDS + 1))
    await settle(hass)


async def test_erased_seconds_after_delivery(
    hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], deliver: Deliver
) -> None:
    """All but the last one, which is shown, are in neither the file nor its log."""
    await set_up(hass, entry)
    await deliver()
    assert texts(received) == SECRETS
    await seconds_later(hass)
    found = await hass.async_add_executor_job(contents, hass)
    assert [text for text in SECRETS if text.encode() in found] == SECRETS[-1:]


async def test_quiet_polls_write_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, received: list[Event], deliver: Deliver
) -> None:
    """And look for nothing to erase."""
    await set_up(hass, entry)
    await deliver()
    await seconds_later(hass)
    await poll(hass)
    before = await hass.async_add_executor_job(contents, hass)
    write, names = Store.write, list[str]()

    async def counted(store: Store, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        names.append(getattr(work, "func", work).__name__)
        return await write(store, work, *args, **options)

    with patch.object(Store, "write", counted):
        for _ in range(5):
            await poll(hass)
    assert names == []
    assert await hass.async_add_executor_job(contents, hass) == before
    assert len(received) == len(SECRETS)
