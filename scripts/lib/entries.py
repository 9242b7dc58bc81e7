"""Accounts as config entries of Home Assistant."""

from typing import Any

from scripts.lib.child import ChildError
from scripts.lib.emulator import Account
from scripts.lib.home_assistant import HomeAssistant

ENTRIES = "/api/config/config_entries/entry"


async def add_entry(home_assistant: HomeAssistant, account: Account, url: str) -> str:
    """Go through the config flow as a person would, and return the entry's id."""
    data: dict[str, Any] = {"username": account.username, "password": account.password, "server": {"url": url}}
    if account.time_zone:
        data["time_zone"] = account.time_zone
    flow = await home_assistant.flow("sms_inbox")
    await flow.choose(account.provider)
    result = await flow.submit(data)
    if result["type"] != "create_entry":
        told = result.get("errors") or result.get("reason")
        raise ChildError(f"Home Assistant doesn't take the account at {account.provider}: {told}.")
    return str(result["result"]["entry_id"])
