"""Takes folders away, whatever agents did to their permissions."""

import contextlib
import errno
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ..state.disk import refusal
from ..state.errors import GitError


def remove_folder(path: Path) -> None:
    """Remove a folder with everything in it, also what is write-protected; none there is fine.

    Where something else lies there, it is removed, and a link is not followed.  Raises GitError
    naming the first thing that stays.
    """
    with _errors(path):
        if is_folder(path):
            shutil.rmtree(path, onerror=_retry_writable)
        else:
            path.unlink(missing_ok=True)


def remove_owned(folder: Path, lock: str) -> None:
    """Remove a folder as the holder of the ``lock`` in it, which goes last.

    From then on it is somebody else's: what a next owner makes in it stays.  Raises GitError.
    """
    if is_folder(folder):
        with _errors(folder):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IRWXU)
            within = sorted(folder.iterdir())
        for each in within:
            if each.name != lock:
                remove_folder(each)
        remove_folder(folder / lock)
        with _errors(folder):
            try:
                folder.rmdir()
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                    raise


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if refused := refusal(error, path):
            raise refused from error
        raise GitError(f"{error.filename or path} cannot be removed: {error.strerror}.") from error


def _retry_writable(function: Callable[..., object], path: str, error: object) -> None:
    for each in (Path(path).parent, Path(path)):
        if each.exists() and not each.is_symlink():
            each.chmod(each.stat().st_mode | stat.S_IRWXU)
    if is_folder(Path(path)):
        shutil.rmtree(path)
    else:
        function(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, not a link to one."""
    return path.is_dir() and not path.is_symlink()
