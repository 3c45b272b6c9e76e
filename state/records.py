"""The records of a run: frozen, validated at the door, the same names on disk in camelCase.

Each class is one mapping of the document ``run-state.yaml``.  Fields and enumerations follow
design.md section 5.  Keys that this version does not know (written by a newer minor version)
are kept in ``unknown`` and written back.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from .config import Caps, RaceOrder
from .enums import (
    AgentType,
    FailureKind,
    FixingSource,
    Isolation,
    RunStatus,
    SandboxTier,
    TaskClass,
    TaskStatus,
    VerificationMode,
)
from .hubs import HubFile, Receipt, Regeneration, Restart
from .judgements import (
    CritiqueVerdict,
    Decision,
    Escalation,
    GateVerdict,
    OperatorEdit,
    PlanRefusal,
    VerificationRound,
)
from .races import Race
from .record import Record
from .routes import Route
from .work import (
    Attempt,
    BuildFailure,
    CommandResult,
    Evidence,
    FailedRepair,
    Fix,
    TaskOutput,
    Usage,
    UserChange,
)

SCHEMA_VERSION: Final = "1.0"


@frozen(kw_only=True)
class Identity(Record):
    """Whose name stands on commits."""

    name: str
    email: str


@frozen(kw_only=True)
class Failure(Record):
    """Why a run or a task stopped; ``state`` is the status it failed in."""

    state: str
    kind: FailureKind
    message: str
    task_id: str | None = None
    at: str


@frozen(kw_only=True)
class HistoryEntry(Record):
    """One transition of the run."""

    seq: int
    at: str
    event: str
    source: RunStatus
    target: RunStatus
    reason: str = ""


@frozen(kw_only=True)
class PlannedTask(Record):
    """A task as the planner proposed it; ids are the planner's, levels are computed by us."""

    id: str
    level: int
    depends_on: tuple[str, ...]
    objective: str
    plan_markdown: str
    agent_type: AgentType
    task_class: TaskClass
    verify_commands: tuple[str, ...]
    critique_enabled: bool
    race: RaceOrder | None = None  # the operator's word, before what the configuration says


@frozen(kw_only=True)
class Plan(Record):
    """A finalised plan: a legal DAG with levels, and how the result is to be verified."""

    tasks: tuple[PlannedTask, ...]
    verification_mode: VerificationMode
    verification_mode_rationale: str


@frozen(kw_only=True)
class Task(Record):
    """One unit of work given to one implementer; id ``<level><sequence>-<slug>``."""

    id: str
    level: int
    sequence: str
    depends_on: tuple[str, ...]
    objective: str
    plan_markdown: str
    agent_type: AgentType
    task_class: TaskClass
    critique_enabled: bool
    verify_commands: tuple[str, ...]
    race: RaceOrder | None = None
    status: TaskStatus = TaskStatus.PENDING
    fixing_source: FixingSource | None = None
    worktree_path: str | None = None
    output: TaskOutput | None = None
    evidence: Evidence | None = None
    decisions: tuple[Decision, ...] = ()
    commit_time: int | None = None  # seconds since 1970, fixed when the submission is accepted
    commit_sha: str | None = None  # null also for a task whose share is empty
    fixes: tuple[Fix, ...] = ()
    failed_repairs: tuple[FailedRepair, ...] = ()
    superseded_paths: tuple[str, ...] = ()  # where a resolution or repair replaced accepted lines
    regenerations: tuple[Regeneration, ...] = ()
    restarts: tuple[Restart, ...] = ()
    raced: Race | None = None  # what came of a race, or has so far
    rescue_ref: str | None = None
    failure: Failure | None = None
    critique_verdicts: tuple[CritiqueVerdict, ...] = ()
    amendment_rounds_total: int = 0
    verification_fix_rounds_total: int = 0
    attempts: tuple[Attempt, ...] = ()

    @property
    def kept_refs(self) -> tuple[str, ...]:
        """Refs of the user's repository with work of it that is not in the result."""
        entrants = () if self.raced is None else self.raced.entrants
        refs = (self.rescue_ref, *(each.kept_ref for each in entrants))
        return tuple(ref for ref in refs if ref is not None)


@frozen(kw_only=True)
class Confinement(Record):
    """How commands of agents and of the repository were held from a start of the run on."""

    tier: SandboxTier
    reasons: tuple[str, ...] = ()  # why no stronger tier was taken
    network: tuple[str, ...] = ()  # hosts that any command may reach
    setup_network: tuple[str, ...] = ()  # and the commands of ``setup`` besides
    delegated_network: tuple[str, ...] = ()  # and the programs that attempts are delegated to
    read_only: tuple[str, ...] = ()  # what is visible besides the system's programs
    processes: int
    memory_bytes: int
    file_bytes: int
    cpu_seconds: int


@frozen(kw_only=True)
class Run(Record):
    """The whole document of one run."""

    schema_version: str = SCHEMA_VERSION
    upgraded_from: str | None = None  # the version the document was first written in, if older
    name: str
    status: RunStatus = RunStatus.PLANNING
    spec_path: str
    target_repo_path: str
    integration_branch: str
    base_commit: str
    base_branch: str | None = None
    isolation: Isolation = Isolation.TASK
    commit_strategy: str = "per-task"
    identity: Identity
    build_gate: tuple[str, ...]
    setup: tuple[str, ...] = ()
    share: tuple[str, ...] = ()
    hub_files: tuple[HubFile, ...] = ()
    sandboxes: tuple[Confinement, ...] = ()  # each that differs from the one before
    created_at: str
    skip_baseline: bool = False
    approve_plan: bool = False  # the operator is asked before the plan is carried out
    baseline_build_log_path: str = ""  # empty: not captured yet, or skipped
    baseline_commands: tuple[CommandResult, ...] = ()
    baseline_failures: tuple[BuildFailure, ...] = ()
    verification_mode: VerificationMode = VerificationMode.BASELINE_EQUALITY
    verification_mode_rationale: str = ""
    plan_refusals: tuple[PlanRefusal, ...] = ()
    level_boundaries: Mapping[str, str] = field(factory=dict)  # "N" -> commit before level N
    published_commit: str | None = None  # where the user's copy of the integration branch stands
    superseded_tips: tuple[str, ...] = ()  # that the branch had before repairs were folded in
    receipts: tuple[Receipt, ...] = ()  # by level, of those that passed
    gate_verdicts: tuple[GateVerdict, ...] = ()
    verification_rounds: tuple[VerificationRound, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    operator_edits: tuple[OperatorEdit, ...] = ()
    failure: Failure | None = None
    paused: str = ""  # why it stopped last without having failed
    run_limits: Caps = field(factory=Caps)  # as configured at the last start
    task_limits: Caps = field(factory=Caps)
    active_seconds: float = 0.0  # over all processes that worked on it
    attempts: tuple[Attempt, ...] = ()  # those that belong to no single task
    user_changes: tuple[UserChange, ...] = ()
    routes: tuple[Route, ...] = ()  # who was advised or chosen for which work, in a fixed order
    usage: Mapping[str, Usage] = field(factory=dict)  # role -> settled total
    history: tuple[HistoryEntry, ...] = ()
    tasks: tuple[Task, ...] = ()
