"""Conflicts: the later task's fix agent gets the merged tree, both plans and both sides' hunks."""

import asyncio
import re
from typing import Final

from attrs import frozen

from ..policy.hunks import missing_hunks
from ..policy.patches import parse_patch
from ..state.enums import FindingSeverity, FixSource, Verb
from ..state.git_values import Merge
from ..state.judgements import Finding
from ..state.records import Run, Task
from ..state.work import Evidence, Fix
from .fixes import Order, remove_fix_worktree, repaired
from .ports import Ports
from .workplaces import some

MAX_TRIES: Final = 2

_MARKER: Final = re.compile(r"(?:<{7}|>{7}|\|{7})(?: |$)")


@frozen(kw_only=True)
class Clash:
    """A tree that was made on ``base`` and could not be merged onto ``tip``.

    Of the files in ``united`` the lines of both sides are kept.  ``reason`` and ``evidence`` say
    what is wrong where it is not that both sides changed the same lines.
    """

    task: Task
    tip: str
    base: str
    tree: str
    merge: Merge
    time: int
    others: tuple[Task, ...]
    united: tuple[str, ...] = ()
    reason: str = "Both sides changed this file, and the changes do not fit together."
    evidence: str = ""


async def resolve(ports: Ports, clash: Clash, allowed: dict[Verb, str]) -> str | Verb:
    """The tree that holds both, or what the operator answered instead.

    Done again after a kill it gives the same: the tree with the markers is kept as a commit that
    has the same id, and the resolution made on it is in the document.
    """
    task, repository = clash.task, ports.repository
    ref = f"refs/dispatch/conflict/{task.id}"
    identity = ports.store.run.identity
    base = await asyncio.to_thread(
        repository.keep, ref, clash.merge.tree, clash.tip, identity, clash.time
    )

    async def also(evidence: Evidence) -> tuple[str, ...]:
        return await asyncio.to_thread(_problems, ports, clash, evidence.tree)

    order = Order(
        task_id=task.id,
        source=FixSource.CONFLICT,
        round=1 + sum(fix.source is FixSource.CONFLICT for fix in task.fixes if fix.base != base),
        base=base,
        findings=tuple(
            Finding(
                id=f"conflict-{number}",
                severity=FindingSeverity.BLOCKING,
                description=clash.reason,
                file_path=path,
            )
            for number, path in enumerate(clash.merge.conflicts, 1)
        ),
        evidence=clash.evidence or await asyncio.to_thread(both_sides, ports, clash),
        diff=await asyncio.to_thread(repository.diff, clash.base, clash.tree),
        others=clash.others,
        also=also,
    )
    ports.journal.event("task.conflicted", task=task.id, paths=clash.merge.conflicts)
    ports.journal.line("run", f"{task.id} conflicts in {some(clash.merge.conflicts)}")
    result = await repaired(ports, order, MAX_TRIES, allowed)
    if not isinstance(result, Fix):
        return result
    await remove_fix_worktree(ports, task.id)
    return result.evidence.tree


def superseded_paths(ports: Ports, clash: Clash, tree: str) -> tuple[str, ...]:
    """The files in which a resolution dropped accepted lines of either side."""
    diff = ports.repository.diff
    result = diff(clash.base, tree)
    missing = (
        *missing_hunks(diff(clash.base, clash.tree), result, only_added=clash.united),
        *missing_hunks(diff(clash.base, clash.tip), result, only_added=clash.united),
    )
    return tuple(sorted({hunk.path for hunk in missing}))


def both_sides(ports: Ports, clash: Clash) -> str:
    """What each side did to the conflicting files."""
    repository = ports.repository
    paths = clash.merge.conflicts
    earlier = repository.pick(clash.base, repository.tree_of(clash.tip), paths)
    later = repository.pick(clash.base, clash.tree, paths)
    return (
        "What was integrated before, in the conflicting files:\n"
        f"{repository.diff(clash.base, earlier)}\n"
        f"What this task did there:\n{repository.diff(clash.base, later)}"
    )


def siblings(run: Run, task: Task) -> tuple[Task, ...]:
    """The tasks whose work lies beside a task's in the level's tree."""
    return tuple(
        each
        for each in run.tasks
        if each.level == task.level and each.id != task.id and each.failure is None
    )


def _problems(ports: Ports, clash: Clash, tree: str) -> tuple[str, ...]:
    conflicting = set(clash.merge.conflicts)
    marked = sorted(
        {
            hunk.path
            for hunk in parse_patch(ports.repository.diff(clash.tip, tree))
            if hunk.path in conflicting and any(map(_MARKER.match, hunk.added))
        }
    )
    if marked:
        return (f"Conflict markers are left; resolve and remove them in: {some(marked)}.",)
    dropped = [path for path in superseded_paths(ports, clash, tree) if path not in conflicting]
    if dropped:
        return (
            "These files had no conflict, but changes that were accepted in them are gone; "
            f"bring them back: {some(dropped)}.",
        )
    return ()
