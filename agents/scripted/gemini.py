"""The wire of Gemini, which Gemini CLI speaks: whether it streams is said by the address."""

import json
from collections.abc import Iterator, Mapping

from attrs import evolve

from .script import Reply, Request, Said
from .wire import JsonObject, Wire, as_object, calls_of, listed, said, sent, text_of

_PATH = "/v1beta/models/{model:[^:]+}:"
_CODES = {"authentication_error": 401, "RESOURCE_EXHAUSTED": 429}  # the body says it once more
_FINISH = {"length": "MAX_TOKENS"}


def _read(body: JsonObject, headers: Mapping[str, str]) -> Request:
    messages: list[Said] = []
    for content in listed(body, "contents"):
        if content.get("role") == "model":
            messages.append(said("assistant", _parts(content)))
            continue
        # One message carries the replies of several tools and what the user said after them.
        for part in listed(content, "parts"):
            if "functionResponse" in part:
                answer = as_object(part["functionResponse"]).get("response")
                messages.append(said("tool", json.dumps(answer, ensure_ascii=False)))
            else:
                messages.append(said("user", text_of(part.get("text"))))
    instruction = body.get("systemInstruction")
    return Request(
        wire="gemini",
        model="",  # stands in the address
        system=_parts(as_object(instruction)) if instruction else "",
        messages=tuple(messages),
        tools=tuple(
            str(declared["name"])
            for tool in listed(body, "tools")
            for declared in listed(tool, "functionDeclarations")
        ),
        headers=headers,
        raw=body,
    )


def _parts(content: JsonObject) -> str:
    texts = (text_of(part.get("text")) for part in listed(content, "parts"))
    return "\n".join(text for text in texts if text)


def _plain(request: Request, reply: Reply) -> JsonObject:
    parts: list[JsonObject] = [{"text": reply.text}] if reply.text else []
    for call_id, name, arguments in calls_of("call", request, reply):
        call = {"id": call_id, "name": name, "args": json.loads(arguments)}
        parts.append({"functionCall": call})
    finish = _FINISH.get(reply.finish, "STOP")
    content = {"role": "model", "parts": parts or [{"text": ""}]}
    answer: dict[str, object] = {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "modelVersion": "scripted",
    }
    if reply.usage is not None:
        answer["usageMetadata"] = {
            "promptTokenCount": reply.usage.input,
            "candidatesTokenCount": reply.usage.output,
            "cachedContentTokenCount": reply.usage.cached,
            "totalTokenCount": reply.usage.input + reply.usage.output,
        }
    return answer


def _events(request: Request, reply: Reply) -> Iterator[str]:
    yield sent(_plain(request, reply))
    if reply.error:
        yield sent(_error(reply.error_type, reply.error))


def _error(kind: str, message: str) -> JsonObject:
    return {"error": {"code": _CODES.get(kind, 500), "status": kind, "message": message}}


GEMINI = Wire(
    path=f"{_PATH}streamGenerateContent",
    read=_read,
    plain=_plain,
    events=_events,
    error=_error,
    streams=True,
)
GEMINI_PLAIN = evolve(GEMINI, path=f"{_PATH}generateContent", streams=False)
