"""Faults at any file-changing system call of a whole process tree, from outside.

The program under test is not changed and knows nothing: it is started under a filter that asks
this process before each such call, of Python and of git alike.  At the chosen call everything is
killed, or the call is torn, or it fails with an error number, or it does half of what it should.
While this process looks at one call, no other one of the tree begins.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import psutil
from attrs import define, field, frozen
from crash.syscalls import (
    CONTINUE,
    NAMES,
    OPENS,
    RECEIVE,
    SEND,
    WRITES,
    file_of,
    install,
)

CUT: Final = "cut"  # every process of the tree ends before the call
TORN: Final = "torn"  # half of a write is done, then every process ends
ALONE: Final = "alone"  # only the program ends; what it started stays, its next call hanging
SHORT: Final = "short"  # a write does half of its bytes and says so

LIMIT_SECONDS: Final = 120.0  # for one supervised run
LOOK_MILLISECONDS: Final = 50

_MAKES_OR_EMPTIES: Final = os.O_CREAT | os.O_TRUNC
_PATH_AT: Final = {"open": 0, "creat": 0, "openat": 1, "openat2": 1}  # among the arguments
_PATH_MAX: Final = 4096  # bytes: PATH_MAX of the kernel
_CHILD_SUBREAPER: Final = 36
_SYNCS: Final = frozenset({"fsync", "fdatasync", "syncfs"})
_GIVES_BACK: Final = frozenset({"unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat"})
_PLAIN_WRITES: Final = frozenset({"write", "pwrite64"})


@frozen(kw_only=True)
class Fault:
    """What happens at the ``at``-th call it can meet, counted from 1: a word above or an errno."""

    at: int
    mode: str
    sticky: bool = False  # an error stays: every later call fails, too
    among: frozenset[str] = frozenset()  # only calls of these names are counted; empty: of any


@frozen(kw_only=True)
class Call:
    """A call that is about to be made."""

    process: int
    thread: int
    name: str
    arguments: tuple[int, ...]

    @property
    def is_plain_write(self) -> bool:
        """Whether it writes bytes of which half can be written."""
        return self.name in _PLAIN_WRITES and self.arguments[2] > 1

    def half(self) -> bytes:
        """The first half of what it writes."""
        with Path(f"/proc/{self.thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(self.arguments[1])
            return memory.read(self.arguments[2] // 2)

    def target(self) -> tuple[str, int]:
        """The path of the file it writes to, and where in it."""
        number = self.arguments[0]
        lines = Path(f"/proc/{self.thread}/fdinfo/{number}").read_text().splitlines()
        info = dict(line.split(":", 1) for line in lines if ":" in line)
        path = str(Path(f"/proc/{self.thread}/fd/{number}").readlink())
        if int(info["flags"], 8) & os.O_APPEND:
            return path, Path(f"/proc/{self.thread}/fd/{number}").stat().st_size
        return path, self.arguments[3] if self.name == "pwrite64" else int(info["pos"])

    def write_half(self) -> int:
        """Carry the first half of it out, in its place; how many bytes that were."""
        file = file_of(self.process, self.arguments[0])
        try:
            if self.name == "pwrite64":
                return os.pwrite(file, self.half(), self.arguments[3])
            return os.write(file, self.half())
        finally:
            os.close(file)


@frozen(kw_only=True)
class Outcome:
    """How a supervised run ended; ``calls`` names each call that the fault could have met."""

    code: int
    calls: tuple[str, ...]
    injected: str = ""  # the call that the fault met; empty: it was never reached


Look = Callable[[Call], None]


def can_meet(mode: str, call: str) -> bool:
    """Whether a fault of a kind can happen at a call: no disk is too full to delete a file."""
    if mode in (TORN, SHORT):
        return call in _PLAIN_WRITES
    if mode in (errno.errorcode[errno.EMFILE], errno.errorcode[errno.ENFILE]):
        return call in OPENS or call == "creat"
    if mode == errno.errorcode[errno.EINTR]:
        return call in OPENS or call in WRITES
    if mode in (errno.errorcode[errno.EACCES], errno.errorcode[errno.EROFS]):
        return call not in WRITES and call not in _SYNCS
    if mode in (errno.errorcode[errno.ENOSPC], errno.errorcode[errno.EDQUOT]):
        return call not in _GIVES_BACK
    return True


def supervise(
    program: Callable[[], NoReturn],
    *,
    fault: Fault | None = None,
    look: Look | None = None,
) -> Outcome:
    """Carry out a program in a child, to its end or to the fault; ``look`` sees each call first.

    This process must have no other children: with ``cut`` and ``torn`` everything below it ends.
    After ``alone`` what is left below it hangs in its next call for as long as this process lives.
    """
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)  # no orphan gets away
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become(program, theirs)
    theirs.close()
    with ours:
        _, ancillary, _, _ = ours.recvmsg(1, 64)
    if not ancillary:
        os.waitpid(pid, 0)
        raise OSError("The filter could not be installed.")
    listener = array.array("i", ancillary[0][2][:4])[0]
    supervisor = _Supervisor(pid=pid, listener=listener, fault=fault, look=look)
    try:
        return supervisor.watch()
    finally:
        if not (supervisor.injected and fault is not None and fault.mode == ALONE):
            os.close(listener)  # else a call that hangs would fail


@define(kw_only=True)
class _Supervisor:
    pid: int
    listener: int
    fault: Fault | None
    look: Look | None
    calls: list[str] = field(factory=list)
    injected: str = ""

    def watch(self) -> Outcome:
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        end = time.monotonic() + LIMIT_SECONDS
        while True:
            if time.monotonic() > end and self.look is None:
                self._end_tree()
                raise TimeoutError(f"not over after {LIMIT_SECONDS} seconds: {self.calls[-3:]}")
            ready = poll.poll(LOOK_MILLISECONDS)
            if ready and ready[0][1] & select.POLLIN:
                if not self._answer():
                    break
            elif ready:
                break  # nobody lives under the filter any more
            elif (code := self._ended()) is not None:
                return self._outcome(code)
        _, status = os.waitpid(self.pid, 0)
        return self._outcome(os.waitstatus_to_exitcode(status))

    def _outcome(self, code: int) -> Outcome:
        return Outcome(code=code, calls=tuple(self.calls), injected=self.injected)

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _answer(self) -> bool:
        """Look at one call and let it go on, or not; false: the program was ended."""
        request = bytearray(80)
        try:
            fcntl.ioctl(self.listener, RECEIVE, request)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # the caller died meanwhile
                return True
            raise
        number, thread, _, nr, _, _, *arguments = struct.unpack("=QIIiIQ6Q", request)
        call = _call(thread, NAMES[nr], tuple(arguments))
        if call is None or not self._counts(call):
            self._reply(number, flags=CONTINUE)
            return True
        self.calls.append(call.name)
        if self.look is not None:
            self.look(call)
        if not self._is_due():
            self._reply(number, flags=CONTINUE)
            return True
        assert self.fault is not None  # it is due
        self.injected = self.injected or call.name
        return self._inject(number, call, self.fault.mode)

    def _inject(self, number: int, call: Call, mode: str) -> bool:
        if mode == SHORT:
            self._reply(number, value=call.write_half())
            return True
        if mode == ALONE:
            os.kill(self.pid, signal.SIGKILL)
            return False
        if mode in (CUT, TORN):
            if mode == TORN:
                call.write_half()
            self._end_tree()
            return False
        self._reply(number, error=getattr(errno, mode))
        return True

    def _counts(self, call: Call) -> bool:
        if self.fault is None:
            return True
        if self.fault.among and call.name not in self.fault.among:
            return False
        if self.fault.mode in (TORN, SHORT) and not call.is_plain_write:
            return False
        return can_meet(self.fault.mode, call.name)

    def _is_due(self) -> bool:
        if self.fault is None:
            return False
        count = len(self.calls)
        return count == self.fault.at or (self.fault.sticky and count > self.fault.at)

    def _reply(self, number: int, *, value: int = 0, error: int = 0, flags: int = 0) -> None:
        answer = bytearray(struct.pack("=QqiI", number, value, -error, flags))
        try:
            fcntl.ioctl(self.listener, SEND, answer)
        except OSError as gone:
            if gone.errno != errno.ENOENT:  # else the caller died meanwhile
                raise

    def _end_tree(self) -> None:
        """End everything below this process, also what has a session of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)  # it starts nothing more
        while living := [each for each in psutil.Process().children(recursive=True) if _is(each)]:
            for process in living:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.001)


