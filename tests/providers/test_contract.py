"""What every provider must do: run unchanged against each of them, with the emulator as its server."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
import socket
from typing import Any
from unittest.mock import patch

from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import PushResult
from custom_components.sms_inbox.providers import POLLED, PROVIDERS
from custom_components.sms_inbox.providers.contract import Provider, WebhookRequest
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    InsecureAddressError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RefusedWebhookError,
    TemporaryError,
)
from emulator import Account, Emulator
from emulator.protocol import Outgoing

from .conftest import PASSWORD, SIGNING_KEY, TIME_ZONE, USERNAME, CannedServer, MakeProvider, by_time, drain, new, poll

TEXTS = {
    "plain": "Hello",
    "emoji": "Kia ora 😀👩‍👩‍👧 ☺",
    "right to left": "שלום עולם, مرحبا",
    "pipe and line breaks": "a|b||c\nsecond\r\nthird|",
    "empty": "",
    "spaces": "  two  at both ends  ",
    "form characters": "100% + a&b=c %41 +",
    "long": "0123456789 " * 90,
    "characters that split lines": "a\u2028b\u0085c\x0bd\x0ce",
    "tab and control": "a\tb\x01c",
    "fake record": "x|2020-01-01 00:00:00|1|0|7bit",
    "fake status": "0|records to follow|0",
}

WALKED = ("twilio", "elks", "clicksend", "smsgate")
"""Providers whose list is walked from the newest page to older ones."""
LISTS_SENT = ("twilio", "elks")
LISTS = {"elks": 2}
"""How many lists a poll reads, where it is more than one."""
FAULTS: list[tuple[str, dict[str, Any], type[ProviderError]]] = [
    ("rate_limited", {}, RateLimitedError),
    ("server_error", {"status": 500}, TemporaryError),
    ("server_error", {"status": 502}, TemporaryError),
    ("server_error", {"status": 503}, TemporaryError),
    ("server_error", {"status": 418}, ProtocolError),
    ("server_error", {"status": 403}, ConfigurationError),
    ("server_error", {"status": 404}, ConfigurationError),
    ("html", {}, ProtocolError),
    ("oversized", {}, ProtocolError),
    ("dropped", {}, TemporaryError),
    ("redirect", {"location": "https://elsewhere.example/"}, ConfigurationError),
    ("redirect", {"location": "http://127.0.0.1:1/", "status": 307}, ConfigurationError),
]
ADDRESS = "https://home.example/api/webhook/abc"
NO_ADDRESSES = (" ", "ftp://server.example", "server", "https://", "https://a:b@server.example", "http://[x")
PLAIN_HTTP_OVER_THE_INTERNET = (
    "http://93.184.216.34:8080",
    "http://8.8.8.8",
    "http://[2606:4700::1111]",
    "http://100.128.0.1",
)
PLAIN_HTTP_AT_HOME = (
    *("http://phone", "http://gateway.local:80", "http://192.168.1.2/x", "http://[::1]:1", "http://100.101.102.103"),
    *("http://169.254.7.7:5000", "http://[fe80::1]", "http://[fd12:3456::1]", "http://[::ffff:10.0.0.1]"),
)
FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(params=POLLED)
def key(request: pytest.FixtureRequest) -> str:
    """Run the test for each provider."""
    return str(request.param)


@pytest.fixture(autouse=True)
def account(emulator: Emulator, key: str) -> Account:
    """Return the account at the emulator."""
    return emulator.add_account(key, USERNAME, PASSWORD, time_zone=TIME_ZONE)


@pytest.fixture
def provider(key: str, make_provider: MakeProvider) -> Provider:
    """Return the provider that reads the account."""
    return make_provider(key)


def test_declares_itself(key: str) -> None:
    """A provider says what the set-up needs to know."""
    provider = PROVIDERS[key]
    assert provider.key == key
    assert provider.name
    assert not provider.default_url or provider.default_url.startswith("https://")
    assert provider.interval
    assert timedelta(seconds=1) <= provider.interval <= timedelta(minutes=5)
    assert provider.acknowledges or not provider.deletes
    assert provider.receives_webhooks or not (provider.registers or provider.signs or provider.pushes)
    assert provider.pushes == (key in ("twilio", "smsgate", "bulletin"))


async def test_validate_identifies_the_account_and_touches_nothing(
    provider: Provider, account: Account, emulator: Emulator
) -> None:
    """Validation proves the credentials without reading a message."""
    account.send("Still unread")
    identity = await provider.validate()
    assert identity.account_id
    assert not emulator.book
    assert [message.text for message in (await drain(provider))[0]] == ["Still unread"]


async def test_identity_is_stable_and_ignores_case(key: str, make_provider: MakeProvider) -> None:
    """The same account has the same id each time."""
    first, second = await make_provider(key).validate(), await make_provider(key).validate()
    assert first.account_id == second.account_id == second.account_id.casefold()


@pytest.mark.parametrize("key", ["bulletin", "bulksms_eapi", "voipms", "elks"], indirect=True)
def test_same_user_at_another_server(key: str, make_provider: MakeProvider) -> None:
    """Where a user name is all that there is, it is another account at another server, not at the official one."""
    urls = (PROVIDERS[key].default_url, f"{PROVIDERS[key].default_url}/x", "https://other.example", "http://10.0.0.5")
    ids = [make_provider(key, url=url).account_at_server("Anna") for url in urls]
    assert ids == ["anna", "anna", "other.example anna", "10.0.0.5 anna"]


async def test_empty_inbox(provider: Provider) -> None:
    """An empty inbox is an empty page."""
    messages, page = await drain(provider)
    assert messages == []
    assert not page.more
    assert not page.unreadable


async def test_message(account: Account, key: str, make_provider: MakeProvider, subtests: pytest.Subtests) -> None:
    """A message arrives with all that was sent, its text unaltered."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for name, text in TEXTS.items():
        account.messages.clear()
        sent = account.send(text, sender="MYBANK", recipient="+44771234567", received_at=at)
        messages, page = await drain(make_provider(key))
        with subtests.test(name):
            [message] = messages
            assert message.message_id == sent.message_id or not account.protocol.ids
            assert message.message_id
            assert message.sender == "MYBANK"
            assert message.recipient == ("+44771234567" if account.protocol.recipients else None)
            assert message.text == text
            assert message.received_at == at
            assert message.in_reply_to is None
            assert message.data is None
            assert message.raw
            assert not page.more


