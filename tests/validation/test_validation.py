"""The integration passes; what is wrong in one way is found; and Home Assistant's own integrations pass, too."""

from collections.abc import Callable
from copy import deepcopy
import json
from pathlib import Path
import shutil
import subprocess
from typing import Any

import pytest

from homeassistant import components
from homeassistant.util.yaml import load_yaml_dict

from . import descriptions, hacs, icons, manifest, quality_scale, source, translations
from .__main__ import CHECKS, COMPONENT, REPOSITORY, main

CORE = Path(components.__path__[0])
GONE = object()
# Integrations with many kinds of texts; hassfest has accepted them.
ACCEPTED = ("bring", "fumis", "habitica", "imap", "lamarzocco", "light", "shelly", "telegram_bot", "uptime_kuma")


def changed(original: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy in which something stands at a path, or is gone from there."""
    copy = deepcopy(original)
    *parents, last = path.split("/")
    place = copy
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copy


def of(name: str) -> Any:
    """Return the content of a file of the integration."""
    path = COMPONENT / name
    return json.loads(path.read_text()) if path.suffix == ".json" else load_yaml_dict(str(path))


TEXTS: dict[str, Any] = of("translations/en.json")
ICONS: dict[str, Any] = of("icons.json")
MANIFEST: dict[str, Any] = of("manifest.json")
SCALE: dict[str, Any] = of("quality_scale.yaml")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_passes(check: Callable[[Path], Any]) -> None:
    """It is as hassfest and HACS want it."""
    assert list(check(COMPONENT)) == []


@pytest.mark.parametrize(
    "text",
    [
        "See https://example.com",
        "See http://10.0.0.1:8080/path",
        "An address begins with https:// and a name",
        "mqtt://broker",
        "See www.example.com",
        "See WWW.example.com",
        "A <b>bold</b> word",
        "A line<br>and another",
        " A blank before",
        "A blank behind ",
        "A line behind\n",
        "",
        "Not '{found}'",
        "Not {in order}",
        "Not {0}",
        "Not {}",
        "Not {user.name}",
        "Not {closed",
        "[%key:common::config_flow::data::password%]",
        1,
        None,
    ],
)
def test_refuses_text(text: Any) -> None:
    """translations.py: no address, no HTML, no blanks around it, placeholders that can be filled in."""
    for path in ("config/step/user/title", "entity/event/message/name", "exceptions/bad/message", "common/word"):
        assert translations.check(changed(TEXTS, path, text)), path


@pytest.mark.parametrize("text", ["Not '{found}' but {found}: 1 < 2 > 0", "a{{brace}}"])
def test_accepts_text(text: str) -> None:
    """translations.py: what only looks like it."""
    assert translations.check({"common": {"word": text.replace("'{found}' but ", "")}}) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("word", "Unknown"),
        ("config/title", "SMS Inbox"),
        ("config/step", GONE),
        ("config/steps", {}),
        ("config/step/user/data", "Text"),
        ("config/step/user/data_description/nobody", "Describes a field that isn't there"),
        ("config/step/user/sections/more", {"data": {}, "data_description": {"nobody": "The same in a section"}}),
        ("config/step/user/hint", "Text"),
        ("config/initiate_flow/reauth", "Text"),
        ("options/step/init/menu", {"one": "Text"}),
        ("issues/new", {"title": "Neither description nor fix_flow"}),
        ("issues/new", {"description": "No title"}),
        ("issues/new", {"title": "Both", "description": "Text", "fix_flow": {"step": {}}}),
        ("issues/new", {"title": "Text", "description": "Text", "severity": "Text"}),
        ("entity/event/Message", {"name": "Text"}),
        ("entity/event/message-", {"name": "Text"}),
        ("entity/event/message__text", {"name": "Text"}),
        ("entity/no slug", {"message": {"name": "Text"}}),
        ("entity/event/message/state", {"on": "It is {state}"}),
        ("entity/event/message/state", {"On": "Text"}),
        ("entity/event/message/state_attributes", {"sender": {"name": "From {sender}"}}),
        ("entity/event/message/unit_of_measurement", "{messages}"),
        ("entity/event/message/description", "Text"),
        ("selector/match/options/Begins with", "Text"),
        ("selector/match/names", {"is": "Text"}),
        ("services/get_messages/description", GONE),
        ("services/get_messages/fields/limit", {"name": "No description"}),
        ("triggers/received/name", GONE),
        ("triggers/received/fields/text", {"description": "No name"}),
        ("triggers/received/fields/text/selector", "Text"),
        ("conditions/message_matches/description", GONE),
        ("exceptions/new", {"text": "Text"}),
        ("exceptions/new", {}),
        ("exceptions/Not a slug", {"message": "Text"}),
        ("system_health/info/Reach server", "Text"),
        ("system_health/name", "Text"),
        ("device/account/model", "Text"),
    ],
)
def test_refuses_translations(path: str, value: Any) -> None:
    """translations.py: each section has a closed schema."""
    assert translations.check(changed(TEXTS, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("domain", "inbox"),
        ("domain", GONE),
        ("name", GONE),
        ("homeassistant", "2026.10.0"),
        ("codeowners", []),
        ("codeowners", ["sms-inbox"]),
        ("config_flow", "yes"),
        ("documentation", "http://github.com/sms-inbox/sms-inbox"),
        ("documentation", "https://www.home-assistant.io/integrations/sms_inbox"),
        ("documentation", "README.md"),
        ("issue_tracker", "issues"),
        ("integration_type", GONE),
        ("integration_type", "cloud"),
        ("iot_class", GONE),
        ("iot_class", "cloud"),
        ("version", GONE),
        ("version", "first"),
        ("requirements", ["phonenumbers == 9.0.43"]),
        ("requirements", ["phonenumbers=9.0.43"]),
        ("dependencies", ["http", "nonexistent"]),
        ("dependencies", ["http", "cloud"]),
        ("after_dependencies", ["nonexistent"]),
        ("categories", ["Messages"]),
        ("categories", "messaging_notifications.email_sms_calls"),
        ("connectivity", ["Cloud"]),
        ("dhcp", [{"hostname": "Gateway"}]),
        ("dhcp", [{"macaddress": "aabbcc*"}]),
        ("dhcp", [{"macaddress": "AABBCCDDEEFF"}]),
        ("zeroconf", [{"name": "gateway*"}]),
        ("zeroconf", [{"type": "_http._tcp.local.", "name": "Gateway*"}]),
        ("ssdp", [{}]),
    ],
)
def test_refuses_manifest(path: str, value: Any) -> None:
    """manifest.py and its neighbours: a closed schema, whose values hassfest knows."""
    copy = changed(MANIFEST, path, value)
    copy = {key: copy[key] for key in ("domain", "name", *sorted(copy.keys() - {"domain", "name"})) if key in copy}
    assert manifest.check(copy, "sms_inbox")


def test_refuses_manifest_out_of_order() -> None:
    """manifest.py: domain and name come first, and the others by alphabet; the domain is nobody else's."""
    assert manifest.check(dict(reversed(MANIFEST.items())), "sms_inbox")
    assert manifest.check(MANIFEST, "inbox")
    assert manifest.check(MANIFEST | {"domain": "imap"}, "imap")


@pytest.mark.parametrize(
    ("path", "value"),
    [("categories", ["messaging_notifications.letters"]), ("categories", ["letters"]), ("connectivity", ["paper"])],
)
def test_refuses_category(path: str, value: list[str]) -> None:
    """Categories and ways of connecting are those of Home Assistant, once it has a list of them (2026.11)."""
    has_names = (CORE.parent / f"generated/integration_{path}.json").is_file()
    assert bool(manifest.check(changed(MANIFEST, path, value), "sms_inbox")) is has_names


@pytest.mark.parametrize("kind", descriptions.FILES)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Not a slug", {}),
        ("nameless", {"fields": {}}),
        ("nameless", None),
        ("{key}/name", "Text"),
        ("{key}/fields/Text", {"selector": {"text": None}}),
        ("{key}/fields/nameless", {"selector": {"text": None}}),
        ("{key}/fields/text", {"selector": {"words": None}}),
        ("{key}/fields/text", {"selector": {"text": {"lines": 2}}}),
        ("{key}/fields/text", {"required": True}),
        ("{key}/fields/text", {"required": "yes", "selector": {"text": None}}),
        ("{key}/fields/text", {"default": None, "selector": {"text": None}}),
        ("{key}/fields/text", {"example": None, "selector": {"text": None}}),
        ("{key}/fields/text", {"unit": "h", "selector": {"text": None}}),
        ("{key}/fields/text", {"selector": {"select": {"translation_key": "nobody", "options": ["is"]}}}),
        ("{key}/fields/text", {"selector": {"select": {"translation_key": "match", "options": ["is not"]}}}),
        ("{key}/target", {"room": "kitchen"}),
    ],
)
def test_refuses_description(kind: str, path: str, value: Any) -> None:
    """services.py, triggers.py, conditions.py: known keys, selectors that exist, and names for all."""
    described = of(f"{kind}.yaml")
    copy = changed(described, path.format(key=next(iter(described))), value)
    assert descriptions.check(kind, copy, TEXTS, ICONS)


