"""The amendment of a level: fix agents in parallel, their repairs put into the level's commits."""

import asyncio
from collections.abc import Mapping
from functools import reduce
from typing import Final

from attrs import evolve

from ..policy.messages import commit_message
from ..policy.plan import task_order
from ..policy.schedule import level_tasks
from ..state.enums import FixingSource, FixSource, TaskStatus, Verb
from ..state.judgements import Finding
from ..state.records import Run, Task
from ..state.work import FileChange, Fix
from .conflicts import Clash, resolve, siblings
from .fan_in import check_out_level, level_tip, provenance_note
from .fixes import Order, remove_fix_worktree, repaired
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .parallel import each_in_parallel
from .ports import Ports
from .rebuild import Link, Rebuilt, Repair, rebuild
from .task_files import write_task_files

UNDER_REPAIR: Final = frozenset({TaskStatus.AMEND_REQUESTED, TaskStatus.FIXING})
STANDS: Final[Mapping[Verb, str]] = {
    Verb.ACCEPT_WITH_NOTE: "The task's work stands as it is; its findings are kept in the report."
}


def under_repair(run: Run, level: int) -> tuple[str, ...]:
    """The tasks of a level whose repair is asked for and not yet integrated."""
    return tuple(task.id for task in level_tasks(run, level) if task.status in UNDER_REPAIR)


def work_of(task: Task) -> tuple[str, ...]:
    """The commits of a task: its own, and those of repairs that were appended."""
    commits = (task.commit_sha, *(fix.commit_sha for fix in task.fixes))
    return tuple(commit for commit in commits if commit is not None)


async def patches_of(ports: Ports, task: Task) -> str:
    """What a task changed, as the patches of its commits."""
    patches = [await asyncio.to_thread(ports.repository.patch, each) for each in work_of(task)]
    return "\n".join(patches)


async def amend(
    ports: Ports, level: int, round_number: int, findings: Mapping[str, tuple[Finding, ...]]
) -> None:
    """Have the tasks under repair repaired, and the level's commits made again with the repairs.

    A repair counts from its acceptance on; all are integrated in one save, after which the tasks
    are committed and the level is to be reviewed again.
    """
    task_ids = under_repair(ports.store.run, level)
    tip = level_tip(ports.store.run, level)
    await each_in_parallel(
        task_ids,
        ports.config.max_parallel,
        lambda task_id: _repair(ports, task_id, round_number, tip, findings.get(task_id, ())),
    )
    repairs = await _repairs(ports, task_ids, tip)
    run = ports.store.run
    start = run.level_boundaries[str(level)]
    links = _chain(run, level)
    rebuilt = await asyncio.to_thread(
        rebuild, ports.repository, run.identity, start, links, repairs
    )
    changes = await asyncio.to_thread(_changes, ports, start, rebuilt)
    ports.store.update(lambda run: _integrated(run, level, tip, task_ids, rebuilt, changes))
    ports.journal.event(
        "level.rebuilt", level=level, round=round_number, folded=rebuilt.folded, tip=rebuilt.tip
    )
    run = ports.store.run
    for link in rebuilt.links:
        if link.commit is not None:
            note = provenance_note(task_of(run, link.task_id))
            await asyncio.to_thread(
                ports.repository.note, link.commit, note, run.identity, link.time
            )
    await check_out_level(ports, level)
    for task_id in task_ids:
        await remove_fix_worktree(ports, task_id)
        await asyncio.to_thread(write_task_files, ports.folder, task_of(run, task_id))


async def _repair(
    ports: Ports, task_id: str, round_number: int, tip: str, findings: tuple[Finding, ...]
) -> None:
    run = ports.store.run
    if task_of(run, task_id).status is TaskStatus.AMEND_REQUESTED:
        run = ports.store.update(
            lambda run: apply_task(
                run,
                task_id,
                TaskEvent.FIX_STARTED,
                lambda task: evolve(task, fixing_source=FixingSource.CRITIQUE),
            )
        )
    task = task_of(run, task_id)
    verdicts = [each for each in task.critique_verdicts if each.round == round_number]
    order = Order(
        task_id=task_id,
        source=FixSource.CRITIQUE,
        round=round_number,
        base=tip,
        findings=findings,
        diff=await patches_of(ports, task),
        others=siblings(run, task),
        new_tests=verdicts[-1].new_tests if verdicts else (),
    )
    await repaired(ports, order, 1, STANDS)


