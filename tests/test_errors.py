"""What happens on each error, of each provider and of the store: the same at start-up as at any other time.

Everything is tried again for ever, the account stays loaded, and a person is notified when only a person can help.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import pairwise
import logging
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.diagnostics import async_get_config_entry_diagnostics
from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from emulator import Account, Emulator
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Clock, broken_store, logged, set_up, settle, texts

LONGEST_PAUSE = 300.0
STEP = 60.0
HOUR = 3600.0
WEBHOOK_ID = "5ecre7" * 8
CONSUMES = [key for key in POLLED if PROVIDERS[key].consumes]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An error as the emulator makes it.

    Attributes:
        fault: The emulator's fault.
        key: Translation key of what a person reads.
        reason: What its text says of the reason; by provider where each has a word of its own.
        options: Options of the fault; by provider where each has a word of its own.
    """

    fault: str
    key: str
    reason: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def retry_after(self) -> float:
        """The seconds that the provider asks us to wait."""
        return float(self.options.get("retry_after") or 0)

    def begin(self, emulator: Emulator, provider: str) -> None:
        """Let each answer go wrong from now on."""
        emulator.fault(provider, self.fault, count=None, **self.options)


TROUBLES = {
    "credentials": Trouble(fault="unauthorized", key="invalid_auth"),
    "403": Trouble(fault="server_error", options={"status": 403}, key="invalid_configuration", reason="403"),
    "404": Trouble(fault="server_error", options={"status": 404}, key="invalid_configuration", reason="404"),
    "redirect elsewhere": Trouble(
        fault="redirect",
        options={"location": "https://elsewhere.example/"},
        key="invalid_configuration",
        reason="redirects to another one",
    ),
    "broken Location": Trouble(
        fault="redirect", options={"location": "http://["}, key="invalid_configuration", reason="invalid address"
    ),
    "dropped": Trouble(fault="dropped", key="cannot_connect", reason="no answer"),
    "500": Trouble(fault="server_error", options={"status": 500}, key="cannot_connect", reason="500"),
    "503 with Retry-After": Trouble(
        fault="server_error", options={"status": 503, "retry_after": 400}, key="cannot_connect", reason="503"
    ),
    "web page": Trouble(fault="html", key="unexpected_answer"),
    "too large": Trouble(fault="oversized", key="unexpected_answer", reason="larger than"),
    "bad JSON": Trouble(fault="bad_json", key="unexpected_answer"),
    "garbage": Trouble(fault="garbage", key="unexpected_answer"),
    "rate limit": Trouble(fault="rate_limited", key="rate_limited", reason="429"),
    "rate limit with Retry-After": Trouble(
        fault="rate_limited", options={"retry_after": 400}, key="rate_limited", reason="429"
    ),
}
WORDS = {
    ("voipms", "ip_not_enabled", "invalid_configuration"),
    ("voipms", "api_not_enabled", "invalid_configuration"),
    ("voipms", "invalid_credentials", "invalid_auth"),
    ("voipms", "limit_reached", "rate_limited"),
    ("voipms", "method_maintenance", "cannot_connect"),
    ("bulksms", "forbidden", "invalid_configuration"),
    ("bulksms_eapi", "23", "invalid_auth"),
    ("bulksms_eapi", "24", "invalid_configuration"),
    ("bulksms_eapi", "40", "cannot_connect"),
    ("twilio", "20003", "invalid_auth"),
    ("twilio", "20403", "invalid_configuration"),
    ("twilio", "20429", "rate_limited"),
    ("clicksend", "FORBIDDEN", "invalid_configuration"),
}
CASES = [
    *(
        pytest.param(provider, trouble, id=f"{provider}-{name}")
        for provider in POLLED
        for name, trouble in TROUBLES.items()
        # Where a read consumes, nonsense may have been a message: it is quarantined, which is no error.
        if provider not in CONSUMES or name not in ("bad JSON", "garbage")
        # Pages of what stands before its server pass: an outage.
        if (provider, name) != ("voipms", "web page")
    ),
    pytest.param("voipms", Trouble(fault="html", key="cannot_connect"), id="voipms-web page"),
    *(
        pytest.param(
            provider,
            Trouble(fault="vendor_error", options={"word": word}, key=key, reason=word),
            id=f"{provider}-{word}",
        )
        for provider, word, key in sorted(WORDS)
    ),
]


