"""A failed run in which everything that a report can tell has happened once."""

from attrs import evolve
from fakes.small_records import BASE, a_run, a_task

from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    AttributedBy,
    ChangeKind,
    DecisionOutcome,
    DeviationCategory,
    DeviationSeverity,
    FailureCause,
    FailureKind,
    FindingSeverity,
    GateOutcome,
    GreybeardRuling,
    HunkFate,
    KarenAction,
    Role,
    RouteLabel,
    RunStatus,
    TaskClass,
    TaskStatus,
    VerificationMode,
    VerificationOutcome,
)
from dispatch.state.hubs import Receipt, Replaced, WorkReceipt
from dispatch.state.judgements import (
    Answer,
    CritiqueVerdict,
    Decision,
    Escalation,
    Explanation,
    Finding,
    GateVerdict,
    GreybeardVerdict,
    PerTaskGateVerdict,
    PlanRefusal,
    VerificationRound,
)
from dispatch.state.races import Entrant, Race
from dispatch.state.records import Failure, HistoryEntry, Run, Task
from dispatch.state.routes import Route, RouteCandidate
from dispatch.state.work import (
    Attempt,
    BuildClaim,
    BuildFailure,
    CommandResult,
    Deviation,
    Evidence,
    FileChange,
    TaskOutput,
    Usage,
)

STARTED = "2026-01-02T03:04:05.678Z"
ENDED = "2026-01-02T04:06:08.678Z"
COMMIT = "c" * 40
TREE = "d" * 40
RESCUE = "refs/dispatch/told/rescue/1b-bad"
LOST = "refs/dispatch/told/rescue/1a-good.r2.implementer.1"
PAID = Usage(turns=3, input_tokens=1200, output_tokens=340, cached_tokens=100, cost_usd=0.0625)
UNPRICED = Usage(turns=2, input_tokens=500, output_tokens=60, cost_usd=None)


def told_run() -> Run:
    """The run: one task committed, one failed, a regression found, then the end."""
    usage = {Role.PLANNER.value: PAID, Role.IMPLEMENTER.value: UNPRICED}
    return evolve(
        a_run("told"),
        status=RunStatus.FAILED,
        base_branch="main",
        build_gate=("make test", "make lint"),
        baseline_build_log_path="baseline-build.log",
        baseline_commands=(_command("make test", 0), _command("make lint", 1)),
        verification_mode=VerificationMode.NO_NEW_FAILURES,
        verification_mode_rationale="The lint was red before.",
        plan_refusals=(PlanRefusal(round=1, reasons=("1b-bad depends on itself.",)),),
        level_boundaries={"1": BASE},
        published_commit=COMMIT,
        receipts=(_receipt(),),
        gate_verdicts=(_gate(),),
        verification_rounds=(_round(),),
        escalations=(_answered(), _open()),
        failure=Failure(
            state="verifying",
            kind=FailureKind.ABORTED,
            message="make test went from exit 0 to exit 2.",
            at=ENDED,
        ),
        attempts=(_attempt("run.planner.1", Role.PLANNER, PAID),),
        routes=(_route(),),
        usage=usage,
        history=(
            HistoryEntry(
                seq=1,
                at=ENDED,
                event="failed",
                source=RunStatus.VERIFYING,
                target=RunStatus.FAILED,
                reason="make test went from exit 0 to exit 2.",
            ),
        ),
        tasks=(_good(), _bad()),
    )


def _good() -> Task:
    return evolve(
        a_task("1a-good"),
        status=TaskStatus.COMPLETED,
        worktree_path="/repository/dispatch/told/worktrees/1a-good",
        output=TaskOutput(
            summary="Added the thing.",
            files_modified=("a.py", "ghost.py"),
            deviations=(
                Deviation(
                    id="1a-good-dev-1",
                    severity=DeviationSeverity.MODERATE,
                    category=DeviationCategory.SCOPE,
                    description="Also touched b.py.",
                    affected_files=("b.py",),
                ),
            ),
            notes="Look at b.py.",
        ),
        evidence=Evidence(
            tree=TREE,
            changes=(
                FileChange(path="a.py", kind=ChangeKind.ADDED, added_lines=4),
                FileChange(
                    path="b.py",
                    kind=ChangeKind.RENAMED,
                    old_path="old.py",
                    added_lines=1,
                    deleted_lines=2,
                ),
            ),
            builds=(BuildClaim(command="make test", exit_code=0, stdout_tail="ok"),),
            commands=(_command("make test", 0),),
        ),
        decisions=(
            Decision(
                deviation_id="1a-good-dev-1",
                initial=KarenAction.CONSULT_GREYBEARD,
                greybeard=GreybeardVerdict(
                    verdict=GreybeardRuling.ACCEPT, rationale="It belongs together."
                ),
                final=KarenAction.ACCEPT,
                outcome=DecisionOutcome.ACCEPTED,
                reason="The greybeard accepts it.",
            ),
        ),
        commit_time=1_700_000_000,
        commit_sha=COMMIT,
        critique_verdicts=(
            CritiqueVerdict(
                round=1,
                status=GateOutcome.PASS,
                findings=(
                    Finding(
                        id="f-1",
                        severity=FindingSeverity.ADVISORY,
                        description="A name could be better.",
                        file_path="a.py",
                        line_range=(3, 4),
                    ),
                ),
            ),
        ),
        raced=_race(),
        amendment_rounds_total=1,
        verification_fix_rounds_total=2,
        attempts=(_attempt("1a-good.implementer.1", Role.IMPLEMENTER, UNPRICED),),
    )


