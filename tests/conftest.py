"""What the tests share: a Home Assistant with a folder of its own, and a provider to talk to."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
import logging
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.store import Store, StoreError
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

USERNAME, PASSWORD = "anna", "s3cret-pass"
COMPONENT = f"custom_components.{DOMAIN}"
WITH_THREADS = ("test_backup.py", "test_promise.py", "test_store.py")
DISCIPLINES = ("bulletin", "bulksms", "bulksms_eapi", "twilio", "clicksend")


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give each test a configuration folder of its own."""
    return hass_tmp_config_dir


def pytest_configure() -> None:
    """Remove the log from the error output: pytest shows it with a test that failed."""
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(request: pytest.FixtureRequest) -> None:
    """Leave the event loop's debug mode, which takes an eighth of the time, to tests in which threads take part."""
    asyncio.get_running_loop().set_debug(request.path.name in WITH_THREADS)


@pytest.fixture(autouse=True)
def loopback(socket_enabled: None) -> None:
    """Let tests talk to servers on this machine."""


@pytest.fixture(autouse=True)
def custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the component."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
async def emulator() -> AsyncGenerator[Emulator]:
    """Run the providers; a long poll without a message ends at once."""
    emulator = Emulator(hold=0.0)
    await emulator.start()
    yield emulator
    await emulator.stop()


@pytest.fixture
def received(hass: HomeAssistant) -> list[Event[Any]]:
    """Return the events of messages, as they come."""
    return async_capture_events(hass, "sms_received")


@pytest.fixture(params=DISCIPLINES)
def provider(request: pytest.FixtureRequest) -> str:
    """Run the test for a provider of each kind; what each single one must do is in `providers/test_contract.py`."""
    return str(request.param)


@pytest.fixture
def account(emulator: Emulator, provider: str) -> Account:
    """Return the account at the emulator."""
    return emulator.add_account(provider, USERNAME, PASSWORD)


def make_entry(emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return an account's config entry."""
    return MockConfigEntry(
        domain=DOMAIN,
        title=f"{account.provider} {account.username}",
        unique_id=f"{account.provider}_{account.username}",
        data={
            "provider": account.provider,
            "username": account.username,
            "password": account.password,
            "url": emulator.url(account.provider),
            "time_zone": account.time_zone,
            "deliver_existing": False,
        },
    )


@pytest.fixture
def every_entity() -> Iterator[None]:
    """Have all entities enabled, also those that a person would have to enable."""
    with patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default", new=True):
        yield


@pytest.fixture
def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return the account's config entry, not set up yet."""
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    return entry


async def add_contact(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, number: str, **data: str
) -> ConfigSubentry:
    """Add a contact to an account, as its dialog does."""
    content = MappingProxyType({"number": number, **data})
    contact = ConfigSubentry(data=content, subentry_type="contact", title=name, unique_id=number)
    hass.config_entries.async_add_subentry(entry, contact)
    await settle(hass)
    return contact


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set up an account, and wait for its first poll."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)


async def settle(hass: HomeAssistant) -> None:
    """Wait until nothing is under way."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def poll(hass: HomeAssistant, seconds: float = 60.0) -> None:
    """Let time pass until the next poll, and wait for it."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await settle(hass)


class Clock:
    """The event loop's clock, which tests move on; timers run as they would."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin at the present."""
        self._hass = hass
        self._time = hass.loop.time
        self.offset = 0.0
        hass.loop.time = lambda: self._time() + self.offset  # type: ignore[method-assign]

    async def advance(self, seconds: float, step: float = 10.0) -> None:
        """Let time pass, and wait for what happens then.

        In steps, so that what would happen first does: a client gives up an idle connection before its server.
        """
        await settle(self._hass)
        until = self.offset + seconds
        while self.offset < until:
            self.offset = min(self.offset + step, until)
            await asyncio.sleep(0)
            await settle(self._hass)


@pytest.fixture
def clock(hass: HomeAssistant) -> Clock:
    """Return the clock."""
    return Clock(hass)


@pytest.fixture
def days(clock: Clock) -> Iterator[Clock]:
    """Return the clock; the time of day goes with it."""
    utcnow = dt_util.utcnow
    with patch.object(dt_util, "utcnow", lambda: utcnow() + timedelta(seconds=clock.offset)):
        yield clock


def texts(events: list[Event[Any]]) -> list[str]:
    """Return the texts of messages."""
    return [event.data["text"] for event in events]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return the log without the debug messages of others: with `pytest -v` Home Assistant's core logs each event."""
    records = [each for each in caplog.records if each.levelno > logging.DEBUG or each.name.startswith(COMPONENT)]
    return "\n".join(caplog.handler.format(record) for record in records)


@contextmanager
def broken_store(*names: str, reason: str = "disk full") -> Iterator[list[str]]:
    """Let the store fail in the functions of these names, or in all; nothing of them reaches the disk.

    Yields the names of the functions that have failed, as they come.
    """
    write = Store.write
    failed: list[str] = []

    async def fail(store: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(work, "func", work).__name__
        if not names or name in names:
            failed.append(name)
            raise StoreError(reason)
        return await write(store, work, *args, **kwargs)

    with patch.object(Store, "write", fail):
        yield failed


class Repairs:
    """The dialogs of Settings, Repairs."""

    def __init__(self, client: TestClient) -> None:
        """Begin with nothing open."""
        self._client = client

    async def open(self, issue_id: str) -> dict[str, Any]:
        """Open an issue's dialog."""
        return await self._post("", {"handler": DOMAIN, "issue_id": issue_id})

    async def choose(self, dialog: dict[str, Any], option: str) -> dict[str, Any]:
        """Choose from the menu of a dialog."""
        assert dialog["type"] == "menu"
        assert option in dialog["menu_options"]
        return await self._post(f"/{dialog['flow_id']}", {"next_step_id": option})

    async def submit(self, dialog: dict[str, Any], **typed: str) -> dict[str, Any]:
        """Fill in the form of a dialog."""
        assert dialog["type"] == "form"
        return await self._post(f"/{dialog['flow_id']}", typed)

    async def _post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(f"/api/repairs/issues/fix{path}", json=data)
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


@pytest.fixture
async def repairs(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Repairs:
    """Return the dialogs."""
    assert await async_setup_component(hass, "repairs", {})
    assert await async_setup_component(hass, "webhook", {})
    return Repairs(await hass_client())
