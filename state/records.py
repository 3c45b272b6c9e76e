"""The records of a run: frozen, validated at the door, the same names on disk in camelCase.

Each class is one mapping of the document ``run-state.yaml``.  Fields and enumerations follow
design.md section 5.  Keys that this version does not know (written by a newer minor version)
are kept in ``unknown`` and written back.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from .enums import (
    AgentType,
    AttemptOutcome,
    ChangeKind,
    DecisionOutcome,
    DeviationCategory,
    DeviationSeverity,
    FailureKind,
    FindingSeverity,
    FixingSource,
    FixSource,
    GateOutcome,
    GreybeardRuling,
    Isolation,
    KarenAction,
    Role,
    RunStatus,
    TaskClass,
    TaskStatus,
    VerificationMode,
    VerificationOutcome,
)

SCHEMA_VERSION: Final = "1.0"


@frozen(kw_only=True)
class Record:
    """What all records share: the keys that only a newer version understands."""

    unknown: Mapping[str, object] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Identity(Record):
    """Whose name stands on commits."""

    name: str
    email: str


@frozen(kw_only=True)
class BuildFailure(Record):
    """One failure recognised in a build log; ``id`` is ``bf-`` and 12 hex digits."""

    id: str
    file: str | None
    line: int | None
    message: str
    raw_text: str


@frozen(kw_only=True)
class CommandResult(Record):
    """One command that we ran; ``exit_code`` is null when a signal or a limit ended it."""

    command: str
    exit_code: int | None
    signal: int | None = None
    timed_out: bool = False
    duration_seconds: float
    output_path: str  # relative to the run folder
    output_bytes: int
    truncated: bool = False


@frozen(kw_only=True)
class BuildClaim(Record):
    """What an agent said of a command it ran."""

    command: str
    exit_code: int
    stdout_tail: str


@frozen(kw_only=True)
class FileChange(Record):
    """One path that differs between two trees; paths are repository-relative with ``/``."""

    path: str
    kind: ChangeKind
    old_path: str | None = None
    added_lines: int = 0
    deleted_lines: int = 0
    mode: str = "100644"


@frozen(kw_only=True)
class Evidence(Record):
    """What the tree and the commands say of a submission; ``tree`` is a git tree id."""

    tree: str
    changes: tuple[FileChange, ...]
    builds: tuple[BuildClaim, ...]
    commands: tuple[CommandResult, ...]


@frozen(kw_only=True)
class Finding(Record):
    """One thing a reviewer found."""

    id: str
    severity: FindingSeverity
    description: str
    file_path: str | None = None
    line_range: tuple[int, int] | None = None


@frozen(kw_only=True)
class Deviation(Record):
    """One departure from the plan that an implementer declared; id ``<task>-dev-<n>``."""

    id: str
    severity: DeviationSeverity
    category: DeviationCategory
    description: str
    affected_files: tuple[str, ...]


@frozen(kw_only=True)
class TaskOutput(Record):
    """What an implementer submitted; ``files_modified`` are repository-relative and sorted."""

    summary: str
    files_modified: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    notes: str


@frozen(kw_only=True)
class Fix(Record):
    """An accepted repair of a task's work; its tree was made on the commit ``base``.

    ``commit_sha`` is null before it is integrated, and when it was folded into the task's commit.
    """

    source: FixSource
    round: int
    base: str
    output: TaskOutput
    evidence: Evidence
    commit_time: int
    commit_sha: str | None = None


@frozen(kw_only=True)
class CritiqueVerdict(Record):
    """A critic's verdict on one task."""

    round: int
    status: GateOutcome
    findings: tuple[Finding, ...]
    new_tests: tuple[str, ...] = ()


@frozen(kw_only=True)
class PerTaskGateVerdict(Record):
    """What the gate critic says of one task."""

    status: GateOutcome
    findings: tuple[Finding, ...]


@frozen(kw_only=True)
class GateVerdict(Record):
    """The gate critic's verdict on a level; ``per_task`` names exactly the level's tasks."""

    level: int
    round: int
    status: GateOutcome
    per_task: Mapping[str, PerTaskGateVerdict]


@frozen(kw_only=True)
class GreybeardVerdict(Record):
    """The greybeard's ruling on one deviation."""

    verdict: GreybeardRuling
    rationale: str


