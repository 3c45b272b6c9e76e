"""Which ways there are to have a job done: what is configured, and who was chosen before it."""

import asyncio
from typing import Any

from ..policy.experience import kind_of
from ..policy.routes import chosen, decision_for, order_for, route_of, with_route
from ..policy.routing import Way
from ..state.enums import Role, RoutingMode
from ..state.jobs import Job
from ..state.records import Run
from ..state.routes import Route, WorkKind
from .fold import task_of
from .ports import Advisor, Ports


async def ways_of(
    ports: Ports, role: Role, task_id: str | None, job_type: type[Job[Any]]
) -> tuple[Way, ...]:
    """Executor and model of an attempt at a job, and of those that take over, in their order.

    Who was chosen goes first, and what is configured takes over.  A choice is in the document
    before it is acted on, and holds for all work of its kind.
    """
    models = 1 + len(ports.config.fallback.of(role))
    run = ports.store.run
    work = kind_of(role, None if task_id is None else task_of(run, task_id))
    configured = tuple(
        ports.agents.executor_and_model(job_type, others, work.agent_type)
        for others in range(models)
    )
    route = order_for(run, work, task_id)
    if route is None:
        if ports.advisor is None or not ports.config.candidates.of(role):
            return configured
        route = await _decided(ports, ports.advisor, work, configured[0])
    first = chosen(route)
    if first is None:
        return configured
    return (first, *(each for each in configured if each != first))


async def _decided(ports: Ports, advisor: Advisor, work: WorkKind, configured: Way) -> Route:
    """What the policy says of a kind of work: as it is in the document, or put there now."""
    mode = ports.config.routing
    options = await asyncio.to_thread(advisor.options, work.role, configured)
    usable = frozenset(each.way for each in options if not each.problem)

    def known(run: Run) -> Route | None:
        return decision_for(run, work, mode, configured, usable)

    found = known(ports.store.run)
    if found is not None:
        return found
    advice = await asyncio.to_thread(advisor.advise, work, configured)
    route = route_of(work, advice, at=ports.clock.now(), carried_out=mode is RoutingMode.AUTO)
    # A sibling may have decided the same meanwhile: then that holds for both.
    found = known(ports.store.run)
    run = ports.store.update(lambda run: run if known(run) else with_route(run, route))
    if found is None:
        ports.journal.event(
            "route.decided",
            role=route.role,
            label=route.label,
            executor=route.executor,
            model=route.model,
            carriedOut=route.carried_out,
            reason=route.reason,
        )
        ports.journal.line("run", f"routing of {_words(work)}: {route.label}, {route.reason}")
    decided = known(run)
    assert decided is not None  # one that was put down now fits
    return decided


def _words(work: WorkKind) -> str:
    kind = (work.role, work.agent_type, work.task_class)
    return " ".join(each for each in kind if each is not None)
