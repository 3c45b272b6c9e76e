"""The way out of a sandbox: a proxy that connects to the hosts the operator named, and no other.

It runs in one thread of ours.  Each command with a network has a door of its own, with its own
list of hosts; what was refused there is kept, so that the operator sees why a command failed.  A
name is resolved once for each connection, and only the addresses that were looked at are connected
to.  What passes through a tunnel is not looked at: the certificates say who is at its other end.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import frozen

from ...policy.hosts import Endpoint, HostRule, is_public, parse_rule, permitted
from .policy import WayOut
from .proxy_request import Refused, Request, parse_request

INNER_PORT: Final = 31_280  # in a network namespace of its own, so it is free
MAX_ADDRESSES: Final = 8  # of one name that are tried
MAX_REFUSALS: Final = 50  # kept of one door
_CHUNK: Final = 1 << 16

T = TypeVar("T")
# The addresses of a host, best first; raises OSError when there are none.
Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]


@frozen(kw_only=True)
class ProxyLimits:
    """What one door gives: connections at a time, bytes of a head, seconds of patience.

    ``idle_seconds`` pass without a byte in either direction before a connection is closed.
    """

    connections: int = 64
    head_bytes: int = 16 * 1024
    head_seconds: float = 10.0
    connect_seconds: float = 20.0
    idle_seconds: float = 120.0


@frozen(kw_only=True)
class Door:
    """Where a command reaches the proxy; ``refusals`` are lines, complete once it is closed."""

    address: WayOut
    refusals: list[str]


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses that the system's resolver gives."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


class Proxy:
    """Opens doors; its thread begins with the first one."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        limits: ProxyLimits | None = None,
    ) -> None:
        """``is_allowed`` says which addresses may be connected to."""
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._limits = limits or ProxyLimits()
        self._begun = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def door(self, hosts: tuple[str, ...], path: Path | None) -> Iterator[Door]:
        """A door to these hosts: a socket at ``path``, or a port of the loopback address.

        Closed, with every connection through it, when it is left.  Raises NotAHost for a line that
        names none.
        """
        rules = tuple(map(parse_rule, hosts))
        refusals = dict[str, None]()
        serving = _Serving(rules, self._resolve, self._is_allowed, self._limits, refusals)
        port = self._call(serving.open(path))
        lines = list[str]()
        try:
            yield Door(address=WayOut(port=port, socket=path), refusals=lines)
        finally:
            self._call(serving.close())
            lines += refusals

    def close(self) -> None:
        """End the thread; every door has been left."""
        with self._begun:
            if self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        with self._begun:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="proxy", daemon=True
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Serving:
    """One open door, in the proxy's thread."""

    def __init__(
        self,
        rules: tuple[HostRule, ...],
        resolve: Resolve,
        is_allowed: Callable[[str], bool],
        limits: ProxyLimits,
        refusals: dict[str, None],
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._limits = limits
        self._refusals = refusals
        self._path: Path | None = None
        self._server: asyncio.Server | None = None
        self._connections = set[asyncio.Task[None]]()

    async def open(self, path: Path | None) -> int:
        """Listen; the port at which a command will find the door."""
        limit = self._limits.head_bytes
        if path is None:
            self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0, limit=limit)
            return int(self._server.sockets[0].getsockname()[1])
        self._path = path
        self._server = await asyncio.start_unix_server(
            self._begin, sock=socket_at(path), limit=limit
        )
        return INNER_PORT

    async def close(self) -> None:
        """Listen no more, and end what is connected."""
        if self._server is not None:
            self._server.close()
        for task in (connections := tuple(self._connections)):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # What a stranger does to a connection ends that connection.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            try:
                try:
                    await self._answer(reader, writer)
                except Refused as refused:
                    self._refuse(writer, refused)
                writer.close()
                async with asyncio.timeout(self._limits.head_seconds):
                    await writer.wait_closed()  # with what is still to be sent
            finally:
                writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) > self._limits.connections:
            raise Refused(f"more than {self._limits.connections} connections at a time", 503)
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Refused("a request whose head is too long", 431) from None
        except TimeoutError:
            raise Refused("a request whose head did not arrive in time", 408) from None
        request = parse_request(head[:-4])
        far_reader, far_writer = await self._connect(request.endpoint)
        try:
            if request.is_tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                far_writer.write(request.head)
            await self._relay(request, (reader, writer), (far_reader, far_writer))
        finally:
            far_writer.transport.abort()

    async def _connect(self, to: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not permitted(self._rules, to):
            raise Refused(f"{to}: the list of hosts does not name it", 403)
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                addresses = await self._resolve(to.host, to.port)
                if not all(map(self._is_allowed, addresses)):
                    raise Refused(f"{to}: its address is not one of the internet", 403)
                for address in addresses[:MAX_ADDRESSES]:
                    with contextlib.suppress(OSError):
                        return await asyncio.open_connection(address, to.port)
        except TimeoutError:
            raise Refused(f"{to}: no connection in time", 504) from None
        except (OSError, UnicodeError):
            raise Refused(f"{to}: its name could not be resolved", 502) from None
        raise Refused(f"{to}: nobody answers there", 502)

    async def _relay(
        self,
        request: Request,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Pass bytes on until the far side has ended, or none have moved for too long."""
        loop = asyncio.get_running_loop()
        idle = self._limits.idle_seconds
        async with asyncio.timeout(idle) as deadline:

            async def pass_on(
                source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int | None
            ) -> None:
                while left is None or left > 0:
                    data = await source.read(_CHUNK if left is None else min(_CHUNK, left))
                    if not data:
                        sink.write_eof()
                        return
                    left = None if left is None else left - len(data)
                    sink.write(data)
                    await sink.drain()  # no more in flight than a buffer holds
                    deadline.reschedule(loop.time() + idle)

            count = None if request.is_tunnel else request.body_bytes
            there = asyncio.ensure_future(pass_on(near[0], far[1], count))
            try:
                await pass_on(far[0], near[1], None)
            finally:
                there.cancel()
                await asyncio.gather(there, return_exceptions=True)

    def _refuse(self, writer: asyncio.StreamWriter, refused: Refused) -> None:
        """Say it to the client, and keep it for the operator."""
        if len(self._refusals) < MAX_REFUSALS:
            self._refusals[str(refused)] = None
        text = f"dispatch refused: {refused}\n".encode()
        head = (
            f"HTTP/1.1 {refused.status} Refused\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode("ascii") + text)


def socket_at(path: Path) -> socket.socket:
    """A socket of ours alone; by way of its folder, since an address has room for 107 bytes."""
    made = socket.socket(socket.AF_UNIX)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(0o600)
    except OSError:
        made.close()
        raise
    finally:
        os.close(folder)
    return made
