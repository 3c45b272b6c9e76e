"""The wall clock is only written down: set by a day, forward or back, it changes nothing."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import define, evolve
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.fsm.ports import Agents, Ports, Store
from dispatch.state.enums import RunStatus

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@define
class JumpingClock:
    """Somebody sets it by these days at each reading, over and over."""

    days: "itertools.cycle[int]"
    now_is: datetime = BEGIN

    def now(self) -> str:
        """The time as it is at the moment."""
        self.now_is += timedelta(days=next(self.days), seconds=1)
        return self.now_is.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def commit_time(self) -> int:
        """The same for commits."""
        self.now()
        return int(self.now_is.timestamp())


@define
class JumpingPlace(Place):
    """A repository on a machine with such a clock."""

    days: tuple[int, ...] = (0,)

    def ports(self, agents: Agents, store: Store) -> Ports:
        """With its clock."""
        clock = JumpingClock(itertools.cycle(self.days))
        return evolve(Place.ports(self, agents, store), clock=clock)


@pytest.mark.parametrize("days", [(1,), (-1,), (1, -1), (-1, 1, -2, 0, 2)])
def test_a_run_ends_the_same_however_the_clock_is_set(
    tmp_path: Path, days: tuple[int, ...]
) -> None:
    """Commits may be older than their parents; a run that is killed goes on under another time."""
    place = JumpingPlace(tmp_path / "repository", days=days)
    place.set_up()
    plan = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)))
    works = {name: writes(**{name[-1]: "new\n"}) for name in ("1a-x", "1b-y", "2a-z")}
    crew = ScenarioAgents(plans=[plan], works=works)
    for at in (9, 15):
        place.drive(crew, at)
    assert place.drive(crew) is RunStatus.DONE
    assert place.files("dispatch/r") == ["a.txt", "x", "y", "z"]
    subjects = git(place.root, "log", "--format=%s", "--first-parent", "dispatch/r", "--").split(
        "\n"
    )
    assert len(subjects) == 4
    assert "Duration: " in (place.folder / "report.md").read_text(encoding="utf-8")
