"""What the programs printed in single runs, parsed and judged to the last field."""

import pytest
from fakes.recorded import NAMES, events, executor_of, expected, found

from dispatch.agents.executors.delegation import Ending, Exit
from dispatch.agents.executors.table import EXECUTORS
from dispatch.state.enums import AttemptOutcome


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_means_what_is_written_beside_it(name: str) -> None:
    wanted = expected(name)
    assert found(name, Exit(**wanted["ended"])) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_an_accepted_answer_counts_however_the_program_ended(name: str) -> None:
    ending = executor_of(name).classify(Exit(code=None, signal=9), events(name), accepted=True)
    assert ending == Ending(outcome=AttemptOutcome.OK)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_word_of_a_program_is_never_a_success(name: str) -> None:
    """Exit code 0 is what a program ends with that gave up, too."""
    ending = executor_of(name).classify(Exit(code=0), events(name), accepted=False)
    assert ending.outcome is not AttemptOutcome.OK
    assert ending.message


def test_every_program_has_recordings() -> None:
    recorded = {executor_of(name).name for name in NAMES}
    assert recorded == set(EXECUTORS) - {"ax"}  # there is none to record, see its own tests


def test_a_limit_without_a_day_ends_after_the_session_began() -> None:
    """4:53 PM of the day in the session's own id, which was made at half past four."""
    ending = found("codex_limit_with_time", Exit(code=1))["ending"]
    assert isinstance(ending, dict)
    assert ending["resets_at"] == 1795279980.0
