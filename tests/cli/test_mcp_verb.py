"""Runs started, watched and answered by another program, by MCP on the standard streams."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from fakes.asking_run import Asking, asking
from fakes.child_program import LIMIT_SECONDS, until

from dispatch.state.enums import RunStatus
from dispatch.state.errors import ExitCode


@define
class Client:
    """A program that speaks to ``dispatch mcp``."""

    popen: "subprocess.Popen[bytes]"
    count: int = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one request."""
        self.count += 1
        message = {"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(json.dumps(message).encode() + b"\n")
        self.popen.stdin.flush()
        answer: dict[str, Any] = json.loads(self.popen.stdout.readline())
        assert answer["id"] == self.count
        return answer

    def call(self, name: str, **arguments: Any) -> tuple[str, bool]:
        """What a tool said, and whether it refused."""
        result = self.ask("tools/call", name=name, arguments=arguments)["result"]
        return result["content"][0]["text"], result["isError"]


@pytest.fixture
def run(tmp_path: Path) -> Asking:
    """A run that asks one question."""
    return asking(tmp_path, ("x",))


@pytest.fixture
def client(run: Asking) -> Iterator[Client]:
    """A program at the other end."""
    popen = subprocess.Popen(
        [sys.executable, "-P", "-m", "dispatch", "mcp", "--repo", run.user.root],
        cwd=run.user.home,
        env=run.program.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Client(popen)
    finally:
        popen.kill()
        popen.wait(LIMIT_SECONDS)
        for pipe in (popen.stdin, popen.stdout):
            if pipe is not None:
                pipe.close()


def test_a_run_is_started_watched_answered_and_reported(run: Asking, client: Client) -> None:
    """It goes on by itself, and waits for nobody who is not there."""
    began = client.ask("initialize", protocolVersion="2025-06-18")["result"]
    assert began["protocolVersion"] == "2025-06-18"
    tools = client.ask("tools/list")["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["start", "status", "events", "answer", "report"]
    assert not any(tool["annotations"]["readOnlyHint"] for tool in tools)
    text, is_error = client.call("start", run="r")
    assert not is_error, text
    assert json.loads(text)["run"] == "r"
    until(lambda: run.open() == ["1a-x-dev-1"])
    until(lambda: not run.survivors())
    assert "1a-x-dev-1" in client.call("status", run="r")[0]
    assert "1a-x-dev-1" in client.call("answer", run="r")[0]
    text, is_error = client.call("answer", run="r", id="1a-x-dev-1", answer="maybe")
    assert (is_error, "maybe" in text) == (True, True)
    assert not client.call("answer", run="r", id="1a-x-dev-1", answer="continue")[1]
    until(lambda: client.call("start", run="r")[1] is False)
    until(lambda: run.run.status is RunStatus.DONE and (run.folder / "report.md").exists())
    assert "1a-x" in client.call("report", run="r")[0]


def test_events_are_those_after_the_last_one_that_is_known(run: Asking, client: Client) -> None:
    assert run.program.run("run", "r", "--no-wait").code == ExitCode.WAITING
    lines = (run.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    with (run.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"seq": 99')
    assert client.call("events", run="r")[0].splitlines() == lines
    assert client.call("events", run="r", since=len(lines) - 2)[0].splitlines() == lines[-2:]
    assert client.call("events", run="r", since=len(lines)) == ("", False)


def test_what_a_verb_refuses_is_refused_in_its_words(run: Asking, client: Client) -> None:
    assert "There is no run nobody" in client.call("status", run="nobody")[0]
    text, is_error = client.call("start", run="status")
    assert (is_error, f"(exit code {ExitCode.USAGE.value})" in text) == (True, True)
    said, refused = client.call("report", run="--help")
    assert (said[:35], refused) == ("A run cannot be named '--help': a n", True)
    assert client.call("events", run="r", since=-1)[1]
    error = client.ask("tools/call", name="rm", arguments={})["error"]
    assert error["message"].startswith("there is no tool 'rm'; the tools are: start, status")
    assert client.ask("resources/list")["error"]["code"] == -32601


def test_it_ends_with_its_input_and_has_nothing_to_say_of_it(run: Asking) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "dispatch", "mcp", "--repo", run.user.root],
        cwd=run.user.home,
        env=run.program.environment(),
        input=b"",
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_without_pipes_it_says_in_one_line_how_it_is_meant(run: Asking) -> None:
    """Also on ``/dev/null``, on which the event loop cannot wait."""
    ended = run.program.run("mcp")
    assert (ended.code, ended.err.count("\n")) == (ExitCode.USAGE, 1)
    assert "speaks to a program through pipes" in ended.err
