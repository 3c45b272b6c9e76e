"""A server of tools with one tool, for tests of programs that start one: ``FILE`` gets the answer.

``python hand_off_server.py FILE TOOL``: newline-delimited JSON-RPC.  The answer needs a ``summary``
that is a text; the first one that has it is written by rename, and no other.
"""

import json
import sys
from pathlib import Path

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary"],
    "properties": {"summary": {"type": "string"}, "note": {"type": "string"}},
}
WRONG = "rejected: summary is missing"
ACCEPTED = "accepted, stop now"


def main(place: Path, tool: str) -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            answer = _answer(message.get("method"), message.get("params") or {}, place, tool)
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)


def _answer(method: str, params: dict[str, object], place: Path, tool: str) -> dict[str, object]:
    if method == "initialize":
        return {
            "result": {
                "protocolVersion": params.get("protocolVersion"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "test", "version": "0"},
            }
        }
    if method == "tools/list":
        listed = {"name": tool, "description": "Hands in.", "inputSchema": SCHEMA}
        return {"result": {"tools": [listed]}}
    if method == "tools/call":
        given = params.get("arguments")
        fits = isinstance(given, dict) and isinstance(given.get("summary"), str)
        if fits and not place.exists():
            written = place.with_suffix(".new")
            written.write_text(json.dumps(given), encoding="utf-8")
            written.replace(place)
        text = ACCEPTED if fits else WRONG
        return {"result": {"isError": not fits, "content": [{"type": "text", "text": text}]}}
    if method == "ping":
        return {"result": {}}
    return {"error": {"code": -32601, "message": f"no method {method}"}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
