"""Access to the files of one tree: held by its descriptor, never by the text of a path."""

import contextlib
import errno
import os
import secrets
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from ...state.dot_git import is_like_dot_git
from .beneath import Opener, by_openat2, by_walk, openat2_works, without_links
from .paths import Refused, components, outside, shown

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_ENTRIES: Final = 100_000  # of folders that are looked at
NEW_FILE_MODE: Final = 0o644
NEW_FOLDER_MODE: Final = 0o755

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
# A pipe must not hang us and a terminal must not become ours.
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK: Final = 1 << 18
# Read, compare and replace are one step for all agents of this process.
_WRITING: Final = threading.RLock()


class Tree:
    """The files beneath one folder.

    A path as a model gave it (``raw``) is refused, with a sentence for the model, when it leads out
    of the folder, into git metadata, or to what is not a plain file.  Reads follow links that stay
    inside; writes follow none.
    """

    def __init__(
        self, root: Path, *, staging: Path | None = None, opener: Opener | None = None
    ) -> None:
        """Open the root.

        ``staging`` is a folder outside of it where new content is prepared, so that a kill leaves
        no temporary file in the tree; ``opener`` is the kernel's way or the walk, by default what
        works here.  Raises ValueError for a relative root, OSError for one that is not there.
        """
        if not root.is_absolute():
            raise ValueError(f"the root of a tree must be absolute, not {root}")
        self.root = Path(os.path.normpath(root))
        self._real = root.resolve(strict=True)
        self._descriptor = os.open(self._real, _FOLDER | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._device = os.fstat(self._descriptor).st_dev
        self._opener = opener or default_opener()
        self._staging = staging

    def names(self, raw: str) -> tuple[str, ...]:
        """The names from the root to a path, judged as text only."""
        return components(raw, self.root, self._real)

    def read(self, raw: str) -> bytes:
        """The content of a plain file of at most 16 MiB."""
        names = self.names(raw)
        if not names:
            raise Refused(f"The path {shown(raw)} is a directory, not a file.")
        with self._sentences(raw):
            return self.read_names(self._resolved(raw, names), MAX_FILE_BYTES)

    def read_names(self, names: Sequence[str], limit: int) -> bytes:
        """The content of a file found by walking; raises OSError or Refused."""
        descriptor = self._opener(self._descriptor, names, _FILE)
        try:
            found = os.fstat(descriptor)
            reason = _not_plain(found)
            if reason:
                raise Refused(f"The path {shown('/'.join(names))} {reason}.")
            if found.st_size <= limit:
                data = _read_up_to(descriptor, limit + 1)
                if len(data) <= limit:
                    return data
            raise Refused(
                f"The file {shown('/'.join(names))} is larger than the limit of {limit:,} bytes."
            )
        finally:
            os.close(descriptor)

    def replace(
        self, raw: str, change: Callable[[bytes | None], bytes], *, unread: bool = False
    ) -> bytes:
        """Replace a file by ``change(old content)`` (null: there is none), whole or not at all.

        Missing folders are made, the mode is kept but for setuid bits, and nobody else in this
        process writes between the reading and the replacing.  With ``unread`` the new content does
        not need the old: what must not be read (a pipe, a device, a file with a second name) counts
        as none and is replaced, never written through.  Returns the new content.
        """
        names = self.names(raw)
        if not names:
            raise Refused(f"The path {shown(raw)} is a directory, not a file.")
        with _WRITING, self._sentences(raw):
            old = self._content(raw, names, unread)
            new = change(old)
            self._write(names, new)
            return new

    def folder(self, raw: str) -> Path:
        """The absolute path of a folder of the tree, for a command to run in."""
        names = self.names(raw)
        with self._sentences(raw):
            resolved = self._resolved(raw, names)
            os.close(self._opener(self._descriptor, resolved, _FOLDER))
        return self._real.joinpath(*resolved)

    def start(self, raw: str) -> tuple[tuple[str, ...], bool]:
        """Where a search from ``raw`` begins, links inside resolved, and whether it is a folder."""
        names = self.names(raw)
        with self._sentences(raw):
            resolved = self._resolved(raw, names)
            descriptor = self._opener(self._descriptor, resolved, _FILE)
            try:
                found = os.fstat(descriptor)
            finally:
                os.close(descriptor)
        if stat.S_ISDIR(found.st_mode):
            return resolved, True
        reason = _not_plain(found)
        if reason:
            raise Refused(f"The path {shown(raw)} {reason}.")
        return resolved, False

    def listing(self, names: Sequence[str], limit: int) -> list[tuple[str, bool]]:
        """Plain files and folders of a folder, sorted, as (name, is a folder); raises OSError.

        Links, git metadata, special files and other file systems are left out.  Only the first
        ``limit`` entries are looked at, in no known order.
        """
        descriptor = self._opener(self._descriptor, names, _FOLDER)
        try:
            if os.fstat(descriptor).st_dev != self._device:
                return []
            with os.scandir(descriptor) as found:
                return sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in islice(found, limit)
                    if not is_like_dot_git(entry.name)
                    and (
                        entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
                    )
                )
        finally:
            os.close(descriptor)

    def exclude_file(self) -> bytes:
        """The repository's own ``info/exclude`` when the root holds a repository, else nothing."""
        try:
            return self.read_names((".git", "info", "exclude"), _CHUNK)
        except (OSError, Refused):
            return b""

    def _resolved(self, raw: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """The place without links; the same names when there are none on the way."""
        resolved = without_links(self._descriptor, names)
        if any(is_like_dot_git(name) for name in resolved):
            raise outside(raw, self.root, "git metadata is not part of it")
        return resolved

    def _content(self, raw: str, names: tuple[str, ...], unread: bool) -> bytes | None:
        try:
            descriptor = self._opener(self._descriptor, names[:-1], _FOLDER)
        except FileNotFoundError:
            return None
        try:
            found = os.stat(names[-1], dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                target = os.readlink(names[-1], dir_fd=descriptor)
                raise outside(
                    raw,
                    self.root,
                    f"it is a symbolic link to {shown(target)}, and writing follows none",
                )
            if unread and not stat.S_ISDIR(found.st_mode) and _not_plain(found):
                return None
        except FileNotFoundError:
            return None
        finally:
            os.close(descriptor)
        return self.read_names(names, MAX_FILE_BYTES)

    def _write(self, names: tuple[str, ...], data: bytes) -> None:
        folder = self._made_folder(names[:-1])
        try:
            mode = _kept_mode(folder, names[-1])
            if self._staging is not None and self._staging.is_dir():
                staging = os.open(self._staging, _FOLDER | os.O_CLOEXEC)
                try:
                    return _put(staging, folder, names[-1], data, mode)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                finally:
                    os.close(staging)
            _put(folder, folder, names[-1], data, mode)
        finally:
            os.close(folder)

    def _made_folder(self, names: tuple[str, ...]) -> int:
        try:
            return self._opener(self._descriptor, names, _FOLDER)
        except FileNotFoundError:
            pass
        for depth in range(len(names)):
            parent = self._opener(self._descriptor, names[:depth], _FOLDER)
            try:
                os.mkdir(names[depth], NEW_FOLDER_MODE, dir_fd=parent)
            except FileExistsError:
                pass
            finally:
                os.close(parent)
        return self._opener(self._descriptor, names, _FOLDER)

    @contextlib.contextmanager
    def _sentences(self, raw: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(raw, error) from error

    def _refusal(self, raw: str, error: OSError) -> Refused:
        quoted = shown(raw)
        match error.errno:
            case errno.ENOENT:
                return Refused(f"The path {quoted} does not exist (the root is {self.root}).")
            case errno.EACCES | errno.EPERM:
                return Refused(f"The path {quoted} cannot be used: permission denied.")
            case errno.EISDIR:
                return Refused(f"The path {quoted} is a directory, not a file.")
            case errno.ENOTDIR:
                return outside(raw, self.root, "a part of it that should be a folder is none")
            case errno.ELOOP:
                return outside(raw, self.root, "there is a symbolic link on the way")
            case errno.EXDEV:
                return outside(raw, self.root, "a link or a mount point on the way leads out of it")
            case errno.ENXIO | errno.ENODEV:
                return Refused(f"The path {quoted} is not a regular file.")
            case _:
                return Refused(f"The path {quoted} cannot be used: {error.strerror}.")


def default_opener() -> Opener:
    """openat2 where the kernel has it and lets us, else the walk."""
    return by_openat2 if sys.platform == "linux" and openat2_works() else by_walk


def _not_plain(found: os.stat_result) -> str | None:
    if stat.S_ISDIR(found.st_mode):
        return "is a directory, not a file"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_nlink > 1:
        # Git never checks out a file like that; whose content it is cannot be known.
        return "has a second name (a hard link), which may lie outside the configured root"
    return None


def _read_up_to(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while left and (part := os.read(descriptor, min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _put(staging: int, folder: int, name: str, data: bytes, mode: int) -> None:
    # Random, so that nobody who writes in the tree can be waiting at the name.
    temporary = f".dispatch-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode, dir_fd=staging)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
        os.rename(temporary, name, src_dir_fd=staging, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=staging)
        raise


def _kept_mode(folder: int, name: str) -> int:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return NEW_FILE_MODE
    return stat.S_IMODE(found.st_mode) & 0o777 if stat.S_ISREG(found.st_mode) else NEW_FILE_MODE
