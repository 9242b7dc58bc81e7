"""Every word that a person sees is there, in every language."""

from collections.abc import Iterator
from functools import cache
import json
from os.path import commonprefix
from pathlib import Path
import re
from typing import Any
import unicodedata

import hass_frontend
import pytest
import yaml

from custom_components.sms_inbox import button, coordinator, credentials, event, issues, matching, sensor
from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.providers import PROVIDERS, signatures
from custom_components.sms_inbox.providers.errors import ProviderError
from custom_components.sms_inbox.providers.presets import PRESETS
from homeassistant import components
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

COMPONENT = Path(coordinator.__file__).parent
TEXTS: dict[str, Any] = json.loads((COMPONENT / "translations/en.json").read_text())
ICONS: dict[str, Any] = json.loads((COMPONENT / "icons.json").read_text())
LANGUAGES = {
    *("af", "ca", "cs", "da", "de", "el", "en", "es", "fi", "fr", "hu"),
    *("it", "nb", "nl", "pl", "pt", "pt-BR", "ro", "sk", "sv", "tr", "uk"),
}
# What Home Assistant calls the same thing: our English label, and where core or the front end has it.
LABELS = {
    "API key": "airly:config.step.user.data.api_key",
    "Account": "icloud:services.update.fields.account.name",
    "Account ID": "adax:config.step.cloud.data.account_id",
    "Message": "frontend:ui.panel.config.cloud.account.tts.dialog.message",
    "Message ID": "telegram_bot:services.delete_message.fields.message_id.name",
    "Name": "frontend:ui.panel.config.devices.name",
    "Password": "axis:config.step.user.data.password",
    "Prefix": "elkm1:services.speak_phrase.fields.prefix.name",
    "Recipient": "smtp:config_subentries.recipient.entry_type",
    "Server": "imap:config.step.user.data.server",
    "Time zone": "frontend:ui.panel.config.core.section.core.core_config.time_zone",
    "Username": "axis:config.step.user.data.username",
    "Webhook": "frontend:ui.panel.config.automation.editor.triggers.type.webhook.label",
}
# What a person looks for on the screen.
PLACES = {
    "Configure": "ui.panel.config.integrations.config_entry.configure",
    "Devices & services": "ui.panel.config.dashboard.devices.main",
    "Network": "ui.panel.config.network.caption",
    "Reconfigure": "ui.panel.config.integrations.config_entry.reconfigure",
    "Repairs": "ui.panel.config.repairs.caption",
    "Settings": "panel.config",
    "System": "ui.panel.config.dashboard.system.main",
}
# What some of the supported versions call them, and the newest one.
RENAMED = {("nl", "Configureren"): "Configureer", ("ro", "Reparații"): "Remedieri"}
# Places that a text may name without emphasis.
WAYS = [["Devices & services"], ["Settings", "System", "Network"]]
# Words that are inflected, and where the front end has their forms.
WORDS = {
    "automation": ["ui.panel.config.blueprint.overview.types.automation", "ui.panel.config.automation.caption"],
    "webhook": ["ui.panel.config.automation.editor.triggers.type.webhook.label"],
}
ENTITIES = {
    "button": [button.CHECK_NOW],
    "event": [event.MESSAGE],
    "sensor": (sensor.LAST_MESSAGE, *sensor.SUMMARIES, *sensor.SENT, sensor.LAST_WEBHOOK),
}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with its key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else key)
    else:
        yield path, value


def placeholders(text: str) -> list[str]:
    """Return what is filled in."""
    return sorted(re.findall(r"{(\w*)}", text))


def folded(text: str) -> str:
    """Return a text without what not even core sets in the same way everywhere: capitals, accents, hyphens, spaces."""
    return re.sub(r"\W", "", unicodedata.normalize("NFKD", text.casefold()))


def emphasised(text: str) -> list[str]:
    """Return the names that stand out in a text, such as those of the steps in *Settings > System*."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [name for names in re.findall(r"\*([^*]+)\*", prose) for name in names.split(" > ")]


@cache
def own(language: str) -> dict[str, str]:
    """Return our texts in a language."""
    return dict(flat(json.loads((COMPONENT / f"translations/{language}.json").read_text())))


@cache
def core(component: str, language: str) -> dict[str, str]:
    """Return the texts of one of core's components in a language."""
    path = Path(components.__path__[0], component, f"translations/{language}.json")
    return dict(flat(json.loads(path.read_text()))) if path.exists() else {}


@cache
def front_end(language: str) -> dict[str, str]:
    """Return the texts of the front end in a language: English, as on the screen, where nobody translated them."""
    folder = hass_frontend.where() / "static/translations"
    paths = [*folder.glob("*.json"), *folder.glob("config/*.json")]
    texts, config = (json.loads(each.read_text()) for each in paths if re.match(rf"{language}-\w+\.json", each.name))
    return texts | config


