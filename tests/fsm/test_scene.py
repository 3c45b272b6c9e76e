"""What a run looks like at one moment."""

from typing import Any

import pytest
from attrs import evolve
from fakes.small_records import a_run, a_task

from dispatch.fsm.scene import (
    OURS,
    AgentAtWork,
    Gauge,
    OpenQuestion,
    Pulse,
    Scene,
    pulses_after,
    scene_of,
)
from dispatch.state.config import Caps
from dispatch.state.enums import AttemptOutcome, Role, RunStatus, TaskStatus
from dispatch.state.judgements import Escalation
from dispatch.state.records import Run
from dispatch.state.work import Attempt, Usage

BEGAN = "2026-01-02T03:04:05.678Z"
LATER = "2026-01-02T03:06:10.678Z"
NOW = "2026-01-02T03:06:15.678Z"


def an_attempt(name: str, role: Role, **changes: Any) -> Attempt:
    found = Attempt(id=name, role=role, executor="litellm", model="a/b", started_at=BEGAN)
    return evolve(found, **changes)


def at_work(status: RunStatus = RunStatus.EXECUTING, **changes: Any) -> Run:
    return evolve(a_run(), status=status, **changes)


def the_question() -> Escalation:
    return Escalation(
        id="1b-y-dev-1",
        state=RunStatus.EXECUTING,
        task_id="1b-y",
        question="May it\nbe \x1b[31mred?",
        reason="",
        details={},
        allowed=("continue", "abort"),
        created_at=BEGAN,
    )


def test_a_scene_has_the_agents_the_questions_the_cap_and_what_is_waited_for() -> None:
    used = Usage(turns=4, input_tokens=900, output_tokens=100, cost_usd=0.5)
    working = an_attempt("1a-x.implementer.2", Role.IMPLEMENTER, usage=used)
    before = an_attempt(
        "1a-x.implementer.1", Role.IMPLEMENTER, outcome=AttemptOutcome.CRASHED, usage=used
    )
    planner = an_attempt(
        "plan.planner.1", Role.PLANNER, outcome=AttemptOutcome.OK, usage=evolve(used, cost_usd=1.0)
    )
    run = at_work(
        attempts=(planner,),
        tasks=(
            evolve(a_task("1a-x"), status=TaskStatus.RUNNING, attempts=(before, working)),
            evolve(a_task("1b-y"), status=TaskStatus.COMPLETED),
            evolve(a_task("1c-z"), status=TaskStatus.FAILED),
            a_task("2a-w", "1a-x"),
        ),
        escalations=(the_question(),),
        run_limits=Caps(usd=4.0, tokens=100_000),
    )
    pulses = {"1a-x.implementer.2": Pulse(turn=5, tool="run_shell", at=LATER)}
    assert scene_of(run, pulses, NOW) == Scene(
        name="r",
        status="executing",
        level=1,
        levels=2,
        completed=1,
        failed=1,
        tasks=4,
        seconds=130,
        tokens=3000,
        cost=2.0,
        unpriced=False,
        gauge=Gauge(share=0.5, words="$2.0000 of $4.0000 (50%)"),
        questions=(
            OpenQuestion(
                text="May it be red?", answer="dispatch answer r 1b-y-dev-1 continue|abort"
            ),
        ),
        agents=(
            AgentAtWork(
                attempt="1a-x.implementer.2",
                role="implementer",
                task="1a-x",
                executor="litellm a/b",
                turn=5,
                tokens=1000,
                cost=0.5,
                tool="run_shell",
                silent=5,
            ),
        ),
        waits_for="the implementer of 1a-x and your answer",
    )


def test_an_agent_of_the_run_has_its_subject_and_is_silent_since_it_began() -> None:
    run = at_work(
        RunStatus.PLANNING,
        attempts=(an_attempt("plan.planner.1", Role.PLANNER, model="litellm:x"),),
    )
    found = scene_of(run, {}, NOW)
    assert found.agents == (
        AgentAtWork(
            attempt="plan.planner.1",
            role="planner",
            task="plan",
            executor="litellm:x",
            turn=0,
            tokens=0,
            cost=0.0,
            tool="",
            silent=130,
        ),
    )
    assert (found.level, found.levels, found.waits_for) == (0, 0, "the planner of plan")


