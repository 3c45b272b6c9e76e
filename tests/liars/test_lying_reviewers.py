"""Planners, critics, gate critics and greybeards that lie: no verdict of theirs ever counts."""

from pathlib import Path

import pytest
from fakes.casting import (
    Cast,
    Seat,
    Turns,
    a_task,
    called,
    finalized,
    proposed,
    ruling,
    submitted,
    wrote,
)
from fakes.liars import CRITICS, GATE_CRITICS, GREYBEARDS, PLANNERS, Liar
from fakes.run_harness import Place, ScriptedOperator, git

from dispatch.agents.scripted.script import Call, Reply
from dispatch.state.enums import DecisionOutcome, FailureKind, RunStatus, TaskStatus
from dispatch.state.work import Attempt

PLAN = (a_task("liar"), a_task("honest"))


def named(liar: Liar) -> str:
    return liar.name


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def play(place: Place, liar: Liar, turns: Turns, **parts: Turns) -> tuple[Cast, RunStatus | None]:
    """A run in which the liar's role, for the first task if it is for one, is the liar's."""
    place.config_changes = {"limits": liar.limits}
    cast = Cast(plan=PLAN, parts={str(liar.role): turns, **parts})
    return cast, place.drive(cast.agents(place))


def ends(attempts: tuple[Attempt, ...], liar: Liar) -> list[tuple[str, int]]:
    return [(each.outcome or "", each.usage.turns) for each in attempts if each.role is liar.role]


@pytest.mark.parametrize("liar", PLANNERS, ids=named)
def test_a_lying_planner_s_plan_is_never_carried_out(place: Place, liar: Liar) -> None:
    """Refused while it can be repaired; nothing is made of it."""
    _, status = play(place, liar, liar.lies)
    assert status is RunStatus.FAILED
    run = place.run
    assert ends(run.attempts, liar) == [(liar.outcome, liar.turns)] * liar.attempts
    assert run.failure is not None
    assert (run.failure.kind, run.failure.state) == (FailureKind.AGENT_FAILED, "planning")
    assert (run.tasks, run.published_commit) == ((), None)
    assert "dispatch/r" not in git(place.root, "branch", "--list", "--format=%(refname:short)")


def test_a_planner_that_is_told_of_every_lie_and_repents_is_heard(place: Place) -> None:
    """W-46 All false plans one after the other; what was accepted of them is withdrawn."""
    ordered = sorted(PLANNERS, key=lambda liar: liar.name == "cycle")  # it leaves tasks behind

    def turns(seat: Seat) -> tuple[Reply, ...]:
        undo = (Call(name="withdrawTask", arguments={"id": name}) for name in ("two", "one"))
        plan = called(*undo, *map(proposed, PLAN), finalized())
        return (*(liar.lies(seat)[0] for liar in ordered), plan)

    cast = Cast(plan=PLAN, parts={"planner": turns})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    told = zip(ordered, cast.told("planner")[1:], strict=True)
    assert [liar.name for liar, answer in told if liar.told not in answer] == []
    assert [task.id for task in place.run.tasks] == ["1a-liar", "1b-honest"]


@pytest.mark.parametrize("liar", CRITICS, ids=named)
def test_a_lying_critic_stops_the_run_before_anything_is_published(
    place: Place, liar: Liar
) -> None:
    """W-28 The commits of the level stay in the run's store, for a retry."""
    place.config_changes = {"limits": liar.limits}
    cast = Cast(plan=PLAN, parts={"critic 1a-liar": liar.lies})
    assert place.drive(cast.agents(place)) is RunStatus.FAILED
    run = place.run
    first, second = run.tasks
    assert ends(first.attempts, liar) == [(liar.outcome, liar.turns)] * liar.attempts
    assert run.failure is not None
    assert (run.failure.kind, run.failure.task_id) == (FailureKind.AGENT_FAILED, "1a-liar")
    assert liar.told in run.failure.message
    assert (first.critique_verdicts, first.status) == ((), TaskStatus.CRITIQUING)
    assert [each.commit_sha is not None for each in run.tasks] == [True, True]
    assert git(place.folder / "git", "show", f"{second.commit_sha}:honest.txt") == "honest"
    assert run.published_commit is None


@pytest.mark.parametrize("liar", GATE_CRITICS, ids=named)
def test_a_lying_gate_critic_stops_the_run_before_anything_is_published(
    place: Place, liar: Liar
) -> None:
    """W-28 Nor does a lying critic of one task get further."""
    _, status = play(place, liar, liar.lies)
    assert status is RunStatus.FAILED
    run = place.run
    assert ends(run.attempts, liar) == [(liar.outcome, liar.turns)] * liar.attempts
    assert run.failure is not None
    assert run.failure.kind is FailureKind.AGENT_FAILED
    assert liar.told in run.failure.message
    assert (run.gate_verdicts, run.published_commit) == ((), None)
    assert [each.commit_sha is not None for each in run.tasks] == [True, True]


@pytest.mark.parametrize("liar", GREYBEARDS, ids=named)
def test_without_a_ruling_the_operator_decides(place: Place, liar: Liar) -> None:
    """[KL-09] [RL-05] Nobody takes a musing for a yes."""
    operator = ScriptedOperator(["fail-task"])
    place.operator = operator
    _, status = play(place, liar, liar.lies, **{"implementer 1a-liar": _deviates})
    assert status is RunStatus.FAILED
    first, second = place.run.tasks
    assert ends(first.attempts, liar) == [(liar.outcome, liar.turns)] * liar.attempts
    (question,) = operator.asked
    assert question.reason.startswith("The greybeard gave no ruling, so the operator must.")
    assert liar.told in question.reason
    (decision,) = first.decisions
    assert (decision.outcome, decision.greybeard, decision.operator_answer) == (
        DecisionOutcome.FAILED,
        None,
        "fail-task",
    )
    assert first.failure is not None
    assert first.failure.kind is FailureKind.DEVIATION_REJECTED
    assert second.status is TaskStatus.COMPLETED
    assert place.files("dispatch/r") == ["a.txt", "honest.txt"]


def test_a_greybeard_that_is_told_and_repents_rules(place: Place) -> None:
    """All false rulings one after the other, then one that counts."""

    def turns(seat: Seat) -> tuple[Reply, ...]:
        return (*(liar.lies(seat)[0] for liar in GREYBEARDS), called(ruling(seat)))

    cast = Cast(plan=PLAN, parts={"greybeard": turns, "implementer 1a-liar": _deviates})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    answers = cast.told("greybeard")[1:]
    assert [liar.told in answer for liar, answer in zip(GREYBEARDS, answers, strict=True)] == [
        False,  # a reminder; the sentence is said at the end
        True,
        True,
    ]
    (decision,) = place.run.tasks[0].decisions
    assert decision.greybeard is not None
    assert (decision.outcome, decision.greybeard.rationale) == (DecisionOutcome.ACCEPTED, "So.")


def _deviates(seat: Seat) -> tuple[Reply, ...]:
    """Honest work that departs from its plan."""
    deviation = {
        "severity": "moderate",
        "category": "approach",
        "description": "Another way.",
        "affectedFiles": (seat.file,),
    }
    work = wrote(seat.file, f"{seat.name}\n")
    return (called(work, submitted(seat.file, deviations=(deviation,))),)
