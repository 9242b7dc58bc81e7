"""Being called: what a provider posts here is written down, and only then answered.

An account's gate is open as long as its entry exists, loaded or not: where no gate is, Home Assistant itself would
answer 200 in our place, and the provider would take its message for delivered. That can't be helped while Home
Assistant has begun to answer and has not set up this component yet; then a poll brings the message. A sender that can't
be polled is therefore told an address of our own, which is not there until then.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
from hmac import compare_digest
from http import HTTPStatus
import logging
from typing import Any

from aiohttp import web
from yarl import URL

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import CONF_CLOUD, CONF_PROVIDER, DOMAIN
from .providers import PROVIDERS
from .providers.contract import Provider, WebhookRequest
from .providers.errors import RefusedWebhookError

_LOGGER = logging.getLogger(__name__)

MAXIMUM_BODY = 256 * 1024
BODY_SECONDS = 15.0
BURST = 100.0
CALLS_PER_SECOND = 5.0
# Of all that say "not now", it is the one which every vendor answers with another try.
LATER = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(kw_only=True, slots=True)
class Calls:
    """What came of the calls since Home Assistant started.

    Attributes:
        taken: How many were written down.
        refused: How many were refused, by reason.
    """

    taken: int
    refused: Counter[str]


class Gate:
    """Where the provider of one account calls.

    Attributes:
        calls: What came of the calls.
        webhook_id: The secret part of the address.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Open the gate of an entry."""
        self._hass = hass
        self._entry = entry
        self._allowance = BURST
        self._allowed_at = hass.loop.time()
        self.calls = Calls(taken=0, refused=Counter())
        self._provider = PROVIDERS[entry.data[CONF_PROVIDER]]
        self.webhook_id: str = entry.options[CONF_WEBHOOK_ID]
        webhook.async_register(
            hass, DOMAIN, entry.title, self.webhook_id, self._async_handle, allowed_methods=webhook.SUPPORTED_METHODS
        )
        if not self._provider.interval:
            _async_register_view(hass)

    @callback
    def close(self) -> None:
        """Take no more calls."""
        webhook.async_unregister(self._hass, self.webhook_id)

    async def _async_handle(self, _hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
        """Answer a call that Home Assistant's webhooks hand on."""
        return await self.async_answer(request)

    async def async_answer(self, request: web.Request) -> web.Response:
        """Answer a call; an exception must not get out, since Home Assistant would answer 200."""
        try:
            return await self._async_take(request)
        except RefusedWebhookError as err:
            return self._refuse(str(err), err.status)
        except HomeAssistantError as err:
            return self._refuse(f"not written down: {err.translation_key}", LATER)
        except Exception:
            _LOGGER.exception("Unexpected exception")
            return self._refuse("unexpected exception", LATER)

    async def _async_take(self, request: web.Request) -> web.Response:
        """Write down what a call brings, and answer what its provider needs."""
        if request.method not in ("GET", "POST", "PUT"):
            raise RefusedWebhookError("wrong method", status=HTTPStatus.METHOD_NOT_ALLOWED)
        if not self._is_allowed():
            raise RefusedWebhookError("too many calls", status=LATER)
        if self._entry.state is not ConfigEntryState.LOADED:
            raise RefusedWebhookError("the account is not loaded", status=LATER)
        coordinator = self._entry.runtime_data
        call = WebhookRequest(
            method=request.method,
            url=URL(f"{await self._async_called_address()}?{_raw_query(request)}".rstrip("?"), encoded=True),
            headers=request.headers,
            body=await _async_body(request),
            at=dt_util.utcnow(),
        )
        await coordinator.async_receive_call(coordinator.read_webhook(call))
        self.calls.taken += 1
        reply = self._provider.reply
        return web.Response(status=reply.status, text=reply.body, content_type=reply.content_type)

    async def _async_called_address(self) -> str:
        """Return the address as the provider was told it, since signatures cover it."""
        try:
            return await async_address(self._hass, self._provider, self._entry.options)
        except NoURLAvailableError:
            return f"https://unknown.invalid{_path(self._provider, self.webhook_id)}"

    def _refuse(self, reason: str, status: int) -> web.Response:
        """Count a call that is refused, and tell of it once for each reason."""
        if not self.calls.refused[reason]:
            _LOGGER.warning("A call for %s was refused (%s); more of these are only counted", self._entry.title, reason)
        self.calls.refused[reason] += 1
        return web.Response(status=status)

    def _is_allowed(self) -> bool:
        """Whether there have not been too many calls lately."""
        now = self._hass.loop.time()
        self._allowance = min(BURST, self._allowance + (now - self._allowed_at) * CALLS_PER_SECOND)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


