"""The vendors' own words for what is wrong: one that passes does no harm, and one that lasts is explained."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from emulator.registry import PROTOCOLS
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .conftest import Clock, set_up, texts

WORDS = [(key, word) for key, protocol in PROTOCOLS.items() for word in protocol.errors]
LASTING = [
    ("twilio", "20005", "account_suspended"),
    ("twilio", "10001", "account_suspended"),
    ("twilio", "90010", "account_suspended"),
    ("twilio", "20403", "account_suspended"),
    ("clicksend", "ACCOUNT_NOT_ACTIVATED", "account_suspended"),
    ("clicksend", "INSUFFICIENT_CREDIT", "no_credit"),
    ("clicksend", "NOT_ENOUGH_PERMISSION_TO_LIST_ID", "missing_permission"),
    ("voipms", "api_not_enabled", "api_not_enabled"),
    ("voipms", "ip_not_enabled", "ip_not_enabled"),
]


def issues(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, ir.IssueEntry]:
    """Return the account's issues by what they are about."""
    return {
        issue.issue_id.removesuffix(f"_{entry.entry_id}"): issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    }


@pytest.mark.parametrize(("provider", "word"), WORDS, indirect=["provider"])
async def test_word_that_passes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    clock: Clock,
    word: str,
) -> None:
    """Once while Home Assistant starts, and once later: it is asked again, and nobody is bothered."""
    emulator.fault(account.provider, "vendor_error", word=word)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    await clock.advance(120)
    account.send("One")
    await clock.advance(120)
    emulator.fault(account.provider, "vendor_error", word=word)
    account.send("Two")
    await clock.advance(400)
    assert sorted(texts(received)) == ["One", "Two"]
    assert not list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    assert issues(hass, entry).keys() <= {"deprecated_api", "no_poll_rule"}


@pytest.mark.parametrize(("provider", "word", "reason"), LASTING, indirect=["provider"])
async def test_word_that_lasts(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    received: list[Event],
    clock: Clock,
    word: str,
    reason: str,
) -> None:
    """What a new login can't help is no request to log in; the issue says what helps, and is gone afterwards."""
    await set_up(hass, entry)
    emulator.fault(account.provider, "vendor_error", word=word, count=None)
    account.send("Waits")
    await clock.advance(900)
    assert not list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    issue = issues(hass, entry)["refused"]
    assert issue.translation_key == f"refused_{reason}"
    assert word in issue.translation_placeholders["error"]
    assert ("address" in issue.translation_placeholders) == (reason == "ip_not_enabled")
    emulator.clear_faults()
    await clock.advance(400)
    assert texts(received) == ["Waits"]
    assert "refused" not in issues(hass, entry)
