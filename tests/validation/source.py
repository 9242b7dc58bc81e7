"""The Python files, by the rules of these files in `script/hassfest` of Home Assistant's repository.

`dependencies.py`, `config_flow.py`, `config_schema.py`, `json.py`, and where `services.py`, `triggers.py` and
`conditions.py` look for a missing YAML file.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.const import Platform

from .descriptions import REGISTRATIONS

# Of the integrations that hassfest lets be imported without being named in the manifest, those that a custom
# integration has a use for.
FREE_TO_USE = {
    *(platform.value for platform in Platform),
    "automation",
    "frontend",
    "homeassistant",
    "persistent_notification",
    "script",
    "system_health",
    "webhook",
    "websocket_api",
    "zone",
}
DISCOVERIES = ("bluetooth", "dhcp", "discovery", "hassio", "homekit", "mqtt", "ssdp", "usb", "zeroconf")


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the integrations of Home Assistant that a module imports, except for what only type checkers see."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.ImportFrom(module="homeassistant.components", names=names):
            yield from (name.name for name in names)
        case ast.ImportFrom(module=str(module)) if module.startswith("homeassistant.components."):
            yield module.split(".")[2]
        case ast.Import(names=names):
            yield from (name.name.split(".")[2] for name in names if name.name.startswith("homeassistant.components."))
    for below in ast.iter_child_nodes(node):
        yield from _imported(below)


def _module(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_bytes())


def dependencies(component: Path, manifest: dict[str, Any]) -> list[str]:
    """Return what is imported and not named in the manifest, except from a platform of the same name."""
    named = {*manifest.get("dependencies", ()), *manifest.get("after_dependencies", ())}
    named |= {key for key in DISCOVERIES if key in manifest}
    return [
        f"{path.relative_to(component)}: {domain} is in neither dependencies nor after_dependencies"
        for path in sorted(component.rglob("*.py"))
        for domain in sorted(set(_imported(_module(path))) - FREE_TO_USE - named)
        if not (component / f"{domain}.py").is_file()
    ]


def config_flow(component: Path, manifest: dict[str, Any]) -> list[str]:
    """Return what the config flow lacks: its file, or a unique id where it can be discovered."""
    path = component / "config_flow.py"
    if not path.is_file():
        return ["config_flow.py is not there"] if manifest.get("config_flow") else []
    source = path.read_text()
    discovered = any(f"async_step_{kind}" in source for kind in DISCOVERIES)
    if discovered and "self.async_set_unique_id" not in source:
        return ["config_flow.py: what is discovered needs a unique id"]
    return []


def config_schema(component: Path) -> list[str]:
    """Return whether it can be set up from YAML without saying what it takes there."""
    body = _module(component / "__init__.py").body
    functions = {each.name for each in body if isinstance(each, ast.AsyncFunctionDef | ast.FunctionDef)}
    assigned = {
        target.id
        for each in body
        if isinstance(each, ast.Assign | ast.AnnAssign)
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name)
    }
    if functions & {"async_setup", "setup"} and "CONFIG_SCHEMA" not in assigned:
        return ["__init__.py: async_setup needs a CONFIG_SCHEMA"]
    return []


def json_files(component: Path) -> list[str]:
    """Return the JSON files that can't be read."""
    found = []
    for path in sorted(component.rglob("*.json")):
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            found.append(f"{path.relative_to(component)}: {error}")
    return found


def undescribed(component: Path) -> list[str]:
    """Return what is registered in Python and has no YAML file."""
    sources = {
        "services": component.rglob("*.py"),
        "triggers": component.glob("trigger.py"),
        "conditions": component.glob("condition.py"),
    }
    return [
        f"{kind}.yaml is not there"
        for kind, paths in sources.items()
        if not (component / f"{kind}.yaml").is_file()
        and any(re.search(REGISTRATIONS[kind], path.read_text()) for path in paths)
    ]
