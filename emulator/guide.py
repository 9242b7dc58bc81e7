"""How an account of the emulator is added to SMS Inbox: what its dialogs ask for, and how messages get there.

The labels are those of SMS Inbox itself, from its English texts, so that the page always calls a field what the dialog
calls it.
"""

import base64
from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any, Final

from .model import Account
from .registry import PROTOCOLS
from .senders import SENDERS, public_key
from .state import State
from .twilio_account import add_key

TEXTS: Final = Path(__file__).parents[1] / "custom_components" / "sms_inbox" / "translations" / "en.json"

INTERVALS: Final[Mapping[str, int]] = {
    "bulksms": 15,
    "bulksms_eapi": 30,
    "bulletin": 30,
    "clicksend": 30,
    "elks": 30,
    "gammu": 10,
    "smsgate": 15,
    "twilio": 15,
    "voipms": 60,
}
"""The seconds between two polls of SMS Inbox, by provider."""
WEBHOOKS: Final[Mapping[str, str]] = {
    "bulksms": "registered",
    "bulksms_eapi": "pasted",
    "bulletin": "pasted",
    "clicksend": "registered",
    "elks": "registered",
    "gammu": "none",
    "smsgate": "https",
    "twilio": "registered",
    "voipms": "registered",
}
"""How the provider gets the webhook's URL: SMS Inbox registers it there, a person pastes it, or there is no webhook.

`https` is registered, too, but only a URL that begins with https.
"""
ASKS_FOR_ZONE: Final = ("bulksms_eapi", "gammu")

SIGNING_KEY: Final = "demo-signing-key-with-32-letters"
PRIVATE_KEY: Final = base64.b64encode(b"A private key for the demo only.").decode()
"""What signs the requests of Telnyx; SMS Inbox is given the public key that belongs to it."""
ZONE: Final = "Europe/London"
"""The time zone of devices that send their local time."""
USERNAMES: Final = {"twilio": f"AC{'de' * 16}"}
API_KEY: Final = (f"SK{'de' * 16}", "demo-api-key-secret")

UNSIGNED: Final = (
    "africastalking",
    "bulksms_relay",
    "bulletin_callback",
    "gammu_smsd",
    "infobip",
    "kannel",
    "other",
    "slzb",
)
"""The presets for which SMS Inbox asks for no signing key when the account is added."""
NEEDS_KEY: Final = (
    "httpsms",
    "messagebird",
    "plivo",
    "signalwire",
    "smsgate_cloud",
    "telnyx",
    "textbee",
)
LOCAL_TIME: Final = ("gammu_smsd", "other", "smseagle", "smsforwarder")
"""The presets for which SMS Inbox asks for a time zone."""


def username_of(provider: str) -> str:
    """Return the user name that is made up for an account at a provider."""
    return USERNAMES.get(provider, f"demo-{provider.replace('_', '-')}")


def add_sample(state: State, provider: str) -> Account:
    """Make an account with a user name and a password that are made up, or return it where it is there already."""
    account = state.add_account(provider, username_of(provider), "demo")
    if provider == "twilio":
        add_key(account, *API_KEY)
    if provider == "smsgate":
        account.signing_key = account.signing_key or SIGNING_KEY
    return account


class Guide:
    """What the page says about adding accounts."""

    def __init__(self) -> None:
        """Read the texts of SMS Inbox."""
        texts = json.loads(TEXTS.read_text(encoding="utf-8"))
        self._steps = texts["config"]["step"]
        self._options = texts["options"]["step"]
        self._presets = texts["selector"]["preset"]["options"]

    def provider(self, key: str) -> dict[str, Any]:
        """Return what is the same for all accounts of a provider."""
        return {
            "key": key,
            "name": PROTOCOLS[key].name,
            "menu": self._steps["user"]["menu_options"][key],
            "section": "" if self._is_own_server(key) else self._steps[key]["sections"]["server"]["name"],
            "interval": INTERVALS[key],
            "webhook": WEBHOOKS[key],
            "replies": PROTOCOLS[key].replies,
        }

    def fields(self, account: Account, url: str) -> dict[str, Any]:
        """Return what is typed to add an account: the fields of the dialog, and what else may be entered.

        Args:
            account: The account.
            url: Its server address.
        """
        labels = self._steps[account.provider]["data"]
        fields = {"username": account.username, "password": account.password}
        if account.provider in ASKS_FOR_ZONE:
            fields["time_zone"] = account.time_zone
        rows = [_row(key, labels[key], value) for key, value in fields.items()]
        if self._is_own_server(account.provider):
            rows = [_row("url", labels["url"], url), *rows]
        else:
            rows.append(_row("url", self._steps[account.provider]["sections"]["server"]["data"]["url"], url))
        signing_key = f"{self._options['webhook']['data']['signing_key']} (for the webhook)"
        return {
            "fields": rows,
            "api_keys": [
                [
                    _row("key_id", labels["key_id"], sid),
                    _row("password", labels["password"], key["secret"]),
                    _row("signing_key", signing_key, account.password),
                ]
                for sid, key in account.extra.get("keys", {}).items()
            ],
            "signing_key": [_row("signing_key", signing_key, account.signing_key)] if account.signing_key else [],
            "numbers": PROTOCOLS[account.provider].numbers_of(account),
        }

    def _is_own_server(self, provider: str) -> bool:
        """Whether the server's address is a field of its own, since the server belongs to the person."""
        return "url" in self._steps[provider]["data"]

    def words(self) -> dict[str, str]:
        """Return what SMS Inbox calls what the page speaks of."""
        return {
            "webhook_menu": self._options["init"]["menu_options"]["webhook"],
            "register": self._options["webhook"]["data"]["register"],
            "webhook_provider": self._steps["user"]["menu_options"]["webhook"],
            "preset": self._steps["webhook"]["data"]["preset"],
            "signing_key": self._steps["webhook_source"]["data"]["signing_key"],
            "time_zone": self._steps["webhook_source"]["data"]["time_zone"],
            "webhook_url": self._steps["webhook_url"]["data"]["webhook_url"],
        }

    def presets(self) -> list[dict[str, Any]]:
        """Return what the apps and services are called, in the order of the alphabet, and what is typed for each."""
        presets = [
            {
                "key": key,
                "name": self._presets[key],
                "signing_key": "" if key in UNSIGNED else typed_key(key),
                "needs_key": key in NEEDS_KEY,
                "time_zone": ZONE if key in LOCAL_TIME else "",
            }
            for key in SENDERS
        ]
        return sorted(presets, key=lambda preset: str(preset["name"]).casefold())


def typed_key(preset: str) -> str:
    """Return the signing key that is typed in SMS Inbox for an app or service."""
    return public_key(PRIVATE_KEY) if preset == "telnyx" else SIGNING_KEY


def signing_key(preset: str) -> str:
    """Return the key with which an app or service signs here."""
    return PRIVATE_KEY if preset == "telnyx" else SIGNING_KEY


def _row(key: str, label: str, value: str) -> dict[str, str]:
    """Return one field: its key in SMS Inbox, its label there, and what is typed."""
    return {"key": key, "label": label, "value": value}
