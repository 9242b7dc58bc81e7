"""The descriptions of actions, triggers and conditions in YAML.

By the rules of `services.py`, `triggers.py` and `conditions.py` in `script/hassfest` of Home Assistant's repository;
what hassfest asks of its own integrations alone (names, icons) is asked of this one, too.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import voluptuous as vol

from homeassistant.helpers import config_validation as cv, selector

from .schemas import by_key, errors

REGISTRATIONS = {
    "services": r"services\.(?:async_)?register\(|async_register_(?:\w+_)?(?:admin_|entity_)?service\(",
    "triggers": r"async_get_triggers|async_attach_trigger",
    "conditions": r"async_get_conditions",
}


def _exists(value: Any) -> Any:
    """Refuse a key without a value."""
    if value is None:
        raise vol.Invalid("expected a value")
    return value


FIELD = {
    vol.Optional("example"): _exists,
    vol.Optional("default"): _exists,
    vol.Optional("required"): bool,
    vol.Required("selector"): selector.validate_selector,
}
TARGET = selector.TargetSelector.CONFIG_SCHEMA
ACTION = {
    vol.Optional("target"): vol.Any(TARGET, None),
    vol.Optional("fields"): by_key(
        vol.Any(
            {**FIELD, vol.Optional("advanced"): bool},
            {vol.Required("fields"): by_key(FIELD), vol.Optional("collapsed"): bool},
        )
    ),
}
AUTOMATION = {
    vol.Optional("target"): TARGET,
    vol.Optional("fields"): by_key({**FIELD, vol.Optional("context"): {str: str}}),
}
FILES = {
    "services": by_key(vol.Any(ACTION, None), cv.slug),
    "triggers": by_key(vol.Any(AUTOMATION, None), cv.underscore_slug),
    "conditions": by_key(vol.Any(AUTOMATION, None), cv.underscore_slug),
}


def check(kind: str, described: Any, texts: dict[str, Any], icons: dict[str, Any]) -> list[str]:
    """Return what is wrong with a file, and with what the English texts and the icons have of it."""
    if found := errors(FILES[kind], described):
        return found
    return [
        error
        for key, each in described.items()
        for error in (*_has_names(kind, key, each, texts, icons), *_contexts(key, each), *_options(key, each, texts))
    ]


def _fields(described: dict[str, Any] | None) -> dict[str, Any]:
    """Return the fields, those of sections, too."""
    fields: dict[str, Any] = {}
    for key, field in ((described or {}).get("fields") or {}).items():
        fields |= field.get("fields", {key: field})
    return fields


def _has_names(
    kind: str, key: str, described: dict[str, Any] | None, texts: dict[str, Any], icons: dict[str, Any]
) -> Iterator[str]:
    """Yield what has no name or no icon, and fields that a section repeats."""
    names = texts.get(kind, {}).get(key, {})
    if key not in icons.get(kind, {}):
        yield f"{key} has no icon"
    if lacking := {"name", "description"} - names.keys():
        yield f"{key} has no {sorted(lacking)}"
    top = (described or {}).get("fields") or {}
    sections = {name: field["fields"] for name, field in top.items() if "fields" in field}
    all_fields = [
        *(name for name in top if name not in sections),
        *(each for below in sections.values() for each in below),
    ]
    if len(set(all_fields)) < len(all_fields):
        yield f"{key} has a field twice"
    for field in _fields(described):
        if "name" not in names.get("fields", {}).get(field, {}):
            yield f"{key}.{field} has no name"
    for section in sections:
        if "name" not in names.get("sections", {}).get(section, {}):
            yield f"{key}.{section} has no name"


def _contexts(key: str, described: dict[str, Any] | None) -> Iterator[str]:
    """Yield what a selector is to look at and can't."""
    fields = _fields(described)
    for name, field in fields.items():
        allowed = selector.selector(field["selector"]).allowed_context_keys
        for context, reference in field.get("context", {}).items():
            kinds = allowed.get(context, set())
            if reference in fields:
                kind = selector.selector(fields[reference]["selector"]).selector_type
            else:
                kind = reference if reference == "target" and "target" in (described or {}) else ""
            if kind not in kinds:
                yield f"{key}.{name} can't take {context} from {reference}"


def _options(key: str, described: dict[str, Any] | None, texts: dict[str, Any]) -> Iterator[str]:
    """Yield options without a translation."""
    for name, field in _fields(described).items():
        with suppress(KeyError, TypeError):
            translation_key = field["selector"]["select"]["translation_key"]
            known = texts.get("selector", {}).get(translation_key, {}).get("options", {})
            if lacking := set(field["selector"]["select"]["options"]) - known.keys():
                yield f"{key}.{name}: no text in selector.{translation_key} for {sorted(lacking)}"
