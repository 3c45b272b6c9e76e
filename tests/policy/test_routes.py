"""Which decision holds for a job: the newest that fits, and the operator's before the policy's."""

import pytest
from attrs import evolve
from fakes.small_records import a_run

from dispatch.policy.routes import chosen, decision_for, order_for, route_of, with_route
from dispatch.policy.routing import Option, Way, advise
from dispatch.state.config import Price
from dispatch.state.enums import Role, RouteLabel, RoutingMode
from dispatch.state.routes import Route, WorkKind

WORK, OTHER = WorkKind(role=Role.IMPLEMENTER), WorkKind(role=Role.CRITIC)
DEAR, CHEAP = (
    Option(executor="litellm", model=name, price=Price(input=usd, output=usd))
    for name, usd in (("a", 9.0), ("b", 1.0))
)
AUTO, ADVISE = RoutingMode.AUTO, RoutingMode.ADVISE
BOTH = frozenset({DEAR.way, CHEAP.way})


def route(
    work: WorkKind = WORK,
    *,
    carried_out: bool = True,
    ordered: bool = False,
    task: str | None = None,
) -> Route:
    """The cheap one instead of the dear one."""
    advice = advise(work, (DEAR, CHEAP), ())
    return route_of(work, advice, at="then", carried_out=carried_out, ordered=ordered, task_id=task)


def test_decisions_are_kept_by_kind_and_in_the_order_in_which_they_came() -> None:
    first, second = route(), evolve(route(), at="earlier, by a clock that was set")
    one = with_route(with_route(with_route(a_run(), first), route(OTHER)), second)
    other = with_route(with_route(with_route(a_run(), route(OTHER)), first), second)
    assert one == other
    assert one.routes == (route(OTHER), first, second)
    assert decision_for(one, WORK, AUTO, DEAR.way, BOTH) == second


@pytest.mark.parametrize(
    ("mode", "configured", "usable", "fits"),
    [
        (AUTO, DEAR.way, BOTH, True),
        (ADVISE, DEAR.way, BOTH, False),
        (AUTO, ("litellm", "c"), BOTH, False),
        (AUTO, DEAR.way, {DEAR.way}, False),
    ],
    ids=["as it was", "only advice now", "something else configured", "chosen one is gone"],
)
def test_a_decision_holds_as_long_as_it_fits(
    mode: RoutingMode, configured: Way, usable: set[Way], fits: bool
) -> None:
    run = with_route(a_run(), route())
    assert (decision_for(run, WORK, mode, configured, usable) is not None) == fits
    assert decision_for(run, OTHER, mode, configured, usable) is None


def test_that_nobody_can_work_holds_until_somebody_can() -> None:
    none = advise(WORK, (evolve(DEAR, problem="no key"),), ())
    run = with_route(a_run(), route_of(WORK, none, at="then", carried_out=True))
    assert none.label is RouteLabel.INVALID
    assert decision_for(run, WORK, AUTO, DEAR.way, ()) is not None
    assert decision_for(run, WORK, AUTO, DEAR.way, BOTH) is None


def test_an_order_is_for_its_task_or_for_its_kind_and_the_last_one_counts() -> None:
    whole = route(ordered=True)
    own = route(ordered=True, task="1a-x")
    newer = evolve(own, at="later", label=RouteLabel.STAY)
    run = with_route(with_route(with_route(a_run(), newer), whole), route())
    assert order_for(run, WORK, "1a-x") == newer
    assert order_for(run, WORK, "1b-y") == order_for(run, WORK, None) == whole
    assert order_for(run, OTHER, "1a-x") is None
    assert decision_for(run, WORK, AUTO, DEAR.way, BOTH) == route()
    assert order_for(with_route(with_route(a_run(), own), newer), WORK, "1a-x") == newer


def test_only_what_is_carried_out_and_differs_goes_before_what_is_configured() -> None:
    assert chosen(route()) == CHEAP.way
    assert chosen(route(carried_out=False)) is None
    assert chosen(evolve(route(), label=RouteLabel.STAY)) is None
    assert chosen(evolve(route(), label=RouteLabel.INVALID)) is None
