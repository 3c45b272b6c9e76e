"""What has to be there before a run delegates: the programs, their keys, models and bounds."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from .agents.delegated.choosing import (
    COMMAND,
    OWN,
    Executors,
    can_run,
    executors_of,
    host_of,
    vendor_of,
    ways_of,
)
from .agents.executors.delegation import DelegationExecutor, Exit
from .agents.sandbox.tiers import INSTALL, Choice
from .policy.hosts import NotAHost, parse_rule
from .state.config import Config
from .state.enums import Role, RoutingMode
from .state.errors import UsageError
from .state.routes import Route

PROBE_SECONDS: Final = 30.0


@frozen(kw_only=True)
class Delegated:
    """One program with one model, and whose attempts it carries out."""

    name: str
    model: str
    roles: tuple[str, ...]


@frozen(kw_only=True)
class Problem:
    """Why a program cannot do its part, and what the operator can do."""

    message: str
    hint: str


def delegated_in(config: Config, executors: Executors) -> tuple[Delegated, ...]:
    """Every program that a configuration delegates to."""
    return tuple(
        Delegated(name=name, model=model, roles=roles)
        for (name, model), roles in ways_of(config, executors).items()
        if name not in OWN
    )


def own_models(config: Config) -> Mapping[str, tuple[str, ...]]:
    """The models of our own loop, with the roles that use each, first or as a fallback."""
    found: dict[str, tuple[str, ...]] = {}
    for (name, model), roles in ways_of(config, executors_of(config)).items():
        if name in OWN:
            found[model] = (*found.get(model, ()), *roles)
    return found


def delegated_hosts(config: Config, routes: Iterable[Route] = ()) -> tuple[str, ...]:
    """The hosts that programs may reach, by themselves or through us, sorted.

    They are those that are configured, those that routing may choose, and whom the operator
    ordered: ``routes`` are a run's, and his order holds whatever is configured.
    """
    executors = executors_of(config)
    ways = [(each.name, each.model) for each in delegated_in(config, executors)]
    ways += [(each.executor, each.model) for each in routes if each.ordered]
    if config.routing is RoutingMode.AUTO:
        candidates = (each for role in Role for each in config.candidates.of(role))
        ways += [(each.executor, each.model) for each in candidates if each.executor]
    known = ((executors[name], model) for name, model in ways if name in executors)
    vendors = [vendor_of(config, executor, model, {}) for executor, model in known]
    own = {host for vendor in vendors for host in vendor.hosts}
    ours = {host_of(vendor.base_url) for vendor in vendors if vendor.base_url is not None}
    return tuple(sorted(own | ours))


def require_executors(config: Config, environ: Mapping[str, str]) -> None:
    """Raise UsageError for the first program that could not do its part."""
    executors = executors_of(config)
    for each in delegated_in(config, executors):
        for problem in problems_of(each, config, executors, environ):
            raise UsageError(problem.message, problem.hint)


def require_reach(config: Config, choice: Choice) -> None:
    """Raise UsageError for programs that a sandbox would keep from their vendors and from us."""
    for each in delegated_in(config, executors_of(config)):
        if not choice.launcher.reaches_hosts:
            raise UsageError(
                f"{each.name} (used by {', '.join(each.roles)}) cannot reach its vendor or us from "
                f"the sandbox {choice.launcher.tier}, the strongest here "
                f"({'; '.join(choice.reasons)}).",
                f"Leave it to our own loop. {INSTALL}",
            )


def problems_of(
    each: Delegated, config: Config, executors: Executors, environ: Mapping[str, str]
) -> Iterator[Problem]:
    """What is wrong with one program; it is started to see which version it is."""
    used = f"used by {', '.join(each.roles)}"
    executor = executors.get(each.name)
    if executor is None:
        if each.name == COMMAND:
            message = f"The executor command ({used}) has no program."
            yield Problem(message=message, hint="Name it under commandExecutor in your own file.")
            return
        known = ", ".join(sorted((*executors, *OWN[:1])))
        message = f"There is no executor {each.name} ({used})."
        yield Problem(message=message, hint=f"The executors are: {known}.")
        return
    if not can_run(executor, each.model):
        yield Problem(
            message=f"{each.name} cannot run the model {each.model} ({used}).",
            hint="Name one of its own under modelConfig, or another executor.",
        )
    yield from _of_the_program(executor, used, environ)
    yield from _of_the_key(executor, each.model, used, config, environ)
    yield from _of_the_bounds(executor, each.model, used, config)


def _of_the_program(
    executor: DelegationExecutor, used: str, environ: Mapping[str, str]
) -> Iterator[Problem]:
    program = executor.capabilities.program
    path = environ.get("PATH", os.defpath)
    if shutil.which(program, path=path) is None:
        message = f"The program {program} of the executor {executor.name} ({used}) is not there."
        yield Problem(message=message, hint="Install it, or put its folder into PATH.")
    elif executor.probe and (unfit := _probed(executor, path)):
        hint = "Install a version that fits; docs/delegation.md names them."
        yield Problem(message=f"The executor {executor.name} ({used}): {unfit}", hint=hint)


def _probed(executor: DelegationExecutor, path: str) -> str:
    """What is wrong with its version; it sees no home and no key."""
    with tempfile.TemporaryDirectory(prefix="dispatch-probe-") as home:
        try:
            ended = subprocess.run(
                executor.probe,
                env={"PATH": path, "HOME": home},
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"`{' '.join(executor.probe)}` did not end in {PROBE_SECONDS:g} seconds."
        except OSError as error:
            return f"`{' '.join(executor.probe)}` cannot be started: {error.strerror}."
    code = ended.returncode
    exited = Exit(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        stderr=ended.stderr.decode("utf-8", "replace"),
    )
    return executor.unfit(exited, ended.stdout.decode("utf-8", "replace"))


def _of_the_key(
    executor: DelegationExecutor,
    model: str,
    used: str,
    config: Config,
    environ: Mapping[str, str],
) -> Iterator[Problem]:
    command = config.command_executor
    if executor.name == COMMAND and command.base_url is not None and command.key_variable is None:
        yield Problem(
            message=f"commandExecutor.baseURL ({used}) is where a key is taken, and none is named.",
            hint="Name its variable under commandExecutor.keyVariable, or remove baseURL.",
        )
    names = tuple(key.variable for key in executor.capabilities.keys)
    vendor = vendor_of(config, executor, model, environ)
    if names and vendor.key is None:
        wanted = names
        if vendor.is_provider and config.provider is not None:
            wanted = (config.provider.api_key_env,)
        yield Problem(
            message=f"No key for {executor.name} ({used}): the environment variable "
            f"{' or '.join(wanted)} is not set.",
            hint=f"Set {wanted[0]} and start again.",
        )
    for host in vendor.hosts:
        try:
            parse_rule(host)
        except NotAHost as error:
            yield Problem(
                message=f"{executor.name} ({used}) could not reach {host} from its sandbox: "
                f"{error}.",
                hint="Name a host of the internet, or leave the role to our own loop.",
            )


def _of_the_bounds(
    executor: DelegationExecutor, model: str, used: str, config: Config
) -> Iterator[Problem]:
    """A cap in money holds only where a report has a price, and an attempt a limit of its own."""
    caps = {
        "limits.usd": config.limits.usd,
        "taskLimits.usd": config.task_limits.usd,
        "runLimits.usd": config.run_limits.usd,
    }
    keys = " and ".join(key for key, usd in caps.items() if usd is not None)
    if not keys:
        return
    if not executor.capabilities.reports_cost and model not in config.prices:
        yield Problem(
            message=f"What {executor.name} spends with {model} ({used}) is told in tokens and has "
            f"no known price, so {keys} could not be kept.",
            hint=f"State the price of {model} below prices in the configuration, or remove {keys}.",
        )
    elif config.limits.usd is None:
        yield Problem(
            message=f"{keys} could not be kept: {executor.name} ({used}) tells what it spent only "
            "afterwards, and no limit says how much that may be.",
            hint="Set limits.usd, which is reserved for each of its attempts.",
        )
