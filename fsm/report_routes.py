"""The part of the report on routing: who was advised or chosen for which work, and on what."""

from collections.abc import Iterator

from ..state.enums import RouteLabel
from ..state.records import Run
from ..state.routes import Route, RouteCandidate
from .markdown import bullets, code, inline, nested, section
from .report_words import money


def routing_section(run: Run) -> str:
    """Every decision with its numbers; empty when nothing was decided."""
    return section("Routing", bullets(map(_route, run.routes), "")) if run.routes else ""


def work_words(route: Route) -> str:
    """The work that a decision is about, such as ``implementer, general feature``."""
    kind = " ".join(each for each in (route.agent_type, route.task_class) if each is not None)
    of = f", {kind}" if kind else ""
    return f"{route.role}{of}"


def numbers(each: RouteCandidate) -> str:
    """What is known of a candidate, in half a sentence."""
    if each.problem:
        return f"cannot be taken: {each.problem}"
    took = "" if each.seconds is None else f", {each.seconds:.0f} s"
    cost = "cost unknown" if each.cost_usd is None else money(each.cost_usd)
    of = "" if each.cost_usd is None and each.seconds is None else " an attempt"
    return f"score {each.score:.2f}, {cost}{took}{of}; {each.basis}"


def effect_words(route: Route) -> str:
    """What comes of a decision for who it names."""
    if route.label in (RouteLabel.STAY, RouteLabel.INVALID):
        return "what is configured"
    if route.ordered:
        return "ordered by the operator"
    return "chosen" if route.carried_out else "only advice"


def _route(route: Route) -> str:
    of = f", task {code(route.task_id)}" if route.task_id else ""
    who = f"{code(route.model)} through {code(route.executor)}"
    head = f"{work_words(route)}{of}: {route.label}, {effect_words(route)}: {who}"
    return f"{head}{nested(_below(route))}"


def _below(route: Route) -> Iterator[str]:
    yield f"because {inline(route.reason)}"
    for each in route.candidates:
        yield f"{code(each.model)} through {code(each.executor)}: {inline(numbers(each))}"
