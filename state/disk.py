"""What the disk or the machine refuses: recognised in errors, looked for after failures, told.

Nobody's work is at fault then.  The run stops with a StorageError, and the same command goes on
when there is room again.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from .errors import StorageError

# What is refused with, and what helps.
DISK_HINTS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "Free some space, then run the same command again.",
    errno.EDQUOT: "Free some of your quota, then run the same command again.",
    errno.EROFS: "Mount the file system writable, then run the same command again.",
    errno.EIO: "The device failed: copy the folder to another disk before anything else.",
    errno.EMFILE: "Allow more open files (`ulimit -n`), then run the same command again.",
    errno.ENFILE: "Close other programs' files, then run the same command again.",
    errno.ENOMEM: "Free some memory, then run the same command again.",
    errno.EAGAIN: "End some processes, or allow more, then run the same command again.",
}
_NO_DISK: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
_OTHER_HINT: Final = (
    "Check the disk and the permissions of the folder, then run the same command again."
)

# With less than this left, what failed may have failed for it, and soon everything will.
LEAST_FREE_BYTES: Final = 16 * 1024 * 1024
LEAST_FREE_SHARE: Final = 1 / 50  # of a file system so small that it has not much more
_PROBE_BYTES: Final = 64 * 1024
_MAX_CHAIN: Final = 20  # errors that led to one another
_NO_THREAD: Final = "can't start new thread"  # how Python tells EAGAIN


def refusal(error: BaseException, path: Path | None = None) -> StorageError | None:
    """The error as a StorageError when the machine's refusal is it or led to it, else null.

    ``path`` is named where the error names no file.
    """
    for each in _chain(error):
        if isinstance(each, StorageError):
            return each
        code = _code(each)
        if code in DISK_HINTS:
            name = getattr(each, "filename", None)
            named = Path(os.fsdecode(name)) if isinstance(name, str | bytes) and name else path
            return refused("use", named, code)
    return None


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Inside of it what the machine refuses is a StorageError that names ``path``."""
    try:
        yield
    except OSError as error:
        if found := refusal(error, path):
            raise found from error
        raise


def refused(verb: str, path: Path | None, code: int, reason: str = "") -> StorageError:
    """The sentence for a refusal: what could not be done, why, how much is free, what helps."""
    reason = reason or os.strerror(code)
    what = f"Cannot {verb} {path}: " if path is not None else ""
    free = "" if code in _NO_DISK else _free(path)
    return StorageError(f"{what}{reason}{free}.", DISK_HINTS.get(code, _OTHER_HINT))


def trouble(folders: Iterable[Path]) -> StorageError | None:
    """What is wrong with the file systems of these folders; null: nothing that could be found.

    Looked at after something failed, for programs seldom say that it was the disk.
    """
    for folder in dict.fromkeys(folders):
        try:
            found = os.statvfs(folder)
            if found.f_bavail * found.f_frsize < _least(found.f_blocks * found.f_frsize):
                return refused("write below", folder, errno.ENOSPC)
            # A quota, inodes and a file system that is read-only show only when one tries.
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"\0" * _PROBE_BYTES)
                file.flush()
        except OSError as error:
            if (code := _code(error)) in DISK_HINTS:
                return refused("write below", folder, code)
    return None


def _least(size: int) -> float:
    return min(LEAST_FREE_BYTES, size * LEAST_FREE_SHARE)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those it came from; of a group each one's."""
    left: list[BaseException | None] = [error]
    for _ in range(_MAX_CHAIN):
        if not left:
            return
        each = left.pop(0)
        if each is not None:
            yield each
            inner = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            left += [*inner, each.__cause__ or each.__context__]


def _code(error: BaseException) -> int:
    if isinstance(error, OSError):
        return error.errno or 0
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    return errno.EAGAIN if isinstance(error, RuntimeError) and _NO_THREAD in str(error) else 0


def _free(path: Path | None) -> str:
    if path is not None:
        for place in (path, path.parent):
            with contextlib.suppress(OSError):
                return f" ({shutil.disk_usage(place).free // 1024**2} MiB free)"
    return ""
