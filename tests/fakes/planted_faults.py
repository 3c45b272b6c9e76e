"""Faults put around a run's ports from outside: what must be survived, or found by tests."""

import os
import signal
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any, cast

from attrs import define, evolve

from dispatch.fsm.lifecycle import FINAL
from dispatch.fsm.ports import Ports, Repository, Store
from dispatch.state.enums import RunStatus, TaskStatus
from dispatch.state.errors import GitError
from dispatch.state.records import Run

Row = tuple[str, str]  # an event and the status it leads to


@define
class _DiesAfterRows:
    """A store whose process ends with the save of a row that is to be followed by a failure."""

    inner: Store
    rows: Collection[Row]

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, and die if that is due."""
        before = len(self.inner.run.history)
        run = self.inner.update(change)
        if len(run.history) > before and _is_due(run, self.rows):
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
        return run


@define
class _BrokenAfterRows:
    """A repository that cannot be opened after these rows, each time once."""

    inner: Repository
    store: Store
    rows: Collection[Row]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def ensure_store(self, base: str, branch: str) -> None:
        """Fail, or do as git does."""
        if _is_due(self.store.run, self.rows):
            raise GitError("The run's store cannot be opened, as planted.")
        self.inner.ensure_store(base, branch)


def failing_after(*rows: Row) -> Callable[[Ports], Ports]:
    """The run fails once directly after each of these rows: it is killed there, and git is gone."""

    def wrap(ports: Ports) -> Ports:
        repository = _BrokenAfterRows(ports.repository, ports.store, rows)
        store = _DiesAfterRows(ports.store, rows)
        return evolve(ports, store=store, repository=cast(Any, repository))

    return wrap


def _is_due(run: Run, rows: Collection[Row]) -> bool:
    """Whether the last event is one of ``rows`` and was never followed by a failure."""
    steps = [(entry.event, entry.target.value) for entry in run.history]
    if not steps or steps[-1] not in rows:
        return False
    followed = pairwise(steps)
    return not any(first == steps[-1] and then[0] == "failed" for first, then in followed)


@define
class _LateStore:
    """A store that says that it saved, and does so with the next change."""

    inner: Store
    latest: Run | None = None

    @property
    def run(self) -> Run:
        """The document as everybody takes it to be."""
        return self.latest or self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save what was changed before; the end of a run is saved at once."""
        after = change(self.run)
        saved = after if after.status in FINAL else self.run
        self.inner.update(lambda run: saved)
        self.latest = after
        return after


def moving_before_recording(ports: Ports) -> Ports:
    """Everything is done on the strength of a save that is still to come."""
    return evolve(ports, store=_LateStore(ports.store))


def asking_without_looking(ports: Ports) -> Ports:
    """Each start forgets the verdicts of a level under review, and has them asked again."""

    def forgotten(run: Run) -> Run:
        tasks = tuple(
            evolve(task, critique_verdicts=()) if task.status is TaskStatus.CRITIQUING else task
            for task in run.tasks
        )
        return evolve(run, tasks=tasks, gate_verdicts=())

    if ports.store.run.status is RunStatus.EXECUTING:
        ports.store.update(forgotten)
    return ports
