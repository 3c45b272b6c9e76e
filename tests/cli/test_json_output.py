"""``--json`` for every verb: one object, or one event a line, and nothing else on stdout."""

import json
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.git_repos import User
from fakes.legal_events import legal_events
from fakes.told_run import told_run

from dispatch.cli import TELLING_EVENTS
from dispatch.commands.command_line import VERBS
from dispatch.commands.json_output import JSON_VERSION
from dispatch.fsm.diagram import MACHINES
from dispatch.state.document_store import DocumentStore
from dispatch.state.lock import LOCK, hold

Cli = Callable[..., tuple[int, str, str]]

# What is for a program anyway.
WITHOUT = {
    "completion": "a script for a shell",
    "mcp": "nothing else than JSON-RPC, on its standard streams",
    "schema": "a JSON schema unless told otherwise",
}


def takes_json(verb: Any) -> bool:
    parser = ArgumentParser()
    verb.add_arguments(parser)
    return "--json" in parser.format_help()


def test_every_verb_has_it() -> None:
    assert {verb.name for verb in VERBS if not takes_json(verb)} <= set(WITHOUT)


@pytest.fixture
def folder(user: User) -> Path:
    """The folder of a run that was killed in its first moment."""
    folder = user.root / "dispatch" / "r"
    folder.mkdir(parents=True)
    (folder / LOCK).touch()
    return folder


def test_what_is_removed_is_told(cli: Cli, folder: Path) -> None:
    assert printed(cli("teardown", "r", "--json")) == {"run": "r", "worktrees": 0}
    cleaned = {"run": "r", "folder": True, "refs": [], "kept": []}
    assert printed(cli("clean", "r", "--json")) == {"cleaned": [cleaned], "refused": []}
    nothing = {"run": "r", "folder": False, "refs": [], "kept": []}
    assert printed(cli("clean", "r", "--json")) == {"cleaned": [nothing], "refused": []}
    assert printed(cli("clean", "--all", "--json")) == {"cleaned": [], "refused": []}


def test_what_is_not_removed_is_told_beside_what_is(cli: Cli, folder: Path) -> None:
    other = folder.parent / "s"
    other.mkdir()
    (other / LOCK).touch()
    with hold(folder, "now"):
        code, out, err = cli("clean", "--all", "--json")
    data = json.loads(out)
    (refused,) = data["refused"]
    assert (code, [each["run"] for each in data["cleaned"]], refused["run"]) == (5, ["s"], "r")
    assert err == f"dispatch: {refused['message']}\n"


def test_what_a_report_says_is_told_as_the_format_json(cli: Cli, user: User) -> None:
    DocumentStore.create(user.root / "dispatch" / "told", told_run())
    data = printed(cli("report", "told", "--json"))
    assert (data["run"]["name"], data["run"]["status"]) == ("told", "failed")
    assert data == printed(cli("report", "told", "--format", "json"))


def test_what_init_writes_is_told(cli: Cli, user: User) -> None:
    user.write({"Makefile": "check:\n\ttrue\n"})
    first = printed(cli("init", "--json"))
    assert str(user.root / "dispatch-config.yaml") in first["written"]
    again = printed(cli("init", "--json"))
    assert again == {"written": [], "buildGate": first["buildGate"]}


@pytest.mark.parametrize("name", ["run", "task"])
def test_a_lifecycle_is_data(cli: Cli, user: User, name: str) -> None:
    machine = MACHINES[name]
    assert printed(cli("graph", "--machine", name, "--json")) == {
        "machine": name,
        "states": list(machine.states),
        "first": machine.first,
        "final": sorted(machine.final),
        "moves": [
            {"source": source, "event": event, "target": target}
            for source, event, target in machine.moves
        ],
        "current": [],
    }
    assert cli("graph", "--json", "--output", "graph.json") == (0, "", "")
    assert json.loads((user.root / "graph.json").read_text())["machine"] == "run"


def test_the_demonstration_says_where_its_result_is(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = printed(cli("demo", "--json"))
    root = Path(data["repository"])
    assert data == {
        "status": "done",
        "repository": str(root),
        "branch": "dispatch/tally",
        "report": str(root / "dispatch" / "tally" / "report.md"),
    }
    assert legal_events(root / "dispatch" / "tally")[-1]["report"] == data["report"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "q"),
        ("stop", "q"),
        ("answer", "q"),
        ("rescue", "q"),
        ("teardown", "q"),
        ("graph", "--run", "q"),
        ("clean",),
        ("status", "--repo", "/nowhere"),
        ("status", "--odd"),
    ],
)
def test_a_refusal_is_an_object_too(cli: Cli, user: User, arguments: tuple[str, ...]) -> None:
    code, out, err = cli(*arguments, "--json")
    data = json.loads(out)
    error = data.pop("error")
    assert data == {"version": JSON_VERSION}
    assert (code, error["exitCode"]) == (2, 2)
    assert err == f"dispatch: {error['message']} {error['hint']}".rstrip() + "\n"


@pytest.mark.parametrize("verb", sorted(TELLING_EVENTS))
def test_where_events_are_told_a_refusal_is_none(cli: Cli, user: User, verb: str) -> None:
    """Their readers take each line for an event; the exit code says it."""
    code, out, err = cli(verb, "Q", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("dispatch: ")


def printed(done: tuple[int, str, str]) -> dict[str, Any]:
    code, out, _ = done
    data: dict[str, Any] = json.loads(out)
    assert (code, data.pop("version")) == (0, JSON_VERSION)
    return data
