"""Turns from a script, inside the process: no key, no network, the same loop and tools."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ...policy.routing import SCRIPTED
from ...state.work import Usage
from ..model import (
    REFUSED_UNREAD,
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ModelRequest,
    ToolCall,
    ToolReply,
    UserMessage,
)
from ..scripted.script import Reply, Request, Said, Script, ScriptError
from ..scripted.wire import arguments_text
from .failures import kind_of, retry_after, safe_message

PREFIX = f"{SCRIPTED}:"


def script_path(model: str) -> Path | None:
    """The script that a model string such as ``scripted:demo.yaml`` names; null: a real model."""
    return Path(model.removeprefix(PREFIX)) if model.startswith(PREFIX) else None


class ScriptedClient:
    """Answers requests from a script; see ``agents.model.ModelClient``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """The most that any answer of the script uses; what is not priced stays so."""
        told = [each for each in self._script.usages() if each is not None]
        prices = [each.usd for each in told if each.usd is not None]
        return Usage(
            turns=1,
            input_tokens=max((each.input for each in told), default=0),
            output_tokens=max((each.output for each in told), default=0),
            cost_usd=max(prices, default=0.0) if len(prices) == len(told) else None,
        )

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn; raises ModelError, also for a request that no single rule meets."""
        asked = _request(request)
        try:
            reply = await self._script.play(asked)
        except ScriptError as error:
            raise ModelError(ModelErrorKind.REFUSED, f"script: {error.message}") from None
        if reply.drip is not None:
            await asyncio.sleep(reply.drip.seconds)
        if (fault := _fault(reply)) is not None:
            raise fault
        if reply.thinking:
            on_delta(Delta(kind="thinking", text=reply.thinking))
        if reply.text:
            on_delta(Delta(kind="text", text=reply.text))
        return _message(asked, reply)


def _request(request: ModelRequest) -> Request:
    return Request(
        wire="process",
        model=request.model,
        system=request.system,
        messages=tuple(
            Said(role="user", text=message.text)
            if isinstance(message, UserMessage)
            else Said(role="tool", text=message.content)
            if isinstance(message, ToolReply)
            else Said(role="assistant", text=message.text)
            for message in request.messages
        ),
        tools=tuple(tool.name for tool in request.tools),
    )


def _fault(reply: Reply) -> ModelError | None:
    if reply.cut is not None:
        message = "The script cut the connection."
        return ModelError(ModelErrorKind.TRANSPORT, message, usage=None)
    if reply.status == 200 and not reply.error:
        return None
    words = f"{reply.error_type}: {reply.error}"
    begun = reply.status == 200
    kind = kind_of(500 if begun else reply.status, words)
    used = None if begun else REFUSED_UNREAD
    return ModelError(kind, safe_message(words, ()), retry_after(reply.headers), used)


def _message(request: Request, reply: Reply) -> AssistantMessage:
    calls = tuple(
        ToolCall(
            id=call.id or f"call_{request.turn}_{place}",
            name=call.name,
            arguments=arguments_text(call),
        )
        for place, call in enumerate(reply.calls)
    )
    usage = Usage(turns=1, cost_usd=None)
    if reply.usage is not None:
        usage = Usage(
            turns=1,
            input_tokens=reply.usage.input,
            output_tokens=reply.usage.output,
            cached_tokens=reply.usage.cached,
            cost_usd=reply.usage.usd,
        )
    return AssistantMessage(
        text=reply.text,
        thinking=reply.thinking,
        tool_calls=calls,
        finish_reason=reply.finish or ("tool_calls" if calls else "stop"),
        usage=usage,
    )
