"""Where Twilio and SignalWire hold the URLs of webhooks: phone numbers, and Twilio's messaging services.

Source: the vendor's OpenAPI descriptions `twilio_api_v2010` and `twilio_messaging_v1`, "Webhooks connection overrides";
SignalWire's "Compatibility API", which has the numbers alone. A number obeys its TwiML app where it has one, else its
messaging service, unless that leaves it to the number.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
import re
from typing import Any

from yarl import URL

from .contract import WebhookPlace
from .parsing import text_of

RETRIES = "rc=5&rp=all"
"""What stands behind `#` in a URL so that Twilio tries five times again, whatever went wrong; else it does once, and
only where it couldn't connect."""
SID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
SERVICE = "MG"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What of a number or a service holds the URL: the field in answers, and the one in requests."""

    shown: str
    given: str
    added: Mapping[str, str]
    """What is given beside a URL."""
    removed: Mapping[str, str]
    """What is given beside an empty one."""


NUMBER = Setting(shown="sms_url", given="SmsUrl", added={"SmsMethod": "POST"}, removed={})
# A service with neither a URL nor that flag drops what its numbers receive: no list would show it.
MESSAGING_SERVICE = Setting(
    shown="inbound_request_url",
    given="InboundRequestUrl",
    added={"InboundMethod": "POST"},
    removed={"UseInboundWebhookOnNumber": "true"},
)


def messaging_url(api: URL) -> URL | None:
    """Return the address of the API of messaging services that belongs to that of messages, None where there is none.

    It is the vendor's own host, of the same region: the credentials go nowhere else.
    """
    host = api.host or ""
    if not host.startswith("api.") or not host.endswith(".twilio.com"):
        return None
    return api.origin().with_host(f"messaging.{host.removeprefix('api.')}")


def is_sid(value: str) -> bool:
    """Whether this can be the id of a number or a service."""
    return bool(SID.fullmatch(value))


def number_places(rows: Collection[Mapping[str, Any]], obeying: Collection[str]) -> list[WebhookPlace]:
    """Return the numbers that receive SMS and decide themselves where those are reported.

    Args:
        rows: The numbers.
        obeying: The ids of those that obey a messaging service.
    """
    return [
        WebhookPlace(place_id=sid, name=text_of(row.get("phone_number")) or sid, url=bare(text_of(row.get("sms_url"))))
        for row in rows
        if is_sid(sid := text_of(row.get("sid")))
        and sid not in obeying
        and has_sms(row)
        and not row.get("sms_application_sid")
    ]


def service_place(row: Mapping[str, Any]) -> WebhookPlace:
    """Return a messaging service."""
    name, url = text_of(row.get("friendly_name")), text_of(row.get("inbound_request_url"))
    return WebhookPlace(place_id=text_of(row["sid"]), name=f"Messaging Service {name}".strip(), url=bare(url))


def decides(row: Mapping[str, Any]) -> bool:
    """Whether a messaging service, and not its numbers, decides where messages are reported."""
    return is_sid(text_of(row.get("sid"))) and row.get("use_inbound_webhook_on_number") is not True


def bare(url: str) -> str:
    """Return a URL without what the vendor reads from behind it."""
    return url.partition("#")[0]


def is_set(row: Mapping[str, Any], setting: Setting, url: str, *, has_retries: bool) -> bool:
    """Whether a number or a service has this URL; where the vendor can be told how often to try, it has been."""
    present, _, override = text_of(row.get(setting.shown)).partition("#")
    return present == url and (bool(override) or not has_retries or not url)


def form(setting: Setting, url: str, *, has_retries: bool) -> dict[str, str]:
    """Return what sets a URL, or removes it where it is empty."""
    stored = f"{url}#{RETRIES}" if url and has_retries else url
    return {setting.given: stored, **(setting.added if url else setting.removed)}


def has_sms(row: Mapping[str, Any]) -> bool:
    """Whether a number sends and receives SMS; one that doesn't say so might."""
    capabilities = row.get("capabilities")
    return not isinstance(capabilities, dict) or capabilities.get("sms", True) is not False
