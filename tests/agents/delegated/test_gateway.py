"""The gateway over real sockets: what it passes on, what it refuses, and how that ends."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from attrs import define, field, frozen
from fakes.deaf_port import deaf_port

from dispatch.agents.delegated.gateway import Gateway, GatewayLimits
from dispatch.agents.delegated.operator_proxy import OperatorProxy, proxy_for

FAR = "https://far.example"
KEY = "sk-ant-0123456789-this-is-no-key"
SECONDS = 10.0  # for anything at all

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class Asked:
    """What a provider got."""

    method: str
    path: str
    headers: Mapping[str, str]
    text: str


@define
class Provider:
    """Answers as it is told; ``left``: somebody who asked has gone away."""

    answer: Answer
    url: str = ""
    asked: list[Asked] = field(factory=list)
    left: asyncio.Event = field(factory=asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep a request and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        text = (await request.read()).decode()
        path = request.raw_path
        self.asked.append(Asked(method=request.method, path=path, headers=headers, text=text))
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.left.set()
            raise


@asynccontextmanager
async def providing(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    """A provider at a port of this machine."""
    provider = Provider(answer)
    server = web.Server(provider.handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    scheme = "http" if tls is None else "https"
    provider.url = f"{scheme}://localhost:{runner.addresses[0][1]}/api/v1"
    try:
        yield provider
    finally:
        await runner.cleanup()


@define
class Seat:
    """Where a program sits, with a gateway to ask; ``notes`` is what the operator hears."""

    gateway: Gateway
    session: aiohttp.ClientSession
    notes: list[str]

    @asynccontextmanager
    async def asks(self, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request with the program's word as its key."""
        given = {"x-api-key": self.gateway.word, **headers}
        url = f"{self.gateway.base_url}/messages?beta=true"
        async with self.session.post(
            url, headers=given, data=b'{"a": 1}', allow_redirects=False
        ) as answer:
            yield answer

    async def says(self, request: str) -> str:
        """All that is answered to a request as it is written, with ``WORD`` for the program's."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.way.port)
        try:
            writer.write(request.replace("WORD", self.gateway.word).encode())
            async with asyncio.timeout(SECONDS):
                return (await reader.read()).decode()
        finally:
            writer.close()


@asynccontextmanager
async def seated(
    url: str, limits: GatewayLimits | None = None, proxy: OperatorProxy | None = None
) -> AsyncIterator[Seat]:
    """A gateway to a provider, and who asks it."""
    notes = list[str]()
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with (
        Gateway(url, KEY, None, notes.append, limits, proxy=proxy) as gateway,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Seat(gateway, session, notes)


async def fine(request: web.BaseRequest) -> web.StreamResponse:
    """An answer."""
    return web.json_response({"ok": True}, headers={"retry-after": "7"})


@pytest.mark.parametrize(
    ("header", "before"), [("x-api-key", ""), ("Authorization", "Bearer "), ("X-Goog-Api-Key", "")]
)
async def test_a_request_is_passed_on_as_it_is_but_with_the_key(header: str, before: str) -> None:
    async with providing(fine) as provider, seated(provider.url) as seat:
        answer = await seat.says(
            "POST /api/v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\n"
            f"{header}: {before}WORD\r\nanthropic-beta: a,b\r\nCookie: c=d\r\nX-Hop: e\r\n"
            'Content-Length: 8\r\n\r\n{"a": 1}'
        )
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "retry-after: 7" in answer.lower()
    assert '{"ok": true}' in answer
    assert provider.asked == [
        Asked(
            method="POST",
            path="/api/v1/messages?beta=true",
            headers={
                "host": provider.url.split("/")[2],
                "anthropic-beta": "a,b",
                header.lower(): before + KEY,
                "accept-encoding": "identity",
                "content-length": "8",
                "connection": "close",
            },
            text='{"a": 1}',
        )
    ]
    assert seat.notes == []


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /api/v1/models", "x-api-key: WORD", 200),
        ("GET /api/v1beta/models", "x-api-key: WORD", 200),  # the version is theirs to name
        ("GET /api/v1/models", "", 401),
        ("GET /api/v1/models", "x-api-key: sk-of-mine", 401),
        ("GET /api/v1/models", "authorization: WORD", 401),
        ("GET /api/v1/models", "x-api-key: WORD\r\nauthorization: Bearer sk-of-mine", 401),
        ("GET /api/v1/models", "x-api-key: WORD\r\nx-api-key: sk-of-mine", 401),
        ("GET /api/v1/models?key=WORD", "", 401),
        ("GET /api/v1/models?key=WORD", "x-api-key: WORD", 403),
        ("GET /api", "x-api-key: WORD", 403),
        ("GET /apiary/v1/models", "x-api-key: WORD", 403),
        ("GET //api/v1/models", "x-api-key: WORD", 403),
        ("GET /api/v1/../../admin", "x-api-key: WORD", 403),
        ("GET /api/v1/%2e%2E/%2e%2e/admin", "x-api-key: WORD", 403),
        ("GET /api/v1/..%2f..%2fadmin", "x-api-key: WORD", 403),
        ("GET /api/v1/..%5cadmin", "x-api-key: WORD", 403),
        ("GET http://evil.example/api/v1/models", "x-api-key: WORD", 403),
        ("CONNECT evil.example:443", "x-api-key: WORD", 405),
        ("DELETE /api/v1/files/1", "x-api-key: WORD", 405),
        ("POST /api/v1/messages", "x-api-key: WORD\r\nContent-Length: 101", 413),
        ("POST /api/v1/messages", "x-api-key: WORD\r\nTransfer-Encoding: chunked", 411),
        ("what is this", "x-api-key: WORD", 400),
    ],
)
async def test_only_requests_of_this_program_for_its_model_are_passed_on(
    line: str, headers: str, status: int
) -> None:
    limits = GatewayLimits(request_bytes=100)
    async with providing(fine) as provider, seated(provider.url, limits) as seat:
        lines = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}".rstrip()
        answer = await seat.says(f"{lines}\r\n\r\n")
        assert answer.split()[1] == str(status)
        assert KEY not in answer
    assert len(provider.asked) == (status == 200)
    assert seat.notes == []


async def test_a_stream_is_passed_on_piece_by_piece() -> None:
    """The next piece is made only when the one before has arrived."""
    arrived = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: 1\n\n")
        async with asyncio.timeout(SECONDS):
            await arrived.wait()
        await stream.write(b"data: 2\n\n")
        return stream

    async with providing(answer) as provider, seated(provider.url) as seat, seat.asks() as got:
        assert got.headers["content-type"] == "text/event-stream"
        assert await got.content.readany() == b"data: 1\n\n"
        arrived.set()
        assert await got.content.read() == b"data: 2\n\n"


async def test_a_provider_that_repeats_the_key_does_not_tell_it() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse(status=401, headers={"x-told": f"<{KEY}>"})
        await stream.prepare(request)
        for piece in (f"no: {KEY[:9]}", KEY[9:], f", {KEY}{KEY[:4]}"):
            await stream.write(piece.encode())
            await asyncio.sleep(0)
        return stream

    async with providing(answer) as provider, seated(provider.url) as seat, seat.asks() as got:
        word = seat.gateway.word
        assert got.headers["x-told"] == f"<{word}>"
        assert (got.status, await got.text()) == (401, f"no: {word}, {word}{KEY[:4]}")


async def test_nobody_is_led_elsewhere() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"location": "/api/v1/other"})

    async with providing(answer) as provider, seated(provider.url) as seat, seat.asks() as got:
        assert got.status == 307
    assert len(provider.asked) == 1


async def test_a_request_whose_program_goes_away_ends_at_the_provider_s_too() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"first")
        await asyncio.sleep(60)
        return stream

    async with providing(answer) as provider, seated(provider.url) as seat:
        async with seat.asks() as got:
            assert await got.content.readany() == b"first"
            got.close()
        async with asyncio.timeout(SECONDS):
            await provider.left.wait()
        assert seat.notes == []


async def test_an_answer_that_breaks_off_is_no_whole_one() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return stream

    async with providing(answer) as provider, seated(provider.url) as seat, seat.asks() as got:
        with pytest.raises(aiohttp.ClientError):
            await got.read()
        told = f"no answer for the program: {provider.url.removesuffix('/api/v1')} could not be "
        assert seat.notes == [f"{told}reached, or broke off"]


async def test_an_answer_without_an_end_is_broken_off() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        while True:
            await stream.write(b"x" * 100)

    limits = GatewayLimits(answer_bytes=10_000)
    async with providing(answer) as provider, seated(provider.url, limits) as seat:
        async with seat.asks() as got:
            with pytest.raises(aiohttp.ClientError):
                await got.read()
        assert seat.notes == ["no answer for the program: an answer is longer than 10000 bytes"]


async def test_a_provider_that_is_not_there_is_an_error_with_a_sentence() -> None:
    with deaf_port() as port:
        async with seated(f"http://127.0.0.1:{port}/api/v1") as seat, seat.asks() as got:
            said = f"http://127.0.0.1:{port} could not be reached, or broke off"
            error = {"type": "api_error", "message": f"dispatch: {said}", "code": 502}
            assert (got.status, await got.json()) == (502, {"type": "error", "error": error})
            assert seat.notes == [f"no answer for the program: {said}"]


async def test_a_provider_that_says_nothing_is_not_waited_for_without_end() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    limits = GatewayLimits(idle_seconds=0.2)
    async with providing(answer) as provider, seated(provider.url, limits) as seat:
        async with seat.asks() as got:
            assert got.status == 504
        async with asyncio.timeout(SECONDS):
            await provider.left.wait()


async def test_a_connection_too_many_is_closed() -> None:
    limits = GatewayLimits(connections=1)
    async with providing(fine) as provider, seated(provider.url, limits) as seat:
        async with seat.asks() as got:
            assert await got.json() == {"ok": True}  # and stays connected
        assert await seat.says("GET /api/v1/models HTTP/1.1\r\n\r\n") == ""


def certified(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """What a provider that is called localhost proves it with, and the file of its certificate."""
    certificate, private = tmp_path / "certificate.pem", tmp_path / "private.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(private), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, private)
    return tls, certificate


@pytest.mark.parametrize("trusted", [False, True])
async def test_the_key_goes_only_to_whom_the_system_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    tls, certificate = certified(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with providing(fine, tls) as provider, seated(provider.url) as seat, seat.asks() as got:
        if trusted:
            assert await got.json() == {"ok": True}
            return
        said = (
            f"dispatch: the certificate of {provider.url.removesuffix('/api/v1')} is not one that"
        )
        assert (await got.json())["error"]["message"].startswith(said)
        assert provider.asked == []


@define
class OperatorsProxy:
    """Opens tunnels, or refuses to; ``heard`` is all that went through it or was said to it."""

    refusal: str = ""
    is_silent: bool = False
    url: str = ""
    heard: bytearray = field(factory=bytearray)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: its head, then what both sides say."""
        head = await reader.readexactly(7)
        self.heard += head
        if head != b"CONNECT":
            writer.close()
            return
        head += await reader.readuntil(b"\r\n\r\n")
        self.heard += head[7:]
        host, _, port = head.split()[1].decode().partition(":")
        if self.is_silent:
            await reader.read()
        elif self.refusal:
            writer.write(f"HTTP/1.1 {self.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        writer.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(1 << 16):
                self.heard += piece
                target.write(piece)
                await target.drain()
        target.close()


@asynccontextmanager
async def operators_proxy(
    refusal: str = "", *, silent: bool = False
) -> AsyncIterator[OperatorsProxy]:
    """A proxy with a name and a password at a port of this machine."""
    proxy = OperatorsProxy(refusal, silent)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        proxy.url = f"http://una:hush@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


def _proxy_at(address: str) -> OperatorProxy | None:
    return proxy_for(FAR, {"HTTPS_PROXY": address})


async def test_through_the_operator_s_proxy_goes_nothing_that_it_could_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, certificate = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with (
        providing(fine, tls) as provider,
        operators_proxy() as proxy,
        seated(provider.url, proxy=_proxy_at(proxy.url)) as seat,
    ):
        async with seat.asks() as got:
            assert await got.json() == {"ok": True}
        heard = bytes(proxy.heard)
    assert heard.startswith(f"CONNECT {provider.url.split('/')[2]} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic " in heard
    assert KEY.encode() not in heard
    assert [asked.headers["x-api-key"] for asked in provider.asked] == [KEY]
    assert "proxy-authorization" not in provider.asked[0].headers


async def test_a_proxy_that_gives_no_way_is_blamed_and_not_the_provider(tmp_path: Path) -> None:
    """It refuses, breaks off, is not there, is not trusted, or is of another kind."""
    async with operators_proxy("407 Who are you") as proxy:
        place = proxy.url.rpartition("@")[2]
        assert await _answered(proxy.url) == f"the proxy {place} answered 407 for {FAR}"
        said = f"the proxy {place} could not be reached, or broke off"
        assert await _answered(proxy.url.replace("http:", "https:")) == said
    async with operators_proxy("not even HTTP") as proxy:
        place = proxy.url.rpartition("@")[2]
        said = f"{FAR} could not be reached through the proxy {place}, or broke off"
        assert await _answered(proxy.url) == said
    with deaf_port() as port:
        said = f"the proxy 127.0.0.1:{port} could not be reached, or broke off"
        assert await _answered(f"http://a:b@127.0.0.1:{port}") == said
    long = "x" * 300  # no name at all, which is found out without asking anybody
    said = f"{FAR} could not be reached through the proxy {long}:1, or broke off"
    assert await _answered(f"http://{long}:1") == said
    async with providing(fine, certified(tmp_path)[0]) as provider:
        place = provider.url.split("/")[2]
        said = f"the certificate of the proxy {place} is not one that the system's roots"
        assert (await _answered(f"https://{place}")).startswith(said)
    said = "the proxy a:1 of HTTPS_PROXY is none of http:// or https://"
    assert await _answered("socks5://a:1") == said


async def test_a_proxy_that_never_answers_is_not_waited_for_without_end() -> None:
    async with operators_proxy(silent=True) as proxy:
        limits = GatewayLimits(connect_seconds=0.1)
        assert await _answered(proxy.url, limits, 504) == f"{FAR} did not answer in time"


async def _answered(address: str, limits: GatewayLimits | None = None, status: int = 502) -> str:
    """What a program is told that asks through a proxy, and the operator hears, too."""
    async with seated(FAR, limits, _proxy_at(address)) as seat, seat.asks() as got:
        said = str((await got.json())["error"]["message"]).removeprefix("dispatch: ")
        assert (got.status, seat.notes) == (status, [f"no answer for the program: {said}"])
        return said


async def test_a_gateway_at_a_socket_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "gateway"
    async with providing(fine) as provider:
        async with Gateway(provider.url, KEY, place, print) as gateway:
            assert place.stat().st_mode & 0o777 == 0o600
            assert (gateway.way.socket, gateway.base_url) == (
                place,
                f"http://127.0.0.1:{gateway.way.port}/api/v1",
            )
            connector = aiohttp.UnixConnector(str(place))
            word = {"x-api-key": gateway.word}
            async with (
                aiohttp.ClientSession(connector=connector, headers=word) as session,
                session.get(f"{gateway.base_url}/models") as got,
            ):
                assert await got.json() == {"ok": True}
        assert list(tmp_path.iterdir()) == []


async def test_each_program_has_a_word_of_its_own() -> None:
    async with seated("http://127.0.0.1:9") as one, seated("http://127.0.0.1:9") as other:
        assert one.gateway.word != other.gateway.word
