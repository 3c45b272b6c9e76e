"""The greybeard: rules on one deviation, alone, by reading."""

import re
from collections.abc import Iterable
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...state.codec import unstructure
from ...state.enums import GreybeardRuling
from ...state.jobs import GreybeardJob
from ...state.judgements import GreybeardVerdict
from ...state.yaml_text import dumps
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..tools import Tool
from ..workshop import Workshop
from .base import Session, system_prompt

PLAN_FILE: Final = "plan.md"
OUTPUT_FILE: Final = "output.yaml"

_CONSULTS: Final = re.compile(r"greybeard|consult|spawn|invoke.*agent", re.IGNORECASE)


@frozen(kw_only=True)
class RulingArguments:
    """The ruling."""

    task_id: Annotated[str, Meta(min_length=1, description="The id of the task.")]
    deviation_id: Annotated[str, Meta(min_length=1, description="The id of the deviation.")]
    verdict: Annotated[
        GreybeardRuling,
        Meta(
            description=(
                "accept: harmless or right, the work is committed as it is. reject: wrong or "
                "unsafe, the task fails. escalate: a person has to decide."
            )
        ),
    ]
    rationale: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=8_000,
            description="One paragraph: what you looked at and why this follows from it.",
        ),
    ]


def label(job: GreybeardJob) -> str:
    """How the trace names this agent."""
    return f"greybeard {job.task.id}"


def prepare(job: GreybeardJob, workshop: Workshop) -> Session[GreybeardVerdict]:
    """A greybeard for one deviation."""
    plan = workshop.evidence(PLAN_FILE, job.task.plan_markdown)
    output = workshop.evidence(OUTPUT_FILE, dumps(unstructure(job.output)))
    tools = workshop.reading(also=(plan, output))
    refuse_consulting(tools)
    return Session(
        system=system_prompt(
            "greybeard",
            workshop,
        ),
        seed=render(
            "greybeard.seed",
            task=job.task,
            output=job.output,
            deviation=job.deviation,
            plan_path=str(plan),
            output_path=str(output),
            worktree_path=str(job.root),
        ),
        tools=tools,
        terminal=TerminalTool(
            "recordGreybeardVerdict",
            "Record your ruling on the deviation and end your work.",
            RulingArguments,
            lambda given: _ruling(job, given),
        ),
    )


def refuse_consulting(tools: Iterable[Tool]) -> None:
    """Raise ValueError for a tool by which the last instance could ask another agent."""
    for tool in tools:
        if _CONSULTS.search(tool.spec.name):
            raise ValueError(f"the greybeard must not have the tool {tool.spec.name}")


def _ruling(job: GreybeardJob, given: RulingArguments) -> GreybeardVerdict | Refused:
    problems = []
    if given.task_id != job.task.id:
        problems.append(f'taskId: you rule on task "{job.task.id}", not "{given.task_id[:80]}"')
    if given.deviation_id != job.deviation.id:
        problems.append(
            f'deviationId: you rule on "{job.deviation.id}", not "{given.deviation_id[:80]}"'
        )
    if not given.rationale.strip():
        problems.append("rationale: must not be blank")
    if problems:
        return Refused(tuple(problems))
    return GreybeardVerdict(verdict=given.verdict, rationale=given.rationale.strip())
