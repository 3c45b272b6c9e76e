"""What an agent can be given to do: one class per role, each naming the record it answers with."""

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from attrs import field, frozen

from .enums import AttemptOutcome, FixSource
from .errors import DispatchError
from .judgements import Attribution, CritiqueVerdict, Finding, GateVerdict, GreybeardVerdict
from .records import Plan, Task
from .refusals import Refusal
from .work import (
    Attempt,
    BuildClaim,
    BuildFailure,
    CommandResult,
    Deviation,
    ExecutableChange,
    FileChange,
    TaskOutput,
    Usage,
)

A = TypeVar("A")


@frozen(kw_only=True)
class Submission:
    """An implementer's claim, before it is compared with the tree."""

    output: TaskOutput
    builds: tuple[BuildClaim, ...]


# A check returns the problems of a submission as sentences the model can act on; none: accepted.
Check = Callable[[Submission], Awaitable[tuple[str, ...]]]


class Purse(Protocol):
    """Where an agent asks before each request; what it says is recorded when it returns."""

    async def reserve(self, worst: Usage) -> Refusal | None:
        """Why a request that may use so much must not be made; null when it may.

        Waits while siblings' requests hold what may come back.
        """
        ...

    def settle(self, usage: Usage, unsettled: Usage | None, seconds: float) -> None:
        """The request is over: what the attempt used so far, see ``Attempt`` for each part."""
        ...

    def report(self, usage: Usage, unsettled: Usage | None, seconds: float) -> Refusal | None:
        """The same of one that goes on, and why it must not; null when it may."""
        ...

    def seconds_left(self, worked: float) -> float:
        """How long an attempt that worked so many seconds may go on."""
        ...

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Inside of it nothing is done, and a sibling may have the place."""
        ...


class OpenPurse:
    """A purse for whom no cap was set and nobody keeps accounts."""

    async def reserve(self, worst: Usage) -> Refusal | None:
        """Everything is granted."""
        return None

    def settle(self, usage: Usage, unsettled: Usage | None, seconds: float) -> None:
        """Nothing is kept."""

    def report(self, usage: Usage, unsettled: Usage | None, seconds: float) -> Refusal | None:
        """It may."""
        return None

    def seconds_left(self, worked: float) -> float:
        """For ever."""
        return math.inf

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """There are no places."""
        return nullcontext()


class Tree(Protocol):
    """The files that an agent changes, as git sees them: what is ignored does not belong to it."""

    async def start(self) -> str:
        """The id of the content that the agent's work began from."""
        ...

    async def now(self) -> str | None:
        """The id of the content, which can be brought back from now on.

        Null: it holds what git cannot keep.
        """
        ...

    async def bring_back(self, tree: str) -> None:
        """Make it what it was; what is there is kept.  Raises DispatchError."""
        ...


@frozen(kw_only=True)
class Job(Generic[A]):
    """Work for one agent; ``root`` is the tree it sees, ``folder`` the attempt's own.

    ``began`` records the id of a delegated attempt's session before anything is asked for in it.
    ``interrupted``: the attempt began in another process and goes on from its last complete turn,
    with ``tree`` (where the agent changes one that is its own) as it was then.
    """

    attempt: Attempt
    root: Path
    folder: Path
    purse: Purse = field(factory=OpenPurse, eq=False)
    tree: Tree | None = field(default=None, eq=False)
    interrupted: bool = False
    began: Callable[[str], None] = field(default=lambda session: None, eq=False)  # its session's id


@frozen(kw_only=True)
class PlanJob(Job[Plan]):
    """Turn the spec into a DAG of tasks; ``refusals`` say why earlier plans were sent back."""

    spec_path: str
    spec_text: str
    build_gate: tuple[str, ...]
    refusals: tuple[str, ...] = ()


@frozen(kw_only=True)
class ImplementJob(Job[TaskOutput]):
    """Carry out one task in its worktree; every submission goes through ``check`` first."""

    task: Task
    build_gate: tuple[str, ...]
    check: Check


@frozen(kw_only=True)
class FixJob(Job[TaskOutput]):
    """Repair one task's work in a tree that holds its siblings' work, too.

    ``source`` says who asked: a review, a conflict at fan-in, or verification.  ``findings`` are
    what is to be repaired (blocking ones of critic and gate critic, conflicting paths, or
    failures of the build gate); ``evidence`` is a text that shows it (hunks, verifier output);
    ``diff`` is the task's work so far; ``others`` are the plans it must live with; ``new_tests``
    are files that the fix must add or extend.
    """

    task: Task
    source: FixSource
    round: int
    findings: tuple[Finding, ...]
    evidence: str
    diff: str
    others: tuple[Task, ...]
    build_gate: tuple[str, ...]
    check: Check
    new_tests: tuple[str, ...] = ()


@frozen(kw_only=True)
class CritiqueJob(Job[CritiqueVerdict]):
    """Review one committed task; ``diff`` is its commit as a patch.

    In a later round ``to_settle`` is what was to be repaired, ``since`` what the repairs changed in
    the whole level, as a patch.  ``executable`` is also what its repairs changed.
    """

    task: Task
    round: int
    diff: str
    changes: tuple[FileChange, ...]
    commands: tuple[CommandResult, ...]
    to_settle: tuple[Finding, ...] = ()
    since: str = ""
    executable: tuple[ExecutableChange, ...] = ()


@frozen(kw_only=True)
class GateJob(Job[GateVerdict]):
    """Judge a whole level; ``show`` gives the work of the task whose commit is given, as a patch.

    ``commits`` are by task id; ``to_settle``, ``executable`` (by task id) and ``since`` are as a
    critic's.
    """

    level: int
    round: int
    tasks: tuple[Task, ...]
    commits: Mapping[str, str]
    show: Callable[[str], Awaitable[str]]
    to_settle: Mapping[str, tuple[Finding, ...]] = field(factory=dict)
    since: str = ""
    executable: Mapping[str, tuple[ExecutableChange, ...]] = field(factory=dict)


@frozen(kw_only=True)
class AttributionJob(Job[Attribution]):
    """Say which task brought each failure, or that none did; ``root`` is the verified tree.

    ``patches`` are the work of each of ``tasks`` by task id; the logs are whole.
    """

    round: int
    failures: tuple[BuildFailure, ...]
    tasks: tuple[Task, ...]
    patches: Mapping[str, str]
    baseline_log: str
    final_log: str


@frozen(kw_only=True)
class GreybeardJob(Job[GreybeardVerdict]):
    """Rule on one moderate deviation of one task."""

    task: Task
    output: TaskOutput
    deviation: Deviation


@frozen(kw_only=True)
class Result(Generic[A]):
    """How an attempt ended; ``value`` is there exactly when ``outcome`` is ok."""

    outcome: AttemptOutcome
    value: A | None
    message: str
    usage: Usage
    active_seconds: float = 0.0
    session_id: str | None = None


class NotContinued(DispatchError):
    """An interrupted attempt cannot go on, and the message says why; nothing was asked for."""
