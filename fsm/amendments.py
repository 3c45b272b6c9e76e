"""The amendment of a level: fix agents in parallel, their repairs put into the level's commits."""

import asyncio
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from ..policy.schedule import level_tasks
from ..state.enums import FixingSource, FixSource, TaskStatus, Verb
from ..state.judgements import Finding
from ..state.records import Run, Task
from ..state.work import Fix
from .chain import fix_message, integrate, patches_of, top_level
from .conflicts import siblings
from .fan_in import level_tip
from .fixes import Order, repaired
from .fold import apply_task, task_of
from .joining import Side, join
from .lifecycle import TaskEvent
from .parallel import each_in_parallel
from .ports import Ports
from .rebuild import Repair

UNDER_REPAIR: Final = frozenset({TaskStatus.AMEND_REQUESTED, TaskStatus.FIXING})
STANDS: Final[Mapping[Verb, str]] = {
    Verb.ACCEPT_WITH_NOTE: "The task's work stands as it is; its findings are kept in the report."
}


def under_repair(run: Run, level: int) -> tuple[str, ...]:
    """The tasks of a level whose repair is asked for and not yet integrated."""
    return tuple(task.id for task in level_tasks(run, level) if task.status in UNDER_REPAIR)


async def amend(
    ports: Ports, level: int, round_number: int, findings: Mapping[str, tuple[Finding, ...]]
) -> None:
    """Have the tasks under repair repaired, and the commits from the level on made again with it.

    The repairs are made on the newest tip, which is the level's own unless it is reviewed once
    more after a verification.  A repair counts from its acceptance on; all are integrated in one
    save, after which the tasks are committed and the level is to be reviewed again.
    """
    task_ids = under_repair(ports.store.run, level)
    tip = level_tip(ports.store.run, top_level(ports.store.run))
    await each_in_parallel(
        task_ids,
        ports.config.max_parallel,
        lambda task_id: _repair(ports, task_id, round_number, tip, findings.get(task_id, ())),
    )
    repairs = await _repairs(ports, task_ids, tip, round_number)
    run = ports.store.run
    numbers = {task_id: _numbers(task_of(run, task_id), tip, round_number) for task_id in task_ids}
    await integrate(ports, level, repairs, numbers)


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


async def _repairs(
    ports: Ports, task_ids: tuple[str, ...], tip: str, round_number: int
) -> tuple[Repair, ...]:
    """The accepted repairs as commits one after the other on the tip."""
    repository, made, current = ports.repository, list[Repair](), tip
    for task_id in task_ids:
        task = task_of(ports.store.run, task_id)
        for number in _numbers(task, tip, round_number):
            fix = task.fixes[number]
            tree = await _merged(ports, task, fix, tip, current)
            if tree is None or tree == await asyncio.to_thread(repository.tree_of, current):
                continue
            run = ports.store.run
            message = fix_message(run, task_id, fix)
            time = fix.commit_time
            current = await asyncio.to_thread(
                repository.commit, tree, current, message, run.identity, time
            )
            made.append(
                Repair(
                    task_id=task_id,
                    level=top_level(run),
                    fix=number,
                    commit=current,
                    message=message,
                    time=time,
                )
            )
    return tuple(made)


async def _merged(ports: Ports, task: Task, fix: Fix, tip: str, current: str) -> str | None:
    """The tree with one more repair in it; null when the operator leaves the repair out."""
    side = Side(task=task, tip=current, base=tip, tree=fix.evidence.tree, time=fix.commit_time)
    allowed = {Verb.ACCEPT_WITH_NOTE: "The level goes on without this repair, and is reviewed."}
    return (await join(ports, side, allowed, may_start_again=False)).tree


def _numbers(task: Task, tip: str, round_number: int) -> tuple[int, ...]:
    """Which of a task's fixes were made on that tip in a round of review."""
    return tuple(
        number
        for number, fix in enumerate(task.fixes)
        if (fix.source, fix.base, fix.round) == (FixSource.CRITIQUE, tip, round_number)
    )
