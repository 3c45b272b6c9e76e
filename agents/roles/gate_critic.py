"""The gate critic: judges a whole level from its evidence, its commits and its tree."""

from collections.abc import Mapping
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...policy.executable_config import WHY
from ...policy.review import gate_problems
from ...state.enums import GateOutcome
from ...state.errors import DispatchError
from ...state.jobs import GateJob
from ...state.judgements import GateVerdict, PerTaskGateVerdict
from ..fencing import bounded
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..tools import ToolResult
from ..workshop import Workshop
from .base import FunctionTool, Session, system_prompt
from .findings import FindingArguments, finding

PAGE_CHARACTERS: Final = 40_000
MAX_SINCE_CHARACTERS: Final = 100_000


@frozen(kw_only=True)
class ShowArguments:
    """Which commit to show, and from where."""

    sha: Annotated[str, Meta(description="The full id of a commit of this level, as listed.")]
    offset: Annotated[
        int, Meta(ge=0, description="How many characters of the patch to skip; for long patches.")
    ] = 0


@frozen(kw_only=True)
class TaskVerdictArguments:
    """The verdict on one task."""

    status: Annotated[GateOutcome, Meta(description="pass, amend or fail, for this task alone.")]
    findings: Annotated[tuple[FindingArguments, ...], Meta(max_length=50)]


@frozen(kw_only=True)
class GateVerdictArguments:
    """The verdict on the level."""

    level: Annotated[int, Meta(description="The number of the level you judge.")]
    status: Annotated[
        GateOutcome,
        Meta(description="pass only when every task passes; otherwise amend, or fail."),
    ]
    per_task: Annotated[
        Mapping[str, TaskVerdictArguments],
        Meta(description="One entry for each task of the level, under its id; no others."),
    ]


def label(job: GateJob) -> str:
    """How the trace names this agent."""
    return f"gate-critic level-{job.level} round-{job.round}"


def prepare(job: GateJob, workshop: Workshop) -> Session[GateVerdict]:
    """A gate critic for one level in one round."""
    return Session(
        system=system_prompt(
            "gate_critic",
            workshop,
            page_characters=PAGE_CHARACTERS,
        ),
        seed=render(
            "gate_critic.seed",
            level=job.level,
            round=job.round,
            tasks=job.tasks,
            commits=job.commits,
            to_settle=job.to_settle,
            executable=job.executable,
            why=WHY,
            since=bounded(job.since, MAX_SINCE_CHARACTERS, "Read the remaining files."),
            guidance=workshop.guidance(),
        ),
        tools=(*workshop.reading(), git_show(job)),
        terminal=TerminalTool(
            "recordGateVerdict",
            "Record your verdict on the level and end your work. Refused, with reasons, while it "
            "does not name exactly the level's tasks or passes over a blocking finding.",
            GateVerdictArguments,
            lambda given: _verdict(job, given),
        ),
    )


def git_show(job: GateJob) -> FunctionTool[ShowArguments]:
    """The tool that shows the level's commits and no others."""

    async def show(given: ShowArguments) -> ToolResult:
        allowed = sorted(set(job.commits.values()))
        if given.sha not in allowed:
            return ToolResult(
                f"The commit {given.sha[:80]!r} is not in the level's allowlist: "
                f"{', '.join(allowed) or 'it is empty'}.",
                is_error=True,
            )
        try:
            patch = await job.show(given.sha)
        except DispatchError as error:
            return ToolResult(str(error), is_error=True)
        page = patch[given.offset : given.offset + PAGE_CHARACTERS]
        left = len(patch) - given.offset - len(page)
        if left > 0:
            end = given.offset + len(page)
            page += f"\n[{left} more characters: call gitShow again with offset {end}]"
        return ToolResult(page or f"[the patch has only {len(patch)} characters]")

    return FunctionTool(
        "gitShow",
        "Show one commit of this level as a patch. Only the listed commits can be shown.",
        ShowArguments,
        show,
    )


def _verdict(job: GateJob, given: GateVerdictArguments) -> GateVerdict | Refused:
    per_task = {
        task_id: PerTaskGateVerdict(
            status=each.status,
            findings=tuple(finding(one, job.root) for one in each.findings),
        )
        for task_id, each in sorted(given.per_task.items())
    }
    problems = gate_problems(
        job.level, job.tasks, given.level, given.status, tuple(per_task.items())
    )
    if problems:
        return Refused(problems)
    return GateVerdict(level=job.level, round=job.round, status=given.status, per_task=per_task)