def place(english: str, language: str) -> str:
    """Return what the newest front end calls one of PLACES."""
    name = front_end(language)[PLACES[english]]
    return RENAMED.get((language, name), name)


def core_label(english: str, language: str) -> str | None:
    """Return what core calls one of LABELS, or nothing if that isn't translated."""
    component, key = LABELS[english].split(":")
    if component == "frontend":
        texts, source = front_end(language), front_end("en")
    else:
        texts, source = core(component, language), core(component, "en")
    assert source[key] == english
    return texts.get(key)


ENGLISH = dict(flat(TEXTS))
TRANSLATED = sorted(LANGUAGES - {"en"})
WORDED = sorted(LANGUAGES - {"en", "af"})  # what core has of Afrikaans is English or another language mostly


def test_languages() -> None:
    """All that are promised are there."""
    assert {path.stem for path in (COMPONENT / "translations").iterdir()} == LANGUAGES


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_same_texts_in_every_language(language: str) -> None:
    """No key and no placeholder is missing or too many, and Home Assistant would refuse none of the texts."""
    texts = own(language)
    assert texts.keys() == ENGLISH.keys()
    for key, text in texts.items():
        assert placeholders(text) == placeholders(ENGLISH[key]), key
        assert text, key
        assert text == text.strip(), key
        assert not re.search(r"://|www\.", text), key
        assert not re.search(r"<[^>]+>|'{\w+}'", text), key
        assert text.count("`") == ENGLISH[key].count("`"), key


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.usefixtures("enable_custom_integrations")
async def test_home_assistant_loads_every_language(hass: HomeAssistant, language: str) -> None:
    """Each text is what Home Assistant shows: none is replaced by the English one."""
    texts = json.loads((COMPONENT / f"translations/{language}.json").read_text())
    for category, own in texts.items():
        shown = await async_get_translations(hass, language, category, {DOMAIN})
        assert shown == {f"component.{DOMAIN}.{category}.{key}": text for key, text in flat(own)}


@pytest.mark.parametrize("language", WORDED)
def test_labels_are_those_of_core(language: str) -> None:
    """What Home Assistant has as well has the same name here."""
    assert LABELS.keys() <= set(ENGLISH.values())
    wrong = {
        key: (text, wanted)
        for key, text in own(language).items()
        if (english := ENGLISH[key]) in LABELS
        and not key.startswith("config_subentries.contact.")  # some languages have another word for a person's name
        and (wanted := core_label(english, language))
        and folded(text) != folded(wanted)
    }
    assert not wrong


@pytest.mark.parametrize("language", TRANSLATED)
def test_places_have_the_names_that_are_on_the_screen(language: str) -> None:
    """A text names things as a person finds them: by the front end's word, by our own label, or by the vendor's."""
    assert [place(english, "en") for english in PLACES] == list(PLACES)
    names = {ENGLISH[key]: text for key, text in own(language).items()}
    names |= {english: place(english, language) for english in PLACES}
    wrong = {}
    for key, text in own(language).items():
        wanted = [names.get(name, name) for name in emphasised(ENGLISH[key])]
        if sorted(emphasised(text)) != sorted(wanted):
            wrong[key] = (text, wanted)
        for way in WAYS:
            wanted = [names[step] for step in way if all(each in ENGLISH[key] for each in way)]
            if not all(step in text for step in wanted):
                wrong[key] = (text, wanted)
    assert not wrong


@pytest.mark.parametrize("language", WORDED)
@pytest.mark.parametrize("word", WORDS)
def test_words_are_those_of_core(word: str, language: str) -> None:
    """A text has core's word for a thing, whatever its ending."""
    assert {front_end("en")[key].lower() for key in WORDS[word]} <= {word, f"{word}s"}
    forms = [folded(front_end(language)[key]) for key in WORDS[word]]
    stem = commonprefix(forms)[:-1]  # noqa: RUF071 - these are no paths
    wrong = {
        key: text
        for key, text in own(language).items()
        if re.search(rf"\b{word}s?\b", ENGLISH[key], re.IGNORECASE) and stem not in folded(text)
    }
    assert not wrong


def error_keys(error: type[ProviderError] = ProviderError) -> set[str]:
    """Return the keys of all errors of a provider."""
    own = {error.key} if hasattr(error, "key") else set()
    return own.union(*(error_keys(sub) for sub in error.__subclasses__()))


