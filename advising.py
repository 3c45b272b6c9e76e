"""Who could do which work on this machine, now, and what the user's past runs say of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from .agents.delegated.choosing import executors_of
from .agents.executors.litellm_client import known_model, missing_key, price_of
from .agents.executors.scripted_client import script_path
from .delegating import Delegated, problems_of
from .policy.experience import experiences
from .policy.past import spent
from .policy.routing import LITELLM, SCRIPTED, Advice, Option, Way, advise, candidate_way
from .state.config import Config
from .state.enums import Role
from .state.past_runs import (
    PastRunsError,
    default_past_runs,
    note_past_run,
    read_past_runs,
    read_spent,
)
from .state.records import Run
from .state.routes import Experience, Spent, WorkKind

Tell = Callable[[str], None]
T = TypeVar("T")


def remember(run: Run, tell: Tell, path: Path | None = None) -> None:
    """Put down what a run that ended taught, for later ones; what keeps us from it is only told."""
    found, pieces = experiences(run), spent(run)
    if not found and not pieces:
        return
    try:
        note_past_run(path or default_past_runs(), run, found, pieces)
    except PastRunsError as error:
        tell(f"what this run taught is not kept: {error.message}")


def spent_before(tell: Tell, path: Path | None = None) -> tuple[Spent, ...]:
    """What pieces of work took in past runs; nothing, and a sentence, when that cannot be read."""
    return _known(read_spent, "forecast", tell, path)


@frozen
class PastAdvisor:
    """An ``Advisor`` port; ``past`` gives what is known of past runs when it is first needed.

    ``reaches_hosts``: the sandbox lets other programs reach their vendors.
    """

    config: Config
    environ: Mapping[str, str]
    past: Callable[[], Sequence[Experience]]
    reaches_hosts: bool = True
    _known: dict[Way, Option] = field(factory=dict, init=False, eq=False)

    @classmethod
    def of(
        cls,
        config: Config,
        environ: Mapping[str, str],
        tell: Tell,
        path: Path | None = None,
        *,
        reaches_hosts: bool = True,
    ) -> "PastAdvisor":
        """One that reads the user's file; ``tell`` gets the sentence when that is not possible."""

        def past() -> Sequence[Experience]:
            return _known(read_past_runs, "advice", tell, path)

        return cls(config, environ, past, reaches_hosts)

    def options(self, role: Role, configured: Way) -> tuple[Option, ...]:
        """The configured way and the role's candidates, each with what is wrong with it now."""
        ways = (configured, *map(candidate_way, self.config.candidates.of(role)))
        return tuple(map(self._option, dict.fromkeys(ways)))

    def advise(self, work: WorkKind, configured: Way) -> Advice:
        """Which of them should do a kind of work."""
        return advise(work, self.options(work.role, configured), self._past)

    @cached_property
    def _past(self) -> Sequence[Experience]:
        return self.past()

    def _option(self, way: Way) -> Option:
        # Looked at once: what is missing when a run starts will not come while it is on.
        if way not in self._known:
            self._known[way] = self._looked_at(way)
        return self._known[way]

    def _looked_at(self, way: Way) -> Option:
        executor, model = way
        if executor == SCRIPTED:
            path = script_path(model)
            problem = "" if path is not None and path.is_file() else f"there is no {model}"
            return Option(executor=executor, model=model, problem=problem)
        is_ours = executor == LITELLM
        provider = self.config.provider if is_ours else None  # its names are the endpoint's own
        problem = self._own_problem(model) if is_ours else self._program_problem(executor, model)
        price = None
        if not problem:
            price = price_of(model, provider, self.config.prices)
            if is_ours and price is None and _has_cap_in_money(self.config):
                problem = "its price is not known, and there is a cap in money"
        return Option(executor=executor, model=model, price=price, problem=problem)

    def _own_problem(self, model: str) -> str:
        """Why our own loop cannot use a model."""
        if not known_model(model, self.config.provider):
            return f"nobody is known to offer {model}"
        name = missing_key(model, self.config.provider, self.environ)
        return f"the variable {name} is not set" if name else ""

    def _program_problem(self, name: str, model: str) -> str:
        """Why another program cannot work with a model here."""
        if not self.reaches_hosts:
            return f"{name} could not reach its vendor or us from the sandbox"
        each = Delegated(name=name, model=model, roles=("candidates",))
        problems = problems_of(each, self.config, executors_of(self.config), self.environ)
        first = next(problems, None)
        return "" if first is None else first.message.rstrip(".")


def _known(
    read: Callable[[Path], tuple[T, ...]], what: str, tell: Tell, path: Path | None
) -> tuple[T, ...]:
    """What a file says, by default the user's; nothing, and a sentence, when it cannot be read."""
    try:
        return read(path or default_past_runs())
    except PastRunsError as error:
        tell(f"{what} without past runs: {error.message}")
        return ()


def _has_cap_in_money(config: Config) -> bool:
    caps = (config.limits.usd, config.task_limits.usd, config.run_limits.usd)
    return any(usd is not None for usd in caps)
