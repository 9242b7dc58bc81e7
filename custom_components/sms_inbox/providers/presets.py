"""Presets of the provider `webhook`: what well-known apps and services send, as data.

Each preset's docs page is `docs/webhooks/<key>.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .contract import WebhookResponse
from .signatures import Signature


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What one app or service sends.

    Attributes:
        key: Its name in configuration; never changes.
        name: Its name for people, which is never translated; empty for `other`.
        fields: The path of each field, inside the object that is the message: `sender`, `text`, `message_id`,
            `recipient`, `received_at`. A path is a name, or names joined by dots; a number is a place in a list. What
            has no path here is not sent. Empty for `other`, where a person names the fields, or the usual names count.
        messages: The path of the list of messages; empty where the body is one message, or a list itself.
        take: Requests that are about a received message: the values that a field may have, by path. Others are
            answered and not stored.
        leave: Paths of fields whose presence says that a request is about something else, such as a delivery report.
        signature: How requests are signed; None where they aren't.
        needs_key: Whether requests can't be believed without the signing key, so that a person must enter it.
        needs_zone: Whether times come without a zone, so that a person must choose it.
        is_at_home: Whether it runs at home, so that the local URL is shown.
        response: The response to an accepted request.
    """

    key: str
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    messages: str = ""
    take: Mapping[str, frozenset[str]] = field(default_factory=dict)
    leave: tuple[str, ...] = ()
    signature: Signature | None = None
    needs_key: bool = False
    needs_zone: bool = False
    is_at_home: bool = False
    response: WebhookResponse = field(default_factory=WebhookResponse)


OTHER = Preset(key="other", name="")
PRESETS: dict[str, Preset] = {preset.key: preset for preset in (OTHER,)}
