"""What this process asks the kernel for, in order: folders synced, files renamed, git started."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

SYNC, RENAME, GIT = "sync", "rename", "git"

_open: list[list[tuple[str, str]]] = []
_installed: list[bool] = []


@contextlib.contextmanager
def trail() -> Iterator[list[tuple[str, str]]]:
    """Events with what they are about: a folder, the new name of a file, a subcommand."""
    if not _installed:
        sys.addaudithook(_hook)  # there is no way to take a hook back, so one serves all
        _installed.append(True)
    events: list[tuple[str, str]] = []
    _open.append(events)
    try:
        yield events
    finally:
        _open.remove(events)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _open:
        return
    # Folders are opened for nothing but to be synced; ``syncfs`` itself shows nowhere.
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_DIRECTORY:
        noted = (SYNC, str(arguments[0]))
    elif event == "os.rename":
        noted = (RENAME, Path(os.fsdecode(cast("bytes | str", arguments[1]))).name)
    elif event == "subprocess.Popen" and isinstance(arguments[1], list):
        noted = (GIT, str(arguments[1][1]))
    else:
        return
    for events in _open:
        events.append(noted)
