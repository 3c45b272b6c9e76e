"""What the document says of git, held against what is there, before anything is paid for."""

import asyncio
from collections.abc import Iterator

from ..state.errors import GitError, RefMoved
from ..state.records import Run, Task
from .chain import top_level
from .fan_in import level_tip
from .ports import Ports
from .workplaces import some


async def require_agreement(run: Run, ports: Ports) -> None:
    """Raise RefMoved or GitError, showing both sides, where the document and git differ.

    A branch that was published right before a kill is no contradiction: the document says next to
    where it was to move.
    """
    await asyncio.to_thread(_require_objects, run, ports)
    await asyncio.to_thread(_require_branch, run, ports)


def _require_objects(run: Run, ports: Ports) -> None:
    claimed = dict(_claimed(run))
    missing = ports.repository.missing(tuple(sorted(claimed)))
    if missing:
        named = some(f"{each[:12]} ({claimed[each]})" for each in missing)
        raise GitError(
            f"The document says that there are {len(claimed)} commits and trees of this run, but "
            f"the store {ports.folder / 'git'} has not: {named}.",
            "Put the store back from a backup; if there is none, the work is lost and a new run "
            "has to do it again.",
        )


def _claimed(run: Run) -> Iterator[tuple[str, str]]:
    """Each commit and tree that work to come builds on, and what it is."""
    yield run.base_commit, "the base"
    for level, commit in run.level_boundaries.items():
        yield commit, f"where level {level} starts"
    for edit in run.operator_edits:
        if edit.commit_sha is not None:
            yield edit.commit_sha, f"what the operator changed for {edit.escalation_id}"
    for task in run.tasks:
        if task.failure is None:
            yield from _claimed_by(task)


def _claimed_by(task: Task) -> Iterator[tuple[str, str]]:
    if task.evidence is not None:
        yield task.evidence.tree, f"what {task.id} submitted"
    if task.commit_sha is not None:
        yield task.commit_sha, f"the commit of {task.id}"
    for fix in task.fixes:
        yield fix.evidence.tree, f"a repair of {task.id}"
        if fix.commit_sha is not None:
            yield fix.commit_sha, f"the commit of a repair of {task.id}"


def _require_branch(run: Run, ports: Ports) -> None:
    expected = run.published_commit
    tip = ports.repository.published_tip(run.integration_branch)
    if tip == expected or (run.level_boundaries and tip == level_tip(run, max(1, top_level(run)))):
        return
    branch = run.integration_branch
    if expected is None:
        raise RefMoved(
            f"Branch {branch} is at {tip}, but the document says that this run has not made it.",
            f"Rename it (git branch -m {branch} NAME), then: dispatch retry {run.name}",
        )
    back = f"Put it back (git branch -f {branch} {expected}), then: dispatch retry {run.name}"
    if tip is None:
        raise RefMoved(
            f"Branch {branch} is gone, but the document says that it is at {expected}.", back
        )
    raise RefMoved(
        f"Branch {branch} is at {tip}, but the document says that it is at {expected}.",
        f"What is there stays yours under another name (git branch NAME {tip}). {back}",
    )
