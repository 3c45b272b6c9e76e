"""The program in which the user reads long texts at a terminal."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from typing import Final, TextIO

from .errors import UsageError

DEFAULT: Final = "less"
LESS: Final = "FRX"  # ends by itself when all fits on the screen, and leaves it there


def pager(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The words of the user's pager; none: he wants none, or it is not there."""
    try:
        words = shlex.split(environ.get("PAGER", DEFAULT))
    except ValueError:  # a quote that is not closed
        return ()
    found = shutil.which(words[0], path=environ.get("PATH")) if words else None
    return (found, *words[1:]) if found else ()


def pager_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the pager is started with."""
    return {"LESS": LESS, **environ}


def show(text: str, stream: TextIO) -> None:
    """Show a text: in the pager at a terminal, else as it is; it must be clean already."""
    words = pager() if stream.isatty() else ()
    if not words:
        stream.write(text)
        stream.flush()
        return
    data = text.encode("utf-8", "backslashreplace")
    # Ctrl-C is the pager's, as with git; killed by us it would leave the terminal raw.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        subprocess.run(words, input=data, env=pager_environment(), check=False)
    except OSError as error:
        raise UsageError(
            f"The pager {words[0]} cannot be started: {error.strerror}.", "Set PAGER, or pipe it."
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