async def test_reply(provider: Provider, account: Account) -> None:
    """A reply tells what it answers."""
    account.send("yes", in_reply_to="12345")
    [message] = (await drain(provider))[0]
    assert message.in_reply_to == ("12345" if account.protocol.replies else None)


async def test_backlog_of_several_pages(provider: Provider, account: Account) -> None:
    """What waits comes once, in order within a page; the cursor stands behind it."""
    texts = send_ten(account)
    pages = await poll(provider)
    messages = [message for page in pages for message in page.messages]
    assert [message.text for message in by_time(messages)] == texts
    assert all(list(page.messages) == by_time(page.messages) for page in pages)
    account.send("Another")
    assert [message.text for message in new((await drain(provider, pages[-1].cursor))[0], messages)] == ["Another"]


def send_ten(account: Account) -> list[str]:
    """Send ten messages, a minute apart, to an account whose answers have three; return their texts."""
    account.page_size = 3
    texts = [f"Message {number}" for number in range(10)]
    now = datetime.now(UTC)
    for number, text in enumerate(texts):
        account.send(text, received_at=now - timedelta(minutes=20 - number))
    return texts


@pytest.mark.parametrize("pages", [1, 2, 3])
@pytest.mark.parametrize("is_new_object", [False, True])
async def test_page_that_fails(
    provider: Provider,
    account: Account,
    emulator: Emulator,
    make_provider: MakeProvider,
    pages: int,
    *,
    is_new_object: bool,
) -> None:
    """It loses nothing, and repeats nothing to the object that has it; a new object goes on from the last cursor."""
    texts = send_ten(account)
    messages, cursor = [], {}
    for _ in range(pages):
        page = await provider.fetch(cursor)
        await provider.acknowledge(page)
        messages += page.messages
        cursor = dict(page.cursor)
    for _ in range(2):
        emulator.fault(provider.key, "server_error", status=503)
        with pytest.raises(TemporaryError):
            await provider.fetch(cursor)
    if is_new_object:
        provider = make_provider(provider.key)
    rest, page = await drain(provider, cursor)
    messages = new([*messages, *rest]) if is_new_object else [*messages, *rest]
    assert [message.text for message in by_time(messages)] == texts
    account.send("Another")
    assert [message.text for message in new((await drain(provider, page.cursor))[0], messages)] == ["Another"]


