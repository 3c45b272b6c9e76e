"""The head of a request to the proxy, read strictly: what has two readings is refused.

Two forms: ``CONNECT host:port``, after which bytes pass both ways, and a request with an absolute
address of scheme ``http``, of which exactly one is passed on in a connection, written anew.
"""

import re
from typing import Final

from attrs import frozen

from ...policy.hosts import Endpoint, NotAHost, parse_endpoint

MAX_HEADERS: Final = 100
MAX_BODY_BYTES: Final = 1 << 40

_LINE: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/1\.[01]")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_ABSOLUTE: Final = re.compile(r"http://([^/?#@\\]*)((?:/[^#]*)?)", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"[0-9]{1,13}")
# Between us and the client, or about the connection, which is not passed on.
_NOT_PASSED: Final = frozenset(
    (
        *(b"connection", b"host", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
        *(b"proxy-connection", b"te", b"trailer", b"upgrade"),
    )
)


class Refused(ValueError):
    """The request is not passed on; ``status`` is what HTTP calls it, the message says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@frozen(kw_only=True)
class Request:
    """Where to, what to send there first, and how many bytes of the client's follow.

    A tunnel sends nothing first, and all that follows.
    """

    endpoint: Endpoint
    is_tunnel: bool
    head: bytes = b""
    body_bytes: int = 0


def parse_request(head: bytes) -> Request:
    """The request of a head without its last, empty line; raises Refused."""
    lines = head.split(b"\r\n")
    if len(lines) > MAX_HEADERS:
        raise Refused(f"it has more than {MAX_HEADERS} headers", 431)
    matched = _LINE.fullmatch(lines[0])
    if matched is None:
        raise Refused("its first line is not one of HTTP")
    headers = [_header(line) for line in lines[1:]]
    method, target = matched[1], matched[2].decode("ascii")
    if method == b"CONNECT":
        return Request(endpoint=_endpoint(target, None), is_tunnel=True)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused("it asks for no address of scheme http")
    endpoint = _endpoint(absolute[1], 80)
    passed = [(name, value) for name, value in headers if name.lower() not in _NOT_PASSED]
    host = endpoint.host if endpoint.port == 80 else str(endpoint)
    written = [
        method + b" " + (absolute[2] or "/").encode("ascii") + b" HTTP/1.1",
        b"Host: " + host.encode("ascii"),
        *(name + b": " + value for name, value in passed),
        b"Connection: close",
    ]
    return Request(
        endpoint=endpoint,
        is_tunnel=False,
        head=b"\r\n".join(written) + b"\r\n\r\n",
        body_bytes=_body_bytes(headers),
    )


def _header(line: bytes) -> tuple[bytes, bytes]:
    matched = _HEADER.fullmatch(line)
    if matched is None:
        raise Refused("one of its headers is not one of HTTP")
    return matched[1], matched[2].rstrip(b" \t")


def _endpoint(text: str, default_port: int | None) -> Endpoint:
    try:
        return parse_endpoint(text, default_port)
    except NotAHost as error:
        raise Refused(f"it names no host: {error}", 403) from None


def _body_bytes(headers: list[tuple[bytes, bytes]]) -> int:
    """What follows the head; a body whose end would have to be looked for is refused."""
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if any(name.lower() == b"transfer-encoding" for name, _ in headers):
        raise Refused("its body has no length", 411)
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]) or int(lengths[0]) > MAX_BODY_BYTES:
        raise Refused("the length of its body is not one number")
    return int(lengths[0])
