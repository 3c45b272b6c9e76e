"""``dispatch diff RUN [--task ID]``: what a run, or one of its tasks, changed."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from ..fsm.fold import task_named
from ..gitops.outcome import Outcome
from ..state.codec import unstructure
from ..state.enums import RunStatus
from ..state.errors import ExitCode, UsageError
from ..state.pager import show
from ..state.records import Run
from ..state.redact import shown
from ..state.work import FileChange
from .folders import open_run

JSON_VERSION: Final = 1  # of what --json prints; keys are only ever added within one version


@frozen(kw_only=True)
class _Step:
    """A difference between two commits or trees; ``commit``: it is one, with its message."""

    old: str
    new: str
    commit: bool = False


def run(args: Namespace) -> int:
    """Print a patch, or with ``--stat`` the files; in the pager at a terminal."""
    _, document = open_run(args.repo, args.name)
    outcome = Outcome(args.repo, document.name)
    steps = _steps(document) if args.task is None else _steps_of(document, args.task, outcome)
    changes = tuple(each for step in steps for each in outcome.changes(step.old, step.new))
    if args.stat and not args.json:
        show(_stat(changes), sys.stdout)
        return ExitCode.DONE
    patch = "".join(
        outcome.patch(step.new) if step.commit else outcome.diff(step.old, step.new)
        for step in steps
    )
    text = _visible(patch)
    if args.json:
        data = {
            "version": JSON_VERSION,
            "run": document.name,
            "task": args.task,
            "steps": [{"from": step.old, "to": step.new} for step in steps],
            "files": [unstructure(each) for each in changes],
            "patch": text,
        }
        print(json.dumps(data, indent=2))
        return ExitCode.DONE
    if not changes:
        print("dispatch: Nothing was changed there.", file=sys.stderr)
    show(text, sys.stdout)
    return ExitCode.DONE


def _steps(run: Run) -> tuple[_Step, ...]:
    """From where the run began to the newest commit that it has."""
    newest = max(run.level_boundaries, key=int, default=None)
    tip = run.level_boundaries[newest] if newest else run.base_commit
    if run.status is RunStatus.DONE and run.published_commit:
        tip = run.published_commit
    return (_Step(old=run.base_commit, new=tip),)


def _steps_of(run: Run, task_id: str, outcome: Outcome) -> tuple[_Step, ...]:
    """The commits of a task, its repairs' included; of one that was only submitted, that."""
    task = task_named(run, task_id)
    commits = (task.commit_sha, *(fix.commit_sha for fix in task.fixes))
    found = tuple(
        _Step(old=outcome.parent(commit), new=commit, commit=True)
        for commit in commits
        if commit is not None
    )
    evidence = task.evidence
    if found or evidence is None:
        if not found and task.kept_refs:
            refs = ", ".join(task.kept_refs)
            raise UsageError(
                f"Task {task_id} has no commit: its work is kept under {refs}.",
                f"To look at it: git show {task.kept_refs[0]}",
            )
        return found
    return (_Step(old=evidence.base or run.base_commit, new=evidence.tree),)


def _stat(changes: Sequence[FileChange]) -> str:
    lines = [
        f"{each.kind:<8}  +{each.added_lines:<5} -{each.deleted_lines:<5} {shown(each.path)}\n"
        for each in changes
    ]
    added, deleted = (
        sum(getattr(each, key) for each in changes) for key in ("added_lines", "deleted_lines")
    )
    return f"{''.join(lines)}{len(changes)} files, +{added} -{deleted}\n"


def _visible(patch: str) -> str:
    """Without what is not seen; tabs, which a patch of a Makefile needs, stay."""
    return "\t".join(shown(part) for part in patch.split("\t"))
