"""Claims against the tree and the exit codes: no liar passes, no honest agent is accused."""

import pytest
from attrs import evolve
from fakes.policy_records import a_task

from dispatch.policy.evidence import (
    MAX_LISTED,
    MAX_RECORDED_RERUN,
    claim_problems,
    command_problems,
    commands_to_run,
    empty_repair_problems,
    sibling_problems,
)
from dispatch.state.enums import AgentType, ChangeKind
from dispatch.state.work import BuildClaim, CommandResult, FileChange, TaskOutput

GENERAL, EXPLORE = AgentType.GENERAL, AgentType.EXPLORE
GATE = ("make", "make test")


def output(*files: str) -> TaskOutput:
    return TaskOutput(summary="s", files_modified=files, deviations=(), notes="")


def changed(
    path: str, kind: ChangeKind = ChangeKind.MODIFIED, old: str | None = None
) -> FileChange:
    return FileChange(path=path, kind=kind, old_path=old)


def ran(
    command: str, code: int | None = 0, *, signal: int | None = None, timed_out: bool = False
) -> CommandResult:
    return CommandResult(
        command=command,
        exit_code=code,
        signal=signal,
        timed_out=timed_out,
        duration_seconds=7.0,
        output_path="o",
        output_bytes=0,
    )


def said(command: str, code: int = 0) -> BuildClaim:
    return BuildClaim(command=command, exit_code=code, stdout_tail="")


def judged(
    *results: CommandResult,
    verify: tuple[str, ...] = (),
    baseline: tuple[CommandResult, ...] = (),
    builds: tuple[BuildClaim, ...] = (),
) -> tuple[str, ...]:
    task = a_task("1a-x", verify=verify)
    return command_problems(
        task, build_gate=GATE, baseline=baseline, builds=builds, results=results
    )


def test_an_honest_claim_is_taken_in_any_spelling() -> None:
    """[UM-01] [UM-04] [UM-08] [UM-11] [UM-12]"""
    changes = (
        changed("a.py"),
        changed("gone", ChangeKind.DELETED),
        changed("new name", ChangeKind.RENAMED, "old name"),
        changed("ä/b", ChangeKind.ADDED),
    )
    claims = output("./a.py", "/w/gone", "new name", "old name", "ä//b")
    assert claim_problems(claims, changes, GENERAL, "/w") == ()
    assert claim_problems(output(), (), EXPLORE) == ()


def test_changes_without_a_claim_are_named_with_what_happened() -> None:
    """[UM-02] [UM-03] [UM-05] [UM-06]"""
    changes = (
        changed("rogue", ChangeKind.ADDED),
        changed("new", ChangeKind.RENAMED, "old"),
        changed("gone", ChangeKind.DELETED),
    )
    assert claim_problems(output("new"), changes, GENERAL) == (
        "These paths are changed, but filesModified does not name them; add them to it, or undo "
        "the changes: `gone` (deleted), `old` (renamed to `new`), `rogue` (added).",
    )


def test_claims_without_a_change_are_named() -> None:
    """An ignored file is as good as unchanged: it would be in no commit."""
    assert claim_problems(output("a", "b", "build/x"), (changed("a"),), GENERAL) == (
        "filesModified names these paths, but they are as they were (or git ignores them); "
        "remove them from it: `b`, `build/x`.",
    )


def test_a_claim_outside_the_tree_is_named() -> None:
    assert claim_problems(output("../x", "/etc/passwd", "a"), (changed("a"),), GENERAL) == (
        "filesModified names what is no file of your tree; remove from it: `../x`, `/etc/passwd`.",
    )


@pytest.mark.parametrize("claims", [(), ("a",)])
def test_an_explore_task_may_not_change_anything(claims: tuple[str, ...]) -> None:
    """[W-64]"""
    assert claim_problems(output(*claims), (changed("a"),), EXPLORE) == (
        "This is an explore task and must leave the tree as it was; undo your changes to: "
        "`a` (modified).",
    )


def test_a_hostile_name_cannot_break_the_sentence() -> None:
    (problem,) = claim_problems(output(), (changed("a`\n\u202eb"),), GENERAL)
    assert problem.endswith(r"'a`\n\u202eb' (modified).")


