"""Joining a tree with what is there: hub files by their rules, other conflicts by a fix agent."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from ..policy.hub_files import MAX_RESTARTS, rule_for, ruled
from ..policy.hunks import missing_hunks
from ..state.enums import FailureKind, HubStrategy, Verb
from ..state.git_values import Merge
from ..state.hubs import Regeneration
from ..state.records import Run, Task
from ..state.work import CommandResult, FileChange
from .builds import read_output, run_commands
from .conflicts import Clash, both_sides, resolve, siblings, superseded_paths
from .fold import change_task, task_of
from .ports import Ports
from .step import RunStopped
from .workplaces import ending, prepare, regenerate_worktree, some

MAX_SHOWN_OUTPUT: Final = 2000  # characters of a failing command's output, from its end
_REGULAR: Final = frozenset({"100644", "100755"})


@frozen(kw_only=True)
class Side:
    """A tree of a task, made on the commit ``base``, that is to be joined with ``tip``."""

    task: Task
    tip: str
    base: str
    tree: str
    time: int


@frozen(kw_only=True)
class Joined:
    """The tree with both in it; null: the operator left the task's side out, or ``again`` is set.

    ``superseded`` are files in which a resolution dropped accepted lines.  ``again`` are serialised
    files in which both sides clash: the task is to be made again on the tip.
    """

    tree: str | None
    superseded: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


async def join(
    ports: Ports, side: Side, allowed: dict[Verb, str], *, may_start_again: bool
) -> Joined:
    """Join a tree with the tip; done again after a kill it gives the same.

    First what may be merged, with the union of hub files; then a fix agent for what conflicts; last
    the files that both sides changed and that a command makes anew.  Raises RunStopped when a merge
    dropped an accepted line.
    """
    run, repository = ports.store.run, ports.repository
    regenerated, theirs = await asyncio.to_thread(_set_aside, ports, side)
    merge = await asyncio.to_thread(repository.merge, side.tip, theirs, side.base)
    united = ruled(merge.conflicts, HubStrategy.UNION, run.hub_files)
    if united:
        merge = await asyncio.to_thread(repository.merge, side.tip, theirs, side.base, united)
        united = tuple(path for path in united if path not in merge.conflicts)
    again = ruled(merge.conflicts, HubStrategy.SERIALISE, run.hub_files)
    if again and may_start_again and len(side.task.restarts) < MAX_RESTARTS:
        return Joined(tree=None, again=again)
    clash = Clash(
        task=side.task,
        tip=side.tip,
        base=side.base,
        tree=theirs,
        merge=merge,
        time=side.time,
        others=siblings(run, side.task),
        united=united,
    )
    tree: str | Verb = merge.tree
    superseded: tuple[str, ...] = ()
    if merge.conflicts:
        tree = await resolve(ports, clash, allowed)
        if isinstance(tree, Verb):
            return Joined(tree=None)
        superseded = await asyncio.to_thread(superseded_paths, ports, clash, tree)
    else:
        await asyncio.to_thread(_require_nothing_dropped, ports, clash)
    if regenerated:
        tree = await _regenerated(ports, side, tree, regenerated, allowed)
    return Joined(tree=None if isinstance(tree, Verb) else tree, superseded=superseded)


def _set_aside(ports: Ports, side: Side) -> tuple[tuple[str, ...], str]:
    """The files that both sides changed and a command makes anew; the tree without those changes.

    Also where they would merge: what such a file says must fit as a whole.
    """
    hub_files, repository = ports.store.run.hub_files, ports.repository
    if not any(each.strategy is HubStrategy.REGENERATE for each in hub_files):
        return (), side.tree
    theirs = _paths(repository.changes(side.base, side.tree))
    both = theirs & _paths(repository.changes(side.base, side.tip))
    regenerated = ruled(both, HubStrategy.REGENERATE, hub_files)
    if not regenerated:
        return (), side.tree
    rest = sorted(theirs.difference(regenerated))
    return regenerated, repository.pick(side.base, side.tree, rest)


async def _regenerated(
    ports: Ports, side: Side, tree: str, paths: tuple[str, ...], allowed: dict[Verb, str]
) -> str | Verb:
    """The joined tree with the files as their commands make them, or as a fix agent does."""
    task_id, run = side.task.id, ports.store.run
    ref = f"refs/dispatch/regenerate/{task_id}"
    base = await asyncio.to_thread(
        ports.repository.keep, ref, tree, side.tip, run.identity, side.time
    )
    made = _recorded(run, task_id, base)
    if made is None:
        made = await _run(ports, side, base, paths)
        ports.store.update(lambda run: _with_regeneration(run, task_id, made))
        ports.journal.event("files.regenerated", task=task_id, paths=paths, tree=made.tree)
    if made.tree is not None:
        return made.tree
    clash = Clash(
        task=side.task,
        tip=side.tip,
        base=side.tip,
        tree=tree,
        merge=Merge(tree, paths),
        time=side.time,
        others=siblings(run, side.task),
        reason="Several tasks changed this file, and the command that makes it anew failed.",
        evidence=await asyncio.to_thread(_why_not, ports, side, made),
    )
    return await resolve(ports, clash, allowed)


async def _run(ports: Ports, side: Side, base: str, paths: tuple[str, ...]) -> Regeneration:
    """Run the commands on the joined tree and keep what they make of the files, and only that."""
    repository, run = ports.repository, ports.store.run
    name = regenerate_worktree(side.task.id)
    worktree = await prepare(ports, name, base)
    commands = _commands(run, paths)
    folder = f"{name}-{1 + len(task_of(run, side.task.id).regenerations)}"
    results = await run_commands(ports, commands, worktree, folder)
    tree = None
    if all(result.exit_code == 0 for result in results):
        tree = await asyncio.to_thread(_made, ports, worktree, base, paths)
    if tree is not None:
        # Reachable before it is in the document: what is recorded must never be gone.
        ref = f"refs/dispatch/regenerated/{side.task.id}"
        await asyncio.to_thread(repository.keep, ref, tree, base, run.identity, side.time)
    await asyncio.to_thread(repository.remove_worktree, name)
    return Regeneration(base=base, paths=paths, commands=results, tree=tree)


def _made(ports: Ports, worktree: Path, base: str, paths: Sequence[str]) -> str | None:
    """The tree with the files as they are in a worktree; null when one is no regular file."""
    snapshot = ports.repository.snapshot(worktree, base)
    odd = [each for each in snapshot.changes if each.path in paths and each.mode not in _REGULAR]
    return None if odd else ports.repository.pick(base, snapshot.tree, paths)


def _commands(run: Run, paths: Sequence[str]) -> tuple[str, ...]:
    """The commands that make these files, in the order of the rules, each once."""
    wanted = [rule_for(path, run.hub_files) for path in paths]
    return tuple(
        dict.fromkeys(each.command for each in run.hub_files if each in wanted and each.command)
    )


def _recorded(run: Run, task_id: str, base: str) -> Regeneration | None:
    return next((each for each in task_of(run, task_id).regenerations if each.base == base), None)


def _with_regeneration(run: Run, task_id: str, made: Regeneration) -> Run:
    return change_task(
        run, task_id, lambda task: evolve(task, regenerations=(*task.regenerations, made))
    )


def _why_not(ports: Ports, side: Side, made: Regeneration) -> str:
    """What the commands printed, and what both sides did to the files."""
    clash = Clash(
        task=side.task,
        tip=side.tip,
        base=side.base,
        tree=side.tree,
        merge=Merge(side.tree, made.paths),
        time=side.time,
        others=(),
    )
    printed = "\n".join(_ended(ports, result) for result in made.commands)
    return f"{printed}\nThe file is as it was before this task.\n{both_sides(ports, clash)}"


def _ended(ports: Ports, result: CommandResult) -> str:
    output = read_output(ports.folder, result)[-MAX_SHOWN_OUTPUT:].strip()
    return f"`{result.command}` ended with {ending(result)}, and printed last:\n{output}"


def _require_nothing_dropped(ports: Ports, clash: Clash) -> None:
    diff = ports.repository.diff
    missing = missing_hunks(
        diff(clash.base, clash.tree),
        diff(clash.tip, clash.merge.tree),
        diff(clash.base, clash.tip),
        only_added=clash.united,
    )
    if missing:
        paths = sorted({hunk.path for hunk in missing})
        raise RunStopped(
            FailureKind.INTERNAL,
            f"The merge of task {clash.task.id} dropped accepted changes in {some(paths)}; nothing "
            "was committed for it. Please report this with the run's folder.",
            clash.task.id,
        )


def _paths(changes: Sequence[FileChange]) -> frozenset[str]:
    return frozenset(
        path for each in changes for path in (each.path, each.old_path) if path is not None
    )
