"""Names of the fields of webhook requests as apps and services use them, and what a sender can look like."""

from functools import lru_cache
import re

# Names are compared by their letters and digits alone: `message_id`, `messageId` and `Message-ID` are one.
SENDERS = (
    *("from", "sender", "originator", "sendernumber", "senderphone", "senderphonenumber", "sendermsisdn"),
    *(
        "senderaddress",
        "senderid",
        "fromnumber",
        "fromphone",
        "fromphonenumber",
        "frommsisdn",
        "fromaddress",
        "smsfrom",
    ),
    *(
        "messagefrom",
        "phonefrom",
        "numberfrom",
        "originatingaddress",
        "originationnumber",
        "originatingnumber",
        "originatoraddress",
    ),
    *("sourceaddress", "sourceaddr", "sourcenumber", "remotenumber", "src", "origin", "smssender", "messagesender"),
    *("sentfrom", "receivedfrom"),
)
# At most vendors this is the sender, at some the recipient, who then name the sender by another name.
SENDER_OR_RECIPIENT = ("msisdn",)
# May as well be the recipient, the device itself or the kind of source.
UNSURE_SENDERS = (
    *("phonenumber", "phone", "number", "mobile", "mobilenumber", "tel", "telephone", "cell", "caller", "callerid"),
    *("callernumber", "contact", "contactnumber", "address", "source"),
)
NAMES = {
    "sender": (*SENDERS, *SENDER_OR_RECIPIENT, *UNSURE_SENDERS),
    "text": (
        *("text", "orgcontent", "messagetext", "smstext", "textmessage", "messagebody", "smsbody", "smscontent"),
        *(
            "messagecontent",
            "msgtext",
            "msgbody",
            "textdecoded",
            "smsmessage",
            "message",
            "body",
            "content",
            "msg",
            "sms",
        ),
    ),
    "message_id": (
        *(
            "messageid",
            "smsid",
            "msgid",
            "messagesid",
            "smssid",
            "messageuuid",
            "smsuuid",
            "messageguid",
            "smsmessageid",
        ),
        *("textid", "inboundmessageid"),
        *("id", "uuid", "guid", "sid"),
    ),
    "recipient": (
        *(
            "to",
            "recipient",
            "destination",
            "dst",
            "receiver",
            "tonumber",
            "tophone",
            "tophonenumber",
            "recipientnumber",
        ),
        *("recipientphone", "receivernumber", "destinationnumber", "destinationaddress", "smsto", "sentto", "owner"),
        *("system", *SENDER_OR_RECIPIENT),
    ),
    "received_at": (
        *("receivedat", "receivedtime", "receivedtimestamp", "receiveddate", "receivetime", "receiveddatetime"),
        *("datereceived", "timereceived", "receivingdatetime", "received", "sentat", "senttime", "sentstamp"),
        *("senttimestamp", "messagetimestamp", "messagetime", "messagedate", "smstime", "smsdate", "smstimestamp"),
        *(
            "timestamp",
            "datetime",
            "createdat",
            "createddatetime",
            "datecreated",
            "receivedstamp",
            "scts",
            "date",
            "time",
        ),
        *("epoch", "ts", "when", "timeutc", "occurredat", "created"),
    ),
}
# Where a sender or recipient is an object, the part of it that is meant.
PARTS_OF_A_NUMBER = (
    *("phonenumber", "number", "msisdn", "phone", "mobile", "address", "identifiervalue", "identifier", "value"),
    *("contact", "name"),
)
# Objects that only group fields of the message around them.
GROUPS = frozenset(
    ("data", "payload", "meta", "metadata", "info", "details", "headers", "envelope", "attributes", "properties")
)
# Objects and lists that hold no message that has just been received, though they may look like it.
ASIDES = frozenset(
    (
        *("quoted", "quotedmessage", "quotedmsg", "replyto", "inreplyto", "replyingto", "context", "history", "thread"),
        *("previous", "previousmessage", "lastmessage", "device", "webhook"),
    )
)
# Lists that belong to one message.
ACCESSORIES = frozenset(
    (
        *NAMES["recipient"],
        *(
            "recipients",
            "cc",
            "media",
            "attachments",
            "images",
            "files",
            "parts",
            "segments",
            "contacts",
            "tags",
            "links",
        ),
        *("errors", "labels", "headers"),
    )
)
# The place of each name in the order in which they are looked for.
RANKS = {field: {name: rank for rank, name in enumerate(names)} for field, names in NAMES.items()}
SURE = {name: rank for rank, name in enumerate(SENDERS)}
EITHER = dict.fromkeys(SENDER_OR_RECIPIENT, 0)
UNSURE = {name: rank for rank, name in enumerate(UNSURE_SENDERS)}
PARTS = {name: rank for rank, name in enumerate(PARTS_OF_A_NUMBER)}
CONTACT = {"contact": 0}
LONGEST_NAME = 200
LONGEST_SENDER = 64
LONGEST_PLACEHOLDER = 64
PLACEHOLDER = re.compile(
    r"\{\{?[\s!]*[\w.\-]+\s*\}?\}|%[A-Za-z_]\w*%|%[A-Z_]{2,}|\[[a-z_]{2,}\]|\$\{?[A-Za-z_][\w.]*\}?|<[a-z_]{2,}>",
    re.ASCII,
)
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*\d)[0-9a-f]{16,}", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"([a-z_]{2,12}:)?(\+\d{1,17}|\d{3,17})", re.ASCII | re.IGNORECASE)
BETWEEN_DIGITS = re.compile(r"[\s().\-/\u2010-\u2015\u202a-\u202e\u2066-\u2069]")


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name as it is compared with the usual ones; empty for one that is too long to be one."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) if len(name) <= LONGEST_NAME else ""


def is_placeholder(value: str) -> bool:
    """Return whether a value is a variable that was never filled in, such as `{FROM}` or `%SMSRF`."""
    return len(value) <= LONGEST_PLACEHOLDER and bool(PLACEHOLDER.fullmatch(value.strip()))


def is_number(sender: str) -> bool:
    """Return whether a sender can be a phone number or a short code, a channel in front of it included."""
    return len(sender) <= LONGEST_SENDER and bool(NUMBER.fullmatch(BETWEEN_DIGITS.sub("", sender)))


def is_name(sender: str) -> bool:
    """Return whether a sender can be a name such as `MYBANK`, and no identifier, path or piece of code."""
    return (
        len(sender) <= LONGEST_SENDER
        and sender.isprintable()
        and any(map(str.isalpha, sender))
        and not any(sign in sender for sign in '/\\{}[]<>="')
        and not IDENTIFIER.fullmatch(sender.strip())
    )


def is_same_number(one: str, other: str) -> bool:
    """Return whether two numbers are one in two notations, as far as that can be seen without their country."""
    if one == other:
        return True
    digits, others = (re.sub(r"\D", "", value, flags=re.ASCII).lstrip("0") for value in (one, other))
    if not (is_number(one) and is_number(other) and min(len(digits), len(others)) >= 7):
        return digits == others and is_number(one) and is_number(other)
    return digits.endswith(others) or others.endswith(digits)
