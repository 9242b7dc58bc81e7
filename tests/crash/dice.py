"""What chance decides in a run: repeated by its seed."""

from collections.abc import Iterable
import random


def dice(seed: int, what: str) -> random.Random:
    """Return dice of their own, so that how often others throw theirs doesn't matter."""
    return random.Random(f"{seed} {what}")  # noqa: S311


def rounds(count: int, harms: Iterable[str], thrown: random.Random) -> list[str]:
    """Return what is done, round by round: all that can be, in an order of the dice, and then all again."""
    found: list[str] = []
    while len(found) < count:
        deck = list(harms)
        thrown.shuffle(deck)
        found += deck
    return found[:count]
