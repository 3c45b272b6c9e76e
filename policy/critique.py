"""Which tasks a critic reviews."""

from collections.abc import Iterable

from ..state.enums import AgentType
from ..state.records import Task


def critique_enabled(task: Task) -> bool:
    """General tasks always, explore tasks never (they change nothing), intern ones as planned."""
    match task.agent_type:
        case AgentType.GENERAL:
            return True
        case AgentType.EXPLORE:
            return False
        case AgentType.INTERN:
            return task.critique_enabled


def level_needs_gate(tasks: Iterable[Task]) -> bool:
    """Whether a level is judged by the gate critic: when any of its tasks was reviewed."""
    return any(critique_enabled(task) for task in tasks)
