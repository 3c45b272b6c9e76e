"""Which tier is taken: the strongest that stops the probe, and none that does not."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from dispatch.agents.sandbox import landlock
from dispatch.agents.sandbox.launcher import Inside, Launch, Launcher, PlainLauncher
from dispatch.agents.sandbox.policy import Sandbox
from dispatch.agents.sandbox.probe import probe
from dispatch.agents.sandbox.tiers import INSTALL, TIERS, choose, tried
from dispatch.state.enums import SandboxTier
from dispatch.state.errors import UsageError

HOLDS = {each.tier: each.launcher for each in tried()}
needs_bubblewrap = pytest.mark.skipif(
    HOLDS[SandboxTier.BUBBLEWRAP] is None, reason="bubblewrap does not hold on this machine"
)


class Broken(PlainLauncher):
    """Starts a program that is not there, or one that ends at once."""

    def __init__(self, *argv: str) -> None:
        self._argv = argv

    def inside(self, sandbox: Sandbox) -> Inside:
        return Inside(home=sandbox.home, temporary=sandbox.temporary)

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        return nullcontext(Launch(argv=self._argv))


@needs_bubblewrap  # so user namespaces are allowed
def test_the_probe_gets_hold_of_everything_where_nothing_holds_it() -> None:
    """The control: each of its tries is real on this machine."""
    assert probe(PlainLauncher()) == (
        "a command read a file outside its tree",
        "a command wrote outside its tree",
        "a command read our environment",
        "a command reached a server of this machine",
        "a command made namespaces of its own",
        "a command left a process behind",
    )


@needs_bubblewrap
def test_bubblewrap_stops_the_probe_and_is_taken() -> None:
    launcher = HOLDS[SandboxTier.BUBBLEWRAP]
    assert launcher is not None
    assert probe(launcher) == ()
    choice = choose()
    assert (choice.launcher.tier, choice.reasons) == (SandboxTier.BUBBLEWRAP, ())


@pytest.mark.skipif(landlock.unavailable() is not None, reason="no Landlock here")
def test_landlock_stops_the_probe_too() -> None:
    launcher = HOLDS[SandboxTier.LANDLOCK]
    assert launcher is not None
    assert probe(launcher) == ()


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("/nowhere/bwrap",), "a command does not run in it ([Errno 2] No such file or directory"),
        (("/bin/true",), "a command does not run in it (it said nothing)"),
        (("/bin/sh", "-c", "echo no namespaces >&2; exit 1"), "does not run in it (no namespaces)"),
    ],
)
def test_a_tier_in_which_nothing_runs_does_not_hold(argv: tuple[str, ...], problem: str) -> None:
    """A bubblewrap that may make no namespaces says so itself."""
    (found,) = probe(Broken(*argv))
    assert problem in found


def test_without_a_tier_that_holds_nothing_begins() -> None:
    """Each reason is named, and what to do; a tier that leaks counts for nothing."""
    with pytest.raises(UsageError) as refusal:
        choose(
            {
                SandboxTier.BUBBLEWRAP: lambda: "not installed",
                SandboxTier.LANDLOCK: PlainLauncher,
            }
        )
    assert refusal.value.message.startswith(
        "No sandbox holds the commands of agents on this machine: bubblewrap: not installed; "
        "landlock: a command read a file outside its tree; "
    )
    assert refusal.value.hint == INSTALL


@needs_bubblewrap
def test_a_weaker_tier_is_taken_with_the_reason_why_no_stronger_one_was() -> None:
    second = HOLDS[SandboxTier.BUBBLEWRAP]
    assert second is not None
    choice = choose(
        {SandboxTier.BUBBLEWRAP: lambda: "not installed", SandboxTier.LANDLOCK: lambda: second}
    )
    assert choice.launcher is second
    assert choice.reasons == ("bubblewrap: not installed",)


class OnceRefused(PlainLauncher):
    """Its first command does not run."""

    def __init__(self, launcher: Launcher) -> None:
        self._launchers = [Broken("/bin/false"), launcher]

    def inside(self, sandbox: Sandbox) -> Inside:
        return self._launchers[-1].inside(sandbox)

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        launcher = self._launchers.pop(0) if len(self._launchers) > 1 else self._launchers[0]
        return launcher.launch(words, cwd, sandbox)


@needs_bubblewrap
def test_one_refusal_of_the_machine_takes_no_tier_away() -> None:
    holds = HOLDS[SandboxTier.BUBBLEWRAP]
    assert holds is not None
    once = OnceRefused(holds)
    assert choose({SandboxTier.BUBBLEWRAP: lambda: once}).launcher is once


def test_the_strongest_tier_is_tried_first() -> None:
    """``SandboxTier`` has them in that order; the last is no tier that is ever chosen."""
    assert list(TIERS) == [each for each in SandboxTier if each in TIERS]
    assert SandboxTier.NONE not in TIERS
