"""How much is tried: by default what fits into minutes, with ``make thorough`` all there is."""

from collections.abc import Sequence
from typing import Final, TypeVar

import pytest
from hypothesis import settings

STEP: Final = 8
IS_QUICK: Final = settings.get_current_profile_name() == "quick"

T = TypeVar("T")

# For what is long and has a sister that is tried by default.
thorough = pytest.mark.skipif(IS_QUICK, reason="long: make thorough")


def some(cases: Sequence[T]) -> Sequence[T]:
    """Every third of many cases of one kind, or every one."""
    return cases[::3] if IS_QUICK else cases


def tried(points: Sequence[T]) -> Sequence[T]:
    """Every eighth of the points at which a run is killed, or every one."""
    return points[::STEP] if IS_QUICK else points
