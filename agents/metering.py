"""Requests that are asked for before they are made, and counted whatever becomes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Self

from attrs import evolve, frozen

from ..policy.usage import add
from ..state.jobs import Purse
from ..state.refusals import Refusal
from ..state.work import Usage
from .model import (
    AssistantMessage,
    Delta,
    Message,
    ModelClient,
    ModelError,
    ModelRequest,
    ToolReply,
)

# What providers put around a message and in front of the tools, in tokens; far above what is seen.
AROUND_A_MESSAGE: Final = 32
AROUND_A_REQUEST: Final = 2_000
_NOTHING: Final = Usage()


class NotGranted(Exception):
    """A cap allows no further request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class WorkClock:
    """The seconds that an agent has worked: they do not pass while it only waits."""

    def __init__(self, monotonic: Callable[[], float], worked: float = 0.0) -> None:
        self.monotonic = monotonic
        self._began = monotonic() - worked
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        """Seconds since the clock was made, and those before."""
        now = self.monotonic() if self._stopped_at is None else self._stopped_at
        return now - self._began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Inside of it no time passes; not to be entered twice."""
        self._stopped_at = self.monotonic()
        try:
            yield
        finally:
            self._began += self.monotonic() - self._stopped_at
            self._stopped_at = None


class Meter:
    """A client that asks the purse before each request and tells it what was used.

    ``usage`` is what was reported, ``unsettled`` the worst of the requests of which nobody told;
    both are right at any moment, and begin with what an interrupted attempt used before.
    """

    def __init__(
        self,
        client: ModelClient,
        purse: Purse,
        clock: WorkClock,
        *,
        usage: Usage = _NOTHING,
        unsettled: Usage | None = None,
    ) -> None:
        self.usage = usage
        self.unsettled = unsettled
        self._client = client
        self._purse = purse
        self._clock = clock
        self._known = _Known()

    @property
    def at_most(self) -> Usage:
        """All that may have been used, in the turns that were finished."""
        if self.unsettled is None:
            return self.usage
        return evolve(add(self.usage, self.unsettled), turns=self.usage.turns)

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn, one request; raises NotGranted, or ModelError."""
        worst = await self._client.worst(request, self._most_input(request))
        with self._clock.stopped():
            refusal = await self._purse.reserve(worst)
        if refusal is not None:
            raise NotGranted(refusal)
        used, lost = Usage(), worst  # whatever ends the request, and be it a cancellation
        try:
            turn = await self._client.complete(request, on_delta)
            used, lost = _told(turn.usage, worst)
            self._known = _Known.after(len(request.messages), turn)
            return turn
        except ModelError as error:
            if error.usage is not None:
                used, lost = error.usage, _NOTHING
            raise
        finally:
            self.usage = add(self.usage, used)
            if lost != _NOTHING:
                self.unsettled = add(self.unsettled or _NOTHING, lost)
            self._purse.settle(self.usage, self.unsettled, round(self._clock(), 3))

    def recall(self, messages: int, turn: AssistantMessage) -> None:
        """The last turn before an interruption, and how many messages it answered."""
        self._known = _Known.after(messages, turn)

    def _most_input(self, request: ModelRequest) -> int:
        """A bound on the tokens of a request: what was counted before, and the bytes of the rest.

        No text has more tokens than bytes.
        """
        fresh = request.messages[self._known.messages :]
        size = sum(_size(message) + AROUND_A_MESSAGE for message in fresh)
        if self._known.messages:
            return self._known.tokens + size
        size += sum(_bytes(f"{each.description}{each.parameters}") for each in request.tools)
        return AROUND_A_REQUEST + _bytes(request.system) + size


@frozen(kw_only=True)
class _Known:
    """How many of the messages a provider has counted, and what came of it."""

    messages: int = 0
    tokens: int = 0

    @classmethod
    def after(cls, messages: int, turn: AssistantMessage) -> Self:
        """The turn is a message of the next request, unless nothing is in it."""
        if not turn.usage.input_tokens:
            return cls()
        is_sent = bool(turn.text.strip() or turn.tool_calls)
        return cls(
            messages=messages + is_sent,
            tokens=turn.usage.input_tokens
            + turn.usage.output_tokens
            + AROUND_A_MESSAGE * (1 + len(turn.tool_calls)),
        )


def _told(usage: Usage, worst: Usage) -> tuple[Usage, Usage]:
    """What a turn used as the provider says, and at its worst what he does not say."""
    if usage.cost_usd is not None or worst.cost_usd is None:
        return evolve(usage, turns=1), _NOTHING
    told = evolve(usage, turns=1, cost_usd=0.0)
    if usage.input_tokens:
        return told, Usage(cost_usd=worst.cost_usd)
    return told, evolve(worst, turns=0)


def _size(message: Message) -> int:
    if isinstance(message, AssistantMessage):
        calls = "".join(f"{call.name}{call.arguments}" for call in message.tool_calls)
        return _bytes(f"{message.text}{message.thinking}{calls}")
    return _bytes(message.content if isinstance(message, ToolReply) else message.text)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
