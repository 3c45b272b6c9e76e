"""How long a run of 1,000 tasks that was killed at half takes until the first agent is called.

Run it with ``python bench/resume.py``.  Document, git store, refs, commits and worktrees are real,
only the agents are not.  Goal: less than a second more than it takes to load the document.
"""

import asyncio
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from attrs import evolve
from transition import a_run

from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.sandbox.runner import CommandRunner
from dispatch.fsm.engine import drive
from dispatch.fsm.ports import Ports
from dispatch.gitops.store import RunRepository
from dispatch.policy.plan import as_planned
from dispatch.state.clock import SystemClock
from dispatch.state.config import Config, ModelConfig
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AgentType, Role, TaskStatus
from dispatch.state.errors import ProviderStopped
from dispatch.state.jobs import Job, Result
from dispatch.state.journal import EventJournal
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.records import Run, Task

A = TypeVar("A")
TASKS: Final = 1000
ROUNDS: Final = 5
GOAL_S: Final = 1.0  # more than loading
TIME: Final = 1_700_000_000


class FirstAgent:
    """Notes when the first agent is called, and stops the run there."""

    def __init__(self) -> None:
        self.called_at = 0.0

    def executor_and_model(
        self, job_type: type[Job[A]], others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        """Everybody is the same."""
        return "none", "none"

    async def run(self, job: Job[A]) -> Result[A]:
        """Stop."""
        self.called_at = self.called_at or time.perf_counter()
        raise ProviderStopped("That is all that is measured.", "")


def main() -> int:
    """Measure, print both, and say whether the goal holds."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder) / "repository"
        prepared = prepare(root, TASKS)
        document = prepared / DOCUMENT
        half = document.read_bytes()
        loads = [seconds(lambda: load_run(document)) for _ in range(ROUNDS)]
        resumes = []
        for _ in range(ROUNDS):
            document.write_bytes(half)
            resumes.append(resume(root, prepared))
    load, resumed = min(loads), min(resumes)
    print(f"{TASKS} tasks, half of them done: load {load:.2f} s, first agent after {resumed:.2f} s")
    good = resumed < load + GOAL_S
    print(f"goal (less than load + {GOAL_S:g} s): {'holds' if good else 'MISSED'}")
    return 0 if good else 1


def resume(root: Path, folder: Path) -> float:
    """Seconds from the start until the first agent is called."""
    agents = FirstAgent()
    start = time.perf_counter()
    try:
        asyncio.run(drive(ports(root, folder, agents)))
    except ProviderStopped:
        return agents.called_at - start
    raise AssertionError("no agent was called")


def prepare(root: Path, tasks: int) -> Path:
    """A repository with a run at half: one commit, ref and note for each task that is done."""
    root.mkdir()
    git = ("git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "base")):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True)
    base = head.stdout.decode().strip()
    folder = root / "dispatch" / "bench"
    run = evolve(a_run(tasks), target_repo_path=str(root), base_commit=base)
    repository = RunRepository(root, folder, run.name)
    repository.ensure_store(base, run.integration_branch)
    middle = max(task.level for task in run.tasks) // 2
    tip, done, boundaries = base, list[Task](), {"1": base}
    scratch = repository.ensure_worktree("scratch", base, None)
    for task in run.tasks:
        if task.level > middle:
            done.append(as_planned(task))
            continue
        (scratch / f"{task.id}.py").write_text(f"{task.objective}\n", encoding="utf-8")
        tree = repository.snapshot(scratch, base).tree
        repository.keep(f"refs/dispatch/submitted/{task.id}", tree, tip, run.identity, TIME)
        tip = repository.commit(tree, tip, task.objective, run.identity, TIME)
        repository.note(tip, f"by {task.id}\n", run.identity, TIME)
        boundaries[str(task.level + 1)] = tip
        assert task.evidence is not None  # a task of the other benchmark has some
        evidence = evolve(task.evidence, tree=tree)
        done.append(evolve(task, status=TaskStatus.COMPLETED, commit_sha=tip, evidence=evidence))
    repository.move(f"refs/heads/{run.integration_branch}", tip, base)
    repository.publish(run.integration_branch, tip, None)
    changed = evolve(run, tasks=tuple(done), level_boundaries=boundaries, published_commit=tip)
    DocumentStore.create(folder, changed)
    return folder


def ports(root: Path, folder: Path, agents: Any) -> Ports:
    """Everything real but the agents."""
    clock = SystemClock(os.environ)
    models = ModelConfig(**{role.name.lower(): "none" for role in Role})
    return Ports(
        store=DocumentStore.open(folder),
        agents=agents,
        repository=RunRepository(root, folder, folder.name),
        commands=CommandRunner(folder, folder / "scratch", launcher=PlainLauncher()),
        operator=OperatorChannel(folder, stream=io.StringIO(), now=clock.now, wait=False),
        journal=EventJournal(folder, stream=io.StringIO(), now=clock.now),
        clock=clock,
        config=Config(build_gate=("make test",), model_config=models),
        folder=folder,
        spec_text="# Spec\n",
    )


def seconds(call: Callable[[], Run]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
