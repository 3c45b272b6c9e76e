import asyncio
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from dispatch.agents.scripted.script import (
    Call,
    Drip,
    Reply,
    Request,
    Said,
    Script,
    ScriptError,
    Tokens,
    When,
)
from dispatch.agents.scripted.server import ScriptedServer
from dispatch.agents.scripted.thread import ServerThread

OPENAI_BODY = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None},
        {"role": "tool", "content": [{"type": "text", "text": "written"}]},
        {"role": "tool", "content": "read"},
        {"role": "user", "content": "on"},
    ],
    "tools": [{"type": "function", "function": {"name": "write_file"}}],
}
ANTHROPIC_BODY = {
    "model": "m",
    "system": [{"type": "text", "text": "be good"}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "go"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "input": {}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "content": [{"type": "text", "text": "written"}]},
                {"type": "tool_result", "content": "read"},
                {"type": "text", "text": "on"},
            ],
        },
    ],
    "tools": [{"name": "write_file"}],
}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BODIES = {"openai": OPENAI_BODY, "anthropic": ANTHROPIC_BODY}


async def post(server: ScriptedServer, wire: str, **more: object) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + PATHS[wire], json={**BODIES[wire], **more}) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_requests_of_both_wires_have_one_normal_form(wire: str) -> None:
    script = Script()
    rule = script.on("all", When(), Reply())
    async with ScriptedServer(script) as server:
        await post(server, wire)
    (request,) = rule.requests
    assert server.requests == [request]
    assert request == Request(
        wire=wire,
        model="m",
        system="be good",
        messages=(
            Said(role="user", text="go"),
            Said(role="assistant", text=""),
            Said(role="tool", text="written"),
            Said(role="tool", text="read"),
            Said(role="user", text="on"),
        ),
        tools=("write_file",),
        headers=request.headers,
        raw=BODIES[wire],
    )
    assert request.headers["content-type"] == "application/json"


REPLY = Reply(
    text="ok",
    thinking="hm",
    calls=(Call(name="write_file", arguments={"path": "a"}),),
    usage=Tokens(input=10, output=5, cached=4),
)


async def test_a_plain_openai_reply_has_the_shape_of_the_api() -> None:
    script = Script()
    script.on("all", When(), REPLY)
    async with ScriptedServer(script) as server:
        status, body = await post(server, "openai")
    function = {"name": "write_file", "arguments": '{"path": "a"}'}
    message = {
        "role": "assistant",
        "content": "ok",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "call_1_0", "type": "function", "function": function}],
    }
    assert (status, json.loads(body)) == (
        200,
        {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        },
    )


async def test_a_plain_anthropic_reply_has_the_shape_of_the_api() -> None:
    script = Script()
    script.on("all", When(), REPLY)
    async with ScriptedServer(script) as server:
        status, body = await post(server, "anthropic")
    assert (status, json.loads(body)) == (
        200,
        {
            "id": "msg_scripted_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"},
                {"type": "text", "text": "ok"},
                {
                    "type": "tool_use",
                    "id": "toolu_1_0",
                    "name": "write_file",
                    "input": {"path": "a"},
                },
            ],
            "stop_reason": "tool_use",
            "usage": {
                "input_tokens": 6,
                "output_tokens": 5,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 0,
            },
        },
    )


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai", {"error": {"type": "t", "code": "t", "message": "slow"}}),
        ("anthropic", {"type": "error", "error": {"type": "t", "message": "slow"}}),
    ],
)
async def test_a_fault_has_its_status_and_the_error_shape_of_the_wire(
    wire: str, body: dict[str, object]
) -> None:
    script = Script()
    script.on("fault", When(), Reply(status=429, error="slow", error_type="t"))
    async with ScriptedServer(script) as server:
        status, text = await post(server, wire)
    assert (status, json.loads(text)) == (429, body)


async def test_an_unscripted_request_is_refused_and_fails_the_check() -> None:
    script = Script()
    script.on("other", When(model="other"), Reply())
    async with ScriptedServer(script) as server:
        status, text = await post(server, "openai")
        assert (status, "script: no rule matches" in text) == (400, True)
        with pytest.raises(ScriptError, match="no rule matches") as caught:
            server.check()
    assert "Rule 'other' was played 0 of 1 times." in caught.value.message


async def test_held_requests_are_provably_in_flight_and_go_in_the_order_the_test_says() -> None:
    script = Script()
    names = ("a", "b", "c")
    rules = {name: script.on(name, When(model=name), Reply(), held=True) for name in names}
    answered: list[str] = []
    async with ScriptedServer(script) as server:

        async def one(name: str) -> None:
            await post(server, "openai", model=name)
            answered.append(name)

        tasks = [asyncio.create_task(one(name)) for name in names]
        await asyncio.gather(*(rule.seen.wait() for rule in rules.values()))
        assert (server.open, answered) == (3, [])
        assert server.problems() == ("3 requests are still open.",)
        for name, task in zip("cba", reversed(tasks), strict=True):
            rules[name].go.set()
            await task
        await server.settled()
        server.check()
    assert answered == ["c", "b", "a"]


async def test_a_client_that_goes_away_is_noticed() -> None:
    script = Script()
    rule = script.on("held", When(), Reply(), held=True)
    async with ScriptedServer(script) as server:
        asking = asyncio.create_task(post(server, "openai"))
        await rule.seen.wait()
        asking.cancel()
        await asyncio.wait([asking])
        await server.settled()
        assert server.dropped == rule.requests


@pytest.mark.parametrize("cut", [0, 40])
async def test_a_cut_connection_is_an_error_of_the_client_and_none_of_the_script(cut: int) -> None:
    script = Script()
    script.on("cut", When(), Reply(text="x" * 100, cut=cut))
    async with ScriptedServer(script) as server:
        with pytest.raises(aiohttp.ClientError):
            await post(server, "openai", stream=True)
        await server.settled()
        server.check()
        assert server.dropped == []


async def test_a_dripped_reply_arrives_whole() -> None:
    script = Script()
    script.on("drip", When(), Reply(text="hällo", drip=Drip(bytes=100, seconds=0.001)))
    async with ScriptedServer(script) as server:
        status, text = await post(server, "openai")
    assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, "hällo")


async def test_a_server_in_a_thread_is_held_and_checked_from_outside() -> None:
    script = Script()
    script.on("held", When(), Reply(text="late"), held=True)
    with ServerThread(script) as server:

        async def ask() -> str:
            async with (
                aiohttp.ClientSession() as session,
                session.post(server.url + PATHS["openai"], json=OPENAI_BODY) as response,
            ):
                return await response.text()

        asking = asyncio.create_task(ask())
        await asyncio.to_thread(server.wait_seen, "held")
        assert not asking.done()
        server.release("held")
        assert json.loads(await asking)["choices"][0]["message"]["content"] == "late"
        server.settled()
        server.check()
        assert [request.last for request in server.requests] == ["on"]
        assert server.dropped == ()


def test_a_script_can_be_served_from_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("rules:\n  - name: never asked\n", encoding="utf-8")
    command = [sys.executable, "-m", "dispatch.agents.scripted", str(path)]
    done = subprocess.run(command, input="", capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith("http://127.0.0.1:")
    assert (done.returncode, done.stderr) == (1, "Rule 'never asked' was played 0 of 1 times.\n")
