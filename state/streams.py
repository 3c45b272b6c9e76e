"""Where lines for people go: a file, a pipe, or the user's terminal."""

from typing import Protocol


class Stream(Protocol):
    """What is needed of ``sys.stderr``, so that something may stand before it."""

    def write(self, text: str, /) -> int:
        """Write text; how many characters."""
        ...

    def flush(self) -> None:
        """Bring out what was written."""
        ...

    def isatty(self) -> bool:
        """Whether a person sees it."""
        ...

    def fileno(self) -> int:
        """Its descriptor; raises OSError or ValueError when there is none."""
        ...
