"""Tasks and runs with only what a test cares about."""

from collections.abc import Mapping, Sequence

from dispatch.state.enums import AgentType, TaskClass, TaskStatus
from dispatch.state.judgements import CritiqueVerdict
from dispatch.state.records import Identity, Run, Task
from dispatch.state.work import TaskOutput


def a_task(
    task_id: str,
    *,
    depends_on: tuple[str, ...] = (),
    status: TaskStatus = TaskStatus.PENDING,
    agent_type: AgentType = AgentType.GENERAL,
    files: Sequence[str] | None = None,
    verify: tuple[str, ...] = (),
    objective: str = "Add a parser.",
    plan: str = "x" * 200,
    critique: bool = True,
    verdicts: tuple[CritiqueVerdict, ...] = (),
    worktree: str | None = None,
) -> Task:
    """A task; level and sequence are read from its id, such as ``2ab-name``."""
    head = task_id.partition("-")[0]
    letters = head.lstrip("0123456789")
    output = None
    if files is not None:
        output = TaskOutput(summary="", files_modified=tuple(files), deviations=(), notes="")
    return Task(
        id=task_id,
        level=int(head.removesuffix(letters)),
        sequence=letters,
        depends_on=depends_on,
        objective=objective,
        plan_markdown=plan,
        agent_type=agent_type,
        task_class=TaskClass.FEATURE,
        critique_enabled=critique,
        verify_commands=verify,
        status=status,
        output=output,
        critique_verdicts=verdicts,
        worktree_path=worktree,
    )


def a_run(*tasks: Task, boundaries: Mapping[str, str] | None = None) -> Run:
    """A run of these tasks."""
    return Run(
        name="r",
        spec_path="spec.md",
        target_repo_path="/repo",
        integration_branch="dispatch/r",
        base_commit="0" * 40,
        identity=Identity(name="n", email="e"),
        build_gate=("make",),
        created_at="2026-01-01T00:00:00.000Z",
        level_boundaries=boundaries or {"1": "0" * 40},
        tasks=tasks,
    )
