"""The quality scale, by the rules of `quality_scale.py` and `quality_scale_validation/` in `script/hassfest`.

hassfest asks them of Home Assistant's own integrations only. The names of the rules are read from one of those.
"""

import ast
from collections.abc import Callable
import json
from pathlib import Path
import re
from typing import Any

import voluptuous as vol

from homeassistant import components
from homeassistant.util.yaml import load_yaml_dict

from .schemas import errors

ANSWER = vol.Any(
    "done", {vol.Required("status"): vol.In(("done", "exempt", "todo")), vol.Optional("comment"): vol.Match(r".+\.$")}
)


def rules() -> list[str]:
    """Return the names of all rules."""
    path = Path(components.__path__[0]) / "fumis/quality_scale.yaml"
    return list(load_yaml_dict(str(path))["rules"])


def _source(component: Path, name: str) -> str:
    """Return a file's text, none if there is no such file."""
    path = component / name
    return path.read_text() if path.is_file() else ""


def _functions(component: Path, name: str) -> dict[str, str]:
    """Return the functions and methods of a file with their text."""
    source = _source(component, name)
    return {
        each.name: ast.get_source_segment(source, each) or ""
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.AsyncFunctionDef | ast.FunctionDef)
    }


def _platforms(component: Path) -> list[str]:
    """Return the files of the entity platforms."""
    entities = json.loads(_source(component, "icons.json")).get("entity", {})
    return [f"{platform}.py" for platform in entities]


def _all_sources(component: Path) -> str:
    """Return all Python files."""
    return "\n".join(path.read_text() for path in sorted(component.rglob("*.py")))


def _typed(component: Path) -> bool:
    """Whether functions that get a config entry say which kind of runtime data it has."""
    functions = [
        _functions(component, "__init__.py").get("async_unload_entry", ""),
        _functions(component, "diagnostics.py").get("async_get_config_entry_diagnostics", ""),
        *(_functions(component, platform)["async_setup_entry"] for platform in _platforms(component)),
        _functions(component, "__init__.py")["async_setup_entry"],
    ]
    return all(re.search(r"\w+: [A-Za-z]+ConfigEntry\b", text.partition("->")[0]) for text in functions if text)


def _described(component: Path) -> bool:
    """Whether each field of the dialogs has a description; that of the step does for a single field."""
    texts = json.loads(_source(component, "translations/en.json"))
    steps = [step for flow in ("config", "options") for step in texts[flow]["step"].values()]
    parts = [part for step in steps for part in (step, *step.get("sections", {}).values())]
    return all(
        part.get("data", {}).keys() == part.get("data_description", {}).keys()
        or (len(part["data"]) == 1 and part.get("description"))
        for part in parts
    )


# What of a rule can be seen in the files; a rule that isn't here is judged by people and by other tests.
EVIDENCE: dict[str, Callable[[Path], bool]] = {
    "action-setup": lambda it: "async_register" not in _functions(it, "__init__.py").get("async_setup_entry", ""),
    "config-entry-unloading": lambda it: "async_unload_entry" in _functions(it, "__init__.py"),
    "config-flow": lambda it: bool(_source(it, "config_flow.py")) and _described(it),
    "diagnostics": lambda it: "async_get_config_entry_diagnostics" in _functions(it, "diagnostics.py"),
    "has-entity-name": lambda it: "_attr_has_entity_name = True" in _source(it, "entity.py"),
    "integration-owner": lambda it: bool(json.loads(_source(it, "manifest.json"))["codeowners"]),
    "parallel-updates": lambda it: all("PARALLEL_UPDATES = " in _source(it, each) for each in _platforms(it)),
    "reauthentication-flow": lambda it: "async_step_reauth" in _functions(it, "config_flow.py"),
    "reconfiguration-flow": lambda it: "async_step_reconfigure" in _functions(it, "config_flow.py"),
    "repair-issues": lambda it: "async_create_issue(" in _all_sources(it),
    "runtime-data": lambda it: ".runtime_data = " in _functions(it, "__init__.py").get("async_setup_entry", ""),
    "strict-typing": _typed,
    "test-before-setup": lambda it: bool(
        re.search(r"raise ConfigEntry(NotReady|AuthFailed|Error)\b|first_refresh\(", _all_sources(it))
    ),
    "unique-config-entry": lambda it: bool(
        re.search(r"_abort_if_unique_id_configured\(|_async_abort_entries_match\(", _source(it, "config_flow.py"))
    ),
}


def check(component: Path, scale: dict[str, Any]) -> list[str]:
    """Return what is wrong with the answers, and which of them the files contradict."""
    known = rules()
    found = errors({"rules": {vol.Required(rule): ANSWER for rule in known}}, scale)
    if found:
        return found
    for rule, answer in scale["rules"].items():
        status, comment = (answer["status"], answer.get("comment")) if isinstance(answer, dict) else (answer, None)
        if status == "exempt" and not comment:
            found.append(f"{rule}: exempt without a reason")
        if status == "done" and rule in EVIDENCE and not EVIDENCE[rule](component):
            found.append(f"{rule}: not done")
        if rule == "discovery" and status == "done" and not discoverable(component):
            found.append("discovery: nothing in the manifest")
    return found


def discoverable(component: Path) -> bool:
    """Whether the manifest names something by which the integration is discovered."""
    keys = json.loads(_source(component, "manifest.json")).keys()
    return bool(keys & {"bluetooth", "dhcp", "homekit", "mqtt", "ssdp", "usb", "zeroconf"})
