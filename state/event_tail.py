"""Reading ``events.jsonl`` while a run writes it: what is new, as often as somebody asks."""

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from .event_log import EVENTS

FIRST_BYTES: Final = 1024 * 1024  # of the end of a file that was there already
READ_BYTES: Final = 1024 * 1024  # at most at a time; the rest comes with the next call

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class EventTail:
    """The events of the run in ``folder``, from near the end of the file on.

    What cannot be read is left out: the file is never authoritative.
    """

    def __init__(self, folder: Path, first_bytes: int = FIRST_BYTES) -> None:
        self._path = folder / EVENTS
        self._first_bytes = first_bytes
        self._descriptor: int | None = None
        self._at = 0
        self._rest = b""  # of a line that has not come whole
        self._in_a_line = False  # reading began inside of one

    def new(self) -> tuple[Mapping[str, object], ...]:
        """The events since the last call, in their order; none while there is no file."""
        with contextlib.suppress(OSError):
            return self._read()
        return ()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _read(self) -> tuple[Mapping[str, object], ...]:
        if self._descriptor is None:
            self._open()
        assert self._descriptor is not None
        size = os.fstat(self._descriptor).st_size
        if size < self._at:  # a torn line was cut off when the run went on
            self._at, self._rest = size, b""
        data = os.pread(self._descriptor, READ_BYTES, self._at)
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._in_a_line and lines:
            self._in_a_line = False
            del lines[0]
        return tuple(event for line in lines if (event := _event(line)))

    def _open(self) -> None:
        descriptor = os.open(self._path, _FLAGS)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise OSError
        self._descriptor = descriptor
        self._at = max(0, found.st_size - self._first_bytes)
        self._in_a_line = self._at > 0


def _event(line: bytes) -> Mapping[str, object]:
    """The event of a line; empty when it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        event = json.loads(line)
        if isinstance(event, dict) and isinstance(event.get("type"), str):
            return event
    return {}
