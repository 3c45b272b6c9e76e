"""Opening a name beneath a directory descriptor: by openat2, or component by component."""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence
from typing import Final, Protocol

MAX_LINKS: Final = 40  # as the kernel
MAX_RACES: Final = 8
MAX_RESOLVED_NAMES: Final = 256

_SYS_OPENAT2: Final = 437  # the same number on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE: Final = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_DIRECTORY: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)


class Opener(Protocol):
    """Opens ``names`` beneath ``root`` without following any link; raises OSError."""

    def __call__(self, root: int, names: Sequence[str], flags: int) -> int: ...


def by_openat2(root: int, names: Sequence[str], flags: int) -> int:
    """One system call: the kernel holds the whole way beneath ``root``."""
    path = os.fsencode("/".join(names) or ".")
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0, _RESOLVE)
    for _ in range(MAX_RACES):
        descriptor = _libc.syscall(_SYS_OPENAT2, root, path, how, len(how))
        if descriptor >= 0:
            return int(descriptor)
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            raise OSError(code, os.strerror(code), os.fsdecode(path))
    raise OSError(errno.EAGAIN, "the tree is changing too fast", os.fsdecode(path))


def by_walk(root: int, names: Sequence[str], flags: int) -> int:
    """One open per name, each beneath the descriptor of the one before."""
    device = os.fstat(root).st_dev
    current = os.dup(root)
    try:
        for name in names[:-1]:
            current = _step(current, name, device)
        last = names[-1] if names else "."
        return _same_device(
            os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current), device
        )
    finally:
        os.close(current)


def openat2_works() -> bool:
    """Whether the kernel, and the filter we may run under, allow openat2."""
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(by_openat2(here, (), os.O_RDONLY | os.O_DIRECTORY))
    except OSError:
        return False
    finally:
        os.close(here)
    return True


def without_links(root: int, names: Sequence[str]) -> tuple[str, ...]:
    """The same place with every link that stays in the tree replaced by what it names.

    Raises OSError: EXDEV for a link that leaves the tree or is absolute, ELOOP for too many links.
    The answer is a hint only: it is opened again without following anything.
    """
    done: list[str] = []
    ahead = list(reversed(names))
    links = 0
    while ahead:
        name = ahead.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if not done:
                raise OSError(errno.EXDEV, "a link leads out of the tree")
            done.pop()
            continue
        target = _link(root, done, name)
        if target is None:
            done.append(name)
            continue
        links += 1
        ahead.extend(reversed(target.split("/")))
        if links > MAX_LINKS or len(done) + len(ahead) > MAX_RESOLVED_NAMES:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            raise OSError(errno.EXDEV, "a link leads out of the tree")
    return tuple(done)


def _link(root: int, folders: Sequence[str], name: str) -> str | None:
    parent = by_walk(root, folders, _DIRECTORY)
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return os.readlink(name, dir_fd=parent) if stat.S_ISLNK(found.st_mode) else None
    finally:
        os.close(parent)


def _step(current: int, name: str, device: int) -> int:
    """The descriptor of a folder in ``current``, which is closed when that worked."""
    below = _same_device(os.open(name, _DIRECTORY, dir_fd=current), device)
    os.close(current)
    return below


def _same_device(descriptor: int, device: int) -> int:
    """The descriptor, unless it is of another file system; then it is closed."""
    if os.fstat(descriptor).st_dev != device:
        os.close(descriptor)
        raise OSError(errno.EXDEV, "it crosses into another file system")
    return descriptor


_libc = ctypes.CDLL(None, use_errno=True)
