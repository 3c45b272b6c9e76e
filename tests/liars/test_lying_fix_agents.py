"""Fix agents that lie: a repair or a resolution counts when the tree and the commands say so."""

from pathlib import Path
from typing import Any

import pytest
from fakes.casting import (
    Cast,
    Seat,
    Turns,
    a_task,
    blocking,
    called,
    honest,
    shell,
    submitted,
    verdict,
    wrote,
)
from fakes.liars import FIX_AGENTS, RESOLVERS, Liar
from fakes.proof import falsehoods, lies_in
from fakes.run_harness import Place, ScriptedOperator, git

from dispatch.agents.scripted.script import Call, Reply
from dispatch.agents.terminal import MAX_REFUSED
from dispatch.state.config import Limits
from dispatch.state.enums import FailureKind, RunStatus, TaskStatus

PLAN = (a_task("liar"), a_task("honest"))
CLASHING = (a_task("honest"), a_task("liar"))


def named(liar: Liar) -> str:
    return liar.name


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file, and an operator who lets the work stand as it is."""
    place = Place(tmp_path / "repository")
    place.set_up()
    place.operator = ScriptedOperator(["accept-with-note"])
    return place


def play(place: Place, **changes: Any) -> tuple[Cast, RunStatus | None]:
    place.config_changes = {"limits": FIX_AGENTS[0].limits}
    cast = Cast(**changes)
    return cast, place.drive(cast.agents(place))


def _blocks_once(seat: Seat) -> tuple[Reply, ...]:
    """Something is wrong with the first round's work."""
    found = ("amend", blocking()) if seat.round == 1 else ("pass",)
    return (called(verdict(seat, *found)),)


def amended(turns: Turns) -> dict[str, Any]:
    """A run in which the first task is to be repaired."""
    return {"plan": PLAN, "parts": {"critic 1a-liar": _blocks_once, "fixAgent": turns}}


@pytest.mark.parametrize("liar", FIX_AGENTS, ids=named)
def test_a_lying_repair_is_refused_and_the_operator_decides(place: Place, liar: Liar) -> None:
    """The work stands as it was accepted, the sibling's commit as it is."""
    _, status = play(place, **amended(liar.lies))
    assert status is RunStatus.DONE
    first, second = place.run.tasks
    fixes = [each for each in first.attempts if each.role is liar.role]
    assert [(each.outcome, each.usage.turns) for each in fixes] == [(liar.outcome, liar.turns)]
    assert liar.told in fixes[0].message
    assert isinstance(place.operator, ScriptedOperator)
    (question,) = place.operator.asked
    assert liar.told in question.reason
    assert first.fixes == ()
    assert git(place.root, "show", "dispatch/r:liar.txt") == "liar"
    assert git(place.root, "show", f"{second.commit_sha}:honest.txt") == "honest"
    assert falsehoods(place) == []


def test_a_repair_that_is_told_and_then_made_counts(place: Place) -> None:
    """All false repairs one after the other, each undone, then the right one."""

    def turns(seat: Seat) -> tuple[Reply, ...]:
        lies = [turn for liar in FIX_AGENTS for turn in (*liar.lies(seat), called(_undo(liar)))]
        return (*lies, *honest(seat))

    place.config_changes = {"limits": Limits()}
    cast = Cast(**amended(turns))
    assert len(FIX_AGENTS) < MAX_REFUSED
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    (fix,) = place.run.tasks[0].fixes
    assert fix.output.files_modified == ("liar.txt",)
    answers = cast.told("fixAgent")[1::2]
    assert [liar.told in answer for liar, answer in zip(FIX_AGENTS, answers, strict=False)] == (
        [True] * len(FIX_AGENTS)
    )
    assert git(place.root, "show", "dispatch/r:liar.txt") == "liar\nrepaired 1"
    assert falsehoods(place) == []


def _undo(liar: Liar) -> Call:
    return shell(liar.undo or "true")


def test_a_repair_may_change_nothing_when_it_says_why(place: Place) -> None:
    """An honest agent that holds the finding to be wrong is heard by the reviewers."""
    turns = (called(submitted(notes="The file is as the plan wants it.")),)
    _, status = play(place, **amended(lambda seat: turns))
    assert status is RunStatus.DONE
    first = place.run.tasks[0]
    assert [each.outcome for each in first.attempts if each.role == "fixAgent"] == ["ok"]
    assert [each.status for each in first.critique_verdicts] == ["amend", "pass"]
    assert git(place.root, "show", "dispatch/r:liar.txt") == "liar"


def clashing(turns: Turns) -> dict[str, Any]:
    """A run in which both tasks write one more file alike, and the later one has to resolve it."""
    parts = {"implementer": _writes_both, "fixAgent 1b-liar": turns}
    return {"plan": CLASHING, "parts": parts}


def _writes_both(seat: Seat) -> tuple[Reply, ...]:
    own, both = (wrote(path, f"{seat.name}\n") for path in (seat.file, "both.txt"))
    return (called(own, both, submitted(seat.file, "both.txt")),)


@pytest.mark.parametrize("liar", RESOLVERS, ids=named)
def test_a_lying_resolution_is_refused_and_the_earlier_work_stands(
    place: Place, liar: Liar
) -> None:
    """Two tries, then the operator; the later task's work is kept."""
    place.operator = ScriptedOperator(["fail-task"])
    _, status = play(place, **clashing(liar.lies))
    assert status is RunStatus.FAILED
    first, second = place.run.tasks
    fixes = [each for each in second.attempts if each.role is liar.role]
    assert [(each.outcome, each.usage.turns) for each in fixes] == [(liar.outcome, liar.turns)] * 2
    assert liar.told in fixes[0].message
    assert second.failure is not None
    assert second.failure.kind is FailureKind.CONFLICT
    assert (first.status, second.status) == (TaskStatus.COMPLETED, TaskStatus.FAILED)
    assert git(place.root, "show", "dispatch/r:both.txt") == "honest"
    assert place.files("dispatch/r") == ["a.txt", "both.txt", "honest.txt"]
    assert place.files("refs/dispatch/r/rescue/1b-liar") == ["a.txt", "both.txt", "liar.txt"]


def test_an_honest_resolution_keeps_both_sides(place: Place) -> None:
    _, status = play(place, plan=CLASHING, parts={"implementer": _writes_both})
    assert status is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:both.txt") == "honest\nliar"
    assert [each.superseded_paths for each in place.run.tasks] == [(), ()]


def test_a_resolution_that_drops_the_other_side_is_on_the_receipt(place: Place) -> None:
    """It may be right, so it is not refused; it is never silent."""
    turns = (called(shell("echo liar > both.txt"), submitted("both.txt")),)
    _, status = play(place, **clashing(lambda seat: turns))
    assert status is RunStatus.DONE
    assert place.run.tasks[1].superseded_paths == ("both.txt",)
    assert "superseded" in (place.folder / "report.md").read_text(encoding="utf-8")
    assert lies_in(place, "dispatch/r") == []