async def _repairs(ports: Ports, task_ids: tuple[str, ...], tip: str) -> tuple[Repair, ...]:
    """The accepted repairs as commits one after the other on the level's tip."""
    repository, made, current = ports.repository, list[Repair](), tip
    for task_id in task_ids:
        task = task_of(ports.store.run, task_id)
        found = [
            (number, fix)
            for number, fix in enumerate(task.fixes)
            if (fix.source, fix.base) == (FixSource.CRITIQUE, tip)
        ]
        for number, fix in found:
            tree = await _merged(ports, task, fix, tip, current)
            if tree is None or tree == await asyncio.to_thread(repository.tree_of, current):
                continue
            run = ports.store.run
            message = _message(run, task_id, fix)
            time = fix.commit_time
            current = await asyncio.to_thread(
                repository.commit, tree, current, message, run.identity, time
            )
            made.append(
                Repair(task_id=task_id, fix=number, commit=current, message=message, time=time)
            )
    return tuple(made)


async def _merged(ports: Ports, task: Task, fix: Fix, tip: str, current: str) -> str | None:
    """The tree with one more repair in it; null when the operator leaves the repair out."""
    tree = fix.evidence.tree
    merge = await asyncio.to_thread(ports.repository.merge, current, tree, tip)
    if not merge.conflicts:
        return merge.tree
    clash = Clash(
        task=task,
        tip=current,
        base=tip,
        tree=tree,
        merge=merge,
        time=fix.commit_time,
        others=siblings(ports.store.run, task),
    )
    allowed = {Verb.ACCEPT_WITH_NOTE: "The level goes on without this repair, and is reviewed."}
    resolved = await resolve(ports, clash, allowed)
    return None if isinstance(resolved, Verb) else resolved


def _chain(run: Run, level: int) -> tuple[Link, ...]:
    """A level's commits in their order: each task's own, then the appended repairs."""
    tasks = [task for task in level_tasks(run, level) if task.failure is None]
    own = []
    for task in tasks:
        assert task.commit_time is not None  # set with the submission
        message = commit_message(task.objective, run=run.name, task=task.id)
        own.append(
            Link(task_id=task.id, commit=task.commit_sha, message=message, time=task.commit_time)
        )
    appended = [
        (fix.round, task_order(task), task.id, number, fix)
        for task in tasks
        for number, fix in enumerate(task.fixes)
        if fix.commit_sha is not None
    ]
    for _, _, task_id, number, fix in sorted(appended, key=lambda each: each[:2]):
        message = _message(run, task_id, fix)
        own.append(
            Link(
                task_id=task_id,
                commit=fix.commit_sha,
                message=message,
                time=fix.commit_time,
                fix=number,
            )
        )
    return tuple(own)


def _message(run: Run, task_id: str, fix: Fix) -> str:
    text = f"Repair {task_id} after review {fix.round}.\n\n{fix.output.summary}"
    return commit_message(text, run=run.name, task=task_id)


def _changes(ports: Ports, start: str, rebuilt: Rebuilt) -> Mapping[str, tuple[FileChange, ...]]:
    """What the commits of each task change, each path once."""
    found: dict[str, dict[str, FileChange]] = {}
    parent = start
    for link in rebuilt.links:
        if link.commit is None:
            continue
        for change in ports.repository.changes(parent, link.commit):
            found.setdefault(link.task_id, {}).setdefault(change.path, change)
        parent = link.commit
    return {
        task_id: tuple(by_path[path] for path in sorted(by_path))
        for task_id, by_path in found.items()
    }


def _integrated(
    run: Run,
    level: int,
    tip: str,
    task_ids: tuple[str, ...],
    rebuilt: Rebuilt,
    changes: Mapping[str, tuple[FileChange, ...]],
) -> Run:
    run = reduce(_with_link, rebuilt.links, run)
    for task_id in task_ids:
        run = apply_task(
            run, task_id, TaskEvent.FIXED, lambda task: _with_evidence(task, tip, changes)
        )
    boundaries = {**run.level_boundaries, str(level + 1): rebuilt.tip}
    return evolve(run, level_boundaries=boundaries)


def _with_link(run: Run, link: Link) -> Run:
    def change(task: Task) -> Task:
        if link.fix is None:
            return evolve(task, commit_sha=link.commit)
        fixes = list(task.fixes)
        fixes[link.fix] = evolve(fixes[link.fix], commit_sha=link.commit)
        return evolve(task, fixes=tuple(fixes))

    return change_task(run, link.task_id, change)


def _with_evidence(task: Task, tip: str, changes: Mapping[str, tuple[FileChange, ...]]) -> Task:
    evidence = task.evidence
    assert evidence is not None  # committed tasks have it
    evidence = evolve(evidence, changes=changes.get(task.id, ()))
    for fix in task.fixes:
        if (fix.source, fix.base) == (FixSource.CRITIQUE, tip):
            evidence = evolve(
                evidence,
                commands=fix.evidence.commands,
                builds=(*evidence.builds, *fix.evidence.builds),
            )
    return evolve(task, fixing_source=None, evidence=evidence)
