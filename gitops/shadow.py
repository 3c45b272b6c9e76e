"""The git folder that agents get in the place of the run's store: theirs alone, and thrown away.

It borrows every object and has a branch, an index and settings of its own, so that git works for
whoever sits in the worktree, and nothing that is done there reaches the store, the user's
repository or a remote, none of which it names.  It is made of a few files, without git.  Nobody but
agents ever reads it.
"""

import os
import shutil
from pathlib import Path
from threading import Lock
from typing import Final

from ..state.disk import disk_errors
from ..state.errors import GitError
from ..state.git_values import Shadow
from .layout import HANDED_OUT, Layout, lenders, restore_pointer
from .removal import is_folder, remove_folder

BRANCH: Final = "work"
_CONFIG: Final = """\
[core]
	repositoryFormatVersion = 0
	bare = false
	fileMode = true
	symlinks = true
	logAllRefUpdates = true
	hooksPath = /dev/null
	fsmonitor = false
[gc]
	auto = 0
[maintenance]
	auto = false
[commit]
	gpgSign = false
[user]
	name = agent
	email = agent@localhost
"""
_MAKING: Final = Lock()  # commands of siblings in one worktree may ask at the same time


def make_shadow(layout: Layout, name: str) -> Shadow:
    """The shadow git folder of a worktree; made anew when the worktree was.

    Raises GitError when there is no such worktree.
    """
    commit = _text(layout.admin(name) / "built-at").strip()
    if not commit:
        raise GitError(f"There is no worktree {name} to make a git folder for.")
    folder = layout.shadow(name) / "git"
    shadow = Shadow(
        worktree=layout.worktree(name),
        folder=folder,
        pointer=folder.with_name(f"{folder.name}.pointer"),
        borrowed=tuple(each for each in lenders(layout.store / "objects") if each.is_dir()),
    )
    made_for = folder.with_name(f"{folder.name}.made-for")
    wanted = f"{shadow.worktree}\n{commit}\n{_touched(layout.admin(name) / HANDED_OUT)}\n"
    with _MAKING, disk_errors(folder):
        restore_pointer(layout, name)
        if not is_folder(folder) or _text(made_for) != wanted:
            made_for.unlink(missing_ok=True)
            _make(layout, name, commit, shadow)
            made_for.write_bytes(os.fsencode(wanted))
    return shadow


def _make(layout: Layout, name: str, commit: str, shadow: Shadow) -> None:
    # Never in the old one: an agent may have put links there that lead out of it.
    made = shadow.folder.with_name(f"{shadow.folder.name}.new")
    for old in (made, shadow.folder):
        remove_folder(old)
    for each in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (made / each).mkdir(parents=True)
    borrowed = "".join(f"{each}\n" for each in shadow.borrowed)
    (made / "objects/info/alternates").write_bytes(os.fsencode(borrowed))
    (made / "config").write_text(_CONFIG)
    (made / "refs/heads" / BRANCH).write_text(f"{commit}\n")
    exclude = layout.store / "info" / "exclude"
    (made / "info/exclude").write_bytes(exclude.read_bytes() if exclude.is_file() else b"")
    index = layout.admin(name) / "built-index"
    if index.is_file():
        # With its time: what was written in the same instant, git compares by content.
        shutil.copy2(index, made / "index")
    (made / "HEAD").write_text(f"ref: refs/heads/{BRANCH}\n")
    shadow.pointer.write_bytes(os.fsencode(f"gitdir: {shadow.folder}\n"))
    made.rename(shadow.folder)


def _text(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except FileNotFoundError:
        return ""


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0  # an older version made the worktree
