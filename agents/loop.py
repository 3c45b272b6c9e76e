"""One conversation with a model: bounded turns, tools in order, one answer or a typed end."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from attrs import evolve, frozen

from ..state.config import Limits
from ..state.disk import refusal
from ..state.enums import AttemptOutcome
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
)
from .terminal import MAX_INVALID, MAX_REFUSED, TerminalTool
from .tools.base import Tool, ToolResult
from .trace import Trace

MAX_REMINDERS: Final = 3  # in a row, for turns without a tool call
MAX_CALLS: Final = 32  # tool calls carried out of one message
MAX_ARGUMENT_CHARACTERS: Final = 1_000_000
MAX_RESULT_CHARACTERS: Final = 100_000  # tools page long before; this holds for all of them
GRACE_SECONDS: Final = 10.0  # for a call that was cancelled to clean up after itself
SHORTEST_WAIT: Final = 0.01

T = TypeVar("T")
V = TypeVar("V")


class Log(Protocol):
    """Where the messages go before anything is done about them."""

    def append(self, message: Message, /) -> None:
        """Keep one message; what the model said is durable when this returns."""
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
    on by what is not its own limit; ``event`` takes what happened, for ``events.jsonl``; ``redact``
    takes known secrets out of what a tool found before the model or the transcript sees it.
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
        redact: Callable[[str], str] = str,
    ) -> None:
        self._client = client
        self._meter = meter
        self._clock = clock
        self._seconds_left = seconds_left
        self._model = model
        self._system = system
        self._seed = seed
        self._tools: dict[str, Tool] = {tool.spec.name: tool for tool in tools}
        self._terminal = terminal
        self._specs = (*(tool.spec for tool in tools), terminal.spec)
        self._limits = limits
        self._log = log
        self._trace = trace
        self._event = event
        self._redact = redact
        self._messages: list[Message] = []
        self._idle_turns = 0
        self._reminded_of_budget = False
        self._heard = clock()

    async def run(self) -> LoopEnd[V]:
        """Talk until the terminal tool accepts a call, or a budget, bound or provider ends it."""
        self._heard = self._clock()
        self._say(self._seed)
        while True:
            stop = exhausted(self._spent(), self._limits_now())
            if stop is None:
                self._remind_of_budget()
                stop = await self._turn()
            # What was accepted counts, whatever else the same turn ran into.
            if self._terminal.value is not None:
                return LoopEnd(outcome=AttemptOutcome.OK, value=self._terminal.value)
            if stop is not None:
                return LoopEnd(outcome=stop.outcome, message=stop.message)

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
            return self._remind_to_act(turn)
        self._idle_turns = 0
        return await self._carry_out(turn) or self._given_up()

    async def _ask(self) -> AssistantMessage | Stop:
        request = ModelRequest(
            model=self._model,
            system=self._system,
            # Providers refuse a message with nothing in it.
            messages=tuple(each for each in self._messages if not _is_empty(each)),
            tools=self._specs,
        )
        self._heard = self._clock()
        call = asyncio.ensure_future(self._client.complete(request, self._on_delta))
        turn = await self._wait_for(call, silence_counts=True)
        return turn if isinstance(turn, Stop) else _storable(turn)

    def _on_delta(self, delta: Delta) -> None:
        self._heard = self._clock()
        self._trace.delta(delta)

    def _keep(self, turn: AssistantMessage) -> None:
        """Make a turn durable, before any of its tools runs."""
        self._log.append(turn)
        self._messages.append(turn)
        self._event(
            "turn.completed",
            turn=self._meter.usage.turns,
            finishReason=turn.finish_reason,
            toolCalls=len(turn.tool_calls),
            inputTokens=turn.usage.input_tokens,
            outputTokens=turn.usage.output_tokens,
            costUSD=turn.usage.cost_usd,
        )

    async def _carry_out(self, turn: AssistantMessage) -> Stop | None:
        """Run the calls in order, those of the terminal tool last and only if no other failed."""
        ordinary = [call for call in turn.tool_calls if call.name != self._terminal.spec.name]
        final = [call for call in turn.tool_calls if call.name == self._terminal.spec.name]
        failed: list[str] = []
        for number, call in enumerate((*ordinary, *final)):
            result: ToolResult | Stop
            if number >= MAX_CALLS:
                result = ToolResult(
                    f"Not carried out: at most {MAX_CALLS} tool calls of one message are.",
                    is_error=True,
                )
            elif call in final and failed:
                result = ToolResult(
                    f"{call.name} was not carried out, because {' and '.join(failed)} of the same "
                    f"message failed. Look at that error first, then call {call.name} again.",
                    is_error=True,
                )
            else:
                result = await self._call(call, cut=turn.finish_reason == "length")
            if isinstance(result, Stop):
                return result
            if result.is_error and call not in final:
                failed.append(call.name)
            if result.is_error:
                self._trace.refused(result.content)
            self._reply(call, result)
        return None

    async def _call(self, call: ToolCall, *, cut: bool) -> ToolResult | Stop:
        arguments = _arguments(call, cut=cut)
        readable = None if isinstance(arguments, ToolResult) else arguments
        self._trace.tool(call.name, readable)
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
            tool = asyncio.ensure_future(_called(self._tools[call.name], arguments))
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
        known = self._redact(result.content)
        content = bounded(known, MAX_RESULT_CHARACTERS, "Ask for less at a time.")
        self._add(
            ToolReply(
                call_id=call.id,
                name=call.name,
                content=_encodable(content),
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
        if turn.finish_reason == "length":
            what = (
                "Your last message was cut at the limit of one reply before it reached a tool "
                "call. Say less before it, and split a long argument over several calls"
            )
        elif _is_empty(turn):
            what = "Your last message was empty"
        else:
            what = "Your last message contained no tool call, so nothing happened"
        self._say(
            f"{what}. (Reminder {self._idle_turns} of {MAX_REMINDERS}; after that the attempt "
            f"ends without a result.) Go on with the work by calling tools, and end it by calling "
            f"{name}. Nobody reads text outside tool calls."
        )
        return None

    def _remind_of_budget(self) -> None:
        if self._reminded_of_budget:
            return
        used = nearly_spent(self._spent(), self._limits)
        if not used:
            return
        self._reminded_of_budget = True
        self._say(
            f"You have used {used}. Bring the work to its end now and call "
            f"{self._terminal.spec.name} in good time: when a budget is spent the attempt ends, "
            "and what was not handed in does not count."
        )

    def _say(self, text: str) -> None:
        self._add(UserMessage(text=_encodable(text)))

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


async def _called(tool: Tool, arguments: Mapping[str, object]) -> ToolResult:
    try:
        return await tool.call(arguments)
    except Exception as error:  # a tool's defect costs the model a call, not the run an attempt
        if refused := refusal(error):
            raise refused from error
        return ToolResult(
            f"{tool.spec.name} failed unexpectedly: {type(error).__name__}: {str(error)[:500]}",
            is_error=True,
        )


async def _end(work: "asyncio.Future[T]") -> None:
    if not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=GRACE_SECONDS)
    if work.done() and not work.cancelled():
        work.exception()  # looked at, or asyncio complains that nobody did


def _arguments(call: ToolCall, *, cut: bool) -> Mapping[str, object] | ToolResult:
    """The arguments as they stand, never repaired; or what is wrong with them."""
    if len(call.arguments) > MAX_ARGUMENT_CHARACTERS:
        return ToolResult(
            f"The arguments of {call.name} have {len(call.arguments)} characters; at most "
            f"{MAX_ARGUMENT_CHARACTERS} are taken. Split the call.",
            is_error=True,
        )
    try:
        # No text at all is how some providers write a call without arguments.
        value: object = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        why = " The message was cut at the limit of one reply: send less in one call." * cut
        return ToolResult(
            f"The arguments of {call.name} are not valid JSON: {error}.{why} Call it again.",
            is_error=True,
        )
    if not isinstance(value, dict):
        return ToolResult(
            f"The arguments of {call.name} have to be a JSON object, not "
            f"{type(value).__name__}. Call it again.",
            is_error=True,
        )
    return value


def _is_empty(message: Message) -> bool:
    return (
        isinstance(message, AssistantMessage)
        and not message.text.strip()
        and not message.tool_calls
    )


def _storable(turn: AssistantMessage) -> AssistantMessage:
    return evolve(
        turn,
        text=_encodable(turn.text),
        thinking=_encodable(turn.thinking),
        tool_calls=tuple(
            evolve(call, name=_encodable(call.name), arguments=_encodable(call.arguments))
            for call in turn.tool_calls
        ),
    )


def _encodable(text: str) -> str:
    """The text without lone surrogates, which neither disk nor wire can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
