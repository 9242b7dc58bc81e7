"""What an error says: the vendor's own word, and nothing else of an answer."""

from itertools import product
import json
from typing import Any

import aiohttp
import pytest

from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Account, Provider
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)

from .conftest import PASSWORD, CannedAnswers, CannedServer

TWILIO = {"code": 20403, "message": "Account of Anna is suspended", "more_info": "https://x/20403", "status": 403}
PROBLEM = {"type": "https://developer.bulksms.com/json/v1/errors#forbidden", "title": "Forbidden", "detail": "Anna"}
TITLE = {"type": "about:blank", "title": "Not Authorized", "status": 403, "detail": "Anna"}
CLICKSEND = {"http_code": 403, "response_code": "ACCOUNT_NOT_ACTIVATED", "response_msg": "Anna's", "data": None}

ODD_ERRORS = ("[]", "null", '{"code": ["x"]}', '{"code": 5.5}', '{"code": "two words, 5"}', "[" * 99999)
LOCATIONS = ("http://[", "", "//", "http://a:b@[::1", "https://elsewhere.example/", "mailto:a", "http://x:99999999/")


def make(session: aiohttp.ClientSession, source: CannedAnswers | CannedServer, key: str) -> Provider:
    """Return a provider that gets canned answers."""
    return PROVIDERS[key](session, Account(username="anna", password=PASSWORD, url=source.url("/x")))


@pytest.mark.parametrize(
    ("key", "status", "body", "error", "reason"),
    [
        ("twilio", 403, TWILIO, ConfigurationError, "HTTP status 403, 20403"),
        ("twilio", 401, TWILIO | {"code": 20003}, AuthenticationError, "HTTP status 401, 20003"),
        ("twilio", 429, TWILIO | {"code": 20429}, RateLimitedError, "HTTP status 429, 20429"),
        ("twilio", 403, TWILIO | {"code": 447700900123}, ConfigurationError, "HTTP status 403"),
        ("twilio", 503, "<html>Anna</html>", TemporaryError, "HTTP status 503"),
        ("bulksms", 403, PROBLEM, ConfigurationError, "HTTP status 403, forbidden"),
        ("bulksms", 403, TITLE, ConfigurationError, "HTTP status 403, not-authorized"),
        ("bulksms", 400, {"type": "#bad-request"}, ConfigurationError, "HTTP status 400, bad-request"),
        ("bulksms", 400, {"type": "Anna 5", "title": "5 of Anna"}, ConfigurationError, "HTTP status 400"),
        ("clicksend", 403, CLICKSEND, ConfigurationError, "HTTP status 403, ACCOUNT_NOT_ACTIVATED"),
        ("clicksend", 200, CLICKSEND, ConfigurationError, "HTTP status 200, ACCOUNT_NOT_ACTIVATED"),
        ("clicksend", 200, CLICKSEND | {"response_code": "SUCCESS"}, ProtocolError, "the answer has no data"),
        ("elks", 403, "Missing key", ConfigurationError, "HTTP status 403, missing_key"),
        ("elks", 403, "Anna has no key", ConfigurationError, "HTTP status 403"),
        ("smsgate", 403, {"code": "insufficient_scope", "message": "Anna"}, ConfigurationError, "insufficient_scope"),
        ("smsgate", 400, {"message": "Invalid type of Anna"}, ConfigurationError, "HTTP status 400"),
        ("gammu", 500, {"code": "busy", "message": "Anna"}, TemporaryError, "HTTP status 500, busy"),
        ("gammu", 500, {"message": "Anna"}, TemporaryError, "HTTP status 500"),
        ("voipms", 200, {"status": "ip_not_enabled", "message": "Anna"}, ConfigurationError, "status ip_not_enabled"),
        ("voipms", 200, {"status": "something_new"}, ProtocolError, "status something_new"),
        ("voipms", 500, {"status": "tls_error"}, TemporaryError, "HTTP status 500, tls_error"),
        ("bulksms_eapi", 200, "23|invalid credentials of Anna|", AuthenticationError, "status code 23"),
        ("bulksms_eapi", 200, "40|temporarily unavailable|", TemporaryError, "status code 40"),
        ("bulletin", 403, "<h1>Anna may not</h1>", ConfigurationError, "HTTP status 403"),
    ],
)
async def test_reason(
    session: aiohttp.ClientSession,
    canned: CannedAnswers,
    key: str,
    status: int,
    body: Any,
    error: type[ProviderError],
    reason: str,
) -> None:
    """It has the vendor's constant, by which its support can help, and no text with values in it."""
    canned.answer = {"status": status, "text": body if isinstance(body, str) else json.dumps(body)}
    with pytest.raises(error) as raised:
        await make(session, canned, key).fetch({})
    assert str(raised.value).endswith(reason)
    assert "Anna" not in str(raised.value)


@pytest.mark.parametrize("key", [key for key in PROVIDERS if key != "webhook"])
async def test_odd_errors(
    session: aiohttp.ClientSession, canned: CannedAnswers, subtests: pytest.Subtests, key: str
) -> None:
    """An answer without a word, or with anything else in its place, is the error of its status."""
    provider = make(session, canned, key)
    for body, name in product(ODD_ERRORS, ("code", "type", "status", "response_code")):
        canned.answer = {"status": 403, "text": body.replace("code", name)}
        with (
            subtests.test(name, body=body[:80]),
            pytest.raises(ConfigurationError, match=r"^HTTP status 403$"),
        ):
            await provider.fetch({})


@pytest.mark.parametrize("key", [key for key in PROVIDERS if key != "webhook"])
async def test_redirect_to_nowhere(
    session: aiohttp.ClientSession, server: CannedServer, subtests: pytest.Subtests, key: str
) -> None:
    """The server is at fault, and gets no uncaught exception out of us."""
    for location in LOCATIONS:
        server.answer = {"status": 302, "headers": {"Location": location}}
        with subtests.test(location=location), pytest.raises(ConfigurationError, match="redirects"):
            await make(session, server, key).fetch({})
