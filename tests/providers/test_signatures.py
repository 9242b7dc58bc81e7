"""Signatures: the vendors' own values are accepted, and what was changed, moved, left out or kept for long is not."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.providers.contract import WebhookRequest
from custom_components.sms_inbox.providers.errors import RefusedWebhookError
from custom_components.sms_inbox.providers.presets import PRESETS
from custom_components.sms_inbox.providers.signatures import ALGORITHMS, ENCODINGS, SIGNED, Signature, described
from emulator.senders import build, public_key

ADDRESS = "https://ha.example/api/webhook/abc"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
NOW = datetime.fromtimestamp(1795250000, UTC)
PRIVATE_KEY = base64.b64encode(b"\x07" * 32).decode()
PUBLIC_KEY = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
DAY = 86_400

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhcGkuaHR0cHNtcy5jb20iLCJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiaHR0cHM6"
    "Ly9oYS5leGFtcGxlL2FwaS93ZWJob29rL2FiYyJdLCJleHAiOjE3OTUyNTA2MDAsIm5iZiI6MTc5NTI0OTQwMCwiaWF0IjoxNzk1MjUwMDAwfQ"
    ".QHIVlUnzb616HgJZASgetaSIUJ-UhhgQpdZ3qbUF8pE"
)
SMSGATE = b'{"deviceId":"d","event":"sms:received","id":"1","payload":{"message":"Hi"},"webhookId":"w"}'
TEXTBEE = (
    b'{"smsId":"65f0c0ffee0c0ffee0c0ffee","message":"Gate","deviceId":"65f0","webhookSubscriptionId":"65f1",'
    b'"webhookEvent":"MESSAGE_RECEIVED","idempotencyKey":"k-1","sender":"+447700900121",'
    b'"receivedAt":"2026-11-21T10:00:00.000Z"}'
)
SEVEN = (
    b'{"data":{"id":"1174","sender":"447700900121","system":"447700900999","text":"Gate","time":"1795250000",'
    b'"message_type":"SMS"},"webhook_event":"sms_mo","webhook_timestamp":"2026-11-21 09:33:20"}'
)
TELNYX = (
    b'{"data":{"event_type":"message.received","id":"b301","occurred_at":"2026-11-21T10:00:00.000+00:00","payload":'
    b'{"direction":"inbound","from":{"phone_number":"+15550001111"},"id":"40385f64",'
    b'"received_at":"2026-11-21T10:00:00.000+00:00","text":"Gate","to":[{"phone_number":"+15550002222"}],"type":"SMS"},'
    b'"record_type":"event"}}'
)
SWML = b'{"message":{"message_id":"4f7b","from":"+15550001111","to":"+15550002222","body":"Gate"}}'
PLIVO = b"From=447700900121&MessageUUID=5b40a428&Text=Gate&To=447700900999&Type=sms"
FORWARDED = (
    b"from=%2B447700900121&content=Gate&timestamp=1795250000000"
    b"&sign=P8pO5G7qMoBH6F9p4PumI0S6j%252B%252FdPniHWYndLw9AblE%253D"
)


@dataclass(frozen=True, kw_only=True)
class Signed:
    """One request that was signed by its vendor; `window` is for how many seconds it holds, None for ever."""

    preset: str
    key: str
    headers: dict[str, str]
    body: bytes
    window: float | None
    query: str = ""
    kind: str = JSON

    @property
    def request(self) -> WebhookRequest:
        """The request as it comes."""
        return made(self.body, {"Content-Type": self.kind, **self.headers}, self.query)

    @property
    def signature(self) -> Signature:
        """How it is signed."""
        signature = PRESETS[self.preset].signature
        assert signature
        return signature


def made(
    body: bytes = b"", headers: dict[str, str] | None = None, query: str = "", at: datetime = NOW
) -> WebhookRequest:
    """Return a request."""
    return WebhookRequest(
        method="POST",
        url=URL(f"{ADDRESS}?{query}" if query else ADDRESS, encoded=True),
        headers=CIMultiDict(headers or {}),
        body=body,
        at=at,
    )


def refused(signature: Signature, request: WebhookRequest, key: str) -> str:
    """Return why a request is refused."""
    with pytest.raises(RefusedWebhookError) as raised:
        signature.verify(request, key)
    assert raised.value.status == 403
    assert key == "" or key not in str(raised.value)
    return str(raised.value)


VECTORS = [
    Signed(
        preset="smsgate_cloud",
        key="abcd1234",
        headers={
            "X-Timestamp": "1795250000",
            "X-Signature": "9d2e968348927690038457ab7e7d4e9dd4dfc78c0cb23c5870d4add96da15e05",
        },
        body=SMSGATE,
        window=300,
    ),
    Signed(preset="httpsms", key="hsecret", headers={"Authorization": f"Bearer {JWT}"}, body=b"{}", window=599),
    Signed(
        preset="textbee",
        key="secret",
        headers={"X-Signature": "2c20d4022649a3691b6eba9cab063f563b829f83b78f6afc46f06a04a31a49ed"},
        body=b'{"smsId":"65f0c0ffee0c0ffee0c0ffee","message":"Hi"}',
        window=None,
    ),
    Signed(
        preset="textbee",
        key="textbee-secret-0123456789",
        headers={"X-Signature": "7564bd3fa42d96fcc68ead6fd9082be37ed6833cb4bc06e1ddee7d507b14a924"},
        body=TEXTBEE,
        window=None,
    ),
    Signed(
        preset="seven",
        key="seven-secret",
        headers={
            "X-Timestamp": "1795250000",
            "X-Nonce": "0123456789abcdef0123456789abcdef",
            "X-Signature": "d592530791db7a8b71bb25527ab68428e778fb89474b98ac7247ca6d841dfeaf",
        },
        body=SEVEN,
        window=300,
    ),
    Signed(
        preset="telnyx",
        key=PUBLIC_KEY,
        headers={
            "telnyx-timestamp": "1795250000",
            "telnyx-signature-ed25519": (
                "qbeagG79g4zqcDutAKVeB28hBZJGcLJFfz324Zyem8xkuoofcqedwYCsGgcG12O1q9ENqUaY9Ig1yLma+VMuAA=="
            ),
        },
        body=TELNYX,
        window=300,
    ),
    Signed(
        preset="plivo",
        key="plivo-token",
        headers={
            "X-Plivo-Signature-V3": "hyu7KTVW1Pnp7D6N/IZtQf/O7VBlDaoZbQPn8pVYJqU=",
            "X-Plivo-Signature-V3-Nonce": "77123",
        },
        body=PLIVO,
        kind=FORM,
        window=None,
    ),
    Signed(
        preset="signalwire",
        key="PSK_key",
        headers={"X-SignalWire-Signature": "e5cb941c6993f8208c8914bace337cff0b0b9973"},
        body=SWML,
        window=None,
    ),
    Signed(
        preset="signalwire",
        key="PSK_key",
        headers={"X-SignalWire-Sha256-Signature": "7837042400944178028b3a56d4d7a45dac9b178a901b630a95ec74d665dc2fa7"},
        body=SWML,
        window=None,
    ),
    Signed(preset="smsforwarder", key="sfkey", headers={}, body=FORWARDED, kind=FORM, window=600),
]


def emulated(preset: str, key: str, window: float | None, **options: Any) -> Signed:
    """Return what an app or service sends now."""
    private = PRIVATE_KEY if preset == "telnyx" else key
    outgoing = build(preset, ADDRESS, key=private, at=NOW, text="a & b = 100% 😀", **options)
    headers = dict(outgoing.headers)
    return Signed(
        preset=preset,
        key=key,
        headers=headers,
        body=outgoing.body,
        kind=headers.pop("Content-Type"),
        query=outgoing.url.partition("?")[2],
        window=window,
    )


EMULATED = [
    emulated("httpsms", "sécret", 599),
    emulated("incoming_sms", "t0ken", None),
    emulated("messagebird", "signing-key", 60),
    emulated("plivo", "auth-token", None),
    emulated("seven", "secret", 300),
    emulated("shortcuts", "t0ken", None),
    emulated("signalwire", "PSK", None),
    emulated("sinch", "secret", DAY + 300),
    emulated("smseagle", "apikey", None),
    emulated("smsforwarder", "secret", 600),
    emulated("smsgate_cloud", "abcd1234", 300),
    emulated("tasker", "t0ken", None),
    emulated("telnyx", PUBLIC_KEY, 300),
    emulated("teltonika", "t0ken", None),
    emulated("textbee", "textbee-secret", None),
    emulated("vonage", "secret", DAY + 300),
]
ALL = [*VECTORS, *EMULATED]
SIGNS_BODY = [
    signed
    for signed in ALL
    if signed.preset not in ("httpsms", "incoming_sms", "shortcuts", "smseagle", "smsforwarder", "tasker", "teltonika")
]
TIMED = [signed for signed in ALL if signed.window is not None]
TIMES = ("X-Timestamp", "telnyx-timestamp", "x-sinch-webhook-signature-timestamp")
each = pytest.mark.parametrize("signed", ALL, ids=lambda signed: signed.preset)


def test_all_are_here() -> None:
    """Each preset that is signed is looked at below."""
    assert {signed.preset for signed in ALL} == {key for key, preset in PRESETS.items() if preset.signature}
    assert {signed.preset for signed in EMULATED} == {signed.preset for signed in ALL}
    assert public_key(PRIVATE_KEY) == PUBLIC_KEY


@each
def test_signed(signed: Signed) -> None:
    """What the vendor signed is accepted, whatever case its headers are in."""
    assert signed.signature.verify(signed.request, signed.key) == signed.request
    lower = {name.lower(): value for name, value in signed.headers.items()}
    signed.signature.verify(replace(signed, headers=lower).request, signed.key)


@each
def test_other_key(signed: Signed) -> None:
    """Another key, or none, accepts nothing."""
    other = base64.b64encode(b"\x08" * 32).decode() if signed.preset == "telnyx" else f"{signed.key}x"
    for key in (other, signed.key.swapcase(), "", "\ud800", "-----BEGIN PUBLIC KEY-----"):
        refused(signed.signature, signed.request, key)


@pytest.mark.parametrize("signed", SIGNS_BODY, ids=lambda signed: signed.preset)
def test_changed_body(signed: Signed) -> None:
    """One changed byte, one more or one less is seen."""
    for body in (signed.body.replace(b"a", b"o", 1), signed.body + b" ", signed.body[:-1], b""):
        assert refused(signed.signature, replace(signed, body=body).request, signed.key)


@each
def test_changed_header(signed: Signed) -> None:
    """No header may be missing, empty, or another; nor any field with a key."""
    requests = [made(b"", {"Content-Type": signed.kind})]
    for name in signed.headers:
        # Another hash, or what says nothing, may be left out.
        if signed.preset in ("plivo", "signalwire") and name != "X-Plivo-Signature-V3-Nonce":
            continue
        if name in ("X-Event-Type", "x-sinch-webhook-signature-algorithm"):
            continue
        without = {other: value for other, value in signed.headers.items() if other != name}
        requests += [
            replace(signed, headers=headers).request
            for headers in (
                without,
                without | {name: ""},
                without | {name: signed.headers[name][:-2] + "zz"},
                without | {name: "\ud800é\udcff"},
            )
        ]
    for request in requests:
        refused(signed.signature, request, signed.key)


@pytest.mark.parametrize("signed", TIMED, ids=lambda signed: signed.preset)
def test_window(signed: Signed) -> None:
    """What was signed too long ago, or by a clock that is far ahead, is refused; to the second."""
    assert signed.window
    last = replace(signed.request, at=NOW + timedelta(seconds=signed.window))
    signed.signature.verify(last, signed.key)
    late = replace(last, at=last.at + timedelta(seconds=2))
    assert refused(signed.signature, late, signed.key) == "signed too long ago"
    early = replace(last, at=NOW - timedelta(seconds=signed.window + 2 if signed.preset != "httpsms" else 601))
    refused(signed.signature, early, signed.key)
    refused(signed.signature, replace(last, at=NOW + timedelta(days=400)), signed.key)


@pytest.mark.parametrize(
    "signed", [signed for signed in ALL if signed.window is None], ids=lambda signed: signed.preset
)
def test_no_window(signed: Signed) -> None:
    """Where no time is signed, a repeat after days is accepted: an id recognizes it."""
    signed.signature.verify(replace(signed.request, at=NOW + timedelta(days=9)), signed.key)


@pytest.mark.parametrize(
    "signed", [signed for signed in ALL if set(signed.headers) & set(TIMES)], ids=lambda signed: signed.preset
)
def test_moved_time(signed: Signed) -> None:
    """The time can't be moved to where it isn't looked at."""
    [name] = set(signed.headers) & set(TIMES)
    time = signed.headers[name].encode()
    without = {other: value for other, value in signed.headers.items() if other != name}
    late = NOW + timedelta(days=1)
    for body in (signed.body + time, time + signed.body, time + b"|" + signed.body, signed.body + b"." + time):
        for headers in (without, without | {name: ""}, without | {name: str(int(late.timestamp()))}):
            for query in ("", f"{name}={time.decode()}"):
                request = replace(replace(signed, headers=headers, body=body, query=query).request, at=late)
                refused(signed.signature, request, signed.key)


@pytest.mark.parametrize(
    "time",
    [
        "-1",
        "1e9",
        "NaN",
        "inf",
        "soon",
        "9" * 15,
        "9" * 400,
        "9" * 5000,
        "".join(chr(0xFF10 + int(digit)) for digit in "1795250000"),
        "٣",
        "\udcff",
        " ",
        "0x6b",
    ],
)
@pytest.mark.parametrize("preset", ["smsgate_cloud", "smsforwarder", "vonage", "sinch"])
def test_odd_times(preset: str, time: str) -> None:
    """A time that is signed but is none, or far away, is refused like an old one."""
    signature = PRESETS[preset].signature
    assert signature

    def keyed(content: str) -> bytes:
        return hmac.new(b"key", content.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    if preset == "smsgate_cloud":
        request = made(b"{}", {"X-Timestamp": time, "X-Signature": keyed("{}" + time).hex()})
    elif preset == "sinch":
        name = "x-sinch-webhook-signature"
        signed = base64.b64encode(keyed(f"{{}}.n.{time}")).decode()
        request = made(b"{}", {name: signed, f"{name}-nonce": "n", f"{name}-timestamp": time})
    else:
        time = time.replace("\udcff", "\ufffd")
        fields = {"text": "Gate", "timestamp": time}
        if preset == "vonage":
            fields["sig"] = keyed("".join(f"&{name}={value}" for name, value in sorted(fields.items()))).hex()
        else:
            fields["sign"] = base64.b64encode(keyed(f"{time}\nkey")).decode()
        request = made(urlencode(fields).encode(), {"Content-Type": FORM})
    assert refused(signature, request, "key") == "signed too long ago"


def token(claims: Any, *, key: str = "hsecret", algorithm: str = "HS256", header: Any = None) -> str:
    """Return a JSON Web Token, in its own way."""
    hashes = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
    parts = [
        json.dumps(header or {"alg": algorithm, "typ": "JWT"}),
        claims if isinstance(claims, str) else json.dumps(claims),
    ]
    text = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    digest = hmac.new(key.encode(), text.encode(), hashes.get(algorithm, "sha256")).digest()
    signature = "" if algorithm == "none" else base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"{text}.{signature}"


HTTPSMS = {"iss": "api.httpsms.com", "aud": [ADDRESS], "exp": 1795250600, "nbf": 1795249400}


def httpsms(claims: Any, **options: Any) -> WebhookRequest:
    """Return a request of httpSMS."""
    return made(b"{}", {"Authorization": f"Bearer {token(claims, **options)}"})


@pytest.mark.parametrize(
    "claims",
    [
        {**HTTPSMS, "aud": ["https://ha.example/api/webhook/other"]},
        {**HTTPSMS, "aud": ["https://other.example/api/webhook/abc"]},
        {**HTTPSMS, "aud": [f"{ADDRESS}?from=1"]},
        {**HTTPSMS, "aud": []},
        {**HTTPSMS, "aud": None},
        {**HTTPSMS, "aud": ["http://[", "\ud800", "", {"a": ADDRESS}, 7]},
        {name: value for name, value in HTTPSMS.items() if name != "aud"},
        {**HTTPSMS, "iss": "other"},
        {name: value for name, value in HTTPSMS.items() if name != "iss"},
        {name: value for name, value in HTTPSMS.items() if name != "exp"},
        *({**HTTPSMS, "exp": value} for value in (1795250000, "1795250600", None, True, [9e99], -1)),
        *({**HTTPSMS, "nbf": value} for value in (1795250001, "1", None, [1])),
        json.dumps(HTTPSMS).replace("1795250600", "NaN"),
        json.dumps(HTTPSMS).replace("1795250600", "Infinity"),
        json.dumps(HTTPSMS).replace("1795250600", "-Infinity"),
        json.dumps(HTTPSMS).replace("1795250600", "1" + "0" * 400),
        json.dumps(HTTPSMS).replace("1795250600", "1" + "0" * 5000),
        json.dumps(HTTPSMS).replace("1795249400", "1e999"),
        json.dumps(HTTPSMS).replace('"exp"', '"x": ' + "[" * 100_000 + "]" * 100_000 + ', "exp"'),
        [1],
        "nonsense",
    ],
    ids=range(29),
)
def test_claims(claims: Any) -> None:
    """A token that is signed but says something else is refused, whatever it says."""
    signature = PRESETS["httpsms"].signature
    assert signature
    refused(signature, httpsms(claims), "hsecret")


@pytest.mark.parametrize(
    "audience", [ADDRESS, [ADDRESS], ["https://HA.example:443/api/webhook/abc"], ["https://other.example", ADDRESS]]
)
def test_audience(audience: Any) -> None:
    """The address may have been typed with its port, or in other letters."""
    signature = PRESETS["httpsms"].signature
    assert signature
    signature.verify(httpsms({**HTTPSMS, "aud": audience}), "hsecret")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "HS512", "RS256", "md5", ""])
def test_algorithm_of_a_token(algorithm: str) -> None:
    """Only the vendor's hash is accepted, above all not none."""
    signature = PRESETS["httpsms"].signature
    assert signature
    for header in (
        None,
        {"alg": [algorithm]},
        {"alg": algorithm, "kid": 7},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
    ):
        refused(signature, httpsms(HTTPSMS, algorithm=algorithm, header=header), "hsecret")
    unsigned = token(HTTPSMS, algorithm="none")
    refused(signature, made(b"{}", {"Authorization": f"Bearer {unsigned}"}), "hsecret")


