"""The address of a server, as a person types it."""

import asyncio
import socket
from unittest.mock import patch

import pytest

from custom_components.sms_inbox.providers.addresses import check_url, complete_url
from custom_components.sms_inbox.providers.errors import ConfigurationError


@pytest.mark.parametrize(
    ("typed", "complete"),
    [
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("pi.local:5000", "http://pi.local:5000"),
        ("phone", "http://phone"),
        ("[fd12::1]:8080", "http://[fd12::1]:8080"),
        ("100.101.102.103", "http://100.101.102.103"),
        ("8.8.8.8:8080/x", "https://8.8.8.8:8080/x"),
        ("http://8.8.8.8", "http://8.8.8.8"),
        ("HTTPS://phone", "HTTPS://phone"),
    ],
)
async def test_address_without_a_scheme(typed: str, complete: str) -> None:
    """It is http at home and https elsewhere; what was typed is kept."""
    assert await complete_url(typed) == complete
    check_url(complete, allow_http=True)


@pytest.mark.parametrize(
    ("found", "scheme"),
    [
        (["192.168.178.20"], "http"),
        (["192.168.178.20", "93.184.216.34"], "https"),
        (["93.184.216.34"], "https"),
        (socket.gaierror(), "https"),
    ],
)
async def test_name_without_a_scheme(found: list[str] | Exception, scheme: str) -> None:
    """Of a name that may be anywhere, a look-up says whether it is at home."""
    stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    answer = [found] if isinstance(found, Exception) else [[(*stream, (address, 5000)) for address in found]]
    with patch.object(asyncio.get_running_loop(), "getaddrinfo", side_effect=answer) as look_up:
        assert await complete_url("pi.fritz.box:5000/x") == f"{scheme}://pi.fritz.box:5000/x"
    look_up.assert_called_once_with("pi.fritz.box", 5000, type=socket.SOCK_STREAM)


@pytest.mark.parametrize(
    "typed",
    [
        *("", "/", "/path", "my server", "phone:99999", "phone:port", "ftp://phone", "mailto:anna", "*", "a,b", "<b>"),
        *("anna:secret@phone", "phone?query=1", "phone#fragment", "http://", "http:phone", "[fd12::1"),
    ],
)
async def test_not_an_address(typed: str) -> None:
    """What can't be an address has an error of its own, and nothing is looked up that is none."""
    complete = await complete_url(typed)
    with pytest.raises(ConfigurationError) as raised:
        check_url(complete, allow_http=True)
    assert raised.value.hint == "invalid_url"
