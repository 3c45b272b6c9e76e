"""Where the time of a run went."""

import re

from attrs import evolve
from fakes.small_records import a_run, a_task
from fakes.told_run import ENDED, told_run

from dispatch.fsm.page.gantt import gantt_picture
from dispatch.fsm.page.timeline import Bound, Kind, Phase, Span, Timeline, Wait, timeline
from dispatch.state.enums import AttemptOutcome, Role, RunStatus
from dispatch.state.judgements import Answer, Escalation
from dispatch.state.records import HistoryEntry, Run, Task
from dispatch.state.work import Attempt

NOTHING = Bound(seconds=0.0, tasks=())


def test_a_run_that_has_just_begun_has_no_time_to_account_for() -> None:
    assert timeline(a_run(), a_run().created_at) == Timeline(
        seconds=0.0,
        spans=(),
        phases=(Phase(state=RunStatus.PLANNING, start=0.0, end=0.0),),
        waits=(),
        chain=(),
        lost=(),
        busy={},
        in_a_row=NOTHING,
        by_level=NOTHING,
        by_dependency=NOTHING,
    )


def test_what_ended_last_before_the_next_began_is_the_way_that_decided() -> None:
    """Two tasks side by side, a third behind the slower one's review; the operator in between."""
    planner = _span(Kind.PLANNING, "plan.planner.1", None, 1, 9)
    fast = _span(Kind.IMPLEMENTING, "1a-fast.implementer.1", "1a-fast", 10, 20)
    slow = _span(Kind.IMPLEMENTING, "1b-slow.implementer.1", "1b-slow", 10, 40)
    gate = _span(Kind.REVIEWING, "level-1.gateCritic.1", None, 42, 50)
    asked = Span(kind=Kind.OPERATOR, label="q", start=50.0, end=70.0, outcome="continue")
    last = _span(Kind.IMPLEMENTING, "2a-last.implementer.1", "2a-last", 70, 95)
    assert timeline(_three_tasks(), _at(100)) == Timeline(
        seconds=100.0,
        spans=(planner, fast, slow, gate, asked, last),
        phases=(
            Phase(state=RunStatus.PLANNING, start=0.0, end=9.0),
            Phase(state=RunStatus.GATING_PLAN, start=9.0, end=10.0),
            Phase(state=RunStatus.EXECUTING, start=10.0, end=96.0),
        ),
        waits=(Wait(task_id="2a-last", start=20.0, end=70.0),),
        chain=(
            _ours("while planning", 0, 1),
            planner,
            _ours("while gating-plan", 9, 10),
            slow,
            _ours("while executing", 40, 42),
            gate,
            asked,
            last,
            _ours("while executing", 95, 96),
            _ours("after the end", 96, 100),
        ),
        lost=(
            (Kind.PLANNING, 8.0),
            (Kind.IMPLEMENTING, 55.0),
            (Kind.REVIEWING, 8.0),
            (Kind.OPERATOR, 20.0),
            (Kind.OURS, 9.0),
        ),
        busy={"1a-fast": 10.0, "1b-slow": 30.0, "2a-last": 25.0},
        in_a_row=Bound(seconds=65.0, tasks=("1a-fast", "1b-slow", "2a-last")),
        by_level=Bound(seconds=55.0, tasks=("1b-slow", "2a-last")),
        by_dependency=Bound(seconds=35.0, tasks=("1a-fast", "2a-last")),
    )


def test_the_way_that_decided_has_no_gap_and_adds_up_to_the_whole_run() -> None:
    for run, end in ((_three_tasks(), _at(100)), (told_run(), ENDED)):
        times = timeline(run, end)
        edges = [0.0, *(each.end for each in times.chain)]
        assert [each.start for each in times.chain] == edges[:-1]
        assert round(sum(seconds for _, seconds in times.lost), 6) == times.seconds


def test_clocks_that_were_set_back_and_attempts_without_an_end_are_no_negative_time() -> None:
    """An attempt that was cut off in an ended run took as long as it was seen at work."""
    back = _attempt("run.planner.1", Role.PLANNER, 50, 20)
    cut = evolve(
        _attempt("run.planner.2", Role.PLANNER, 60, 0),
        ended_at=None,
        outcome=None,
        active_seconds=4.0,
    )
    run = evolve(a_run(), status=RunStatus.FAILED, attempts=(back, cut))
    assert timeline(run, _at(100)).spans == (
        _span(Kind.PLANNING, "run.planner.1", None, 50, 50),
        _span(Kind.PLANNING, "run.planner.2", None, 60, 64),
    )
    alive = timeline(evolve(run, status=RunStatus.PLANNING), _at(100))
    assert alive.spans[1] == _span(Kind.PLANNING, "run.planner.2", None, 60, 100)


