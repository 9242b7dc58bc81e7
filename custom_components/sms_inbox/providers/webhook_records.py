"""From a webhook request to a record, and from a record to what is in it.

A record is what is kept of a request, or of one message in it: JSON or a form as it came, a form in parts or a plain
text as an ordinary form. Where there is a query beside a body, the record is `?`, the query, a line feed and the body.
A record says by itself what it is, so that it can be read again when a person has named the fields.
"""

import codecs
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .contract import WebhookRequest
from .parsing import as_sent, well_formed
from .webhook_names import LONGEST_NAME, NAMES, SENDER_OR_RECIPIENT, SENDERS, plain

# Not all that Python knows: some take seconds for a large body.
CHARSET = re.compile(r'(?ai)charset="?((utf-?(16|32)|ucs|iso|windows|cp|latin|koi8|gb|big5|euc|shift)[\w.:-]*)')
UCS2 = ("utf-16", "ucs-2", "iso-10646-ucs-2")
# Lines of JSON only where they are announced: whoever sends an SMS could else add a line to a careless template.
LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
)
UNANNOUNCED = ("", "application/octet-stream")
FORM = "application/x-www-form-urlencoded"
NO_FORM_NAME = re.compile(rb"""[\x00-\x20"'<>{}\\]""")
DEEPEST_NAME = 6
OPENING = frozenset('{["')
TEXTS = frozenset(NAMES["text"])
BESIDE_A_TEXT = frozenset((*SENDERS, *SENDER_OR_RECIPIENT, *TEXTS))


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of names and values; different values of one name are a list."""
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if all(each == found[0] for each in found) else found for name, found in values.items()}


DECODER = json.JSONDecoder(
    strict=False, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object_of
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What is in a record.

    Attributes:
        query: The fields of the query beside a body.
        body: JSON or the fields of a form; None where it is neither.
        text: The body where it is neither.
        source: The bytes of the body.
    """

    query: dict[str, Any]
    body: Any
    text: str
    source: bytes


def record_of_request(request: WebhookRequest, given: Mapping[str, Iterable[str]]) -> bytes:
    """Return the record of a whole request; empty where there is neither a body nor a query.

    Args:
        request: The request.
        given: Names that a person or a preset has given to `sender` and `text`.
    """
    query = as_sent(request.url.raw_query_string).replace(b"\n", b"%0A")
    announced = request.headers.get("Content-Type", "")
    kind = announced.partition(";")[0].strip().lower()
    body = request.body
    if not body and b"=" in query and not _is_form(query):
        query = urlencode(_pairs(query)).encode()
    if kind == "multipart/form-data":
        body = _form_of_parts(announced, body) or body
    elif _is_text(kind, body, query, given):
        body = urlencode({"text": _text(announced, body)}).encode()
    elif kind in LINES:
        body = _list_of_lines(body)
    elif body:
        body = _readable(kind, announced, body)
    return with_query(query, body)


def with_query(query: bytes, body: bytes) -> bytes:
    """Return the record of a query and a body."""
    if not body:
        return query
    return b"?" + query + b"\n" + body if query or body.startswith(b"?") else body


def query_of(record: bytes) -> bytes:
    """Return the query beside the body of a record, as it came."""
    return _halves(record)[0]


def content_of(record: bytes) -> Content:
    """Return what is in a record."""
    query, body = _halves(record)
    value = _loaded(text) if (is_json := (text := _json_text(body)).lstrip()[:1] in OPENING) else None
    if value is None and not is_json and _is_form(body):
        value = _nested(_pairs(body))
    text = _decoded(body.removeprefix(BOM_UTF8)) if value is None else ""
    return Content(query=_nested(_pairs(query)) if query else {}, body=value, text=text, source=body)


def _halves(record: bytes) -> tuple[bytes, bytes]:
    """Return query and body of a record; a query without a body is the body, since it is a form."""
    if not record.startswith(b"?") or b"\n" not in record:
        return b"", record
    query, _, body = record[1:].partition(b"\n")
    return query, body


def _is_text(kind: str, body: bytes, query: bytes, given: Mapping[str, Iterable[str]]) -> bool:
    """Return whether the body is the text of a message, and no form or JSON.

    Where the query names the sender, a plain text is never taken for anything else: whoever sends an SMS could write
    JSON with another sender into it.
    """
    names = {name for name, _ in _pairs(query)}
    texts = {each.strip().casefold() for each in given.get("text", ()) if each}
    exact = texts | {each.strip().casefold() for each in given.get("sender", ()) if each}
    is_beside = any(plain(name) in BESIDE_A_TEXT or name.casefold() in exact for name in names)
    if kind == "text/plain":
        has_text = bool(body) or not any(plain(name) in TEXTS or name.casefold() in texts for name in names)
        return (is_beside and has_text) or bool(body and _loaded(_json_text(body)) is None and not _has_text(body))
    return kind in UNANNOUNCED and is_beside and bool(body) and not _is_json(body) and not _is_form(body)


def _has_text(body: bytes) -> bool:
    """Return whether a body is a form with sender and text."""
    names = {plain(name) for name, _ in _pairs(body)} if _is_form(body) else set()
    return bool(names & TEXTS and names & {*SENDERS, *SENDER_OR_RECIPIENT})


