"""Every cross-field rule of a document has a sentence."""

from typing import Any

import pytest
from attrs import evolve
from fakes.small_records import a_run, a_task

from dispatch.state.enums import (
    FindingSeverity,
    FixingSource,
    GateOutcome,
    Role,
    RouteLabel,
    RunStatus,
    TaskStatus,
    VerificationOutcome,
)
from dispatch.state.invariants import problems
from dispatch.state.judgements import (
    Escalation,
    Finding,
    GateVerdict,
    OperatorEdit,
    PerTaskGateVerdict,
    VerificationRound,
)
from dispatch.state.records import HistoryEntry, Run, Task
from dispatch.state.routes import Route
from dispatch.state.work import Attempt, Evidence

ONE, TWO = a_task("1a-x"), a_task("2a-y", "1a-x")
RUN = evolve(a_run(), tasks=(ONE, TWO))
EVIDENCE = Evidence(tree="2" * 40, changes=(), builds=(), commands=())


def attempt(attempt_id: str) -> Attempt:
    return Attempt(id=attempt_id, role=Role.CRITIC, executor="e", model="m", started_at="t")


def entry(seq: int) -> HistoryEntry:
    status = RunStatus.EXECUTING
    return HistoryEntry(seq=seq, at="t", event="level_passed", source=status, target=status)


def gate(*task_ids: str) -> GateVerdict:
    finding = Finding(id="f", severity=FindingSeverity.ADVISORY, description="d")
    each = PerTaskGateVerdict(status=GateOutcome.PASS, findings=(finding,))
    return GateVerdict(
        level=1, round=2, status=GateOutcome.PASS, per_task=dict.fromkeys(task_ids, each)
    )


def verification(*task_ids: str) -> VerificationRound:
    return VerificationRound(
        round=3,
        final_build_log_path="l",
        new_failures=(),
        attribution={"bf-1": task_ids},
        rebuild_from_level=None,
        outcome=VerificationOutcome.RETRY,
    )


def question(name: str, task_id: str | None = None) -> Escalation:
    return Escalation(
        id=name,
        state=RunStatus.EXECUTING,
        task_id=task_id,
        question="q",
        reason="r",
        details={},
        allowed=("go",),
        created_at="t",
    )


def test_a_legal_run_has_no_problems() -> None:
    run = evolve(
        RUN,
        gate_verdicts=(gate("1a-x", "2a-y"),),
        verification_rounds=(verification("1a-x"),),
        escalations=(question("a", "1a-x"), question("b")),
        history=(entry(1), entry(2)),
        attempts=(attempt("run.planner.1"),),
    )
    assert problems(run) == ()


CASES: list[tuple[dict[str, Any], str]] = [
    ({"commit_strategy": "grouped"}, "commitStrategy is 'grouped', but is locked to \"per-task\"."),
    ({"base_commit": "1" * 39}, f"baseCommit is '{'1' * 39}', not 40 hex digits."),
    ({"base_commit": "A" * 40}, f"baseCommit is '{'A' * 40}', not 40 hex digits."),
    ({"published_commit": "main"}, "publishedCommit is 'main', not 40 hex digits."),
    ({"build_gate": ()}, "buildGate is empty, but the run is planning."),
    ({"level_boundaries": {"0": "1" * 40}}, "levelBoundaries has the key '0', which is no level."),
    ({"level_boundaries": {"2": "x"}}, "levelBoundaries['2'] is 'x', not 40 hex digits."),
    (
        {"gate_verdicts": (gate("1a-x", "9z-gone"),)},
        "the gate verdict of level 1, round 2, names 9z-gone, which is no task.",
    ),
    (
        {"verification_rounds": (verification("9z-gone"),)},
        "verification round 3 names 9z-gone, which is no task.",
    ),
    ({"escalations": (question("a"), question("a"))}, "escalation id a is there twice."),
    (
        {"escalations": (question("a", "9z-gone"),)},
        "escalation a names 9z-gone, which is no task.",
    ),
    ({"history": (entry(1), entry(3))}, "history has seq 3 where 2 is due."),
    ({"history": (entry(0),)}, "history has seq 0 where 1 is due."),
    ({"tasks": (ONE, TWO, ONE)}, "task id 1a-x is there twice."),
]


@pytest.mark.parametrize(("change", "problem"), CASES)
def test_a_broken_run_is_named(change: dict[str, Any], problem: str) -> None:
    """[S-26] [S-32] The same is found at load and at a change."""
    broken = evolve(RUN, **change)
    assert problems(broken) == (problem,)
    assert problems(broken, RUN) == (problem,)


