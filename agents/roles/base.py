"""What every role is made of: a session for one job, and tools that are plain functions."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import frozen

from ...policy.attribution import claimed_path
from ..loop import MAX_REMINDERS
from ..model import ToolSpec
from ..schema import parse_arguments, schema
from ..templates import render
from ..terminal import MAX_INVALID, MAX_REFUSED, TerminalTool
from ..tools import Effect, Tool, ToolResult
from ..workshop import Workshop

A = TypeVar("A")
P = TypeVar("P")


@frozen(kw_only=True)
class Session(Generic[A]):
    """An agent ready to start: what it is told, what it may call, and how it answers."""

    system: str
    seed: str
    tools: tuple[Tool, ...]
    terminal: TerminalTool[Any, A]


class FunctionTool(Generic[P]):
    """A tool made of an attrs class of arguments and a function; wrong arguments never reach it."""

    def __init__(
        self,
        name: str,
        description: str,
        arguments: type[P],
        function: Callable[[P], Awaitable[ToolResult]],
        effect: Effect = Effect.NOTHING,
    ) -> None:
        self.spec = ToolSpec(name=name, description=description, parameters=schema(arguments))
        self.effect = effect
        self._arguments = arguments
        self._function = function

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Judge the arguments, then call the function."""
        parsed = parse_arguments(self._arguments, arguments)
        if parsed.value is None:
            return refusal(f"{self.spec.name}: the arguments are not valid.", parsed.problems)
        return await self._function(parsed.value)


def system_prompt(name: str, workshop: Workshop, **values: object) -> str:
    """The prompt of a role with every bound it has to know; the same for all its jobs."""
    return render(
        name,
        limits=workshop.limits,
        shared=workshop.shared,
        max_invalid=MAX_INVALID,
        max_refused=MAX_REFUSED,
        max_reminders=MAX_REMINDERS,
        **values,
    )


def refusal(head: str, problems: tuple[str, ...]) -> ToolResult:
    """An error that lists every problem."""
    return ToolResult("\n".join((head, *(f"- {each}" for each in problems))), is_error=True)


def relative_paths(
    raw: tuple[str, ...], root: Path, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths in their one spelling, sorted, each once; and a sentence for each that is none."""
    found: set[str] = set()
    problems = []
    for each in raw:
        path = claimed_path(each, str(root))
        if path is None:
            problems.append(
                f"{where}: {each[:200]!r} is no file of the worktree; "
                "write paths relative to its root, such as src/main.py."
            )
        else:
            found.add(path)
    return tuple(sorted(found)), tuple(problems)
