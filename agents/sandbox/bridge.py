"""Run inside a sandbox, by itself: its standard streams lead to a socket of ours outside.

``python -I -S bridge.py SOCKET`` is what a delegated program starts as its server of tools.  It
understands nothing of what passes: whoever answers is at the other end.
"""

import os
import socket
import sys
import threading

CHUNK = 1 << 16


def main(path: str) -> None:
    """Pass on both ways until either side ends."""
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(path)
        threading.Thread(target=_there, args=(far,), daemon=True).start()
        while data := far.recv(CHUNK):
            _write(data)


def _there(far: socket.socket) -> None:
    try:
        while data := os.read(0, CHUNK):
            far.sendall(data)
        far.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end has gone, which ends the program


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main(sys.argv[1])
