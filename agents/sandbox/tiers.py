"""Which tier holds on this machine: the strongest one that stops the probe, or a refusal."""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import frozen

from ...state.enums import SandboxTier
from ...state.errors import UsageError
from . import bubblewrap, landlock, seccomp
from .bubblewrap import BubblewrapLauncher
from .landlock import LandlockLauncher
from .launcher import Launcher, PlainLauncher
from .probe import PROBE, probe

INSTALL: Final = (
    "Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap, apk add bubblewrap), "
    "or allow user namespaces where it is; `dispatch doctor` shows what is missing. To let "
    "agents' commands touch whatever you can, start with --no-sandbox."
)


Make = Callable[[], Launcher | str]  # a launcher, or why there is none


@frozen(kw_only=True)
class Tried:
    """One tier that was looked at: its launcher, or why it does not hold."""

    tier: SandboxTier
    launcher: Launcher | None
    reason: str = ""


@frozen(kw_only=True)
class Choice:
    """The launcher to start commands with, and why no stronger tier was taken."""

    launcher: Launcher
    reasons: tuple[str, ...] = ()


def unconfined() -> Choice:
    """No sandbox, because the operator said so."""
    return Choice(launcher=PlainLauncher(), reasons=("the operator said --no-sandbox",))


def choose(tiers: Mapping[SandboxTier, Make] | None = None, owner: str = PROBE) -> Choice:
    """The strongest tier that holds; raises UsageError when none does; ``owner`` see ``probe``."""
    reasons = list[str]()
    for each in tried(tiers, owner):
        if each.launcher is not None:
            return Choice(launcher=each.launcher, reasons=tuple(reasons))
        reasons.append(f"{each.tier}: {each.reason}")
    raise UsageError(
        f"No sandbox holds the commands of agents on this machine: {'; '.join(reasons)}.", INSTALL
    )


def tried(tiers: Mapping[SandboxTier, Make] | None = None, owner: str = PROBE) -> Iterator[Tried]:
    """Every tier (default: all there are), the strongest first, and whether it stopped the probe.

    Bounded by two probes a tier.
    """
    for tier, make in (TIERS if tiers is None else tiers).items():
        made = make()
        if isinstance(made, str):
            yield Tried(tier=tier, launcher=None, reason=made)
            continue
        # Twice: what the machine refuses once must not weaken what holds a whole night's work.
        problems = probe(made, owner) and probe(made, owner)
        held = None if problems else made
        yield Tried(tier=tier, launcher=held, reason="; ".join(problems))


def _bubblewrap() -> Launcher | str:
    path = bubblewrap.locate()
    if path is None:
        return "not installed"
    if not seccomp.is_supported():
        return "there is no filter of system calls for this processor"
    return BubblewrapLauncher(path)


def _landlock() -> Launcher | str:
    return landlock.unavailable() or LandlockLauncher(sys.executable)


TIERS: Final[Mapping[SandboxTier, Make]] = {
    SandboxTier.BUBBLEWRAP: _bubblewrap,
    SandboxTier.LANDLOCK: _landlock,
}
