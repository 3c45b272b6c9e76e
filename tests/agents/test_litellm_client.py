import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from fakes.model_talk import WRITE, ask, unheard

from dispatch.agents.executors.litellm_client import (
    LitellmClient,
    cost_at,
    known_model,
    known_price,
    missing_key,
)
from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ModelRequest,
    ToolCall,
    ToolReply,
    UserMessage,
)
from dispatch.agents.scripted.script import Call, Drip, Reply, Script, Tokens, When
from dispatch.agents.scripted.server import ScriptedServer
from dispatch.state.config import Price, Provider
from dispatch.state.work import Usage

# litellm silences these when it is imported; pytest resets the filters before each test.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the .* on the instance is deprecated"),
    pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier"),
]

KEY = "sk-test-0123456789"
MODELS = {"openai": "gpt-5.2", "anthropic": "claude-opus-4-5"}
PREFIXES = {"openai": "call", "anthropic": "toolu"}
wires = pytest.mark.parametrize("wire", ["openai", "anthropic"])


class Endpoint:
    """A scripted provider and clients that talk to it."""

    def __init__(self, script: Script, server: ScriptedServer) -> None:
        self.script = script
        self.server = server

    def client(
        self,
        wire: str,
        prices: dict[str, Price] | None = None,
        *,
        idle_timeout: float = 10.0,
        total_timeout: float = 20.0,
        base: str = "/v1",
    ) -> LitellmClient:
        provider = Provider(base_url=self.server.url + base, adapter=wire)
        return LitellmClient(provider, KEY, prices or {}, idle_timeout, total_timeout)

    async def ask(self, wire: str, reply: Reply, request: ModelRequest) -> AssistantMessage:
        """One turn that meets one reply."""
        self.script.on(f"turn {len(self.server.requests)}", When(), reply)
        return await self.client(wire).complete(request, unheard)

    def sent(self) -> dict[str, object]:
        """The body of the last request."""
        return dict(self.server.requests[-1].raw)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    script = Script()
    async with ScriptedServer(script) as server:
        yield Endpoint(script, server)
        await LitellmClient(None, None, {}).aclose()
        await server.settled()
        server.check()


@wires
async def test_a_turn_with_text_and_parallel_calls_comes_back_as_it_was_sent(
    endpoint: Endpoint, wire: str
) -> None:
    """[performance.md 12.2] Some versions of litellm fail at every call that has tools."""
    calls = tuple(
        Call(name="write_file", arguments={"path": path}) for path in ("a.py", "ü.py", "c.py")
    )
    reply = Reply(
        text="I write three. " * 20,
        calls=calls,
        usage=Tokens(input=1000, output=100, cached=400),
    )
    endpoint.script.on("three", When(tool="write_file", turn=0), reply)
    heard: list[Delta] = []
    turn = await endpoint.client(wire).complete(ask(MODELS[wire]), heard.append)
    costs = {  # per token: fresh, cached, output
        "openai": 600 * 1.75e-6 + 400 * 0.175e-6 + 100 * 14e-6,
        "anthropic": 600 * 5e-6 + 400 * 0.5e-6 + 100 * 25e-6,
    }
    assert turn.usage.cost_usd == pytest.approx(costs[wire])
    assert turn == AssistantMessage(
        text="I write three. " * 20,
        tool_calls=tuple(
            ToolCall(
                id=f"{PREFIXES[wire]}_0_{place}",
                name="write_file",
                arguments=f'{{"path": "{path}"}}',
            )
            for place, path in enumerate(("a.py", "ü.py", "c.py"))
        ),
        finish_reason="tool_calls",
        usage=Usage(
            turns=1,
            input_tokens=1000,
            output_tokens=100,
            cached_tokens=400,
            cost_usd=turn.usage.cost_usd,
        ),
    )
    assert len(heard) > 1
    assert "".join(delta.text for delta in heard) == turn.text


async def test_signed_thinking_goes_back_unchanged_and_the_prompt_is_marked_for_caching(
    endpoint: Endpoint,
) -> None:
    thinking = "Let me think about ü. " * 10
    reply = Reply(text="ok", thinking=thinking, calls=(Call(name="write_file"),))
    model = MODELS["anthropic"]
    first = await endpoint.ask("anthropic", reply, ask(model))
    block = {"type": "thinking", "thinking": thinking, "signature": reply.signature}
    assert (first.thinking, first.thinking_blocks) == (thinking, (block,))
    done = ToolReply(call_id=first.tool_calls[0].id, name="write_file", content="done")
    await endpoint.ask("anthropic", Reply(), ask(model, UserMessage(text="go"), first, done))
    marked = {"cache_control": {"type": "ephemeral"}}
    assert endpoint.sent() == {
        "model": model,
        "max_tokens": 32_000,
        "stream": True,
        "system": [{"type": "text", "text": "You write files.", **marked}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {
                "role": "assistant",
                "content": [
                    block,
                    {"type": "text", "text": "ok"},
                    {"type": "tool_use", "id": "toolu_0_0", "name": "write_file", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_0_0",
                        "content": "done",
                        **marked,
                    }
                ],
            },
        ],
        "tools": [
            {
                "name": "write_file",
                "description": "Write a file.",
                "input_schema": WRITE.parameters,
                "type": "custom",
            }
        ],
    }


