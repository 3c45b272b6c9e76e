"""The records of work done: what was changed, built, claimed and used."""

from attrs import field, frozen

from .enums import (
    Action,
    AttemptOutcome,
    ChangeKind,
    DeviationCategory,
    DeviationSeverity,
    ExecutableKind,
    FixSource,
    Role,
)
from .record import Record


@frozen(kw_only=True)
class BuildFailure(Record):
    """One failure recognised in a build log; ``id`` is ``bf-`` and 12 hex digits."""

    id: str
    file: str | None
    line: int | None
    message: str
    raw_text: str
    command: str = ""  # whose output it is in; empty in a baseline


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
class ExecutableChange(Record):
    """A changed file that makes a program run by itself on somebody's machine or CI.

    ``details`` say what in it changed, for files that are compared as data; ``named``: the task's
    plan asks for the file.
    """

    path: str
    kind: ExecutableKind
    change: ChangeKind
    details: tuple[str, ...] = ()
    named: bool


@frozen(kw_only=True)
class Evidence(Record):
    """What the tree and the commands say of a submission.

    ``tree`` is a git tree id, made on the commit ``base`` (null in older documents); boundaries may
    move after that.
    """

    tree: str
    base: str | None = None
    changes: tuple[FileChange, ...]
    builds: tuple[BuildClaim, ...]
    commands: tuple[CommandResult, ...]
    executable: tuple[ExecutableChange, ...] = ()  # sorted by path


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
class FailedRepair(Record):
    """A repair that came to nothing, and why: the next agent is told.

    ``questions`` is how often the operator had been asked about repairs of the task by then.
    """

    source: FixSource
    round: int
    base: str
    questions: int
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
class UserChange(Record):
    """What was changed in the user's repository while an attempt was at work, by whomever.

    ``programs`` are settings and hooks by which git starts programs, ``others`` the rest; each as
    half a sentence without any value.  ``failed``: the attempt did, for that reason.
    """

    attempt_id: str
    programs: tuple[str, ...]
    others: tuple[str, ...]
    failed: bool


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
    usage: Usage = field(factory=Usage)  # of the turns that were reported, also while it runs
    # At their worst: the turn under way, and those whose usage nobody told.
    unsettled: Usage | None = None
    follows: str | None = None  # the attempt at the same job that came to nothing before it
    then: Action | None = None  # what was due when it had come to nothing
    active_seconds: float = 0.0  # at work, without waiting for a place, an allowance or our checks
