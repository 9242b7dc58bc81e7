"""A vendor whose clock is not ours."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulator import Emulator
from emulator.registry import PROTOCOLS

from .conftest import PASSWORD, USERNAME, Client, Reply
from .test_faults import PATHS

AHEAD = timedelta(days=30)
CLOSE = timedelta(minutes=1)
"""How long a test takes at most."""
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def is_now(time: datetime, offset: timedelta = timedelta()) -> bool:
    """Whether a time is the present one on a clock with this offset."""
    return abs(datetime.now(UTC) + offset - time) < CLOSE


def date_of(reply: Reply) -> datetime:
    """The time that an answer says it was made at."""
    return parsedate_to_datetime(reply.headers["Date"])


async def rows(client: Client, provider: str, path: str) -> Any:
    """The JSON of an answer."""
    return json.loads((await client.get(provider, path)).body)


@pytest.fixture
def ahead(emulator: Emulator) -> Emulator:
    """An emulator of vendors whose clock is ahead of ours."""
    emulator.clock_offset = AHEAD
    return emulator


@pytest.mark.parametrize("provider", PROTOCOLS)
@pytest.mark.parametrize("offset", [timedelta(), AHEAD, -AHEAD])
async def test_answers(client: Client, emulator: Emulator, provider: str, offset: timedelta) -> None:
    """Each answer has the vendor's time, a refusal and a fault, too."""
    emulator.clock_offset = offset
    assert is_now(date_of(await client.get(provider, PATHS[provider])), offset)
    emulator.add_account(provider, USERNAME, PASSWORD).send("Hi")
    assert is_now(date_of(await client.get(provider, PATHS[provider])), offset)
    for kind in ("server_error", "oversized"):
        emulator.fault(provider, kind)
        assert is_now(date_of(await client.get(provider, PATHS[provider])), offset)


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_receipt(ahead: Emulator, provider: str) -> None:
    """A message is received by the vendor's clock unless a time is given, and sent by ours."""
    account = ahead.add_account(provider, USERNAME, PASSWORD)
    for message in (account.send("Hi"), account.send_raw(b"7")):
        assert is_now(message.received_at, AHEAD)
        assert is_now(message.sent_at)
    assert account.send("Hi", received_at=PAST).received_at == PAST


async def test_records(client: Client, ahead: Emulator) -> None:
    """What the emulator notes has our time, so that a test can compare it with its own."""
    message = ahead.add_account("bulksms", USERNAME, PASSWORD).send("Hi")
    await client.get("bulksms", "/messages")
    assert is_now(ahead.requests[0].time)
    assert is_now(ahead.book[0].time)
    assert message.fetched_at == ahead.book[0].time


async def test_bulksms(client: Client, ahead: Emulator) -> None:
    """Without a date the search looks back from the vendor's now."""
    account = ahead.add_account("bulksms", USERNAME, PASSWORD)
    account.send("ours", received_at=datetime.now(UTC))
    message = account.send("theirs")
    assert [row["id"] for row in await rows(client, "bulksms", "/messages")] == [message.message_id]


async def test_voipms(client: Client, ahead: Emulator) -> None:
    """Without a date it is the vendor's today."""
    account = ahead.add_account("voipms", USERNAME, PASSWORD)
    account.send("ours", received_at=datetime.now(UTC))
    message = account.send("theirs")
    assert [row["id"] for row in (await rows(client, "voipms", PATHS["voipms"]))["sms"]] == [message.message_id]


async def test_smsgate(client: Client, emulator: Emulator) -> None:
    """The inbox ends now by the phone's clock, and so does everything that the phone signs and shows."""
    account = emulator.add_account("smsgate", USERNAME, PASSWORD)
    emulator.clock_offset = -AHEAD
    account.send("ours", received_at=datetime.now(UTC))
    message = account.send("theirs", message_id="text:1")
    assert [row["id"] for row in await rows(client, "smsgate", "/inbox")] == ["text:1"]
    [device] = await rows(client, "smsgate", "/device")
    assert is_now(datetime.fromisoformat(device["lastSeen"]), -AHEAD)
    account.webhooks = [{"id": "w", "event": "sms:received", "url": "http://127.0.0.1:1", "source": "Local"}]
    [outgoing] = account.protocol.calls(message, account)
    assert is_now(datetime.fromtimestamp(int(outgoing.headers["X-Timestamp"]), UTC), -AHEAD)


async def test_bulletin(client: Client, ahead: Emulator) -> None:
    """The feed is as old as the vendor says."""
    ahead.add_account("bulletin", USERNAME, PASSWORD)
    feed = (await client.get("bulletin", "/api/2/sms/list")).text
    shown = feed.partition("<updated>")[2].partition("</updated>")[0]
    assert is_now(datetime.fromisoformat(shown), AHEAD)


async def test_clicksend(client: Client, ahead: Emulator) -> None:
    """A made-up message came now."""
    account = ahead.add_account("clicksend", USERNAME, PASSWORD)
    await client.ask("POST", ahead.url("clicksend") + "/sms/inbound", json={"url": "poll"})
    assert is_now(account.messages[0].received_at, AHEAD)


async def test_elks(client: Client, ahead: Emulator) -> None:
    """What was sent was delivered by the vendor's clock."""
    ahead.add_account("elks", USERNAME, PASSWORD).send("Hi", sent=True)
    [row] = (await rows(client, "elks", "/sms"))["data"]
    assert is_now(datetime.fromisoformat(row["delivered"]), AHEAD)


async def test_gammu(client: Client, ahead: Emulator) -> None:
    """The modem's local times are of the vendor's clock."""
    ahead.add_account("gammu", USERNAME, PASSWORD, time_zone="Africa/Johannesburg").send("Hi")
    [row] = await rows(client, "gammu", "/sms")
    assert is_now(datetime.fromisoformat(row["Date"]).replace(tzinfo=ZoneInfo("Africa/Johannesburg")), AHEAD)


def test_reset() -> None:
    """The clock is again as it was at the beginning."""
    emulator = Emulator(clock_offset=AHEAD)
    emulator.clock_offset = timedelta()
    emulator.reset()
    assert emulator.clock_offset == AHEAD
    assert is_now(emulator.now(), AHEAD)
