"""Accounts as config entries of Home Assistant."""

from typing import Any

from .child import ChildError
from .emulator import Account, Emulator
from .home_assistant import HomeAssistant

ENTRIES = "/api/config/config_entries/entry"


async def add_entry(home_assistant: HomeAssistant, account: Account, url: str) -> str:
    """Go through the config flow as a person would, and return the entry's id."""
    data: dict[str, Any] = {"username": account.username, "password": account.password}
    if account.time_zone:
        data["time_zone"] = account.time_zone
    flow = await home_assistant.flow("sms_inbox")
    form = await flow.choose(account.provider)
    is_own_server = "url" in {field["name"] for field in form["data_schema"]}
    data |= {"url": url, "server": {}} if is_own_server else {"server": {"url": url}}
    result = await flow.submit(data)
    if result["type"] != "create_entry":
        reason = result.get("errors") or result.get("reason")
        raise ChildError(f"Home Assistant doesn't take the account at {account.provider}: {reason}.")
    return str(result["result"]["entry_id"])


async def use_webhook(home_assistant: HomeAssistant, emulator: Emulator, account: Account, entry_id: str) -> None:
    """Have an account's messages come by webhook, too, and paste the URL at the provider, as a person would."""
    flow = await home_assistant.flow(entry_id, "options/flow")
    await flow.choose("webhook")
    result = await flow.submit({"webhook": True})
    if result["type"] == "form" and result["step_id"] == "webhook_url":
        [url] = [field["description"]["suggested_value"] for field in result["data_schema"]]
        await emulator.post("/admin/callback", {"provider": account.provider, "username": account.username, "url": url})
    elif result.get("errors"):
        raise ChildError(f"The webhook of {account.provider} can't be switched on: {result['errors']}.")
    await home_assistant.delete(f"{flow.path}/{result['flow_id']}")


async def use_sending(home_assistant: HomeAssistant, entry_id: str, **options: Any) -> None:
    """Turn on sending for an account, as a person would, from the first number that the provider offers."""
    flow = await home_assistant.flow(entry_id, "options/flow")
    form = await flow.choose("sending")
    for field in form["data_schema"]:
        if field["name"] == "sender" and field.get("required"):
            options["sender"] = field["selector"]["select"]["options"][0]
    result = await flow.submit({"send": True, **options})
    if result["type"] != "create_entry":
        raise ChildError(f"Sending can't be turned on: {result.get('errors') or result.get('reason')}.")
