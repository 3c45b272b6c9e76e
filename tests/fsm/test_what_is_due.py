"""A kill behind an attempt that came to nothing: what was due after it is done, and no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.broken_gate import GATE
from fakes.run_harness import Place, ScriptedOperator, git, killed
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.fsm.retrying import retried
from dispatch.state.config import Candidate, Fallback, RaceConfig
from dispatch.state.enums import Action, AttemptOutcome, DeviationSeverity, RunStatus
from dispatch.state.records import Run

PLAN = a_plan(planned("x"))
# In the tree is half of what is claimed.
LIES = Work(edit=writes(x="half\n").edit, files=("x", "never"))
NOW = "2026-01-01T00:00:00.000Z"


def a_place(folder: Path, race: int = 1) -> Place:
    place = Place(
        folder / "repository",
        config_changes={
            "fallback": Fallback(implementer=("other",)),
            "race": RaceConfig(n=race),
        },
    )
    place.set_up()
    return place


def last_is(due: Action) -> Callable[[Run], bool]:
    """Whether the last attempt of the task is over, with that due after it."""

    def holds(run: Run) -> bool:
        attempts = [each for task in run.tasks for each in task.attempts]
        return bool(attempts) and attempts[-1].then is due

    return holds


@pytest.mark.parametrize("entrants", [1, 2])
def test_who_failed_for_good_is_not_asked_again_and_the_work_is_kept(
    tmp_path: Path, entrants: int
) -> None:
    place = a_place(tmp_path, entrants)
    players = ScenarioAgents(plans=[PLAN], works={"1a-x": LIES})
    killed(place, players, last_is(Action.FAIL), after=True)
    failed = [each.id for each in place.run.tasks[0].attempts if each.then is Action.FAIL]
    assert failed
    assert place.drive(players) is RunStatus.FAILED
    for each in failed:  # the other entrant may have been cut off
        subject = each.rpartition(".")[0]
        assert [name for name in players.asked if name.startswith(subject)] == [each]
    (task,) = place.run.tasks
    assert task.failure is not None
    assert "ended with refused-claim" in task.failure.message
    raced = () if task.raced is None else task.raced.entrants
    refs = [each.kept_ref for each in raced] or [task.rescue_ref]
    for ref in refs:
        assert ref is not None
        assert git(place.root, "show", f"{ref}:x") == "half"
    place.store().update(lambda run: retried(run, NOW))
    good = evolve(players, works={"1a-x": writes(x="x\n")})
    assert (place.drive(good), place.run.failure) == (RunStatus.DONE, None)


@pytest.mark.parametrize(
    "name", ["plan.planner.1", "1a-x.critic.1", "level-1.gateCritic.1"], ids=str
)
def test_whoever_ends_the_run_is_asked_again_by_a_retry_alone(tmp_path: Path, name: str) -> None:
    """Killed between the failure and its record, the run fails as it would have."""
    place = a_place(tmp_path)
    players = ScenarioAgents(
        plans=[PLAN],
        works={"1a-x": writes(x="x\n")},
        broken={name: AttemptOutcome.TURN_LIMIT},
    )
    killed(place, players, has_failed(name), after=True)
    before = list(players.asked)
    assert before[-1] == name
    assert place.drive(players) is RunStatus.FAILED
    assert players.asked == before
    assert place.run.failure is not None
    assert f"of attempt {name} ended with turn-limit" in place.run.failure.message
    place.store().update(lambda run: retried(run, NOW))
    assert place.drive(players) is RunStatus.DONE


def has_failed(name: str) -> Callable[[Run], bool]:
    """Whether an attempt failed for good, and what follows from that is not recorded."""

    def holds(run: Run) -> bool:
        attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
        return any(each.id == name and each.then is Action.FAIL for each in attempts)

    return holds


GOOD = writes(x="x\n")


@pytest.mark.parametrize(
    ("name", "verb", "changes"),
    [
        (
            "1a-x-dev-1.greybeard.1",
            "accept-with-note",
            {"works": {"1a-x": evolve(GOOD, severities=(DeviationSeverity.MODERATE,))}},
        ),
        (  # a second repair, which the first one's end does not fail
            "1a-x.fixAgent.1",
            "retry",
            {"rounds": {"1a-x": ((blocking(),),)}, "fixes": {"1a-x": writes(x="repaired\n")}},
        ),
        (
            "verification-1.attribution.1",
            "accept-with-note",
            {"works": {"1a-x": writes(**{"x": "x\n", "errors-1": "error: one\n"})}},
        ),
    ],
    ids=["greybeard", "fixAgent", "attribution"],
)
def test_whose_failure_is_the_operator_s_to_settle_is_not_asked_again(
    tmp_path: Path, name: str, verb: str, changes: dict[str, Any]
) -> None:
    """A kill between the failure and the question costs nothing: the question is asked."""
    asked = []
    for kind in ("straight", "killed"):
        place = Place(tmp_path / kind / "repository", gate=(GATE,))
        place.config_changes = {"attribution_runs": 0}
        place.set_up()
        place.operator = operator = ScriptedOperator([verb])
        broken = {name: AttemptOutcome.TURN_LIMIT}
        crew = {"plans": [PLAN], "works": {"1a-x": GOOD}, "broken": broken, **changes}
        players = ScenarioAgents(**crew)
        if kind == "killed":
            killed(place, players, has_failed(name), after=True)
            assert players.asked[-1] == name
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        asked.append((players.asked, [each.id for each in operator.asked]))
    assert asked[0] == asked[1]
    assert name in asked[0][0]
    assert len(asked[0][1]) == 1


@pytest.mark.parametrize("due", [Action.FRESH, Action.OTHER_MODEL])
def test_tries_are_counted_over_a_kill_between_two(tmp_path: Path, due: Action) -> None:
    """One fresh agent, then one with another model, then the task fails: in a straight run, too."""
    names = [f"1a-x.implementer.{number}" for number in (1, 2, 3, 4)]
    broken = dict.fromkeys(names, AttemptOutcome.NO_OUTPUT)
    straight = a_place(tmp_path / "straight")
    players = ScenarioAgents(plans=[PLAN], works={}, broken=dict(broken))
    assert straight.drive(players) is RunStatus.FAILED
    expected = [each for each in players.asked if "implementer" in each]
    assert expected == names[:3]

    place = a_place(tmp_path / "killed")
    players = ScenarioAgents(plans=[PLAN], works={}, broken=dict(broken))
    killed(place, players, last_is(due), after=True)
    assert place.drive(players) is RunStatus.FAILED
    assert [each for each in players.asked if "implementer" in each] == expected
    (task,) = place.run.tasks
    assert [each.follows for each in task.attempts] == [None, *names[:2]]
    assert [each.model for each in task.attempts] == ["none", "none", "other-1"]


def test_another_program_with_the_same_model_is_no_second_try_of_the_first(tmp_path: Path) -> None:
    """A kill later, whoever comes after both of them has a fresh try as in a straight run."""
    other = Candidate(model="none", executor="other")
    place = a_place(tmp_path)
    place.config_changes["race"] = RaceConfig(n=2, executors=(other,))
    names = [f"1a-x.r1.implementer.{number}" for number in (1, 2, 3, 4)]
    broken = {
        names[0]: AttemptOutcome.CONTEXT_LIMIT,
        names[1]: AttemptOutcome.CONTEXT_LIMIT,
        names[2]: AttemptOutcome.NO_OUTPUT,
    }
    players = ScenarioAgents(plans=[PLAN], works={"1a-x": writes(x="x\n")}, broken=broken)

    def second_is_over(run: Run) -> bool:
        return any(
            each.id == names[1] and each.then is Action.OTHER_MODEL
            for task in run.tasks
            for each in task.attempts
        )

    killed(place, players, second_is_over, after=True)
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    (task,) = place.run.tasks
    assert [
        (each.executor, each.model, each.then) for each in task.attempts if each.id in names
    ] == [
        ("other", "none", Action.OTHER_MODEL),
        ("scenario", "none", Action.OTHER_MODEL),
        ("scenario", "other-1", Action.FRESH),
        ("scenario", "other-1", None),
    ]


def test_a_fallback_that_was_taken_away_meanwhile_is_not_asked(tmp_path: Path) -> None:
    """The task is tried afresh with what is configured now."""
    place = a_place(tmp_path)
    names = [f"1a-x.implementer.{number}" for number in (1, 2)]
    broken = dict.fromkeys(names, AttemptOutcome.NO_OUTPUT)
    players = ScenarioAgents(plans=[PLAN], works={"1a-x": writes(x="x\n")}, broken=broken)
    killed(place, players, last_is(Action.OTHER_MODEL), after=True)
    place.config_changes["fallback"] = Fallback()
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    (task,) = place.run.tasks
    assert [each.model for each in task.attempts if "implementer" in each.id] == ["none"] * 3
