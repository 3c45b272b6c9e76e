"""Which rule holds for a file that many tasks change, and which tasks will meet in one."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from ..state.enums import AgentType, HubStrategy
from ..state.glob import Glob
from ..state.hubs import HubFile
from ..state.records import Task
from .attribution import claimed_path

MAX_RESTARTS: Final = 3  # of one task for serialised files; then its conflict is resolved instead

_WORD: Final = re.compile(r"[^\s`'\"()<>\[\]{},;]+")


def rule_for(path: str, hub_files: Sequence[HubFile]) -> HubFile | None:
    """The first rule whose glob matches a path."""
    names = path.split("/")
    return next((each for each in hub_files if _glob(each.glob).matches(names)), None)


def ruled(
    paths: Iterable[str], strategy: HubStrategy, hub_files: Sequence[HubFile]
) -> tuple[str, ...]:
    """Those of the paths that a strategy holds for, sorted."""
    rules = ((path, rule_for(path, hub_files)) for path in set(paths))
    return tuple(sorted(path for path, rule in rules if rule and rule.strategy is strategy))


def serialised_files(task: Task, hub_files: Sequence[HubFile]) -> frozenset[str]:
    """The serialised files that a task is expected to change, or is known to.

    Expected are those that its plan or objective names anywhere: to wait for a sibling in vain
    costs time, to meet it costs an implementer.
    """
    known = {path for restart in task.restarts for path in restart.paths}
    if task.agent_type is AgentType.EXPLORE or not _serialises(hub_files):
        return frozenset(known)
    words = _WORD.findall(f"{task.objective}\n{task.plan_markdown}")
    paths = (claimed_path(word.rstrip(".:!?"), "") for word in words)
    named = {path for path in paths if path is not None}
    return frozenset(known.union(ruled(named, HubStrategy.SERIALISE, hub_files)))


def _serialises(hub_files: Sequence[HubFile]) -> bool:
    return any(each.strategy is HubStrategy.SERIALISE for each in hub_files)


@cache
def _glob(pattern: str) -> Glob:
    return Glob(pattern)
