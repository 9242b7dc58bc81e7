"""Writing an answer to the client, whole or spoiled, and knowing whether all of it went out."""

import asyncio

from aiohttp import web

from .faults import Fault
from .protocol import Answer

CHUNK = 64 * 1024
DRIBBLES = 20


async def deliver(request: web.Request, answer: Answer, fault: Fault | None) -> tuple[web.StreamResponse, bool]:
    """Write an answer; the second value says whether the last byte left this process while the client was there."""
    if request.transport is None:
        return web.Response(), False
    request.transport.set_write_buffer_limits(high=0)
    match fault.kind if fault else None:
        case "dropped":
            request.transport.abort()
            return web.Response(), False
        case "cut":
            return await _cut(request, answer), False
        case "slow":
            response = await _slowly(request, answer, fault.options["seconds"] if fault else 0)
        case _:
            response = await _whole(request, answer)
    return response, request.transport is not None and not request.transport.is_closing()


async def _whole(request: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.chunked:
        response = _head(answer)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(answer.body), CHUNK):
            await response.write(answer.body[start : start + CHUNK])
    else:
        response = web.Response(status=answer.status, body=answer.body, headers=_headers(answer))
        await response.prepare(request)
    await response.write_eof()
    return response


async def _slowly(request: web.Request, answer: Answer, seconds: float) -> web.StreamResponse:
    response = _head(answer)
    response.content_length = len(answer.body)
    await response.prepare(request)
    step = -(-len(answer.body) // DRIBBLES)
    for start in range(0, len(answer.body), step):
        await asyncio.sleep(seconds / DRIBBLES)
        await response.write(answer.body[start : start + step])
    await response.write_eof()
    return response


async def _cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = _head(answer)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _head(answer: Answer) -> web.StreamResponse:
    return web.StreamResponse(status=answer.status, headers=_headers(answer))


def _headers(answer: Answer) -> dict[str, str]:
    return {"Content-Type": answer.content_type, **answer.headers} if answer.body else dict(answer.headers)
