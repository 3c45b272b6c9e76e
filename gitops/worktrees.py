"""Linked worktrees of the run's store: made, reused, moved to another commit, set aside, removed.

Git's own ``worktree`` commands stop at half-made or moved ones; the few files that link a worktree
are written here instead, so that doing it again always ends the same.  ``built-at`` is written
last, after a sync, and names the commit that was checked out; without it a worktree was never
handed out.
Nothing is removed before its content is reachable from a ref of the store or set aside.
"""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..state.durable import sync_file_system
from ..state.errors import GitError, RefMoved
from ..state.records import Identity
from .evidence import look
from .layout import HANDED_OUT, Layout, bring_to_disk, replace_file, set_settings, write_pointer
from .names import branch_ref, check_commit
from .objects import commit_time, make_commit, tree_of
from .program import Place, git
from .refs import Refs
from .removal import is_folder, remove_folder

RESCUE_PREFIX: Final = "refs/dispatch/rescue"  # what was there and nobody expected
REMOVED_PREFIX: Final = "refs/dispatch/removed"  # what the run was done with
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
            wanted = tree_of(self._layout.store, commit)
            tree = self._keep(name, RESCUE_PREFIX, wanted)
            if tree is None:
                self._discard(name)
                self._build(name, commit)
            elif tree != wanted:
                # Nobody worked in it, so what is ignored there may stay and be useful.
                self._change(name, commit)
            else:
                self._take_index(name)
        head = commit if ref is None else f"ref: {ref}"
        self._hand_out(name, commit, head)
        (self._layout.admin(name) / HANDED_OUT).touch()
        return self._layout.worktree(name)

    def restore(self, name: str, tree: str) -> None:
        """Make the files of a worktree that are not ignored exactly those of a tree.

        What was there is kept first.  Raises GitError when there is no such worktree.
        """
        built_at = self.built_at(name)
        if self.existing(name) is None or built_at is None:
            raise GitError(f"There is no worktree {name} to restore.")
        head = (self._layout.admin(name) / "HEAD").read_text().strip()
        if self._keep(name, REMOVED_PREFIX, tree) != tree:
            self._change(name, tree)
        self._write_links(name)
        self._hand_out(name, built_at, head)

    def existing(self, name: str) -> Path | None:
        """The worktree's path when it is there and was handed out."""
        path = self._layout.worktree(name)
        return path if is_folder(path) and self.built_at(name) else None

    def built_at(self, name: str) -> str | None:
        """The commit that a worktree was made at."""
        try:
            return (self._layout.admin(name) / "built-at").read_text().strip() or None
        except FileNotFoundError:
            return None

    def remove(self, name: str, keep_below: str) -> bool:
        """Remove a worktree, its content kept under a ref; whether one was there."""
        places = (self._layout.worktree(name), self._layout.admin(name))
        if not any(map(os.path.lexists, places)):  # of a thousand tasks' at a start, nearly all
            return False
        self._clear_half_made(name)
        if self.existing(name) is None:
            return False
        self._keep(name, keep_below)
        self._discard(name)
        return True

    def names(self) -> tuple[str, ...]:
        """Every folder or link that lies where worktrees do, sorted."""
        if not self._layout.worktrees.is_dir():
            return ()
        there = self._layout.worktrees.iterdir()
        return tuple(sorted(each.name for each in there if each.is_dir() or each.is_symlink()))

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

    def _keep(self, name: str, prefix: str, wanted: str | None = None) -> str | None:
        """Make a worktree's content safe under a ref below ``prefix``.

        Where that is not needed, because it is ``wanted`` there or some commit has it: its tree.
        """
        base = self.built_at(name)
        assert base is not None  # only handed out worktrees are kept
        index = self._layout.admin(name) / "found-index"
        held = look(self._layout, name, base, index)
        if held.strange:
            self._set_aside(name, held.strange)
            held = look(self._layout, name, base, index)
        tree = held.snapshot.tree
        if tree == wanted or tree in self._reachable_trees():
            return tree
        time = commit_time(self._layout.store, base)
        message = f"Content found in worktree {name}"
        found = make_commit(self._layout.store, tree, (base,), message, _RESCUER, time)
        below = f"{prefix}/{name}"
        self._refs.move(f"{below}/{_next(self._refs.below(below))}", found, None)
        return None

    def _set_aside(self, name: str, paths: tuple[bytes, ...]) -> None:
        """Move what git cannot keep out of a worktree, to where nobody touches it."""
        there = self._layout.set_aside.glob(f"{name}.*")
        number = _next(each.name.rpartition(".")[2] for each in there)
        for path in paths:
            source = self._layout.worktree(name) / os.fsdecode(path)
            if os.path.lexists(source):  # not when it went with a folder above it
                target = self._layout.set_aside / f"{name}.{number}" / os.fsdecode(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                if is_folder(source):
                    source.chmod(source.stat().st_mode | stat.S_IRWXU)  # else it cannot be moved
                source.rename(target)

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
        elif os.path.lexists(path) and not (is_folder(path) and admin.is_dir()):
            self._set_aside(name, (b"",))
        else:
            self._discard(name)

    def _discard(self, name: str) -> None:
        (self._layout.admin(name) / "built-at").unlink(missing_ok=True)
        remove_folder(self._layout.worktree(name))
        remove_folder(self._layout.admin(name))
        remove_folder(self._layout.shadow(name))

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
            write_pointer(self._layout, name)

    def _checkout(self, name: str, treeish: str) -> None:
        admin = self._layout.admin(name)
        place = self._layout.place(name, admin / "found-index")
        set_settings(self._layout)
        git(place, "read-tree", "--reset", "-u", "--no-recurse-submodules", treeish)
        self._take_index(name)

    def _take_index(self, name: str) -> None:
        admin = self._layout.admin(name)
        # Agents may have the one that git knows; ours is what we compare with.
        shutil.copy2(admin / "found-index", admin / "index")
        bring_to_disk(admin / "found-index")
        (admin / "found-index").replace(admin / "built-index")

    def _hand_out(self, name: str, commit: str, head: str) -> None:
        admin = self._layout.admin(name)
        replace_file(admin / "HEAD", f"{head}\n".encode())
        # It says that everything is there, so that has to be on the disk first.
        sync_file_system(admin)
        replace_file(admin / "built-at", f"{commit}\n".encode())


def _next(taken: Iterable[str]) -> int:
    ends = [each.rpartition("/")[2] for each in taken]
    return max((int(end) for end in ends if end.isdigit()), default=0) + 1
