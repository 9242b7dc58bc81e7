"""What was handed over and lost on its way is found again, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Message
from custom_components.sms_inbox.providers.bulletin import Bulletin
from custom_components.sms_inbox.recovery import Span, UnprovenError, missing
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant

from .conftest import broken_store, poll, set_up, texts

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def message(message_id: str, text: str = "Hello", minutes: float = 0, sender: str = "+447700900123") -> Message:
    """Return a message."""
    return Message(
        message_id=message_id,
        sender=sender,
        recipient=None,
        text=text,
        encoding="text",
        data=None,
        received_at=NOON + timedelta(minutes=minutes),
        in_reply_to=None,
        raw=b"",
    )


@pytest.mark.parametrize(
    ("shown", "known", "lost"),
    [
        pytest.param([message("1")], [message("1")], [], id="known by its id"),
        pytest.param([message("1"), message("2", "Bye", 1)], [message("1")], ["2"], id="lost"),
        pytest.param([message("1"), message("2")], [message("1")], ["2"], id="lost, with the text of one before"),
        pytest.param([message("x"), message("y")], [message("1")], ["y"], id="other ids, each known one is one shown"),
        pytest.param([message("x", minutes=9)], [message("1")], [], id="same text within ten minutes"),
        pytest.param([message("x"), message("y", minutes=11)], [message("1")], ["y"], id="same text later"),
        pytest.param([message("x", sender="447700900123")], [message("1")], [], id="number without its plus"),
        pytest.param([message("x", sender="00447700900123")], [message("1")], [], id="number with zeros"),
        pytest.param(
            [message("2", "Bye"), message("3", minutes=3)],
            [message("1"), message("2", "Bye")],
            ["3"],
            id="same text as one that is not shown any more",
        ),
        pytest.param(
            [message("1"), message("x", "Bye")],
            [message("1"), message("synthetic-y", "Bye")],
            [],
            id="known without an id of its own",
        ),
        pytest.param(
            [message("1"), message("x", sender="MYBANK")], [message("1")], ["x"], id="same text of somebody else"
        ),
        pytest.param([message("0", "Old", -1), message("1")], [message("1")], [], id="from before the last one known"),
        pytest.param(
            [message("1"), replace(message("2"), received_at=None)], [message("1")], [], id="nobody knows when"
        ),
    ],
)
def test_missing(shown: list[Message], known: list[Message], lost: list[str]) -> None:
    """Only what came since and is none of the known was lost."""
    span = Span(since=NOON, surely_until=NOON + timedelta(hours=1), probably_until=None)
    assert [each.message_id for each in missing(shown, known, span)] == lost


@pytest.mark.parametrize(
    ("shown", "lost"),
    [
        pytest.param([message("1"), message("2", "Bye", 1), message("3", "Soon", 3)], ["2"], id="ids tell"),
        pytest.param([message("x"), message("y", "Bye", 1), message("z", "Soon", 3)], [], id="ids don't tell"),
    ],
)
def test_missing_before_the_inbox_is_read_to_its_end(shown: list[Message], lost: list[str]) -> None:
    """What was received before the last message read is lost, but only where reading it later would be noticed."""
    span = Span(since=NOON, surely_until=None, probably_until=NOON + timedelta(minutes=2))
    assert [each.message_id for each in missing(shown, [message("1")], span)] == lost


@pytest.mark.parametrize("known", [[], [message("1")]])
def test_unproven(known: list[Message]) -> None:
    """Where nothing known is found, what is shown may mean anything."""
    with pytest.raises(UnprovenError):
        missing([message("2", "Bye")], known, Span(since=NOON, surely_until=NOON, probably_until=NOON))


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
class TestBulletin:
    """Bulletin's answers can be lost; its message feed shows them once more."""

    @pytest.fixture(autouse=True)
    async def known_message(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> AsyncGenerator[None]:
        """Set up the account, and let one message arrive as it should, some minutes ago."""
        with patch("custom_components.sms_inbox.recovery.SETTLING_SECONDS", 0.0):
            await set_up(hass, entry)
            account.send("Known", received_at=datetime.now(UTC) - timedelta(minutes=5))
            await poll(hass)
            received.clear()
            yield

    async def lose(self, account: Account, text: str) -> None:
        """Let a message be handed over to nobody."""
        account.send(text, received_at=datetime.now(UTC) - timedelta(minutes=2))
        account.take_unread()

    async def crash(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """End the account without a word."""
        with broken_store("end"):
            await hass.config_entries.async_unload(entry.entry_id)

    async def test_answer_that_breaks_off(
        self, hass: HomeAssistant, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """The message that was in it arrives with the next poll, and was never fired before."""
        emulator.fault("bulletin", "cut")
        account.send("Cut in half", received_at=datetime.now(UTC) - timedelta(minutes=2))
        await poll(hass, 120)
        assert texts(received) == []
        await poll(hass, 240)
        await poll(hass, 360)
        assert [(event.data["text"], event.data["redelivered"]) for event in received] == [("Cut in half", False)]
        assert received[0].data["message_id"] == account.messages[-1].message_id
        assert received[0].data["sender"] == "+447700900123"

    async def test_crash(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> None:
        """What was under way at a crash is found at the next start; what came since is read plainly."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        account.send("Later")
        await set_up(hass, entry)
        await poll(hass)
        assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
            ("Later", False),
            ("Lost", False),
        ]

    async def test_text_like_one_before(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> None:
        """Two equal messages are two."""
        await self.crash(hass, entry)
        await self.lose(account, "Known")
        await set_up(hass, entry)
        assert texts(received) == ["Known"]

    async def test_end_in_order(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """Nothing can have been lost, so nothing is looked for: what was read elsewhere stays read."""
        await hass.config_entries.async_unload(entry.entry_id)
        await self.lose(account, "Read on the web site")
        await set_up(hass, entry)
        assert received == []
        assert not any("list" in request.url for request in emulator.requests)

    async def test_looked_for_once(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """One crash, one look."""
        await self.crash(hass, entry)
        await set_up(hass, entry)
        looks = sum("list" in request.url for request in emulator.requests)
        await self.lose(account, "Read on the web site")
        await poll(hass)
        assert sum("list" in request.url for request in emulator.requests) == looks
        assert received == []

    async def test_looked_for_later(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """A feed that can't be reached is tried again, and holds up nothing."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        with patch.object(Bulletin, "validate"):
            emulator.fault("bulletin", "server_error", path="list", count=None)
            account.send("Later")
            await set_up(hass, entry)
            emulator.clear_faults()
        assert texts(received) == ["Later"]
        await poll(hass)
        assert texts(received) == ["Later", "Lost"]

    async def test_two_crashes_in_a_row(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """What was lost at the first is found after the second, though other messages came in between."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        with patch.object(Bulletin, "validate"):
            emulator.fault("bulletin", "server_error", path="list", count=None)
            account.send("Between")
            await set_up(hass, entry)
        await self.crash(hass, entry)
        emulator.clear_faults()
        await set_up(hass, entry)
        assert texts(received) == ["Between", "Lost"]

    async def test_looked_for_again_when_things_have_settled(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> None:
        """What was lost a moment ago can't be told from what just comes, so there is a second look, and no third."""
        await self.crash(hass, entry)
        account.send("Lost a moment ago", received_at=datetime.now(UTC) + timedelta(seconds=5))
        account.take_unread()
        with patch("custom_components.sms_inbox.recovery.SETTLING_SECONDS", 3600.0):
            await set_up(hass, entry)
            await poll(hass)
        assert received == []
        account.messages[-1].received_at = datetime.now(UTC) - timedelta(minutes=1)  # time goes by
        entry.runtime_data.polling.loss._settled_at = 0.0  # noqa: SLF001 - an hour later
        await poll(hass)
        assert texts(received) == ["Lost a moment ago"]
        await self.lose(account, "Read on the web site")
        await poll(hass)
        assert texts(received) == ["Lost a moment ago"]

    async def test_steady_traffic(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
    ) -> None:
        """An inbox that is never seen empty is read to its end when a message comes while we wait for it."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        emulator.hold = 20.0
        assert await hass.config_entries.async_setup(entry.entry_id)
        held = len(emulator.requests)
        while len(emulator.requests) < held:
            await asyncio.sleep(0)
        account.send("Awaited")
        while len(received) < 2:
            await asyncio.sleep(0)
        assert texts(received) == ["Awaited", "Lost"]
        await hass.config_entries.async_unload(entry.entry_id)

    async def test_answer_that_could_not_be_stored(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> None:
        """What was kept in memory for want of room on the disk is found after a restart."""
        account.send("No room", received_at=datetime.now(UTC) - timedelta(minutes=2))
        with broken_store("receive"):
            await poll(hass)
            await hass.config_entries.async_unload(entry.entry_id)
        assert received == []
        await set_up(hass, entry)
        assert texts(received) == ["No room"]

    async def test_backlog_that_is_not_read_to_its_end(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
    ) -> None:
        """It is looked for after the first page, before the feed has moved on; what is still unread isn't taken."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        for number in range(3):
            account.send(f"Later {number}", received_at=datetime.now(UTC) - timedelta(minutes=1))
        account.send("Held", received_at=datetime.now(UTC) - timedelta(seconds=30))
        await set_up(hass, entry)
        assert texts(received) == ["Later 0", "Lost", "Later 1", "Later 2", "Held"]
        assert [event.data["redelivered"] for event in received] == [False] * 5

    async def test_feed_that_is_too_short(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """What is found is taken in, and a person is told that more may be missing."""
        await self.crash(hass, entry)
        await self.lose(account, "Not shown any more")
        for number in range(5):
            account.send(f"After {number}", received_at=datetime.now(UTC) - timedelta(minutes=1))
        with patch("custom_components.sms_inbox.providers.bulletin.FEED_SIZE", 5):
            await set_up(hass, entry)
        assert texts(received) == [f"After {number}" for number in range(5)]
        assert f"Messages of {entry.title} may be lost" in caplog.text

    @pytest.mark.parametrize(
        "feed",
        [
            "<rss/>",
            "no feed",
            '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id></entry></feed>',
            (
                '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>9</id><published>2026-11-21T12:00:00Z</published>'
                "<author><name>1</name></author><content>What is this?</content></entry></feed>"
            ),
        ],
    )
    async def test_feed_that_is_not_understood(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        received: list[Event],
        caplog: pytest.LogCaptureFixture,
        feed: str,
    ) -> None:
        """It leads to one line in the log, and never to a wrong delivery."""
        await self.crash(hass, entry)
        await self.lose(account, "Lost")
        caplog.set_level(logging.INFO)
        caplog.clear()
        real = Bulletin.request

        async def request(provider: Bulletin, method: str, path: str, **options: object) -> object:
            answer = await real(provider, method, path, **options)  # type: ignore[arg-type]
            return replace(answer, body=feed.encode()) if "list" in path else answer

        with patch.object(Bulletin, "validate"), patch.object(Bulletin, "request", request):
            await set_up(hass, entry)
            await poll(hass)
        assert received == []
        told = [record for record in caplog.records if "is unknown" in record.getMessage()]
        assert len(told) == 1
        assert entry.title in told[0].getMessage()


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_first_run_is_not_recovered(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """What was there before the account never fires, though it was lost on its way."""
    account.send("Old", received_at=datetime.now(UTC) - timedelta(hours=1))
    account.send("Old and lost", received_at=datetime.now(UTC) - timedelta(minutes=30))
    emulator.fault("bulletin", "server_error", path="sms/in")
    await set_up(hass, entry)
    account.take_unread()
    await poll(hass, 120)
    await poll(hass, 240)
    assert received == []
