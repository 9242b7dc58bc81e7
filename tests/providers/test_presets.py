"""Presets: what is known of each app and service fits what it really sends."""

import asyncio
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import re
import sys
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from yarl import URL

from custom_components.sms_inbox.providers.presets import OTHER, PRESETS, Preset
from emulator.protocol import Outgoing
from emulator.senders import SENDERS, build

from .conftest import CannedServer

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs/webhooks"
ADDRESS = "https://ha.example/api/webhook/abc"
AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
TEXT = 'a & b = "100%" + more\nnew \\n 😀'
KNOWN = [preset for preset in PRESETS.values() if preset is not OTHER]
AUCKLAND = ZoneInfo("Pacific/Auckland")

WITHOUT_PLUS = {"bulksms_relay", "bulletin_callback", "infobip", "kannel", "messagebird", "plivo", "seven", "sinch"}
WITHOUT_PLUS |= {"smseagle", "vonage"}

TIMES = {
    "africastalking": "2026-11-21 10:00:00",
    "gammu_smsd": "2026-11-21 23:00:00",
    "httpsms": "2026-11-21T10:00:00.000Z",
    "incoming_sms": "1795255200000",
    "infobip": "2026-11-21T10:00:00.000+0000",
    "kannel": "1795255200",
    "messagebird": "2026-11-21T10:00:00+00:00",
    "seven": "1795255200",
    "sinch": "2026-11-21T10:00:00.000Z",
    "slzb": "26/11/21,23:00:00+52",
    "smseagle": "20261121230000",
    "smsforwarder": "2026-11-21T23:00:00.000+13:00",
    "smsgate_cloud": "2026-11-21T23:00:00.000+13:00",
    "telnyx": "2026-11-21T10:00:00.000+00:00",
    "textbee": "2026-11-21T10:00:00.000Z",
    "vonage": "2026-11-21 10:00:00",
}


def content(request: Outgoing) -> Any:
    """Return what a request says: JSON, or the fields of query, form and plain text."""
    kind = request.headers.get("Content-Type", "")
    if kind.startswith("application/json"):
        return json.loads(request.body)
    fields = dict(parse_qsl(URL(request.url, encoded=True).raw_query_string, keep_blank_values=True))
    if kind.startswith("text/plain"):
        return fields | {"text": request.body.decode(kind.partition("charset=")[2])}
    return fields | dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def at(path: str, within: Any) -> Any:
    """Return what is at a path; None where nothing is."""
    if isinstance(within, dict) and path in within:
        return within[path]
    for name in path.split("."):
        if isinstance(within, list) and name.isdecimal() and int(name) < len(within):
            within = within[int(name)]
        elif isinstance(within, dict):
            within = within.get(name)
        else:
            return None
    return within


def read(preset: Preset, request: Outgoing) -> dict[str, Any]:
    """Return the fields of the one message of a request, as a reader would."""
    message = content(request)
    if preset.messages:
        [message] = at(preset.messages, message)
    assert all(at(path, message) in values for path, values in preset.take.items())
    assert not any(at(path, message) is not None for path in preset.leave)
    found = {
        name: next((value for path in (first, *preset.otherwise.get(name, ())) if (value := at(path, message))), None)
        for name, first in preset.fields.items()
    }
    for path, forms in preset.decode.items():
        if at(path, message) == "16bit":
            assert forms["16bit"] == "utf-16-hex"
            found["text"] = bytes.fromhex(found["text"]).decode("utf-16-be")
    return found


def test_order() -> None:
    """They are in the order in which a person looks for one, and what is none of them is last."""
    assert [preset.name.casefold() for preset in KNOWN] == sorted(preset.name.casefold() for preset in KNOWN)
    assert list(PRESETS.values()) == [*KNOWN, OTHER]
    assert all(preset.key == key and (preset.name or preset is OTHER) for key, preset in PRESETS.items())


def test_senders() -> None:
    """Each is emulated, by nothing of the component."""
    assert SENDERS.keys() == PRESETS.keys()
    imports = re.compile(r"^\s*(from|import) custom_components", re.MULTILINE)
    assert not [file for file in REPOSITORY.glob("emulator/**/*.py") if imports.search(file.read_text())]


