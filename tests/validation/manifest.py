"""The manifest, by the rules of these files in `script/hassfest` of Home Assistant's repository.

`manifest.py`, `codeowners.py`, `integration_type.py`, `requirements.py` (without installing them), and of
`dependencies.py` what concerns the manifest alone.
"""

import json
from pathlib import Path
import re
from typing import Any
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion, AwesomeVersionException, AwesomeVersionStrategy
import voluptuous as vol

import homeassistant

from .schemas import errors

CORE = Path(homeassistant.__path__[0])
REQUIREMENT = re.compile(r"[-_,.\w\[\]]+(?:(?:===|==|>=|<=|~=|!=|<|>)[^ ]+)?")
TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system")
IOT_CLASSES = ("assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push")
VERSIONS = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]


def _known(kind: str) -> set[str] | None:
    """Return the categories or ways of connecting, None where this Home Assistant is older than they are."""
    path = CORE / f"generated/integration_{kind}.json"
    if not path.is_file():
        return None
    known = json.loads(path.read_text())
    return {each["slug"] for each in known} | {
        f"{each['slug']}.{below['slug']}" for each in known for below in each.get("subcategories", ())
    }


def _slug(kind: str) -> Any:
    """Return a schema for a list of categories or ways of connecting."""
    known = _known(kind)
    return [vol.All(str, vol.In(known) if known else vol.Match(r"^[a-z_]+(\.[a-z_]+)?$"))]


def _version(value: str) -> str:
    """Accept a version that can be compared with others."""
    try:
        AwesomeVersion(value, ensure_strategy=VERSIONS)
    except AwesomeVersionException as error:
        raise vol.Invalid(f"{value} is no version") from error
    return value


def _documentation(value: str) -> str:
    """Accept the address of documentation that is not Home Assistant's own."""
    address = urlsplit(value)
    if address.scheme != "https" or not address.hostname or address.hostname.endswith("home-assistant.io"):
        raise vol.Invalid("expected an https address of your own")
    return value


def _requirement(value: str) -> str:
    """Accept a package, with or without versions."""
    if not REQUIREMENT.fullmatch(value):
        raise vol.Invalid(f"{value!r} is no requirement without blanks")
    return value


def _component(value: str) -> str:
    """Accept the domain of an integration that Home Assistant has."""
    if not (CORE / "components" / value / "manifest.json").is_file():
        raise vol.Invalid(f"{value} does not exist")
    return value


def _lowercase(value: str) -> str:
    if value != value.lower():
        raise vol.Invalid("expected small letters")
    return value


def _uppercase(value: str) -> str:
    if value != value.upper():
        raise vol.Invalid("expected capital letters")
    return value


MATCHER = vol.All(str, _lowercase)
MAC_ADDRESS = vol.All(str, _uppercase, vol.Match(r".*\*"))
MANIFEST = {
    vol.Required("domain"): str,
    vol.Required("name"): str,
    vol.Optional("after_dependencies"): [vol.All(str, _component)],
    vol.Optional("categories"): _slug("categories"),
    vol.Required("codeowners"): vol.All([vol.Match(r"^@")], vol.Length(min=1)),
    vol.Required("config_flow"): True,
    vol.Optional("connectivity"): _slug("connectivity"),
    vol.Optional("dependencies"): [vol.All(str, _component)],
    vol.Optional("dhcp"): [
        {
            vol.Optional("hostname"): MATCHER,
            vol.Optional("macaddress"): MAC_ADDRESS,
            vol.Optional("registered_devices"): bool,
        }
    ],
    vol.Required("documentation"): vol.All(vol.Url(), _documentation),
    vol.Optional("import_executor"): bool,
    vol.Required("integration_type"): vol.In(TYPES),
    vol.Required("iot_class"): vol.In(IOT_CLASSES),
    vol.Optional("issue_tracker"): vol.Url(),
    vol.Optional("loggers"): [str],
    vol.Optional("requirements"): [vol.All(str, _requirement)],
    vol.Optional("single_config_entry"): bool,
    vol.Optional("ssdp"): [vol.All({str: str}, vol.Length(min=1))],
    vol.Required("version"): vol.All(str, _version),
    vol.Optional("zeroconf"): [
        vol.Any(
            str,
            {
                vol.Required("type"): str,
                vol.Optional("name"): MATCHER,
                vol.Optional("properties"): {str: MATCHER},
            },
        )
    ],
}


def check(manifest: dict[str, Any], folder: str) -> list[str]:
    """Return what is wrong with the manifest of a custom integration with a config flow, in a folder of that name."""
    found = errors(MANIFEST, manifest)
    keys = list(manifest)
    if keys != ["domain", "name", *sorted(set(keys) - {"domain", "name"})]:
        found.append("the keys must be sorted: domain, name, then by alphabet")
    if manifest.get("domain") != folder:
        found.append("the domain is not the name of the folder")
    if (CORE / "components" / folder).exists():
        found.append("the domain is that of an integration of Home Assistant")
    if both := set(manifest.get("dependencies", ())) & set(manifest.get("after_dependencies", ())):
        found.append(f"in dependencies and in after_dependencies: {sorted(both)}")
    return found
