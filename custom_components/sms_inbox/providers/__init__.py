"""The providers that SMS Inbox knows."""

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
