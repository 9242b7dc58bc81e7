"""Shapes of webhook requests, and what the provider `webhook` makes of them, as a table.

Each shape in `tests/fixtures/webhook/shapes.json` is a request (`query`, `type` of the body, and the body as `json` or
as `text` in an `encoding`), how the account is set up (`preset`, `fields`, `zone`), and what is expected: `messages`,
whose id is `same` or `new` where the request has none and is made twice, for each record that is `kept` a piece of it,
and whether a person is told that it `lacks_sender`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
import sys
from typing import Any
from zoneinfo import ZoneInfo

from multidict import CIMultiDict
from yarl import URL

from custom_components.sms_inbox.model import PushResult
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.webhook import Webhook

FILE = Path(__file__).parents[1] / "fixtures" / "webhook" / "shapes.json"
ADDRESS = "https://home.example/api/webhook/5ecre7"
NOW = datetime(2026, 11, 21, 19, 15, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Shape:
    """A request, and what is expected of it."""

    name: str
    row: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        """The body as it is sent."""
        if "json" in self.row:
            return json.dumps(self.row["json"]).encode()
        return str(self.row.get("text", "")).encode(self.row.get("encoding", "utf-8"))

    @property
    def request(self) -> WebhookRequest:
        """The request."""
        query = self.row.get("query", "")
        return WebhookRequest(
            method="POST" if self.body else "GET",
            url=URL(f"{ADDRESS}?{query}" if query else ADDRESS, encoded=True),
            headers=CIMultiDict({"Content-Type": self.row.get("type", "application/json")}),
            body=self.body,
            at=NOW,
        )

    def provider(self, **fields: str) -> Webhook:
        """The provider of an account; with the names of other fields, if some are given."""
        session: Any = None
        account = Account(
            username="Gate",
            password="",
            url="",
            preset=self.row.get("preset", ""),
            time_zone=ZoneInfo(self.row["zone"]) if "zone" in self.row else UTC,
            fields=fields or self.row.get("fields", {}),
        )
        return Webhook(session, account)

    def read(self) -> PushResult:
        """What the provider makes of the request."""
        return self.provider().read_webhook(self.request)


SHAPES = [Shape(row["name"], row) for row in json.loads(FILE.read_text("utf-8"))]


def main() -> int:
    """Print the table."""
    print("shape | sender | text | id | time | messages, kept")
    for shape in SHAPES:
        result = shape.read()
        counts = f"{len(result.messages)}, {len(result.unreadable)}"
        for each in result.messages:
            text = each.text if each.data is None else f"bytes {each.data.hex()}"
            print(shape.name, each.sender, text, each.message_id[:40], each.received_at or "", counts, sep=" | ")
        for record in result.unreadable:
            print(
                shape.name,
                "kept",
                record.decode("utf-8", "replace")[:90].replace("\n", "\\n"),
                "",
                "",
                counts,
                sep=" | ",
            )
        if not (result.messages or result.unreadable):
            print(shape.name, "nothing to keep", "", "", "", counts, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
