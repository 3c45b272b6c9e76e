"""What every executor is: a program that carries out an attempt, described by pure functions.

``prepare`` and ``resume`` say what to start, ``parse`` what a line of its output means,
``classify`` how the attempt ended.  Processes, sandbox, clocks, limits and logs are the runner's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from attrs import field, frozen

from ...state.enums import AttemptOutcome
from ...state.work import Usage


@frozen(kw_only=True)
class Key:
    """A variable that may hold a key for models whose names begin with ``models``.

    ``base_url`` is where its vendor takes it: the program asks us instead, with another word in the
    variable, and we add the key.  Without one the program cannot be led to us, and gets the key.
    """

    variable: str
    base_url: str = ""
    models: str = ""


@frozen(kw_only=True)
class Capabilities:
    """What can be relied on, and what the runner must do itself.

    ``model_families`` are prefixes of the models that it can run, without the vendor's name; none:
    any model at all.  ``hosts`` are what it has to reach by itself, as ``sandbox.network`` writes
    it; of ``keys`` the first that is there is taken.
    """

    program: str  # as it is looked for on ``PATH``
    model_families: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    chooses_session: bool = False  # we choose the id of its session, before its first call
    resumes: bool = True
    resumes_silently: bool = False  # nothing can be said to a session that goes on
    usage_is_cumulative: bool = False  # over its session, the turns before a resume included
    reports_cost: bool = False


@frozen(kw_only=True)
class HandOff:
    """The server of tools that the program starts: its answer comes by it, or not at all."""

    name: str  # of the server, as the program's settings call it
    argv: tuple[str, ...]
    tools: tuple[str, ...]  # names, the terminal tool last
    timeout_seconds: float = 3600.0  # for one call: our checks may build and test


@frozen(kw_only=True)
class Delegation:
    """An attempt as an executor gets it; paths are those inside its sandbox.

    ``prompt`` is what is said next: the whole task, or, to a session that was cut off, to go on.
    """

    model: str
    system: str
    prompt: str
    worktree: Path
    home: Path
    temporary: Path
    hand_off: HandOff
    writes: bool  # false: the role only reads
    session: str  # the id it has, where the executor lets us choose
    base_url: str | None = None  # where the model is, if the program is not to find it by itself
    is_provider: bool = False  # who is there is not the vendor, and only speaks as that does
    key_variable: str | None = None
    max_turns: int
    max_usd: float | None = None


@frozen(kw_only=True)
class Prepared:
    """What to start: no shell anywhere.  ``files`` are made below the private home first.

    ``key`` names the variable in which the program, and it alone, is to find the key, or our word
    for it, whatever the operator's own is called; no key is in anything else of this.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(factory=dict)
    stdin: str = ""
    files: Mapping[str, str] = field(factory=dict)
    key: str = ""


@frozen(kw_only=True)
class SessionBegan:
    """The id to resume by; ``tools_failed``: the server of tools is not there, and why."""

    session: str
    tools_failed: str = ""


@frozen(kw_only=True)
class Said:
    """Text of the model's."""

    text: str


@frozen(kw_only=True)
class ToolUsed:
    """A tool of the program's own, or of ours, that the model called."""

    name: str
    summary: str = ""


@frozen(kw_only=True)
class TurnEnded:
    """Usage as the program reports it; see ``Capabilities.usage_is_cumulative``."""

    usage: Usage


@frozen(kw_only=True)
class Troubled:
    """An error it told of; final ones end it, others it tries again by itself.

    ``resets_at``: seconds since 1970 at which a stated limit ends.
    """

    outcome: AttemptOutcome
    message: str
    is_final: bool = True
    resets_at: float | None = None


@frozen(kw_only=True)
class Finished:
    """Its own last word, which is no proof of anything."""

    is_error: bool
    message: str = ""


Event: TypeAlias = SessionBegan | Said | ToolUsed | TurnEnded | Troubled | Finished


@frozen(kw_only=True)
class Exit:
    """How the process ended; ``stopped``: we ended it, for that reason."""

    code: int | None
    signal: int | None = None
    stopped: AttemptOutcome | None = None
    stderr: str = ""  # its end


@frozen(kw_only=True)
class Ending:
    """What an attempt came to, with a sentence; ``resets_at`` as in ``Troubled``."""

    outcome: AttemptOutcome
    message: str = ""
    resets_at: float | None = None


class DelegationExecutor(Protocol):
    """One vendor's program: a row of ``EXECUTORS`` and a file of pure functions."""

    @property
    def name(self) -> str:
        """As the configuration, the document and the report call it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """See there."""
        ...

    @property
    def probe(self) -> tuple[str, ...]:
        """What to start to learn which version is installed."""
        ...

    def unfit(self, ended: Exit, output: str) -> str:
        """Why a program that answers the probe so cannot be used, as a sentence; else nothing."""
        ...

    def prepare(self, delegation: Delegation) -> Prepared:
        """What to start for a fresh attempt."""
        ...

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """What to start to go on with a session that was cut off."""
        ...

    def parse(self, line: str) -> tuple[Event, ...]:
        """What a line of its output means; nothing for what is unknown, be it garbage."""
        ...

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """How the attempt ended; ``accepted``: the terminal tool took an answer.

        Exit code 0 without an accepted answer is no success.
        """
        ...
