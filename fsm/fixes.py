"""Having a task's work repaired: a fix agent in a tree of its own, judged like an implementer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from attrs import evolve, frozen

from ..policy.evidence import empty_repair_problems, new_test_problems
from ..policy.findings import ACCEPTED_REPAIRS
from ..policy.outcomes import is_providers_fault
from ..state.enums import AgentType, DecisionOutcome, FailureKind, FixSource, Role, Verb
from ..state.jobs import FixJob, Submission
from ..state.judgements import Escalation, Finding
from ..state.records import Run, Task
from ..state.work import Attempt, Evidence, FailedRepair, Fix, TaskOutput
from .attempts import AgentFailed, carry_out, interrupted
from .deviations import judge_deviations, with_unplanned
from .fold import change_task, counted_anew, task_of
from .kept_siblings import broken_commands
from .ports import Ports
from .questions import Question, ask
from .submissions import Examiner
from .task_files import write_task_files
from .workplaces import OwnTree, as_left, fix_worktree, prepare

AlsoCheck = Callable[[Evidence], Awaitable[tuple[str, ...]]]


async def _nothing_more(evidence: Evidence) -> tuple[str, ...]:
    return ()


@frozen(kw_only=True)
class Order:
    """A repair that is wanted; one with the same task, source, ``base`` and round is the same.

    ``also`` is given the evidence of a submission that passed the usual checks, and returns what
    else is wrong with it.
    """

    task_id: str
    source: FixSource
    round: int
    base: str
    findings: tuple[Finding, ...]
    evidence: str = ""
    diff: str
    others: tuple[Task, ...]
    new_tests: tuple[str, ...] = ()
    also: AlsoCheck = _nothing_more


async def repaired(
    ports: Ports, order: Order, tries: int, allowed: Mapping[Verb, str]
) -> Fix | Verb:
    """The accepted repair, or what the operator answered instead.

    After ``tries`` repairs that came to nothing the operator is asked; ``allowed`` are the answers
    beside ``retry``.  An accepted repair is in the document and never asked for again.  Raises
    AgentFailed when the provider failed, RunStopped when the operator aborts.
    """
    while True:
        asked = _asked(ports.store.run, order)
        if asked is None or (asked.answer is not None and asked.answer.verb == Verb.RETRY):
            reason = await _tried(ports, order, tries)
            if reason is None:
                fix = fix_for(task_of(ports.store.run, order.task_id), order)
                assert fix is not None  # just accepted
                return fix
            name = _next_id(ports.store.run, order)
        else:
            reason, name = asked.reason, asked.id
        answer = await ask(ports, _question(ports.store.run, order, name, reason, allowed))
        if answer.verb != Verb.RETRY:
            return Verb(answer.verb)


def fix_for(task: Task, order: Order) -> Fix | None:
    """The repair that was accepted for an order, if it was."""
    wanted = (order.source, order.base, order.round)
    made = ((fix, (fix.source, fix.base, fix.round)) for fix in task.fixes)
    return next((fix for fix, known in made if known == wanted), None)


async def remove_fix_worktree(ports: Ports, task_id: str) -> None:
    """The repair is integrated: its worktree is no longer needed."""
    await asyncio.to_thread(ports.repository.remove_worktree, fix_worktree(task_id))


async def _tried(ports: Ports, order: Order, tries: int) -> str | None:
    """Try so many times; null when a repair was accepted, else why the last one was not.

    What came to nothing is in the document, so a kill neither adds tries nor makes an agent forget
    what it was told of the one before.
    """
    while True:
        failed = _failures(ports.store.run, order)
        if len(failed) >= tries:
            return failed[-1].reason
        if await _succeeds(ports, _after(order, failed[-1].reason) if failed else order):
            return None


def _failures(run: Run, order: Order) -> tuple[FailedRepair, ...]:
    """The repairs that came to nothing since the operator was last asked."""
    wanted = (order.source, order.base, order.round, len(_questions(run, order)))
    return tuple(
        each
        for each in task_of(run, order.task_id).failed_repairs
        if (each.source, each.base, each.round, each.questions) == wanted
    )


def _with_failure(run: Run, order: Order, reason: str) -> Run:
    failed = FailedRepair(
        source=order.source,
        round=order.round,
        base=order.base,
        questions=len(_questions(run, order)),
        reason=reason,
    )
    return change_task(
        run,
        order.task_id,
        lambda task: evolve(
            task,
            failed_repairs=(*task.failed_repairs, failed),
            attempts=counted_anew(task.attempts),  # a later repair has the same subject
        ),
    )


def _after(order: Order, reason: str) -> Order:
    """The order as the next agent gets it: with what came of the repair before."""
    before = f"A repair before yours came to nothing: {reason}"
    return evolve(order, evidence=f"{before}\n\n{order.evidence}".strip())


async def _succeeds(ports: Ports, order: Order) -> bool:
    """Whether a repair is accepted; why it is not is recorded."""
    if fix_for(task_of(ports.store.run, order.task_id), order) is None:
        try:
            await _attempt(ports, order)
        except AgentFailed as error:
            if is_providers_fault(error.outcome):
                raise  # the repair did nothing wrong: it is tried again when the run goes on
            if error.kind is FailureKind.BUDGET and _asked(ports.store.run, order):
                raise  # the operator wanted a retry, and nothing is left to pay it with
            message = error.message
            ports.store.update(lambda run: _with_failure(run, order, message))
            return False
    await judge_deviations(ports, order.task_id)
    task = task_of(ports.store.run, order.task_id)
    fix = fix_for(task, order)
    assert fix is not None  # accepted now or before
    reason = next(_rejections(task, fix), None)
    if reason is None:
        return True
    known = partial(_without, fix=fix)
    ports.store.update(
        lambda run: _with_failure(change_task(run, order.task_id, known), order, reason)
    )
    return False


async def _attempt(ports: Ports, order: Order) -> None:
    name = fix_worktree(order.task_id)
    subject = order.task_id
    goes_on = interrupted(ports.store.run, Role.FIX_AGENT, subject, subject) is not None
    worktree = await (as_left if goes_on else prepare)(ports, name, order.base)
    ports.store.update(
        lambda run: change_task(
            run, order.task_id, lambda task: evolve(task, worktree_path=str(worktree))
        )
    )
    task = task_of(ports.store.run, order.task_id)
    examiner: Examiner | None = None

    def make(attempt: Attempt, folder: Path) -> FixJob:
        nonlocal examiner
        # What an explore task overlooked can only be repaired by changing something.
        judged = evolve(task, agent_type=AgentType.GENERAL)
        examiner = Examiner(
            ports=ports,
            task=judged,
            subject=task.id,
            worktree=worktree,
            base=order.base,
            attempt_id=attempt.id,
        )
        return FixJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            task=task,
            source=order.source,
            round=order.round,
            findings=order.findings,
            evidence=order.evidence,
            diff=order.diff,
            others=order.others,
            build_gate=ports.store.run.build_gate,
            check=_checked(examiner, order),
            new_tests=order.new_tests,
            tree=OwnTree(ports, worktree, order.base),
        )

    def accept(run: Run, output: TaskOutput) -> Run:
        assert examiner is not None  # ``make`` ran before any value could come
        assert examiner.evidence is not None
        # It is judged beside the implementer's deviations, so its id must differ.
        begin = f"{order.task_id}-fix-{examiner.attempt_id.rpartition('.')[2]}"
        fix = Fix(
            source=order.source,
            round=order.round,
            base=order.base,
            output=with_unplanned(output, examiner.evidence, begin),
            evidence=examiner.evidence,
            commit_time=examiner.commit_time,
        )
        return change_task(run, order.task_id, lambda task: _with(task, fix))

    async def tidy() -> None:
        await prepare(ports, name, order.base)

    await carry_out(ports, Role.FIX_AGENT, subject, subject, FixJob, make, accept, tidy)
    ports.journal.event("task.fixed", task=order.task_id, source=order.source, round=order.round)
    task = task_of(ports.store.run, order.task_id)
    await asyncio.to_thread(write_task_files, ports.folder, task)


def _checked(
    examiner: Examiner, order: Order
) -> Callable[[Submission], Awaitable[tuple[str, ...]]]:
    async def check(submission: Submission) -> tuple[str, ...]:
        problems = new_test_problems(submission.output, order.new_tests)
        if order.source is FixSource.CRITIQUE:  # elsewhere markers or failures tell
            problems += empty_repair_problems(submission.output)
        problems += await examiner.check(submission)
        if problems:
            return problems
        evidence = examiner.evidence
        assert evidence is not None  # accepted
        if order.source is not FixSource.CONFLICT:  # there, lost lines tell
            problems = await broken_commands(
                examiner.ports, examiner.task, order.others, order.base, evidence.tree
            )
        return (*problems, *await order.also(evidence))

    return check


def _with(task: Task, fix: Fix) -> Task:
    """The task with a repair, whose deviations are to be judged and whose files are its own."""
    output = task.output
    assert output is not None  # only submitted work is repaired
    files = {*output.files_modified, *fix.output.files_modified}
    output = evolve(
        output,
        files_modified=tuple(sorted(files)),
        deviations=(*output.deviations, *fix.output.deviations),
    )
    return evolve(task, output=output, fixes=(*task.fixes, fix))


def _without(task: Task, fix: Fix) -> Task:
    """The task without a repair that was not accepted; its tree stays under its ref."""
    assert task.output is not None  # ``_with`` changed it
    declared = {each.id for each in fix.output.deviations}
    kept = tuple(each for each in task.fixes if each is not fix)
    assert task.evidence is not None  # only submitted work is repaired
    names = {name for each in task.evidence.changes for name in (each.path, each.old_path) if name}
    files = names.union(*(each.output.files_modified for each in kept))
    output = evolve(
        task.output,
        files_modified=tuple(sorted(files)),
        deviations=tuple(each for each in task.output.deviations if each.id not in declared),
    )
    decisions = tuple(each for each in task.decisions if each.deviation_id not in declared)
    return evolve(task, output=output, decisions=decisions, fixes=kept)


def _rejections(task: Task, fix: Fix) -> Iterator[str]:
    declared = {each.id for each in fix.output.deviations}
    for decision in task.decisions:
        if decision.deviation_id in declared and decision.outcome is not DecisionOutcome.ACCEPTED:
            yield f"Deviation {decision.deviation_id} of the repair: {decision.reason}"


def _asked(run: Run, order: Order) -> Escalation | None:
    """The last question about an order, if there was one."""
    same = {"round": order.round, "base": order.base}
    return next(
        (each for each in reversed(_questions(run, order)) if same.items() <= each.details.items()),
        None,
    )


def _next_id(run: Run, order: Order) -> str:
    # Counted in questions: attempts are more after a kill, and the question is still the same.
    return f"{_stem(order)}{1 + len(_questions(run, order))}"


def _questions(run: Run, order: Order) -> list[Escalation]:
    """The questions about repairs of the task that count: others were set aside by a retry."""
    stem = _stem(order)
    return [each for each in run.escalations if each.id.removeprefix(stem).isdigit()]


def _stem(order: Order) -> str:
    return f"{order.task_id}-{order.source}-"


def _question(
    run: Run, order: Order, name: str, reason: str, allowed: Mapping[Verb, str]
) -> Question:
    return Question(
        id=name,
        task_id=order.task_id,
        question=f"Task {order.task_id} could not be repaired ({order.source}). What now?",
        reason=reason,
        details={
            "findings": [f"{each.id}: {each.description}" for each in order.findings],
            "round": order.round,
            "base": order.base,
            ACCEPTED_REPAIRS: len(task_of(run, order.task_id).fixes),
        },
        allowed={
            Verb.RETRY: "Another fix agent tries from the start.",
            **allowed,
            Verb.ABORT: "The run ends as failed; everything stays where it is.",
        },
    )
