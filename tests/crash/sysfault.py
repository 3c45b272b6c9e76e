"""Faults at any file-changing system call of a whole process tree, from outside.

The program under test is not changed and knows nothing: it is started under a seccomp filter that
asks this process before each such call, of Python and of git alike (seccomp user notification,
``seccomp_unotify(2)``; Linux 5.5 or newer on x86-64, no root).  At the chosen call everything is
killed, or the call is torn, or it fails with an error number.
"""

import array
import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
from attrs import define, field, frozen

CUT: Final = "cut"  # every process of the tree ends before the call
TORN: Final = "torn"  # half of a write is done, then every process ends

LIMIT_SECONDS: Final = 120.0  # for one supervised run
LOOK_MILLISECONDS: Final = 50

# Numbers of x86-64; /usr/include/asm/unistd_64.h.
_WRITES: Final = {"write": 1, "pwrite64": 18, "writev": 20}
_OPENS: Final = {"open": 2, "openat": 257}
_OTHERS: Final = {
    "sendfile": 40,
    "fsync": 74,
    "fdatasync": 75,
    "truncate": 76,
    "ftruncate": 77,
    "rename": 82,
    "mkdir": 83,
    "rmdir": 84,
    "creat": 85,
    "link": 86,
    "unlink": 87,
    "symlink": 88,
    "chmod": 90,
    "fchmod": 91,
    "mkdirat": 258,
    "unlinkat": 263,
    "renameat": 264,
    "linkat": 265,
    "symlinkat": 266,
    "fchmodat": 268,
    "fallocate": 285,
    "syncfs": 306,
    "renameat2": 316,
    "copy_file_range": 326,
}
_NAMES: Final = {number: name for name, number in (_WRITES | _OPENS | _OTHERS).items()}

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x45, 0x25, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_X86_64: Final = 0xC000003E
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # ioctls of the listener
_CONTINUE: Final = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_SYS_SECCOMP, _SET_FILTER, _NEW_LISTENER = 317, 1, 1 << 3
_NO_NEW_PRIVILEGES: Final = 38


@frozen(kw_only=True)
class Fault:
    """What happens at the ``at``-th call, counted from 1: a word above, or an errno's name."""

    at: int
    mode: str
    sticky: bool = False  # an error stays: every later call fails, too


@frozen(kw_only=True)
class Outcome:
    """How a supervised run ended; ``calls`` names each call that was counted."""

    code: int
    calls: tuple[str, ...]
    injected: str = ""  # the call that the fault met; empty: it was never reached


def is_possible() -> bool:
    """Whether this machine can do it."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def supervise(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Path,
    fault: Fault | None = None,
) -> Outcome:
    """Run a program to its end or to the fault; what it prints goes into the file ``output``."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _become(argv, cwd, env, output, theirs)
    theirs.close()
    with ours:
        _, ancillary, _, _ = ours.recvmsg(1, 64)
    if not ancillary:
        os.waitpid(pid, 0)
        raise OSError("The filter could not be installed.")
    listener = array.array("i", ancillary[0][2][:4])[0]
    try:
        return _Supervisor(pid=pid, listener=listener, fault=fault).watch()
    finally:
        os.close(listener)


