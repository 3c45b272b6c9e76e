"""``dispatch logs`` and ``run --json``: what happened, for people and scripts."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.asking_run import Asking
from fakes.child_program import LIMIT_SECONDS, until
from fakes.git_repos import User
from fakes.legal_events import legal_events

from dispatch.commands.logs import MAX_VALUE, shown
from dispatch.state.event_log import EVENTS
from dispatch.state.lock import LOCK

Cli = Callable[..., tuple[int, str, str]]

EVENTS_OF_A_RUN: tuple[dict[str, Any], ...] = (
    {"type": "run.started", "run": "r", "resumed": False, "process": 7, "status": "planning"},
    {"type": "attempt.started", "attempt": "plan.planner.1", "role": "planner", "task": None},
    {"type": "turn.completed", "attempt": "plan.planner.1", "turn": 1},
    {"type": "task.started", "task": "1a-x"},
    {"type": "attempt.started", "attempt": "1a-x-dev-1.greybeard.1", "task": "1a-x"},
    {"type": "tool.called", "attempt": "1a-x-dev-1.greybeard.1", "tool": "grep", "ok": True},
    {"type": "task.started", "task": "1a-x-y"},
    {"type": "failure.attributed", "tasks": ["1a-x-y", "1a-x"], "cause": "task"},
)


@pytest.fixture
def told(user: User) -> Path:
    """The folder of a run that told all these events."""
    folder = user.root / "dispatch" / "r"
    folder.mkdir(parents=True)
    (folder / LOCK).touch()
    head = {"v": 1, "ts": "T"}
    lines = [{**head, "seq": n, **event} for n, event in enumerate(EVENTS_OF_A_RUN, 1)]
    (folder / EVENTS).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


@pytest.fixture
def published_events() -> None:
    """These are shorter than real ones."""


def numbers(out: str) -> list[int]:
    return [json.loads(line)["seq"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ((), [1, 2, 3, 4, 5, 6, 7, 8]),
        (("--since", "6"), [7, 8]),
        (("--task", "1a-x"), [4, 5, 6, 8]),
        (("--task", "1a-x-y"), [7, 8]),
        (("--role", "greybeard"), [5, 6]),
        (("--role", "planner", "--since", "2"), [3]),
        (("--task", "1a-x", "--role", "greybeard", "-f"), [5, 6]),
        (("--task", "other"), []),
    ],
)
def test_only_what_is_asked_for_is_shown(
    cli: Cli, told: Path, arguments: tuple[str, ...], seen: list[int]
) -> None:
    """An attempt belongs to the task that its first event names."""
    code, out, err = cli("logs", "r", "--json", *arguments)
    assert (code, numbers(out)) == (0, seen)
    assert err == ("" if seen else "dispatch: no event is as you asked for.\n")


def test_people_get_a_line_for_each_event(cli: Cli, told: Path) -> None:
    code, out, err = cli("logs", "r", "--since", "5")
    assert (code, out, err) == (
        0,
        "     6  T  tool.called            attempt=1a-x-dev-1.greybeard.1 tool=grep ok=yes\n"
        "     7  T  task.started           task=1a-x-y\n"
        "     8  T  failure.attributed     tasks=1a-x-y,1a-x cause=task\n",
        "",
    )


def test_nothing_that_a_terminal_acts_on_is_in_a_line() -> None:
    """[W-24] Whatever an agent put into a name or a message."""
    event = {
        "seq": 1,
        "ts": "T\x1b[2J",
        "type": "a.b",
        "message": "one\n\x1b]0;t\x07two\u202e",
        "ke\x9by": [],
        "long": "x" * 1000,
    }
    assert shown(event) == (
        '     1  T  a.b                    message="one two" key=- long='
        + "x" * (MAX_VALUE - 1)
        + "…"
    )


def test_a_run_that_has_told_nothing_and_one_that_is_not_there(cli: Cli, told: Path) -> None:
    (told / EVENTS).unlink()
    assert cli("logs", "r") == (0, "", "dispatch: run r has told nothing yet.\n")
    code, out, err = cli("logs", "q")
    assert (code, out) == (2, "")
    assert "There is no run q in " in err
    code, _, err = cli("logs", "r", "--role", "boss")
    assert code == 2
    assert "'boss'" in err


def test_a_run_is_followed_to_its_end_while_it_prints_the_same_itself(run: Asking) -> None:
    """Also its refusals: stdout has events and nothing else."""
    with run.program.started("run", "r", "--json") as worker:
        until(run.is_at_work)
        refused = run.program.run("run", "r", "--json")
        assert (refused.code, refused.out) == (5, "")
        with (
            run.program.started("logs", "r", "-f", "--json") as follower,
            run.program.started("logs", "r", "--follow", "--task", "1a-z") as reader,
        ):
            run.go.touch()
            ended, followed, read = worker.wait(), follower.wait(), reader.wait()
    events = legal_events(run.folder)
    assert (ended.code, followed.code, read.code) == (0, 0, 0)
    assert ended.out == followed.out == (run.folder / EVENTS).read_text()
    assert events[-1]["outcome"] == "done"
    assert events[-1]["report"] == str(run.folder / "report.md")
    assert " task.completed         task=1a-z commit=" in read.out
    again = run.program.run("run", "r", "--json")
    assert (again.code, again.out) == (0, ended.out.splitlines(keepends=True)[-1])
    assert legal_events(run.folder) == events


def test_who_stops_reading_events_stops_nothing(run: Asking) -> None:
    """Neither the run nor its exit code."""
    run.go.touch()
    words = [
        sys.executable,
        "-P",
        "-m",
        "dispatch",
        "run",
        "r",
        "--json",
        "--repo",
        str(run.user.root),
    ]
    with subprocess.Popen(
        words,
        env=run.program.environment(),
        cwd=run.user.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.stdout.close()
        code = process.wait(LIMIT_SECONDS)
    events = legal_events(run.folder)
    assert (code, events[0], events[-1]["outcome"]) == (0, first, "done")


def test_after_a_kill_a_follower_ends_and_the_numbers_go_on(run: Asking) -> None:
    with run.program.started("run", "r") as worker:
        until(run.is_at_work)
        with run.program.started("logs", "r", "-f", "--json") as follower:
            worker.kill()
            followed = follower.wait()
    assert followed.code == 0
    before = (run.folder / EVENTS).read_text()
    assert followed.out == before
    with (run.folder / EVENTS).open("a") as file:
        file.write('{"v":1,"seq":99,"ty')
    run.go.touch()
    ended = run.program.run("run", "r", "--json")
    assert ended.code == 0, ended.err
    events = legal_events(run.folder)
    assert (run.folder / EVENTS).read_text() == before + ended.out
    started = [event for event in events if event["type"] == "run.started"]
    assert [(event["resumed"], event["status"]) for event in started] == [
        (False, "planning"),
        (True, "executing"),
    ]
    since = run.program.run("logs", "r", "--json", "--since", str(numbers(before)[-1]))
    assert since.out == ended.out
