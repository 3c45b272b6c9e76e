"""Where a delegated program finds its model: its requests are passed on, and get the key here.

The program holds a word of ours in place of the key, which is worth something at this place only,
while it runs.  Requests go to one address that we fixed, below one path; answers are passed on as
they come.  Neither is kept or logged.
"""

import asyncio
import contextlib
import hmac
import logging
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp import web
from attrs import define, frozen

from ..sandbox.policy import WayOut
from ..sandbox.proxy import socket_at
from .operator_proxy import OperatorProxy

PORT: Final = 31_281  # in a network namespace of its own, so it is free
CLOSE_SECONDS: Final = 1.0  # for the rest of a request that was refused, and for all at the end
METHODS: Final = ("GET", "POST")
# In which header a program says its key, and what stands before it.
KEY_HEADERS: Final = {"authorization": "Bearer ", "x-api-key": "", "x-goog-api-key": ""}

_CHUNK: Final = 1 << 16
# Of one connection only, or ours to say.  Answers have to come as they are: see ``_Masked``.
_OUR_HEADERS: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("accept-encoding", "content-encoding", "cookie", "expect", "host"),
        *KEY_HEADERS,
    }
)
_OF_AN_ANSWER: Final = frozenset({"content-length", "set-cookie"})
_VERSION: Final = re.compile(r"/v\d[\w.]*$", re.ASCII)  # some programs name it themselves
# The library would log what a request holds that it cannot read.
_SILENT: Final = logging.Logger("gateway", level=logging.CRITICAL + 1)

_VOUCHED: Final = "one that the system's roots (ca-certificates, or SSL_CERT_FILE) vouch for"

_OF_PROXIES: Final = (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError)

Header = tuple[str, str]


@frozen(kw_only=True)
class GatewayLimits:
    """What one program gets: connections at a time, bytes of a request and of an answer.

    ``idle_seconds`` pass without a byte of an answer, ``total_seconds`` with one request.
    """

    connections: int = 32
    request_bytes: int = 64 * 1024 * 1024
    answer_bytes: int = 256 * 1024 * 1024
    connect_seconds: float = 20.0
    idle_seconds: float = 600.0  # as long as programs wait for an answer that is not streamed
    total_seconds: float = 3600.0