def _is_json(body: bytes) -> bool:
    """Return whether a body can be nothing but a JSON object, list or string, though it may be broken."""
    return _json_text(body).lstrip()[:1] in OPENING


def _is_form(body: bytes) -> bool:
    """Return whether a body has names and values as a form has them."""
    name, equals, _ = body.lstrip(b"?& \r\n\t").partition(b"&")[0].partition(b"=")
    return bool(equals) and 0 < len(name) <= LONGEST_NAME and not NO_FORM_NAME.search(name.strip())


def _readable(kind: str, announced: str, body: bytes) -> bytes:
    """Return JSON, a form or anything else as it came, but in UTF-8 where another charset is announced."""
    charset = _charset(announced, body)
    if kind == FORM and not _is_json(body) and not body.lstrip().startswith(b"<") and (charset or not _is_form(body)):
        pairs = _pairs(body, charset)
        return urlencode(pairs).encode() if any(value for _, value in pairs) else body
    if charset and not _is_utf8(body):
        return body.decode(charset, "replace").encode("utf-8", "surrogatepass")
    return body


def _charset(announced: str, body: bytes) -> str:
    """Return the charset that is announced; empty where none is that is known, or UTF-8 is."""
    if not (match := CHARSET.search(announced)):
        return ""
    charset = match[1].lower()
    if charset in UCS2:
        charset = "utf-16" if body.startswith((BOM_UTF16_BE, BOM_UTF16_LE)) else "utf-16-be"
    try:
        codecs.lookup(charset)
    except LookupError:
        return ""
    return charset


def _text(announced: str, body: bytes) -> str:
    """Return a body in the charset that is announced."""
    charset = _charset(announced, body)
    return well_formed(body.decode(charset, "replace")) if charset else _decoded(body)


def _json_text(body: bytes) -> str:
    """Return the text of JSON in any of its encodings."""
    encoding = json.detect_encoding(body[:4])
    if encoding not in ("utf-8", "utf-8-sig"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            pass
    return _decoded(body.removeprefix(BOM_UTF8))


def _loaded(text: str) -> dict[str, Any] | list[Any] | None:
    """Return an object or a list in JSON, its numbers as they are written; None where it is neither.

    Line breaks inside texts do no harm. Of a name that occurs more than once in an object, all values are returned.
    """
    try:
        value = DECODER.decode(text)
    except ValueError, RecursionError:
        return None
    return value if isinstance(value, dict | list) else None


def _list_of_lines(body: bytes) -> bytes:
    """Return lines of JSON as a list; as they came where one is none."""
    try:
        rows = [DECODER.decode(line) for line in _decoded(body.removeprefix(BOM_UTF8)).split("\n") if line.strip()]
        return json.dumps(rows, separators=(",", ":")).encode()
    except ValueError, RecursionError:
        return body


def _form_of_parts(announced: str, body: bytes) -> bytes:
    """Return a form in parts (RFC 7578) as an ordinary one; empty where there are no fields."""
    parts = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + as_sent(announced) + b"\r\n\r\n" + body)
    fields = [
        (part.get_param("name", "", "Content-Disposition"), part.get_payload(decode=True))
        for part in parts.iter_parts()
    ]
    return urlencode([(str(name), value) for name, value in fields if name and isinstance(value, bytes)]).encode()


def _pairs(form: bytes, charset: str = "") -> list[tuple[str, str]]:
    """Return names and values of a form, each in UTF-8, else in the charset that is announced, else in Windows-1252."""
    text = form.lstrip(b"?& \r\n\t").decode("utf-8", "surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return [(_decoded(as_sent(name), charset).strip(), _decoded(as_sent(value), charset)) for name, value in pairs]


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a form, with those of names such as `data[text]` inside others."""
    return _members([(_path(name), value) for name, value in pairs])


def _path(name: str) -> list[str]:
    """Return the parts of a name such as `data[text]`."""
    if not name.endswith("]") or name.startswith("[") or len(name) > LONGEST_NAME or name.count("[") >= DEEPEST_NAME:
        return [name]
    first, *inner = name.split("[")
    return [first, *(part.removesuffix("]") for part in inner)]


def _members(fields: list[tuple[list[str], str]]) -> dict[str, Any]:
    """Return fields by the first part of their paths; different values of one name are a list."""
    groups: dict[str, list[tuple[list[str], str]]] = {}
    for (first, *inner), value in fields:
        groups.setdefault(first, []).append((inner, value))
    return {name: _member(group) for name, group in groups.items()}


def _member(group: list[tuple[list[str], str]]) -> Any:
    """Return the value of one name."""
    values: list[Any] = list(dict.fromkeys(value for inner, value in group if not inner))
    if deeper := [(inner, value) for inner, value in group if inner]:
        members = _members(deeper)
        if all(name.isdecimal() or not name for name in members):
            values.append(
                [each for member in members.values() for each in (member if isinstance(member, list) else [member])]
            )
        else:
            values.append(members)
    return values[0] if len(values) == 1 else values


def _is_utf8(data: bytes) -> bool:
    """Return whether data is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes, charset: str = "") -> str:
    """Return a text in UTF-8; what is none is in the charset, or else in Windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return well_formed(data.decode(charset or "cp1252", "replace"))
