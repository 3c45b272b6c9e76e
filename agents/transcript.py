"""An attempt's transcript: every message before anything is done about it, for the owner only.

``transcript.jsonl`` has one item a line, ``{"seq", "kind", "message"}`` with ``kind`` ``user``,
``assistant`` or ``tool``.  A turn is on the disk before any of its tools runs.
"""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec
from attrs import frozen

from .model import AssistantMessage, Message, ToolReply, UserMessage

TRANSCRIPT: Final = "transcript.jsonl"

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_KINDS: Final[dict[str, type[Message]]] = {
    "user": UserMessage,
    "assistant": AssistantMessage,
    "tool": ToolReply,
}
_WORDS: Final = {cls: kind for kind, cls in _KINDS.items()}


@frozen(kw_only=True)
class _Item:
    seq: int
    kind: str
    message: object


class Transcript:
    """The one writer of an attempt's transcript; an attempt folder is used once and never again."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and an empty transcript; raises FileExistsError when one is there."""
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)
        self._seq = 0
        self._file = os.open(
            folder / TRANSCRIPT, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, _FILE_MODE
        )

    def append(self, message: Message) -> None:
        """Add one item; what the model said is on the disk when this returns."""
        self._seq += 1
        item = _Item(seq=self._seq, kind=_WORDS[type(message)], message=message)
        _write_all(self._file, msgspec.json.encode(item) + b"\n")
        if isinstance(message, AssistantMessage):
            os.fsync(self._file)

    def close(self) -> None:
        """Close; closing twice is harmless, and so is a disk that complains now."""
        if self._file >= 0:
            file, self._file = self._file, -1
            # Every turn is on the disk already: nothing that counts can be lost here any more.
            with contextlib.suppress(OSError):
                os.close(file)

    def __enter__(self) -> "Transcript":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read(path: Path) -> tuple[Message, ...]:
    """The items of a transcript in order; a last line that a crash tore off is left out.

    Raises ValueError naming the line when any other line is not an item or out of sequence.
    """
    lines = path.read_bytes().split(b"\n")
    # Every whole line ends with a newline, so what follows the last newline was torn off.
    complete = lines[:-1]
    return tuple(_message(path, number, line) for number, line in enumerate(complete, 1))


def _message(path: Path, number: int, line: bytes) -> Message:
    try:
        item = msgspec.json.decode(line, type=_Item)
        if item.seq != number:
            raise ValueError(f"item {item.seq} stands where item {number} should")
        return msgspec.convert(item.message, _KINDS[item.kind])
    except (ValueError, KeyError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}:{number}: not an item of a transcript: {error}") from error


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
