"""What is assumed of models and roles before anything is known: data, each row with its source.

None of it is measured.  It weighs as much as a few past attempts, leads to nothing dearer by
itself, and stands beside each advice that rests on it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import frozen

from ..state.enums import AgentType, Role
from ..state.routes import WorkKind


class Size(StrEnum):
    """How large a model is, as its vendor's name for it says."""

    LARGE = "large"
    MIDDLE = "middle"
    SMALL = "small"


@frozen
class Prior:
    """A score, and half a sentence on where it comes from."""

    score: float
    source: str


@frozen
class Tokens:
    """What an attempt in a role reads and writes."""

    input: int
    output: int


# Vendors sell each generation in sizes; these words in a model's name say which one it is.
_WORDS: Final[Mapping[str, Size]] = {
    "opus": Size.LARGE,
    "pro": Size.LARGE,
    "large": Size.LARGE,
    "max": Size.LARGE,
    "haiku": Size.SMALL,
    "mini": Size.SMALL,
    "nano": Size.SMALL,
    "flash": Size.SMALL,
    "lite": Size.SMALL,
    "small": Size.SMALL,
}
_ANY_WORK: Final[Mapping[Size, float]] = {Size.LARGE: 0.80, Size.MIDDLE: 0.78, Size.SMALL: 0.62}
# What a plan gives to interns is meant to be within reach of anybody.
_LIGHT_WORK: Final[Mapping[Size, float]] = {Size.LARGE: 0.80, Size.MIDDLE: 0.80, Size.SMALL: 0.78}

# An order of magnitude for a repository of middling size; our own past replaces it at once.
TYPICAL_TOKENS: Final[Mapping[Role, Tokens]] = {
    Role.PLANNER: Tokens(300_000, 15_000),
    Role.IMPLEMENTER: Tokens(600_000, 15_000),
    Role.CRITIC: Tokens(150_000, 4_000),
    Role.GATE_CRITIC: Tokens(150_000, 5_000),
    Role.GREYBEARD: Tokens(60_000, 2_000),
    Role.ATTRIBUTION: Tokens(150_000, 4_000),
    Role.FIX_AGENT: Tokens(400_000, 8_000),
}


def size_of(model: str) -> Size:
    """By the words of its name, without whose it is; one that says nothing is of middle size."""
    name = model.lower().rpartition("/")[2]
    words = name.replace(":", "-").replace("_", "-").split("-")
    return next((_WORDS[word] for word in reversed(words) if word in _WORDS), Size.MIDDLE)


def prior_of(work: WorkKind, model: str) -> Prior:
    """What is assumed of a model at a kind of work."""
    size = size_of(model)
    if work.agent_type is AgentType.INTERN:
        return Prior(_LIGHT_WORK[size], f"assumed of a {size} model at light work")
    return Prior(_ANY_WORK[size], f"assumed of a {size} model")
