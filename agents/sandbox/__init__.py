"""Where commands run: the policy as data, the launchers that enforce it, the runner."""

from .launcher import Launcher, PlainLauncher
from .policy import CommandLimits, Sandbox
from .processes import end_run
from .runner import CommandRunner
from .toolchains import Toolchains, find_toolchains

__all__ = [
    "CommandLimits",
    "CommandRunner",
    "Launcher",
    "PlainLauncher",
    "Sandbox",
    "Toolchains",
    "end_run",
    "find_toolchains",
]
