"""What happened, for people and scripts: ``events.jsonl`` and the trace; never authoritative.

Both are best effort: a full disk or a closed terminal must not end a run that could go on.
"""

import contextlib
import errno
import json
import math
import os
import stat
import textwrap
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final

from attrs import has

from .clean_text import clean
from .codec import unstructure
from .event_log import EVENTS, read_event
from .event_types import EVENT_VERSION
from .redact import Redactor
from .streams import Stream

MAX_EVENT_BYTES: Final = 64 * 1024
CUT_TEXT_CHARS: Final = 2000  # what stays of each long text in an event that is too large

PLAIN_COLUMNS: Final = 100  # where there is no terminal to ask
FEWEST_COLUMNS: Final = 40
MAX_LABEL_CHARS: Final = 60
MAX_LINE_CHARS: Final = 64_000  # of one call's text
COMPACT_CHARS: Final = 300

COMPLETED: Final = "run.completed"
_RESERVED: Final = ("v", "seq", "ts", "type")
# Enough to find the last whole line, whatever was torn behind it.
_TAIL_BYTES: Final = 4 * MAX_EVENT_BYTES
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class EventJournal:
    """Appends events to ``<folder>/events.jsonl`` and shows the trace on ``stream``.

    Events are numbered from 1 without gaps, over restarts too.  ``redactor`` keeps secrets out
    of both.  ``echo`` gets each line that was appended, too.  ``compact`` shows each call's text
    as one paragraph of limited length; ``coloured`` gives labels a colour.  Thread-safe.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stream: Stream,
        now: Callable[[], str],
        redactor: Redactor | None = None,
        compact: bool = False,
        echo: Stream | None = None,
        coloured: bool = False,
    ) -> None:
        self._path = folder / EVENTS
        self._stream = stream
        self._now = now
        self._redactor = redactor or Redactor()
        self._compact = compact
        self._echo = echo
        self._coloured = coloured
        self._one_at_a_time = threading.Lock()
        self._complained = False
        self._descriptor: int | None = None
        self._seq = 0
        self._last = b""
        try:
            self._descriptor, self._last = _opened(self._path)
        except OSError as error:
            self._complain(error)
        else:
            self._seq = _number(self._last)

    def event(self, kind: str, **fields: object) -> None:
        """Append one event; ``kind`` is dotted and in the past tense, such as ``task.started``."""
        kept = {key: value for key, value in fields.items() if key not in _RESERVED}
        plain = self._redactor.value(_plain(kept))
        with self._one_at_a_time:
            if self._descriptor is None:
                return
            head = {"v": EVENT_VERSION, "seq": self._seq + 1, "ts": self._now(), "type": kind}
            line = _event_line(head, plain)
            try:
                _append(self._descriptor, line)
            except OSError as error:
                self._complain(error)
            else:
                self._seq += 1
                self._last = line
                self._tell(line)

    def complete(self, **fields: object) -> None:
        """Append ``run.completed``, unless nothing happened since it was appended last."""
        with self._one_at_a_time:
            is_there = _type(self._last) == COMPLETED
            if is_there:
                self._tell(self._last)
        if not is_there:
            self.event(COMPLETED, **fields)

    def line(self, label: str, text: str) -> None:
        """Show one line of the trace, wrapped; continuations stand under the text."""
        lines = wrapped(self._shown(label), self._shown(text), self._columns(), self._compact)
        self._show(with_coloured_label(lines) if self._coloured else lines)

    def close(self) -> None:
        """Give the file back; later events are dropped."""
        with self._one_at_a_time:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _tell(self, line: bytes) -> None:
        if self._echo is not None:
            with contextlib.suppress(OSError, ValueError):  # who read it has gone
                self._echo.write(line.decode())
                self._echo.flush()

    def _shown(self, text: str) -> str:
        # Cleaned first: an invisible character inside a secret must not hide it.
        return self._redactor.text(clean(text[:MAX_LINE_CHARS]))

    def _columns(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            if self._stream.isatty():
                return max(os.get_terminal_size(self._stream.fileno()).columns, FEWEST_COLUMNS)
        return PLAIN_COLUMNS

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone: nobody to tell
            self._stream.write(text + "\n")
            self._stream.flush()

    def _complain(self, error: OSError) -> None:
        """Say once that events are being lost."""
        if not self._complained:
            self._complained = True
            what = f"events cannot be written to {self._path}: {error.strerror}; the run goes on"
            self.line("journal", what)


def wrapped(label: str, text: str, columns: int, compact: bool = False) -> str:
    """``[label] text`` in lines of at most ``columns`` characters, continuations indented."""
    label = " ".join(label.split())[: min(MAX_LABEL_CHARS, columns // 2)]
    head = f"[{label}] "
    # A long label on a narrow terminal must leave room for the text.
    indent = " " * (len(head) if 2 * len(head) <= columns else 4)
    paragraphs = [line.rstrip() for line in text.split("\n")]
    if compact:
        text = " ".join(text.split())
        paragraphs = [text if len(text) <= COMPACT_CHARS else text[: COMPACT_CHARS - 1] + "…"]
    shown: list[str] = []
    for paragraph in paragraphs:
        shown += textwrap.wrap(
            paragraph,
            columns,
            initial_indent=indent if shown else head,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
    return "\n".join(shown) or head.rstrip()


def with_coloured_label(lines: str) -> str:
    """What ``wrapped`` gives, with its label in a colour."""
    label, bracket, text = lines.partition("]")
    return f"\x1b[36m{label}{bracket}\x1b[0m{text}"


def _opened(path: Path) -> tuple[int, bytes]:
    """The file of events, open at its end without a torn last line, and its last event."""
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        size = os.fstat(descriptor).st_size
        start = max(0, size - _TAIL_BYTES)
        tail = os.pread(descriptor, _TAIL_BYTES, start)
        whole, last = _last_event(tail)
        if start > 0 and not last:
            raise OSError(errno.EINVAL, "it does not hold events")
        if start + whole != size:
            os.ftruncate(descriptor, start + whole)
        return descriptor, last
    except BaseException:
        os.close(descriptor)
        raise


def _last_event(tail: bytes) -> tuple[int, bytes]:
    """How many bytes of the end of the file are sound, and the last event there."""
    end = tail.rfind(b"\n") + 1
    while end > 0:
        start = tail.rfind(b"\n", 0, end - 1) + 1
        if read_event(tail[start:end]) is not None:
            return end, tail[start:end]
        end = start
    return 0, b""


def _number(line: bytes) -> int:
    event = read_event(line)
    return 0 if event is None else int(event["seq"])


def _type(line: bytes) -> object:
    event = read_event(line)
    return None if event is None else event.get("type")


def _append(descriptor: int, data: bytes) -> None:
    """Append a whole line or nothing."""
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, "no space left for a whole line")
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _event_line(head: dict[str, object], fields: object) -> bytes:
    """One event as a line; in one that is too large long texts are cut, or all of it left out."""
    for body in (fields, _cut(fields), {"cut": True}):
        assert isinstance(body, dict)
        line = json.dumps({**head, **body}, separators=(",", ":")).encode() + b"\n"
        if len(line) <= MAX_EVENT_BYTES:
            break
    return line


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > CUT_TEXT_CHARS:
        return value[:CUT_TEXT_CHARS] + "…"
    if isinstance(value, dict):
        return {key: _cut(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_cut(part) for part in value]
    return value


def _plain(value: object) -> object:
    """Whatever an event is given, as something JSON can hold."""
    if has(type(value)):
        return _plain(unstructure(value))
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
