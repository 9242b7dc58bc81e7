"""An account's webhook at the vendor: its URL is stored there, checked, changed and removed by the vendor's API.

What else stands at the vendor is never replaced without a question. That includes a URL of our own from before: either
Home Assistant's address has changed, or this is a copy of another Home Assistant that still receives the messages, such
as a restored backup. Both look alike, so a person decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from yarl import URL

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant

from .const import CONF_REGISTERED
from .providers.contract import Provider, WebhookPlace
from .webhook_url import async_url, name_at_vendor


class Holder(Enum):
    """Whose URL a place at the vendor holds."""

    NOBODY = auto()
    US = auto()
    FORMER_ADDRESS = auto()
    SOMEBODY_ELSE = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A place at the vendor, whose URL it holds, and whether our webhook was stored there."""

    place: WebhookPlace
    holder: Holder
    is_registered: bool

    @property
    def is_free(self) -> bool:
        """Whether our URL can be stored there without replacing another one."""
        return self.holder in (Holder.NOBODY, Holder.US)

    @property
    def label(self) -> str:
        """Its name, with the host that receives the messages now if that is another one."""
        return self.place.name if self.is_free else f"{self.place.name} ({_host(self.place.url)})"


def registered(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the URLs that were stored at the vendor, by the id of the place."""
    return dict(options.get(CONF_REGISTERED, {}))


async def async_find_places(hass: HomeAssistant, provider: Provider, options: Mapping[str, Any]) -> tuple[Found, ...]:
    """Return the places at the vendor, and what they hold.

    Raises:
        NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
        ProviderError: One of its kinds.
    """
    wanted, ours = await async_url(hass, type(provider), options), registered(options)
    places = await provider.webhook_places(name_at_vendor(options[CONF_WEBHOOK_ID]))
    return tuple(
        Found(
            place=place,
            holder=_holder(place.url, wanted, ours.get(place.place_id)),
            is_registered=place.place_id in ours,
        )
        for place in places
    )


async def async_register(hass: HomeAssistant, entry: ConfigEntry, provider: Provider, place_ids: Iterable[str]) -> None:
    """Store the webhook's URL at these places, and at no others, and note that in the entry's options.

    Raises:
        NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
        ProviderError: One of its kinds; what was stored before that stays, and is noted.
    """
    url, wanted = await async_url(hass, type(provider), entry.options), list(place_ids)
    for place_id in wanted:
        await provider.set_webhook(place_id, url)
        async_note(hass, entry, registered(entry.options) | {place_id: url})
    left = {place_id: url for place_id, url in registered(entry.options).items() if place_id not in wanted}
    await _async_remove(provider, entry.options, left)
    async_note(hass, entry, dict.fromkeys(wanted, url))


async def async_check(hass: HomeAssistant, entry: ConfigEntry, provider: Provider) -> tuple[Found, ...]:
    """Store the URL again where the vendor has lost it; return the places where it was and another one is now.

    Raises:
        NoURLAvailableError: Home Assistant has no URL that the vendor could reach.
        ProviderError: One of its kinds.
    """
    if not registered(entry.options):
        return ()
    url, elsewhere = await async_url(hass, type(provider), entry.options), []
    for found in await async_find_places(hass, provider, entry.options):
        place_id = found.place.place_id
        if found.holder is Holder.NOBODY and registered(entry.options).get(place_id) == url:
            await provider.set_webhook(place_id, url)
        elif found.holder is Holder.US and found.is_registered:
            async_note(hass, entry, registered(entry.options) | {place_id: url})
        elif found.is_registered:
            elsewhere.append(found)
    return tuple(elsewhere)


async def async_unregister(provider: Provider, options: Mapping[str, Any]) -> None:
    """Remove the webhook's URL at the vendor where it still is the one that was stored.

    Raises:
        ProviderError: One of its kinds.
    """
    await _async_remove(provider, options, registered(options))


def async_note(hass: HomeAssistant, entry: ConfigEntry, urls: Mapping[str, str]) -> None:
    """Note in the entry's options what is stored at the vendor."""
    if urls != registered(entry.options):
        options = {key: value for key, value in entry.options.items() if key != CONF_REGISTERED}
        if urls:
            options[CONF_REGISTERED] = dict(urls)
        hass.config_entries.async_update_entry(entry, options=options)


async def _async_remove(provider: Provider, options: Mapping[str, Any], urls: Mapping[str, str]) -> None:
    """Remove URLs at the vendor that are still the ones that were stored."""
    if not urls:
        return
    for place in await provider.webhook_places(name_at_vendor(options[CONF_WEBHOOK_ID])):
        if place.url and place.url == urls.get(place.place_id):
            await provider.set_webhook(place.place_id, "")


def _holder(present: str, wanted: str, stored: str | None) -> Holder:
    """Return whose URL is at a place."""
    if not present:
        return Holder.NOBODY
    if present == wanted:
        return Holder.US
    return Holder.FORMER_ADDRESS if present == stored else Holder.SOMEBODY_ELSE


def _host(url: str) -> str:
    """Return the host of a URL, without the rest, which may be a secret."""
    try:
        return URL(url).host or "?"
    except ValueError:
        return "?"
