"""A level of which nothing is left: what follows its tasks is done, also after a kill."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import define
from fakes.run_harness import Killed, Place
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.fsm.engine import drive
from dispatch.fsm.retrying import retried
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AttemptOutcome, HubStrategy, RunStatus, TaskStatus
from dispatch.state.hubs import HubFile
from dispatch.state.records import Run

PLAN = a_plan(planned("x"), planned("y", 2, ("x",)))
WORKS = {"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")}
BROKEN = {"1a-x.implementer.1": AttemptOutcome.TURN_LIMIT}


@define
class Mortal:
    """Dies before the first save that is as described."""

    inner: DocumentStore
    dies_at: Callable[[Run], bool]
    dead: bool = False

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, or die."""
        self.dead = self.dead or self.dies_at(change(self.inner.run))
        if self.dead:
            raise Killed
        return self.inner.update(change)


def crew() -> ScenarioAgents:
    """The only task that can start comes to nothing, once."""
    return ScenarioAgents(plans=[PLAN], works=WORKS, broken=BROKEN)


@pytest.mark.parametrize(
    "dies_at",
    [
        lambda run: run.published_commit is not None,
        lambda run: "2" in run.level_boundaries,
        lambda run: bool(run.tasks) and run.tasks[-1].status is TaskStatus.FAILED,
    ],
    ids=["published and not recorded", "before its boundary", "before its dependents fail"],
)
def test_killed_behind_its_last_task_it_fails_as_it_would_have_and_can_be_retried(
    tmp_path: Path, dies_at: Callable[[Run], bool]
) -> None:
    """[RS-12] The branch stood there and no document said so: nobody could go on from that."""
    ends = []
    for name in ("straight", "killed"):
        place = Place(tmp_path / name)
        place.set_up()
        if name == "killed":
            store = Mortal(place.store(), dies_at)
            with pytest.raises((Killed, BaseExceptionGroup)):
                asyncio.run(drive(place.ports(crew(), store)))
            assert store.dead
        assert place.drive(crew()) is RunStatus.FAILED
        run = place.run
        ends.append(
            (run.level_boundaries, run.published_commit, [each.status for each in run.tasks])
        )
        place.store().update(lambda run: retried(run, "2026-01-01T00:00:00.000Z"))
        assert (place.drive(crew()), place.run.failure) == (RunStatus.DONE, None)
    assert ends[0] == ends[1]


def test_a_task_that_only_waited_for_a_file_is_carried_out_when_all_before_it_failed(
    tmp_path: Path,
) -> None:
    """It does not depend on them; the boundary that it starts from was not recorded yet."""
    text = planned("x").plan_markdown + "\n\n## Files to Modify\n\n- `list.txt`\n"
    tasks = [planned(name, plan_markdown=text) for name in "xy"]
    works = {"1a-x": writes(list__txt="x\n"), "1b-y": writes(list__txt="y\n")}
    players = ScenarioAgents(plans=[a_plan(*tasks)], works=works, broken=BROKEN)
    place = Place(tmp_path / "repository")
    place.changes = {"hub_files": (HubFile(glob="list.txt", strategy=HubStrategy.SERIALISE),)}
    place.set_up()
    assert place.drive(players) is RunStatus.FAILED
    assert [(each.level, each.status) for each in place.run.tasks] == [
        (1, TaskStatus.FAILED),
        (2, TaskStatus.COMPLETED),
    ]