@pytest.mark.parametrize("key", WALKED, indirect=True)
async def test_new_message_while_a_page_fails(provider: Provider, account: Account, emulator: Emulator) -> None:
    """It isn't kept waiting by an older page that fails each time."""
    texts = send_ten(account)
    page = await provider.fetch({})
    messages = list(page.messages)
    for number in range(3):
        emulator.fault(provider.key, "server_error", status=503)
        with pytest.raises(TemporaryError):
            await provider.fetch(page.cursor)
        account.send(f"New {number}")
        page = await provider.fetch(page.cursor)
        messages += page.messages
        assert f"New {number}" in [message.text for message in page.messages]
        assert page.more
    messages += (await drain(provider, page.cursor))[0]
    assert [message.text for message in by_time(messages)] == [*texts, "New 0", "New 1", "New 2"]


@pytest.mark.parametrize("key", WALKED, indirect=True)
async def test_quiet_poll_is_cheap(provider: Provider, account: Account, emulator: Emulator) -> None:
    """It ends at a page that is known, however many messages the window has."""
    account.page_size = 3
    for number in range(100):
        account.send("x", sent=account.protocol.key in LISTS_SENT, received_at=ago(minutes=200 - number))
    account.send("Received")
    _, page = await drain(provider)
    emulator.requests.clear()
    lists = LISTS.get(provider.key, 1)
    for _ in range(3):
        quiet = await provider.fetch(page.cursor)
        assert (quiet.messages, quiet.more, quiet.cursor) == ((), False, page.cursor)
    assert len(emulator.requests) == 3 * lists
    account.send("Another", received_at=ago(minutes=0))
    messages, page = await drain(provider, page.cursor)
    assert [message.text for message in messages] == ["Another"]
    assert len([request for request in emulator.requests if request.method == "GET"]) <= (3 + 2 + 1) * lists


def ago(minutes: float) -> datetime:
    """Return a time in the past."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


@pytest.mark.parametrize("key", ["twilio", "voipms", "gammu"], indirect=True)
async def test_row_seen_half(provider: Provider, account: Account) -> None:
    """What isn't complete yet is no message, keeps no other one waiting, and comes once, whole."""
    before, page = await drain(provider)
    whole = "Gate " * 35
    half = {"twilio": whole, "voipms": "", "gammu": whole[:153]}[account.provider]
    arriving = account.send(half)
    account.extra["receiving"] = [arriving.message_id]
    account.send("Complete")
    first, page = await drain(provider, page.cursor)
    account.extra["receiving"] = []
    arriving.text = whole
    second, page = await drain(provider, page.cursor)
    third, _ = await drain(provider, page.cursor)
    assert [message.text for message in (*before, *first, *second, *third)] == ["Complete", whole]


async def test_equal_messages(provider: Provider, account: Account) -> None:
    """Two messages with the same text from the same sender are two, also within one second.

    Only the app on a phone doesn't tell them apart itself.
    """
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    account.send("Open", received_at=at)
    messages, page = await drain(provider)
    account.send("Open", received_at=at)
    account.send("Open", received_at=at)
    later, _ = await drain(provider, page.cursor)
    assert len(new([*messages, *later])) == (1 if provider.key == "smsgate" else 3)


