"""The providers that are emulated."""

from .bulksms import BulkSms
from .bulksms_eapi import BulkSmsEapi
from .bulletin import Bulletin
from .clicksend import ClickSend
from .elks import Elks
from .gammu import Gammu
from .protocol import Protocol
from .smsgate import SmsGate
from .twilio import Twilio
from .voipms import VoipMs

PROTOCOLS: dict[str, Protocol] = {
    protocol.key: protocol
    for protocol in (
        Bulletin(),
        BulkSmsEapi(),
        BulkSms(),
        Gammu(),
        SmsGate(),
        VoipMs(),
        ClickSend(),
        Twilio(),
        Elks(),
    )
}
