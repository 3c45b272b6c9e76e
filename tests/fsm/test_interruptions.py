"""The points at which a run can be cut off, each by its name: what a later start finds and does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.broken_gate import GATE
from fakes.broken_gate import crew as gate_crew
from fakes.run_harness import Place, comparable, git, killed
from fakes.scenario_agents import ScenarioAgents, a_plan, blocking, planned, writes

from dispatch.state.enums import AttemptOutcome, FailureKind, Role, RunStatus, TaskStatus
from dispatch.state.records import Run

PLAN = a_plan(planned("x"), planned("y"))
WORKS = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")}
AMENDED = {"1a-x": ((blocking(),),)}


def crew(**changes: Any) -> ScenarioAgents:
    """Two tasks, the first of which a critic sends back once."""
    fixes = {"1a-x": writes(x="x, repaired\n")}
    settings = {"plans": [PLAN], "works": WORKS, "rounds": AMENDED, "fixes": fixes, **changes}
    return ScenarioAgents(**settings)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same run, never cut off."""
    place = Place(tmp_path_factory.mktemp("calm") / "repository")
    place.set_up()
    assert place.drive(crew()) is RunStatus.DONE
    return place


def ends_like(place: Place, calm: Place, players: ScenarioAgents) -> None:
    """Go on, and compare the end with that of the run that was never cut off."""
    assert place.drive(players) is RunStatus.DONE
    there, here = str(place.root), str(calm.root)
    assert repr(comparable(place.run)).replace(there, here) == repr(comparable(calm.run))
    git(place.root, "fsck", "--strict", "--no-dangling")


def is_(task_id: str, status: TaskStatus) -> Callable[[Run], bool]:
    return lambda run: any(task.id == task_id and task.status is status for task in run.tasks)


def test_1_an_implementer_cut_off_in_its_work_starts_afresh_in_a_clean_tree(
    place: Place, calm: Place
) -> None:
    """[RS-03] What it left in its tree is kept under a ref, and meets nobody."""
    players = crew()
    killed(place, players, is_("1a-x", TaskStatus.RUNNING), after=True)
    half = place.folder / "worktrees" / "1a-x"
    if half.is_dir():
        (half / "half done").write_text("half\n", encoding="utf-8")
    ends_like(place, calm, players)
    assert "half done" not in place.files("dispatch/r")
    attempts = place.run.tasks[0].attempts
    assert attempts[0].outcome in (AttemptOutcome.CRASHED, AttemptOutcome.OK)


def test_2_a_submission_that_was_checked_and_not_saved_is_made_again(
    place: Place, calm: Place
) -> None:
    """[RS-04] It had not been accepted; its tree stays under its ref."""
    players = crew()
    killed(place, players, is_("1a-x", TaskStatus.SUBMITTED), after=False)
    assert place.run.tasks[0].output is None
    ends_like(place, calm, players)
    implementers = [each for each in place.run.tasks[0].attempts if each.role is Role.IMPLEMENTER]
    assert [each.outcome for each in implementers] == [AttemptOutcome.CRASHED, AttemptOutcome.OK]


def test_3_a_fix_agent_cut_off_starts_afresh_from_the_level_s_tip(
    place: Place, calm: Place
) -> None:
    """[RS-05] Its tree is clean again, untracked files included; the task is still being fixed."""
    players = crew()
    killed(place, players, is_("1a-x", TaskStatus.FIXING), after=True)
    worktree = place.folder / "worktrees" / "fix-1a-x"
    base = place.run.level_boundaries["2"]
    place.ports(players, place.store()).repository.ensure_worktree("fix-1a-x", base, None)
    (worktree / "x").write_text("half\n", encoding="utf-8")
    (worktree / "untracked").write_text("half\n", encoding="utf-8")
    assert place.run.tasks[0].status is TaskStatus.FIXING
    ends_like(place, calm, players)
    assert place.files("dispatch/r") == ["a.txt", "x", "y"]


def test_4_a_rebuild_that_was_not_saved_is_made_again_with_the_same_commits(
    place: Place, calm: Place
) -> None:
    """[RS-06]"""
    players = crew()

    def rebuilt(run: Run) -> bool:
        task = run.tasks[0] if run.tasks else None
        return bool(task and task.fixes and task.status is TaskStatus.COMMITTED)

    killed(place, players, rebuilt, after=False)
    assert place.run.tasks[0].status is TaskStatus.FIXING
    ends_like(place, calm, players)
    fix_agents = [each for each in players.asked if "fixAgent" in each]
    assert fix_agents == ["1a-x.fixAgent.1"]


def test_5_a_level_whose_last_boundary_was_not_saved_gets_the_same_one(
    place: Place, calm: Place
) -> None:
    """[RS-07]"""
    players = crew()
    killed(place, players, lambda run: "2" in run.level_boundaries, after=False)
    assert [task.status for task in place.run.tasks] == [TaskStatus.COMMITTED] * 2
    ends_like(place, calm, players)


