"""Commits and boundaries of a level, with real git; the agents are played."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes

from dispatch.fsm.engine import drive
from dispatch.state.enums import Isolation, RunStatus, TaskStatus
from dispatch.state.yaml_text import loads


@define
class Noted:
    """A repository that notes which worktrees are made, among the agents that are asked."""

    inner: Any
    notes: list[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def ensure_worktree(self, name: str, commit: str, branch: str | None) -> Path:
        """Note it, and make it."""
        self.notes.append(name)
        made: Path = self.inner.ensure_worktree(name, commit, branch)
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def test_one_task_is_one_commit_and_the_next_boundary(place: Place) -> None:
    """[CL-01] [CL-06] [GT-01] The boundary before the level stays."""
    plan = a_plan(planned("x"))
    crew = ScenarioAgents(plans=[plan], works={"1a-x": writes(x="x\n")})
    assert place.drive(crew) is RunStatus.DONE
    run = place.run
    (task,) = run.tasks
    assert task.status is TaskStatus.COMPLETED
    assert task.commit_sha == git(place.folder / "git", "rev-parse", "dispatch/r-level-1")
    assert run.level_boundaries == {"1": run.base_commit, "2": task.commit_sha}


def test_hooks_of_the_user_do_not_run_and_cannot_refuse_a_commit(place: Place) -> None:
    """[CL-07] [GT-05] [GT-06] Adapted: the run's own store has no hooks."""
    hook = place.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ../hook-ran\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    crew = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": writes(x="x\n")})
    assert place.drive(crew) is RunStatus.DONE
    assert not (place.root.parent / "hook-ran").exists()


def test_a_claim_of_a_file_that_does_not_exist_is_refused_by_name(place: Place) -> None:
    """[GT-08] Nothing that was only imagined is dropped in silence."""
    honest = writes(x="x\n")
    crew = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works={"1a-x": Work(edit=honest.edit, files=("x", "imagined"))},
    )
    assert place.drive(crew) is RunStatus.FAILED
    assert "imagined" in crew.refused["1a-x.implementer.1"][0]


def test_a_task_s_plan_submission_and_verdicts_stand_beside_for_people(place: Place) -> None:
    """[RL-01] [RL-06] Copies only: nothing reads them."""
    plan = a_plan(planned("x"), planned("y"))
    works = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")}
    assert place.drive(ScenarioAgents(plans=[plan], works=works)) is RunStatus.DONE
    for name in ("1a-x", "1b-y"):
        folder = place.folder / "tasks" / name
        assert (folder / "plan.md").read_text() == planned(name[3:]).plan_markdown
        assert loads((folder / "output.yaml").read_text()) == {
            "summary": "done",
            "filesModified": [name[3:]],
            "deviations": [],
            "notes": "",
        }
        assert loads((folder / "verdict.yaml").read_text()) == {
            "verdicts": [{"round": 1, "status": "pass", "findings": [], "newTests": []}]
        }


def test_a_worktree_that_is_shared_is_made_once_before_its_tasks_start(place: Place) -> None:
    """Two tasks that both made it met in git's index; one could reset what the other had done."""
    plan = a_plan(planned("x"), planned("y", 2, ("x",)), planned("z", 2, ("x",)))
    works = {"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n"), "2b-z": writes(z="z\n")}
    crew = ScenarioAgents(plans=[plan], works=works)
    place.changes = {"isolation": Isolation.LEVEL}
    ports = place.ports(crew, place.store())
    noted = Noted(ports.repository, crew.asked)
    assert asyncio.run(drive(evolve(ports, repository=noted))) is RunStatus.DONE
    before = noted.notes[: noted.notes.index("2a-y.implementer.1")]
    assert before.count("level-2") == 1


def test_a_level_whose_tasks_all_fail_leaves_the_branch_at_its_boundary(place: Place) -> None:
    """[RL-10] Siblings are awaited; nobody's half work is committed."""
    liar = Work(edit=writes(x="x\n").edit, files=())
    crew = ScenarioAgents(
        plans=[a_plan(planned("x"), planned("y"))], works={"1a-x": liar, "1b-y": liar}
    )
    assert place.drive(crew) is RunStatus.FAILED
    run = place.run
    assert [task.status for task in run.tasks] == [TaskStatus.FAILED] * 2
    assert run.published_commit == run.base_commit
    assert git(place.root, "rev-parse", "refs/heads/dispatch/r") == run.base_commit
