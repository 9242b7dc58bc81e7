"""The providers that SMS Inbox knows."""

from ..model import UNKNOWN, NumberFormat
from .bulksms import BulkSms
from .bulksms_eapi import BulkSmsEapi
from .bulletin import Bulletin
from .clicksend import ClickSend
from .contract import Provider
from .elks import Elks
from .gammu import Gammu
from .smsgate import SmsGate
from .twilio import Twilio
from .voipms import VoipMs
from .webhook import Webhook

PROVIDERS: dict[str, type[Provider]] = {
    provider.key: provider
    for provider in (
        Bulletin,
        BulkSms,
        BulkSmsEapi,
        Gammu,
        SmsGate,
        VoipMs,
        ClickSend,
        Twilio,
        Elks,
        Webhook,
    )
}
POLLED = [key for key, provider in PROVIDERS.items() if provider.interval]


def number_format_of(provider: str | None) -> NumberFormat:
    """Return how the provider with a key writes numbers; `UNKNOWN` without one, and for a key that is not known."""
    return PROVIDERS[provider].number_format if provider in PROVIDERS else UNKNOWN
