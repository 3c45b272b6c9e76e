"""Real runs go every row of both tables, and every two rows that can follow each other."""

from shutil import rmtree

import pytest
from fakes.mortal_run import MortalRun
from fuzz.coverage_stories import IMPOSSIBLE, STORIES
from fuzz.lifecycle_walks import Walk, all_pairs, all_rows
from fuzz.resuming_machine import scratch
from fuzz.run_invariants import check_all

from dispatch.state.enums import RunStatus, TaskStatus


@pytest.fixture(scope="module")
def walks() -> list[Walk]:
    """How the stories went."""
    found = []
    for name, told in STORIES.items():
        mortal = MortalRun(scratch(), told.story, told.wrap)
        mortal.set_up()
        mortal.live(at_most=60)
        check_all(mortal)
        assert mortal.run.status is told.end, (name, mortal.run.failure, mortal.run.history)
        found.append(Walk.of(mortal.witness.told("moved")))
        rmtree(mortal.folder)
    return found


def test_every_state_and_every_row_is_reached(walks: list[Walk]) -> None:
    rows = {row for walk in walks for row in walk.rows()}
    assert rows == all_rows()
    words = {word for row in rows for word in (row.split()[1], row.split()[3])}
    assert words == {*map(str, RunStatus), *map(str, TaskStatus)}


def test_every_possible_pair_of_rows_is_reached(walks: list[Walk]) -> None:
    assert {pair for walk in walks for pair in walk.pairs()} == all_pairs() - set(IMPOSSIBLE)


def test_what_is_called_impossible_is_a_pair_of_the_tables_with_a_reason() -> None:
    assert set(IMPOSSIBLE) < all_pairs()
    assert all(IMPOSSIBLE.values())
