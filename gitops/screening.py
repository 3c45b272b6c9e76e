"""What a worktree may hold that must not become part of a tree, told in sentences.

Paths are bytes, as the kernel and git have them; only sentences are text.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..state.dot_git import as_file_systems_fold, is_like_dot_git
from .program import shown

LINK: Final = "120000"  # the mode of a link in a tree
SIZE_LIMIT: Final = 50 * 1024 * 1024  # bytes of one file
_READ_BY_GIT: Final = frozenset({".gitmodules", ".gitattributes", ".gitignore", ".mailmap"})
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def foreign(
    root: bytes, ignored: frozenset[bytes], submodules: frozenset[bytes]
) -> Iterator[tuple[bytes, str]]:
    """Each path that git would pass over in silence, with a sentence; ignored ones are left out.

    ``ignored`` is as ``git ls-files --directory`` has it: folders end with a slash.
    """
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(_below(root, folder)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, f"The folder {shown(folder)} cannot be read: {error.strerror}."
            continue
        for entry in entries:
            path = _below(folder, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            if path == b".git" or (path + b"/" if is_folder else path) in ignored:
                continue
            if is_like_dot_git(os.fsdecode(entry.name)):
                where = shown(folder) or "The worktree"
                yield folder or path, f"{where} holds {shown(entry.name)}: no repository inside."
            elif path in submodules:
                if is_folder and any(Path(os.fsdecode(entry.path)).iterdir()):
                    yield path, f"{shown(path)} is a submodule; files in it cannot be kept."
            elif is_folder:
                folders.append(path)
            elif not (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
                yield path, f"{shown(path)} is {_KINDS.get(kind, 'no file')}."


def unusable(root: bytes, path: bytes) -> str | None:
    """Why a path must not be put into a tree; null when it may, or is gone."""
    if is_not_text(path):
        return f"The name of {shown(path)} is not UTF-8."
    try:
        status = os.lstat(_below(root, path))
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return f"{shown(path)} is a git repository of its own."
    name = os.fsdecode(path.rpartition(b"/")[2])
    if stat.S_ISLNK(status.st_mode) and as_file_systems_fold(name) in _READ_BY_GIT:
        # It would leave some of them out in silence.
        return f"{shown(path)} is a symbolic link, which git does not follow; make it a file."
    if stat.S_ISREG(status.st_mode):
        if status.st_size > SIZE_LIMIT:
            return f"{shown(path)} has {status.st_size} bytes; at most {SIZE_LIMIT} are allowed."
        if not os.access(_below(root, path), os.R_OK):
            return f"{shown(path)} cannot be read."
    return None


def leaves(root: Path, path: str) -> bool:
    """Whether a link leads out of the worktree, or into its git folder, by name or in fact."""
    link = root / path
    try:
        target = link.readlink()
    except OSError:
        return True  # replaced since
    real = Path(os.path.realpath(link))
    return target_leaves(path, str(target)) or not real.is_relative_to(os.path.realpath(root))


def target_leaves(path: str, target: str) -> bool:
    """Whether a link leads out of its tree, or into a git folder, by what its target says."""
    parts = os.path.normpath(Path(path).parent / target).split("/")
    is_outside = target.startswith("/") or parts[0] == ".."
    return is_outside or any(is_like_dot_git(part) for part in parts)


def is_privileged(root: Path, path: str) -> bool:
    """Whether a file has a setuid or setgid bit, which no commit can keep."""
    try:
        mode = (root / path).lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_ISUID | stat.S_ISGID))


def is_not_text(path: bytes) -> bool:
    """Whether a path is not UTF-8."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _below(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder and name else folder or name
