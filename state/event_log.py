"""Reading ``events.jsonl``, also while it is written."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

EVENTS: Final = "events.jsonl"
CHUNK_BYTES: Final = 1024 * 1024

Event = dict[str, Any]


def read_event(line: bytes) -> Event | None:
    """One line as an event; null: it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        event = json.loads(line)
        if isinstance(event, dict) and type(event.get("seq")) is int:
            return event
    return None


class EventLog:
    """The events of the run in ``folder``, each once and in order; raises FileNotFoundError.

    ``last_bytes``: of what is there already only those within so many bytes of the end.
    What a process tore when it was killed is cut off by the next one, so only whole lines count,
    and a file that became shorter is looked through again.
    """

    def __init__(self, folder: Path, last_bytes: int | None = None) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(folder / EVENTS, flags)
        size = 0 if last_bytes is None else os.fstat(self._descriptor).st_size
        # Behind the last whole line; or inside of one, whose end is no event.
        self._place = max(0, size - (last_bytes or 0))
        self._seq = 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    @property
    def is_gone(self) -> bool:
        """Whether the file was removed."""
        return os.fstat(self._descriptor).st_nlink == 0

    def new(self) -> Iterator[tuple[bytes, Event]]:
        """What was appended since the last call, each line as it stands and as an event."""
        if os.fstat(self._descriptor).st_size < self._place:
            self._place = 0
        while chunk := os.pread(self._descriptor, CHUNK_BYTES, self._place):
            whole = chunk.rfind(b"\n") + 1
            if whole == 0:  # torn, or being written: an event is much shorter than a chunk
                return
            self._place += whole
            for line in chunk[: whole - 1].split(b"\n"):
                event = read_event(line)
                if event is not None and event["seq"] > self._seq:
                    self._seq = event["seq"]
                    yield line, event
