"""Turns from a real model: the one importer of litellm, which is slow to load and talks a lot.

Of litellm only the translation to and from the providers is used.  Retries, timeouts, prices from
the configuration and the putting together of streams are ours: its own rebuild of a stream
doubles signed thinking, and its retries would hide what a run pays for.
"""

import asyncio
import functools
import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar, cast

from attrs import evolve, frozen

from ...state.config import Price, Provider
from ...state.disk import refusal
from ...state.errors import StorageError
from ...state.work import Usage
from ..model import (
    REFUSED_UNREAD,
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ModelRequest,
)
from .chat import StreamedTurn, chat_messages, chat_tools
from .failures import kind_of, provider_words, retry_after, safe_message, was_turned_away
from .litellm_shapes import Chunk, HttpClient, Litellm, Stream

IDLE_TIMEOUT_SECONDS = 120.0  # without a piece of the answer
TOTAL_TIMEOUT_SECONDS = 600.0  # for one answer
CLOSE_SECONDS = 5.0
MILLION = 1_000_000

T = TypeVar("T")

# Without these two, the import and the first call download files.
_OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True"}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
# Where a breakpoint after the system prompt and the last message makes all before it cheap.
_CACHE_POINTS = ({"location": "message", "role": "system"}, {"location": "message", "index": -1})
_PRICES = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
_CACHE_WRITE_PRICE = "cache_creation_input_token_cost"
_CACHING = frozenset({"anthropic", "bedrock", "vertex_ai"})


