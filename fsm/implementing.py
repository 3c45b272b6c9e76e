"""One task from its start to its submission: an implementer in a worktree, then its deviations."""

import asyncio
from pathlib import Path

from attrs import evolve

from ..policy.schedule import level_tasks
from ..state.enums import FailureKind, Isolation, Role, TaskStatus
from ..state.jobs import ImplementJob
from ..state.records import Failure, Run, Task
from ..state.work import Attempt, TaskOutput
from .attempts import AgentFailed, carry_out, interrupted
from .deviations import judge_deviations, with_unplanned
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .ports import Ports
from .submissions import Examiner
from .task_files import write_task_files
from .workplaces import OwnTree, as_left, level_branch, level_worktree, prepare


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
    worktree = await task_worktree(ports, task, base)
    run = ports.store.update(
        lambda run: change_task(
            run, task_id, lambda task: evolve(task, worktree_path=str(worktree))
        )
    )
    ports.journal.event("task.started", task=task_id, worktree=str(worktree))
    try:
        await _attempt(ports, task_of(run, task_id), worktree, base)
    except AgentFailed as error:
        await fail_task(ports, task_id, error.kind, error.message)
        return
    await judge_deviations(ports, task_id)


def can_go_on(run: Run, task: Task) -> bool:
    """Whether a running task's agent may go on: it was at work, in a tree that is its own."""
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


async def _attempt(ports: Ports, task: Task, worktree: Path, base: str) -> None:
    examiner: Examiner | None = None

    def make(attempt: Attempt, folder: Path) -> ImplementJob:
        nonlocal examiner
        examiner = Examiner(
            ports=ports,
            task=task,
            worktree=worktree,
            base=base,
            attempt_id=attempt.id,
            shared=ports.store.run.isolation is Isolation.LEVEL,
        )
        return ImplementJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            task=task,
            build_gate=ports.store.run.build_gate,
            check=examiner.check,
            tree=None if examiner.shared else OwnTree(ports, worktree, base),
        )

    def accept(run: Run, output: TaskOutput) -> Run:
        assert examiner is not None  # ``make`` ran before any value could come
        evidence, time = examiner.evidence, examiner.commit_time
        assert evidence is not None  # only accepted values come here
        told = with_unplanned(output, evidence, task.id)
        return apply_task(
            run,
            task.id,
            TaskEvent.SUBMITTED,
            lambda task: evolve(task, output=told, evidence=evidence, commit_time=time),
        )

    async def tidy() -> None:
        # What the one before left is no work of the next one's; it is kept under a rescue ref.
        if ports.store.run.isolation is Isolation.TASK:
            await prepare(ports, task.id, base)

    await carry_out(ports, Role.IMPLEMENTER, task.id, task.id, ImplementJob, make, accept, tidy)
    ports.journal.event("task.submitted", task=task.id)
    await asyncio.to_thread(write_task_files, ports.folder, task_of(ports.store.run, task.id))


async def fail_task(ports: Ports, task_id: str, kind: FailureKind, message: str) -> None:
    """Set a task aside: its work is kept under a rescue ref before its failure is recorded."""
    run = ports.store.run
    task = task_of(run, task_id)
    ref = None if task.worktree_path is None else await rescue(ports, task)
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


async def rescue(ports: Ports, task: Task) -> str | None:
    """Keep a worktree's content under a ref of the user's repository; null when nothing changed.

    A worktree that is the whole level's is nobody's own and kept when the level is left.
    """
    run = ports.store.run
    if run.isolation is Isolation.LEVEL:
        return None
    base = run.level_boundaries[str(task.level)]
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, task.id)
    if worktree is None:
        return None
    snapshot = await asyncio.to_thread(ports.repository.snapshot, worktree, base)
    if not snapshot.changes:
        return None
    ref = f"refs/dispatch/{run.name}/rescue/{task.id}"
    commit = await asyncio.to_thread(
        ports.repository.keep, ref, snapshot.tree, base, run.identity, ports.clock.commit_time()
    )
    await asyncio.to_thread(ports.repository.publish_ref, ref, commit)
    return ref
