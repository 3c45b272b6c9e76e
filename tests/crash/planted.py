"""Defects to plant into the program, from outside, that a sweep must find.

Each replaces functions of a process that is about to be the program; the program has no switch for
it and knows nothing.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from dispatch.agents.delegated.desk import Desk
from dispatch.agents.sandbox import processes
from dispatch.fsm.fold import apply_task
from dispatch.fsm.lifecycle import TaskEvent
from dispatch.fsm.ports import Ports
from dispatch.fsm.states import executing
from dispatch.gitops import left_locks
from dispatch.gitops.layout import sweep
from dispatch.gitops.publication import Publication
from dispatch.state import lock
from dispatch.state.enums import TaskStatus
from dispatch.state.records import Run


def nothing() -> None:
    """The program as it is."""


def _commit_without_looking() -> None:
    """What is published already is committed and published once more."""
    looked = Publication.branch
    published = set[str]()

    def branch(self: Any, ref: str, commit: str, expected: str | None, *rest: Any) -> None:
        user = self._user
        if user.tip(ref) == commit != expected and commit not in published:
            message = user.text("log", "-1", "--format=%B", commit)
            again = user.text("commit-tree", f"{commit}^{{tree}}", "-p", commit, "-m", message)
            user.text("update-ref", ref, again)
        published.add(commit)
        looked(self, ref, commit, expected, *rest)

    setattr(Publication, "branch", branch)  # noqa: B010 - a type checker would object


def _ask_without_looking() -> None:
    """Work that was accepted is asked for again."""
    looked = executing.recover

    async def recover(run: Run, ports: Ports) -> None:
        accepted = [task.id for task in run.tasks if task.status is TaskStatus.SUBMITTED]
        ports.store.update(
            lambda run: reduce(
                lambda now, task: apply_task(now, task, TaskEvent.RESTARTED), accepted, run
            )
        )
        await looked(ports.store.run, ports)

    _replace(executing.recover, recover)


def _ask_programs_again() -> None:
    """What a program handed in before a kill is not looked for."""
    setattr(Desk, "recall", _no_recall)  # noqa: B010 - a type checker would object


def _leave_locks() -> None:
    """Stale locks of git are not handled."""
    _replace(left_locks.remove_left_locks, _no_work)
    _replace(sweep, _no_work)


def _leave_processes() -> None:
    """What a killed start left running is not ended."""
    _replace(processes.end_run, _no_work)


def _delete_lock() -> None:
    """The lock is deleted when it is given back, so that two could own the run."""
    kept = lock.hold

    @contextlib.contextmanager
    def hold(folder: Path, now: str) -> Iterator[None]:
        try:
            with kept(folder, now):
                yield
        finally:
            (folder / lock.LOCK).unlink()

    _replace(lock.hold, hold)


def _overwrite_document() -> None:
    """Files are written in place instead of being replaced."""
    from dispatch.state import durable

    def replace(path: Path, data: bytes, **_: Any) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(data)
            os.fsync(file.fileno())

    _replace(durable.replace, replace)


PLANTED: Final[Mapping[str, Callable[[], None]]] = {
    "commit-without-looking": _commit_without_looking,
    "ask-without-looking": _ask_without_looking,
    "ask-programs-again": _ask_programs_again,
    "leave-locks": _leave_locks,
    "leave-processes": _leave_processes,
    "delete-lock": _delete_lock,
    "overwrite-document": _overwrite_document,
}


def _replace(function: Callable[..., Any], by: Callable[..., Any]) -> None:
    """Under every name that a module of the program has for a function."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__name__.split(".")[0] == "dispatch":
            for name, value in list(vars(module).items()):
                if value is function:
                    setattr(module, name, by)


async def _no_recall(*_: Any) -> None:
    return


def _no_work(*_: Any, **__: Any) -> int:
    return 0