def _race() -> Race:
    """One won, one lost for its review, one had nothing."""
    blocking = Finding(id="f-2", severity=FindingSeverity.BLOCKING, description="It is wrong.")
    output = TaskOutput(summary="Done.", files_modified=("a.py",), deviations=(), notes="")
    change = FileChange(path="a.py", kind=ChangeKind.ADDED, added_lines=1)
    first = Entrant(
        number=1,
        executor="litellm",
        model="some/model",
        output=output,
        evidence=Evidence(tree=TREE, changes=(change,), builds=(), commands=()),
        commit_time=1_700_000_000,
        verdict=CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=()),
    )
    second = evolve(
        first,
        number=2,
        executor="codex",
        verdict=CritiqueVerdict(round=1, status=GateOutcome.AMEND, findings=(blocking,)),
        kept_ref=LOST,
    )
    third = Entrant(
        number=3,
        executor="claude",
        model="other/model",
        failure=FailureKind.AGENT_FAILED,
        message="It had no turns left.",
    )
    reason = "fewer blocking findings or missing reviews: 0, the next best has 1"
    return Race(entrants=(first, second, third), winner=1, reason=reason)


def _bad() -> Task:
    return evolve(
        a_task("1b-bad"),
        status=TaskStatus.FAILED,
        rescue_ref=RESCUE,
        failure=Failure(
            state="running",
            kind=FailureKind.AGENT_FAILED,
            message="The implementer ran out of turns.",
            task_id="1b-bad",
            at=ENDED,
        ),
    )


def _attempt(attempt_id: str, role: Role, usage: Usage) -> Attempt:
    return Attempt(
        id=attempt_id,
        role=role,
        executor="litellm",
        model="some/model",
        started_at=STARTED,
        ended_at="2026-01-02T03:05:10.678Z",
        outcome=AttemptOutcome.OK,
        usage=usage,
    )


def _command(command: str, exit_code: int) -> CommandResult:
    return CommandResult(
        command=command,
        exit_code=exit_code,
        duration_seconds=1.25,
        output_path="builds/x/1.log",
        output_bytes=10,
    )


def _receipt() -> Receipt:
    taken_back = Replaced(
        path="a.py",
        hunks=1,
        fate=HunkFate.SUPERSEDED,
        by="1b-bad (critique, round 1)",
        why="Said it shorter.",
    )
    left_out = Replaced(
        path="b.py",
        hunks=2,
        fate=HunkFate.ESCALATED,
        by="1a-good-conflict-1",
        why="The operator left the repair out.",
    )
    return Receipt(
        level=1,
        tip=COMMIT,
        work=(
            WorkReceipt(task_id="1a-good", present=3, replaced=(taken_back,)),
            WorkReceipt(
                task_id="1a-good", work="critique, round 1", present=0, replaced=(left_out,)
            ),
        ),
    )


def _gate() -> GateVerdict:
    return GateVerdict(
        level=1,
        round=1,
        status=GateOutcome.PASS,
        per_task={"1a-good": PerTaskGateVerdict(status=GateOutcome.PASS, findings=())},
    )


def _round() -> VerificationRound:
    return VerificationRound(
        round=1,
        final_build_log_path="final-build.log-1",
        commands=(_command("make test", 2), _command("make lint", 1)),
        new_failures=(
            BuildFailure(
                id="bf-0123456789ab",
                file="a.py",
                line=3,
                message="assert 1 == 2",
                raw_text="a.py:3: assert 1 == 2",
                command="make test",
            ),
        ),
        regressed_commands=("make test",),
        attribution={"bf-0123456789ab": ("1a-good",)},
        explanations=(
            Explanation(
                failure_id="bf-0123456789ab",
                cause=FailureCause.TASK,
                task_ids=("1a-good",),
                by=AttributedBy.BISECTION,
                reason="It is not there on the commit before.",
            ),
        ),
        rebuild_from_level=None,
        outcome=VerificationOutcome.ESCALATED,
        reason="One command got worse.",
    )


def _route() -> Route:
    return Route(
        role=Role.FIX_AGENT,
        agent_type=AgentType.GENERAL,
        task_class=TaskClass.FEATURE,
        task_id="1a-good",
        label=RouteLabel.DOWNSHIFT,
        executor="litellm",
        model="small/model",
        reason="as good and cheaper",
        carried_out=True,
        at=STARTED,
        candidates=(
            _candidate("some/model", 0.0625, 30.0, "4 attempts at this kind of work"),
            _candidate("small/model", None, None, "assumed of a small model"),
            evolve(_candidate("gone/model", 0.5, 9.0, ""), problem="there is no gone/model"),
        ),
    )


def _candidate(model: str, usd: float | None, seconds: float | None, basis: str) -> RouteCandidate:
    return RouteCandidate(
        executor="litellm",
        model=model,
        score=0.75,
        attempts=4 if usd else 0,
        basis=basis,
        cost_usd=usd,
        seconds=seconds,
    )


def _answered() -> Escalation:
    return Escalation(
        id="e-1",
        state=RunStatus.EXECUTING,
        task_id="1a-good",
        question="Keep b.py?",
        reason="It is outside the plan.",
        details={},
        allowed=("accept", "reject"),
        created_at=STARTED,
        answer=Answer(verb="accept", note="fine", at=ENDED, by="ann"),
    )


def _open() -> Escalation:
    return Escalation(
        id="e-2",
        state=RunStatus.VERIFYING,
        task_id=None,
        question="Go on?",
        reason="Five rounds were not enough.",
        details={},
        allowed=("go-on", "stop"),
        created_at=ENDED,
    )
