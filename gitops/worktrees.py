"""Linked worktrees of the run's store: made, reused, moved to another commit, set aside, removed.

Git's own ``worktree`` commands stop at half-made or moved ones; the few files that link a worktree
are written here instead, so that doing it again always ends the same.  ``built-at`` is written
last and names the commit that was checked out; without it a worktree was never handed out.
Nothing is removed before its content is reachable from a ref of the store or set aside.
"""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..state.errors import GitError, RefMoved
from ..state.git_values import Snapshot
from ..state.records import Identity
from .evidence import pointer_text, snapshot
from .layout import Layout, replace_file
from .names import branch_ref, check_commit, check_worktree_name
from .objects import commit_time, make_commit, tree_of
from .program import Place, git
from .refs import Refs

RESCUE_PREFIX: Final = "refs/dispatch/rescue"
BASE_REF: Final = "refs/dispatch/base"
EMPTY_HEAD: Final = "ref: refs/heads/none"
_RESCUER: Final = Identity(name="dispatch", email="dispatch@localhost")


class Worktrees:
    """The worktrees of one run."""

    def __init__(self, layout: Layout, refs: Refs) -> None:
        self._layout = layout
        self._refs = refs

    def ensure(self, name: str, commit: str, branch: str | None) -> Path:
        """A clean worktree at ``commit``, on ``branch`` or detached; ignored files may be there.

        It is reused when its content is exactly the commit's, moved when its content is that of
        another commit, else rebuilt.  Raises RefMoved when the branch is elsewhere, GitError when
        another worktree has it.
        """
        check_commit(commit)
        ref = None if branch is None else self._take_branch(name, commit, branch)
        self._clear_half_made(name)
        if self.existing(name) is None:
            self._build(name, commit)
        else:
            self._write_links(name)
            held = self._look(name)
            if held.problems or held.tree != tree_of(self._layout.store, commit):
                if self._keep(name, held):
                    # Nobody worked in it, so what is ignored there may stay and be useful.
                    self._change(name, commit)
                else:
                    self._discard(name)
                    self._build(name, commit)
        head = commit if ref is None else f"ref: {ref}"
        self._hand_out(name, commit, head)
        return self._layout.worktree(name)

    def restore(self, name: str, tree: str) -> None:
        """Make the files of a worktree that are not ignored exactly those of a tree.

        What was there is kept first.  Raises GitError when there is no such worktree.
        """
        built_at = self.built_at(name)
        if self.existing(name) is None or built_at is None:
            raise GitError(f"There is no worktree {name} to restore.")
        held = self._look(name)
        if held.tree == tree and not held.problems:
            return
        head = (self._layout.admin(name) / "HEAD").read_text().strip()
        self._keep(name, held)
        if held.problems:
            self._discard(name)
            self._build(name, tree)
        else:
            self._change(name, tree)
        self._hand_out(name, built_at, head)

    def existing(self, name: str) -> Path | None:
        """The worktree's path when it is there and was handed out."""
        path = self._layout.worktree(name)
        return path if path.is_dir() and not path.is_symlink() and self.built_at(name) else None

    def built_at(self, name: str) -> str | None:
        """The commit that a worktree was made at."""
        try:
            return (self._layout.admin(name) / "built-at").read_text().strip() or None
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> bool:
        """Remove a worktree, its content kept; whether one was there."""
        self._clear_half_made(name)
        path = self.existing(name)
        if path is None:
            return False
        self._keep(name, self._look(name))
        self._discard(name)
        return True

    def names(self) -> tuple[str, ...]:
        """Every folder that lies where worktrees do, sorted."""
        if not self._layout.worktrees.is_dir():
            return ()
        return tuple(sorted(each.name for each in self._layout.worktrees.iterdir()))

    def _take_branch(self, name: str, commit: str, branch: str) -> str:
        ref = branch_ref(branch)
        for other in sorted((self._layout.store / "worktrees").glob("*/HEAD")):
            taken = other.parent.name != name and other.read_bytes() == f"ref: {ref}\n".encode()
            if taken and self.existing(other.parent.name) is not None:
                raise GitError(f"{branch} is checked out in worktree {other.parent.name}.")
        tip = self._refs.tip(ref)
        if tip not in (None, commit):
            raise RefMoved(
                f"Branch {branch} is at {tip}, which does not match the persisted boundary "
                f"{commit}.",
                "Find out who moved it; the run's own git store is in its folder.",
            )
        self._refs.move(ref, commit, tip)
        return ref

    def _look(self, name: str) -> Snapshot:
        base = self.built_at(name)
        if base is None:
            raise GitError(f"There is no worktree {name}.")
        return snapshot(self._layout, name, base, self._layout.admin(name) / "found-index")

    def _keep(self, name: str, held: Snapshot) -> bool:
        """Make a worktree's content safe; whether it was so already."""
        if held.problems:
            self._set_aside(name)
            return False
        if held.tree in self._reachable_trees():
            return True
        parent = self.built_at(name)
        assert parent is not None
        time = commit_time(self._layout.store, parent)
        message = f"Content found in worktree {name}"
        found = make_commit(self._layout.store, held.tree, (parent,), message, _RESCUER, time)
        prefix = f"{RESCUE_PREFIX}/{name}"
        self._refs.move(f"{prefix}/{_next(self._refs.below(prefix))}", found, None)
        return False

    def _set_aside(self, name: str) -> None:
        """Move a worktree that git cannot keep whole to where nobody touches it."""
        folder = self._layout.set_aside
        folder.mkdir(exist_ok=True)
        numbers = {each.name: "" for each in folder.glob(f"{name}.*")}
        number = _next({each.removeprefix(f"{name}."): "" for each in numbers})
        self._layout.worktree(name).rename(folder / f"{name}.{number}")

    def _reachable_trees(self) -> frozenset[str]:
        """The trees of the base and of every commit of the run."""
        older = f"{BASE_REF}^@"
        listed = git(
            Place(self._layout.store), "log", "--format=%T", "--all", "--not", older
        ).stdout
        return frozenset(listed.decode().split())

    def _clear_half_made(self, name: str) -> None:
        """Make room where a kill, or somebody else, left something that is no worktree of ours."""
        path, admin = self._layout.worktree(name), self._layout.admin(name)
        if self.existing(name) is not None:
            for lock in admin.glob("*.lock"):
                lock.unlink(missing_ok=True)
        elif os.path.lexists(path) and (path.is_symlink() or not admin.is_dir()):
            self._set_aside(name)
        else:
            self._discard(name)

    def _discard(self, name: str) -> None:
        (self._layout.admin(name) / "built-at").unlink(missing_ok=True)
        remove_folder(self._layout.worktree(name))
        remove_folder(self._layout.admin(name))

    def _build(self, name: str, treeish: str) -> None:
        self._layout.admin(name).mkdir(parents=True, exist_ok=True)
        self._layout.worktree(name).mkdir(parents=True)
        self._write_links(name)
        self._checkout(name, treeish)

    def _change(self, name: str, treeish: str) -> None:
        """Bring the files that the last look found to those of a tree."""
        (self._layout.admin(name) / "built-at").unlink(missing_ok=True)
        self._checkout(name, treeish)

    def _write_links(self, name: str) -> None:
        """Write what makes a folder a worktree of the store, also after the run was moved."""
        admin, pointer = self._layout.admin(name), self._layout.worktree(name) / ".git"
        replace_file(admin / "commondir", b"../..\n")
        replace_file(admin / "gitdir", os.fsencode(f"{pointer}\n"))
        if not (admin / "HEAD").exists():  # without one git does not take it for a git folder
            replace_file(admin / "HEAD", f"{EMPTY_HEAD}\n".encode())
        if not os.path.lexists(pointer):
            replace_file(pointer, pointer_text(self._layout, name))

    def _checkout(self, name: str, treeish: str) -> None:
        admin = self._layout.admin(name)
        place = self._layout.place(name, admin / "found-index")
        git(place, "read-tree", "--reset", "-u", "--no-recurse-submodules", treeish)
        # Agents may have an index of their own; ours is what we compare with.
        shutil.copy2(admin / "found-index", admin / "index")
        (admin / "found-index").replace(admin / "built-index")

    def _hand_out(self, name: str, commit: str, head: str) -> None:
        admin = self._layout.admin(name)
        replace_file(admin / "HEAD", f"{head}\n".encode())
        replace_file(admin / "built-at", f"{commit}\n".encode())


