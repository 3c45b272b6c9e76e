"""The lifecycle as a picture, with the way that a run took through it."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from ...state.enums import RunStatus
from ...state.records import Run
from ..lifecycle import RUN_TABLE
from .svg import picture, tag, tooltip, words

WIDTH: Final = 1040.0
HEIGHT: Final = 250.0
MAX_NUMBERS: Final = 4  # of transitions written at one arrow

_HIGH: Final = 36.0
_WIDE: Final = 124.0


@frozen
class _Box:
    """Where a state stands; ``foot`` is where its arrows to and from failed begin."""

    x: float
    y: float
    width: float
    foot: float


_BOXES: Final[Mapping[RunStatus, _Box]] = {
    RunStatus.PLANNING: _Box(10, 50, _WIDE, 72),
    RunStatus.GATING_PLAN: _Box(190, 50, _WIDE, 252),
    RunStatus.EXECUTING: _Box(370, 50, _WIDE, 432),
    RunStatus.VERIFYING: _Box(550, 50, _WIDE, 568),
    RunStatus.FIXING_VERIFICATION: _Box(600, 126, 150, 720),
    RunStatus.CONSOLIDATING: _Box(730, 50, _WIDE, 800),
    RunStatus.DONE: _Box(910, 50, _WIDE, 972),
    RunStatus.FAILED: _Box(10, 206, 844, 432),
}


_STANDING: Final = {RunStatus.DONE: "good", RunStatus.FAILED: "bad"}


@frozen(kw_only=True)
class Step:
    """An arrow of the lifecycle; ``numbers`` are the transitions that took it, from 1."""

    source: RunStatus
    target: RunStatus
    events: tuple[str, ...]
    numbers: tuple[int, ...]


def steps(run: Run) -> tuple[Step, ...]:
    """Every arrow in the order of the table, with the transitions that took it."""
    events = dict[tuple[RunStatus, RunStatus], list[str]]()
    for move in RUN_TABLE:
        events.setdefault((move.source, move.target), []).append(move.event)
    return tuple(
        Step(
            source=source,
            target=target,
            events=tuple(named),
            numbers=tuple(
                entry.seq for entry in run.history if (entry.source, entry.target) == arrow
            ),
        )
        for arrow, named in events.items()
        for source, target in (arrow,)
    )


def way_picture(run: Run) -> str:
    """The states, the arrows that were taken with their numbers, and where the run stands."""
    been = {RunStatus.PLANNING, *(entry.target for entry in run.history)}
    taken = [each for each in steps(run) if each.numbers]
    said = "; ".join(f"{each.source} to {each.target}: {_numbers(each)}" for each in taken)
    # Arrows that were taken are drawn last, over the others.
    arrows = sorted(steps(run), key=lambda each: bool(each.numbers))
    return picture(
        WIDTH,
        HEIGHT,
        f"The lifecycle of a run; this one is {run.status}. Transitions taken: {said or 'none'}.",
        _heads(),
        *map(_arrow, arrows),
        *(_box(state, place, been, run.status) for state, place in _BOXES.items()),
    )


def _box(state: RunStatus, place: _Box, been: set[RunStatus], now: RunStatus) -> str:
    looks = "been" if state in been else "not-been"
    if state is now:
        looks += " now " + _STANDING.get(state, "busy")
    return tag(
        "g",
        tag("rect", x=place.x, y=place.y, width=place.width, height=_HIGH, rx=8),
        words(place.x + place.width / 2, place.y + 23, state, text_anchor="middle"),
        class_=f"state {looks}",
    )


def _arrow(step: Step) -> str:
    path, x, y = _line(step.source, step.target)
    looks = "taken" if step.numbers else "open"
    told = f"{step.source} to {step.target}: {' or '.join(step.events)}"
    drawn = tag("path", d=path, class_=f"arrow {looks}", marker_end=f"url(#head-{looks})")
    label = words(x, y, _numbers(step), class_="number", text_anchor="middle")
    return tooltip(told, drawn, *([label] if step.numbers else []))


def _line(source: RunStatus, target: RunStatus) -> tuple[str, float, float]:
    """An arrow's path, and where its numbers stand."""
    one, other = _BOXES[source], _BOXES[target]
    top, foot = _BOXES[RunStatus.FAILED].y, one.y + _HIGH
    if target is RunStatus.FAILED:
        return f"M{one.foot} {foot} V{top - 2}", one.foot - 12, top - 8
    if source is RunStatus.FAILED:
        foot, x = other.y + _HIGH, other.foot + 14
        return f"M{x} {top} V{foot + 2}", x + 12, top - 22
    if source is target:
        left, right = one.x + 40, one.x + one.width - 40
        return f"M{left} {one.y} C{left} 18 {right} 18 {right} {one.y - 2}", one.x + 62, 18
    if RunStatus.FIXING_VERIFICATION in (source, target):
        down = target is RunStatus.FIXING_VERIFICATION
        x, upper = (622 if down else 650), _BOXES[RunStatus.VERIFYING].y + _HIGH
        lower = other.y if down else one.y
        path = f"M{x} {upper} V{lower - 2}" if down else f"M{x} {lower} V{upper + 2}"
        return path, x + (-12 if down else 12), 110
    if other.x < one.x:
        left, right = other.x + other.width - 20, one.x + 20
        return f"M{right} {one.y} C{right} 22 {left} 22 {left} {one.y - 2}", (left + right) / 2, 22
    start, end, middle = one.x + one.width, other.x - 2, one.y + 18
    return f"M{start} {middle} H{end}", (start + end) / 2, middle - 6


def _heads() -> str:
    return tag("defs", *(_head(looks) for looks in ("taken", "open")))


def _head(looks: str) -> str:
    tip = tag("path", d="M0 0L10 5L0 10z", class_=f"head {looks}")
    return tag(
        "marker",
        tip,
        id=f"head-{looks}",
        viewBox="0 0 10 10",
        refX=9,
        refY=5,
        markerWidth=8,
        markerHeight=8,
        markerUnits="userSpaceOnUse",
        orient="auto",
    )


def _numbers(step: Step) -> str:
    return numbers(step.numbers)


def numbers(found: Sequence[int]) -> str:
    """The first numbers, then how many there are."""
    listed = ", ".join(map(str, found[:MAX_NUMBERS]))
    return listed if len(found) <= MAX_NUMBERS else f"{listed} … ({len(found)} in all)"
