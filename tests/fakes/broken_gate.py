"""A run whose first task breaks the build gate, and agents that put it right."""

from pathlib import Path
from typing import Any

from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes

from dispatch.state.enums import AttributedBy, FailureCause
from dispatch.state.jobs import AttributionJob
from dispatch.state.judgements import Explanation

# Prints and fails for each file named errors-…; says nothing when there is none.
GATE = 'cat errors-* 2>/dev/null; test -z "$(ls errors-* 2>/dev/null)"'
PLAN = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)))
WORKS = {
    "1a-x": writes(**{"x": "x\n", "errors-1": "error: one\n"}),
    "1b-y": writes(y="y\n"),
    "2a-z": writes(z="z\n"),
}


def removes(*names: str, **written: str) -> Work:
    """Work that deletes files and writes others."""
    kept = writes(**written)

    def edit(root: Path) -> None:
        for name in names:
            (root / name).unlink()
        kept.edit(root)

    return Work(edit=edit, files=(*names, *kept.files))


def crew(**changes: Any) -> ScenarioAgents:
    """Agents of three tasks in two levels, whose first one breaks the build gate."""
    fixes = {"1a-x": removes("errors-1")}
    return ScenarioAgents(**{"plans": [PLAN], "works": WORKS, "fixes": fixes, **changes})


def fix_agents(players: ScenarioAgents) -> list[str]:
    """The attempts of fix agents, in the order they came."""
    return [each for each in players.asked if "fixAgent" in each]


def says(cause: FailureCause, *task_ids: str) -> Any:
    """An attribution agent that gives every failure the same cause."""

    def causes(job: AttributionJob) -> tuple[Explanation, ...]:
        return tuple(
            Explanation(
                failure_id=each.id,
                cause=cause,
                task_ids=task_ids,
                by=AttributedBy.ATTRIBUTION,
                reason="as scripted",
            )
            for each in job.failures
        )

    return causes
