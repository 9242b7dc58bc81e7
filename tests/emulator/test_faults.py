"""Everything that can go wrong on request, and that the book is right about it."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from emulator import Account, Emulator
from emulator.registry import PROTOCOLS

from .conftest import PASSWORD, USERNAME, Client, Reply, serving, until

PATHS = {
    "bulletin": "/api/1/sms/in",
    "bulksms_eapi": f"/reception/get_inbox/1/1.1?username={USERNAME}&password={PASSWORD}&last_retrieved_id=0",
    "bulksms": "/messages",
    "gammu": "/sms",
    "smsgate": "/inbox",
    "voipms": f"/rest.php?api_username={USERNAME}&api_password={PASSWORD}&method=getSMS",
    "clicksend": "/sms/inbound",
    "twilio": f"/2010-04-01/Accounts/{USERNAME}/Messages.json",
    "elks": "/sms",
}
PROVIDERS = tuple(PROTOCOLS)
REFUSALS = {"bulksms_eapi": "23|", "voipms": '{"status": "invalid_credentials"'}
"""What protocols say whose errors are 200 in HTTP's eyes."""


@pytest.fixture
def accounts(emulator: Emulator) -> dict[str, Account]:
    """An account at every provider, with one message."""
    accounts = {provider: emulator.add_account(provider, USERNAME, PASSWORD) for provider in PROVIDERS}
    for account in accounts.values():
        account.send("Hello")
    return accounts


async def fetch(client: Client, provider: str) -> Reply:
    """Ask a provider for messages."""
    return await client.get(provider, PATHS[provider])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("kind", "options", "status", "headers"),
    [
        ("rate_limited", {}, 429, {"Retry-After": None}),
        ("rate_limited", {"retry_after": 120}, 429, {"Retry-After": "120"}),
        (
            "rate_limited",
            {"retry_after": "Sat, 21 Nov 2026 10:05:00 GMT"},
            429,
            {"Retry-After": "Sat, 21 Nov 2026 10:05:00 GMT"},
        ),
        ("server_error", {}, 500, {"Retry-After": None}),
        ("server_error", {"status": 503, "retry_after": 7}, 503, {"Retry-After": "7"}),
        ("html", {}, 200, {"Content-Type": "text/html; charset=utf-8"}),
        ("redirect", {"location": "http://127.0.0.1:1/x"}, 302, {"Location": "http://127.0.0.1:1/x"}),
        ("redirect", {"location": "/y", "status": 307}, 307, {"Location": "/y"}),
        ("redirect", {"location": "http://["}, 302, {"Location": "http://["}),
        ("bad_json", {}, 200, {}),
        ("garbage", {}, 200, {}),
        ("oversized", {"size": 300_000}, 200, {"Transfer-Encoding": "chunked", "Content-Length": None}),
    ],
)
async def test_replaced_answer(
    client: Client,
    emulator: Emulator,
    accounts: dict[str, Account],
    *,
    provider: str,
    kind: str,
    options: dict[str, Any],
    status: int,
    headers: dict[str, str | None],
) -> None:
    """Once another answer comes, which hands nothing over; then all is well."""
    emulator.fault(provider, kind, **options)
    reply = await fetch(client, provider)
    assert reply.status == status
    assert {key: reply.headers.get(key) for key in headers} == headers
    assert emulator.requests[-1].status == status
    assert (emulator.book, accounts[provider].messages[0].read) == ([], False)
    assert b"Hello" in (await fetch(client, provider)).body


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.usefixtures("accounts")
async def test_unauthorized(client: Client, emulator: Emulator, provider: str) -> None:
    """Good credentials are refused in the provider's way."""
    emulator.fault(provider, "unauthorized")
    reply = await fetch(client, provider)
    assert reply.status == (200 if provider in REFUSALS else 401)
    assert reply.text.startswith(REFUSALS.get(provider, ""))
    assert not emulator.book


@pytest.mark.parametrize("code", [22, 24, 40])
@pytest.mark.usefixtures("accounts")
async def test_code(client: Client, emulator: Emulator, code: int) -> None:
    """The EAPI has error codes of its own."""
    emulator.fault("bulksms_eapi", "code", code=code)
    reply = await fetch(client, "bulksms_eapi")
    assert (reply.status, reply.text.split("|")[0], reply.text[-1]) == (200, str(code), "|")


@pytest.mark.usefixtures("accounts")
async def test_bodies(client: Client, emulator: Emulator) -> None:
    """What bad answers consist of."""
    emulator.fault("bulksms", "oversized")
    assert len((await fetch(client, "bulksms")).body) == 5 * 1024 * 1024
    emulator.fault("bulksms", "bad_json")
    with pytest.raises(ValueError, match="line 1"):
        json.loads((await fetch(client, "bulksms")).text)
    emulator.fault("bulksms", "garbage")
    with pytest.raises(UnicodeDecodeError):
        _ = (await fetch(client, "bulksms")).text


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_cut(client: Client, emulator: Emulator, accounts: dict[str, Account], provider: str) -> None:
    """Half an answer was not handed over, but what it held may be gone."""
    emulator.fault(provider, "cut")
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(client, provider)
    (message,) = accounts[provider].messages
    assert message.read == (provider == "bulletin")
    assert (message.fetched_at, message.fetches) == (None, 0)
    assert emulator.requests[-1].message_ids == (message.message_id,)
    assert not emulator.book
    status = (await fetch(client, provider)).status
    assert status == (204 if provider == "bulletin" else 200)


