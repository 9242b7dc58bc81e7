"""A local Bot API server: as much of Telegram's as core's `telegram_bot` asks for when it polls.

`python -m benchmarks.bot_api` listens on a free port of 127.0.0.1 and prints the address. Below `/admin` messages are
put in, and asked for is when they were handed over. All times are seconds since the epoch.
"""

import asyncio
from contextlib import suppress
import time
from typing import Any

from aiohttp import web

TOKEN = "1:benchmark"  # noqa: S105 - it is no secret: the server is ours
CHAT = 4711
LARGEST_PAGE = 100  # updates an answer, as at Telegram
BOT = {"id": 1, "is_bot": True, "first_name": "Benchmark", "username": "benchmark_bot"}
SENDER = {"id": CHAT, "is_bot": False, "first_name": "Somebody", "username": "somebody", "language_code": "en"}
PRIVATE_CHAT = {"id": CHAT, "type": "private", "first_name": "Somebody", "username": "somebody"}
GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
FULL_CHAT = {
    **PRIVATE_CHAT,
    "accent_color_id": 0,
    "max_reaction_count": 0,
    "accepted_gift_types": dict.fromkeys(GIFTS, False),
}


class BotApi:
    """One bot with its updates, which a client confirms by asking for later ones."""

    def __init__(self) -> None:
        """Begin with no updates."""
        self._updates: list[dict[str, Any]] = []
        self._next_id = 1
        self._changed = asyncio.Condition()
        self._held = 0
        self._handed_over: list[float] = []

    def app(self) -> web.Application:
        """Return the server's routes."""
        app = web.Application()
        app.router.add_post(f"/bot{TOKEN}/{{method}}", self._answer)
        app.router.add_post("/admin/messages", self._add)
        app.router.add_get("/admin/held", self._until_held)
        app.router.add_get("/admin/handed_over", self._list_handed_over)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the bot's client."""
        fields = await request.post()
        match request.match_info["method"]:
            case "getMe":
                return _result(BOT)
            case "getChat":
                return _result(FULL_CHAT)
            case "setWebhook" | "deleteWebhook":
                return _result(result=True)
            case "getUpdates":
                return await self._hand_over(
                    request,
                    offset=int(str(fields.get("offset", 0))),
                    limit=int(str(fields.get("limit", LARGEST_PAGE))),
                    hold=float(str(fields.get("timeout", 0))),
                )
        return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)

    async def _hand_over(self, request: web.Request, *, offset: int, limit: int, hold: float) -> web.StreamResponse:
        """Forget the updates before the offset, and answer the next ones; hold the request while there are none."""
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        if not self._updates:
            await self._wait(hold)
        page = self._updates[: min(limit, LARGEST_PAGE)]
        response = _result(page)
        await response.prepare(request)
        await response.write_eof()
        self._handed_over += [time.time()] * len(page)
        return response

    async def _wait(self, seconds: float) -> None:
        """Return when there is an update, or after so many seconds."""
        async with self._changed:
            self._held += 1
            self._changed.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: self._updates)
            self._held -= 1

    async def _add(self, request: web.Request) -> web.Response:
        """Put in messages, all at once, and answer when that was."""
        fields = await request.json()
        now = time.time()
        self._updates += [self._update(f"{fields['text']} {number}", now) for number in range(fields["count"])]
        async with self._changed:
            self._changed.notify_all()
        return web.json_response({"at": now})

    def _update(self, text: str, now: float) -> dict[str, Any]:
        number = self._next_id
        self._next_id += 1
        message = {"message_id": number, "from": SENDER, "chat": PRIVATE_CHAT, "date": int(now), "text": text}
        return {"update_id": number, "message": message}

    async def _until_held(self, _: web.Request) -> web.Response:
        """Answer when a request is held and nothing waits."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held and not self._updates)
        return web.json_response({})

    async def _list_handed_over(self, request: web.Request) -> web.Response:
        """Answer when each update after a number was handed over: written to the last byte of its answer."""
        since = int(request.query["since"])
        return web.json_response({"times": self._handed_over[since:], "last": len(self._handed_over)})


def _result(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


async def main() -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(BotApi().app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"Bot API: http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
