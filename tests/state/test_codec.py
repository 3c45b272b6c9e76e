"""What each record accepts and refuses; the whole refusal is asserted."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from attrs import frozen

from dispatch.state.codec import Problem, ShapeError, structure, structure_strict, unstructure
from dispatch.state.config import Limits, Provider
from dispatch.state.enums import FindingSeverity, GateOutcome, TaskStatus
from dispatch.state.judgements import (
    CritiqueVerdict,
    Escalation,
    Finding,
    GateVerdict,
    PerTaskGateVerdict,
    VerificationRound,
)
from dispatch.state.record import Record
from dispatch.state.records import Run, Task
from dispatch.state.work import BuildFailure, Deviation, TaskOutput, Usage

FAILURE = {"id": "bf-0123456789ab", "file": "a.py", "line": 3, "message": "m", "rawText": "r"}
FINDING = {
    "id": "f1",
    "severity": "blocking",
    "description": "d",
    "filePath": "a.py",
    "lineRange": [1, 2],
}
DEVIATION = {
    "id": "1a-x-dev-1",
    "severity": "minor",
    "category": "scope",
    "description": "d",
    "affectedFiles": [],
}
OUTPUT = {"summary": "s", "filesModified": ["a.py"], "deviations": [DEVIATION], "notes": ""}
CRITIQUE = {"round": 1, "status": "amend", "findings": [FINDING], "newTests": ["t.py"]}
GATE = {
    "level": 1,
    "round": 0,
    "status": "pass",
    "perTask": {"1a-x": {"status": "pass", "findings": []}},
}
ROUND = {
    "round": 1,
    "finalBuildLogPath": "final-build.log-1",
    "newFailures": [FAILURE],
    "attribution": {"bf-0123456789ab": ["1a-x"]},
    "rebuildFromLevel": None,
    "outcome": "retry",
}
TASK = {
    "id": "1a-x",
    "level": 1,
    "sequence": "a",
    "dependsOn": [],
    "objective": "o",
    "planMarkdown": "p",
    "agentType": "general",
    "class": "feature",
    "critiqueEnabled": True,
    "verifyCommands": [],
    "status": "pending",
}
RUN = {
    "name": "r",
    "status": "planning",
    "specPath": "spec.md",
    "targetRepoPath": "/r",
    "integrationBranch": "dispatch/r",
    "baseCommit": "1" * 40,
    "identity": {"name": "A", "email": "a@example.org"},
    "buildGate": ["make"],
    "commitStrategy": "per-task",
    "createdAt": "2026-01-02T03:04:05.678Z",
    "tasks": [TASK],
}


def refused(raw: object, cls: type, **problems: str) -> None:
    """Exactly these problems are found, by key."""
    with pytest.raises(ShapeError) as caught:
        structure(raw, cls)
    assert {str(one.path[0]): one.what for one in caught.value.found} == problems


@pytest.mark.parametrize(
    ("cls", "raw"),
    [
        pytest.param(BuildFailure, FAILURE, id="S-01"),
        pytest.param(BuildFailure, FAILURE | {"file": None, "line": None}, id="S-02"),
        pytest.param(Finding, FINDING, id="S-05"),
        pytest.param(
            Finding,
            FINDING | {"severity": "advisory", "filePath": None, "lineRange": None},
            id="S-06",
        ),
        pytest.param(Deviation, DEVIATION, id="S-09"),
        pytest.param(TaskOutput, OUTPUT, id="S-12"),
        pytest.param(CritiqueVerdict, CRITIQUE, id="S-14"),
        pytest.param(PerTaskGateVerdict, {"status": "pass", "findings": []}, id="S-16"),
        pytest.param(GateVerdict, GATE, id="S-17"),
        pytest.param(VerificationRound, ROUND, id="S-19"),
        pytest.param(Task, TASK, id="S-21"),
        pytest.param(Run, RUN, id="S-25"),
    ],
)
def test_a_legal_record_is_accepted_and_written_back(cls: type, raw: Mapping[str, object]) -> None:
    """[S-01] [S-02] [S-05] [S-06] [S-09] [S-12] [S-14] [S-16] [S-17] [S-19] [S-21] [S-25]"""
    written = unstructure(structure(raw, cls))
    assert _only(written, raw) == raw


def _only(value: Any, like: Any) -> Any:
    """The part of a value that the other one has too."""
    if isinstance(like, dict):
        return {key: _only(value[key], part) for key, part in like.items()}
    if isinstance(like, list):
        return [_only(one, part) for one, part in zip(value, like, strict=True)]
    return value


def without(raw: Mapping[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in raw.items() if name != key}


def test_a_build_failure_is_refused() -> None:
    """[S-03] [S-04]"""
    refused(without(FAILURE, "id"), BuildFailure, id="is missing")
    refused(FAILURE | {"line": "3"}, BuildFailure, line="'3' is not a whole number")


def test_a_finding_is_refused() -> None:
    """[S-07] [S-08]"""
    severity = "'warning' is not one of advisory, blocking"
    refused(FINDING | {"severity": "warning"}, Finding, severity=severity)
    line_range = "has 1 entries where 2 are needed"
    refused(FINDING | {"lineRange": [1]}, Finding, lineRange=line_range)


def test_a_deviation_is_refused() -> None:
    """[S-10] [S-11]"""
    category = "'style' is not one of approach, missing-test, other, scope, unreported-modification"
    refused(DEVIATION | {"category": "style"}, Deviation, category=category)
    refused(without(DEVIATION, "affectedFiles"), Deviation, affectedFiles="is missing")


def test_a_task_output_with_a_map_of_deviations_is_refused() -> None:
    """[S-13]"""
    refused(OUTPUT | {"deviations": {}}, TaskOutput, deviations="a mapping is not a list")


def test_a_verdict_is_refused() -> None:
    """[S-15] [S-18] [S-20]"""
    status = "'good' is not one of amend, fail, pass"
    refused(CRITIQUE | {"status": "good"}, CritiqueVerdict, status=status)
    gate = GATE | {"perTask": {"1a-x": {"status": "pass"}}}
    with pytest.raises(ShapeError) as caught:
        structure(gate, GateVerdict)
    assert caught.value.found == (Problem(("perTask", "1a-x", "findings"), "is missing"),)
    outcome = "'lost' is not one of escalated, pass, retry"
    refused(ROUND | {"outcome": "lost"}, VerificationRound, outcome=outcome)


def test_a_task_is_refused() -> None:
    """[S-22] [S-23] [S-24]"""
    statuses = ", ".join(sorted(TaskStatus))
    refused(TASK | {"status": "waiting"}, Task, status=f"'waiting' is not one of {statuses}")
    kinds = "'foo' is not one of explore, general, intern"
    refused(TASK | {"agentType": "foo"}, Task, agentType=kinds)
    truth = "'true' is not true or false"
    refused(TASK | {"critiqueEnabled": "true"}, Task, critiqueEnabled=truth)
    refused(TASK | {"critiqueEnabled": 1}, Task, critiqueEnabled="1 is not true or false")


def test_a_run_is_refused() -> None:
    """[S-27] [S-28] [S-29]"""
    statuses = (
        "consolidating, done, executing, failed, fixing-verification, gating-plan, planning, "
        "verifying"
    )
    refused(RUN | {"status": "idle"}, Run, status=f"'idle' is not one of {statuses}")
    refused(without(RUN, "createdAt"), Run, createdAt="is missing")
    modes = "'strict' is not one of baseline-equality, no-new-failures, skip-comparison"
    refused(RUN | {"verificationMode": "strict"}, Run, verificationMode=modes)


def test_unknown_keys_of_every_record_survive() -> None:
    """[S-30] What a newer minor version wrote is written back."""
    raw = RUN | {"later": {"a": [1, {"b": None}]}, "tasks": [TASK | {"mood": ["good"]}]}
    run = structure(raw, Run)
    assert run.unknown == {"later": {"a": (1, {"b": None})}}
    assert run.tasks[0].unknown == {"mood": ("good",)}
    assert _only(unstructure(run), raw) == raw


def test_all_problems_are_said_at_once_with_their_paths() -> None:
    raw = RUN | {
        "name": 3,
        "tasks": [TASK, TASK | {"level": 1.0, "class": "x", "dependsOn": [1, "a", True]}],
        "levelBoundaries": {"1": 5},
        "identity": "me",
        "usage": {"critic": {"costUsd": "free"}},
    }
    with pytest.raises(ShapeError) as caught:
        structure(raw, Run)
    assert caught.value.problems == (
        "name: 3 is not text (quote it)",
        "identity: 'me' is not a mapping",
        "levelBoundaries['1']: 5 is not text (quote it)",
        "usage.critic.costUsd: 'free' is not a number",
        "tasks[1].level: 1.0 is not a whole number",
        "tasks[1].dependsOn[0]: 1 is not text (quote it)",
        "tasks[1].dependsOn[2]: true is not text (quote it)",
        "tasks[1].class: 'x' is not one of bugfix, feature",
    )


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (None, "null is not a mapping"),
        ([], "a list is not a mapping"),
        ("x" * 100, f"'{'x' * 58}… is not a mapping"),
    ],
)
def test_what_is_no_mapping_is_no_record(raw: object, what: str) -> None:
    with pytest.raises(ShapeError) as caught:
        structure(raw, Usage)
    assert caught.value.found == (Problem((), what),)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "1"])
def test_only_finite_numbers_are_numbers(number: object) -> None:
    with pytest.raises(ShapeError):
        structure({"costUsd": number}, Usage)
    assert structure({"costUsd": 1}, Usage) == Usage(cost_usd=1.0)


def test_special_keys_and_free_values() -> None:
    assert unstructure(Provider(base_url="u", adapter="a"))["baseURL"] == "u"
    escalation = {
        "id": "e",
        "state": "executing",
        "taskId": None,
        "question": "q",
        "reason": "r",
        "details": {"list": [1, [2.5, {"k": None}]], "ok": True},
        "allowed": ["go", "stop"],
        "consequences": {"go": "on", "stop": "it ends"},
        "createdAt": "t",
        "answer": None,
    }
    record = structure(escalation, Escalation)
    assert record.details == {"list": (1, (2.5, {"k": None})), "ok": True}
    assert unstructure(record) == escalation


@frozen
class Call:
    """Arguments as a tool may have them."""

    path: str
    kind: Literal["file", "folder"] = "file"
    line_range: tuple[int, int] | None = None
    limits: Limits | None = None


def test_the_strict_reader_refuses_keys_nobody_knows_with_the_nearest() -> None:
    assert structure_strict({"path": "a", "lineRange": [1, 2]}, Call) == Call(
        "a", line_range=(1, 2)
    )
    with pytest.raises(ShapeError) as caught:
        structure_strict({"paht": "a", "kind": "x", "limits": {"turn": 1}, "line_range": 0}, Call)
    assert caught.value.problems == (
        "path: is missing",
        "kind: 'x' is not one of file, folder",
        "limits.turn: is not known; did you mean turns?",
        "line_range: is not known; did you mean lineRange?",
        "paht: is not known; did you mean path?",
    )
    with pytest.raises(ShapeError, match="mood: is not known; known are description"):
        structure_strict(FINDING | {"mood": 1}, Finding)


def test_records_are_the_only_ones_that_keep_unknown_keys() -> None:
    assert structure({"id": "f", "severity": "blocking", "description": "", "x": 1}, Finding) == (
        Finding(id="f", severity=FindingSeverity.BLOCKING, description="", unknown={"x": 1})
    )
    with pytest.raises(ShapeError):
        structure({"path": "a", "x": 1}, Call)
    assert structure({"unknown": 1}, Record).unknown == {"unknown": 1}
    assert GateOutcome("pass") is GateOutcome.PASS
