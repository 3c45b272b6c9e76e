"""Requests are asked for at their worst, and counted whatever becomes of them."""

import asyncio
from collections.abc import Callable

import pytest
from attrs import define, field
from fakes.model_fake import SteppedTime
from fakes.model_talk import ask, unheard

from dispatch.agents.metering import Meter, NotGranted, WorkClock
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
from dispatch.state.enums import AttemptOutcome
from dispatch.state.jobs import OpenPurse
from dispatch.state.refusals import Refusal
from dispatch.state.work import Usage

WORST = Usage(turns=1, input_tokens=1000, output_tokens=500, cost_usd=0.5)
TOLD = Usage(input_tokens=100, output_tokens=50, cost_usd=0.05)
REFUSAL = Refusal(
    outcome=AttemptOutcome.MONEY_LIMIT, cap="runLimits.usd", reason="Spent.", of_run=True
)


@define
class Noting(OpenPurse):
    """A purse that keeps what it is told, in order."""

    told: list[object] = field(factory=list)
    refusal: Refusal | None = None

    async def reserve(self, worst: Usage) -> Refusal | None:
        """Keep the worst."""
        self.told.append(worst)
        return self.refusal

    def settle(self, usage: Usage, unsettled: Usage | None, seconds: float) -> None:
        """Keep what was used."""
        self.told.append((usage, unsettled, seconds))


@define
class Model:
    """Gives one answer or error, and remembers the bounds on the input it was asked about."""

    answer: AssistantMessage | BaseException
    price: Usage = WORST
    inputs: list[int] = field(factory=list)

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """The same for every request."""
        self.inputs.append(input_tokens)
        return self.price

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """The answer."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def metered(model: Model, purse: Noting, time: SteppedTime | None = None) -> Meter:
    return Meter(model, purse, WorkClock(time or SteppedTime()))


async def test_a_turn_is_reserved_at_its_worst_and_settled_as_it_was_told() -> None:
    purse = Noting()
    meter = metered(Model(AssistantMessage(text="hi", usage=TOLD)), purse)
    await meter.complete(ask("m"), unheard)
    used = Usage(turns=1, input_tokens=100, output_tokens=50, cost_usd=0.05)
    assert purse.told == [WORST, (used, None, 0.0)]
    assert (meter.usage, meter.unsettled, meter.at_most) == (used, None, used)


async def test_what_is_not_granted_is_not_asked_of_the_model() -> None:
    purse = Noting(refusal=REFUSAL)
    meter = metered(Model(AssertionError("asked")), purse)
    with pytest.raises(NotGranted) as caught:
        await meter.complete(ask("m"), unheard)
    assert (caught.value.refusal, purse.told, meter.usage) == (REFUSAL, [WORST], Usage())


@pytest.mark.parametrize(
    "error",
    [
        ModelError(ModelErrorKind.TRANSPORT, "cut", usage=None),
        asyncio.CancelledError(),
        ZeroDivisionError("a defect"),
    ],
)
async def test_a_request_of_which_nobody_tells_counts_at_its_worst(error: BaseException) -> None:
    """A stream that broke off is paid for."""
    purse = Noting()
    meter = metered(Model(error), purse)
    for _ in range(2):
        with pytest.raises(type(error)):
            await meter.complete(ask("m"), unheard)
    lost = Usage(turns=2, input_tokens=2000, output_tokens=1000, cost_usd=1.0)
    assert (meter.usage, meter.unsettled) == (Usage(), lost)
    assert purse.told[-1] == (Usage(), lost, 0.0)
    assert meter.at_most.cost_usd == 1.0


async def test_a_request_that_was_turned_away_costs_nothing() -> None:
    meter = metered(Model(ModelError(ModelErrorKind.AUTH, "no")), Noting())
    with pytest.raises(ModelError):
        await meter.complete(ask("m"), unheard)
    assert (meter.usage, meter.unsettled) == (Usage(), None)


@pytest.mark.parametrize(
    ("told", "used", "lost"),
    [
        (
            Usage(cost_usd=None),
            Usage(turns=1),
            Usage(input_tokens=1000, output_tokens=500, cost_usd=0.5),
        ),
        (
            Usage(input_tokens=9, output_tokens=1, cost_usd=None),
            Usage(turns=1, input_tokens=9, output_tokens=1),
            Usage(cost_usd=0.5),
        ),
    ],
)
async def test_a_turn_without_its_usage_is_a_turn_at_its_worst(
    told: Usage, used: Usage, lost: Usage
) -> None:
    meter = metered(Model(AssistantMessage(usage=told)), Noting())
    await meter.complete(ask("m"), unheard)
    assert (meter.usage, meter.unsettled) == (used, lost)


async def test_without_a_price_the_cost_stays_unknown() -> None:
    unpriced = Usage(turns=1, cost_usd=None)
    meter = metered(Model(AssistantMessage(usage=unpriced), unpriced), Noting())
    await meter.complete(ask("m"), unheard)
    assert (meter.usage, meter.unsettled) == (unpriced, None)


async def test_the_bound_on_the_input_is_what_was_counted_and_the_bytes_of_the_rest() -> None:
    """Bytes alone would be four times too much in a long conversation."""
    call = ToolCall(id="c", name="grep", arguments="{}")
    turn = AssistantMessage(text="x" * 10_000, tool_calls=(call,), usage=TOLD)
    model = Model(turn)
    meter = metered(model, Noting())
    first = UserMessage(text="ä" * 1000)
    await meter.complete(ask("m", first), unheard)
    assert 4000 < model.inputs[0] < 6000
    reply = ToolReply(call_id="c", name="grep", content="y" * 300)
    await meter.complete(ask("m", first, turn, reply), unheard)
    assert model.inputs[1] == 100 + 50 + 2 * 32 + 300 + 32


def test_the_clock_of_an_agent_stands_still_while_it_waits() -> None:
    time = SteppedTime(100.0)
    clock = WorkClock(time)
    time.now = 103.0
    with clock.stopped():
        time.now = 900.0
        assert clock() == 3.0
    time.now = 901.0
    assert clock() == 4.0
