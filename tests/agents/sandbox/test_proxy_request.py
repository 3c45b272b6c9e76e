"""Heads of requests to the proxy."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.agents.sandbox.proxy_request import Refused, Request, parse_request
from dispatch.policy.hosts import Endpoint

STRANGE = {
    b"": 400,
    b"GET / HTTP/1.1": 400,
    b"GET https://a.org/ HTTP/1.1": 400,
    b"get http://a.org/ HTTP/1.1": 400,
    b"GET  http://a.org/ HTTP/1.1": 400,
    b"GET http://a.org/ HTTP/2": 400,
    b"GET http://a.org/ x HTTP/1.1": 400,
    b"GET http://a.org\\@evil.org/ HTTP/1.1": 400,
    b"GET http://u@a.org/ HTTP/1.1": 400,
    b"GET http://a.org?x HTTP/1.1": 400,
    b"GET http://a.org/#x HTTP/1.1": 400,
    b"GET http://127.0.0.1/ HTTP/1.1": 403,
    b"GET http:///x HTTP/1.1": 403,
    b"CONNECT a.org HTTP/1.1": 403,
    b"CONNECT a.org\0.b.org:443 HTTP/1.1": 400,
    b"CONNECT a.org.:443 HTTP/1.1": 403,
    b"CONNECT [::1]:443 HTTP/1.1": 403,
    b"CONNECT \xd0\xb0.org:443 HTTP/1.1": 400,
    b"CONNECT a.org:443 HTTP/1.1\nX: y": 400,
    b"CONNECT a.org:443 HTTP/1.1\r\n folded": 400,
    b"CONNECT a.org:443 HTTP/1.1\r\nX : y": 400,
    b"CONNECT a.org:443 HTTP/1.1\r\nX: a\rb": 400,
    b"CONNECT a.org:443 HTTP/1.1\r\nX: a\0b": 400,
    b"CONNECT a.org:443 HTTP/1.1" + b"\r\nX: y" * 200: 431,
    b"POST http://a.org/ HTTP/1.1\r\nTransfer-Encoding: chunked": 411,
    b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked": 411,
    b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 4": 400,
    b"POST http://a.org/ HTTP/1.1\r\nContent-Length: +3": 400,
    b"POST http://a.org/ HTTP/1.1\r\nContent-Length: 3, 3": 400,
}


@pytest.mark.parametrize("head", STRANGE, ids=range(len(STRANGE)))
def test_a_head_with_two_readings_is_refused(head: bytes) -> None:
    """With the status that HTTP has for it."""
    with pytest.raises(Refused) as refused:
        parse_request(head)
    assert refused.value.status == STRANGE[head]


def test_a_tunnel_is_where_to_and_nothing_else() -> None:
    """What a client says besides is for us."""
    head = b"CONNECT A.org:443 HTTP/1.1\r\nHost: b.org:443\r\nProxy-Authorization: Basic x"
    assert parse_request(head) == Request(endpoint=Endpoint("a.org", 443), is_tunnel=True)


def test_a_plain_request_is_written_anew() -> None:
    """One host, that of the address; nothing that is about this connection; no second request."""
    head = (
        b"POST http://A.org:8080/x?y HTTP/1.0\r\nHost: evil.org\r\nHOST: evil.org\r\n"
        b"Connection: keep-alive\r\nProxy-Authorization: secret\r\nUpgrade: h2c\r\n"
        b"Content-Length: 3\r\nX-Kept:  a  "
    )
    assert parse_request(head) == Request(
        endpoint=Endpoint("a.org", 8080),
        is_tunnel=False,
        head=b"POST /x?y HTTP/1.1\r\nHost: a.org:8080\r\nContent-Length: 3\r\nX-Kept: a\r\n"
        b"Connection: close\r\n\r\n",
        body_bytes=3,
    )
    assert parse_request(b"GET http://a.org HTTP/1.1").head.startswith(
        b"GET / HTTP/1.1\r\nHost: a.org\r\n"
    )


PART = st.sampled_from(
    [*b"\r\n", b"GET ", b"http://", b"a.org", b":80", b"/", b" HTTP/1.1", b"Host: b", b"\0", b"@"]
).map(lambda part: part if isinstance(part, bytes) else bytes([part]))


@given(st.lists(PART, max_size=12).map(b"".join))
def test_what_is_passed_on_has_one_host_and_one_end(head: bytes) -> None:
    """Whatever is put together."""
    with contextlib.suppress(Refused):
        request = parse_request(head)
        assert request.endpoint.host in ("a.org", "a.orga.org")
        assert request.head.count(b"\r\n\r\n") == (0 if request.is_tunnel else 1)
        assert request.head.lower().count(b"\r\nhost:") == (0 if request.is_tunnel else 1)