def _is(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _call(thread: int, name: str, arguments: tuple[int, ...]) -> Call | None:
    """The call, if it changes something on a disk; one on a pipe, socket or device does not."""
    try:
        if name in WRITES:
            target = str(Path(f"/proc/{thread}/fd/{arguments[0]}").readlink())
            if not target.startswith("/") or _is_no_file(target):
                return None
        if name in _PATH_AT and _is_no_file(_path(thread, arguments[_PATH_AT[name]])):
            return None  # a shell's ``2>/dev/null`` asks for a file to be made
        if name == "openat2" and not _flags(thread, arguments[2]) & _MAKES_OR_EMPTIES:
            return None
        status = Path(f"/proc/{thread}/status").read_text()
    except (OSError, struct.error):  # it died meanwhile
        return None
    process = int(status.partition("\nTgid:")[2].split(maxsplit=1)[0])
    return Call(process=process, thread=thread, name=name, arguments=arguments)


def _is_no_file(path: str) -> bool:
    return path.startswith(("/dev/", "/proc/")) and not path.startswith("/dev/shm/")


def _path(thread: int, address: int) -> str:
    """The text that an argument points to."""
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return os.fsdecode(memory.read(_PATH_MAX).partition(b"\0")[0])


def _flags(thread: int, address: int) -> int:
    """The first member of a ``struct open_how``."""
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        flags: int = struct.unpack("=Q", memory.read(8))[0]
        return flags


def _become(program: Callable[[], NoReturn], channel: socket.socket) -> NoReturn:
    """In the child: install the filter, hand its listener over, and be the program."""
    try:
        listener = install()
        rights = array.array("i", [listener])
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        os.close(listener)
        channel.close()
        program()
    finally:
        os._exit(127)
