"""What a repair owes its siblings: their commands still pass, their lines are accounted for."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve

from ..policy.evidence import sibling_problems
from ..policy.hunks import missing_hunks
from ..state.records import Task
from .builds import run_commands
from .ports import Ports, Repository
from .rebuild import Link
from .stopping import Stopping
from .workplaces import check_worktree, fix_worktree, prepare

MAX_COMMANDS: Final = 20  # of siblings, each once; the build gate looks at everything later


async def broken_commands(
    ports: Ports, task: Task, siblings: Sequence[Task], base: str, tree: str
) -> tuple[str, ...]:
    """Which verify commands of siblings pass on ``base`` and not with a repair, as sentences.

    ``tree`` is what was submitted; the repair's worktree is brought back to it.
    """
    if not ports.config.verify_submissions:
        return ()
    owners: dict[str, str] = {}
    for sibling in siblings:
        for command in sibling.verify_commands:
            if command not in task.verify_commands:
                owners.setdefault(command, sibling.id)
    commands = tuple(owners)[:MAX_COMMANDS]
    name = fix_worktree(task.id)
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, name)
    assert worktree is not None  # an agent is at work in it
    # Part of a submission, which an agent may finish also while the run comes to its stop.
    ports = evolve(ports, stopping=Stopping())
    results = await run_commands(ports, commands, worktree, f"{name}/siblings")
    await asyncio.to_thread(ports.repository.restore, worktree, tree)
    failing = tuple(each for each in results if each.exit_code != 0)
    if not failing:
        return ()
    # What failed before the repair is not its doing.
    place = check_worktree(task.id)
    before = await run_commands(
        ports,
        [each.command for each in failing],
        await prepare(ports, place, base),
        f"{name}/siblings-before",
    )
    await asyncio.to_thread(ports.repository.remove_worktree, place)
    return sibling_problems(failing, before, owners)


def superseded(
    repository: Repository, start: str, links: Sequence[Link], tip: str, repaired: Sequence[str]
) -> Mapping[str | int, tuple[str, ...]]:
    """For owners that were not repaired, the files in which the new ``tip`` lost lines of theirs.

    ``links`` are the commits after ``start`` before the repairs; what they had lost by then among
    themselves is not counted again.
    """
    old = [link.commit for link in links if link.commit is not None]
    if not old:
        return {}
    found: dict[str | int, set[str]] = {}
    parent = start
    for link in links:
        if link.commit is None:
            continue
        if link.task_id not in repaired:
            patch = repository.diff(parent, link.commit)
            # From its own parent: what it changed of the commits before it is in both, too.
            before, after = repository.diff(parent, old[-1]), repository.diff(parent, tip)
            lost = Counter(missing_hunks(patch, after)) - Counter(missing_hunks(patch, before))
            found.setdefault(link.owner, set()).update(hunk.path for hunk in lost)
        parent = link.commit
    return {owner: tuple(sorted(paths)) for owner, paths in found.items() if paths}
