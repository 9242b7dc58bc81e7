"""Secrets stay where they belong."""

from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
import ipaddress
import logging
from pathlib import Path
import ssl
import threading
import traceback
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DEFAULT_RETENTION_DAYS
from custom_components.sms_inbox.inbox import Inbox
from custom_components.sms_inbox.providers.http import MAXIMUM_BODY
from custom_components.sms_inbox.store import Store
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from tests.conftest import PASSWORD, Clock, broken_store, set_up, settle, texts

SECRET = "Gate code xyzzy4711"
DAY = 24 * 3600.0

REQUESTS = {"clicksend": 2}
"""How many requests there are at a start where the first one fails, if it is more than one: settings are looked at."""


async def everything_goes_wrong(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, clock: Clock
) -> list[str]:
    """Let each fault happen with a message under way; return how the errors print, with all that led to them."""
    printed: list[str] = []
    await set_up(hass, entry)
    account.send(SECRET)
    account.send_raw(f'"{SECRET}"'.encode())
    await clock.advance(31)
    for fault in ("server_error", "html", "oversized", "dropped", "cut", "garbage", "bad_json", "unauthorized"):
        account.send(SECRET)
        emulator.fault(account.provider, fault)
        await clock.advance(31)
        if err := entry.runtime_data.last_exception:
            printed.append("".join(traceback.format_exception(err)) + repr(err))
        await clock.advance(1000)
    with broken_store("receive"):
        account.send(SECRET)
        await clock.advance(31)
    await clock.advance(1000)
    return printed


async def test_no_secret_is_told(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    clock: Clock,
    received: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Logs at every level, errors with their causes, issues and requested addresses have no password and no text."""
    caplog.set_level(logging.DEBUG)
    told = await everything_goes_wrong(hass, entry, account, emulator, clock)
    assert texts(received).count(SECRET) >= 3
    ours = [record for record in caplog.records if record.name.startswith(("custom_components.sms_inbox", "aiohttp"))]
    told += [logging.Formatter().format(record) for record in ours]
    told += [request.url for request in emulator.requests]
    told += [str(issue) for issue in hass.data["issue_registry"].issues.values()]
    told += [repr(entry.reason), entry.title, str(entry.unique_id)]
    everything = "\n".join(told)
    assert "Page of" in everything
    assert PASSWORD not in everything
    assert "xyzzy4711" not in everything


async def test_flow_keeps_no_secret(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What a flow in progress shows of itself has no password."""
    await set_up(hass, entry)
    await entry.start_reauth_flow(hass)
    assert PASSWORD not in str([flow["context"] for flow in hass.config_entries.flow.async_progress()])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    encoding = serialization.Encoding.PEM
    key_form = serialization.PrivateFormat.PKCS8
    path.write_bytes(built.public_bytes(encoding) + key.private_bytes(encoding, key_form, serialization.NoEncryption()))
    return path


async def test_certificate_that_nobody_vouches_for(
    hass: HomeAssistant, entry: MockConfigEntry, certificate: Path
) -> None:
    """The server gets no request, and so no password."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        """Remember what is asked."""

        def do_GET(self) -> None:
            """Take a request."""
            asked.append(self.path)

        do_POST = do_GET  # noqa: N815 - the names are the library's

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"https://127.0.0.1:{server.server_port}"
        hass.config_entries.async_update_entry(entry, data={**entry.data, "url": url})
        await set_up(hass, entry)
        await hass.async_add_executor_job(server.shutdown)
        thread.join()
    assert entry.state is ConfigEntryState.LOADED
    assert "Certificate" in str(entry.runtime_data.last_exception)
    assert not asked


async def test_redirect_carries_no_password_elsewhere(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str
) -> None:
    """Another server, or another port, is never asked."""
    asked: list[web.BaseRequest] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            emulator.fault(provider, "redirect", location=str(elsewhere.make_url("/")), status=status)
            if entry.state is ConfigEntryState.LOADED:
                await hass.config_entries.async_unload(entry.entry_id)
            await set_up(hass, entry)
            assert "redirects to another one" in str(entry.runtime_data.last_exception)
    assert not asked


async def test_endless_answer_is_cut_off(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An answer beyond the limit is not read to its end."""
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * MAXIMUM_BODY:
            await response.write(b"x" * 65536)
            sent += 65536
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        hass.config_entries.async_update_entry(entry, data={**entry.data, "url": str(server.make_url("/"))})
        await set_up(hass, entry)
    assert "larger" in str(entry.runtime_data.last_exception)
    assert sent < 2 * REQUESTS.get(entry.data["provider"], 1) * MAXIMUM_BODY


async def test_cookies_are_not_kept(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A server can't take one account for another."""
    cookies: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(status=500, headers={"Set-Cookie": "session=anna; Path=/"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        hass.config_entries.async_update_entry(entry, data={**entry.data, "url": str(server.make_url("/"))})
        await set_up(hass, entry)
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    assert cookies == [None] * 2 * REQUESTS.get(entry.data["provider"], 1)


async def test_old_texts_are_gone_from_the_file(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    freezer: FrozenDateTimeFactory,
) -> None:
    """After the retention neither text nor sender is in any file; the identity is, so nothing fires again."""
    await set_up(hass, entry)
    sent = account.send(SECRET, sender="+447700909999", message_id="4242")
    account.send_raw(b'"unreadable xyzzy4711"')
    await clock.advance(31)
    await clock.advance(31)
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]

    def content() -> bytes:
        return b"".join(path.read_bytes() for path in store.path.parent.glob("sms_inbox.db*"))

    assert b"xyzzy4711" in content()
    account.messages.clear()
    freezer.tick(timedelta(days=DEFAULT_RETENTION_DAYS, seconds=1))
    await clock.advance(DAY, step=DAY)
    assert b"xyzzy4711" not in content()
    assert b"7700909999" not in content()
    assert b"4242" in content()
    account.send(SECRET, sender=sent.sender, message_id="4242", received_at=sent.received_at)
    await hass.config_entries.async_reload(entry.entry_id)
    await clock.advance(31)
    assert texts(received) == [SECRET]


async def test_erasing_happens_daily(hass: HomeAssistant, entry: MockConfigEntry, clock: Clock) -> None:
    """Nobody has to ask for it; what is not delivered yet is never erased."""
    await set_up(hass, entry)
    with patch.object(Inbox, "async_prune") as prune:
        await clock.advance(25 * 3600, step=600)
    assert prune.call_count == 1


async def test_removed_account_is_gone_from_the_file(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, clock: Clock
) -> None:
    """With the account all of its texts go."""
    await set_up(hass, entry)
    account.send(SECRET)
    await clock.advance(31)
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]
    await hass.config_entries.async_remove(entry.entry_id)
    assert b"xyzzy4711" not in b"".join(path.read_bytes() for path in store.path.parent.glob("sms_inbox.db*"))
