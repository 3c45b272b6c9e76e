"""Unions of conflicting files: no line of either side is lost; what is no text is a conflict."""

from pathlib import Path

import pytest
from fakes.git_repos import TIME, WRITER, a_run, a_user, make_tree, read_tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.gitops.store import RunRepository
from dispatch.policy.hunks import missing_hunks
from dispatch.state.git_values import Merge

TEXT = st.lists(st.sampled_from("abcd"), max_size=6).map(
    lambda chars: "".join(f"{each}\n" for each in chars)
)


class Sides:
    """A run on one base file, and merges of two texts of it."""

    def __init__(self, tmp_path: Path, base: str) -> None:
        self.user = a_user(tmp_path, {"log": base, "code": "0\n"})
        self.run: RunRepository = a_run(self.user)
        self.store = self.user.root / "dispatch/run/git"

    def merge(self, ours: dict[str, str], theirs: dict[str, str], *united: str) -> Merge:
        """The merge of two sets of files."""
        tip = self.run.commit(make_tree(self.store, ours), self.user.head, "ours", WRITER, TIME)
        return self.run.merge(tip, make_tree(self.store, theirs), self.user.head, united)


def test_both_sides_lines_are_kept_the_earlier_ones_first(tmp_path: Path) -> None:
    sides = Sides(tmp_path, "old\n")
    ours, theirs = {"log": "x\nold\n", "code": "1\n"}, {"log": "y\nold\n", "code": "2\n"}
    merge = sides.merge(ours, theirs, "log")
    assert merge.conflicts == ("code",)
    files = read_tree(sides.store, merge.tree)
    assert files["log"] == "x\ny\nold\n"
    assert "<<<<<<<" in files["code"]
    assert sides.merge(ours, theirs, "log") == merge
    assert sides.merge(ours, theirs).conflicts == ("code", "log")


def test_two_new_files_are_united_and_a_last_line_without_end_gets_one(tmp_path: Path) -> None:
    sides = Sides(tmp_path, "old\n")
    base = {"log": "old\n", "code": "0\n"}
    merge = sides.merge({**base, "new": "x"}, {**base, "new": "y"}, "new")
    assert merge.conflicts == ()
    assert read_tree(sides.store, merge.tree)["new"].split("\n") == ["x", "y"]


@pytest.mark.parametrize("theirs", [{"code": "0\n"}, {"log": "\0binary", "code": "0\n"}])
def test_what_has_no_union_stays_a_conflict(tmp_path: Path, theirs: dict[str, str]) -> None:
    """A file that one side removed, and one that is no text."""
    sides = Sides(tmp_path, "old\n")
    assert sides.merge({"log": "new\n", "code": "0\n"}, theirs, "log").conflicts == ("log",)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=TEXT, ours=TEXT, theirs=TEXT)
def test_no_line_that_a_side_added_is_lost(
    tmp_path: Path, base: str, ours: str, theirs: str
) -> None:
    """[W-09] And the proof that stops a run for a lost line finds none."""
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    sides = Sides(folder, base)
    trees = [make_tree(sides.store, {"code": "1\n", "log": text}) for text in (ours, theirs)]
    tip = sides.run.commit(trees[0], sides.user.head, "ours", WRITER, TIME)
    merge = sides.run.merge(tip, trees[1], sides.user.head, ("log",))
    assert merge.conflicts == ()
    diff, start = sides.run.diff, sides.user.head
    for side in trees:
        accepted = diff(start, side)
        added = missing_hunks(accepted, diff(tip, merge.tree), diff(start, tip), ("log",))
        assert added == ()
    lines = set(read_tree(sides.store, merge.tree)["log"].split())
    assert lines >= set(ours.split()).union(theirs.split()).difference(base.split())
