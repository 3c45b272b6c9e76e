"""When each agent was at work, as a picture: a line for each task; what decided is outlined."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from ...state.records import Run
from ..report_words import length
from .svg import fitting, picture, tag, tooltip, words
from .timeline import Kind, Span, Timeline

LOOKS: Final[Mapping[Kind, str]] = {
    Kind.PLANNING: "planning",
    Kind.IMPLEMENTING: "implementing",
    Kind.REVIEWING: "reviewing",
    Kind.REPAIRING: "repairing",
    Kind.JUDGING: "judging",
    Kind.OPERATOR: "operator",
    Kind.OURS: "ours",
}
OF_THE_RUN: Final = "the whole run"

_LEFT: Final = 200.0
_PLOT: Final = 800.0
_TOP: Final = 74.0
_ROW: Final = 20.0
_LEAST: Final = 2.0  # pixels of something that took next to no time
_TICKS: Final = 8
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)


@frozen
class _Bar:
    """What is drawn of a span."""

    looks: str
    told: str
    outline: str


@frozen
class _Lane:
    """Which part of a row's height a bar takes."""

    number: int
    of: int


_ALONE: Final = _Lane(0, 1)


def gantt_picture(run: Run, times: Timeline, tips: int) -> str:
    """States above, then a line for what belongs to no task, then one for each task.

    With more than ``tips`` spans they are drawn together, and say nothing when pointed at.
    """
    rows: dict[str | None, int] = {None: 0}
    rows |= {task.id: number for number, task in enumerate(run.tasks, 1)}
    height = _TOP + len(rows) * _ROW + 8
    scale = _PLOT / max(times.seconds, 0.001)
    lost = ", ".join(f"{kind} {length(seconds)}" for kind, seconds in times.lost)
    return picture(
        _LEFT + _PLOT + 20,
        height,
        f"Who was at work when, over {length(times.seconds)}. "
        f"What decided how long it took: {lost or 'nothing'}.",
        *_legend(),
        *_ticks(times.seconds, scale, height),
        *(_phase(each.state, each.start, each.end, scale) for each in times.phases),
        *(
            words(4, _TOP + row * _ROW + 14, fitting(name or OF_THE_RUN, _LEFT - 12))
            for name, row in rows.items()
        ),
        *_drawn(tuple(_bars(times, rows, scale)), tips),
    )


def _bars(times: Timeline, rows: Mapping[str | None, int], scale: float) -> Iterator[_Bar]:
    for wait in times.waits:
        told = f"{wait.task_id} waited {length(wait.end - wait.start)} to begin"
        place = _placed(wait.start, wait.end, rows[wait.task_id], scale, inset=8)
        yield _Bar("waited", told, place)
    decided = {(each.kind, each.label, each.start) for each in times.chain}
    of_row: dict[int, list[Span]] = {}
    for span in times.spans:
        of_row.setdefault(rows.get(span.task_id, 0), []).append(span)
    # Questions last: a thin line over the agents that were at work meanwhile.
    for asks in (False, True):
        for row, spans in of_row.items():
            drawn = (each for each in spans if (each.kind is Kind.OPERATOR) is asks)
            for span, lane in _side_by_side(drawn):
                decides = (span.kind, span.label, span.start) in decided
                told = f"{span.label}: {span.kind}, {length(span.seconds)}, {span.outcome}"
                place = _placed(span.start, span.end, row, scale, inset=6 if asks else 3, lane=lane)
                yield _Bar(f"{LOOKS[span.kind]}{' decided' if decides else ''}", told, place)


def _side_by_side(spans: Iterable[Span]) -> Iterator[tuple[Span, _Lane]]:
    """Those of one row: who are at work at the same time, such as in a race, share its height."""
    ends: list[float] = []  # when the last of each lane ends
    together: list[tuple[Span, int]] = []
    for span in spans:  # by start
        if all(end <= span.start for end in ends):
            yield from ((each, _Lane(number, len(ends))) for each, number in together)
            ends, together = [], []
        number = next((n for n, end in enumerate(ends) if end <= span.start), len(ends))
        ends[number : number + 1] = [span.end]
        together.append((span, number))
    yield from ((each, _Lane(number, len(ends))) for each, number in together)


def _placed(
    start: float, end: float, row: int, scale: float, *, inset: int, lane: _Lane = _ALONE
) -> str:
    """A bar's outline; much shorter than a rectangle of its own."""
    x, wide = round(_LEFT + start * scale, 1), round(max(_LEAST, (end - start) * scale), 1)
    high = (_ROW - 2 * inset) / lane.of
    y = round(_TOP + row * _ROW + inset + lane.number * high, 1)
    return f"M{x:g} {y:g}h{wide:g}v{round(high, 1):g}h-{wide:g}z"


def _drawn(bars: Sequence[_Bar], tips: int) -> Iterator[str]:
    if len(bars) <= tips:
        for each in bars:
            yield tooltip(each.told, tag("path", d=each.outline, class_=f"bar {each.looks}"))
        return
    together = dict[str, list[str]]()
    for each in bars:
        together.setdefault(each.looks, []).append(each.outline)
    for looks, outlines in together.items():
        yield tag("path", d="".join(outlines), class_=f"bar {looks}")


def _phase(state: str, start: float, end: float, scale: float) -> str:
    left, wide = _LEFT + start * scale, max(_LEAST, (end - start) * scale)
    named = words(left + 4, 47, fitting(state, wide - 8)) if wide > 60 else ""
    return tooltip(
        f"{state}: {length(end - start)}",
        tag("rect", x=round(left, 1), y=34, width=round(wide, 1), height=18),
        *([named] if named else []),
        class_="phase",
    )


def _ticks(seconds: float, scale: float, height: float) -> Iterator[str]:
    step = next((each for each in _STEPS if seconds / each <= _TICKS), seconds / _TICKS or 1)
    for number in range(int(seconds / step) + 1):
        x = round(_LEFT + number * step * scale, 1)
        yield tag("path", d=f"M{x} 54V{height:g}", class_="tick")
        yield words(x + 3, 67, length(number * step), class_="small")


def _legend() -> Iterator[str]:
    x = _LEFT
    for kind in (*(each for each in Kind if each is not Kind.OURS), None):
        looks, told = (LOOKS[kind], kind.value) if kind else ("ours decided", "decided the end")
        yield tag("rect", x=x, y=8, width=14, height=12, class_=f"bar {looks}")
        yield words(x + 18, 18, told, class_="small")
        x += 34 + 6.4 * len(told)
