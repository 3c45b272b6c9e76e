"""A stand-in for ``ax``: the runtime of June 2026, or, as ``GENERATION`` says, that of September.

The older one has one agent, which starts the server of tools that its input names and hands in what
``AX_ANSWER`` says, if anything.  As documented, it asks for another turn when one is over, which
fails without a terminal: exit code 1.  ``AX_DIES=1``: it is killed in the middle of the turn.
"""

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

STORE = "conversations"


def main(words: list[str]) -> int:
    """The exit code."""
    if os.environ.get("GENERATION") == "september":
        if words[:1] == ["version"]:
            print("ax v1.0.0")
            return 0
        print(f'Error: unknown command "{words[0]}" for "ax"', file=sys.stderr)
        return 1
    parser = ArgumentParser(prog="ax exec", allow_abbrev=False)
    for option in ("--agent", "--config", "--conversation", "--input", "--last-seq", "--server"):
        parser.add_argument(option, default="")
    parser.add_argument("--resume", action="store_true")
    if words[:1] != ["exec"]:
        return 2
    given = parser.parse_args(words[1:])
    place = Path(os.environ["HOME"]) / STORE / given.conversation
    if bool(given.input) == given.resume or given.server:
        print("Error: --input or --resume, on the server inside", file=sys.stderr)
        return 1
    if given.resume and not place.exists():
        print("Error: no input messages queued", file=sys.stderr)
        return 1
    if given.input:
        place.parent.mkdir(exist_ok=True)
        place.write_text(given.input, encoding="utf-8")
    return _turn(place.read_text(encoding="utf-8"))


def _turn(told: str) -> int:
    print("\x1b[1;34mcoder\x1b[0m seq=1", flush=True)
    if os.environ.get("AX_DIES"):
        os.kill(os.getpid(), signal.SIGKILL)
    headers = dict(line[1:].split("] ", 1) for line in told.split("\n\n")[0].splitlines())
    if answer := os.environ.get("AX_ANSWER"):
        _hand_in(json.loads(headers["tools"]), json.loads(answer))
    print(f"I worked in {headers['workspace']} with {headers['model']}.\nseq=2", flush=True)
    if sys.stdin.read():
        return 3
    print("Error: prompt: EOF", file=sys.stderr)
    return 1


def _hand_in(server: list[str], answer: object) -> None:
    call = {"name": "submitOutput", "arguments": answer}
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "x"}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    subprocess.run(server, input=lines, text=True, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
