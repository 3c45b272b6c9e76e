"""``dispatch doctor``: every line is explained, and only what a run needs makes it fail."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import User, a_user

from dispatch.agents.sandbox.tiers import tried
from dispatch.commands.doctor import Result, examine
from dispatch.state.config_file import UNFILLED_GATE
from dispatch.state.lock import hold

Cli = Callable[..., tuple[int, str, str]]

ROLES = ("planner", "implementer", "critic", "gateCritic", "greybeard", "attribution", "fixAgent")
PROVIDER = "provider: {baseURL: 'http://localhost:1', adapter: openai, apiKeyEnv: SOME_KEY}\n"
SECRET = "sk-never-to-be-shown"


def test_a_repository_that_is_ready_misses_nothing(user: User) -> None:
    _configure(user)
    found = _results(user.root, {"SOME_KEY": SECRET})
    assert found["configuration"] == [(Result.OK, "readable; the build gate: make test")]
    assert found["key"] == [(Result.OK, "for m: there")]
    assert found["repository"] == [(Result.OK, f"{user.root} at {user.head[:12]}")]
    assert all(result is not Result.MISSING for each in found.values() for result, _ in each)


def test_a_missing_key_is_named_and_fails(user: User, cli: Cli) -> None:
    _configure(user)
    code, out, err = cli("doctor")
    assert (code, err) == (1, "")
    assert "missing  key            for m: set the variable SOME_KEY" in out.split("\n")


def test_a_model_that_nobody_offers_is_named(user: User) -> None:
    _configure(user)
    path = user.root / "dispatch-config.yaml"
    path.write_text(path.read_text().replace(PROVIDER, ""))
    assert _results(user.root, {})["model"] == [(Result.MISSING, "nobody is known to offer m")]


def test_no_key_is_ever_shown(user: User) -> None:
    _configure(user)
    assert SECRET not in str(examine(user.root, {"SOME_KEY": SECRET}))


def test_scripts_get_json(user: User, cli: Cli) -> None:
    code, out, _ = cli("doctor", "--json")
    data = json.loads(out)
    assert (code, data["version"], data["ok"]) == (1, 1, False)
    assert {frozenset(each) for each in data["checks"]} == {frozenset({"name", "result", "text"})}
    missing = [each["name"] for each in data["checks"] if each["result"] == "missing"]
    assert missing == ["configuration"]


def test_the_gate_that_init_could_not_find_is_still_missing(user: User) -> None:
    _configure(user, gate=UNFILLED_GATE)
    found = _results(user.root, {"SOME_KEY": SECRET})
    assert found["configuration"] == [(Result.MISSING, "buildGate is not filled in yet")]


def test_every_tier_of_the_sandbox_is_tried_with_the_probe(user: User) -> None:
    """One line each, and one more where the first does not hold."""
    told = _results(user.root, {})["sandbox"]
    expected = [
        (Result.OK, f"{each.tier}: the probe could not get out of it")
        if each.launcher is not None
        else (Result.NOTE, f"{each.tier} does not hold here: {each.reason}")
        for each in tried()
    ]
    assert told[: len(expected)] == expected
    assert any(result is Result.OK for result, _ in told)


def test_language_servers_are_named_with_what_they_know(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the search path that commands get; without one it is said what that means."""
    _configure(user)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    none = "none; agents hear of errors from builds and tests only"
    assert _results(user.root, {})["languages"] == [(Result.NOTE, none)]
    bin_folder = tmp_path / "tools" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("ruff", "gopls"):
        (bin_folder / name).write_text("#!/bin/sh\n")
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    assert _results(user.root, {})["languages"] == [
        (Result.OK, "gopls tells agents of errors in .go"),
        (Result.OK, "ruff server tells agents of errors in .py .pyi"),
    ]


def test_a_run_that_is_being_worked_on_is_named(tmp_path: Path) -> None:
    user = a_user(tmp_path / "other")
    folder = user.root / "dispatch" / "busy"
    with hold(folder, "2026-01-02T03:04:05.678Z"):
        ((result, text),) = _results(user.root, {})["runs"]
    assert result is Result.NOTE
    assert text.startswith("busy is in the hands of process ")


def _configure(user: User, gate: str = "make test") -> None:
    roles = "".join(f"  {role}: m\n" for role in ROLES)
    config = f"buildGate: [{json.dumps(gate)}]\n{PROVIDER}modelConfig:\n{roles}"
    user.write({"dispatch-config.yaml": config})


def _results(root: Path, environ: dict[str, str]) -> dict[str, list[tuple[Result, str]]]:
    found: dict[str, list[tuple[Result, str]]] = {}
    for check in examine(root, environ):
        found.setdefault(check.name, []).append((check.result, check.text))
    return found
