"""Races: several implementers at one task; the best work is taken and no work is lost."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.run_harness import Place, ScriptedOperator, git, killed
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes
from fakes.thoroughness import tried

from dispatch.fsm.next_steps import next_steps
from dispatch.fsm.retrying import retried
from dispatch.state.config import Candidate, Caps, RaceConfig, RaceOrder
from dispatch.state.enums import (
    Action,
    AgentType,
    AttemptOutcome,
    DeviationSeverity,
    FailureKind,
    HubStrategy,
    RunStatus,
    TaskClass,
    TaskStatus,
)
from dispatch.state.hubs import HubFile
from dispatch.state.jobs import CritiqueJob, GreybeardJob
from dispatch.state.records import Run

PLAN = a_plan(planned("x"), planned("y", race=None))
TWO = RaceConfig(n=2, executors=(Candidate(model="left"), Candidate(model="right")))
# The second entrant says as much in fewer lines.
WORKS = {
    "1a-x.r1": writes(x="one\ntwo\nthree\n"),
    "1a-x.r2": writes(x="one\n"),
    "1b-y.r1": writes(y="y\n"),
    "1b-y.r2": writes(y="y\nyy\n"),
}


def a_place(folder: Path, race: RaceConfig = TWO) -> Place:
    place = Place(folder / "repository", config_changes={"race": race})
    place.set_up()
    return place


def agents(**changes: Any) -> ScenarioAgents:
    return evolve(ScenarioAgents(plans=[PLAN], works=WORKS), **changes)


def shown(place: Place, path: str) -> str:
    return git(place.root, "show", f"dispatch/r:{path}")


def refs(place: Place) -> list[str]:
    return git(place.root, "for-each-ref", "--format=%(refname)", "refs/dispatch").split()


def test_the_best_work_is_taken_and_the_other_is_kept_and_paid_for(tmp_path: Path) -> None:
    place, players = a_place(tmp_path), agents()
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    assert (shown(place, "x"), shown(place, "y")) == ("one", "y")
    x, y = place.run.tasks
    assert x.raced is not None
    assert y.raced is not None
    assert (x.raced.winner, x.raced.reason) == (2, "fewer changed lines: 1, the next best has 3")
    assert y.raced.winner == 1
    assert [(each.executor, each.model) for each in x.raced.entrants] == [
        ("litellm", "left"),
        ("litellm", "right"),
    ]
    lost, won = x.raced.entrants
    kept = "refs/dispatch/r/rescue/1a-x.r1.implementer.1"
    assert (lost.kept_ref, won.kept_ref) == (kept, None)
    assert git(place.root, "show", f"{kept}:x") == "one\ntwo\nthree"
    assert sorted(each.id for each in x.attempts) == [
        "1a-x.critic.1",  # of what was integrated
        "1a-x.r1.critic.1",
        "1a-x.r1.implementer.1",
        "1a-x.r2.critic.1",
        "1a-x.r2.implementer.1",
    ]
    assert place.run.usage["implementer"].cost_usd == 4 * 0.5
    assert {each.name for each in (place.folder / "worktrees").iterdir()} >= {
        "1a-x.r2",
        "1b-y.r1",
    }
    assert not (place.folder / "worktrees" / "1a-x.r1").exists()
    assert x.worktree_path == str(place.folder / "worktrees" / "1a-x.r2")
    decided = [fields for kind, fields in place.journal.events if kind == "race.decided"]
    assert {fields["task"]: fields["attempt"] for fields in decided} == {
        "1a-x": "1a-x.r2.implementer.1",
        "1b-y": "1b-y.r1.implementer.1",
    }
    report = (place.folder / "report.md").read_text(encoding="utf-8")
    assert "## Races" in report
    assert "won by entrant 2: fewer changed lines: 1, the next best has 3" in report
    assert kept in report


def test_what_critics_find_comes_before_size(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    players = agents(findings={"1a-x.r2": (blocking(),)})
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "x") == "one\ntwo\nthree"
    seen = {job.attempt.id: job for job in players.jobs if isinstance(job, CritiqueJob)}
    raced = seen["1a-x.r2.critic.1"]
    assert "+one" in raced.diff
    assert [each.path for each in raced.changes] == ["x"]
    assert raced.root == place.folder / "worktrees" / "1a-x.r2"


def test_only_what_the_configuration_says_or_the_plan_is_raced(tmp_path: Path) -> None:
    place = a_place(tmp_path, RaceConfig(n=2, classes=(TaskClass.BUGFIX,)))
    plan = a_plan(planned("x", race=RaceOrder(n=2)), planned("y"))
    works = {**WORKS, "1b-y": writes(y="y\n")}
    players = ScenarioAgents(plans=[plan], works=works)
    assert place.drive(players) is RunStatus.DONE
    x, y = place.run.tasks
    assert x.raced is not None
    assert [each.model for each in x.raced.entrants] == ["none", "none"]
    assert y.raced is None


def test_one_who_has_nothing_leaves_the_race_to_the_others_unreviewed(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    players = agents(broken={"1a-x.r2.implementer.1": AttemptOutcome.TURN_LIMIT})
    assert place.drive(players) is RunStatus.DONE
    raced = place.run.tasks[0].raced
    assert raced is not None
    assert (raced.winner, raced.reason) == (1, "the only one that handed its work in")
    assert raced.entrants[1].failure is FailureKind.AGENT_FAILED
    assert "1a-x.r1.critic.1" not in players.asked  # nothing to compare it with


def test_a_race_that_nobody_finishes_fails_its_task_and_is_run_again_by_a_retry(
    tmp_path: Path,
) -> None:
    place = a_place(tmp_path)
    ids = ("1a-x.r1.implementer.1", "1a-x.r2.implementer.1")
    players = agents(broken=dict.fromkeys(ids, AttemptOutcome.TURN_LIMIT))
    assert place.drive(players) is RunStatus.FAILED
    x = place.run.tasks[0]
    assert (x.status, x.failure and x.failure.kind) == (
        TaskStatus.FAILED,
        FailureKind.AGENT_FAILED,
    )
    assert x.failure is not None
    assert x.failure.message.startswith("None of the 2 in its race handed anything in. entrant 1:")
    assert not list((place.folder / "worktrees").glob("1a-x*"))
    place.store().update(lambda run: retried(run, "2026-01-01T00:00:00.000Z"))
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    assert shown(place, "x") == "one"
    assert {"1a-x.r1.implementer.2", "1a-x.r2.implementer.2"} <= set(players.asked)


def test_work_of_one_who_failed_is_kept(tmp_path: Path) -> None:
    """A claim that does not hold: what is in the tree is under a ref, and shown."""
    lies = Work(edit=writes(x="half\n").edit, files=("x", "never"))
    place = a_place(tmp_path)
    players = agents(works={**WORKS, "1a-x.r1": lies})
    assert place.drive(players) is RunStatus.DONE
    raced = place.run.tasks[0].raced
    assert raced is not None
    ref = raced.entrants[0].kept_ref
    assert ref is not None
    assert ref.startswith("refs/dispatch/r/rescue/1a-x.r1.implementer.")
    assert git(place.root, "show", f"{ref}:x") == "half"


def test_work_of_all_who_failed_is_kept_and_the_operator_is_shown_where(tmp_path: Path) -> None:
    lies = Work(edit=writes(x="half\n").edit, files=("x", "never"))
    place = a_place(tmp_path)
    players = agents(plans=[a_plan(planned("x"))], works={"1a-x": lies})
    assert place.drive(players) is RunStatus.FAILED
    (x,) = place.run.tasks
    assert x.kept_refs == (
        "refs/dispatch/r/rescue/1a-x.r1.implementer.1",
        "refs/dispatch/r/rescue/1a-x.r2.implementer.1",
    )
    assert "See what failed tasks had done: dispatch rescue r" in next_steps(place.run)


def test_a_winner_whose_deviation_is_refused_leaves_the_losers_work_behind(
    tmp_path: Path,
) -> None:
    """The operator refuses it: the task fails with its work, and the other's, under refs."""
    bold = evolve(writes(x="one\n"), severities=(DeviationSeverity.MAJOR,))
    place = a_place(tmp_path)
    place.operator = ScriptedOperator(["fail-task"])
    players = agents(works={**WORKS, "1a-x.r1": bold, "1a-x.r2": bold})
    assert place.drive(players) is RunStatus.FAILED
    assert refs(place).count("refs/dispatch/r/rescue/1a-x") == 1
    assert "refs/dispatch/r/rescue/1a-x.r2.implementer.1" in refs(place)


