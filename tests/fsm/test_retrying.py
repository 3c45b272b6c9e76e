"""``retried``: what runs again after a failure, where its work goes, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.run_harness import Place, ScriptedOperator, StumblingStore, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes
from fakes.thoroughness import tried

from dispatch.fsm.retrying import retried
from dispatch.state.enums import (
    AttemptOutcome,
    FailureKind,
    RunStatus,
    TaskStatus,
    Verb,
)
from dispatch.state.errors import ProviderStopped, UsageError
from dispatch.state.judgements import Answer, Escalation, OperatorEdit
from dispatch.state.records import Run

NOW = "2026-01-02T03:04:05.678Z"
PLAN = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)), planned("w", 2, ("y",)))
WORKS = {
    "1a-x": writes(x="x\n"),
    "1b-y": writes(y="y\n"),
    "2a-z": writes(x="x and z\n", z="z\n"),
    "2b-w": writes(w="w\n"),
}
FIRST_TWO = ("1a-x.implementer.1", "1a-x.implementer.2")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def crew(**changes: Any) -> ScenarioAgents:
    return ScenarioAgents(plans=[PLAN], works=WORKS, **changes)


def retry(place: Place, task_id: str | None = None) -> Run:
    """Do what the verb does before it drives the run on."""
    return place.store().update(lambda run: retried(run, NOW, task_id))


def fail_x(place: Place) -> ScenarioAgents:
    """A run whose first task fails after its agent left work; the others are on the branch."""
    players = crew(broken={"1a-x.implementer.1": AttemptOutcome.TURN_LIMIT})
    assert place.drive(players) is RunStatus.FAILED
    assert place.run.failure is not None
    assert place.run.failure.kind is FailureKind.TASKS_FAILED
    return players


def test_failed_tasks_run_again_behind_what_is_on_the_branch(place: Place) -> None:
    """[W-05] [RL-10] The siblings' commits stay; dependents of the failed task run again, too."""
    players = fail_x(place)
    before = place.run
    published = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert [task.status for task in before.tasks] == [
        TaskStatus.FAILED,
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.COMPLETED,
    ]
    run = retry(place)
    assert (run.status, run.failure) == (RunStatus.EXECUTING, None)
    assert [(task.id, task.level, task.status) for task in run.tasks] == [
        ("1b-y", 1, TaskStatus.COMPLETED),
        ("2b-w", 2, TaskStatus.COMPLETED),
        ("1a-x", 3, TaskStatus.PENDING),
        ("2a-z", 4, TaskStatus.PENDING),
    ]
    assert run.history[-1].reason == "after tasks-failed; again: 1a-x, 2a-z"
    players.asked.clear()
    assert place.drive(players) is RunStatus.DONE
    assert [each for each in players.asked if "implementer" in each] == [
        "1a-x.implementer.2",
        "2a-z.implementer.1",
    ]
    assert not {"1b-y.critic.2", "2b-w.critic.2", "plan.planner.2"} & set(players.asked)
    after = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert after[: len(published)] == published
    assert git(place.root, "log", "--format=%s", "main..dispatch/r").splitlines() == [
        "Do z",
        "Do x",
        "Do w",
        "Do y",
    ]
    assert place.files("dispatch/r") == ["a.txt", "w", "x", "y", "z"]


def test_a_level_of_which_nothing_is_on_the_branch_is_entered_anew(place: Place) -> None:
    """Nobody has to wait behind an empty level."""
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works=WORKS,
        broken={"1a-x.implementer.1": AttemptOutcome.TURN_LIMIT},
    )
    assert place.drive(players) is RunStatus.FAILED
    run = retry(place)
    assert [(task.level, task.status) for task in run.tasks] == [(1, TaskStatus.PENDING)]
    assert run.level_boundaries == {"1": run.base_commit}
    assert place.drive(players) is RunStatus.DONE