class LitellmClient:
    """Answers requests through litellm; see ``agents.model.ModelClient``.

    ``provider`` is a compatible endpoint with ``api_key``; without it a model's name is litellm's
    and so is its key variable.  ``prices`` go before litellm's own.  Timeouts are in seconds.
    """

    def __init__(
        self,
        provider: Provider | None,
        api_key: str | None,
        prices: Mapping[str, Price],
        idle_timeout: float = IDLE_TIMEOUT_SECONDS,
        total_timeout: float = TOTAL_TIMEOUT_SECONDS,
    ) -> None:
        self._provider = provider
        self._api_key = api_key
        self._prices = prices
        self._idle_timeout = idle_timeout
        self._total_timeout = total_timeout

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn, one request; raises ModelError.  Cancelling it closes the connection."""
        litellm = await asyncio.to_thread(_litellm)
        try:
            async with asyncio.timeout(self._total_timeout):
                return await self._turn(litellm, request, on_delta)
        except ModelError:
            raise
        except TimeoutError:
            message = f"The model gave no complete answer within {self._total_timeout:g} seconds."
            raise ModelError(ModelErrorKind.TIMEOUT, message, usage=None) from None
        except Exception as error:  # whatever a provider throws costs a call, never the run
            used = REFUSED_UNREAD if was_turned_away(error) else None
            raise _model_error(error, self._secrets(), used) from None

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """What a request may use at most, by the limit of its answer and the dearest price."""
        litellm = await asyncio.to_thread(_litellm)
        usage = Usage(
            turns=1,
            input_tokens=input_tokens,
            output_tokens=request.max_output_tokens,
            cost_usd=None,
        )
        try:
            target = _target(litellm, request.model, self._provider)
            most = min(request.max_output_tokens, target.output_limit)
            usage = evolve(usage, output_tokens=most)
            cost = self._worst_cost(litellm, request.model, target, usage)
        except Exception:  # nobody knows the model: ``complete`` says so
            return usage
        return evolve(usage, cost_usd=cost)

    async def aclose(self) -> None:
        """Close the connections; harmless when there are none, or litellm was never loaded."""
        if "litellm" in sys.modules:
            litellm = _litellm()
            # One client is kept outside of litellm's list, and would be used again after closing.
            shared: HttpClient | None = vars(litellm).pop("module_level_aclient", None)
            if shared is not None:
                await shared.close()
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()

    async def _turn(
        self, litellm: Litellm, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        target = _target(litellm, request.model, self._provider)
        turn = StreamedTurn(f"call_{len(request.messages)}")
        counted: object = None
        stream = await self._within_idle(litellm.acompletion(**self._call(request, target)))
        try:
            while (chunk := await self._within_idle(_next(stream))) is not None:
                for choice in chunk.choices:
                    turn.finish = choice.finish_reason or turn.finish
                    for delta in turn.add(choice.delta.model_dump()):
                        on_delta(delta)
                counted = getattr(chunk, "usage", None) or counted
        except ModelError:
            raise
        except Exception as error:  # what was streamed is paid for, and nobody says how much
            raise _model_error(error, self._secrets(), None) from None
        finally:
            await _close(stream)
        if stream.received_finish_reason is None:
            # litellm makes up an end for a stream that just stops.
            message = "The answer ended in the middle."
            raise ModelError(ModelErrorKind.TRANSPORT, message, usage=None)
        return turn.message(self._usage(litellm, request.model, target, counted))

    def _call(self, request: ModelRequest, target: "_Target") -> dict[str, object]:
        signed = target.provider in _CACHING and "claude" in target.model.lower()
        signed = signed or target.provider == "anthropic"
        call: dict[str, object] = {
            "model": f"{target.provider}/{target.model}",
            "messages": chat_messages(request, signed_thinking=signed),
            "max_tokens": min(request.max_output_tokens, target.output_limit),
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": self._total_timeout,
            "num_retries": 0,
            "max_retries": 0,
        }
        if request.tools:
            call["tools"] = chat_tools(request.tools)
        if signed:
            call["cache_control_injection_points"] = [dict(point) for point in _CACHE_POINTS]
        if self._provider is not None:
            # A word instead of none: litellm would send the key of another provider.
            call |= {"api_base": target.api_base, "api_key": self._api_key or "none"}
        elif self._api_key is not None:
            call["api_key"] = self._api_key
        return call

    def _usage(self, litellm: Litellm, model: str, target: "_Target", counted: object) -> Usage:
        """What the turn used; ``input_tokens`` include the cached ones, on every wire."""
        details = getattr(counted, "prompt_tokens_details", None)
        usage = Usage(
            turns=1,
            input_tokens=getattr(counted, "prompt_tokens", None) or 0,
            output_tokens=getattr(counted, "completion_tokens", None) or 0,
            cached_tokens=getattr(details, "cached_tokens", None) or 0,
            cost_usd=None,
        )
        if usage.input_tokens == 0:  # not reported, or litellm's zeros for what was not reported
            return usage
        return evolve(usage, cost_usd=self._cost(litellm, model, target, usage, counted))

    def _cost(
        self,
        litellm: Litellm,
        model: str,
        target: "_Target",
        usage: Usage,
        counted: object,
    ) -> float | None:
        if model in self._prices:
            return cost_at(self._prices[model], usage)
        if target.price is None:
            return None
        try:
            return sum(
                litellm.cost_per_token(
                    model=target.model, custom_llm_provider=target.provider, usage_object=counted
                )
            )
        except Exception:  # the turn is paid for: it must not be lost for its price
            return None

    def _worst_cost(
        self, litellm: Litellm, model: str, target: "_Target", usage: Usage
    ) -> float | None:
        if model in self._prices:
            price = self._prices[model]
            dearest = max(price.input, price.cached or 0.0)
            return cost_at(evolve(price, input=dearest, cached=None), usage)
        if target.price is None:
            return None
        read, written = litellm.cost_per_token(
            model=target.model,
            custom_llm_provider=target.provider,
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
        )
        return read * target.cache_writing + written

    async def _within_idle(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._idle_timeout):
                return await work
        except TimeoutError:
            message = f"The model was silent for {self._idle_timeout:g} seconds."
            raise ModelError(ModelErrorKind.TIMEOUT, message, usage=None) from None

    def _secrets(self) -> Iterable[str]:
        """What no message may show: our key, or all that litellm may have taken for one."""
        if self._api_key is not None:
            return (self._api_key,)
        return (value for name, value in os.environ.items() if name.endswith(("_KEY", "_TOKEN")))


def cost_at(price: Price, usage: Usage) -> float:
    """USD for a usage; cached input without a price of its own costs what input costs."""
    cached = price.input if price.cached is None else price.cached
    fresh = usage.input_tokens - usage.cached_tokens
    spent = fresh * price.input + usage.cached_tokens * cached + usage.output_tokens * price.output
    return spent / MILLION


def missing_key(model: str, provider: Provider | None, environ: Mapping[str, str]) -> str | None:
    """The name of the environment variable that must hold the model's key and does not.

    Without a provider this loads litellm, which takes seconds: call it in a worker thread.
    """
    if provider is not None:
        return None if environ.get(provider.api_key_env) else provider.api_key_env
    asked = _litellm().validate_environment(model=model)["missing_keys"]
    keys = [name for name in asked if name.endswith(("_KEY", "_KEY_ID", "_TOKEN"))]
    return None if not keys or any(environ.get(name) for name in asked) else keys[0]


def known_model(model: str, provider: Provider | None) -> bool:
    """Whether it is known whose a model is; a compatible endpoint's names are its own.

    Without a provider this loads litellm, as ``missing_key`` does.
    """
    if provider is not None:
        return True
    try:
        _litellm().get_llm_provider(model=model)
    except Exception:  # its answer for a name that it can put to nobody
        return False
    return True


def known_price(model: str, provider: Provider | None, prices: Mapping[str, Price]) -> bool:
    """Whether a turn of the model can be priced; may load litellm, as ``missing_key`` does."""
    return price_of(model, provider, prices) is not None


def price_of(model: str, provider: Provider | None, prices: Mapping[str, Price]) -> Price | None:
    """What a model's tokens cost in small requests, null when nobody knows; may load litellm."""
    if model in prices:
        return prices[model]
    try:
        return _target(_litellm(), model, provider).price
    except Exception:  # no provider knows the name
        return None


