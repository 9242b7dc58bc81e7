"""The accounts of the demo, the one that answers at once first."""

from emulator.guide import username_of
from tests.live.emulator import Account

ACCOUNTS = tuple(
    Account(provider, inbox, name=username_of(provider))
    for provider, inbox in (
        ("twilio", "/Messages.json"),
        ("smsgate", "/inbox"),
        ("bulksms", "/v1/messages"),
        ("bulletin", "/sms/in"),
    )
)
COUNTRIES = ("GB", "NZ", "ZA")
"""Where the phones are that the house may answer."""
WITH_WEBHOOK = ("twilio",)
"""The providers whose messages come by webhook; the others are polled."""
