"""No honest agent is accused, however odd its work; all of it is in its commit."""

import subprocess
from pathlib import Path

import pytest
from attrs import evolve
from fakes.casting import Cast, Seat, a_task, called, submitted, wrote
from fakes.oddities import BASE, ODDITIES, Odd
from fakes.proof import falsehoods
from fakes.run_harness import Place, git

from dispatch.agents.scripted.script import Reply
from dispatch.state.enums import RunStatus, TaskStatus


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with something of everything."""
    place = Place(tmp_path / "repository")
    place.set_up()
    (place.root / "lib").mkdir()
    subprocess.run(["sh", "-c", BASE], cwd=place.root, check=True)
    git(place.root, "add", "-A")
    git(place.root, "commit", "-q", "-m", "more")
    return place


@pytest.mark.parametrize("odd", ODDITIES, ids=lambda odd: odd.name)
def test_an_honest_agent_is_accepted_at_once_whatever_its_work_is(place: Place, odd: Odd) -> None:
    """W-18 W-19 Beside a sibling; the commit holds exactly what was claimed."""
    task = evolve(a_task("odd"), verify_commands=(odd.proof,), **odd.task)
    plan = (task, a_task("honest"))
    cast = Cast(plan=plan, parts={"implementer 1a-odd": odd.works})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    first, second = place.run.tasks
    assert first.attempts[0].outcome == "ok"
    assert first.attempts[0].usage.turns == len(odd.works(Seat(role=first.attempts[0].role)))
    assert (first.status, second.status) == (TaskStatus.COMPLETED, TaskStatus.COMPLETED)
    shown: set[str] = set()
    if first.commit_sha is not None:
        words = ("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", "--name-status")
        parts = git(place.root, *words, first.commit_sha).split("\0")[:-1]
        shown = {f"{status} {path}" for status, path in zip(parts[::2], parts[1::2], strict=True)}
    assert shown == odd.expected
    assert falsehoods(place) == []
    assert git(place.root, "show", "dispatch/r:honest.txt") == "honest"


def test_tasks_whose_work_is_the_same_are_both_honest(place: Place) -> None:
    """The later one's share is empty: no commit, and no accusation."""

    def same(seat: Seat) -> tuple[Reply, ...]:
        return (called(wrote("same.txt", "same\n"), submitted("same.txt")),)

    plan = tuple(a_task(name, verify_commands=("test -e same.txt",)) for name in ("one", "two"))
    cast = Cast(plan=plan, parts={"implementer": same})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    first, second = place.run.tasks
    assert (first.status, second.status, second.commit_sha) == ("completed", "completed", None)
    assert second.evidence is not None
    assert [each.path for each in second.evidence.changes] == ["same.txt"]
    assert git(place.root, "rev-list", "main..dispatch/r") == first.commit_sha
