"""Files of a shared tree, and the one spelling of a claimed path."""

from itertools import permutations

import pytest
from fakes.policy_records import a_task

from dispatch.policy.attribution import attribute_files, claimed_path


@pytest.mark.parametrize("raw", ["a/b.py", "./a/b.py", "/w/a/b.py", "a//b.py", "a/x/../b.py"])
def test_all_spellings_of_a_path_are_one(raw: str) -> None:
    """[AT-11]"""
    assert claimed_path(raw, "/w") == claimed_path(raw, "/w/") == "a/b.py"


@pytest.mark.parametrize(
    "raw", ["", ".", "/w", "/w/", "..", "../w2", "a/../../b", "/w2/a", "/", "a\0b"]
)
def test_what_is_no_file_of_the_tree_is_no_claim(raw: str) -> None:
    assert claimed_path(raw, "/w") is None


def test_without_a_root_absolute_paths_are_no_claims() -> None:
    assert claimed_path("/w/a", "") is None
    assert claimed_path("..a", "") == "..a"


def test_each_file_goes_to_the_last_task_that_claims_it() -> None:
    """[AT-02] [AT-03] [AT-04] [AT-05] [AT-07] [AT-08] [AT-09]"""
    tasks = (
        a_task("1a-x", files=["z", "own", "shared1", "shared1", "./own"]),
        a_task("1b-x", files=["shared1", "shared2"]),
        a_task("1c-x", files=["shared2"]),
        a_task("1d-x", files=[]),
    )
    expected = {"1a-x": ("own", "z"), "1b-x": ("shared1",), "1c-x": ("shared2",), "1d-x": ()}
    for order in permutations(tasks):
        found = attribute_files(order)
        assert found == expected
        assert list(found) == list(expected)


def test_the_last_task_is_so_by_number_not_by_letters() -> None:
    """[AT-01] [W-47] aa comes after b."""
    tasks = [a_task("1aa-x", files=["f"]), a_task("1b-x", files=["f"])]
    assert attribute_files(tasks) == {"1b-x": (), "1aa-x": ("f",)}


def test_one_task_may_take_everything() -> None:
    """[AT-06]"""
    tasks = [a_task(f"1{letter}-x", files=["f", "g"]) for letter in "abc"]
    assert attribute_files(tasks) == {"1a-x": (), "1b-x": (), "1c-x": ("f", "g")}


def test_spellings_in_different_claims_meet() -> None:
    """[AT-11]"""
    tasks = [
        a_task("1a-x", files=["./f"], worktree="/w"),
        a_task("1b-x", files=["/w/f", "/elsewhere/f"], worktree="/w"),
    ]
    assert attribute_files(tasks) == {"1a-x": (), "1b-x": ("f",)}


def test_a_task_without_output_cannot_be_attributed() -> None:
    """[AT-10]"""
    with pytest.raises(ValueError, match="no output"):
        attribute_files([a_task("1a-x")])
