"""Programs that a repository, its user's settings or an agent's tree name must not be run by us.

Each vector is planted twice: ordinary git starts the planted program, which shows that the vector
works, and then everything that we do with git must not.
"""

import os
from pathlib import Path

import pytest
from fakes.hostile_git import VECTORS, Vector
from fakes.hostile_scene import NOBODY, a_scene, careless, dispatch, in_child, planted
from fakes.thoroughness import some, thorough

OURS = os.getuid()
USERS = [OURS] if OURS else [OURS, pytest.param(NOBODY, marks=thorough)]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("vector", some(VECTORS), ids=lambda vector: vector.name)
def test_planted_programs_run_under_ordinary_git_and_never_under_ours(
    vector: Vector, user: int
) -> None:
    """[GT-05, GT-06, W-60] Hooks and drivers are nobody's business but the user's."""

    def trusting(folder: Path) -> None:
        scene = a_scene(folder / "control")
        planted(scene, vector.plant)
        careless(scene, vector.control)
        assert scene.canary.exists(), "the vector does nothing"

    def distrusting(folder: Path) -> None:
        scene = a_scene(folder / "ours")
        os.environ["HOME"] = str(scene.user.home)
        planted(scene, vector.plant)
        dispatch(scene)
        assert not scene.canary.exists(), scene.canary.read_text()

    assert in_child(trusting, user) == ""
    assert in_child(distrusting, user) == ""


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    names = [each.name for each in VECTORS]
    assert len(set(names)) == len(names) >= 70
