"""executing: implementers, fan-in and review, step by step as the schedule allows."""

from functools import partial, reduce

from ...policy.schedule import current_level, doomed, integrable, level_tasks, startable
from ...state.enums import AttemptOutcome, FailureKind, TaskStatus
from ...state.hubs import Receipt
from ...state.records import Run
from ..amendments import UNDER_REPAIR
from ..chain import annotate
from ..deviations import judge_deviations, objection
from ..fan_in import fan_in, level_tip
from ..fold import apply_task, close_open, task_of
from ..implementing import can_go_on, fail_task, implement, open_level
from ..lifecycle import RunEvent, TaskEvent
from ..parallel import each_in_parallel
from ..ports import Ports
from ..publishing import publish
from ..receipts import receipt_of, with_receipt
from ..recovery import restore
from ..reviews import IN_REVIEW, complete_level, review_level
from ..step import RunStopped, Step
from ..telling import tell_completed_tasks
from ..workplaces import some


async def recover(run: Run, ports: Ports) -> None:
    """Back to the last recorded facts; a running task whose agent cannot go on starts over.

    The level's branch and worktree are brought to its commits by ``fan_in``, which ``work`` calls.
    """
    await restore(run, ports)
    lost = [
        task.id
        for task in run.tasks
        if task.status is TaskStatus.RUNNING and not can_go_on(run, task)
    ]
    if lost:
        restarted = partial(_restarted, at=ports.clock.now())
        ports.store.update(lambda run: reduce(restarted, lost, run))


async def work(run: Run, ports: Ports) -> Step:
    """Carry one level through: implement, judge deviations, integrate, review, publish."""
    level = current_level(run)
    if level is None or str(level) not in run.level_boundaries:
        level = _left_off(run)  # killed behind its last task: what follows that is not done
    ports.journal.event("level.started", level=level)
    await _implement(ports, level)
    await fan_in(ports, level, integrable(ports.store.run))
    if any(
        task.status in (*IN_REVIEW, *UNDER_REPAIR) for task in level_tasks(ports.store.run, level)
    ):
        await review_level(ports, level)
    await annotate(ports, level)
    receipt = await receipt_of(ports, level)
    await publish(ports, level_tip(ports.store.run, level))
    return _passed(ports, level, receipt)


def _passed(ports: Ports, level: int, receipt: Receipt) -> Step:
    """The level's tasks are completed with the event that leaves it, and its receipt, in one save.

    Completed in a save of their own, a run killed right after it would go on with the next level
    and never tell that this one passed.
    """

    def complete(run: Run) -> Run:
        return with_receipt(complete_level(run, level), receipt)

    after = complete(ports.store.run)
    if current_level(after) == level:
        # Without this, a level that nothing moves would be entered again and again.
        stuck = [f"{task.id} is {task.status}" for task in level_tasks(after, level)]
        raise RunStopped(FailureKind.INTERNAL, f"Level {level} cannot be finished: {some(stuck)}.")
    if current_level(after) is not None:
        return Step(RunEvent.LEVEL_PASSED, f"level {level}", complete)
    if any(task.failure is not None for task in after.tasks):
        before = ports.store.run
        tell_completed_tasks(ports, before, ports.store.update(complete))
    _require_no_failed_task(after)
    return Step(RunEvent.LEVELS_PASSED, f"level {level}", complete)


def _left_off(run: Run) -> int:
    """The level that was under way when none of its tasks was left: the last with agents at work.

    What follows its tasks is done again: its tip may be published, and that not recorded.
    """
    bounded = max(map(int, run.level_boundaries))
    is_entered = any(task.attempts for task in level_tasks(run, bounded))
    return bounded if is_entered else max(1, bounded - 1)


def _require_no_failed_task(run: Run) -> None:
    failed = [task for task in run.tasks if task.failure is not None]
    if failed:
        reasons = "; ".join(f"{task.id}: {task.failure.message}" for task in failed if task.failure)
        raise RunStopped(
            FailureKind.TASKS_FAILED,
            f"{len(failed)} of {len(run.tasks)} tasks failed, the others are committed. {reasons}",
        )


def _restarted(run: Run, task_id: str, at: str) -> Run:
    message = "The program ended while this attempt was running."
    run = close_open(run, task_id, AttemptOutcome.CRASHED, message, at)
    return apply_task(run, task_id, TaskEvent.RESTARTED)


async def _implement(ports: Ports, level: int) -> None:
    """Start what may start, until nothing more may; set aside what depends on a failed task.

    A question to the operator holds up its own task only.
    """
    begun = [
        task.id
        for task in level_tasks(ports.store.run, level)
        if task.status in (TaskStatus.RUNNING, TaskStatus.SUBMITTED)
    ]
    while True:
        for task_id, dependency in doomed(ports.store.run):
            message = f"It depends on {dependency}, which failed."
            await fail_task(ports, task_id, FailureKind.DEPENDENCY_FAILED, message)
        # Where all of a level failed, the next one may start, and has no boundary yet.
        now = {task.id for task in level_tasks(ports.store.run, level)}
        ready = (*begun, *(each for each in startable(ports.store.run) if each in now))
        if not ready:
            return
        begun = []
        await open_level(ports, level)
        await each_in_parallel(
            ready, ports.config.max_parallel, lambda task_id: _carry(ports, task_id)
        )


async def _carry(ports: Ports, task_id: str) -> None:
    """Have a task implemented, unless it was; judge its deviations, and set it aside if need be."""
    if task_of(ports.store.run, task_id).status is not TaskStatus.SUBMITTED:
        await implement(ports, task_id)
    if task_of(ports.store.run, task_id).status is not TaskStatus.SUBMITTED:
        return
    await judge_deviations(ports, task_id)
    found = objection(task_of(ports.store.run, task_id))
    if found is not None:
        await fail_task(ports, task_id, *found)