@define(kw_only=True)
class _Supervisor:
    pid: int
    listener: int
    fault: Fault | None
    calls: list[str] = field(factory=list)
    injected: str = ""

    def watch(self) -> Outcome:
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        end = time.monotonic() + LIMIT_SECONDS
        while True:
            if time.monotonic() > end:
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
        """Look at one call and let it go on, or not; false: everything was ended."""
        request = bytearray(80)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, request)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # the caller died meanwhile
                return True
            raise
        number, pid, _, call, _, _, *arguments = struct.unpack("=QIIiIQ6Q", request)
        counts = _is_about_a_file(pid, call, arguments)
        if counts:
            self.calls.append(_NAMES[call])
        if not (counts and self._is_due()):
            self._reply(number, 0, _CONTINUE)
            return True
        assert self.fault is not None  # it is due
        self.injected = self.injected or _NAMES[call]
        if self.fault.mode in (CUT, TORN):
            if self.fault.mode == TORN:
                _write_half(pid, call, arguments)
            self._end_tree()
            return False
        self._reply(number, -getattr(errno, self.fault.mode), 0)
        return True

    def _is_due(self) -> bool:
        if self.fault is None:
            return False
        count = len(self.calls)
        return count == self.fault.at or (self.fault.sticky and count > self.fault.at)

    def _reply(self, number: int, error: int, flags: int) -> None:
        answer = bytearray(struct.pack("=QqiI", number, 0, error, flags))
        try:
            fcntl.ioctl(self.listener, _SEND, answer)
        except OSError as gone:
            if gone.errno != errno.ENOENT:  # else the caller died meanwhile
                raise

    def _end_tree(self) -> None:
        """End the program and all that it started, also what has a session of its own."""
        os.kill(self.pid, signal.SIGSTOP)  # it starts nothing more
        try:
            started = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            started = []
        for process in started:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        os.kill(self.pid, signal.SIGKILL)


def _is_about_a_file(pid: int, call: int, arguments: Sequence[int]) -> bool:
    """Whether a call changes something on a disk; writes to pipes and sockets do not."""
    if call not in _WRITES.values():
        return True
    try:
        target = str(Path(f"/proc/{pid}/fd/{arguments[0]}").readlink())
    except OSError:
        return False
    return target.startswith("/") and not target.startswith(("/dev/", "/proc/"))


def _write_half(pid: int, call: int, arguments: Sequence[int]) -> None:
    """Carry out the first half of somebody's write."""
    if call not in (_WRITES["write"], _WRITES["pwrite64"]):
        return
    number, address, length, offset = arguments[:4]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        half = memory.read(length // 2)
    lines = Path(f"/proc/{pid}/fdinfo/{number}").read_text().splitlines()
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    with Path(f"/proc/{pid}/fd/{number}").open("r+b", buffering=0) as file:
        if int(info["flags"], 8) & os.O_APPEND:
            file.seek(0, os.SEEK_END)
        else:
            file.seek(offset if call == _WRITES["pwrite64"] else int(info["pos"]))
        file.write(half)


def _become(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], output: Path, channel: socket.socket
) -> None:
    """In the child: install the filter, hand its listener over, and become the program."""
    try:
        os.chdir(cwd)
        nothing = os.open(os.devnull, os.O_RDONLY)
        said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, file in enumerate((nothing, said, said)):
            os.dup2(file, number)
        listener = _install()
        rights = array.array("i", [listener])
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        os.close(listener)
        channel.close()
        os.execvpe(argv[0], list(argv), dict(env))
    finally:
        os._exit(127)


def _install() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(_program())
    kept = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(kept))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    argument = ctypes.create_string_buffer(fprog, len(fprog))
    listener: int = libc.syscall(_SYS_SECCOMP, _SET_FILTER, _NEW_LISTENER, argument)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _program() -> list[bytes]:
    """The filter, in the kernel's own language: ask for the calls above, allow the rest."""
    ask, allow = _statement(_RETURN, _NOTIFY), _statement(_RETURN, _ALLOW)
    lines = [
        _statement(_LOAD, _ARCHITECTURE),
        _jump(_JUMP_EQUAL, _X86_64, 1, 0),
        allow,
        _statement(_LOAD, _NUMBER),
    ]
    for number in _WRITES.values():  # only where the descriptor is above 2
        lines += [_jump(_JUMP_EQUAL, number, 0, 4), _statement(_LOAD, _ARGUMENTS)]
        lines += [_jump(_JUMP_GREATER, 2, 0, 1), ask, allow]
    for name, number in _OPENS.items():  # only where a file may be made or emptied
        flags = _ARGUMENTS + 8 * (2 if name == "openat" else 1)
        lines += [_jump(_JUMP_EQUAL, number, 0, 4), _statement(_LOAD, flags)]
        lines += [_jump(_JUMP_SET, os.O_CREAT | os.O_TRUNC, 0, 1), ask, allow]
    for number in _OTHERS.values():
        lines += [_jump(_JUMP_EQUAL, number, 0, 1), ask]
    return [*lines, allow]


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
