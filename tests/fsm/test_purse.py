"""Purses of attempts at work side by side: nobody passes a cap, and nothing is forgotten."""

import asyncio
from pathlib import Path

import pytest
from attrs import evolve, frozen
from fakes.memory_store import MemoryStore
from fakes.run_harness import Place
from fakes.scenario_agents import ScenarioAgents
from fakes.small_records import a_run
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.fsm.fold import close_open
from dispatch.fsm.ports import Ports
from dispatch.fsm.purse import AttemptPurse
from dispatch.policy.ledger import account, attempts_of
from dispatch.policy.usage import add
from dispatch.state.config import Caps
from dispatch.state.enums import AttemptOutcome, Role
from dispatch.state.jobs import Result
from dispatch.state.records import Run
from dispatch.state.work import Attempt, Usage

NOW = "2026-01-02T03:04:05.678Z"


@frozen
class Ask:
    """A request: its worst in cents, what it costs of that, whether that is told, how long."""

    worst: int
    share: float
    told: bool
    steps: int

    @property
    def cost(self) -> int:
        """What it really costs, in cents."""
        return int(self.worst * self.share)


ASKS = st.builds(Ask, st.integers(1, 40), st.floats(0, 1), st.booleans(), st.integers(0, 3))


def ports_over(store: MemoryStore) -> Ports:
    return Place(Path("/nowhere")).ports(ScenarioAgents(plans=[], works={}), store)


def a_document(attempts: int, caps: Caps) -> Run:
    opened = tuple(
        Attempt(id=str(each), role=Role.CRITIC, executor="e", model="m", started_at=NOW)
        for each in range(attempts)
    )
    return evolve(a_run(), attempts=opened, run_limits=caps)


def in_cents(cents: float) -> Usage:
    return Usage(turns=1, input_tokens=int(cents), cost_usd=cents / 100)


def held(run: Run) -> float:
    """All that a document takes to be spent, in cents."""
    found = account(attempts_of(run))
    return 100 * (add(found.used, found.reserved).cost_usd or 0.0)


@settings(max_examples=60, deadline=None)
@given(agents=st.lists(st.lists(ASKS, max_size=6), min_size=1, max_size=5), cap=st.integers(1, 200))
def test_the_account_is_never_above_the_cap_nor_below_what_was_spent(
    agents: list[list[Ask]], cap: int
) -> None:
    """Whoever asks when: every saved document holds what a kill right then would leave to pay."""
    spent = 0

    def look(run: Run) -> None:
        assert spent - 1e-6 <= held(run) <= cap + 1e-6
        killed = close_open(run, None, AttemptOutcome.CRASHED, "It was cut off.", NOW)
        assert held(killed) == pytest.approx(held(run))

    store = MemoryStore(a_document(len(agents), Caps(usd=cap / 100)), look)
    ports = ports_over(store)

    async def work(number: int, asks: list[Ask]) -> None:
        nonlocal spent
        purse = AttemptPurse(ports, None, str(number))
        usage, lost = Usage(), Usage()
        for ask in asks:
            refused = await purse.reserve(in_cents(ask.worst))
            if refused is not None:
                # Nobody is turned away while what is left would be enough.
                assert held(store.run) + ask.worst > cap
                return
            spent += ask.cost
            for _ in range(ask.steps):
                await asyncio.sleep(0)
            if ask.told:
                usage = add(usage, in_cents(ask.cost))
            else:
                lost = add(lost, in_cents(ask.worst))
            purse.settle(usage, lost if lost != Usage() else None, 0.0)

    async def everybody() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for number, asks in enumerate(agents):
                group.create_task(work(number, asks))

    asyncio.run(everybody())
    look(store.run)


async def test_who_finds_the_rest_in_a_siblings_hand_waits_until_it_comes_back() -> None:
    """One attempt holds its next turn and no more, so the others share what is left."""
    store = MemoryStore(a_document(2, Caps(usd=1.0)))
    ports = ports_over(store)
    first, second = (AttemptPurse(ports, None, each) for each in "01")
    assert await first.reserve(in_cents(80)) is None
    waiting = asyncio.ensure_future(second.reserve(in_cents(80)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    first.settle(in_cents(10), None, 1.0)
    async with asyncio.timeout(5):
        assert await waiting is None
    assert [each.unsettled for each in store.run.attempts] == [None, in_cents(80)]


async def test_an_attempt_that_was_turned_away_tells_whose_cap_it_was() -> None:
    store = MemoryStore(a_document(1, Caps(turns=1)))
    purse = AttemptPurse(ports_over(store), None, "0")
    assert await purse.reserve(in_cents(5)) is None
    purse.settle(in_cents(5), None, 1.0)
    refused = await purse.reserve(in_cents(5))
    assert refused is not None
    assert (refused.cap, refused.reason) == ("runLimits.turns", "1 of 1 turns are used.")
    result: Result[str] = Result(
        outcome=AttemptOutcome.TURN_LIMIT, value=None, message="", usage=in_cents(5)
    )
    assert purse.refusal_of(result) == refused
    assert purse.refusal_of(evolve(result, value="done")) is None


def test_the_time_of_a_run_is_its_own_and_that_of_a_task_its_agents() -> None:
    store = MemoryStore(a_document(1, Caps(wall_seconds=100.0)))
    ports = evolve(ports_over(store), worked=lambda: 70.0)
    purse = AttemptPurse(ports, None, "0")
    assert purse.seconds_left(5.0) == 30.0
    late = AttemptPurse(evolve(ports, worked=lambda: 100.0), None, "0")
    result: Result[str] = Result(
        outcome=AttemptOutcome.TIME_LIMIT, value=None, message="", usage=Usage()
    )
    assert purse.refusal_of(result) is None
    refused = late.refusal_of(result)
    assert refused is not None
    assert refused.cap == "runLimits.wallSeconds"


async def test_what_a_program_reports_while_it_works_is_recorded_and_may_end_it() -> None:
    """It holds what it reserved until it is over; the cap is looked at with what it has used."""
    store = MemoryStore(a_document(1, Caps(usd=1.0)), lambda run: None)
    purse = AttemptPurse(ports_over(store), None, "0")
    purse.began("the-session")
    assert await purse.reserve(in_cents(80)) is None
    assert purse.report(in_cents(30), in_cents(50), 1.5) is None
    (attempt,) = store.run.attempts
    assert (attempt.session_id, attempt.usage, attempt.unsettled, attempt.active_seconds) == (
        "the-session",
        in_cents(30),
        in_cents(50),
        1.5,
    )
    assert held(store.run) == pytest.approx(80)
    ended: Result[None] = Result(
        outcome=AttemptOutcome.MONEY_LIMIT, value=None, message="", usage=Usage()
    )
    refused = purse.report(in_cents(100), in_cents(0), 2.0)
    assert refused is not None
    assert (refused.cap, refused.of_run) == ("runLimits.usd", True)
    assert purse.refusal_of(ended) == refused