async def test_reasoning_goes_back_as_text_where_it_came_as_text(endpoint: Endpoint) -> None:
    reply = Reply(thinking="hm", calls=(Call(name="write_file", arguments='{"path": '),))
    first = await endpoint.ask("openai", reply, ask("local-model"))
    assert (first.thinking, first.thinking_blocks) == ("hm", ())
    done = ToolReply(call_id="call_0_0", name="write_file", content="bad", is_error=True)
    await endpoint.ask("openai", Reply(), ask("local-model", first, done))
    function = {"name": "write_file", "arguments": '{"_raw": "{\\"path\\": "}'}
    assert endpoint.sent() == {
        "model": "local-model",
        "max_tokens": 32_000,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "You write files."},
            {
                "role": "assistant",
                "reasoning_content": "hm",
                "tool_calls": [{"id": "call_0_0", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "call_0_0", "content": "Error: bad"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "write_file",
                    "description": "Write a file.",
                    "parameters": WRITE.parameters,
                },
            }
        ],
    }


@wires
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(), AssistantMessage()),
        (Reply(text="hu " * 100_000), AssistantMessage(text="hu " * 100_000)),
        (
            Reply(calls=(Call(name="no_such_tool", id="x1", arguments="{"),)),
            AssistantMessage(
                tool_calls=(ToolCall(id="x1", name="no_such_tool", arguments="{"),),
                finish_reason="tool_calls",
            ),
        ),
        (
            Reply(calls=(Call(name="write_file", id="x1", arguments='{"pa'),), finish="length"),
            AssistantMessage(
                tool_calls=(ToolCall(id="x1", name="write_file", arguments='{"pa'),),
                finish_reason="length",
            ),
        ),
        (
            Reply(text="drip", drip=Drip(bytes=80, seconds=0.001)),
            AssistantMessage(text="drip"),
        ),
    ],
    ids=["empty", "huge", "unknown tool and malformed arguments", "cut by its limit", "dripped"],
)
async def test_odd_answers_are_turns_too(
    endpoint: Endpoint, wire: str, reply: Reply, expected: AssistantMessage
) -> None:
    """[W-13, W-45]"""
    turn = await endpoint.ask(wire, reply, ask("local-model"))
    usage = Usage(turns=1, input_tokens=10, output_tokens=5, cost_usd=None)
    assert turn == AssistantMessage(
        text=expected.text,
        tool_calls=expected.tool_calls,
        finish_reason=expected.finish_reason,
        usage=usage,
    )


FAULTS = {
    "bad request": (Reply(status=400, error="no"), "refused", None),
    "bad key": (Reply(status=401, error=f"key {KEY} is bad"), "auth", None),
    "payment": (Reply(status=402, error="no"), "quota", None),
    "forbidden": (Reply(status=403, error="no"), "auth", None),
    "no model": (Reply(status=404, error="no"), "refused", None),
    "late": (Reply(status=408, error="no"), "timeout", None),
    "limit": (Reply(status=429, error="no", headers={"retry-after": "7"}), "overload", 7.0),
    "limit ms": (Reply(status=429, error="n", headers={"retry-after-ms": "250"}), "overload", 0.25),
    "quota": (Reply(status=429, error="no", error_type="insufficient_quota"), "quota", None),
    "long": (Reply(status=400, error="prompt is too long: 9 > 8"), "context", None),
    "long too": (
        Reply(status=400, error="exceeds", error_type="context_length_exceeded"),
        "context",
        None,
    ),
    "broken": (Reply(status=500, error="no"), "transport", None),
    "gateway": (Reply(status=502, error="no"), "transport", None),
    "unavailable": (
        Reply(status=503, error="no", headers={"retry-after": "2"}),
        "overload",
        2.0,
    ),
    "overloaded": (
        Reply(status=529, error="Overloaded", error_type="overloaded_error"),
        "overload",
        None,
    ),
    "cut at once": (Reply(text="x" * 200, cut=0), "transport", None),
    "cut": (Reply(text="x" * 200, cut=500), "transport", None),
    "overloaded in the middle": (
        Reply(text="x" * 200, error="Overloaded", error_type="overloaded_error"),
        "overload",
        None,
    ),
}


