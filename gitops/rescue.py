"""Work that a run kept because it could not be used: listed, and made a branch of the user's."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from shlex import quote

from attrs import frozen

from ..policy.executable_config import WHY, kind_of
from ..state.enums import ChangeKind
from ..state.errors import GitError, UsageError
from ..state.work import FileChange
from .diffs import changes
from .layout import Layout
from .names import RUN_FOLDER, branch_ref, check_run_name
from .objects import content, tree_of
from .program import Place, git
from .publication import Publication, swap_ref
from .refs import Refs
from .screening import LINK, target_leaves
from .user_git import UserGit, locate
from .worktrees import BASE_REF, RESCUE_PREFIX

_LONGEST_TARGET = 4096  # bytes, as the kernel
_SUBMITTED = "refs/dispatch/submitted"  # of the store, below it one ref for each task
_OURS = "dispatch/"  # branches below it are runs' own


@frozen(kw_only=True)
class Rescued:
    """One piece of kept work; ``name`` is what restores it: a task, or where it was found."""

    name: str
    ref: str
    commit: str
    files: tuple[str, ...]  # what it changed, sorted
    watch: tuple[str, ...]  # sentences: nobody accepted it, so what in it needs a look first
    look: str  # a command that shows it


def rescued(target: Path, run_name: str) -> tuple[Rescued, ...]:
    """The kept work of a run, sorted by name: failed tasks' first, then what its store alone has.

    A task that failed more than once has its earlier work as ``superseded/<commit>``.  In the store
    are what was found, what was handed in and never committed, and what was never published.
    """
    user = locate(target)
    layout = Layout(user.root / RUN_FOLDER / check_run_name(run_name))
    refs = _users_refs(user, run_name)
    place = Place(user.common_dir)
    kept = [
        _piece(user.common_dir, place, name, ref, commit, f"git show {ref}")
        for name, (ref, commit) in refs.items()
    ]
    if layout.store.is_dir():
        for name, (ref, commit) in _in_store(user, layout.store, run_name).items():
            look = f"git --git-dir={quote(str(layout.store))} show {ref}"
            kept.append(_piece(layout.store, Place(layout.store), name, ref, commit, look))
    return tuple(kept)


def uncommitted(store: Path, run_name: str) -> dict[str, str]:
    """The submissions of tasks without a commit of their own, unless some commit has their tree.

    Commits that were rescued count: they are looked at themselves.
    """
    refs = Refs(store)
    if refs.tip(BASE_REF) is None:  # killed before anything could be submitted
        return {}
    form = "--format=%T%n%(trailers:key=Dispatch-Task,valueonly)"
    older = f"{BASE_REF}^@"
    ours = ("--branches", f"--glob=refs/dispatch/{run_name}/rescue")
    log = git(Place(store), "log", form, *ours, "--not", older).stdout.decode()
    known = frozenset(log.split("\n"))
    return {
        ref: tip
        for ref, tip in refs.below(_SUBMITTED).items()
        if ref.rpartition("/")[2] not in known and tree_of(store, tip) not in known
    }


def is_elsewhere(user: UserGit, commit: str, base: str | None, own: Collection[str] = ()) -> bool:
    """Whether a commit is the base, or reachable from a ref of the user's besides ``own``."""
    listed = user.run(
        "for-each-ref", f"--contains={commit}", "--format=%(refname)", accept=(0, 128, 129)
    )
    return commit == base or any(ref not in own for ref in listed.stdout.decode().split())


def restore(target: Path, run_name: str, name: str, branch: str) -> Rescued:
    """Make a new branch of the user's from a piece of kept work; HEAD and files stay.

    Raises UsageError for unknown work and for a branch that is there or may not be made.
    """
    user = locate(target)
    pieces = {piece.name: piece for piece in rescued(target, run_name)}
    if name not in pieces:
        known = f"It has {', '.join(pieces)}." if pieces else "It has none at all."
        raise UsageError(f"Run {run_name} has no kept work {name}.", known)
    ref = _new_branch(user, branch)
    piece = pieces[name]
    layout = Layout(user.root / RUN_FOLDER / run_name)
    if layout.store.is_dir():
        Publication(user, layout.store, run_name).branch(ref, piece.commit, None)
    else:
        swap_ref(user, ref, piece.commit, None)
    return piece


def _users_refs(user: UserGit, run_name: str) -> dict[str, tuple[str, str]]:
    """Name of each piece in the user's repository, with its ref and commit."""
    prefix = f"refs/dispatch/{run_name}"
    kinds = (f"{prefix}/rescue/", f"{prefix}/superseded/")
    output = user.run("for-each-ref", "--format=%(refname) %(objectname)", *kinds)
    found: dict[str, tuple[str, str]] = {}
    for line in output.stdout.decode().splitlines():
        ref, commit = line.split(" ")
        if ref.startswith(kinds[0]):
            found[ref.removeprefix(kinds[0])] = (ref, commit)
        else:
            found[f"superseded/{commit[:12]}"] = (ref, commit)
    return found


def _in_store(user: UserGit, store: Path, run_name: str) -> dict[str, tuple[str, str]]:
    """The same of the run's own store."""
    refs = Refs(store)
    base = refs.tip(BASE_REF)
    found = {
        ref.removeprefix(f"{RESCUE_PREFIX}/"): (ref, commit)
        for ref, commit in refs.below(RESCUE_PREFIX).items()
    }
    for ref, commit in uncommitted(store, run_name).items():
        found[ref.removeprefix("refs/dispatch/")] = (ref, commit)
    for ref, commit in refs.below("refs/heads/dispatch").items():
        if not is_elsewhere(user, commit, base):
            found[ref.removeprefix("refs/heads/dispatch/")] = (ref, commit)
    return found


def _piece(store: Path, place: Place, name: str, ref: str, commit: str, look: str) -> Rescued:
    listed = git(place, "rev-parse", "--verify", "--quiet", f"{commit}^", accept=(0, 1))
    parent = listed.stdout.decode().strip()
    files: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    if parent:
        found = changes(store, parent, commit)
        files = tuple(
            sorted({path for each in found for path in (each.path, each.old_path) if path})
        )
        watch = tuple(_to_watch(store, commit, found))
    return Rescued(name=name, ref=ref, commit=commit, files=files, watch=watch, look=look)


def _to_watch(store: Path, commit: str, found: Iterable[FileChange]) -> Iterator[str]:
    """What in work that no check let through may do something where it is checked out."""
    for each in found:
        if each.kind is ChangeKind.DELETED:
            continue
        kind = kind_of(each.path)
        if kind is not None:
            yield f"{each.path} may run by itself ({kind}): {WHY[kind]}."
        if each.mode == LINK:
            target = content(store, commit, each.path, _LONGEST_TARGET) or b""
            if target_leaves(each.path, os.fsdecode(target)):
                yield f"{each.path} is a symbolic link that leads out of the tree."


def _new_branch(user: UserGit, branch: str) -> str:
    try:
        ref = branch_ref(f"refs/heads/{branch}")
    except GitError:
        raise UsageError(
            f"'{branch}' is not a name for a branch.",
            "Use letters, digits, '.', '_', '-' and '/'.",
        ) from None
    if branch.startswith(_OURS):
        raise UsageError(f"Branches below {_OURS} are runs' own.", "Choose another name.")
    if user.tip(ref) is not None:
        raise UsageError(
            f"Branch {branch} is there already, at {user.tip(ref)}.", "Choose another name."
        )
    return ref
