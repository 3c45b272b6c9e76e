"""The baseline: every command of the gate runs on the base commit, and what it says is kept."""

from pathlib import Path

import pytest
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.state.enums import RunStatus


def drive(place: Place) -> None:
    crew = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": writes(x="x\n")})
    assert place.drive(crew) is RunStatus.DONE


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def without_times(log: str) -> list[str]:
    """A log's lines without how long a command took."""
    return [
        line.rpartition(", ")[0] if line.startswith("# ") else line for line in log.splitlines()
    ]


def test_the_log_has_every_command_with_its_ending_and_output(place: Place) -> None:
    """[BL-09] [BL-11] [IN-01] A failing command does not keep the next from running."""
    place.gate = ("echo one; exit 1", "echo two")
    drive(place)
    run = place.run
    assert run.baseline_build_log_path == str(place.folder / "baseline-build.log")
    assert without_times((place.folder / "baseline-build.log").read_text()) == [
        "$ echo one; exit 1",
        "# exit code 1",
        "one",
        "",
        "$ echo two",
        "# exit code 0",
        "two",
    ]
    assert [result.exit_code for result in run.baseline_commands] == [1, 0]
    assert run.baseline_failures == ()


def test_what_a_failing_command_prints_becomes_a_failure_with_its_place(place: Place) -> None:
    """[BL-10] [IN-03]"""
    place.gate = ("echo 'src/a.ts:42:7 error TS1: wrong'; exit 2",)
    drive(place)
    (failure,) = place.run.baseline_failures
    assert (failure.file, failure.line, failure.message) == (
        "src/a.ts",
        42,
        "src/a.ts:42:7 error TS1: wrong",
    )
    assert failure.id.startswith("bf-")


def test_it_runs_on_the_base_commit_and_not_in_the_user_s_tree(place: Place) -> None:
    """[W-41] Uncommitted files of the user's are not seen, and nothing is left in his tree."""
    (place.root / "uncommitted").write_text("", encoding="utf-8")
    place.gate = ("ls; touch litter",)
    drive(place)
    assert without_times((place.folder / "baseline-build.log").read_text())[2:] == ["a.txt"]
    assert git(place.root, "status", "--porcelain") == "?? uncommitted"


def test_ignored_paths_that_are_shared_are_in_every_worktree(tmp_path: Path) -> None:
    place = Place(tmp_path / "repository", gate=("cat modules/one",))
    place.set_up(__gitignore="modules/\n")
    (place.root / "modules").mkdir()
    (place.root / "modules" / "one").write_text("shared\n", encoding="utf-8")
    place.changes = {"share": ("modules",)}
    drive(place)
    run = place.run
    assert [result.exit_code for result in run.baseline_commands] == [0]
    assert [result.exit_code for result in run.verification_rounds[0].commands] == [0]


def test_set_up_commands_run_in_every_worktree_before_anything_else(tmp_path: Path) -> None:
    place = Place(tmp_path / "repository", gate=("cat made",))
    place.set_up(__gitignore="made\n")
    place.changes = {"setup": ("echo ready > made",)}
    drive(place)
    assert [result.exit_code for result in place.run.baseline_commands] == [0]


def test_a_skipped_baseline_leaves_its_sentinel_and_no_log(place: Place) -> None:
    """[IN-02]"""
    place.changes = {"skip_baseline": True}
    drive(place)
    run = place.run
    assert (run.baseline_build_log_path, run.baseline_failures) == ("", ())
    assert not (place.folder / "baseline-build.log").exists()