def messagebird(
    claims: dict[str, Any], body: bytes = b"id=1&body=Gate", query: str = "", **options: Any
) -> WebhookRequest:
    """Return a request of MessageBird."""
    times = {"iss": "MessageBird", "nbf": 1795250000, "exp": 1795250060}
    headers = {"MessageBird-Signature-JWT": token({**times, **claims}, key="k", **options), "Content-Type": FORM}
    return made(body, headers, query)


URL_HASH = "0fdad1fd7dc77535e47911d587704df84fbc90af5c66af6aa73c09b31b07d9a6"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_hashes_of_a_token(algorithm: str) -> None:
    """Address and body must be those whose hashes were signed; a body or its hash can't be left out."""
    signature = PRESETS["messagebird"].signature
    assert signature
    body = b"id=1&body=Gate"
    both = {"url_hash": URL_HASH, "payload_hash": hashlib.sha256(body).hexdigest()}
    address = {"url_hash": URL_HASH}
    query = {"url_hash": hashlib.sha256(f"{ADDRESS}?id=1".encode()).hexdigest()}
    for request in (
        messagebird(both, body, algorithm=algorithm),
        messagebird(address, b"", algorithm=algorithm),
        messagebird(query, b"", "id=1", algorithm=algorithm),
    ):
        signature.verify(request, "k")
    for request in (
        messagebird(both, b"", algorithm=algorithm),
        messagebird(address, body, algorithm=algorithm),
        messagebird(both, body, "id=2", algorithm=algorithm),
        messagebird(query, b"", "id=2", algorithm=algorithm),
        messagebird({"payload_hash": both["payload_hash"]}, body, algorithm=algorithm),
        messagebird({**both, "url_hash": [URL_HASH]}, body, algorithm=algorithm),
        messagebird({**both, "payload_hash": {}}, body, algorithm=algorithm),
    ):
        assert refused(signature, request, "k") == "signed for something else"


