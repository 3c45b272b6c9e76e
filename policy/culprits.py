"""Who brought a failure of the build gate: bisection over commits, and what follows from causes.

Places are counted along the run's commits: 0 is the base, n the tree after the n-th commit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from ..state.enums import AttributedBy, FailureCause, VerificationOutcome
from ..state.judgements import Explanation, VerificationRound
from ..state.records import Run
from ..state.work import BuildFailure
from .comparison import Comparison
from .failures import weight
from .plan import id_order

_SETTLED: Final = frozenset({FailureCause.OLD, FailureCause.ACCEPTED})


@frozen
class Probe:
    """Run the failing command once more at this place, and ask again."""

    place: int


@frozen
class Found:
    """Why the failure is there; ``place`` is the commit that brought it, when one did."""

    cause: FailureCause
    reason: str
    place: int | None = None


def investigate(failure: str, last: int, seen: Mapping[int, frozenset[str]]) -> Probe | Found:
    """The next step in finding where a failure came in; at most log2(``last``) + 3 probes.

    ``seen`` has the new failures of the command at each place where it was run again.  The tip
    comes first: what is not there a second time comes and goes.  Then the base: what is there, too,
    is no task's.
    """
    if last not in seen:
        return Probe(last)
    if failure not in seen[last]:
        return Found(FailureCause.FLAKY, "It was gone when the command ran again on the same tree.")
    if 0 not in seen:
        return Probe(0)
    if failure in seen[0]:
        return Found(FailureCause.OLD, "It is there on the base commit, too.")
    good, bad = 0, last
    while bad - good > 1:
        middle = (good + bad) // 2
        if middle not in seen:
            return Probe(middle)
        good, bad = (good, middle) if failure in seen[middle] else (middle, bad)
    return Found(FailureCause.TASK, "It is not there on the commit before.", bad)


def distinct_failures(record: VerificationRound) -> tuple[BuildFailure, ...]:
    """The new failures of a round, each id once, in order."""
    first: dict[str, BuildFailure] = {}
    for each in record.new_failures:
        first.setdefault(each.id, each)
    return tuple(first.values())


def unexplained(record: VerificationRound) -> tuple[BuildFailure, ...]:
    """The failures whose cause is not known yet."""
    known = {each.failure_id for each in record.explanations}
    return tuple(each for each in distinct_failures(record) if each.id not in known)


def blamed(record: VerificationRound) -> Mapping[str, tuple[BuildFailure, ...]]:
    """The tasks that have to repair something, in order of integration, each with its failures."""
    by_id = {each.failure_id: each for each in record.explanations}
    found: dict[str, list[BuildFailure]] = {}
    for failure in distinct_failures(record):
        explanation = by_id.get(failure.id)
        if explanation is not None and explanation.cause is FailureCause.TASK:
            for task_id in explanation.task_ids:
                found.setdefault(task_id, []).append(failure)
    return {task_id: tuple(found[task_id]) for task_id in sorted(found, key=id_order)}


def nobodys(record: VerificationRound) -> tuple[Explanation, ...]:
    """The failures that only the operator can settle: no task brought them, and they stay."""
    passed = {each.command for each in record.commands}.intersection(record.regressed_commands)
    command = {each.id: each.command for each in record.new_failures}

    def is_open(each: Explanation) -> bool:
        if each.cause is FailureCause.OLD:
            # A command that passed at the start and fails on the base now: the machine changed.
            # That it is old is believed only of a run on the base.
            is_seen = each.by is AttributedBy.BISECTION
            return not is_seen or command[each.failure_id] in passed
        return each.cause in (FailureCause.ENVIRONMENT, FailureCause.NONE)

    return tuple(filter(is_open, record.explanations))


def excused(run: Run) -> Mapping[str, int]:
    """Failures that count no longer, each with how many were there when that was settled.

    The operator let them stand, or the base has them, too.
    """
    found: dict[str, int] = {}
    for record in run.verification_rounds:
        open_ids = {each.failure_id for each in nobodys(record)}
        settled = {each.failure_id for each in record.explanations if each.cause in _SETTLED}
        counts = Counter[str]()
        for failure in record.new_failures:
            counts[failure.id] += weight(failure)
        for name in settled - open_ids:
            found[name] = max(found.get(name, 0), counts[name])
    return found


def without_excused(comparison: Comparison, ids: Mapping[str, int]) -> Comparison:
    """The comparison without failures that count no longer; passed when none are left."""
    room = dict(ids)
    left = tuple(each for each in comparison.new_failures if not _fits(each, room))
    if not comparison.new_failures or len(left) == len(comparison.new_failures):
        return comparison
    count = len(comparison.new_failures) - len(left)
    let = f"{count} failure{'s' if count > 1 else ''} let stand or known from the base"
    if left:
        return evolve(
            comparison,
            new_failures=left,
            regressed_commands=tuple(
                each
                for each in comparison.regressed_commands
                if each in {failure.command for failure in left}
            ),
            reasons=(*comparison.reasons, f"Not counted: {let}."),
        )
    return evolve(
        comparison,
        outcome=VerificationOutcome.PASS,
        reasons=(f"Nothing fails but {let}.",),
        new_failures=(),
        regressed_commands=(),
    )


def _fits(failure: BuildFailure, room: dict[str, int]) -> bool:
    """Whether a failure is among those that count no longer; takes its place there."""
    room[failure.id] = room.get(failure.id, 0) - weight(failure)
    return room[failure.id] >= 0


def with_explanations(
    record: VerificationRound, explanations: Iterable[Explanation]
) -> VerificationRound:
    """The round with more failures explained, or explained anew; both its maps agree."""
    by_id = {each.failure_id: each for each in (*record.explanations, *explanations)}
    return evolve(
        record,
        explanations=tuple(by_id.values()),
        attribution={name: each.task_ids for name, each in by_id.items()},
    )


def accepted(failures: Iterable[str], reason: str) -> tuple[Explanation, ...]:
    """Failures that the operator lets stand."""
    return tuple(
        Explanation(
            failure_id=each,
            cause=FailureCause.ACCEPTED,
            by=AttributedBy.OPERATOR,
            reason=reason,
        )
        for each in failures
    )


def attribution_problems(
    failures: Sequence[str], tasks: Sequence[str], explanations: Sequence[Explanation]
) -> tuple[str, ...]:
    """Why an attribution cannot be taken, as sentences the agent can act on."""
    named = {each.failure_id for each in explanations}
    problems = []
    if missing := [each for each in failures if each not in named]:
        problems.append(f"Every failure needs its cause; missing: {', '.join(missing)}.")
    if extra := sorted(named - set(failures)):
        problems.append(
            f"These are none of the failures: {', '.join(extra)}; they are {', '.join(failures)}."
        )
    for each in explanations:
        problems += _explanation_problems(each, tasks)
    return tuple(problems)


def _explanation_problems(each: Explanation, tasks: Sequence[str]) -> list[str]:
    problems = []
    if each.cause is FailureCause.TASK and not each.task_ids:
        problems.append(f'Failure "{each.failure_id}" has the cause task, but names none.')
    if each.cause is not FailureCause.TASK and each.task_ids:
        problems.append(
            f'Failure "{each.failure_id}" has the cause {each.cause}, so it names no task.'
        )
    if unknown := sorted(set(each.task_ids) - set(tasks)):
        problems.append(
            f'Failure "{each.failure_id}" names {", ".join(unknown)}, which can be no cause; '
            f"the tasks are {', '.join(tasks)}."
        )
    if not each.reason.strip():
        problems.append(f'Failure "{each.failure_id}" needs a reason.')
    return problems
