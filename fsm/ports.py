"""What the lifecycle needs from the world, as protocols; ``wiring`` joins the real things to them.

Methods that may take longer than a few milliseconds are either coroutines or are called in a
worker thread by the states; none of them reads or changes the document.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from attrs import field, frozen

from ..policy.routing import Advice, Option, Way
from ..state.config import Config
from ..state.enums import AgentType, Role
from ..state.git_values import Fingerprint, Merge, Snapshot
from ..state.jobs import Job, Result
from ..state.judgements import Answer, Escalation
from ..state.records import Identity, Run
from ..state.redact import Redactor
from ..state.routes import WorkKind
from ..state.work import CommandResult, FileChange
from .requests import UnderWay
from .stopping import Stopping

A = TypeVar("A")


class Clock(Protocol):
    """The time; ``SOURCE_DATE_EPOCH`` pins ``commit_time``."""

    def now(self) -> str:
        """ISO-8601 in UTC with milliseconds and ``Z``."""
        ...

    def commit_time(self) -> int:
        """Seconds since 1970 for commits."""
        ...


class Store(Protocol):
    """The one writer of the document."""

    @property
    def run(self) -> Run:
        """The document as it was last saved."""
        ...

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Apply a change, save it durably, and only then return it; raises StorageError."""
        ...


