"""Whether tasks form a legal graph, and the level of each: one above its highest dependency."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Final

from attrs import frozen

# Each cycle is spelled out, so a hostile graph must not make us spell out thousands.
MAX_REPORTED_CYCLES: Final = 20


class IssueKind(StrEnum):
    """What can be wrong with a graph."""

    DUPLICATE_ID = "duplicate-id"
    INVALID_LEVEL = "invalid-level"
    SELF_DEPENDENCY = "self-dependency"
    DUPLICATE_DEPENDENCY = "duplicate-dependency"
    UNKNOWN_DEPENDENCY = "unknown-dependency"
    CYCLE = "cycle"
    LEVEL_MISMATCH = "level-mismatch"


@frozen
class Node:
    """A task as far as the graph is concerned; ``level`` as declared, null: not declared."""

    id: str
    level: object | None
    depends_on: tuple[str, ...]


@frozen
class Issue:
    """One thing that is wrong; a cycle is reported at its smallest id."""

    kind: IssueKind
    task_id: str
    sentence: str


@frozen
class DagReport:
    """``levels`` are computed by us, in input order; empty unless the graph itself is legal."""

    issues: tuple[Issue, ...]
    levels: Mapping[str, int]


def validate(nodes: Sequence[Node]) -> DagReport:
    """Check the parts, then cycles, then declared levels; each phase needs the one before it."""
    issues = tuple(_structural_issues(nodes))
    if issues:
        return DagReport(issues, {})
    graph = {node.id: node.depends_on for node in nodes}
    issues = tuple(_cycle_issues(graph))
    if issues:
        return DagReport(issues, {})
    levels = _levels(graph)
    return DagReport(tuple(_level_issues(nodes, levels)), levels)


def level_of(depends_on: Iterable[str], levels: Mapping[str, int]) -> int:
    """The level of a task with these dependencies; raises KeyError for one without a level."""
    return 1 + max((levels[dependency] for dependency in depends_on), default=0)


def _structural_issues(nodes: Sequence[Node]) -> Iterable[Issue]:
    counts = Counter(node.id for node in nodes)
    for task_id, count in counts.items():
        if count > 1:
            yield Issue(
                IssueKind.DUPLICATE_ID, task_id, f'Task id "{task_id}" is used {count} times.'
            )
    for node in nodes:
        yield from _node_issues(node, counts)


def _node_issues(node: Node, known: Mapping[str, int]) -> Iterable[Issue]:
    # True is an int to Python, but nobody means level 1 by it.
    whole = isinstance(node.level, int) and not isinstance(node.level, bool) and node.level >= 1
    if node.level is not None and not whole:
        yield Issue(
            IssueKind.INVALID_LEVEL,
            node.id,
            f'Task "{node.id}" has the invalid level {node.level!r}; '
            "a level is a whole number from 1 on.",
        )
    for dependency, count in Counter(node.depends_on).items():
        if dependency == node.id:
            yield Issue(IssueKind.SELF_DEPENDENCY, node.id, f'Task "{node.id}" depends on itself.')
        if count > 1:
            yield Issue(
                IssueKind.DUPLICATE_DEPENDENCY,
                node.id,
                f'Task "{node.id}" lists its dependency "{dependency}" {count} times.',
            )
        if dependency not in known:
            yield Issue(
                IssueKind.UNKNOWN_DEPENDENCY,
                node.id,
                f'Task "{node.id}" depends on "{dependency}", which is no task of the plan.',
            )


def _cycle_issues(graph: Mapping[str, tuple[str, ...]]) -> Iterable[Issue]:
    for cycle in islice(_cycles(graph), MAX_REPORTED_CYCLES):
        smallest = cycle.index(min(cycle))
        turned = cycle[smallest:] + cycle[:smallest]
        path = " -> ".join((*turned, turned[0]))
        yield Issue(IssueKind.CYCLE, turned[0], f"cycle detected: {path}")


def _cycles(graph: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    # One for each edge that leads back onto the path to it, so no cycle comes twice.
    # Depth first with a stack of our own: a chain of 5,000 tasks must not exhaust Python's.
    finished: set[str] = set()
    for start in graph:
        if start in finished:
            continue
        path = {start: 0}  # insertion order is the way from the start
        stack = [(start, iter(graph[start]))]
        while stack:
            node, dependencies = stack[-1]
            for dependency in dependencies:
                if dependency in path:
                    yield tuple(path)[path[dependency] :]
                elif dependency not in finished:
                    path[dependency] = len(path)
                    stack.append((dependency, iter(graph[dependency])))
                    break
            else:
                stack.pop()
                del path[node]
                finished.add(node)


def _levels(graph: Mapping[str, tuple[str, ...]]) -> Mapping[str, int]:
    waiting = {task_id: len(depends_on) for task_id, depends_on in graph.items()}
    dependents: dict[str, list[str]] = {task_id: [] for task_id in graph}
    for task_id, depends_on in graph.items():
        for dependency in depends_on:
            dependents[dependency].append(task_id)
    levels: dict[str, int] = {}
    ready = [task_id for task_id, count in waiting.items() if count == 0]
    for task_id in ready:  # grows while it is read
        levels[task_id] = level_of(graph[task_id], levels)
        for dependent in dependents[task_id]:
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                ready.append(dependent)
    return {task_id: levels[task_id] for task_id in graph}


def _level_issues(nodes: Sequence[Node], levels: Mapping[str, int]) -> Iterable[Issue]:
    for node in nodes:
        implied = levels[node.id]
        if node.level is not None and node.level != implied:
            yield Issue(
                IssueKind.LEVEL_MISMATCH,
                node.id,
                f'Task "{node.id}" is declared at level {node.level}, '
                f"but its dependencies imply level {implied}.",
            )
