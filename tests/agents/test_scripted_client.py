import asyncio
from pathlib import Path

import pytest
from attrs import evolve
from fakes.model_talk import ask, unheard

from dispatch.agents.executors.scripted_client import ScriptedClient, script_path
from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ToolCall,
    ToolReply,
    UserMessage,
)
from dispatch.agents.scripted.script import Call, Reply, Request, Said, Script, Tokens, When
from dispatch.state.work import Usage


def test_a_model_string_names_a_script_or_a_real_model() -> None:
    assert script_path("scripted:demo/plan.yaml") == Path("demo/plan.yaml")
    assert script_path("openai/gpt-5.2") is None


async def test_a_reply_becomes_a_turn_and_is_shown_as_it_streams() -> None:
    script = Script()
    reply = Reply(
        text="ok",
        thinking="hm",
        calls=(
            Call(name="write_file", arguments={"path": "ä"}),
            Call(name="no_tool", arguments='{"x', id="mine"),
        ),
        usage=Tokens(input=7, output=3, cached=2, usd=0.5),
    )
    script.on("write", When(tool="write_file", turn=0), reply)
    heard: list[Delta] = []
    turn = await ScriptedClient(script).complete(ask("scripted:x"), heard.append)
    assert turn == AssistantMessage(
        text="ok",
        thinking="hm",
        tool_calls=(
            ToolCall(id="call_0_0", name="write_file", arguments='{"path": "ä"}'),
            ToolCall(id="mine", name="no_tool", arguments='{"x'),
        ),
        finish_reason="tool_calls",
        usage=Usage(turns=1, input_tokens=7, output_tokens=3, cached_tokens=2, cost_usd=0.5),
    )
    assert heard == [Delta(kind="thinking", text="hm"), Delta(kind="text", text="ok")]


async def test_the_script_sees_the_conversation_in_the_same_form_as_over_http() -> None:
    script = Script()
    rule = script.on("second", When(turn=1, last_contains=("written",)), Reply(usage=None))
    request = ask(
        "scripted:x",
        UserMessage(text="go"),
        AssistantMessage(text="ok"),
        ToolReply(call_id="c", name="write_file", content="written"),
    )
    turn = await ScriptedClient(script).complete(request, unheard)
    assert turn == AssistantMessage(usage=Usage(turns=1, cost_usd=None))
    assert rule.requests == [
        Request(
            wire="process",
            model="scripted:x",
            system="You write files.",
            messages=(
                Said(role="user", text="go"),
                Said(role="assistant", text="ok"),
                Said(role="tool", text="written"),
            ),
            tools=("write_file",),
        )
    ]


@pytest.mark.parametrize(
    ("reply", "kind", "retry_after"),
    [
        (Reply(status=429, error="slow", headers={"retry-after": "7"}), "overload", 7.0),
        (Reply(status=429, error_type="insufficient_quota", error="spent"), "quota", None),
        (Reply(status=401, error="bad key"), "auth", None),
        (Reply(error="Overloaded"), "overload", None),
        (Reply(cut=0), "transport", None),
    ],
)
async def test_a_fault_in_the_script_is_the_error_it_would_be_over_http(
    reply: Reply, kind: str, retry_after: float | None
) -> None:
    script = Script()
    script.on("fault", When(), reply)
    with pytest.raises(ModelError) as caught:
        await ScriptedClient(script).complete(ask("scripted:x"), unheard)
    assert (caught.value.kind, caught.value.retry_after) == (ModelErrorKind(kind), retry_after)
    assert caught.value.usage == (None if reply.status == 200 else Usage())


async def test_the_worst_that_a_script_can_use_is_that_of_its_dearest_answer() -> None:
    script = Script()
    script.on("long", When(turn=0), Reply(usage=Tokens(input=900, output=5, usd=0.25)))
    script.on("dear", When(turn=1), Reply(usage=Tokens(input=10, output=50, usd=0.5)))
    worst = Usage(turns=1, input_tokens=900, output_tokens=50, cost_usd=0.5)
    assert await ScriptedClient(script).worst(ask("scripted:x"), 7) == worst
    script.on("unpriced", When(turn=2), Reply(usage=Tokens(usd=None)))
    unpriced = evolve(worst, cost_usd=None)
    assert await ScriptedClient(script).worst(ask("scripted:x"), 7) == unpriced


async def test_a_request_that_no_rule_meets_is_refused_with_a_description() -> None:
    with pytest.raises(ModelError, match="script: no rule matches") as caught:
        await ScriptedClient(Script()).complete(ask("scripted:x"), unheard)
    assert caught.value.kind is ModelErrorKind.REFUSED


async def test_a_held_reply_waits_and_can_be_cancelled() -> None:
    script = Script()
    rule = script.on("held", When(), Reply(), held=True)
    turn = asyncio.create_task(ScriptedClient(script).complete(ask("scripted:x"), unheard))
    await rule.seen.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
