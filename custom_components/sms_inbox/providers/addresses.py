"""Addresses of servers: completed, checked, and whether they lead into the local network."""

import asyncio
from ipaddress import ip_address, ip_network
import re
import socket
from typing import Final

from yarl import URL

from .errors import ConfigurationError, InsecureAddressError, TemporaryError

LOCAL_NAMES: Final = (".local", ".localhost", ".lan", ".home.arpa", ".internal")
SHARED: Final = ip_network("100.64.0.0/10")
HOST: Final = re.compile(r"[\w.:%-]+")


async def complete_url(address: str) -> str:
    """Return a server's address with http or https in front, where a person has left that out.

    It is http if the host is in the local network, as far as its name or a look-up says, and https for all others.
    What can't be an address is returned as it is, and `check_url` refuses it.
    """
    if "://" in address:
        return address
    try:
        url = URL(f"https://{address}")
        is_at_home = is_local(url.host or "") or await leads_home(url)
    except ValueError, TemporaryError:
        is_at_home = False
    return f"{'http' if is_at_home else 'https'}://{address}"


async def leads_home(url: URL) -> bool:
    """Whether all addresses behind a server's name are in the local network.

    Raises:
        TemporaryError: It can't be looked up.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise TemporaryError(f"no such host: {type(err).__name__}") from None
    return all(is_local(str(address[4][0])) for address in found)


def check_url(address: str, *, allow_http: bool = False) -> URL:
    """Return the server's address as a URL: https, or http where that is allowed, or the host may be local.

    Whether a name with a dot is local is only known once it is looked up, see `HttpClient.request`.

    Raises:
        ConfigurationError: It is no address of a server, or one that must not get a password.
    """
    try:
        url = URL(address.strip().rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or url.user or url.query_string or url.fragment:
        raise ConfigurationError("the server address is no http or https address", hint="invalid_url")
    if not url.host or not HOST.fullmatch(url.host):
        raise ConfigurationError("the server address has no valid host", hint="invalid_url")
    if url.scheme == "http" and not allow_http and _is_remote(url.host):
        raise InsecureAddressError("plain http is only for a server in the local network")
    return url


def is_local(host: str) -> bool:
    """Whether a host is in the local network, as far as its name or address says.

    Local are private and link-local addresses, shared ones (100.64.0.0/10, which VPNs such as Tailscale use), this
    machine, and names that can't be in the public DNS.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.endswith(LOCAL_NAMES)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_private or address.is_link_local or address in SHARED


def _is_remote(host: str) -> bool:
    """Whether a host is an address outside the local network; of a name that isn't known before it is looked up."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not is_local(host)
