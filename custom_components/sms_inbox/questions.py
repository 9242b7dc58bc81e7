"""What stands in front of a question for Assist: the keyword and the PIN that a contact may have to write.

`? 4711 open the gate` has the keyword `?`, the PIN 4711, and the question `open the gate`. The PIN goes no further than
this file: it is left out of what Assist is asked, and hidden in all that is shown of the message.
"""

from dataclasses import dataclass
import hmac
import re
from typing import Final

import phonenumbers

from homeassistant.config_entries import ConfigSubentry

CONF_ASSIST: Final = "assist"
"""Whether the contact may talk to Assist."""
CONF_ASSIST_USER: Final = "assist_user"
"""Id of the user of Home Assistant with whose rights that is done."""
CONF_ASSIST_PIN: Final = "assist_pin"
"""4 to 8 digits that have to stand in front; may be left out."""
CONF_ASSIST_KEYWORD: Final = "assist_keyword"
"""A word that has to stand in front; may be left out."""
CONF_ASSIST_PIPELINE: Final = "assist_pipeline"
"""Id of the assistant; without one it is the preferred one."""
ASSIST_FIELDS: Final = (CONF_ASSIST_USER, CONF_ASSIST_PIN, CONF_ASSIST_KEYWORD, CONF_ASSIST_PIPELINE)
HIDDEN: Final = "****"
PIN: Final = re.compile(r"\d{4,8}(?!\d)")
DIGITS: Final = re.compile(r"\d{3,}")
BEHIND: Final = " \t\r\n,.:;-"
"""What may stand between keyword, PIN and question."""


class WrongPinError(Exception):
    """The PIN in front of a question is wrong, or missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AssistSettings:
    """How a contact may talk to Assist.

    Attributes:
        user_id: Id of the user with whose rights that is done.
        pin: What has to stand in front of each question, None for nothing.
        keyword: What has to stand in front of each question, before the PIN; None for nothing.
        pipeline: Id of the assistant, None for the preferred one.
    """

    user_id: str
    pin: str | None
    keyword: str | None
    pipeline: str | None


def settings_of(contact: ConfigSubentry | None) -> AssistSettings | None:
    """Return how a contact may talk to Assist, None where they may not."""
    if not contact or not contact.data.get(CONF_ASSIST) or not (user_id := contact.data.get(CONF_ASSIST_USER)):
        return None
    return AssistSettings(
        user_id=user_id,
        pin=contact.data.get(CONF_ASSIST_PIN) or None,
        keyword=contact.data.get(CONF_ASSIST_KEYWORD) or None,
        pipeline=contact.data.get(CONF_ASSIST_PIPELINE) or None,
    )


def question_in(text: str, settings: AssistSettings) -> str | None:
    """Return the question of a text without what stands in front; None where it has no keyword, or no question.

    Raises:
        WrongPinError: The PIN is wrong, or missing.
    """
    text = text.strip()
    if settings.keyword:
        if not (start := _keyword(settings.keyword).match(text)):
            return None
        text = text[start.end() :].lstrip(BEHIND)
    if settings.pin:
        start = PIN.match(text)
        given = phonenumbers.normalize_digits_only(start[0]) if start else ""
        if not start or not hmac.compare_digest(given.encode(), settings.pin.encode()):
            raise WrongPinError
        text = text[start.end() :].lstrip(BEHIND)
    return text or None


def without_pin(text: str, contact: ConfigSubentry | None) -> str:
    """Return a text of a contact in which nobody can read the PIN; the whole text where the contact has none.

    What stands at the place of the PIN is hidden also where it is a wrong one, since it may differ in a digit only.
    """
    pin = contact.data.get(CONF_ASSIST_PIN) if contact else None
    if not contact or not pin:
        return text
    keyword = contact.data.get(CONF_ASSIST_KEYWORD)
    start = _keyword(keyword).match(text.lstrip()) if keyword else None
    front = len(text) - len(text.lstrip()) + (start.end() if start else 0)

    def hide(match: re.Match[str]) -> str:
        is_in_front = match.start() >= front and not text[front : match.start()].strip(BEHIND)
        return HIDDEN if is_in_front or phonenumbers.normalize_digits_only(match[0]) == pin else match[0]

    return DIGITS.sub(hide, text)


def _keyword(keyword: str) -> re.Pattern[str]:
    """Return what a keyword looks like at the beginning of a text: in any case, and not as the beginning of a word."""
    return re.compile(re.escape(keyword) + (r"(?!\w)" if keyword[-1].isalnum() else ""), re.IGNORECASE)