@wires
@pytest.mark.parametrize(("reply", "kind", "retry_after"), FAULTS.values(), ids=FAULTS)
async def test_every_fault_is_one_error_of_its_kind_after_one_request(
    endpoint: Endpoint, wire: str, reply: Reply, kind: str, retry_after: float | None
) -> None:
    """[W-14, W-51]"""
    with pytest.raises(ModelError) as caught:
        await endpoint.ask(wire, reply, ask(MODELS[wire]))
    error = caught.value
    assert (error.kind, error.retry_after) == (ModelErrorKind(kind), retry_after)
    was_worked_on = reply.cut is not None or reply.status == 200
    assert error.usage == (None if was_worked_on else Usage())
    assert len(endpoint.server.requests) == 1
    assert error.message
    assert KEY not in error.message
    assert len(error.message) <= 500


async def test_nobody_listening_is_a_transport_error() -> None:
    client = LitellmClient(Provider(base_url="http://127.0.0.1:9/v1", adapter="openai"), KEY, {})
    with pytest.raises(ModelError) as caught:
        await client.complete(ask("local-model"), unheard)
    await client.aclose()
    assert (caught.value.kind, caught.value.usage) == (ModelErrorKind.TRANSPORT, Usage())


@wires
async def test_a_silent_model_and_one_that_never_ends_time_out(
    endpoint: Endpoint, wire: str
) -> None:
    """[14.4]"""
    slow = Reply(text="x" * 400, drip=Drip(bytes=20, seconds=0.03))
    await endpoint.ask(wire, Reply(), ask("warm"))  # the first turn of a process is a slow one
    endpoint.script.on("silent", When(model="silent"), Reply(), held=True)
    endpoint.script.on("slow", When(model="slow"), slow)
    silent = endpoint.client(wire, idle_timeout=0.4)
    endless = endpoint.client(wire, total_timeout=0.5)
    with pytest.raises(ModelError, match=r"silent for 0\.4 seconds") as first:
        await silent.complete(ask("silent"), unheard)
    with pytest.raises(ModelError, match=r"no complete answer within 0\.5 seconds") as second:
        await endless.complete(ask("slow"), unheard)
    assert {first.value.kind, second.value.kind} == {ModelErrorKind.TIMEOUT}
    await endpoint.server.settled()
    assert len(endpoint.server.dropped) == 2


@wires
@pytest.mark.parametrize("held", [True, False], ids=["before the answer", "in its middle"])
async def test_cancelling_a_turn_closes_the_connection(
    endpoint: Endpoint, wire: str, held: bool
) -> None:
    reply = Reply(text="x" * 400, drip=Drip(bytes=200, seconds=0.05))
    rule = endpoint.script.on("slow", When(), reply, held=held)
    started = asyncio.Event()
    if held:
        started = rule.seen
    turn = asyncio.create_task(
        endpoint.client(wire).complete(ask("local-model"), lambda delta: started.set())
    )
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({turn, waiting}, return_when=asyncio.FIRST_COMPLETED)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    await endpoint.server.settled()
    assert endpoint.server.dropped == rule.requests


@wires
async def test_usage_that_is_not_reported_never_costs_nothing(
    endpoint: Endpoint, wire: str
) -> None:
    turn = await endpoint.ask(wire, Reply(text="a few words", usage=None), ask(MODELS[wire]))
    assert turn.usage.cost_usd is None or turn.usage.cost_usd > 0


@wires
@pytest.mark.parametrize("base", ["", "/v1", "/v1/"])
async def test_the_key_and_nothing_else_goes_to_the_configured_endpoint(
    endpoint: Endpoint, wire: str, base: str
) -> None:
    if wire == "openai" and base == "":
        base = "/v1"  # there the base includes it, by convention
    endpoint.script.on("all", When(), Reply())
    await endpoint.client(wire, base=base).complete(ask("local-model"), unheard)
    headers = endpoint.server.requests[-1].headers
    found = {name: value for name, value in headers.items() if KEY in value}
    expected = {"openai": {"authorization": f"Bearer {KEY}"}, "anthropic": {"x-api-key": KEY}}
    assert found == expected[wire]


