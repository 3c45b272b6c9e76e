"""Which system calls change files, and a filter that asks a listener before each of them.

Seccomp user notification (``seccomp_unotify(2)``), Linux 5.9 or newer on x86-64, no root.
"""

import ctypes
import fcntl
import os
import platform
import struct
from typing import Final

# Numbers of x86-64; /usr/include/asm/unistd_64.h.
WRITES: Final = {"write": 1, "pwrite64": 18, "writev": 20, "pwritev": 296, "pwritev2": 328}
OPENS: Final = {"open": 2, "openat": 257, "openat2": 437}
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
NAMES: Final = {number: name for name, number in (WRITES | OPENS | _OTHERS).items()}
PIDFD_OPEN, PIDFD_GETFD = 434, 438

RECEIVE, SEND = 0xC0502100, 0xC0182101  # ioctls of the listener
CONTINUE: Final = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x45, 0x25, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_X86_64: Final = 0xC000003E
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_SYS_SECCOMP, _SET_FILTER, _NEW_LISTENER = 317, 1, 1 << 3
_NO_NEW_PRIVILEGES: Final = 38


def why_impossible() -> str:
    """Why this machine cannot do it; empty: it can."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "it needs Linux on x86-64"
    pid = os.fork()
    if pid == 0:
        try:
            # A listener that answers nothing: only looked at, never asked.
            code = 0 if fcntl.fcntl(install(), fcntl.F_GETFD) >= 0 else 1
        except OSError:
            code = 1
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return "this kernel or container offers no seccomp user notification" if status else ""


def install() -> int:
    """Put this process and all it starts under the filter; the listener's descriptor."""
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


def file_of(pid: int, number: int) -> int:
    """Another process's open file, with its position, as a descriptor of ours."""
    libc = ctypes.CDLL(None, use_errno=True)
    process: int = libc.syscall(PIDFD_OPEN, pid, 0)
    if process < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    try:
        file: int = libc.syscall(PIDFD_GETFD, process, number, 0)
        if file < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return file
    finally:
        os.close(process)


def _program() -> list[bytes]:
    """The filter, in the kernel's own language: ask for the calls above, allow the rest."""
    ask, allow = _statement(_RETURN, _NOTIFY), _statement(_RETURN, _ALLOW)
    lines = [
        _statement(_LOAD, _ARCHITECTURE),
        _jump(_JUMP_EQUAL, _X86_64, 1, 0),
        allow,
        _statement(_LOAD, _NUMBER),
    ]
    for number in WRITES.values():  # only where the descriptor is above 2
        lines += [_jump(_JUMP_EQUAL, number, 0, 4), _statement(_LOAD, _ARGUMENTS)]
        lines += [_jump(_JUMP_GREATER, 2, 0, 1), ask, allow]
    for name in ("open", "openat"):  # only where a file may be made or emptied
        flags = _ARGUMENTS + 8 * (2 if name == "openat" else 1)
        lines += [_jump(_JUMP_EQUAL, OPENS[name], 0, 4), _statement(_LOAD, flags)]
        lines += [_jump(_JUMP_SET, os.O_CREAT | os.O_TRUNC, 0, 1), ask, allow]
    # The flags of openat2 lie in the caller's memory, where a filter cannot look.
    for number in (OPENS["openat2"], *_OTHERS.values()):
        lines += [_jump(_JUMP_EQUAL, number, 0, 1), ask]
    return [*lines, allow]


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
