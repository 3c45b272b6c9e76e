"""``dispatch-config.yaml`` as frozen classes; reading and refusing is in ``state.config_file``."""

from collections.abc import Mapping

from attrs import field, frozen

from .enums import AgentType, Isolation, Role, RoutingMode, TaskClass
from .hubs import HubFile

DEFAULT_KEY_VARIABLE = "OPENCODE_API_KEY"


@frozen(kw_only=True)
class Provider:
    """A compatible endpoint; without it, model names and their key variables are litellm's."""

    base_url: str
    adapter: str  # "openai" (also "openai-compatible") or "anthropic"
    api_key_env: str = DEFAULT_KEY_VARIABLE


def _field_of(role: Role) -> str:
    """The field of a role in the classes below that have one for each."""
    return role.name.lower()


@frozen(kw_only=True)
class ModelConfig:
    """The model of each role."""

    planner: str
    implementer: str
    critic: str
    gate_critic: str
    greybeard: str
    attribution: str
    fix_agent: str

    def of(self, role: Role) -> str:
        """The model string of a role."""
        model: str = getattr(self, _field_of(role))
        return model


@frozen(kw_only=True)
class Fallback:
    """The models of each role that take over, in this order, when one cannot do the work."""

    planner: tuple[str, ...] = ()
    implementer: tuple[str, ...] = ()
    critic: tuple[str, ...] = ()
    gate_critic: tuple[str, ...] = ()
    greybeard: tuple[str, ...] = ()
    attribution: tuple[str, ...] = ()
    fix_agent: tuple[str, ...] = ()

    def of(self, role: Role) -> tuple[str, ...]:
        """The model strings of a role."""
        models: tuple[str, ...] = getattr(self, _field_of(role))
        return models


@frozen(kw_only=True)
class Executors:
    """The program that carries out the attempts of each role; null: our own loop over litellm."""

    planner: str | None = None
    implementer: str | None = None
    critic: str | None = None
    gate_critic: str | None = None
    greybeard: str | None = None
    attribution: str | None = None
    fix_agent: str | None = None

    def of(self, role: Role) -> str | None:
        """The executor of a role."""
        executor: str | None = getattr(self, _field_of(role))
        return executor


@frozen(kw_only=True)
class Choice:
    """What implementers of one type get instead of what their role has; null: the same."""

    executor: str | None = None
    model: str | None = None


@frozen(kw_only=True)
class AgentTypes:
    """Implementers of a type that are not carried out as others are."""

    intern: Choice = field(factory=Choice)
    general: Choice = field(factory=Choice)
    explore: Choice = field(factory=Choice)

    def of(self, agent_type: AgentType) -> Choice:
        """What a type gets."""
        choice: Choice = getattr(self, agent_type.name.lower())
        return choice


@frozen(kw_only=True)
class CommandExecutor:
    """Any program that speaks our hand-off, for the executor ``command``; see docs/delegation.md.

    ``network`` are the only hosts that it reaches; ``key_variable`` holds a key that is for it
    alone, or, with ``base_url``, is added to what it asks there, and not known to it.
    """

    argv: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    key_variable: str | None = None
    base_url: str | None = None
    resumes: bool = False


@frozen(kw_only=True)
class Limits:
    """What one attempt may use before it is ended; null: no limit of that kind."""

    turns: int = 120
    tokens: int | None = None
    usd: float | None = None
    wall_seconds: float = 3600.0
    silence_seconds: float = 600.0


@frozen(kw_only=True)
class Caps:
    """What all attempts of a task, or of the run, may use together; null: no cap of that kind."""

    turns: int | None = None
    tokens: int | None = None
    usd: float | None = None
    wall_seconds: float | None = None


@frozen(kw_only=True)
class Candidate:
    """Who could do a role's work; without an executor it is our own loop."""

    model: str
    executor: str | None = None


