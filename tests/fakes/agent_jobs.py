"""Jobs for one role each, over a small tree, and a way to have an agent prepared for them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve

from dispatch.agents.model import ToolSpec
from dispatch.agents.roles import entry_of
from dispatch.agents.roles.base import Session
from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.tools import ToolResult
from dispatch.agents.workshop import Workshop
from dispatch.state.config import Config, Limits, ModelConfig
from dispatch.state.enums import (
    AgentType,
    ChangeKind,
    DeviationCategory,
    DeviationSeverity,
    FindingSeverity,
    FixSource,
    Role,
    TaskClass,
)
from dispatch.state.jobs import (
    AttributionJob,
    CritiqueJob,
    FixJob,
    GateJob,
    GreybeardJob,
    ImplementJob,
    Job,
    PlanJob,
    Submission,
)
from dispatch.state.judgements import CritiqueVerdict, Finding
from dispatch.state.records import Task
from dispatch.state.work import (
    Attempt,
    BuildFailure,
    CommandResult,
    Deviation,
    FileChange,
    TaskOutput,
)

A = TypeVar("A")

PLAN = "# Objective\n\nAdd a greeting.\n" + "Say it politely, and test that it is polite. " * 5
SHA_A, SHA_B = "a" * 40, "b" * 40
DEVIATION = Deviation(
    id="1a-greet-dev-1",
    severity=DeviationSeverity.MODERATE,
    category=DeviationCategory.APPROACH,
    description="The plan said print; I return the text.",
    affected_files=("src/greet.py",),
)
OUTPUT = TaskOutput(
    summary="It greets.", files_modified=("src/greet.py",), deviations=(DEVIATION,), notes=""
)


def config(**models: str) -> Config:
    """A configuration in which every role has a model named like it."""
    names = {
        "planner": "m-planner",
        "implementer": "m-implementer",
        "critic": "m-critic",
        "gate_critic": "m-gate",
        "greybeard": "m-greybeard",
        "attribution": "m-attribution",
        "fix_agent": "m-fix",
    }
    return Config(build_gate=("make test",), model_config=ModelConfig(**{**names, **models}))


def tree(folder: Path) -> Path:
    """A small repository tree, with a secret beside it."""
    root = folder / "tree"
    (root / "src").mkdir(parents=True)
    (root / "src" / "greet.py").write_text("print('hello')\n", encoding="utf-8")
    (root / "AGENTS.md").write_text("Be kind to the code.\n", encoding="utf-8")
    (folder / "outside.txt").write_text("secret\n", encoding="utf-8")
    (folder / "run-state.yaml").write_text("name: r\n", encoding="utf-8")
    return root


def a_task(task_id: str = "1a-greet", **changes: Any) -> Task:
    """A general task of level 1."""
    task = Task(
        id=task_id,
        level=1,
        sequence="a",
        depends_on=(),
        objective="Greet politely.",
        plan_markdown=PLAN,
        agent_type=AgentType.GENERAL,
        task_class=TaskClass.FEATURE,
        critique_enabled=True,
        verify_commands=(),
        output=OUTPUT,
    )
    return evolve(task, **changes)


def _common(folder: Path, role: Role, model: str = "m") -> dict[str, Any]:
    attempt = Attempt(
        id=f"x.{role}.1", role=role, executor="litellm", model=model, started_at="2026-01-01"
    )
    root = folder / "tree"
    return {
        "attempt": attempt,
        "root": root if root.exists() else tree(folder),
        "folder": folder / "attempts" / attempt.id,
    }


def plan_job(folder: Path, **changes: Any) -> PlanJob:
    """Plan a greeting."""
    job = PlanJob(
        **_common(folder, Role.PLANNER),
        spec_path="/repo/spec.md",
        spec_text="# Spec\n\nGreet politely.\n",
        build_gate=("make test",),
    )
    return evolve(job, **changes)


async def accepted(submission: Submission) -> tuple[str, ...]:
    """A check that finds nothing."""
    return ()


def implement_job(
    folder: Path,
    check: Callable[[Submission], Awaitable[tuple[str, ...]]] = accepted,
    **task: Any,
) -> ImplementJob:
    """Implement the greeting."""
    return ImplementJob(
        **_common(folder, Role.IMPLEMENTER),
        task=a_task(**{"output": None, **task}),
        build_gate=("make test",),
        check=check,
    )


def fix_job(folder: Path, **changes: Any) -> FixJob:
    """Repair the greeting after a review."""
    rude = Finding(id="rude", severity=FindingSeverity.BLOCKING, description="too rude")
    job = FixJob(
        **_common(folder, Role.FIX_AGENT),
        task=a_task(),
        source=FixSource.CRITIQUE,
        round=1,
        findings=(rude,),
        evidence="the verifier's words",
        diff="+print('hello')\n",
        others=(),
        build_gate=("make test",),
        check=accepted,
    )
    return evolve(job, **changes)


def critique_job(folder: Path, **changes: Any) -> CritiqueJob:
    """Review the greeting."""
    job = CritiqueJob(
        **_common(folder, Role.CRITIC),
        task=a_task(),
        round=1,
        diff="--- a/src/greet.py\n+++ b/src/greet.py\n+```\n",
        changes=(FileChange(path="src/greet.py", kind=ChangeKind.MODIFIED, added_lines=1),),
        commands=(
            CommandResult(
                command="make test",
                exit_code=0,
                duration_seconds=1.0,
                output_path="builds/1.log",
                output_bytes=2,
            ),
        ),
    )
    return evolve(job, **changes)


def gate_job(
    folder: Path,
    show: Callable[[str], Awaitable[str]],
    verdicts: tuple[CritiqueVerdict, ...] = (),
) -> GateJob:
    """Judge a level of two tasks with a commit and one without."""
    return GateJob(
        **_common(folder, Role.GATE_CRITIC),
        level=1,
        round=1,
        tasks=(
            a_task("1a-greet", critique_verdicts=verdicts),
            a_task("1b-part"),
            a_task("1c-look"),
        ),
        commits={"1a-greet": SHA_A, "1b-part": SHA_B},
        show=show,
    )


def attribution_job(folder: Path, **changes: Any) -> AttributionJob:
    """Say who brought two failures."""
    failure = BuildFailure(
        id="bf-1",
        file="src/greet.py",
        line=10,
        message="greet.py:10: error",
        raw_text="greet.py:10: error",
        command="make test",
    )
    job = AttributionJob(
        **_common(folder, Role.ATTRIBUTION),
        round=1,
        failures=(failure, evolve(failure, id="bf-2", file=None, line=None)),
        tasks=(a_task(output=OUTPUT),),
        patches={"1a-greet": "+print"},
        baseline_log="all went well\n",
        final_log="2 failed\n",
    )
    return evolve(job, **changes)


def greybeard_job(folder: Path, **changes: Any) -> GreybeardJob:
    """Rule on the deviation of the greeting."""
    job = GreybeardJob(
        **_common(folder, Role.GREYBEARD), task=a_task(), output=OUTPUT, deviation=DEVIATION
    )
    return evolve(job, **changes)


class Desk:
    """A prepared agent whose tools can be called by name, the terminal one included."""

    def __init__(
        self, job: Job[A], commands: CommandRunner | None = None, *, shared: bool = False
    ) -> None:
        workshop = Workshop(
            root=job.root, folder=job.folder, limits=Limits(), shared=shared, commands=commands
        )
        self.session: Session[Any] = entry_of(type(job)).prepare(job, workshop)
        everything: tuple[Any, ...] = (*self.session.tools, self.session.terminal)
        self._tools: dict[str, Any] = {tool.spec.name: tool for tool in everything}

    @property
    def names(self) -> list[str]:
        """The names of all tools, sorted."""
        return sorted(self._tools)

    @property
    def value(self) -> Any:
        """What the agent handed in."""
        return self.session.terminal.value

    def spec(self, name: str) -> ToolSpec:
        """The specification of one tool."""
        found: ToolSpec = self._tools[name].spec
        return found

    async def call(self, tool: str, /, **arguments: object) -> ToolResult:
        """Call one tool."""
        result: ToolResult = await self._tools[tool].call(arguments)
        return result

    async def refused(self, tool: str, /, **arguments: object) -> str:
        """The sentence with which a call is refused."""
        result = await self.call(tool, **arguments)
        assert result.is_error, result
        return result.content