async def test_repeat_has_the_same_id(provider: Provider, account: Account) -> None:
    """A message that is handed over again is known by its id."""
    at = datetime.now(UTC) - timedelta(minutes=1)
    account.send("Once", message_id="41", received_at=at)
    first = await provider.fetch({})
    account.messages.clear()
    account.send("Once", message_id="41", received_at=at)
    second = await provider.fetch({})
    [message_id] = {message.message_id for message in (*first.messages, *second.messages)}
    assert message_id == "41" or not account.protocol.ids


async def test_out_of_order(provider: Provider, account: Account) -> None:
    """Ids and times that don't rise together lose nothing."""
    now = datetime.now(UTC).replace(microsecond=0)
    for number, minutes in (("30", 3), ("10", 1), ("20", 2)):
        account.send(f"Message {number}", message_id=number, received_at=now - timedelta(minutes=minutes))
    messages, _ = await drain(provider)
    assert sorted(message.text for message in messages) == ["Message 10", "Message 20", "Message 30"]


async def test_unknown_fields_are_kept(provider: Provider, account: Account, key: str) -> None:
    """A field that nobody knew does no harm, and the record is kept as it came."""
    account.send_raw((FIXTURES / key / "unknown_fields").read_bytes().strip())
    [message] = (await drain(provider))[0]
    assert message.message_id == "77" or not account.protocol.ids
    assert (message.sender, message.text) == ("+447700900123", "Hello")
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert b"brandNew" in message.raw


async def test_one_bad_message_among_good_ones(provider: Provider, account: Account) -> None:
    """A record that makes no sense is kept as it came, and takes nothing with it."""
    account.send("First")
    account.send_raw(b'"nonsense"')
    account.send("Second")
    messages, unreadable, cursor = [], [], {}
    for _ in range(4):
        page = await provider.fetch(cursor)
        await provider.acknowledge(page)
        messages += page.messages
        unreadable += page.unreadable
        cursor = dict(page.cursor)
    assert [message.text for message in new(messages)] == ["First", "Second"]
    assert b'"nonsense"' in unreadable


@pytest.mark.parametrize("call", ["validate", "fetch"])
async def test_wrong_password(key: str, make_provider: MakeProvider, call: str) -> None:
    """A wrong password is told apart from everything else."""
    provider = make_provider(key, password="wrong")
    with pytest.raises(AuthenticationError):
        await (provider.validate() if call == "validate" else provider.fetch({}))


async def test_fault(
    key: str, account: Account, emulator: Emulator, make_provider: MakeProvider, subtests: pytest.Subtests
) -> None:
    """Each trouble of a server is its own error, and loses nothing."""
    for (fault, options, expected), call in product(FAULTS, ("validate", "fetch")):
        # Pages of what stands before VoIP.ms's server are frequent, and pass.
        error = TemporaryError if (key, fault) == ("voipms", "html") else expected
        provider = make_provider(key)
        account.messages.clear()
        account.send("Secret text")
        emulator.fault(key, fault, count=None, **options)
        with subtests.test(call, fault=fault, **options):
            with pytest.raises(error) as raised:
                await (provider.validate() if call == "validate" else provider.fetch({}))
            emulator.clear_faults()
            assert type(raised.value) is error
            assert PASSWORD not in repr(raised.value)
            assert "Secret" not in repr(raised.value)
            assert [message.text for message in (await drain(provider))[0]] == ["Secret text"]
        emulator.clear_faults()


async def test_cut_answer(provider: Provider, account: Account, emulator: Emulator) -> None:
    """An answer that breaks off is an outage; what can be read again is."""
    account.send("Hello")
    emulator.fault(provider.key, "cut")
    with pytest.raises(TemporaryError):
        await provider.fetch({})
    messages, _ = await drain(provider)
    assert [message.text for message in messages] == ([] if provider.consumes else ["Hello"])


async def test_slow_answer(provider: Provider, account: Account, emulator: Emulator) -> None:
    """An answer that dribbles is waited for."""
    account.send("Hello")
    emulator.fault(provider.key, "slow", seconds=0.1)
    assert [message.text for message in (await drain(provider))[0]] == ["Hello"]


