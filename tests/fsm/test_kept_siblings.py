"""A repair beside its siblings: what it breaks is refused, what it replaces is written down."""

from pathlib import Path
from typing import Any

import pytest
from fakes.run_harness import Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, a_plan, blocking, planned, writes

from dispatch.state.enums import RunStatus


def crew(y_command: str = "grep -q y a.txt", **changes: Any) -> ScenarioAgents:
    """The sibling has added a line to the file that the repair writes anew."""
    settings: dict[str, Any] = {
        "plans": [a_plan(planned("x"), planned("y", verify_commands=(y_command,)))],
        "works": {"1a-x": writes(x="x\n"), "1b-y": writes(a__txt="a\ny\n")},
        "rounds": {"1a-x": ((blocking(),),)},
        "fixes": {"1a-x": writes(a__txt="a, x and y\n")},
        **changes,
    }
    return ScenarioAgents(**settings)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file, and an operator who lets the work stand as it is."""
    place = Place(tmp_path / "repository")
    place.operator = ScriptedOperator(["accept-with-note"])
    place.set_up()
    return place


def test_a_repair_that_breaks_a_sibling_s_command_is_refused_with_its_owner(place: Place) -> None:
    players = crew(fixes={"1a-x": writes(a__txt="a\n")})
    assert place.drive(players) is RunStatus.DONE
    (problem,) = players.refused["1a-x.fixAgent.1"]
    assert problem == (
        "The verify command `grep -q y a.txt` of task 1b-y passed before your repair; we ran it, "
        "and it exited with 1. Its work must stay as it is."
    )
    assert git(place.root, "show", "dispatch/r:a.txt") == "a\ny"


def test_lines_that_a_repair_replaces_are_on_the_sibling_s_receipt(place: Place) -> None:
    """Its commands pass, so it is not refused; it is not silent either."""
    assert place.drive(crew()) is RunStatus.DONE
    assert [task.superseded_paths for task in place.run.tasks] == [(), ("a.txt",)]
    report = (place.folder / "report.md").read_text(encoding="utf-8")
    said = "lines were superseded by a resolved conflict or a sibling's repair, in: `a.txt`"
    assert report.count(said) == 1


def test_what_failed_before_the_repair_is_not_held_against_it(place: Place) -> None:
    """The sibling's command is true of its own tree only: the task's file is not in it."""
    players = crew("test ! -e x")
    assert place.drive(players) is RunStatus.DONE
    assert players.refused == {}
    assert git(place.root, "show", "dispatch/r:a.txt") == "a, x and y"


def test_what_the_commands_write_is_not_part_of_the_repair(place: Place) -> None:
    assert place.drive(crew("touch litter; echo more >> x")) is RunStatus.DONE
    assert place.files("dispatch/r") == ["a.txt", "x"]
    assert git(place.root, "show", "dispatch/r:x") == "x"


def test_commands_are_left_alone_where_submissions_are_not_verified(place: Place) -> None:
    place.config_changes = {"verify_submissions": False}
    players = crew(fixes={"1a-x": writes(a__txt="a\n")})
    assert place.drive(players) is RunStatus.DONE
    assert players.refused == {}
    assert place.run.tasks[1].superseded_paths == ("a.txt",)
