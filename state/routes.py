"""What past runs leave behind, and the records of routing: who could do work, who was chosen."""

from attrs import frozen

from .enums import AgentType, AttemptOutcome, Role, RouteLabel, TaskClass
from .record import Record


@frozen(kw_only=True)
class WorkKind:
    """A kind of work; only the work on tasks has a type and a class."""

    role: Role
    agent_type: AgentType | None = None
    task_class: TaskClass | None = None


@frozen(kw_only=True)
class Experience:
    """What one attempt of a past run came to.

    ``accepted``: its answer stood in the end, after so many ``rounds`` of repairs, for which
    reviewers had so many blocking ``findings``.  ``cost_usd`` is null when nobody knows it.
    """

    work: WorkKind
    executor: str
    model: str
    outcome: AttemptOutcome
    accepted: bool
    rounds: int = 0
    findings: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0  # at work
    ended_at: str  # ISO-8601


@frozen(kw_only=True)
class Spent:
    """What a role used in a past run for one piece of work, with all that was tried again.

    A piece is a task, a level or the run.  ``cost_usd`` is null when nobody knows it; ``models``
    are those that worked on it, none when there was nothing to do.
    """

    role: Role
    seconds: float
    cost_usd: float | None
    models: tuple[str, ...]  # sorted


@frozen(kw_only=True)
class RouteCandidate(Record):
    """One way to have a kind of work done, with what is known of it; the configured one is first.

    ``score`` is between 0 and 1, from so many past ``attempts`` and the prior, as ``basis`` says.
    ``cost_usd`` (null: unknown) and ``seconds`` (null: never tried) are those of an attempt.
    ``problem``: why it cannot be taken.
    """

    executor: str
    model: str
    score: float
    attempts: int
    basis: str
    cost_usd: float | None
    seconds: float | None
    problem: str = ""


@frozen(kw_only=True)
class Route(Record):
    """A decision on who does a kind of work, or, with a ``task_id``, the work on that task.

    ``carried_out``: the executor and model are used; else it is only advice.  ``ordered``: by the
    operator, with ``dispatch route --execute``.
    """

    role: Role
    agent_type: AgentType | None = None
    task_class: TaskClass | None = None
    task_id: str | None = None
    label: RouteLabel
    executor: str
    model: str
    reason: str
    carried_out: bool
    ordered: bool = False
    at: str
    candidates: tuple[RouteCandidate, ...]
