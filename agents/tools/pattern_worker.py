"""Matches a regular expression line by line, in a process that can be killed.

Run as a script by ``patterns``; imports nothing but the standard library.  Frames in both
directions are a length (4 bytes, big-endian) and as many bytes.  First comes the pattern, answered
by an empty frame or by what is wrong with it; then texts, each answered by a JSON list: how many
lines match, and the numbers of the first of them, from 0.  How many numbers are wanted at most is
the script's argument.
"""

import json
import os
import re
import resource
import signal
import sys

MAX_MEMORY_BYTES = 1 << 29
PARENT_CHECK_SECONDS = 0.2


def main() -> None:
    """Answer until the input ends, or whoever asked is gone."""
    end_with_parent()
    most = int(sys.argv[1])
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
        if lines[-1] == "":
            lines.pop()  # what follows the last line end is no line
        total, numbers = 0, list[int]()
        for number, line in enumerate(lines):
            if pattern.search(line.removesuffix("\r")):
                total += 1
                if len(numbers) < most:
                    numbers.append(number)
        _send(json.dumps([total, numbers]).encode())


def end_with_parent() -> None:
    """End soon after the parent was killed: the end of the input is not seen while matching.

    Python looks for signals also inside of a match that backtracks for ever.
    """
    parent = os.getppid()

    def look(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PARENT_CHECK_SECONDS, PARENT_CHECK_SECONDS)


def _receive() -> bytes | None:
    head = sys.stdin.buffer.read(4)
    return sys.stdin.buffer.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _send(data: bytes) -> None:
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
