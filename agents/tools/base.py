"""What a tool is: a specification the model sees, and a call that never raises."""

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from ..model import ToolSpec


@frozen
class ToolResult:
    """What the model is told; ``is_error`` marks a refusal it can act on."""

    content: str
    is_error: bool = False


class Tool(Protocol):
    """One tool of one agent."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and JSON schema of the arguments."""
        ...

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call; whatever is wrong is a result with ``is_error``, not an exception."""
        ...