@pytest.mark.parametrize("kind", descriptions.FILES)
def test_refuses_description_without_icon(kind: str) -> None:
    """services.py, triggers.py, conditions.py: icons, too, which hassfest asks for only in Home Assistant itself."""
    assert descriptions.check(kind, of(f"{kind}.yaml"), TEXTS, changed(ICONS, kind, {}))


def test_refuses_sections() -> None:
    """services.py: a field stands in one section only, and a section has a name."""
    key = next(iter(of("services.yaml")))
    field = {"selector": {"text": None}}
    for fields in ({"more": {"fields": {"sender": field}}}, {"sender": field, "more": {"fields": {"sender": field}}}):
        texts = changed(TEXTS, f"services/{key}/sections/more/name", "More")
        named = texts if "sender" in fields else TEXTS
        assert descriptions.check("services", {key: {"fields": fields}}, named, ICONS)
    accepted = {key: {"fields": {"more": {"collapsed": True, "fields": {"sender": field}}}}}
    assert descriptions.check("services", accepted, texts, ICONS) == []


@pytest.mark.parametrize(
    "context",
    [{"filter_nobody": "target"}, {"filter_target": "nobody"}, {"filter_target": "text"}, {"filter_target": "target"}],
)
def test_refuses_context(context: dict[str, str]) -> None:
    """conditions.py: a selector only takes from other fields, or from a target, what it can use."""
    described = of("conditions.yaml")
    [key] = described
    states = {"selector": {"state": None}, "context": context}
    assert descriptions.check("conditions", changed(described, f"{key}/fields/sender", states), TEXTS, ICONS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("entity/event/message/default", "hass:message"),
        ("entity/event/message/default", "mdi:no-such-icon"),
        ("entity/event/message/default", "message"),
        ("entity/event/message/icon", "mdi:message"),
        ("entity/event/message/range", {"20": "mdi:message", "10": "mdi:message"}),
        ("entity/event/message/range", {"many": "mdi:message"}),
        ("entity/event/message/state", {"On": "mdi:message"}),
        ("entity/event/message/state_attributes", {"a": {"default": "mdi:message", "state": {"b": "mdi:message"}}}),
        ("entity/event/Message", {"default": "mdi:message"}),
        ("services/get_messages", "mdi:message"),
        ("services/get_messages/icon", "mdi:message"),
        ("triggers/received", {}),
        ("conditions/message_matches", {"trigger": "mdi:message"}),
        ("config", {"step": {"user": {"title": "mdi:message"}}}),
        ("exceptions", {}),
    ],
)
def test_refuses_icons(path: str, value: Any) -> None:
    """icons.py: a closed schema, and icons that exist."""
    assert icons.check(changed(ICONS, path, value))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of what hassfest and HACS look at."""
    for name in ("hacs.json", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    shutil.copytree(COMPONENT, tmp_path / "custom_components/sms_inbox", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def component(repository: Path) -> Path:
    """Return the integration in the copy."""
    return repository / "custom_components/sms_inbox"


IMPORTS = [
    ("from homeassistant.components import mqtt\n", True),
    ("from homeassistant.components.mqtt import DOMAIN\n", True),
    ("import homeassistant.components.mqtt as mqtt\n", True),
    ("def late():\n    from homeassistant.components.mqtt.models import X\n", True),
    ("from homeassistant.components.sensor import SensorEntity\n", False),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from homeassistant.components import mqtt\n", False),
    ("from homeassistant.components.diagnostics import async_redact_data\n", False),
]


@pytest.mark.parametrize(("text", "refused"), IMPORTS)
def test_refuses_import(tmp_path: Path, text: str, *, refused: bool) -> None:
    """dependencies.py: what is imported is named in the manifest."""
    (tmp_path / "diagnostics.py").write_text(text)
    assert bool(source.dependencies(tmp_path, MANIFEST)) is refused
    assert source.dependencies(tmp_path, MANIFEST | {"dependencies": ["mqtt"]}) == []


def test_refuses_source(component: Path) -> None:
    """config_flow.py, config_schema.py, json.py and the YAML files: all are there."""
    init, flow = component / "__init__.py", component / "config_flow.py"
    init.write_text(init.read_text().replace("CONFIG_SCHEMA =", "SCHEMA ="))
    assert source.config_schema(component)
    flow.write_text("async def async_step_dhcp(self, discovery_info): ...")
    assert source.config_flow(component, MANIFEST)
    flow.unlink()
    assert source.config_flow(component, MANIFEST)
    assert source.config_flow(component, {}) == []
    (component / "icons.json").write_text("{,}")
    assert source.json_files(component)
    for kind in descriptions.FILES:
        (component / f"{kind}.yaml").unlink()
        assert source.undescribed(component).pop() == f"{kind}.yaml is not there"


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("brands", "yes"),
        ("brands", "exempt"),
        ("brands", GONE),
        ("brands", {"status": "exempt"}),
        ("brands", {"comment": "No answer."}),
        ("brands", {"status": "done", "comment": "no sentence"}),
        ("new-rule", "done"),
    ],
)
def test_refuses_quality_scale(rule: str, answer: Any) -> None:
    """quality_scale.py: each rule has an answer, and an exemption a reason."""
    assert quality_scale.check(COMPONENT, changed(SCALE, f"rules/{rule}", answer))


@pytest.mark.parametrize(
    ("rule", "file", "old", "new"),
    [
        ("action-setup", "__init__.py", "async_open(hass, entry)\n    await", "async_register(hass, entry)\n    await"),
        ("config-entry-unloading", "__init__.py", "async_unload_entry", "async_unload"),
        ("config-flow", "translations/en.json", '"data_description": {', '"data_description": {}, "menu_options": {'),
        ("diagnostics", "diagnostics.py", "async_get_config_entry_diagnostics", "async_get_diagnostics"),
        ("has-entity-name", "entity.py", "has_entity_name = True", "has_entity_name = False"),
        ("integration-owner", "manifest.json", '["@sms-inbox"]', "[]"),
        ("parallel-updates", "sensor.py", "PARALLEL_UPDATES = ", "UPDATES = "),
        ("reauthentication-flow", "config_flow.py", "async_step_reauth", "async_step_again"),
        ("reconfiguration-flow", "config_flow.py", "async_step_reconfigure", "async_step_again"),
        ("repair-issues", "*.py", "async_create_issue(", "create_issue("),
        ("test-before-setup", "coordinator.py", "raise ConfigEntry", "raise Entry"),
        ("runtime-data", "__init__.py", "entry.runtime_data = ", "data = "),
        ("strict-typing", "event.py", "SmsInboxConfigEntry", "ConfigEntry"),
        ("strict-typing", "diagnostics.py", "SmsInboxConfigEntry", "ConfigEntry"),
        ("unique-config-entry", "config_flow.py", "_abort_if_unique_id_configured(", "_abort("),
    ],
)
def test_finds_what_is_not_done(component: Path, rule: str, file: str, old: str, new: str) -> None:
    """quality_scale_validation: what can be seen in the files is there."""
    found = [path for path in component.glob(file) if old in path.read_text()]
    assert found
    for path in found:
        path.write_text(path.read_text().replace(old, new))
    assert f"{rule}: not done" in quality_scale.check(component, SCALE)


@pytest.mark.parametrize(
    ("file", "path", "value", "why"),
    [
        ("hacs.json", "name", GONE, "hacs.json: name"),
        ("hacs.json", "icon", "icon.png", "hacs.json: icon"),
        ("hacs.json", "country", "Germany", "hacs.json: country"),
        ("hacs.json", "zip_release", "yes", "hacs.json: zip_release"),
        ("hacs.json", "filename", GONE, "hacs.json: zip_release without filename"),
        ("custom_components/sms_inbox/manifest.json", "issue_tracker", GONE, "manifest.json: issue_tracker"),
        ("custom_components/sms_inbox/manifest.json", "codeowners", "@sms-inbox", "manifest.json: codeowners"),
        ("custom_components/sms_inbox/manifest.json", "documentation", "README.md", "manifest.json: documentation"),
        ("custom_components/sms_inbox/manifest.json", "domain", "inbox", "manifest.json: the domain"),
    ],
)
def test_hacs_refuses_key(repository: Path, file: str, path: str, value: Any, why: str) -> None:
    """HACS: hacsjson and integration_manifest."""
    place = repository / file
    place.write_text(json.dumps(changed(json.loads(place.read_text()), path, value)))
    assert [each for each in hacs.check(repository) if each.startswith(why)]


@pytest.mark.parametrize(
    "name",
    [
        "hacs.json",
        "README.md",
        "LICENSE",
        "custom_components/sms_inbox/brand/icon.png",
        "custom_components/sms_inbox/manifest.json",
    ],
)
def test_hacs_refuses_absence(repository: Path, name: str) -> None:
    """HACS: hacsjson, information, license, brands and integration_manifest."""
    assert hacs.check(repository) == []
    (repository / name).unlink()
    assert hacs.check(repository)


def test_hacs_refuses_second_folder(repository: Path) -> None:
    """HACS looks at one integration in a repository."""
    (repository / "custom_components/another").mkdir()
    assert hacs.check(repository)


@pytest.mark.parametrize("domain", ACCEPTED)
def test_accepts(domain: str) -> None:
    """Integrations of Home Assistant pass, as they do at hassfest: the rules here are no others."""
    texts = json.loads((CORE / domain / "translations/en.json").read_text())
    all_icons = json.loads((CORE / domain / "icons.json").read_text())
    known = {str(section) for section in translations.FILE}
    own = {section: text for section, text in texts.items() if section in known}
    own.get("selector", {}).pop("media", None)  # its fields are written in a form that custom integrations don't need
    assert translations.check(own) == []
    all_icons.pop("entity_component", None)
    assert icons.check(all_icons) == []
    for kind in ("triggers", "conditions"):
        path = CORE / domain / f"{kind}.yaml"
        described = load_yaml_dict(str(path)) if path.is_file() else {}
        described = {key: each for key, each in described.items() if not key.startswith(".")}
        assert descriptions.check(kind, described, texts, all_icons) == []


def test_command(component: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what passed and what is wrong, and its exit code tells the two apart."""
    assert main([str(component)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: passed" for name in CHECKS]
    (component / "translations/de.json").write_text('{"title": "www.example.com"}')
    assert main([str(component)]) == 1
    assert "  de.json: title: an address must come by a placeholder\n" in capsys.readouterr().out


def test_help() -> None:
    """The command tells what only hassfest and HACS themselves can see."""
    shown = subprocess.run([REPOSITORY / "scripts/validate", "--help"], check=True, capture_output=True, text=True)  # noqa: S603 - our own
    assert "What only the originals see" in shown.stdout
