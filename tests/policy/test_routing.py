"""Who should do a kind of work: the labels, the margin, ties, costs and what is not known."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.policy.priors import Size, size_of
from dispatch.policy.routing import (
    ENOUGH,
    Advice,
    Option,
    advise,
    canonical,
    value_of,
)
from dispatch.state.config import Price
from dispatch.state.enums import AgentType, AttemptOutcome, Role, RouteLabel, TaskClass
from dispatch.state.routes import Experience, RouteCandidate, WorkKind

WORK = WorkKind(role=Role.IMPLEMENTER, agent_type=AgentType.GENERAL, task_class=TaskClass.FEATURE)
LIGHT = WorkKind(role=Role.IMPLEMENTER, agent_type=AgentType.INTERN, task_class=TaskClass.FEATURE)
DEAR, CHEAP = Price(input=10.0, output=50.0), Price(input=1.0, output=5.0)
OURS, THEIRS = Option(executor="litellm", model="a"), Option(executor="litellm", model="b")


def past(
    option: Option,
    number: int,
    *,
    accepted: bool = True,
    rounds: int = 0,
    usd: float | None = 1.0,
    work: WorkKind = WORK,
) -> list[Experience]:
    return [
        Experience(
            work=work,
            executor=option.executor,
            model=option.model,
            outcome=AttemptOutcome.OK,
            accepted=accepted,
            rounds=rounds,
            input_tokens=1000,
            output_tokens=100,
            cost_usd=usd,
            seconds=60.0,
            ended_at="2026-01-02T03:04:05.678Z",
        )
    ] * number


def test_an_advice_has_all_its_numbers_and_where_they_come_from() -> None:
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, 4, rounds=1, usd=2.0), *past(THEIRS, 1)])
    assert found == Advice(
        label=RouteLabel.DOWNSHIFT,
        executor="litellm",
        model="b",
        reason="better: score 0.82 against 0.64; 1.0000 USD against 2.0000 USD for an attempt",
        candidates=(
            RouteCandidate(
                executor="litellm",
                model="a",
                score=0.64,
                attempts=4,
                basis="4 attempts at this kind of work, and what is assumed of a middle model",
                cost_usd=2.0,
                seconds=60.0,
            ),
            RouteCandidate(
                executor="litellm",
                model="b",
                score=0.824,
                attempts=1,
                basis="1 attempt at this kind of work, and what is assumed of a middle model",
                cost_usd=1.0,
                seconds=60.0,
            ),
        ),
    )


def test_as_good_and_cheaper_is_a_downshift() -> None:
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, 5), *past(THEIRS, 5, usd=0.5)])
    assert (found.label, found.model) == (RouteLabel.DOWNSHIFT, "b")
    assert found.reason == (
        "as good (score 0.90 against 0.90) and cheaper "
        "(0.5000 USD against 1.0000 USD for an attempt)"
    )


def test_a_tie_stays_also_when_it_is_a_little_cheaper() -> None:
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, 5), *past(THEIRS, 5, usd=0.95)])
    assert (found.label, found.model, found.reason) == (
        RouteLabel.STAY,
        "a",
        "none is better by the margin, and none as good is clearly cheaper",
    )


def test_clearly_better_and_dearer_is_an_upshift_once_the_configured_one_has_a_past() -> None:
    others = past(THEIRS, 9, usd=3.0)
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, ENOUGH, accepted=False), *others])
    assert (found.label, found.model) == (RouteLabel.UPSHIFT, "b")
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, ENOUGH - 1, accepted=False), *others])
    assert (found.label, found.model) == (RouteLabel.STAY, "a")
    assert found.reason == (
        "b (litellm) may be better (score 0.93 against 0.52), but is not cheaper, and the "
        "configured one has a past of 2 attempts only"
    )


def test_what_is_only_assumed_never_leads_to_something_dearer() -> None:
    """Of the larger model more is assumed, but nobody has tried it."""
    small, large = (
        Option(executor="litellm", model="v/x-mini", price=CHEAP),
        Option(executor="litellm", model="v/x-large", price=DEAR),
    )
    assert advise(WORK, (small, large), ()).label is RouteLabel.STAY
    assert advise(WORK, (large, small), ()).label is RouteLabel.STAY


def test_without_a_past_light_work_goes_to_the_cheaper_of_two_that_tie() -> None:
    small, large = (
        Option(executor="litellm", model="v/x-mini", price=CHEAP),
        Option(executor="litellm", model="v/x-large", price=DEAR),
    )
    found = advise(LIGHT, (large, small), ())
    assert (found.label, found.model) == (RouteLabel.DOWNSHIFT, "v/x-mini")
    assert [(each.attempts, each.basis, each.cost_usd) for each in found.candidates] == [
        (0, "assumed of a large model at light work", 6.75),
        (0, "assumed of a small model at light work", 0.675),
    ]


def test_another_executor_that_wins_is_called_a_switch() -> None:
    codex = Option(executor="codex", model="gpt-x")
    found = advise(WORK, (OURS, codex), [*past(OURS, 5, rounds=2), *past(codex, 5)])
    assert (found.label, found.executor, found.model) == (
        RouteLabel.SWITCH_EXECUTOR,
        "codex",
        "gpt-x",
    )


def test_the_same_model_in_another_executor_has_a_past_of_its_own() -> None:
    codex = Option(executor="codex", model="openai/a")
    found = advise(WORK, (OURS, codex), past(OURS, 5))
    assert [each.attempts for each in found.candidates] == [5, 0]


def test_a_candidate_with_a_problem_is_never_taken() -> None:
    broken = Option(executor="litellm", model="b", problem="the variable K is not set")
    found = advise(WORK, (OURS, broken), [*past(OURS, 5, accepted=False), *past(broken, 9)])
    assert (found.label, found.model) == (RouteLabel.STAY, "a")
    assert found.candidates[1].problem == "the variable K is not set"


def test_when_the_configured_one_cannot_work_the_best_other_does() -> None:
    broken = Option(executor="codex", model="a", problem="codex is not installed")
    found = advise(WORK, (broken, THEIRS), ())
    assert (found.label, found.executor, found.model, found.reason) == (
        RouteLabel.SWITCH_EXECUTOR,
        "litellm",
        "b",
        "the configured one cannot be taken: codex is not installed",
    )


def test_when_nobody_can_work_the_advice_is_invalid_and_names_what_is_configured() -> None:
    broken = [Option(executor="x", model=name, problem=f"no {name}") for name in "ab"]
    found = advise(WORK, broken, ())
    assert (found.label, found.executor, found.model, found.reason) == (
        RouteLabel.INVALID,
        "x",
        "a",
        "none can be taken; no a",
    )


def test_an_unknown_cost_is_never_cheaper() -> None:
    found = advise(WORK, (OURS, THEIRS), [*past(OURS, 5), *past(THEIRS, 5, usd=None)])
    assert (found.label, found.candidates[1].cost_usd) == (RouteLabel.STAY, None)


def test_with_too_little_of_the_very_kind_all_work_in_the_role_counts() -> None:
    both = [*past(OURS, 1, work=LIGHT), *past(OURS, 6, accepted=False)]
    (light,) = advise(LIGHT, (OURS,), both).candidates
    assert (light.attempts, light.basis) == (
        7,
        "7 attempts in this role, and what is assumed of a middle model at light work",
    )


def test_what_was_done_in_another_role_does_not_count() -> None:
    other = past(OURS, 5, work=WorkKind(role=Role.CRITIC))
    assert advise(WORK, (OURS,), other).candidates[0].attempts == 0


def test_rounds_of_repair_and_refusals_cost_value() -> None:
    assert [value_of(past(OURS, 1, rounds=number)[0]) for number in range(3)] == [1, 1 / 2, 1 / 3]
    assert value_of(past(OURS, 1, accepted=False)[0]) == 0


def test_both_ways_to_write_a_model_are_one_model() -> None:
    assert [canonical(name) for name in ("gpt-5", "openai/gpt-5", "smoke/planner")] == [
        "gpt-5",
        "gpt-5",
        "smoke/planner",
    ]
    bare, full = (Option(executor="codex", model=name) for name in ("gpt-5", "openai/gpt-5"))
    assert advise(WORK, (full,), past(bare, 3)).candidates[0].attempts == 3


def test_a_size_is_read_from_the_name() -> None:
    names = ("anthropic/claude-opus-5-5", "gpt-5.6", "gemini/gemini-3.8-flash", "x/pro-mini")
    assert [size_of(name) for name in names] == [Size.LARGE, Size.MIDDLE, Size.SMALL, Size.SMALL]


OPTIONS = st.lists(
    st.builds(
        Option,
        executor=st.sampled_from(("litellm", "codex")),
        model=st.sampled_from(("a", "b-mini", "c-large")),
        price=st.sampled_from((None, CHEAP, DEAR)),
        problem=st.sampled_from(("", "", "broken")),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: (each.executor, each.model),
)


@settings(max_examples=60)
@given(
    OPTIONS, st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 3)), max_size=9)
)
def test_whoever_is_advised_is_a_candidate_that_can_work_and_the_order_of_the_past_is_nothing(
    options: list[Option], told: list[tuple[int, bool, int]]
) -> None:
    known = [
        each
        for which, accepted, rounds in told
        for each in past(options[which % len(options)], 1, accepted=accepted, rounds=rounds)
    ]
    found = advise(WORK, options, known)
    ways = {(each.executor, each.model): each for each in options}
    chosen = ways[found.executor, found.model]
    assert (found.label is RouteLabel.INVALID) == all(each.problem for each in options)
    assert not chosen.problem or found.label is RouteLabel.INVALID
    assert (chosen == options[0]) == (found.label in (RouteLabel.STAY, RouteLabel.INVALID))
    assert advise(WORK, options, known[::-1]) == found
