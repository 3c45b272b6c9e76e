"""What an agent had done when it ended without an answer is kept, and nobody else's."""

from pathlib import Path
from typing import Any

import pytest
from attrs import define
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.state.enums import AttemptOutcome, RunStatus, TaskStatus
from dispatch.state.errors import ProviderStopped
from dispatch.state.jobs import ImplementJob, Job, Result


@define(kw_only=True)
class Untidy(ScenarioAgents):
    """Agents that write a file before they end badly."""

    async def run(self, job: Job[Any]) -> Result[Any]:
        """Leave something behind."""
        if isinstance(job, ImplementJob) and job.attempt.id in self.broken:
            (job.root / "half").write_text("done", encoding="utf-8")
        return await super().run(job)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def agents(outcome: AttemptOutcome) -> Untidy:
    """One task, whose first implementer ends in that way."""
    broken = {"1a-x.implementer.1": outcome}
    return Untidy(plans=[a_plan(planned("x"))], works={"1a-x": writes(x="x")}, broken=broken)


def test_a_fresh_agent_begins_in_a_clean_tree_and_what_was_there_is_kept(place: Place) -> None:
    players = agents(AttemptOutcome.NO_OUTPUT)
    assert (place.drive(players), players.refused) == (RunStatus.DONE, {})
    assert place.files("dispatch/r") == ["a.txt", "x"]
    kept = "refs/dispatch/rescue/1a-x/1"
    assert git(place.folder / "git", "ls-tree", "--name-only", kept).split() == ["a.txt", "half"]


def test_a_task_whose_provider_failed_keeps_its_unfinished_work(place: Place) -> None:
    """It lies where it was, for the agent goes on; of one who cannot it is kept under a ref."""
    players = agents(AttemptOutcome.PROVIDER_QUOTA)
    with pytest.raises(ProviderStopped):
        place.drive(players)
    (task,) = place.run.tasks
    assert (task.status, task.failure) == (TaskStatus.RUNNING, None)
    assert (place.folder / "worktrees" / "1a-x" / "half").read_text(encoding="utf-8") == "done"
    assert place.drive(players) is RunStatus.DONE
    assert place.files("dispatch/r") == ["a.txt", "x"]
    kept = "refs/dispatch/rescue/1a-x/1"
    assert git(place.folder / "git", "ls-tree", "--name-only", kept).split() == ["a.txt", "half"]