class CallView(HomeAssistantView):
    """Where senders call that can't be polled; a call to an account that isn't there is not answered with 200."""

    url = f"/api/{DOMAIN}/{{webhook_id}}"
    name = f"api:{DOMAIN}"
    requires_auth = False

    async def _async_answer(self, request: web.Request, webhook_id: str) -> web.Response:
        """Answer a call."""
        gates = _async_gates(request.app[KEY_HASS]).values()
        gate = next((gate for gate in gates if compare_digest(gate.webhook_id.encode(), webhook_id.encode())), None)
        return await gate.async_answer(request) if gate else web.Response(status=HTTPStatus.NOT_FOUND)

    get = head = post = put = _async_answer


@singleton(f"{DOMAIN}_view")
@callback
def _async_register_view(hass: HomeAssistant) -> CallView:
    """Make the address of our own known, once."""
    view = CallView()
    hass.http.register_view(view)
    return view


@singleton(HassKey[dict[str, Gate]](f"{DOMAIN}_gates"))
@callback
def _async_gates(_hass: HomeAssistant) -> dict[str, Gate]:
    """Return the gates by entry."""
    return {}


@callback
def async_gate(hass: HomeAssistant, entry: ConfigEntry) -> Gate | None:
    """Return an account's gate, None where its provider is not to call."""
    return _async_gates(hass).get(entry.entry_id)


@callback
def async_open(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Let an account's provider call, where a person wants that, at the address of the entry's options and no other."""
    gate, wanted = async_gate(hass, entry), entry.options.get(CONF_WEBHOOK_ID)
    if gate and gate.webhook_id != wanted:
        async_close(hass, entry)
        gate = None
    if wanted and not gate:
        _async_gates(hass)[entry.entry_id] = Gate(hass, entry)


@callback
def async_close(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Let an account's provider call no more."""
    if gate := _async_gates(hass).pop(entry.entry_id, None):
        gate.close()


def name_at_vendor(webhook_id: str) -> str:
    """Return the name under which an address is registered; it tells nothing of the address."""
    return f"SMS Inbox {hashlib.sha256(webhook_id.encode()).hexdigest()[:8]}"


@callback
def async_has_cloud(hass: HomeAssistant) -> bool:
    """Whether the user has Home Assistant Cloud, which can take calls for us."""
    if "cloud" not in hass.config.components:
        return False
    from homeassistant.components import cloud  # noqa: PLC0415 - it is large, and most don't have it

    return cloud.async_active_subscription(hass) and cloud.async_is_connected(hass)


async def async_address(hass: HomeAssistant, provider: type[Provider], options: Mapping[str, Any]) -> str:
    """Return the address that an account's provider is to call.

    Args:
        hass: Home Assistant.
        provider: One that is in the internet is told no address of the local network.
        options: Those of the account's entry.

    Raises:
        NoURLAvailableError: Home Assistant has none that this provider could reach.
    """
    webhook_id = options[CONF_WEBHOOK_ID]
    if options.get(CONF_CLOUD) and async_has_cloud(hass):
        from hass_nabucasa import NabuCasaBaseError  # noqa: PLC0415

        from homeassistant.components import cloud  # noqa: PLC0415

        try:
            return await cloud.async_get_or_create_cloudhook(hass, webhook_id)
        except (HomeAssistantError, NabuCasaBaseError, TimeoutError, ValueError) as err:
            raise NoURLAvailableError from err
    is_remote = bool(provider.default_url)
    home = get_url(
        hass,
        require_ssl=provider.needs_https,
        allow_internal=not is_remote,
        allow_cloud=False,
        prefer_external=is_remote,
    )
    return f"{home}{_path(provider, webhook_id)}"


def _path(provider: type[Provider], webhook_id: str) -> str:
    """Return the path at which a provider calls."""
    if provider.interval:
        return webhook.async_generate_path(webhook_id)
    return CallView.url.format(webhook_id=webhook_id)


async def async_forget_address(hass: HomeAssistant, webhook_id: str) -> None:
    """Give back the address that Home Assistant Cloud has made, if it has."""
    if async_has_cloud(hass):
        from homeassistant.components import cloud  # noqa: PLC0415

        try:
            await cloud.async_delete_cloudhook(hass, webhook_id)
        except (HomeAssistantError, ValueError) as err:
            _LOGGER.debug("Home Assistant Cloud kept the address of a call: %s", type(err).__name__)


def _raw_query(request: web.Request) -> str:
    """Return the query as it came; what Home Assistant Cloud hands on is no request of aiohttp's."""
    return request.rel_url.raw_query_string if isinstance(request, web.Request) else request.query_string


async def _async_body(request: web.Request) -> bytes:
    """Read the body up to the limit.

    Raises:
        RefusedWebhookError: It is larger, or doesn't come.
    """
    content, body = request.content, bytearray()
    announced = request.headers.get("Content-Length", "")
    too_large = announced.isdecimal() and int(announced) > MAXIMUM_BODY
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not too_large and (chunk := await content.read(MAXIMUM_BODY)):
                body += chunk
                too_large = len(body) > MAXIMUM_BODY
    except TimeoutError, ConnectionError:
        raise RefusedWebhookError("the body did not come", status=LATER) from None
    if too_large:
        raise RefusedWebhookError("the body is too large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
