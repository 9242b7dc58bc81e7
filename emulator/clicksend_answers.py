"""The form of ClickSend's answers: errors by code, data, and lists by pages."""

import json
import re
import zlib

from .model import Account, Message
from .protocol import Answer, Call

CONTENT_TYPE = "application/json"
ERRORS = {
    "BAD_REQUEST": (400, "The request was invalid."),
    "UNAUTHORIZED": (401, "Authorization failed."),
    "MISSING_CREDENTIALS": (401, "There is not enough to log in with."),
    "INVALID_CREDENTIALS": (401, "The username or the key is wrong."),
    "ACCOUNT_NOT_ACTIVATED": (403, "Your account has not been activated."),
    "INSUFFICIENT_CREDIT": (403, "There is no credit left."),
    "NOT_ENOUGH_PERMISSION_TO_LIST_ID": (403, "You do not have enough permission for this list."),
    "FORBIDDEN": (403, "Access is denied."),
    "NOT_FOUND": (404, "There is nothing here."),
    "TOO_MANY_REQUESTS": (429, "There were too many requests."),
    "INTERNAL_SERVER_ERROR": (500, "Something went wrong at our end."),
}


def place_of(call: Call, account: Account) -> slice | None:
    """The rows of the page that is asked for, None where it can't be."""
    page, limit = call.fields.get("page", "1"), call.fields.get("limit", "15")
    if not re.fullmatch("[1-9][0-9]{0,8}", page) or not re.fullmatch("1[5-9]|[2-9][0-9]|100", limit):
        return None
    size = min(int(limit), account.page_size)
    start = (int(page) - 1) * size
    return slice(start, start + size)


def frame(path: str, place: slice, total: int) -> bytes:
    """What stands around the rows of a page."""
    size, number = place.stop - place.start, place.stop // (place.stop - place.start)
    count = max(min(total, place.stop) - place.start, 0)
    around = {
        "total": total,
        "per_page": size,
        "current_page": number,
        "last_page": -(-total // size),
        "next_page_url": f"{path}?page={number + 1}" if place.stop < total else None,
        "prev_page_url": f"{path}?page={number - 1}" if number > 1 else None,
        "from": place.start + 1 if count else None,
        "to": place.start + count if count else None,
    }
    return json.dumps(around).encode()


def user_id(account: Account) -> int:
    """An id that is the account's for good; user names don't differ by case."""
    return zlib.crc32(f"clicksend {account.username.casefold()}".encode())


def success(said: str, data: bytes, messages: tuple[Message, ...] = ()) -> Answer:
    """An answer with data, which are JSON; `messages` are those that it hands over."""
    body = {"http_code": 200, "response_code": "SUCCESS", "response_msg": said}
    whole = json.dumps(body)[:-1].encode() + b', "data": ' + data + b"}"
    return Answer(body=whole, content_type=CONTENT_TYPE, messages=messages)


def failure(code: str, status: int | None = None, said: str = "") -> Answer:
    """An answer with an error's code, by default with the status and the words that belong to it."""
    documented, usual = ERRORS.get(code, (400, code))
    status = status or documented
    body = {"http_code": status, "response_code": code, "response_msg": said or usual, "data": None}
    return Answer(status=status, body=json.dumps(body).encode(), content_type=CONTENT_TYPE)
