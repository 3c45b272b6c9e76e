"""Random runs, killed anywhere and as often as one likes, end like the same runs told straight.

``make fuzz`` tries harder (``PROFILE=nightly``: for long) and shrinks what it finds.  It prints a
story and a list of kills; written down for ``test_a_story_killed_by_hand_…`` they stay.
"""

from pathlib import Path

import pytest
from fakes.mortal_run import End, MortalRun, result_of
from fakes.story import Part, Story
from fakes.watched_ports import Effect, Kill, Side
from fuzz.resuming_machine import Resuming, check_same, straight
from fuzz.run_invariants import check_all
from hypothesis import HealthCheck, settings

# A whole run costs as much as many examples of anything else.
WHOLE_RUNS = max(1, settings().max_examples // 20)

TestResuming = Resuming.TestCase
TestResuming.settings = settings(
    max_examples=WHOLE_RUNS,
    stateful_step_count=5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

AMENDED = Story(parts=(Part(name="ash", blocked=1), Part(name="elm", work="shares")))


@pytest.mark.parametrize(
    ("story", "kills"),
    [
        (
            AMENDED,
            (
                Kill(Effect.TURN, 2, Side.AFTER),
                Kill(Effect.SAVE, 6, Side.BEFORE),
                Kill(Effect.GIT, 4, Side.AFTER),
                Kill(Effect.COMMAND, 1, Side.DURING),
            ),
        ),
    ],
)
def test_a_story_killed_by_hand_ends_as_it_does_straight(
    tmp_path: Path, story: Story, kills: tuple[Kill, ...]
) -> None:
    """[RS-12] [RS-13] Where what the machine found is written down."""
    mortal = MortalRun(tmp_path, story)
    mortal.set_up()
    for kill in kills:
        assert mortal.start(kill) is End.KILLED
        check_all(mortal)
    mortal.live()
    check_all(mortal)
    check_same(result_of(mortal), straight(story).result)
