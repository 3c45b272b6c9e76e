"""The gate of a level: critics of its tasks in parallel, then the gate critic over all of them.

What they find blocking is repaired, and the level is reviewed again, until it passes.
"""

import asyncio
from pathlib import Path
from typing import Final

from attrs import evolve

from ..policy.critique import level_needs_gate
from ..policy.executable_config import executable_of
from ..policy.findings import (
    ASKING_ROUND,
    NOTICE_ROUND,
    blocking_in,
    covers,
    standing,
)
from ..policy.plan import task_order
from ..policy.review import level_outcome, synthetic_gate
from ..policy.schedule import level_tasks, reviewable
from ..state.enums import FailureKind, FixingSource, FixSource, GateOutcome, Role, TaskStatus, Verb
from ..state.jobs import GateJob
from ..state.judgements import CritiqueVerdict, Finding, GateVerdict
from ..state.records import Run, Task
from ..state.work import Attempt
from .amendments import amend, under_repair
from .attempts import carry_out
from .chain import patches_of, top_level, work_of
from .critiques import critique
from .fan_in import level_tip
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .operator_edits import ask_at_worktree
from .parallel import each_in_parallel
from .ports import Ports
from .questions import Question
from .reversals import rule_on_reversals
from .step import RunStopped
from .task_files import write_task_files
from .workplaces import level_worktree

Blocking = tuple[tuple[str, Finding], ...]

IN_REVIEW: Final = (TaskStatus.COMMITTED, TaskStatus.CRITIQUING)


async def review_level(ports: Ports, level: int) -> None:
    """Have a level judged and amended until it passes; raises RunStopped when it may not.

    Every verdict is in the document when it arrives: after a kill only the missing ones are asked.
    """
    while True:
        number = review_round(ports.store.run, level)
        if not under_repair(ports.store.run, level):
            found = await _blocking(ports, level, number)
            if not found or not await _may_be_amended(ports, level, number, found):
                return
            _request_amendment(ports, found)
        found = _standing(ports.store.run, level, number)
        by_task = {
            task_id: tuple(finding for owner, finding in found if owner == task_id)
            for task_id, _ in found
        }
        await amend(ports, level, number, by_task)


def complete_level(run: Run, level: int) -> Run:
    """The run with every task of a level completed that was under review."""
    for task in level_tasks(run, level):
        if task.status in IN_REVIEW:
            run = apply_task(run, task.id, TaskEvent.PASSED)
    return run


def review_round(run: Run, level: int) -> int:
    """Which round of a level's review is due or under way, counted from 1."""
    tasks = _judged(run, level)
    rounds = [verdict for verdict in run.gate_verdicts if verdict.level == level]
    first = _first_round(run, level)
    if not rounds or rounds[-1].round < first:
        return first
    last = rounds[-1]
    repaired = not under_repair(run, level) and any(
        fix.source is FixSource.CRITIQUE and fix.round == last.round
        for task in tasks
        for fix in task.fixes
    )
    return last.round + 1 if repaired or not covers(last, tasks) else last.round


def _first_round(run: Run, level: int) -> int:
    """The round a level's review began with: 1, or the one after the last verification."""
    due = (each.reviews.get(str(level), 1) for each in run.verification_rounds)
    return max(due, default=1)


async def _blocking(ports: Ports, level: int, number: int) -> Blocking:
    """Review the level once; what blocks it. Raises RunStopped when it cannot be repaired."""
    # After a verification a level is reviewed once more, in the tree that holds everything.
    name = level_worktree(top_level(ports.store.run))
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, name)
    assert worktree is not None  # fan-in checked it out
    since = await _since(ports, level, number)
    await each_in_parallel(
        reviewable(ports.store.run, number),
        ports.config.max_parallel,
        lambda task_id: _critique(ports, task_id, worktree, number, since),
    )
    verdict = await _gate(ports, level, worktree, number, since)
    run = ports.store.run
    outcome, blocking = level_outcome(_as_judged(run, level), verdict)
    if outcome is GateOutcome.FAIL:
        found = "; ".join(f"{task_id}: {finding.description}" for task_id, finding in blocking)
        raise RunStopped(
            FailureKind.BLOCKING_FINDINGS,
            f"The review of level {level} ended with {outcome}. {found}".rstrip(),
            blocking[0][0] if blocking else None,
        )
    await rule_on_reversals(ports, number, blocking, worktree)
    return standing(ports.store.run, blocking, number)


async def _may_be_amended(ports: Ports, level: int, number: int, found: Blocking) -> bool:
    """Whether there is to be one more round; false: the operator lets the level pass as it is."""
    names = ", ".join(sorted({task_id for task_id, _ in found}))
    rounds = number + 1 - _first_round(ports.store.run, level)
    if rounds == NOTICE_ROUND:
        ports.operator.notice(f"Level {level} needs amendment round {number}: {names}.")
    if rounds < ASKING_ROUND:
        return True
    answer, _ = await ask_at_worktree(
        ports,
        Question(
            id=f"level-{level}-amend-{number}",
            task_id=found[0][0],
            question=f"Is level {level} to be amended once more (round {number})?",
            reason=f"After {rounds - 1} rounds the reviewers still find something in: {names}.",
            details={"findings": [f"{owner}: {each.description}" for owner, each in found]},
            allowed={
                Verb.CONTINUE: "There is one more round of repair and review.",
                Verb.ACCEPT_WITH_NOTE: "The level passes; its findings are kept in the report.",
                Verb.ABORT: "The run ends as failed; everything stays where it is.",
            },
        ),
    )
    return answer.verb == Verb.CONTINUE


