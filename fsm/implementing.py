"""One task from its start to its submission: an implementer in a worktree, then its deviations."""

import asyncio
from pathlib import Path

from attrs import evolve

from ..policy.schedule import level_tasks
from ..state.enums import FailureKind, Isolation, Role, TaskStatus
from ..state.records import Failure, Run, Task
from .attempts import AgentFailed, interrupted, is_hopeless
from .deviations import judge_deviations
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .ports import Ports
from .racing import entered, is_racing, put_away, race
from .submitting import Submitted, submit
from .task_files import write_task_files
from .workplaces import as_left, keep_work, level_branch, level_worktree, own_worktree, prepare


async def implement(ports: Ports, task_id: str) -> None:
    """Have a task implemented and its deviations judged; a failed task is set aside, not raised.

    A running task goes on.  Raises BudgetSpent or ProviderStopped when the run pauses: then the
    task stays as it is.
    """
    run = ports.store.run
    if task_of(run, task_id).status is not TaskStatus.RUNNING:
        run = ports.store.update(lambda run: apply_task(run, task_id, TaskEvent.STARTED))
    task = task_of(run, task_id)
    base = run.level_boundaries[str(task.level)]
    failed = None
    if await entered(ports, task_id):
        failed = await race(ports, task_id, base)
    else:
        try:
            await _alone(ports, task_id, base)
        except AgentFailed as error:
            failed = error.kind, error.message
    if failed is not None:
        await fail_task(ports, task_id, *failed)
    await put_away(ports, task_id)
    if failed is not None:
        return
    ports.journal.event("task.submitted", task=task_id)
    await asyncio.to_thread(write_task_files, ports.folder, task_of(ports.store.run, task_id))
    await judge_deviations(ports, task_id)


def can_go_on(run: Run, task: Task) -> bool:
    """Whether a running task goes on: in a race, with an agent in its own tree, or to its failure.

    An agent that failed for good is not asked again because that could not be recorded.
    """
    if is_racing(task) or is_hopeless(run, Role.IMPLEMENTER, task.id, task.id):
        return True
    attempt = interrupted(run, Role.IMPLEMENTER, task.id, task.id)
    return attempt is not None and run.isolation is Isolation.TASK


async def open_level(ports: Ports, level: int) -> None:
    """Make the worktree that all tasks of a level share, if they do; with work in it, it stays.

    Due before its tasks start: made by two of them at once, one would reset the other's work.
    """
    run, name = ports.store.run, level_worktree(level)
    if run.isolation is not Isolation.LEVEL:
        return
    is_fresh = all(task.status is TaskStatus.PENDING for task in level_tasks(run, level))
    existing = await asyncio.to_thread(ports.repository.existing_worktree, name)
    if is_fresh or existing is None:
        branch = level_branch(run.integration_branch, level)
        await prepare(ports, name, run.level_boundaries[str(level)], branch)


async def task_worktree(ports: Ports, task: Task, base: str) -> Path:
    """The worktree a task works in: its own, or the level's, which ``open_level`` made."""
    run = ports.store.run
    if run.isolation is Isolation.TASK:
        return await (as_left if can_go_on(run, task) else prepare)(ports, task.id, base)
    name = level_worktree(task.level)
    shared = await asyncio.to_thread(ports.repository.existing_worktree, name)
    assert shared is not None  # made before its first task started
    return shared


async def _alone(ports: Ports, task_id: str, base: str) -> None:
    """Have one implementer do it; raises AgentFailed."""
    worktree = await task_worktree(ports, task_of(ports.store.run, task_id), base)
    place = str(worktree)
    run = ports.store.update(
        lambda run: change_task(run, task_id, lambda task: evolve(task, worktree_path=place))
    )
    ports.journal.event("task.started", task=task_id, worktree=place)

    def accept(run: Run, found: Submitted) -> Run:
        return apply_task(
            run,
            task_id,
            TaskEvent.SUBMITTED,
            lambda task: evolve(
                task,
                output=found.output,
                evidence=found.evidence,
                commit_time=found.commit_time,
            ),
        )

    await submit(ports, task_of(run, task_id), task_id, worktree, base, accept)


async def fail_task(ports: Ports, task_id: str, kind: FailureKind, message: str) -> None:
    """Set a task aside: its work is kept under a rescue ref before its failure is recorded."""
    run = ports.store.run
    task = task_of(run, task_id)
    ref = await _rescue(ports, task)
    at = ports.clock.now()
    failure = Failure(state=task.status.value, kind=kind, message=message, task_id=task_id, at=at)
    ports.store.update(
        lambda run: apply_task(
            run,
            task_id,
            TaskEvent.FAILED,
            lambda task: evolve(task, failure=failure, rescue_ref=ref or task.rescue_ref),
        )
    )
    ports.journal.event("task.failed", task=task_id, failure=kind, message=message)
    ports.journal.line("run", f"task {task_id} failed: {message}")


async def _rescue(ports: Ports, task: Task) -> str | None:
    """Keep a worktree's content under a ref of the user's repository; null when nothing changed.

    A worktree that is the whole level's is nobody's own and kept when the level is left.
    """
    run = ports.store.run
    if run.isolation is Isolation.LEVEL or task.worktree_path is None:
        return None
    base = run.level_boundaries[str(task.level)]
    return await keep_work(ports, own_worktree(task), base, task.id)
