"""How the events of a process begin and end, and what saves bring."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.legal_events import legal_events
from fakes.run_harness import Killed, Place
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.fsm.engine import drive
from dispatch.fsm.lifecycle import RunEvent
from dispatch.fsm.telling import how_it_ended, telling
from dispatch.state.enums import AgentType, RunOutcome
from dispatch.state.errors import (
    BudgetSpent,
    ExitCode,
    GitError,
    Interrupted,
    ProviderStopped,
    StorageError,
    WaitingForOperator,
)
from dispatch.state.event_types import EVENT_TYPES
from dispatch.state.journal import EventJournal

NOW = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def worked_on(place: Place, agents: Any, *, resumed: bool) -> str:
    """One process works on the run; what it echoed."""
    echo = io.StringIO()
    ports = place.ports(agents, place.store())
    journal = EventJournal(place.folder, stream=io.StringIO(), now=lambda: NOW, echo=echo)
    ports = evolve(ports, journal=journal)

    async def carried() -> None:
        with telling(ports, resumed=resumed):
            if ports.store.run.status != "done":
                await drive(ports)

    try:
        asyncio.run(carried())
    finally:
        journal.close()
    return echo.getvalue()


def agents() -> ScenarioAgents:
    return ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": writes(x="x\n")})


def test_a_straight_run_tells_all_of_it_and_ends_with_what_it_cost(place: Place) -> None:
    echoed = worked_on(place, agents(), resumed=False)
    events = legal_events(place.folder)
    assert echoed == (place.folder / "events.jsonl").read_text()
    run = place.run
    told = [event["type"] for event in events if not event["type"].startswith("command.")]
    assert told == [
        "run.started",
        "attempt.started",
        "attempt.ended",
        "run.plan_submitted",
        "run.plan_accepted",
        "level.started",
        "task.started",
        "attempt.started",
        "attempt.ended",
        "task.submitted",
        "task.committed",
        "attempt.started",
        "attempt.ended",
        "task.critiqued",
        "attempt.started",
        "attempt.ended",
        "level.judged",
        "branch.published",
        "task.completed",
        "run.levels_passed",
        "verification.compared",
        "run.verified",
        "run.consolidated",
        "run.completed",
    ]
    turns = sum(each.usage.turns for each in (*run.attempts, *run.tasks[0].attempts))
    last = events[-1]
    assert last == {
        "v": 1,
        "seq": len(events),
        "ts": NOW,
        "type": "run.completed",
        "run": "r",
        "outcome": "done",
        "exitCode": 0,
        "status": "done",
        "reason": "",
        "turns": turns,
        "inputTokens": last["inputTokens"],
        "outputTokens": last["outputTokens"],
        "costUSD": last["costUSD"],
        "seconds": 0.0,
        "branch": "dispatch/r",
        "commit": run.published_commit,
        "report": str(place.folder / "report.md"),
    }


def test_a_run_that_is_over_tells_its_end_once_more_and_writes_nothing(place: Place) -> None:
    worked_on(place, agents(), resumed=False)
    whole = (place.folder / "events.jsonl").read_bytes()
    echoed = worked_on(place, agents(), resumed=True)
    assert (place.folder / "events.jsonl").read_bytes() == whole
    assert echoed == whole.decode().splitlines(keepends=True)[-1]


@pytest.mark.parametrize("torn", [b"", b'{"v":1,"seq":', b"\0\0\0"])
def test_after_a_kill_numbers_go_on_and_an_end_that_was_not_told_is(
    place: Place, torn: bytes
) -> None:
    worked_on(place, agents(), resumed=False)
    path = place.folder / "events.jsonl"
    *kept, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept) + torn)
    worked_on(place, agents(), resumed=True)
    events = legal_events(place.folder)
    assert [event["type"] for event in events].count("run.completed") == 1
    assert (len(events), events[-1]["outcome"]) == (len(kept) + 1, "done")


class Stopped:
    """Agents of whom the first job ends the process's work."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def executor_and_model(
        self, job_type: object, others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        return "played", "none"

    async def run(self, job: object) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (ProviderStopped("nobody answers"), "paused", 1),
        (BudgetSpent("spent"), "budget", 4),
        (WaitingForOperator("asked"), "waiting", 3),
        (StorageError("full"), "storage", 6),
    ],
)
def test_what_only_holds_a_run_up_is_its_outcome(
    place: Place, error: BaseException, outcome: str, code: int
) -> None:
    with pytest.raises(type(error)):
        worked_on(place, Stopped(error), resumed=False)
    last = legal_events(place.folder)[-1]
    assert (last["type"], last["outcome"], last["exitCode"], last["status"]) == (
        "run.completed",
        outcome,
        code,
        "planning",
    )


def test_what_failed_says_why(place: Place) -> None:
    worked_on(place, Stopped(GitError("no such object")), resumed=False)
    last = legal_events(place.folder)[-1]
    assert (last["outcome"], last["exitCode"], last["reason"]) == ("failed", 1, "no such object")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncio.CancelledError(), (RunOutcome.INTERRUPTED, ExitCode.INTERRUPTED, "")),
        (Interrupted("stopped"), (RunOutcome.INTERRUPTED, ExitCode.INTERRUPTED, "")),
        (ValueError("odd"), (RunOutcome.FAILED, ExitCode.FAILED, "ValueError: odd")),
        (Killed(), (RunOutcome.FAILED, ExitCode.FAILED, "Killed: ")),
    ],
)
def test_any_error_has_an_outcome(
    error: BaseException, told: tuple[RunOutcome, ExitCode, str]
) -> None:
    assert how_it_ended(error) == told


def test_every_row_of_the_lifecycle_is_an_event() -> None:
    moves = {name for name, row in EVENT_TYPES.items() if "target" in row.fields}
    assert moves == {f"run.{event}" for event in RunEvent}
