"""Worktrees made ready for work: checked out, ignored paths shared, set-up commands run."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from ..state.enums import FailureKind, TaskStatus
from ..state.errors import GitError
from ..state.records import Run, Task
from ..state.work import CommandResult
from .ports import Ports
from .step import RunStopped

LEVEL_PREFIX = "level-"
BASELINE = "baseline"
ATTRIBUTION = "attribution"  # in which failing commands are run again
_INTEGRATED = frozenset({TaskStatus.COMMITTED, TaskStatus.CRITIQUING, TaskStatus.COMPLETED})


def level_worktree(level: int) -> str:
    """The name of a level's worktree."""
    return f"{LEVEL_PREFIX}{level}"


def fix_worktree(task_id: str) -> str:
    """The name of the worktree in which a task is repaired."""
    return f"fix-{task_id}"


def check_worktree(task_id: str) -> str:
    """The name of the worktree in which commands look at a task's work beside its own tree."""
    return f"check-{task_id}"


def regenerate_worktree(task_id: str) -> str:
    """The name of the worktree in which hub files are made anew for a task."""
    return f"regenerate-{task_id}"


def entrant_name(task_id: str, number: int) -> str:
    """The name of one of a task's race: of its attempts, its worktree and its refs."""
    return f"{task_id}.r{number}"


def own_worktree(task: Task) -> str:
    """The name of the worktree of a task's implementer; after a race the winner's."""
    taken = None if task.raced is None else task.raced.taken
    if taken is None or task.evidence != taken.evidence:  # or made anew since
        return task.id
    return entrant_name(task.id, taken.number)


def losing_worktrees(task: Task) -> tuple[str, ...]:
    """The names of worktrees of a race that is over, but for the one that is the task's own."""
    if task.raced is None or task.status is TaskStatus.RUNNING:
        return ()
    names = (entrant_name(task.id, each.number) for each in task.raced.entrants)
    own = own_worktree(task)
    return tuple(name for name in names if name != own)


def passing_worktrees(run: Run) -> tuple[str, ...]:
    """The names of worktrees that nobody needs any more, and that a kill may have left.

    Those for one command, of repairs that are integrated, and of those who lost a race.
    """
    names = (check_worktree, regenerate_worktree)
    repaired = [task.id for task in run.tasks if task.fixes and task.status in _INTEGRATED]
    return (
        ATTRIBUTION,
        *(name(task.id) for task in run.tasks for name in names),
        *map(fix_worktree, repaired),
        *(name for task in run.tasks for name in losing_worktrees(task)),
    )


def level_branch(run_branch: str, level: int) -> str:
    """The full ref name of a level's branch; a slash would collide with the run's own branch."""
    return f"refs/heads/{run_branch}-level-{level}"


async def prepare(ports: Ports, name: str, commit: str, branch: str | None = None) -> Path:
    """A worktree at a commit, ready for agents and builds; raises RunStopped when set-up fails."""
    run = ports.store.run
    path = await asyncio.to_thread(ports.repository.ensure_worktree, name, commit, branch)
    await asyncio.to_thread(ports.repository.share, path, run.share)
    for number, command in enumerate(run.setup, 1):
        await ports.stopping.admit()
        output = ports.folder / "builds" / f"setup-{name}" / f"{number}.log"
        result = await ports.commands.run(command, path, output, is_setup=True)
        if result.exit_code != 0:
            raise RunStopped(
                FailureKind.COMMAND_FAILED,
                f"The setup command `{command}` ended with {ending(result)} in the worktree "
                f"{name}; its output is in {output}.",
            )
    if run.setup:
        snapshot = await asyncio.to_thread(ports.repository.snapshot, path, commit)
        if snapshot.changes:
            raise RunStopped(
                FailureKind.COMMAND_FAILED,
                "The setup commands changed files that git does not ignore, so no agent's work "
                f"could be told from theirs: {some(each.path for each in snapshot.changes)}. "
                "Ignore these paths in .gitignore, or commit them.",
            )
    return path


async def as_left(ports: Ports, name: str, base: str) -> Path:
    """The worktree in which an interrupted agent worked; made anew where somebody removed it."""
    existing = await asyncio.to_thread(ports.repository.existing_worktree, name)
    return existing or await prepare(ports, name, base)


def rescue_ref(run: Run, name: str) -> str:
    """The ref of the user's repository that keeps work which is not in the result."""
    return f"refs/dispatch/{run.name}/rescue/{name}"


async def keep_work(ports: Ports, worktree: str, base: str, name: str) -> str | None:
    """Keep a worktree's content under the rescue ref of that name; null when nothing changed."""
    run = ports.store.run
    path = await asyncio.to_thread(ports.repository.existing_worktree, worktree)
    if path is None:
        return None
    snapshot = await asyncio.to_thread(ports.repository.snapshot, path, base)
    if not snapshot.changes:
        return None
    ref = rescue_ref(run, name)
    commit = await asyncio.to_thread(
        ports.repository.keep, ref, snapshot.tree, base, run.identity, ports.clock.commit_time()
    )
    await asyncio.to_thread(ports.repository.publish_ref, ref, commit)
    return ref


@frozen
class OwnTree:
    """The tree of one agent alone, in a worktree made at ``base``; see ``state.jobs.Tree``."""

    ports: Ports
    worktree: Path
    base: str

    async def start(self) -> str:
        """The tree of the base: set-up commands may change nothing but what git ignores."""
        return await asyncio.to_thread(self.ports.repository.tree_of, self.base)

    async def now(self) -> str | None:
        """Kept as objects of the run's store, which nobody collects."""
        try:
            snapshot = await asyncio.to_thread(
                self.ports.repository.snapshot, self.worktree, self.base
            )
        except GitError:
            return None
        return None if snapshot.problems else snapshot.tree

    async def bring_back(self, tree: str) -> None:
        """Nothing is done where it is that already."""
        if await self.now() != tree:
            await asyncio.to_thread(self.ports.repository.restore, self.worktree, tree)


def some(names: Iterable[str], at_most: int = 10) -> str:
    """A sentence part naming things, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - at_most
    return ", ".join(all_names[:at_most]) + (f" and {more} more" if more > 0 else "")


def ending(result: CommandResult) -> str:
    """How a command ended, in words."""
    if result.timed_out:
        return "its time limit"
    if result.exit_code is None:
        return f"signal {result.signal}"
    return f"exit code {result.exit_code}"