def test_errors() -> None:
    """Each error of a provider is explained, in the forms and in the log."""
    assert error_keys() <= TEXTS["config"]["error"].keys()
    assert TEXTS["issues"]["deprecated_api"]["fix_flow"]["error"] == TEXTS["config"]["error"]
    assert error_keys() < TEXTS["exceptions"].keys()
    for key in error_keys() - {"insecure_url"}:  # that text is the reason
        for category in ("config", "options"):
            assert "({error})" in TEXTS[category]["error"][key], key
    used = {key for path in COMPONENT.glob("*.py") for key in re.findall(r'translation_key="(\w+)"', path.read_text())}
    assert used - TEXTS["exceptions"].keys() - TEXTS["selector"].keys() <= {
        each.translation_key for row in ENTITIES.values() for each in row
    }


@pytest.mark.parametrize("key", PROVIDERS)
def test_providers(key: str) -> None:
    """Each provider has its step, and each field of it a name and a description."""
    step, provider = TEXTS["config"]["step"][key], PROVIDERS[key]
    fields = {"name"}
    if provider.interval:
        fields |= {
            "username",
            "password",
            "deliver_existing",
            *["url"] * provider.is_own_server,
            *["key_id"] * provider.takes_key_id,
            *["time_zone"] * provider.local_time,
            *["delete_stored"] * provider.deletes,
        }
    else:
        fields.add("preset")
    assert step["title"]
    assert step["description"]
    assert step["data"].keys() == step["data_description"].keys() == fields
    assert TEXTS["config"]["step"]["user"]["menu_options"][key]
    if provider.interval:
        server = step["sections"]["server"]
        about_server = {"allow_http", "verify_ssl" if provider.is_own_server else "url"}
        assert server["data"].keys() == server["data_description"].keys() == about_server
        assert TEXTS["system_health"]["info"][f"can_reach_{key}"]


def test_reasons() -> None:
    """Each reason of a vendor that is known has a text that says what to do, where a person may meet it."""
    sources = "".join(path.read_text() for path in (COMPONENT / "providers").glob("*.py"))
    hints = set(re.findall(r'hint="(\w+)"', sources))
    assert hints - {"no_places", "webhook_place_gone"} <= TEXTS["config"]["error"].keys()
    assert hints - {"invalid_url"} | {"no_places"} <= TEXTS["options"]["error"].keys()
    assert {f"refused_{reason}" for reason in issues.REFUSALS} <= TEXTS["issues"].keys()
    assert set(issues.PROBLEMS) <= TEXTS["issues"].keys()
    assert TEXTS["config"]["error"].keys() >= credentials.SERVER_ERRORS


def test_presets() -> None:
    """Each app or service has a name, and each way of signing."""
    texts = {key: TEXTS["selector"][key]["options"] for key in ("preset", "signed", "algorithm", "encoding")}
    assert texts["preset"] == {key: preset.name or "Other" for key, preset in PRESETS.items()}
    assert texts["signed"].keys() == set(signatures.SIGNED)
    assert texts["algorithm"].keys() == set(signatures.ALGORITHMS)
    assert texts["encoding"].keys() == set(signatures.ENCODINGS)


def test_deprecated_provider_points_to_its_successor() -> None:
    """The vendor's own advice stands where a person decides."""
    description = TEXTS["config"]["step"]["bulksms_eapi"]["description"]
    assert "deprecated" in description
    assert "*BulkSMS*" in description
    assert TEXTS["config"]["step"]["user"]["menu_options"]["bulksms"] == "BulkSMS"


@pytest.mark.parametrize("platform", ENTITIES)
def test_entities(platform: str) -> None:
    """Each entity has a name and an icon."""
    keys = {description.translation_key for description in ENTITIES[platform]}
    assert TEXTS["entity"][platform].keys() == ICONS["entity"][platform].keys() == keys
    assert TEXTS["entity"].keys() == ICONS["entity"].keys() == ENTITIES.keys()


@pytest.mark.parametrize("kind", ["conditions", "services", "triggers"])
def test_fields(kind: str) -> None:
    """Each action, trigger and condition has an icon, and each of its fields a name and a description."""
    described = yaml.safe_load((COMPONENT / f"{kind}.yaml").read_text())
    assert described.keys() == TEXTS[kind].keys() == ICONS[kind].keys()
    for key, definition in described.items():
        texts = TEXTS[kind][key]
        assert texts["name"]
        assert texts["description"]
        assert definition["fields"].keys() == texts["fields"].keys()
        for field, options in definition["fields"].items():
            assert texts["fields"][field].keys() == {"name", "description"}
            if select := options["selector"].get("select"):
                assert TEXTS["selector"][select["translation_key"]]["options"].keys() == set(select["options"])
    assert {*matching.COMPARISONS, matching.REGEX} == TEXTS["selector"]["match"]["options"].keys()
