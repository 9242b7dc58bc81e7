"""How many parts a text takes on its way to a phone (3GPP TS 23.038 and 23.040).

A text in the GSM 7-bit alphabet has 160 characters in one part, or 153 in each of several; characters of the extension
table count twice. Any other character makes it Unicode (UCS-2): 70 UTF-16 units in one part, or 67 in each of several,
and an emoji is two units. A part never ends within such a character.
"""

from collections.abc import Iterable
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = frozenset("\f^{}\\[~]|€")
GSM: Final = BASIC | EXTENSION
GSM_SINGLE: Final = 160
GSM_EACH: Final = 153
UNICODE_SINGLE: Final = 70
UNICODE_EACH: Final = 67


def is_gsm(text: str) -> bool:
    """Whether a text can be sent in the GSM 7-bit alphabet."""
    return GSM.issuperset(text)


def parts_of(text: str) -> int:
    """Return how many parts a text takes, at least one."""
    if is_gsm(text):
        return _parts((2 if letter in EXTENSION else 1 for letter in text), GSM_SINGLE, GSM_EACH)
    return _parts((2 if letter > "\uffff" else 1 for letter in text), UNICODE_SINGLE, UNICODE_EACH)


def _parts(sizes: Iterable[int], single: int, each: int) -> int:
    """Return how many parts characters of these sizes take."""
    sizes = list(sizes)
    if sum(sizes) <= single:
        return 1
    parts, room = 1, each
    for size in sizes:
        if size > room:
            parts, room = parts + 1, each
        room -= size
    return parts
