"""What kinds of signatures have in common: parts of a request that are signed, times, and comparing."""

import hashlib
import hmac
import json
import math
import re
from typing import Literal
from urllib.parse import parse_qsl

from yarl import URL

from .contract import WebhookRequest
from .errors import RefusedWebhookError
from .parsing import as_sent, text_of

type Algorithm = Literal["md5", "sha1", "sha256", "sha384", "sha512"]

REPLAY_SECONDS = 300.0


def is_equal(given: str, expected: str) -> bool:
    """Whether two texts are the same, in constant time."""
    return hmac.compare_digest(as_sent(given), as_sent(expected))


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


def addresses_of(url: URL, path: str | None = None) -> list[str]:
    """Return an address without its port and with it: one or the other is signed.

    Args:
        url: The address.
        path: Path and query, where they are not taken as they came.
    """
    behind = url.raw_path_qs if path is None else path
    return [f"{url.scheme}://{url.host_subcomponent}{port}{behind}" for port in ("", f":{url.port}")]


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


def digest_of(algorithm: Algorithm, data: bytes) -> bytes:
    """Return a hash without a key; MD5 only where the vendor wants it."""
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()
