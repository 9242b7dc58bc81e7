"""The alphabet of plain text messages (GSM 03.38) and how many parts a text needs."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")


def is_plain(text: str) -> bool:
    """Whether a text can travel in the plain alphabet; everything else is sent as Unicode."""
    return BASIC.union(EXTENSION).issuperset(text)


def parts(text: str) -> int:
    """How many short messages a text is cut into."""
    return len(split(text))


def split(text: str) -> list[str]:
    """The short messages into which a text is cut; none is cut within a character."""
    if is_plain(text):
        sizes, single, each = [2 if letter in EXTENSION else 1 for letter in text], 160, 153
    else:
        sizes, single, each = [2 if letter > "\uffff" else 1 for letter in text], 70, 67
    if sum(sizes) <= single:
        return [text]
    found, room = [""], each
    for letter, size in zip(text, sizes, strict=True):
        if size > room:
            found.append("")
            room = each
        found[-1] += letter
        room -= size
    return found