TASKS: list[tuple[Task, str]] = [
    (evolve(TWO, level=0), "task 2a-y has level 0; levels start at 1."),
    (evolve(TWO, depends_on=("2a-y",)), "task 2a-y depends on itself."),
    (evolve(TWO, depends_on=("1z-z",)), "task 2a-y depends on 1z-z, which is no task."),
    (
        evolve(TWO, fixing_source=FixingSource.CRITIQUE),
        "task 2a-y has fixingSource critique, but is pending, not fixing.",
    ),
    (evolve(TWO, commit_sha="1234"), "task 2a-y has commitSHA '1234', not 40 hex digits."),
    *(
        (evolve(TWO, status=status), f"task 2a-y is {status}, but has no evidence.")
        for status in (
            TaskStatus.COMMITTED,
            TaskStatus.CRITIQUING,
            TaskStatus.AMEND_REQUESTED,
            TaskStatus.FIXING,
            TaskStatus.COMPLETED,
        )
    ),
]


@pytest.mark.parametrize(("task", "problem"), TASKS)
def test_a_broken_task_is_named(task: Task, problem: str) -> None:
    """[S-32] The same is found at load and at a change."""
    broken = evolve(RUN, tasks=(ONE, task))
    assert problems(broken) == (problem,)
    assert problems(broken, RUN) == (problem,)


def test_an_attempt_id_is_there_once() -> None:
    twice = (attempt("a"), attempt("a"))
    in_task = evolve(RUN, tasks=(ONE, evolve(TWO, attempts=twice)))
    assert problems(in_task, RUN) == ("task 2a-y has attempt id a twice.",)
    assert problems(evolve(RUN, attempts=twice), RUN) == ("the run has attempt id a twice.",)
    across = evolve(RUN, attempts=twice[:1], tasks=(ONE, evolve(TWO, attempts=twice[:1])))
    assert problems(across) == ("the document has attempt id a twice.",)


def test_an_operator_s_edit_names_its_question_and_a_commit() -> None:
    edit = OperatorEdit(
        level=1,
        escalation_id="e-1",
        base="1" * 40,
        tree="2" * 40,
        commit_time=0,
        commit_sha="x",
        note="",
        by="ann",
        author_name="Ann",
        author_email="a@example.org",
    )
    assert problems(evolve(RUN, operator_edits=(edit,)), RUN) == (
        "an operator's edit has commitSHA 'x', not 40 hex digits.",
        "an operator's edit names e-1, which is no escalation.",
    )


def test_a_route_has_candidates_and_names_a_task_that_is_there() -> None:
    route = Route(
        role=Role.CRITIC,
        task_id="3a-z",
        label=RouteLabel.STAY,
        executor="e",
        model="m",
        reason="",
        carried_out=True,
        at="t",
        candidates=(),
    )
    for known in (None, RUN):
        assert problems(evolve(RUN, routes=(route,)), known) == (
            "the route of critic at t has no candidates.",
            "a route names 3a-z, which is no task.",
        )


def test_tasks_that_go_leave_nobody_behind_who_names_them() -> None:
    run = evolve(RUN, gate_verdicts=(gate("2a-y"),))
    assert problems(evolve(run, tasks=(ONE,)), run) == (
        "the gate verdict of level 1, round 2, names 2a-y, which is no task.",
    )
    assert problems(evolve(run, tasks=(TWO,), gate_verdicts=()), run) == (
        "task 2a-y depends on 1a-x, which is no task.",
    )


def test_committed_work_with_evidence_is_legal_and_a_fix_names_its_source() -> None:
    done = evolve(
        TWO,
        status=TaskStatus.FIXING,
        fixing_source=FixingSource.VERIFICATION,
        evidence=EVIDENCE,
        commit_sha="3" * 40,
    )
    assert problems(evolve(RUN, tasks=(ONE, done)), RUN) == ()


def test_a_run_that_ended_needs_no_gate_and_an_upgraded_one_no_evidence() -> None:
    done = evolve(TWO, status=TaskStatus.COMPLETED)
    run = evolve(RUN, status=RunStatus.FAILED, build_gate=(), tasks=(ONE, done))
    assert problems(run) == ("task 2a-y is completed, but has no evidence.",)
    assert problems(evolve(run, upgraded_from="0.9")) == ()
    again: Run = evolve(run, upgraded_from="0.9", status=RunStatus.EXECUTING)
    assert problems(again) == ("buildGate is empty, but the run is executing.",)


def test_what_was_found_legal_is_not_looked_at_again() -> None:
    """A change costs what it changed."""
    illegal = evolve(ONE, commit_sha="x")
    known = evolve(RUN, tasks=(illegal, TWO))
    changed = evolve(known, tasks=(illegal, evolve(TWO, objective="new")))
    assert problems(changed, known) == ()
    assert problems(changed) == ("task 1a-x has commitSHA 'x', not 40 hex digits.",)


def test_a_run_is_done_only_with_every_task_completed() -> None:
    """A hand-edited status, or a document cut where its tasks begin, must not pass for done."""
    done = evolve(a_run(), status=RunStatus.DONE)
    assert "the run is done, but has no tasks." in problems(done)
    run = evolve(done, tasks=(a_task("1a-x"),))
    assert "the run is done, but task 1a-x is pending." in problems(run)
