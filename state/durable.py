"""Files that are either the old one or the new one, whole, whenever the power goes.

The recipe: write a temporary file in the same folder, fsync it, rename it over the target, fsync
the folder.  Leaving any of the four out loses data on real file systems.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from .disk import refused

TEMPORARY_SUFFIX: Final = ".tmp"  # a fixed name, so that crashes cannot pile files up

_FOLDER_MODE: Final = 0o700
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_EXISTING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What file systems without hard links, or at their limit of links, answer.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})

SyncFileSystem = Callable[[int], None]


def replace(path: Path, data: bytes, *, previous: str | None = None, mode: int = 0o600) -> None:
    """Make ``data`` the content of ``path``; on return it survives a power cut.

    ``previous`` names a file in the same folder that the replaced content is kept as (where the
    file system has hard links).  Raises StorageError; the old file is then intact (or the new one,
    when only the last fsync failed) and no temporary file is left.
    """
    temporary = path.name + TEMPORARY_SUFFIX
    with _storage_errors("write", path), _opened(path.parent, _FOLDER) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        try:
            _write_new(temporary, data, mode, folder)
            if previous is not None:
                _keep(path.name, previous, folder)
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)


def write_text_atomic(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, durably, with the mode it had (new: 0644).

    What UTF-8 cannot hold is written as a backslash escape: a report must not fail for that.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o644
    folder = path.parent.resolve()
    replace(folder / path.name, text.encode("utf-8", "backslashreplace"), mode=mode)


def make_folder(path: Path) -> None:
    """Make a folder (and its parents) so that it survives a power cut; there already is fine.

    Only this user may look into it: a run's folder holds what agents read and said.
    """
    if path.is_dir():
        return
    with _storage_errors("create", path):
        make_folder(path.parent)
        path.mkdir(_FOLDER_MODE, exist_ok=True)
        with _opened(path.parent, _FOLDER) as parent:
            os.fsync(parent)


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file, up to ``limit`` + 1 bytes.

    A link, pipe, device or folder is refused with OSError, without following or waiting.
    """
    with _opened(path, _EXISTING) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit + 1)


def sync_file_system(folder: Path) -> None:
    """Bring everything that was written to the file system of ``folder`` to the disk."""
    syncfs = libc_syncfs()
    with _storage_errors("sync", folder), _opened(folder, _FOLDER) as descriptor:
        if syncfs is None:
            os.sync()
        else:
            syncfs(descriptor)


def sync_method() -> str:
    """How ``sync_file_system`` works here, for people."""
    if libc_syncfs() is None:
        return "sync of all file systems, because this C library has no syncfs"
    return "syncfs"


@cache
def libc_syncfs() -> SyncFileSystem | None:
    """The C library's ``syncfs``, which Python does not offer; null where there is none."""
    import ctypes  # whoever only reads never needs it

    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        return None

    def syncfs(descriptor: int) -> None:
        if call(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    return syncfs


def _write_new(name: str, data: bytes, mode: int, folder: int) -> None:
    """Write a file that must not exist yet, and bring it to the disk."""
    descriptor = os.open(name, _NEW_FILE, mode, dir_fd=folder)
    try:
        os.fchmod(descriptor, mode)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        # A failed fsync is final: the kernel may have dropped the pages, so it is never retried.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(name: str, previous: str, folder: int) -> None:
    """Give the content that is about to be replaced a second name."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(previous, dir_fd=folder)
    try:
        os.link(name, previous, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return  # the first write replaces nothing
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage_errors(verb: str, path: Path) -> Iterator[None]:
    """Say what the disk refused, where, how much is free and what helps."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise refused(verb, path, error.errno or 0, reason) from error
