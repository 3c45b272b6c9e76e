"""Takes away what a run made: its worktrees, or everything of it, and never anything of another."""

import contextlib
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.errors import GitError, UsageError
from ..state.lock import LOCK
from .layout import Layout
from .left_locks import remove_left_locks
from .names import RUN_FOLDER, check_run_name
from .publication import swap_ref
from .refs import Refs
from .removal import remove_owned
from .rescue import is_elsewhere, uncommitted
from .target import checked_out_at
from .user_git import UserGit, locate
from .worktrees import RESCUE_PREFIX, Worktrees

_REFS_SHOWN: Final = 5


@frozen
class CleanReport:
    """What went, and what was left; ``refs`` are pairs of full ref name and commit."""

    run_name: str
    refs: tuple[tuple[str, str], ...]
    folder: bool
    kept: tuple[str, ...] = ()  # sentences


def teardown(folder: Path) -> int:
    """Remove the worktrees of the run in ``folder``, their content kept; how many were there.

    Goes on over those that cannot be removed, then raises GitError naming them.
    """
    layout = Layout(folder.absolute())
    worktrees = Worktrees(layout, Refs(layout.store))
    removed, failures = 0, list[str]()
    for name in worktrees.names():
        try:
            removed += worktrees.remove(name, RESCUE_PREFIX)
        except (GitError, OSError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise GitError(
            f"Removed {removed} worktrees, but not {len(failures)}: {'; '.join(failures)}",
            "Look into these folders, then repeat the command.",
        )
    return removed


def clean(target: Path, run_name: str, force: bool) -> CleanReport:
    """Remove a run: its folder, branch, notes and refs; harmless when repeated.

    Raises UsageError for what is no run name, for links, and, unless forced, when work that is
    nowhere else would go or the branch is checked out.  A checked-out branch stays in any case.
    The caller holds the run's lock if there is a folder; who waits for it begins anew.
    """
    check_run_name(run_name)
    user = locate(target)
    folder = user.root / RUN_FOLDER / run_name
    for each in (folder.parent, folder):
        if each.is_symlink():
            raise UsageError(f"{each} is a symbolic link.", "Remove the link yourself.")
    there = folder.exists()  # one that is made from now on is somebody else's
    branch = f"refs/heads/dispatch/{run_name}"
    refs = _refs_of(user, run_name, branch)
    at = checked_out_at(user, branch)
    if not force:
        _refuse_losses(user, run_name, folder, refs, at)
    kept: tuple[str, ...] = ()
    if at is not None and branch in refs:
        kept = (f"dispatch/{run_name} is checked out at {at} and was left.",)
        del refs[branch]
    remove_left_locks(user.common_dir, run_name)
    for ref, commit in refs.items():
        swap_ref(user, ref, None, commit)
    if there:
        remove_owned(folder, LOCK)
    with contextlib.suppress(OSError):  # there, and in use by other runs, or never there
        folder.parent.rmdir()
    return CleanReport(run_name, tuple(refs.items()), there, kept)


def _refs_of(user: UserGit, run_name: str, branch: str) -> dict[str, str]:
    # A pattern without a wildcard stands for that ref and those below it, not for longer names.
    patterns = (branch, f"refs/notes/dispatch/{run_name}", f"refs/dispatch/{run_name}/")
    output = user.run("for-each-ref", "--format=%(refname) %(objectname)", *patterns)
    pairs = (line.split(" ") for line in output.stdout.decode().splitlines())
    return {
        ref: commit
        for ref, commit in sorted(pairs)
        if ref in patterns or ref.startswith(patterns[-1])
    }


def _refuse_losses(
    user: UserGit, run_name: str, folder: Path, refs: dict[str, str], at: Path | None
) -> None:
    if at is not None:
        raise UsageError(
            f"dispatch/{run_name} is checked out at {at}.", "Check out another branch there first."
        )
    layout, base = Layout(folder), refs.get(f"refs/dispatch/{run_name}/base")
    branch, kept = f"refs/heads/dispatch/{run_name}", f"refs/dispatch/{run_name}/rescue"
    tips = {ref: tip for ref, tip in refs.items() if ref == branch or ref.startswith(f"{kept}/")}
    if layout.store.is_dir():
        inner = Refs(layout.store)
        inside = {
            **inner.below("refs/heads/dispatch"),
            **uncommitted(layout.store, run_name),
            **inner.below(RESCUE_PREFIX),
            **inner.below(kept),
        }
        named = frozenset(tips.values())
        tips |= {f"{ref} of {layout.store}": tip for ref, tip in inside.items() if tip not in named}
    lost = [ref for ref, tip in tips.items() if not is_elsewhere(user, tip, base, refs)]
    if layout.set_aside.is_dir():
        lost += sorted(str(each) for each in layout.set_aside.iterdir())
    if lost:
        more = f" and {len(lost) - _REFS_SHOWN} more" if len(lost) > _REFS_SHOWN else ""
        raise UsageError(
            f"Run {run_name} holds work that is nowhere else: "
            f"{', '.join(lost[:_REFS_SHOWN])}{more}.",
            f"Merge it, or make branches of it (`dispatch rescue {run_name}`); or clean with "
            "--force.",
        )
