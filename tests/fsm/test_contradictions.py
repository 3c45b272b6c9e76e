"""A document that contradicts git stops before anything is paid for, with both sides shown."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.state.enums import FailureKind, RunStatus
from dispatch.state.records import Run

BRANCH = "refs/heads/dispatch/r"
PLAN = a_plan(planned("x"), planned("y", 2, ("x",)))


def crew() -> ScenarioAgents:
    """Two levels of one task each."""
    return ScenarioAgents(plans=[PLAN], works={"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A run that was killed when its first level had been published."""
    place = Place(tmp_path / "repository")
    place.set_up()
    number = 1
    while place.drive(crew(), number) is None and place.run.published_commit is None:
        number += 1  # each start goes on a little further
    assert place.run.status is RunStatus.EXECUTING
    return place


def _refs(place: Place) -> list[str]:
    listed = git(place.root, "for-each-ref", "--format=%(refname)", "refs/dispatch", BRANCH)
    return [*listed.splitlines(), "refs/notes/dispatch/r"]


def _moved(place: Place, run: Run) -> str:
    git(place.root, "update-ref", BRANCH, run.base_commit)
    return (
        f"Branch dispatch/r is at {run.base_commit}, but the document says that it is at "
        f"{run.published_commit}. What is there stays yours under another name "
        f"(git branch NAME {run.base_commit}). Put it back "
        f"(git branch -f dispatch/r {run.published_commit}), then: dispatch retry r"
    )


def _deleted(place: Place, run: Run) -> str:
    git(place.root, "update-ref", "-d", BRANCH)
    return (
        f"Branch dispatch/r is gone, but the document says that it is at {run.published_commit}. "
        f"Put it back (git branch -f dispatch/r {run.published_commit}), then: dispatch retry r"
    )


def _repinned(place: Place, run: Run) -> str:
    """The document of another run of that name, or a history that was rewritten under it."""
    tip = run.published_commit
    git(place.root, "update-ref", "refs/dispatch/r/base", str(tip))
    return (
        f"refs/dispatch/r/base already exists at {tip}, expected it at {run.base_commit}: "
        "refusing to clobber it. Find out who moved it and put it back, or start a run with "
        "another name."
    )


@pytest.mark.parametrize("harm", [_moved, _deleted, _repinned])
def test_a_ref_that_is_elsewhere_is_shown_with_what_the_document_says(
    place: Place, harm: Callable[[Place, Run], str]
) -> None:
    told = harm(place, place.run)
    before = place.run
    refs = {ref: git(place.root, "for-each-ref", ref) for ref in _refs(place)}
    players = crew()
    assert place.drive(players) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.REPOSITORY_CHANGED, told)
    assert players.asked == []
    assert refs == {ref: git(place.root, "for-each-ref", ref) for ref in _refs(place)}
    assert place.run.tasks == before.tasks


def test_a_store_that_is_gone_is_made_again_from_what_was_published(place: Place) -> None:
    shutil.rmtree(place.folder / "git")
    assert place.drive(crew()) is RunStatus.DONE
    assert place.files("dispatch/r") == ["a.txt", "x", "y"]


def test_work_that_was_not_published_and_is_gone_stops_the_run(tmp_path: Path) -> None:
    place = Place(tmp_path / "repository")
    place.set_up()
    number = 1
    while place.drive(crew(), number) is None and not (
        place.run.tasks and place.run.tasks[0].evidence
    ):
        number += 1
    (task, _) = place.run.tasks
    assert task.evidence is not None
    shutil.rmtree(place.folder / "git")
    assert place.drive(crew()) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert f"has not: {task.evidence.tree[:12]} (what 1a-x submitted)" in failure.message


def test_a_base_that_is_gone_is_named_with_what_to_do(place: Place) -> None:
    base = place.run.base_commit
    shutil.rmtree(place.folder / "git")
    objects = place.root / ".git" / "objects"
    (objects / base[:2] / base[2:]).unlink()
    for pack in (objects / "pack").glob("*"):
        pack.unlink()
    players = crew()
    assert place.drive(players) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert failure.kind is FailureKind.GIT
    assert failure.message == (
        f"Commit {base}, which this run started from, is not in {place.root}. Bring it back from a "
        "clone or a backup (git fetch), then: dispatch retry r"
    )
    assert players.asked == []
