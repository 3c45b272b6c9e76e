"""Agents that follow a scenario in the process: they really edit trees, and remember their jobs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from attrs import define, evolve, field, frozen

from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    DeviationCategory,
    DeviationSeverity,
    FindingSeverity,
    GateOutcome,
    GreybeardRuling,
    TaskClass,
    VerificationMode,
)
from dispatch.state.jobs import (
    AttributionJob,
    CritiqueJob,
    FixJob,
    GateJob,
    GreybeardJob,
    ImplementJob,
    Job,
    NotContinued,
    PlanJob,
    Result,
    Submission,
)
from dispatch.state.judgements import (
    Attribution,
    CritiqueVerdict,
    Explanation,
    Finding,
    GateVerdict,
    GreybeardVerdict,
    PerTaskGateVerdict,
)
from dispatch.state.records import Plan, PlannedTask
from dispatch.state.work import BuildClaim, Deviation, TaskOutput, Usage

A = TypeVar("A")
USED = Usage(turns=1, input_tokens=100, output_tokens=10, cost_usd=0.5)


@frozen(kw_only=True)
class Work:
    """What one implementer does: an edit of its tree, then a claim."""

    edit: Callable[[Path], None]
    files: tuple[str, ...]
    severities: tuple[DeviationSeverity, ...] = ()
    builds: tuple[BuildClaim, ...] = ()


@define(kw_only=True)
class ScenarioAgents:
    """An ``Agents`` port; ``asked`` holds the ids of the attempts in the order they came."""

    plans: list[Plan]
    works: Mapping[str, Work]
    ruling: GreybeardRuling = GreybeardRuling.ACCEPT
    findings: Mapping[str, tuple[Finding, ...]] = field(factory=dict)
    gate_findings: Mapping[str, tuple[Finding, ...]] = field(factory=dict)
    rounds: Mapping[str, tuple[tuple[Finding, ...], ...]] = field(factory=dict)  # by round
    gate_rounds: Mapping[str, tuple[tuple[Finding, ...], ...]] = field(factory=dict)
    hopeless: bool = False  # the gate critic says of what it finds that it cannot be repaired
    hopeless_rounds: set[int] = field(factory=set)  # the same, in these rounds
    new_tests: Mapping[str, tuple[str, ...]] = field(factory=dict)  # what critics ask for
    fixes: Mapping[str, Work] = field(factory=dict)  # attempt id or task id, .source or .round
    causes: Callable[[AttributionJob], tuple[Explanation, ...]] | None = None
    broken: dict[str, AttemptOutcome] = field(factory=dict)  # attempt id -> how it ends
    asked: list[str] = field(factory=list)
    refused: dict[str, tuple[str, ...]] = field(factory=dict)
    jobs: list[Job[Any]] = field(factory=list)

    def executor_and_model(
        self, job_type: type[Job[A]], others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        """Everybody is the same, and so is the first who takes over."""
        return "scenario", f"other-{others}" if others else "none"

    async def run(self, job: Job[A]) -> Result[A]:
        """Do what the scenario says; it remembers no conversation."""
        if job.interrupted:
            raise NotContinued("The scenario remembers nothing.")
        self.asked.append(job.attempt.id)
        self.jobs.append(job)
        if job.attempt.id in self.broken:
            return self._ended(self.broken[job.attempt.id], "as scripted")
        value: object
        match job:
            case PlanJob():
                value = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
            case ImplementJob():
                work = self.works.get(_subject(job)) or self.works[job.task.id]
                work.edit(job.root)
                submission = _claim(job.task.id, work)
                problems = await job.check(submission)
                if problems:
                    self.refused[job.attempt.id] = problems
                    return self._ended(AttemptOutcome.REFUSED_CLAIM, "; ".join(problems))
                value = submission.output
            case FixJob():
                task_id = job.task.id
                names = (
                    job.attempt.id,
                    f"{task_id}.{job.source}",
                    f"{task_id}.{job.round}",
                    task_id,
                )
                work = next(self.fixes[name] for name in names if name in self.fixes)
                work.edit(job.root)
                submission = _claim(job.attempt.id, work)
                problems = await job.check(submission)
                if problems:
                    self.refused[job.attempt.id] = problems
                    return self._ended(AttemptOutcome.REFUSED_CLAIM, "; ".join(problems))
                value = submission.output
            case CritiqueJob():
                found = _of_round(self.rounds, job.task.id, job.round)
                found = found or self.findings.get(_subject(job), ())
                value = CritiqueVerdict(
                    round=job.round,
                    status=_status(found),
                    findings=found,
                    new_tests=self.new_tests.get(job.task.id, ()) if found else (),
                )
            case GateJob():
                value = self._gate(job)
            case AttributionJob():
                assert self.causes is not None
                value = Attribution(explanations=self.causes(job))
            case GreybeardJob():
                value = GreybeardVerdict(verdict=self.ruling, rationale="as scripted")
            case _:
                raise AssertionError(job)
        return Result(outcome=AttemptOutcome.OK, value=cast(A, value), message="", usage=USED)

    def _gate(self, job: GateJob) -> GateVerdict:
        found = {
            task.id: _of_round(self.gate_rounds, task.id, job.round)
            or self.gate_findings.get(task.id, ())
            for task in job.tasks
        }
        hopeless = self.hopeless or job.round in self.hopeless_rounds
        worst = _status(tuple(each for findings in found.values() for each in findings))
        return GateVerdict(
            level=job.level,
            round=job.round,
            status=GateOutcome.FAIL if hopeless else worst,
            per_task={
                task_id: PerTaskGateVerdict(status=_status(findings), findings=findings)
                for task_id, findings in found.items()
            },
        )

    def _ended(self, outcome: AttemptOutcome, message: str) -> Result[Any]:
        return Result(outcome=outcome, value=None, message=message, usage=USED)


def planned(
    name: str, level: int = 1, depends_on: tuple[str, ...] = (), **changes: Any
) -> PlannedTask:
    """A planned task with all that a plan gate asks for."""
    task = PlannedTask(
        id=name,
        level=level,
        depends_on=depends_on,
        objective=f"Do {name}.",
        plan_markdown=f"# Objective\n\nDo {name}.\n\n" + "Details of how it is to be done. " * 10,
        agent_type=AgentType.GENERAL,
        task_class=TaskClass.FEATURE,
        verify_commands=("test -d .",),
        critique_enabled=True,
    )
    return evolve(task, **changes)


def a_plan(*tasks: PlannedTask, mode: VerificationMode = VerificationMode.NO_NEW_FAILURES) -> Plan:
    """A plan of these tasks."""
    return Plan(tasks=tasks, verification_mode=mode, verification_mode_rationale="as scripted")


def writes(**files: str) -> Work:
    """Work that writes files; ``__`` in a name stands for a dot."""
    named = {name.replace("__", "."): text for name, text in files.items()}

    def edit(root: Path) -> None:
        for name, text in named.items():
            (root / name).write_text(text, encoding="utf-8")

    return Work(edit=edit, files=tuple(named))


def blocking(text: str = "wrong") -> Finding:
    """A finding that must be fixed."""
    return Finding(id="f1", severity=FindingSeverity.BLOCKING, description=text)


def _subject(job: Job[Any]) -> str:
    """What an attempt is about: a task, or an entrant in its race."""
    return job.attempt.id.rsplit(".", 2)[0]


def _of_round(
    rounds: Mapping[str, tuple[tuple[Finding, ...], ...]], task_id: str, number: int
) -> tuple[Finding, ...]:
    each = rounds.get(task_id, ())
    return each[number - 1] if number <= len(each) else ()


def _status(findings: tuple[Finding, ...]) -> GateOutcome:
    bad = any(finding.severity is FindingSeverity.BLOCKING for finding in findings)
    return GateOutcome.AMEND if bad else GateOutcome.PASS


def _claim(task_id: str, work: Work) -> Submission:
    deviations = tuple(
        Deviation(
            id=f"{task_id}-dev-{number}",
            severity=severity,
            category=DeviationCategory.OTHER,
            description="as scripted",
            affected_files=(),
        )
        for number, severity in enumerate(work.severities, 1)
    )
    return Submission(
        output=TaskOutput(
            summary="done", files_modified=work.files, deviations=deviations, notes=""
        ),
        builds=work.builds,
    )
