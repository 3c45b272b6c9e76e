"""Killed while a question is open, or being answered, a run ends as if it had never been killed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.answering import Noting, a_place, comparable, paid
from fakes.run_harness import git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes
from fakes.thoroughness import tried

from dispatch.fsm.engine import drive
from dispatch.state.enums import DeviationSeverity, RunStatus, VerificationMode
from dispatch.state.escalation_file import Reply

ANSWERS = {
    "1a-x-dev-1": Reply("accept-with-note", "as agreed"),
    "1b-y-dev-1": Reply("fail-task", ""),
    "level-1-amend-4": Reply("accept-with-note", "Good enough, with a line of mine."),
    "verification-1": Reply("accept-with-note", "And once more."),
    "verification-2": Reply("continue", ""),
}


def asking() -> ScenarioAgents:
    """Two tasks that ask, at the same time."""
    works = {name: _major(name[-1]) for name in ("1a-x", "1b-y")}
    return ScenarioAgents(plans=[a_plan(*map(planned, "xy"))], works=works)


def never_content() -> ScenarioAgents:
    """A task whose critic always finds something, and one of the next level."""
    found = tuple((blocking(f"wrong {number}"),) for number in range(1, 7))
    fixes = {f"1a-x.{number}": writes(x=f"x {number}\n") for number in range(1, 7)}
    works = {"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")}
    plan = a_plan(planned("x"), planned("y", 2, ("x",)))
    return ScenarioAgents(plans=[plan], works=works, rounds={"1a-x": found}, fixes=fixes)


def talkative() -> ScenarioAgents:
    """A task after which the gate prints something else."""
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    return ScenarioAgents(plans=[plan], works={"1a-x": writes(x="x\n")})


def _major(name: str) -> Work:
    edit = writes(**{name: f"{name}\n"}).edit
    return Work(edit=edit, files=(name,), severities=(DeviationSeverity.MAJOR,))


@pytest.mark.parametrize(
    ("crew", "edits", "status"),
    [
        (asking, {}, RunStatus.FAILED),
        (never_content, {"mine.txt": "mine\n"}, RunStatus.DONE),
        (talkative, {"x": "x, and mine\n"}, RunStatus.DONE),
    ],
)
def test_killed_before_each_save_that_a_question_has_to_do_with_it_ends_the_same(
    tmp_path: Path, crew: Callable[[], ScenarioAgents], edits: dict[str, str], status: RunStatus
) -> None:
    """[RS-12] [W-24] [W-27] No question is asked twice, no agent that had ended is paid twice."""
    straight = a_place(tmp_path / "straight", ANSWERS, edits)
    straight.gate = GATE
    store = Noting(straight.store())
    assert asyncio.run(drive(straight.ports(crew(), store))) is status
    assert len(store.noted) >= 5
    assert len(straight.run.operator_edits) == len(edits)
    for at in tried(sorted(store.noted)):
        place = a_place(tmp_path / str(at), ANSWERS, edits)
        place.gate = GATE
        players = crew()
        assert place.drive(players, at) is None
        assert place.drive(players) is status
        tips = [git(each.root, "rev-parse", "dispatch/r") for each in (place, straight)]
        assert tips[0] == tips[1]
        assert comparable(place) == comparable(straight)
        assert paid(place.run) == paid(straight.run)
        folder = place.folder / "escalations"
        answered = sorted(path.stem for path in (folder / "answered").iterdir())
        assert answered == sorted(each.id for each in place.run.escalations)
        assert list(folder.glob("*.yaml")) == []


GATE = ("cat x 2>/dev/null || true",)
