"""Finding and ending every process a command started, also those that left its session."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

import psutil

from ...state.alive import alive_seconds
from ...state.marks import MARKER
from .cgroup import end_groups, remove_abandoned

MAX_ROUNDS: Final = 20
POLL_SECONDS: Final = 0.05

_GONE: Final = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError)


def end_command(leader: int, mark: str, grace: float) -> int:
    """End whatever is left of one command; how many processes were found.

    ``leader`` is the shell's pid, not yet waited for, so that the number is nobody else's.  A
    process belongs to the command when it is in its session, descends from it, or carries its mark
    in the environment.  One that left all three is not found; only a process namespace holds it.
    """

    def belongs(process: psutil.Process) -> bool:
        return _session(process.pid) == leader or _mark(process) == mark

    return _end(belongs, leader, grace)


def end_run(run_mark: str, grace: float = 2.0) -> int:
    """End what a killed dispatch left behind: every process whose mark begins with the run's."""

    def belongs(process: psutil.Process) -> bool:
        return _mark(process).startswith(f"{run_mark}/")

    count = _end(belongs, None, grace)
    end_groups(run_mark)
    remove_abandoned()
    return count


def end_everything(run_mark: str) -> None:
    """End at once the run's processes and every other child of ours, such as git."""
    end_run(run_mark, grace=0.0)
    for child in _descendants(os.getpid()):
        _send(child, signal.SIGKILL)


def _end(belongs: Callable[[psutil.Process], bool], leader: int | None, grace: float) -> int:
    ours = _ourselves()
    known = dict[int, psutil.Process]()

    def look() -> list[psutil.Process]:
        if leader is not None:
            known.update({process.pid: process for process in _descendants(leader)})
        return _living(belongs, list(known.values()), ours)

    found = look()
    count = len(found)
    for process in found:
        _send(process, signal.SIGTERM)
    until = alive_seconds() + grace
    while any(map(_alive, found)) and alive_seconds() < until:
        time.sleep(POLL_SECONDS)
    if found:
        found = look()  # one more: the asked may have started others
    for _ in range(MAX_ROUNDS):
        if not found:
            break
        # Stopped first, so that none of them can start another while the others are ended.
        for process in found:
            _send(process, signal.SIGSTOP)
        found = look()
        # The leader last: while it is there, what has lost its parent may still descend from it.
        for process in [process for process in found if process.pid != leader] or found:
            _send(process, signal.SIGSTOP)
            _send(process, signal.SIGKILL)
        time.sleep(0.005)
        found = look()
    return count


def _living(
    belongs: Callable[[psutil.Process], bool], known: list[psutil.Process], ours: frozenset[int]
) -> list[psutil.Process]:
    found = {process.pid: process for process in known if _alive(process)}
    for pid in psutil.pids():
        if pid not in found and pid not in ours:
            with contextlib.suppress(*_GONE):
                process = psutil.Process(pid)
                if belongs(process) and _alive(process):
                    found[pid] = process
    return [found[pid] for pid in sorted(found)]


def _descendants(leader: int) -> list[psutil.Process]:
    try:
        return psutil.Process(leader).children(recursive=True)
    except _GONE:
        return []


def _ourselves() -> frozenset[int]:
    """We may run inside a command of another dispatch: never end what we live in."""
    own = psutil.Process()
    return frozenset({own.pid, *(parent.pid for parent in own.parents())})


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _mark(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARKER, "")
    except (*_GONE, OSError):
        return ""


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(*_GONE):
        process.send_signal(number)
