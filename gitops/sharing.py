"""Copies what the user's tree has but git ignores, such as installed dependencies, into worktrees.

A copy shares its blocks with the original where the file system can.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path, PurePosixPath
from typing import Final

from ..state.errors import UsageError
from .ignores import rules_of
from .layout import Layout
from .program import Place, git
from .removal import remove_folder

_CLONE: Final = 0x40049409  # the request FICLONE of linux/fs.h
_HINT: Final = "Correct `share` in the configuration: it names ignored paths of the repository."


def share(layout: Layout, root: Path, name: str, base: str, path: str) -> None:
    """Copy one ignored path of the user's tree into a worktree; there already, or nowhere: fine.

    Raises UsageError when the path leads out of the tree or git does not ignore it.
    """
    source, target = root / path, layout.worktree(name) / path
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or {"..", ".git"} & set(parts):
        raise UsageError(f"The shared path '{path}' leads out of the repository.", _HINT)
    if not os.path.lexists(source) or os.path.lexists(target):
        return
    for folder, top in ((source, root), (target, layout.worktree(name))):
        if not Path(os.path.realpath(folder.parent)).is_relative_to(os.path.realpath(top)):
            raise UsageError(f"The shared path '{path}' leads out of the repository.", _HINT)
    _check_ignored(layout, root, name, base, path)
    # Beside the worktrees first, then in one move: after a kill it is there whole or not at all.
    beside = layout.store / "shared" / name
    remove_folder(beside)
    beside.mkdir(parents=True)
    copied = beside / "copy"
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, copied, symlinks=True, copy_function=_copy, ignore=_special)
    else:
        _copy(str(source), str(copied))
    target.parent.mkdir(parents=True, exist_ok=True)
    copied.rename(target)
    remove_folder(beside)


def _check_ignored(layout: Layout, root: Path, name: str, base: str, path: str) -> None:
    with tempfile.TemporaryDirectory(prefix="dispatch-rules-") as folder:
        rules = Path(folder) / "rules"
        rules.write_bytes(rules_of(layout.store, base))
        place = Place(layout.admin(name), layout.store, root, layout.admin(name) / "built-index")
        for options in (("--cached",), ("--others", f"--exclude-from={rules}")):
            seen = git(place, "ls-files", "-z", *options, "--", path).stdout
            if seen:
                raise UsageError(f"The shared path '{path}' is not ignored by git.", _HINT)


def _copy(source: str, target: str) -> None:
    original, copy = Path(source), Path(target)
    if original.is_symlink():
        copy.symlink_to(original.readlink())
        return
    with original.open("rb") as reader, copy.open("xb") as writer:
        try:
            fcntl.ioctl(writer, _CLONE, reader.fileno())
        except OSError:
            shutil.copyfileobj(reader, writer)
    shutil.copystat(original, copy)


def _special(folder: str, names: list[str]) -> list[str]:
    """Pipes, sockets and devices, which have no content to copy."""
    return [name for name in names if not _has_content(Path(folder) / name)]


def _has_content(path: Path) -> bool:
    kind = stat.S_IFMT(path.lstat().st_mode)
    return kind in (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK)
