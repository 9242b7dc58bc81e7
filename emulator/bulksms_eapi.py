"""BulkSMS EAPI: records of fields parted by pipes, above an id that the client remembers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
import re
from typing import Any, override

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, html_page, number_of, with_query

ENCODINGS = {"text": "7bit", "unicode": "16bit", "binary": "8bit"}
DESCRIPTIONS = {
    22: "internal fatal error",
    23: "invalid credentials",
    24: "invalid last_retrieved_id",
    25: "insufficient credits",
    26: "upstream credits not available",
    27: "daily quota exceeded",
    28: "upstream quota exceeded",
    40: "temporarily unavailable",
}


class BulkSmsEapi(Protocol):
    """`/reception/get_inbox/1/1.1` (and 1.0, without encodings) and `/user/get_credits/1/1.1`, by query or form."""

    key = "bulksms_eapi"
    name = "BulkSMS EAPI"
    base_path = "/eapi"
    content_type = "text/plain; charset=utf-8"
    page_size = 1000
    time_zone = "Africa/Johannesburg"
    numeric_ids = True
    wires = ("utf-8", "hex")
    opening = b"0|records to follow|1\n\n1|447700900123|"
    errors: Mapping[str, int] = {str(code): 200 for code in DESCRIPTIONS}
    fault_options: Mapping[str, Mapping[str, Any]] = {"code": {"code": 22}}

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.fields.get("username", ""), call.fields.get("password", "")

    @override
    def unauthorized(self) -> Answer:
        return self._error(23)

    @override
    def not_found(self) -> Answer:
        return html_page(404, "Not Found")

    @override
    def fault(self, kind: str, options: Mapping[str, Any]) -> Answer:
        return self._error(options["code"])

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return replace(self._error(number_of(word)), status=status)

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        match call.path:
            case "/reception/get_inbox/1/1.1":
                return self._inbox(call, account, _record)
            case "/reception/get_inbox/1/1.0":
                return self._inbox(call, account, _record_1_0)
            case "/user/get_credits/1/1.1":
                return Answer(body=b"0|2101.15", content_type=self.content_type)
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """The HTTP relay: everything in the query; 8bit and 16bit come in hex here."""
        if not account.callback:
            return []
        if message.raw is not None:
            return [Outgoing(method="GET", url=with_query(account.callback, {"message": message.text}))]
        query = {
            "msisdn": message.recipient,
            "sender": message.sender,
            "message": _pushed(message),
            "dca": ENCODINGS[message.encoding],
            "msg_id": message.message_id,
            "source_id": "",
            "referring_batch_id": message.in_reply_to or "0",
        }
        return [Outgoing(method="GET", url=with_query(account.callback, query))]

    @override
    def is_settled(self, status: int) -> bool:
        """Only 500 is repeated."""
        return status != 500

    def _inbox(self, call: Call, account: Account, record: Callable[[Message, Account], bytes]) -> Answer:
        last = call.fields.get("last_retrieved_id", "")
        if not re.fullmatch("[0-9]{1,30}", last):
            return self._error(24)
        newer = [message for message in account.messages if not message.sent and int(message.message_id) > int(last)]
        page = sorted(newer, key=lambda message: int(message.message_id))[: account.page_size]
        body = f"0|records to follow|{len(page)}\n\n".encode() + b"".join(record(message, account) for message in page)
        return Answer(body=body, content_type=self.content_type, messages=tuple(page))

    def _error(self, code: int) -> Answer:
        """An error, which is 200 in HTTP's eyes."""
        body = f"{code}|{DESCRIPTIONS.get(code, 'error')}|"
        return Answer(body=body.encode(), content_type=self.content_type)


def _record(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw.removesuffix(b"\n") + b"\n"
    return "|".join((*_fields(message, account), ENCODINGS[message.encoding])).encode() + b"\n"


def _record_1_0(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw.removesuffix(b"\n") + b"\n"
    return "|".join(_fields(message, account)).encode() + b"\n"


def _fields(message: Message, account: Account) -> tuple[str, ...]:
    return (
        message.message_id,
        message.sender,
        _body(message),
        message.received_at.astimezone(account.zone).strftime("%Y-%m-%d %H:%M:%S"),
        message.recipient,
        message.in_reply_to or "0",
    )


def _pushed(message: Message) -> str:
    if message.data is not None:
        return message.data.hex()
    return message.text.encode("utf-16-be").hex().upper() if message.encoding == "unicode" else message.text


def _body(message: Message) -> str:
    if message.data is not None:
        return message.data.hex()
    if message.wire == "hex":
        return message.text.encode("utf-16-be").hex().upper()
    return message.text.replace("\n", r"\n").replace("\r", r"\r")
