"""Our conversation in the chat format, and a streamed answer put together again."""

import json
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from ...state.work import Usage
from ..model import AssistantMessage, Delta, Message, ModelRequest, ToolCall, ToolReply, ToolSpec
from .schema import portable

NOTHING_SAID = "(no answer)"  # providers refuse an empty message
NO_OUTPUT = "(no output)"

JsonObject = Mapping[str, object]


def chat_messages(request: ModelRequest, *, signed_thinking: bool) -> list[dict[str, object]]:
    """System, then all messages.

    ``signed_thinking``: the provider wants its own thinking blocks back; the others get the text
    of the reasoning where they gave one.
    """
    system: list[dict[str, object]] = []
    if request.system:
        system.append({"role": "system", "content": request.system})
    return [*system, *(_message(message, signed_thinking) for message in request.messages)]


def chat_tools(tools: Sequence[ToolSpec]) -> list[dict[str, object]]:
    """Tools as functions."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": portable(tool.parameters),
            },
        }
        for tool in tools
    ]


@define
class StreamedTurn:
    """The pieces of one answer; ``call_prefix`` makes ids for providers that send none."""

    call_prefix: str
    finish: str = ""
    _text: list[str] = field(factory=list, init=False)
    _thinking: list[str] = field(factory=list, init=False)
    _blocks: list[JsonObject] = field(factory=list, init=False)
    _unsigned: str = field(default="", init=False)
    _calls: list["_PartialCall"] = field(factory=list, init=False)

    def add(self, delta: JsonObject) -> Iterable[Delta]:
        """Take one piece; the result is what a trace may show of it."""
        shown = []
        if text := _text(delta.get("content")):
            self._text.append(text)
            shown.append(Delta(kind="text", text=text))
        if thinking := _text(delta.get("reasoning_content")):
            self._thinking.append(thinking)
            shown.append(Delta(kind="thinking", text=thinking))
        for block in _objects(delta.get("thinking_blocks")):
            self._add_block(block)
        for fragment in _objects(delta.get("tool_calls")):
            self._add_call(fragment)
        return shown

    def message(self, usage: Usage) -> AssistantMessage:
        """The whole answer."""
        calls = tuple(
            ToolCall(
                id=call.id or f"{self.call_prefix}_{place}",
                name=call.name,
                arguments="".join(call.arguments) or "{}",
            )
            for place, call in enumerate(self._calls)
        )
        finish = "tool_calls" if calls and self.finish == "stop" else self.finish
        return AssistantMessage(
            text="".join(self._text),
            thinking="".join(self._thinking),
            thinking_blocks=tuple(self._blocks),
            tool_calls=calls,
            finish_reason=finish,
            usage=usage,
        )

    def _add_block(self, block: JsonObject) -> None:
        """Thinking comes in pieces, then once more whole and signed: only the signed one counts."""
        if block.get("type") != "thinking":
            self._blocks.append(block)
            return
        piece = _text(block.get("thinking"))
        if signature := block.get("signature"):
            whole = piece if piece.startswith(self._unsigned) else self._unsigned + piece
            self._blocks.append({"type": "thinking", "thinking": whole, "signature": signature})
            self._unsigned = ""
        else:
            self._unsigned += piece

    def _add_call(self, fragment: JsonObject) -> None:
        index, call_id = fragment.get("index"), _text(fragment.get("id"))
        function = next(iter(_objects([fragment.get("function")])), {})
        same = [call for call in self._calls if index is None or call.index == index]
        # Some servers give every call the index 0 and tell them apart by id only.
        if not same or (call_id and same[-1].id and same[-1].id != call_id):
            self._calls.append(_PartialCall(index))
            same = self._calls
        call = same[-1]
        call.id = call.id or call_id
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        call.arguments.append(
            json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
        )


@define
class _PartialCall:
    index: object
    id: str = ""
    name: str = ""
    arguments: list[str] = field(factory=list)


def _message(message: Message, signed_thinking: bool) -> dict[str, object]:
    if isinstance(message, AssistantMessage):
        return _assistant(message, signed_thinking)
    if isinstance(message, ToolReply):
        content = f"Error: {message.content}" if message.is_error else message.content
        return {
            "role": "tool",
            "tool_call_id": message.call_id,
            "content": content or NO_OUTPUT,
        }
    return {"role": "user", "content": message.text}


def _assistant(message: AssistantMessage, signed_thinking: bool) -> dict[str, object]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _valid_arguments(call.arguments)},
        }
        for call in message.tool_calls
    ]
    sent: dict[str, object] = {"role": "assistant", "content": message.text or None}
    if calls:
        sent["tool_calls"] = calls
    elif not message.text:
        sent["content"] = NOTHING_SAID
    if signed_thinking and message.thinking_blocks:
        sent["thinking_blocks"] = [dict(block) for block in message.thinking_blocks]
    elif message.thinking and not signed_thinking:
        sent["reasoning_content"] = message.thinking
    return sent


def _valid_arguments(arguments: str) -> str:
    """Arguments as a JSON object: providers refuse a conversation that contains anything else."""
    if not arguments.strip():
        return "{}"
    try:
        is_object = isinstance(json.loads(arguments), dict)
    except ValueError:
        is_object = False
    return arguments if is_object else json.dumps({"_raw": arguments})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
