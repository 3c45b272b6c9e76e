"""What a run starts can be found by a later start of it."""

import os
from pathlib import Path

from fakes.git_repos import a_user

from dispatch.gitops.program import Place, git
from dispatch.state.marks import MARKER, marking, own_mark


def test_git_carries_the_mark_of_the_run_that_started_it(tmp_path: Path) -> None:
    """So that one whose dispatch was killed is ended before the next start touches anything."""
    place = Place(a_user(tmp_path).root / ".git")
    # A shell alias of git's, given on the command line, shows what git has in its environment.
    show = ("-c", f"alias.show-mark=!echo ${MARKER}", "show-mark")
    assert git(place, *show).stdout.decode() == f"{os.environ.get(MARKER, '')}\n"
    with marking(tmp_path / "dispatch" / "r"):
        assert git(place, *show).stdout.decode() == f"{tmp_path}/dispatch/r/program\n"


def test_a_mark_goes_with_the_run_and_gives_way_to_the_one_before(tmp_path: Path) -> None:
    before = own_mark()
    with marking(tmp_path / "outer"):
        with marking(tmp_path / "inner"):
            assert own_mark() == {MARKER: f"{tmp_path}/inner/program"}
        assert own_mark() == {MARKER: f"{tmp_path}/outer/program"}
    assert own_mark() == before
