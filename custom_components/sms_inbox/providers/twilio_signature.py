"""How Twilio and SignalWire sign webhook requests.

Source: Twilio's client library for Node 6.3.1; SignalWire's "Webhook Security" and its libraries' validators. Both sign
the webhook's URL with one of these behind it:

- Of a form, its fields by name, each name and value without a mark between them; base64 of HMAC-SHA1. A name that
  occurs twice has its values sorted, and each once, at Twilio, and all of them as they came at SignalWire.
- Of Twilio's JSON, nothing: the URL's `bodySHA256` vouches for the body.
- Of other JSON, which is SignalWire's for SWML, the body as it came; HMAC-SHA1, or HMAC-SHA256 under a name of its own,
  in hexadecimal.

Twilio's library tries the URL as it came and as a browser and as Node would write it, each without a port and with it.
With a SharedKey, the kind of the hash is in a header.
"""

from base64 import b64encode
from collections.abc import Iterator
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, quote

from yarl import URL

from .contract import WebhookRequest
from .signed import addresses_of, is_equal

NAMES = ("X-Twilio-Signature", "X-SignalWire-Signature")
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
BODY_NAMES = {"X-SignalWire-Signature": "sha1", "X-SignalWire-Sha256-Signature": "sha256"}
BODY_HASH = "bodySHA256"
ESCAPED_BY_BROWSERS = re.compile(r"""["'<> ]|[^\x21-\x7e]""")
UNESCAPED_BY_NODE = "!'()*"


def is_swml(request: WebhookRequest) -> bool:
    """Whether a request asks for a document of SWML: it has a body that is no form, and no hash vouches for it."""
    return bool(request.body) and not request.is_form and BODY_HASH not in request.url.query


def is_signed(request: WebhookRequest, key: str) -> bool:
    """Whether the vendor signed a request with this key."""
    secret = key.encode("utf-8", "replace")
    if is_swml(request):
        return _is_body_signed(request, secret)
    settings = request.headers.get(SETTINGS, "")
    given = [request.headers[name] for name in NAMES if name in request.headers]
    if not given or (digest := HASHES.get(_algorithm(settings))) is None:
        return False
    if request.body and not request.is_form:
        vouched = request.url.query[BODY_HASH]
        if not is_equal(vouched, hashlib.sha256(request.body).hexdigest()):
            return False
    return any(is_equal(one, _base64(secret, text, digest)) for text in _texts(request) for one in given)


def _is_body_signed(request: WebhookRequest, secret: bytes) -> bool:
    """Whether the URL and the body as it came are signed, by any of the hashes that are there."""
    for name, digest in BODY_NAMES.items():
        for address in addresses_of(request.url):
            text = address.encode("utf-8", "replace") + request.body
            if is_equal(request.headers.get(name, ""), hmac.digest(secret, text, digest).hex()):
                return True
    return False


def _algorithm(settings: str) -> str:
    """Return the kind of the signature by the header of a SharedKey; SHA-1 where it names none."""
    pairs = (part.partition("=") for part in settings.split(","))
    named = (value.strip().upper() for name, _, value in pairs if name.strip() == "algorithm")
    return next(filter(None, named), "HMAC_SHA1")


def _texts(request: WebhookRequest) -> Iterator[str]:
    """Return the texts one of which is signed: addresses, with the fields of the form behind them."""
    form = request.body.decode("utf-8", "replace") if request.is_form else ""
    fields = parse_qsl(form, keep_blank_values=True)
    by_name = (sorted(set(fields)), sorted(fields, key=lambda field: field[0]))
    behind = dict.fromkeys("".join(name + value for name, value in pairs) for pairs in by_name)
    for path in _paths(request.url):
        for address in addresses_of(request.url, path):
            yield from (address + text for text in behind)


def _paths(url: URL) -> dict[str, None]:
    """Return path and query as they came, as a browser would write them, and as Node would."""
    path, mark, query = url.raw_path_qs.partition("?")
    escaped = ESCAPED_BY_BROWSERS.sub(lambda found: quote(found[0], errors="replace"), query)
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(escaped, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    pairs = ((_by_node(name), _by_node(value)) for name in values for value in values[name])
    queries = (query, escaped, "&".join(f"{name}={value}" for name, value in pairs))
    return dict.fromkeys(path + mark + each for each in queries)


def _by_node(text: str) -> str:
    """Return a part of a query as Node's `querystring` escapes it."""
    return quote(text, safe=UNESCAPED_BY_NODE, errors="replace")


def _base64(secret: bytes, text: str, digest: str) -> str:
    """Return what the vendor signs a text with."""
    return b64encode(hmac.digest(secret, text.encode("utf-8", "replace"), digest)).decode()
