"""Killed while a question is open, or being answered, a run ends as if it had never been killed."""

import asyncio
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fakes.run_harness import KillingStore, Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.fsm.engine import drive
from dispatch.state.enums import DeviationSeverity, RunStatus
from dispatch.state.escalation_file import Reply, write_reply
from dispatch.state.judgements import Escalation
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.records import Run

NOW = "2026-01-01T00:00:00.000Z"
ANSWERS = {
    "1a-x-dev-1": Reply("accept-with-note", "as agreed"),
    "1b-y-dev-1": Reply("fail-task", ""),
    "level-1-amend-4": Reply("continue", ""),
    "level-1-amend-5": Reply("accept-with-note", "good enough"),
}


def asking() -> ScenarioAgents:
    """Two tasks that ask, at the same time."""
    works = {name: _major(name[-1]) for name in ("1a-x", "1b-y")}
    return ScenarioAgents(plans=[a_plan(*map(planned, "xy"))], works=works)


def never_content() -> ScenarioAgents:
    """One task whose critic always finds something."""
    found = tuple((blocking(f"wrong {number}"),) for number in range(1, 7))
    fixes = {f"1a-x.{number}": writes(x=f"x {number}\n") for number in range(1, 7)}
    works = {"1a-x": writes(x="x\n")}
    plan = a_plan(planned("x"))
    return ScenarioAgents(plans=[plan], works=works, rounds={"1a-x": found}, fixes=fixes)


def _major(name: str) -> Work:
    edit = writes(**{name: f"{name}\n"}).edit
    return Work(edit=edit, files=(name,), severities=(DeviationSeverity.MAJOR,))


class AtOnce(OperatorChannel):
    """The real way to the operator, who edits each question's file as soon as it is there."""

    def announce(self, escalation: Escalation) -> None:
        """Ask, and answer."""
        super().announce(escalation)
        answering = write_reply(self._folder, escalation, ANSWERS[escalation.id])
        assert answering is None


def a_place(folder: Path) -> Place:
    """A repository whose operator answers through files."""
    place = Place(folder / "repository")
    place.set_up()
    place.operator = AtOnce(place.folder, stream=io.StringIO(), now=lambda: NOW)
    return place


def comparable(place: Place) -> str:
    """A document without what a kill may change: times, attempts, where output lies."""

    def task(each: Any) -> Any:
        evidence = each.evidence and evolve(each.evidence, commands=())
        fixes = tuple(evolve(fix, evidence=evolve(fix.evidence, commands=())) for fix in each.fixes)
        failure = each.failure and evolve(each.failure, at="")
        return evolve(each, attempts=(), evidence=evidence, fixes=fixes, failure=failure)

    run: Run = place.run
    run = evolve(
        run,
        created_at="",
        attempts=(),
        usage={},
        baseline_commands=(),
        failure=run.failure and evolve(run.failure, at=""),
        verification_rounds=tuple(evolve(each, commands=()) for each in run.verification_rounds),
        history=tuple(evolve(each, at="") for each in run.history),
        escalations=tuple(
            evolve(each, created_at="") for each in sorted(run.escalations, key=lambda e: e.id)
        ),
        tasks=tuple(map(task, run.tasks)),
    )
    return repr(run).replace(str(place.root), "<root>")


def paid(run: Run) -> Counter[str]:
    """How often agents came to an end, by what they were asked."""
    attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
    return Counter(each.id.rpartition(".")[0] for each in attempts if each.outcome == "ok")


@define
class Noting(KillingStore):
    """Notes the saves that a question has to do with, and the one after each."""

    noted: list[int] = field(factory=list)

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, and look what became of the questions."""
        before = self.run.escalations
        after = super().update(change)
        if before != after.escalations or any(each.answer is None for each in after.escalations):
            self.noted += [self.saves, self.saves + 1]
        return after


@pytest.mark.parametrize(
    ("crew", "status", "most"),
    [(asking, RunStatus.FAILED, 6), (never_content, RunStatus.DONE, 6)],
)
def test_killed_before_each_save_that_a_question_has_to_do_with_it_ends_the_same(
    tmp_path: Path, crew: Callable[[], ScenarioAgents], status: RunStatus, most: int
) -> None:
    """[RS-12] [W-24] [W-27] No question is asked twice, no agent that had ended is paid twice."""
    straight = a_place(tmp_path / "straight")
    store = Noting(straight.store())
    assert asyncio.run(drive(straight.ports(crew(), store))) is status
    moments = sorted(set(store.noted))
    assert len(moments) >= most
    for at in moments:
        place = a_place(tmp_path / str(at))
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
