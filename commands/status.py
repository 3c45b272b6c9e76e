"""``dispatch status [RUN]``: where runs stand, for people and, with ``--json``, for scripts."""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import frozen

from ..fsm.budget_words import budget_data, budget_lines
from ..fsm.next_steps import next_steps
from ..fsm.report_words import money, turns
from ..policy.usage import total
from ..state.clean_text import clean
from ..state.codec import unstructure
from ..state.document import DOCUMENT, load_run_of
from ..state.enums import TaskStatus
from ..state.errors import DispatchError, ExitCode
from ..state.escalation_file import Reply, read_reply
from ..state.lock import holder
from ..state.records import Run, Task
from ..state.work import Usage
from .folders import has_worktrees, open_run, run_names, runs_folder
from .json_output import print_json

MAX_LINE: Final = 200  # characters of one sentence of an agent
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@frozen(kw_only=True)
class _Row:
    """One run among others."""

    name: str
    status: str
    live: str | None = None
    problem: str | None = None
    tasks: int = 0
    completed: int = 0
    questions: int = 0  # that nobody has answered
    cost_usd: float | None = 0.0
    created_at: str | None = None


def run(args: Namespace) -> int:
    """Print every run of the repository in a line each, or one in detail."""
    if args.name is not None:
        folder, document = open_run(args.repo, args.name)
        live, given = holder(folder), given_answers(folder, document)
        worktrees = has_worktrees(folder)
        data = as_data(document, live, given, worktrees) if args.json else None
        _say(data, details(document, live, given, worktrees))
        return ExitCode.DONE
    folder = runs_folder(args.repo)
    found = [_look(folder / name) for name in run_names(folder)]
    rows = [row for row, _ in found]
    _say({"runs": unstructure(rows)} if args.json else None, _table(rows))
    return next((code for _, code in found if code), ExitCode.DONE)


def given_answers(folder: Path, run: Run) -> Mapping[str, str]:
    """The answers that the run has not taken up yet, by question."""
    asked = [each for each in run.escalations if each.answer is None]
    read = ((each.id, read_reply(folder, each)) for each in asked)
    return {name: reply.verb for name, reply in read if isinstance(reply, Reply)}


def as_data(
    run: Run, live: str | None, given: Mapping[str, str] = NOTHING, worktrees: bool = True
) -> Mapping[str, object]:
    """One run as ``--json`` shows it; ``live`` describes the process that works on it.

    ``given`` are the answers that it has not taken up yet; ``worktrees``: they are there still.
    """
    usage = _total(run)
    return {
        "name": run.name,
        "status": run.status,
        "live": live,
        "branch": run.integration_branch,
        "baseCommit": run.base_commit,
        "createdAt": run.created_at,
        "usage": unstructure(usage),
        "budget": budget_data(run),
        "paused": run.paused or None,
        "failure": unstructure(run.failure) if run.failure else None,
        "escalations": [unstructure(each) for each in run.escalations if each.answer is None],
        "given": dict(given),
        "tasks": [
            {
                "id": task.id,
                "level": task.level,
                "status": task.status,
                "commit": task.commit_sha,
                "attempts": len(task.attempts),
                "usage": unstructure(total(task.attempts)),
                "failure": unstructure(task.failure) if task.failure else None,
            }
            for task in run.tasks
        ],
        "next": list(next_steps(run, live is not None, given, worktrees)),
    }


def details(
    run: Run, live: str | None, given: Mapping[str, str] = NOTHING, worktrees: bool = True
) -> Iterator[str]:
    """One run as lines for people; whoever wrote the document, they hold nothing that is unseen."""
    return (clean(line).replace("\n", " ") for line in _details(run, live, given, worktrees))


def _details(
    run: Run, live: str | None, given: Mapping[str, str], worktrees: bool
) -> Iterator[str]:
    yield f"Run {run.name}: {run.status}"
    for question in run.escalations:
        if question.answer is None:
            yield f"Question {question.id}: {_line(question.question)}"
            words = "|".join(map(_line, question.allowed))
            todo = f"dispatch answer {run.name} {question.id} {words}"
            verb = given.get(question.id)
            yield f"  answer   {todo if verb is None else f'{verb}, not taken up yet'}"
    yield f"  branch   {run.integration_branch}, from {run.base_commit[:12]}"
    yield f"  started  {run.created_at}"
    yield f"  process  {live or 'none is working on it'}"
    yield f"  usage    {_usage(_total(run))}"
    yield from (f"  budget   {line}" for line in budget_lines(run))
    if run.paused:
        yield f"  paused   {_line(run.paused)}"
    if run.failure is not None:
        yield f"  failure  {run.failure.kind} while {run.failure.state}:"
        yield from (f"           {_line(part)}" for part in clean(run.failure.message).split("\n"))
    level = 0
    for task in run.tasks:
        if task.level != level:
            level = task.level
            yield f"Level {level}"
        yield _task(task)
    yield "Next"
    steps = next_steps(run, live is not None, given, worktrees)
    yield from (f"  {_line(step)}" for step in steps)
    yield f"  More is in the report: dispatch report {run.name} --format md"


def _look(folder: Path) -> tuple[_Row, ExitCode]:
    """A run's row, and what is wrong with it."""
    try:
        live = holder(folder)
        if not os.path.lexists(folder / DOCUMENT):
            return _Row(name=folder.name, status="not begun", live=live), ExitCode.DONE
        run = load_run_of(folder)
        given = given_answers(folder, run)
    except DispatchError as error:
        row = _Row(name=folder.name, status="unreadable", problem=str(error))
        return row, error.exit_code
    row = _Row(
        name=run.name,
        status=run.status,
        live=live,
        tasks=len(run.tasks),
        completed=sum(task.status is TaskStatus.COMPLETED for task in run.tasks),
        questions=sum(each.answer is None for each in run.escalations) - len(given),
        cost_usd=_total(run).cost_usd,
        created_at=run.created_at,
    )
    return row, ExitCode.DONE


def _table(rows: Sequence[_Row]) -> Iterator[str]:
    if not rows:
        yield "There are no runs here."
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        parts = [f"{row.completed} of {row.tasks} tasks completed"] if row.tasks else []
        open_ones = "1 open question" if row.questions == 1 else f"{row.questions} open questions"
        parts += [open_ones] if row.questions else []
        parts += [f"cost {money(row.cost_usd)}"] if row.cost_usd != 0 else []
        parts += [row.live] if row.live else []
        about = _line(row.problem) if row.problem else ", ".join(parts)
        yield f"{row.name:<{width}}  {row.status:<19}  {about}".rstrip()


def _task(task: Task) -> str:
    parts = [task.commit_sha[:12] if task.commit_sha else "no commit"]
    parts += [f"{len(task.attempts)} attempt{'' if len(task.attempts) == 1 else 's'}"]
    parts += [_usage(total(task.attempts))] if task.attempts else []
    parts += [f"{task.failure.kind}: {_line(task.failure.message)}"] if task.failure else []
    return f"  {task.id}  {task.status}, {', '.join(parts)}"


def _total(run: Run) -> Usage:
    return total((*run.attempts, *(each for task in run.tasks for each in task.attempts)))


def _usage(usage: Usage) -> str:
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    return f"{turns(usage)}, {tokens}, cost {money(usage.cost_usd)}"


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def _say(data: Mapping[str, object] | None, lines: Iterator[str]) -> None:
    if data is not None:
        print_json(**data)
    else:
        print("\n".join(lines))
