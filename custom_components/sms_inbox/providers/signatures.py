"""Signatures of webhook requests, for the presets and for what a person describes.

Each kind names what it signs. Hashes and keys are compared in constant time. Where a kind signs a time, the time must
be in its place and recent: a request without it, or with it elsewhere, is refused. Whatever a request holds, nothing
but `RefusedWebhookError` is raised.
"""

from abc import ABC, abstractmethod
import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
import hmac
import json
import math
import re
from typing import Any, Literal, override
from urllib.parse import parse_qsl, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import jwt
from jwt.types import Options
from yarl import URL

from .contract import WebhookRequest
from .errors import RefusedWebhookError
from .parsing import text_of

ALGORITHMS = ("sha256", "sha1", "sha512")
ENCODINGS = ("hex", "base64")
TEMPLATES = {
    "body": "{content}",
    "body_only": "{content}",
    "body_time": "{content}{time}",
    "time_body": "{time}{content}",
    "time_dot_body": "{time}.{content}",
    "url_body": "{url}{body}",
}
SIGNED = (*TEMPLATES, "token")
"""What a person can say that is signed, see `described`."""

REPLAY_SECONDS = 300.0
DAY = 86_400.0
EARLIEST = 1_700_000_000
"""No request was signed before (seconds since 1970)."""

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

