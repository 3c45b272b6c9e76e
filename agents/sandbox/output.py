"""A command's output on its way to a file: the head and the tail are kept, the rest is counted."""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ...state.redact import Redactor

MAX_TAIL_BYTES: Final = 64 * 1024  # where a test program prints its summary


class OutputFile:
    """Bytes written to ``path``; at most ``limit`` are kept, with a mark where some are missing.

    ``redactor`` takes secrets out of them; ``total`` counts what the command said.
    """

    def __init__(self, path: Path, limit: int, redactor: Redactor | None = None) -> None:
        self.total = 0
        self._kept = 0
        self._stream = (redactor or Redactor()).stream()
        self._tail_limit = min(MAX_TAIL_BYTES, limit // 4)
        self._head_limit = limit - self._tail_limit
        self._tail = bytearray()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def truncated(self) -> bool:
        """Whether something is missing from the file."""
        return self._kept > self._head_limit + self._tail_limit

    def write(self, data: bytes) -> None:
        """Take what the command said next."""
        self.total += len(data)
        self._keep(self._stream.take(data))

    def finish(self, note: str) -> None:
        """Write the tail, the mark if something is missing, and a last line of ours."""
        self._keep(self._stream.rest())
        if self.truncated:
            missing = self._kept - self._head_limit - len(self._tail)
            self._file.write(f"\n[dispatch: {missing:,} bytes of output left out]\n".encode())
        self._file.write(self._tail)
        if note:
            self._file.write(f"\n[dispatch: {note}]\n".encode())
        self._tail.clear()

    def last_line(self) -> str:
        """The last of what is kept, for a sentence."""
        self._file.flush()
        kept = Path(self._file.name).read_bytes()[-MAX_TAIL_BYTES:].decode("utf-8", "replace")
        return next((line.strip() for line in reversed(kept.splitlines()) if line.strip()), "")

    def _keep(self, data: bytes) -> None:
        room = max(0, self._head_limit - self._kept)
        self._kept += len(data)
        if room:
            self._file.write(data[:room])
            self._file.flush()  # a person may be watching
        self._tail += data[room:]
        del self._tail[: -self._tail_limit or len(self._tail)]
