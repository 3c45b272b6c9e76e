"""``dispatch graph``: text, pictures, and documents kept up to date."""

import shutil
from collections.abc import Callable

import pytest
from attrs import evolve
from fakes.git_repos import User
from fakes.small_records import a_run, a_task

from dispatch.commands.generated import exit_codes, lifecycle
from dispatch.commands.settings import settings_table
from dispatch.fsm.diagram import MACHINES, dot, mermaid
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import TaskStatus

Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("machine", ["run", "task"])
def test_both_machines_are_drawn_as_text(machine: str, user: User, cli: Cli) -> None:
    target = user.root / "out"
    assert cli("graph", "--machine", machine, "--output", str(target)) == (0, "", "")
    assert target.read_text() == mermaid(MACHINES[machine])
    cli("graph", "--machine", machine, "--format", "dot", "--output", str(target))
    assert target.read_text() == dot(MACHINES[machine])


def test_where_a_run_and_its_tasks_stand_is_marked(user: User, cli: Cli) -> None:
    running = evolve(a_task("1a-x"), status=TaskStatus.RUNNING)
    run = evolve(a_run("r"), tasks=(running, a_task("1b-y")))
    DocumentStore.create(user.root / "dispatch" / "r", run)
    target = user.root / "out"
    cli("graph", "--run", "r", "--output", str(target))
    assert target.read_text() == mermaid(MACHINES["run"], {"planning"})
    cli("graph", "--run", "r", "--machine", "task", "--output", str(target))
    assert target.read_text() == mermaid(MACHINES["task"], {"pending", "running"})


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_graphviz_makes_pictures(kind: str, start: bytes, user: User, cli: Cli) -> None:
    target = user.root / "out"
    assert cli("graph", "--format", kind, "--output", str(target)) == (0, "", "")
    assert target.read_bytes().startswith(start)


def test_without_graphviz_a_picture_is_refused_with_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert cli("graph", "--format", "svg") == (
        2,
        "",
        "dispatch: For svg, the program dot of graphviz is needed, and it is not installed. "
        "Install graphviz, or take --format mermaid or dot.\n",
    )


def test_a_document_gets_its_generated_parts_made_anew(user: User, cli: Cli) -> None:
    parts = ("lifecycle", "settings", "exit-codes")
    user.write(
        {"d.md": "# T\n" + "".join(f"<!-- {p}:begin -->\nold\n<!-- {p}:end -->\n" for p in parts)}
    )
    document = user.root / "d.md"
    said = f"dispatch: {document} is current now\n"
    assert cli("graph", "--write", str(document)) == (0, "", said)
    texts = zip(parts, (lifecycle(), settings_table(), exit_codes()), strict=True)
    assert document.read_text() == "# T\n" + "".join(
        f"<!-- {part}:begin -->\n{text}\n<!-- {part}:end -->\n" for part, text in texts
    )
    said = f"dispatch: {document} was current\n"
    assert cli("graph", "--write", str(document)) == (0, "", said)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "# T\n",
            "has no place for what is generated. Put the lines <!-- lifecycle:begin --> and "
            "<!-- lifecycle:end --> where it belongs.",
        ),
        (
            "<!-- settings:begin -->\n",
            "has <!-- settings:begin -->, but not <!-- settings:end --> after it. "
            "Add <!-- settings:end -->",
        ),
    ],
)
def test_a_document_without_markers_is_left_alone(
    text: str, sentence: str, user: User, cli: Cli
) -> None:
    user.write({"d.md": text})
    document = user.root / "d.md"
    assert cli("graph", "--write", str(document)) == (2, "", f"dispatch: {document} {sentence}\n")
    assert document.read_text() == text
