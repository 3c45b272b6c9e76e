"""The tool that ends an agent: its first accepted call settles the attempt with a typed value."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

from attrs import frozen

from .model import ToolSpec
from .schema import parse_arguments, schema
from .tools.base import ToolResult

MAX_INVALID: Final = 6  # refused arguments in one attempt
MAX_REFUSED: Final = 6  # claims in one attempt that the tree or the commands did not bear out

P = TypeVar("P")
V = TypeVar("V")


@frozen
class Refused:
    """Arguments that have the right types and still cannot be taken; sentences for the model."""

    problems: tuple[str, ...]


class TerminalTool(Generic[P, V]):
    """A tool that is open until one call is accepted.

    ``judge`` turns the arguments into the answer's record or refuses them; ``accept`` then compares
    the record with the world.  Whatever is refused leaves the tool open, with every problem in
    the reply.
    """

    def __init__(
        self,
        name: str,
        description: str,
        arguments: type[P],
        judge: Callable[[P], V | Refused],
        accept: Callable[[V], Awaitable[tuple[str, ...]]] | None = None,
        resolved: str = "The answer is already resolved.",
    ) -> None:
        self.spec = ToolSpec(name=name, description=description, parameters=schema(arguments))
        self.value: V | None = None
        self.invalid_calls = 0
        self.refused_claims = 0
        self.last_refusal = ""
        self._arguments = arguments
        self._judge = judge
        self._accept = accept
        self._resolved = resolved
        self._refused = f"{name} was not accepted"

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Settle the attempt, or say everything that stands in the way."""
        parsed = parse_arguments(self._arguments, arguments)
        if parsed.value is None:
            return self._invalid(parsed.problems)
        # Only after the arguments: a wrong late call is told what is wrong with it.
        if self.value is not None:
            return ToolResult(f"{self._resolved} The first accepted call counts.", is_error=True)
        judged = self._judge(parsed.value)
        if isinstance(judged, Refused):
            return self._invalid(judged.problems)
        problems = () if self._accept is None else await self._accept(judged)
        if problems:
            self.refused_claims += 1
            return self._refusal(
                f"{self._refused}: it was compared with the tree and the "
                "commands, and does not hold.",
                problems,
                f"Put the work or the claim right and call {self.spec.name} again "
                f"(refused {self.refused_claims} of at most {MAX_REFUSED} times).",
            )
        self.value = judged
        return ToolResult("ok")

    def recall(self, arguments: Mapping[str, object] | None, reply: str) -> None:
        """Count what was said before an interruption; null arguments could not be read."""
        if not reply.startswith(self._refused):
            return
        parsed = None if arguments is None else parse_arguments(self._arguments, arguments).value
        if parsed is None or isinstance(self._judge(parsed), Refused):
            self.invalid_calls += 1
        else:
            self.refused_claims += 1
        self.last_refusal = reply

    def unreadable(self, problem: str) -> ToolResult:
        """Refuse a call whose arguments could not be read; it counts like any invalid one."""
        return self._invalid((problem,))

    def _invalid(self, problems: tuple[str, ...]) -> ToolResult:
        self.invalid_calls += 1
        return self._refusal(
            f"{self._refused}.",
            problems,
            f"Call {self.spec.name} again with all of this corrected "
            f"(invalid {self.invalid_calls} of at most {MAX_INVALID} times).",
        )

    def _refusal(self, head: str, problems: tuple[str, ...], tail: str) -> ToolResult:
        self.last_refusal = "\n".join((head, *(f"- {problem}" for problem in problems), tail))
        return ToolResult(self.last_refusal, is_error=True)