class Refused(Exception):
    """A request that is not passed on, or had no answer: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """Open inside ``async with``: a port of this machine, or a socket at ``place``.

    ``base_url`` is the provider's address, to which requests below its path are passed on with
    ``key``, for which the program has ``word``.  ``note`` hears, once for each reason, why it could
    not be asked; ``trouble`` is why the last request had no answer, if so.  ``proxy`` leads
    there.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        place: Path | None,
        note: Callable[[str], None],
        limits: GatewayLimits | None = None,
        *,
        proxy: OperatorProxy | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        # A name and a password in it would be a second key, and be told in what we answer.
        self._origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._path = parts.path.rstrip("/")
        self._below = _VERSION.sub("", self._path) + "/"
        self._key = key
        self._place = place
        self._note = note
        self._noted = set[str]()  # of the few sentences that there are
        self.trouble = ""
        self._proxy = proxy
        self._limits = limits or GatewayLimits()
        self.word = f"dispatch-{secrets.token_urlsafe(32)}"
        self._stack = contextlib.AsyncExitStack()
        self._way: WayOut | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        async with contextlib.AsyncExitStack() as stack:
            limits = self._limits
            # The roots of the system are read from files.
            roots = await asyncio.to_thread(ssl.create_default_context)
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    # A connection that waits may be closed just when the next request is sent.
                    connector=aiohttp.TCPConnector(ssl=roots, force_close=True),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(
                        total=limits.total_seconds,
                        connect=3 * limits.connect_seconds,  # all addresses, and a proxy's answer
                        sock_connect=limits.connect_seconds,
                        sock_read=limits.idle_seconds,
                    ),
                    trust_env=False,
                    read_bufsize=_CHUNK,
                )
            )
            # A program that goes away ends its request at the provider's, too.
            self._server = web.Server(
                self._answer,
                handler_cancellation=True,
                access_log=None,
                logger=_SILENT,
                lingering_time=CLOSE_SECONDS,
            )
            stack.push_async_callback(self._server.shutdown, CLOSE_SECONDS)
            listening = self._socket()
            stack.callback(listening.close)
            if self._place is not None:
                stack.callback(self._place.unlink, missing_ok=True)
            loop = asyncio.get_running_loop()
            listener = await loop.create_server(self._protocol, sock=listening)
            stack.callback(listener.close)
            port = PORT if self._place is not None else int(listening.getsockname()[1])
            self._way = WayOut(port=port, socket=self._place)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more, and end what is connected."""
        await self._stack.aclose()

    @property
    def way(self) -> WayOut:
        """How a sandbox leads here."""
        assert self._way is not None  # asked for while it is open
        return self._way

    @property
    def base_url(self) -> str:
        """The address that a program gets in place of the provider's."""
        return f"http://127.0.0.1:{self.way.port}{self._path}"

    def _socket(self) -> socket.socket:
        if self._place is not None:
            return socket_at(self._place)
        return socket.create_server(("127.0.0.1", 0))

    def _protocol(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self._limits.connections:
            return _TooMany()
        return self._server()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer: web.StreamResponse | None = None
        try:
            headers = self._headers(request)
            target = self._origin + self._target(request)
            if self._proxy is not None and self._proxy.problem:
                raise Refused(502, self._proxy.problem)
            async with self._session.request(
                request.method,
                target,
                headers=headers,
                data=request.content if request.body_exists else None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
                proxy=None if self._proxy is None else self._proxy.url,
                proxy_headers=None if self._proxy is None else self._proxy.headers,
            ) as far:
                masked = _Masked(self._key, self.word)
                answer = web.StreamResponse(status=far.status, headers=masked.headers(far.headers))
                await answer.prepare(request)
                async for piece in masked.pieces(self._bounded(far.content.iter_any())):
                    await answer.write(piece)
                await answer.write_eof()
                self.trouble = ""
                return answer
        except (Refused, TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            why = self._reason(error)
        if why.status >= 500 and request.transport is not None:
            self.trouble = str(why)
            if self.trouble not in self._noted:
                self._noted.add(self.trouble)
                self._note(f"no answer for the program: {why}")
        return _told(request, answer, why)

    def _headers(self, request: web.BaseRequest) -> list[Header]:
        """What the provider is told: all that the program said, with the key in its place."""
        if request.method not in METHODS:
            raise Refused(405, f"only {' and '.join(METHODS)} are passed on")
        length = request.content_length
        if request.body_exists and length is None:
            raise Refused(411, "the length of a request has to be said before it")
        if length is not None and length > self._limits.request_bytes:
            raise Refused(413, f"a request is longer than {self._limits.request_bytes} bytes")
        given = [
            (name, scheme, value)
            for name, scheme in KEY_HEADERS.items()
            for value in request.headers.getall(name, ())
        ]
        is_ours = [
            hmac.compare_digest(value.encode(errors="replace"), (scheme + self.word).encode())
            for _, scheme, value in given
        ]
        if not (is_ours and all(is_ours)):
            raise Refused(401, "the key of a request is not the one that this program was given")
        named = {word.strip().lower() for word in request.headers.get("connection", "").split(",")}
        return [
            *_passed(request.headers, _OUR_HEADERS | named),
            *((name, scheme + self._key) for name, scheme, _ in given),
            ("accept-encoding", "identity"),
        ]

    def _reason(self, error: Exception) -> Refused:
        """Why there is no answer: who of the provider and the operator's proxy is to blame."""
        origin, proxy = self._origin, f"the proxy {self._proxy.place}" if self._proxy else ""
        if isinstance(error, Refused):
            return error
        if isinstance(error, TimeoutError):
            return Refused(504, f"{origin} did not answer in time")
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return Refused(502, f"{proxy} answered {error.status} for {origin}")
        # With a proxy a name that is looked up here is its own.
        is_of_proxy = isinstance(error, aiohttp.ClientConnectorError) and (
            error.host != urlsplit(origin).hostname or isinstance(error, _OF_PROXIES)
        )
        whose, through = origin, f" through {proxy}" if proxy else ""
        if proxy and is_of_proxy:
            whose, through = proxy, ""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return Refused(502, f"the certificate of {whose} is not {_VOUCHED}")
        return Refused(502, f"{whose} could not be reached{through}, or broke off")

    def _target(self, request: web.BaseRequest) -> str:
        """Path and query as they were written; nothing in them may mean another place."""
        raw = request.raw_path
        path, _, query = raw.partition("?")
        parts = unquote(path).split("/")
        is_plain = not any(part in (".", "..") for part in parts) and "\\" not in unquote(path)
        if not (is_plain and path.startswith(self._below) and "#" not in raw):
            raise Refused(403, f"only what is below {self._below} is passed on")
        if self.word in unquote(query):
            raise Refused(403, "a key belongs into a header, not into an address")
        return raw

    async def _bounded(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        left = self._limits.answer_bytes
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise Refused(502, f"an answer is longer than {self._limits.answer_bytes} bytes")
            yield piece


@define
class _Masked:
    """An answer in which the key, should the provider repeat it, is the program's word again."""

    key: str
    word: str

    def headers(self, given: Mapping[str, str]) -> list[Header]:
        """Those of an answer."""
        passed = _passed(given, _OUR_HEADERS | _OF_AN_ANSWER)
        return [(name, value.replace(self.key, self.word)) for name, value in passed]

    async def pieces(self, given: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """What came, at once, but for an end that may be the beginning of the key."""
        key, word, held = self.key.encode(), self.word.encode(), b""
        async for piece in given:
            held = (held + piece).replace(key, word)
            kept = next(
                (size for size in range(len(key) - 1, 0, -1) if held.endswith(key[:size])), 0
            )
            ready, held = held[: len(held) - kept], held[len(held) - kept :]
            if ready:
                yield ready
        if held:
            yield held


class _TooMany(asyncio.Protocol):
    """A connection that is one too many: closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


def _passed(headers: Mapping[str, str], but: Collection[str]) -> list[Header]:
    return [(name, value) for name, value in headers.items() if name.lower() not in but]


def _told(
    request: web.BaseRequest, answer: web.StreamResponse | None, why: Refused
) -> web.StreamResponse:
    """Say it in the form that every program reads; an answer under way is broken off."""
    if answer is not None and answer.prepared:
        if request.transport is not None:
            request.transport.abort()
        return answer
    error = {"type": "api_error", "message": f"dispatch: {why}", "code": why.status}
    told = web.json_response({"type": "error", "error": error}, status=why.status)
    told.force_close()  # what is left of its request is not read
    return told
