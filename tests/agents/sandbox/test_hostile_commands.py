"""Hostile and honest commands in each tier, as root and as an ordinary user."""

import platform
from collections.abc import Mapping
from typing import Final

import pytest
from fakes.as_users import as_users
from fakes.honest_commands import HONEST, LANDLOCK_LACKS
from fakes.hostile_attack import Sign
from fakes.hostile_commands import LANDLOCK_GAPS, attacks
from fakes.hostile_world import PYTHON, World
from fakes.thoroughness import thorough

from dispatch.agents.sandbox import PlainLauncher, bubblewrap, landlock
from dispatch.agents.sandbox.launcher import Launcher

BUBBLEWRAP: Final = bubblewrap.locate()

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not PYTHON,
    reason="the commands make system calls by the numbers of x86_64, from the system's python3",
)
tier_1 = pytest.mark.skipif(BUBBLEWRAP is None, reason="no bubblewrap")
tier_2 = pytest.mark.skipif(landlock.unavailable() is not None, reason="no Landlock")


def tried(launcher: Launcher) -> Mapping[str, Mapping[str, list[str]]]:
    """For each user the names of the commands that succeeded, and what showed it."""

    def all_of_them() -> dict[str, list[str]]:
        with World(launcher) as world:
            found = {attack.name: world.try_out(attack) for attack in attacks()}
        return {name: sorted(signs) for name, signs in found.items() if signs}

    return as_users(all_of_them)


def honest_failures(launcher: Launcher) -> Mapping[str, Mapping[str, str]]:
    """For each user the honest commands that did not work, with their output."""

    def all_of_them() -> dict[str, str]:
        failed = {}
        with World(launcher) as world:
            for name, command in HONEST.items():
                code, output = world.run_afresh(command)
                if code:
                    failed[name] = f"{code}: {output}"
        return failed

    return as_users(all_of_them)


def test_there_are_commands_of_every_kind_each_with_its_name() -> None:
    """At least 150 of them, and every gap and lack is one of the tables."""
    names = [attack.name for attack in attacks()]
    assert len(names) == len(set(names)) >= 150
    assert {attack.sign for attack in attacks()} == set(Sign)
    assert set(LANDLOCK_GAPS) <= set(names)
    assert len(HONEST) >= 40
    assert set(LANDLOCK_LACKS) <= set(HONEST)


@thorough
def test_without_a_sandbox_the_commands_succeed() -> None:
    """[S1] The control: but for those that say why they cannot on some machines."""
    for user, found in tried(PlainLauncher()).items():
        must = [
            attack
            for attack in attacks()
            if not attack.silent and (user == "root" or not attack.as_root)
        ]
        silent = [attack.name for attack in must if attack.sign not in found.get(attack.name, [])]
        assert (user, silent) == (user, [])


@tier_1
def test_no_hostile_command_succeeds_in_bubblewrap() -> None:
    """[S1]"""
    assert BUBBLEWRAP is not None
    for user, found in tried(bubblewrap.BubblewrapLauncher(BUBBLEWRAP)).items():
        assert (user, found) == (user, {})


@thorough
@tier_2
def test_under_landlock_only_the_named_gaps_are_open() -> None:
    """[S1] No more than the names, and no fewer: a gap that closed is no longer named."""
    for user, found in tried(landlock.LandlockLauncher(PYTHON)).items():
        assert (user, sorted(found)) == (user, sorted(LANDLOCK_GAPS))


@tier_1
def test_honest_commands_work_in_bubblewrap() -> None:
    """What builds and tests do."""
    assert BUBBLEWRAP is not None
    for user, failed in honest_failures(bubblewrap.BubblewrapLauncher(BUBBLEWRAP)).items():
        assert (user, failed) == (user, {})


@tier_2
def test_honest_commands_work_under_landlock_but_those_that_are_named() -> None:
    """What builds and tests do, less sockets."""
    for user, failed in honest_failures(landlock.LandlockLauncher(PYTHON)).items():
        assert (user, sorted(failed)) == (user, sorted(LANDLOCK_LACKS)), failed
