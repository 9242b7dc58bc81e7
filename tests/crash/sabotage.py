"""A copy of the component to run, whole or with a promise broken."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import shutil

from ..live.child import ChildError
from ..live.home_assistant import REPOSITORY

WITNESS = Path(__file__).with_name("crash_witness")
COMPONENT = REPOSITORY / "custom_components" / "sms_inbox"

CHECK = "        _check(db)\n"
FORGET = """\
        db.execute(
            "UPDATE message SET status = 0, attempts = 0 WHERE sequence IN"
            " (SELECT sequence FROM message WHERE status = 1 ORDER BY sequence DESC LIMIT 5)"
        )
"""

type Change = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """A way to break a promise.

    Attributes:
        changes: File, what to replace in it, and with what.
        harms: What has to be done to Home Assistant for it to show.
        fault: As what it has to show, see `Report.broken`.
    """

    changes: tuple[Change, ...]
    harms: tuple[str, ...]
    fault: str


SABOTAGES: Mapping[str, Sabotage] = {
    "marks": Sabotage(
        changes=(("store.py", CHECK, CHECK + FORGET),),
        harms=("kill", "stop-in-drain"),
        fault="repeated silently",
    ),
    "store": Sabotage(
        changes=(
            ("store.py", "for message in page.messages\n", "for message in page.messages if sum(message.raw) % 10\n"),
        ),
        harms=("kill", "reload-in-poll"),
        fault="lost",
    ),
    "recovery": Sabotage(
        changes=(("coordinator.py", "if not since or ", "if True or "),),
        harms=("kill-in-answer", "kill-in-drain"),
        fault="not recovered",
    ),
}
"""The sabotages by name."""


def copy_components(folder: Path, sabotage: str | None) -> None:
    """Copy the component and the witness into a folder that isn't there yet, and break the copy if that is wanted."""
    nothing_made = shutil.ignore_patterns("__pycache__")
    shutil.copytree(COMPONENT, folder / COMPONENT.name, ignore=nothing_made)
    shutil.copytree(WITNESS, folder / WITNESS.name, ignore=nothing_made)
    for name, old, new in SABOTAGES[sabotage].changes if sabotage else ():
        file = folder / COMPONENT.name / name
        text = file.read_text()
        if text.count(old) != 1:
            raise ChildError(f"The sabotage {sabotage} doesn't fit {name} any more: it looks for {old!r}.")
        file.write_text(text.replace(old, new))