type Algorithm = Literal["md5", "sha1", "sha256", "sha384", "sha512"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature(ABC):
    """One way in which webhook requests are signed."""

    def verify(self, request: WebhookRequest, key: str) -> WebhookRequest:
        """Refuse a request that isn't signed with the key, or was signed too long ago.

        Returns:
            The request, without its query where that isn't signed while something else is: only this may be read.

        Raises:
            RefusedWebhookError: It is not the sender's.
        """
        if not key:
            raise RefusedWebhookError("no signing key")
        return self._verified(request, key)

    @abstractmethod
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        """Return what `verify` does; the key is not empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing(Signature):
    """A description that makes no sense: every request is refused."""

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        raise RefusedWebhookError("unknown kind of signature")


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstThatFits(Signature):
    """Several ways, one of which is enough."""

    ways: tuple[Signature, ...]

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        *others, last = self.ways
        for way in others:
            try:
                return way.verify(request, key)
            except RefusedWebhookError:
                continue
        return last.verify(request, key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Token(Signature):
    """The key itself, in a header or a field: whoever sends it knows it, and nothing is signed.

    Attributes:
        header: Name of the header; empty where it is a field.
        field: Name of the field of the query, a form, or a JSON object.
        prefix: What stands before the key, such as `Bearer `.
    """

    header: str = ""
    field: str = ""
    prefix: str = ""

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        given = request.headers.get(self.header, "") if self.header else dict(fields_of(request)).get(self.field, "")
        if not is_equal(given, self.prefix + key):
            raise RefusedWebhookError("wrong token")
        return request


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts(Signature):
    """A signature of some parts of a request, put together.

    Attributes:
        header: Name of the header with the signature.
        signed: The parts in braces, and what stands between them. `{body}`; `{content}`: the body, or without one the
            query, or of a plain text with a query the query, a line feed and the body; `{url}`; `{method}`; `{md5}`:
            the MD5 of the body in hexadecimal; `{time}` and `{nonce}`: what their headers say.
        time_header: Name of the header with the time (seconds since 1970), where it is signed.
        nonce_header: Name of the header with the nonce, where it is signed.
        window: How far the time may be from the present, in seconds.
    """

    header: str
    signed: str = "{body}"
    time_header: str = ""
    nonce_header: str = ""
    window: float = REPLAY_SECONDS

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        given = request.headers.get(self.header, "")
        if not any(self._is_signature(given, content, key) for content in self._contents(request)):
            raise RefusedWebhookError("wrong signature")
        if "{time}" in self.signed:
            check_time(request.headers.get(self.time_header, ""), request, self.window)
        is_whole = "{url}" in self.signed or ("{content}" in self.signed and (not request.body or is_text(request)))
        return request if is_whole else replace(request, url=request.url.with_query(None))

    def _contents(self, request: WebhookRequest) -> list[bytes]:
        """Return what may be signed: an address may be signed with its port or without."""
        parts = {
            "body": request.body,
            "content": content_of(request),
            "time": as_sent(request.headers.get(self.time_header, "")),
            "nonce": as_sent(request.headers.get(self.nonce_header, "")),
            "method": as_sent(request.method.upper()),
            "md5": _digest("md5", request.body).hex().encode(),
        }
        addresses = addresses_of(request.url) if "{url}" in self.signed else [""]
        pieces = re.split(r"\{(\w+)\}", self.signed)
        return [
            b"".join(
                {**parts, "url": as_sent(address)}[piece] if place % 2 else piece.encode()
                for place, piece in enumerate(pieces)
            )
            for address in addresses
        ]

    @abstractmethod
    def _is_signature(self, given: str, content: bytes, key: str) -> bool:
        """Whether it is the signature of the content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hmac(Parts):
    """A keyed hash (HMAC, RFC 2104).

    Attributes:
        algorithm: The hash.
        encodings: How it may be written.
        prefix: What stands before it; where this is empty, the name of the algorithm and `=` may.
    """

    algorithm: Algorithm = "sha256"
    encodings: tuple[str, ...] = ("hex",)
    prefix: str = ""

    @override
    def _is_signature(self, given: str, content: bytes, key: str) -> bool:
        if not given.startswith(self.prefix):
            return False
        plain = given.removeprefix(self.prefix or f"{self.algorithm}=")
        digest = hmac.digest(as_sent(key), content, self.algorithm)
        is_hex = "hex" in self.encodings and is_equal(plain.lower(), digest.hex())
        return is_hex or ("base64" in self.encodings and is_equal(plain, base64.b64encode(digest).decode()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ed25519(Parts):
    """A signature that is verified with a public key (RFC 8032); key and signature are written in base64."""

    @override
    def _is_signature(self, given: str, content: bytes, key: str) -> bool:
        try:
            public_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.strip(), validate=True))
        except ValueError:
            raise RefusedWebhookError("the key is no public key of Ed25519") from None
        try:
            public_key.verify(base64.b64decode(given, validate=True), content)
        except InvalidSignature, ValueError:
            return False
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class MaybeTimed(Signature):
    """The body is signed and, where its header is there, a time behind it.

    Once a time has been signed behind a body, leaving out its header and moving the time to the end of the body must
    not make the request a timeless one. So, without the header, a time at the end of what is signed must be recent.

    Attributes:
        plain: How a request without a time is signed.
        timed: How one with a time is signed.
    """

    plain: Hmac
    timed: Hmac

    @override
    def _verified(self, request: WebhookRequest, key: str) -> WebhookRequest:
        if request.headers.get(self.timed.time_header):
            return self.timed.verify(request, key)
        verified = self.plain.verify(request, key)
        end = content_of(request)[-10:]
        if re.fullmatch(rb"\d{10}", end) and EARLIEST <= int(end) < request.at.timestamp() - self.timed.window:
            raise RefusedWebhookError("signed without a time")
        return verified


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
        is_there = any(is_equal(given, _digest("sha256", as_sent(url)).hex()) for url in addresses_of(request.url))
        payload = claims.get("payload_hash")
        if not request.body:
            return is_there and not payload
        return is_there and is_equal(text_of(payload), _digest("sha256", request.body).hex())


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
        expected.append(_digest("md5", as_sent(text) + as_sent(key)).hex())
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


def described(signature: Mapping[str, str]) -> Signature:
    """Return the signature that a person has described, see `Account.signature`.

    Args:
        signature: All names may be missing. `signed`, one of `SIGNED`:

            - `body` (default): the body, and behind it the time, where its header is there. Without a body it is the
              query, of a plain text with a query it is the query, a line feed and the body; this is so for all but the
              last two.
            - `body_only`: never a time.
            - `body_time`, `time_body`, `time_dot_body`: both; the time must be there.
            - `url_body`: the address with its query, and the body.
            - `token`: nothing; the header of the signature holds the key itself.

            `algorithm`: one of `ALGORITHMS`, the first by default. `encoding`: one of `ENCODINGS`; both are accepted by
            default. `prefix`: what stands before the signature, such as `v1=`; by default the algorithm's name and
            `=` may. `signature_header` (`X-Signature`). `timestamp_header` (`X-Timestamp`), with seconds since 1970:
            once it is named, `body` becomes `body_time`.
    """
    given = {name: text.strip() for name, text in signature.items() if text.strip()}
    header, time_header = given.get("signature_header", "X-Signature"), given.get("timestamp_header", "X-Timestamp")
    signed, algorithm = given.get("signed", "body"), given.get("algorithm", ALGORITHMS[0])
    encodings = (given["encoding"],) if "encoding" in given else ENCODINGS
    prefix = given.get("prefix", "")
    if signed == "token":
        return Token(header=header, prefix=signature.get("prefix", "").lstrip())
    if signed not in TEMPLATES or algorithm not in ALGORITHMS or not set(encodings) <= set(ENCODINGS):
        return Nothing()

    def keyed(kind: str) -> Hmac:
        return Hmac(
            header=header,
            signed=TEMPLATES[kind],
            time_header=time_header,
            algorithm=algorithm,  # type: ignore[arg-type]
            encodings=encodings,
            prefix=prefix,
        )

    if signed == "body":
        timed = keyed("body_time")
        return timed if "timestamp_header" in given else MaybeTimed(plain=keyed("body"), timed=timed)
    return keyed(signed)


def is_equal(given: str, expected: str) -> bool:
    """Whether two texts are the same, in constant time."""
    return hmac.compare_digest(as_sent(given), as_sent(expected))


def as_sent(text: str) -> bytes:
    """Return the bytes of something that was read as UTF-8, though it may be none."""
    return text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")


def _is_escaped(text: str) -> bool:
    """Whether each lone surrogate of a text stands for a byte."""
    return not re.search("[\ud800-\udc7f\udd00-\udfff]", text)


def check_time(text: str, request: WebhookRequest, window: float, *, per_second: int = 1) -> None:
    """Refuse a request whose time, a whole number since 1970, is missing or too far from the present.

    Raises:
        RefusedWebhookError: It is.
    """
    if not text:
        raise RefusedWebhookError("signed without a time")
    seconds = int(text) / per_second if re.fullmatch(r"\d{1,15}", text, re.ASCII) else -math.inf
    if not abs(request.at.timestamp() - seconds) <= window:
        raise RefusedWebhookError("signed too long ago")


def is_text(request: WebhookRequest) -> bool:
    """Whether a body is announced as plain text."""
    return request.headers.get("Content-Type", "").strip().lower().startswith("text/plain")


def content_of(request: WebhookRequest) -> bytes:
    """Return the body, or without one the query; of a plain text with a query both, with a line feed in between."""
    query = as_sent(request.url.raw_query_string)
    return query + b"\n" + request.body if query and request.body and is_text(request) else request.body or query


def addresses_of(url: URL) -> list[str]:
    """Return an address without its port and with it: one or the other is signed."""
    return [f"{url.scheme}://{url.host_subcomponent}{port}{url.raw_path_qs}" for port in ("", f":{url.port}")]


def fields_of(request: WebhookRequest) -> list[tuple[str, str]]:
    """Return the fields of the query, and of a form or the outermost object of JSON."""
    pairs = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
    if request.body.lstrip()[:1] != b"{":
        return pairs + parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    try:
        # As they are written: Python would shorten numbers, and refuses long ones.
        row = json.loads(request.body, strict=False, parse_int=str, parse_float=str)
    except ValueError, RecursionError:
        return pairs
    return pairs + [(name, text_of(value)) for name, value in row.items()]


def _digest(algorithm: Algorithm, data: bytes) -> bytes:
    """Return a hash without a key; MD5 only where the vendor wants it."""
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def _number(value: Any, otherwise: float) -> float:
    """Return a number of JSON, else what is given: also for one that is none, or too large."""
    try:
        number = float(value) if isinstance(value, int | float) and True else otherwise
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
