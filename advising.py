"""Who could do which work on this machine, now, and what the user's past runs say of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from attrs import field, frozen

from .agents.clients import LITELLM, SCRIPTED, executor_of
from .agents.executors.litellm_client import known_model, missing_key, price_of
from .agents.executors.scripted_client import script_path
from .policy.experience import experiences
from .policy.routing import Advice, Option, Way, advise
from .state.config import Candidate, Config
from .state.enums import Role
from .state.past_runs import PastRunsError, default_past_runs, note_past_run, read_past_runs
from .state.records import Run
from .state.routes import Experience, WorkKind

Tell = Callable[[str], None]


def remember(run: Run, tell: Tell, path: Path | None = None) -> None:
    """Put down what a run that ended taught, for later ones; what keeps us from it is only told."""
    found = experiences(run)
    if not found:
        return
    try:
        note_past_run(path or default_past_runs(), run, found)
    except PastRunsError as error:
        tell(f"what this run taught is not kept: {error.message}")


@frozen
class PastAdvisor:
    """An ``Advisor`` port; ``past`` gives what is known of past runs when it is first needed."""

    config: Config
    environ: Mapping[str, str]
    past: Callable[[], Sequence[Experience]]
    _known: dict[Way, Option] = field(factory=dict, init=False, eq=False)

    @classmethod
    def of(
        cls, config: Config, environ: Mapping[str, str], tell: Tell, path: Path | None = None
    ) -> "PastAdvisor":
        """One that reads the user's file; ``tell`` gets the sentence when that is not possible."""

        def past() -> Sequence[Experience]:
            try:
                return read_past_runs(path or default_past_runs())
            except PastRunsError as error:
                tell(f"advice without past runs: {error.message}")
                return ()

        return cls(config, environ, past)

    def options(self, role: Role, configured: Way) -> tuple[Option, ...]:
        """The configured way and the role's candidates, each with what is wrong with it now."""
        ways = (configured, *map(_way, self.config.candidates.of(role)))
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
            there = path is not None and path.is_file()
            return Option(
                executor=executor, model=model, problem="" if there else f"there is no {model}"
            )
        if executor != LITELLM:
            return Option(
                executor=executor, model=model, problem=f"there is no executor {executor}"
            )
        provider = self.config.provider
        if not known_model(model, provider):
            return Option(
                executor=executor, model=model, problem=f"nobody is known to offer {model}"
            )
        price = price_of(model, provider, self.config.prices)
        problem = ""
        if name := missing_key(model, provider, self.environ):
            problem = f"the variable {name} is not set"
        elif price is None and _has_cap_in_money(self.config):
            problem = "its price is not known, and there is a cap in money"
        return Option(executor=executor, model=model, price=price, problem=problem)


def _way(candidate: Candidate) -> Way:
    return candidate.executor or executor_of(candidate.model), candidate.model


def _has_cap_in_money(config: Config) -> bool:
    caps = (config.limits.usd, config.task_limits.usd, config.run_limits.usd)
    return any(usd is not None for usd in caps)
