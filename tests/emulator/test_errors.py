"""Each vendor says in its own way what is wrong, when a test wants it to."""

from collections.abc import Callable
from html import unescape
import json
from typing import Any

import pytest

from emulator import Emulator
from emulator.registry import PROTOCOLS

from .conftest import PASSWORD, USERNAME, Client, Reply
from .test_faults import PATHS

ERRORS = [(key, word, status) for key, protocol in PROTOCOLS.items() for word, status in protocol.errors.items()]
NUMBERS = ("bulksms_eapi", "twilio")
"""Vendors whose words are numbers."""


def heading(reply: Reply) -> str:
    """The heading of a page for people."""
    assert reply.headers["Content-Type"].startswith("text/html")
    return unescape(reply.text.partition("<h1>")[2].partition("</h1>")[0])


def problem(reply: Reply) -> str:
    """The end of the address that a problem of BulkSMS has; its title says the same."""
    fields = json.loads(reply.body)
    page, _, word = fields["type"].partition("#")
    assert page == "https://www.bulksms.com/developer/json/v1/errors"
    assert (fields["status"], fields["title"].lower()) == (reply.status, word.replace("-", " "))
    assert fields["detail"]
    return word


def twilio(reply: Reply) -> str:
    """The code, which its page is named after."""
    fields = json.loads(reply.body)
    assert (fields["status"], fields["more_info"].rpartition("/")[2]) == (reply.status, str(fields["code"]))
    assert fields["message"]
    return str(fields["code"])


def clicksend(reply: Reply) -> str:
    """The code in what each answer of ClickSend is wrapped in."""
    fields = json.loads(reply.body)
    assert (fields["http_code"], fields["data"]) == (reply.status, None)
    assert fields["response_msg"]
    return str(fields["response_code"])


def plain(reply: Reply) -> str:
    """The text alone."""
    assert reply.headers["Content-Type"].startswith("text/plain")
    return reply.text


def message(reply: Reply) -> Any:
    """The only field of a JSON object."""
    fields = json.loads(reply.body)
    assert list(fields) == ["message"]
    return fields["message"]


def eapi(reply: Reply) -> str:
    """The number at the beginning of the status line, which ends with an empty field."""
    code, description, rest = reply.text.split("|")
    assert description
    assert not rest
    return code


def voipms(reply: Reply) -> str:
    """The status, which comes with a sentence."""
    fields = json.loads(reply.body)
    assert fields["message"]
    return str(fields["status"])


WORD_OF: dict[str, Callable[[Reply], str]] = {
    "bulletin": heading,
    "bulksms_eapi": eapi,
    "bulksms": problem,
    "gammu": message,
    "smsgate": message,
    "voipms": voipms,
    "clicksend": clicksend,
    "twilio": twilio,
    "elks": plain,
}


@pytest.mark.parametrize(("provider", "word", "status"), ERRORS)
async def test_word(client: Client, emulator: Emulator, provider: str, word: str, status: int) -> None:
    """A documented word comes once, with its status, and nothing is handed over."""
    account = emulator.add_account(provider, USERNAME, PASSWORD)
    account.send("Hello")
    emulator.fault(provider, "vendor_error", word=word)
    reply = await client.get(provider, PATHS[provider])
    assert (reply.status, WORD_OF[provider](reply)) == (status, word)
    assert (emulator.book, account.messages[0].read) == ([], False)
    assert b"Hello" in (await client.get(provider, PATHS[provider])).body


@pytest.mark.parametrize("provider", PROTOCOLS)
@pytest.mark.parametrize("status", [200, 403, 503])
async def test_other_status(client: Client, emulator: Emulator, provider: str, status: int) -> None:
    """A word can come with another status, and a word that isn't documented needs one."""
    for word in (next(iter(PROTOCOLS[provider].errors)), "99" if provider in NUMBERS else "what <is> & this"):
        emulator.fault(provider, "vendor_error", word=word, status=status)
        reply = await client.get(provider, PATHS[provider])
        assert (reply.status, WORD_OF[provider](reply)) == (status, word)


@pytest.mark.parametrize("provider", PROTOCOLS)
def test_unknown_word(emulator: Emulator, provider: str) -> None:
    """Without a status a word must be documented; the sentence has those that are."""
    for options in ({}, {"word": ""}, {"word": "", "status": 400}, {"word": "99"}):
        with pytest.raises(ValueError, match=r"status\.$") as error:
            emulator.fault(provider, "vendor_error", **options)
        assert all(word in str(error.value) for word in PROTOCOLS[provider].errors)
    with pytest.raises(ValueError, match=r"status of the fault vendor_error can't be 99\.$"):
        emulator.fault(provider, "vendor_error", word="99", status=99)
    assert not emulator.faults.pending


@pytest.mark.parametrize("provider", NUMBERS)
def test_word_that_is_no_number(emulator: Emulator, provider: str) -> None:
    """Where errors are numbers, no other word makes sense."""
    with pytest.raises(ValueError, match=r"is a number\.$"):
        emulator.fault(provider, "vendor_error", word="busy", status=200)
    assert not emulator.faults.pending
