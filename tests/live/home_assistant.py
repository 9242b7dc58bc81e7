"""A real Home Assistant as a child process, set up and spoken to without a browser."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
import resource
import sys
import time
from typing import Any, override

import aiohttp

from .child import Child, ChildError, Startable, port_is_free, until
from .websocket import WebSocket

# Home Assistant pins versions of these which have no wheel for Python 3.14 and only compile where Python's headers
# are installed. It imports them at every start but needs them for voice alone: newer ones do as well, once it is told
# not to insist.
REPLACED = {"pymicro-vad": "2.1.0", "pyspeex-noise": "2.0.1"}

REPOSITORY = Path(__file__).parents[2]
USERNAME = PASSWORD = "demo"
START_LIMIT = 180.0  # seconds
RESTART_EXIT_CODE = 100

# As a person chooses it in the settings, who can change it there.
SETTINGS = {
    "location_name": "SMS Inbox",
    "country": "GB",
    "currency": "GBP",
    "language": "en",
    "time_zone": "Europe/London",
    "unit_system_v2": "metric",
    "latitude": 51.5,
    "longitude": 0,
    "elevation": 0,
    "radius": 100,
}

CONFIGURATION = """\
# Written anew at every start.
automation: !include automations.yaml
history:
logbook:
recorder:
logger:
  default: warning
  logs:
    custom_components.sms_inbox: {level}
"""


class HomeAssistantError(ChildError):
    """Home Assistant died, or doesn't do what it is asked."""


class AnswerError(HomeAssistantError):
    """Home Assistant answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status."""
        super().__init__(message)
        self.status = status


@dataclass
class Flow:
    """A config flow: where it stands, and how to go on."""

    _home_assistant: HomeAssistant
    path: str
    result: dict[str, Any] = field(default_factory=dict)

    async def submit(self, data: dict[str, Any]) -> dict[str, Any]:
        """Fill in the form at hand and return the next result."""
        self.result = await self._home_assistant.post(f"{self.path}/{self.result['flow_id']}", data)
        return self.result

    async def choose(self, option: str) -> dict[str, Any]:
        """Take one option of the menu at hand and return the next result."""
        return await self.submit({"next_step_id": option})


