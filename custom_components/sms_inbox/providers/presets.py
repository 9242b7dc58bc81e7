"""Presets of the provider `webhook`: what well-known apps and services send, as data.

Each preset's docs page is `docs/webhooks/<key>.md`; what it sends is played by `emulator/senders.py`.

Times need no description, since each form that occurs is recognized by its look: ISO 8601 (also `+0000`, and a blank
instead of `T`), `YYYYmmddHHMMSS`, the modem's `yy/MM/dd,hh:mm:ss+zz` with quarters of an hour, seconds and milliseconds
since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .contract import WebhookResponse
from .signatures import Ed25519, FirstThatFits, Hmac, Signature, Token
from .signed import REPLAY_SECONDS
from .vendor_signatures import DAY, SMSGATE, Jwt, PlivoSignature, SmsForwarderSignature, VonageSignature

type Decoding = Literal["binary-hex", "binary-base64", "utf-16-hex"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What one app or service sends.

    Attributes:
        key: Its name in configuration; never changes.
        name: Its name for people, which is never translated; empty for `other`.
        fields: The path of each field, inside the object that is the message: `sender`, `text`, `message_id`,
            `recipient`, `received_at`, `in_reply_to`. A path is a name, or names joined by dots; a number is a place in
            a list. What has no path here is not sent. Empty for `other`, where a person names the fields, or the usual
            names count.
        otherwise: More paths of a field, which are read in turn where its own has nothing: what other kinds of messages
            or requests of the same sender say it with.
        messages: The path of the list of messages; empty where the body is one message, or a list itself.
        take: Requests that are about a received message: the values that a field may have, by path. Others are
            answered and not stored. Paths begin where those of `fields` do.
        leave: Paths of fields whose presence says that a request is about something else, such as a delivery report.
            They, too, begin where those of `fields` do.
        decode: How the text is written, by the value of another field, by that field's path: `binary-hex` and
            `binary-base64` are the bytes of a binary message, `utf-16-hex` is a text in UTF-16 (big endian). For values
            that aren't here, and for what doesn't decode, the text is what it is.
        channels: The channel of a message that is no SMS, by the value of another field, by that field's path.
        time_is_request: Whether `received_at` is when the request was made: then it is another one at each try, and
            says nothing about which message it is.
        signature: How requests are signed; None where they aren't.
        needs_key: Whether requests can't be believed without the signing key, so that a person must enter it. Elsewhere
            it may be empty; then nothing is verified, and the address is the secret.
        needs_zone: Whether times come without a zone, so that a person must choose it. Elsewhere those are UTC.
        is_at_home: Whether it runs at home, so that the local URL is shown.
        response: The response to an accepted request, also to one that isn't about a received message.
    """

    key: str
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    otherwise: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    messages: str = ""
    take: Mapping[str, frozenset[str]] = field(default_factory=dict)
    leave: tuple[str, ...] = ()
    decode: Mapping[str, Mapping[str, Decoding]] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    time_is_request: bool = False
    signature: Signature | None = None
    needs_key: bool = False
    needs_zone: bool = False
    is_at_home: bool = False
    response: WebhookResponse = field(default_factory=WebhookResponse)

    @property
    def identity(self) -> tuple[str, ...]:
        """The fields by which a repeat is recognized; none where each request is another message.

        A message that lacks one of them is another one each time. For `other` it is none, which says nothing: there a
        person names the fields.
        """
        if "message_id" in self.fields:
            return ("message_id",)
        if "received_at" in self.fields and not self.time_is_request:
            return ("sender", "text", "received_at")
        return ()


OTHER = Preset(key="other", name="")

