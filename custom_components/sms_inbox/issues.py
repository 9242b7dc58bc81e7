"""Raises and clears all repair issues, and the request to log in again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import CONF_PRESET, CONF_PROVIDER, DOMAIN
from .failures import Failures
from .model import PushResult, SendStatus, SentText
from .providers import PROVIDERS
from .providers.errors import ProviderError
from .providers.presets import OTHER, PRESETS
from .store import Store, StoreError
from .texts import readable
from .webhook_url import account_page, documentation

FAILURES = ("outage", "refused")
SOLVABLE = ("no_poll_rule",)
PROBLEMS = (*SOLVABLE, "service_without_webhook")
"""What at the vendor keeps messages from being listed, see `Provider.problems`."""
REFUSALS = {
    "account_suspended",
    "api_not_enabled",
    "expired",
    "ip_not_enabled",
    "missing_permission",
    "no_credit",
    "no_inbox",
    "subaccount",
    "wrong_region",
}
"""Known reasons for a refusal, each with a text of its own."""


@callback
def async_forget_account(hass: HomeAssistant, entry_id: str) -> None:
    """Clear all issues of an account that is removed."""
    for issue in _issues_of(hass, entry_id):
        ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


@callback
def async_show_slow_expression(hass: HomeAssistant, expression_id: str, pattern: str) -> None:
    """Show that a regular expression of an automation takes too long, and so doesn't match."""
    _show_filter(
        hass,
        f"slow_expression_{expression_id}",
        "slow_expression",
        expression=readable(pattern),
        automations=_automations_with(hass, pattern),
    )


@callback
def async_clear_slow_expression(hass: HomeAssistant, expression_id: str) -> None:
    """Clear that issue, since no automation uses the expression any more."""
    ir.async_delete_issue(hass, DOMAIN, f"slow_expression_{expression_id}")


@callback
def async_show_account_gone(hass: HomeAssistant, account: str) -> None:
    """Show that an automation asks for messages of an account that is gone."""
    _show_filter(
        hass,
        f"account_gone_{account}",
        "account_gone",
        account=account,
        automations=_automations_with(hass, account),
    )


@callback
def async_clear_account_gone(hass: HomeAssistant, account: str) -> None:
    """Clear that issue, since no automation asks for the account any more, or it is back."""
    ir.async_delete_issue(hass, DOMAIN, f"account_gone_{account}")