@pytest.mark.parametrize("preset", KNOWN, ids=lambda preset: preset.key)
@pytest.mark.parametrize("text", ["Gate", TEXT])
def test_fields(preset: Preset, text: str) -> None:
    """All that is sent is found where the preset says, for a message that must be taken and not be left."""
    sender = "447700900121" if preset.key in WITHOUT_PLUS else "+447700900121"
    request = build(preset.key, ADDRESS, text=text, key="", at=AT, zone=AUCKLAND, message_id="0123abcd")
    found = read(preset, request)
    assert (found["sender"], found["text"]) == (sender, text)
    assert found.get("recipient") in (None, "447700900999", "+447700900999")
    assert found.get("message_id") == ("0123abcd" if preset.identity == ("message_id",) else None)
    assert found.get("received_at") == TIMES.get(preset.key)
    assert found.get("in_reply_to") == {"bulletin_callback": "5e1f", "bulksms_relay": "0"}.get(preset.key)


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("smsgate_cloud", {"event": "sms:sent", "payload": {"messageId": "1"}}),
        ("smsgate_cloud", {"event": "system:ping", "payload": {"health": {}}}),
        ("smsgate_cloud", {"event": "mms:received", "payload": {"subject": "Picture"}}),
        ("httpsms", {"type": "message.phone.delivered", "data": {"content": "Gate", "contact": "1"}}),
        ("textbee", {"webhookEvent": "SMS_STATUS_UPDATED", "smsId": "1", "message": "Gate"}),
        ("telnyx", {"data": {"event_type": "message.finalized", "payload": {"text": "Gate"}}}),
        ("seven", {"data": {"msg_id": "1", "status": "DELIVERED"}, "webhook_event": "dlr"}),
        ("sinch", {"type": "recipient_delivery_report_sms", "batch_id": "1", "status": "Delivered"}),
        ("vonage", {"msisdn": "1", "messageId": "1", "status": "delivered", "scts": "2611211000"}),
        ("messagebird", {"id": "1", "status": "delivered", "statusDatetime": "2026-11-21T10:00:00+00:00"}),
        ("plivo", {"From": "1", "To": "2", "MessageUUID": "1", "Status": "delivered"}),
        ("infobip", {"messageId": "1", "doneAt": "2026-11-21T10:00:00.000+0000", "status": {"groupId": 3}}),
        ("africastalking", {"id": "1", "status": "Success", "phoneNumber": "+254700000001"}),
        ("bulletin_callback", {"msg": "1", "status": "DELIVERED"}),
    ],
)
def test_what_is_no_received_message(key: str, other: dict[str, Any]) -> None:
    """Reports, and what else comes at the same address, are told from messages."""
    preset = PRESETS[key]
    is_taken = all(at(path, other) in values for path, values in preset.take.items())
    assert not is_taken or any(at(path, other) is not None for path in preset.leave)


@pytest.mark.parametrize(
    ("key", "message", "text", "decoding", "channel"),
    [
        ("smsgate_cloud", {"event": "mms:downloaded", "payload": {"body": "Hi"}}, "Hi", None, "mms"),
        ("smsgate_cloud", {"event": "sms:data-received", "payload": {"data": "SGk="}}, "SGk=", "binary-base64", None),
        ("plivo", {"Type": "mms", "Body": "Hi", "MediaCount": "1"}, "Hi", None, "mms"),
        ("plivo", {"Type": "whatsapp", "Text": "Hi"}, "Hi", None, "whatsapp"),
        ("sinch", {"type": "mo_media", "body": {"message": "Hi", "media": []}}, "Hi", None, "mms"),
        ("sinch", {"type": "mo_binary", "body": "SGk=", "udh": "00"}, "SGk=", "binary-base64", None),
        ("vonage", {"type": "binary", "data": "4869", "udh": "00"}, "4869", "binary-hex", None),
        ("bulksms_relay", {"dca": "8bit", "message": "4869"}, "4869", "binary-hex", None),
        ("bulksms_relay", {"dca": "16bit", "message": "00480069"}, "00480069", "utf-16-hex", None),
        ("seven", {"webhook_event": "sms_mo", "data[text]": "Hi"}, "Hi", None, None),
        ("smsforwarder", {"from": "1", "content": "Hi"}, "Hi", None, None),
        ("bulletin_callback", {"recipient.msisdn": "1", "text": "Hi"}, "Hi", None, None),
    ],
)
def test_other_kinds(key: str, message: dict[str, Any], text: str, decoding: str | None, channel: str | None) -> None:
    """Pictures, binary messages and other ways of sending the same are read, too."""
    preset = PRESETS[key]
    assert all(at(path, message) in values for path, values in preset.take.items())
    values = [at(path, message) for path in (preset.fields["text"], *preset.otherwise.get("text", ()))]
    assert next(value for value in values if isinstance(value, str)) == text
    [found] = [forms.get(at(path, message)) for path, forms in preset.decode.items()] or [None]
    assert found == decoding
    [found_channel] = [names.get(at(path, message)) for path, names in preset.channels.items()] or [None]
    assert found_channel == channel


