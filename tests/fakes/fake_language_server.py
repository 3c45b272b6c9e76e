"""A language server with one trait: ``fake_language_server.py TRAIT``, run by file.

Only the standard library, for it runs in a sandbox.  An honest one finds an error in each line of a
file that holds the word ``wrong``, a warning for ``odd``, and knows where ``name`` is.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

TRAIT = sys.argv[1] if __name__ == "__main__" else ""
HOSTILE = "\x1b]0;title\x07bad\x00 \u202etxt\nline two " + "x" * 2000


def main() -> None:
    """Answer until the input ends."""
    match TRAIT:
        case "hangs":
            threading.Event().wait()
        case "deaf":  # greets, then reads nothing more
            greet(read())
            threading.Event().wait()
        case "dies":
            sys.exit(3)
        case "garbage":
            write_bytes(b"Usage: language-server [options]\r\n" * 1000)
            threading.Event().wait()
        case "giant":
            write_bytes(b"Content-Length: 99999999999\r\n\r\n")
            threading.Event().wait()
        case "not-json":
            write_bytes(b"Content-Length: 5\r\n\r\n[[[[[")
            threading.Event().wait()
        case "deep":
            body = b'{"a":' * 400 + b"1" + b"}" * 400
            write_bytes(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) * 3)
            threading.Event().wait()
        case "floods":
            while True:
                write_bytes(framed({"method": "window/logMessage", "params": {"x": "y" * 100_000}}))
        case "asks":
            greet(read())
            number = 0
            while True:
                number += 1
                write({"id": number, "method": "workspace/applyEdit", "params": {}})
        case _:
            while True:
                answer(read())


def answer(message: dict[str, Any]) -> None:
    """Do what one message wants."""
    params = message.get("params") or {}
    document = params.get("textDocument", {})
    match message.get("method"):
        case "initialize":
            greet(message)
        case "textDocument/didOpen":
            publish(document["uri"], document["version"], document["text"])
        case "textDocument/didChange":
            text = params["contentChanges"][0]["text"]
            publish(document["uri"], document["version"], text)
        case "textDocument/definition" | "textDocument/references":
            result: object = [{"uri": document["uri"], "range": span(0, 4)}]
            if TRAIT == "odd-answers":
                result = [7, {"uri": "file://["}, {"range": span(0, 0)}, {"uri": "x", "range": 1}]
            write({"id": message["id"], "result": result})
        case "textDocument/hover":
            at = params["position"]
            said = f"at {at['line']}:{at['character']} " + (
                "\x1b[31m" if TRAIT == "hostile" else ""
            )
            write({"id": message["id"], "result": {"contents": {"value": said}}})
        case "textDocument/documentSymbol":
            inner = {"name": "inner", "kind": 6, "selectionRange": span(1, 0)}
            outer = {"name": "outer", "kind": 5, "selectionRange": span(0, 0), "children": [inner]}
            write({"id": message["id"], "result": [outer]})
        case str() if "id" in message:
            write({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
        case _:
            pass


def greet(message: dict[str, Any]) -> None:
    """Say that we are there."""
    write({"id": message["id"], "result": {"capabilities": {}}})


def publish(uri: str, version: int, text: str) -> None:
    """Say what is wrong with a text."""
    if TRAIT == "silent":
        return
    if TRAIT == "dies-at-work":
        sys.exit(4)
    found: list[object] = []
    for number, line in enumerate(text.split("\n")):
        if "wrong" in line:
            found.append({"range": span(number, 0), "severity": 1, "message": line, "code": "E1"})
        if "odd" in line:
            found.append({"range": span(number, 0), "severity": 2, "message": "odd"})
    if TRAIT == "hostile":
        found = [
            *({"range": span(n, 0), "severity": 1, "message": HOSTILE} for n in range(30)),
            {"range": {"start": {"line": -5, "character": 10**30}}, "message": "half \ud800"},
            *(7, None, {"message": "nowhere"}, {"range": span(0, 0), "message": {"a": 1}}),
        ]
    write(
        {
            "method": "textDocument/publishDiagnostics",
            "params": {"uri": uri, "version": version, "diagnostics": found},
        }
    )


def span(line: int, character: int) -> dict[str, Any]:
    """A range that begins there."""
    place = {"line": line, "character": character}
    return {"start": place, "end": place}


def read() -> dict[str, Any]:
    """The next message; the end of the program at the end of the input."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        length = int(line.split(b":")[1])
    if not length:
        sys.exit(0)
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(length))
    return message


def write(message: dict[str, Any]) -> None:
    """Send one message."""
    write_bytes(framed(message))


def framed(message: dict[str, Any]) -> bytes:
    """A message as it is sent."""
    data = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(data), data)


def write_bytes(data: bytes) -> None:
    """Send bytes."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def argv(trait: str) -> tuple[str, ...]:
    """The words that start this program."""
    return (sys.executable, "-I", str(Path(__file__)), trait)


if __name__ == "__main__":
    main()