def test_6_a_run_without_a_plan_is_planned(place: Place, calm: Place) -> None:
    """[RS-08] The planner that was cut off is asked again."""
    players = crew()
    killed(place, players, lambda run: bool(run.attempts), after=True)
    assert (place.run.status, place.run.tasks) == (RunStatus.PLANNING, ())
    ends_like(place, calm, players)
    planners = [each for each in place.run.attempts if each.role is Role.PLANNER]
    assert [each.outcome for each in planners] == [AttemptOutcome.CRASHED, AttemptOutcome.OK]


def test_a_baseline_that_was_saved_is_not_captured_again_and_leaves_no_worktree(
    place: Place, calm: Place
) -> None:
    """Cut off between the save and what follows it."""
    players = crew()
    killed(place, players, lambda run: bool(run.baseline_commands), after=True)
    assert (place.folder / "worktrees" / "baseline").is_dir()
    before = place.run.baseline_commands
    ends_like(place, calm, players)
    assert place.run.baseline_commands == before
    assert not (place.folder / "worktrees" / "baseline").exists()


def test_the_worktree_of_a_repair_that_was_integrated_is_put_away(
    place: Place, calm: Place
) -> None:
    """Killed after the save that integrates it, and before the worktree was removed."""
    players = crew()

    def integrated(run: Run) -> bool:
        task = run.tasks[0] if run.tasks else None
        return bool(task and task.fixes and task.status is TaskStatus.COMMITTED)

    killed(place, players, integrated, after=True)
    worktrees = place.folder / "worktrees"
    assert (worktrees / "fix-1a-x").is_dir()
    ends_like(place, calm, players)
    there = sorted(path.name for path in worktrees.iterdir())
    assert there == sorted(path.name for path in (calm.folder / "worktrees").iterdir())


def test_worktrees_that_only_a_command_needed_are_put_away(place: Place, calm: Place) -> None:
    """A dead process left them in the middle of a check."""
    players = crew()
    killed(place, players, is_("1a-x", TaskStatus.COMMITTED), after=True)
    names = {"attribution", "check-1a-x", "regenerate-1b-y"}
    repository = place.ports(players, place.store()).repository
    for name in names:
        repository.ensure_worktree(name, place.run.base_commit, None)
    ends_like(place, calm, players)
    assert names.isdisjoint(path.name for path in (place.folder / "worktrees").iterdir())


def test_7_a_build_of_the_result_that_was_not_saved_runs_again_under_the_same_number(
    place: Place, calm: Place
) -> None:
    """[RS-09] Its log is written anew; no round is counted twice."""
    players = crew()
    killed(place, players, lambda run: bool(run.verification_rounds), after=False)
    log = place.folder / "final-build.log-1"
    assert log.is_file()
    log.write_text("of a dead process\n", encoding="utf-8")
    assert [each.round for each in place.run.verification_rounds] == []
    ends_like(place, calm, players)
    assert "of a dead process" not in log.read_text(encoding="utf-8")
    assert [each.round for each in place.run.verification_rounds] == [1]


def test_two_of_them_at_once_are_both_put_right(place: Place, calm: Place) -> None:
    """[RS-11] Cut off at work, with a log that no round knows; the sibling's work stays."""
    players = crew()
    killed(place, players, is_("1a-x", TaskStatus.RUNNING), after=True)
    log = place.folder / "final-build.log-1"
    log.write_text("of a dead process\n", encoding="utf-8")
    ends_like(place, calm, players)
    assert "of a dead process" not in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.FAILED])
def test_a_run_that_has_ended_is_left_as_it_is(place: Place, status: RunStatus) -> None:
    """[RS-01] [RS-02] Not a byte of its document changes, nobody is asked."""
    place.gate = (GATE,)
    players = gate_crew() if status is RunStatus.DONE else crew(hopeless=True)
    assert place.drive(players) is status
    document = place.folder / "run-state.yaml"
    before, asked = document.read_bytes(), len(players.asked)
    assert place.drive(players) is status
    assert (document.read_bytes(), len(players.asked)) == (before, asked)


def test_a_document_that_contradicts_git_stops_with_both_sides_shown(place: Place) -> None:
    """[RS-10] The branch that we published was moved by somebody else: nothing is guessed."""
    players = crew()
    killed(place, players, lambda run: run.status is RunStatus.CONSOLIDATING, after=True)
    published = place.run.published_commit or ""
    git(place.root, "update-ref", "refs/heads/dispatch/r", place.run.base_commit)
    assert place.drive(crew()) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert failure.kind is FailureKind.REPOSITORY_CHANGED
    assert published in failure.message
    assert place.run.base_commit in failure.message
    assert git(place.root, "rev-parse", "dispatch/r", "--").split()[0] == place.run.base_commit