class Person:
    """What a person sees of an account, and how time passes."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, clock: Clock) -> None:
        """Begin to look."""
        self._hass, self._entry, self._emulator, self._clock = hass, entry, emulator, clock

    def issue(self, key: str) -> ir.IssueEntry | None:
        """Return a repair issue of the account."""
        return ir.async_get(self._hass).async_get_issue(DOMAIN, f"{key}_{self._entry.entry_id}")

    @property
    def is_asked_for_login(self) -> bool:
        """Whether the person is asked to log in again."""
        return bool(list(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH})))

    @property
    def is_told_nothing(self) -> bool:
        """Whether there is nothing for the person to do."""
        return not (self.is_asked_for_login or self.issue("refused") or self.issue("outage"))

    @property
    def is_available(self) -> bool:
        """Whether the account's sensors are; the account is loaded in any case."""
        assert self._entry.state is ConfigEntryState.LOADED
        states = {self._hass.states.get(sensor).state for sensor in self._hass.states.async_entity_ids("sensor")}
        assert states == {"unavailable"} or "unavailable" not in states
        return states != {"unavailable"}

    async def last_poll(self) -> dict[str, Any]:
        """Return what the diagnostics say of the last poll."""
        diagnostics = await async_get_config_entry_diagnostics(self._hass, self._entry)
        last: dict[str, Any] = diagnostics["polling"]["polls"][-1]
        return last

    async def live(self, seconds: float, step: float = 10.0) -> list[float]:
        """Let time pass; return when the provider was asked."""
        tries: list[float] = []
        until = self._clock.offset + seconds
        while self._clock.offset < until:
            before = len(self._emulator.requests)
            await self._clock.advance(step, step)
            if len(self._emulator.requests) > before:
                tries.append(self._clock.offset)
        return tries

    async def live_until_asked(self, step: float = 10.0) -> float:
        """Let time pass until the provider is asked; return the seconds."""
        seconds = 0.0
        while not await self.live(step, step):
            seconds += step
            assert seconds < HOUR
        return seconds + step


@pytest.fixture
def person(hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, days: Clock) -> Person:
    """Return who looks at the account."""
    return Person(hass, entry, emulator, days)


