"""Level by level: what may start, what is lost, what is integrated and reviewed."""

from attrs import evolve
from fakes.policy_records import a_run, a_task

from dispatch.policy.schedule import (
    current_level,
    doomed,
    integrable,
    level_tasks,
    reviewable,
    startable,
)
from dispatch.state.enums import AgentType, AttemptOutcome, GateOutcome, Role, TaskStatus
from dispatch.state.judgements import CritiqueVerdict
from dispatch.state.records import Task
from dispatch.state.work import Attempt

S = TaskStatus
SHA = "1" * 40
BOUNDED = {"1": SHA, "2": SHA, "3": SHA}
VERDICT = CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=())


def attempt(role: Role, outcome: AttemptOutcome | None = AttemptOutcome.OK) -> Attempt:
    return Attempt(
        id=f"x.{role}", role=role, executor="e", model="m", started_at="t", outcome=outcome
    )


def test_a_levels_tasks_come_in_numeric_order() -> None:
    """[W-47]"""
    run = a_run(*map(a_task, ("1aa-x", "2a-x", "1b-x", "1a-x")))
    assert [task.id for task in level_tasks(run, 1)] == ["1a-x", "1b-x", "1aa-x"]
    assert startable(run) == ("1a-x", "1b-x", "1aa-x")


def test_the_next_level_waits_for_the_whole_one_below_and_its_boundary() -> None:
    one, two = a_task("1a-x", status=S.COMPLETED), a_task("1b-y", status=S.CRITIQUING)
    top = a_task("2a-z", depends_on=("1a-x",))
    assert startable(a_run(one, two, top, boundaries=BOUNDED)) == ()
    done = evolve(two, status=S.COMPLETED)
    unbounded = a_run(one, done, top)
    assert (current_level(unbounded), startable(unbounded)) == (1, ())
    bounded = a_run(one, done, top, boundaries=BOUNDED)
    assert (current_level(bounded), startable(bounded)) == (2, ("2a-z",))


def test_all_levels_are_finished_when_the_last_boundary_is_recorded() -> None:
    run = a_run(a_task("1a-x", status=S.COMPLETED))
    assert current_level(run) == 1
    assert current_level(evolve(run, level_boundaries=BOUNDED)) is None
    assert current_level(a_run(a_task("1a-x", status=S.FAILED))) is None
    assert current_level(a_run()) is None


def test_who_depends_on_a_failed_task_is_lost_with_its_name() -> None:
    run = a_run(
        a_task("3a-c", depends_on=("2a-b",)),
        a_task("2a-b", depends_on=("1a-a",)),
        a_task("2b-d", depends_on=("1b-e",)),
        a_task("1a-a", status=S.FAILED),
        a_task("1b-e", status=S.COMPLETED),
        boundaries=BOUNDED,
    )
    assert doomed(run) == (("2a-b", "1a-a"), ("3a-c", "1a-a"))
    assert startable(run) == ("2b-d",)


def test_a_task_that_is_retried_is_started_though_higher_levels_are_waiting() -> None:
    run = a_run(
        a_task("1a-a"),
        a_task("1b-b", status=S.COMPLETED),
        a_task("2a-c", depends_on=("1b-b",)),
        boundaries=BOUNDED,
    )
    assert (startable(run), doomed(run)) == (("1a-a",), ())


def test_submissions_are_integrated_when_nobody_of_the_level_can_still_submit() -> None:
    def waiting_for(status: TaskStatus) -> tuple[str, ...]:
        return integrable(
            a_run(
                a_task("1aa-x", status=S.SUBMITTED),
                a_task("1b-y", status=S.SUBMITTED),
                a_task("1a-z", status=status),
            )
        )

    blocked = {status for status in TaskStatus if not waiting_for(status)}
    assert blocked == {S.PENDING, S.RUNNING}
    assert waiting_for(S.FAILED) == waiting_for(S.COMMITTED) == ("1b-y", "1aa-x")


def test_the_committed_tasks_that_have_critics_are_reviewed_together() -> None:
    """[GA-07] Nobody judges a level of which a task is not committed yet."""

    def run_with(status: TaskStatus) -> tuple[str, ...]:
        return reviewable(
            a_run(
                a_task("1a-x", status=S.COMMITTED),
                a_task("1b-y", status=S.CRITIQUING),
                a_task("1c-z", status=S.COMMITTED, agent_type=AgentType.EXPLORE),
                a_task("1d-w", status=status),
            )
        )

    ready = {status for status in TaskStatus if run_with(status)}
    assert ready == {S.COMMITTED, S.CRITIQUING, S.COMPLETED, S.FAILED}
    assert run_with(S.FAILED) == ("1a-x", "1b-y")


def test_a_verdict_counts_for_its_round_until_the_task_is_implemented_anew() -> None:
    """A critic is not paid twice for the same round; new work does not pass by an old verdict."""

    def reviewed(*attempts: Attempt, number: int = 1) -> tuple[str, ...]:
        task: Task = a_task("1a-x", status=S.CRITIQUING, verdicts=(VERDICT,))
        return reviewable(a_run(evolve(task, attempts=attempts)), number)

    work, critic, fix = map(attempt, (Role.IMPLEMENTER, Role.CRITIC, Role.FIX_AGENT))
    assert reviewed() == ()
    assert reviewed(work, critic) == ()
    assert reviewed(work, critic, fix) == ()
    assert reviewed(work, critic, number=2) == ("1a-x",)
    assert reviewed(work, critic, work) == ("1a-x",)
    assert reviewed(work, critic, attempt(Role.IMPLEMENTER, AttemptOutcome.CRASHED)) == ()
