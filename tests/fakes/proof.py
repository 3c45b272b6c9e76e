"""What a finished run says, held against the repository by somebody who believes nothing of it."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fakes.run_harness import GIT_ENV, Place, git

from dispatch.state.enums import TaskStatus
from dispatch.state.records import Task


def falsehoods(place: Place) -> list[str]:
    """What the document says of completed tasks and the repository does not bear out; none: true.

    A task's commits change exactly what it claims, and its commands exit 0 on its accepted tree,
    checked out afresh.
    """
    run = place.run
    store = place.folder / "git"
    found = []
    for task in run.tasks:
        if task.status is not TaskStatus.COMPLETED:
            continue
        assert task.output is not None
        assert task.evidence is not None
        claimed = set(task.output.files_modified)
        changed = set().union(*(_changed(store, commit) for commit in _commits(task)))
        if changed != claimed:
            found.append(f"{task.id} claims {sorted(claimed)}, its commits hold {sorted(changed)}")
        if not task.verify_commands:
            continue
        tree = task.fixes[-1].evidence.tree if task.fixes else task.evidence.tree
        for command in failing(store, tree, task.verify_commands):
            found.append(f"{command} fails on the accepted tree of {task.id}")
    return found


def failing(store: Path, tree: str, commands: Iterable[str]) -> list[str]:
    """The commands that do not exit 0 in a fresh checkout of a tree."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["git", "-C", str(store), "archive", tree], check=True, capture_output=True, env=GIT_ENV
        )
        subprocess.run(["tar", "-x", "-C", folder], check=True, input=packed.stdout)
        return [
            each
            for each in commands
            if subprocess.run(["sh", "-c", each], cwd=folder, env=GIT_ENV, check=False).returncode
        ]


def lies_in(place: Place, ref: str) -> list[str]:
    """The paths of a ref's whole history that a liar left something in."""
    names = git(place.root, "log", "--name-only", "--format=", "-z", ref, "--").split("\0")
    said = git(place.root, "log", "--format=", "--name-only", "-Sa lie", ref, "--").splitlines()
    return sorted({*(name for name in names if "rogue" in name), *filter(None, said)})


def _commits(task: Task) -> tuple[str, ...]:
    commits = (task.commit_sha, *(fix.commit_sha for fix in task.fixes))
    return tuple(commit for commit in commits if commit is not None)


def _changed(store: Path, commit: str) -> set[str]:
    words = ("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", "--name-only", commit)
    return set(git(store, *words).split("\0")[:-1])
