"""What every vendor that sends must do: run unchanged against each of them, with the emulator and its phones.

What differs between vendors is in `sending_facts`; a new one needs an entry there, and nothing else.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from custom_components.sms_inbox.model import Outgoing, PushResult, Reason, SendStatus
from custom_components.sms_inbox.providers.contract import Provider
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import SENDING, Sending
from emulator import Account, Emulator

from .conftest import PASSWORD, SIGNING_KEY, TIME_ZONE, USERNAME, MakeProvider
from .sending_facts import FACTS, Facts
from .test_contract import request_of

TEXTS = {
    "empty": "",
    "blanks only": " \n ",
    "160 letters": "a" * 160,
    "161 letters": "a" * 161,
    "c with cedilla": "Garçon, ÇA VA?",
    "euro sign": "5 € " * 40,
    "brackets": "[a] {b} ~^|\\",
    "quotes and dash": "\u201cIt\u2019s on\u201d \u2013 now\u2026",
    "emoji at a part's end": "ж" * 66 + "😀" + "ж" * 10,
    "family": "👩\u200d👩\u200d👧 " * 3,
    "right to left": "שלום, مرحبا",
    "2,000 characters": "0123456789" * 200,
    "template": "{fn#}, code {F12##}",
    "line breaks": "a\nb\r\nc",
    "blanks at both ends": "  two  ",
    "form characters": "100% + a&b=c %41 +",
    "lone surrogate": "half \ud83d",
}
NEVER_SENT = {"empty", "blanks only", "lone surrogate"}
TEXT = "The cellar is wet"
ADDRESS = "https://home.example/api/webhook/abc"
LOST: Mapping[str, tuple[str, dict[str, Any]]] = {
    "connection lost": ("dropped", {}),
    "500": ("server_error", {"status": 500}),
    "503": ("server_error", {"status": 503}),
    "303": ("redirect", {"status": 303, "location": "/"}),
    "307": ("redirect", {"status": 307, "location": "/"}),
}
"""Faults of the answer to a text that the vendor has taken."""
CLOCKS = {"same clock": timedelta(), "hour ahead": timedelta(hours=1), "hour behind": timedelta(hours=-1)}

type Note = Callable[[str], None]


class Connections(Counter[str]):
    """How often a connection was made, and how often one was used again."""

    def traced(self) -> aiohttp.TraceConfig:
        """Return what makes a session count."""

        async def count(what: str, *_: object) -> None:
            self[what] += 1

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(partial(count, "made"))
        trace.on_connection_reuseconn.append(partial(count, "used again"))
        return trace


@pytest.fixture
def connections() -> Connections:
    """Return the connections of the session."""
    return Connections()


@pytest.fixture
async def session(connections: Connections) -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session like the one that Home Assistant hands in, which counts connections."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[connections.traced()]
    ) as session:
        yield session


@pytest.fixture(params=SENDING)
def key(request: pytest.FixtureRequest) -> str:
    """Run the test for each vendor."""
    return str(request.param)


@pytest.fixture
def facts(key: str) -> Facts:
    """Return what is known of the vendor."""
    return FACTS[key]


@pytest.fixture(autouse=True)
def account(emulator: Emulator, key: str) -> Account:
    """Return the account at the emulator."""
    account = emulator.add_account(key, USERNAME, PASSWORD, time_zone=TIME_ZONE)
    account.signing_key = SIGNING_KEY
    return account


@pytest.fixture
def provider(key: str, make_provider: MakeProvider) -> Provider:
    """Return the provider that reads the account."""
    return make_provider(key)


@pytest.fixture
def sending(key: str, provider: Provider) -> Sending:
    """Return what sends from the account."""
    return SENDING[key](provider)


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Return what notes an outcome for the table of `scripts/contract-table`."""
    return partial(record_property, "outcome")


def outgoing(facts: Facts, **changes: Any) -> Outgoing:
    """Return a text whose request begins now."""
    now = datetime.now(UTC)
    text = Outgoing(
        key=str(uuid4()),
        recipient=facts.phone,
        sender=facts.sender,
        text=TEXT,
        parts=1,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
        begun_at=now,
    )
    return replace(text, **changes)


