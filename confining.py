"""What a run's commands may touch: its configuration and the launcher that was chosen, together."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import evolve, frozen

from .agents.sandbox.policy import CommandLimits
from .agents.sandbox.runner import CommandRunner, MakeShadow
from .agents.sandbox.tiers import INSTALL, Choice
from .agents.sandbox.toolchains import Toolchains, find_toolchains
from .delegating import delegated_hosts, require_reach
from .gitops.removal import remove_folder
from .policy.hosts import NotAHost, parse_rule
from .state.config import Config, SandboxConfig
from .state.errors import GitError, UsageError
from .state.records import Confinement, Run
from .state.redact import redactor_of
from .state.routes import Route


@frozen(kw_only=True)
class Confining:
    """The launcher that was chosen, and the operator's programs that commands may use."""

    choice: Choice
    toolchains: Toolchains


def confining_of(config: Config, target: Path, runs: Path, choice: Choice) -> Confining:
    """Look for the operator's programs; ``runs`` is the folder of the target's runs.

    Raises UsageError for hosts, and for delegated attempts, that the launcher cannot lead to.
    """
    require_reach(config, choice)
    hosts = (*config.sandbox.network, *config.sandbox.setup_network)
    if hosts and not choice.launcher.reaches_hosts:
        raise UsageError(
            f"sandbox.network and sandbox.setupNetwork name hosts ({', '.join(hosts)}), and no "
            f"command reaches one in the sandbox {choice.launcher.tier}, the strongest here "
            f"({'; '.join(choice.reasons)}).",
            f"Remove the hosts from your configuration. {INSTALL}",
        )
    return Confining(choice=choice, toolchains=toolchains_of(config, target, runs))


def toolchains_of(config: Config, target: Path, runs: Path) -> Toolchains:
    """The operator's programs that commands may use, nothing below ``runs`` among them."""
    allowed = config.sandbox
    return find_toolchains(
        os.environ,
        target,
        hidden=(runs,),
        network=bool(allowed.network or allowed.setup_network),
    )


def command_runner(
    config: Config, folder: Path, confining: Confining, scratch: Path, shadow: MakeShadow
) -> CommandRunner:
    """The runner of the commands of the run in ``folder``, as its configuration allows."""
    allowed = config.sandbox
    limits = CommandLimits(
        timeout_seconds=config.command_timeout_seconds,
        output_bytes=config.output_limit_bytes,
        processes=allowed.processes,
        memory_bytes=allowed.memory_bytes,
        file_bytes=allowed.file_bytes,
        cpu_seconds=allowed.cpu_seconds,
    )
    return CommandRunner(
        folder,
        scratch,
        launcher=confining.choice.launcher,
        limits=limits,
        network=allowed.network,
        setup_network=allowed.setup_network,
        toolchains=confining.toolchains,
        read_only=tuple(map(Path, allowed.read_only)),
        shadow=shadow,
        redactor=redactor_of(config),
    )


@contextlib.contextmanager
def scratch_of(folder: Path) -> Iterator[Path]:
    """A folder for the homes of the commands of the run in ``folder``; its lock is the caller's.

    What killed starts of that run left is removed.  Outside the repository, and short: the path of
    a socket in it must not exceed 107 bytes.
    """
    at = folder.stat()
    whose = hashlib.sha256(os.fsencode(f"{at.st_dev}:{at.st_ino}:{folder}")).hexdigest()[:12]
    prefix = f"dispatch-{whose}-"
    for left in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
        if left.lstat().st_uid == os.geteuid():  # the place is everybody's
            with contextlib.suppress(GitError):  # the next start tries again
                remove_folder(left)
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as made:
        yield Path(made)


def confinement_of(
    config: Config, confining: Confining, routes: Iterable[Route] = ()
) -> Confinement:
    """How commands are held under a configuration, as the document keeps it; ``routes``: its."""
    allowed = config.sandbox
    found = map(str, confining.toolchains.read_only)
    return Confinement(
        tier=confining.choice.launcher.tier,
        reasons=confining.choice.reasons,
        network=allowed.network,
        setup_network=allowed.setup_network,
        delegated_network=delegated_hosts(config, routes),
        read_only=tuple(dict.fromkeys((*found, *allowed.read_only))),
        processes=allowed.processes,
        memory_bytes=allowed.memory_bytes,
        file_bytes=allowed.file_bytes,
        cpu_seconds=allowed.cpu_seconds,
    )


def require_hosts(allowed: SandboxConfig) -> None:
    """Raise UsageError for a line of the configuration that names no host."""
    lists = {"network": allowed.network, "setupNetwork": allowed.setup_network}
    for key, hosts in lists.items():
        for text in hosts:
            try:
                parse_rule(text)
            except NotAHost as error:
                raise UsageError(
                    f"sandbox.{key} names no host with {text!r}: {error}.",
                    "Write example.org, *.example.org or example.org:8443.",
                ) from None


def confined(run: Run, config: Config, confining: Confining) -> Run:
    """The run with how its commands are held from now on."""
    confinement = confinement_of(config, confining, run.routes)
    if run.sandboxes[-1:] == (confinement,):
        return run
    return evolve(run, sandboxes=(*run.sandboxes, confinement))