def test_made_again_after_its_race_a_task_leaves_no_tree_of_the_race(tmp_path: Path) -> None:
    """Two write a serialised file: the second is made again, by one who is not raced."""
    place = Place(
        tmp_path / "repository",
        config_changes={"race": TWO},
        changes={"hub_files": (HubFile(glob="list", strategy=HubStrategy.SERIALISE),)},
    )
    place.set_up()
    works = {
        "1a-x": writes(list="x\n"),
        "1b-y": writes(list="y\n"),
        "1b-y.r1": writes(list="y\nyy\n"),
    }
    players = agents(works=works)
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    y = next(each for each in place.run.tasks if each.id == "1b-y")
    assert [each.level for each in y.restarts] == [1]
    assert y.raced is not None
    assert y.raced.winner == 2
    assert players.asked.count("1b-y.implementer.1") == 1
    trees = {each.name for each in (place.folder / "worktrees").glob("1*")}
    assert trees == {"1a-x.r1", "1b-y"}
    assert git(place.root, "show", "refs/dispatch/r/rescue/1b-y:list") == "y"


def test_the_tree_of_a_winner_stays_while_its_work_is_repaired(tmp_path: Path) -> None:
    """And after it, also when the run was killed meanwhile, as any task's own tree does."""
    place = a_place(tmp_path)
    players = agents(
        plans=[a_plan(planned("x"))],
        gate_rounds={"1a-x": ((blocking(),),)},
        fixes={"1a-x": writes(x="two\n")},
    )

    def is_repaired(run: Run) -> bool:
        return any(task.fixes for task in run.tasks)

    killed(place, players, is_repaired, after=True)
    assert place.drive(players) is RunStatus.DONE
    assert (place.folder / "worktrees" / "1a-x.r2").exists()


