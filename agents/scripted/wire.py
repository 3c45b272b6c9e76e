"""Wire formats: reading requests, writing plain and streamed replies and errors.

Here are the two that our own loop speaks; ``wires`` lists all.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen

from .script import Call, Reply, Request, Said

PIECES = 20  # a text is streamed in at most so many pieces
PIECE = 7  # and in pieces of at least so many characters

JsonObject = Mapping[str, object]


@frozen(kw_only=True)
class Wire:
    """How one API looks; ``events`` yields the text of a server-sent event stream in pieces."""

    path: str
    read: Callable[[JsonObject, Mapping[str, str]], Request]
    plain: Callable[[Request, Reply], JsonObject]
    events: Callable[[Request, Reply], Iterator[str]]
    error: Callable[[str, str], JsonObject]  # type, message
    streams: bool | None = None  # null: as the request says


def _read_openai(body: JsonObject, headers: Mapping[str, str]) -> Request:
    spoken = [(str(message["role"]), text_of(message.get("content"))) for message in listed(body)]
    return Request(
        wire="openai",
        model=str(body.get("model", "")),
        system="\n".join(text for role, text in spoken if role in SYSTEM_ROLES),
        messages=tuple(said(role, text) for role, text in spoken if role not in SYSTEM_ROLES),
        tools=tuple(str(as_object(tool["function"])["name"]) for tool in listed(body, "tools")),
        headers=headers,
        raw=body,
    )


def _openai_plain(request: Request, reply: Reply) -> JsonObject:
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in calls_of("call", request, reply)
    ]
    message: dict[str, object] = {"role": "assistant", "content": reply.text or None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": _openai_finish(reply)}
    return {
        **_openai_head(request, "chat.completion"),
        "choices": [choice],
        **({"usage": _openai_usage(reply)} if reply.usage else {}),
    }


def _openai_events(request: Request, reply: Reply) -> Iterator[str]:
    head = _openai_head(request, "chat.completion.chunk")

    def chunk(delta: JsonObject, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sent({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(reply.thinking):
        yield chunk({"reasoning_content": piece})
    for piece in pieces(reply.text):
        yield chunk({"content": piece})
    for index, (call_id, name, arguments) in enumerate(calls_of("call", request, reply)):
        start = {"name": name, "arguments": ""}
        call = {"index": index, "id": call_id, "type": "function", "function": start}
        yield chunk({"tool_calls": [call]})
        for piece in pieces(arguments):
            # Servers differ in whether they repeat or null the name; null is the harder case.
            more = {"index": index, "function": {"name": None, "arguments": piece}}
            yield chunk({"tool_calls": [more]})
    if reply.error:
        yield sent(_openai_error(reply.error_type, reply.error))
        return
    yield chunk({}, _openai_finish(reply))
    if reply.usage:
        yield sent({**head, "choices": [], "usage": _openai_usage(reply)})
    yield "data: [DONE]\n\n"


def _openai_head(request: Request, kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1, "model": request.model}


def _openai_finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.calls else "stop")


def _openai_usage(reply: Reply) -> JsonObject:
    assert reply.usage is not None
    return {
        "prompt_tokens": reply.usage.input,
        "completion_tokens": reply.usage.output,
        "total_tokens": reply.usage.input + reply.usage.output,
        "prompt_tokens_details": {"cached_tokens": reply.usage.cached},
    }


def _openai_error(kind: str, message: str) -> JsonObject:
    return {"error": {"type": kind, "code": kind, "message": message}}


def _read_anthropic(body: JsonObject, headers: Mapping[str, str]) -> Request:
    messages: list[Said] = []
    for message in listed(body):
        role, content = str(message["role"]), message.get("content")
        if role == "user" and isinstance(content, list):
            # One message carries several tool replies and what the user said after them.
            for block in content:
                kind = "tool" if block.get("type") == "tool_result" else "user"
                messages.append(said(kind, text_of([block])))
        else:
            messages.append(said(role, text_of(content)))
    return Request(
        wire="anthropic",
        model=str(body.get("model", "")),
        system=text_of(body.get("system")),
        messages=tuple(messages),
        tools=tuple(str(tool["name"]) for tool in listed(body, "tools")),
        headers=headers,
        raw=body,
    )


def _anthropic_plain(request: Request, reply: Reply) -> JsonObject:
    blocks = [_with_input(block) for block in _anthropic_blocks(request, reply)]
    return {
        **_anthropic_head(request, reply),
        "content": blocks,
        "stop_reason": _anthropic_stop(reply),
        "usage": _anthropic_usage(reply),
    }


def _anthropic_events(request: Request, reply: Reply) -> Iterator[str]:
    head = {**_anthropic_head(request, reply), "content": [], "stop_reason": None}
    first = {**head, "usage": {**_anthropic_usage(reply), "output_tokens": 0}}
    yield sent({"type": "message_start", "message": first})
    for index, block in enumerate(_anthropic_blocks(request, reply)):
        yield from _anthropic_block(index, block)
    if reply.error:
        yield sent(_anthropic_error(reply.error_type, reply.error))
        return
    delta = {"stop_reason": _anthropic_stop(reply), "stop_sequence": None}
    output = {"output_tokens": _anthropic_usage(reply)["output_tokens"]}
    yield sent({"type": "message_delta", "delta": delta, "usage": output})
    yield sent({"type": "message_stop"})


def _anthropic_block(index: int, block: Mapping[str, str]) -> Iterator[str]:
    key, kind = _ANTHROPIC_DELTAS[block["type"]]
    empty: dict[str, object] = {k: v for k, v in block.items() if k not in (key, "signature")}
    empty["input" if key == "partial_json" else key] = {} if key == "partial_json" else ""

    def delta(kind: str, key: str, value: str) -> str:
        piece = {"type": kind, key: value}
        return sent({"type": "content_block_delta", "index": index, "delta": piece})

    yield sent({"type": "content_block_start", "index": index, "content_block": empty})
    for piece in pieces(block[key]):
        yield delta(kind, key, piece)
    if "signature" in block:
        yield delta("signature_delta", "signature", block["signature"])
    yield sent({"type": "content_block_stop", "index": index})


def _anthropic_blocks(request: Request, reply: Reply) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = []
    if reply.thinking:
        signed = {"thinking": reply.thinking, "signature": reply.signature}
        blocks.append({"type": "thinking", **signed})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for call_id, name, arguments in calls_of("toolu", request, reply):
        call = {"id": call_id, "name": name, "partial_json": arguments}
        blocks.append({"type": "tool_use", **call})
    return blocks


def _with_input(block: Mapping[str, str]) -> JsonObject:
    """A block as it stands in a plain reply, where arguments are an object."""
    if "partial_json" not in block:
        return block
    rest = {key: value for key, value in block.items() if key != "partial_json"}
    return {**rest, "input": json.loads(block["partial_json"] or "{}")}


def _anthropic_head(request: Request, reply: Reply) -> dict[str, object]:
    # Who keeps the conversation takes messages of one id for pieces of one message.
    own = {"id": f"msg_scripted_{request.turns_said}", "model": request.model}
    return {**own, "type": "message", "role": "assistant"}


def _anthropic_stop(reply: Reply) -> str:
    finish = reply.finish or ("tool_calls" if reply.calls else "stop")
    return {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}.get(
        finish, finish
    )


def _anthropic_usage(reply: Reply) -> JsonObject:
    if reply.usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    return {
        "input_tokens": reply.usage.input - reply.usage.cached,  # here the cached ones are apart
        "output_tokens": reply.usage.output,
        "cache_read_input_tokens": reply.usage.cached,
        "cache_creation_input_tokens": 0,
    }


def _anthropic_error(kind: str, message: str) -> JsonObject:
    return {"type": "error", "error": {"type": kind, "message": message}}


def calls_of(prefix: str, request: Request, reply: Reply) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call of a reply."""
    return [
        (call.id or f"{prefix}_{request.turns_said}_{place}", call.name, arguments_text(call))
        for place, call in enumerate(reply.calls)
    ]


