"""Credentials as people type and paste them, and what a provider says to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import logging
import re
from typing import Any, Final

from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant

from .client import async_create_provider, create_session
from .const import CONF_KEY_ID, CONF_PROVIDER
from .providers import PROVIDERS
from .providers.addresses import complete_url
from .providers.contract import Identity
from .providers.errors import AuthenticationError, ProviderError
from .texts import INVISIBLE

_LOGGER = logging.getLogger(__name__)

NEVER_PART: Final = (CONF_USERNAME, CONF_URL, CONF_KEY_ID)
"""What never begins or ends with a blank."""
BLANK: Final = rf"[\s{INVISIBLE}]"
BLANKS: Final = re.compile(rf"^{BLANK}+|{BLANK}+$")
ADDRESS_ERRORS: Final = frozenset({"insecure_url", "invalid_url"})
"""What is wrong with the server's address itself."""
SERVER_ERRORS: Final = ADDRESS_ERRORS | {"cannot_connect", "invalid_configuration", "unexpected_answer", "wrong_region"}
"""What a wrong server may be the cause of."""
LINE_ENDS: Final = re.compile(rf"^[\t\r\n{INVISIBLE}]+|[\t\r\n{INVISIBLE}]+$")
"""What no password of one line can begin or end with, but what is copied along with one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What a provider says to credentials.

    Attributes:
        identity: Whose account it is; None where that could not be found out.
        data: The credentials that the provider has accepted, with what else the entry holds.
        errors: What a form shows for an error, by its field.
        placeholders: What the text of the error needs: `error`, the reason, and what a known reason needs.
    """

    identity: Identity | None = None
    data: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)


def at_address(errors: Mapping[str, str], field: str) -> dict[str, str]:
    """Return a form's errors, those about the server's address at the field that holds it."""
    return {field if error in ADDRESS_ERRORS else place: error for place, error in errors.items()}


def shown_error(err: ProviderError) -> Validation:
    """Return how a form shows a provider's error: what a person can do about it, where the reason is known."""
    return Validation(errors={"base": err.hint or err.key}, placeholders={"error": str(err), **err.placeholders})


async def async_validate(hass: HomeAssistant, data: Mapping[str, Any]) -> Validation:
    """Ask the provider whose account it is, without the blanks that were typed or pasted along.

    If the server's address begins with neither http nor https, that is put in front.
    A password that a person has chosen may begin or end with a blank. It is tried as it was typed, and if the provider
    refuses it, without the blanks.
    """
    cleaned = _cleaned(data)
    cleaned[CONF_URL] = await complete_url(cleaned[CONF_URL])
    trimmed = {**cleaned, CONF_PASSWORD: BLANKS.sub("", cleaned.get(CONF_PASSWORD, ""))}
    if cleaned.get(CONF_PASSWORD, "") == trimmed[CONF_PASSWORD]:
        return await _async_validate(hass, cleaned)
    result = await _async_validate(hass, cleaned)
    if result.errors.get("base") == AuthenticationError.key:
        again = await _async_validate(hass, trimmed)
        return again if again.identity else result
    return result


async def _async_validate(hass: HomeAssistant, data: dict[str, Any]) -> Validation:
    """Ask the provider whose account it is."""
    session = create_session(hass, data, auto_cleanup=False)
    try:
        provider = await async_create_provider(session, data)
        return Validation(identity=await provider.validate(), data=data)
    except ProviderError as err:
        return shown_error(err)
    except Exception:
        _LOGGER.exception("Unexpected exception")
        return Validation(errors={"base": "unknown"})
    finally:
        session.detach()


def _cleaned(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's data without the blanks that can't be part of what was typed."""
    cleaned = dict(data)
    for key in NEVER_PART:
        if key in cleaned:
            cleaned[key] = BLANKS.sub("", cleaned[key])
    if CONF_PASSWORD in cleaned:
        chosen = PROVIDERS[data[CONF_PROVIDER]].chooses_password
        cleaned[CONF_PASSWORD] = (LINE_ENDS if chosen else BLANKS).sub("", cleaned[CONF_PASSWORD])
    return cleaned
