"""The HTTP endpoint of an account's webhook: its limits and answers.

A webhook request can be forged by anybody who has seen the URL. So, if the vendor can be polled, nothing in the request
is believed; it only causes a poll. There are two exceptions: requests that are signed and carry the ids of the vendor's
list, and requests to an account that can't be polled. Their messages are stored before the request is answered.

An account's endpoint is open as long as its entry exists, loaded or not. Without an endpoint, Home Assistant itself
answers a webhook request with 200, and the vendor believes that its message was delivered. That can't be avoided while
Home Assistant starts, before it has set up this integration; a poll brings such a message later. An account that can't
be polled therefore has a URL outside Home Assistant's webhooks: until the integration is set up, it answers 404.
"""

import asyncio
from collections import Counter
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
import logging

from aiohttp import web
from yarl import URL

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.network import NoURLAvailableError, is_cloud_connection
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util, network
from homeassistant.util.hass_dict import HassKey

from . import registration
from .client import async_create_provider, create_session
from .const import CONF_LOCAL_ONLY, CONF_PROVIDER, DOMAIN
from .coordinator import SmsInboxConfigEntry, SmsInboxCoordinator
from .model import PushResult
from .providers import PROVIDERS
from .providers.contract import Provider, WebhookRequest, WebhookResponse
from .providers.errors import ProviderError, RefusedWebhookError
from .store import StoreError
from .webhook_url import OWN_PATH, async_forget_url, async_url, path

_LOGGER = logging.getLogger(__name__)

METHODS = ("GET", "POST", "PUT")
MAXIMUM_BODY = 256 * 1024  # bytes
READ_AT_ONCE = 1024  # bytes that are read in the event loop, whatever is in them
BODY_SECONDS = 15.0
BURST = 100
VERIFIED_PER_SECOND = 5.0
NOTED_PER_SECOND = 1.0
# Of all statuses that mean "not now", this is the one after which every vendor tries again.
NOT_NOW = HTTPStatus.INTERNAL_SERVER_ERROR