def test_plivo() -> None:
    """The query is signed, each header may hold several signatures, and the old way counts only without the new one."""
    signature = PRESETS["plivo"].signature
    assert signature
    third, second = "hyu7KTVW1Pnp7D6N/IZtQf/O7VBlDaoZbQPn8pVYJqU=", "t2aYbxaFpn0+C3qWBeyP6LA8wMjO2I3rkJyQ7Ag3+c4="
    nonces = {"X-Plivo-Signature-V3-Nonce": "77123", "X-Plivo-Signature-V2-Nonce": "77123", "Content-Type": FORM}
    for name in ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"):
        for value in (third, f"xx,{third}", f"{third}, xx"):
            signature.verify(made(PLIVO, {**nonces, name: value}), "plivo-token")
        old = {**nonces, name: "wrong", "X-Plivo-Signature-V2": second}
        refused(signature, made(PLIVO, old), "plivo-token")
    old = {"X-Plivo-Signature-V2": second, "X-Plivo-Signature-V2-Nonce": "77123", "Content-Type": FORM}
    signature.verify(made(PLIVO, old), "plivo-token")
    signature.verify(made(PLIVO, old, "token=s"), "plivo-token")
    refused(signature, made(PLIVO, {**old, "X-Plivo-Signature-V3": ""}), "plivo-token")
    refused(signature, made(PLIVO, {**nonces, "X-Plivo-Signature-V3": third}, "token=s"), "plivo-token")
    signed = f"{ADDRESS}?token=s.{''.join(PLIVO.decode().replace('&', '').split('='))}.77123"
    with_query = base64.b64encode(hmac.digest(b"plivo-token", signed.encode(), "sha256")).decode()
    signature.verify(made(PLIVO, {**nonces, "X-Plivo-Signature-V3": with_query}, "token=s"), "plivo-token")
    as_json = {**nonces, "X-Plivo-Signature-V3": third, "Content-Type": JSON}
    refused(signature, made(PLIVO, as_json), "plivo-token")


