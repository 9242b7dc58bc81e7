"""A copy of the component to run, whole or with a promise broken."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import shutil

from ..live.child import ChildError
from ..live.home_assistant import REPOSITORY
from .verdict import NOT_HANDED_OVER, TOO_MANY_FLAGGED

WITNESS = Path(__file__).with_name("crash_witness")
COMPONENT = REPOSITORY / "custom_components" / "sms_inbox"

FORGET = """\
        db.execute(
            "UPDATE message SET status = 0, in_doubt = 0 WHERE sequence IN"
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
        changes=(("store/connections.py", "        _check(db)\n", f"        _check(db)\n{FORGET}"),),
        harms=("kill", "stop-in-drain"),
        fault="repeated silently",
    ),
    "doubt": Sabotage(
        changes=(
            (
                "store/accounts.py",
                'in_doubt = 1"\n        f" WHERE account = ?',
                'in_doubt = in_doubt"\n        f" WHERE account = ?',
            ),
        ),
        harms=("kill-in-long-drain",),
        fault="repeated silently",
    ),
    "slice": Sabotage(
        changes=(("store/messages.py", "SLICE: Final = 100\n", "SLICE: Final = 1000\n"),),
        harms=("kill-in-long-drain",),
        fault=TOO_MANY_FLAGGED,
    ),
    "order": Sabotage(
        changes=(
            ("store/messages.py", "ORDER BY sequence LIMIT max(", "ORDER BY in_doubt, sequence LIMIT max("),
            ("store/messages.py", "stored: stored.sequence)", "stored: (stored.in_doubt, stored.sequence))"),
        ),
        harms=("kill-in-long-drain",),
        fault="out of order",
    ),
    "release": Sabotage(
        changes=(
            (
                "store/messages.py",
                'f"UPDATE message SET status = {Status.PENDING}"\n',
                'f"UPDATE message SET status = {Status.CLAIMED}"\n',
            ),
        ),
        harms=("stop-in-long-drain", "reload-in-long-drain"),
        fault="flagged after an orderly end",
    ),
    "store": Sabotage(
        changes=(
            (
                "inbox.py",
                "if message.message_id not in self.last_page_ids]",
                "if message.message_id not in self.last_page_ids and sum(message.raw) % 10]",
            ),
        ),
        harms=("kill", "reload-in-poll"),
        fault="lost",
    ),
    "recovery": Sabotage(
        changes=(("inbox.py", "        if lost:\n", "        if False:\n"),),
        harms=("kill-in-answer",),
        fault="not recovered",
    ),
    "restore": Sabotage(
        changes=(("store/connections.py", "if is_snapshot and ", "if False and "),),
        harms=("restore",),
        fault="repeated silently",
    ),
    "disk": Sabotage(
        changes=(("polling.py", "self._page = self._page or await", "self._page = await"),),
        harms=("fill-disk",),
        fault="lost",
    ),
    "boot": Sabotage(
        changes=(
            (
                "coordinator.py",
                "            state = await self._async_begin_in_store()\n",
                "            await self.provider.validate()\n            state = await self._async_begin_in_store()\n",
            ),
            (
                "coordinator.py",
                "        except ConfigurationError as err:\n            raise ConfigEntryError(",
                "        except ProviderError as err:\n            raise ConfigEntryError(",
            ),
        ),
        harms=("start-without-providers",),
        fault=NOT_HANDED_OVER,
    ),
    "first-run": Sabotage(
        changes=(("inbox.py", "return messages.is_possible(at", "return False and messages.is_possible(at"),),
        harms=("add-account",),
        fault="lost",
    ),
    "old": Sabotage(
        changes=(("inbox.py", "messages.Arrival(message, Status.EXISTING)", "messages.Arrival(message)"),),
        harms=("add-account",),
        fault="old, and delivered",
    ),
}
"""The sabotages by name."""


def copy_components(folder: Path, sabotage: Sabotage | None) -> None:
    """Copy the component and the witness into a folder that isn't there yet, and break the copy if that is wanted."""
    nothing_made = shutil.ignore_patterns("__pycache__")
    shutil.copytree(COMPONENT, folder / COMPONENT.name, ignore=nothing_made)
    shutil.copytree(WITNESS, folder / WITNESS.name, ignore=nothing_made)
    for name, old, new in sabotage.changes if sabotage else ():
        file = folder / COMPONENT.name / name
        text = file.read_text()
        if text.count(old) != 1:
            raise ChildError(f"The sabotage doesn't fit {name} any more: it looks for {old!r}.")
        file.write_text(text.replace(old, new))
