"""A port at which nobody listens, and nobody else can begin to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deaf_port() -> Iterator[int]:
    """Its number on 127.0.0.1: it is taken, so whoever connects is refused while this lasts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
