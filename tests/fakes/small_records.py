"""The smallest legal records, for tests that change one thing about them."""

from dispatch.state.enums import AgentType, SandboxTier, TaskClass
from dispatch.state.records import Confinement, Identity, Run, Task

BASE = "1" * 40
UNCONFINED = Confinement(
    tier=SandboxTier.NONE,
    reasons=("the operator said --no-sandbox",),
    processes=1024,
    memory_bytes=16 * 1024**3,
    file_bytes=8 * 1024**3,
    cpu_seconds=14_400,
)


def a_run(name: str = "r") -> Run:
    """A run that has just begun."""
    return Run(
        name=name,
        spec_path="spec.md",
        target_repo_path="/repository",
        integration_branch=f"dispatch/{name}",
        base_commit=BASE,
        identity=Identity(name="A", email="a@example.org"),
        build_gate=("true",),
        sandboxes=(UNCONFINED,),
        created_at="2026-01-02T03:04:05.678Z",
    )


def a_task(task_id: str = "1a-x", *depends_on: str) -> Task:
    """A pending task; level and sequence are read from its id."""
    prefix = task_id.partition("-")[0]
    level = int("".join(each for each in prefix if each.isdigit()))
    return Task(
        id=task_id,
        level=level,
        sequence=prefix.lstrip("0123456789"),
        depends_on=depends_on,
        objective=f"Do {task_id}.",
        plan_markdown="# Plan",
        agent_type=AgentType.GENERAL,
        task_class=TaskClass.FEATURE,
        critique_enabled=True,
        verify_commands=(),
    )
