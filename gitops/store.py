"""The run's repository, whole: what the lifecycle asks of git, each method in a few lines.

Every method may be repeated: it looks first and does what is missing.  They are safe to call from
several threads for different worktrees and refs.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

from ..state.errors import GitError
from ..state.git_values import Fingerprint, Merge, Shadow, Snapshot
from ..state.records import Identity
from ..state.work import FileChange
from . import diffs, evidence, integration, objects
from .layout import Layout, make_store, sweep
from .left_locks import remove_left_locks
from .names import branch_ref, check_commit, check_ref, check_run_name
from .program import Place, git
from .publication import Publication, is_ancestor
from .refs import Refs
from .shadow import make_shadow
from .sharing import share
from .tripwire import Tripwire
from .user_git import UserGit, locate
from .worktrees import BASE_REF, REMOVED_PREFIX, Worktrees

SUPERSEDED_PREFIX = "refs/dispatch/superseded"


class RunRepository:
    """The git store of one run in ``folder``, its worktrees, and what it publishes."""

    def __init__(self, target_root: Path, folder: Path, run_name: str) -> None:
        self._target_root = target_root
        self._run_name = check_run_name(run_name)
        self._layout = Layout(folder.absolute())
        self._store = self._layout.store
        self._refs = Refs(self._store)
        self._worktrees = Worktrees(self._layout, self._refs)
        self._notes = f"refs/notes/dispatch/{run_name}"
        self._noting = Lock()

    def ensure_store(self, base: str, branch: str) -> None:
        """Make the store if it is not there: objects borrowed, ``branch`` at ``base``, base pinned.

        A branch that went on from ``base`` is left where it is; raises RefMoved when it is
        anywhere else or the run's name is already pinned to another base, GitError when the base is
        gone.
        """
        ref = branch_ref(branch)
        make_store(self._layout, self._user.common_dir, ref)
        remove_left_locks(self._user.common_dir, self._run_name)
        sweep(self._store)
        objects.remove_torn(self._store)
        if self.missing((base,)):
            raise GitError(
                f"Commit {base}, which this run started from, is not in {self._target_root}.",
                "Bring it back from a clone or a backup (git fetch), then: dispatch retry "
                f"{self._run_name}",
            )
        self._publication.pin(base)
        self._refs.move(BASE_REF, base, None)
        tip = self._refs.tip(ref)
        if tip is None or not is_ancestor(self._store, base, tip):
            self._refs.move(ref, base, None)
        notes = self._user.tip(self._notes)
        if notes is not None and self._refs.tip(self._notes) is None:
            self._refs.move(self._notes, notes, None)  # the store was lost, and is made again

    def fingerprint(self) -> Fingerprint:
        """What git holds of the user's own in his repository, for a comparison."""
        return self._tripwire.look()

    def user_identity(self) -> Identity:
        """Whose name git would put on commits in the user's repository."""
        return self._user.identity()

    def tip(self, ref: str) -> str | None:
        """Where a full ref name of the run's store points; null when it does not exist."""
        return self._refs.tip(ref)

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare-and-swap a ref of the run's store (null: create); raises RefMoved."""
        self._refs.move(ref, new, old)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is reachable from ``new``."""
        return is_ancestor(self._store, check_commit(old), check_commit(new))

    def unreachable(self, commits: Sequence[str], tip: str) -> tuple[str, ...]:
        """Those of ``commits`` that are not reachable from ``tip``, in their order."""
        known = objects.holds(self._store, tuple(map(check_commit, commits)))
        wanted = "".join([*(f"{each}\n" for each in known), f"^{check_commit(tip)}\n"]).encode()
        listed = git(Place(self._store), "rev-list", "--stdin", stdin=wanted).stdout
        outside = frozenset(listed.decode().split())
        return tuple(each for each in commits if each in outside or each not in known)

    def missing(self, object_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of commits and trees that the store does not have, in their order."""
        known = frozenset(objects.holds(self._store, tuple(map(check_commit, object_ids))))
        return tuple(each for each in object_ids if each not in known)

    def published_tip(self, branch: str) -> str | None:
        """Where ``branch`` of the user's repository points; null when there is none."""
        return self._user.tip(branch_ref(branch))

    def commits_between(self, start: str, tip: str) -> tuple[str, ...]:
        """The commits after ``start`` up to ``tip`` along first parents, oldest first.

        Raises GitError when ``tip`` does not lead back to ``start``.
        """
        arguments = ("--first-parent", "--parents", "--reverse", check_commit(tip))
        known = f"^{check_commit(start)}"
        listed = git(Place(self._store), "rev-list", *arguments, known).stdout.decode()
        lines = [line.split() for line in listed.splitlines()]
        if (lines[0][1:2] if lines else [tip]) != [start]:
            raise GitError(f"{tip} does not lead back to {start}.")
        return tuple(commit for commit, *_ in lines)

    def ensure_worktree(self, name: str, commit: str, branch: str | None) -> Path:
        """A clean worktree at a commit: reused when it is exactly that, else rebuilt from refs.

        A worktree that holds content no ref reaches is first kept under a rescue ref.
        """
        return self._worktrees.ensure(name, commit, branch)

    def existing_worktree(self, name: str) -> Path | None:
        """The worktree's path when it is there."""
        return self._worktrees.existing(name)

    def remove_worktree(self, name: str) -> None:
        """Remove a worktree, its content kept; none there is fine."""
        self._worktrees.remove(name, REMOVED_PREFIX)

    def restore(self, worktree: Path, tree: str) -> None:
        """Make a worktree's files that are not ignored exactly those of a tree."""
        self._worktrees.restore(self._name(worktree), check_commit(tree))

    def share(self, worktree: Path, paths: Sequence[str]) -> None:
        """Copy ignored paths of the user's tree into a worktree, by reflink where possible."""
        name = self._name(worktree)
        base = self._worktrees.built_at(name)
        if base is None:
            raise GitError(f"There is no worktree {name} to share into.")
        for path in paths:
            share(self._layout, self._user.root, name, base, path)

    def shadow(self, worktree: Path) -> Shadow:
        """The git folder that agents in a worktree get instead of the store's.

        It stays as they left it until the worktree is handed out anew.  What lies beside it must be
        out of their reach.
        """
        return make_shadow(self._layout, self._name(worktree))

    def snapshot(self, worktree: Path, base: str) -> Snapshot:
        """The worktree's tree and its changes since ``base``, by the ignore rules of ``base``."""
        return evidence.snapshot(self._layout, self._name(worktree), check_commit(base))

    def keep(self, ref: str, tree: str, parent: str, identity: Identity, time: int) -> str:
        """Make a tree reachable from a ref of the store through a commit on ``parent``; its id."""
        message = f"Kept as {check_ref(ref)}"
        kept = objects.make_commit(self._store, tree, (parent,), message, identity, time)
        self._refs.put(ref, kept, SUPERSEDED_PREFIX)
        return kept

    def publish_ref(self, ref: str, commit: str) -> None:
        """Make a ref below ``refs/dispatch/<run>/`` in the user's repository, with its objects."""
        self._publication.ref(check_ref(ref), check_commit(commit))

    def tree_of(self, commit: str) -> str:
        """The tree id of a commit."""
        return objects.tree_of(self._store, commit)

    def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """How two commits or trees differ, sorted by path, renames recognised."""
        return diffs.changes(self._store, old, new)

    def content(self, tree: str, path: str, limit: int) -> bytes | None:
        """At most so many bytes of a file of a commit or tree; null: there is no such file."""
        return objects.content(self._store, check_commit(tree), path, limit)

    def hooks_folder(self) -> str:
        """The folder of the tree that the user's git takes hooks from; empty: it is elsewhere."""
        return self._user.hooks_folder()

    def diff(self, old: str, new: str) -> str:
        """Two commits or trees as one patch, whole: raises GitError when it is over 256 MiB."""
        return diffs.diff(self._store, old, new)

    def merge(self, ours: str, theirs_tree: str, base: str, united: Collection[str] = ()) -> Merge:
        """Merge a tree that was made on ``base`` into commit ``ours``.

        In text files of ``united`` conflicting lines of both sides are kept.
        """
        return integration.merge(self._store, ours, theirs_tree, base, united)

    def pick(self, onto: str, source_tree: str, paths: Sequence[str]) -> str:
        """The tree of commit ``onto`` with ``paths`` as they are, or are not, in another tree."""
        return integration.pick(self._store, onto, source_tree, paths)

    def commit(self, tree: str, parent: str, message: str, identity: Identity, time: int) -> str:
        """Make a commit object; the same arguments always give the same id.

        Raises GitError when it would change nothing or say nothing.
        """
        if tree == objects.tree_of(self._store, parent):
            raise GitError(f"git commit: nothing to commit, {parent} has the same tree.")
        return objects.make_commit(self._store, tree, (parent,), message, identity, time)

    def note(self, commit: str, text: str, identity: Identity, time: int) -> None:
        """Attach a note; never changes the commit's id."""
        with self._noting:
            old = self._refs.tip(self._notes)
            new = objects.with_note(self._store, old, commit, text, identity, time)
            self._refs.move(self._notes, new, old)

    def patch(self, commit: str) -> str:
        """A commit as a patch, capped with a mark at 1 MiB."""
        return diffs.patch(self._store, commit)

    def publish(
        self, branch: str, commit: str, expected: str | None, replaced: Sequence[str] = ()
    ) -> None:
        """Bring ``branch`` of the user's repository from ``expected`` to ``commit``, and the notes.

        ``expected`` must be an ancestor or one of ``replaced``.  Raises RefMoved.
        """
        self._publication.branch(branch_ref(branch), check_commit(commit), expected, replaced)
        notes = self._refs.tip(self._notes)
        if notes is not None:
            self._publication.notes(self._notes, notes)

    @cached_property
    def _user(self) -> UserGit:
        return locate(self._target_root)

    @cached_property
    def _tripwire(self) -> Tripwire:
        return Tripwire(self._user)

    @cached_property
    def _publication(self) -> Publication:
        return Publication(self._user, self._store, self._run_name)

    def _name(self, worktree: Path) -> str:
        name = worktree.name
        if worktree.absolute() != self._layout.worktree(name):
            raise GitError(f"{worktree} is not a worktree of this run.")
        return name