class HomeAssistant(Startable):
    """One configuration folder and the process that runs on it; starts again as often as wanted."""

    def __init__(
        self,
        config: Path,
        port: int = 8123,
        *,
        level: str = "info",
        components: Path = REPOSITORY / "custom_components",
        more: str = "",
    ) -> None:
        """Name the configuration folder (made at the first start) and a port.

        Args:
            config: The folder.
            port: The port.
            level: The component's log level.
            components: The folder with the custom components; it is linked into the configuration folder where it
                doesn't lie there.
            more: What else belongs into configuration.yaml.
        """
        self.config = config.resolve()
        self.log = self.config.with_name(f"{self.config.name}.log")
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.client_id = f"{self.url}/"
        self.tokens: dict[str, Any] = {}
        self._configuration = CONFIGURATION.format(level=level) + more
        self._components = components.resolve()
        self._renew_at = 0.0
        self._child: Child | None = None
        self._running: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    @override
    async def start(self) -> None:
        """Start it, onboard or log in, and return when it is running."""
        if not port_is_free(self.port):
            raise HomeAssistantError(f"Port {self.port} is in use.")
        self._write_configuration()
        self._session = aiohttp.ClientSession(self.url)
        self._running = asyncio.create_task(self._run())
        await self.ready()

    async def ready(self) -> None:
        """Onboard or log in, and return when it is running: after its start, or after a restart of its own."""
        try:
            async with asyncio.timeout(START_LIMIT):
                await until(self._is_up)
                await self._log_in()
                await until(self._is_running)
        except TimeoutError:
            await self.stop()
            raise HomeAssistantError(f"Home Assistant isn't up after {START_LIMIT:.0f} s; see {self.log}") from None
        except BaseException:
            await self.stop()
            raise

    @override
    async def stop(self) -> None:
        """End it as a service manager would."""
        await self._end(Child.stop)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(Child.kill)

    @property
    def is_started(self) -> bool:
        """Whether there is a process, which need not be up yet."""
        return self._child is not None

    @property
    def pid(self) -> int:
        """The id of its process, another one after each start."""
        if self._child is None:
            raise HomeAssistantError("Home Assistant isn't started.")
        return self._child.pid

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let none of its writes to a file succeed meanwhile, as on a full disk; needs Linux."""
        pid = self.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # it may have been killed
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

    async def wait(self) -> None:
        """Wait as long as it runs; raise HomeAssistantError when it ends by itself."""
        if self._running:
            await asyncio.shield(self._running)

    async def get(self, path: str) -> Any:
        """Ask the REST interface and return the JSON."""
        return await self.request("GET", path)

    async def post(self, path: str, data: Any = None) -> Any:
        """Send JSON to the REST interface and return its JSON."""
        return await self.request("POST", path, json=data)

    async def delete(self, path: str) -> Any:
        """Have the REST interface delete something."""
        return await self.request("DELETE", path)

    async def request(self, method: str, path: str, *, authorized: bool = True, **options: Any) -> Any:
        """Send a request and return the JSON of the answer; raise AnswerError when its status says error."""
        if authorized:
            options["headers"] = {"Authorization": f"Bearer {await self.token()}"}
        try:
            async with self._http.request(method, path, **options) as response:
                text = await response.text()
        except aiohttp.ClientError as error:
            raise HomeAssistantError(f"Home Assistant doesn't answer ({error}); see {self.log}") from error
        if not response.ok:
            raise AnswerError(response.status, f"{method} {path} was answered {response.status}: {text[:500]}")
        return json.loads(text) if text else None

    async def token(self) -> str:
        """Return an access token that holds for a while."""
        if time.monotonic() > self._renew_at:
            await self._get_tokens(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])
        return str(self.tokens["access_token"])

    async def websocket(self) -> WebSocket:
        """Open a websocket connection; the caller closes it."""
        return await WebSocket.connect(self._http, await self.token())

    async def flow(self, handler: str, kind: str = "flow", **context: Any) -> Flow:
        """Begin a config flow; of kind `options/flow` the handler is an entry's id."""
        flow = Flow(self, f"/api/config/config_entries/{kind}")
        flow.result = await self.post(flow.path, {"handler": handler, **context})
        return flow

    def _write_configuration(self) -> None:
        """Write what must be there before a start; the rest is Home Assistant's and is kept."""
        storage = self.config / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (self.config / "configuration.yaml").write_text(self._configuration)
        (self.config / "automations.yaml").touch()
        components = self.config / "custom_components"
        if components != self._components:
            components.unlink(missing_ok=True)
            components.symlink_to(self._components)
        if not (storage / "core.config").exists():
            settings = SETTINGS | {"external_url": self.url, "internal_url": self.url}
            _store(storage, "core.config", settings, minor_version=4)
        _store(storage, "http", {"server_host": ["127.0.0.1"], "server_port": self.port})
        if not (storage / "onboarding").exists():
            # The real step would install three more packages and try the internet for ever.
            _store(storage, "onboarding", {"done": ["core_config"]}, version=4)

    async def _run(self) -> None:
        """Run it, again whenever it asks for a restart."""
        command = [str(Path(sys.executable).with_name("hass")), "--config", str(self.config), "--log-no-color"]
        command += ["--skip-pip-packages", ",".join(REPLACED)]
        environment = {"HA_DISABLE_LOG_FILE": "1"}  # it has one already: its output
        code = RESTART_EXIT_CODE
        while code == RESTART_EXIT_CODE:
            self._child = child = await Child.start(command, self.log, cwd=self.config, environment=environment)
            code = await child.wait()
        raise HomeAssistantError(
            f"Home Assistant ended by itself (exit code {code}). Its log, {self.log}, ends with:\n{child.tail()}"
        )

    async def _end(self, way: Callable[[Child], Awaitable[None]]) -> None:
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._child:
            await way(self._child)
        if self._session:
            await self._session.close()
        self._running = self._child = self._session = None

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HomeAssistantError("Home Assistant isn't started.")
        return self._session

    def _check(self) -> None:
        if self._running and self._running.done():
            self._running.result()

    async def _is_up(self) -> bool:
        self._check()
        try:
            await self.request("GET", "/manifest.json", authorized=False)
        except HomeAssistantError:
            return False
        return True

    async def _is_running(self) -> bool:
        self._check()
        try:
            config = await self.get("/api/config")
        except HomeAssistantError:
            return False
        if config["recovery_mode"]:
            raise HomeAssistantError(f"Home Assistant is in recovery mode; see {self.log}")
        return bool(config["state"] == "RUNNING")

    async def _log_in(self) -> None:
        """Get the session's tokens, after the first start by way of the onboarding."""
        try:
            steps = await self.request("GET", "/api/onboarding", authorized=False)
        except AnswerError:  # the onboarding is over
            steps = []
        open_steps = [step["step"] for step in steps if not step["done"]]
        code = await (self._make_user() if "user" in open_steps else self._get_code())
        await self._get_tokens(grant_type="authorization_code", code=code)
        for step in open_steps:
            if step != "user":
                await self.post(f"/api/onboarding/{step}", self._client())

    def _client(self) -> dict[str, str]:
        return {"client_id": self.client_id, "redirect_uri": f"{self.url}/?auth_callback=1"}

    async def _make_user(self) -> str:
        user = {"name": "Demo", "username": USERNAME, "password": PASSWORD, "language": "en"}
        path = "/api/onboarding/users"
        answer = await self.request("POST", path, json={**user, "client_id": self.client_id}, authorized=False)
        # The onboarding is on disk at once, its user a second later: a kill in between would lock us out for ever.
        await until(self._is_user_saved)
        return str(answer["auth_code"])

    async def _is_user_saved(self) -> bool:
        users = self.config / ".storage" / "auth"
        return users.exists() and f'"username": "{USERNAME}"' in users.read_text()

    async def _get_code(self) -> str:
        path = "/auth/login_flow"
        start = {**self._client(), "handler": ["homeassistant", None]}
        flow = await self.request("POST", path, json=start, authorized=False)
        login = {"username": USERNAME, "password": PASSWORD, "client_id": self.client_id}
        answer = await self.request("POST", f"{path}/{flow['flow_id']}", json=login, authorized=False)
        if answer["type"] != "create_entry":
            raise HomeAssistantError(f"The user {USERNAME} can't log in: {answer.get('errors')}")
        return str(answer["result"])

    async def _get_tokens(self, **grant: str) -> None:
        data = {**grant, "client_id": self.client_id}
        self.tokens |= await self.request("POST", "/auth/token", data=data, authorized=False)
        self._renew_at = time.monotonic() + self.tokens["expires_in"] / 2


def _store(storage: Path, key: str, data: dict[str, Any], version: int = 1, minor_version: int = 1) -> None:
    stored = {"version": version, "minor_version": minor_version, "key": key, "data": data}
    (storage / key).write_text(json.dumps(stored))
