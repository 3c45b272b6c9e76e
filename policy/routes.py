"""Decisions on who does which work, as a run keeps them: which one holds for a job; pure."""

from collections.abc import Collection

from attrs import evolve

from ..state.enums import RouteLabel, RoutingMode
from ..state.records import Run
from ..state.routes import Route, WorkKind
from .routing import Advice, Way


def route_of(
    work: WorkKind,
    advice: Advice,
    *,
    at: str,
    carried_out: bool,
    ordered: bool = False,
    task_id: str | None = None,
) -> Route:
    """An advice as a decision of a run's; one by the policy is for all work of the kind."""
    return Route(
        role=work.role,
        agent_type=work.agent_type,
        task_class=work.task_class,
        task_id=task_id,
        label=advice.label,
        executor=advice.executor,
        model=advice.model,
        reason=advice.reason,
        carried_out=carried_out,
        ordered=ordered,
        at=at,
        candidates=advice.candidates,
    )


def with_route(run: Run, route: Route) -> Run:
    """The run with one more decision, after those on the same work.

    Work of several kinds at a time does not change the order.
    """
    return evolve(run, routes=tuple(sorted((*run.routes, route), key=_order)))


def order_for(run: Run, work: WorkKind, task_id: str | None) -> Route | None:
    """What the operator said last of the work on a task, else of the kind of work."""
    ordered = [each for each in run.routes if each.ordered and kind_of_route(each) == work]
    own = [each for each in ordered if task_id is not None and each.task_id == task_id]
    found = own or [each for each in ordered if each.task_id is None]
    return found[-1] if found else None


def decision_for(
    run: Run, work: WorkKind, mode: RoutingMode, configured: Way, usable: Collection[Way]
) -> Route | None:
    """What the policy decided of a kind of work, as long as it still fits; null: to be decided.

    It does not fit when something else is configured now, when it was only written down and is to
    be carried out, and when what it chose can be taken no longer.
    """
    for each in reversed(run.routes):
        if each.ordered or kind_of_route(each) != work:
            continue
        first = each.candidates[0]
        fits = (first.executor, first.model) == configured
        fits = fits and each.carried_out == (mode is RoutingMode.AUTO)
        if each.label is RouteLabel.INVALID:
            return each if fits and not usable else None
        return each if fits and (each.executor, each.model) in usable else None
    return None


def chosen(route: Route) -> Way | None:
    """The way that goes before the configured ones; null where those stay as they are."""
    stays = route.label in (RouteLabel.STAY, RouteLabel.INVALID)
    return None if stays or not route.carried_out else (route.executor, route.model)


def kind_of_route(route: Route) -> WorkKind:
    """The kind of work that a decision is about."""
    return WorkKind(role=route.role, agent_type=route.agent_type, task_class=route.task_class)


def _order(route: Route) -> tuple[str, ...]:
    return (route.role, route.agent_type or "", route.task_class or "", route.task_id or "")