def test_after_a_fault_of_the_provider_nothing_that_was_accepted_is_asked_for_again(
    place: Place,
) -> None:
    """[RL-10] Nothing failed, so nothing has to be retried; submissions stay."""
    players = crew(broken={"1a-x.implementer.1": AttemptOutcome.PROVIDER_AUTH})
    with pytest.raises(ProviderStopped):
        place.drive(players)
    assert [task.status for task in place.run.tasks][:2] == [
        TaskStatus.RUNNING,
        TaskStatus.SUBMITTED,
    ]
    assert place.drive(players) is RunStatus.DONE
    assert players.asked.count("1b-y.implementer.1") == 1
    assert "1b-y.implementer.2" not in players.asked
    assert [task.level for task in place.run.tasks] == [1, 1, 2, 2]


def test_one_task_runs_again_and_the_others_stay_as_they_are(place: Place) -> None:
    players = fail_x(place)
    run = retry(place, "1a-x")
    assert {task.id: task.status for task in run.tasks}["2a-z"] is TaskStatus.FAILED
    assert place.drive(players) is RunStatus.FAILED
    statuses = {task.id: task.status for task in place.run.tasks}
    assert statuses == {
        "1a-x": TaskStatus.COMPLETED,
        "1b-y": TaskStatus.COMPLETED,
        "2a-z": TaskStatus.FAILED,
        "2b-w": TaskStatus.COMPLETED,
    }
    retry(place, "2a-z")
    assert place.drive(players) is RunStatus.DONE


def test_a_task_s_old_work_stays_under_its_refs(place: Place) -> None:
    """What it had done when it failed the first time is beside what it had done the second."""
    liar = Work(edit=writes(x="x\n", rogue="r\n").edit, files=("x",))
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": liar})
    assert place.drive(players) is RunStatus.FAILED
    first = git(place.root, "rev-parse", "refs/dispatch/r/rescue/1a-x")
    retry(place)
    again = Work(edit=writes(x="x\n", other="o\n").edit, files=("x",))
    assert place.drive(evolve(players, works={"1a-x": again})) is RunStatus.FAILED
    assert place.files("refs/dispatch/r/rescue/1a-x") == ["a.txt", "other", "x"]
    assert place.files(f"refs/dispatch/r/superseded/{first}") == ["a.txt", "rogue", "x"]
    task = place.run.tasks[0]
    assert [each.id for each in task.attempts] == ["1a-x.implementer.1", "1a-x.implementer.2"]


def test_a_review_that_stopped_the_run_is_asked_for_again(place: Place) -> None:
    """A verdict that did not pass is not reused; one that passed is."""
    plan = a_plan(planned("x"), planned("y"))
    players = ScenarioAgents(
        plans=[plan], works=WORKS, gate_findings={"1a-x": (blocking(),)}, hopeless=True
    )
    assert place.drive(players) is RunStatus.FAILED
    players.asked.clear()
    retry(place)
    players.gate_findings, players.hopeless = {}, False
    assert place.drive(players) is RunStatus.DONE
    assert players.asked[-1].startswith("level-1.gateCritic.")
    assert place.run.gate_verdicts[-1].status == "pass"


def test_a_fault_of_ours_takes_back_no_judgement_and_no_repair(tmp_path: Path) -> None:
    """[RL-10] Whichever save the program stumbles over, nothing accepted is paid for again."""
    plan = a_plan(planned("x"), planned("y"))

    def drive(name: str, at: int) -> tuple[Place, RunStatus | None]:
        place = Place(tmp_path / name / "repository", operator=ScriptedOperator(["continue"]))
        place.set_up()
        players = ScenarioAgents(
            plans=[plan],
            works=WORKS,
            rounds={"1a-x": ((blocking(),),)},
            fixes={"1a-x": writes(x="x, repaired\n")},
        )
        try:
            status = place.drive_over(players, StumblingStore(place.store(), at))
        except RuntimeError:  # the save that was to say so itself: a run like one that was killed
            assert place.drive(players) is RunStatus.DONE
            return place, None
        if status is RunStatus.FAILED:
            assert place.run.failure is not None
            assert place.run.failure.kind is FailureKind.INTERNAL
            retry(place)
            assert place.drive(players) is RunStatus.DONE
        return place, status

    def accepted(place: Place) -> list[str]:
        roles = [
            f"{task.id} {attempt.role}"
            for task in place.run.tasks
            for attempt in task.attempts
            if attempt.outcome is AttemptOutcome.OK
        ]
        return sorted(roles)

    straight, _ = drive("straight", 0)
    for at in tried(range(2, 200)):
        place, status = drive(str(at), at)
        assert accepted(place) == accepted(straight), at
        assert git(place.root, "rev-parse", "dispatch/r") == git(
            straight.root, "rev-parse", "dispatch/r"
        )
        if status is RunStatus.DONE:
            break
    else:
        raise AssertionError("no save was left out of the count")