def test_vonage() -> None:
    """Each hash that an account can choose is accepted; fields can't hide in the names of others, or come twice."""
    signature = PRESETS["vonage"].signature
    assert signature
    fields = {"msisdn": "447700900121", "text": "a&b=c", "timestamp": "1795250000", "to": "1"}
    text = "&msisdn=447700900121&text=a_b_c&timestamp=1795250000&to=1"
    hashes = [hmac.new(b"s3cret", text.encode(), name).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")]
    hashes.append(hashlib.md5(f"{text}s3cret".encode(), usedforsecurity=False).hexdigest())
    for sig in (*hashes, hashes[0].upper()):
        signed = urlencode({**fields, "sig": sig})
        signature.verify(made(signed.encode(), {"Content-Type": FORM}), "s3cret")
        signature.verify(made(b"", {}, signed), "s3cret")
        signature.verify(made(json.dumps({**fields, "sig": sig}).encode(), {"Content-Type": JSON}), "s3cret")
    for odd in (
        {"msisdn": "447700900121", "text": "a_b_c", "timestamp": "1795250000&to=1"},
        {"msisdn=447700900121&text": "a_b_c", "timestamp": "1795250000", "to": "1"},
        {**fields, "text": "other"},
        {name: value for name, value in fields.items() if name != "timestamp"},
    ):
        refused(signature, made(urlencode({**odd, "sig": hashes[2]}).encode(), {"Content-Type": FORM}), "s3cret")
    twice = urlencode({**fields, "sig": hashes[2]}) + "&text=other"
    refused(signature, made(twice.encode(), {"Content-Type": FORM}), "s3cret")
    refused(
        signature, made(urlencode({**fields, "sig": hashes[2]}).encode(), {"Content-Type": FORM}, "from=1"), "s3cret"
    )
    untimed = hmac.new(b"s3cret", b"&text=Gate", "sha256").hexdigest()
    reason = refused(signature, made(f"text=Gate&sig={untimed}".encode(), {"Content-Type": FORM}), "s3cret")
    assert reason == "signed without a time"


def test_incoming_sms() -> None:
    """Where the app can't sign, a header with the key is enough."""
    signature = PRESETS["incoming_sms"].signature
    assert signature
    signature.verify(made(b"{}", {"X-Token": "t0ken"}), "t0ken")
    refused(signature, made(b"{}", {"X-Token": ""}), "t0ken")
    refused(signature, made(b"{}", {"X-Signature": "t0ken"}), "t0ken")


def test_signalwire() -> None:
    """One hash of two is enough, but one must be there."""
    signature = PRESETS["signalwire"].signature
    assert signature
    first, second = (signed.headers for signed in VECTORS if signed.preset == "signalwire")
    for headers in ({**first, **dict.fromkeys(second, "0")}, {**second, **dict.fromkeys(first, "0")}):
        signature.verify(made(SWML, headers), "PSK_key")
    refused(signature, made(SWML, {**dict.fromkeys(first, "0"), **dict.fromkeys(second, "0")}), "PSK_key")
    assert refused(signature, made(SWML), "PSK_key") == "wrong signature"
    refused(signature, made(SWML, first, "from=1"), "PSK_key")


@pytest.mark.parametrize("signed", SIGNS_BODY, ids=lambda signed: signed.preset)
def test_query_beside_a_signed_body(signed: Signed) -> None:
    """A query that isn't signed is refused, or not handed on to be read."""
    try:
        verified = signed.signature.verify(replace(signed, query="from=447999888777").request, signed.key)
    except RefusedWebhookError:
        return
    assert verified == signed.request


@pytest.mark.parametrize("signature", ["é", "\ud800", "=", "AAAA", PUBLIC_KEY, "A" * 100_000])
def test_odd_public_key_and_signature(signature: str) -> None:
    """What is no key, or no signature, is refused."""
    way = PRESETS["telnyx"].signature
    assert way
    headers = {"telnyx-timestamp": "1795250000", "telnyx-signature-ed25519": signature}
    refused(way, made(TELNYX, headers), PUBLIC_KEY)
    assert "public key" in refused(way, made(TELNYX, headers), "my password")
    assert "public key" in refused(way, made(TELNYX, headers), "é")


def test_public_key_with_blanks() -> None:
    """Blanks around a pasted public key do no harm."""
    [signed] = [signed for signed in VECTORS if signed.preset == "telnyx"]
    signed.signature.verify(signed.request, f" {PUBLIC_KEY}\n")


@pytest.mark.parametrize(
    "body", [b'{"apikey": "secret"}', b'{"apikey": "' + b"9" * 5000 + b'"}', b"{" * 100_000, b"\xff=\xff"]
)
def test_field_with_the_key(body: bytes) -> None:
    """A key in a field of JSON counts, and what can't be read has none."""
    signature = PRESETS["smseagle"].signature
    assert signature
    if b"secret" in body:
        signature.verify(made(body, {"Content-Type": JSON}), "secret")
    else:
        assert refused(signature, made(body, {"Content-Type": JSON}), "secret") == "wrong token"
    signature.verify(made(b"", {}, "apikey=secret&text=Gate"), "secret")


# What a person describes.

BODY = b'{"text": "Open"}'
TIME = "1795250000"


def keyed(content: bytes, algorithm: str = "sha256") -> bytes:
    """Return the keyed hash of something."""
    return hmac.new("kéy".encode(), content, algorithm).digest()


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "body": lambda body: body,
    "body_only": lambda body: body,
    "body_time": lambda body: body + TIME.encode(),
    "time_body": lambda body: TIME.encode() + body,
    "time_dot_body": lambda body: f"{TIME}.".encode() + body,
    "url_body": lambda body: ADDRESS.encode() + body,
}


