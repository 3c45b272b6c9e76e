"""Which tasks are raced, by whom, and whose work is taken."""

from attrs import evolve
from fakes.policy_records import a_task

from dispatch.policy.racing import entrants_of, order_of, race_problems, winner
from dispatch.state.config import Candidate, RaceConfig, RaceOrder
from dispatch.state.enums import (
    AgentType,
    ChangeKind,
    DeviationCategory,
    DeviationSeverity,
    FindingSeverity,
    GateOutcome,
    Isolation,
    TaskClass,
)
from dispatch.state.judgements import CritiqueVerdict, Finding
from dispatch.state.races import Entrant, Race
from dispatch.state.work import CommandResult, Deviation, Evidence, FileChange, TaskOutput

THREE = RaceConfig(n=3, executors=(Candidate(model="x"), Candidate(model="y", executor="codex")))


def entrant(
    number: int,
    *,
    lines: int = 10,
    failing: int = 0,
    findings: tuple[FindingSeverity, ...] | None = (),
    severities: tuple[DeviationSeverity, ...] = (),
    message: str = "",
) -> Entrant:
    commands = tuple(
        CommandResult(
            command=f"c{each}",
            exit_code=1,
            duration_seconds=0.0,
            output_path="o",
            output_bytes=0,
        )
        for each in range(failing)
    )
    found = tuple(
        Finding(id=f"f{each}", severity=severity, description="d")
        for each, severity in enumerate(findings or ())
    )
    verdict = CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=found)
    deviations = tuple(
        Deviation(
            id=f"d{each}",
            severity=severity,
            category=DeviationCategory.OTHER,
            description="d",
            affected_files=(),
        )
        for each, severity in enumerate(severities)
    )
    return Entrant(
        number=number,
        executor="litellm",
        model="x",
        attempt_id=f"1a-x.r{number}.implementer.1",
        output=TaskOutput(summary="", files_modified=("a",), deviations=deviations, notes=""),
        evidence=Evidence(
            tree="0" * 40,
            changes=(FileChange(path="a", kind=ChangeKind.MODIFIED, added_lines=lines),),
            builds=(),
            commands=commands,
        ),
        commit_time=1,
        verdict=None if findings is None else verdict,
        message=message,
    )


NOBODY = Entrant(number=9, executor="litellm", model="x", message="It gave up.")


def test_fewer_failing_commands_come_before_findings_deviations_and_size() -> None:
    worse = entrant(1, failing=1, lines=1)
    better = entrant(2, findings=(FindingSeverity.BLOCKING,), lines=500)
    assert winner((worse, better)) == (2, "fewer failing commands: 0, the next best has 1")


def test_fewer_blocking_findings_come_before_deviations_and_size() -> None:
    worse = entrant(1, findings=(FindingSeverity.BLOCKING,), lines=1)
    better = entrant(2, severities=(DeviationSeverity.MAJOR,), lines=500)
    assert winner((worse, better)) == (
        2,
        "fewer blocking findings or missing reviews: 0, the next best has 1",
    )


def test_who_could_not_be_reviewed_comes_after_who_was_found_good() -> None:
    unseen = entrant(1, findings=None, message="It was not reviewed.", lines=1)
    good = entrant(2, lines=500)
    twice_bad = entrant(3, findings=(FindingSeverity.BLOCKING,) * 2)
    assert winner((unseen, good, twice_bad))[0] == 2
    assert winner((unseen, twice_bad))[0] == 1


def test_where_nobody_was_reviewed_the_other_numbers_decide() -> None:
    assert winner((entrant(1, findings=None), entrant(2, findings=None, lines=9))) == (
        2,
        "fewer changed lines: 9, the next best has 10",
    )


def test_fewer_deviations_that_need_a_ruling_come_before_findings_and_size() -> None:
    minor = entrant(1, severities=(DeviationSeverity.MINOR,) * 3, lines=500)
    ruled = entrant(2, severities=(DeviationSeverity.MODERATE,))
    assert winner((ruled, minor)) == (1, "fewer deviations to rule on: 0, the next best has 1")
    noted = entrant(3, findings=(FindingSeverity.ADVISORY,), lines=1)
    assert winner((noted, minor)) == (1, "fewer findings: 0, the next best has 1")


def test_equals_are_taken_by_number_and_one_alone_wins() -> None:
    assert winner((entrant(1), entrant(2))) == (1, "as good as entrant 2, and before it")
    assert winner((NOBODY, entrant(2))) == (2, "the only one that handed its work in")


def test_executors_are_given_out_in_turn() -> None:
    order = order_of(a_task("1a-x"), THREE)
    assert order == RaceOrder(n=3, executors=THREE.executors)
    assert [
        (each.number, each.executor, each.model) for each in entrants_of(order, ("litellm", "m"))
    ] == [(1, "litellm", "x"), (2, "codex", "y"), (3, "litellm", "x")]
    assert [each.model for each in entrants_of(RaceOrder(n=2), ("litellm", "m"))] == ["m", "m"]


def test_the_plan_s_word_comes_before_the_configuration_and_one_race_is_enough() -> None:
    own = RaceOrder(n=2)
    assert order_of(evolve(a_task("1a-x"), race=own), THREE) == own
    assert order_of(evolve(a_task("1a-x"), race=own), RaceConfig()) == own
    assert order_of(a_task("1a-x"), RaceConfig()) is None
    bugs = evolve(THREE, classes=(TaskClass.BUGFIX,))
    assert order_of(evolve(a_task("1a-x"), task_class=TaskClass.FEATURE), bugs) is None
    assert order_of(evolve(a_task("1a-x"), task_class=TaskClass.BUGFIX), bugs) is not None
    simple = evolve(THREE, agent_types=(AgentType.INTERN,))
    assert order_of(evolve(a_task("1a-x"), agent_type=AgentType.GENERAL), simple) is None
    explores = evolve(a_task("1a-x"), agent_type=AgentType.EXPLORE, race=own)
    assert order_of(explores, THREE) is None
    raced = evolve(a_task("1a-x"), race=own, raced=Race(entrants=(entrant(1),), winner=1))
    assert order_of(raced, THREE) is None


def test_a_race_that_cannot_be_is_refused_with_every_reason() -> None:
    wrong = RaceOrder(n=9, executors=(Candidate(model="z"), Candidate(model="y", executor="codex")))
    task = evolve(a_task("1a-x"), agent_type=AgentType.EXPLORE, race=wrong)
    assert list(race_problems(task, Isolation.LEVEL, THREE)) == [
        "The race of 1a-x has 9 entrants, not 2 to 8.",
        "Task 1a-x cannot be raced with `isolation: level`.",
        "Task 1a-x only explores, so there is nothing to race for.",
        "The race of 1a-x has litellm z, which is not below race.executors in the configuration.",
    ]
    assert list(race_problems(a_task("1a-x"), Isolation.LEVEL, THREE)) == []
    assert (
        list(race_problems(evolve(a_task("1a-x"), race=RaceOrder(n=2)), Isolation.TASK, THREE))
        == []
    )
