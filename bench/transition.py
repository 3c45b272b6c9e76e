"""What one durable transition costs, against writing the whole document with a general YAML writer.

Run it with ``python bench/transition.py``.  Goals, at 1,000 tasks and realistic
sizes (4 KB plans, evidence, three attempts a task): a transition at least 100 times as cheap as
the full dump and below 25 ms in the median; loading below 2.5 s.
"""

import gc
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import evolve
from ruamel.yaml import YAML

from dispatch.state.codec import unstructure
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    ChangeKind,
    GateOutcome,
    Role,
    RunStatus,
    TaskClass,
)
from dispatch.state.enums import TaskStatus as Status
from dispatch.state.judgements import CritiqueVerdict
from dispatch.state.records import HistoryEntry, Identity, Run, Task
from dispatch.state.work import Attempt, CommandResult, Evidence, FileChange, TaskOutput, Usage

SIZES = (10, 100, 1000)
ROUNDS = 31
GOAL_RATIO = 100
GOAL_MS = 25.0
GOAL_LOAD_S = 2.5
PLAN_BYTES = 4096
AT = "2026-01-02T03:04:05.678Z"


def main() -> int:
    """Measure, print the table, and say whether the goals hold."""
    print(
        f"{'tasks':>6} {'transition':>11} {'written':>8} {'full dump':>10} {'ratio':>6} {'load':>7}"
    )
    good = True
    for size in SIZES:
        with TemporaryDirectory(dir=Path.cwd()) as folder:
            step, dump, load, written = measure(Path(folder) / "run", size)
        print(
            f"{size:>6} {step * 1000:>8.2f} ms {written / 1024:>5.0f} KB {dump * 1000:>7.0f} ms "
            f"{dump / step:>6.0f} {load * 1000:>4.0f} ms"
        )
        if size == SIZES[-1]:
            good = dump / step >= GOAL_RATIO and step * 1000 < GOAL_MS and load < GOAL_LOAD_S
    print(
        f"goals at {SIZES[-1]} tasks (ratio >= {GOAL_RATIO}, < {GOAL_MS:g} ms, "
        f"load < {GOAL_LOAD_S:g} s): {'hold' if good else 'MISSED'}"
    )
    return 0 if good else 1


def measure(folder: Path, size: int) -> tuple[float, float, float, int]:
    """Median seconds of a transition, seconds of a full dump and of a load, bytes written."""
    store = DocumentStore.create(folder, a_run(size))
    steps = [
        timed(lambda: store.update(lambda run: step(run, place)))  # noqa: B023
        for place in range(ROUNDS)
    ]
    loads = [timed(lambda: load_run(folder / DOCUMENT)) for _ in range(3)]
    plain = unstructure(store.run)
    dumps = [
        timed(lambda: YAML().dump(plain, io.StringIO()))
        for _ in range(1 if size == SIZES[-1] else 3)
    ]
    return median(steps), median(dumps), median(loads), (folder / DOCUMENT).stat().st_size


def timed(call: Callable[[], object]) -> float:
    """Seconds a call takes."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def step(run: Run, place: int) -> Run:
    """One transition: a task gets an attempt and a status."""
    at = place * 37 % len(run.tasks)
    task = run.tasks[at]
    attempt = an_attempt(f"{task.id}.critic.{len(task.attempts) + 1 + place}")
    changed = evolve(task, status=Status.CRITIQUING, attempts=(*task.attempts, attempt))
    return evolve(run, tasks=(*run.tasks[:at], changed, *run.tasks[at + 1 :]))


def a_run(size: int) -> Run:
    """A run in the middle of its work."""
    return Run(
        name="bench",
        status=RunStatus.EXECUTING,
        spec_path="spec.md",
        target_repo_path="/repository",
        integration_branch="dispatch/bench",
        base_commit="1" * 40,
        identity=Identity(name="A", email="a@example.org"),
        build_gate=("make lint", "make test"),
        created_at=AT,
        history=tuple(
            HistoryEntry(
                seq=each,
                at=AT,
                event="level_passed",
                source=RunStatus.EXECUTING,
                target=RunStatus.EXECUTING,
                reason="all tasks of the level are committed",
            )
            for each in range(1, size + 1)
        ),
        tasks=tuple(a_task(each, size) for each in range(size)),
    )


def a_task(place: int, size: int) -> Task:
    """A committed task with everything that a real one gathers."""
    level = 1 + place * 8 // size
    task_id = f"{level}t{place}-make-part-{place}"
    changes = tuple(
        FileChange(path=f"src/part_{place}/file_{each}.py", kind=ChangeKind.ADDED, added_lines=40)
        for each in range(4)
    )
    check = CommandResult(
        command="make test",
        exit_code=0,
        duration_seconds=12.5,
        output_path=f"attempts/{task_id}.implementer.1/verify-1.log",
        output_bytes=48_000,
    )
    return Task(
        id=task_id,
        level=level,
        sequence="a",
        depends_on=(),
        objective=f"Make part {place}: it's needed by everything that comes after it.",
        plan_markdown=a_plan(place),
        agent_type=AgentType.GENERAL,
        task_class=TaskClass.FEATURE,
        critique_enabled=True,
        verify_commands=("make test",),
        status=Status.COMMITTED,
        worktree_path=f"/repository/dispatch/bench/worktrees/{task_id}",
        output=TaskOutput(
            summary="Made the part.\n\n- parser\n- tests\n",
            files_modified=tuple(each.path for each in changes),
            deviations=(),
            notes="Nothing to add: see the plan.",
        ),
        evidence=Evidence(tree="2" * 40, changes=changes, builds=(), commands=(check,)),
        commit_time=1_767_322_800,
        commit_sha="3" * 40,
        critique_verdicts=(CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=()),),
        attempts=tuple(an_attempt(f"{task_id}.implementer.{each}") for each in (1, 2, 3)),
    )


def an_attempt(attempt_id: str) -> Attempt:
    """An attempt that ended well."""
    return Attempt(
        id=attempt_id,
        role=Role.IMPLEMENTER,
        executor="litellm",
        model="provider/model-large",
        started_at=AT,
        ended_at=AT,
        outcome=AttemptOutcome.OK,
        usage=Usage(turns=18, input_tokens=183_221, output_tokens=9_211, cost_usd=0.8123),
    )


def a_plan(place: int) -> str:
    """Markdown of about PLAN_BYTES."""
    line = (
        f'- `part_{place}()` must raise "too deep": see {{the}} notes of step {place}, and test it.'
    )
    return f"# Part {place}\n\n" + "\n".join([line] * (PLAN_BYTES // len(line))) + "\n"


if __name__ == "__main__":
    sys.exit(main())
