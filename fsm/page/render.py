"""The page: a template filled with facts and pictures, made smaller until it fits a megabyte."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from ...state.clean_text import clean
from ..budget_words import budget_lines
from ..lifecycle import FINAL
from ..report_races import entrant_words
from ..report_routes import effect_words, work_words
from ..report_words import length, money, result_of
from .bars import bars_picture
from .costs import tokens
from .dag import LOOKS as STATUS_LOOKS
from .dag import dag_picture
from .facts import Facts
from .gantt import gantt_picture
from .way import numbers, way_picture

MAX_PAGE: Final = 1_000_000  # bytes


@frozen(kw_only=True)
class Room:
    """How much of everything is shown; what is left out is said where it would stand."""

    block: int  # characters of a plan, a patch or output
    line: int  # characters of a sentence
    items: int  # of a list
    tasks: int
    drawn: int  # lines and bars of a picture
    tips: int  # bars that say something when pointed at
    all_blocks: int  # characters of all patches together


_WIDE: Final = Room(
    block=48_000,
    line=2_000,
    items=200,
    tasks=1_000,
    drawn=4_000,
    tips=500,
    all_blocks=320_000,
)
_NARROW: Final = evolve(_WIDE, line=160, items=10, tips=100)
ROOMS: Final = (
    _WIDE,
    evolve(_WIDE, block=16_000, line=800, items=60, all_blocks=200_000),
    evolve(_WIDE, block=4_000, line=400, items=20, all_blocks=100_000),
    evolve(_NARROW, block=1_500, all_blocks=60_000),
    evolve(_NARROW, block=600, line=120, items=5, all_blocks=20_000),
    evolve(_NARROW, block=100, line=120, items=3, drawn=2_000, all_blocks=0),
    evolve(_NARROW, block=100, line=60, items=2, drawn=1_000, all_blocks=0),
    evolve(_NARROW, block=200, line=120, items=3, tasks=150, drawn=1_000, all_blocks=0),
    evolve(_NARROW, block=200, line=120, items=3, tasks=50, drawn=1_000, all_blocks=4_000),
    # Without tasks nothing is left that grows with the run: this one fits.
    evolve(_NARROW, block=200, line=120, items=3, tasks=0, drawn=100, all_blocks=0),
)
ELEMENTS_OF_LINES: Final = {"+": "ins", "-": "del", "@": "b"}

_FOLDER: Final = Path(__file__).parent
_BLANKS: Final = re.compile(r"\s+")


class _Ready(str):
    """Text that was already cut to its room."""

    __slots__ = ()


def render_page(facts: Facts) -> str:
    """The whole page, at most MAX_PAGE bytes of UTF-8: nothing in it is markup but our own."""
    page = ""
    for room in ROOMS:
        page = _rendered(facts, room)
        if len(page.encode()) <= MAX_PAGE:
            break
    return page


def fair_share(sizes: Sequence[int], together: int) -> int:
    """How much each may have at most, so that all get the same chance and fit together."""
    left, small = together, sorted(sizes)
    for place, size in enumerate(small):
        share = left // (len(small) - place)
        if size > share:
            return share
        left -= size
    return max(small, default=together)


def _rendered(facts: Facts, room: Room) -> str:
    shown = facts.tasks[: room.tasks]
    run = evolve(facts.run, tasks=tuple(each.task for each in shown))
    names = {each.id for each in run.tasks}
    spans = tuple(each for each in facts.times.spans if each.task_id in (None, *names))
    most = room.drawn
    times = evolve(
        facts.times,
        spans=spans[:most],
        phases=facts.times.phases[:most],
        waits=tuple(each for each in facts.times.waits if each.task_id in names)[:most],
    )
    patches = [min(len(one.patch), room.block) for each in shown for one in each.pieces]
    return (
        _environment()
        .get_template("page.html")
        .render(
            facts=facts,
            run=facts.run,
            tasks=shown,
            times=facts.times,
            room=room,
            patch_room=fair_share(patches, room.all_blocks),
            style=(_FOLDER / "page.css").read_text(encoding="utf-8"),
            way=way_picture(facts.run),
            dag=dag_picture(run, most),
            gantt=gantt_picture(run, times, room.tips),
            lines=sum(len(each.depends_on) for each in run.tasks),
            bars=bars_picture(facts.costs),
            budget=tuple(budget_lines(facts.run)),
            over=facts.run.status in FINAL,
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_one_line,
    )
    made.filters |= {
        "block": _block,
        "diff": _diff,
        "took": length,
        "money": money,
        "result": result_of,
        "tokens": tokens,
        "work": work_words,
        "effect": effect_words,
        "entrant": entrant_words,
        "numbers": numbers,
        "looks": lambda status: STATUS_LOOKS[status][0],
        "mark": lambda status: STATUS_LOOKS[status][1],
        "count": lambda items: f"{items:,}",
    }
    return made


@pass_context
def _one_line(context: Context, value: Any) -> Any:
    """Every value that the template writes: cleaned, on one line, cut to its room."""
    if value is None or hasattr(value, "__html__") or isinstance(value, _Ready):
        return "" if value is None else value
    room: Room = context["room"]
    # What is cut anyway is not cleaned first: it may be much.
    line = _BLANKS.sub(" ", clean(str(value)[: room.line * 8]))
    return line if len(line) <= room.line else f"{line[: room.line - 1]}…"


def _block(text: str, room: int) -> str:
    """Text of several lines, cut with a mark."""
    body = clean(text[:room]).rstrip()
    if len(text) > room:
        body += f"\n[cut here: {len(text) - room:,} more characters]"
    return _Ready(body)


def _diff(text: str, room: int) -> str:
    """A patch as escaped HTML, its lines marked by what they do."""
    lines = _block(text, room).split("\n")
    return "\n".join(
        f"<{name}>{escape(joined)}</{name}>" if name else escape(joined)
        for name, own in groupby(lines, key=lambda line: ELEMENTS_OF_LINES.get(line[:1], ""))
        for joined in _joined(own)
    )


def _joined(lines: Iterable[str]) -> tuple[str]:
    return ("\n".join(lines),)
