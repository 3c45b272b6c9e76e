"""Executable configuration in a whole run: shown to reviewers and in the report, or asked about."""

from pathlib import Path

import pytest
from fakes.run_harness import AbsentOperator, Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.state.enums import ChangeKind, DecisionOutcome, ExecutableKind, RunStatus, TaskStatus
from dispatch.state.errors import WaitingForOperator
from dispatch.state.jobs import CritiqueJob, GateJob
from dispatch.state.work import ExecutableChange

HOOK = ".husky/pre-commit"
HEADING = "## Executable configuration changed"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def makes(*paths: str) -> Work:
    """Work that writes files in folders."""

    def edit(root: Path) -> None:
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("x\n")

    return Work(edit=edit, files=paths)


def test_ci_and_what_the_plan_names_is_shown_to_both_critics_and_in_the_report(
    place: Place,
) -> None:
    """Nobody is asked, nothing is hidden."""
    objective = f"Add {HOOK}."
    players = ScenarioAgents(
        plans=[a_plan(planned("x", objective=objective), planned("y"))],
        works={"1a-x": makes(HOOK, ".github/workflows/ci.yml"), "1b-y": writes(y="y\n")},
    )
    place.operator = AbsentOperator()
    assert place.drive(players) is RunStatus.DONE
    shown = (
        ExecutableChange(
            path=".github/workflows/ci.yml",
            kind=ExecutableKind.CI,
            change=ChangeKind.ADDED,
            named=False,
        ),
        ExecutableChange(
            path=HOOK, kind=ExecutableKind.GIT_HOOKS, change=ChangeKind.ADDED, named=True
        ),
    )
    evidence = place.run.tasks[0].evidence
    assert evidence is not None
    assert evidence.executable == shown
    told = [job.executable for job in players.jobs if isinstance(job, CritiqueJob | GateJob)]
    assert sorted(told, key=len) == [(), shown, {"1a-x": shown, "1b-y": ()}]
    section = (place.folder / "report.md").read_text().split(HEADING)[1].split("\n## ")[0]
    assert section.strip().splitlines() == [
        "- added `.github/workflows/ci.yml` by `1a-x` (ci: a CI or hosting service runs it with "
        "secrets of its own), not named in the plan",
        f"- added `{HOOK}` by `1a-x` (git-hooks: git, or what manages its hooks, runs it at a "
        "commit or checkout), named in the plan",
    ]


def test_a_run_without_any_has_no_such_section(place: Place) -> None:
    """Most runs."""
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": writes(x="x\n")})
    assert place.drive(players) is RunStatus.DONE
    assert HEADING not in (place.folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("verb", "status", "outcome"),
    [
        ("continue", TaskStatus.COMPLETED, DecisionOutcome.ACCEPTED),
        ("fail-task", TaskStatus.FAILED, DecisionOutcome.FAILED),
    ],
)
def test_an_unplanned_hook_needs_the_operators_word(
    place: Place, verb: str, status: TaskStatus, outcome: DecisionOutcome
) -> None:
    """Asked once, also when the run was stopped with the question open."""
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": makes(HOOK)})
    place.operator = AbsentOperator()
    with pytest.raises(WaitingForOperator):
        place.drive(players)
    place.operator = operator = ScriptedOperator([verb])
    place.drive(players)
    (question,) = place.run.escalations
    assert [each.id for each in operator.asked] == [question.id] == ["1a-x-executable"]
    assert question.details["affectedFiles"] == (HOOK,)
    assert "the plan does not name it: .husky/pre-commit (git-hooks: " in question.question
    (task,) = place.run.tasks
    assert (task.status, task.decisions[0].outcome) == (status, outcome)
    assert [each for each in players.asked if "implementer" in each] == ["1a-x.implementer.1"]


def test_the_folder_that_the_user_takes_hooks_from_counts_whatever_its_name(
    place: Place,
) -> None:
    """By his own configuration, which no agent can write."""
    git(place.root, "config", "core.hooksPath", "tools/My-Hooks")
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))], works={"1a-x": makes("tools/my-hooks/pre-push", "tools/a")}
    )
    place.operator = operator = ScriptedOperator(["continue"])
    assert place.drive(players) is RunStatus.DONE
    (question,) = operator.asked
    assert question.details["affectedFiles"] == ["tools/my-hooks/pre-push"]


def test_a_repair_that_adds_agent_settings_is_asked_about_too(place: Place) -> None:
    """What is turned down is not in the branch."""
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works={"1a-x": writes(x="x\n")},
        rounds={"1a-x": ((blocking(),),)},
        fixes={"1a-x.fixAgent.1": makes(".claude/settings.json"), "1a-x": writes(x="fixed\n")},
    )
    place.operator = operator = ScriptedOperator(["fail-task", "retry"])
    assert place.drive(players) is RunStatus.DONE
    assert [each.id for each in operator.asked] == ["1a-x-fix-1-executable", "1a-x-critique-1"]
    assert place.files("dispatch/r") == ["a.txt", "x"]
