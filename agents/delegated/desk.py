"""Where a delegated attempt hands in: the role's own tools, answered as for our own agents.

Every call and its reply is in the attempt's transcript.  An accepted answer is a file by rename
before its sender hears of it, so that it counts whatever becomes of the program that sent it.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from ...state.durable import replace
from ...state.enums import AttemptOutcome
from ...state.redact import Redactor
from ..calls import called, encodable
from ..fencing import bounded
from ..limits import Stop
from ..loop import MAX_RESULT_CHARACTERS, Log
from ..metering import WorkClock
from ..model import AssistantMessage, Message, ToolCall, ToolReply, ToolSpec
from ..roles.base import FunctionTool, Session
from ..terminal import MAX_INVALID, MAX_REFUSED
from ..tools import Effect, ToolResult
from ..trace import Trace
from ..transcript import Item

HAND_IN: Final = "hand-in.json"
MAX_CALLS: Final = 1000  # of one attempt

A = TypeVar("A")


def own_specs(session: Session[Any]) -> tuple[ToolSpec, ...]:
    """The tools that are ours to answer whoever works in the session, the terminal tool last."""
    own = (tool.spec for tool in session.tools if isinstance(tool, FunctionTool))
    return (*own, session.terminal.spec)


class Desk(Generic[A]):
    """The tools of one attempt that are ours to answer; see ``delegated.mcp.Offer``.

    Tools over the tree and the shell are not among them: the program has its own.  Calls are
    answered one after the other.
    """

    changes_nothing = True  # of what the program would have to ask somebody about

    def __init__(
        self,
        session: Session[A],
        *,
        folder: Path,
        log: Log,
        clock: WorkClock,
        trace: Trace,
        event: Callable[..., None],
        redactor: Redactor,
    ) -> None:
        own = [each for each in session.tools if isinstance(each, FunctionTool)]
        self.specs = own_specs(session)
        self._tools = {tool.spec.name: tool for tool in own}
        self._terminal = session.terminal
        self._folder = folder
        self._log = log
        self._clock = clock
        self._trace = trace
        self._event = event
        self._redactor = redactor
        self.failure: Exception | None = None  # of ours, which no model could do anything about
        self._one_at_a_time = asyncio.Lock()
        self.calls = 0  # that were made, also before an interruption

    @property
    def value(self) -> A | None:
        """What was accepted."""
        return self._terminal.value

    @property
    def is_busy(self) -> bool:
        """Whether the program waits for us."""
        return self._one_at_a_time.locked()

    def given_up(self) -> Stop | None:
        """Why nothing more is taken from an attempt whose answers keep being refused."""
        if self._terminal.invalid_calls >= MAX_INVALID:
            return Stop(AttemptOutcome.INVALID_OUTPUT, self._terminal.last_refusal)
        if self._terminal.refused_claims >= MAX_REFUSED:
            return Stop(AttemptOutcome.REFUSED_CLAIM, self._terminal.last_refusal)
        if self.calls >= MAX_CALLS:
            return Stop(AttemptOutcome.TURN_LIMIT, f"It made {MAX_CALLS} calls of our tools.")
        return None

    async def call(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Answer one call."""
        async with self._one_at_a_time:
            self.calls += 1
            if self._terminal.value is None and (stop := self.given_up()):
                return ToolResult(f"The attempt is over. {stop.message}", is_error=True)
            # As the transcript has them: carried out again after a kill they are the same.
            arguments = self._redactor.mapping(arguments)
            call = ToolCall(
                id=f"hand-off-{self.calls}",
                name=name,
                arguments=encodable(json.dumps(arguments, ensure_ascii=False)),
            )
            self._keep(AssistantMessage(tool_calls=(call,), finish_reason="tool_calls"))
            self._trace.tool(name, arguments)
            self._event("tool.started", turn=self.calls, tool=name)
            started = self._clock.monotonic()
            was_open = self._terminal.value is None
            try:
                result = await self._result(name, arguments)
                if was_open and self._terminal.value is not None:
                    self._accept(arguments)
            except Exception as error:
                self.failure = error
                raise
            if result.is_error:
                self._trace.refused(result.content)
            whole = self._redactor.text(encodable(result.content))
            content = bounded(whole, MAX_RESULT_CHARACTERS, "Ask for less at a time.")
            self._keep(
                ToolReply(call_id=call.id, name=name, content=content, is_error=result.is_error)
            )
            self._event(
                "tool.called",
                turn=self.calls,
                tool=name,
                ok=not result.is_error,
                seconds=round(self._clock.monotonic() - started, 3),
            )
            return ToolResult(content, is_error=result.is_error)

    async def idle(self) -> None:
        """Wait for the calls that were made so far."""
        async with self._one_at_a_time:
            pass

    async def recall(self, items: Iterable[Item]) -> None:
        """Bring the tools to where they were before an interruption, and take what was handed in.

        An answer that was accepted and not recorded is compared with the world again, and accepted
        again: nobody is asked for it a second time.
        """
        calls = dict[str, ToolCall]()
        for item in items:
            if isinstance(item, AssistantMessage):
                calls.update({call.id: call for call in item.tool_calls})
                self.calls += len(item.tool_calls)
            elif isinstance(item, ToolReply) and item.call_id in calls:
                await self._recall(calls[item.call_id], item)
        if (self._folder / HAND_IN).exists():
            given = json.loads((self._folder / HAND_IN).read_text(encoding="utf-8"))
            await self.call(self._terminal.spec.name, given)

    async def _result(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        if name != self._terminal.spec.name:
            return await called(self._tools[name], arguments)
        # Its checks are our work: see the loop.
        with self._clock.stopped():
            return await self._terminal.call(arguments)

    async def _recall(self, call: ToolCall, reply: ToolReply) -> None:
        arguments = json.loads(call.arguments)
        if call.name == self._terminal.spec.name:
            self._terminal.recall(arguments, reply.content)
        elif reply.is_error or call.name not in self._tools:
            return  # nothing came of it
        elif self._tools[call.name].effect is Effect.MEMORY:
            await self._tools[call.name].call(arguments)

    def _accept(self, arguments: Mapping[str, object]) -> None:
        text = json.dumps(arguments, ensure_ascii=False, indent=2) + "\n"
        replace(self._folder / HAND_IN, text.encode("utf-8", "backslashreplace"))

    def _keep(self, message: Message) -> None:
        self._log.append(message)