async def test_configured_prices_go_before_the_known_ones(endpoint: Endpoint) -> None:
    prices = {"gpt-5.2": Price(input=10, output=100, cached=1)}
    endpoint.script.on("all", When(), Reply(usage=Tokens(input=1000, output=10, cached=400)))
    turn = await endpoint.client("openai", prices).complete(ask("gpt-5.2"), unheard)
    assert turn.usage.cost_usd == pytest.approx((600 * 10 + 400 * 1 + 10 * 100) / 1e6)


async def test_the_worst_of_a_request_is_its_longest_answer_at_the_dearest_price() -> None:
    provider = Provider(base_url="http://127.0.0.1:9/v1", adapter="openai")
    prices = {"priced": Price(input=10, output=100, cached=20)}
    client = LitellmClient(provider, KEY, prices)
    most = Usage(turns=1, input_tokens=1000, output_tokens=32_000, cost_usd=None)
    priced = evolve(most, cost_usd=(1000 * 20 + 32_000 * 100) / 1e6)
    assert await client.worst(ask("priced"), 1000) == priced
    assert await client.worst(ask("nobody's"), 1000) == most
    claude = await LitellmClient(None, KEY, {}).worst(ask("anthropic/claude-opus-4-5"), 1000)
    # What is put into the cache costs a quarter more than what is only read.
    assert claude.cost_usd == pytest.approx((1000 * 5 * 1.25 + 32_000 * 25) / 1e6)
    short = await LitellmClient(None, KEY, {}).worst(ask("gpt-4o"), 1000)
    assert short.output_tokens == 16_384
    assert await LitellmClient(None, KEY, {}).worst(ask("no-such-model"), 1000) == most


async def test_the_answer_is_limited_to_what_the_model_can_give(endpoint: Endpoint) -> None:
    """[W-45]"""
    await endpoint.ask("openai", Reply(), ask("gpt-4o"))
    assert endpoint.sent()["max_tokens"] == 16_384


async def test_a_model_that_nobody_knows_is_refused_with_its_name() -> None:
    client = LitellmClient(None, None, {})
    with pytest.raises(ModelError, match="no-such-model") as caught:
        await client.complete(ask("no-such-model"), unheard)
    assert caught.value.kind is ModelErrorKind.REFUSED


def test_cached_input_without_a_price_of_its_own_costs_what_input_costs() -> None:
    usage = Usage(input_tokens=1000, output_tokens=10, cached_tokens=400)
    assert cost_at(Price(input=10, output=100), usage) == pytest.approx(11_000 / 1e6)
    assert cost_at(Price(input=10, output=100, cached=0), usage) == pytest.approx(7_000 / 1e6)


PROVIDER = Provider(base_url="http://127.0.0.1:1/v1", adapter="openai", api_key_env="MY_KEY")


@pytest.mark.parametrize(
    ("model", "provider", "environ", "missing"),
    [
        ("x", PROVIDER, {}, "MY_KEY"),
        ("x", PROVIDER, {"MY_KEY": ""}, "MY_KEY"),
        ("x", PROVIDER, {"MY_KEY": "k"}, None),
        ("groq/llama-3.3-70b-versatile", None, {}, "GROQ_API_KEY"),
        ("groq/llama-3.3-70b-versatile", None, {"GROQ_API_KEY": "k"}, None),
        ("gemini/gemini-2.5-pro", None, {"GEMINI_API_KEY": "k"}, None),
        ("ollama/llama3", None, {}, None),
    ],
)
def test_the_variable_that_must_hold_the_key_is_named(
    model: str, provider: Provider | None, environ: dict[str, str], missing: str | None
) -> None:
    assert missing_key(model, provider, environ) == missing


@pytest.mark.parametrize(
    ("model", "provider", "known"),
    [
        ("sonnnet", None, False),
        ("nobody/sonnet", None, False),
        ("claude-sonnet-4-5", None, True),
        ("anthropic/of-tomorrow", None, True),
        ("sonnnet", PROVIDER, True),
    ],
)
def test_a_model_that_nobody_offers_is_not_known(
    model: str, provider: Provider | None, known: bool
) -> None:
    assert known_model(model, provider) is known


@pytest.mark.parametrize(
    ("model", "provider", "known"),
    [
        ("gpt-5.2", None, True),
        ("anthropic/claude-opus-4-5", None, True),
        ("claude-opus-4-5", Provider(base_url="http://x", adapter="anthropic"), True),
        ("mine", PROVIDER, True),
        ("local-model", PROVIDER, False),
        ("no-such-model", None, False),
        ("ollama/llama3", None, False),
    ],
)
def test_a_price_is_known_or_it_is_not(model: str, provider: Provider | None, known: bool) -> None:
    """A table's zero is no price; the configuration may say zero."""
    assert known_price(model, provider, {"mine": Price(input=0, output=0)}) is known
