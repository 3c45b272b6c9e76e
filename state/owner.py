"""The process that works on a run: found by its lock, spoken to by signals, waited for."""

import contextlib
import os
import re
import select
import signal
import socket
from pathlib import Path
from typing import Final

from attrs import frozen

from .errors import UsageError
from .lock import LOCK, holder

_DESCRIBED: Final = re.compile(r"process ([1-9][0-9]{0,9}) on (\S+), started ")


@frozen
class Owner:
    """A process that holds a run's lock; ``handle`` is the kernel's name of it, never reused."""

    pid: int
    handle: int

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended needs none."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)

    def ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        """Give the handle back."""
        os.close(self.handle)


def owner_of(folder: Path) -> Owner | None:
    """The process that works on the run in ``folder``; null: nobody does.

    What the lock's file says is for people, so it is believed only of a process that has the file
    open.  Raises UsageError when there is an owner that cannot be reached from here.
    """
    described = holder(folder)
    if described is None:
        return None
    found = _DESCRIBED.match(described)
    if found is None:
        raise _out_of_reach(folder, described, "its lock does not say which process that is")
    if found[2] != socket.gethostname():
        raise _out_of_reach(folder, described, "that is another machine")
    pid = int(found[1])
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        if holder(folder) is None:
            return None  # it ended meanwhile
        raise _out_of_reach(folder, described, f"{error.strerror}".lower()) from None
    owner = Owner(pid, handle)
    try:
        has_it_open = _has_open(pid, folder / LOCK)
    except OSError as error:
        owner.close()
        if holder(folder) is None:
            return None
        raise _out_of_reach(folder, described, f"{error.strerror}".lower()) from None
    if has_it_open:
        return owner
    owner.close()
    if holder(folder) is None:
        return None
    raise _out_of_reach(folder, described, "that process does not hold the lock")


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open; raises OSError where nobody may look."""
    wanted = path.stat()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(wanted, each.stat()):
                return True
    return False


def _out_of_reach(folder: Path, described: str, why: str) -> UsageError:
    return UsageError(
        f"Run {folder.name} is in the hands of {described}, which cannot be stopped from here: "
        f"{why}.",
        "Press Ctrl-C where it runs, or send it SIGTERM.",
    )
