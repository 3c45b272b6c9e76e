"""Going on from ``failed``: what is asked again and what stays accepted; a pure change of a run.

Everything that is to be done again is reset in the one save that holds ``retried``: after it a
run is like any other that was interrupted.
"""

from collections.abc import Collection
from functools import reduce
from typing import Final

from attrs import evolve

from ..policy.levels import levels_again
from ..policy.plan import as_planned, task_order
from ..policy.schedule import current_level, level_tasks
from ..state.enums import (
    DecisionOutcome,
    FailureKind,
    FindingSeverity,
    GateOutcome,
    RunStatus,
    TaskStatus,
    Verb,
)
from ..state.errors import UsageError
from ..state.hubs import Restart
from ..state.judgements import Escalation
from ..state.records import Failure, Run, Task
from .fold import apply, apply_task, change_task, counted_anew, task_named, task_of
from .lifecycle import RunEvent, TaskEvent

_BEING_FIXED: Final = frozenset({TaskStatus.AMEND_REQUESTED, TaskStatus.FIXING})

# Somebody's word ended the run, so it is asked for anew.  What failed in any other way (a full
# disk, git, a command) takes nothing back: a judgement that stood, and a repair of it that was
# accepted, were paid for and stay.
_JUDGEMENTS: Final = frozenset(
    {
        FailureKind.ABORTED,
        FailureKind.BLOCKING_FINDINGS,
        FailureKind.DEVIATION_REJECTED,
    }
)


def retried(run: Run, at: str, task_id: str | None = None) -> Run:
    """The run after ``retried``, ready to be driven; ``task_id``: no other task runs again.

    Raises UsageError for a run that has not failed and for a task that cannot run again.
    """
    failure = _failure_of(run)
    again = _all_failed(run) if task_id is None else (_one(run, task_id),)
    target = _target(failure, again)
    if failure.kind in _JUDGEMENTS:
        run = _judged_again(run)
    number = 1 + sum(entry.event == RunEvent.RETRIED for entry in run.history)
    run = _asked_again(run, again, f"retry-{number}")
    if again:
        run = levels_again(reduce(_from_the_start, again, run))
    if failure.kind is FailureKind.PLAN_REFUSED:
        run = evolve(run, plan_refusals=())  # the planner is told the last reasons, and tries again
    # Their questions are asked anew, so their tries are counted anew.
    run = evolve(
        run,
        attempts=counted_anew(run.attempts),
        tasks=tuple(
            evolve(each, failed_repairs=(), attempts=counted_anew(each.attempts))
            for each in run.tasks
        ),
    )
    run = evolve(run, failure=evolve(failure, state=target.value))
    reason = f"after {failure.kind}" + (f"; again: {', '.join(again)}" if again else "")
    return evolve(apply(run, RunEvent.RETRIED, at, reason), failure=None)


def started_again(run: Run, task_id: str, restart: Restart) -> Run:
    """The run with a submitted task pending as it was planned, in a level behind its siblings'.

    What it submitted is in ``restart``; what was answered about that holds no longer.
    """
    task = task_of(run, task_id)
    number = 1 + len(task.restarts)

    def planned(task: Task) -> Task:
        return evolve(_afresh(task), restarts=(*task.restarts, restart), rescue_ref=restart.ref)

    run = _asked_again(run, (task_id,), f"restart-{task_id}-{number}")
    return levels_again(apply_task(run, task_id, TaskEvent.RESTARTED, planned))


def _failure_of(run: Run) -> Failure:
    if run.status is RunStatus.DONE:
        raise UsageError(
            f"Run {run.name} is done: there is nothing to retry.",
            "More work is a new run with a spec of its own.",
        )
    if run.status is not RunStatus.FAILED or run.failure is None:
        raise UsageError(
            f"Run {run.name} has not failed, it is {run.status}.",
            f"Continue it: dispatch {run.name}",
        )
    return run.failure


def _target(failure: Failure, again: Collection[str]) -> RunStatus:
    """The state to go back to: the one it failed in, or the one that has the work to be redone."""
    if again:
        return RunStatus.EXECUTING
    return RunStatus(failure.state)


def _all_failed(run: Run) -> tuple[str, ...]:
    ordered = sorted(run.tasks, key=task_order)
    return tuple(task.id for task in ordered if task.status is TaskStatus.FAILED)


def _one(run: Run, task_id: str) -> str:
    task = task_named(run, task_id)
    if task.status is not TaskStatus.FAILED:
        raise UsageError(
            f"Task {task_id} has not failed, it is {task.status}.",
            f"To go on with the rest: dispatch retry {run.name}",
        )
    for each in task.depends_on:
        if task_of(run, each).status is TaskStatus.FAILED:
            raise UsageError(
                f"Task {task_id} depends on {each}, which failed.",
                f"Retry that first, or everything: dispatch retry {run.name}",
            )
    return task_id


def _from_the_start(run: Run, task_id: str) -> Run:
    """A task as it was planned; its work stays under its refs, its attempts stay paid for."""
    return apply_task(run, task_id, TaskEvent.RETRIED, _afresh)


def _afresh(task: Task) -> Task:
    return evolve(
        as_planned(task),
        worktree_path=task.worktree_path,
        restarts=task.restarts,
        # A race that was won is not paid for again: one does what is left to do.
        raced=task.raced if task.raced is not None and task.raced.winner is not None else None,
        rescue_ref=task.rescue_ref,
        attempts=counted_anew(task.attempts),
    )


def _judged_again(run: Run) -> Run:
    """Judgements that stopped the current level are asked for again; those that passed stay."""
    level = current_level(run)
    if level is None:
        return run
    tasks = level_tasks(run, level)
    for task in tasks:
        run = change_task(run, task.id, _with_open_judgement)
    if any(task.status in _BEING_FIXED for task in tasks):
        return run  # the verdicts say what is to be fixed
    verdicts = [each for each in run.gate_verdicts if each.level == level]
    if any(map(_is_blocked, tasks)) or (verdicts and verdicts[-1].status is not GateOutcome.PASS):
        others = tuple(each for each in run.gate_verdicts if each.level != level)
        return evolve(run, gate_verdicts=others)
    return run


def _with_open_judgement(task: Task) -> Task:
    if task.status is TaskStatus.FAILED:
        return task
    accepted = tuple(each for each in task.decisions if each.outcome is DecisionOutcome.ACCEPTED)
    if task.status in _BEING_FIXED:
        return evolve(task, decisions=accepted, amendment_rounds_total=0)
    verdicts = () if _is_blocked(task) else task.critique_verdicts
    return evolve(task, decisions=accepted, critique_verdicts=verdicts, amendment_rounds_total=0)


def _is_blocked(task: Task) -> bool:
    if not task.critique_verdicts or task.status is TaskStatus.FAILED:
        return False
    last = task.critique_verdicts[-1]
    return any(finding.severity is FindingSeverity.BLOCKING for finding in last.findings)


def _asked_again(run: Run, again: Collection[str], before: str) -> Run:
    """Set aside the answers that no longer hold, so that their questions can be asked again."""

    def aside(question: Escalation) -> Escalation:
        answer = question.answer
        if answer is None or (answer.verb != Verb.ABORT and question.task_id not in again):
            return question
        return evolve(question, id=f"{question.id}.before-{before}")

    names = {each.id: aside(each).id for each in run.escalations}
    return evolve(
        run,
        escalations=tuple(map(aside, run.escalations)),
        operator_edits=tuple(
            evolve(each, escalation_id=names[each.escalation_id]) for each in run.operator_edits
        ),
    )
