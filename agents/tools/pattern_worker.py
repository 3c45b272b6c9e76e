"""Matches a regular expression line by line, in a process that can be killed.

Run as a script by ``patterns``; imports nothing but the standard library.  Frames in both
directions are a length (4 bytes, big-endian) and as many bytes.  First comes the pattern, answered
by an empty frame or by what is wrong with it; then texts, each answered by the numbers of the
matching lines, from 0, as a JSON list.
"""

import json
import re
import resource
import sys

MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    first = _receive()
    if first is None:
        return
    try:
        pattern = re.compile(first.decode())
    except (re.error, RecursionError, OverflowError, UnicodeDecodeError) as error:
        _send(str(error).encode() or b"it cannot be compiled")
        return
    _send(b"")
    while (data := _receive()) is not None:
        lines = data.decode("utf-8", "replace").split("\n")
        numbers = [n for n, line in enumerate(lines) if pattern.search(line.removesuffix("\r"))]
        if lines[-1] == "" and numbers[-1:] == [len(lines) - 1]:
            numbers.pop()  # what follows the last line end is no line
        _send(json.dumps(numbers).encode())


def _receive() -> bytes | None:
    head = sys.stdin.buffer.read(4)
    return sys.stdin.buffer.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _send(data: bytes) -> None:
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