def test_agents_in_a_race_are_told_apart() -> None:
    """A greybeard's subject is a deviation: what is shown of it is the task."""
    names = ("1a-x.r1.implementer.1", "1a-x.r2.implementer.1")
    attempts = (
        *(an_attempt(name, Role.IMPLEMENTER) for name in names),
        an_attempt("1a-x-dev-1.greybeard.1", Role.GREYBEARD),
    )
    run = at_work(tasks=(evolve(a_task("1a-x"), attempts=attempts),))
    agents = scene_of(run, {}, NOW).agents
    assert [each.task for each in agents] == ["1a-x.r1", "1a-x.r2", "1a-x"]


def test_a_cost_that_nobody_knows_is_said() -> None:
    unknown = an_attempt("plan.planner.1", Role.PLANNER, usage=Usage(turns=1, cost_usd=None))
    found = scene_of(at_work(attempts=(unknown,)), {}, NOW)
    assert (found.cost, found.unpriced, found.agents[0].cost) == (0.0, True, None)


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (Caps(), None),
        (Caps(turns=0), "4 of 0 turns (100%)"),
        (Caps(tokens=2000, wall_seconds=60.0), "1,000 of 2,000 tokens (50%)"),
        (Caps(tokens=2000, wall_seconds=40.0), "30 of 40 seconds (75%)"),
    ],
)
def test_the_cap_that_is_nearest_is_shown(caps: Caps, words: str | None) -> None:
    used = Usage(turns=4, input_tokens=900, output_tokens=100, cost_usd=0.5)
    attempt = an_attempt("plan.planner.1", Role.PLANNER, usage=used)
    run = at_work(run_limits=caps, active_seconds=30.0, attempts=(attempt,))
    gauge = scene_of(run, {}, NOW).gauge
    assert (None if gauge is None else gauge.words) == words


@pytest.mark.parametrize("status", list(OURS))
def test_without_an_agent_our_own_work_is_waited_for(status: RunStatus) -> None:
    assert scene_of(at_work(status), {}, NOW).waits_for == OURS[status]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (at_work(RunStatus.DONE), "nothing: it is over"),
        (at_work(paused="No provider answers."), "the next start: No provider answers."),
        (at_work(escalations=(the_question(),)), "your answer"),
        (
            at_work(escalations=(the_question(), evolve(the_question(), id="1c-z-dev-1"))),
            "2 answers",
        ),
        (
            at_work(
                attempts=(
                    an_attempt("a.critic.1", Role.CRITIC),
                    an_attempt("b.critic.1", Role.CRITIC),
                )
            ),
            "2 agents",
        ),
    ],
)
def test_what_everything_waits_for_is_one_phrase(run: Run, words: str) -> None:
    assert scene_of(run, {}, NOW).waits_for == words


def test_events_give_turn_last_tool_and_the_time_of_progress() -> None:
    name = "1a-x.implementer.1"

    def event(kind: str, **fields: object) -> dict[str, object]:
        return {"type": kind, "ts": LATER, "attempt": name, **fields}

    found = pulses_after({}, [{"type": "level.started", "level": 1}, event("attempt.started")])
    assert found == {name: Pulse(at=LATER)}
    found = pulses_after(
        found,
        [
            event("turn.completed", turn=3),
            event("tool.called", turn=3, tool="run_\x07shell", ok=False),
        ],
    )
    assert found == {name: Pulse(turn=3, tool="run_shell ✗", at=LATER)}
    assert pulses_after(found, [event("tool.called", turn=2, tool="grep", ok=True)]) == {
        name: Pulse(turn=3, tool="grep", at=LATER)
    }
    assert pulses_after(found, [event("tool.started", turn=3, tool="grep")]) == {
        name: Pulse(turn=3, tool="grep …", at=LATER)
    }
    assert pulses_after(found, [event("attempt.paused", seconds=9)]) == {
        name: Pulse(turn=3, tool="paused: quota", at=LATER)
    }
    assert pulses_after(found, [event("attempt.ended")]) == {}
