"""The component as the browser test runs it: a copy that takes the emulator for a vendor's official server."""

from pathlib import Path
import shutil

from ..live.child import ChildError
from ..live.home_assistant import REPOSITORY

COMPONENT = REPOSITORY / "custom_components" / "sms_inbox"
OFFICIAL = "https://api.bulksms.com/v1"


def copy_component(components: Path, emulator: str) -> None:
    """Copy the component, and let the emulator be the official server of the API to which an account is moved."""
    shutil.copytree(COMPONENT, components / COMPONENT.name, ignore=shutil.ignore_patterns("__pycache__"))
    file = components / COMPONENT.name / "providers" / "bulksms.py"
    code = file.read_text()
    if OFFICIAL not in code:
        raise ChildError(f"The address {OFFICIAL} isn't in {file.name} any more.")
    file.write_text(code.replace(OFFICIAL, f"{emulator}/bulksms/v1"))
