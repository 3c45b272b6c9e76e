"""``--dry-run`` and the forecast of a plan: nothing is started, nothing is written."""

import json
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.small_records import a_run

from dispatch.policy.estimates import ENOUGH
from dispatch.state.enums import Role
from dispatch.state.past_runs import FILE, note_past_run
from dispatch.state.routes import Spent

ASSUMED = (
    "  dispatch plan r makes one and stops: about 5m00s, cost unknown (a prior: assumed, not "
    "measured)"
)


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
        ASSUMED,
    ]
    assert not two.folder.exists()
    assert two.user.git("for-each-ref") == before


def test_the_users_past_runs_are_what_it_goes_by(two: Asking) -> None:
    """Those of other repositories, too; a file that cannot be read is told, in one line."""
    model = f"scripted:{two.user.root.parent / 'script.yaml'}"
    pieces = [Spent(role=Role.PLANNER, seconds=42.0, cost_usd=0.5, models=(model,))] * ENOUGH
    data = two.user.home / ".local" / "share" / "dispatch" / FILE
    note_past_run(data, a_run(), (), pieces)
    assert two.program.run("run", "r", "--dry-run").out.endswith(
        "  dispatch plan r makes one and stops: about 42s, about $0.50, at most $0.50 in nine of "
        "ten\n"
    )
    data.write_text("garbage " * 100)
    dry = two.program.run("run", "r", "--dry-run")
    assert (dry.code, dry.out.splitlines()[-1]) == (0, ASSUMED)
    assert dry.err == (
        f"dispatch: forecast without past runs: {data} cannot be used: file is not a database.\n"
    )


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
    assert "  from      priors: assumed, not measured; five past tasks with " in told
    assert (two.folder / "run-state.yaml").read_bytes() == document
    shown = two.program.run("plan", "r")
    assert shown.out.endswith(told)
    plan = json.loads(two.program.run("plan", "r", "--json").out)
    data = plan["forecast"]
    assert (data["tasks"], data["critical"], data["usd"]) == (3, ["1a-w", "2a-y"], None)
    assert data["speedUp"] > 1
    dry = two.program.run("r", "--dry-run", "--json")
    found = json.loads(dry.out)
    assert {key: found[key] for key in found.keys() & plan.keys()} == {
        key: plan[key] for key in ("version", "run", "status", "warnings", "forecast")
    }


def test_for_scripts_it_is_one_object(two: Asking) -> None:
    """Also where ``--detach`` is said: what is dry starts nothing, here or elsewhere."""
    dry = two.program.run("run", "r", "--dry-run", "--json", "--detach")
    assert dry.code == 0, dry.err
    data = json.loads(dry.out)
    models = data.pop("models")
    assert (set(models), len(set(models.values()))) == (set(Role), 1)
    assert data == {
        "version": 1,
        "run": "r",
        "status": None,
        "warnings": [],
        "spec": str(two.user.root / "spec.md"),
        "baseCommit": two.user.git("rev-parse", "HEAD"),
        "branch": "dispatch/r",
        "capUSD": None,
        "planner": {
            "seconds": {"low": 120.0, "middle": 300.0, "high": 900.0},
            "usd": None,
            "pieces": 0,
        },
        "forecast": None,
    }
    assert not two.folder.exists()


def test_what_would_be_refused_is_refused(two: Asking) -> None:
    (two.user.root / "spec.md").write_text("", encoding="utf-8")
    refused = two.program.run("run", "r", "--dry-run")
    assert (refused.code, refused.out) == (2, "")
    assert "spec.md is empty" in refused.err
    refused = two.program.run("run", "r", "--dry-run", "--json")
    assert refused.code == 2
    assert "spec.md is empty" in json.loads(refused.out)["error"]["message"]
