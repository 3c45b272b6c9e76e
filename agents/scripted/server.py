"""A loopback model server inside the event loop: a script over real HTTP, on every wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import web

from .script import Reply, Request, Script, ScriptError
from .wire import Wire
from .wires import WIRES

BODY_LIMIT = 64 * 2**20  # bytes of one request
QUIET_SECONDS = 0.02  # without an arrival: settled
SETTLE_LIMIT_SECONDS = 10.0


class ScriptedServer:
    """``async with ScriptedServer(script) as server``: answers at ``server.url`` from the script.

    ``requests`` are those a rule answered, in order of arrival; ``dropped`` those whose client
    went away before the whole answer was sent; ``open`` how many are being answered.
    """

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.url = ""
        self.requests: list[Request] = []
        self.dropped: list[Request] = []
        self.open = 0
        self._arrived = 0
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_LIMIT)
        for wire in WIRES.values():
            app.router.add_post(wire.path, partial(self._handle, wire))
        # A client that goes away cancels its handler: that is how a dropped request is noticed.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def settled(self, limit: float = SETTLE_LIMIT_SECONDS) -> None:
        """Return once no request is open and none has come for a while; raises TimeoutError."""
        async with asyncio.timeout(limit):
            before = -1
            while self.open or before != self._arrived:
                before = self._arrived
                await asyncio.sleep(QUIET_SECONDS)

    def problems(self) -> tuple[str, ...]:
        """What the script complains of, and requests that are still open."""
        still = (f"{self.open} requests are still open.",) if self.open else ()
        return (*self.script.problems(), *still)

    def check(self) -> None:
        """Raise ScriptError unless all requests were met and answered and all rules were played."""
        if problems := self.problems():
            raise ScriptError("\n".join(problems))

    async def _handle(self, wire: Wire, incoming: web.Request) -> web.StreamResponse:
        body = await incoming.json()
        request = wire.read(body, {k.lower(): v for k, v in incoming.headers.items()})
        self.open += 1
        self._arrived += 1
        reply: Reply | None = None
        try:
            reply = await self.script.play(request)
            self.requests.append(request)
            return await _answer(wire, incoming, request, reply)
        except ScriptError as error:
            refusal = wire.error("invalid_request_error", f"script: {error.message}")
            return web.json_response(refusal, status=400)
        except (asyncio.CancelledError, ConnectionError):
            if reply is None or reply.cut is None:
                self.dropped.append(request)
            raise
        finally:
            self.open -= 1


async def _answer(
    wire: Wire, incoming: web.Request, request: Request, reply: Reply
) -> web.StreamResponse:
    streams = request.raw.get("stream") if wire.streams is None else wire.streams
    streamed = bool(streams) and reply.status == 200
    if reply.status != 200:
        parts: Iterable[str] = [json.dumps(wire.error(reply.error_type, reply.error))]
    elif streamed:
        parts = wire.events(request, reply)
    else:
        parts = [json.dumps(wire.plain(request, reply), ensure_ascii=False)]
    kind = "text/event-stream" if streamed else "application/json"
    response = web.StreamResponse(
        status=reply.status, headers={"content-type": kind, **reply.headers}
    )
    await _send(incoming, response, reply, parts)
    return response


async def _send(
    incoming: web.Request, response: web.StreamResponse, reply: Reply, parts: Iterable[str]
) -> None:
    if reply.cut == 0:
        _cut(incoming)
        return
    await response.prepare(incoming)
    sent = 0
    async for chunk in _chunks(parts, reply):
        if reply.cut is not None and sent + len(chunk) >= reply.cut:
            await response.write(chunk[: reply.cut - sent])
            _cut(incoming)
            return
        await response.write(chunk)
        sent += len(chunk)
    await response.write_eof()


async def _chunks(parts: Iterable[str], reply: Reply) -> AsyncIterator[bytes]:
    for part in parts:
        data = part.encode()
        if reply.drip is None:
            yield data
            continue
        for start in range(0, len(data), reply.drip.bytes):
            await asyncio.sleep(reply.drip.seconds)
            yield data[start : start + reply.drip.bytes]


def _cut(incoming: web.Request) -> None:
    if incoming.transport is not None:
        incoming.transport.abort()
