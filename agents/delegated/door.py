"""The socket at which a delegated program's server of tools reaches its desk."""

import asyncio
import contextlib
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from ..sandbox.proxy import socket_at
from .desk import Desk
from .mcp import MAX_LINE_BYTES, serve

DRAIN_SECONDS: Final = 2.0  # for what was sent to be read
MAX_CONNECTIONS: Final = 16  # at a time; more are closed at once


class Door:
    """Open inside ``async with``; the socket at ``path`` is gone afterwards.

    Calls that are under way when the program ends are seen to their end by ``drained``; what is
    left when the door is closed is cancelled.
    """

    def __init__(self, path: Path, desk: Desk[Any]) -> None:
        self._path = path
        self._desk = desk
        self._connections = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_unix_server(
            self._begin, sock=socket_at(self._path), limit=MAX_LINE_BYTES
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more, and end what is connected."""
        if self._server is not None:
            self._server.close()
        for task in (left := tuple(self._connections)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    async def drained(self) -> None:
        """Take what a program that has ended had sent, and see its calls to their end.

        Bounded by the limits of our own checks.
        """
        if self._connections:  # its ends are closed, so they end once all was read
            await asyncio.wait(tuple(self._connections), timeout=DRAIN_SECONDS)
        await self._desk.idle()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.ensure_future(serve(reader, writer, self._desk, version("dispatch")))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
