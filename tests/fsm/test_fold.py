"""Events fold into the document: legal ones by their row, all others move nothing."""

from itertools import product

import pytest
from attrs import evolve
from fakes.small_records import a_run, a_task
from hypothesis import given
from hypothesis import strategies as st

from dispatch.fsm.fold import apply, apply_task, close_attempt, open_attempt, task_status_after
from dispatch.fsm.lifecycle import FIRST, RUN_TABLE, TASK_TABLE, RunEvent, TaskEvent
from dispatch.state.enums import AttemptOutcome, FailureKind, Role, RunStatus, TaskStatus
from dispatch.state.errors import IllegalEvent
from dispatch.state.records import Failure, HistoryEntry
from dispatch.state.work import Attempt, Usage

AT = "2026-01-02T03:04:05.678Z"
RUN_ROWS = {(move.source, move.event) for move in RUN_TABLE}
TASK_ROWS = {(move.source, move.event): move.target for move in TASK_TABLE}


@pytest.mark.parametrize(("status", "event"), [*product(RunStatus, RunEvent)])
def test_an_event_of_the_run_has_a_row_or_is_refused(status: RunStatus, event: RunEvent) -> None:
    failure = Failure(state=FIRST, kind=FailureKind.GIT, message="", at=AT)
    run = evolve(a_run(), status=status, failure=failure)
    if (status, event) in RUN_ROWS:
        after = apply(run, event, AT, "why")
        assert after.history == (
            HistoryEntry(
                seq=1, at=AT, event=event, source=status, target=after.status, reason="why"
            ),
        )
        assert evolve(after, status=status, history=()) == run
    else:
        with pytest.raises(IllegalEvent, match=f"{event} is not allowed while the run is {status}"):
            apply(run, event, AT)


@pytest.mark.parametrize(("status", "event"), [*product(TaskStatus, TaskEvent)])
def test_an_event_of_a_task_has_a_row_or_is_refused(status: TaskStatus, event: TaskEvent) -> None:
    if (status, event) in TASK_ROWS:
        assert task_status_after(status, event) is TASK_ROWS[status, event]
    else:
        with pytest.raises(IllegalEvent):
            task_status_after(status, event)


@pytest.mark.parametrize("state", [status for status in RunStatus if status in dict(RUN_ROWS)])
def test_a_retried_run_goes_back_to_the_state_it_failed_in(state: RunStatus) -> None:
    if state is RunStatus.FAILED:
        return
    failed = evolve(
        a_run(),
        status=RunStatus.FAILED,
        failure=Failure(state=state, kind=FailureKind.GIT, message="", at=AT),
    )
    assert apply(failed, RunEvent.RETRIED, AT).status is state


@given(st.lists(st.sampled_from(RunEvent), max_size=30))
def test_any_sequence_of_events_leaves_a_history_that_follows_the_table(
    events: list[RunEvent],
) -> None:
    run = a_run()
    for event in events:
        before = run
        try:
            run = apply(run, event, AT)
        except IllegalEvent:
            assert run is before
            continue
        except AssertionError:
            raise
        if event is RunEvent.FAILED:
            failure = Failure(state=before.status, kind=FailureKind.GIT, message="", at=AT)
            run = evolve(run, failure=failure)
    assert [entry.seq for entry in run.history] == list(range(1, len(run.history) + 1))
    places = [FIRST, *(entry.target for entry in run.history)]
    assert [entry.source for entry in run.history] == places[:-1]
    assert places[-1] is run.status


def test_a_task_event_changes_that_task_and_keeps_the_other_records() -> None:
    run = evolve(a_run(), tasks=(a_task("1a-x"), a_task("1b-y")))
    after = apply_task(
        run, "1a-x", TaskEvent.STARTED, lambda task: evolve(task, worktree_path="/w")
    )
    assert after.tasks[0] == evolve(run.tasks[0], status=TaskStatus.RUNNING, worktree_path="/w")
    assert after.tasks[1] is run.tasks[1]


@pytest.mark.parametrize("task_id", [None, "1a-x"])
def test_an_attempt_is_opened_and_closed_and_its_usage_added(task_id: str | None) -> None:
    attempt = Attempt(id="s.critic.1", role=Role.CRITIC, executor="e", model="m", started_at=AT)
    run = evolve(a_run(), tasks=(a_task("1a-x"),), usage={"critic": Usage(turns=1, cost_usd=1.0)})
    opened = open_attempt(run, task_id, attempt)
    closed = close_attempt(
        opened,
        task_id,
        attempt.id,
        outcome=AttemptOutcome.OK,
        message="m",
        usage=Usage(turns=2, input_tokens=3, cost_usd=0.5),
        at=AT,
    )
    expected = evolve(
        attempt,
        outcome=AttemptOutcome.OK,
        message="m",
        usage=Usage(turns=2, input_tokens=3, cost_usd=0.5),
        ended_at=AT,
    )
    found = closed.attempts if task_id is None else closed.tasks[0].attempts
    assert found == (expected,)
    assert closed.usage == {"critic": Usage(turns=3, input_tokens=3, cost_usd=1.5)}
