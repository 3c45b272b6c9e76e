"""What models write, made safe to keep and to read, and the calls in it carried out."""

from collections.abc import Mapping
from typing import Final

import msgspec
from attrs import evolve

from ..state.disk import refusal
from ..state.redact import Redactor
from .model import AssistantMessage, ToolCall
from .tools.base import Tool, ToolResult

MAX_ARGUMENT_CHARACTERS: Final = 1_000_000


def arguments_of(call: ToolCall, *, cut: bool) -> Mapping[str, object] | ToolResult:
    """The arguments as they stand, never repaired; or what is wrong with them."""
    if len(call.arguments) > MAX_ARGUMENT_CHARACTERS:
        return ToolResult(
            f"The arguments of {call.name} have {len(call.arguments)} characters; at most "
            f"{MAX_ARGUMENT_CHARACTERS} are taken. Split the call.",
            is_error=True,
        )
    try:
        # No text at all is how some providers write a call without arguments.
        value: object = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        why = " The message was cut at the limit of one reply: send less in one call." * cut
        return ToolResult(
            f"The arguments of {call.name} are not valid JSON: {error}.{why} Call it again.",
            is_error=True,
        )
    if not isinstance(value, dict):
        return ToolResult(
            f"The arguments of {call.name} have to be a JSON object, not "
            f"{type(value).__name__}. Call it again.",
            is_error=True,
        )
    return value


def storable(turn: AssistantMessage, redactor: Redactor) -> AssistantMessage:
    """A turn that disk and wire can carry, without the keys that a model made up or put together.

    Arguments keep theirs: they are carried out first.  A provider signs thinking and takes it back
    only as it was: of thinking with a key in it nothing is sent back.
    """
    blocks = turn.thinking_blocks
    return evolve(
        turn,
        text=redactor.text(encodable(turn.text)),
        thinking=redactor.text(encodable(turn.thinking)),
        thinking_blocks=blocks if redactor.value(blocks) == list(blocks) else (),
        tool_calls=tuple(
            evolve(
                call,
                id=redactor.text(call.id),
                name=redactor.text(encodable(call.name)),
                arguments=encodable(call.arguments),
            )
            for call in turn.tool_calls
        ),
    )


def with_marked_arguments(turn: AssistantMessage, redactor: Redactor) -> AssistantMessage:
    """A turn as it is kept and sent back: no key is left in its arguments either."""
    calls = (
        evolve(call, arguments=_without_secrets(call.arguments, redactor))
        for call in turn.tool_calls
    )
    return evolve(turn, tool_calls=tuple(calls))


def encodable(text: str) -> str:
    """The text without lone surrogates, which neither disk nor wire can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


async def called(tool: Tool, arguments: Mapping[str, object]) -> ToolResult:
    """What a tool's call gave; raises StorageError when the machine refused something."""
    try:
        return await tool.call(arguments)
    except Exception as error:  # a tool's defect costs the model a call, not the run an attempt
        if refused := refusal(error):
            raise refused from error
        return ToolResult(
            f"{tool.spec.name} failed unexpectedly: {type(error).__name__}: {str(error)[:500]}",
            is_error=True,
        )


def _without_secrets(text: str, redactor: Redactor) -> str:
    # Value by value: what JSON escapes stands in the way of a key's beginning.
    try:
        value: object = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return redactor.text(text)
    redacted = redactor.value(value)
    return text if redacted == value else msgspec.json.encode(redacted).decode()
