"""Messages of the protocol as bytes: a head that says the length, then JSON."""

import json
import re
from typing import Final

MAX_HEAD_BYTES: Final = 4096
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
MAX_SAID_BYTES: Final = 32 * 1024 * 1024  # by one server, which no honest one does

_LENGTH: Final = re.compile(rb"(?:^|\r\n)content-length: *([0-9]{1,12})(?:\r\n|$)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"

Message = dict[str, object]


class Garbage(Exception):
    """What a server said is not the protocol; the text says why."""


def framed(message: Message) -> bytes:
    """One message as it is sent."""
    data = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(data), data)


class Frames:
    """Puts messages together from pieces, within bounds."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._length: int | None = None  # of the message whose head was read
        self._total = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that a piece completes; raises Garbage, once and for all."""
        self._total += len(data)
        if self._total > MAX_SAID_BYTES:
            raise Garbage("it said more than any server has to say")
        self._held += data
        found: list[Message] = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> Message | None:
        if self._length is None:
            end = self._held.find(_END, 0, MAX_HEAD_BYTES)
            if end < 0:
                if len(self._held) >= MAX_HEAD_BYTES:
                    raise Garbage("it does not speak the protocol")
                return None
            self._length = _length(bytes(self._held[:end]))
            del self._held[: end + len(_END)]
        if len(self._held) < self._length:
            return None
        body = bytes(self._held[: self._length])
        del self._held[: self._length]
        self._length = None
        return _message(body)


def _length(head: bytes) -> int:
    match = _LENGTH.search(head)
    if match is None:
        raise Garbage("it does not speak the protocol")
    if (length := int(match[1])) > MAX_MESSAGE_BYTES:
        raise Garbage(f"a message of it has {length:,} bytes")
    return length


def _message(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Garbage("a message of it is not JSON") from None
    if not isinstance(message, dict):
        raise Garbage("a message of it is not an object")
    return message