async def test_retry_after(provider: Provider, emulator: Emulator, subtests: pytest.Subtests) -> None:
    """What the server asks for is told in seconds, an hour at most."""
    for retry_after, seconds in ((120, 120.0), ("999999", 3600.0), ("soon", None), (None, None), ("-1", None)):
        emulator.fault(provider.key, "rate_limited", retry_after=retry_after)
        with subtests.test(retry_after=retry_after):
            with pytest.raises(RateLimitedError) as raised:
                await provider.fetch({})
            assert raised.value.retry_after == seconds


async def test_retry_after_as_a_date(provider: Provider, emulator: Emulator) -> None:
    """A date counts by the server's clock."""
    at = datetime.now(UTC) + timedelta(minutes=2)
    emulator.fault(provider.key, "server_error", status=503, retry_after=at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    with pytest.raises(TemporaryError) as raised:
        await provider.fetch({})
    assert raised.value.retry_after == pytest.approx(120, abs=3)


async def test_redirect_within_the_server(provider: Provider, emulator: Emulator) -> None:
    """A redirect to the same server is followed."""
    identity = await provider.validate()
    location = emulator.requests[0].url
    emulator.fault(provider.key, "redirect", location=location)
    assert await provider.validate() == identity
    emulator.fault(provider.key, "redirect", count=None, location=location)
    with pytest.raises(ConfigurationError, match="circles"):
        await provider.validate()


def test_webhook_without_anything(provider: Provider) -> None:
    """Where the vendor's list is polled and its webhooks have not the list's ids, none is read."""
    request = WebhookRequest(method="GET", url=URL(ADDRESS), headers={}, body=b"", at=datetime.now(UTC))
    if provider.key == "bulletin":
        assert provider.read_webhook(request) == PushResult(poll=True)
        return
    with pytest.raises(RefusedWebhookError if provider.pushes else NotImplementedError):
        provider.read_webhook(request)


@pytest.mark.parametrize("key", ["twilio", "smsgate"], indirect=True)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_webhook(provider: Provider, account: Account, server: CannedServer, text: str) -> None:
    """A message comes by webhook as it was sent, with the id that the list has."""
    await have_webhook(provider, account, server)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)
    sent = account.send(text, sender="+447700900123", recipient="+44771234567", received_at=at)
    [request] = map(request_of, account.protocol.calls(sent, account))
    result = provider.read_webhook(request)
    [message] = result.messages
    assert (message.text, message.sender, message.recipient) == (text, "+447700900123", "+44771234567")
    assert message.raw
    assert (result.unreadable, result.poll) == ((), False)
    [listed] = (await drain(provider))[0]
    assert listed.message_id == message.message_id


@pytest.mark.parametrize("key", ["twilio", "smsgate"], indirect=True)
async def test_forged_webhook(provider: Provider, account: Account, server: CannedServer) -> None:
    """A request that was changed, or isn't signed, is refused."""
    await have_webhook(provider, account, server)
    [request] = map(request_of, account.protocol.calls(account.send("Hello"), account))
    assert provider.read_webhook(request).messages
    unsigned = {name: value for name, value in request.headers.items() if "signature" not in name.lower()}
    for forged in (replace(request, body=request.body.replace(b"Hello", b"Hallo")), replace(request, headers=unsigned)):
        with pytest.raises(RefusedWebhookError) as raised:
            provider.read_webhook(forged)
        assert raised.value.status == 403


async def have_webhook(provider: Provider, account: Account, server: CannedServer) -> None:
    """Have the vendor send webhook requests, as a person or the component would."""
    account.signing_key = SIGNING_KEY
    account.callback = ADDRESS
    if provider.registers:
        server.answer = {"status": 200}
        [place] = await provider.webhook_places("SMS Inbox")
        await provider.set_webhook(place.place_id, server.url("/api/webhook/abc"))


def request_of(outgoing: Outgoing) -> WebhookRequest:
    """Return a request of the emulator as what comes in here."""
    headers = CIMultiDict(outgoing.headers)
    url = URL(outgoing.url, encoded=True)
    return WebhookRequest(method=outgoing.method, url=url, headers=headers, body=outgoing.body, at=datetime.now(UTC))