async def test_cut_waits_for_a_body(client: Client, emulator: Emulator, accounts: dict[str, Account]) -> None:
    """An answer without a body can't be cut."""
    assert (await fetch(client, "bulletin")).status == 200
    emulator.fault("bulletin", "cut")
    assert (await fetch(client, "bulletin")).status == 204
    accounts["bulletin"].send("next")
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(client, "bulletin")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_slow(client: Client, emulator: Emulator, accounts: dict[str, Account], provider: str) -> None:
    """A dribbled answer is whole in the end."""
    emulator.fault(provider, "slow", seconds=0.05)
    assert b"Hello" in (await fetch(client, provider)).body
    await until(lambda: emulator.book)
    assert accounts[provider].messages[0].fetches == 1


async def test_leaving_during_a_slow_answer(client: Client, emulator: Emulator, accounts: dict[str, Account]) -> None:
    """An answer that nobody waited for was not handed over."""
    emulator.fault("bulletin", "slow", seconds=60)
    poll = asyncio.create_task(fetch(client, "bulletin"))
    await until(lambda: emulator.requests and emulator.requests[0].status)
    server_side = serving()
    poll.cancel()
    await asyncio.wait([server_side])
    (message,) = accounts["bulletin"].messages
    assert (message.read, message.fetched_at, emulator.book) == (True, None, [])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("consume", [False, True])
async def test_dropped(
    client: Client, emulator: Emulator, accounts: dict[str, Account], provider: str, *, consume: bool
) -> None:
    """A closed connection is no answer; whether a message went with it depends."""
    emulator.fault(provider, "dropped", count=None, consume=consume)  # aiohttp tries a GET twice
    with pytest.raises(aiohttp.ClientConnectionError):
        await fetch(client, provider)
    assert emulator.requests[-1].status is None
    assert accounts[provider].messages[0].read == (consume and provider == "bulletin")
    assert not emulator.book


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_stall(client: Client, emulator: Emulator, accounts: dict[str, Account], provider: str) -> None:
    """The answer comes late, and nothing is taken before."""
    emulator.fault(provider, "stall", seconds=60)
    call = asyncio.create_task(client.get(provider, PATHS[provider]))
    await until(lambda: emulator.requests)
    await asyncio.wait({call}, timeout=0.05)
    assert not call.done()
    call.cancel()
    assert not accounts[provider].messages[0].read
    emulator.fault(provider, "stall", seconds=0.01)
    assert b"Hello" in (await fetch(client, provider)).body


@pytest.mark.usefixtures("accounts")
async def test_count(client: Client, emulator: Emulator) -> None:
    """A fault happens so many times."""
    emulator.fault("bulksms", "server_error", count=2)
    assert [(await fetch(client, "bulksms")).status for _ in range(3)] == [500, 500, 200]


@pytest.mark.usefixtures("accounts")
async def test_until_cleared(client: Client, emulator: Emulator) -> None:
    """Without a count it goes on until cleared."""
    emulator.fault("bulksms", "server_error", count=None)
    assert {(await fetch(client, "bulksms")).status for _ in range(5)} == {500}
    emulator.clear_faults()
    assert (await fetch(client, "bulksms")).status == 200


@pytest.mark.usefixtures("accounts")
async def test_aim(client: Client, emulator: Emulator) -> None:
    """A fault can be meant for a provider, a user name and an address."""
    emulator.fault("bulksms", "server_error", username="other")
    emulator.fault("bulksms", "html", path="/profile")
    emulator.fault("bulletin", "server_error", status=502)
    assert (await fetch(client, "bulksms")).status == 200
    assert (await client.get("bulksms", "/profile")).text.startswith("<!DOCTYPE html>")
    assert (await fetch(client, "bulletin")).status == 502


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.usefixtures("accounts")
async def test_location_that_is_none(client: Client, emulator: Emulator, provider: str) -> None:
    """A redirect can lead to what no client can read as an address."""
    emulator.fault(provider, "redirect", location="http://[")
    with pytest.raises(aiohttp.InvalidURL):
        await client.get(provider, PATHS[provider], allow_redirects=True)


