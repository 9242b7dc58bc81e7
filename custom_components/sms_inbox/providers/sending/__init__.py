"""Sending: one class a vendor that can send, by the key of its provider.

To let another vendor send, write a class of `contract.Sending` in a file here, and name it in `SENDING`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ..contract import Provider
from .bulksms import BulkSmsSending
from .bulletin import BulletinSending
from .clicksend import ClickSendSending
from .contract import Sending
from .elks import ElksSending
from .gammu import GammuSending
from .smsgate import SmsGateSending
from .twilio import TwilioSending
from .voipms import VoipMsSending

__all__ = ["SENDING", "Sending", "sending_of"]

SENDING: Mapping[str, type[Sending]] = MappingProxyType(
    {
        each.key: each
        for each in (
            BulkSmsSending,
            BulletinSending,
            ClickSendSending,
            ElksSending,
            GammuSending,
            SmsGateSending,
            TwilioSending,
            VoipMsSending,
        )
    }
)


def sending_of(provider: Provider) -> Sending | None:
    """Return what sends from a provider's account, None where the vendor, or we, can only receive there."""
    sending = SENDING.get(provider.key)
    return sending(provider) if sending else None
