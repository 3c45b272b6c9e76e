"""The forecast of a plan: schedule, critical path, overlaps and cost, from the past or priors."""

from attrs import evolve
from fakes.policy_records import a_run, a_task
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.fsm.forecast_words import forecast_words
from dispatch.policy.estimates import ENOUGH, PRIORS, Estimate, Range, estimates
from dispatch.policy.forecast import Forecast, Overlap, forecast
from dispatch.policy.past import spent
from dispatch.state.config import RaceConfig
from dispatch.state.enums import AgentType, AttemptOutcome, HubStrategy, Role, RunStatus, TaskStatus
from dispatch.state.hubs import HubFile
from dispatch.state.races import Race
from dispatch.state.records import Run
from dispatch.state.routes import Spent
from dispatch.state.work import Attempt, CommandResult, Usage

NOW = "2026-01-01T00:00:00.000Z"
MODELS = dict.fromkeys(Role, "m")


def same(seconds: float, usd: float | None = 1.0) -> Estimate:
    """The same at all times."""
    cost = None if usd is None else Range(usd, usd, usd)
    return Estimate(seconds=Range(seconds, seconds, seconds), usd=cost, pieces=0)


ESTIMATES = {
    **dict.fromkeys(Role, same(0.0, 0.0)),
    Role.IMPLEMENTER: same(100.0),
    Role.CRITIC: same(10.0),
    Role.GATE_CRITIC: same(1.0),
}


def plan_of(path: str) -> str:
    return f"# Objective\n\nx\n\n## Files to Modify\n\n- `{path}`\n"


def test_the_schedule_is_the_one_that_a_run_follows() -> None:
    """Level by level, as many at once as allowed; the gate is known from the baseline."""
    run = a_run(
        a_task("1a-x", plan=plan_of("src/a.py")),
        a_task("1b-y", plan=plan_of("src/a.py")),
        a_task("1c-z", plan=plan_of("log.md"), agent_type=AgentType.INTERN, critique=False),
        a_task("1d-w", plan=plan_of("log.md")),
        a_task("2a-v", plan=plan_of("src/a.py"), depends_on=("1b-y",)),
    )
    gate = CommandResult(
        command="make", exit_code=0, duration_seconds=5.0, output_path="x", output_bytes=1
    )
    run = evolve(
        run,
        baseline_commands=(gate,),
        hub_files=(HubFile(glob="log.md", strategy=HubStrategy.UNION),),
    )
    # Level 1: two rounds of 105 for four tasks, two of 10 for three critics, one for the gate
    # critic.  Level 2: 105, 10 and 1.  Then the build gate.
    assert forecast(run, ESTIMATES, 2) == Forecast(
        tasks=5,
        levels=2,
        max_parallel=2,
        widest=4,
        seconds=Range(352.0, 352.0, 352.0),
        one_by_one=4 * 105 + 30 + 1 + 116 + 5,
        critical=("1b-y", "2a-v"),
        critical_seconds=2 * 116 + 5,
        overlaps=(
            Overlap(level=1, path="log.md", task_ids=("1c-z", "1d-w"), settled=True),
            Overlap(level=1, path="src/a.py", task_ids=("1a-x", "1b-y"), settled=False),
        ),
        usd=Range(11.0, 11.0, 11.0),
        unpriced=(),
        from_past=(),
        cap_left=None,
        gate_seconds=5.0,
    )


def test_only_what_is_left_is_forecast_and_no_price_is_no_sum() -> None:
    run = a_run(a_task("1a-x", status=TaskStatus.COMPLETED), a_task("2a-y", depends_on=("1a-x",)))
    found = forecast(run, {**ESTIMATES, Role.CRITIC: same(10.0, None)}, 8)
    assert (found.tasks, found.critical, found.usd, found.unpriced) == (
        1,
        ("2a-y",),
        None,
        (Role.CRITIC,),
    )
    nothing = forecast(a_run(), ESTIMATES, 8)
    assert (nothing.seconds, nothing.speed_up, nothing.best_speed_up) == (Range(0, 0, 0), 1.0, 1.0)


@settings(max_examples=40)
@given(
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    at_once=st.integers(1, 6),
    seconds=st.tuples(*[st.floats(0, 1000) for _ in range(4)]),
)
def test_no_number_of_agents_is_faster_than_the_critical_path_or_slower_than_one(
    widths: list[int], at_once: int, seconds: tuple[float, float, float, float]
) -> None:
    tasks = [
        a_task(
            f"{level}{'abcd'[number]}-x",
            depends_on=() if level == 1 else (f"{level - 1}a-x",),
        )
        for level, width in enumerate(widths, 1)
        for number in range(width)
    ]
    roles = (Role.IMPLEMENTER, Role.CRITIC, Role.GATE_CRITIC, Role.FIX_AGENT)
    one = {**ESTIMATES, **dict(zip(roles, map(same, seconds), strict=True))}
    found = forecast(a_run(*tasks), one, at_once)
    slack = 1e-6
    assert found.critical_seconds <= found.seconds.middle + slack
    assert found.seconds.middle <= found.one_by_one + slack
    assert len(found.critical) == len(widths)
    more = forecast(a_run(*tasks), one, at_once + 1)
    assert more.seconds.middle <= found.seconds.middle + slack


def an_attempt(
    name: str, role: Role, seconds: float, usd: float | None, model: str = "m"
) -> Attempt:
    return Attempt(
        id=name,
        role=role,
        executor="litellm",
        model=model,
        started_at=NOW,
        ended_at=NOW,
        outcome=AttemptOutcome.OK,
        usage=Usage(turns=1, cost_usd=usd),
        active_seconds=seconds,
    )


