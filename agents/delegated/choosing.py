"""Which program, model, hosts and key an attempt gets: pure functions of configuration."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from ...policy.routing import LITELLM, SCRIPTED, Way, candidate_way, executor_of
from ...state.config import Choice, Config
from ...state.enums import AgentType, Role
from ..executors.command import Command
from ..executors.delegation import DelegationExecutor, Key
from ..executors.table import EXECUTORS
from .attempt import Vendor
from .operator_proxy import proxy_for

OWN: Final = (LITELLM, SCRIPTED)  # our own loop, whatever gives its turns
COMMAND: Final = "command"
RACE: Final = "race"  # how messages name what is only in a race

Executors = Mapping[str, DelegationExecutor]


def executors_of(config: Config) -> Executors:
    """Every program that can carry out attempts, by its name in the configuration."""
    command = config.command_executor
    own = {COMMAND: Command(command)} if command.argv else {}
    return {**EXECUTORS, **own}


def way_of(
    config: Config,
    executors: Executors,
    role: Role,
    agent_type: AgentType | None = None,
    others: int = 0,
) -> Way:
    """Who carries out a role's attempt after so many models of its list.

    A model of ``fallback`` that the role's program cannot run is one for our own loop.
    """
    choice = Choice()
    if agent_type is not None and role is Role.IMPLEMENTER:
        choice = config.agent_types.of(agent_type)
    model = (choice.model or config.model_config.of(role), *config.fallback.of(role))[others]
    name = choice.executor or config.executors.of(role)
    if name is None or name in OWN:
        return executor_of(model), model
    executor = executors.get(name)
    if others and (executor is None or not can_run(executor, model)):
        return executor_of(model), model
    return name, model


def ways_of(config: Config, executors: Executors) -> Mapping[Way, tuple[str, ...]]:
    """Each way that a run may take, with whose it is: the words of roles and agent types."""
    found: dict[Way, tuple[str, ...]] = {}
    for role, agent_type, word in _workers(config):
        for others in range(1 + len(config.fallback.of(role))):
            way = way_of(config, executors, role, agent_type, others)
            if word not in (known := found.get(way, ())):
                found[way] = (*known, word)
    for way in map(candidate_way, config.race.executors):
        found[way] = (*found.get(way, ()), RACE)
    return found


def can_run(executor: DelegationExecutor, model: str) -> bool:
    """Whether a program is one for that model."""
    families = executor.capabilities.model_families
    return not families or model.rpartition("/")[2].startswith(families)


def vendor_of(
    config: Config, executor: DelegationExecutor, model: str, environ: Mapping[str, str]
) -> Vendor:
    """Where the program finds the model: its vendor, or the provider of the configuration."""
    provider, capabilities = config.provider, executor.capabilities
    if executor.name == COMMAND or provider is None:
        fitting = [key for key in capabilities.keys if model.startswith(key.models)]
        held = (key for key in fitting if _value(environ, key.variable))
        key = next(held, next(iter(fitting), None))
        return Vendor(
            model=model,
            hosts=capabilities.hosts,
            key=_named(key, key.variable, environ) if key else None,
            base_url=(key.base_url or None) if key else None,
            through_us=bool(key and key.base_url),
            proxy=proxy_for(key.base_url, environ) if key else None,
        )
    key = next(iter(capabilities.keys), None)
    through_us = bool(key and key.base_url)
    return Vendor(
        model=model,
        hosts=capabilities.hosts if through_us else (host_of(provider.base_url),),
        key=_named(key, provider.api_key_env, environ) if key else None,
        base_url=provider.base_url,
        is_provider=True,
        through_us=through_us,
        proxy=proxy_for(provider.base_url, environ) if through_us else None,
    )


def host_of(url: str) -> str:
    """The host of an address as ``sandbox.network`` writes it."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"


def _named(key: Key, variable: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The value of the operator's variable under the name that the program knows."""
    value = _value(environ, variable)
    return (key.variable, value) if value else None


def _value(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable, "").strip()  # a header has no room for the end of a line


def _workers(config: Config) -> Iterator[tuple[Role, AgentType | None, str]]:
    for role in Role:
        yield role, None, role.value
        if role is Role.IMPLEMENTER:
            for each in AgentType:
                if config.agent_types.of(each) != Choice():
                    yield role, each, f"{role} of type {each}"
