"""Ways to break the promise of sending, each of which the verdict has to notice."""

from collections.abc import Mapping
from typing import Final

from ..sabotage import Sabotage
from .verdict import AGAIN, NOT_TOLD, TOO_LATE, TWICE

SABOTAGES: Final[Mapping[str, Sabotage]] = {
    "claim": Sabotage(
        changes=(
            (
                "store/transitions.py",
                "UPDATE outgoing SET status = '{SendStatus.SENDING}', attempts = attempts + 1, begun_at",
                "UPDATE outgoing SET attempts = attempts + 1, begun_at",
            ),
        ),
        harms=("kill-in-answer", "lose-answers"),
        fault=TWICE,
    ),
    "key": Sabotage(
        changes=(
            (
                "providers/sending/bulksms.py",
                '"deduplication-id": str(outgoing.number)',
                '"deduplication-id": str(id(outgoing) % 2**31)',
            ),
        ),
        harms=("kill-in-answer", "lose-answers"),
        fault=TWICE,
    ),
    "unknown": Sabotage(
        changes=(
            (
                "providers/sending/contract.py",
                "deduplicates: ClassVar[timedelta | None] = None",
                "deduplicates: ClassVar[timedelta | None] = timedelta(hours=1)",
            ),
        ),
        harms=("kill-in-answer", "lose-answers"),
        fault=TWICE,
    ),
    "backup": Sabotage(
        changes=(("store/connections.py", "                transitions.doubt(db)\n", ""),),
        harms=("restore",),
        fault=AGAIN,
    ),
    "time": Sabotage(
        changes=(
            (
                "store/transitions.py",
                'IN_TIME: Final = "expires_at > :now AND',
                "IN_TIME: Final = \"expires_at > '' AND",
            ),
        ),
        harms=("take-down",),
        fault=TOO_LATE,
    ),
    "marks": Sabotage(
        changes=(("store/transitions.py", "AND announced <> status", "AND announced = ''"),),
        harms=("stop-in-answer", "reload-in-answer"),
        fault=NOT_TOLD,
    ),
}
"""The sabotages by name."""
