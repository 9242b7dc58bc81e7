"""Signatures that only some apps and services make, each in its own way; see `signatures` for the usual kinds."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
import hmac
import math
import re
from typing import Any, override
from urllib.parse import parse_qsl, unquote

import jwt
from jwt.types import Options
from yarl import URL

from .contract import WebhookRequest
from .errors import RefusedWebhookError
from .parsing import as_sent, text_of
from .signatures import Hmac, Signature
from .signed import REPLAY_SECONDS, addresses_of, check_time, digest_of, fields_of, is_equal

DAY = 86_400.0
SMSGATE = Hmac(header="X-Signature", signed="{body}{time}", time_header="X-Timestamp")
"""That of SMS Gateway for Android, on a phone and in its cloud."""

SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""For PyJWT, whose clock is not that of the request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Jwt(Signature):
    """A JSON Web Token (RFC 7519) with a keyed hash, in a header; it says for which address and until when it is.

    Attributes:
        header: Name of the header; `Bearer ` may stand before the token.
        issuer: Who must have made it.
        algorithms: The only hashes that are accepted.
        hashes: Whether it has the hashes of the address and of the body (`url_hash`, `payload_hash`). Otherwise it has
            the address itself (`aud`), and the body isn't signed.
        leeway: By how many seconds clocks may differ.
    """

    header: str
    issuer: str
    algorithms: tuple[str, ...]
    hashes: bool = False
    leeway: float = 0.0

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        claims = self._claims(request.headers.get(self.header, ""), key)
        now = request.at.timestamp()
        if not is_equal(text_of(claims.get("iss")), self.issuer):
            raise RefusedWebhookError("signed by somebody else")
        if not now < _number(claims.get("exp"), -math.inf) + self.leeway:
            raise RefusedWebhookError("signed too long ago")
        if "nbf" in claims and not now >= _number(claims["nbf"], math.inf) - self.leeway:
            raise RefusedWebhookError("signed in the future")
        if not (self._has_hashes(claims, request) if self.hashes else _is_addressed(claims, request)):
            raise RefusedWebhookError("signed for something else")
        return request

    def _claims(self, header: str, key: str) -> dict[str, Any]:
        """Return what a token says, once its signature is verified; times are looked at later, by the request's own."""
        token = header[7:] if header[:7].lower() == "bearer " else header
        try:
            return jwt.decode(token, key, algorithms=list(self.algorithms), options=SIGNATURE_ONLY)
        except jwt.PyJWTError, ValueError, TypeError, RecursionError:
            raise RefusedWebhookError("wrong signature") from None

    @staticmethod
    def _has_hashes(claims: Mapping[str, Any], request: WebhookRequest) -> bool:
        """Whether the hashes are those of the address and of the body; without a body there is none of it."""
        given = text_of(claims.get("url_hash"))
        is_there = any(is_equal(given, digest_of("sha256", as_sent(url)).hex()) for url in addresses_of(request.url))
        payload = claims.get("payload_hash")
        if not request.body:
            return is_there and not payload
        return is_there and is_equal(text_of(payload), digest_of("sha256", request.body).hex())


@dataclass(frozen=True, kw_only=True, slots=True)
class PlivoSignature(Signature):
    """Plivo's: version 3 signs address, query and form; version 2, without any header of 3, only the address."""

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        names = ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
        if any(name in request.headers for name in (*names, "X-Plivo-Signature-V3-Nonce")):
            given = ",".join(request.headers.get(name, "") for name in names)
            nonce = request.headers.get("X-Plivo-Signature-V3-Nonce", "")
            contents = [f"{base}.{nonce}" for base in _plivo_bases(request)] if nonce else []
        else:
            given = request.headers.get("X-Plivo-Signature-V2", "")
            nonce = request.headers.get("X-Plivo-Signature-V2-Nonce", "")
            contents = [address.partition("?")[0] + nonce for address in addresses_of(request.url)] if nonce else []
        expected = [
            base64.b64encode(hmac.digest(as_sent(key), as_sent(content), "sha256")).decode() for content in contents
        ]
        if not any(is_equal(one.strip(), other) for one in given.split(",") for other in expected):
            raise RefusedWebhookError("wrong signature")
        return request


@dataclass(frozen=True, kw_only=True, slots=True)
class VonageSignature(Signature):
    """Vonage's: all fields by name, with one of the hashes that an account can choose.

    It repeats a request for a day and doesn't say that it signs it anew, so the window is a day; a repeat in it is
    recognized by the message's id.
    """

    window: float = DAY + REPLAY_SECONDS

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        pairs = fields_of(request)
        fields = dict(pairs)
        given = fields.pop("sig", "").lower()
        # The hash doesn't tell a name from a value, so odd names could be others in disguise.
        if len(fields) != len(pairs) - 1 or any(set(name) & set("&=") for name in fields):
            raise RefusedWebhookError("wrong signature")
        text = "".join(f"&{name}={re.sub('[&=]', '_', value)}" for name, value in sorted(fields.items()))
        expected = [
            hmac.digest(as_sent(key), as_sent(text), algorithm).hex()
            for algorithm in ("md5", "sha1", "sha256", "sha512")
        ]
        expected.append(digest_of("md5", as_sent(text) + as_sent(key)).hex())
        if not any(is_equal(given, other) for other in expected):
            raise RefusedWebhookError("wrong signature")
        check_time(fields.get("timestamp", ""), request, self.window)
        return request


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsForwarderSignature(Signature):
    """SmsForwarder's: it signs the time of the request, not the text; the window is that of its own server."""

    window: float = 600.0

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        fields = dict(fields_of(request))
        time = fields.get("timestamp", "")
        expected = base64.b64encode(hmac.digest(as_sent(key), as_sent(f"{time}\n{key}"), "sha256")).decode()
        # It is escaped by the app, whatever the request escapes.
        if not is_equal(unquote(fields.get("sign", "")).replace(" ", "+"), expected):
            raise RefusedWebhookError("wrong signature")
        check_time(time, request, self.window, per_second=1000)
        return request


def _number(value: Any, otherwise: float) -> float:
    """Return a number of JSON, else what is given: also for one that is none, or too large."""
    try:
        number = float(value) if isinstance(value, int | float) else otherwise
    except OverflowError:
        return otherwise
    return number if math.isfinite(number) else otherwise


def _is_addressed(claims: Mapping[str, Any], request: WebhookRequest) -> bool:
    """Whether a token is for our address, which a person may have typed with other letters in the host's name."""
    named = claims.get("aud")
    audience = named if isinstance(named, list) else [named]
    return any(_normal(text_of(one)) in map(_normal, addresses_of(request.url)) for one in audience)


def _normal(address: str) -> str:
    """Return an address with its scheme and host in small letters; empty for what is none."""
    try:
        url = URL(address, encoded=True)
    except ValueError:
        return ""
    return f"{url.scheme}://{str(url.host_port_subcomponent).lower()}{url.raw_path_qs}" if url.host else ""


def _plivo_bases(request: WebhookRequest) -> list[str]:
    """Return what version 3 signs, but for the nonce: an address may be signed with its port or without."""
    if request.body and not request.is_form:
        return []
    query = sorted(parse_qsl(request.url.raw_query_string, keep_blank_values=True))
    form = sorted(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    tail = "&".join(f"{name}={value}" for name, value in query) + ("." if query and form else "")
    tail += "".join(name + value for name, value in form)
    return [address.partition("?")[0] + (f"?{tail}" if tail else "") for address in addresses_of(request.url)]
