"""Work in cells: each a process with a view of mounts and processes of its own, many at a time.

In a cell a copy of a site stands at the place whose path its documents hold, and nothing else that
runs on the machine is seen.  Needs namespaces: root, or users that may make their own.
"""

import ctypes
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import psutil
from attrs import frozen

T = TypeVar("T")

_NEW_MOUNTS, _NEW_PROCESSES, _NEW_USERS = 0x20000, 0x20000000, 0x10000000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18


class CellError(Exception):
    """Work in a cell failed; the text is its traceback."""


@frozen
class Cell(Generic[T]):
    """Work that is under way; what it sends comes before what it returns."""

    pid: int
    connection: Connection

    def received(self) -> T | None:
        """The next that it sent or returned; null: it is over.  Raises CellError."""
        try:
            kind, value = self.connection.recv()
        except EOFError:
            return self._end(None)
        if kind == "error":
            self._end(None)
            raise CellError(value)
        result: T = value
        return result

    def stop(self) -> None:
        """End it and all that it started."""
        os.kill(self.pid, signal.SIGKILL)
        self._end(None)

    def _end(self, result: T | None) -> T | None:
        self.connection.close()
        os.waitpid(self.pid, 0)
        return result


def are_possible() -> bool:
    """Whether this machine lets us make cells."""
    try:
        return any(True for _ in results([lambda: True], 1, isolated=True))
    except CellError:
        return False


def begin(work: Callable[[Callable[[Any], None]], Any], *, isolated: bool) -> Cell[Any]:
    """Start work in a cell; it is given what sends a value out, and what it returns is sent.

    Not ``isolated``: in a process of its own and nothing more.
    """
    ours, theirs = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_in_a_cell(work, theirs, isolated)
    theirs.close()
    return Cell(pid, ours)


def results(works: Iterable[Callable[[], T]], at_once: int, *, isolated: bool) -> Iterator[T]:
    """What each work returns, in the order in which they end; so many are in cells at a time."""
    running: dict[Connection, Cell[T]] = {}
    try:
        for work in works:
            while len(running) >= at_once:
                yield from _ended(running)
            cell = begin(partial(_alone, work), isolated=isolated)
            running[cell.connection] = cell
        while running:
            yield from _ended(running)
    finally:
        for cell in running.values():
            cell.stop()


def stand_in(copy: Path, place: Path, *, isolated: bool) -> None:
    """In a cell: have a copy stand at a place, instead of what stood there."""
    if not isolated:
        shutil.rmtree(place)
        copy.rename(place)
        return
    _call("mount", os.fsencode(copy), os.fsencode(place), None, _BIND, None)


def others(place: Path, *, isolated: bool) -> list[str]:
    """In a cell: the command lines of all that runs, but for this process.

    Not ``isolated``: of what names a place or works in it.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = process.info["cmdline"] or ()
        here = any(str(place) in word for word in (*words, process.info["cwd"] or ""))
        living = process.info["status"] != psutil.STATUS_ZOMBIE
        if process.pid != os.getpid() and living and (isolated or here):
            found.append(" ".join(words))
    return sorted(found)


def _alone(work: Callable[[], T], _: Callable[[Any], None]) -> T:
    return work()


def _ended(running: dict[Connection, Cell[T]]) -> Iterator[T]:
    for ready in wait(list(running)):
        assert isinstance(ready, Connection)
        cell = running[ready]
        try:
            value = cell.received()
        except CellError:
            del running[ready]
            raise
        if value is None:
            del running[ready]
        else:
            yield value


def _be_in_a_cell(
    work: Callable[[Callable[[Any], None]], Any], connection: Connection, isolated: bool
) -> NoReturn:
    """In the first child: make the namespaces; its child is the first process of the new ones."""
    try:
        if isolated:
            _enter()
            pid = os.fork()
            if pid:
                connection.close()
                _, status = os.waitpid(pid, 0)
                os._exit(os.waitstatus_to_exitcode(status) != 0)
            _call("prctl", 1, signal.SIGKILL, 0, 0, 0)  # it ends with the one above
            _call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
            _call("mount", b"proc", b"/proc", b"proc", 0, None)
        connection.send(("value", work(lambda value: connection.send(("value", value)))))
    except BaseException:
        connection.send(("error", traceback.format_exc()))
    finally:
        os._exit(0)


def _enter() -> None:
    user, group = os.getuid(), os.getgid()
    flags = _NEW_MOUNTS | _NEW_PROCESSES
    if user:
        flags |= _NEW_USERS
    _call("unshare", flags)
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _call(name: str, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
