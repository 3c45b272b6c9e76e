"""What the operator should do next: the sentences that ``status`` and the report share."""

from collections.abc import Container, Mapping
from typing import Final

from ..state.enums import FailureKind, RunStatus
from ..state.records import Run

REMEDIES: Final[Mapping[FailureKind, str]] = {
    FailureKind.PLAN_REFUSED: "The reasons of each refusal are in the report under Plan. "
    "Make the spec smaller or clearer about them.",
    FailureKind.AGENT_FAILED: "The attempt's folder holds its whole conversation. If a limit was "
    "reached, raise it under `limits`.",
    FailureKind.DEVIATION_REJECTED: "The deviation and the ruling are in the report under "
    "Deviations. Say in the spec which of the two is wanted.",
    FailureKind.DEPENDENCY_FAILED: "Look at the task that it depends on; nothing is wrong with "
    "this one.",
    FailureKind.ABORTED: "You ended it with your answer, which is in the report under Escalations.",
    FailureKind.BLOCKING_FINDINGS: "The findings that remained are in the report under Findings. "
    "Decide whether they are right; if not, say so in the spec.",
    FailureKind.CONFLICT: "Two tasks changed the same lines in ways that could not be joined. "
    "Make one depend on the other, or split the files between them.",
    FailureKind.TASKS_FAILED: "Each failed task is in the report under Tasks, with its reason and "
    "the ref that keeps what it had done.",
    FailureKind.COMMAND_FAILED: "Run the command by hand in a fresh clone: it must work there. "
    "`setup` and `share` in dispatch-config.yaml prepare each worktree.",
    FailureKind.GIT: "Git's own words are above. `git fsck` and `dispatch doctor` show whether "
    "the repository is whole.",
    FailureKind.REPOSITORY_CHANGED: "A ref of this run was moved by somebody else. Compare the "
    "two commits above, and keep the one you want under a branch of your own.",
    FailureKind.BUDGET: "Raise the cap under `taskLimits`; nothing that was accepted is lost.",
    FailureKind.INTERNAL: "This is a bug in dispatch. The document and the attempts' folders "
    "show what led to it; please report it with them.",
}


def next_steps(
    run: Run, live: bool = False, given: Container[str] = (), worktrees: bool = True
) -> tuple[str, ...]:
    """Sentences and commands, most urgent first; never empty.

    ``live``: a process works on it.  ``given``: questions with an answer that is not taken up yet.
    ``worktrees``: they are there still.
    """
    waiting = [each for each in run.escalations if each.answer is None and each.id not in given]
    steps = [f"Answer the question {each.id}: {each.question}" for each in waiting]
    if run.status is RunStatus.DONE:
        return (
            f"Look at the result: git log --stat {run.base_commit[:12]}..{run.integration_branch}",
            f"Take it over: git merge {run.integration_branch}",
            f"Then remove the worktrees: dispatch teardown {run.name}"
            if worktrees
            else f"Then remove the run and its report: dispatch clean {run.name}",
        )
    if run.status is RunStatus.FAILED:
        if run.failure is not None:
            steps.append(REMEDIES[run.failure.kind])
        steps.append(f"Then go on: dispatch retry {run.name}; what was committed stays.")
        if any(task.rescue_ref or (task.failure and task.kept_refs) for task in run.tasks):
            steps.append(f"See what failed tasks had done: dispatch rescue {run.name}")
        return tuple(steps)
    if live:
        return (*steps, "Nothing else: a process is working on it.")
    return (*steps, f"Continue it: dispatch {run.name}")
