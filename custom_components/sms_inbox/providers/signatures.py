"""Signatures of webhook requests, for the presets and for what a person describes.

Each kind names what it signs. Hashes and keys are compared in constant time. Where a kind signs a time, the time must
be in its place and recent: a request without it, or with it elsewhere, is refused. Whatever a request holds, nothing
but `RefusedWebhookError` is raised.
"""

from abc import ABC, abstractmethod
import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
import hmac
import re
from typing import override

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .contract import WebhookRequest
from .errors import RefusedWebhookError
from .parsing import as_sent
from .signed import (
    REPLAY_SECONDS,
    Algorithm,
    addresses_of,
    check_time,
    content_of,
    digest_of,
    fields_of,
    is_equal,
    is_text,
)

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

EARLIEST = 1_700_000_000
"""No request was signed before (seconds since 1970)."""


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
            "md5": digest_of("md5", request.body).hex().encode(),
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
