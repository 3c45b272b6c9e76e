"""The final build against the baseline, in each mode."""

import pytest
from attrs import evolve

from dispatch.policy.comparison import (
    MAX_DIFF_LINES,
    CommandOutput,
    Comparison,
    compare,
    gate_diff,
)
from dispatch.policy.failures import parse_failures
from dispatch.policy.normalise import normalise
from dispatch.state.enums import VerificationMode, VerificationOutcome
from dispatch.state.work import BuildFailure

EQUALITY = VerificationMode.BASELINE_EQUALITY
NO_NEW = VerificationMode.NO_NEW_FAILURES
SKIP = VerificationMode.SKIP_COMPARISON
COMPARING = (EQUALITY, NO_NEW)
PASS, RETRY, ESCALATED = VerificationOutcome


def out(
    text: str = "", code: int | None = 0, *, command: str = "make", timed_out: bool = False
) -> CommandOutput:
    return CommandOutput(command=command, exit_code=code, timed_out=timed_out, text=text)


def passed(reason: str, diff: str = "") -> Comparison:
    return Comparison(outcome=PASS, reasons=(reason,), diff=diff)


@pytest.mark.parametrize("mode", COMPARING)
@pytest.mark.parametrize(
    ("output", "bad"),
    [
        (out("fine"), ""),
        (out("a.c:1: error: x", 1), "ended with exit code 1"),
        (out("", None), "was ended by a signal"),
        (out("", None, timed_out=True), "ran into the time limit"),
    ],
)
def test_what_did_not_change_passes_even_when_it_fails_which_is_said(
    mode: VerificationMode, output: CommandOutput, bad: str
) -> None:
    """[PV-02] [PV-10]"""
    reason = (
        f"The output did not change; as in the baseline, `make` {bad}."
        if bad
        else "The output did not change."
    )
    assert compare(mode, [output], [output]) == passed(reason)


@pytest.mark.parametrize("mode", COMPARING)
def test_the_same_build_in_two_folders_passes_without_the_operator(mode: VerificationMode) -> None:
    """[PV-10] [W-06]"""
    roots = {"/w/baseline": "<WORKTREE>", "/w/level-1": "<WORKTREE>"}
    before, after = (
        out(normalise(f"cd {root}\n{root}/a.c:1: warning\n3 passed in {seconds}s\n", roots))
        for root, seconds in (("/w/baseline", 0.1), ("/w/level-1", 2.5))
    )
    assert compare(mode, [before], [after]) == passed("The output did not change.")


@pytest.mark.parametrize("mode", COMPARING)
@pytest.mark.parametrize(
    ("after", "ending"),
    [
        (out("", 1), "ended with exit code 1"),
        (out("", 139), "ended with exit code 139"),
        (out("", None), "was ended by a signal"),
        (out("", None, timed_out=True), "ran into the time limit"),
    ],
)
def test_a_command_that_passed_and_does_not_any_more_is_a_regression(
    mode: VerificationMode, after: CommandOutput, ending: str
) -> None:
    """[PV-11] [W-09] Whatever it printed, even nothing."""
    result = compare(mode, [out()], [after])
    assert result == Comparison(
        outcome=RETRY,
        reasons=(f"`make` {ending}; in the baseline it ended with exit code 0.",),
        new_failures=(
            BuildFailure(
                id="bf-a3ec3c83a915",
                file=None,
                line=None,
                message=f"`make` {ending}; in the baseline it ended with exit code 0",
                raw_text="",
                command="make",
            ),
        ),
        regressed_commands=("make",),
        diff=gate_diff([out()], [after]),
    )


def test_a_failing_command_that_now_hangs_is_a_regression() -> None:
    result = compare(NO_NEW, [out("", 1)], [out("", None, timed_out=True)])
    assert (result.outcome, result.regressed_commands) == (RETRY, ("make",))


