"""Tasks that run again come behind what is on the branch, in the order of their dependencies."""

from attrs import evolve
from fakes.small_records import BASE, a_run, a_task

from dispatch.policy.levels import levels_again
from dispatch.state.enums import TaskStatus
from dispatch.state.records import Run, Task

TIP = "2" * 40


def run_of(*tasks: Task) -> Run:
    boundaries = {"1": BASE, "2": TIP, "3": TIP, "4": TIP}
    return evolve(a_run(), tasks=tasks, level_boundaries=boundaries)


def done(task: Task) -> Task:
    return evolve(task, status=TaskStatus.COMPLETED, commit_sha=TIP)


def levels(run: Run) -> list[tuple[str, int]]:
    return [(task.id, task.level) for task in run.tasks]


def test_pending_tasks_leave_closed_levels_and_keep_their_order() -> None:
    """[W-05] Levels behind the open one are forgotten: their tasks all failed."""
    run = levels_again(run_of(a_task("1a-x"), done(a_task("1b-y")), a_task("2a-z", "1a-x")))
    assert levels(run) == [("1b-y", 1), ("1a-x", 2), ("2a-z", 3)]
    assert run.level_boundaries == {"1": BASE, "2": TIP}


def test_dependencies_that_are_on_the_branch_hold_nobody_back() -> None:
    run = levels_again(run_of(done(a_task("1a-x")), a_task("2a-y", "1a-x"), a_task("3a-z", "2a-y")))
    assert levels(run) == [("1a-x", 1), ("2a-y", 2), ("3a-z", 3)]


def test_where_nothing_is_on_the_branch_the_plan_s_levels_stay() -> None:
    before = run_of(a_task("1a-x"), a_task("1b-y"), a_task("2a-z", "1a-x", "1b-y"))
    after = levels_again(before)
    assert after.tasks == before.tasks
    assert after.level_boundaries == {"1": BASE}


def test_a_submitted_task_stays_in_its_level() -> None:
    waiting = evolve(a_task("2a-y", "1a-x"), status=TaskStatus.SUBMITTED)
    run = levels_again(
        run_of(done(a_task("1a-x")), a_task("1b-w"), waiting, a_task("3a-z", "2a-y"))
    )
    assert levels(run) == [("1a-x", 1), ("2a-y", 2), ("1b-w", 2), ("3a-z", 3)]
