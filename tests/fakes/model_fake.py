"""A model that plays turns from a list, and what a conversation with it needs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, field, frozen

from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ModelError,
    ModelRequest,
    ToolCall,
    ToolReply,
    ToolSpec,
)
from dispatch.agents.tools import Effect, ToolResult
from dispatch.state.work import Usage

Step = AssistantMessage | ModelError | Callable[[ModelRequest], Awaitable[AssistantMessage]]


@define
class ScriptedModel:
    """Plays its turns in order and remembers what it was asked; an exhausted list is an error."""

    steps: list[Step]
    asked: list[ModelRequest] = field(factory=list)

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """What is asked for is never known to cost anything."""
        return Usage(turns=1, cost_usd=None)

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """The next turn."""
        self.asked.append(request)
        step = self.steps.pop(0)
        if isinstance(step, ModelError):
            raise step
        if not isinstance(step, AssistantMessage):
            return await step(request)
        if step.thinking:
            on_delta(Delta(kind="thinking", text=step.thinking))
        if step.text:
            on_delta(Delta(kind="text", text=step.text))
        return step


@define
class SteppedTime:
    """A clock that moves when told."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@define
class MemoryJournal:
    """Keeps what it is told."""

    events: list[tuple[str, dict[str, object]]] = field(factory=list)
    lines: list[tuple[str, str]] = field(factory=list)

    def event(self, kind: str, **fields: object) -> None:
        """Keep an event."""
        self.events.append((kind, fields))

    def line(self, label: str, text: str) -> None:
        """Keep a line."""
        self.lines.append((label, text))


@frozen
class FunctionDouble:
    """A tool with any arguments, made of a function."""

    name: str
    function: Callable[[dict[str, object]], Awaitable[ToolResult]]
    effect: Effect = Effect.NOTHING

    @property
    def spec(self) -> ToolSpec:
        """A specification without properties."""
        return ToolSpec(name=self.name, description="A double.", parameters={"type": "object"})

    async def call(self, arguments: Any) -> ToolResult:
        """Call the function."""
        return await self.function(arguments)


def turn(
    *calls: tuple[str, object], text: str = "", usage: Usage | None = None
) -> AssistantMessage:
    """A turn with calls; arguments are JSON text, or a value to be written as such."""
    return AssistantMessage(
        text=text,
        tool_calls=tuple(
            ToolCall(
                id=f"call_{number}",
                name=name,
                arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
            )
            for number, (name, arguments) in enumerate(calls)
        ),
        finish_reason="tool_calls" if calls else "stop",
        usage=usage or Usage(input_tokens=10, output_tokens=1, cost_usd=0.01),
    )


def replies(request: ModelRequest) -> Sequence[tuple[str, bool]]:
    """The tool replies a request shows, as (content, is an error)."""
    return [
        (message.content, message.is_error)
        for message in request.messages
        if isinstance(message, ToolReply)
    ]