_TOKEN = Token(header="X-Token")
_KNOWN = (
    Preset(
        key="africastalking",
        name="Africa's Talking",
        fields={"sender": "from", "recipient": "to", "text": "text", "message_id": "id", "received_at": "date"},
        leave=("status",),
    ),
    # It has no id of the reply: `messageId` is that of the message which is answered.
    Preset(
        key="bulletin_callback",
        name="Bulletin (callback)",
        fields={"sender": "from", "text": "body", "in_reply_to": "msg"},
        otherwise={
            "sender": ("recipient.msisdn", "msisdn"),
            "text": ("text",),
            "in_reply_to": ("messageId", "messageid"),
        },
        leave=("status",),
    ),
    Preset(
        key="bulksms_relay",
        name="BulkSMS (HTTP relay)",
        fields={
            "sender": "sender",
            "recipient": "msisdn",
            "text": "message",
            "message_id": "msg_id",
            "in_reply_to": "referring_batch_id",
        },
        decode={"dca": {"8bit": "binary-hex", "16bit": "utf-16-hex"}},
        response=WebhookResponse(body="OK"),
    ),
    # The script deletes a message only after a 2xx whose type is text/plain: Home Assistant itself answers 200, too.
    Preset(
        key="gammu_smsd",
        name="gammu-smsd",
        fields={"sender": "from", "text": "text", "message_id": "id", "received_at": "time"},
        needs_zone=True,
        is_at_home=True,
    ),
    Preset(
        key="httpsms",
        name="httpSMS",
        fields={
            "sender": "data.contact",
            "recipient": "data.owner",
            "text": "data.content",
            "message_id": "data.message_id",
            "received_at": "data.timestamp",
        },
        take={"type": frozenset({"message.phone.received"})},
        signature=Jwt(header="Authorization", issuer="api.httpsms.com", algorithms=("HS256",)),
        needs_key=True,
    ),
    Preset(
        key="incoming_sms",
        name="Incoming SMS to URL forwarder",
        fields={"sender": "from", "text": "text", "received_at": "sentStamp"},
        # Older versions can't sign, but send a header that a person sets.
        signature=FirstThatFits(ways=(Hmac(header="X-Signature"), _TOKEN)),
        is_at_home=True,
    ),
    Preset(
        key="infobip",
        name="Infobip",
        messages="results",
        fields={
            "sender": "from",
            "recipient": "to",
            "text": "text",
            "message_id": "messageId",
            "received_at": "receivedAt",
        },
        leave=("doneAt",),
    ),
    # An answer that isn't empty is sent to the sender.
    Preset(
        key="kannel",
        name="Kannel",
        fields={"sender": "from", "recipient": "to", "text": "text", "message_id": "id", "received_at": "ts"},
        is_at_home=True,
    ),
    Preset(
        key="messagebird",
        name="MessageBird",
        fields={
            "sender": "originator",
            "recipient": "recipient",
            "text": "body",
            "message_id": "id",
            "received_at": "createdDatetime",
        },
        leave=("statusDatetime",),
        signature=Jwt(
            header="MessageBird-Signature-JWT",
            issuer="MessageBird",
            algorithms=("HS256", "HS384", "HS512"),
            hashes=True,
            leeway=1.0,
        ),
        needs_key=True,
        response=WebhookResponse(body="OK"),
    ),
    # A Message element in the answer would be sent.
    Preset(
        key="plivo",
        name="Plivo",
        fields={"sender": "From", "recipient": "To", "text": "Text", "message_id": "MessageUUID"},
        otherwise={"text": ("Body",)},
        leave=("Status",),
        channels={"Type": {"mms": "mms", "whatsapp": "whatsapp"}},
        signature=PlivoSignature(),
        needs_key=True,
        response=WebhookResponse(body="<Response/>", content_type="application/xml"),
    ),
    Preset(
        key="seven",
        name="seven.io",
        fields={
            "sender": "data.sender",
            "recipient": "data.system",
            "text": "data.text",
            "message_id": "data.id",
            "received_at": "data.time",
        },
        otherwise={
            "sender": ("data[sender]",),
            "recipient": ("data[system]",),
            "text": ("data[text]",),
            "message_id": ("data[id]",),
            "received_at": ("data[time]",),
        },
        take={"webhook_event": frozenset({"sms_mo"})},
        signature=Hmac(
            header="X-Signature",
            signed="{time}\n{nonce}\n{method}\n{url}\n{md5}",
            time_header="X-Timestamp",
            nonce_header="X-Nonce",
        ),
    ),
    Preset(
        key="shortcuts",
        name="Shortcuts (iPhone)",
        fields={"sender": "from", "text": "text"},
        signature=_TOKEN,
    ),
    Preset(
        key="signalwire",
        name="SignalWire (SWML)",
        fields={
            "sender": "message.from",
            "recipient": "message.to",
            "text": "message.body",
            "message_id": "message.message_id",
        },
        signature=FirstThatFits(
            ways=(
                Hmac(header="X-SignalWire-Sha256-Signature", signed="{url}{body}"),
                Hmac(header="X-SignalWire-Signature", signed="{url}{body}", algorithm="sha1"),
            )
        ),
        needs_key=True,
        response=WebhookResponse(body='{"version":"1.0.0","sections":{"main":[]}}', content_type="application/json"),
    ),
    # It repeats a request for a day and doesn't say that it signs it anew; a repeat is recognized by its id.
    Preset(
        key="sinch",
        name="Sinch",
        fields={"sender": "from", "recipient": "to", "text": "body", "message_id": "id", "received_at": "received_at"},
        otherwise={"text": ("body.message",)},
        take={"type": frozenset({"mo_text", "mo_binary", "mo_media"})},
        decode={"type": {"mo_binary": "binary-base64"}},
        channels={"type": {"mo_media": "mms"}},
        signature=Hmac(
            header="x-sinch-webhook-signature",
            signed="{body}.{nonce}.{time}",
            time_header="x-sinch-webhook-signature-timestamp",
            nonce_header="x-sinch-webhook-signature-nonce",
            encodings=("base64",),
            window=DAY + REPLAY_SECONDS,
        ),
    ),
    # `i` is a place on the SIM card, which is used again.
    Preset(
        key="slzb",
        name="SMLIGHT SLZB-Ultima",
        fields={"sender": "from", "text": "text", "received_at": "ts"},
        is_at_home=True,
    ),
    Preset(
        key="smseagle",
        name="SMSEagle",
        fields={"sender": "sender", "text": "text", "message_id": "msgid", "received_at": "timestamp"},
        signature=Token(field="apikey"),
        needs_zone=True,
        is_at_home=True,
    ),
    # `content` is the app's template for people; `timestamp` is the time of the request.
    Preset(
        key="smsforwarder",
        name="SmsForwarder",
        fields={"sender": "from", "text": "org_content", "received_at": "receive_time"},
        otherwise={"text": ("content",), "received_at": ("timestamp",)},
        signature=SmsForwarderSignature(),
        needs_zone=True,
        is_at_home=True,
    ),
    Preset(
        key="smsgate_cloud",
        name="SMS Gateway for Android (cloud)",
        fields={
            "sender": "payload.sender",
            "recipient": "payload.recipient",
            "text": "payload.message",
            "message_id": "payload.messageId",
            "received_at": "payload.receivedAt",
        },
        otherwise={"text": ("payload.body", "payload.data")},
        take={"event": frozenset({"sms:received", "sms:data-received", "mms:downloaded"})},
        decode={"event": {"sms:data-received": "binary-base64"}},
        channels={"event": {"mms:downloaded": "mms"}},
        signature=SMSGATE,
        needs_key=True,
    ),
    Preset(
        key="tasker",
        name="Tasker, MacroDroid",
        fields={"sender": "from", "text": "text"},
        signature=_TOKEN,
    ),
    Preset(
        key="telnyx",
        name="Telnyx",
        fields={
            "sender": "data.payload.from.phone_number",
            "recipient": "data.payload.to.0.phone_number",
            "text": "data.payload.text",
            "message_id": "data.payload.id",
            "received_at": "data.payload.received_at",
        },
        take={"data.event_type": frozenset({"message.received"})},
        channels={"data.payload.type": {"MMS": "mms"}},
        signature=Ed25519(header="telnyx-signature-ed25519", signed="{time}|{body}", time_header="telnyx-timestamp"),
        needs_key=True,
    ),
    Preset(
        key="teltonika",
        name="Teltonika RutOS",
        fields={"sender": "from", "recipient": "to", "text": "text"},
        signature=Token(field="token"),
        is_at_home=True,
    ),
    Preset(
        key="textbee",
        name="textbee",
        fields={"sender": "sender", "text": "message", "message_id": "smsId", "received_at": "receivedAt"},
        take={"webhookEvent": frozenset({"MESSAGE_RECEIVED"})},
        signature=Hmac(header="X-Signature"),
        needs_key=True,
    ),
    # The parts of a long SMS come, and are delivered, one by one.
    Preset(
        key="vonage",
        name="Vonage",
        fields={
            "sender": "msisdn",
            "recipient": "to",
            "text": "text",
            "message_id": "messageId",
            "received_at": "message-timestamp",
        },
        otherwise={"text": ("data",)},
        leave=("status", "scts"),
        decode={"type": {"binary": "binary-hex"}},
        time_is_request=True,
        signature=VonageSignature(),
    ),
)

PRESETS: dict[str, Preset] = {
    preset.key: preset for preset in (*sorted(_KNOWN, key=lambda preset: preset.name.casefold()), OTHER)
}
