"""Print what Home Assistant would install by itself at the demo's first start, or its constraints for that."""

from collections.abc import Iterator
import json
from pathlib import Path
import sys

import homeassistant
from homeassistant.auth.mfa_modules import totp
from homeassistant.bootstrap import CORE_INTEGRATIONS, DEFAULT_INTEGRATIONS

from .home_assistant import REPLACED

CONFIGURED = {"history", "logbook", "recorder", "sms_inbox"}
CUSTOM = Path("custom_components")
PACKAGE = Path(homeassistant.__path__[0])
BUILT_IN = PACKAGE / "components"


def manifests(domains: set[str]) -> Iterator[dict[str, list[str]]]:
    """Yields the manifests of integrations and of all that they depend on, each one once."""
    waiting, seen = sorted(domains), set[str]()
    while waiting:
        domain = waiting.pop()
        found = [file for home in (CUSTOM, BUILT_IN) if (file := home / domain / "manifest.json").is_file()]
        if domain in seen or not found:
            continue
        seen.add(domain)
        manifest = json.loads(found[0].read_text())
        waiting += manifest.get("dependencies", []) + manifest.get("after_dependencies", [])
        yield manifest


def name(requirement: str) -> str:
    """Return the package that a pin is about."""
    return requirement.partition("==")[0]


def requirements() -> set[str]:
    """Return what Home Assistant would install."""
    domains = {*CORE_INTEGRATIONS, *DEFAULT_INTEGRATIONS, *CONFIGURED}
    found = {requirement for manifest in manifests(domains) for requirement in manifest.get("requirements", [])}
    return found | set(totp.REQUIREMENTS)


def main() -> None:
    """Print them, one a line, with the replacements."""
    replacements = [f"{package}=={version}" for package, version in REPLACED.items()]
    if "--constraints" in sys.argv:
        found, replacements = (PACKAGE / "package_constraints.txt").read_text().splitlines(), []
    else:
        found = sorted(requirements())
    print(*(line for line in found if name(line) not in REPLACED), *replacements, sep="\n")


if __name__ == "__main__":
    main()
