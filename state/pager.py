"""The program in which the user reads long texts at a terminal."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from typing import Final, TextIO

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
    subprocess.run(words, input=data, env=pager_environment(), check=False)