async def endure(
    person: Person, entry: MockConfigEntry, emulator: Emulator, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """See what comes of an error whose first failing poll has just been, and that it ends with its cause."""
    error = entry.runtime_data.last_exception
    assert (error.translation_key, error.translation_domain) == (trouble.key, DOMAIN)
    assert error.translation_placeholders["account"] == entry.title
    reason = error.translation_placeholders["error"]
    assert reason
    assert trouble.reason in reason
    last = await person.last_poll()
    since = dt_util.as_local(datetime.fromisoformat(last["started"]))
    assert last["error"].endswith(reason)
    assert reason in caplog.text
    assert not person.is_available
    assert person.is_told_nothing
    pause = await person.live_until_asked()
    assert max(15, trouble.retry_after) <= pause <= max(30, trouble.retry_after) + 20
    assert person.is_asked_for_login is (trouble.key == "invalid_auth")
    assert not person.issue("refused")
    if not trouble.retry_after:
        pause = await person.live_until_asked()
        assert pause <= LONGEST_PAUSE + 20
        assert pause >= (LONGEST_PAUSE if trouble.key == "invalid_auth" else 30) - 10
        refused = person.issue("refused")
        assert bool(refused) is (trouble.key == "invalid_configuration")
        if refused:
            hint = error.__cause__.hint
            assert (refused.translation_key, refused.is_fixable) == (f"refused_{hint}" if hint else "refused", False)
            assert refused.translation_placeholders == {
                **error.__cause__.placeholders,
                "account": entry.title,
                "account_url": refused.translation_placeholders["account_url"],
                "since": f"{since:%Y-%m-%d %H:%M}",
                "error": reason,
            }
    assert not person.issue("outage")
    emulator.clear_faults()
    await person.live_until_asked()
    assert person.is_available
    assert person.is_told_nothing
    assert (await person.last_poll())["error"] is None


@pytest.mark.parametrize(("provider", "trouble"), CASES, indirect=["provider"])
async def test_each_error(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    person: Person,
    received: list[Event],
    caplog: pytest.LogCaptureFixture,
    trouble: Trouble,
) -> None:
    """At start-up as at any other time: tried again, the right person is notified in time, and no message is lost."""
    caplog.set_level(logging.DEBUG, "custom_components.sms_inbox")
    trouble.begin(emulator, account.provider)
    await set_up(hass, entry)
    await endure(person, entry, emulator, trouble, caplog)
    caplog.clear()
    account.send("Waits")
    trouble.begin(emulator, account.provider)
    await person.live_until_asked()
    await endure(person, entry, emulator, trouble, caplog)
    await person.live(60)
    assert texts(received) == ["Waits"]
    assert "Waits" not in logged(caplog)


@pytest.mark.parametrize("provider", ["bulletin", "voipms"], indirect=True)
@pytest.mark.parametrize("name", ["credentials", "403", "500"])
async def test_half_a_day(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    person: Person,
    received: list[Event],
    name: str,
) -> None:
    """It goes on for ever, with a reload and a restart in between, and a success settles everything."""
    trouble, since = TROUBLES[name], f"{dt_util.now():%Y-%m-%d %H:%M}"
    trouble.begin(emulator, account.provider)
    await set_up(hass, entry)
    tries = await person.live(2 * HOUR, STEP)
    await hass.config_entries.async_reload(entry.entry_id)
    tries += await person.live(2 * HOUR, STEP)
    # Issues that are not persistent are gone after a restart.
    await hass.config_entries.async_unload(entry.entry_id)
    for key in "outage", "refused":
        ir.async_delete_issue(hass, DOMAIN, f"{key}_{entry.entry_id}")
    await set_up(hass, entry)
    tries += await person.live(1.5 * HOUR, STEP)
    assert not person.issue("outage")
    assert person.is_asked_for_login is (name == "credentials")
    assert bool(person.issue("refused")) is (name == "403")
    tries += await person.live(HOUR, STEP)
    outage = person.issue("outage")
    assert bool(outage) is (name == "500")
    if outage:
        assert (outage.translation_key, outage.is_fixable) == ("outage", False)
        shown = outage.translation_placeholders
        assert shown == {**shown, "account": entry.title, "since": since, "error": "HTTP status 500"}
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert max(pauses) <= LONGEST_PAUSE + 2 * STEP
    assert sorted(pauses)[len(pauses) // 2] >= LONGEST_PAUSE / 2
    account.send("Waits")
    emulator.clear_faults()
    await person.live(2 * LONGEST_PAUSE, STEP)
    assert person.is_available
    assert person.is_told_nothing
    assert texts(received) == ["Waits"]
    # What comes next is counted from its own beginning.
    Trouble(fault="dropped", key="cannot_connect").begin(emulator, account.provider)
    await hass.config_entries.async_reload(entry.entry_id)
    await person.live(HOUR, STEP)
    assert person.is_told_nothing


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_outage_that_is_over_six_hours_old_at_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, person: Person, days: Clock
) -> None:
    """Of an outage that goes on the person is notified by the first poll after a restart."""
    TROUBLES["500"].begin(emulator, account.provider)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    days.offset += 7 * HOUR
    await set_up(hass, entry)
    assert person.issue("outage")


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_refusals_that_take_turns(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, person: Person
) -> None:
    """Where there are never enough of one kind in a row, the person is notified after hours."""
    await set_up(hass, entry)
    for number in range(300):
        emulator.fault(account.provider, "unauthorized")
        emulator.fault(account.provider, "server_error", status=403 + number % 2)
    await person.live(5.5 * HOUR, STEP)
    assert person.is_told_nothing
    await person.live(HOUR, STEP)
    assert person.issue("outage")
    assert not person.issue("refused")
    emulator.clear_faults()
    await person.live(2 * LONGEST_PAUSE, STEP)
    assert person.is_told_nothing


@pytest.mark.parametrize("provider", ["bulksms", "smsgate"], indirect=True)
async def test_server_that_is_switched_off(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    person: Person,
    received: list[Event],
) -> None:
    """Nobody answers at start-up; when the server is there, all is well."""
    port = emulator.port
    await emulator.stop()
    await set_up(hass, entry)
    assert not person.is_available
    assert (await person.last_poll())["error"] == "TemporaryError: no answer: ClientConnectorError"
    account.send("Waits")
    await emulator.start(port=port)
    await person.live(60)
    assert person.is_available
    assert texts(received) == ["Waits"]


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_refusal_is_shown_with_its_last_reason(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, person: Person
) -> None:
    """The vendor's own word is in the issue, and changes with it."""
    await set_up(hass, entry)
    for word in "forbidden", "not-found":
        emulator.clear_faults()
        emulator.fault("bulksms", "vendor_error", word=word, count=None)
        await person.live(3 * LONGEST_PAUSE)
        issue = person.issue("refused")
        assert issue
        assert issue.translation_placeholders["error"].endswith(f", {word}")


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_disabled_account_asks_for_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, person: Person
) -> None:
    """Whoever disables an account knows that nothing comes from it."""
    TROUBLES["403"].begin(emulator, "bulksms")
    await set_up(hass, entry)
    await person.live(3 * LONGEST_PAUSE)
    assert person.issue("refused")
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert person.is_told_nothing


