"""A plan as lines for people: the graph of its tasks first, then each task's own plan."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..policy.critique import critique_enabled
from ..policy.routing import candidate_way
from ..state.clean_text import clean
from ..state.records import Run, Task
from .report_words import many

MAX_LINE: Final = 160  # characters of a sentence in the graph


def plan_words(run: Run, warnings: Sequence[str] = ()) -> str:
    """The plan of a run, whole; ``warnings`` are sentences of the plan gate.  Ends in a newline."""
    return "\n".join(_lines(run, warnings)) + "\n"


def _lines(run: Run, warnings: Sequence[str]) -> Iterator[str]:
    levels = sorted({task.level for task in run.tasks})
    yield f"Plan of run {run.name}: {many(len(run.tasks), 'task')}, {many(len(levels), 'level')}"
    why = _line(run.verification_mode_rationale)
    yield f"Verified by {run.verification_mode}" + (f": {why}" if why else "")
    for level in levels:
        yield ""
        yield f"Level {level}"
        tasks = [task for task in run.tasks if task.level == level]
        width = max(len(task.id) for task in tasks)
        for task in tasks:
            yield f"  {task.id:<{width}}  {task.agent_type:<7}  {_line(task.objective)}"
            if task.depends_on:
                yield f"  {'':<{width}}  after {', '.join(task.depends_on)}"
    if warnings:
        yield ""
        yield "Mind"
        yield from (f"  {_line(sentence)}" for sentence in warnings)
    for task in run.tasks:
        yield from _task(task)


def _task(task: Task) -> Iterator[str]:
    yield ""
    yield f"{task.id} ({task.agent_type}, {task.task_class}, level {task.level})"
    yield f"  objective  {_line(task.objective)}"
    yield f"  after      {', '.join(task.depends_on) or 'nothing'}"
    yield f"  critic     {'yes' if critique_enabled(task) else 'no'}"
    if task.race is not None:
        who = ", ".join(" ".join(candidate_way(each)) for each in task.race.executors)
        yield f"  race       {task.race.n} implementers{_line(f': {who}' if who else '')}"
    for command in task.verify_commands or ("the build gate",):
        yield f"  verify     {_line(command)}"
    for line in clean(task.plan_markdown).rstrip().split("\n"):
        yield f"  | {line}".rstrip()


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"
