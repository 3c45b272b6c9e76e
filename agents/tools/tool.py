"""What all tools share: arguments judged before the body runs, and refusals as results."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Generic, TypeVar

from ...state.disk import refusal
from ..model import ToolSpec
from ..schema import parse_arguments, schema
from .base import Effect, ToolResult
from .paths import Refused

A = TypeVar("A")


class FileTool(Generic[A]):
    """A tool made of an attrs class for its arguments and a function; it raises StorageError alone.

    The function runs in a worker thread and returns the text for the model, or raises Refused.
    """

    def __init__(
        self,
        name: str,
        description: str,
        arguments: type[A],
        body: Callable[[A], str],
        effect: Effect = Effect.NOTHING,
    ) -> None:
        self.spec = ToolSpec(
            name=name, description=description, parameters=schema(arguments, snake=True)
        )
        self.effect = effect
        self._arguments = arguments
        self._body = body

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call."""

        async def body(parsed: A) -> ToolResult:
            return ToolResult(await asyncio.to_thread(self._body, parsed))

        return await answer(self.spec.name, self._arguments, arguments, body)


async def answer(
    name: str,
    cls: type[A],
    arguments: Mapping[str, object],
    body: Callable[[A], Coroutine[None, None, ToolResult]],
) -> ToolResult:
    """Judge the arguments of a tool, run its body, and turn whatever it refuses into a result."""
    parsed = parse_arguments(cls, arguments, snake=True)
    if parsed.value is None:
        return ToolResult("\n".join((f"{name} was not called:", *parsed.problems)), is_error=True)
    try:
        return await body(parsed.value)
    except (Refused, OSError) as error:
        if refused := refusal(error):
            raise refused from error  # no turn of the model's could do anything about it
        if isinstance(error, Refused):
            return ToolResult(str(error), is_error=True)
        return ToolResult(f"{name} failed: {error.strerror or error}.", is_error=True)
