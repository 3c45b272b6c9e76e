"""Every closed set of words that a document, a prompt or a report may contain."""

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands."""

    PLANNING = "planning"
    GATING_PLAN = "gating-plan"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    FIXING_VERIFICATION = "fixing-verification"
    CONSOLIDATING = "consolidating"
    DONE = "done"
    FAILED = "failed"


class RunOutcome(StrEnum):
    """How a process left a run; all but the first two leave it as it was last saved."""

    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"  # for the operator
    BUDGET = "budget"
    PAUSED = "paused"  # no provider answers
    STORAGE = "storage"  # the disk or the machine refuses
    INTERRUPTED = "interrupted"


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUBMITTED = "submitted"
    CRITIQUING = "critiquing"
    AMEND_REQUESTED = "amend_requested"
    COMMITTED = "committed"
    FIXING = "fixing"
    COMPLETED = "completed"
    FAILED = "failed"


class AgentType(StrEnum):
    """What kind of implementer a task needs."""

    INTERN = "intern"
    GENERAL = "general"
    EXPLORE = "explore"


class TaskClass(StrEnum):
    """Whether a task adds behaviour or repairs it."""

    FEATURE = "feature"
    BUGFIX = "bugfix"


class FixingSource(StrEnum):
    """Who asked for a fix."""

    CRITIQUE = "critique"
    VERIFICATION = "verification"


class FixSource(StrEnum):
    """What made a fix agent necessary; a conflict is no status of a task."""

    CRITIQUE = "critique"
    CONFLICT = "conflict"
    VERIFICATION = "verification"


class HubStrategy(StrEnum):
    """How a file that many tasks change is joined."""

    UNION = "union"
    REGENERATE = "regenerate"
    SERIALISE = "serialise"


class HunkFate(StrEnum):
    """What became of an accepted hunk."""

    PRESENT = "present"
    SUPERSEDED = "superseded"
    ESCALATED = "escalated"


class Verb(StrEnum):
    """What an operator may answer; which of them fit is said in each question."""

    CONTINUE = "continue"
    ABORT = "abort"
    RETRY = "retry"
    ACCEPT_WITH_NOTE = "accept-with-note"
    FAIL_TASK = "fail-task"


class DeviationSeverity(StrEnum):
    """How far a task departed from its plan."""

    MINOR = "minor"
    MODERATE = "moderate"
    MAJOR = "major"


class DeviationCategory(StrEnum):
    """What the departure is about; it never changes the judgement."""

    SCOPE = "scope"
    APPROACH = "approach"
    MISSING_TEST = "missing-test"
    UNREPORTED_MODIFICATION = "unreported-modification"
    OTHER = "other"


class GateOutcome(StrEnum):
    """A reviewer's verdict."""

    PASS = "pass"
    AMEND = "amend"
    FAIL = "fail"


class FindingSeverity(StrEnum):
    """Whether a finding must be fixed."""

    BLOCKING = "blocking"
    ADVISORY = "advisory"


class VerificationOutcome(StrEnum):
    """How one round of verification ended."""

    PASS = "pass"
    RETRY = "retry"
    ESCALATED = "escalated"


class VerificationMode(StrEnum):
    """How the final build is compared with the baseline."""

    BASELINE_EQUALITY = "baseline-equality"
    NO_NEW_FAILURES = "no-new-failures"
    SKIP_COMPARISON = "skip-comparison"


class KarenAction(StrEnum):
    """What is done about a deviation."""

    ACCEPT = "accept"
    CONSULT_GREYBEARD = "consultGreybeard"
    ESCALATE_TO_OPERATOR = "escalateToOperator"
    MARK_FAILED = "markFailed"


class GreybeardRuling(StrEnum):
    """What the greybeard may answer."""

    ACCEPT = "accept"
    REJECT = "reject"
    ESCALATE = "escalate"


class DecisionOutcome(StrEnum):
    """What became of a deviation in the end."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    ABORTED = "aborted"
    WAITING = "waiting"


class SandboxTier(StrEnum):
    """How strongly commands of agents and repositories are held, the strongest first."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"  # reduced: no namespaces
    NONE = "none"  # only when the operator says so on the command line


class Isolation(StrEnum):
    """Whether each task has a worktree of its own or all tasks of a level share one."""

    TASK = "task"
    LEVEL = "level"


