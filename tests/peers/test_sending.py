"""Sending, with what others wrote: OpenAPI descriptions judge our requests, and libraries send through the emulator.

What a library sends arrives at the emulator's phones, so the emulator takes requests as the vendor does.
"""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.sms_inbox.model import Outgoing
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Account as Credentials
from custom_components.sms_inbox.providers.errors import TemporaryError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import sending_of
from emulator import Account, Emulator
from tests.conftest import PASSWORD, USERNAME

from .libraries import ask_library
from .test_clients import SID, ask

PHONE, SENDER = "+447700900321", "+44771234567"
TEXTS = (
    "Hello",
    "Grüße 😀👩\u200d👩\u200d👧 שלום",
    "a & b = 100% + more | \\n #1? <x> \"y\" 'z'",
    "two\nlines\r\nand a tab\t",
    "x" * 900,
)
IDS = {"bulksms": "500135", "clicksend": "BF7AD270-0DE2-418B-B606-71D527D9C1AE", "twilio": f"SM{'0' * 32}"}
FILES = {"bulksms": "bulksms.com.json", "clicksend": "clicksend.com.json", "twilio": "twilio.com/api.json"}
SUBMISSIONS = {
    "bulksms": "paths /messages post requestBody content application/json schema",
    "clicksend": "paths /sms/send post requestBody content application/json schema",
    "twilio": (
        "paths /2010-04-01/Accounts/{AccountSid}/Messages.json post requestBody content"
        " application/x-www-form-urlencoded schema"
    ),
}
"""Where a description has the form of a submission."""


class Recorder(TestServer):
    """A server that notes what it is asked, and has a fault of its own."""

    def __init__(self) -> None:
        """Begin without a request."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._note)
        super().__init__(app)
        self.requests: list[dict[str, Any]] = []

    async def _note(self, request: web.Request) -> web.Response:
        self.requests.append(
            {
                "method": request.method,
                "path": request.path,
                "query": request.rel_url.raw_query_string,
                "headers": dict(request.headers),
                "body": await request.text(),
            }
        )
        return web.Response(status=500)


@pytest.fixture
async def recorder() -> AsyncGenerator[Recorder]:
    """Run such a server."""
    async with Recorder() as recorder:
        yield recorder


def outgoing(provider: str, text: str = "Hello", sender: str | None = SENDER) -> Outgoing:
    """Return a text to send, or that was sent."""
    now = datetime.now(UTC)
    return Outgoing(
        key=str(uuid4()),
        recipient=PHONE,
        sender=sender,
        text=text,
        parts=1,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
        begun_at=now,
        provider_id=IDS[provider],
    )


def amended(provider: str, description: Any) -> Mapping[str, Any]:
    """Return what is to be changed in a description, so that it knows our requests, and nothing that isn't in it."""
    where = SUBMISSIONS[provider]
    if provider == "twilio":
        return {f"{where} additionalProperties": False}
    if provider == "bulksms":
        # The form is a list of texts with lists of recipients; one of each may stand alone, as the introduction shows.
        entry = "components schemas SubmissionEntry"
        recipient = description["components"]["schemas"]["SubmissionEntry"]["properties"]["to"]["items"]
        return {
            where: {"$ref": "#/components/schemas/SubmissionEntry"},
            f"{entry} additionalProperties": False,
            f"{entry} properties to": recipient | {"additionalProperties": False},
        }
    form = description
    for part in where.split(" "):
        form = form[part]
    # The example, unlike the form, has a list of messages; and what is in the query is said to be in the path.
    message = {
        "type": "object",
        "additionalProperties": False,
        **{key: form[key] for key in ("properties", "required")},
    }
    time = {"in": "query", "required": True, "schema": {"type": "integer"}}
    return {
        where: {
            "type": "object",
            "required": ["messages"],
            "additionalProperties": False,
            "properties": {"messages": {"type": "array", "items": message}},
        },
        "paths /sms/history": {
            "get": {
                "parameters": [{"name": name, **time} for name in ("date_from", "date_to")],
                "responses": {"200": {"description": "OK"}},
            }
        },
    }


@pytest.mark.parametrize("provider", IDS)
async def test_requests(recorder: Recorder, provider: str) -> None:
    """What we ask in order to send, to look for a text and for its report, and for senders, is in the description."""
    async with aiohttp.ClientSession() as session:
        username = SID if provider == "twilio" else USERNAME
        account = Credentials(username=username, password=PASSWORD, url=str(recorder.make_url("/")))
        sending = sending_of(PROVIDERS[provider](session, account))
        assert sending
        senders = (SENDER, "MYHOUSE") if sending.sender_use == "required" else (SENDER, "MYHOUSE", None)
        for text in TEXTS:
            for sender in senders:
                with pytest.raises(UnknownOutcomeError):
                    await sending.send(outgoing(provider, text, sender))
        for question in (
            sending.find_sent(outgoing(provider)),
            sending.reports([outgoing(provider)]),
            sending.senders(),
        ):
            with pytest.raises(TemporaryError):
                await question
    file = Path(os.environ["DESCRIPTIONS"]) / FILES[provider]
    amendments = amended(provider, json.loads(file.read_bytes()))
    client = {"file": str(file), "amendments": [*amendments.items()]}
    first = recorder.requests[0]
    wrong = first | {"body": first["body"].replace('"to"', '"tu"').replace("To=", "Tu=")}
    calls = (("request_errors", each) for each in (*recorder.requests, wrong))
    errors = await ask_library("check_openapi.py", client, *calls)
    assert len(recorder.requests) == len(TEXTS) * len(senders) + 3
    assert errors[:-1] == [[]] * len(recorder.requests)
    assert errors[-1], "the judge takes anything"


