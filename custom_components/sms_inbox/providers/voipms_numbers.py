"""The numbers of an account at VoIP.ms: `getDIDsInfo` reads their settings, `setSMS` changes them.

`setSMS` is like a form with boxes to tick: what is left out is switched off. So it gets all settings, and they are read
again afterwards.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from .contract import WebhookPlace
from .errors import ConfigurationError, ProtocolError, ProviderError
from .parsing import text_of

SETTINGS = {
    "sms_enabled": "enable",
    "sms_email": "email_address",
    "sms_email_enabled": "email_enabled",
    "sms_forward": "sms_forward",
    "sms_forward_enabled": "sms_forward_enable",
    "sms_url_callback": "url_callback",
    "sms_url_callback_enabled": "url_callback_enable",
    "sms_url_callback_retry": "url_callback_retry",
    "webhook": "webhook",
    "webhook_enabled": "webhook_enable",
    "dialmode": "dialmode",
    "smpp_enabled": "smpp_enabled",
    "smpp_url": "smpp_url",
    "smpp_user": "smpp_user",
    "smpp_pass": "smpp_pass",
    "sms_sipaccount": "sms_sipaccount",
    "sms_sipaccount_enabled": "sms_sipaccount_enabled",
}
"""The settings of a number: what `getDIDsInfo` calls them, and `setSMS`."""

type Settings = dict[str, str]
type Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Calls a method of the API with parameters, and returns its answer; raises a ProviderError."""


class Numbers:
    """The numbers of one account."""

    def __init__(self, ask: Ask) -> None:
        """Take what calls a method of the API."""
        self._ask = ask
        self._originals: dict[str, Settings] = {}
        """By number, the settings as they were before a change that could not be taken back."""

    async def places(self) -> tuple[WebhookPlace, ...]:
        """Return the numbers that receive SMS, with the URL callback of each.

        Raises:
            ProviderError: One of its kinds.
        """
        return tuple(_place(number) for number in await self._numbers() if number.get("sms_enabled") == "1")

    async def set_callback(self, did: str, url: str) -> None:
        """Set a number's URL callback, or with an empty URL switch it off.

        The number's settings are read again. Where another one has changed, all are set back.

        Raises:
            ConfigurationError: There is no such number.
            ProtocolError: The settings are not what they should be.
            RateLimitedError: The number was changed less than a minute ago.
            ProviderError: Another one of its kinds.
        """
        if not (found := await self._settings(did)):
            if url:
                raise ConfigurationError("no such number", hint="webhook_place_gone")
            return
        original = self._originals.pop(did, found)
        callback = {"sms_url_callback": url, "sms_url_callback_enabled": "1", "sms_url_callback_retry": "1"}
        wanted = original | (callback if url else {"sms_url_callback_enabled": "0"})
        if found == wanted:
            return
        try:
            await self._change(did, wanted)
        except ProviderError:
            if original != found:
                self._originals[did] = original
            raise
        changed = await self._settings(did)
        different = {name for name in wanted if changed.get(name) != wanted[name]}
        if others := sorted(different - callback.keys()):
            await self._take_back(did, original, f"setSMS has changed {', '.join(others)}, too")
        if different if url else "sms_url_callback_enabled" in different:
            raise ProtocolError("setSMS has not changed the URL callback")

    async def _take_back(self, did: str, original: Settings, reason: str) -> None:
        """Set all settings of a number back, and raise an error with the reason.

        If that fails, as it does within a minute, the next change of the number sets them back.
        """
        try:
            await self._change(did, original)
        except ProviderError as err:
            self._originals[did] = original
            raise type(err)(f"{reason}; it was not set back: {err}", retry_after=err.retry_after) from None
        raise ProtocolError(reason)

    async def _change(self, did: str, settings: Settings) -> None:
        """Change all settings of a number."""
        await self._ask("setSMS", did=did, **{SETTINGS[name]: value for name, value in settings.items()})

    async def _settings(self, did: str) -> Settings:
        """Return those settings of a number that it has; none where there is no such number, or it has no SMS."""
        for number in await self._numbers(did=did):
            if number.get("did") == did and "sms_enabled" in number:
                # Who doesn't say whether requests are repeated has them repeated.
                return {"sms_url_callback_retry": "1"} | {name: number[name] for name in SETTINGS if name in number}
        return {}

    async def _numbers(self, **parameters: str) -> list[Settings]:
        """Return what is said of the account's numbers."""
        answer = await self._ask("getDIDsInfo", **parameters)
        numbers = answer.get("dids", [] if answer["status"] == "no_did" else None)
        if not isinstance(numbers, list):
            raise ProtocolError("the numbers are no list")
        return [
            {name: text_of(value) for name, value in number.items()} for number in numbers if isinstance(number, dict)
        ]


def _place(number: Settings) -> WebhookPlace:
    """Return a number as the place of a URL callback."""
    did, description = number.get("did", ""), number.get("description", "")
    is_on = number.get("sms_url_callback_enabled") == "1"
    return WebhookPlace(
        place_id=did,
        name=f"{did} ({description})" if description else did,
        url=number.get("sms_url_callback", "") if is_on else "",
    )
