"""The accounts that send: at a vendor with a key, at one that lists what was sent, and at one with neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...live.child import ChildError
from ...live.emulator import Account, Emulator
from ...live.entries import ENTRIES, add_entry
from ...live.home_assistant import HomeAssistant

EACH = (Account("bulksms", "/v1/messages"), Account("twilio", "/Messages.json"), Account("gammu", "/getsms"))
OWN = "+44771234567"
SUBMISSIONS: Mapping[str, Mapping[str, Any]] = {
    "bulksms": {"where": {"auto-unicode": "true"}},
    "twilio": {"where": {"From": OWN}},
    "gammu": {"path": "/sms"},
}
"""What a fault must fit to spoil only requests that send, by vendor."""
OPTIONS = {"send": True, "parts": 10, "per_hour": 1000, "per_day": 10_000, "countries": [], "short_numbers": False}


@dataclass(kw_only=True)
class Accounts:
    """Which accounts there are.

    Attributes:
        home_assistant: Where they are added.
        emulator: Where they send.
        entries: The ids of the config entries by account.
        labels: The labels of the accounts by config entry.
    """

    home_assistant: HomeAssistant
    emulator: Emulator
    entries: dict[Account, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    async def add(self, account: Account) -> None:
        """Add an account to Home Assistant, and switch on that it sends."""
        url = await self.emulator.add(account)
        entry_id = await add_entry(self.home_assistant, account, url)
        flow = await self.home_assistant.flow(entry_id, "options/flow")
        await flow.choose("sending")
        sender = {"sender": OWN} if account.provider == "twilio" else {}
        result = await flow.submit({**OPTIONS, **sender})
        if result["type"] != "create_entry":
            raise ChildError(f"Sending can't be switched on at {account.provider}: {result.get('errors')}.")
        self.entries[account] = entry_id
        self.labels[entry_id] = account.label

    async def reload(self, account: Account) -> None:
        """Reload an account."""
        await self.home_assistant.post(f"{ENTRIES}/{self.entries[account]}/reload")