def teardown(worktrees: Worktrees) -> int:
    """Remove all worktrees, their content kept; how many were there.

    Goes on over those that cannot be removed, then raises GitError naming them.
    """
    removed, failures = 0, list[str]()
    for name in worktrees.names():
        try:
            check_worktree_name(name)
            removed += worktrees.remove(name)
        except (GitError, OSError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise GitError(
            f"Removed {removed} worktrees, but not {len(failures)}: {'; '.join(failures)}",
            "Look into these folders, then repeat the command.",
        )
    return removed


def remove_folder(path: Path) -> None:
    """Remove a folder with everything in it, also what is write-protected; none there is fine.

    Raises GitError naming the first thing that stays.
    """
    try:
        if os.path.lexists(path):
            shutil.rmtree(path, onerror=_retry_writable)
    except OSError as error:
        raise GitError(f"{error.filename or path} cannot be removed: {error.strerror}.") from error


def _retry_writable(function: Callable[..., object], path: str, error: object) -> None:
    for each in (Path(path).parent, Path(path)):
        if each.exists() and not each.is_symlink():
            each.chmod(each.stat().st_mode | stat.S_IRWXU)
    if Path(path).is_dir() and not Path(path).is_symlink():
        shutil.rmtree(path)
    else:
        function(path)


def _next(taken: dict[str, str]) -> int:
    numbers = [int(each.rsplit("/", 1)[-1]) for each in taken if each.rsplit("/", 1)[-1].isdigit()]
    return max(numbers, default=0) + 1
