"""The crash test's sabotage: each kind still fits the component, and what should show it exists."""

from pathlib import Path

import pytest

from .harm import HARMS
from .sabotage import COMPONENT, SABOTAGES, copy_components
from .verdict import NOT_HANDED_OVER, TOO_MANY_FLAGGED, Report


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_fits(tmp_path: Path, name: str) -> None:
    """It changes the files of a copy of the component that it names, and nothing else."""
    copy_components(tmp_path / "copy", name)
    copy = tmp_path / "copy" / COMPONENT.name
    paths = [path.relative_to(COMPONENT) for path in COMPONENT.rglob("*.py")]
    changed = {str(path) for path in paths if (COMPONENT / path).read_text() != (copy / path).read_text()}
    assert changed == {file for file, _, _ in SABOTAGES[name].changes}


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_can_show(name: str) -> None:
    """There are the harms that show it, and the fault as which it shows."""
    assert HARMS.keys() >= set(SABOTAGES[name].harms)
    assert SABOTAGES[name].fault in {*Report().faults, NOT_HANDED_OVER, TOO_MANY_FLAGGED}


def test_usage_names_all() -> None:
    """The command's help names each harm and each sabotage."""
    usage = (COMPONENT.parents[1] / "scripts" / "crash-test").read_text()
    assert [name for name in (*HARMS, *SABOTAGES) if name not in usage] == []