def shown(emulator: Emulator) -> list[tuple[str, str]]:
    """Return what phones show: sender and text."""
    return [(each.sender, each.text) for each in emulator.handsets.shown]


async def test_twilio(emulator: Emulator) -> None:
    """Twilio's library sends texts, which arrive as they are, and is told why others don't."""
    account = emulator.add_account("twilio", SID, PASSWORD)
    account.extra["opted_out"] = ["+447700900322"]
    calls = [("send", {"to": PHONE, "from_": SENDER, "body": text}) for text in TEXTS]
    wrong = ({"from_": "+15005550001"}, {"to": "+1"}, {"to": "+447700900322"}, {"body": "x" * 1601})
    calls += [("send", {"to": PHONE, "from_": SENDER, "body": "Hello", **fields}) for fields in wrong]
    answers = await ask(emulator, "twilio", account, *calls, ("messages", {"to": PHONE}))
    sent, refused, listed = answers[: len(TEXTS)], answers[len(TEXTS) : -1], answers[-1]
    assert shown(emulator) == [(SENDER, text) for text in TEXTS]
    assert [(row["text"], row["recipient"], row["status"]) for row in sent] == [
        (text, PHONE, "queued") for text in TEXTS
    ]
    assert {row["id"] for row in sent} == {row["id"] for row in listed}
    assert [(each["status"], each["code"]) for each in refused] == [
        (400, 21659),
        (400, 21211),
        (400, 21610),
        (400, 21617),
    ]


async def test_clicksend(emulator: Emulator) -> None:
    """ClickSend's library sends texts, all in one request, and finds them in the history with what became of them.

    It can't read the row of a refused text, whose `schedule` is empty in a recorded answer of the vendor.
    """
    account = emulator.add_account("clicksend", USERNAME, PASSWORD)
    messages = [
        {"to": PHONE, "from": SENDER, "body": text, "custom_string": str(number)} for number, text in enumerate(TEXTS)
    ]
    (sent,) = await ask(emulator, "clicksend", account, ("send", {"messages": messages}))
    assert shown(emulator) == [(SENDER, text) for text in TEXTS]
    assert (sent["currency"], sent["queued"]) == ("AUD", len(TEXTS))
    assert [row["status"] for row in sent["messages"]] == ["SUCCESS"] * len(TEXTS)
    account.messages[0].status = "delivered"
    later = int(datetime.now(UTC).timestamp()) + 60
    calls = ("history", {}), ("history", {"date_from": later})
    listed, none = await ask(emulator, "clicksend", account, *calls)
    assert [(row["message_id"], row["body"], row["custom_string"]) for row in listed] == [
        (row["message_id"], row["body"], row["custom_string"]) for row in sent["messages"]
    ]
    assert [row["status_code"] for row in listed] == ["201", *[None] * (len(TEXTS) - 1)]
    assert none == []


@pytest.fixture(params=["bulksms", "elks"])
def other(request: pytest.FixtureRequest, emulator: Emulator) -> Account:
    """Return an account at a vendor for which the package indexes have a library of somebody else."""
    return emulator.add_account(request.param, USERNAME, PASSWORD)


async def test_others(emulator: Emulator, other: Account) -> None:
    """The libraries bulksms and elks send texts and list them."""
    if other.provider == "elks":
        calls = [
            ("ask", {"path": "sms", "method": "POST", "from": SENDER, "to": PHONE, "message": text}) for text in TEXTS
        ]
        answers = await ask(emulator, "elks", other, *calls, ("messages", {"to": PHONE}))
        listed = [(row["id"], row["message"]) for page in answers[-1] for row in reversed(page)]
    else:
        texts = [{"to": PHONE, "from": SENDER, "body": text, "longMessageMaxParts": 6} for text in TEXTS]
        fields = {"resource": "messages", "method": "POST", "auto-unicode": "true"}
        calls = [("ask", {**fields, "data": text}) for text in texts]
        listing = ("ask", {"resource": "messages", "filter": "type=SENT", "sortOrder": "ASCENDING"})
        answers = await ask(emulator, "bulksms", other, *calls, listing)
        answers[:-1] = [row for (row,) in answers[:-1]]
        listed = [(row["id"], row["body"]) for row in answers[-1]]
    assert [text for _, text in shown(emulator)] == [*TEXTS]
    assert listed == [(answer["id"], text) for answer, text in zip(answers[:-1], TEXTS, strict=True)]
