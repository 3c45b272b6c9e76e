"""An event without a row is refused, and nothing moves: no byte of any file, no ref."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve
from fakes.mortal_run import MortalRun
from fakes.run_harness import git
from fakes.story import NOW, Part, Story

from dispatch.fsm.fold import apply, apply_task
from dispatch.fsm.lifecycle import RUN_TABLE, TASK_TABLE, RunEvent, TaskEvent
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import FailureKind, RunStatus, TaskStatus
from dispatch.state.errors import IllegalEvent
from dispatch.state.records import Failure, Run

TASK = "1a-ash"
RUN_ROWS = {(move.source, move.event) for move in RUN_TABLE}
TASK_ROWS = {(move.source, move.event) for move in TASK_TABLE}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> MortalRun:
    """A run that is done, whose document is put into each state in turn."""
    mortal = MortalRun(tmp_path_factory.mktemp("finished"), Story(parts=(Part(name="ash"),)))
    mortal.set_up()
    mortal.live()
    return mortal


def everything(mortal: MortalRun) -> tuple[list[tuple[str, bytes]], str, str]:
    """Every file of the run with its bytes, and every ref of both repositories."""
    place = mortal.place
    files = sorted(path for path in place.folder.rglob("*") if path.is_file())
    refs = [git(each, "show-ref", "--head") for each in _stores(place.root)]
    return [(str(path), path.read_bytes()) for path in files], refs[0], refs[1]


def refused(mortal: MortalRun, store: DocumentStore, change: Callable[[Run], Run]) -> None:
    before = everything(mortal)
    with pytest.raises(IllegalEvent):
        store.update(change)
    assert everything(mortal) == before


@pytest.mark.parametrize("status", RunStatus)
def test_of_the_run(finished: MortalRun, status: RunStatus) -> None:
    store = DocumentStore.open(finished.place.folder)
    failure = Failure(state="executing", kind=FailureKind.GIT, message="As planted.", at=NOW)
    failed = failure if status is RunStatus.FAILED else None
    store.update(lambda run: evolve(run, status=status, failure=failed))
    events = [event for event in RunEvent if (status, event) not in RUN_ROWS]
    assert events
    for event in events:
        refused(finished, store, partial(apply, event=event, at=NOW))


@pytest.mark.parametrize("status", TaskStatus)
def test_of_a_task(finished: MortalRun, status: TaskStatus) -> None:
    store = DocumentStore.open(finished.place.folder)

    def placed(run: Run) -> Run:
        tasks = tuple(evolve(task, status=status) for task in run.tasks)
        return evolve(run, status=RunStatus.EXECUTING, failure=None, tasks=tasks)

    store.update(placed)
    events = [event for event in TaskEvent if (status, event) not in TASK_ROWS]
    assert events
    for event in events:
        refused(finished, store, partial(apply_task, task_id=TASK, event=event))


def test_a_retry_leads_nowhere_but_to_the_state_the_run_failed_in(finished: MortalRun) -> None:
    """It is the one event whose row depends on more than the state."""
    store = DocumentStore.open(finished.place.folder)
    failure = Failure(state="done", kind=FailureKind.GIT, message="As planted.", at=NOW)
    for each in (None, failure):
        store.update(partial(evolve, status=RunStatus.FAILED, failure=each))
        refused(finished, store, partial(apply, event=RunEvent.RETRIED, at=NOW))


def _stores(root: Path) -> tuple[Path, Path]:
    return root, root / "dispatch" / "r" / "git"
