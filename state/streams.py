"""Where lines for people go: a file, a pipe, or the user's terminal."""

import os
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


def is_in_front(descriptor: int) -> bool:
    """Whether the program is a terminal's foreground job, whose lines are meant to be seen."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # no job control on this terminal: the lines are ours
        return True
