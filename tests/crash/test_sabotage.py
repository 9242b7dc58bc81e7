"""The crash test's sabotage: each kind still fits the component, and what should show it exists."""

from pathlib import Path

import pytest

from . import sending
from .harm import HARMS
from .sabotage import COMPONENT, SABOTAGES, copy_components
from .verdict import NOT_HANDED_OVER, TOO_MANY_FLAGGED, Report

EACH = [*SABOTAGES.values(), *sending.SABOTAGES.values()]
NAMES = [*SABOTAGES, *(f"send {name}" for name in sending.SABOTAGES)]


@pytest.mark.parametrize("number", range(len(EACH)), ids=NAMES)
def test_sabotage_fits(tmp_path: Path, number: int) -> None:
    """It changes the files of a copy of the component that it names, and nothing else."""
    copy_components(tmp_path / "copy", EACH[number])
    copy = tmp_path / "copy" / COMPONENT.name
    paths = [path.relative_to(COMPONENT) for path in COMPONENT.rglob("*.py")]
    changed = {str(path) for path in paths if (COMPONENT / path).read_text() != (copy / path).read_text()}
    assert changed == {file for file, _, _ in EACH[number].changes}


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_can_show(name: str) -> None:
    """There are the harms that show it, and the fault as which it shows."""
    assert HARMS.keys() >= set(SABOTAGES[name].harms)
    assert SABOTAGES[name].fault in {*Report().faults, NOT_HANDED_OVER, TOO_MANY_FLAGGED}


@pytest.mark.parametrize("name", sending.SABOTAGES)
def test_sabotage_of_sending_can_show(name: str) -> None:
    """The same of those that break sending."""
    assert sending.HARMS.keys() >= set(sending.SABOTAGES[name].harms)
    assert sending.SABOTAGES[name].fault in sending.FAULTS


def test_usage_names_all() -> None:
    """The command's help names each harm and each sabotage."""
    usage = (COMPONENT.parents[1] / "scripts" / "crash-test").read_text()
    names = (*HARMS, *SABOTAGES, *sending.HARMS, *sending.SABOTAGES)
    assert [name for name in names if name not in usage] == []
