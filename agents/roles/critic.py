"""The critic: reviews one committed task against its plan."""

from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...policy.executable_config import WHY
from ...policy.review import critique_problems
from ...state.enums import GateOutcome
from ...state.jobs import CritiqueJob
from ...state.judgements import CritiqueVerdict
from ..fencing import bounded
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..workshop import Workshop
from .base import Session, relative_paths, system_prompt
from .findings import FindingArguments, finding

MAX_DIFF_CHARACTERS: Final = 200_000


@frozen(kw_only=True)
class VerdictArguments:
    """A critic's verdict."""

    task_id: Annotated[str, Meta(min_length=1, description="The id of the task you review.")]
    status: Annotated[
        GateOutcome,
        Meta(
            description=(
                "pass: nothing blocking. amend: blocking findings that an engineer can fix. "
                "fail: blocking findings that cannot be repaired within this task."
            )
        ),
    ]
    findings: Annotated[
        tuple[FindingArguments, ...],
        Meta(max_length=50, description="Empty when there is nothing to say."),
    ]
    new_tests: Annotated[
        tuple[str, ...],
        Meta(
            max_length=50,
            description=(
                "Paths of test files that are to be added or extended, relative to the root; a "
                "finding says what each has to check."
            ),
        ),
    ] = ()


def label(job: CritiqueJob) -> str:
    """How the trace names this agent."""
    return f"critic {job.task.id} round-{job.round}"


def prepare(job: CritiqueJob, workshop: Workshop) -> Session[CritiqueVerdict]:
    """A critic for one task in one round."""
    return Session(
        system=system_prompt(
            "critic",
            workshop,
        ),
        seed=render(
            "critic.seed",
            task=job.task,
            round=job.round,
            changes=job.changes,
            commands=job.commands,
            executable=job.executable,
            why=WHY,
            to_settle=job.to_settle,
            since=bounded(job.since, MAX_DIFF_CHARACTERS, "Read the remaining files."),
            diff=bounded(job.diff, MAX_DIFF_CHARACTERS, "Read the remaining files with read_file."),
            guidance=workshop.guidance(),
        ),
        tools=workshop.looking(),
        terminal=TerminalTool(
            "recordVerdict",
            "Record your verdict on the task and end your work. Refused, with reasons, while "
            "status and findings do not fit together.",
            VerdictArguments,
            lambda given: _verdict(job, given, job.root),
        ),
    )


def _verdict(job: CritiqueJob, given: VerdictArguments, root: Path) -> CritiqueVerdict | Refused:
    findings = tuple(finding(each, root) for each in given.findings)
    new_tests, problems = relative_paths(given.new_tests, root, "newTests")
    problems += critique_problems(given.task_id, job.task, given.status, findings)
    if problems:
        return Refused(problems)
    return CritiqueVerdict(
        round=job.round, status=given.status, findings=findings, new_tests=new_tests
    )
