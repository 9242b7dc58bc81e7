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
    if is_plain(text):
        length, single, each = sum(2 if letter in EXTENSION else 1 for letter in text), 160, 153
    else:
        length, single, each = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // each)