class Issues:
    """The issues of one account, and those of the store, which all accounts share."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Take the account."""
        self._hass = hass
        self._entry = entry

    @callback
    def async_show_quarantine(self, quarantined: int) -> None:
        """Show that records could not be understood, as long as there are any, with the remedy that may help.

        A person can name the fields of a webhook that no vendor documents. What a vendor documents should be
        understood, so it is worth a report; a preset's webhook is both.
        """
        if quarantined:
            preset = PRESETS.get(self._entry.data.get(CONF_PRESET, ""), OTHER)
            text = "unreadable"
            if not PROVIDERS[self._entry.data[CONF_PROVIDER]].interval:
                text = "unreadable_webhook" if preset is OTHER else "unreadable_preset"
            self._show("unreadable", ir.IssueSeverity.WARNING, fixable=True, text=text)
        else:
            self._clear("unreadable")

    @callback
    def async_show_deprecated_api(self, successor: str | None) -> None:
        """Show that the vendor has replaced the API that the account uses, where it has."""
        if successor:
            self._show(
                "deprecated_api", ir.IssueSeverity.WARNING, {"successor": PROVIDERS[successor].name}, fixable=True
            )
        else:
            self._clear("deprecated_api")

    @callback
    def async_show_problems(self, problems: Collection[str]) -> None:
        """Show what at the vendor keeps messages from being listed, and clear what no longer does."""
        for problem in PROBLEMS:
            if problem in problems:
                self._show(problem, ir.IssueSeverity.ERROR, fixable=problem in SOLVABLE)
            else:
                self._clear(problem)

    @callback
    def async_clear_problem(self, problem: str) -> None:
        """Clear what kept messages from being listed."""
        self._clear(problem)

    @callback
    def async_show_webhook_elsewhere(self, places: Sequence[str]) -> None:
        """Show that the vendor sends the webhook's requests elsewhere, as long as it does."""
        if places:
            self._show("webhook_elsewhere", ir.IssueSeverity.WARNING, {"places": ", ".join(places)}, fixable=True)
        else:
            self._clear("webhook_elsewhere")

    @callback
    def async_show_failing_webhook(self, *, failing: bool) -> None:
        """Show that a message came by a poll and not by the webhook, until a webhook request comes."""
        if failing:
            self._show("webhook_failing", ir.IssueSeverity.WARNING)
        else:
            self._clear("webhook_failing")

    @callback
    def async_note_sender(self, push: PushResult) -> None:
        """Show that messages come without a sender, until one comes with it."""
        if push.lacks_sender:
            self._show("no_sender", ir.IssueSeverity.WARNING)
        elif push.messages:
            self._clear("no_sender")

    @callback
    def async_show_cap(self) -> None:
        """Show that the account has sent as much as it may."""
        self._show("send_cap", ir.IssueSeverity.WARNING)

    @callback
    def async_clear_cap(self) -> None:
        """Clear that, since the account may send again."""
        self._clear("send_cap")

    @callback
    def async_note_sent(self, sent: SentText) -> None:
        """Show that it is unknown whether a text was sent, until that is known or a person has decided.

        It is shown after a restart, too, so neither number nor text is in it: the dialog reads them from the store.
        """
        key = f"send_unknown_{sent.outgoing.key}"
        if sent.status is SendStatus.UNKNOWN:
            self._show(
                key, ir.IssueSeverity.WARNING, text="send_unknown", fixable=True, about={"key": sent.outgoing.key}
            )
        else:
            self._clear(key)

    @callback
    def async_show_failures(self, failures: Failures) -> None:
        """Show that the store fails, that the provider refuses, or that it could not be read for hours, and why.

        If the provider refuses the credentials, a person is asked to log in again.
        """
        if isinstance(failures.last, StoreError):
            self.async_note_store(failures.last)
        if failures.asks_for_login:
            self._entry.async_start_reauth(self._hass)
        reason = str(failures.last)
        if failures.since and failures.shows_refusal and isinstance(failures.last, ProviderError):
            hint = failures.last.hint
            text = f"refused_{hint}" if hint in REFUSALS else "refused"
            shown = {"since": _local(failures.since), "error": reason, **failures.last.placeholders}
            self._show("refused", ir.IssueSeverity.ERROR, shown, text=text)
        if failures.since and failures.shows_outage(dt_util.utcnow()):
            self._show("outage", ir.IssueSeverity.ERROR, {"since": _local(failures.since), "error": reason})

    @callback
    def async_clear_failures(self, failures: Failures) -> None:
        """Clear the issues that a successful poll disproves.

        If the last failure was one of the store, the poll has stored the page that was kept, so the store works again.
        Any other poll may have stored nothing, and leaves the store's issue alone.
        """
        if isinstance(failures.last, StoreError):
            self.async_note_store(None)
        for key in FAILURES:
            self._clear(key)
        for flow in self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH}):
            self._hass.config_entries.flow.async_abort(flow["flow_id"])

    @callback
    def async_rename(self) -> None:
        """Show the account's new name in its present issues."""
        for issue in _issues_of(self._hass, self._entry.entry_id):
            if issue.active and issue.severity:
                self._show(
                    issue.issue_id.removesuffix(f"_{self._entry.entry_id}"),
                    issue.severity,
                    {**(issue.translation_placeholders or {}), "account": self._entry.title},
                    fixable=bool(issue.is_fixable),
                    text=issue.translation_key,
                    about={key: str(value) for key, value in (issue.data or {}).items()}
                    if issue.is_persistent
                    else None,
                )

    @callback
    def async_show_store(self, store: Store) -> None:
        """Show that the store's file was damaged, or deleted while in use."""
        if store.set_aside:
            # Relative, since a full path may hold a person's name, and Home Assistant adds issues to the diagnostics.
            path = str(store.set_aside.relative_to(self._hass.config.config_dir))
            self._show_shared("store_damaged", data={"path": path}, path=path)
        if store.lost:
            self._show_shared("store_lost")

    @callback
    def async_note_store(self, error: StoreError | None) -> None:
        """Show that the store can't be read or written, or with None that it works again."""
        if error:
            self._show_shared("store_failed", error=str(error))
        else:
            ir.async_delete_issue(self._hass, DOMAIN, "store_failed")

    def _clear(self, key: str) -> None:
        """Clear an issue of the account."""
        ir.async_delete_issue(self._hass, DOMAIN, f"{key}_{self._entry.entry_id}")

    def _show(
        self,
        key: str,
        severity: ir.IssueSeverity,
        placeholders: Mapping[str, str] | None = None,
        *,
        fixable: bool = False,
        text: str | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Raise an issue of the account, or change it.

        Args:
            key: Its name.
            severity: How bad it is.
            placeholders: What its text needs beside the account.
            fixable: Whether it has a dialog.
            text: The key of its text, None where that is its name.
            about: What the dialog needs beside the account; with it the issue outlives a restart.
        """
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            f"{key}_{self._entry.entry_id}",
            data={"entry_id": self._entry.entry_id, **(about or {})} if fixable else None,
            is_fixable=fixable,
            is_persistent=about is not None,
            learn_more_url=documentation(account_page(self._entry.data)),
            severity=severity,
            translation_key=text or key,
            translation_placeholders={
                "account": self._entry.title,
                "account_url": account_url(self._entry.entry_id),
                **(placeholders or {}),
            },
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
            learn_more_url=documentation("reliability"),
            severity=ir.IssueSeverity.ERROR,
            translation_key=key,
            translation_placeholders=placeholders,
        )


def _issues_of(hass: HomeAssistant, entry_id: str) -> list[ir.IssueEntry]:
    """Return all issues of an account: those whose id ends with its own."""
    return [
        issue
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue_id.endswith(f"_{entry_id}")
    ]


def account_url(entry_id: str) -> str:
    """Return the address of an account in Home Assistant's own user interface, for a link in a text."""
    return f"/config/integrations/integration/{DOMAIN}#config_entry={entry_id}"


def _local(at: datetime) -> str:
    """Return a time for people."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M}"


def _show_filter(hass: HomeAssistant, issue_id: str, key: str, **placeholders: str) -> None:
    """Raise an issue of an automation's filter."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        learn_more_url=documentation("automations"),
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def _automations_with(hass: HomeAssistant, value: str) -> str:
    """Return links to the automations in whose configuration a value stands, as far as they are known.

    One without an id can't be edited in the user interface, and is only named.
    """
    entities = getattr(hass.data.get("automation"), "entities", ())
    found = [entity for entity in entities if value in _values(getattr(entity, "raw_config", None))]
    named = [(entity.name or entity.entity_id, entity.unique_id) for entity in found]
    return ", ".join(f"[{name}](/config/automation/edit/{key})" if key else name for name, key in named) or "-"


def _values(config: Any) -> Iterator[Any]:
    """Yield all single values of a configuration."""
    if isinstance(config, Mapping | list):
        for inner in config.values() if isinstance(config, Mapping) else config:
            yield from _values(inner)
    else:
        yield config
