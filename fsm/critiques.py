"""A critic at one task's work: in the review of its level, and in a race at each entrant's."""

from collections.abc import Callable
from pathlib import Path

from ..policy.executable_config import executable_of
from ..state.enums import Role
from ..state.jobs import CritiqueJob
from ..state.judgements import CritiqueVerdict, Finding
from ..state.records import Run, Task
from ..state.work import Attempt
from .attempts import carry_out
from .ports import Ports


async def critique(
    ports: Ports,
    task: Task,
    subject: str,
    worktree: Path,
    diff: str,
    accept: Callable[[Run, CritiqueVerdict], Run],
    *,
    number: int = 1,
    to_settle: tuple[Finding, ...] = (),
    since: str = "",
) -> CritiqueVerdict:
    """The verdict of round ``number`` on a task that has evidence, as ``accept`` records it.

    ``subject`` as in ``carry_out``, whose exceptions come through.
    """
    evidence = task.evidence
    assert evidence is not None  # what was never handed in is not reviewed

    def make(attempt: Attempt, folder: Path) -> CritiqueJob:
        return CritiqueJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            task=task,
            round=number,
            diff=diff,
            changes=evidence.changes,
            commands=evidence.commands,
            to_settle=to_settle,
            since=since,
            executable=executable_of(task),
        )

    return await carry_out(ports, Role.CRITIC, subject, task.id, CritiqueJob, make, accept)
