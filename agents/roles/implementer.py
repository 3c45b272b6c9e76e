"""The implementer: carries out one task in its worktree; its claims are compared with the tree."""

from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...state.enums import AgentType, DeviationCategory, DeviationSeverity
from ...state.jobs import FixJob, ImplementJob, Submission
from ...state.work import BuildClaim, Deviation, TaskOutput
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..tools import Effect, ToolResult
from ..workshop import Workshop
from .base import FunctionTool, Session, relative_paths, system_prompt

MAX_TEXT: Final = 20_000
MAX_BUILDS: Final = 100
MAX_DEVIATIONS: Final = 50
TAIL_CHARACTERS: Final = 4_000


@frozen(kw_only=True)
class BuildArguments:
    """A command and how it ended."""

    command: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4_000,
            description="The shell command as you ran it at the root of the worktree.",
        ),
    ]
    exit_code: Annotated[int, Meta(description="The exit code you saw.")]
    stdout_tail: Annotated[
        str,
        Meta(description=f"The end of its output; the last {TAIL_CHARACTERS:,} characters count."),
    ]


@frozen(kw_only=True)
class DeviationArguments:
    """One departure from the task plan."""

    severity: Annotated[
        DeviationSeverity,
        Meta(
            description="minor: a detail. moderate: a reviewer rules on it. major: a person does."
        ),
    ]
    category: DeviationCategory
    description: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT,
            description="What the plan said, what you did instead, and why.",
        ),
    ]
    affected_files: Annotated[
        tuple[str, ...], Meta(description="Paths relative to the root of the worktree.")
    ]


@frozen(kw_only=True)
class SubmitArguments:
    """What was done."""

    summary: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT,
            description="What you changed and why it fulfils the plan; becomes the commit's body.",
        ),
    ]
    files_modified: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Every path you added, changed, deleted or renamed (old and new name), relative to "
                "the root of the worktree; exactly what differs from the start, no more, no less."
            )
        ),
    ]
    deviations: Annotated[
        tuple[DeviationArguments, ...],
        Meta(
            max_length=MAX_DEVIATIONS,
            description="Every departure from the plan; empty only if there was none.",
        ),
    ]
    notes: Annotated[
        str, Meta(max_length=MAX_TEXT, description="What reviewers should know; may be empty.")
    ]


def label(job: ImplementJob) -> str:
    """How the trace names this agent."""
    return f"implementer {job.task.id}"


def prepare(job: ImplementJob, workshop: Workshop) -> Session[TaskOutput]:
    """An implementer for one task; one of type explore can only read."""
    explores = job.task.agent_type is AgentType.EXPLORE
    desk = SubmissionDesk(job, job.task.id)
    tools = workshop.looking() if explores else (*workshop.working(), desk.record_build_result())
    return Session(
        system=system_prompt(
            "explorer" if explores else "implementer",
            workshop,
        ),
        seed=render(
            "implementer.seed",
            task=job.task,
            explores=explores,
            build_gate=job.build_gate,
            guidance=workshop.guidance(),
        ),
        tools=tools,
        terminal=desk.terminal,
    )


class SubmissionDesk:
    """The tools of whoever hands in work: the builds it reports, and its submission.

    ``name`` begins the ids of the deviations it declares.
    """

    def __init__(self, job: ImplementJob | FixJob, name: str) -> None:
        self.builds: list[BuildClaim] = []
        self.terminal: TerminalTool[SubmitArguments, TaskOutput] = TerminalTool(
            "submitOutput",
            "Hand in the finished task and end your work. What you say is compared with the "
            "worktree, and commands are run; what does not hold is answered with the reasons, and "
            "you may correct it and call again.",
            SubmitArguments,
            self._output,
            self._check,
        )
        self._job = job
        self._name = name

    def record_build_result(self) -> FunctionTool[BuildArguments]:
        """The tool that notes a build, lint or test command and its result."""
        return FunctionTool(
            "recordBuildResult",
            "Record a build, lint or test command you ran and how it ended. Call it again for "
            "every later result.",
            BuildArguments,
            self._record,
            Effect.MEMORY,
        )

    async def _record(self, given: BuildArguments) -> ToolResult:
        if len(self.builds) >= MAX_BUILDS:
            return ToolResult(f"At most {MAX_BUILDS} results are recorded.", is_error=True)
        self.builds.append(
            BuildClaim(
                command=given.command,
                exit_code=given.exit_code,
                stdout_tail=given.stdout_tail[-TAIL_CHARACTERS:],
            )
        )
        return ToolResult("recorded")

    def _output(self, given: SubmitArguments) -> TaskOutput | Refused:
        root = self._job.root
        files, problems = relative_paths(given.files_modified, root, "filesModified")
        deviations = []
        for number, each in enumerate(given.deviations, 1):
            where = f"deviations[{number - 1}].affectedFiles"
            affected, wrong = relative_paths(each.affected_files, root, where)
            problems += wrong
            deviations.append(
                Deviation(
                    id=f"{self._name}-dev-{number}",
                    severity=each.severity,
                    category=each.category,
                    description=each.description.strip(),
                    affected_files=affected,
                )
            )
        if not given.summary.strip():
            problems += ("summary: must not be blank",)
        if problems:
            return Refused(problems)
        return TaskOutput(
            summary=given.summary.strip(),
            files_modified=files,
            deviations=tuple(deviations),
            notes=given.notes.strip(),
        )

    async def _check(self, output: TaskOutput) -> tuple[str, ...]:
        return await self._job.check(Submission(output=output, builds=tuple(self.builds)))
