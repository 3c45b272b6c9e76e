"""The fix agent: repairs a task's work in a tree that holds its siblings' work, too."""

from typing import Final

from ...state.jobs import FixJob
from ...state.work import TaskOutput
from ..fencing import bounded
from ..templates import render
from ..workshop import Workshop
from .base import Session, system_prompt
from .implementer import SubmissionDesk

MAX_DIFF_CHARACTERS: Final = 200_000
MAX_EVIDENCE_CHARACTERS: Final = 100_000


def label(job: FixJob) -> str:
    """How the trace names this agent."""
    return f"fix-agent {job.task.id} {job.source} round-{job.round}"


def prepare(job: FixJob, workshop: Workshop) -> Session[TaskOutput]:
    """A fix agent for one task in one round, with the implementer's tools."""
    # Its deviations are judged beside the implementer's, so their ids must differ.
    desk = SubmissionDesk(job, f"{job.task.id}-fix-{job.attempt.id.rpartition('.')[2]}")
    return Session(
        system=system_prompt("fix_agent", workshop),
        seed=render(
            "fix_agent.seed",
            job=job,
            task=job.task,
            evidence=bounded(job.evidence, MAX_EVIDENCE_CHARACTERS, "The worktree has the rest."),
            diff=bounded(job.diff, MAX_DIFF_CHARACTERS, "The worktree has the rest."),
            guidance=workshop.guidance(),
        ),
        tools=(*workshop.working(), desk.record_build_result()),
        terminal=desk.terminal,
    )
