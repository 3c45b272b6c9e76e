"""The lifecycle as a picture: pure renderings of the two tables, the same text every time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import frozen

from ..state.enums import RunStatus, TaskStatus
from .lifecycle import FINAL, FIRST, RUN_TABLE, TASK_FINAL, TASK_TABLE

_HIGHLIGHT: Final = "#ffd966"


@frozen
class Machine:
    """What is drawn of a table; a move is (source, event, target)."""

    name: str
    states: tuple[str, ...]
    first: str
    final: frozenset[str]
    moves: tuple[tuple[str, str, str], ...]


MACHINES: Final[Mapping[str, Machine]] = {
    "run": Machine(
        "run",
        tuple(RunStatus),
        FIRST,
        frozenset(FINAL),
        tuple((move.source, move.event, move.target) for move in RUN_TABLE),
    ),
    "task": Machine(
        "task",
        tuple(TaskStatus),
        TaskStatus.PENDING,
        frozenset(TASK_FINAL),
        tuple((move.source, move.event, move.target) for move in TASK_TABLE),
    ),
}


def mermaid(machine: Machine, current: Collection[str] = ()) -> str:
    """A mermaid ``stateDiagram-v2``; the states in ``current`` are highlighted."""
    lines = ["stateDiagram-v2"]
    lines += [
        f'    state "{state}" as {_identifier(state)}'
        for state in machine.states
        if state != _identifier(state)
    ]
    lines += [f"    [*] --> {_identifier(machine.first)}"]
    lines += [
        f"    {_identifier(source)} --> {_identifier(target)} : {label}"
        for source, target, label in _arrows(machine)
    ]
    lines += [f"    {_identifier(state)} --> [*]" for state in _only(machine, machine.final)]
    marked = [_identifier(state) for state in _only(machine, current)]
    if marked:
        lines += [f"    classDef current fill:{_HIGHLIGHT},stroke-width:3px"]
        lines += [f"    class {','.join(marked)} current"]
    return "\n".join(lines) + "\n"


def dot(machine: Machine, current: Collection[str] = ()) -> str:
    """The same for graphviz; final states have a double border."""
    lines = [
        f"digraph {machine.name} {{",
        "    node [shape=box, style=rounded]",
        "    start [shape=point]",
    ]
    for state in machine.states:
        looks = ["peripheries=2"] if state in machine.final else []
        if state in current:
            looks += ['style="rounded,filled"', f'fillcolor="{_HIGHLIGHT}"', "penwidth=3"]
        lines.append(f'    "{state}"' + (f" [{', '.join(looks)}]" if looks else ""))
    lines.append(f'    start -> "{machine.first}"')
    lines += [
        f'    "{source}" -> "{target}" [label="{label}"]'
        for source, target, label in _arrows(machine)
    ]
    return "\n".join((*lines, "}")) + "\n"


def _arrows(machine: Machine) -> list[tuple[str, str, str]]:
    """Source, target and the events between them, in the order of the table."""
    labels: dict[tuple[str, str], list[str]] = {}
    for source, event, target in machine.moves:
        labels.setdefault((source, target), []).append(event)
    return [(source, target, " / ".join(each)) for (source, target), each in labels.items()]


def _only(machine: Machine, wanted: Collection[str]) -> Sequence[str]:
    return [state for state in machine.states if state in wanted]


def _identifier(state: str) -> str:
    # A hyphen ends a name in mermaid's grammar.
    return state.replace("-", "_")
