"""Every repair issue: raised and cleared here."""

from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .providers import PROVIDERS
from .store import Store, StoreError

OF_AN_ACCOUNT = ("deprecated_api", "outage", "refused", "unreadable")


@callback
def async_forget_account(hass: HomeAssistant, entry_id: str) -> None:
    """Clear all issues of an account that is removed."""
    for key in OF_AN_ACCOUNT:
        ir.async_delete_issue(hass, DOMAIN, f"{key}_{entry_id}")


class Issues:
    """The issues of one account, and those of the store, which all accounts share."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Take whose issues they are."""
        self._hass = hass
        self._entry = entry

    @callback
    def async_show_quarantine(self, quarantined: int) -> None:
        """Show that records could not be understood, as long as there are any."""
        if quarantined:
            self._show("unreadable", ir.IssueSeverity.WARNING, fixable=True)
        else:
            self._clear("unreadable")

    @callback
    def async_show_deprecated_api(self, successor: str | None) -> None:
        """Show that the vendor has replaced the API that the account uses, where it has."""
        if successor:
            self._show("deprecated_api", ir.IssueSeverity.WARNING, fixable=True, successor=PROVIDERS[successor].name)

    @callback
    def async_show_outage(self, since: datetime, reason: str) -> None:
        """Show that the provider can't be read, since when and why."""
        self._show("outage", ir.IssueSeverity.ERROR, since=_local(since), error=reason)

    @callback
    def async_show_refused(self, since: datetime, reason: str) -> None:
        """Show that the provider refuses requests, since when and why."""
        self._show("refused", ir.IssueSeverity.ERROR, since=_local(since), error=reason)

    @callback
    def async_clear_failures(self) -> None:
        """Clear what a success settles."""
        for key in ("outage", "refused"):
            self._clear(key)

    @callback
    def async_show_store(self, store: Store) -> None:
        """Show what has become of the store's file."""
        if store.set_aside:
            # The folder's own name may be a person's, and Home Assistant adds issues to the diagnostics.
            path = str(store.set_aside.relative_to(self._hass.config.config_dir))
            self._show_shared("store_damaged", data={"path": path}, path=path)
        if store.lost:
            self._show_shared("store_lost")

    @callback
    def async_note_store(self, error: StoreError | None) -> None:
        """Show that the store can't be read or written, until it can."""
        if error:
            self._show_shared("store_failed", error=str(error))
        else:
            ir.async_delete_issue(self._hass, DOMAIN, "store_failed")

    def _clear(self, key: str) -> None:
        """Clear an issue of the account."""
        ir.async_delete_issue(self._hass, DOMAIN, f"{key}_{self._entry.entry_id}")

    def _show(self, key: str, severity: ir.IssueSeverity, *, fixable: bool = False, **placeholders: str) -> None:
        """Raise an issue of the account, or change it."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            f"{key}_{self._entry.entry_id}",
            data={"entry_id": self._entry.entry_id} if fixable else None,
            is_fixable=fixable,
            severity=severity,
            translation_key=key,
            translation_placeholders={"account": self._entry.title, **placeholders},
        )

    def _show_shared(
        self, key: str, *, data: dict[str, str | int | float | None] | None = None, **placeholders: str
    ) -> None:
        """Raise an issue of the store, or change it."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            key,
            data=data,
            is_fixable=data is not None,
            is_persistent=data is not None,
            severity=ir.IssueSeverity.ERROR,
            translation_key=key,
            translation_placeholders=placeholders,
        )


def _local(at: datetime) -> str:
    """Return a time for people."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M}"