@frozen(kw_only=True)
class Decision(Record):
    """What was decided about one deviation, by whom, and why."""

    deviation_id: str
    initial: KarenAction
    greybeard: GreybeardVerdict | None = None
    final: KarenAction | None = None
    operator_answer: str | None = None
    outcome: DecisionOutcome
    reason: str


@frozen(kw_only=True)
class Usage(Record):
    """Tokens and money; ``cost_usd`` is null when the price is unknown, which is never zero."""

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = 0.0


@frozen(kw_only=True)
class Attempt(Record):
    """One agent given one job; ``id`` is ``<subject>.<role>.<n>`` and names its folder."""

    id: str
    role: Role
    executor: str
    model: str
    session_id: str | None = None
    started_at: str
    ended_at: str | None = None
    outcome: AttemptOutcome | None = None  # null while it runs
    message: str = ""
    usage: Usage = field(factory=Usage)


@frozen(kw_only=True)
class VerificationRound(Record):
    """One run of the build gate on the finished tree, compared with the baseline."""

    round: int
    final_build_log_path: str
    commands: tuple[CommandResult, ...] = ()
    new_failures: tuple[BuildFailure, ...]
    regressed_commands: tuple[str, ...] = ()
    attribution: Mapping[str, tuple[str, ...]]  # failure id -> task ids
    rebuild_from_level: int | None
    outcome: VerificationOutcome
    reason: str = ""


@frozen(kw_only=True)
class Failure(Record):
    """Why a run or a task stopped; ``state`` is the status it failed in."""

    state: str
    kind: FailureKind
    message: str
    task_id: str | None = None
    at: str


@frozen(kw_only=True)
class Answer(Record):
    """An operator's answer to an escalation."""

    verb: str
    note: str = ""
    at: str
    by: str


@frozen(kw_only=True)
class Escalation(Record):
    """A question to the operator; open while ``answer`` is null."""

    id: str
    state: RunStatus
    task_id: str | None
    question: str
    reason: str
    details: Mapping[str, object]
    allowed: tuple[str, ...]
    consequences: Mapping[str, str] = field(factory=dict)  # verb -> what follows from it
    created_at: str
    answer: Answer | None = None


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
class PlanRefusal(Record):
    """Why a plan was sent back to the planner; ``round`` counts from 1."""

    round: int
    reasons: tuple[str, ...]


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
    status: TaskStatus = TaskStatus.PENDING
    fixing_source: FixingSource | None = None
    worktree_path: str | None = None
    output: TaskOutput | None = None
    evidence: Evidence | None = None
    decisions: tuple[Decision, ...] = ()
    commit_time: int | None = None  # seconds since 1970, fixed when the submission is accepted
    commit_sha: str | None = None  # null also for a task whose share is empty
    fixes: tuple[Fix, ...] = ()
    superseded_paths: tuple[str, ...] = ()  # where resolving a conflict replaced accepted lines
    rescue_ref: str | None = None
    failure: Failure | None = None
    critique_verdicts: tuple[CritiqueVerdict, ...] = ()
    amendment_rounds_total: int = 0
    verification_fix_rounds_total: int = 0
    attempts: tuple[Attempt, ...] = ()


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
    sandbox: str = "none"  # the tier commands ran in, as announced at the start
    created_at: str
    skip_baseline: bool = False
    baseline_build_log_path: str = ""  # empty: not captured yet, or skipped
    baseline_commands: tuple[CommandResult, ...] = ()
    baseline_failures: tuple[BuildFailure, ...] = ()
    verification_mode: VerificationMode = VerificationMode.BASELINE_EQUALITY
    verification_mode_rationale: str = ""
    plan_refusals: tuple[PlanRefusal, ...] = ()
    level_boundaries: Mapping[str, str] = field(factory=dict)  # "N" -> commit before level N
    published_commit: str | None = None  # where the user's copy of the integration branch stands
    gate_verdicts: tuple[GateVerdict, ...] = ()
    verification_rounds: tuple[VerificationRound, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    failure: Failure | None = None
    attempts: tuple[Attempt, ...] = ()  # those that belong to no single task
    usage: Mapping[str, Usage] = field(factory=dict)  # role -> settled total
    history: tuple[HistoryEntry, ...] = ()
    tasks: tuple[Task, ...] = ()