class Agents(Protocol):
    """Whoever carries out jobs."""

    async def run(self, job: Job[A]) -> Result[A]:
        """Give one agent one job, or go on with an interrupted one; how it ends is a value.

        Raises NotContinued when an interrupted attempt cannot go on, StorageError, and a
        cancellation; what was used until then is with the job's purse.
        """
        ...

    def executor_and_model(
        self, job_type: type[Job[A]], others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        """Which executor and model a job of that class gets after so many models of its role.

        ``agent_type`` is that of the task which the job is about.
        """
        ...


class Advisor(Protocol):
    """Who could do which work, and what past runs say of them; may take seconds, in a thread."""

    def options(self, role: Role, configured: Way) -> tuple[Option, ...]:
        """The configured way and the role's candidates, each with what is wrong with it now."""
        ...

    def advise(self, work: WorkKind, configured: Way) -> Advice:
        """Which of them should do a kind of work."""
        ...


class Commands(Protocol):
    """Runs a shell command that a repository or an agent wrote, sandboxed and bounded."""

    async def run(
        self, command: str, cwd: Path, output: Path, *, is_setup: bool = False
    ) -> CommandResult:
        """Run it in ``cwd``, all output into the file ``output`` (capped, the cap is marked in it).

        ``is_setup``: one that prepares a worktree; it may have more of the network than others.
        ``output_path`` of the result is ``output`` relative to the run folder.
        """
        ...


class Repository(Protocol):
    """The run's own git store, its worktrees, and the user's copy of the integration branch."""

    def ensure_store(self, base: str, branch: str) -> None:
        """Make the store if it is not there, with ``branch`` at ``base``; pin the base."""
        ...

    def fingerprint(self) -> Fingerprint:
        """What git holds of the user's own in his repository: settings, hooks, HEAD, refs, index.

        Fast enough to be asked before and after each attempt.
        """
        ...

    def user_identity(self) -> Identity:
        """Whose name git would put on commits in the user's repository."""
        ...

    def tip(self, ref: str) -> str | None:
        """Where a full ref name of the run's store points; null when it does not exist."""
        ...

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare-and-swap a ref of the run's store (null: create); raises RefMoved."""
        ...

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is reachable from ``new``."""
        ...

    def ensure_worktree(self, name: str, commit: str, branch: str | None) -> Path:
        """A clean worktree at a commit: reused when it is exactly that, else rebuilt from refs.

        A worktree that holds content no ref reaches is first kept under a rescue ref.
        """
        ...

    def existing_worktree(self, name: str) -> Path | None:
        """The worktree's path when it is there."""
        ...

    def remove_worktree(self, name: str) -> None:
        """Remove a worktree; none there is fine."""
        ...

    def share(self, worktree: Path, paths: Sequence[str]) -> None:
        """Copy ignored paths of the user's tree into a worktree, by reflink where possible."""
        ...

    def snapshot(self, worktree: Path, base: str) -> Snapshot:
        """The worktree's tree and its changes since ``base``, by the ignore rules of ``base``."""
        ...

    def restore(self, worktree: Path, tree: str) -> None:
        """Make a worktree's files that are not ignored exactly those of a tree."""
        ...

    def keep(self, ref: str, tree: str, parent: str, identity: Identity, time: int) -> str:
        """Make a tree reachable from a ref of the store through a commit on ``parent``; its id."""
        ...

    def publish_ref(self, ref: str, commit: str) -> None:
        """Make a ref below ``refs/dispatch/<run>/`` in the user's repository, with its objects."""
        ...

    def tree_of(self, commit: str) -> str:
        """The tree id of a commit."""
        ...

    def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """How two commits or trees differ, sorted by path, renames recognised."""
        ...

    def content(self, tree: str, path: str, limit: int) -> bytes | None:
        """At most so many bytes of a file of a commit or tree; null: there is no such file."""
        ...

    def hooks_folder(self) -> str:
        """The folder of the tree that the user's git takes hooks from; empty: it is elsewhere."""
        ...

    def merge(self, ours: str, theirs_tree: str, base: str, united: Collection[str] = ()) -> Merge:
        """Merge a tree that was made on ``base`` into commit ``ours``.

        In text files of ``united`` conflicting lines of both sides are kept.
        """
        ...

    def pick(self, onto: str, source_tree: str, paths: Sequence[str]) -> str:
        """The tree of commit ``onto`` with ``paths`` as they are, or are not, in another tree."""
        ...

    def commit(self, tree: str, parent: str, message: str, identity: Identity, time: int) -> str:
        """Make a commit object; the same arguments always give the same id."""
        ...

    def note(self, commit: str, text: str, identity: Identity, time: int) -> None:
        """Attach a note; never changes the commit's id."""
        ...

    def patch(self, commit: str) -> str:
        """A commit as a patch, capped with a mark at 1 MiB."""
        ...

    def diff(self, old: str, new: str) -> str:
        """Two commits or trees as one patch, whole: raises GitError when it is over 256 MiB."""
        ...

    def commits_between(self, start: str, tip: str) -> tuple[str, ...]:
        """The commits after ``start`` up to ``tip`` along first parents, oldest first.

        Raises GitError when ``tip`` does not lead back to ``start``.
        """
        ...

    def unreachable(self, commits: Sequence[str], tip: str) -> tuple[str, ...]:
        """Those of ``commits`` that are not reachable from ``tip``."""
        ...

    def missing(self, object_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of commits and trees that the store does not have."""
        ...

    def published_tip(self, branch: str) -> str | None:
        """Where the user's branch points; null when there is none."""
        ...

    def publish(
        self, branch: str, commit: str, expected: str | None, replaced: Sequence[str] = ()
    ) -> None:
        """Bring the user's ``branch`` from ``expected`` to ``commit``; raises RefMoved.

        ``expected`` must be an ancestor of ``commit``, or one of ``replaced``: a tip of ours that
        repairs were folded into.  Then it stays reachable under a ref of the run's.
        """
        ...


class Journal(Protocol):
    """What happened, for people and scripts: events and the trace; never authoritative."""

    def event(self, kind: str, **fields: object) -> None:
        """Append one event; ``kind`` is a row of ``state.event_types`` with all of its fields."""
        ...

    def complete(self, **fields: object) -> None:
        """Append ``run.completed``, unless nothing happened since it was appended last."""
        ...

    def line(self, label: str, text: str) -> None:
        """Show one line of the trace."""
        ...


class Operator(Protocol):
    """The person, as far as a run can reach him; what he answers is recorded by ``questions``."""

    def announce(self, escalation: Escalation) -> None:
        """Make a question known: its file, the terminal, the notify command; once per question."""
        ...

    async def answer(self, escalation: Escalation) -> Answer:
        """Wait for a valid answer to an announced question.

        Raises WaitingForOperator where nobody waits (``--no-wait``, or the time limit).
        """
        ...

    def settle(self, escalation: Escalation) -> None:
        """The answer is recorded: put the question's file aside; harmless when repeated."""
        ...

    def notice(self, text: str) -> None:
        """Tell something that needs no answer."""
        ...


@frozen
class Ports:
    """Everything a state may use."""

    store: Store
    agents: Agents
    repository: Repository
    commands: Commands
    operator: Operator
    journal: Journal
    clock: Clock
    config: Config
    folder: Path  # dispatch/<run>
    spec_text: str
    stopping: Stopping = field(factory=Stopping)
    under_way: UnderWay = field(factory=UnderWay)
    redactor: Redactor = field(factory=Redactor)
    advisor: Advisor | None = None
    worked: Callable[[], float] = lambda: 0.0  # seconds, over all processes of the run
