"""Where the run's own git store is and what is in it besides objects and refs.

The store is bare, borrows the user's objects, has its own configuration and no hooks.  Making it
again is harmless at any point, so a half-made one is simply finished.
"""

import os
import shutil
import stat
from pathlib import Path
from threading import get_ident
from typing import Final

from attrs import frozen

from ..state.disk import disk_errors
from ..state.errors import GitError
from .names import check_worktree_name
from .program import Place

HANDED_OUT: Final = "handed-out"  # touched whenever a worktree begins to serve somebody
_ALTERNATES_DEPTH: Final = 5  # how deep git itself follows stores that borrow
_CONFIG: Final = """\
[core]
	repositoryFormatVersion = 0
	bare = true
	fileMode = true
	symlinks = true
	logAllRefUpdates = false
	hooksPath = /dev/null
	fsmonitor = false
	attributesFile = /dev/null
	excludesFile = /dev/null
[gc]
	auto = 0
[maintenance]
	auto = false
[commit]
	gpgSign = false
[protocol]
	allow = never
"""
# Merging and showing must not depend on the git version's idea of where attributes come from.
_ATTRIBUTES: Final = "* !merge !diff\n"


@frozen
class Layout:
    """The files of a run that belong to git; ``folder`` is ``dispatch/<run>``."""

    folder: Path

    @property
    def store(self) -> Path:
        """The run's own bare repository."""
        return self.folder / "git"

    @property
    def worktrees(self) -> Path:
        """Where the worktrees are."""
        return self.folder / "worktrees"

    @property
    def set_aside(self) -> Path:
        """Where worktrees go whose content git cannot keep."""
        return self.folder / "set-aside"

    def worktree(self, name: str) -> Path:
        """The working tree of that name."""
        return self.worktrees / check_worktree_name(name)

    def admin(self, name: str) -> Path:
        """What the store knows about the worktree of that name."""
        return self.store / "worktrees" / check_worktree_name(name)

    def shadow(self, name: str) -> Path:
        """What agents in the worktree of that name have in the store's place, and who says so.

        It outlives the program, so that a stash of an interrupted agent is there when it goes on.
        """
        return self.folder / "shadows" / check_worktree_name(name)

    def place(self, name: str, index: Path | None = None) -> Place:
        """Where git works on a worktree; its ``.git`` pointer is never asked."""
        return Place(self.admin(name), self.store, self.worktree(name), index)


def make_store(layout: Layout, user_common_dir: Path, head: str) -> None:
    """Make or finish the store; raises GitError when a folder of it is a link."""
    store = layout.store
    for folder in (layout.folder, store, layout.worktrees):
        if folder.is_symlink():
            raise GitError(
                f"{folder} is a symbolic link.", "Remove it: the run keeps its work there."
            )
    for name in ("objects/info", "objects/pack", "refs/heads", "info", "worktrees"):
        (store / name).mkdir(parents=True, exist_ok=True)
    layout.worktrees.mkdir(exist_ok=True)
    set_settings(layout)
    borrowed = "".join(f"{each}\n" for each in lenders(user_common_dir / "objects"))
    _write(store / "objects" / "info" / "alternates", borrowed)
    exclude = store / "info" / "exclude"
    if not exclude.exists():  # fixed at the start, so that the run has one idea of what is ignored
        theirs = user_common_dir / "info" / "exclude"
        replace_file(exclude, theirs.read_bytes() if theirs.is_file() else b"")
    _write(store / "HEAD", f"ref: {head}\n")


def set_settings(layout: Layout) -> None:
    """Give the store its settings again: where there is no sandbox, agents can write there."""
    _write(layout.store / "config", _CONFIG)
    _write(layout.store / "info" / "attributes", _ATTRIBUTES)


def sweep(store: Path) -> None:
    """Remove the locks and half-made files that a killed owner of the store left behind."""
    for lock in sorted(store.rglob("*.lock")):  # no ref can be named so
        lock.unlink(missing_ok=True)
    for folder in (*store.glob("publish-*"), store / "shared"):
        shutil.rmtree(folder, ignore_errors=True)


def pointer_text(layout: Layout, name: str) -> bytes:
    """What belongs into the ``.git`` file of a worktree."""
    return os.fsencode(f"gitdir: {layout.admin(name)}\n")


def write_pointer(layout: Layout, name: str) -> None:
    """Give a worktree its ``.git`` file, at once and with nothing else beside it."""
    made = layout.admin(name) / f"pointer.{get_ident()}.lock"
    made.write_bytes(pointer_text(layout, name))
    bring_to_disk(made)
    made.replace(layout.worktree(name) / ".git")


def restore_pointer(layout: Layout, name: str) -> bool:
    """Write a worktree's ``.git`` file again unless it is as it was; false: a folder is there.

    Who works in the worktree may have put anything there, and nobody's work is in it.
    """
    pointer, text = layout.worktree(name) / ".git", pointer_text(layout, name)
    try:
        is_ = pointer.lstat()
    except FileNotFoundError:
        write_pointer(layout, name)
        return True
    if stat.S_ISDIR(is_.st_mode):
        return False
    same = stat.S_ISREG(is_.st_mode) and is_.st_size == len(text) and pointer.read_bytes() == text
    if not same:
        write_pointer(layout, name)
    return True


def lenders(objects: Path) -> tuple[Path, ...]:
    """A folder of objects, and those that it borrows from, as far as git itself follows them."""
    found, level = list[Path](), [objects]
    for _ in range(_ALTERNATES_DEPTH):
        new = [each for each in dict.fromkeys(level) if each not in found]
        found += new
        level = [borrowed for each in new for borrowed in _alternates(each)]
    return tuple(found)


def replace_file(path: Path, content: bytes) -> None:
    """Give a file its content at once: after a kill or a power cut it has the old or the new."""
    made = path.with_name(f"{path.name}.{get_ident()}.lock")
    with disk_errors(path):
        made.write_bytes(content)
        bring_to_disk(made)
        made.replace(path)


def bring_to_disk(path: Path) -> None:
    """Have the content of a file on the disk, before it gets the name under which it counts."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write(path: Path, text: str) -> None:
    content = os.fsencode(text)
    if not path.is_file() or path.read_bytes() != content:
        replace_file(path, content)


def _alternates(objects: Path) -> list[Path]:
    try:
        lines = os.fsdecode((objects / "info" / "alternates").read_bytes()).split("\n")
    except FileNotFoundError:
        return []
    return [
        Path(os.path.normpath(objects / line)) for line in lines if line and line[0] not in '#"'
    ]
