"""What the other modules need to describe a file."""

from collections.abc import Callable
import re
from typing import Any

import voluptuous as vol

from homeassistant.helpers import config_validation as cv

TRANSLATION_KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")

type Validator = Callable[[Any], Any]


def errors(schema: Any, value: Any) -> list[str]:
    """Return what of a value a schema refuses, each with its path."""
    try:
        vol.Schema(schema)(value)
    except vol.MultipleInvalid as error:
        return [f"{'.'.join(str(part) for part in each.path)}: {each.msg}" for each in error.errors]
    return []


def translation_key(value: Any) -> str:
    """Refuse what can't be the key of a translation, of an icon or of a field."""
    if not isinstance(value, str) or not TRANSLATION_KEY.fullmatch(value):
        raise vol.Invalid(f"{value!r} is no key: only a-z, 0-9, and single - or _ between them")
    return value


def by_key(value: Any, key: Validator = translation_key) -> Validator:
    """Return a schema for a mapping with any number of keys."""
    return cv.schema_with_slug_keys(value, slug_validator=key)
