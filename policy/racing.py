"""Which tasks are raced, by whom, and whose work is taken: pure, from evidence alone."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..state.config import RaceConfig, RaceOrder
from ..state.config_file import MAX_ENTRANTS
from ..state.enums import AgentType, DeviationSeverity, FindingSeverity, Isolation
from ..state.races import Entrant
from ..state.records import Task
from .routing import Way, candidate_way

MIN_ENTRANTS: Final = 2


def order_of(task: Task, config: RaceConfig) -> RaceOrder | None:
    """The race that a task is due; null: one implementer does it, as after a race was won."""
    if task.raced is not None or task.agent_type is AgentType.EXPLORE:
        return None
    if task.race is not None:
        return task.race
    if config.n < MIN_ENTRANTS or task.agent_type not in config.agent_types:
        return None
    if task.task_class not in config.classes:
        return None
    return RaceOrder(n=config.n, executors=config.executors)


def entrants_of(order: RaceOrder, usual: Way) -> tuple[Entrant, ...]:
    """Who enters; ``usual`` is who the task would have had."""
    ways = tuple(map(candidate_way, order.executors)) or (usual,)
    return tuple(
        Entrant(number=number, executor=executor, model=model)
        for number in range(1, order.n + 1)
        for executor, model in (ways[(number - 1) % len(ways)],)
    )


def race_problems(task: Task, isolation: Isolation, config: RaceConfig) -> Iterator[str]:
    """Why a task cannot be raced as its plan says, as sentences."""
    if task.race is None:
        return
    if not MIN_ENTRANTS <= task.race.n <= MAX_ENTRANTS:
        yield f"The race of {task.id} has {task.race.n} entrants, not 2 to {MAX_ENTRANTS}."
    if isolation is not Isolation.TASK:
        yield f"Task {task.id} cannot be raced with `isolation: {isolation}`."
    if task.agent_type is AgentType.EXPLORE:
        yield f"Task {task.id} only explores, so there is nothing to race for."
    # What a run may start is looked at before it starts: programs, keys, hosts, prices.
    known = set(map(candidate_way, config.executors))
    for way in map(candidate_way, task.race.executors):
        if way not in known:
            yield (
                f"The race of {task.id} has {' '.join(way)}, which is not below race.executors in "
                "the configuration."
            )


def winner(entrants: Sequence[Entrant]) -> tuple[int, str]:
    """The number of the entrant whose work is taken, and why; raises ValueError without any work.

    In this order fewer are better: failing commands, blocking findings (no review counts as one),
    deviations that somebody must rule on, findings, changed lines; then who has the lower number.
    """
    able = [each for each in entrants if each.output is not None]
    if not able:
        raise ValueError("nobody handed anything in")
    best, *others = sorted(able, key=lambda each: (_counts(each), each.number))
    if not others:
        return best.number, "the only one that handed its work in"
    pairs = zip(_WORDS, _counts(best), _counts(others[0]), strict=True)
    for words, mine, next_best in pairs:
        if mine != next_best:
            return best.number, f"fewer {words}: {mine}, the next best has {next_best}"
    return best.number, f"as good as entrant {others[0].number}, and before it"


_WORDS: Final = (
    "failing commands",
    "blocking findings or missing reviews",
    "deviations to rule on",
    "findings",
    "changed lines",
)


def _counts(entrant: Entrant) -> tuple[int, ...]:
    output, evidence, verdict = entrant.output, entrant.evidence, entrant.verdict
    assert output is not None  # only who handed something in comes here
    assert evidence is not None
    findings = () if verdict is None else verdict.findings
    blocking = sum(each.severity is FindingSeverity.BLOCKING for each in findings)
    return (
        sum(each.exit_code != 0 for each in evidence.commands),
        blocking if verdict is not None else int(bool(entrant.message)),
        sum(each.severity is not DeviationSeverity.MINOR for each in output.deviations),
        len(findings),
        sum(each.added_lines + each.deleted_lines for each in evidence.changes),
    )
