"""What a tool is: a specification the model sees, and a call that never raises."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Protocol

from attrs import frozen

from ..model import ToolSpec


class Effect(Enum):
    """What a tool's calls leave behind, and so what an interruption can lose."""

    NOTHING = auto()
    MEMORY = auto()  # in the session alone: when that is gone the calls are made again, in order
    TREE = auto()  # in the agent's tree, or anywhere


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

    @property
    def effect(self) -> Effect:
        """What its calls leave behind."""
        ...

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call; whatever is wrong is a result with ``is_error``, not an exception."""
        ...