def test_identity() -> None:
    """An id counts where it is the message's; without one the time counts, where it is the message's."""
    by = {key: preset.identity for key, preset in PRESETS.items() if preset.identity != ("message_id",)}
    whole, none = ("sender", "text", "received_at"), ()
    assert by == {
        "incoming_sms": whole,
        "slzb": whole,
        "smsforwarder": whole,
        **dict.fromkeys(("bulletin_callback", "other", "shortcuts", "tasker", "teltonika"), none),
    }


def test_responses() -> None:
    """An answer with a text costs money or messages at some, and an empty one at others."""
    bodies = {key: preset.response.body for key, preset in PRESETS.items() if preset.response.body}
    assert bodies == {
        "bulksms_relay": "OK",
        "messagebird": "OK",
        "plivo": "<Response/>",
        "signalwire": '{"version":"1.0.0","sections":{"main":[]}}',
    }
    assert all(preset.response.status == 200 for preset in PRESETS.values())
    assert PRESETS["gammu_smsd"].response.content_type == "text/plain"
    assert PRESETS["plivo"].response.content_type == "application/xml"
    assert PRESETS["signalwire"].response.content_type == "application/json"


def test_flags() -> None:
    """A key or a zone is asked for where it is needed."""
    needs_key = {"httpsms", "messagebird", "plivo", "signalwire", "smsgate_cloud", "telnyx", "textbee"}
    assert {key for key, preset in PRESETS.items() if preset.needs_key} == needs_key
    assert all(PRESETS[key].signature for key in needs_key)
    assert {key for key, preset in PRESETS.items() if preset.needs_zone} == {"gammu_smsd", "smseagle", "smsforwarder"}


@pytest.mark.parametrize("preset", PRESETS)
def test_docs(preset: str) -> None:
    """Each has a page, which the index links, and which says what its settings are."""
    page = (DOCS / f"{preset}.md").read_text()
    assert f"]({preset}.md)" in (DOCS / "README.md").read_text()
    assert "ADDRESS" in page
    assert f"python -m emulator.senders {preset} ADDRESS" in page
    if PRESETS[preset].needs_zone:
        assert "zone" in page
    if PRESETS[preset].needs_key:
        assert "signing key" in page.lower()


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links(page: str) -> None:
    """Each page is of a preset, and each file that it links is there."""
    assert page.removesuffix(".md") in {*PRESETS, "README"}
    for link in re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text()):
        assert "://" in link or (DOCS / link).exists(), link


@pytest.mark.parametrize("form", ["slzb", "smseagle", "gammu_smsd"])
def test_local_times(form: str) -> None:
    """Devices say their own time, not ours."""
    near, far = (read(PRESETS[form], build(form, ADDRESS, at=AT, zone=zone)) for zone in (UTC, AUCKLAND))
    assert near["received_at"] != far["received_at"]


async def test_command(server: CannedServer) -> None:
    """The command sends one request, and says what came back."""
    server.answer = {"status": 200, "text": "OK"}
    url = server.url("/hook")
    status, output = await run("textbee", url, "--key", "secret", "--text", "Grüße", "--from", "+447700900122")
    assert (status, output) == (0, "200 text/plain; charset=utf-8\nOK\n")
    [request] = server.asked
    assert (request.method, request.url.path, "X-Signature" in request.headers) == ("POST", "/hook", True)
    server.answer = {"status": 403}
    status, output = await run("kannel", url)
    assert (status, output.splitlines()[0][:3]) == (1, "403")
    assert "textbee" in (await run("--list"))[1].split()


async def run(*arguments: str) -> tuple[int | None, str]:
    """Run the command; return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator.senders", *arguments, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize("form", ["httpsms", "textbee", "seven"])
def test_time_of_now(form: str) -> None:
    """Without a time it is the present."""
    found = read(PRESETS[form], build(form, ADDRESS))
    value = found["received_at"]
    time = datetime.fromtimestamp(int(value), UTC) if value.isdecimal() else datetime.fromisoformat(value)
    assert datetime.now(UTC) - time < timedelta(minutes=1)