def _request_amendment(ports: Ports, found: Blocking) -> None:
    ports.store.update(lambda run: _amend_requested(run, found))


def _amend_requested(run: Run, found: Blocking) -> Run:
    for task_id in sorted({task_id for task_id, _ in found}):
        status = task_of(run, task_id).status
        if status is TaskStatus.COMPLETED:  # it passed before; the repair of a sibling broke it
            run = apply_task(run, task_id, TaskEvent.FIX_STARTED, _one_more_round)
            continue
        if status is TaskStatus.COMMITTED:  # it has no critic of its own
            run = apply_task(run, task_id, TaskEvent.CRITIQUE_STARTED)
        run = apply_task(run, task_id, TaskEvent.AMEND_REQUESTED, _one_more_round)
    return run


def _one_more_round(task: Task) -> Task:
    source = FixingSource.CRITIQUE if task.status is TaskStatus.COMPLETED else None
    total = task.amendment_rounds_total + 1
    return evolve(task, amendment_rounds_total=total, fixing_source=source)


def _standing(run: Run, level: int, number: int) -> Blocking:
    """What is to be repaired, from the verdicts of the round."""
    blocking = tuple(
        (task.id, finding)
        for task in _judged(run, level)
        for finding in blocking_in(run, task, number)
    )
    return standing(run, blocking, number)


async def _since(ports: Ports, level: int, number: int) -> str:
    """What the repairs of the round before changed in the level, as a patch."""
    run = ports.store.run
    before = _tip_before(run, level, number)
    if before is None:
        return ""
    tip = level_tip(run, top_level(run))
    return await asyncio.to_thread(ports.repository.diff, before, tip)


def _tip_before(run: Run, level: int, number: int) -> str | None:
    """The tip before the repairs that made a round of review necessary; null: none were made."""
    after_builds = {
        each.round for each in run.verification_rounds if each.reviews.get(str(level)) == number
    }
    for task in sorted(run.tasks, key=task_order):
        for fix in task.fixes:
            if fix.source is FixSource.VERIFICATION and fix.round in after_builds:
                return fix.base  # the first repair of the round was made on it
            mine = fix.source is FixSource.CRITIQUE and task.level == level
            if mine and fix.round == number - 1:
                return fix.base
    return None


def _as_judged(run: Run, level: int) -> tuple[Task, ...]:
    """The tasks under judgement; of one that was completed before, no earlier verdict counts."""
    return tuple(
        evolve(task, critique_verdicts=()) if task.status is TaskStatus.COMPLETED else task
        for task in _judged(run, level)
    )


def _judged(run: Run, level: int) -> tuple[Task, ...]:
    return tuple(task for task in level_tasks(run, level) if task.status is not TaskStatus.FAILED)


async def _critique(ports: Ports, task_id: str, worktree: Path, number: int, since: str) -> None:
    run = ports.store.run
    task = task_of(run, task_id)
    if task.status is TaskStatus.COMMITTED:
        run = ports.store.update(lambda run: apply_task(run, task_id, TaskEvent.CRITIQUE_STARTED))
        task = task_of(run, task_id)
    diff = await patches_of(ports, task)
    still = blocking_in(run, task, number - 1)

    def accept(run: Run, verdict: CritiqueVerdict) -> Run:
        return change_task(
            run,
            task_id,
            lambda task: evolve(task, critique_verdicts=(*task.critique_verdicts, verdict)),
        )

    verdict = await critique(
        ports,
        task,
        task_id,
        worktree,
        diff,
        accept,
        number=number,
        to_settle=still,
        since=since,
    )
    await asyncio.to_thread(write_task_files, ports.folder, task_of(ports.store.run, task_id))
    ports.journal.event(
        "task.critiqued", task=task_id, status=verdict.status, findings=len(verdict.findings)
    )


async def _gate(ports: Ports, level: int, worktree: Path, number: int, since: str) -> GateVerdict:
    run = ports.store.run
    for verdict in run.gate_verdicts:
        if (verdict.level, verdict.round) == (level, number):
            return verdict
    tasks = _as_judged(run, level)

    def accept(run: Run, verdict: GateVerdict) -> Run:
        return evolve(run, gate_verdicts=(*run.gate_verdicts, verdict))

    if not level_needs_gate(tasks):
        verdict = synthetic_gate(level, tasks, number)
        ports.store.update(lambda run: accept(run, verdict))
        return verdict
    commits = {task.id: work_of(task)[0] for task in tasks if work_of(task)}

    async def show(commit: str) -> str:
        return "\n".join(
            [await patches_of(ports, task) for task in tasks if commits.get(task.id) == commit]
        )

    def make(attempt: Attempt, folder: Path) -> GateJob:
        return GateJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            level=level,
            round=number,
            tasks=tasks,
            commits=commits,
            show=show,
            to_settle={task.id: blocking_in(run, task, number - 1) for task in tasks},
            since=since,
            executable={task.id: executable_of(task) for task in tasks},
        )

    subject = level_worktree(level)
    verdict = await carry_out(ports, Role.GATE_CRITIC, subject, None, GateJob, make, accept)
    ports.journal.event("level.judged", level=level, status=verdict.status)
    return verdict