def test_only_the_text_changed() -> None:
    """[PV-08] [PV-06] One mode lets it pass, the other asks, with the difference as evidence."""
    before, after = out("built\na\nb"), out("built\na\nc")
    diff = (
        "--- baseline: make\n+++ final: make\n@@ -1,4 +1,4 @@\n built\n a\n-b\n+c\n"
        " [ended with exit code 0]\n"
    )
    assert compare(NO_NEW, [before], [after]) == passed(
        "Nothing fails that did not fail before.", diff
    )
    assert compare(EQUALITY, [before], [after]) == Comparison(
        outcome=ESCALATED,
        reasons=(
            "`make` ended or printed otherwise than in the baseline, though nothing fails that "
            "did not fail before.",
        ),
        diff=diff,
    )


def test_a_comparison_that_is_skipped_passes_and_says_so() -> None:
    """[PV-09]"""
    assert compare(SKIP, [out()], [out("error", 1)]) == passed(
        "The plan's verification mode is skip-comparison; nothing was compared."
    )


@pytest.mark.parametrize("mode", COMPARING)
def test_new_failures_are_found_under_an_old_exit_code(mode: VerificationMode) -> None:
    """[PV-03]"""
    before, after = out("a.c:1: error: x", 1), out("a.c:7: error: x\nb.c:1: error: y", 1)
    result = compare(mode, [before], [after])
    assert result.outcome is RETRY
    assert result.reasons == ("A failure is not in the baseline, first: b.c:1: error: y",)
    (expected,) = parse_failures("b.c:1: error: y")
    assert result.new_failures == (evolve(expected, id="bf-805926b36245", command="make"),)
    assert result.regressed_commands == ()


def test_failures_that_are_gone_pass_without_new_ones() -> None:
    before, after = out("a.c:1: error: x", 1), out("fine", 0)
    assert compare(NO_NEW, [before], [after]).outcome is PASS
    assert compare(EQUALITY, [before], [after]).outcome is ESCALATED


def test_each_command_is_compared_with_itself() -> None:
    """[W-06] A failure that moves from one command to another is new in the second."""
    lint, test = "a.c:1: error: x", "fine"
    before = [out(lint, 1, command="lint"), out(test, command="test")]
    after = [out(test, command="lint"), out(lint, command="test")]
    result = compare(NO_NEW, before, after)
    assert (result.outcome, len(result.new_failures)) == (RETRY, 1)
    same = [out("x", command="a"), out("y", command="a")]
    assert compare(EQUALITY, same, same) == passed("The output did not change.")


def test_a_command_that_was_not_run_again_or_only_now_needs_to_pass() -> None:
    assert compare(NO_NEW, [out()], []).reasons == (
        "`make` was in the baseline and was not run again.",
    )
    assert compare(NO_NEW, [], [out("", 2)]).reasons == (
        "`make` ended with exit code 2 and is not in the baseline.",
    )
    assert compare(NO_NEW, [], [out()]).outcome is PASS


def test_a_difference_is_shown_where_it_is_and_never_without_end() -> None:
    many = "\n".join(map(str, range(50_000)))
    assert gate_diff([out(many)], [out(many + "\nnew")]) == (
        "--- baseline: make\n+++ final: make\n[49997 equal lines]\n@@ -1,4 +1,5 @@\n 49997\n"
        " 49998\n 49999\n+new\n [ended with exit code 0]\n"
    )
    other = "\n".join(f"x{number}" for number in range(50_000))
    lines = gate_diff([out(many)], [out(other + "y" * 10_000)]).splitlines()
    assert len(lines) == MAX_DIFF_LINES + 1
    assert lines[-1] == f"[cut after {MAX_DIFF_LINES} lines]"
    assert gate_diff([out(many)], [out(many)]) == ""
    (line,) = (
        line for line in gate_diff([out("")], [out("z" * 9_999)]).splitlines() if "z" in line
    )
    assert len(line) < 500
