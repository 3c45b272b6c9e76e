"""The gate of a level: critics of its tasks in parallel, then the gate critic over all of them."""

import asyncio
from pathlib import Path

from attrs import evolve

from ..policy.critique import level_needs_gate
from ..policy.review import level_outcome, synthetic_gate
from ..policy.schedule import level_tasks, reviewable
from ..state.enums import FailureKind, GateOutcome, Role, TaskStatus
from ..state.jobs import CritiqueJob, GateJob
from ..state.records import Attempt, CritiqueVerdict, GateVerdict, Run
from .attempts import carry_out
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .parallel import each_in_parallel
from .ports import Ports
from .step import RunStopped
from .task_files import write_task_files
from .workplaces import level_worktree

FIRST_ROUND = 1


async def review_level(ports: Ports, level: int) -> None:
    """Have a level judged; raises RunStopped when it may not pass.

    Every verdict is in the document when it arrives: after a kill only the missing ones are asked.
    """
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, level_worktree(level))
    assert worktree is not None  # fan-in checked it out
    await _critics(ports, worktree)
    verdict = await _gate(ports, level, worktree)
    run = ports.store.run
    outcome, blocking = level_outcome(level_tasks(run, level), verdict)
    if outcome is not GateOutcome.PASS:
        found = "; ".join(f"{task_id}: {finding.description}" for task_id, finding in blocking)
        raise RunStopped(
            FailureKind.BLOCKING_FINDINGS,
            f"The review of level {level} ended with {outcome}. {found}".rstrip(),
            blocking[0][0] if blocking else None,
        )


async def _critics(ports: Ports, worktree: Path) -> None:
    await each_in_parallel(
        reviewable(ports.store.run),
        ports.config.max_parallel,
        lambda task_id: _critique(ports, task_id, worktree),
    )


async def _critique(ports: Ports, task_id: str, worktree: Path) -> None:
    run = ports.store.run
    task = task_of(run, task_id)
    if task.status is TaskStatus.COMMITTED:
        run = ports.store.update(lambda run: apply_task(run, task_id, TaskEvent.CRITIQUE_STARTED))
        task = task_of(run, task_id)
    commit, evidence = task.commit_sha, task.evidence
    assert evidence is not None  # committed tasks have it
    diff = "" if commit is None else await asyncio.to_thread(ports.repository.patch, commit)

    def make(attempt: Attempt, folder: Path) -> CritiqueJob:
        return CritiqueJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            task=task,
            round=FIRST_ROUND,
            diff=diff,
            changes=evidence.changes,
            commands=evidence.commands,
        )

    def accept(run: Run, verdict: CritiqueVerdict) -> Run:
        return change_task(
            run,
            task_id,
            lambda task: evolve(task, critique_verdicts=(*task.critique_verdicts, verdict)),
        )

    verdict = await carry_out(ports, Role.CRITIC, task_id, task_id, CritiqueJob, make, accept)
    await asyncio.to_thread(write_task_files, ports.folder, task_of(ports.store.run, task_id))
    ports.journal.event(
        "task.critiqued", task=task_id, status=verdict.status, findings=len(verdict.findings)
    )


async def _gate(ports: Ports, level: int, worktree: Path) -> GateVerdict:
    run = ports.store.run
    recorded = [verdict for verdict in run.gate_verdicts if verdict.level == level]
    if recorded:
        return recorded[-1]
    tasks = tuple(task for task in level_tasks(run, level) if task.status is not TaskStatus.FAILED)

    def accept(run: Run, verdict: GateVerdict) -> Run:
        return evolve(run, gate_verdicts=(*run.gate_verdicts, verdict))

    if not level_needs_gate(tasks):
        verdict = synthetic_gate(level, tasks)
        ports.store.update(lambda run: accept(run, verdict))
        return verdict
    commits = {task.id: task.commit_sha for task in tasks if task.commit_sha is not None}

    async def show(commit: str) -> str:
        return await asyncio.to_thread(ports.repository.patch, commit)

    def make(attempt: Attempt, folder: Path) -> GateJob:
        return GateJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            level=level,
            round=FIRST_ROUND,
            tasks=tasks,
            commits=commits,
            show=show,
        )

    verdict = await carry_out(
        ports, Role.GATE_CRITIC, level_worktree(level), None, GateJob, make, accept
    )
    ports.journal.event("level.judged", level=level, status=verdict.status)
    return verdict
