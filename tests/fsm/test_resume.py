"""A run killed at a save and started again ends as if it had never been killed."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from fakes.run_harness import Place, comparable, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes
from fakes.thoroughness import tried
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.state.enums import DeviationSeverity, RunStatus
from dispatch.state.errors import StorageError
from dispatch.state.jobs import Job, Result

PLAN = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)))
WORKS = {
    "1a-x": Work(edit=writes(x="x\n").edit, files=("x",), severities=(DeviationSeverity.MODERATE,)),
    "1b-y": writes(y="y\n"),
    "2a-z": writes(x="x and z\n", z="z\n"),
}


def players() -> ScenarioAgents:
    return ScenarioAgents(plans=[PLAN], works=WORKS)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run that was never killed."""
    place = Place(tmp_path_factory.mktemp("straight") / "repository")
    place.set_up()
    assert place.drive(players()) is RunStatus.DONE
    return place


def check(place: Place, straight: Place) -> None:
    """The end is the straight run's; no agent that had ended is paid for twice."""
    root = place.root
    assert git(root, "rev-parse", "dispatch/r") == git(straight.root, "rev-parse", "dispatch/r")
    mine = comparable(place.run)
    theirs = comparable(straight.run)
    here, there = str(root), str(straight.root)
    assert repr(mine).replace(here, there) == repr(theirs)
    run = place.run
    for attempts in (run.attempts, *(task.attempts for task in run.tasks)):
        ended = [attempt.id.rpartition(".")[0] for attempt in attempts if attempt.outcome == "ok"]
        assert len(ended) == len(set(ended))
    git(root, "fsck", "--strict", "--no-dangling")


def test_killed_before_each_save_in_turn_it_ends_the_same(tmp_path: Path, straight: Place) -> None:
    """[RS-12] [RS-13] Until a start lives to the end: then every save was tried."""
    for at in tried(range(1, 200)):  # a run of three tasks saves some forty times
        place = Place(tmp_path / str(at) / "repository")
        place.set_up()
        crew = players()
        if place.drive(crew, at) is not None:
            assert at > 30
            return
        assert (place.drive(crew), place.run.failure) == (RunStatus.DONE, None)
        check(place, straight)
    raise AssertionError("no start ever lived to the end")


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kills=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=4))
def test_killed_at_any_saves_it_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    straight: Place,
    kills: list[tuple[int, bool]],
) -> None:
    """[RS-13] Several kills in one run, each before or after any of its saves."""
    place = Place(tmp_path_factory.mktemp("killed") / "repository")
    place.set_up()
    crew = players()
    for at, after in kills:
        if place.drive(crew, at, after=after) is not None:
            break
    assert place.drive(crew) is RunStatus.DONE
    check(place, straight)


@define(kw_only=True)
class FullDisk(ScenarioAgents):
    """Agents of which one meets a full disk, once."""

    full: bool = True

    async def run(self, job: Job[Any]) -> Result[Any]:
        """Play on, or fail as the kernel does."""
        if self.full and job.attempt.id == "1b-y.implementer.1":
            self.full = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")
        return await super().run(job)


def test_a_full_disk_stops_a_run_that_can_go_on_when_there_is_space(
    tmp_path: Path, straight: Place
) -> None:
    """It is no failure of the run, which would be final, and nothing is paid for twice."""
    place = Place(tmp_path / "repository")
    place.set_up()
    crew = FullDisk(plans=[PLAN], works=WORKS)
    with pytest.raises(StorageError) as refusal:
        place.drive(crew)
    assert refusal.value.message.startswith("Cannot use somewhere: No space left on device (")
    assert refusal.value.hint == "Free some space, then run the same command again."
    assert (place.run.status, place.run.failure) == (RunStatus.EXECUTING, None)
    assert place.drive(crew) is RunStatus.DONE
    check(place, straight)


def test_a_finished_run_does_nothing_when_it_is_started_again(
    straight: Place,
) -> None:
    """[RS-01] Not a byte moves."""
    place = straight
    before = (place.folder / "run-state.yaml").read_bytes()
    crew = players()
    assert place.drive(crew) is RunStatus.DONE
    assert crew.asked == []
    assert (place.folder / "run-state.yaml").read_bytes() == before
