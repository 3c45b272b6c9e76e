"""The wire of OpenAI's Responses, which Codex speaks."""

from collections.abc import Iterator, Mapping

from .script import Reply, Request, Said
from .wire import SYSTEM_ROLES, JsonObject, Wire, calls_of, listed, pieces, said, sent, text_of

JOINT = "__"  # between the namespace of a tool and its name: elsewhere they are one word


def _read(body: JsonObject, headers: Mapping[str, str]) -> Request:
    """Items that stand together are one message of the model's."""
    given = body.get("input")
    items = (
        listed(body, "input") if isinstance(given, list) else [{"role": "user", "content": given}]
    )
    system = [text_of(body.get("instructions"))]
    messages: list[Said] = []
    is_own = False
    for item in items:
        was_own, is_own = is_own, _is_own(item)
        text = text_of(item.get("content") or item.get("output"))
        if is_own and was_own:
            before = messages.pop()
            text = "\n".join(part for part in (before.text, text) if part)
        if str(item.get("role")) in SYSTEM_ROLES:
            system.append(text)
            continue
        role = "tool" if "output" in item else "assistant" if is_own else "user"
        messages.append(said(role, text))
    return Request(
        wire="responses",
        model=str(body.get("model", "")),
        system="\n".join(part for part in system if part),
        messages=tuple(messages),
        tools=tuple(_tools(body)),
        headers=headers,
        raw=body,
    )


def _is_own(item: JsonObject) -> bool:
    kind = str(item.get("type", "message"))
    return item.get("role") == "assistant" or kind == "reasoning" or kind.endswith("_call")


def _tools(body: JsonObject) -> Iterator[str]:
    for tool in listed(body, "tools"):
        if tool.get("type") == "namespace":
            yield from (f"{tool['name']}{JOINT}{each['name']}" for each in listed(tool, "tools"))
        else:
            yield str(tool.get("name") or tool.get("type"))


def _plain(request: Request, reply: Reply) -> JsonObject:
    return _response(request, reply, "completed", _items(request, reply))


def _events(request: Request, reply: Reply) -> Iterator[str]:
    yield sent(
        {"type": "response.created", "response": _response(request, reply, "in_progress", [])}
    )
    items = _items(request, reply)
    for index, item in enumerate(items):
        at = {"item_id": item["id"], "output_index": index}
        emptied = ("content", []) if item["type"] == "message" else ("arguments", "")
        opened = {**item, "status": "in_progress", **dict([emptied])}
        yield sent({"type": "response.output_item.added", "output_index": index, "item": opened})
        if item["type"] == "message":
            for piece in pieces(reply.text):
                delta = {**at, "content_index": 0, "delta": piece}
                yield sent({"type": "response.output_text.delta", **delta})
        else:
            for piece in pieces(str(item["arguments"])):
                yield sent({"type": "response.function_call_arguments.delta", **at, "delta": piece})
        yield sent({"type": "response.output_item.done", "output_index": index, "item": item})
    if reply.error:
        failed = _response(request, reply, "failed", items)
        error = {"code": reply.error_type, "message": reply.error}
        yield sent({"type": "response.failed", "response": {**failed, "error": error}})
        return
    done = _response(request, reply, "completed", items)
    yield sent({"type": "response.completed", "response": done})


def _items(request: Request, reply: Reply) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        message: dict[str, object] = {"type": "message", "role": "assistant", "content": [part]}
        items.append({**message, "id": f"msg_{request.turns_said}", "status": "completed"})
    spaces = [
        str(tool["name"])
        for tool in listed(request.raw, "tools")
        if tool.get("type") == "namespace"
    ]
    for call_id, name, arguments in calls_of("call", request, reply):
        space = next((each for each in spaces if name.startswith(each + JOINT)), "")
        call: dict[str, object] = {"type": "function_call", "arguments": arguments}
        call |= {"id": f"fc_{call_id}", "call_id": call_id, "status": "completed"}
        if space:
            call |= {"namespace": space, "name": name.removeprefix(space + JOINT)}
        else:
            call["name"] = name
        items.append(call)
    return items


def _response(
    request: Request, reply: Reply, status: str, items: list[dict[str, object]]
) -> dict[str, object]:
    head: dict[str, object] = {"id": "resp_scripted", "object": "response", "created_at": 1}
    head |= {"status": status, "model": request.model, "output": items}
    if status == "in_progress" or reply.usage is None:
        return head
    usage = {
        "input_tokens": reply.usage.input,
        "input_tokens_details": {"cached_tokens": reply.usage.cached},
        "output_tokens": reply.usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.usage.input + reply.usage.output,
    }
    return {**head, "usage": usage}


def _error(kind: str, message: str) -> JsonObject:
    return {"error": {"type": kind, "code": kind, "message": message}}


RESPONSES = Wire(path="/v1/responses", read=_read, plain=_plain, events=_events, error=_error)
