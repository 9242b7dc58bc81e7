"""The phone on which SMS Gateway for Android runs: its id, its SIM cards and its time."""

from datetime import datetime
import uuid

from .model import Account

OWN_NUMBER = "+44771234567"
"""The number of the first SIM card."""
SIM_CARDS = [
    {"slotIndex": 0, "simNumber": 1, "phoneNumber": OWN_NUMBER, "carrierName": "One", "iccid": None},
    {"slotIndex": 1, "simNumber": 2, "phoneNumber": None, "carrierName": "Two", "iccid": None},
]


class BadRequestError(Exception):
    """A request with something that isn't understood; the text goes into the answer."""


def iso(moment: datetime, account: Account) -> str:
    """A time with the phone's offset."""
    return moment.astimezone(account.zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def device_id(account: Account) -> str:
    """The phone's id; one phone has one user, however its name is written."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"smsgate {account.username.casefold()}").hex
