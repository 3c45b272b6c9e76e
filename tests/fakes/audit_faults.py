"""Faults from outside: an audit hook makes one file operation fail, as a full disk would."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

_armed: list[tuple[str, str, int]] = []
_installed: list[bool] = []


@contextlib.contextmanager
def fail_once(event: str, about: str, code: int = errno.ENOSPC) -> Iterator[None]:
    """The next audit event of that name whose first argument ends with ``about`` fails."""
    if not _installed:
        sys.addaudithook(_hook)  # there is no way to take a hook back, so one serves all
        _installed.append(True)
    _armed.append((event, about, code))
    try:
        yield
        assert not _armed, f"nothing did {event} about {about}"
    finally:
        _armed.clear()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _armed and _armed[0][0] == event and str(arguments[0]).endswith(_armed[0][1]):
        _, _, code = _armed.pop()
        raise OSError(code, os.strerror(code))
