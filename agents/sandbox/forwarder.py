"""Run inside a sandbox, by itself: a port of its network that leads to the proxy's socket outside.

``python -I -S forwarder.py SOCKET PORT WORD…`` listens on the loopback address and becomes the
command that the words are; what listens is another process, nobody's child.
"""

import contextlib
import os
import socket
import sys
import threading

CHUNK = 1 << 16
BACKLOG = 64


def main(path: str, port: int, words: list[str]) -> None:
    """Listen, leave a process that serves behind, become the command."""
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            _detach()
            _serve(listener, path)
        os._exit(0)
    os.waitpid(child, 0)
    listener.close()
    os.execvp(words[0], words)


def _detach() -> None:
    """The command's output must end with the command."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _serve(listener: socket.socket, path: str) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_connect, args=(client, path), daemon=True).start()


def _connect(client: socket.socket, path: str) -> None:
    proxy = socket.socket(socket.AF_UNIX)
    with client, proxy:
        try:
            proxy.connect(path)
        except OSError:
            return
        back = threading.Thread(target=_pass_on, args=(proxy, client), daemon=True)
        back.start()
        _pass_on(client, proxy)
        back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