def a_past_run() -> Run:
    task = evolve(
        a_task("1a-x", status=TaskStatus.COMPLETED),
        attempts=(
            an_attempt("1a-x.implementer.1", Role.IMPLEMENTER, 10.0, 0.5),
            an_attempt("1a-x.implementer.2", Role.IMPLEMENTER, 5.0, 0.25),
            an_attempt("1a-x.critic.1", Role.CRITIC, 2.0, None),
        ),
    )
    return evolve(
        a_run(task, a_task("1b-y")),
        status=RunStatus.DONE,
        attempts=(
            an_attempt("plan.planner.1", Role.PLANNER, 7.0, 1.0),
            an_attempt("level-1.gateCritic.1", Role.GATE_CRITIC, 3.0, 0.125),
            an_attempt("level-1.gateCritic.2", Role.GATE_CRITIC, 3.0, 0.125),
        ),
    )


def test_the_past_counts_by_piece_of_work_with_all_that_was_tried_again() -> None:
    assert spent(a_past_run()) == (
        Spent(role=Role.IMPLEMENTER, seconds=15.0, cost_usd=0.75, models=("m",)),
        Spent(role=Role.CRITIC, seconds=2.0, cost_usd=None, models=("m",)),
        Spent(role=Role.GREYBEARD, seconds=0, cost_usd=0.0, models=()),
        Spent(role=Role.FIX_AGENT, seconds=0, cost_usd=0.0, models=()),
        Spent(role=Role.GATE_CRITIC, seconds=6.0, cost_usd=0.25, models=("m",)),
        Spent(role=Role.PLANNER, seconds=7.0, cost_usd=1.0, models=("m",)),
        Spent(role=Role.ATTRIBUTION, seconds=0, cost_usd=0.0, models=()),
    )


def test_each_entrant_in_a_race_is_a_piece_of_work() -> None:
    run = a_past_run()
    (task, *others) = run.tasks
    attempts = (
        an_attempt("1a-x.r1.implementer.1", Role.IMPLEMENTER, 10.0, 0.5),
        an_attempt("1a-x.r2.implementer.1", Role.IMPLEMENTER, 20.0, 0.25),
        an_attempt("1a-x.r1.implementer.2", Role.IMPLEMENTER, 1.0, 0.5),
    )
    raced = evolve(task, attempts=attempts, raced=Race(entrants=()))
    found = spent(evolve(run, tasks=(raced, *others)))
    assert [each.seconds for each in found if each.role is Role.IMPLEMENTER] == [11.0, 20.0]


def test_a_race_is_forecast_with_all_its_entrants_and_a_review_of_each() -> None:
    """Two agents at once: three implementers take two rounds, four reviews two."""
    run = a_run(a_task("1a-x", plan=plan_of("a")))
    alone = forecast(run, ESTIMATES, 2)
    raced = forecast(run, ESTIMATES, 2, race=RaceConfig(n=3))
    assert alone.usd is not None
    assert raced.usd is not None
    # The implementers' and critics' pieces cost a dollar each.
    assert raced.usd.middle - alone.usd.middle == 2 + 3
    assert raced.seconds.middle - alone.seconds.middle == 100.0 + 10.0


def test_what_a_script_played_is_no_past_and_an_untold_turn_has_no_cost() -> None:
    run = a_past_run()
    (planner, *gates) = run.attempts
    assert spent(evolve(run, attempts=(evolve(planner, executor="scripted"), *gates))) == ()
    unsure = evolve(planner, unsettled=Usage(turns=1, cost_usd=1.0))
    costs = {each.role: each.cost_usd for each in spent(evolve(run, attempts=(unsure, *gates)))}
    assert (costs[Role.PLANNER], costs[Role.GATE_CRITIC]) == (None, 0.25)


def test_estimates_come_from_the_past_with_the_same_model_and_else_from_priors() -> None:
    past = [
        Spent(role=Role.IMPLEMENTER, seconds=float(each), cost_usd=each / 10, models=("m",))
        for each in range(1, 11)
    ]
    found = estimates(
        (
            *past,
            *(evolve(each, role=Role.CRITIC) for each in past[: ENOUGH - 1]),
            *(evolve(each, role=Role.PLANNER, models=("other",)) for each in past),
        ),
        MODELS,
        lambda _, usage: usage.input_tokens / 1e6,
    )
    assert found[Role.IMPLEMENTER] == Estimate(
        seconds=Range(3.0, 5.0, 9.0), usd=Range(0.3, 0.5, 0.9), pieces=10
    )
    for role in (Role.CRITIC, Role.PLANNER):
        assert found[role] == Estimate(
            seconds=Range(*PRIORS[role].seconds),
            usd=Range(*(1000 * read / 1e6 for read in PRIORS[role].read)),
            pieces=0,
        )
    unpriced = estimates((), MODELS, lambda _, usage: None)
    assert unpriced[Role.CRITIC].usd is None


def test_a_cap_that_may_not_be_enough_is_told_before_it_is_reached() -> None:
    run = evolve(a_run(a_task("1a-x")), attempts=a_past_run().attempts)  # these cost 1.25
    costs = {**ESTIMATES, Role.IMPLEMENTER: evolve(same(1.0), usd=Range(1.0, 2.0, 4.0))}
    for cap, told in ((9.0, ""), (6.0, "may"), (3.0, "will probably")):
        found = forecast(run, costs, 8, cap)
        assert found.cap_left == cap - 1.25
        cost = next(each for each in forecast_words(found) if "  cost  " in each)
        rest = f"; the ${cap - 1.25:.2f} that runLimits.usd leaves {told} not be enough"
        assert cost == f"  cost      about $4.00, $3.00 to $6.00{rest if told else ''}"