async def test_registering(provider: Provider, account: Account, server: CannedServer) -> None:
    """Where the vendor has an API for it, an address is registered once, changed, and removed."""
    if not provider.registers:
        with pytest.raises(NotImplementedError):
            await provider.webhook_places("SMS Inbox")
        with pytest.raises(NotImplementedError):
            await provider.set_webhook("SMS Inbox", ADDRESS)
        return
    server.answer = {"status": 200}
    first, second = (server.url(path) for path in ("/api/webhook/abc", "/api/webhook/def"))
    [place] = await provider.webhook_places("SMS Inbox")
    assert place.url == ""
    for url in (first, first, second):
        await provider.set_webhook(place.place_id, url)
        assert set(account.protocol.registered(account)) == {url}
        assert [place.url for place in await provider.webhook_places("SMS Inbox")] == [url]
    for _ in range(2):
        await provider.set_webhook(place.place_id, "")
        assert account.protocol.registered(account) == []


async def test_no_server(key: str, make_provider: MakeProvider) -> None:
    """A server that isn't there is an outage."""
    with pytest.raises(TemporaryError):
        await make_provider(key, url="http://127.0.0.1:1").validate()


def test_server_addresses(key: str, make_provider: MakeProvider, subtests: pytest.Subtests) -> None:
    """What is no address is refused, and so is plain http over the internet, unless a person has agreed to that."""
    for url in NO_ADDRESSES:
        with subtests.test(no_address=url), pytest.raises(ConfigurationError):
            make_provider(key, url=url)
    for url in PLAIN_HTTP_OVER_THE_INTERNET:
        with subtests.test(internet=url):
            with pytest.raises(InsecureAddressError):
                make_provider(key, url=url)
            assert make_provider(key, url=url, allow_http=True).key == key
    for url in PLAIN_HTTP_AT_HOME:
        with subtests.test(home=url):
            assert make_provider(key, url=url).key == key


@pytest.mark.parametrize(
    ("addresses", "is_local"),
    [
        (["127.0.0.1"], True),
        (["127.0.0.1", "127.0.0.1"], True),
        (["93.184.216.34"], False),
        (["127.0.0.1", "93.184.216.34"], False),
    ],
)
async def test_plain_http_by_name(
    key: str,
    make_provider: MakeProvider,
    server: CannedServer,
    subtests: pytest.Subtests,
    addresses: list[str],
    *,
    is_local: bool,
) -> None:
    """A name is local if it only leads to local addresses; else no request is sent before a person has agreed."""
    server.answer = {"status": 500}
    stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    found = [(socket.AF_INET, *stream, (address, server.port)) for address in addresses]
    for name in ("pi.fritz.box", "phone.home", "pi.tail1234.ts.net", "sms.example.com"):
        server.asked.clear()
        with (
            subtests.test(name),
            patch.object(asyncio.get_running_loop(), "getaddrinfo", return_value=found) as look_up,
        ):
            provider = make_provider(key, url=f"http://{name}:{server.port}")
            with pytest.raises(TemporaryError if is_local else InsecureAddressError):
                await provider.validate()
            assert look_up.called
            assert bool(server.asked) is is_local


async def test_plain_http_to_a_name_that_leads_nowhere(key: str, make_provider: MakeProvider) -> None:
    """A name that can't be looked up is an outage, like a server that isn't there."""
    provider = make_provider(key, url="http://nowhere.invalid")
    with (
        patch.object(asyncio.get_running_loop(), "getaddrinfo", side_effect=socket.gaierror),
        pytest.raises(TemporaryError),
    ):
        await provider.validate()


async def test_credentials_are_in_no_address(provider: Provider, account: Account, emulator: Emulator) -> None:
    """Neither user name nor password is in a URL."""
    await provider.validate()
    await provider.fetch({})
    urls = " ".join(request.url for request in emulator.requests)
    assert urls
    assert USERNAME not in urls or account.protocol.username_in_path
    assert "pass" not in urls


def test_account_hides_its_password(provider: Provider) -> None:
    """The account's own description has no password."""
    assert PASSWORD not in repr(provider._account)  # noqa: SLF001 - the very thing that could be logged
