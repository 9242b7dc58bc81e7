"""Webhook: any app or service that can send a form or JSON, or request a URL with a query.

There is no vendor and no document. A preset knows what a well-known app or service sends; else a person names the
fields, and those without a name are looked for under the names that are usual, see `webhook_fields`. Assumed is:

- The object that holds a text is the message; a list of them holds several. A name counts inside it, else in an object
  around it. A field inside another is named with a dot: `data.text`.
- Body and query count together, the body first. A plain text is the text if the other fields are in the query, or if it
  is neither JSON nor a form.
- Text is UTF-8, else in the charset that is announced, else Windows-1252. Times are in the forms that `times` reads;
  without a zone they are in the one that a person has chosen.
- Each sender writes numbers in its own way, a channel in front of them included.
- An id counts under the name that was given, else beside the text; with another content it is that of another message.
  Without an id, the same bytes again are the same message if they hold a time to the second; else each is a new one.
- What can't be understood is kept. Only a request with neither body nor query is refused.
"""

from collections import Counter
from dataclasses import replace
from http import HTTPStatus
from typing import override

import aiohttp

from ..model import SYNTHETIC_ID, Cursor, Message, NumberFormat, Page, PushResult
from .contract import Account, Identity, Provider, WebhookRequest
from .errors import RefusedWebhookError
from .presets import OTHER, PRESETS
from .signatures import described
from .webhook_fields import Reader, fields_of, lacks_sender, parse
from .webhook_messages import Mapped
from .webhook_names import NAMES
from .webhook_records import record_of_request

__all__ = ["NAMES", "Webhook", "fields_of", "parse"]


class Webhook(Provider):
    """One app or service, which can't be polled; there is no cursor."""

    key = "webhook"
    name = "Webhook"
    default_url = ""
    number_format = NumberFormat(has_channels=True)
    interval = None
    receives_webhooks = True
    pushes = True
    signs = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Take the account, and the preset of its app or service."""
        super().__init__(session, account)
        self._preset = PRESETS.get(account.preset, OTHER)
        self._mapped = Mapped(preset=self._preset, given=account.fields)
        self._reader = Reader(mapped=self._mapped, zone=account.time_zone)
        self.webhook_response = self._preset.response

    @override
    async def validate(self) -> Identity:
        """Prove nothing: there is no server that could be asked."""
        return Identity(account_id="")

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read nothing: there is no server."""
        return Page(messages=(), cursor=cursor, more=False)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the messages of a request; a record without a text is unreadable until a person names its field."""
        request = self._verified(request)
        given = {name: [".".join(names) for names in paths] for name, paths in self._mapped.paths.items()}
        if not (record := record_of_request(request, given)):
            raise RefusedWebhookError("no fields", status=HTTPStatus.BAD_REQUEST)
        messages: list[Message] = []
        unreadable: list[bytes] = []
        for each, may_have_one in self._reader.split(record):
            if self._reader.is_about_something_else(each):
                continue
            if may_have_one and (message := self._reader.read(each, request.at)):
                messages.append(message)
            else:
                unreadable.append(each)
        return PushResult(
            messages=tuple(_distinct(messages)),
            unreadable=tuple(unreadable),
            lacks_sender=any(map(lacks_sender, messages)),
        )

    @override
    def read_again(self, record: bytes) -> Message | None:
        """Read a record with the names that a person has given since."""
        return None if self._reader.is_about_something_else(record) else self._reader.read(record)

    def _verified(self, request: WebhookRequest) -> WebhookRequest:
        """Return what may be read of a request; refuse one that isn't signed as it should be."""
        if key := self._account.signing_key:
            return (self._preset.signature or described(self._account.signature)).verify(request, key)
        if self._preset.needs_key:
            raise RefusedWebhookError("no signing key")
        return request


def _distinct(messages: list[Message]) -> list[Message]:
    """Return messages with different ids where we have made the ids: two of one request are not the same."""
    seen: Counter[str] = Counter()
    distinct = []
    for message in messages:
        seen[message.message_id] += 1
        number = seen[message.message_id]
        is_ours = message.message_id.startswith(SYNTHETIC_ID) and message.fingerprint is None
        distinct.append(
            replace(message, message_id=f"{message.message_id}-{number}") if is_ours and number > 1 else message
        )
    return distinct
