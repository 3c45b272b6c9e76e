"""An implementer's attempts at one task in one tree, up to a submission that holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from ..policy.routing import Way
from ..state.enums import Isolation, Role
from ..state.jobs import ImplementJob
from ..state.records import Run, Task
from ..state.work import Attempt, Evidence, TaskOutput
from .attempts import carry_out
from .deviations import with_unplanned
from .ports import Ports
from .submissions import Examiner
from .workplaces import OwnTree, prepare


@frozen(kw_only=True)
class Submitted:
    """What was accepted, and whose answer it is."""

    attempt_id: str
    output: TaskOutput
    evidence: Evidence
    commit_time: int


async def submit(
    ports: Ports,
    task: Task,
    subject: str,
    worktree: Path,
    base: str,
    accept: Callable[[Run, Submitted], Run],
    ways: Sequence[Way] | None = None,
) -> None:
    """Have a task carried out in a worktree; ``accept`` is part of the save that ends the attempt.

    ``subject`` names the work: the task, or its entrant in a race.  ``ways`` as in ``carry_out``,
    whose exceptions come through.
    """
    shared = ports.store.run.isolation is Isolation.LEVEL
    examiners: list[Examiner] = []

    def make(attempt: Attempt, folder: Path) -> ImplementJob:
        examiner = Examiner(
            ports=ports,
            task=task,
            subject=subject,
            worktree=worktree,
            base=base,
            attempt_id=attempt.id,
            shared=shared,
        )
        examiners.append(examiner)
        return ImplementJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            task=task,
            build_gate=ports.store.run.build_gate,
            check=examiner.check,
            tree=None if shared else OwnTree(ports, worktree, base),
        )

    def accepted(run: Run, output: TaskOutput) -> Run:
        examiner = examiners[-1]
        assert examiner.evidence is not None  # only accepted values come here
        found = Submitted(
            attempt_id=examiner.attempt_id,
            output=with_unplanned(output, examiner.evidence, task.id),
            evidence=examiner.evidence,
            commit_time=examiner.commit_time,
        )
        return accept(run, found)

    async def tidy() -> None:
        # What the one before left is no work of the next one's; it is kept under a rescue ref.
        if not shared:
            await prepare(ports, subject, base)

    await carry_out(
        ports, Role.IMPLEMENTER, subject, task.id, ImplementJob, make, accepted, tidy, ways
    )