@pytest.fixture
def is_told(issue_registry: ir.IssueRegistry) -> Callable[[], bool]:
    """Return whether the person sees that the store fails."""
    return lambda: issue_registry.async_get_issue(DOMAIN, "store_failed") is not None


class TestStore:
    """A store that can't be read or written."""

    async def test_page_that_can_not_be_stored(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        person: Person,
        received: list[Event],
        is_told: Callable[[], bool],
        issue_registry: ir.IssueRegistry,
    ) -> None:
        """It is kept, and nothing more is taken from the provider until it is stored."""
        await set_up(hass, entry)
        account.send("Waits")
        with broken_store("receive") as tries:
            await person.live_until_asked()
            assert is_told()
            issue = issue_registry.async_get_issue(DOMAIN, "store_failed")
            assert issue
            assert issue.translation_placeholders == {"error": "disk full"}
            assert not person.is_available
            assert entry.runtime_data.last_exception.translation_key == "store_failed"
            assert (await person.last_poll())["error"] == "StoreError: disk full"
            assert await person.live(600, 1) == []
            # From 1 s to 1 min, in ten minutes.
            assert 12 <= len(tries) <= 30
        await person.live(62, 1)
        assert texts(received) == ["Waits"]
        assert not is_told()
        assert person.is_available
        assert person.is_told_nothing

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_account_that_can_not_be_loaded(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        person: Person,
        received: list[Event],
        is_told: Callable[[], bool],
    ) -> None:
        """Without what is stored nothing can be set up; it is tried again for ever, at least once a minute."""
        with broken_store("begin") as tries:
            assert not await hass.config_entries.async_setup(entry.entry_id)
            assert is_told()
            assert "disk full" in entry.reason
            await person.live(1.5, 0.5)
            assert len(tries) == 2
            await person.live(600, 5)
            assert 12 <= len(tries) <= 60  # Home Assistant tries, too
            assert entry.state is ConfigEntryState.SETUP_RETRY
            assert is_told()
        account.send("Waits")
        await person.live(66, 6)
        assert person.is_available
        assert texts(received) == ["Waits"]
        assert not is_told()

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_file_that_is_in_the_way(
        self, hass: HomeAssistant, entry: MockConfigEntry, person: Person, is_told: Callable[[], bool]
    ) -> None:
        """The same with a real file system."""
        obstacle = Path(hass.config.path(".storage", "sms_inbox.db"))
        obstacle.mkdir(parents=True)
        assert not await hass.config_entries.async_setup(entry.entry_id)
        assert is_told()
        obstacle.rmdir()
        await person.live(10, 1)
        assert person.is_available
        assert not is_told()

    @pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
    async def test_mark_that_can_not_be_stored(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        person: Person,
        received: list[Event],
        is_told: Callable[[], bool],
    ) -> None:
        """What was fired is marked delivered as soon as that is possible, and not fired again."""
        await set_up(hass, entry)
        account.send("Once")
        with broken_store("mark_delivered", "claim") as tries:
            await person.live_until_asked()
            assert texts(received) == ["Once"]
            await person.live(1, 1)  # no page comes that could carry the mark
            assert is_told()
            await person.live(600, 1)
            assert 12 <= len(tries) <= 30
        await person.live(62, 1)
        assert not is_told()
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        assert [(event.data["text"], event.data["redelivered"]) for event in received] == [("Once", False)]


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the network."""
    assert await async_setup_component(hass, "webhook", {})
    hass.config.internal_url = "http://192.168.1.2:8123"
    # As Home Assistant does itself: a URL may become known after the start.
    hass.http.app.router.freeze = lambda: None  # type: ignore[method-assign]
    return await hass_client_no_auth()


class TestStoreOfWebhooks:
    """The same for an account that is never polled."""

    @pytest.fixture
    def entry(self, hass: HomeAssistant) -> MockConfigEntry:
        """Return the config entry of any app or service."""
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Webhook Gate",
            unique_id="webhook_gate",
            data={"provider": "webhook", "username": "Gate"},
            options={"webhook_id": WEBHOOK_ID},
        )
        entry.add_to_hass(hass)
        return entry

    @pytest.fixture
    def send(self, hass: HomeAssistant, client: TestClient[Any, Any]) -> Callable[[str], Awaitable[int]]:
        """Return how a message is sent; the answer is an HTTP status."""

        async def send(text: str) -> int:
            message = {"from": "+447700900123", "text": text, "timestamp": dt_util.utcnow().isoformat()}
            response = await client.post(f"/api/{DOMAIN}/{WEBHOOK_ID}", json=message)
            await settle(hass)
            return response.status

        return send

    async def test_request_that_can_not_be_stored(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        days: Clock,
        received: list[Event],
        send: Callable[[str], Awaitable[int]],
        is_told: Callable[[], bool],
    ) -> None:
        """It is not accepted, and the person is notified until the store works again, whether another comes or not."""
        await set_up(hass, entry)
        with broken_store() as tries:
            assert await send("Lost") == HTTPStatus.INTERNAL_SERVER_ERROR
            assert is_told()
            assert entry.state is ConfigEntryState.LOADED
            await days.advance(600, 1)
            assert 10 <= tries.count("claim") <= 30
            assert is_told()
        await days.advance(62, 1)
        assert not is_told()
        assert received == []
        assert await send("Repeated") == HTTPStatus.OK
        assert texts(received) == ["Repeated"]

    @pytest.mark.parametrize("name", ["begin", "claim"])
    async def test_store_that_fails_at_the_start(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        days: Clock,
        received: list[Event],
        send: Callable[[str], Awaitable[int]],
        is_told: Callable[[], bool],
        name: str,
    ) -> None:
        """What waits in the store is delivered when it works again; no request is accepted in vain meanwhile."""
        await set_up(hass, entry)
        hass.set_state(CoreState.starting)
        assert await send("Stored") == HTTPStatus.OK
        assert received == []
        await hass.config_entries.async_unload(entry.entry_id)
        hass.set_state(CoreState.running)
        with broken_store(name) as tries:
            await hass.config_entries.async_setup(entry.entry_id)
            await settle(hass)
            assert is_told()
            await days.advance(600, 1)
            assert 10 <= len(tries) <= 60
            assert is_told()
            assert await send("Second") == (HTTPStatus.OK if name == "claim" else HTTPStatus.INTERNAL_SERVER_ERROR)
            assert received == []
        await days.advance(62, 1)
        assert not is_told()
        assert texts(received) == ["Stored", "Second"] if name == "claim" else ["Stored"]
        assert await send("Third") == HTTPStatus.OK
        assert texts(received)[-1] == "Third"
        assert not any(event.data["redelivered"] for event in received)


@pytest.mark.usefixtures("every_entity")
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_nothing_is_asked_before_home_assistant_has_started(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    person: Person,
    received: list[Event],
) -> None:
    """Setting up shows what is stored, whatever the provider would say, and asks it nothing."""
    await set_up(hass, entry)
    account.send("Shown")
    await person.live(60)
    await hass.config_entries.async_unload(entry.entry_id)
    account.send("Waits")
    emulator.fault("bulksms", "stall", seconds=60.0, count=None)
    asked = len(emulator.requests)
    hass.set_state(CoreState.not_running)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await person.live(600)
    assert person.is_available
    shown = {hass.states.get(sensor).state for sensor in hass.states.async_entity_ids("sensor")}
    assert {"Shown", "+447700900123"} <= shown
    assert hass.states.get(hass.states.async_entity_ids("event")[0]).attributes["text"] == "Shown"
    assert len(emulator.requests) == asked
    emulator.clear_faults()
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass)
    assert texts(received) == ["Shown", "Waits"]
