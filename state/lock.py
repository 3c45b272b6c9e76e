"""One process per run: a lock that the kernel frees when its holder dies, however it dies."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .clean_text import clean
from .durable import make_folder
from .errors import LockedError, StorageError

LOCK: Final = "lock"  # goes only with its whole folder, when a run is cleaned away

# ``holder`` takes the lock for an instant; whoever starts meanwhile waits that out.
TRIES: Final = 5
SECONDS_BETWEEN_TRIES: Final = 0.02
_SHOWN_BYTES: Final = 300

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})


@contextlib.contextmanager
def hold(folder: Path, now: str) -> Iterator[None]:
    """Be the one process that owns the run in ``folder``; ``now`` is written down for people.

    Makes the folder where there is none.  Raises LockedError naming the process that owns the run.
    """
    descriptor = _owned(folder)
    try:
        _describe(descriptor, now)
        yield
    finally:
        os.close(descriptor)


def holder(folder: Path) -> str | None:
    """Who owns the run in ``folder`` at this moment; null: nobody."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _storage_error(folder / LOCK, error) from error
    try:
        return None if _taken(descriptor, fcntl.LOCK_SH, 1) else _described(descriptor)
    finally:
        os.close(descriptor)


def _owned(folder: Path) -> int:
    """The lock's file, held; raises LockedError."""
    for _ in range(TRIES):
        try:
            make_folder(folder)
            descriptor = _open(folder / LOCK)
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):  # ``clean`` was not over yet
                continue
            raise
        try:
            if not _taken(descriptor, fcntl.LOCK_EX, TRIES):
                raise LockedError(
                    f"Run {folder.name} is in the hands of {_described(descriptor)}.",
                    f"Wait for it, or stop it, which keeps its work: dispatch stop {folder.name}",
                )
            if _is_there(folder / LOCK, descriptor):
                found, descriptor = descriptor, -1
                return found
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    raise LockedError(f"Run {folder.name} is being removed over and over.", "Find out by whom.")


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether that is still the file: ``clean`` removes it, under everybody who waited for it."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open(path: Path) -> int:
    # CLOEXEC is in the flags: a surviving child must not keep the lock of a dead parent.
    try:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise _storage_error(path, error) from error


def _taken(descriptor: int, kind: int, tries: int) -> bool:
    """Whether the lock could be had."""
    for last in (*[False] * (tries - 1), True):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY:
                raise StorageError(
                    f"This file system has no locks: {error.strerror}.",
                    "Keep the repository on a local disk.",
                ) from error
            if not last:
                time.sleep(SECONDS_BETWEEN_TRIES)
        else:
            return True
    return False


def _describe(descriptor: int, now: str) -> None:
    """Write down who holds the lock; only for people, so a full disk is no reason to stop."""
    line = f"process {os.getpid()} on {os.uname().nodename}, started {now}\n"
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, line.encode(), 0)


def _described(descriptor: int) -> str:
    text = os.pread(descriptor, _SHOWN_BYTES, 0).decode("utf-8", "replace")
    return " ".join(clean(text).split()) or "another process"


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot open the lock {path}: {error.strerror}.",
        "It must be a plain file in a folder you may write to.",
    )