def test_a_list_of_paths_is_bounded() -> None:
    many = tuple(changed(f"f{number:04}") for number in range(MAX_LISTED + 3))
    (problem,) = claim_problems(output(), many, GENERAL)
    assert problem.endswith(f"`f{MAX_LISTED - 1:04}` (modified) and 3 more.")


def test_the_tasks_own_commands_are_run_once_each_before_recorded_ones() -> None:
    task = a_task("1a-x", verify=("t", "u", "t"))
    builds = (said("r"), said("u"), said("bad", 1))
    assert commands_to_run(task, build_gate=GATE, builds=builds) == ("t", "u", "r")


def test_without_commands_of_its_own_the_build_gate_is_run() -> None:
    task = a_task("1a-x")
    assert commands_to_run(task, build_gate=GATE, builds=()) == GATE
    assert commands_to_run(task, build_gate=GATE, builds=(said("r"),), baseline_captured=False) == (
        "r",
    )


def test_only_what_was_recorded_last_of_a_command_is_a_claim() -> None:
    task = a_task("1a-x", verify=("t",))
    repaired = (said("r", 1), said("r", 0), said("q", 0), said("q", 2))
    assert commands_to_run(task, build_gate=(), builds=repaired) == ("t", "r")
    many = tuple(said(str(number)) for number in range(MAX_RECORDED_RERUN + 5))
    last = tuple(str(number) for number in range(5, MAX_RECORDED_RERUN + 5))
    assert commands_to_run(task, build_gate=(), builds=many) == ("t", *last)


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        (ran("t", 3), "it exited with 3"),
        (ran("t", None, signal=9), "signal 9 ended it"),
        (ran("t", None, timed_out=True), "it did not end within 7 seconds"),
    ],
)
def test_a_verify_command_must_exit_with_zero(result: CommandResult, ending: str) -> None:
    """[W-29] Even when it failed in the baseline."""
    assert judged(result, verify=("t",), baseline=(ran("t", 1),)) == (
        f"The task's verify command `t` must exit with 0; we ran it, and {ending}.",
    )
    assert judged(ran("t"), verify=("t",)) == ()


def test_the_build_gate_may_fail_only_where_it_failed_before() -> None:
    broken = (ran("make", 2), ran("make test", 0))
    assert judged(ran("make", 1), ran("make test"), baseline=broken) == ()
    assert judged(ran("make", 0), ran("make test", 1), baseline=broken) == (
        "The build gate's command `make test` passed before your changes; "
        "we ran it, and it exited with 1.",
    )
    assert judged(ran("make", 1)) == (
        "The build gate's command `make` must exit with 0; we ran it, and it exited with 1.",
    )


def test_a_recorded_success_must_be_one_again() -> None:
    """A liar and a lucky run look alike: both are told what we saw."""
    assert judged(ran("r", 1), verify=("t",), builds=(said("r"),)) == (
        "You recorded `r` with exit code 0; we ran it, and it exited with 1. "
        "Repair what fails, run it again, and record what it gives then.",
    )
    assert judged(ran("r", 1), verify=("t",), builds=(said("r", 1),)) == ()
    assert judged(ran("r"), verify=("t",), builds=(said("r"),)) == ()


def test_what_was_not_run_is_not_held_against_anybody() -> None:
    """The user may have switched the checks off."""
    assert judged(verify=("t",), builds=(said("r"),)) == ()


def test_a_repair_that_changes_nothing_has_to_say_why() -> None:
    (problem,) = empty_repair_problems(output())
    assert "say in notes why nothing has to change" in problem
    explained = evolve(output(), notes="It is right as it is.")
    assert (empty_repair_problems(explained), empty_repair_problems(output("a"))) == ((), ())


def test_a_repair_answers_for_a_sibling_s_command_only_if_it_passed_before() -> None:
    owners = {"a": "1b-y", "b": "1c-z", "c": "1c-z"}
    results = (ran("a", 1), ran("b", 1), ran("c"))
    assert sibling_problems(results, (ran("a"), ran("b", 2)), owners) == (
        "The verify command `a` of task 1b-y passed before your repair; we ran it, and it exited "
        "with 1. Its work must stay as it is.",
    )
