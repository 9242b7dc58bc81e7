"""The crash test's sabotage: each kind still fits the component."""

from pathlib import Path

import pytest

from .sabotage import COMPONENT, SABOTAGES, copy_components


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_sabotage_fits(tmp_path: Path, sabotage: str) -> None:
    """It changes a copy of the component, and nothing else."""
    copy_components(tmp_path / "copy", sabotage)
    changed = [
        path.name
        for path in COMPONENT.glob("*.py")
        if path.read_text() != (tmp_path / "copy" / COMPONENT.name / path.name).read_text()
    ]
    assert len(changed) == 1