@pytest.mark.parametrize(
    ("kind", "options", "statuses"),
    [
        ("server_error", {"skip": 1}, [200, 500, 200, 200]),
        ("server_error", {"skip": 2, "count": None}, [200, 200, 500, 500]),
        ("server_error", {"skip": 0, "count": 2}, [500, 500, 200, 200]),
        ("server_error", {"where": {"limit": "2", "sortOrder": "ASCENDING"}}, [200, 200, 500, 200]),
        ("server_error", {"where": {"limit": "3"}, "count": None}, [200, 200, 200, 200]),
        ("server_error", {"where": {"limit": "2"}, "skip": 1}, [200, 200, 200, 500]),
        ("slow", {"skip": 3, "seconds": 0}, [200, 200, 200, 200]),
    ],
)
@pytest.mark.usefixtures("accounts")
async def test_one_page(
    client: Client, emulator: Emulator, kind: str, options: dict[str, Any], statuses: list[int]
) -> None:
    """A fault can let some pages of a list pass, or be meant for a page by what asks for it."""
    emulator.fault("bulksms", kind, path="/messages", **options)
    assert (await client.get("bulksms", "/profile")).status == 200
    paths = [f"/messages?limit={limit}&sortOrder=ASCENDING" for limit in (1, 1, 2, 2)]
    assert [(await client.get("bulksms", path)).status for path in paths] == statuses
    assert not [fault for fault in emulator.faults.pending if fault.count and not fault.where]


@pytest.mark.usefixtures("accounts")
async def test_form_field(client: Client, emulator: Emulator) -> None:
    """A field counts in a form as it does in a query."""
    emulator.fault("voipms", "server_error", where={"method": "getSMS"})
    form = {"api_username": USERNAME, "api_password": PASSWORD}
    url = emulator.url("voipms") + "/rest.php"
    for method, status in (("getBalance", 200), ("getSMS", 500)):
        assert (await client.ask("POST", url, headers={}, data={**form, "method": method})).status == status


@pytest.mark.usefixtures("accounts")
async def test_skipped_by_each_fault(client: Client, emulator: Emulator) -> None:
    """Faults count the requests each for itself, also those which another one hits."""
    emulator.fault("bulksms", "server_error", skip=1)
    emulator.fault("bulksms", "rate_limited", skip=2)
    emulator.fault("bulksms", "cut", skip=3)
    assert [(await fetch(client, "bulksms")).status for _ in range(3)] == [200, 500, 429]
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(client, "bulksms")


async def test_skipped_held_call(client: Client, emulator: Emulator) -> None:
    """A request that is held already is the first to pass, once, however often it looks for messages."""
    emulator.hold = 60
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    poll = asyncio.create_task(fetch(client, "bulletin"))
    await until(lambda: emulator.requests)
    emulator.fault("bulletin", "server_error", skip=1)
    for _ in range(3):
        account.wake()
        await asyncio.sleep(0)
    account.send("Hello")
    assert (await poll).status == 200
    assert (await fetch(client, "bulletin")).status == 500


@pytest.mark.usefixtures("accounts")
async def test_in_the_order_planned(client: Client, emulator: Emulator) -> None:
    """Several faults happen one after the other."""
    emulator.fault("bulksms", "server_error")
    emulator.fault("bulksms", "rate_limited")
    assert [(await fetch(client, "bulksms")).status for _ in range(3)] == [500, 429, 200]


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("unauthorized", 401), ("rate_limited", 429)])
async def test_held_call(client: Client, emulator: Emulator, kind: str, status: int) -> None:
    """A fault ends a hold: that call's answer is the next one."""
    emulator.hold = 60
    emulator.add_account("bulletin", USERNAME, PASSWORD)
    poll = asyncio.create_task(fetch(client, "bulletin"))
    await until(lambda: emulator.requests)
    emulator.fault("bulletin", kind)
    assert (await poll).status == status
    assert not emulator.faults.pending


async def test_held_call_is_cut(client: Client, emulator: Emulator) -> None:
    """A cut planned during a hold hits the message that ends it."""
    emulator.hold = 60
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    poll = asyncio.create_task(fetch(client, "bulletin"))
    await until(lambda: emulator.requests)
    emulator.fault("bulletin", "cut")
    message = account.send("lost")
    with pytest.raises(aiohttp.ClientPayloadError):
        await poll
    assert (message.read, message.fetches) == (True, 0)


@pytest.mark.parametrize(
    ("provider", "kind", "options"),
    [
        ("nobody", "html", {}),
        ("bulletin", "unknown", {}),
        ("bulletin", "code", {"code": 22}),
        ("bulletin", "html", {"seconds": 1}),
        ("bulletin", "html", {"count": 0}),
        ("bulletin", "html", {"skip": -1}),
        ("bulletin", "html", {"where": {"page": 2}}),
        ("bulletin", "redirect", {}),
        ("bulletin", "redirect", {"location": 5}),
        ("bulletin", "slow", {"seconds": "long"}),
        ("bulletin", "slow", {"seconds": -1}),
        ("bulletin", "oversized", {"size": 1.5}),
        ("bulletin", "dropped", {"consume": 1}),
        ("bulletin", "server_error", {"status": 99}),
        ("bulletin", "rate_limited", {"retry_after": 1.5}),
    ],
)
def test_refused(emulator: Emulator, provider: str, kind: str, options: dict[str, Any]) -> None:
    """A fault that makes no sense is refused with a sentence."""
    with pytest.raises(ValueError, match=r"\.$"):
        emulator.fault(provider, kind, **options)
    assert not emulator.faults.pending
