"""An attempt's transcript: every message before anything is done about it, for the owner only.

``transcript.jsonl`` has one item a line, ``{"seq", "kind", "message"}``.  ``user``, ``assistant``
and ``tool`` are messages; ``tree`` is the agent's tree once the calls before it were carried out;
``again`` says that replies of a turn that was cut off count no longer (``past.py`` has the rule),
as its calls are answered again.  A turn is on the disk before any of its tools runs.
"""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from attrs import frozen

from .model import AssistantMessage, Message, ToolReply, UserMessage

TRANSCRIPT: Final = "transcript.jsonl"

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_NEW: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_EXISTING: Final = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen(kw_only=True)
class TreeMark:
    """The git id of the agent's tree; null: it holds what git cannot keep."""

    tree: str | None


@frozen(kw_only=True)
class Again:
    """Calls that an interruption cut off are answered again."""


Item = Message | TreeMark | Again

_KINDS: Final[dict[str, type[Item]]] = {
    "user": UserMessage,
    "assistant": AssistantMessage,
    "tool": ToolReply,
    "tree": TreeMark,
    "again": Again,
}
_WORDS: Final = {cls: kind for kind, cls in _KINDS.items()}


@frozen(kw_only=True)
class _Line:
    seq: int
    kind: str
    message: object


class Transcript:
    """The one writer of an attempt's transcript; an attempt folder belongs to one attempt."""

    def __init__(self, file: int, seq: int) -> None:
        self._file = file
        self._seq = seq

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Make the folder and an empty transcript; raises FileExistsError when one is there."""
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)
        return cls(os.open(folder / TRANSCRIPT, _NEW, _FILE_MODE), 0)

    @classmethod
    def existing(cls, folder: Path) -> tuple[Self, tuple[Item, ...]]:
        """Go on with a transcript, and what is in it; a torn last line is taken out.

        Raises ValueError like ``read``, OSError when there is none.
        """
        path = folder / TRANSCRIPT
        items = read(path)
        file = os.open(path, _EXISTING)
        try:
            os.ftruncate(file, path.read_bytes().rfind(b"\n") + 1)
        except OSError:
            os.close(file)
            raise
        return cls(file, len(items)), items

    def append(self, item: Item) -> None:
        """Add one item; what the model said is on the disk when this returns."""
        self._seq += 1
        line = _Line(seq=self._seq, kind=_WORDS[type(item)], message=item)
        _write_all(self._file, msgspec.json.encode(line) + b"\n")
        if isinstance(item, AssistantMessage):
            os.fsync(self._file)

    def close(self) -> None:
        """Close; closing twice is harmless, and so is a disk that complains now."""
        if self._file >= 0:
            file, self._file = self._file, -1
            # Every turn is on the disk already: nothing that counts can be lost here any more.
            with contextlib.suppress(OSError):
                os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read(path: Path) -> tuple[Item, ...]:
    """The items of a transcript in order; a last line that a crash tore off is left out.

    Raises ValueError naming the line when any other line is not an item or out of sequence.
    """
    lines = path.read_bytes().split(b"\n")
    # Every whole line ends with a newline, so what follows the last newline was torn off.
    complete = lines[:-1]
    return tuple(_item(path, number, line) for number, line in enumerate(complete, 1))


def _item(path: Path, number: int, text: bytes) -> Item:
    try:
        line = msgspec.json.decode(text, type=_Line)
        if line.seq != number:
            raise ValueError(f"item {line.seq} stands where item {number} should")
        return msgspec.convert(line.message, _KINDS[line.kind])
    except (ValueError, KeyError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}:{number}: not an item of a transcript: {error}") from error


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