class Role(StrEnum):
    """Who an agent is; the words are the keys of ``modelConfig``."""

    PLANNER = "planner"
    IMPLEMENTER = "implementer"
    CRITIC = "critic"
    GATE_CRITIC = "gateCritic"
    GREYBEARD = "greybeard"
    ATTRIBUTION = "attribution"
    FIX_AGENT = "fixAgent"


class RoutingMode(StrEnum):
    """What is made of the policy's advice on who does which work."""

    OFF = "off"  # nobody is asked
    ADVISE = "advise"  # it is written down
    AUTO = "auto"  # it is carried out


class RouteLabel(StrEnum):
    """What an advice comes to, beside what is configured."""

    STAY = "stay"
    DOWNSHIFT = "downshift"  # as good, and cheaper
    UPSHIFT = "upshift"  # better
    SWITCH_EXECUTOR = "switch-executor"
    INVALID = "invalid"  # none of the candidates can work


class Action(StrEnum):
    """What to do next; the first two happen inside the attempt and keep its conversation."""

    SAME = "same"  # the same request again, a bounded number of times
    WAIT = "wait"  # the same request again, at the time that the provider states
    FRESH = "fresh"  # another agent, from the start, in a clean tree
    OTHER_MODEL = "other-model"  # a fresh agent with the next model of the role's ``fallback``
    ACCEPT = "accept"  # there is a value
    STOP = "stop"  # nothing more now: the run pauses as it is, and no work is at fault
    FAIL = "fail"  # who wanted the job decides: the task fails, or the operator is asked


class AttemptOutcome(StrEnum):
    """Every way an attempt can end."""

    OK = "ok"
    NO_OUTPUT = "no-output"
    INVALID_OUTPUT = "invalid-output"
    REFUSED_CLAIM = "refused-claim"
    TURN_LIMIT = "turn-limit"
    TOKEN_LIMIT = "token-limit"
    MONEY_LIMIT = "money-limit"
    TIME_LIMIT = "time-limit"
    SILENCE_LIMIT = "silence-limit"
    CONTEXT_LIMIT = "context-limit"
    PROVIDER_AUTH = "provider-auth"
    PROVIDER_QUOTA = "provider-quota"
    PROVIDER_OVERLOAD = "provider-overload"
    PROVIDER_REFUSED = "provider-refused"
    TRANSPORT = "transport"
    CRASHED = "crashed"
    TRESPASS = "trespass"
    CANCELLED = "cancelled"


class ChangeKind(StrEnum):
    """What happened to one path between two trees."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"


class ExecutableKind(StrEnum):
    """Why a file is executable configuration: who runs what it says, without being told to."""

    GIT_HOOKS = "git-hooks"
    GIT_ATTRIBUTES = "git-attributes"
    SUBMODULES = "submodules"
    AGENT_SETTINGS = "agent-settings"
    AGENT_INSTRUCTIONS = "agent-instructions"
    EDITOR = "editor"
    SHELL = "shell"
    CI = "ci"
    PACKAGE_SCRIPTS = "package-scripts"


class FailureCause(StrEnum):
    """Why a failure of the build gate is there that was not in the baseline."""

    TASK = "task"  # these tasks brought it
    OLD = "old"  # it is there at the base, too
    FLAKY = "flaky"  # it comes and goes on the same tree
    ENVIRONMENT = "environment"  # the machine, the network, the time: no code of the run
    NONE = "none"  # none of the tasks, and nobody can say what
    ACCEPTED = "accepted"  # the operator lets it stand


class AttributedBy(StrEnum):
    """Who found the cause of a failure."""

    BISECTION = "bisection"  # the failing command, run again on the trees of commits
    ATTRIBUTION = "attribution"  # the agent
    OPERATOR = "operator"


class FailureKind(StrEnum):
    """Why a run or a task stopped; the report explains each."""

    PLAN_REFUSED = "plan-refused"
    AGENT_FAILED = "agent-failed"
    DEVIATION_REJECTED = "deviation-rejected"
    DEPENDENCY_FAILED = "dependency-failed"
    ABORTED = "aborted"  # the operator said so
    BLOCKING_FINDINGS = "blocking-findings"
    CONFLICT = "conflict"
    TASKS_FAILED = "tasks-failed"
    COMMAND_FAILED = "command-failed"
    GIT = "git"
    REPOSITORY_CHANGED = "repository-changed"
    BUDGET = "budget"
    INTERNAL = "internal"