def posts(emulator: Emulator) -> list[str]:
    """Return the addresses to which something was posted."""
    return [request.url for request in emulator.requests if request.method == "POST"]


def on_phones(emulator: Emulator) -> list[tuple[str, str]]:
    """Return what phones show: recipient and text."""
    return [(each.recipient, each.text) for each in emulator.handsets.shown]


async def failure[Failure: Exception](sending: Sending, text: Outgoing, kind: type[Failure]) -> Failure:
    """Send a text that fails, and return the error, which says nothing of a person."""
    with pytest.raises(kind) as raised:
        await sending.send(text)
    for secret in (text.recipient.removeprefix("+"), text.text, PASSWORD):
        assert secret not in repr(raised.value)
    return raised.value


def test_declares_itself(key: str, facts: Facts, note: Note) -> None:
    """A vendor says what the outbox and the options need to know."""
    kind = SENDING[key]
    assert kind.key == key
    assert (facts.sender is not None) or kind.sender_use != "required"
    assert kind.limit.most > 0
    assert kind.deduplicates is None or timedelta(hours=1) <= kind.deduplicates <= timedelta(days=1)
    note(f"at most {kind.limit.most} {kind.limit.unit}")


@pytest.mark.parametrize("name", TEXTS)
async def test_text(sending: Sending, emulator: Emulator, facts: Facts, name: str, note: Note) -> None:
    """A phone shows exactly the text, in as many parts as was said before; or it is refused before it is sent."""
    text = TEXTS[name]
    if name in NEVER_SENT | facts.refuses:
        with pytest.raises(NotSentError) as raised:
            sending.check(text)
        assert not emulator.requests
        note(f"refused: {raised.value.reason}")
        return
    parts = sending.check(text)
    await sending.send(outgoing(facts, text=text, parts=parts))
    [shown] = emulator.handsets.shown
    assert shown.text == text
    assert shown.parts == parts
    note(f"{parts} part{'s' if parts > 1 else ''}")


async def test_accepted(
    sending: Sending, account: Account, emulator: Emulator, facts: Facts, note: Note, caplog: pytest.LogCaptureFixture
) -> None:
    """One request, the vendor's id, and one SMS; neither an address nor the log has anything of it."""
    caplog.set_level("DEBUG", "custom_components")
    text = outgoing(facts)
    accepted = await sending.send(text)
    [message] = account.messages
    assert on_phones(emulator) == [(facts.phone, TEXT)]
    assert accepted.provider_id == (message.message_id if facts.has_ids else None)
    assert [request.method for request in emulator.requests] == ["POST"]
    [url] = posts(emulator)
    for secret in (facts.phone.removeprefix("+"), TEXT.split()[1], "pass"):
        assert secret not in url
        assert secret not in caplog.text
    note("accepted")


async def test_sender(sending: Sending, emulator: Emulator, facts: Facts, note: Note) -> None:
    """The sender is the one that was asked for; without one the vendor chooses, or nothing is sent."""
    await sending.send(outgoing(facts))
    [shown] = emulator.handsets.shown
    assert facts.shown_sender in (None, shown.sender)
    if sending.sender_use == "required":
        await failure(sending, outgoing(facts, sender=None), NotSentError)
        assert len(emulator.handsets.shown) == 1
    else:
        await sending.send(outgoing(facts, sender=None, text="Another"))
        assert len(emulator.handsets.shown) == 2
    note(sending.sender_use)


async def test_wrong_sender(sending: Sending, emulator: Emulator, facts: Facts, note: Note) -> None:
    """A sender that isn't the account's is refused."""
    if facts.wrong_sender is None:
        note("-")
        return
    err = await failure(sending, outgoing(facts, sender=facts.wrong_sender), NotSentError)
    assert err.reason is facts.wrong_sender_reason
    assert not emulator.handsets.shown
    note(f"not sent: {err.reason}")


async def test_senders(sending: Sending, facts: Facts, note: Note) -> None:
    """What may be the sender can be asked for, where the vendor tells."""
    assert await sending.senders() == facts.senders
    note(str(len(facts.senders)) if facts.senders else "-")


