"""``dispatch retry``: a run that failed goes on, with the real program around scripted agents."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fakes.git_repos import User
from fakes.one_file_task import FINAL, PLAN, SUBMITTED, WRITTEN

from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import FailureKind, Role, RunStatus
from dispatch.state.lock import hold
from dispatch.state.yaml_text import dumps

Cli = Callable[..., tuple[int, str, str]]
NOW = "2026-01-02T03:04:05.678Z"


def play(user: User, *, claimed: str) -> None:
    """Write the script: one agent that writes x and claims a file."""
    submitted = {**SUBMITTED, "filesModified": [claimed]}
    rules = [
        _rule("proposeTask", 0, ("proposeTask", PLAN), ("finalizePlan", FINAL)),
        _rule("submitOutput", 0, ("write_file", WRITTEN)),
        *(_rule("submitOutput", turn, ("submitOutput", submitted)) for turn in range(1, 10)),
    ]
    for number, rule in enumerate(rules):
        rule["name"] = str(number)
        rule["times"] = "any"
    script = user.root.parent / "script.yaml"
    script.write_text(dumps({"rules": rules}), encoding="utf-8")
    models = {role.value: f"scripted:{script}" for role in Role}
    config = dumps({"buildGate": ["test -d ."], "modelConfig": models})
    user.write({"dispatch-config.yaml": config, "spec.md": "# Write x\n"})


def _rule(tool: str, turn: int, *calls: tuple[str, Any]) -> dict[str, Any]:
    made = [{"name": call, "arguments": arguments} for call, arguments in calls]
    return {"when": {"tool": tool, "turn": turn}, "reply": {"calls": made}}


@pytest.fixture
def failed(user: User, cli: Cli) -> User:
    """A run ``r`` that failed, because its agent claimed what is not there."""
    play(user, claimed="imagined")
    code, _, err = cli("run", "r")
    assert code == 1, err
    return user


def test_a_model_that_nobody_offers_is_refused_before_anything_is_reset(
    failed: User, cli: Cli
) -> None:
    document = failed.root / "dispatch" / "r" / DOCUMENT
    before = document.read_bytes()
    config = failed.root / "dispatch-config.yaml"
    config.write_text(config.read_text().replace("scripted:", "nobody/"), encoding="utf-8")
    code, out, err = cli("retry", "r")
    assert (code, out) == (2, "")
    assert "Nobody is known to offer the model nobody/" in err
    assert document.read_bytes() == before


def test_a_failed_run_goes_on_and_ends_like_any_other(failed: User, cli: Cli) -> None:
    """[RL-10] The same exit codes and the same last line as ``dispatch run``."""
    folder = failed.root / "dispatch" / "r"
    failure = load_run(folder / DOCUMENT).failure
    assert failure is not None
    assert failure.kind is FailureKind.TASKS_FAILED
    play(failed, claimed="x")
    code, out, err = cli("retry", "r")
    assert (code, out) == (0, f"{folder / 'report.md'}\n"), err
    assert "[run] failed → executing: after tasks-failed; again: 1a-x\n" in err
    run = load_run(folder / DOCUMENT)
    assert (run.status, run.failure) == (RunStatus.DONE, None)
    assert failed.git("ls-tree", "--name-only", "dispatch/r", "x") == "x"
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [each["type"] for each in events].count("run.retried") == 1


def test_what_fails_again_ends_with_the_same_code_and_may_be_retried_again(
    failed: User, cli: Cli
) -> None:
    assert cli("retry", "r", "--task", "1a-x")[0] == 1
    play(failed, claimed="x")
    assert cli("retry", "r", "--task", "1a-x")[0] == 0
    code, out, err = cli("retry", "r")
    assert (code, out) == (2, "")
    assert err.startswith("dispatch: Run r is done: there is nothing to retry.")


def test_an_unknown_run_or_task_is_refused_with_the_nearest_and_changes_nothing(
    failed: User, cli: Cli
) -> None:
    document = failed.root / "dispatch" / "r" / DOCUMENT
    before = document.read_bytes()
    code, _, err = cli("retry", "r", "--task", "1a-y")
    assert (code, "Did you mean 1a-x?" in err) == (2, True)
    assert cli("retry", "q")[0] == 2
    assert document.read_bytes() == before
    assert not (failed.root / "dispatch" / "q").exists()


def test_a_run_that_a_process_is_working_on_is_left_alone(failed: User, cli: Cli) -> None:
    """[CLI-10]"""
    with hold(failed.root / "dispatch" / "r", NOW):
        assert cli("retry", "r")[0] == 5


@pytest.mark.parametrize("grace", ["-1", "x", "inf", "3601"])
def test_a_grace_that_is_no_number_of_seconds_is_refused(grace: str, cli: Cli) -> None:
    code, _, err = cli("retry", "r", f"--grace={grace}")
    assert code == 2
    assert "--grace" in err