@pytest.mark.parametrize("signed", CONTENTS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_described(signed: str, algorithm: str, encoding: str) -> None:
    """Each combination signs what it says, in the encoding that it says."""
    signature = described({"signed": signed, "algorithm": algorithm, "encoding": encoding})
    digest = keyed(CONTENTS[signed](BODY), algorithm)
    written = {"hex": digest.hex(), "base64": base64.b64encode(digest).decode()}
    is_timed = "time" in signed
    times = {"X-Timestamp": TIME} if is_timed else {}
    for value in (written[encoding], f"{algorithm}={written[encoding]}"):
        signature.verify(made(BODY, {**times, "X-Signature": value}), "kéy")
    [other] = set(ENCODINGS) - {encoding}
    refused(signature, made(BODY, {**times, "X-Signature": written[other]}), "kéy")
    if is_timed:
        assert refused(signature, made(BODY, {"X-Signature": written[encoding]}), "kéy") == "wrong signature"
        late = made(BODY, {**times, "X-Signature": written[encoding]}, at=NOW + timedelta(seconds=301))
        assert refused(signature, late, "kéy") == "signed too long ago"
    untimed = keyed(BODY, algorithm)
    value = untimed.hex() if encoding == "hex" else base64.b64encode(untimed).decode()
    if is_timed:
        assert refused(signature, made(BODY, {"X-Signature": value}), "kéy") != ""


def test_choices() -> None:
    """What the dialog offers is what is known here."""
    assert set(SIGNED) == {*CONTENTS, "token"}


def test_described_by_nothing() -> None:
    """By default it is the body in either encoding, and the time behind it where there is one."""
    signature = described({"signature_header": " ", "prefix": ""})
    for value in (keyed(BODY).hex(), keyed(BODY).hex().upper(), base64.b64encode(keyed(BODY)).decode()):
        signature.verify(made(BODY, {"x-signature": value}), "kéy")
        signature.verify(made(BODY, {"x-signature": f"sha256={value}"}), "kéy")
    timed = {"X-Signature": keyed(BODY + TIME.encode()).hex(), "X-Timestamp": TIME}
    signature.verify(made(BODY, timed), "kéy")
    assert refused(signature, made(BODY, timed, at=NOW + timedelta(seconds=301)), "kéy") == "signed too long ago"
    refused(signature, made(BODY, {**timed, "X-Signature": keyed(BODY).hex()}), "kéy")


@pytest.mark.parametrize("body", [b"text=Open&id=1", b"text=Open&id=", b"Open"])
@pytest.mark.parametrize("time", [TIME, f"000{TIME}"])
def test_time_moved_into_the_body(body: bytes, time: str) -> None:
    """Without its header, an old time at the end of what is signed is seen, unless no time is ever signed."""
    headers = {"X-Signature": keyed(body + time.encode()).hex(), "Content-Type": FORM}
    described({}).verify(made(body, {**headers, "X-Timestamp": time}), "kéy")
    moved = made(body + time.encode(), headers, at=NOW + timedelta(seconds=301))
    assert refused(described({}), moved, "kéy") == "signed without a time"
    assert refused(described({"signed": "body"}), moved, "kéy") == "signed without a time"
    assert refused(described({"signed": "body_time"}), moved, "kéy") == "signed without a time"
    assert refused(described({"timestamp_header": "X-Timestamp"}), moved, "kéy") == "signed without a time"
    in_query = made(b"", {"X-Signature": headers["X-Signature"]}, (body + time.encode()).decode(), moved.at)
    assert refused(described({}), in_query, "kéy") == "signed without a time"
    described({"signed": "body_only"}).verify(moved, "kéy")


@pytest.mark.parametrize("end", [b"+447700900121", b"1795250000", b"9999999999", b"Gate", b"\xd9\xa1" * 10])
def test_body_that_ends_with_digits(end: bytes) -> None:
    """A number, or a time that is recent, may stand at the end."""
    body = b"text=Open&to=" + end
    described({}).verify(made(body, {"X-Signature": keyed(body).hex()}), "kéy")


def test_own_headers() -> None:
    """The headers that are named are read, with the prefix that is named, and no others."""
    signature = described({"signature_header": "X-Hash", "timestamp_header": "X-Time", "prefix": "v1="})
    value = keyed(BODY + TIME.encode()).hex()
    signature.verify(made(BODY, {"X-Hash": f"v1={value}", "X-Time": TIME}), "kéy")
    for headers in (
        {"X-Hash": value, "X-Time": TIME},
        {"X-Hash": f"sha256={value}", "X-Time": TIME},
        {"X-Signature": f"v1={value}", "X-Timestamp": TIME},
        {"X-Hash": f"v1={value}", "X-Timestamp": TIME},
        {"X-Hash": f"v1={keyed(BODY).hex()}"},
    ):
        refused(signature, made(BODY, headers), "kéy")


def test_described_token() -> None:
    """The header holds the key itself."""
    signature = described({"signed": "token", "signature_header": "Authorization", "prefix": "Bearer "})
    signature.verify(made(BODY, {"Authorization": "Bearer kéy"}), "kéy")
    for value in ("", "Bearer ", "kéy", "Bearer k", "bearer kéyx"):
        assert refused(signature, made(BODY, {"Authorization": value}), "kéy") == "wrong token"
    described({"signed": "token"}).verify(made(BODY, {"X-Signature": "kéy"}), "kéy")
    assert refused(described({"signed": "token"}), made(BODY, {"X-Signature": ""}), "") == "no signing key"


@pytest.mark.parametrize("odd", [{"signed": "nothing"}, {"algorithm": "md5"}, {"encoding": "rot13"}])
def test_described_in_no_way_we_know(odd: dict[str, str]) -> None:
    """What a damaged configuration says accepts nothing."""
    assert refused(described(odd), made(BODY, {"X-Signature": keyed(BODY).hex()}), "kéy") == "unknown kind of signature"


def test_described_query_and_text() -> None:
    """Without a body the query is signed; of a plain text both; elsewhere an unsigned query isn't handed on."""
    signature = described({})
    query = made(b"", {"X-Signature": keyed(b"text=a%20b").hex()}, "text=a%20b")
    assert signature.verify(query, "kéy") == query
    refused(signature, made(b"", dict(query.headers), "text=a+b"), "kéy")
    text = {"Content-Type": "Text/Plain; charset=utf-8", "X-Signature": keyed(b"from=1\nOpen").hex()}
    both = made(b"Open", text, "from=1")
    assert signature.verify(both, "kéy") == both
    for body, other in ((b"Open", "from=2"), (b"Open", ""), (b"\nOpen", "from=1"), (b"1\nOpen", "from=")):
        refused(signature, made(body, text, other), "kéy")
    beside = made(BODY, {"Content-Type": JSON, "X-Signature": keyed(BODY).hex()}, "from=1")
    assert signature.verify(beside, "kéy") == replace(beside, url=URL(ADDRESS))
    whole = described({"signed": "url_body"})
    signed = {"X-Signature": keyed(f"{ADDRESS}?from=1".encode() + BODY).hex()}
    assert whole.verify(made(BODY, signed, "from=1"), "kéy").url.query == {"from": "1"}
    refused(whole, made(BODY, signed, "from=2"), "kéy")


def test_query_that_is_no_utf_8() -> None:
    """Bytes of an address are signed as they came."""
    request = made(b"", {"X-Signature": keyed(b"text=Gr\xfc\xdfe").hex()}, "text=Gr\udcfc\udcdfe")
    described({}).verify(request, "kéy")


def test_port_in_the_address() -> None:
    """An address may be signed with its port or without."""
    signature = described({"signed": "url_body"})
    for address in (ADDRESS, ADDRESS.replace("example", "example:443")):
        signature.verify(made(BODY, {"X-Signature": keyed(address.encode() + BODY).hex()}), "kéy")
    other = ADDRESS.replace("example", "example:8123")
    refused(signature, made(BODY, {"X-Signature": keyed(other.encode() + BODY).hex()}), "kéy")
