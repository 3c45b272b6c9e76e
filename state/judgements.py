"""The records of what was judged, decided, asked and answered."""

from collections.abc import Mapping

from attrs import field, frozen

from .enums import (
    AttributedBy,
    DecisionOutcome,
    FailureCause,
    FindingSeverity,
    GateOutcome,
    GreybeardRuling,
    KarenAction,
    RunStatus,
    VerificationOutcome,
)
from .record import Record
from .work import BuildFailure, CommandResult


@frozen(kw_only=True)
class Finding(Record):
    """One thing a reviewer found."""

    id: str
    severity: FindingSeverity
    description: str
    file_path: str | None = None
    line_range: tuple[int, int] | None = None


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
class Explanation(Record):
    """Why one new failure of the build gate is there; ``task_ids`` when the cause is a task."""

    failure_id: str
    cause: FailureCause
    task_ids: tuple[str, ...] = ()
    by: AttributedBy
    reason: str


@frozen(kw_only=True)
class Attribution(Record):
    """What the attribution agent says: one explanation for each failure it was given."""

    explanations: tuple[Explanation, ...]


@frozen(kw_only=True)
class VerificationRound(Record):
    """One run of the build gate on the finished tree, compared with the baseline."""

    round: int
    final_build_log_path: str
    commands: tuple[CommandResult, ...] = ()
    new_failures: tuple[BuildFailure, ...]
    regressed_commands: tuple[str, ...] = ()
    attribution: Mapping[str, tuple[str, ...]]  # failure id -> task ids
    explanations: tuple[Explanation, ...] = ()  # one for each failure id, when it is found
    rebuild_from_level: int | None  # null until the round's repairs are integrated
    reviews: Mapping[str, int] = field(factory=dict)  # level -> the round of review that is due
    outcome: VerificationOutcome
    reason: str = ""


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
class OperatorEdit(Record):
    """What the operator changed in a level's worktree and accepted with his answer.

    Its tree was made on the commit ``base``; ``commit_sha`` is null before it is committed.
    """

    level: int
    escalation_id: str
    base: str
    tree: str
    commit_time: int  # seconds since 1970
    commit_sha: str | None = None
    note: str
    by: str
    author_name: str
    author_email: str
    superseded_paths: tuple[str, ...] = ()  # where a later repair replaced lines of his


@frozen(kw_only=True)
class PlanRefusal(Record):
    """Why a plan was sent back to the planner; ``round`` counts from 1."""

    round: int
    reasons: tuple[str, ...]
    by: str = ""  # the operator who sent it back; empty: the plan gate