def test_who_are_at_work_at_the_same_time_share_a_line_and_hide_nobody() -> None:
    """Two of a race overlap, and a third begins as the first ends; who works alone is as high."""
    entrants = (
        _attempt("1a-x.implementer.1", Role.IMPLEMENTER, 10, 30),
        _attempt("1a-x.implementer.2", Role.IMPLEMENTER, 20, 50),
        _attempt("1a-x.implementer.3", Role.IMPLEMENTER, 30, 40),
        _attempt("1a-x.critic.1", Role.CRITIC, 50, 60),
    )
    run = evolve(a_run(), status=RunStatus.DONE, tasks=(evolve(a_task("1a-x"), attempts=entrants),))
    svg = gantt_picture(run, timeline(run, _at(100)), tips=10)
    found = re.findall(r'd="M[\d.]+ ([\d.]+)h[\d.]+v([\d.]+)h[^"]*"[^>]*class="bar', svg)
    first, second, third, alone = ((float(y), float(high)) for y, high in found)
    assert first == third
    assert first[0] == alone[0]
    assert second == (first[0] + first[1], first[1])
    assert alone[1] == 2 * first[1]


def _three_tasks() -> Run:
    return evolve(
        a_run(),
        status=RunStatus.DONE,
        attempts=(
            _attempt("plan.planner.1", Role.PLANNER, 1, 9),
            _attempt("level-1.gateCritic.1", Role.GATE_CRITIC, 42, 50),
        ),
        escalations=(_question(50, 70),),
        history=(
            _moved(1, RunStatus.PLANNING, RunStatus.GATING_PLAN, 9),
            _moved(2, RunStatus.GATING_PLAN, RunStatus.EXECUTING, 10),
            _moved(3, RunStatus.EXECUTING, RunStatus.EXECUTING, 70),
            _moved(4, RunStatus.EXECUTING, RunStatus.DONE, 96),
        ),
        tasks=(
            _task("1a-fast", 10, 20),
            _task("1b-slow", 10, 40),
            evolve(_task("2a-last", 70, 95), depends_on=("1a-fast",)),
        ),
    )


def _task(name: str, start: int, end: int) -> Task:
    own = _attempt(f"{name}.implementer.1", Role.IMPLEMENTER, start, end)
    return evolve(a_task(name), attempts=(own,))


def _attempt(name: str, role: Role, start: int, end: int) -> Attempt:
    return Attempt(
        id=name,
        role=role,
        executor="litellm",
        model="m",
        started_at=_at(start),
        ended_at=_at(end),
        outcome=AttemptOutcome.OK,
    )


def _question(asked: int, answered: int) -> Escalation:
    return Escalation(
        id="q",
        state=RunStatus.EXECUTING,
        task_id=None,
        question="Go on?",
        reason="",
        details={},
        allowed=("continue",),
        created_at=_at(asked),
        answer=Answer(verb="continue", at=_at(answered), by="ann"),
    )


def _moved(seq: int, source: RunStatus, target: RunStatus, at: int) -> HistoryEntry:
    return HistoryEntry(seq=seq, at=_at(at), event="e", source=source, target=target)


def _span(kind: Kind, label: str, task_id: str | None, start: int, end: int) -> Span:
    outcome = "ok" if label != "run.planner.2" else "no end"
    return Span(
        kind=kind,
        label=label,
        task_id=task_id,
        start=float(start),
        end=float(end),
        outcome=outcome,
    )


def _ours(label: str, start: int, end: int) -> Span:
    return Span(kind=Kind.OURS, label=label, start=float(start), end=float(end))


def _at(seconds: int) -> str:
    """So many seconds after the run's start, 2026-01-02T03:04:05.678Z."""
    minutes, rest = divmod(5 + seconds, 60)
    return f"2026-01-02T03:{4 + minutes:02d}:{rest:02d}.678Z"
