"""Every word that a person sees is there."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.sms_inbox import coordinator
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.base import ProviderError
from custom_components.sms_inbox.sensor import SENSORS

COMPONENT = Path(coordinator.__file__).parent
TEXTS: dict[str, Any] = json.loads((COMPONENT / "translations/en.json").read_text())
ICONS: dict[str, Any] = json.loads((COMPONENT / "icons.json").read_text())


def error_keys(error: type[ProviderError] = ProviderError) -> set[str]:
    """Return the keys of all errors of a provider."""
    own = {error.key} if hasattr(error, "key") else set()
    return own.union(*(error_keys(sub) for sub in error.__subclasses__()))


def test_errors() -> None:
    """Each error of a provider is explained, in the form and in the log."""
    assert error_keys() <= TEXTS["config"]["error"].keys()
    assert error_keys() | {"store_failed"} == TEXTS["exceptions"].keys()
    for text in TEXTS["exceptions"].values():
        assert set(re.findall(r"{(\w+)}", text["message"])) <= {"account", "error"}


@pytest.mark.parametrize("key", PROVIDERS)
def test_providers(key: str) -> None:
    """Each provider has its step, and each field of it a name and a description."""
    step = TEXTS["config"]["step"][key]
    fields = {"username", "password", "deliver_existing"} | ({"time_zone"} if PROVIDERS[key].local_time else set())
    assert step["title"]
    assert step["description"]
    assert step["data"].keys() == step["data_description"].keys() == fields
    server = step["sections"]["server"]
    assert server["data"].keys() == server["data_description"].keys() == {"url"}
    assert TEXTS["config"]["step"]["user"]["menu_options"][key]


def test_deprecated_provider_points_to_its_successor() -> None:
    """The vendor's own advice stands where a person decides."""
    description = TEXTS["config"]["step"]["bulksms_eapi"]["description"]
    assert "deprecated" in description
    assert "BulkSMS (JSON API)" in description
    assert TEXTS["config"]["step"]["user"]["menu_options"]["bulksms"] == "BulkSMS (JSON API)"


def test_entities() -> None:
    """Each entity has a name and an icon."""
    keys = {description.translation_key for description in SENSORS}
    assert TEXTS["entity"]["sensor"].keys() == ICONS["entity"]["sensor"].keys() == keys


def test_no_text_would_be_refused() -> None:
    """Home Assistant's own checks: no address, no HTML, no spaces at the ends."""

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
            return
        assert value == value.strip()
        assert "://" not in value
        assert not re.search(r"<[^>]+>|'{\w+}'", value)

    walk(TEXTS)
