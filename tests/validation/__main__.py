"""Look at this repository as hassfest and HACS would: `python -m tests.validation`."""

import argparse
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import sys
from typing import Any

from homeassistant.util.yaml import load_yaml_dict

from . import descriptions, hacs, icons, manifest, quality_scale, source, translations

REPOSITORY = Path(__file__).parents[2]
COMPONENT = REPOSITORY / "custom_components/sms_inbox"


def _json(component: Path, name: str) -> dict[str, Any]:
    """Return the content of a JSON file."""
    content: dict[str, Any] = json.loads((component / name).read_text())
    return content


def _translations(component: Path) -> Iterator[str]:
    """Yield what is wrong with the texts, by language."""
    for path in sorted((component / "translations").glob("*.json")):
        yield from (f"{path.name}: {each}" for each in translations.check(json.loads(path.read_text())))


def _descriptions(component: Path) -> Iterator[str]:
    """Yield what is wrong with actions, triggers and conditions."""
    yield from source.undescribed(component)
    texts, all_icons = _json(component, "translations/en.json"), _json(component, "icons.json")
    for kind in descriptions.FILES:
        path = component / f"{kind}.yaml"
        described = load_yaml_dict(str(path)) if path.is_file() else {}
        yield from (f"{path.name}: {each}" for each in descriptions.check(kind, described, texts, all_icons))


CHECKS: dict[str, Callable[[Path], Any]] = {
    "hassfest: json": source.json_files,
    "hassfest: manifest, codeowners, integration_type, requirements": lambda it: manifest.check(
        _json(it, "manifest.json"), it.name
    ),
    "hassfest: dependencies": lambda it: source.dependencies(it, _json(it, "manifest.json")),
    "hassfest: config_flow": lambda it: source.config_flow(it, _json(it, "manifest.json")),
    "hassfest: config_schema": source.config_schema,
    "hassfest: translations": _translations,
    "hassfest: icons": lambda it: icons.check(_json(it, "icons.json")),
    "hassfest: services, triggers, conditions": _descriptions,
    "hassfest: quality_scale": lambda it: quality_scale.check(it, load_yaml_dict(str(it / "quality_scale.yaml"))),
    "HACS: hacsjson, information, license, integration_manifest, brands": lambda it: hacs.check(it.parents[1]),
}


def main(arguments: list[str] | None = None) -> int:
    """Print what is wrong; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/validate", description=__doc__)
    parser.add_argument("component", type=Path, nargs="?", default=COMPONENT)
    component = parser.parse_args(arguments).component.absolute()
    failed = False
    for name, check in CHECKS.items():
        found = list(check(component))
        failed |= bool(found)
        print(f"{name}: {'failed' if found else 'passed'}")
        for error in found:
            print(f"  {error}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