def arguments_text(call: Call) -> str:
    """The arguments of a call as they go over the wire."""
    if isinstance(call.arguments, str):
        return call.arguments
    return json.dumps(call.arguments, ensure_ascii=False)


def pieces(text: str) -> Iterator[str]:
    """A text as it is streamed."""
    size = max(PIECE, -(-len(text) // PIECES))
    return (text[start : start + size] for start in range(0, len(text), size))


def sent(data: JsonObject) -> str:
    """An object as a server-sent event."""
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data, ensure_ascii=False)}\n\n"


def said(role: str, text: str) -> Said:
    """One message; raises ValueError for a role that there is not."""
    match role:
        case "user" | "assistant" | "tool":
            return Said(role=role, text=text)
        case _:
            raise ValueError(f"a message has the role {role!r}")


def listed(body: JsonObject, key: str = "messages") -> Sequence[JsonObject]:
    """The objects of a list in a body; raises ValueError for anything else."""
    value = body.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{key} is not a list")
    return [as_object(item) for item in value]


def as_object(value: object) -> JsonObject:
    """A value as an object; raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an object")
    return value


def text_of(content: object) -> str:
    """The text of a message's content: a string, blocks, or nothing."""
    if isinstance(content, list):
        return "\n".join(
            text_of(block.get("text", block.get("content"))) for block in map(as_object, content)
        ).strip("\n")
    return content if isinstance(content, str) else ""


SYSTEM_ROLES = frozenset({"system", "developer"})
_ANTHROPIC_DELTAS = {
    "text": ("text", "text_delta"),
    "thinking": ("thinking", "thinking_delta"),
    "tool_use": ("partial_json", "input_json_delta"),
}

OPENAI = Wire(
    path="/v1/chat/completions",
    read=_read_openai,
    plain=_openai_plain,
    events=_openai_events,
    error=_openai_error,
)
ANTHROPIC = Wire(
    path="/v1/messages",
    read=_read_anthropic,
    plain=_anthropic_plain,
    events=_anthropic_events,
    error=_anthropic_error,
)
