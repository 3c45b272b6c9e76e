"""Messages of the protocol, however they are cut, and whatever is sent instead."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.agents.language.wire import MAX_MESSAGE_BYTES, Frames, Garbage, Message, framed

MESSAGES: tuple[Message, ...] = (
    {"id": 1, "result": None},
    {"method": "x", "params": {"text": "é𝄞\r\n\r\nContent-Length: 5"}},
    {},
)


@given(st.lists(st.integers(1, 40), max_size=40))
def test_however_it_is_cut_the_messages_are_the_same(cuts: list[int]) -> None:
    left, frames = b"".join(map(framed, MESSAGES)), Frames()
    found: list[Message] = []
    for cut in cuts:
        found += frames.feed(left[:cut])
        left = left[cut:]
    assert tuple(found + frames.feed(left)) == MESSAGES


def test_other_lines_of_a_head_are_passed_over() -> None:
    body = json.dumps({"id": 2}).encode()
    head = b"Content-Type: application/x\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert Frames().feed(head + body) == [{"id": 2}]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"x" * 5000, "it does not speak the protocol"),
        (b"Length: 5\r\n\r\n", "it does not speak the protocol"),
        (b"Content-Length: -5\r\n\r\n", "it does not speak the protocol"),
        (
            b"Content-Length: %d\r\n\r\n" % (MAX_MESSAGE_BYTES + 1),
            "a message of it has 8,388,609 bytes",
        ),
        (b"Content-Length: 2\r\n\r\n{,", "a message of it is not JSON"),
        (b"Content-Length: 2\r\n\r\n\xff\xff", "a message of it is not JSON"),
        (b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, "a message of it is not JSON"),
        (b"Content-Length: 2\r\n\r\n[]", "a message of it is not an object"),
    ],
)
def test_what_is_not_the_protocol_is_told(said: bytes, why: str) -> None:
    with pytest.raises(Garbage) as caught:
        Frames().feed(said)
    assert str(caught.value) == why


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_garbage(said: bytes) -> None:
    with contextlib.suppress(Garbage):
        assert isinstance(Frames().feed(b"Content-Length: 3\r\n\r\n" + said), list)
