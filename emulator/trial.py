"""Sending the request of an app or service to a webhook of SMS Inbox, as the page asks for."""

import asyncio
from ipaddress import ip_address
import socket
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from .guide import ZONE, signing_key
from .senders import SENDERS, build, send

SHOWN = 300
"""How many characters of an answer are shown."""


async def send_as(preset: str, url: str, *, signed: bool = False, **fields: Any) -> dict[str, Any]:
    """Send a message as an app or service would; return the status and the body of the answer.

    Args:
        preset: The key of the app's or service's preset.
        url: The webhook's URL; only this machine and its local network get requests.
        signed: Whether the request is signed with the key that the page shows.
        fields: The sender and the text.

    Raises:
        ValueError: The request can't be sent; the text says why.
    """
    if preset not in SENDERS:
        raise ValueError(f"The presets are: {', '.join(SENDERS)}.")
    await _check(url)
    key = signing_key(preset) if signed else ""
    outgoing = build(preset, url, key=key, zone=ZoneInfo(ZONE), **fields)
    try:
        status, _, body = await send(outgoing)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ValueError(f"No answer from there: {error}.") from None
    return {"status": status, "body": body[:SHOWN]}


async def _check(url: str) -> None:
    """Raise ValueError for a URL that leads neither to this machine nor to its local network."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port, parts = None, 80, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("Paste the webhook URL as SMS Inbox shows it; it begins with http.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise ValueError(f"There is no host {host}.") from None
    addresses = [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    if not all(address.is_private or address.is_link_local for address in addresses):
        raise ValueError("This page sends only to this machine and its local network.")
