"""What a run teaches of those who worked on it, and what it leaves open."""

from attrs import evolve
from fakes.small_records import a_run, a_task

from dispatch.policy.experience import experiences
from dispatch.state.enums import (
    AttemptOutcome,
    FailureKind,
    FindingSeverity,
    GateOutcome,
    Role,
    TaskStatus,
)
from dispatch.state.judgements import CritiqueVerdict, Finding, PlanRefusal
from dispatch.state.records import Failure, Run, Task
from dispatch.state.routes import Experience, WorkKind
from dispatch.state.work import Attempt, Usage

AT = "2026-01-02T03:04:05.678Z"
USED = Usage(turns=2, input_tokens=10, output_tokens=3, cached_tokens=4, cost_usd=0.5)


def attempt(name: str, role: Role, outcome: AttemptOutcome | None = AttemptOutcome.OK) -> Attempt:
    return Attempt(
        id=name,
        role=role,
        executor="litellm",
        model="m",
        started_at=AT,
        ended_at=AT,
        outcome=outcome,
        usage=USED,
        active_seconds=7.0,
    )


def of(run: Run) -> dict[str, tuple[bool, int]]:
    return {name: (each.accepted, each.rounds) for name, each in experiences(run)}


def a_finding(severity: FindingSeverity) -> Finding:
    return Finding(id="f", severity=severity, description="d")


def test_an_implementer_is_told_with_the_rounds_and_findings_that_its_work_took() -> None:
    findings = tuple(map(a_finding, FindingSeverity))
    task = evolve(
        a_task(),
        status=TaskStatus.COMPLETED,
        attempts=(attempt("1a-x.implementer.1", Role.IMPLEMENTER),),
        amendment_rounds_total=1,
        verification_fix_rounds_total=1,
        critique_verdicts=(CritiqueVerdict(round=1, status=GateOutcome.AMEND, findings=findings),),
    )
    assert experiences(evolve(a_run(), tasks=(task,))) == (
        (
            "1a-x.implementer.1",
            Experience(
                work=WorkKind(
                    role=Role.IMPLEMENTER, agent_type=task.agent_type, task_class=task.task_class
                ),
                executor="litellm",
                model="m",
                outcome=AttemptOutcome.OK,
                accepted=True,
                rounds=2,
                findings=1,
                input_tokens=10,
                output_tokens=3,
                cached_tokens=4,
                cost_usd=0.5,
                seconds=7.0,
                ended_at=AT,
            ),
        ),
    )


def test_a_planner_is_told_by_the_plans_that_were_sent_back() -> None:
    run = evolve(
        a_run(),
        attempts=(attempt("plan.planner.1", Role.PLANNER), attempt("plan.planner.2", Role.PLANNER)),
        plan_refusals=(PlanRefusal(round=1, reasons=("no tests",)),),
    )
    assert of(run) == {"plan.planner.1": (False, 0), "plan.planner.2": (True, 0)}


def test_what_a_provider_a_kill_or_the_machine_did_is_no_experience() -> None:
    """So are an attempt that is under way, and one that a script played."""
    outcomes = (
        None,
        AttemptOutcome.PROVIDER_QUOTA,
        AttemptOutcome.TRANSPORT,
        AttemptOutcome.CANCELLED,
        AttemptOutcome.CRASHED,
        AttemptOutcome.TRESPASS,
    )
    attempts = [attempt(f"{each}", Role.CRITIC, each) for each in outcomes]
    attempts.append(evolve(attempt("played", Role.CRITIC), executor="scripted"))
    attempts.append(attempt("silent", Role.CRITIC, AttemptOutcome.NO_OUTPUT))
    assert of(evolve(a_run(), attempts=tuple(attempts))) == {"silent": (False, 0)}


def task_with(status: TaskStatus, kind: FailureKind | None, *attempts: Attempt) -> Task:
    failure = None if kind is None else Failure(state="x", kind=kind, message="", at=AT)
    return evolve(a_task(), status=status, failure=failure, attempts=attempts)


def test_work_that_is_not_decided_or_failed_for_another_is_no_experience() -> None:
    done = attempt("1", Role.IMPLEMENTER)
    for status, kind in (
        (TaskStatus.SUBMITTED, None),
        (TaskStatus.FAILED, FailureKind.ABORTED),
        (TaskStatus.FAILED, FailureKind.DEPENDENCY_FAILED),
        (TaskStatus.FAILED, FailureKind.BUDGET),
    ):
        assert of(evolve(a_run(), tasks=(task_with(status, kind, done),))) == {}
    rejected = task_with(TaskStatus.FAILED, FailureKind.DEVIATION_REJECTED, done)
    assert of(evolve(a_run(), tasks=(rejected,))) == {"1": (False, 0)}


def test_of_two_accepted_works_on_a_task_the_last_one_counts() -> None:
    first, second = (attempt(name, Role.IMPLEMENTER) for name in "12")
    run = evolve(a_run(), tasks=(task_with(TaskStatus.COMPLETED, None, first, second),))
    assert of(run) == {"2": (True, 0)}


def test_a_turn_that_nobody_told_makes_the_cost_unknown() -> None:
    unsure = evolve(attempt("1", Role.CRITIC), unsettled=Usage(turns=1, cost_usd=1.0))
    ((_, found),) = experiences(evolve(a_run(), attempts=(unsure,)))
    assert found.cost_usd is None