@frozen(kw_only=True)
class _Target:
    """Where a model's requests go, and what litellm's tables say of it."""

    model: str
    provider: str
    api_base: str | None
    price: Price | None
    cache_writing: float  # what input costs when it is put into the cache, as a multiple
    output_limit: int


def _target(litellm: Litellm, model: str, provider: Provider | None) -> _Target:
    if provider is None:
        name, speaks, _, _ = litellm.get_llm_provider(model=model)
        base = None
    else:
        name, base = model, provider.base_url.rstrip("/")
        speaks = "anthropic" if provider.adapter == "anthropic" else "openai"
        if speaks == "anthropic":
            base = base.removesuffix("/v1")  # litellm appends the whole path
    entry = litellm.model_cost.get(f"{speaks}/{name}") or litellm.model_cost.get(name) or {}
    limit = entry.get("max_output_tokens")
    return _Target(
        model=name,
        provider=speaks,
        api_base=base,
        price=_price(*map(entry.get, _PRICES)),
        cache_writing=_cache_writing(entry),
        output_limit=limit if isinstance(limit, int) and limit > 0 else sys.maxsize,
    )


def _price(read: object, written: object, cached: object) -> Price | None:
    """USD for a million tokens, from those for one."""
    if not isinstance(read, int | float) or not isinstance(written, int | float):
        return None
    if read <= 0 or written <= 0:
        return None  # a price of zero in a table is a gap in it far more often than a gift
    again = cached * MILLION if isinstance(cached, int | float) else None
    return Price(input=read * MILLION, output=written * MILLION, cached=again)


def _cache_writing(entry: Mapping[str, object]) -> float:
    fresh, kept = (entry.get(key) for key in ("input_cost_per_token", _CACHE_WRITE_PRICE))
    if isinstance(fresh, int | float) and isinstance(kept, int | float) and fresh > 0:
        return max(1.0, kept / fresh)
    return 1.0


async def _next(stream: Stream) -> Chunk | None:
    try:
        return await stream.__anext__()
    except StopAsyncIteration:
        return None


async def _close(stream: Stream) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await stream.aclose()
    except Exception:  # the answer is there, or its error is on the way up
        pass


def _model_error(
    error: Exception, secrets: Iterable[str], usage: Usage | None
) -> ModelError | StorageError:
    """The error as ours; one that broke a stream is judged by what broke it."""
    if refused := refusal(error):
        return refused  # no connection without a free descriptor: the provider did nothing wrong
    cause = getattr(error, "original_exception", None) or error
    text = str(getattr(cause, "message", "") or cause)
    status = getattr(cause, "status_code", None)  # litellm's own word for no answer is 500
    if "Timeout" in type(cause).__name__:
        kind = ModelErrorKind.TIMEOUT
    elif "ContextWindow" in type(cause).__name__:
        kind = ModelErrorKind.CONTEXT
    else:
        # The code that tells a quota from a rate may stand in the body only.
        words = f"{text} {getattr(cause, 'body', None) or ''}"
        kind = kind_of(status if isinstance(status, int) else None, words)
    headers = getattr(cause, "litellm_response_headers", None) or {}
    message = safe_message(provider_words(text), secrets)
    return ModelError(kind, message, retry_after(dict(headers)), usage)


_loading = threading.Lock()


def _litellm() -> Litellm:
    """The module, loaded once however many threads ask."""
    with _loading:
        return _load()


@functools.cache
def _load() -> Litellm:
    os.environ.update(_OFFLINE)
    collecting = gc.isenabled()
    gc.disable()  # nothing of what an import makes is garbage: a fifth of its time
    try:
        litellm = cast(Litellm, importlib.import_module("litellm"))
    finally:
        if collecting:
            gc.enable()
    gc.freeze()
    litellm.suppress_debug_info = True  # it prints to stdout
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
    return litellm
