"""The live view of a run: a scene as rows for the terminal, renewed as long as it is watched."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen
from rich.console import Console
from rich.text import Text

from ..fsm.report_words import money
from ..fsm.scene import AgentAtWork, Gauge, Pulse, Scene, pulses_after, scene_of
from ..state.clock import SystemClock
from ..state.event_log import Event, EventLog
from ..state.picture import Picture, Row
from ..state.records import Run
from ..state.redact import shown

SECONDS_BETWEEN_FRAMES: Final = 1.0
LATEST_BYTES: Final = 1024 * 1024  # of events that were there already
MAX_QUESTIONS: Final = 3
ROWS_FOR_A_RULE: Final = 10
BAR_CELLS: Final = 24
GAP: Final = "  "
FEWEST_TASK_CELLS: Final = 6
SILENT_SECONDS: Final = 60  # from then on the time since progress stands out
# The columns of agents: title, the widest it gets, whether it is a number.
_COLUMNS: Final = (
    ("role", 11, False),
    ("task", 28, False),
    ("executor", 28, False),
    ("turn", 5, True),
    ("tokens", 11, True),
    ("cost", 9, True),
    ("tool", 20, False),
    ("silent", 7, True),
)
# What a narrow terminal goes without, the first one first; then tasks are cut short.
_GIVEN_UP: Final = ("executor", "cost", "tokens", "turn", "tool")
_TASK: Final = 1


@contextlib.asynccontextmanager
async def live_view(
    picture: Picture,
    run: Callable[[], Run],
    events: Callable[[], Sequence[Event]],
    *,
    coloured: bool,
) -> AsyncIterator[None]:
    """Show a run below all that is written inside; where there is no such terminal, nothing.

    ``run`` gives its document, ``events`` those that are new since the last call.
    """
    if not picture.can_show():
        yield
        return
    view = View(picture=picture, run=run, events=events, coloured=coloured)
    drawing = asyncio.create_task(view.keep_drawing())
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        picture.show(())


@contextlib.contextmanager
def latest_events(folder: Path) -> Iterator[Callable[[], Sequence[Event]]]:
    """What gives the events of a run that are new since the last call, at first the latest.

    Where there are none to be read it gives none: they are never authoritative.
    """
    with contextlib.ExitStack() as opened:
        try:
            log = opened.enter_context(EventLog(folder, LATEST_BYTES))
        except OSError:
            yield tuple
        else:
            yield lambda: tuple(event for _, event in log.new())


def rows_of(scene: Scene, columns: int, rows: int, *, coloured: bool) -> tuple[Row, ...]:
    """A scene in at most so many rows of at most so many columns."""
    if columns == 0 or rows == 0:
        return ()
    console = Console(
        force_terminal=True,
        width=columns,
        color_system="standard" if coloured else None,
        highlight=False,
        _environ={},  # whoever calls has looked at it
    )
    rule = [Text("─" * columns, "dim")] if rows >= ROWS_FOR_A_RULE else []
    head = [*rule, *_questions(scene), *_heads(scene)]
    foot = [Text.assemble(("waits for ", "dim"), scene.waits_for)]
    agents = _agents(scene.agents, columns, max(0, rows - len(head) - len(foot)))
    texts = [*head, *agents, *foot][:rows]
    for text in texts:
        text.truncate(columns, overflow="ellipsis")
    with console.capture() as captured:
        for text in texts:
            console.print(text, no_wrap=True, overflow="crop", soft_wrap=True)
    lines = captured.get().split("\n")
    return tuple(Row(line, text.cell_len) for line, text in zip(lines, texts, strict=False))


@frozen(kw_only=True)
class View:
    """What is shown of a run: ``pulses`` are what its events said so far."""

    picture: Picture
    run: Callable[[], Run]
    events: Callable[[], Sequence[Event]]
    coloured: bool
    pulses: dict[str, Pulse] = field(factory=dict)
    clock: SystemClock = field(factory=SystemClock)

    def draw(self) -> None:
        """Show the run as it is now."""
        pulses = pulses_after(self.pulses, self.events())
        self.pulses.clear()
        self.pulses.update(pulses)
        columns, rows = self.picture.size()
        scene = scene_of(self.run(), pulses, self.clock.now())
        self.picture.show(rows_of(scene, columns, rows, coloured=self.coloured))

    async def keep_drawing(self) -> None:
        """Draw for ever, at once when the terminal changed its size."""
        loop, resized = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGWINCH, resized.set)
        try:
            while True:
                if not self.picture.is_aside:  # a question has this signal for itself
                    loop.add_signal_handler(signal.SIGCONT, self.picture.forget)
                self.draw()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(resized.wait(), SECONDS_BETWEEN_FRAMES)
                resized.clear()
        except Exception as error:  # the run is worth more than the view of it
            self.picture.show(())
            self.picture.write(f"dispatch: warning: the live view ended: {shown(str(error))}\n")
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            loop.remove_signal_handler(signal.SIGCONT)


def _questions(scene: Scene) -> Iterator[Text]:
    for question in scene.questions[:MAX_QUESTIONS]:
        yield Text.assemble(("? ", "bold yellow"), (question.text, "bold"))
        yield Text(f"  {question.answer}", "yellow")
    more = len(scene.questions) - MAX_QUESTIONS
    if more > 0:
        yield Text(f"  and {more} more: dispatch answer {scene.name}", "yellow")


def _heads(scene: Scene) -> Iterator[Text]:
    parts = [scene.status]
    if scene.levels:
        parts += [f"level {scene.level} of {scene.levels}"]
        parts += [f"{scene.completed} of {scene.tasks} tasks completed"]
        parts += [f"{scene.failed} failed"] if scene.failed else []
    parts += [_time(scene.seconds)]
    yield Text.assemble((scene.name, "bold cyan"), GAP, ", ".join(parts))
    cost = f"{money(scene.cost)}{' and more, of unknown price' if scene.unpriced else ''}"
    used = f"used {scene.tokens:,} tokens, {cost}"
    if scene.gauge is None:
        yield Text(used, "dim")
    else:
        words = f"budget {scene.gauge.words}"
        yield Text.assemble(words, GAP, *_bar(scene.gauge), GAP, (used, "dim"))


def _bar(gauge: Gauge) -> tuple[tuple[str, str], ...]:
    full = round(gauge.share * BAR_CELLS)
    colour = "red" if gauge.share >= 0.9 else "yellow" if gauge.share >= 0.67 else "green"
    return (("█" * full, colour), ("░" * (BAR_CELLS - full), "dim"))


def _agents(agents: Sequence[AgentAtWork], columns: int, rows: int) -> Iterator[Text]:
    """A row of titles and one for each agent, as many as there is room for."""
    if not agents or rows == 0:
        return
    shown = agents if len(agents) < rows else agents[: max(0, rows - 2)]
    cells = [[Text(cell) for cell in _cells(agent)] for agent in shown]
    titles = [Text(title) for title, _, _ in _COLUMNS]
    table = [titles, *cells]
    widths = [
        min(most, max(row[place].cell_len for row in table))
        for place, (_, most, _) in enumerate(_COLUMNS)
    ]
    kept = _kept(widths, columns)
    too_wide = sum(widths[place] + len(GAP) for place in kept) - len(GAP) - columns
    widths[_TASK] = max(FEWEST_TASK_CELLS, widths[_TASK] - max(0, too_wide))
    for number, row in enumerate(table):
        line = Text(style="dim" if number == 0 else "")
        for place in kept:
            cell, width = row[place], widths[place]
            if _COLUMNS[place][2]:
                cell.pad_left(max(0, width - cell.cell_len))
            cell.truncate(width, overflow="ellipsis", pad=place != kept[-1])
            line.append(GAP if place != kept[0] else "").append_text(cell)
        if number and shown[number - 1].silent >= SILENT_SECONDS:
            line.stylize("yellow")
        yield line
    if len(shown) < len(agents):
        yield Text(f"… and {len(agents) - len(shown)} more agents", "dim")


def _kept(widths: Sequence[int], columns: int) -> tuple[int, ...]:
    """The places of the columns for which there is room."""
    titles = [title for title, _, _ in _COLUMNS]
    kept = list(range(len(_COLUMNS)))
    for title in _GIVEN_UP:
        if sum(widths[place] + len(GAP) for place in kept) - len(GAP) <= columns:
            break
        kept.remove(titles.index(title))
    return tuple(kept)


def _cells(agent: AgentAtWork) -> tuple[str, ...]:
    return (
        agent.role,
        agent.task,
        agent.executor,
        str(agent.turn),
        f"{agent.tokens:,}",
        money(agent.cost),
        agent.tool,
        _time(agent.silent),
    )


def _time(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds % 60:02}s" if minutes else f"{seconds}s"