def test_a_critic_who_failed_for_good_is_not_asked_again(tmp_path: Path) -> None:
    """Killed before the race could record it."""
    place = a_place(tmp_path)
    critic = "1a-x.r2.critic.1"
    players = agents(broken={critic: AttemptOutcome.TURN_LIMIT})

    def has_failed(run: Run) -> bool:
        attempts = {each.id: each for task in run.tasks for each in task.attempts}
        return critic in attempts and attempts[critic].then is Action.FAIL

    killed(place, players, has_failed, after=True)
    assert place.drive(players) is RunStatus.DONE
    assert [each for each in players.asked if each.startswith("1a-x.r2.critic.")] == [critic]
    raced = place.run.tasks[0].raced
    assert raced is not None
    assert raced.entrants[1].message.startswith("It was not reviewed. The critic of attempt")
    assert raced.winner == 1  # no review counts as a blocking finding


def test_one_whom_the_cap_of_the_task_stops_after_a_kill_is_at_work_no_more(
    tmp_path: Path,
) -> None:
    """Its attempt is over when it is, and not at the end of the run."""
    place = a_place(tmp_path)
    unreviewed = planned("x", agent_type=AgentType.INTERN, critique_enabled=False)
    players = agents(plans=[a_plan(unreviewed)])

    def both_are_at_work(run: Run) -> bool:
        attempts = [each.id for task in run.tasks for each in task.attempts]
        return len(attempts) == len(TWO.executors)

    killed(place, players, both_are_at_work, after=True)
    place.config_changes["max_parallel"] = 1  # the first one needs all of the cap
    place.store().update(lambda run: evolve(run, task_limits=Caps(turns=1)))
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    (x,) = place.run.tasks
    assert x.raced is not None
    assert [each.failure for each in x.raced.entrants] == [None, FailureKind.BUDGET]
    (cut,) = (each for each in x.attempts if ".r2." in each.id)
    assert (cut.outcome, cut.message) == (
        AttemptOutcome.TURN_LIMIT,
        "It was interrupted and may not go on. It has reached its cap taskLimits.turns: "
        "1 of 1 turns are used.",
    )


def test_a_winner_whose_tree_somebody_removed_gets_it_back(tmp_path: Path) -> None:
    """The greybeard looks into it."""
    moderate = evolve(writes(x="one\n"), severities=(DeviationSeverity.MODERATE,))
    place = a_place(tmp_path)
    unreviewed = planned("x", agent_type=AgentType.INTERN, critique_enabled=False)
    players = agents(plans=[a_plan(unreviewed)], works={"1a-x": moderate})

    def all_are_in(run: Run) -> bool:
        raced = run.tasks[0].raced if run.tasks else None
        return raced is not None and all(each.output for each in raced.entrants)

    killed(place, players, all_are_in, after=True)
    shutil.rmtree(place.folder / "worktrees" / "1a-x.r1")
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    (ruled,) = (job for job in players.jobs if isinstance(job, GreybeardJob))
    assert (ruled.root / "x").read_text(encoding="utf-8") == "one\n"


def points() -> range:
    return range(1, 45)


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_save_a_race_ends_as_it_would_have_and_asks_nobody_twice(
    tmp_path: Path, after: bool
) -> None:
    """[RS-5] Whoever handed in, or gave a verdict, is not asked again."""
    straight, players = a_place(tmp_path / "straight"), agents()
    assert straight.drive(players) is RunStatus.DONE
    tip, expected = git(straight.root, "rev-parse", "dispatch/r"), _races(straight)
    reached = 0
    for at in tried(points()):
        place, players = a_place(tmp_path / f"{at}-{after}"), agents()
        if place.drive(players, at, after=after) is not None:
            break
        reached = at
        done = {
            each.id
            for each in (*place.run.attempts, *(a for t in place.run.tasks for a in t.attempts))
            if each.outcome is AttemptOutcome.OK
        }
        before = len(players.asked)
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        assert git(place.root, "rev-parse", "dispatch/r") == tip
        assert _races(place) == expected
        assert not _jobs_of(done) & _jobs_of(players.asked[before:])
        assert {each.name for each in (place.folder / "worktrees").glob("1*")} == {
            "1a-x.r2",
            "1b-y.r1",
        }
    assert reached > 30


def _jobs_of(ids: object) -> set[str]:
    assert isinstance(ids, set | list)
    return {each.rpartition(".")[0] for each in ids}


def _races(place: Place) -> object:
    """What came of the races, but for which attempts it took."""
    return [
        (
            task.raced and task.raced.winner,
            task.raced and task.raced.reason,
            [
                (each.number, each.output, each.verdict, each.message)
                for each in (task.raced.entrants if task.raced else ())
            ],
        )
        for task in place.run.tasks
    ]
