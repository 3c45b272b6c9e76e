"""What must hold of a run whenever its process is dead, however it came to that."""

import time
from collections import Counter
from typing import Final

from fakes.child_program import survivors_of
from fakes.legal_events import legal_events
from fakes.mortal_run import MortalRun
from fakes.run_harness import git
from fuzz.lifecycle_walks import Walk

from dispatch.policy.ledger import account, attempts_of
from dispatch.policy.usage import add
from dispatch.state.enums import AttemptOutcome
from dispatch.state.event_log import EVENTS
from dispatch.state.invariants import problems
from dispatch.state.records import Run

PATIENCE_SECONDS: Final = 10.0  # for commands of a dead process to end
_TRAILERS: Final = "--format=%(trailers:key=Dispatch-Run,key=Dispatch-Task,valueonly,separator=/)"


def check_all(mortal: MortalRun) -> None:
    """Everything below."""
    run = mortal.run  # the document loads
    assert problems(run) == ()
    Walk.of(mortal.witness.told("moved"))
    if (mortal.place.folder / EVENTS).exists():
        legal_events(mortal.place.folder)
    check_everything_accepted_is_kept(mortal, run)
    check_no_task_is_committed_twice(mortal, run)
    check_the_ledger_is_never_below_what_was_spent(mortal, run)
    check_no_accepted_work_is_asked_for_again(mortal)
    check_no_process_is_left(mortal)


def check_everything_accepted_is_kept(mortal: MortalRun, run: Run) -> None:
    """Commits are whole in the run's store; accepted trees are below one of its refs."""
    store = mortal.place.folder / "git"
    commits = sorted({*_commits(run), *run.level_boundaries.values()})
    trees = {task.evidence.tree for task in run.tasks if task.evidence is not None}
    trees |= {fix.evidence.tree for task in run.tasks for fix in task.fixes}
    if commits:
        git(store, "rev-list", "--objects", "--quiet", *commits, "--")
    if trees:
        reached = git(store, "rev-list", "--objects", "--all", *commits, "--")
        found = {line.partition(" ")[0] for line in reached.splitlines()}
        assert trees <= found, f"accepted, and in no ref: {sorted(trees - found)}"


def check_no_task_is_committed_twice(mortal: MortalRun, run: Run) -> None:
    """What is published is what was recorded: for each task its commit and its appended repairs."""
    root = mortal.place.root
    if not git(root, "for-each-ref", f"refs/heads/{run.integration_branch}"):
        return
    span = f"{run.base_commit}..refs/heads/{run.integration_branch}"
    lines = git(root, "log", _TRAILERS, span, "--").splitlines()
    published = Counter(line for line in lines if "/" in line)  # others are the operator's
    due = {f"{run.name}/{task.id}": 1 + len(task.fixes) for task in run.tasks}
    twice = {name: count for name, count in published.items() if count > due.get(name, 0)}
    assert not twice, f"on the branch more often than recorded: {twice}"


def check_the_ledger_is_never_below_what_was_spent(mortal: MortalRun, run: Run) -> None:
    """As the models count it, who know every request that they served."""
    told = account(attempts_of(run))
    most = add(told.used, told.reserved)
    served = list(mortal.witness.told("served"))
    spent = [sum(each[place] for each in served) for place in range(4)]
    known = [most.turns, most.input_tokens, most.output_tokens, most.cost_usd or 0.0]
    assert all(have >= need - _ROUNDING for have, need in zip(known, spent, strict=True)), (
        f"the ledger says {known}, spent were {spent}"
    )


def check_no_accepted_work_is_asked_for_again(mortal: MortalRun) -> None:
    """A question whose answer was accepted is put to nobody else."""
    run = mortal.run
    attempts = attempts_of(run)
    accepted = {each.id for each in attempts if each.outcome is AttemptOutcome.OK}
    answered: dict[str, str] = {}
    for attempt_id, question in mortal.witness.told("asked"):
        first = answered.get(question)
        assert first is None or first == attempt_id, f"asked again: {question} after {first}"
        if attempt_id in accepted:
            answered[question] = attempt_id


def requests_served(mortal: MortalRun) -> int:
    """How many turns of models were paid for in all."""
    return len(list(mortal.witness.told("served")))


def agents_at_work(mortal: MortalRun) -> int:
    """How many agents a kill has just cut off, and so how many turns it may have cost."""
    return sum(each.outcome is None for each in attempts_of(mortal.run))


def check_no_process_is_left(mortal: MortalRun) -> None:
    """Commands of a dead process may finish, and none stays."""
    end = time.monotonic() + PATIENCE_SECONDS
    while left := survivors_of(mortal.place.folder):
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.01)


def _commits(run: Run) -> set[str]:
    commits = [edit.commit_sha for edit in run.operator_edits]
    for task in run.tasks:
        commits += [task.commit_sha, *(fix.commit_sha for fix in task.fixes)]
    return {commit for commit in commits if commit is not None}


_ROUNDING: Final = 1e-6
