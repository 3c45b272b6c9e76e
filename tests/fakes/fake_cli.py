"""A program that works through steps as an agent's would: run by file, with its steps as JSON.

``fake_cli.py STEPS [STEPS_WHEN_RESUMED]``: a list, or lists by words that the task holds; the task
it then remembers in its home.  Without the second it does the first again when it is resumed.
Only the standard library, for it runs in a sandbox.  What it was told, and what our tools reply, it
says as lines of its output.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

# What it says when an answer was accepted.
ACCEPTED = '{"reply": {"content": [{"type": "text", "text": "ok"}], "isError": false}}'
LATE = "import sys, time; time.sleep(float(sys.argv[1])); open(sys.argv[2], 'w').close()"


class Bridge:
    """The server of tools, started as the file of settings says."""

    def __init__(self) -> None:
        config = json.loads(Path(os.environ["DISPATCH_MCP_CONFIG"]).read_text(encoding="utf-8"))
        (server,) = config["mcpServers"].values()
        self.process = subprocess.Popen(
            [server["command"], *server["args"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.count = 0
        self.ask("initialize", {"protocolVersion": "2025-06-18"})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result, or the error, of one request."""
        self.count += 1
        self.send(method, params)
        assert self.process.stdout is not None
        while True:
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
            if answer.get("id") == self.count:
                return dict(answer.get("result") or answer["error"])

    def send(self, method: str, params: dict[str, Any]) -> None:
        """A request whose answer nobody waits for."""
        message = {"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}
        pipe: IO[bytes] | None = self.process.stdin
        assert pipe is not None
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()


def main(fresh: str, resumed: str = "") -> None:
    """Carry out every step in order."""
    steps = json.loads(resumed if "DISPATCH_RESUME" in os.environ and resumed else fresh)
    told = sys.stdin.read()
    _say(told=told)
    if isinstance(steps, dict):
        told = _remembered(told)
        steps = next(found for words, found in steps.items() if words in told)
    bridge: Bridge | None = None
    for name, value in steps:
        match name:
            case "event":
                print(json.dumps(value), flush=True)
            case "session":
                session = {"type": "session", "session": os.environ["DISPATCH_SESSION"]}
                print(json.dumps(session), flush=True)
            case "write":
                Path(value[0]).write_text(value[1], encoding="utf-8")
            case "tools" | "call" | "leave":
                bridge = bridge or Bridge()
                _ask(bridge, name, value)
            case "judge":
                bridge = bridge or Bridge()
                _ask(bridge, "call", _verdict(value, told))
            case "ask":
                _ask_model(value)
            case "variables":
                _say(variables={key: os.environ.get(key) for key in value})
            case _:
                _misbehave(name, value)


def _remembered(told: str) -> str:
    """What the session is about; there is none to resume where nothing was kept."""
    place = Path(os.environ["HOME"], os.environ["DISPATCH_SESSION"])
    if "DISPATCH_RESUME" not in os.environ:
        written = place.with_suffix(".new")
        written.write_text(told, encoding="utf-8")
        written.replace(place)
    return place.read_text(encoding="utf-8")


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def _ask(bridge: Bridge, name: str, value: Any) -> None:
    if name == "leave":  # a call, and away before it is answered
        bridge.send("tools/call", {"name": value[0], "arguments": value[1]})
        return
    method = "tools/list" if name == "tools" else "tools/call"
    params = {} if name == "tools" else {"name": value[0], "arguments": value[1]}
    _say(reply=bridge.ask(method, params))


def _ask_model(key_variable: str) -> None:
    """One request, as a program makes it that knows where its model is and what its key is called.

    It says what the provider answered, or why there was no answer.
    """
    request = urllib.request.Request(
        os.environ["DISPATCH_BASE_URL"] + "/chat/completions",
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "Go on."}]}).encode(),
        {"authorization": f"Bearer {os.environ[key_variable]}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            _say(status=answer.status, said=answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            _say(status=error.code, said=error.read().decode())


def _verdict(about: str, told: str) -> list[Any]:
    """Whatever it is, it is good."""
    tasks = sorted(set(re.findall(r"\b\d[a-z]+-[a-z]+\b", told)))
    if about == "task":
        return ["recordVerdict", {"taskId": tasks[0], "status": "pass", "findings": []}]
    level = int(re.findall(r"[Ll]evel (\d+)", told)[0])
    own = [task for task in tasks if task.startswith(str(level))]
    passed = {task: {"status": "pass", "findings": []} for task in own}
    return ["recordGateVerdict", {"level": level, "status": "pass", "perTask": passed}]


def _misbehave(name: str, value: Any) -> None:
    match name:
        case "hang":
            time.sleep(value)
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "orphan":  # writes a file long after its parent has gone
            subprocess.Popen(
                [sys.executable, "-c", LATE, str(value[0]), value[1]], start_new_session=True
            )
        case "flood":
            for _ in range(value):
                print("x" * 1000)
        case "half":
            sys.stdout.write(value)
            sys.stdout.flush()
        case "garbage":
            sys.stdout.buffer.write(b'\xff\xfe{"type":\n[]\nnull\n{"type": 7}\n')
            sys.stdout.flush()
        case "stdin":
            assert sys.stdin.read() == ""
        case "grumble":
            print(value, file=sys.stderr, flush=True)
        case "exit":
            sys.exit(value)
        case _:
            raise ValueError(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
