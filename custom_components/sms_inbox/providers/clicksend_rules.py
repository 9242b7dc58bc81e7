"""Rules of ClickSend, which decide what is done with a message: what they are for, and whether they act."""

from collections.abc import Mapping
from typing import Any

from .parsing import text_of


def has_flag(value: Any, flag: int) -> bool:
    """Whether a flag, which is a number, a text or a boolean, has a value."""
    return text_of(value).casefold() in (("0", "false"), ("1", "true"))[flag]


def is_enabled(rule: Mapping[str, Any]) -> bool:
    """Whether a rule acts."""
    return not has_flag(rule.get("enabled"), 0)


def is_for(rule: Mapping[str, Any], url: str) -> bool:
    """Whether a rule calls a URL with a form, which is the default."""
    return rule.get("action_address") == url and (text_of(rule.get("webhook_type")) or "post") == "post"


def name_of(rule: Mapping[str, Any]) -> str:
    """Return the name of a rule."""
    return text_of(rule.get("rule_name")).strip()


def new_rule(name: str, action: str, address: str) -> dict[str, Any]:
    """Return a rule for all messages to all numbers."""
    scope = {"dedicated_number": "*", "message_search_type": 0, "message_search_term": "*"}
    return {"rule_name": name, **scope, "action": action, "action_address": address, "enabled": 1}


def scope_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return for which messages a rule is, as far as it says that."""
    names = ("dedicated_number", "message_search_type", "message_search_term")
    return {name: rule[name] for name in names if rule.get(name) not in (None, "")}
