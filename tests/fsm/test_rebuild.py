"""Repairs put into a chain of commits, with real git and no run around it."""

from pathlib import Path

import pytest
from fakes.run_harness import Place, git

from dispatch.fsm.rebuild import Link, Repair, rebuild
from dispatch.gitops.store import RunRepository
from dispatch.state.records import Identity

WHO = Identity(name="U", email="u@example.org")
LINES = "".join(f"{number}\n" for number in range(1, 31))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file of thirty lines."""
    place = Place(tmp_path / "repository")
    place.set_up(a__txt=LINES)
    return place


class Chain:
    """Commits made one after the other by rewriting lines of the file."""

    def __init__(self, place: Place) -> None:
        self.repository = RunRepository(place.root, place.folder, place.name)
        self.start = git(place.root, "rev-parse", "HEAD")
        self.repository.ensure_store(self.start, "dispatch/r")
        self.place = place
        self.tip = self.start

    def commit(self, line: int, text: str) -> str:
        """The tip with one line changed."""
        worktree = self.repository.ensure_worktree("hand", self.tip, None)
        path = worktree / "a.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[line - 1] = text
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        tree = self.repository.snapshot(worktree, self.tip).tree
        self.tip = self.repository.commit(tree, self.tip, f"{text}\n", WHO, 0)
        return self.tip

    def patch(self, commit: str) -> list[str]:
        """The changed lines of a commit."""
        shown = git(self.place.folder / "git", "show", "--format=", "-U0", commit)
        return [each for each in shown.splitlines() if each[0] in "+-" and each[1] not in "+-"]


def test_a_repair_is_folded_and_a_sibling_s_patch_stays(place: Place) -> None:
    """[CL-11] [AM-10] W-01 W-02"""
    chain = Chain(place)
    x, y = chain.commit(1, "x"), chain.commit(15, "y")
    links = [
        Link(task_id=each, level=1, commit=sha, message=each, time=0)
        for each, sha in zip("xy", (x, y), strict=True)
    ]
    fix = chain.commit(2, "fixed")
    repair = Repair(task_id="x", level=1, fix=0, commit=fix, message="f", time=0)
    rebuilt = rebuild(chain.repository, WHO, chain.start, links, [repair])
    assert rebuilt.folded
    first, second = (link.commit or "" for link in rebuilt.links)
    assert chain.patch(first) == ["-1", "-2", "+x", "+fixed"]
    assert chain.patch(second) == chain.patch(y)
    assert chain.repository.tree_of(rebuilt.tip) == chain.repository.tree_of(fix)
    assert rebuild(chain.repository, WHO, chain.start, links, [repair]) == rebuilt


def test_a_repair_of_a_sibling_s_line_is_appended(place: Place) -> None:
    """Nothing before it is made again."""
    chain = Chain(place)
    x, y = chain.commit(1, "x"), chain.commit(15, "y")
    links = [
        Link(task_id=each, level=1, commit=sha, message=each, time=0)
        for each, sha in zip("xy", (x, y), strict=True)
    ]
    fix = chain.commit(15, "y, as x needs it")
    repair = Repair(task_id="x", level=1, fix=0, commit=fix, message="f", time=0)
    rebuilt = rebuild(chain.repository, WHO, chain.start, links, [repair])
    assert (rebuilt.folded, rebuilt.tip) == (False, fix)
    assert [link.commit for link in rebuilt.links] == [x, y, fix]


def test_without_repairs_the_chain_is_as_it_was(place: Place) -> None:
    chain = Chain(place)
    links = [Link(task_id="x", level=1, commit=chain.commit(1, "x"), message="x", time=0)]
    rebuilt = rebuild(chain.repository, WHO, chain.start, links, [])
    assert (rebuilt.links, rebuilt.tip) == (tuple(links), chain.tip)


def test_a_task_without_a_commit_gets_one_from_its_repair(place: Place) -> None:
    chain = Chain(place)
    links = [
        Link(task_id="x", level=1, commit=None, message="x", time=0),
        Link(task_id="y", level=1, commit=chain.commit(15, "y"), message="y", time=0),
    ]
    repair = Repair(
        task_id="x", level=1, fix=0, commit=chain.commit(1, "fixed"), message="f", time=0
    )
    rebuilt = rebuild(chain.repository, WHO, chain.start, links, [repair])
    assert rebuilt.folded
    assert [chain.patch(link.commit or "") for link in rebuilt.links] == [
        ["-1", "+fixed"],
        ["-15", "+y"],
    ]
