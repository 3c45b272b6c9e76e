"""The server of tools: what it answers, and what it makes of those who do not keep to the rules."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field

from dispatch.agents.delegated.mcp import MAX_CALLS_AT_A_TIME, MAX_LINE_BYTES, VERSIONS, serve
from dispatch.agents.model import ToolSpec
from dispatch.agents.tools import ToolResult

SPEC = ToolSpec(name="echo", description="Says it again.", parameters={"type": "object"})


@define
class Echo:
    """A tool that waits for ``go`` and says its arguments."""

    go: asyncio.Event = field(factory=asyncio.Event)
    specs: tuple[ToolSpec, ...] = (SPEC,)
    changes_nothing: bool = True
    calls: int = 0

    async def call(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """The arguments."""
        self.calls += 1
        await self.go.wait()
        return ToolResult(json.dumps(arguments))


@define
class Line:
    """The other end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    served: "asyncio.Task[None]"

    def send(self, *messages: object) -> None:
        """Send messages, or bytes as they are."""
        for each in messages:
            self.writer.write(each if isinstance(each, bytes) else json.dumps(each).encode())
            self.writer.write(b"\n")

    async def answer(self) -> dict[str, Any]:
        """The next answer."""
        value: dict[str, Any] = json.loads(await self.reader.readline())
        return value


@asynccontextmanager
async def line(echo: Echo) -> AsyncIterator[Line]:
    """A connection to the server."""
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=near, limit=MAX_LINE_BYTES)
    served = asyncio.ensure_future(
        serve(*await asyncio.open_connection(sock=far, limit=MAX_LINE_BYTES), echo, "1.2.3")
    )
    try:
        yield Line(reader, writer, served)
    finally:
        writer.close()
        echo.go.set()
        await served


def call(number: int, **params: object) -> dict[str, object]:
    """A call of the tool."""
    params = {"name": "echo", "arguments": {"n": number}, **params}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


async def test_a_client_is_greeted_and_shown_the_tools() -> None:
    async with line(Echo()) as client:
        client.send(
            {"jsonrpc": "2.0", "id": 1, "method": "server/discover"},
            {"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {}},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": "x", "method": "tools/list"},
        )
        assert await client.answer() == {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {"code": -32601, "message": "there is no method 'server/discover'"},
        }
        assert (await client.answer())["result"] == {
            "protocolVersion": VERSIONS[-1],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "dispatch", "version": "1.2.3"},
        }
        assert await client.answer() == {
            "jsonrpc": "2.0",
            "id": "x",
            "result": {
                "tools": [
                    {
                        "name": "echo",
                        "description": "Says it again.",
                        "inputSchema": {"type": "object"},
                        "annotations": {"readOnlyHint": True, "openWorldHint": False},
                    }
                ]
            },
        }


async def test_others_are_answered_while_a_call_takes_its_time() -> None:
    echo = Echo()
    async with line(echo) as client:
        client.send(call(1), {"jsonrpc": "2.0", "id": 2, "method": "ping"})
        assert await client.answer() == {"jsonrpc": "2.0", "id": 2, "result": {}}
        echo.go.set()
        content = [{"type": "text", "text": '{"n": 1}'}]
        assert (await client.answer())["result"] == {"content": content, "isError": False}


async def test_a_call_is_carried_out_although_its_asker_has_gone() -> None:
    echo = Echo()
    async with line(echo) as client:
        client.send(call(1))
        client.writer.close()
        await client.writer.wait_closed()
        echo.go.set()
        await client.served
    assert echo.calls == 1


async def test_what_is_no_request_is_told_and_the_rest_goes_on() -> None:
    echo = Echo()
    echo.go.set()
    async with line(echo) as client:
        client.send(b"{half", [1], call(3, name="rm"), call(4, arguments=[1]), call(5))
        codes = [(await client.answer()).get("error", {}).get("code") for _ in range(5)]
    assert codes == [-32700, -32700, -32602, -32602, None]
    assert echo.calls == 1


async def test_lines_and_calls_are_bounded() -> None:
    echo = Echo()
    async with line(echo) as client:
        client.send(*(call(number) for number in range(MAX_CALLS_AT_A_TIME + 1)))
        refused = await client.answer()
        assert (refused["id"], refused["error"]["code"]) == (MAX_CALLS_AT_A_TIME, -32600)
        echo.go.set()
        for _ in range(MAX_CALLS_AT_A_TIME):
            await client.answer()
        client.send(b"x" * (MAX_LINE_BYTES + 1))
        assert (await client.answer())["error"]["code"] == -32600
        await client.served
