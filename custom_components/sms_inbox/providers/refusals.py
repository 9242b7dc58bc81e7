"""What a vendor's words of refusal mean, for vendors that have no code for it: the words are compared, never shown."""

import re

from ..model import Reason
from .errors import AuthenticationError, ConfigurationError, ProtocolError, ProviderError

LOGIN = re.compile(r"\b(?:key|password|credential|token)s?\b")
"""Where the words are about these, another login helps."""
ACCOUNT = r"\b(?:account|user|customer|trial|subscription|plan)\b"
OFF = (
    r"(?:(?:\bnot|n't|\bno longer) (?:(?:yet|been|currently) ){0,3}(?:active|activated|enabled|verified|approved)\b"
    r"|\binactive\b|\bunverified\b|\bdeactivated\b|\bdisabled\b|\b(?:switched|turned) off\b)"
)
CLOSED = (
    r"\b(?:banned|suspended|blocked|locked|closed|terminated|on hold|frozen|cancell?ed|deleted|restricted"
    r"|under review)\b"
)
HINTS = (
    ("api_not_enabled", rf"\bapi\b(?: access)?.{{0,60}}{OFF}|\b(?:enable|activate) (?:the |your )?api\b"),
    ("expired", rf"{ACCOUNT}.{{0,60}}\bexpired\b|\bexpired (?:account|trial|subscription|plan)\b"),
    ("account_suspended", rf"{ACCOUNT}.{{0,60}}(?:{OFF}|{CLOSED})|(?:{OFF}|{CLOSED}) {ACCOUNT}|^(?:{OFF}|{CLOSED})$"),
    ("no_credit", r"\b(?:insufficient|not enough|no|out of|end of your(?: message)?) credits?\b"),
    ("subaccount", r"\bsub[ -]?accounts?\b"),
    ("missing_permission", r"\b(?:permission|privilege)s?\b"),
)
"""What a person can do, by the words that say so; the first that fits counts."""
LONGEST = 500


def hint_of(words: str) -> str | None:
    """Return what a person can do about a refusal, as a translation key; None where the words don't say.

    Args:
        words: The vendor's sentence, or its code.
    """
    text = words[:LONGEST].replace("_", " ").casefold().strip(" \t\r\n.!")
    if LOGIN.search(text):
        return None
    return next((hint for hint, pattern in HINTS if re.search(pattern, text)), None)


def reason_of(words: str) -> Reason | None:
    """Return why a vendor refuses a text, where its words say that something is wrong with the account; else None.

    Args:
        words: The vendor's sentence, or its code.
    """
    hint = hint_of(words)
    return (Reason.NO_CREDIT if hint == "no_credit" else Reason.ACCOUNT) if hint else None


def refusal(kind: type[ProviderError], reason: str, *words: str) -> ProviderError:
    """Return the error of an answer that refuses a request.

    Where its words say that something is wrong with the account, it is never an error of the credentials: a new login
    would not help.

    Args:
        kind: What it is without them.
        reason: Why, in a few words without values.
        words: The vendor's code and sentence.
    """
    hint = next(filter(None, map(hint_of, words)), None)
    if hint is None or kind not in (AuthenticationError, ConfigurationError, ProtocolError):
        return kind(reason)
    return ConfigurationError(reason, hint=hint)
