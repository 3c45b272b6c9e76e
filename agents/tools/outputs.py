"""Long results: the model sees head and tail, the whole stays in the attempt's folder."""

import re
import threading
from pathlib import Path
from typing import Final

from ...state.redact import Redactor
from .paths import Refused

MAX_RESULT_CHARS: Final = 30_000
SCHEME: Final = "tool-output:"

_TAIL_CHARS: Final = 10_000
_HEAD_CHARS: Final = MAX_RESULT_CHARS - _TAIL_CHARS
_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Outputs:
    """The long results of one attempt, ``outputs/<n>.txt``; a number is never used twice.

    ``redactor`` takes the secrets out of all that is read in this attempt, before it is cut.
    """

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._folder = folder / "outputs"
        self._lock = threading.Lock()
        self._last = max((int(path.stem) for path in self._there()), default=0)

    def new(self) -> Path:
        """A file for the next output; its number names it to the model."""
        with self._lock:
            self._last += 1
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder / f"{self._last}.txt"

    def fit(self, text: str) -> str:
        """The text itself, or, over the limit, its head and tail once the whole was saved."""
        text = self.redactor.text(text)
        if len(text) <= MAX_RESULT_CHARS:
            return text
        path = self.new()
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return cut(text, path)

    def read(self, reference: str) -> bytes:
        """The whole of an output by its reference, ``tool-output:<n>``."""
        number = reference.removeprefix(SCHEME)
        path = self._folder / f"{number}.txt"
        if not re.fullmatch(r"[1-9][0-9]{0,9}", number) or path.is_symlink() or not path.is_file():
            raise Refused(f"There is no saved output named {reference[:80]!a}.")
        return path.read_bytes()

    def _there(self) -> list[Path]:
        return [path for path in self._folder.glob("*.txt") if path.stem.isdecimal()]


def cut(text: str, whole: Path) -> str:
    """Head and tail of a text that is over the limit, with the way to the rest."""
    if len(text) <= MAX_RESULT_CHARS:
        return text
    hidden = len(text) - MAX_RESULT_CHARS
    return (
        f"{text[:_HEAD_CHARS]}\n[... {hidden:,} characters left out; the whole is "
        f"'{SCHEME}{whole.stem}': page through it with read_file, offset and limit ...]\n"
        f"{text[-_TAIL_CHARS:]}"
    )


def plain(text: str) -> str:
    """Text without terminal sequences and without invisible controls; line ends become ``\\n``."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
