"""Power cuts in small: a few of them are survived, and without syncing they are not."""

from collections import Counter

import pytest
from crash.disk_images import reason_against
from crash.powercut import harness
from crash.stories import STORIES

WHY_NOT = reason_against()
CUTS = 4

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def failures(seed: int, *, without_sync: bool) -> Counter[str]:
    """How often what went wrong in a few cuts of the straight story."""
    found = Counter[str]()
    with harness(seed, without_sync=without_sync) as made:
        for _, wrong in made.cuts([STORIES["straight"]], CUTS):
            found.update(list(wrong))
    return found


def test_a_run_survives_power_cuts() -> None:
    """[W-24] `make powercut` cuts more often."""
    assert failures(3, without_sync=False) == Counter()


def test_without_syncing_the_same_cuts_fail() -> None:
    """The harness has teeth."""
    assert failures(3, without_sync=True).total() > 0
