"""The wires that only vendors' programs speak."""

import json

import aiohttp

from dispatch.agents.scripted.script import Call, Reply, Request, Said, Script, When
from dispatch.agents.scripted.server import ScriptedServer

RESPONSES_BODY = {
    "model": "m",
    "stream": True,
    "instructions": "be",
    "input": [
        {"role": "developer", "content": [{"type": "input_text", "text": "good"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I"}]},
        {"type": "function_call", "call_id": "c", "name": "write_file", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "written"},
    ],
    "tools": [
        {"type": "function", "name": "exec_command"},
        {"type": "namespace", "name": "mcp__ours", "tools": [{"name": "submitOutput"}]},
    ],
}
GEMINI_BODY = {
    "systemInstruction": {"parts": [{"text": "be good"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "write_file", "args": {}}}]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "write_file", "response": {"output": "written"}}},
                {"text": "on"},
            ],
        },
    ],
    "tools": [{"functionDeclarations": [{"name": "write_file"}]}],
}
REPLY = Reply(text="done so", calls=(Call(name="mcp__ours__submitOutput", arguments={"a": 1}),))


async def asked(path: str, body: object, reply: Reply = REPLY) -> tuple[int, str, Request]:
    """What the server answers, and the request in normal form, without what is as it came."""
    script = Script()
    script.on("all", When(), reply)
    async with (
        ScriptedServer(script) as server,
        aiohttp.ClientSession() as session,
        session.post(server.url + path, json=body) as response,
    ):
        text = await response.text()
        (request,) = server.requests
        assert request.raw == body
        return response.status, text, request


def events(text: str) -> list[dict[str, object]]:
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_items_that_stand_together_are_one_message_of_the_models() -> None:
    _, _, request = await asked("/v1/responses", RESPONSES_BODY)
    assert (request.wire, request.model, request.system, request.turn) == (
        "responses",
        "m",
        "be\ngood",
        1,
    )
    assert request.messages == (
        Said(role="user", text="go"),
        Said(role="assistant", text="I"),
        Said(role="tool", text="written"),
    )
    assert request.tools == ("exec_command", "mcp__ours__submitOutput")


async def test_a_call_of_a_tool_in_a_namespace_names_both() -> None:
    _, text, _ = await asked("/v1/responses", RESPONSES_BODY)
    last = events(text)[-1]
    assert last["type"] == "response.completed"
    response = last["response"]
    assert isinstance(response, dict)
    assert response["output"][1] == {
        "type": "function_call",
        "id": "fc_call_1_0",
        "call_id": "call_1_0",
        "status": "completed",
        "namespace": "mcp__ours",
        "name": "submitOutput",
        "arguments": '{"a": 1}',
    }
    assert response["usage"]["total_tokens"] == 15
    streamed = [event["delta"] for event in events(text) if "delta" in event]
    assert "".join(map(str, streamed)) == 'done so{"a": 1}'


async def test_a_response_may_fail_after_it_began() -> None:
    reply = Reply(text="half", error="too busy", error_type="server_is_overloaded")
    _, text, _ = await asked("/v1/responses", RESPONSES_BODY, reply)
    response = events(text)[-1]["response"]
    assert isinstance(response, dict)
    assert response["error"] == {"code": "server_is_overloaded", "message": "too busy"}


async def test_a_conversation_with_gemini_has_the_normal_form_of_all() -> None:
    status, text, request = await asked(
        "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", GEMINI_BODY
    )
    assert status == 200
    assert (request.wire, request.system, request.tools) == ("gemini", "be good", ("write_file",))
    assert request.messages == (
        Said(role="user", text="go"),
        Said(role="assistant", text=""),
        Said(role="tool", text='{"output": "written"}'),
        Said(role="user", text="on"),
    )
    (event,) = events(text)
    assert event["usageMetadata"] == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 5,
        "cachedContentTokenCount": 0,
        "totalTokenCount": 15,
    }


async def test_gemini_answers_whole_where_the_address_says_so() -> None:
    fault = Reply(status=429, error="slow down", error_type="RESOURCE_EXHAUSTED")
    status, text, _ = await asked("/v1beta/models/gemini-x:generateContent", GEMINI_BODY, fault)
    assert status == 429
    assert json.loads(text) == {
        "error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down"}
    }
    _, text, _ = await asked("/v1beta/models/gemini-x:generateContent", GEMINI_BODY)
    assert json.loads(text)["candidates"] == [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "done so"},
                    {
                        "functionCall": {
                            "id": "call_1_0",
                            "name": "mcp__ours__submitOutput",
                            "args": {"a": 1},
                        }
                    },
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ]