async def test_connection_of_its_own(
    sending: Sending, provider: Provider, facts: Facts, connections: Connections, note: Note
) -> None:
    """A text never goes out on a connection that was used before, and may be dead; polls go on using theirs."""
    await provider.validate()
    connections.clear()
    await sending.send(outgoing(facts))
    assert connections == {"made": 1}
    connections.clear()
    await provider.validate()
    assert connections["used again"]
    assert not connections["made"]
    note("its own")


async def test_no_connection(key: str, make_provider: MakeProvider, facts: Facts, note: Note) -> None:
    """A server that isn't there has surely sent nothing."""
    sending = SENDING[key](make_provider(key, url="http://127.0.0.1:1"))
    err = await failure(sending, outgoing(facts), NotSentError)
    assert err.reason is Reason.CANNOT_CONNECT
    note(f"not sent: {err.reason}")


@pytest.mark.parametrize("fault", LOST)
async def test_lost_answer(
    sending: Sending, emulator: Emulator, key: str, facts: Facts, fault: str, note: Note
) -> None:
    """Where the vendor has taken a text and its answer is lost, the outcome is unknown, and nothing is repeated."""
    kind, options = LOST[fault]
    emulator.fault(key, kind, consume=True, **options)
    await failure(sending, outgoing(facts), UnknownOutcomeError)
    assert on_phones(emulator) == [(facts.phone, TEXT)]
    assert len(emulator.requests) == 1
    note("unknown, one SMS")


@pytest.mark.parametrize("kind", ["cut", "slow"])
async def test_answer_that_breaks_off(
    sending: Sending, provider: Provider, emulator: Emulator, key: str, facts: Facts, kind: str, note: Note
) -> None:
    """The same goes for an answer of which only a part comes."""
    if not facts.reads_answers:
        note("-")
        return
    post_once = provider.post_once
    provider.post_once = lambda path, **options: post_once(path, **options | {"wait": 0.2})  # type: ignore[method-assign]
    options: dict[str, Any] = {"seconds": 60.0} if kind == "slow" else {}
    emulator.fault(key, kind, **options)
    await failure(sending, outgoing(facts), UnknownOutcomeError)
    assert on_phones(emulator) == [(facts.phone, TEXT)]
    assert len(emulator.requests) == 1
    note("unknown, one SMS")


@pytest.mark.parametrize("kind", ["html", "garbage", "bad_json", "oversized"])
async def test_answer_that_is_none(
    sending: Sending, emulator: Emulator, key: str, facts: Facts, kind: str, note: Note
) -> None:
    """An answer 200 that isn't the vendor's proves nothing."""
    if not facts.reads_answers and kind not in ("html", "oversized"):
        note("-")
        return
    emulator.fault(key, kind)
    await failure(sending, outgoing(facts), UnknownOutcomeError)
    assert len(emulator.requests) == 1
    note("unknown")


async def test_wrong_password(
    key: str, make_provider: MakeProvider, emulator: Emulator, facts: Facts, note: Note
) -> None:
    """Nothing is sent with wrong credentials."""
    sending = SENDING[key](make_provider(key, password="wrong"))
    err = await failure(sending, outgoing(facts), NotSentError)
    assert err.reason is Reason.INVALID_AUTH
    assert not emulator.handsets.shown
    note(f"not sent: {err.reason}")


async def test_too_many_requests(sending: Sending, emulator: Emulator, key: str, facts: Facts, note: Note) -> None:
    """The vendor says when it takes the text."""
    emulator.fault(key, "rate_limited", retry_after=7)
    err = await failure(sending, outgoing(facts), NotSentError)
    assert (err.reason, err.retry_after) == (Reason.RATE_LIMITED, 7)
    assert not emulator.handsets.shown
    note(f"not sent: {err.reason}")


async def test_refusals(
    sending: Sending, emulator: Emulator, key: str, facts: Facts, note: Note, subtests: pytest.Subtests
) -> None:
    """The vendor's words say why a text is refused."""
    for word, reason in facts.refusals.items():
        emulator.fault(key, "vendor_error", word=word)
        with subtests.test(word):
            err = await failure(sending, outgoing(facts), NotSentError)
            assert err.reason is reason
    assert not emulator.handsets.shown
    note(f"{len(facts.refusals)} words")


