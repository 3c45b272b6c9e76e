"""Verification and its repairs: what the prototype got wrong, each held by one test."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.broken_gate import GATE, crew, fix_agents, says
from fakes.run_harness import Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes

from dispatch.fsm.attribution_file import ATTRIBUTION_FILE
from dispatch.state.enums import FailureCause, RunStatus, VerificationMode, VerificationOutcome
from dispatch.state.jobs import FixJob

NOTHING = Work(edit=lambda root: None, files=())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository whose build gate passes."""
    place = Place(tmp_path / "repository", gate=(GATE,))
    place.set_up()
    return place


def test_w_07_a_repair_is_made_in_the_tree_that_is_built_whatever_level_its_task_is_of(
    place: Place,
) -> None:
    players = crew()
    assert place.drive(players) is RunStatus.DONE
    (job,) = (each for each in players.jobs if isinstance(each, FixJob))
    assert job.task.level == 1
    base = place.run.tasks[0].fixes[0].base
    assert git(place.folder / "git", "ls-tree", "--name-only", base).split() == [
        "a.txt",
        "errors-1",
        "x",
        "y",
        "z",
    ]
    assert "errors-1" not in git(place.root, "ls-tree", "--name-only", "dispatch/r")


def test_w_08_levels_above_a_repair_are_made_again_and_every_boundary_is_where_it_belongs(
    place: Place,
) -> None:
    assert place.drive(crew()) is RunStatus.DONE
    run = place.run
    shas = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert [task.commit_sha for task in run.tasks] == shas
    assert run.level_boundaries == {"1": run.base_commit, "2": shas[1], "3": shas[2]}
    for level, tip in ((1, shas[1]), (2, shas[2])):
        assert git(place.folder / "worktrees" / f"level-{level}", "rev-parse", "HEAD") == tip


def test_w_31_attribution_may_say_that_no_task_did_it(place: Place) -> None:
    place.config_changes = {"attribution_runs": 0}
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    players = crew(causes=says(FailureCause.ENVIRONMENT))
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == []
    assert [each.id for each in operator.asked] == ["verification-1-nobody"]
    assert "environment" in operator.asked[0].reason
    assert "as scripted" in operator.asked[0].reason


def test_w_32_going_on_after_the_last_round_goes_on(place: Place) -> None:
    place.operator = operator = ScriptedOperator(["continue"])
    fixes = {
        f"1a-x.{number}": Work(
            edit=_next_trouble(number), files=(f"errors-{number}", f"errors-{number + 1}")
        )
        for number in range(1, 7)
    }
    fixes["1a-x.7"] = Work(edit=lambda root: (root / "errors-7").unlink(), files=("errors-7",))
    assert place.drive(crew(fixes=fixes)) is RunStatus.DONE
    asked = [each.id for each in operator.asked]
    assert asked == [f"verification-fix-{number}" for number in (4, 5, 6, 7)]
    outcomes = [each.outcome for each in place.run.verification_rounds]
    assert outcomes == [*[VerificationOutcome.RETRY] * 7, VerificationOutcome.PASS]


def test_w_33_the_operator_can_accept_a_difference_that_is_no_failure(place: Place) -> None:
    place.gate = ("ls",)
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    players = ScenarioAgents(plans=[plan], works={"1a-x": writes(x="x\n")})
    assert place.drive(players) is RunStatus.DONE
    (question,) = operator.asked
    assert question.allowed == ("continue", "accept-with-note", "retry", "abort")
    (record,) = place.run.verification_rounds
    assert record.outcome is VerificationOutcome.PASS
    assert record.reason.startswith("The operator script accepted the difference.")


def test_w_34_a_second_fix_agent_tries_and_is_shown_what_the_verifier_said(place: Place) -> None:
    place.operator = ScriptedOperator(["accept-with-note"])
    players = crew(fixes={"1a-x": NOTHING})
    assert place.drive(players) is RunStatus.DONE
    first, second = (each for each in players.jobs if isinstance(each, FixJob))
    assert "error: one" in first.evidence
    assert second.evidence.startswith("A repair before yours came to nothing")
    assert "error: one" in (place.folder / ATTRIBUTION_FILE).read_text(encoding="utf-8")


def _next_trouble(number: int) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / f"errors-{number}").unlink()
        text = f"error: number {number + 1}\n"
        (root / f"errors-{number + 1}").write_text(text, encoding="utf-8")

    return edit
