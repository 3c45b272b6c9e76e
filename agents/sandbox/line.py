"""A standard input that is open both ways: for programs that are told things while they run."""

import asyncio
import socket
from collections.abc import Mapping
from typing import ClassVar


class Line:
    """Our end of a program's standard input, and the program's own, ``theirs``.

    A pair of sockets, so that the shell of ``launcher.BEGIN`` can write its byte: nothing else is
    ever read from our end, and what a program sends along with bytes is thrown away.
    """

    # For the program: with a socket as its input bash reads start files, unless it is an inner one.
    VARIABLES: ClassVar[Mapping[str, str]] = {"SHLVL": "1"}

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)

    async def tell(self, data: bytes) -> None:
        """Send all of it; waits as long as the program does not read.  Raises OSError."""
        await asyncio.get_running_loop().sock_sendall(self._ours, data)

    def begun(self) -> bool:
        """Whether the shell has written its byte."""
        try:
            return bool(self._ours.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def close(self) -> None:
        """Give both ends back; the program has ended."""
        self._ours.close()
        self.theirs.close()
