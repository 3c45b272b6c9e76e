"""Verdicts that cannot be taken, and what two kinds of critics mean together."""

import pytest
from fakes.policy_records import a_task

from dispatch.policy.review import (
    critique_problems,
    gate_problems,
    level_outcome,
    synthetic_gate,
)
from dispatch.state.enums import FindingSeverity, GateOutcome, TaskStatus
from dispatch.state.judgements import CritiqueVerdict, Finding, GateVerdict, PerTaskGateVerdict
from dispatch.state.records import Task

PASS, AMEND, FAIL = GateOutcome
GOOD = PerTaskGateVerdict(status=PASS, findings=())


def finding(
    finding_id: str = "f1", *, blocking: bool = True, path: str | None = "a.py", text: str = "bad"
) -> Finding:
    severity = FindingSeverity.BLOCKING if blocking else FindingSeverity.ADVISORY
    return Finding(id=finding_id, severity=severity, description=text, file_path=path)


def critique(status: GateOutcome, *findings: Finding) -> CritiqueVerdict:
    return CritiqueVerdict(round=1, status=status, findings=findings)


def part(status: GateOutcome, *findings: Finding) -> PerTaskGateVerdict:
    return PerTaskGateVerdict(status=status, findings=findings)


def gate(status: GateOutcome, **per_task: PerTaskGateVerdict) -> GateVerdict:
    named = {f"1{letter}-x": each for letter, each in per_task.items()}
    return GateVerdict(level=1, round=1, status=status, per_task=named)


TASKS = (a_task("1a-x"), a_task("1b-x"))


def test_sound_critiques_are_taken() -> None:
    task = a_task("1a-x", verdicts=(critique(AMEND, finding()),))
    assert critique_problems("1a-x", task, PASS, [finding("f2", blocking=False)]) == ()
    assert critique_problems("1a-x", task, AMEND, [finding("f1", text="still bad")]) == ()
    assert critique_problems("1a-x", task, FAIL, [finding("f9", path=None)]) == ()


@pytest.mark.parametrize(
    ("task_id", "status", "findings", "problem"),
    [
        (
            "1b-x",
            PASS,
            [],
            'The verdict is for task "1b-x", but you review "1a-x".',
        ),
        (
            "1a-x",
            PASS,
            [finding("f7")],
            'The verdict on task "1a-x" is pass, but these findings are blocking: "f7". '
            "Say amend, or fail if it cannot be repaired.",
        ),
        (
            "1a-x",
            AMEND,
            [finding("f7", blocking=False)],
            'The verdict on task "1a-x" is amend, but no finding is blocking; '
            "say what must change, or pass.",
        ),
        (
            "1a-x",
            AMEND,
            [finding("f7"), finding("f7")],
            '2 findings have the id "f7"; each needs one of its own.',
        ),
        ("1a-x", AMEND, [finding(" ")], "Every finding needs an id."),
        ("1a-x", AMEND, [finding("f7", text=" ")], 'Finding "f7" needs a description.'),
        (
            "1a-x",
            AMEND,
            [
                Finding(
                    id="f7",
                    severity=FindingSeverity.BLOCKING,
                    description="d",
                    line_range=(4, 2),
                )
            ],
            'Finding "f7" has the line range 4 to 2; lines count from 1, the first comes first.',
        ),
        (
            "1a-x",
            AMEND,
            [finding("f1", path="b.py")],
            'Finding "f1" was about a.py before and is now about b.py; '
            "give a new finding a new id.",
        ),
    ],
)
def test_a_critique_that_cannot_be_acted_on_is_refused(
    task_id: str, status: GateOutcome, findings: list[Finding], problem: str
) -> None:
    """[W-28]"""
    task = a_task("1a-x", verdicts=(critique(AMEND, finding("f1")),))
    assert critique_problems(task_id, task, status, findings) == (problem,)


def test_sound_gate_verdicts_are_taken() -> None:
    both = [("1a-x", GOOD), ("1b-x", GOOD)]
    assert gate_problems(1, TASKS, 1, PASS, both) == ()
    assert gate_problems(1, TASKS, 1, AMEND, [both[0], ("1b-x", part(AMEND, finding()))]) == ()


