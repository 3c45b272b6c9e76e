"""Conversations: ordered tools, bounded turns, typed ends."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from fakes.model_fake import (
    FunctionDouble,
    MemoryJournal,
    ScriptedModel,
    Step,
    SteppedTime,
    replies,
    turn,
)

from dispatch.agents.loop import MAX_CALLS, MAX_REMINDERS, Conversation, LoopEnd
from dispatch.agents.metering import Meter, WorkClock
from dispatch.agents.model import (
    OUTCOME_OF,
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ModelRequest,
    ToolReply,
    UserMessage,
)
from dispatch.agents.terminal import MAX_INVALID, MAX_REFUSED, TerminalTool
from dispatch.agents.tools import ToolResult
from dispatch.agents.trace import Trace
from dispatch.agents.transcript import Item
from dispatch.state.config import Limits
from dispatch.state.enums import AttemptOutcome
from dispatch.state.jobs import OpenPurse
from dispatch.state.work import Usage


@frozen(kw_only=True)
class Answer:
    """What the agent hands in."""

    word: str


class Died(BaseException):
    """The process ended here."""


DONE = turn(("finish", {"word": "done"}))
OK: LoopEnd[str] = LoopEnd(outcome=AttemptOutcome.OK, value="done")


@define
class Scene:
    """A conversation about one word, and everything it did."""

    steps: list[Step]
    limits: Limits = field(factory=Limits)
    claims: Callable[[str], tuple[str, ...]] = lambda word: ()
    time: SteppedTime = field(factory=SteppedTime)
    monotonic: Callable[[], float] | None = None  # default: ``time``
    log: list[Item] = field(factory=list)
    done: list[str] = field(factory=list)
    journal: MemoryJournal = field(factory=MemoryJournal)
    accept_seconds: float = 0.0

    @property
    def model(self) -> ScriptedModel:
        """The model, made at first use."""
        return self._model

    def __attrs_post_init__(self) -> None:
        self._model = ScriptedModel(self.steps)
        self.terminal = TerminalTool(
            "finish", "Ends it.", Answer, lambda given: given.word, self._accept
        )
        self.conversation = self.talk(self._model)

    def talk(self, model: ScriptedModel) -> Conversation[str]:
        """The conversation with a model."""
        clock = WorkClock(self.monotonic or self.time)
        self.meter = meter = Meter(model, OpenPurse(), clock)
        return Conversation(
            client=meter,
            meter=meter,
            clock=clock,
            model="m",
            system="s",
            seed="seed",
            tools=(
                FunctionDouble("note", self._note),
                FunctionDouble("fail", self._fail),
                FunctionDouble("explode", self._explode),
                FunctionDouble("die", self._die),
                FunctionDouble("hang", self._hang),
            ),
            terminal=self.terminal,
            limits=self.limits,
            log=self.log,
            trace=Trace(lambda line: self.journal.line("agent", line)),
            event=self.journal.event,
        )

    _model: ScriptedModel = field(init=False)
    terminal: TerminalTool[Answer, str] = field(init=False)
    meter: Meter = field(init=False)
    conversation: Conversation[str] = field(init=False)

    async def run(self) -> LoopEnd[str]:
        """Talk."""
        return await self.conversation.run()

    def said(self) -> list[str]:
        """What we told the model after the seed."""
        return [each.text for each in self.log if isinstance(each, UserMessage)][1:]

    async def _accept(self, word: str) -> tuple[str, ...]:
        self.done.append(f"accept {word}")
        self.time.now += self.accept_seconds
        return self.claims(word)

    async def _note(self, arguments: dict[str, object]) -> ToolResult:
        await asyncio.sleep(0)
        self.done.append(f"note {arguments.get('n')}")
        self.time.now += float(str(arguments.get("seconds", 0)))
        return ToolResult(f"noted {arguments.get('n')}")

    async def _fail(self, arguments: dict[str, object]) -> ToolResult:
        return ToolResult("no such thing", is_error=True)

    async def _explode(self, arguments: dict[str, object]) -> ToolResult:
        raise RuntimeError("a defect")

    async def _die(self, arguments: dict[str, object]) -> ToolResult:
        raise Died

    async def _hang(self, arguments: dict[str, object]) -> ToolResult:
        try:
            await asyncio.Event().wait()
        finally:
            self.done.append("hang ended")
        raise AssertionError


async def test_tools_run_in_order_and_the_terminal_tool_runs_last() -> None:
    """[IM-06] W-43"""
    scene = Scene([turn(("finish", {"word": "done"}), ("note", {"n": 1}), ("note", {"n": 2}))])
    assert await scene.run() == OK
    assert scene.done == ["note 1", "note 2", "accept done"]
    assert scene.log[2:] == [
        ToolReply(call_id="call_1", name="note", content="noted 1"),
        ToolReply(call_id="call_2", name="note", content="noted 2"),
        ToolReply(call_id="call_0", name="finish", content="ok"),
    ]


async def test_the_terminal_tool_waits_until_the_error_of_the_same_message_was_looked_at() -> None:
    scene = Scene([turn(("fail", {}), ("finish", {"word": "early"})), DONE])
    assert await scene.run() == OK
    assert scene.done == ["accept done"]
    assert replies(scene.model.asked[1]) == [
        ("no such thing", True),
        (
            "finish was not carried out, because fail of the same message failed. "
            "Look at that error first, then call finish again.",
            True,
        ),
    ]


async def test_a_turn_is_kept_before_its_tools_run() -> None:
    """Killed in the middle of a tool, what the model said is there."""
    step = turn(("note", {"n": 1}), ("die", {}))
    scene = Scene([step])
    with pytest.raises(Died):
        await scene.run()
    assert scene.log == [
        UserMessage(text="seed"),
        step,
        ToolReply(call_id="call_0", name="note", content="noted 1"),
    ]
    assert scene.meter.usage.turns == 1


async def test_an_unknown_tool_is_answered_with_the_known_ones() -> None:
    scene = Scene([turn(("rm_rf", {})), DONE])
    assert await scene.run() == OK
    assert replies(scene.model.asked[1]) == [
        (
            "There is no tool named 'rm_rf'. The tools are: "
            "die, explode, fail, finish, hang, note.",
            True,
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ('{"n": tru', "are not valid JSON"),
        ('{"n": NaN}', "are not valid JSON"),
        ('{"n": "\\ud800"}', "are not valid JSON"),
        ("[" * 100_000, "are not valid JSON"),
        ("[1]", "have to be a JSON object, not list"),
        ("null", "have to be a JSON object, not NoneType"),
        ('{"n": "' + "x" * 1_000_000 + '"}', "at most 1000000 are taken"),
    ],
)
async def test_arguments_are_never_repaired(arguments: str, what: str) -> None:
    scene = Scene([turn(("note", arguments)), DONE])
    assert await scene.run() == OK
    ((content, is_error),) = replies(scene.model.asked[1])
    assert (what in content, is_error, scene.done) == (True, True, ["accept done"])


async def test_unreadable_arguments_of_the_terminal_tool_count_as_invalid_ones() -> None:
    """Otherwise a model that never gets them right would spend all its turns."""
    scene = Scene([turn(("finish", '{"n": tru'))] * MAX_INVALID)
    end = await scene.run()
    assert (end.outcome, scene.done) == (AttemptOutcome.INVALID_OUTPUT, [])
    assert len(scene.model.asked) == MAX_INVALID


async def test_no_arguments_at_all_are_an_empty_object() -> None:
    scene = Scene([turn(("note", "")), DONE])
    assert await scene.run() == OK
    assert scene.done == ["note None", "accept done"]


async def test_a_message_that_was_cut_is_explained() -> None:
    cut = evolve(turn(("note", '{"n": "lo')), finish_reason="length")
    scene = Scene([cut, evolve(turn(text="and so"), finish_reason="length"), DONE])
    assert await scene.run() == OK
    ((content, _),) = replies(scene.model.asked[1])
    assert "The message was cut at the limit of one reply: send less in one call." in content
    (reminder,) = scene.said()
    assert reminder.startswith("Your last message was cut at the limit of one reply")


async def test_a_defect_of_a_tool_is_an_error_result() -> None:
    scene = Scene([turn(("explode", {})), DONE])
    assert await scene.run() == OK
    assert replies(scene.model.asked[1]) == [
        ("explode failed unexpectedly: RuntimeError: a defect", True)
    ]


async def test_too_many_calls_of_one_message_are_answered_but_not_carried_out() -> None:
    scene = Scene([turn(*[("note", {"n": n}) for n in range(MAX_CALLS + 2)]), DONE])
    assert await scene.run() == OK
    assert len(scene.done) == MAX_CALLS + 1
    assert replies(scene.model.asked[1])[-1] == (
        f"Not carried out: at most {MAX_CALLS} tool calls of one message are.",
        True,
    )


async def test_turns_without_a_call_are_reminded_and_then_end_the_attempt() -> None:
    """[RL-05] W-13"""
    scene = Scene([turn(text="I will now do it.") for _ in range(MAX_REMINDERS + 1)])
    end = await scene.run()
    assert end == LoopEnd(
        outcome=AttemptOutcome.NO_OUTPUT,
        message="It ended 4 turns in a row without a tool call (3 reminders) and never had a call "
        "of finish accepted.",
    )
    assert len(scene.said()) == MAX_REMINDERS
    assert "(Reminder 1 of 3; after that the attempt ends without a result.)" in scene.said()[0]
    assert scene.meter.usage.turns == MAX_REMINDERS + 1


async def test_empty_turns_are_bounded_and_never_sent_back() -> None:
    """[RL-08] [KL-09] Providers refuse an assistant message with nothing in it."""
    scene = Scene([turn(text=" \n") for _ in range(MAX_REMINDERS + 1)])
    end = await scene.run()
    assert end.outcome is AttemptOutcome.NO_OUTPUT
    assert scene.said()[0].startswith("Your last message was empty. (Reminder 1 of 3;")
    assert all(isinstance(each, UserMessage) for each in scene.model.asked[-1].messages)


async def test_a_tool_call_forgives_earlier_turns_without_one() -> None:
    idle = turn(text="hm")
    scene = Scene([idle, idle, idle, turn(("note", {})), idle, idle, idle, DONE])
    assert await scene.run() == OK


async def test_two_thirds_of_the_turns_are_announced_once() -> None:
    scene = Scene([*(turn(("note", {"n": n})) for n in range(5)), DONE], Limits(turns=6))
    assert await scene.run() == OK
    (reminder,) = scene.said()
    assert reminder.startswith("You have used 4 of 6 turns.")
    assert scene.log.index(UserMessage(text=reminder)) == 9


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (Limits(turns=3), AttemptOutcome.TURN_LIMIT),
        (Limits(tokens=33), AttemptOutcome.TOKEN_LIMIT),
        (Limits(usd=0.75), AttemptOutcome.MONEY_LIMIT),
        (Limits(wall_seconds=3.0), AttemptOutcome.TIME_LIMIT),
    ],
)
async def test_every_budget_ends_the_same_endless_agent_after_three_turns(
    limits: Limits, outcome: AttemptOutcome
) -> None:
    used = Usage(input_tokens=10, output_tokens=1, cost_usd=0.25)
    scene = Scene([turn(("note", {"seconds": 1}), usage=used) for _ in range(9)], limits)
    end = await scene.run()
    assert (end.outcome, end.value) == (outcome, None)
    assert scene.meter.usage == Usage(turns=3, input_tokens=30, output_tokens=3, cost_usd=0.75)


async def test_an_unknown_price_cannot_hold_a_cap_on_money() -> None:
    unknown = Usage(input_tokens=1, cost_usd=None)
    scene = Scene([turn(("note", {}), usage=unknown), DONE], Limits(usd=5.0))
    end = await scene.run()
    assert end.outcome is AttemptOutcome.MONEY_LIMIT
    assert scene.meter.usage == Usage(turns=1, input_tokens=1, cost_usd=None)


async def test_an_answer_in_the_last_turn_that_was_paid_for_counts() -> None:
    scene = Scene([DONE], Limits(turns=1, tokens=1, usd=0.001))
    assert await scene.run() == OK


async def test_the_time_of_our_own_checks_is_not_the_agents() -> None:
    claims = iter([("b.py is not named",), ()])
    scene = Scene([DONE, DONE], Limits(wall_seconds=10.0), claims=lambda _: next(claims))
    scene.accept_seconds = 1000.0
    assert await scene.run() == OK


async def test_a_silent_model_is_given_up_and_its_call_ended() -> None:
    ended: list[str] = []

    async def silent(request: ModelRequest) -> AssistantMessage:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("call")
        raise AssertionError

    scene = Scene([silent], Limits(silence_seconds=0.02), monotonic=time.monotonic)
    end = await scene.run()
    assert end.outcome is AttemptOutcome.SILENCE_LIMIT
    assert ended == ["call"]


async def test_whatever_streams_in_ends_the_silence() -> None:
    clock = SteppedTime()

    class Slow(ScriptedModel):
        async def complete(
            self, request: ModelRequest, on_delta: Callable[[Delta], None]
        ) -> AssistantMessage:
            for _ in range(5):
                clock.now += 4.0
                on_delta(Delta(kind="text", text="."))
                await asyncio.sleep(0)
            return await super().complete(request, on_delta)

    scene = Scene([DONE], Limits(silence_seconds=5.0), time=clock)
    scene.conversation = scene.talk(Slow([DONE]))
    assert await scene.run() == OK
    assert clock.now == 20.0


async def test_a_tool_that_hangs_is_ended_by_the_time_limit() -> None:
    scene = Scene([turn(("hang", {}))], Limits(wall_seconds=0.02), monotonic=time.monotonic)
    end = await scene.run()
    assert end.outcome is AttemptOutcome.TIME_LIMIT
    assert scene.done == ["hang ended"]


@pytest.mark.parametrize("kind", list(ModelErrorKind))
async def test_every_error_of_a_provider_is_an_outcome(kind: ModelErrorKind) -> None:
    scene = Scene([turn(("note", {})), ModelError(kind, "sorry")])
    assert await scene.run() == LoopEnd(outcome=OUTCOME_OF[kind], message="sorry")
    assert scene.meter.usage.turns == 1
    assert scene.journal.lines[-1][1].startswith("ERROR: ")


async def test_a_call_that_cancels_itself_is_a_transport_error() -> None:
    async def torn(request: ModelRequest) -> AssistantMessage:
        raise asyncio.CancelledError

    assert (await Scene([torn]).run()).outcome is AttemptOutcome.TRANSPORT


async def test_answers_that_stay_invalid_end_the_attempt_with_the_last_refusal() -> None:
    scene = Scene([turn(("finish", {"wrod": "x"})) for _ in range(MAX_INVALID + 1)])
    end = await scene.run()
    assert end.outcome is AttemptOutcome.INVALID_OUTPUT
    assert "wrod: is not known; did you mean word?" in end.message
    assert scene.meter.usage.turns == MAX_INVALID


async def test_claims_that_never_hold_end_the_attempt_with_the_last_refusal() -> None:
    scene = Scene([DONE] * (MAX_REFUSED + 1), claims=lambda word: ("b.py is not named.",))
    end = await scene.run()
    assert end.outcome is AttemptOutcome.REFUSED_CLAIM
    assert "- b.py is not named." in end.message
    assert scene.meter.usage.turns == MAX_REFUSED


async def test_a_cancellation_ends_the_running_tool_and_is_passed_on_with_the_usage_kept() -> None:
    scene = Scene([turn(("hang", {}))])
    running = asyncio.ensure_future(scene.run())
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.done == ["hang ended"]
    assert scene.meter.usage == Usage(turns=1, input_tokens=10, output_tokens=1, cost_usd=0.01)


async def test_lone_surrogates_of_a_model_do_not_reach_the_disk() -> None:
    scene = Scene([turn(("note", '{"n": "\ud800"}'), text="\udfff")])
    scene.steps.append(DONE)
    assert await scene.run() == OK
    said = scene.log[1]
    assert isinstance(said, AssistantMessage)
    assert (said.text, said.tool_calls[0].arguments) == ("?", '{"n": "?"}')


async def test_what_happened_is_told_as_events() -> None:
    scene = Scene([turn(("note", {}), ("fail", {})), DONE])
    await scene.run()
    told: list[tuple[str, dict[str, Any]]] = scene.journal.events
    assert [(kind, fields.get("tool"), fields.get("ok")) for kind, fields in told] == [
        ("turn.completed", None, None),
        ("tool.started", "note", None),
        ("tool.called", "note", True),
        ("tool.started", "fail", None),
        ("tool.called", "fail", False),
        ("turn.completed", None, None),
        ("tool.started", "finish", None),
        ("tool.called", "finish", True),
    ]
    assert told[0][1] == {
        "turn": 1,
        "finishReason": "tool_calls",
        "toolCalls": 2,
        "inputTokens": 10,
        "outputTokens": 1,
        "costUSD": 0.01,
    }
