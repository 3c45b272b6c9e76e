"""What a run looks like at one moment, from its document and its events: pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ..policy.ledger import Account, account, attempts_of, tokens_of
from ..state.clean_text import clean
from ..state.enums import RunStatus, TaskStatus
from ..state.records import Run
from ..state.work import Attempt
from .report_words import money

MAX_TEXT: Final = 300  # characters of one text
SETTLED: Final = (TaskStatus.COMPLETED, TaskStatus.FAILED)
TOOL_SIGNS: Final[Mapping[object, str]] = {"tool.started": " …", "tool.called": ""}
# What is done in a state in which no agent is at work.
OURS: Final[Mapping[RunStatus, str]] = {
    RunStatus.PLANNING: "the build before the run, then the planner",
    RunStatus.GATING_PLAN: "the checks of the plan",
    RunStatus.EXECUTING: "builds and the joining of the level's work",
    RunStatus.VERIFYING: "the build gate on the result",
    RunStatus.FIXING_VERIFICATION: "finding out who broke the build gate",
    RunStatus.CONSOLIDATING: "the report and the branch",
}


@frozen(kw_only=True)
class Pulse:
    """What the events last said of an attempt; ``at`` is when."""

    turn: int = 0
    tool: str = ""
    at: str = ""


@frozen(kw_only=True)
class AgentAtWork:
    """One agent; ``silent`` are the seconds since it got on, ``cost`` is null where unknown.

    ``task`` has the name of an entrant where one is at work in a race.
    """

    attempt: str
    role: str
    task: str
    executor: str
    turn: int
    tokens: int
    cost: float | None
    tool: str
    silent: int


@frozen(kw_only=True)
class OpenQuestion:
    """A question to the operator, and the command that answers it."""

    text: str
    answer: str


@frozen(kw_only=True)
class Gauge:
    """How much of a cap is used, from 0 to 1, and in words."""

    share: float
    words: str


@frozen(kw_only=True)
class Scene:
    """A run at one moment; ``gauge`` is the cap that is nearest, null where none is set."""

    name: str
    status: str
    level: int
    levels: int
    completed: int
    failed: int
    tasks: int
    seconds: int
    tokens: int
    cost: float
    unpriced: bool
    gauge: Gauge | None
    questions: tuple[OpenQuestion, ...]
    agents: tuple[AgentAtWork, ...]
    waits_for: str


def pulses_after(
    pulses: Mapping[str, Pulse], events: Iterable[Mapping[str, object]]
) -> Mapping[str, Pulse]:
    """What is known of attempts after more events; of those that ended, nothing."""
    found = dict(pulses)
    for event in events:
        attempt, kind = event.get("attempt"), event["type"]
        if not isinstance(attempt, str):
            continue
        if kind == "attempt.ended":
            found.pop(attempt, None)
            continue
        pulse = evolve(found.get(attempt, Pulse()), at=str(event.get("ts", "")))
        turn, tool = event.get("turn"), event.get("tool")
        if isinstance(turn, int):
            pulse = evolve(pulse, turn=max(turn, pulse.turn))
        if kind in TOOL_SIGNS and isinstance(tool, str):
            sign = TOOL_SIGNS[kind] if event.get("ok") is not False else " ✗"
            pulse = evolve(pulse, tool=f"{_line(tool)}{sign}")
        elif kind == "attempt.paused":
            pulse = evolve(pulse, tool="paused: quota")
        found[attempt] = pulse
    return found


def scene_of(run: Run, pulses: Mapping[str, Pulse], now: str) -> Scene:
    """The run as it is ``now``, an ISO-8601 time."""
    whole = account(attempts_of(run))
    agents = tuple(_agents(run, pulses, now))
    questions = tuple(_questions(run))
    open_levels = [task.level for task in run.tasks if task.status not in SETTLED]
    levels = max((task.level for task in run.tasks), default=0)
    return Scene(
        name=run.name,
        status=run.status.value,
        level=min(open_levels, default=levels),
        levels=levels,
        completed=sum(task.status is TaskStatus.COMPLETED for task in run.tasks),
        failed=sum(task.status is TaskStatus.FAILED for task in run.tasks),
        tasks=len(run.tasks),
        seconds=_seconds(run.created_at, now),
        tokens=tokens_of(whole.used),
        cost=whole.used.cost_usd or 0.0,
        unpriced=bool(whole.unpriced),
        gauge=max(_gauges(run, whole), key=lambda gauge: gauge.share, default=None),
        questions=questions,
        agents=agents,
        waits_for=_waits_for(run, agents, len(questions)),
    )


def _agents(run: Run, pulses: Mapping[str, Pulse], now: str) -> Iterator[AgentAtWork]:
    for task_id, attempt in _open_attempts(run):
        pulse = pulses.get(attempt.id, Pulse())
        yield AgentAtWork(
            attempt=attempt.id,
            role=attempt.role.value,
            task=_work(task_id, attempt),
            executor=_executor(attempt),
            turn=max(pulse.turn, attempt.usage.turns),
            tokens=tokens_of(attempt.usage),
            cost=attempt.usage.cost_usd,
            tool=pulse.tool,
            silent=_seconds(pulse.at or attempt.started_at, now),
        )


def _work(task_id: str, attempt: Attempt) -> str:
    """What an agent works on: a task, an entrant in its race, or what an agent of the run has."""
    subject, _, _ = attempt.id.partition(f".{attempt.role}.")
    return subject if not task_id or subject.startswith(f"{task_id}.") else task_id


def _executor(attempt: Attempt) -> str:
    model = _line(attempt.model)
    named = model.startswith(f"{attempt.executor}:")
    return model if named else f"{attempt.executor} {model}"


def _open_attempts(run: Run) -> Iterator[tuple[str, Attempt]]:
    of_run = (("", each) for each in run.attempts)
    of_tasks = ((task.id, each) for task in run.tasks for each in task.attempts)
    for task_id, attempt in (*of_run, *of_tasks):
        if attempt.outcome is None:
            yield task_id, attempt


def _questions(run: Run) -> Iterator[OpenQuestion]:
    for each in run.escalations:
        if each.answer is None:
            words = "|".join(map(_line, each.allowed))
            yield OpenQuestion(
                text=_line(each.question), answer=f"dispatch answer {run.name} {each.id} {words}"
            )


def _gauges(run: Run, whole: Account) -> Iterator[Gauge]:
    caps, used = run.run_limits, whole.used
    if caps.usd is not None:
        yield _gauge(used.cost_usd or 0.0, caps.usd, f"{money(used.cost_usd)} of {money(caps.usd)}")
    if caps.tokens is not None:
        tokens = tokens_of(used)
        yield _gauge(tokens, caps.tokens, f"{tokens:,} of {caps.tokens:,} tokens")
    if caps.turns is not None:
        yield _gauge(used.turns, caps.turns, f"{used.turns} of {caps.turns} turns")
    if caps.wall_seconds is not None:
        words = f"{run.active_seconds:.0f} of {caps.wall_seconds:.0f} seconds"
        yield _gauge(run.active_seconds, caps.wall_seconds, words)


def _gauge(used: float, cap: float, words: str) -> Gauge:
    share = 1.0 if cap <= 0 else min(1.0, used / cap)
    return Gauge(share=share, words=f"{words} ({share:.0%})")


def _waits_for(run: Run, agents: Sequence[AgentAtWork], questions: int) -> str:
    """What must happen before the run gets on."""
    if run.status in (RunStatus.DONE, RunStatus.FAILED):
        return "nothing: it is over"
    if run.paused:
        return f"the next start: {_line(run.paused)}"
    yours = "" if not questions else "your answer" if questions == 1 else f"{questions} answers"
    at_work = f"{len(agents)} agents"
    if len(agents) == 1:
        at_work = f"the {agents[0].role} of {agents[0].task}"
    found = [each for each in (at_work if agents else "", yours) if each]
    return " and ".join(found) or OURS[run.status]


def _seconds(since: str, now: str) -> int:
    """Seconds between two ISO-8601 times, never negative; 0 where one is none."""
    try:
        passed = datetime.fromisoformat(now) - datetime.fromisoformat(since)
    except (ValueError, TypeError):
        return 0
    return max(0, int(passed.total_seconds()))


def _line(text: str) -> str:
    line = " ".join(clean(text[: 4 * MAX_TEXT]).split())
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"
