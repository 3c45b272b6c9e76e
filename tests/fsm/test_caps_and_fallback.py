"""Caps and faults as the lifecycle meets them: what pauses, what fails, and how it goes on."""

from pathlib import Path
from typing import Any, TypeVar

import pytest
from attrs import define, evolve
from fakes.memory_store import MemoryStore
from fakes.run_harness import Place
from fakes.scenario_agents import USED, ScenarioAgents, a_plan, planned, writes
from fakes.small_records import a_run

from dispatch.fsm.fold import close_open
from dispatch.fsm.timing import TimedStore
from dispatch.policy.ledger import account, attempts_of
from dispatch.state.config import Caps, Fallback
from dispatch.state.enums import AttemptOutcome, FailureKind, Role, RunStatus, TaskStatus
from dispatch.state.errors import BudgetSpent, ProviderStopped
from dispatch.state.jobs import Job, Result
from dispatch.state.records import Run
from dispatch.state.work import Attempt, Usage

A = TypeVar("A")
NOW = "2026-01-02T03:04:05.678Z"
PLAN = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)))
WORKS = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n"), "2a-z": writes(z="z\n")}


@define(kw_only=True)
class Paying(ScenarioAgents):
    """Agents that ask their purse for the one turn that each of them takes."""

    async def run(self, job: Job[A]) -> Result[A]:
        """Pay, then do what the scenario says."""
        refused = await job.purse.reserve(USED)
        if refused is not None:
            return Result(
                outcome=refused.outcome, value=None, message=refused.reason, usage=Usage()
            )
        result = await super().run(job)
        job.purse.settle(result.usage, None, 1.0)
        return result


def crew(**changes: Any) -> Paying:
    return Paying(plans=[PLAN], works=WORKS, **changes)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def cap(place: Place, run_limits: Caps, task_limits: Caps | None = None) -> None:
    """Set the caps, as a start with another configuration does."""
    of_task = task_limits or Caps()
    place.store().update(lambda run: evolve(run, run_limits=run_limits, task_limits=of_task))


@pytest.mark.parametrize("turns", range(1, 9))
def test_wherever_the_cap_of_the_run_is_reached_it_goes_on_and_asks_nobody_twice(
    place: Place, turns: int
) -> None:
    """Each agent takes one turn, so the cap is reached before each of them in turn."""
    players = crew()
    cap(place, Caps(turns=turns))
    with pytest.raises(BudgetSpent) as caught:
        place.drive(players)
    run = place.run
    assert caught.value.exit_code == 4
    assert (run.failure, run.paused) == (None, caught.value.message)
    assert [task.failure for task in run.tasks if task.failure] == []
    assert account(attempts_of(run)).used.turns == turns
    cap(place, Caps(turns=100))
    assert place.drive(players) is RunStatus.DONE
    jobs = [each.rpartition(".")[0] for each in players.asked]
    assert len(jobs) == len(set(jobs))


def test_a_task_that_reached_its_cap_fails_with_its_reason_and_its_sibling_does_not(
    place: Place,
) -> None:
    cap(place, Caps(), Caps(turns=1))
    players = crew(broken={"1a-x.implementer.1": AttemptOutcome.NO_OUTPUT})
    assert place.drive(players) is RunStatus.FAILED
    first, second, third = place.run.tasks
    assert first.failure is not None
    assert (first.failure.kind, first.failure.message) == (
        FailureKind.BUDGET,
        "It has reached its cap taskLimits.turns: 1 of 1 turns are used.",
    )
    assert third.failure is not None
    assert third.failure.kind is FailureKind.DEPENDENCY_FAILED
    assert second.commit_sha is not None
    # Its review is over the cap as well: that stops the run, for its commit is there to stay.
    failure = place.run.failure
    assert failure is not None
    assert (failure.kind, failure.task_id) == (FailureKind.BUDGET, "1b-y")


def test_models_of_the_fallback_are_tried_in_their_order_and_then_the_run_pauses(
    place: Place,
) -> None:
    place.config_changes = {"fallback": Fallback(implementer=("second", "third"))}
    failing = {f"1a-x.implementer.{n}": AttemptOutcome.PROVIDER_REFUSED for n in (1, 2, 3)}
    players = crew(broken=failing)
    with pytest.raises(ProviderStopped) as caught:
        place.drive(players)
    assert caught.value.exit_code == 1
    task = place.run.tasks[0]
    assert (task.status, task.failure) == (TaskStatus.RUNNING, None)
    assert [each.model for each in task.attempts] == ["none", "other-1", "other-2"]
    players.broken = {}
    assert place.drive(players) is RunStatus.DONE
    assert [each.model for each in place.run.tasks[0].attempts][3:] == ["none", "none"]


def test_time_since_the_last_request_counts_when_the_run_pauses(place: Place) -> None:
    class Working(Paying):
        async def run(self, job: Job[A]) -> Result[A]:
            return evolve(await super().run(job), active_seconds=5.0)

    ending = {"1a-x.implementer.1": AttemptOutcome.PROVIDER_REFUSED}
    players = Working(plans=[PLAN], works=WORKS, broken=ending)
    with pytest.raises(ProviderStopped):
        place.drive(players)
    (attempt,) = place.run.tasks[0].attempts
    assert (attempt.outcome, attempt.active_seconds) == (None, 5.0)


def test_a_fresh_agent_comes_before_another_model_for_one_that_gave_no_answer(
    place: Place,
) -> None:
    place.config_changes = {"fallback": Fallback(implementer=("second",))}
    failing = {f"1a-x.implementer.{n}": AttemptOutcome.NO_OUTPUT for n in (1, 2)}
    assert place.drive(crew(broken=failing)) is RunStatus.DONE
    models = [each.model for each in place.run.tasks[0].attempts if each.role is Role.IMPLEMENTER]
    assert models == ["none", "none", "other-1"]


def test_an_attempt_that_a_kill_cut_off_keeps_what_is_known_and_the_worst_of_the_rest() -> None:
    worst = Usage(turns=1, output_tokens=900, cost_usd=0.75)
    cut = Attempt(
        id="plan.planner.1",
        role=Role.PLANNER,
        executor="e",
        model="m",
        started_at=NOW,
        usage=USED,
        unsettled=worst,
        active_seconds=7.0,
    )
    message = "It was cut off."
    run = evolve(a_run(), attempts=(cut,))
    run = close_open(run, None, AttemptOutcome.CRASHED, message, NOW)
    ended = evolve(cut, outcome=AttemptOutcome.CRASHED, message=message, ended_at=NOW)
    assert (run.attempts, run.usage) == ((ended,), {"planner": USED})
    assert account(run.attempts).assumed == worst


def test_the_time_of_all_processes_of_a_run_adds_up() -> None:
    seconds = 100.0
    inner = MemoryStore(evolve(a_run(), active_seconds=30.0))
    store = TimedStore(inner, lambda: seconds)
    seconds = 105.5

    def paused(run: Run) -> Run:
        return evolve(run, paused="x")

    assert store.update(paused).active_seconds == store.run.active_seconds == 35.5
    seconds = 200.0
    assert store.update(lambda run: run).active_seconds == 35.5
    assert store.worked() == 130.0
