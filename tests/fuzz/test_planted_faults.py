"""The machine has teeth: with a fault planted around the ports it fails, and says at what."""

from typing import ClassVar

import pytest
from fakes.mortal_run import Wrap
from fakes.planted_faults import asking_without_looking, moving_before_recording
from fakes.story import Part, Story
from fuzz.resuming_machine import Resuming
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

FEW = settings(
    max_examples=40,
    stateful_step_count=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class Faulty(Resuming):
    """One small story, in which enough is asked and committed."""

    told: ClassVar[st.SearchStrategy[Story]] = st.just(Story(parts=(Part(name="ash"),)))


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (moving_before_recording, "is left as|the ledger says"),
        (asking_without_looking, "asked again: .*CritiqueJob"),
    ],
)
def test_a_planted_fault_is_found(fault: Wrap, found: str) -> None:
    class Planted(Faulty):
        wrap: ClassVar[Wrap] = staticmethod(fault)

    with pytest.raises(AssertionError, match=found):
        run_state_machine_as_test(Planted, settings=FEW)
