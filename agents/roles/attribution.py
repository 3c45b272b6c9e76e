"""The attribution agent: says which task brought each failure of the build gate, by reading."""

from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...policy.culprits import attribution_problems
from ...state.enums import AttributedBy, FailureCause
from ...state.jobs import AttributionJob
from ...state.judgements import Attribution, Explanation
from ..fencing import bounded
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..tools import Effect, ToolResult
from ..workshop import Workshop
from .base import FunctionTool, Session, refusal, system_prompt

BASELINE_FILE: Final = "baseline-build.log"
FINAL_FILE: Final = "final-build.log"
MAX_LOG_CHARACTERS: Final = 40_000
MAX_PATCHES_CHARACTERS: Final = 200_000  # of all tasks together


@frozen(kw_only=True)
class RecordArguments:
    """The cause of one failure."""

    failure_id: Annotated[str, Meta(min_length=1, description="The id of the failure, as listed.")]
    cause: Annotated[
        FailureCause,
        Meta(
            description=(
                "task: the work of the tasks in taskIds brought it. environment: the machine, the "
                "network or the time did. none: none of these tasks. flaky: it comes and goes. "
                "old: it was there before."
            )
        ),
    ]
    task_ids: Annotated[
        tuple[str, ...],
        Meta(max_length=20, description="The tasks that brought it; empty for any other cause."),
    ] = ()
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4_000,
            description="What in the patches or the logs shows it, in two or three sentences.",
        ),
    ]


@frozen(kw_only=True)
class FinalizeArguments:
    """Nothing: what was recorded counts."""


def label(job: AttributionJob) -> str:
    """How the trace names this agent."""
    return f"attribution round-{job.round}"


def prepare(job: AttributionJob, workshop: Workshop) -> Session[Attribution]:
    """An attribution agent for the failures of one round."""
    baseline = workshop.evidence(BASELINE_FILE, job.baseline_log)
    final = workshop.evidence(FINAL_FILE, job.final_log)
    desk = _Desk(job)
    share = MAX_PATCHES_CHARACTERS // max(1, len(job.tasks))
    return Session(
        system=system_prompt("attribution", workshop),
        seed=render(
            "attribution.seed",
            job=job,
            baseline_path=str(baseline),
            final_path=str(final),
            baseline_log=bounded(job.baseline_log, MAX_LOG_CHARACTERS, "The file has the rest."),
            final_log=bounded(job.final_log, MAX_LOG_CHARACTERS, "The file has the rest."),
            patches={
                task_id: bounded(patch, share, "The worktree has the result.")
                for task_id, patch in job.patches.items()
            },
        ),
        tools=(
            *workshop.reading(also=(baseline, final)),
            FunctionTool(
                "recordAttribution",
                "Record the cause of one failure; recorded again, the last one counts.",
                RecordArguments,
                desk.record,
                Effect.MEMORY,
            ),
        ),
        terminal=desk.terminal,
    )


class _Desk:
    """Collects causes until every failure has one."""

    def __init__(self, job: AttributionJob) -> None:
        self._job = job
        self._recorded: dict[str, Explanation] = {}
        self.terminal = TerminalTool(
            "finalizeAttribution",
            "Hand in the recorded causes and end your work; every failure needs one.",
            FinalizeArguments,
            lambda given: self._finalize(),
        )

    async def record(self, given: RecordArguments) -> ToolResult:
        """Take one cause, or say what is wrong with it."""
        explanation = Explanation(
            failure_id=given.failure_id,
            cause=given.cause,
            task_ids=tuple(dict.fromkeys(given.task_ids)),
            by=AttributedBy.ATTRIBUTION,
            reason=given.reason.strip(),
        )
        problems = attribution_problems((given.failure_id,), self._task_ids(), (explanation,))
        if given.failure_id not in self._failure_ids():
            known = ", ".join(self._failure_ids())
            problems = (f'"{given.failure_id[:80]}" is none of the failures {known}.', *problems)
        if given.cause is FailureCause.ACCEPTED:
            problems = ("Only the operator lets a failure stand.", *problems)
        if problems:
            return refusal("The cause was not recorded.", problems)
        self._recorded[given.failure_id] = explanation
        return ToolResult("recorded")

    def _finalize(self) -> Attribution | Refused:
        explanations = tuple(self._recorded[name] for name in sorted(self._recorded))
        problems = attribution_problems(self._failure_ids(), self._task_ids(), explanations)
        return Refused(problems) if problems else Attribution(explanations=explanations)

    def _failure_ids(self) -> tuple[str, ...]:
        return tuple(each.id for each in self._job.failures)

    def _task_ids(self) -> tuple[str, ...]:
        return tuple(each.id for each in self._job.tasks)
