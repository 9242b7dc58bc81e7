"""What is known of the messages that another API shows of the same account, under ids of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.sms_inbox.model import Message
from custom_components.sms_inbox.moving import compare
from custom_components.sms_inbox.providers import PROVIDERS

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
        raw=b"raw",
    )


def erased(message_id: str, minutes: float = 0) -> Message:
    """Return what the store has of a message that is erased."""
    return replace(message(message_id, "", minutes, sender=""), raw=b"")


def binary(message_id: str, data: bytes) -> Message:
    """Return a binary message."""
    return replace(message(message_id, ""), encoding="binary", data=data)


@pytest.mark.parametrize(
    ("shown", "known", "expected", "doubtful"),
    [
        pytest.param([message("x")], [message("1")], {"x"}, set(), id="known"),
        pytest.param([message("x", sender="00447700900123")], [message("1")], {"x"}, set(), id="written differently"),
        pytest.param([message("x", minutes=9)], [message("1")], {"x"}, set(), id="within ten minutes"),
        pytest.param([message("x", minutes=11)], [message("1")], set(), {"x"}, id="same text later"),
        pytest.param([message("x"), message("y")], [message("1")], {"x"}, set(), id="each is one"),
        pytest.param([message("1", "Bye")], [message("1")], set(), {"1"}, id="same id means nothing"),
        pytest.param(
            [message("x", minutes=-5), message("y"), message("z", minutes=5)],
            [message("1"), message("2", minutes=5)],
            {"y", "z"},
            set(),
            id="the nearest ones",
        ),
        pytest.param(
            [message("x", minutes=4)], [message("1", minutes=-61), message("2", minutes=4)], {"x"}, set(), id="too old"
        ),
        pytest.param(
            [message("x", minutes=4)],
            [message("1", minutes=-61)],
            set(),
            set(),
            id="only what should be shown is missed",
        ),
        pytest.param([message("x", "Bye")], [message("1")], set(), {"x"}, id="another text of the same sender"),
        pytest.param([message("x", "Bye", sender="MYBANK")], [message("1")], set(), set(), id="another sender"),
        pytest.param([message("x", minutes=-1)], [], set(), set(), id="nobody knows better"),
        pytest.param([binary("x", b"\x01"), binary("y", b"\x02")], [binary("1", b"\x02")], {"y"}, set(), id="binary"),
        pytest.param([message("x", minutes=0.01)], [erased("1")], {"x"}, set(), id="erased"),
        pytest.param([message("x", minutes=0.1)], [erased("1")], set(), {"x"}, id="erased, at another time"),
        pytest.param([replace(message("x"), received_at=None)], [message("1")], set(), {"x"}, id="no time"),
    ],
)
def test_compare(shown: list[Message], known: list[Message], expected: set[str], doubtful: set[str]) -> None:
    """A message is known where sender, text and time agree, and in doubt where a known one is left."""
    found = compare(shown, known, NOON - timedelta(hours=1), None)
    assert (found.known, found.doubtful) == (expected, doubtful)


def test_what_should_have_been_handed_over() -> None:
    """What is older than the last message is in doubt, and nothing else is."""
    shown = [message("x", "One", -1), message("y", "Two"), message("z", "Three", 1)]
    assert compare(shown, [], NOON - timedelta(hours=1), NOON).doubtful == {"x"}


@pytest.mark.parametrize("successor", {each.successor for each in PROVIDERS.values()} - {None})
def test_successor_can_be_read_from_a_time_on(successor: str) -> None:
    """Whatever is named as a successor is a provider that can be moved to."""
    assert PROVIDERS[successor].cursor_since(NOON)
