"""Tools offered by the Model Context Protocol: JSON-RPC, a message a line, over two streams.

Only what a server of tools needs: ``initialize``, ``ping``, ``tools/list`` and ``tools/call``.
Whoever is at the other end is not trusted: lines, calls at a time and connections are bounded.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ..executors.schema import portable
from ..model import ToolSpec
from ..tools import ToolResult

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_CALLS_AT_A_TIME: Final = 32
PROGRESS_SECONDS: Final = (
    15.0  # between signs of life of a long call, for clients that ask for them
)
VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")  # the newest last

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602

JsonObject = Mapping[str, object]


class Offer(Protocol):
    """Tools, and what calls of them give."""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """Every tool."""
        ...

    @property
    def changes_nothing(self) -> bool:
        """Whether calls leave everything as it is, so that nobody has to be asked about them."""
        ...

    async def call(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call of a tool that is there."""
        ...


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, offer: Offer, version: str
) -> None:
    """Answer until the other side has no more to ask; ``version`` is the program's.

    ``reader`` needs MAX_LINE_BYTES as its limit.  A call whose asker has gone is still seen to its
    end: what it handed in counts.
    """
    line = _Line(writer)
    calls = set[asyncio.Task[None]]()
    with contextlib.suppress(OSError):
        while True:
            try:
                text = await reader.readline()
            except ValueError:
                await line.error(None, INVALID_REQUEST, f"more than {MAX_LINE_BYTES} bytes a line")
                break
            if not text:
                break
            message = _message(text)
            if message is None:
                await line.error(None, PARSE_ERROR, "not a JSON object")
            elif message.get("method") != "tools/call":
                await _answer(line, message, offer, version)
            elif len(calls) >= MAX_CALLS_AT_A_TIME:
                await line.error(message.get("id"), INVALID_REQUEST, "too many calls at a time")
            else:
                task = asyncio.ensure_future(_call(line, message, offer))
                calls.add(task)
                task.add_done_callback(calls.discard)
    if calls:
        await asyncio.gather(*calls, return_exceptions=True)
    writer.close()


class _Line:
    """The way back; a message is written whole, and not at all once nobody listens."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, **message: object) -> None:
        with contextlib.suppress(OSError):
            text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=True)
            self._writer.write(text.encode("ascii") + b"\n")
            await self._writer.drain()

    async def result(self, asked: object, result: JsonObject) -> None:
        await self.send(id=asked, result=result)

    async def error(self, asked: object, code: int, message: str) -> None:
        await self.send(id=asked, error={"code": code, "message": message})


async def _answer(line: _Line, message: JsonObject, offer: Offer, version: str) -> None:
    asked, method = message.get("id"), message.get("method")
    if asked is None:
        return  # a notification, or an answer to what we never ask
    match method:
        case "initialize":
            wanted = _object(message.get("params")).get("protocolVersion")
            result: JsonObject = {
                "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[-1],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "dispatch", "version": version},
            }
            await line.result(asked, result)
        case "ping":
            await line.result(asked, {})
        case "tools/list":
            await line.result(asked, {"tools": [_tool(each, offer) for each in offer.specs]})
        case _:
            await line.error(asked, METHOD_NOT_FOUND, f"there is no method {str(method)[:80]!r}")


def _tool(spec: ToolSpec, offer: Offer) -> JsonObject:
    return {
        "name": spec.name,
        "description": spec.description,
        "inputSchema": portable(spec.parameters),
        "annotations": {"readOnlyHint": offer.changes_nothing, "openWorldHint": False},
    }


async def _call(line: _Line, message: JsonObject, offer: Offer) -> None:
    asked, params = message.get("id"), _object(message.get("params"))
    name, arguments = params.get("name"), params.get("arguments", {})
    known = [spec.name for spec in offer.specs]
    if not isinstance(name, str) or name not in known:
        what = f"there is no tool {str(name)[:80]!r}; the tools are: {', '.join(known)}"
        await line.error(asked, INVALID_PARAMS, what)
        return
    if not isinstance(arguments, dict):
        await line.error(asked, INVALID_PARAMS, "the arguments have to be an object")
        return
    token = _object(params.get("_meta")).get("progressToken")
    signs = None if token is None else asyncio.ensure_future(_signs_of_life(line, token))
    try:
        result = await offer.call(name, arguments)
    finally:
        if signs is not None:
            signs.cancel()
    content = [{"type": "text", "text": result.content}]
    await line.result(asked, {"content": content, "isError": result.is_error})


async def _signs_of_life(line: _Line, token: object) -> None:
    """Bounded by the call, which ends it."""
    progress = 0
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        progress += 1
        params = {"progressToken": token, "progress": progress}
        await line.send(method="notifications/progress", params=params)


def _message(text: bytes) -> JsonObject | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
