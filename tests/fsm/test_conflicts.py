"""Conflicts at fan-in: the later task's fix agent resolves them, nothing is dropped."""

from pathlib import Path
from typing import Any

import pytest
from fakes.run_harness import Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes
from fakes.thoroughness import tried

from dispatch.state.enums import AttemptOutcome, FailureKind, FixSource, RunStatus, TaskStatus
from dispatch.state.jobs import FixJob

PLAN = a_plan(planned("x"), planned("y"))
WORKS = {"1a-x": writes(a__txt="x\n"), "1b-y": writes(a__txt="y\n", y="y\n")}
BOTH = writes(a__txt="x\ny\n")
NOTHING = Work(edit=lambda root: None, files=())


def crew(fix: Work = BOTH, **changes: Any) -> ScenarioAgents:
    return ScenarioAgents(plans=[PLAN], works=WORKS, fixes={"1b-y": fix}, **changes)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def test_the_later_task_s_agent_gets_both_sides_and_its_answer_is_committed(place: Place) -> None:
    """The tree with the markers, both plans, both sides' hunks; one commit for each task."""
    players = crew()
    seen: list[str] = []

    def edit(root: Path) -> None:
        seen.append((root / "a.txt").read_text(encoding="utf-8"))
        BOTH.edit(root)

    players.fixes = {"1b-y": Work(edit=edit, files=("a.txt",))}
    assert place.drive(players) is RunStatus.DONE
    log = git(place.root, "log", "--reverse", "--format=%s", "main..dispatch/r")
    assert log.splitlines() == ["Do x", "Do y"]
    assert git(place.root, "show", "dispatch/r:a.txt") == "x\ny"
    assert git(place.root, "show", "dispatch/r:y") == "y"
    (job,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert (job.task.id, job.source, [each.id for each in job.others]) == (
        "1b-y",
        FixSource.CONFLICT,
        ["1a-x"],
    )
    assert [finding.file_path for finding in job.findings] == ["a.txt"]
    assert ("+x" in job.evidence, "+y" in job.evidence) == (True, True)
    (text,) = seen
    assert ("<<<<<<<" in text, ">>>>>>>" in text) == (True, True)
    assert place.run.tasks[1].superseded_paths == ()


def test_lines_that_a_resolution_drops_are_on_the_receipt(place: Place) -> None:
    players = crew(writes(a__txt="only y\n"))
    assert place.drive(players) is RunStatus.DONE
    assert place.run.tasks[1].superseded_paths == ("a.txt",)
    report = (place.folder / "report.md").read_text(encoding="utf-8")
    assert "superseded by a resolved conflict or a sibling's repair, in: `a.txt`" in report
    by = "superseded by 1b-y (conflict, round 1): done"
    assert f"- `1a-x`: 0 hunks present\n  - `a.txt`: 1 hunk {by}" in report
    assert "every accepted line is in its commits" not in report


def test_after_two_rounds_with_markers_left_the_operator_may_set_the_task_aside(
    place: Place,
) -> None:
    """Its work is kept, its sibling is committed."""
    operator = ScriptedOperator(["fail-task"])
    place.operator = operator
    players = crew(NOTHING)
    assert place.drive(players) is RunStatus.FAILED
    refused = [players.refused[f"1b-y.fixAgent.{number}"] for number in (1, 2)]
    assert ["markers" in problem for (problem,) in refused] == [True, True]
    assert "1b-y.fixAgent.3" not in players.asked
    (asked,) = operator.asked
    assert asked.allowed == ("retry", "fail-task", "abort")
    first, second = place.run.tasks
    assert (first.status, second.status) == (TaskStatus.COMPLETED, TaskStatus.FAILED)
    assert second.failure is not None
    assert second.failure.kind is FailureKind.CONFLICT
    assert second.rescue_ref == "refs/dispatch/r/rescue/1b-y"
    assert git(place.root, "show", f"{second.rescue_ref}:a.txt") == "y"
    assert git(place.root, "show", "dispatch/r:a.txt") == "x"


def test_a_resolution_may_not_undo_what_had_no_conflict(place: Place) -> None:
    def edit(root: Path) -> None:
        BOTH.edit(root)
        (root / "y").unlink()

    place.operator = ScriptedOperator(["abort"])
    players = crew(Work(edit=edit, files=("a.txt", "y")))
    assert place.drive(players) is RunStatus.FAILED
    (problem,) = players.refused["1b-y.fixAgent.1"]
    assert "bring them back: y" in problem


def test_killed_before_each_save_a_resolution_is_asked_for_once(tmp_path: Path) -> None:
    """[RS-13]"""
    straight = Place(tmp_path / "straight" / "repository")
    straight.set_up()
    assert straight.drive(crew()) is RunStatus.DONE
    tip = git(straight.root, "rev-parse", "dispatch/r")
    for at in tried(range(13, 22)):
        place = Place(tmp_path / str(at) / "repository")
        place.set_up()
        players = crew()
        assert place.drive(players, at) is None
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        assert git(place.root, "rev-parse", "dispatch/r") == tip
        fixes = [each for each in place.run.tasks[1].attempts if each.role == "fixAgent"]
        done = [each for each in fixes if each.outcome is AttemptOutcome.OK]
        assert len(done) == 1 == len(place.run.tasks[1].fixes)