@frozen(kw_only=True)
class Candidates:
    """Who else could do the work of each role, for the routing to choose from."""

    planner: tuple[Candidate, ...] = ()
    implementer: tuple[Candidate, ...] = ()
    critic: tuple[Candidate, ...] = ()
    gate_critic: tuple[Candidate, ...] = ()
    greybeard: tuple[Candidate, ...] = ()
    attribution: tuple[Candidate, ...] = ()
    fix_agent: tuple[Candidate, ...] = ()

    def of(self, role: Role) -> tuple[Candidate, ...]:
        """The candidates of a role."""
        found: tuple[Candidate, ...] = getattr(self, _field_of(role))
        return found


@frozen(kw_only=True)
class RaceOrder:
    """So many implementers at one task, of which the best work is taken.

    ``executors`` are given out in turn; without any, each entrant is who the task would have had.
    """

    n: int
    executors: tuple[Candidate, ...] = ()


@frozen(kw_only=True)
class RaceConfig:
    """Which tasks are raced; ``n`` and ``executors`` as in ``RaceOrder``, an ``n`` of 1: none."""

    n: int = 1
    executors: tuple[Candidate, ...] = ()
    agent_types: tuple[AgentType, ...] = (AgentType.GENERAL, AgentType.INTERN)
    classes: tuple[TaskClass, ...] = tuple(TaskClass)


@frozen(kw_only=True)
class Price:
    """USD per million tokens, for models whose price is not known."""

    input: float
    output: float
    cached: float | None = None


@frozen(kw_only=True)
class SandboxConfig:
    """What commands of agents and repositories may reach and use; only the user's own file says so.

    ``setup_network`` are hosts that the commands of ``setup`` may reach besides; limits as in
    ``agents.sandbox.policy``.
    """

    network: tuple[str, ...] = ()
    setup_network: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()  # folders besides the toolchains that were found
    processes: int = 1024
    memory_bytes: int = 16 * 1024**3
    file_bytes: int = 8 * 1024**3
    cpu_seconds: int = 4 * 3600


@frozen(kw_only=True)
class LanguageServer:
    """A program that speaks the language server protocol on its standard streams."""

    argv: tuple[str, ...]
    suffixes: tuple[str, ...]  # of the files that it knows, such as .py


@frozen(kw_only=True)
class LanguageServers:
    """What tells agents of errors in what they wrote; only the user's own file says so.

    ``find``: besides ``servers``, which come first, those that are on the search path of commands.
    """

    find: bool = True
    wait_seconds: float = 2.0
    servers: tuple[LanguageServer, ...] = ()


@frozen(kw_only=True)
class Config:
    """Everything a user can set in a file."""

    build_gate: tuple[str, ...]
    model_config: ModelConfig
    fallback: Fallback = field(factory=Fallback)
    executors: Executors = field(factory=Executors)
    agent_types: AgentTypes = field(factory=AgentTypes)
    command_executor: CommandExecutor = field(factory=CommandExecutor)
    provider: Provider | None = None
    commit_strategy: str = "per-task"
    max_parallel: int = 8
    isolation: Isolation = Isolation.TASK
    setup: tuple[str, ...] = ()  # run in every new worktree before anything else
    share: tuple[str, ...] = ()  # ignored paths copied into every new worktree
    hub_files: tuple[HubFile, ...] = ()  # the first whose glob matches holds
    command_timeout_seconds: float = 1800.0
    output_limit_bytes: int = 8 * 1024 * 1024  # kept of one command's output
    limits: Limits = field(factory=Limits)
    task_limits: Caps = field(factory=Caps)
    run_limits: Caps = field(factory=Caps)
    max_quota_wait_seconds: float = 21_600.0  # allowances of five hours come back within six
    routing: RoutingMode = RoutingMode.OFF
    candidates: Candidates = field(factory=Candidates)
    race: RaceConfig = field(factory=RaceConfig)
    prices: Mapping[str, Price] = field(factory=dict)
    author_name: str | None = None  # of commits; default: the repository's user.name
    author_email: str | None = None
    notify: tuple[str, ...] = ()  # words of a command; only the user's own file may name one
    escalation_timeout_seconds: float | None = None  # null: a question is waited for for ever
    attribution_runs: int = 24  # commands run again, per round, to find who broke the build gate
    sandbox: SandboxConfig = field(factory=SandboxConfig)
    language_servers: LanguageServers = field(factory=LanguageServers)
    verify_submissions: bool = True  # run verifyCommands, or the gate, on every submission
