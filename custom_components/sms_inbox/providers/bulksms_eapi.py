r"""BulkSMS EAPI: `get_inbox`, a list that goes on after the last id that was read.

Source: the vendor's pages "get_inbox" (version 1.1), "get_credits" and "http_push". The vendor has deprecated this API
in favour of the JSON API, see `bulksms`. What it doesn't say is assumed here:

- `|` inside a text is sent as it is; a record is therefore read from both of its ends: the last time in it is the
  true one, whatever a sender types. Fields behind the known ones are allowed.
- A backslash is not escaped, so a typed `C:\new` can't be distinguished from a line break: it becomes one; `raw` keeps
  it.
- `16bit` texts come as characters, as in the vendor's sample; a text wholly of hexadecimal UTF-16 is decoded.
- Of the hour that comes twice in autumn, times mean the first.
- POST with a form is taken like GET, as all public clients do it; it keeps the password out of the address.
- User names don't differ by case; the same name at another of the vendor's hosts is another account.
- Numbers are international ones without `+`, as in the vendor's samples.
- An answer that is cut off may end within a record, or hold fewer records than it announces; whole records count.
"""

from collections.abc import Mapping
from datetime import timedelta
import re
from typing import Any, ClassVar, override

import aiohttp

from ..model import INTERNATIONAL, Cursor, Encoding, Message, Page
from .contract import Account, Identity, Provider, WebhookResponse
from .errors import AuthenticationError, ConfigurationError, ProtocolError, TemporaryError
from .parsing import in_turns, iso_time, printable, well_formed

RECORD = re.compile(
    rb"(?P<message_id>\d{1,20})\|(?P<sender>[^|]*)\|(?P<text>.*)\|(?P<received>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
    rb"\|(?P<recipient>[^|]*)\|(?P<batch>\d*)(?:\|(?P<encoding>7bit|8bit|16bit)(?:\|.*)?)?\|?"
)
NUMBER = re.compile(r"\d{1,9}", re.ASCII)
LEADING_ID = re.compile(rb"(\d{1,20})\|")
ESCAPE = re.compile(r"\\([nr])")
HEX_UNITS = re.compile(r"(?:[0-9A-Fa-f]{4})+")


class BulkSmsEapi(Provider):
    """One account at BulkSMS, read by the EAPI. Cursor: `{"last_retrieved_id": int}`."""

    key = "bulksms_eapi"
    name = "BulkSMS EAPI"
    default_url = "https://bulksms.vsms.net/eapi"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    chooses_password = True
    local_time = True
    placeholders: ClassVar[Mapping[str, str]] = {
        "international_host": "`bulksms.vsms.net`",
        "regional_hosts": "`www.bulksms.co.uk`, `usa.bulksms.com`, `bulksms.2way.co.za`, `bulksms.com.es`, "
        "`bulksms.de`",
    }
    successor = "bulksms"
    receives_webhooks = True
    webhook_response = WebhookResponse(body="OK")  # the vendor wants at least one character

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with no doubtful record."""
        super().__init__(session, account)
        self._doubtful = b""

    @override
    async def validate(self) -> Identity:
        """Ask for the credits of the account, which touches no message."""
        await self._read("user/get_credits/1/1.1")
        return Identity(account_id=self.account_at_server(self._account.username))

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read up to 1000 messages after the last one that was read; only an empty page is the last.

        The vendor says that the limit is 1000 "currently", so a shorter page is no sign of the end. What is missing of
        an answer is asked for again.

        Raises:
            ProviderError: One of its kinds; a ProtocolError where records are announced, and none is there.
        """
        last_id = cursor.get("last_retrieved_id", 0)
        announced, records = await self._read("reception/get_inbox/1/1.1", last_retrieved_id=str(last_id))
        missing = int(announced) - len(records) if NUMBER.fullmatch(announced) else 0
        if missing > 0 and not records:
            raise ProtocolError("fewer records than announced")
        whole = self._whole(records)
        parsed = list(zip(whole, await in_turns(self._parse, whole), strict=True))
        ids = [int(match[1]) for record, _ in parsed if (match := LEADING_ID.match(record))]
        # Where records are missing, and those that are there are in no order, the missing ones may be among them.
        highest = last_id if missing > 0 and ids != sorted(ids) else max([last_id, *ids])
        messages = [message for _, message in parsed if message]
        return Page(
            messages=tuple(sorted(messages, key=lambda message: int(message.message_id))),
            unreadable=tuple(record for record, message in parsed if not message),
            cursor={"last_retrieved_id": highest},
            more=highest > last_id,
        )

    def _whole(self, records: list[bytes]) -> list[bytes]:
        """Return the records without the last one if it makes no sense, which may be cut off: it is read again.

        Once it has come again as it was, it counts.
        """
        if not records or self._parse(records[-1]) or records[-1] == self._doubtful:
            return records
        self._doubtful = records[-1]
        return records[:-1]

    async def _read(self, path: str, **parameters: str) -> tuple[str, list[bytes]]:
        """Send a request; return the third field of the status line and the records after it."""
        form = {"username": self._account.username, "password": self._account.password, **parameters}
        answer = await self.request("POST", path, data=form)
        status, *lines = answer.body.split(b"\n")
        code, _, rest = status.decode("utf-8", "replace").strip().partition("|")
        _raise_for_code(code)
        return rest.rpartition("|")[2], [line for line in (line.removesuffix(b"\r") for line in lines) if line]

    def _parse(self, record: bytes) -> Message | None:
        """Return the message of a record, None where it doesn't fit the grammar."""
        if not (match := RECORD.fullmatch(record)):
            return None
        field = {name: (value or b"").decode("utf-8", "replace") for name, value in match.groupdict().items()}
        return Message(
            message_id=field["message_id"],
            sender=field["sender"],
            recipient=field["recipient"] or None,
            received_at=iso_time(field["received"], self._account.time_zone),
            in_reply_to=field["batch"] if field["batch"].strip("0") else None,
            raw=record,
            **_content(field["text"], field["encoding"]),
        )


def _raise_for_code(code: str) -> None:
    """Raise the error that a status code means; only the number counts, the vendor may change the words."""
    if not re.fullmatch(r"\d{1,3}", code):
        raise ProtocolError("the answer does not begin with a status code")
    match int(code):
        case 0:
            return
        case 23:
            raise AuthenticationError("status code 23")
        case 24 | 25 | 27:  # the parameters, no credits, or the day's quota is used up
            raise ConfigurationError(f"status code {code}")
        case 22 | 26 | 28 | 40:  # the vendor's own trouble
            raise TemporaryError(f"status code {code}")
        case _:
            raise ProtocolError(f"status code {code}")


def _content(text: str, encoding: str) -> dict[str, Any]:
    """Return text, encoding and data of a message from its wire form."""
    if encoding == "8bit":
        try:
            data = bytes.fromhex(text)
        except ValueError:
            return {"text": text, "encoding": "binary", "data": None}
        return {"text": printable(data), "encoding": "binary", "data": data}
    kind: Encoding = "unicode" if encoding == "16bit" else "text"
    if encoding == "16bit" and HEX_UNITS.fullmatch(text):
        units = bytes.fromhex(text).decode("utf-16-be", "surrogatepass")
        if well_formed(units) == units:
            return {"text": units, "encoding": kind, "data": None}
    unescaped = ESCAPE.sub(lambda match: "\n" if match[1] == "n" else "\r", text)
    return {"text": unescaped, "encoding": kind, "data": None}