class Allowance:
    """Limits requests: a burst is allowed, and after that a number of requests a second."""

    def __init__(self, hass: HomeAssistant, per_second: float) -> None:
        """Begin with the whole burst available."""
        self._hass = hass
        self._per_second = per_second
        self._left = float(BURST)
        self._at = hass.loop.time()

    def take(self) -> bool:
        """Use up one request; return whether it was allowed."""
        now = self._hass.loop.time()
        self._left = min(float(BURST), self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class WebhookEndpoint:
    """Answers the webhook requests of one account.

    Attributes:
        webhook_id: The secret part of the URL.
        accepted: How many requests were accepted since Home Assistant started.
        refused: How many were refused since then, by reason.
    """

    def __init__(self, hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
        """Begin to answer at the URL of the entry's options."""
        self._hass = hass
        self._entry = entry
        self._verified = Allowance(hass, VERIFIED_PER_SECOND)
        self._noted = Allowance(hass, NOTED_PER_SECOND)
        self._is_draining = False
        self._storing = set[asyncio.Task[None]]()
        self._reading = asyncio.Lock()
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.webhook_id: str = entry.options[CONF_WEBHOOK_ID]
        webhook.async_register(
            hass, DOMAIN, entry.title, self.webhook_id, self._async_handle, allowed_methods=webhook.SUPPORTED_METHODS
        )
        if not PROVIDERS[entry.data[CONF_PROVIDER]].interval:
            _async_register_view(hass)

    @callback
    def close(self) -> None:
        """Unregister the URL from Home Assistant's webhooks."""
        webhook.async_unregister(self._hass, self.webhook_id)

    @callback
    def resume(self) -> None:
        """Accept requests again, as soon as the entry is loaded."""
        self._is_draining = False

    async def async_drain(self) -> None:
        """Refuse requests from now on, and wait for those that are being stored."""
        self._is_draining = True
        while self._storing:
            await asyncio.wait(self._storing)

    async def async_answer(self, request: web.Request) -> web.Response:
        """Answer a request; raises no exception, since Home Assistant would then answer 200."""
        try:
            response = await self._async_accept(request)
        except RefusedWebhookError as err:
            return self._refuse(str(err), err.status)
        except StoreError as err:
            return self._refuse(f"not stored: {err}", NOT_NOW)
        except Exception:
            _LOGGER.exception("Unexpected exception")
            return self._refuse("unexpected exception", NOT_NOW)
        self.accepted += 1
        return web.Response(status=response.status, text=response.body, content_type=response.content_type)

    async def _async_handle(self, _hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
        """Answer a request that came through Home Assistant's webhooks."""
        return await self.async_answer(request)

    async def _async_accept(self, request: web.Request) -> WebhookResponse:
        """Store the messages of a request, or poll because of it; return the response that its vendor needs.

        Raises:
            RefusedWebhookError: It is not accepted.
            StoreError: It could not be stored.
        """
        if request.method not in METHODS:
            raise RefusedWebhookError("wrong method", status=HTTPStatus.METHOD_NOT_ALLOWED)
        if self._entry.options.get(CONF_LOCAL_ONLY) and not _is_local(self._hass, request):
            raise RefusedWebhookError("not from the local network")
        provider = self._loaded().provider
        body = await _async_body(request)
        push = await self._async_read(provider, request, body) if provider.pushes else PushResult(poll=True)
        # No await between this check and the start of storing: an account that is drained meanwhile must store nothing.
        coordinator = self._loaded()
        if push.messages or push.unreadable:
            if not self._verified.take():
                raise RefusedWebhookError("too many requests", status=NOT_NOW)
            await self._async_store(coordinator, push)
        coordinator.async_note_request(push)
        if self._noted.take():
            await self._async_note(coordinator)
        return push.response or coordinator.provider.webhook_response

    async def _async_read(self, provider: Provider, request: web.Request, body: bytes) -> PushResult:
        """Read a request; a large one in a thread, one at a time, since that can take a while.

        Raises:
            RefusedWebhookError: It is not the vendor's, or there is nothing in it.
        """
        received = await self._async_received(request, body)
        if len(body) + len(received.url.raw_query_string) <= READ_AT_ONCE:
            return provider.read_webhook(received)
        async with self._reading:
            return await self._hass.async_add_executor_job(provider.read_webhook, received)

    def _loaded(self) -> SmsInboxCoordinator:
        """Return the coordinator of the account.

        Raises:
            RefusedWebhookError: The account isn't loaded, or is being unloaded.
        """
        if self._is_draining or self._entry.state is not ConfigEntryState.LOADED:
            raise RefusedWebhookError("the account is not loaded", status=NOT_NOW)
        return self._entry.runtime_data

    async def _async_store(self, coordinator: SmsInboxCoordinator, push: PushResult) -> None:
        """Store the messages of a request, to the end even if the sender closes the connection.

        Raises:
            StoreError: Nothing was stored.
        """
        store = coordinator.inbox.async_receive_pushed(push)
        task = self._hass.async_create_task(store, f"{self._entry.title} store", eager_start=True)
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        await asyncio.shield(task)
        if push.unreadable:
            coordinator.async_show_issues()

    async def _async_note(self, coordinator: SmsInboxCoordinator) -> None:
        """Show and store that a request was accepted, which stays accepted if that can't be stored."""
        try:
            await coordinator.inbox.async_set_webhook()
        except StoreError as err:
            _LOGGER.debug("A webhook request of %s was not noted: %s", self._entry.title, err)

    async def _async_received(self, request: web.Request, body: bytes) -> WebhookRequest:
        """Return a request for the provider, with the URL as the vendor knows it, since signatures cover the URL."""
        provider = PROVIDERS[self._entry.data[CONF_PROVIDER]]
        try:
            url = await async_url(self._hass, provider, self._entry.options)
        except NoURLAvailableError:
            url = f"https://unknown.invalid{path(provider, self.webhook_id)}"
        query = _raw_query(request)
        return WebhookRequest(
            method=request.method,
            url=URL(f"{url}?{query}" if query else url, encoded=True),
            headers=request.headers,
            body=body,
            at=dt_util.utcnow(),
        )

    def _refuse(self, reason: str, status: int) -> web.Response:
        """Count a request that is refused, and log it once for each reason."""
        if not self.refused[reason]:
            _LOGGER.warning(
                "A webhook request for %s was refused (%s); more of these are only counted", self._entry.title, reason
            )
        self.refused[reason] += 1
        return web.Response(status=status)


class WebhookView(HomeAssistantView):
    """The URL of accounts that can't be polled; for an unknown account it answers 404, not 200."""

    url = OWN_PATH
    name = f"api:{DOMAIN}"
    requires_auth = False

    async def _async_answer(self, request: web.Request, webhook_id: str) -> web.Response:
        """Answer a request."""
        for endpoint in _async_endpoints(request.app[KEY_HASS]).values():
            if compare_digest(endpoint.webhook_id.encode(), webhook_id.encode()):
                return await endpoint.async_answer(request)
        return web.Response(status=HTTPStatus.NOT_FOUND)

    get = head = post = put = _async_answer


@singleton(f"{DOMAIN}_view")
@callback
def _async_register_view(hass: HomeAssistant) -> WebhookView:
    """Register the URL of accounts that can't be polled, once."""
    view = WebhookView()
    hass.http.register_view(view)
    return view


@singleton(HassKey[dict[str, WebhookEndpoint]](f"{DOMAIN}_endpoints"))
@callback
def _async_endpoints(_hass: HomeAssistant) -> dict[str, WebhookEndpoint]:
    """Return the endpoints by entry."""
    return {}


@callback
def async_endpoint(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> WebhookEndpoint | None:
    """Return an account's endpoint, None where it has no webhook."""
    return _async_endpoints(hass).get(entry.entry_id)


@callback
def async_open(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Open an account's endpoint at the URL of the entry's options, if they have one; close one with another URL.

    The endpoint accepts requests while the entry is loaded, until it is drained.
    """
    endpoint, wanted = async_endpoint(hass, entry), entry.options.get(CONF_WEBHOOK_ID)
    if endpoint and endpoint.webhook_id != wanted:
        async_close(hass, entry)
        endpoint = None
    if endpoint:
        endpoint.resume()
    elif wanted:
        _async_endpoints(hass)[entry.entry_id] = WebhookEndpoint(hass, entry)


@callback
def async_close(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Close an account's endpoint."""
    if endpoint := _async_endpoints(hass).pop(entry.entry_id, None):
        endpoint.close()


async def async_drain(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Refuse an account's requests until it is opened and loaded again, and wait for those that are being stored.

    A request whose body is still arriving is refused once the body is complete.
    """
    if endpoint := async_endpoint(hass, entry):
        await endpoint.async_drain()


async def async_unregister(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> None:
    """Remove an account's webhook at the vendor, and its URL at Home Assistant Cloud.

    Errors are only logged: if the webhook is not removed, the vendor sends requests that have no effect.
    """
    webhook_id = entry.options[CONF_WEBHOOK_ID]
    await async_forget_url(hass, webhook_id)
    if not PROVIDERS[entry.data[CONF_PROVIDER]].registers:
        return
    session = create_session(hass, entry.data, auto_cleanup=False)
    try:
        provider = await async_create_provider(session, entry.data, entry.options)
        await registration.async_unregister(provider, entry.options)
    except ProviderError as err:
        _LOGGER.warning("The webhook of %s could not be removed at the provider: %s", entry.title, err)
    finally:
        session.detach()


def _is_local(hass: HomeAssistant, request: web.Request) -> bool:
    """Whether a request comes from the local network, and not by way of Home Assistant Cloud."""
    if is_cloud_connection(hass) or not request.remote:
        return False
    try:
        return network.is_local(ip_address(request.remote))
    except ValueError:
        return False


def _raw_query(request: web.Request) -> str:
    """Return the query as it came; a request by way of Home Assistant Cloud is not one of aiohttp's."""
    return request.rel_url.raw_query_string if isinstance(request, web.Request) else request.query_string


async def _async_body(request: web.Request) -> bytes:
    """Read the body up to the limit.

    Raises:
        RefusedWebhookError: The body is larger, or did not arrive in time.
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
        raise RefusedWebhookError("the body did not come", status=NOT_NOW) from None
    if too_large:
        raise RefusedWebhookError("the body is too large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