def test_an_answer_that_ended_the_run_is_asked_for_again(place: Place) -> None:
    """Set aside under another id, it stays to be read."""
    fail_x(place)
    asked = Escalation(
        id="1a-x-dev-1",
        state=RunStatus.EXECUTING,
        task_id="1a-x",
        question="Go on?",
        reason="",
        details={},
        allowed=(Verb.ABORT.value,),
        created_at=NOW,
        answer=Answer(verb=Verb.ABORT.value, at=NOW, by="ann"),
    )
    kept = evolve(asked, id="other", task_id="1b-y", answer=Answer(verb="continue", at=NOW, by="a"))
    edit = OperatorEdit(
        level=1,
        escalation_id=asked.id,
        base="1" * 40,
        tree="2" * 40,
        commit_time=0,
        note="",
        by="ann",
        author_name="Ann",
        author_email="a@example.org",
    )
    place.store().update(lambda run: evolve(run, escalations=(asked, kept), operator_edits=(edit,)))
    again = retry(place)
    assert [each.id for each in again.escalations] == ["1a-x-dev-1.before-retry-1", "other"]
    assert [each.escalation_id for each in again.operator_edits] == ["1a-x-dev-1.before-retry-1"]


@pytest.mark.parametrize(
    ("task_id", "message"),
    [
        ("1a-xx", "Run r has no task 1a-xx. Did you mean 1a-x?"),
        ("1b-y", "Task 1b-y has not failed, it is completed. To go on with the rest: "
         "dispatch retry r"),
        ("2a-z", "Task 2a-z depends on 1a-x, which failed. Retry that first, or everything: "
         "dispatch retry r"),
    ],
)  # fmt: skip
def test_tasks_that_cannot_run_again_are_refused_in_a_sentence(
    place: Place, task_id: str, message: str
) -> None:
    fail_x(place)
    with pytest.raises(UsageError) as refusal:
        retried(place.run, NOW, task_id)
    assert str(refusal.value) == message


def test_runs_that_have_not_failed_are_refused(place: Place) -> None:
    assert place.drive(crew(), 12) is None
    with pytest.raises(UsageError, match="Continue it: dispatch r"):
        retried(place.run, NOW)
    assert place.drive(crew()) is RunStatus.DONE
    with pytest.raises(UsageError, match="is done: there is nothing to retry"):
        retried(place.run, NOW)


def test_killed_before_any_save_after_a_retry_it_ends_with_the_same_commits(
    tmp_path: Path,
) -> None:
    """[RS-12] The way on from ``failed`` is as resumable as the straight one."""
    plan = a_plan(planned("x"), planned("y"))

    def failed(name: str) -> tuple[Place, ScenarioAgents]:
        place = Place(tmp_path / name / "repository")
        place.set_up()
        broken = {"1a-x.implementer.1": AttemptOutcome.TURN_LIMIT}
        players = ScenarioAgents(plans=[plan], works=WORKS, broken=broken)
        assert place.drive(players) is RunStatus.FAILED
        retry(place)
        return place, players

    straight, players = failed("straight")
    assert straight.drive(players) is RunStatus.DONE
    tip = git(straight.root, "rev-parse", "dispatch/r")
    for at in tried(range(1, 60)):
        place, players = failed(str(at))
        ended = place.drive(players, at)
        if ended is None:
            assert place.drive(players) is RunStatus.DONE
        assert git(place.root, "rev-parse", "dispatch/r") == tip
        if ended is not None:
            assert at > 10
            return
    raise AssertionError("no start ever lived to the end")
