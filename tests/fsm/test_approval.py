"""The operator's word on a plan: asked before anything is carried out, once, also after a kill."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.approving import Una
from fakes.run_harness import Place, git, killed
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.fsm.approval import open_question
from dispatch.fsm.retrying import retried
from dispatch.policy.plan_gate import MAX_PLAN_REFUSALS
from dispatch.state.enums import FailureKind, RunStatus, TaskStatus
from dispatch.state.errors import WaitingForOperator
from dispatch.state.judgements import PlanRefusal
from dispatch.state.plan_file import as_text, read_plan
from dispatch.state.records import Run

PLAN = a_plan(planned("x"), planned("y", 2, ("x",)))
WORKS = {"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")}


@pytest.fixture
def una() -> Una:
    return Una()


@pytest.fixture
def place(tmp_path: Path, una: Una) -> Place:
    """A run whose plan is to be approved."""
    place = Place(tmp_path / "repository", changes={"approve_plan": True}, operator=una)
    place.set_up()
    return place


def agents() -> ScenarioAgents:
    return ScenarioAgents(plans=[PLAN], works=WORKS)


def waits(place: Place, who: ScenarioAgents) -> None:
    with pytest.raises(WaitingForOperator):
        place.drive(who)


def test_nothing_is_carried_out_before_the_plan_is_approved(place: Place, una: Una) -> None:
    who = agents()
    waits(place, who)
    assert who.asked == ["plan.planner.1"]
    assert place.run.status is RunStatus.GATING_PLAN
    question = open_question(place.run)
    assert question is not None
    assert question.id == "plan-1"
    assert question.question == "Is the plan of 2 tasks in 2 levels to be carried out?"
    assert question.allowed == ("continue", "retry", "abort")
    assert [each.id for each in read_plan(place.folder / "plans" / "plan-1.yaml").tasks] == [
        "x",
        "y",
    ]
    shown = (place.folder / "plans" / "plan-1.txt").read_text(encoding="utf-8")
    assert shown.startswith(
        "Plan of run r: 2 tasks, 2 levels\n"
        "Verified by no-new-failures: as scripted\n\n"
        "Level 1\n  1a-x  general  Do x.\n\n"
        "Level 2\n  2a-y  general  Do y.\n        after 1a-x\n"
    )
    assert not (place.folder / "tasks").exists()
    una.answers.append(("continue", ""))
    assert place.drive(who) is RunStatus.DONE
    accepted = next(each for each in place.run.history if each.event == "plan_accepted")
    assert accepted.reason == "approved by una"
    assert who.asked.count("plan.planner.1") == 1


def test_the_plan_that_she_changed_is_the_one_that_is_carried_out(place: Place, una: Una) -> None:
    def keep_x(path: Path) -> None:
        plan = read_plan(path)
        text = as_text("r", evolve(plan, tasks=(evolve(plan.tasks[0], objective="Write x."),)))
        path.write_text(text, encoding="utf-8")

    una.answers, una.edit = [("continue", "")], keep_x
    assert place.drive(agents()) is RunStatus.DONE
    assert [(each.id, each.objective) for each in place.run.tasks] == [("1a-x", "Write x.")]
    accepted = next(each for each in place.run.history if each.event == "plan_accepted")
    assert accepted.reason == "approved by una, with changes: x changed, y removed"
    assert place.files("dispatch/r") == ["a.txt", "x"]


def test_a_changed_plan_that_cannot_be_waits_until_it_is_put_right(place: Place, una: Una) -> None:
    def wrong(path: Path) -> None:
        path.write_text(
            path.read_text(encoding="utf-8").replace("- x\n", "- q\n"), encoding="utf-8"
        )

    path = place.folder / "plans" / "plan-1.yaml"
    una.answers = [("continue", "")]
    una.edit = wrong
    who = agents()
    with pytest.raises(WaitingForOperator) as caught:
        place.drive(who)
    assert caught.value.message == (
        'The plan cannot be carried out: Task "y" depends on "q", which is no task of the plan.'
    )
    assert caught.value.hint == f"Put it right in {path}, then continue the run: dispatch r"
    waits(place, who)
    assert place.run.status is RunStatus.GATING_PLAN
    path.write_text(path.read_text(encoding="utf-8").replace("- q\n", "- x\n"), encoding="utf-8")
    assert place.drive(who) is RunStatus.DONE
    assert una.asked == ["plan-1"]
    assert [each.status for each in place.run.tasks] == [TaskStatus.COMPLETED] * 2


def test_how_often_she_sends_a_plan_back_is_up_to_her(place: Place, una: Una) -> None:
    """Her refusals are told to the planner, and are none of the plan gate's three."""
    times = MAX_PLAN_REFUSALS + 1
    una.answers = [("retry", f"smaller, {number}") for number in range(times)]
    una.answers.append(("continue", ""))
    who = agents()
    assert place.drive(who) is RunStatus.DONE
    assert una.asked == [f"plan-{number}" for number in range(1, times + 2)]
    assert place.run.plan_refusals == tuple(
        PlanRefusal(round=number + 1, reasons=(f"The operator: smaller, {number}",), by="una")
        for number in range(times)
    )
    last = who.jobs[times]
    assert getattr(last, "refusals", None) == tuple(
        f"The operator: smaller, {number}" for number in range(times)
    )


def test_a_discarded_plan_ends_the_run_and_is_asked_about_again_after_a_retry(
    place: Place, una: Una
) -> None:
    una.answers = [("abort", "")]
    who = agents()
    assert place.drive(who) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert failure.kind is FailureKind.ABORTED
    store = place.store()
    store.update(lambda run: retried(run, "2026-01-02T00:00:00.000Z"))
    una.answers = [("continue", "")]
    assert place.drive(who) is RunStatus.DONE
    assert una.asked == ["plan-1", "plan-1-retry-1"]
    assert sum(each.endswith("planner.1") for each in who.asked) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("moment", ["asked", "answered", "accepted"])
def test_killed_around_the_question_it_ends_the_same_and_asks_no_agent_twice(
    tmp_path: Path, moment: str, *, after: bool
) -> None:
    def reached(run: Run) -> bool:
        if moment == "accepted":
            return run.status is RunStatus.EXECUTING
        return any(each.answer is not None or moment == "asked" for each in run.escalations)

    straight = Place(tmp_path / "one" / "repository", changes={"approve_plan": True})
    mortal = Place(tmp_path / "two" / "repository", changes={"approve_plan": True})
    for each in (straight, mortal):
        each.operator = Una([("continue", ""), ("continue", "")])
        each.set_up()
    assert straight.drive(agents()) is RunStatus.DONE
    who = agents()
    killed(mortal, who, reached, after=after)
    assert mortal.drive(who) is RunStatus.DONE
    assert who.asked.count("plan.planner.1") == 1
    for place in (straight, mortal):
        assert [(each.event, each.reason) for each in place.run.history][1] == (
            "plan_accepted",
            "approved by una",
        )
    assert _tip(straight) == _tip(mortal)


def _tip(place: Place) -> str:
    return git(place.root, "rev-parse", "dispatch/r")