@pytest.mark.parametrize(
    ("level", "status", "per_task", "problem"),
    [
        (
            2,
            PASS,
            [("1a-x", GOOD), ("1b-x", GOOD)],
            "The verdict is for level 2, but you judge level 1.",
        ),
        (
            1,
            PASS,
            [("1a-x", GOOD)],
            'The verdict must name every task of the level; missing: "1b-x".',
        ),
        (
            1,
            PASS,
            [("1a-x", GOOD), ("1b-x", GOOD), ("ghost", GOOD)],
            'The verdict names tasks that are not under judgement: "ghost". '
            'The tasks are "1a-x", "1b-x".',
        ),
        (
            1,
            PASS,
            [("1a-x", GOOD), ("1b-x", GOOD), ("1b-x", GOOD)],
            'The verdict names a task more than once: "1b-x".',
        ),
        (
            1,
            PASS,
            [("1a-x", GOOD), ("1b-x", part(AMEND, finding()))],
            'The level cannot pass while these tasks do not: "1b-x". '
            "Say amend, or fail if it cannot be repaired.",
        ),
        (
            1,
            AMEND,
            [("1a-x", GOOD), ("1b-x", GOOD)],
            "The level is to amend, but every task passes. Name the task that must change, "
            "with a blocking finding, or let the level pass.",
        ),
        (
            1,
            FAIL,
            [("1a-x", GOOD), ("1b-x", part(FAIL, finding(blocking=False)))],
            'The verdict on task "1b-x" is fail, but no finding is blocking; '
            "say what must change, or pass.",
        ),
    ],
)
def test_a_gate_verdict_that_does_not_fit_its_level_is_refused(
    level: int,
    status: GateOutcome,
    per_task: list[tuple[str, PerTaskGateVerdict]],
    problem: str,
) -> None:
    """[GC-10] [W-28]"""
    assert gate_problems(1, TASKS, level, status, per_task) == (problem,)


def test_a_gate_cannot_pass_over_what_a_critic_found_blocking() -> None:
    """[GC-10] [W-28]"""
    task = a_task("1a-x", verdicts=(critique(AMEND, finding("f3")),))
    assert gate_problems(1, [task], 1, PASS, [("1a-x", GOOD)]) == (
        'The verdict on task "1a-x" is pass, but these findings are blocking: "f3". '
        "Say amend, or fail if it cannot be repaired.",
        'The level cannot pass while these tasks do not: "1a-x". '
        "Say amend, or fail if it cannot be repaired.",
    )
    assert gate_problems(1, [task], 1, AMEND, [("1a-x", part(AMEND))]) == ()


def test_a_level_passes_only_when_neither_critic_blocks() -> None:
    clean: tuple[Task, ...] = (a_task("1a-x", verdicts=(critique(PASS),)), a_task("1b-x"))
    assert level_outcome(clean, gate(PASS, a=GOOD, b=GOOD)) == (PASS, ())
    noted = part(PASS, finding(blocking=False))
    assert level_outcome(clean, gate(PASS, a=noted, b=GOOD)) == (PASS, ())


def test_blocking_findings_of_both_critics_reach_the_repair_once_each() -> None:
    """[AM-12]"""
    mine, theirs = finding("f1"), finding("g1")
    tasks = (
        a_task("1aa-x", verdicts=(critique(AMEND, mine),)),
        a_task("1b-x", verdicts=(critique(AMEND, finding("old")), critique(PASS))),
    )
    verdict = GateVerdict(
        level=1,
        round=1,
        status=AMEND,
        per_task={"1aa-x": part(AMEND, mine), "1b-x": part(AMEND, theirs)},
    )
    assert level_outcome(tasks, verdict) == (AMEND, (("1b-x", theirs), ("1aa-x", mine)))


def test_a_gate_that_passes_over_a_critic_still_amends() -> None:
    task = a_task("1a-x", verdicts=(critique(AMEND, finding()),))
    assert level_outcome([task], gate(PASS, a=GOOD)) == (AMEND, (("1a-x", finding()),))
    failed = a_task("1a-x", verdicts=task.critique_verdicts, status=TaskStatus.FAILED)
    assert level_outcome([failed], gate(PASS)) == (PASS, ())


def test_a_failing_gate_and_one_that_names_nothing_to_repair_fail_the_level() -> None:
    """[AM-09]"""
    blocked = part(FAIL, finding())
    assert level_outcome(TASKS, gate(FAIL, a=blocked)) == (FAIL, (("1a-x", finding()),))
    assert level_outcome(TASKS, gate(AMEND, a=part(AMEND))) == (FAIL, ())


def test_a_level_without_reviews_passes_with_every_task() -> None:
    """[GA-05]"""
    assert synthetic_gate(1, TASKS) == gate(PASS, a=GOOD, b=GOOD)
