"""Whose file it is when all tasks of a level worked in one tree."""

import posixpath
from collections.abc import Mapping, Sequence

from ..state.records import Task
from .plan import task_order


def claimed_path(raw: str, root: str) -> str | None:
    """One spelling for a path an agent names: relative to ``root``, with ``/``, normalised.

    ``./a``, ``a`` and ``<root>/a`` are one file.  Null for a path that is no file in ``root``,
    for the root itself and for absolute paths when ``root`` is empty.  By text alone: links are
    the business of whoever opens the file.
    """
    if not raw or "\0" in raw:
        return None
    if raw.startswith("/"):
        if not root:
            return None
        path = posixpath.relpath(raw, root)
    else:
        path = posixpath.normpath(raw)
    if path == "." or path == ".." or path.startswith("../"):
        return None
    return path


def attribute_files(tasks: Sequence[Task]) -> Mapping[str, tuple[str, ...]]:
    """For ``isolation: level``: each claimed file goes to the last task in order that claims it.

    Every task has an entry, in order of integration; its paths are sorted, possibly none.  Pass
    only tasks whose work was accepted; raises ValueError for one that submitted nothing.
    """
    ordered = sorted(tasks, key=task_order)
    owners = {path: task.id for task in ordered for path in _claims(task)}
    return {
        task.id: tuple(sorted(path for path, owner in owners.items() if owner == task.id))
        for task in ordered
    }


def _claims(task: Task) -> tuple[str, ...]:
    if task.output is None:
        raise ValueError(f"task {task.id} has no output to attribute files by")
    root = task.worktree_path or ""
    paths = (claimed_path(raw, root) for raw in task.output.files_modified)
    return tuple(path for path in paths if path is not None)
