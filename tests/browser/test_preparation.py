"""The browser test's copy of the component, and what it says where there is no browser."""

from pathlib import Path

import pytest

from ..live.child import ChildError
from .component import COMPONENT, copy_component
from .window import find_chromium


def test_copy_differs_in_one_address(tmp_path: Path) -> None:
    """The API to which an account is moved is the emulator's; nothing else changes."""
    copy_component(tmp_path, "http://127.0.0.1:1")
    changed = {
        line
        for path in COMPONENT.rglob("*.py")
        for line in (tmp_path / COMPONENT.name / path.relative_to(COMPONENT)).read_text().splitlines()
        if line not in path.read_text().splitlines()
    }
    assert changed == {'    default_url = "http://127.0.0.1:1/bulksms/v1"'}


def test_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no browser, it is told how to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChildError, match="apt-get install chromium"):
        find_chromium()
