"""Bisection over commits, and what follows from the causes of failures."""

from math import ceil, log2

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dispatch.policy.comparison import Comparison
from dispatch.policy.culprits import (
    Found,
    Probe,
    accepted,
    attribution_problems,
    blamed,
    investigate,
    nobodys,
    unexplained,
    with_explanations,
    without_excused,
)
from dispatch.state.enums import AttributedBy, FailureCause, VerificationOutcome
from dispatch.state.judgements import Explanation, VerificationRound
from dispatch.state.work import BuildFailure, CommandResult


@given(st.data(), st.integers(1, 2000))
def test_the_first_bad_commit_is_found_in_few_runs(data: st.DataObject, last: int) -> None:
    """log2 of the commits, and one run each for tip, base and their middle."""
    first_bad = data.draw(st.integers(1, last))
    seen: dict[int, frozenset[str]] = {}
    step = investigate("f", last, seen)
    while isinstance(step, Probe):
        assert step.place not in seen
        seen[step.place] = frozenset({"f"} if step.place >= first_bad else ())
        step = investigate("f", last, seen)
    assert step == Found(FailureCause.TASK, "It is not there on the commit before.", first_bad)
    assert len(seen) <= ceil(log2(last)) + 3


def test_the_tip_is_looked_at_first_and_then_the_base() -> None:
    assert investigate("f", 8, {}) == Probe(8)
    gone = investigate("f", 8, {8: frozenset({"other"})})
    assert isinstance(gone, Found)
    assert gone.cause is FailureCause.FLAKY
    assert investigate("f", 8, {8: frozenset("f")}) == Probe(0)
    old = investigate("f", 8, {8: frozenset("f"), 0: frozenset("f")})
    assert isinstance(old, Found)
    assert old.cause is FailureCause.OLD


def test_what_was_run_for_another_failure_is_not_run_again() -> None:
    seen = {8: frozenset("fg"), 0: frozenset[str](), 4: frozenset("g"), 6: frozenset("fg")}
    assert investigate("f", 8, seen) == Probe(5)
    assert investigate("g", 8, seen) == Probe(2)


def failure(name: str, command: str = "make") -> BuildFailure:
    return BuildFailure(id=name, file=None, line=None, message=name, raw_text=name, command=command)


def explanation(name: str, cause: FailureCause, *task_ids: str) -> Explanation:
    return Explanation(
        failure_id=name, cause=cause, task_ids=task_ids, by=AttributedBy.BISECTION, reason="why"
    )


def a_round(*explanations: Explanation, regressed: tuple[str, ...] = ()) -> VerificationRound:
    return VerificationRound(
        round=1,
        final_build_log_path="log",
        commands=(
            CommandResult(
                command="make",
                exit_code=1,
                duration_seconds=1.0,
                output_path="o",
                output_bytes=0,
            ),
        ),
        new_failures=tuple(map(failure, "abca")),
        regressed_commands=regressed,
        attribution={},
        explanations=explanations,
        rebuild_from_level=None,
        outcome=VerificationOutcome.RETRY,
    )


def test_each_failure_is_explained_once_and_the_later_word_counts() -> None:
    record = a_round()
    assert [each.id for each in unexplained(record)] == ["a", "b", "c"]
    record = with_explanations(record, [explanation("b", FailureCause.TASK, "1a-x")])
    assert [each.id for each in unexplained(record)] == ["a", "c"]
    assert record.attribution == {"b": ("1a-x",)}
    record = with_explanations(record, accepted(["b"], "let it stand"))
    assert record.attribution == {"b": ()}
    assert [each.cause for each in record.explanations] == [FailureCause.ACCEPTED]


def test_tasks_repair_in_order_of_integration_each_with_all_its_failures() -> None:
    record = a_round(
        explanation("a", FailureCause.TASK, "2a-z", "1b-y"),
        explanation("b", FailureCause.TASK, "1b-y"),
        explanation("c", FailureCause.FLAKY),
    )
    assert {name: [each.id for each in found] for name, found in blamed(record).items()} == {
        "1b-y": ["a", "b"],
        "2a-z": ["a"],
    }
    assert list(blamed(record)) == ["1b-y", "2a-z"]


@pytest.mark.parametrize(
    ("cause", "regressed", "asks"),
    [
        (FailureCause.NONE, (), True),
        (FailureCause.ENVIRONMENT, (), True),
        (FailureCause.OLD, ("make",), True),
        (FailureCause.OLD, (), False),
        (FailureCause.FLAKY, ("make",), False),
        (FailureCause.ACCEPTED, ("make",), False),
    ],
)
def test_what_no_task_brought_is_the_operator_s_unless_the_base_always_failed(
    cause: FailureCause, regressed: tuple[str, ...], asks: bool
) -> None:
    record = a_round(explanation("a", cause), regressed=regressed)
    assert bool(nobodys(record)) is asks


def test_failures_that_count_no_longer_leave_the_others() -> None:
    worse = Comparison(
        outcome=VerificationOutcome.RETRY,
        reasons=("`make` ended with exit code 1.",),
        new_failures=(failure("a"), failure("b", "test")),
        regressed_commands=("make", "test"),
    )
    assert without_excused(worse, {"c": 1}) is worse
    left = without_excused(worse, {"a": 1})
    assert (left.outcome, left.regressed_commands) == (VerificationOutcome.RETRY, ("test",))
    assert left.reasons[-1] == "Not counted: 1 failure let stand or known from the base."
    passed = without_excused(worse, {"a": 1, "b": 1})
    assert passed.outcome is VerificationOutcome.PASS
    assert passed.reasons == ("Nothing fails but 2 failures let stand or known from the base.",)
    silent = evolve(worse, new_failures=(), regressed_commands=())
    assert without_excused(silent, {"a": 1}) is silent


def test_a_failure_counts_no_longer_only_as_often_as_it_was_let_stand() -> None:
    """A summary of three is more than one of one."""
    worse = Comparison(
        outcome=VerificationOutcome.RETRY,
        reasons=(),
        new_failures=(evolve(failure("a"), message="3 failed"),),
    )
    assert without_excused(worse, {"a": 1}) is worse
    assert without_excused(worse, {"a": 3}).outcome is VerificationOutcome.PASS


def test_an_attribution_names_every_failure_and_only_tasks_that_are_there() -> None:
    """[PA-03] [PA-08] [PA-09] [PA-10] [PA-11] [PA-12]"""
    fine = (explanation("a", FailureCause.TASK, "1a-x"), explanation("b", FailureCause.NONE))
    assert attribution_problems("ab", ("1a-x",), fine) == ()
    wrong = (
        explanation("c", FailureCause.TASK),
        explanation("d", FailureCause.TASK, "1b-y"),
        evolve(explanation("b", FailureCause.ENVIRONMENT, "1a-x"), reason=" "),
    )
    assert attribution_problems("ab", ("1a-x",), wrong) == (
        "Every failure needs its cause; missing: a.",
        "These are none of the failures: c, d; they are a, b.",
        'Failure "c" has the cause task, but names none.',
        'Failure "d" names 1b-y, which can be no cause; the tasks are 1a-x.',
        'Failure "b" has the cause environment, so it names no task.',
        'Failure "b" needs a reason.',
    )
