"""What HACS asks of a repository, by the rules of `custom_components/hacs/validate` and `utils/validate.py` there.

Of its nine checks those of the brand, hacs.json, the information file, the manifest and the licence; the others look
at GitHub.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import re

from awesomeversion import AwesomeVersion
import voluptuous as vol

from homeassistant.helpers import config_validation as cv

from .schemas import errors

HACS = {
    vol.Required("name"): str,
    vol.Optional("content_in_root"): bool,
    vol.Optional("country"): vol.Any(vol.Match(r"^[A-Z]{2}$"), [vol.Match(r"^[A-Z]{2}$")]),
    vol.Optional("filename"): str,
    vol.Optional("hacs"): str,
    vol.Optional("hide_default_branch"): bool,
    vol.Optional("homeassistant"): str,
    vol.Optional("persistent_directory"): str,
    vol.Optional("render_readme"): bool,
    vol.Optional("zip_release"): bool,
}
MANIFEST = {
    vol.Required("codeowners"): list,
    vol.Required("documentation"): cv.url,
    vol.Required("domain"): str,
    vol.Required("issue_tracker"): cv.url,
    vol.Required("name"): str,
    vol.Required("version"): vol.Coerce(AwesomeVersion),
    vol.Extra: object,
}
# GitHub knows a licence by its wording.
MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy",
    "The above copyright notice and this permission notice shall be included in all copies",
    'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND',
)


def check(repository: Path) -> list[str]:
    """Return what is wrong with a repository of one integration."""
    return [*_hacs_json(repository), *_information(repository), *_licence(repository), *_integration(repository)]


def _hacs_json(repository: Path) -> list[str]:
    """hacsjson: it is there, and has only keys that HACS knows."""
    path = repository / "hacs.json"
    if not path.is_file():
        return ["there is no hacs.json"]
    hacs = json.loads(path.read_text())
    if found := errors(HACS, hacs):
        return [f"hacs.json: {each}" for each in found]
    return ["hacs.json: zip_release without filename"] if hacs.get("zip_release") and not hacs.get("filename") else []


def _information(repository: Path) -> list[str]:
    """information: there is a file to show."""
    names = {path.name.lower() for path in repository.iterdir()}
    return [] if names & {"readme", "readme.md", "info", "info.md"} else ["there is no README.md"]


def _licence(repository: Path) -> list[str]:
    """license: it is approved by the OSI, here MIT."""
    path = repository / "LICENSE"
    text = re.sub(r"\s+", " ", path.read_text()) if path.is_file() else ""
    return [] if all(part in text for part in MIT) else ["LICENSE is not the text of MIT's"]


def _integration(repository: Path) -> Iterator[str]:
    """integration_manifest and brands: one folder with a manifest and an icon."""
    folders = [
        path for path in (repository / "custom_components").iterdir() if path.is_dir() and path.name[0] not in "._"
    ]
    if len(folders) != 1:
        yield f"HACS takes the first of {len(folders)} folders in custom_components"
    for folder in folders:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text()) if path.is_file() else {}
        yield from (f"manifest.json: {each}" for each in errors(MANIFEST, manifest))
        if manifest.get("domain") != folder.name:
            yield "manifest.json: the domain is not the name of the folder"
        if not (folder / "brand/icon.png").is_file():
            yield "there is no brand/icon.png"