async def test_repeat(sending: Sending, emulator: Emulator, facts: Facts, note: Note) -> None:
    """Where the vendor recognises a repeat, it isn't sent again; elsewhere it is, so that it must not be repeated."""
    text = outgoing(facts)
    first = await sending.send(text)
    if facts.refuses_repeats:
        err = await failure(sending, text, NotSentError)
        assert err.reason is Reason.REPEATED
        assert on_phones(emulator) == [(facts.phone, TEXT)]
        note(f"one SMS, not sent: {err.reason}")
        return
    second = await sending.send(text)
    assert (first.provider_id == second.provider_id) or not sending.deduplicates
    assert on_phones(emulator) == [(facts.phone, TEXT)] * (1 if sending.deduplicates else 2)
    note("one SMS" if sending.deduplicates else "two SMS")


@pytest.mark.parametrize("clock", CLOCKS)
async def test_find_sent(
    sending: Sending,
    provider: Provider,
    account: Account,
    emulator: Emulator,
    key: str,
    facts: Facts,
    clock: str,
    note: Note,
) -> None:
    """A text whose answer was lost is found, and no other one, whatever the vendor's clock shows."""
    if not sending.finds_sent:
        note("-")
        return
    emulator.clock_offset = CLOCKS[clock]
    await provider.validate()
    await sending.send(outgoing(facts))
    account.messages[0].received_at -= timedelta(minutes=10)
    text = outgoing(facts)
    assert await sending.find_sent(text) is None
    emulator.fault(key, "dropped", consume=True)
    await failure(sending, text, UnknownOutcomeError)
    found = await sending.find_sent(text)
    assert found
    assert found.provider_id == account.messages[1].message_id
    others = ({"text": "Something else"}, {"recipient": f"{facts.phone[:-1]}9"})
    for other in others:
        assert await sending.find_sent(outgoing(facts, begun_at=text.begun_at, **other)) is None
    note("found")


async def test_polled_reports(
    sending: Sending, account: Account, emulator: Emulator, facts: Facts, note: Note, subtests: pytest.Subtests
) -> None:
    """What has become of a text can be asked for."""
    if not sending.polls_reports:
        note("-")
        return
    text = await sent(sending, facts)
    [message] = account.messages
    assert {report.status for report in await sending.reports([text])} <= {SendStatus.ACCEPTED}
    for status in ("sent", "delivered"):
        emulator.handsets.report_now(account, message, status)
        [report] = await sending.reports([text])
        assert report.status == status
        assert text.provider_id == report.provider_id or text.key == report.key
    for error, reason in facts.failures.items():
        emulator.handsets.report_now(account, message, "failed", error)
        with subtests.test(error):
            [report] = await sending.reports([text])
            assert (report.status, report.reason) == (SendStatus.FAILED, reason)
    note("delivered, failed")


async def test_pushed_reports(sending: Sending, provider: Provider, account: Account, facts: Facts, note: Note) -> None:
    """What has become of a text is told by a webhook request, where the vendor's are believed."""
    if not provider.pushes:
        note("-")
        return
    await have_reports_pushed(sending, provider)
    text = await sent(sending, facts)
    [message] = account.messages
    for status, error, reason in (
        ("sent", "", None),
        ("delivered", "", None),
        ("failed", "unreachable", facts.failures["unreachable"]),
    ):
        message.status, message.error = status, error
        [request] = map(request_of, account.protocol.status_calls(message, account))
        result = provider.read_webhook(request)
        [report] = result.reports
        assert (report.status, report.reason) == (status, reason)
        assert text.provider_id in (report.provider_id, report.key)
        assert result == PushResult(reports=(report,))
    note("delivered, failed")


async def have_reports_pushed(sending: Sending, provider: Provider) -> None:
    """Have the vendor told where it reports: by each text, or by its list of webhooks."""
    if sending.takes_status_url:
        sending.status_url = ADDRESS
        return
    [place] = await provider.webhook_places("SMS Inbox")
    await provider.set_webhook(place.place_id, ADDRESS)


async def sent(sending: Sending, facts: Facts) -> Outgoing:
    """Send a text; return it as the store has it then."""
    text = outgoing(facts)
    accepted = await sending.send(text)
    return replace(text, provider_id=accepted.provider_id)
