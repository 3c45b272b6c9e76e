"""The proxy, over real sockets; names lead to servers of the test."""

import asyncio
import contextlib
import shlex
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fakes.deaf_port import deaf_port

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.bubblewrap import BubblewrapLauncher, locate
from dispatch.agents.sandbox.proxy import Proxy, ProxyLimits
from dispatch.policy.hosts import NotAHost

PRIVATE = "127.0.0.2"
LIMITS = ProxyLimits(connections=4, head_seconds=0.3, connect_seconds=5, idle_seconds=0.5)


class Names:
    """Resolves every name to this machine; the second answer for ``rebound`` is private."""

    def __init__(self) -> None:
        self.asked = list[str]()

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a name."""
        self.asked.append(host)
        if host == "mixed.example":
            return ("127.0.0.1", PRIVATE)
        if host == "private.example" or self.asked.count("rebound.example") > 1:
            return (PRIVATE,)
        if host == "unknown.example":
            raise OSError("no such name")
        return ("127.0.0.1",)


class Page(BaseHTTPRequestHandler):
    """Answers with what it was asked for, by which name."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A page of one line."""
        length = int(self.headers.get("Content-Length", "0"))
        body = f"page {self.path} of {self.headers['Host']} {self.rfile.read(length).decode()}\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET

    def log_message(self, *words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a web server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def names() -> Names:
    """What is asked of the resolver."""
    return Names()


@pytest.fixture
def proxy(names: Names) -> Iterator[Proxy]:
    """A proxy to which the first address of this machine is one of the internet."""
    made = Proxy(resolve=names, is_allowed=lambda address: address == "127.0.0.1", limits=LIMITS)
    yield made
    made.close()


def say(port: int, data: bytes) -> bytes:
    """All that a door answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        answer = bytearray()
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
            while piece := client.recv(1 << 16):
                answer += piece
        return bytes(answer)


def test_a_host_on_the_list_is_reached_in_both_ways(proxy: Proxy, port: int) -> None:
    """By a tunnel and by an absolute address; what the list does not name is refused and told."""
    with proxy.door((f"ok.example:{port}",), None) as door:
        at = door.address.port
        tunnel = say(
            at,
            f"CONNECT OK.example:{port} HTTP/1.1\r\n\r\n"
            "GET /in HTTP/1.1\r\nHost: ok.example\r\nConnection: close\r\n\r\n".encode(),
        )
        plain = say(at, f"GET http://ok.example:{port}/a HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        other = say(at, f"CONNECT other.example:{port} HTTP/1.1\r\n\r\n".encode())
        elsewhere = say(at, b"CONNECT ok.example:22 HTTP/1.1\r\n\r\n")
        address = say(at, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n".encode())
    assert tunnel.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.")
    assert tunnel.endswith(b"page /in of ok.example \n")
    assert plain.endswith(f"page /a of ok.example:{port} \n".encode())
    for refused in (other, elsewhere, address):
        assert refused.startswith(b"HTTP/1.1 403 Refused\r\n")
        assert b"page" not in refused
    assert door.refusals == [
        f"other.example:{port}: the list of hosts does not name it",
        "ok.example:22: the list of hosts does not name it",
        "it names no host: it is an address, not a name",
    ]


def test_a_second_request_in_a_connection_goes_nowhere(proxy: Proxy, port: int) -> None:
    """Nor does one behind a body, whatever host it names."""
    with proxy.door((f"ok.example:{port}",), None) as door:
        answer = say(
            door.address.port,
            f"POST http://ok.example:{port}/1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
            f"GET /2 HTTP/1.1\r\nHost: other.example\r\n\r\n".encode(),
        )
    assert answer.count(b"page") == 1
    assert answer.endswith(f"page /1 of ok.example:{port} hi\n".encode())


@pytest.mark.parametrize("name", ["private.example", "mixed.example"])
def test_a_name_that_leads_inside_is_refused(proxy: Proxy, port: int, name: str) -> None:
    """Also when only one of its addresses does."""
    with proxy.door((f"{name}:{port}",), None) as door:
        answer = say(door.address.port, f"GET http://{name}:{port}/ HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert door.refusals == [f"{name}:{port}: its address is not one of the internet"]


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(
    proxy: Proxy, names: Names, port: int
) -> None:
    """A second, private answer is not asked for; it is refused in the connection that gets it."""
    request = f"GET http://rebound.example:{port}/ HTTP/1.1\r\n\r\n".encode()
    with proxy.door((f"rebound.example:{port}",), None) as door:
        first = say(door.address.port, request)
        assert names.asked == ["rebound.example"]
        second = say(door.address.port, request)
    assert first.endswith(f"of rebound.example:{port} \n".encode())
    assert second.startswith(b"HTTP/1.1 403 ")


def test_what_cannot_be_reached_is_said(proxy: Proxy) -> None:
    """A name nobody knows, a port nobody listens at."""
    with deaf_port() as free, proxy.door(("unknown.example", f"ok.example:{free}"), None) as door:
        say(door.address.port, b"CONNECT unknown.example:443 HTTP/1.1\r\n\r\n")
        say(door.address.port, f"CONNECT ok.example:{free} HTTP/1.1\r\n\r\n".encode())
    assert door.refusals == [
        "unknown.example:443: its name could not be resolved",
        f"ok.example:{free}: nobody answers there",
    ]


def test_a_client_that_takes_its_time_or_floods_is_let_go(proxy: Proxy, port: int) -> None:
    """A head that does not end, one that is too long, a tunnel in which nothing moves."""
    tunnel = f"CONNECT ok.example:{port} HTTP/1.1\r\n\r\n".encode()
    with proxy.door((f"ok.example:{port}",), None) as door:
        at = door.address.port
        assert say(at, b"GET http://ok.example/ HT").startswith(b"HTTP/1.1 408 ")
        say(at, b"GET http://ok.example/" + b"a" * 20_000)
        assert say(at, tunnel) == b"HTTP/1.1 200 Connection established\r\n\r\n"
    assert door.refusals[0] == "a request whose head did not arrive in time"
    assert "a request whose head is too long" in door.refusals


def test_connections_at_a_time_are_bounded(proxy: Proxy) -> None:
    """One more than there may be is told so; it takes none of the others' place."""
    with proxy.door(("ok.example",), None) as door, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", door.address.port)
        for _ in range(LIMITS.connections):
            stack.enter_context(socket.create_connection(address))
        assert say(door.address.port, b"").startswith(b"HTTP/1.1 503 ")


def test_a_door_that_is_left_is_shut(proxy: Proxy, port: int) -> None:
    """What went through it has ended, too, and its socket is gone; a wrong line opens none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s")
        with socket.socket(socket.AF_UNIX) as client:
            with proxy.door((f"ok.example:{port}",), path):
                client.connect(str(path))
                client.sendall(f"CONNECT ok.example:{port} HTTP/1.1\r\n\r\n".encode())
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            with contextlib.suppress(ConnectionError):
                assert client.recv(100) == b""
        assert not path.exists()
    with pytest.raises(NotAHost), proxy.door(("10.0.0.1",), None):
        pass


BUBBLEWRAP = locate()
FETCH = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=10).read().decode().strip())
    except OSError as error:
        print(url, error)
"""
DIRECT = """
import socket, sys
for address in ("127.0.0.1", "192.0.2.1", "::1"):
    try:
        socket.create_connection((address, int(sys.argv[1])), timeout=5)
        print("direct connection")
    except OSError:
        print("no direct connection")
"""


def confined(
    proxy: Proxy,
    tmp_path: Path,
    command: str,
    network: tuple[str, ...] = (),
    setup_network: tuple[str, ...] = (),
) -> tuple[int | None, str]:
    """Exit code and output of a command of ``setup`` in bubblewrap."""
    assert BUBBLEWRAP is not None
    tree = tmp_path / "tree"
    tree.mkdir(exist_ok=True)
    output = tmp_path / "run/out.txt"
    runner = CommandRunner(
        tmp_path / "run",
        tmp_path / ("scratch" * 20),  # longer than the address of a socket may be
        launcher=BubblewrapLauncher(BUBBLEWRAP),
        proxy=proxy,
        network=network,
        setup_network=setup_network,
    )
    try:
        result = asyncio.run(runner.run(command, tree, output, is_setup=bool(setup_network)))
    finally:
        runner.close()
    return result.exit_code, output.read_text()


@pytest.mark.skipif(BUBBLEWRAP is None, reason="bubblewrap is not installed")
def test_a_command_in_bubblewrap_reaches_the_listed_host_and_nothing_else(
    proxy: Proxy, port: int, tmp_path: Path
) -> None:
    """By the variables every client knows; refusals stand below its output."""
    urls = (f"http://ok.example:{port}/a", f"http://other.example:{port}/b")
    command = (
        f"python3 -c {shlex.quote(FETCH)} {' '.join(urls)}; "
        f"python3 -c {shlex.quote(DIRECT)} {port}; exit 3"
    )
    code, output = confined(proxy, tmp_path, command, network=(f"ok.example:{port}",))
    assert (code, output.splitlines()) == (
        3,
        [
            f"page /a of ok.example:{port}",
            f"{urls[1]} HTTP Error 403: Refused",
            *["no direct connection"] * 3,
            f"[dispatch: the network refused other.example:{port}: "
            "the list of hosts does not name it]",
        ],
    )


@pytest.mark.skipif(BUBBLEWRAP is None, reason="bubblewrap is not installed")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_host_for_setup_is_there_for_setup_only(proxy: Proxy, port: int, tmp_path: Path) -> None:
    """Nothing of the proxy is left behind for the command's end; others have no network at all."""
    url = f"http://ok.example:{port}/"
    command = f"curl -s {url}; curl -s -p -d x=y {url}t"
    code, output = confined(proxy, tmp_path, command, setup_network=(f"ok.example:{port}",))
    assert (code, output) == (
        0,
        f"page / of ok.example:{port} \npage /t of ok.example:{port} x=y\n",
    )
    assert confined(proxy, tmp_path, f"env | grep -ci http_proxy; curl -s {url}") == (6, "0\n")
    assert list((tmp_path / "tree").iterdir()) == []
