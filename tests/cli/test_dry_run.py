"""``--dry-run`` and the forecast of a plan: nothing is started, nothing is written."""

import json
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking


@pytest.fixture
def two(tmp_path: Path) -> Asking:
    """A run of three tasks in two levels."""
    return asking(tmp_path, ("w", "z"), "minor", later=("y",))


def test_without_a_plan_it_says_what_is_known_and_makes_nothing(two: Asking) -> None:
    before = two.user.git("for-each-ref")
    dry = two.program.run("run", "r", "--dry-run")
    assert dry.code == 0, dry.err
    lines = dry.out.splitlines()
    assert lines[0] == "Dry run of r: nothing was started and nothing was written."
    assert "  budget    none; runLimits sets one" in lines
    assert lines[-2:] == [
        "There is no plan yet, so its schedule cannot be forecast.",
        "  dispatch plan r makes one and stops: about 5m00s, cost unknown (a prior: assumed, not "
        "measured)",
    ]
    assert not two.folder.exists()
    assert two.user.git("for-each-ref") == before


def test_with_a_plan_the_schedule_is_forecast_and_said_to_be_a_forecast(two: Asking) -> None:
    assert two.program.run("plan", "r").code == 0
    document = (two.folder / "run-state.yaml").read_bytes()
    dry = two.program.run("run", "r", "--dry-run")
    assert dry.code == 0, dry.err
    told = dry.out[dry.out.index("Forecast") :]
    assert told.splitlines()[0] == "Forecast (a simulation, no promise)"
    assert "  critical  1a-w → 2a-y: " in told
    assert "  overlap   no two tasks of a level plan to change one file\n" in told
    assert "  cost      unknown: nobody knows the price of implementer, " in told
    assert "  from      priors: assumed, not measured; five past tasks here " in told
    assert (two.folder / "run-state.yaml").read_bytes() == document
    shown = two.program.run("plan", "r")
    assert shown.out.endswith(told)
    data = json.loads(two.program.run("plan", "r", "--json").out)["forecast"]
    assert (data["tasks"], data["critical"], data["usd"]) == (3, ["1a-w", "2a-y"], None)
    assert data["speedUp"] > 1


def test_what_would_be_refused_is_refused(two: Asking) -> None:
    (two.user.root / "spec.md").write_text("", encoding="utf-8")
    refused = two.program.run("run", "r", "--dry-run")
    assert (refused.code, refused.out) == (2, "")
    assert "spec.md is empty" in refused.err
