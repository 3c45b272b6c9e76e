"""A scripted server in a thread of its own, for tests that drive the program as a child process."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from .script import Request, Script
from .server import ScriptedServer

START_SECONDS = 10.0
WAIT_SECONDS = 30.0  # the default for waiting on a rule

T = TypeVar("T")


class ServerThread:
    """``with ServerThread(script) as server``: every method may be called from any thread."""

    def __init__(self, script: Script) -> None:
        self._server = ScriptedServer(script)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="scripted-model", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(START_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``, without ``/v1``."""
        return self._server.url

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests that a rule answered, in order of arrival."""
        return tuple(self._server.requests)

    @property
    def dropped(self) -> tuple[Request, ...]:
        """The requests whose client went away before the whole answer was sent."""
        return tuple(self._server.dropped)

    def wait_seen(self, name: str, limit: float = WAIT_SECONDS) -> None:
        """Return once the rule has met its first request; raises TimeoutError."""
        rule = self._server.script.rule(name)
        self._in_loop(_within(rule.seen, limit))

    def release(self, name: str) -> None:
        """Let the requests of a held rule go."""
        rule = self._server.script.rule(name)
        self._in_loop(_set(rule.go))

    def settled(self) -> None:
        """Return once no request is open and none has come for a while; raises TimeoutError."""
        self._in_loop(self._server.settled())

    def check(self) -> None:
        """Raise ScriptError unless all requests were met and answered and all rules were played."""
        self._server.check()

    def _in_loop(self, work: Coroutine[object, object, T]) -> T:
        if self._loop is None:
            raise RuntimeError("the server is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS * 2)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._server:
            self._started.set_result(None)
            await self._stop.wait()


async def _within(event: asyncio.Event, limit: float) -> None:
    async with asyncio.timeout(limit):
        await event.wait()


async def _set(event: asyncio.Event) -> None:
    event.set()
