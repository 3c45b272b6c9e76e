"""An attempt during which somebody made the user's git start a program is not believed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned

from dispatch.fsm.report import render_report
from dispatch.state.enums import AttemptOutcome, FailureKind, RunStatus, SandboxTier, TaskStatus
from dispatch.state.records import Confinement
from dispatch.state.work import UserChange

HELD = Confinement(
    tier=SandboxTier.BUBBLEWRAP, processes=1, memory_bytes=1, file_bytes=1, cpu_seconds=1
)
NOW = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def crew(meanwhile: Callable[[], object]) -> ScenarioAgents:
    """One task, whose agent writes a file while something else happens."""

    def edit(root: Path) -> None:
        (root / "x").write_text("x\n", encoding="utf-8")
        meanwhile()

    works = {"1a-x": Work(edit=edit, files=("x",))}
    return ScenarioAgents(plans=[a_plan(planned("x"))], works=works)


def outcomes(place: Place) -> list[AttemptOutcome | None]:
    """How the attempts at the task ended that were to carry it out."""
    attempts = place.run.tasks[0].attempts
    return [each.outcome for each in attempts if ".implementer." in each.id]


def test_a_planted_hook_fails_the_attempt_and_a_fresh_one_does_the_task(place: Place) -> None:
    """The user is told what to look at; nothing of his is touched."""
    hook = place.root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    agents = crew(lambda: hook.exists() or hook.write_text("#!/bin/sh\n", encoding="utf-8"))
    assert place.drive(agents) is RunStatus.DONE
    assert outcomes(place) == [AttemptOutcome.TRESPASS, AttemptOutcome.OK]
    change = UserChange(
        attempt_id="1a-x.implementer.1",
        programs=("hooks/post-checkout was added",),
        others=(),
        failed=True,
    )
    assert place.run.user_changes == (change,)
    assert hook.exists()
    report = render_report(place.run, gate_diff="", now=NOW)
    assert "## Changes in your repository" in report
    assert "hooks/post-checkout was added" in report


def test_who_does_it_again_fails_the_task(place: Place) -> None:
    numbers = iter(range(9))
    agents = crew(lambda: git(place.root, "config", f"alias.a{next(numbers)}", "!x"))
    assert place.drive(agents) is RunStatus.FAILED
    assert outcomes(place) == [AttemptOutcome.TRESPASS, AttemptOutcome.TRESPASS]
    (task,) = place.run.tasks
    assert task.status is TaskStatus.FAILED
    assert task.failure is not None
    assert task.failure.kind is FailureKind.AGENT_FAILED
    assert "alias.a1 was added" in task.failure.message


def test_where_commands_are_held_it_was_the_user(place: Place) -> None:
    place.store().update(lambda run: evolve(run, sandboxes=(HELD,)))
    agents = crew(lambda: git(place.root, "config", "alias.a", "!x"))
    assert place.drive(agents) is RunStatus.DONE
    assert outcomes(place) == [AttemptOutcome.OK]
    (change,) = place.run.user_changes
    assert (change.programs, change.failed) == (("alias.a was added",), False)


def test_a_commit_of_the_users_is_noted_and_fails_nothing(place: Place) -> None:
    agents = crew(lambda: git(place.root, "commit", "-q", "--allow-empty", "-m", "mine"))
    assert place.drive(agents) is RunStatus.DONE
    assert outcomes(place) == [AttemptOutcome.OK]
    (change,) = place.run.user_changes
    assert (change.programs, change.failed) == ((), False)
    assert "refs/heads/main was changed" in change.others
