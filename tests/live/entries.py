"""Accounts as config entries of Home Assistant."""

from typing import Any

from .child import ChildError
from .emulator import Account, Emulator
from .home_assistant import HomeAssistant

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


async def let_call(home_assistant: HomeAssistant, emulator: Emulator, account: Account, entry_id: str) -> None:
    """Let a provider call, and tell it the address where it wasn't told already, as a person would."""
    flow = await home_assistant.flow(entry_id, "options/flow")
    await flow.choose("calls")
    result = await flow.submit({"calls": True})
    if result["type"] == "form" and result["step_id"] == "address":
        [address] = [field["description"]["suggested_value"] for field in result["data_schema"]]
        told = {"provider": account.provider, "username": account.username, "url": address}
        await emulator.post("/admin/callback", told)
    elif result.get("errors"):
        raise ChildError(f"The provider {account.provider} can't be let call: {result['errors']}.")
    await home_assistant.delete(f"{flow.path}/{result['flow_id']}")
