"""One conversation with a model: bounded turns, tools in order, one answer or a typed end."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from attrs import evolve, frozen

from ..state.config import Limits
from ..state.enums import AttemptOutcome
from ..state.redact import Redactor
from . import sentences
from .calls import arguments_of, called, encodable, storable, with_marked_arguments
from .fencing import bounded
from .limits import Spent, Stop, exhausted, nearly_spent, overdue, patience
from .metering import Meter, NotGranted, WorkClock
from .model import (
    OUTCOME_OF,
    AssistantMessage,
    Completes,
    Delta,
    Message,
    ModelError,
    ModelErrorKind,
    ModelRequest,
    ToolCall,
    ToolReply,
    UserMessage,
    is_empty,
)
from .past import Past, PastTurn, calls_in_order
from .terminal import MAX_INVALID, MAX_REFUSED, TerminalTool
from .tools.base import Effect, Tool, ToolResult
from .trace import Trace
from .transcript import Again, Item, TreeMark

MAX_REMINDERS: Final = 3  # in a row, for turns without a tool call
MAX_CALLS: Final = 32  # tool calls carried out of one message
MAX_RESULT_CHARACTERS: Final = 100_000  # tools page long before; this holds for all of them
GRACE_SECONDS: Final = 10.0  # for a call that was cancelled to clean up after itself
SHORTEST_WAIT: Final = 0.01

T = TypeVar("T")
V = TypeVar("V")


class Log(Protocol):
    """Where everything goes before anything is done about it."""

    def append(self, item: Item, /) -> None:
        """Keep one item; what the model said is durable when this returns."""
        ...


@frozen(kw_only=True)
class LoopEnd(Generic[V]):
    """How a conversation ended; ``value`` is there exactly when ``outcome`` is ok."""

    outcome: AttemptOutcome
    value: V | None = None
    message: str = ""


class Conversation(Generic[V]):
    """One agent at work; what it used is in ``meter``, right at any moment.

    ``client`` gives turns that ``meter`` counts; ``seconds_left`` says how long the attempt may go
    on by what is not its own limit; ``event`` takes what happened, for ``events.jsonl``;
    ``redactor`` takes secrets out of everything that the model or the transcript gets to see.
    ``tree`` gives the id of the tree that the agent changes; without it there is none.
    """

    def __init__(
        self,
        *,
        client: Completes,
        meter: Meter,
        clock: WorkClock,
        seconds_left: Callable[[float], float] = lambda worked: math.inf,
        model: str,
        system: str,
        seed: str,
        tools: Sequence[Tool],
        terminal: TerminalTool[Any, V],
        limits: Limits,
        log: Log,
        trace: Trace,
        event: Callable[..., None],
        redactor: Redactor | None = None,
        tree: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        self._client = client
        self._meter = meter
        self._clock = clock
        self._seconds_left = seconds_left
        self._model = model
        self._redactor = redactor or Redactor()
        self._system = self._redactor.text(system)
        self._seed = seed
        self._tools: dict[str, Tool] = {tool.spec.name: tool for tool in tools}
        self._terminal = terminal
        self._specs = (*(tool.spec for tool in tools), terminal.spec)
        self._limits = limits
        self._log = log
        self._trace = trace
        self._event = event
        self._tree = tree
        self._known_tree: str | None = None
        self._messages: list[Message] = []
        self._idle_turns = 0
        self._reminded_of_budget = False
        self._heard = clock()

    async def run(self, past: Past | None = None) -> LoopEnd[V]:
        """Talk until the terminal tool accepts a call, or a budget, bound or provider ends it.

        ``past`` is what an interrupted conversation has come to; the tree is as it says.
        """
        self._heard = self._clock()
        stop = None
        if past is not None:
            stop = await self._go_on(past)
        else:
            self._say(self._seed)
            await self._mark(changed=True)
        # What was accepted counts, whatever else the same turn ran into.
        while self._terminal.value is None and stop is None:
            stop = exhausted(self._spent(), self._limits_now())
            if stop is None:
                self._remind_of_budget()
                stop = await self._turn()
        if self._terminal.value is not None:
            return LoopEnd(outcome=AttemptOutcome.OK, value=self._terminal.value)
        assert stop is not None  # why else would the loop be left
        return LoopEnd(outcome=stop.outcome, message=stop.message)

    async def _go_on(self, past: Past) -> Stop | None:
        """Bring tools and counters to where they were, and end the turn that was cut off."""
        self._messages.extend(past.messages)
        self._known_tree = past.tree
        self._meter.recall(past.messages_before_last, past.turns[-1].said)
        for turn in past.turns:
            await self._recall(turn)
        last = past.turns[-1]
        self._idle_turns = past.idle_turns
        if past.is_answered:
            return None
        if not last.said.tool_calls:
            self._idle_turns -= 1  # the reminder counts it
            return self._remind_to_act(last.said)
        return await self._end_cut_off(last) or self._given_up()

    async def _recall(self, turn: PastTurn) -> None:
        """What earlier calls left in the memory of tools."""
        calls = calls_in_order(turn.said, self._terminal.spec.name)
        for call, reply in zip(calls, turn.replies, strict=False):
            arguments = arguments_of(call, cut=turn.said.finish_reason == "length")
            readable = None if isinstance(arguments, ToolResult) else arguments
            if call.name == self._terminal.spec.name:
                self._terminal.recall(readable, reply.content)
            elif reply.is_error or readable is None:
                continue  # nothing came of it
            elif self._effect_of(call) is Effect.MEMORY:
                await self._tools[call.name].call(readable)

    async def _end_cut_off(self, turn: PastTurn) -> Stop | None:
        """Carry out the calls of whose end nothing is known, or say so to the model."""
        if not turn.left:
            return None
        self._log.append(Again())
        if any(self._effect_of(call) is Effect.TREE for call in turn.left):
            for call in turn.left:
                self._reply(call, ToolResult(sentences.interrupted(call.name), is_error=True))
            await self._mark(changed=False)
            return None
        # Reading again costs nothing, and an answer that was accepted and not recorded is accepted
        # again: neither takes a turn of the model.
        final = self._terminal.spec.name
        failed = [each.name for each in turn.replies if each.is_error and each.name != final]
        return await self._carry_out(turn.said, turn.left, failed)

    async def _turn(self) -> Stop | None:
        """Ask for one turn and carry out its calls."""
        try:
            turn = await self._ask()
        except ModelError as error:
            self._trace.error(error)
            return Stop(OUTCOME_OF[error.kind], error.message)
        except NotGranted as error:
            return Stop(error.refusal.outcome, error.refusal.reason)
        finally:
            self._trace.turn_ended()
        if isinstance(turn, Stop):
            return turn
        self._keep(turn)
        if not turn.tool_calls:
            await self._mark(changed=False)
            return self._remind_to_act(turn)
        self._idle_turns = 0
        calls = calls_in_order(turn, self._terminal.spec.name)
        return await self._carry_out(turn, calls, []) or self._given_up()

    async def _ask(self) -> AssistantMessage | Stop:
        request = ModelRequest(
            model=self._model,
            system=self._system,
            # Providers refuse a message with nothing in it.
            messages=tuple(each for each in self._messages if not is_empty(each)),
            tools=self._specs,
        )
        self._heard = self._clock()
        call = asyncio.ensure_future(self._client.complete(request, self._on_delta))
        turn = await self._wait_for(call, silence_counts=True)
        return turn if isinstance(turn, Stop) else storable(turn, self._redactor)

    def _on_delta(self, delta: Delta) -> None:
        self._heard = self._clock()
        self._trace.delta(delta)

    def _keep(self, turn: AssistantMessage) -> None:
        """Make a turn durable, before any of its tools runs."""
        self._add(with_marked_arguments(turn, self._redactor))
        self._event(
            "turn.completed",
            turn=self._meter.usage.turns,
            finishReason=turn.finish_reason,
            toolCalls=len(turn.tool_calls),
            inputTokens=turn.usage.input_tokens,
            outputTokens=turn.usage.output_tokens,
            costUSD=turn.usage.cost_usd,
        )

    async def _carry_out(
        self, turn: AssistantMessage, calls: Sequence[ToolCall], failed: list[str]
    ) -> Stop | None:
        """Run calls in their order, those of the terminal tool only if no other ``failed``."""
        final = self._terminal.spec.name
        ordinary = [call for call in calls if call.name != final]
        changed = any(self._effect_of(call) is Effect.TREE for call in ordinary)
        for number, call in enumerate(calls):
            if number == len(ordinary):
                await self._mark(changed=changed)
            result: ToolResult | Stop
            if number >= MAX_CALLS:
                result = ToolResult(sentences.too_many(MAX_CALLS), is_error=True)
            elif call.name == final and failed:
                result = ToolResult(sentences.after_a_failure(failed, final), is_error=True)
            else:
                result = await self._call(call, cut=turn.finish_reason == "length")
            if isinstance(result, Stop):
                return result
            if result.is_error and call.name != final:
                failed.append(call.name)
            if result.is_error:
                self._trace.refused(result.content)
            self._reply(call, result)
        if len(calls) == len(ordinary):
            await self._mark(changed=changed)
        return None

    def _effect_of(self, call: ToolCall) -> Effect:
        tool = self._tools.get(call.name)
        return Effect.NOTHING if tool is None else tool.effect

    async def _mark(self, *, changed: bool) -> None:
        """Note the tree: what was said and done before belongs to it."""
        if self._tree is None:
            return
        if changed:
            self._known_tree = await self._tree()
        self._log.append(TreeMark(tree=self._known_tree))

    async def _call(self, call: ToolCall, *, cut: bool) -> ToolResult | Stop:
        arguments = arguments_of(call, cut=cut)
        if not isinstance(arguments, ToolResult) and self._effect_of(call) is not Effect.TREE:
            # As the transcript has them: carried out again after a kill they are the same.  What
            # is written to a file is the agent's work, and stays as it is.
            arguments = self._redactor.mapping(arguments)
        readable = None if isinstance(arguments, ToolResult) else arguments
        self._trace.tool(call.name, readable)
        self._event("tool.started", turn=self._meter.usage.turns, tool=call.name)
        started = self._clock.monotonic()
        if isinstance(arguments, ToolResult):
            is_final = call.name == self._terminal.spec.name
            unreadable = self._terminal.unreadable
            result: ToolResult | Stop = unreadable(arguments.content) if is_final else arguments
        elif call.name == self._terminal.spec.name:
            # Its checks are our work and bounded by their own limits: ending them for the agent's
            # time would lose a finished piece of work, so they are not charged to it.
            with self._clock.stopped():
                result = await self._terminal.call(arguments)
        elif call.name not in self._tools:
            names = ", ".join(sorted((*self._tools, self._terminal.spec.name)))
            result = ToolResult(
                f"There is no tool named {call.name[:80]!r}. The tools are: {names}.",
                is_error=True,
            )
        else:
            tool = asyncio.ensure_future(called(self._tools[call.name], arguments))
            result = await self._wait_for(tool, silence_counts=False)
        self._event(
            "tool.called",
            turn=self._meter.usage.turns,
            tool=call.name,
            ok=isinstance(result, ToolResult) and not result.is_error,
            seconds=round(self._clock.monotonic() - started, 3),
        )
        return result

    def _reply(self, call: ToolCall, result: ToolResult) -> None:
        whole = self._redactor.text(encodable(result.content))
        content = bounded(whole, MAX_RESULT_CHARACTERS, "Ask for less at a time.")
        self._add(
            ToolReply(
                call_id=call.id,
                name=call.name,
                content=content,
                is_error=result.is_error,
            )
        )

    def _given_up(self) -> Stop | None:
        """The end of an attempt whose answers keep being refused."""
        if self._terminal.invalid_calls >= MAX_INVALID:
            return Stop(AttemptOutcome.INVALID_OUTPUT, self._terminal.last_refusal)
        if self._terminal.refused_claims >= MAX_REFUSED:
            return Stop(AttemptOutcome.REFUSED_CLAIM, self._terminal.last_refusal)
        return None

    def _remind_to_act(self, turn: AssistantMessage) -> Stop | None:
        """Answer a turn without a tool call, a bounded number of times in a row."""
        self._idle_turns += 1
        name = self._terminal.spec.name
        if self._idle_turns > MAX_REMINDERS:
            return Stop(
                AttemptOutcome.NO_OUTPUT,
                f"It ended {self._idle_turns} turns in a row without a tool call "
                f"({MAX_REMINDERS} reminders) and never had a call of {name} accepted.",
            )
        self._say(sentences.act(turn, self._idle_turns, MAX_REMINDERS, name))
        return None

    def _remind_of_budget(self) -> None:
        if self._reminded_of_budget:
            return
        used = nearly_spent(self._spent(), self._limits)
        if not used:
            return
        self._reminded_of_budget = True
        self._say(sentences.nearly_spent(used, self._terminal.spec.name))

    def _say(self, text: str) -> None:
        self._add(UserMessage(text=self._redactor.text(encodable(text))))

    def _add(self, message: Message) -> None:
        self._log.append(message)
        self._messages.append(message)

    def _spent(self, *, silence_counts: bool = False) -> Spent:
        now = self._clock()
        return Spent(
            usage=self._meter.at_most,
            wall_seconds=now,
            silent_seconds=now - self._heard if silence_counts else 0.0,
        )

    def _limits_now(self) -> Limits:
        """The attempt's limits, with the wall time that the caps of others leave."""
        worked = self._clock()
        last = min(self._limits.wall_seconds, worked + self._seconds_left(worked))
        return evolve(self._limits, wall_seconds=last)

    async def _wait_for(self, work: "asyncio.Future[T]", *, silence_counts: bool) -> T | Stop:
        """What a call gives, or why it was not waited for; it is over when this returns."""
        try:
            while not work.done():
                spent = self._spent(silence_counts=silence_counts)
                limits = self._limits_now()
                if stop := overdue(spent, limits):
                    return stop
                seconds = max(SHORTEST_WAIT, patience(spent, limits))
                await asyncio.wait({work}, timeout=seconds)
            if work.cancelled():  # by itself: nobody cancelled us
                raise ModelError(ModelErrorKind.TRANSPORT, "The call was cancelled underneath.")
            return work.result()
        finally:
            await _end(work)


async def _end(work: "asyncio.Future[T]") -> None:
    if not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=GRACE_SECONDS)
    if work.done() and not work.cancelled():
        work.exception()  # looked at, or asyncio complains that nobody did
