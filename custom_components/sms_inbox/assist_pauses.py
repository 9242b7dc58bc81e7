"""Pauses of Assist by SMS: each is a repair issue, which ends by itself or by a person, and survives a restart."""

from datetime import datetime
from typing import Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .webhook_url import documentation

ASSIST_PAUSED: Final = "assist_paused"


@callback
def async_pause_assist(
    hass: HomeAssistant, entry: ConfigEntry, contact: ConfigSubentry, until: datetime, *, text: str
) -> None:
    """Show that Assist doesn't answer a contact for a while; as long as the issue is there, it doesn't.

    Args:
        hass: Home Assistant.
        entry: The account.
        contact: The contact.
        until: When the pause ends by itself.
        text: Translation key.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{ASSIST_PAUSED}_{contact.subentry_id}_{entry.entry_id}",
        data={"entry_id": entry.entry_id, "contact_id": contact.subentry_id, "until": until.isoformat()},
        is_fixable=True,
        is_persistent=True,
        learn_more_url=documentation("assist"),
        severity=ir.IssueSeverity.WARNING,
        translation_key=text,
        translation_placeholders={"account": entry.title, "contact": contact.title},
    )


@callback
def async_assist_pauses(hass: HomeAssistant, entry_id: str) -> list[tuple[str, datetime]]:
    """Return for which contacts of an account Assist is paused, and until when."""
    issues = ir.async_get(hass).issues.values()
    found = [issue.data for issue in issues if issue.domain == DOMAIN and issue.issue_id.startswith(ASSIST_PAUSED)]
    return [
        (str(data["contact_id"]), datetime.fromisoformat(str(data["until"])))
        for data in found
        if data and data["entry_id"] == entry_id
    ]


@callback
def async_end_assist_pause(hass: HomeAssistant, entry_id: str, contact_id: str) -> None:
    """Let Assist answer a contact again."""
    ir.async_delete_issue(hass, DOMAIN, f"{ASSIST_PAUSED}_{contact_id}_{entry_id}")
