"""The lifecycle of a run and of a task, whole: these two tables decide what may follow what.

The engine, the diagrams and the tests read them; nothing else holds a copy.
"""

from enum import StrEnum
from typing import Final, Generic, TypeVar

from attrs import frozen

from ..state.enums import RunStatus, TaskStatus

State = TypeVar("State", RunStatus, TaskStatus)
Event = TypeVar("Event", "RunEvent", "TaskEvent")


class RunEvent(StrEnum):
    """What can happen to a run."""

    PLAN_SUBMITTED = "plan_submitted"
    PLAN_REFUSED = "plan_refused"
    PLAN_ACCEPTED = "plan_accepted"
    LEVEL_PASSED = "level_passed"
    LEVELS_PASSED = "levels_passed"
    VERIFIED = "verified"
    REGRESSED = "regressed"
    REPAIRED = "repaired"
    CONSOLIDATED = "consolidated"
    FAILED = "failed"
    RETRIED = "retried"


class TaskEvent(StrEnum):
    """What can happen to a task."""

    STARTED = "started"
    RESTARTED = "restarted"
    SUBMITTED = "submitted"
    COMMITTED = "committed"
    CRITIQUE_STARTED = "critique_started"
    AMEND_REQUESTED = "amend_requested"
    FIX_STARTED = "fix_started"
    FIXED = "fixed"
    PASSED = "passed"
    FAILED = "failed"
    RETRIED = "retried"


@frozen
class Move(Generic[State, Event]):
    """One row: in ``source``, ``event`` leads to ``target``."""

    source: State
    event: Event
    target: State


FIRST: Final = RunStatus.PLANNING
FINAL: Final = frozenset({RunStatus.DONE, RunStatus.FAILED})
WORKING: Final = tuple(status for status in RunStatus if status not in FINAL)

RUN_TABLE: Final[tuple[Move[RunStatus, RunEvent], ...]] = (
    Move(RunStatus.PLANNING, RunEvent.PLAN_SUBMITTED, RunStatus.GATING_PLAN),
    Move(RunStatus.GATING_PLAN, RunEvent.PLAN_REFUSED, RunStatus.PLANNING),
    Move(RunStatus.GATING_PLAN, RunEvent.PLAN_ACCEPTED, RunStatus.EXECUTING),
    Move(RunStatus.EXECUTING, RunEvent.LEVEL_PASSED, RunStatus.EXECUTING),
    Move(RunStatus.EXECUTING, RunEvent.LEVELS_PASSED, RunStatus.VERIFYING),
    Move(RunStatus.VERIFYING, RunEvent.VERIFIED, RunStatus.CONSOLIDATING),
    Move(RunStatus.VERIFYING, RunEvent.REGRESSED, RunStatus.FIXING_VERIFICATION),
    Move(RunStatus.FIXING_VERIFICATION, RunEvent.REPAIRED, RunStatus.VERIFYING),
    Move(RunStatus.CONSOLIDATING, RunEvent.CONSOLIDATED, RunStatus.DONE),
    *(Move(status, RunEvent.FAILED, RunStatus.FAILED) for status in WORKING),
    # ``retried`` leads back to the state the run failed in; which one is in ``failure.state``.
    *(Move(RunStatus.FAILED, RunEvent.RETRIED, status) for status in WORKING),
)

# What is committed stays: no row leads from there to ``failed``.
TASK_FINAL: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})

TASK_TABLE: Final[tuple[Move[TaskStatus, TaskEvent], ...]] = (
    Move(TaskStatus.PENDING, TaskEvent.STARTED, TaskStatus.RUNNING),
    Move(TaskStatus.PENDING, TaskEvent.FAILED, TaskStatus.FAILED),
    Move(TaskStatus.RUNNING, TaskEvent.RESTARTED, TaskStatus.PENDING),
    Move(TaskStatus.RUNNING, TaskEvent.SUBMITTED, TaskStatus.SUBMITTED),
    Move(TaskStatus.RUNNING, TaskEvent.FAILED, TaskStatus.FAILED),
    Move(TaskStatus.SUBMITTED, TaskEvent.RESTARTED, TaskStatus.PENDING),
    Move(TaskStatus.SUBMITTED, TaskEvent.COMMITTED, TaskStatus.COMMITTED),
    Move(TaskStatus.SUBMITTED, TaskEvent.FAILED, TaskStatus.FAILED),
    Move(TaskStatus.COMMITTED, TaskEvent.CRITIQUE_STARTED, TaskStatus.CRITIQUING),
    Move(TaskStatus.COMMITTED, TaskEvent.PASSED, TaskStatus.COMPLETED),
    Move(TaskStatus.CRITIQUING, TaskEvent.PASSED, TaskStatus.COMPLETED),
    Move(TaskStatus.CRITIQUING, TaskEvent.AMEND_REQUESTED, TaskStatus.AMEND_REQUESTED),
    Move(TaskStatus.AMEND_REQUESTED, TaskEvent.FIX_STARTED, TaskStatus.FIXING),
    Move(TaskStatus.COMPLETED, TaskEvent.FIX_STARTED, TaskStatus.FIXING),
    Move(TaskStatus.FIXING, TaskEvent.FIXED, TaskStatus.COMMITTED),
    Move(TaskStatus.FAILED, TaskEvent.RETRIED, TaskStatus.PENDING),
)
