from collections import deque
from collections.abc import Callable

import pytest
from fakes.model_talk import ask, unheard

from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ModelError,
    ModelErrorKind,
    ModelRequest,
)
from dispatch.agents.retry import MAX_PAUSES, Retry, RetryPolicy, complete_with_retries

DONE = AssistantMessage(text="done")


class Answers:
    """Gives each of its answers once, in order."""

    def __init__(self, *answers: AssistantMessage | ModelError) -> None:
        self._answers = deque(answers)

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        answer = self._answers.popleft()
        if isinstance(answer, ModelError):
            raise answer
        return answer

    @property
    def left(self) -> int:
        return len(self._answers)


class Waits:
    """Sleeps no time and remembers what was asked of it."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.retries: list[Retry] = []

    async def wait_for(self, retry: Retry) -> None:
        self.slept.append(retry.wait)
        self.retries.append(retry)


async def complete(
    client: Answers, waits: Waits, policy: RetryPolicy | None = None, random: float = 0.5
) -> AssistantMessage:
    return await complete_with_retries(
        client,
        ask("m"),
        unheard,
        policy=policy or RetryPolicy(),
        random=lambda: random,
        wait_for=waits.wait_for,
    )


def failure(kind: ModelErrorKind, retry_after: float | None = None) -> ModelError:
    return ModelError(kind, "no", retry_after)


async def test_transient_errors_are_tried_again_with_growing_waits_and_reported() -> None:
    """[W-14]"""
    waits = Waits()
    errors = [
        failure(kind)
        for kind in (ModelErrorKind.OVERLOAD, ModelErrorKind.TRANSPORT, ModelErrorKind.TIMEOUT)
    ]
    assert await complete(Answers(*errors, DONE), waits) == DONE
    assert waits.slept == [0.75, 1.5, 3.0]
    assert waits.retries == [
        Retry(number=number + 1, wait=wait, error=error)
        for number, (wait, error) in enumerate(zip(waits.slept, errors, strict=True))
    ]


@pytest.mark.parametrize(
    "kind",
    [
        ModelErrorKind.QUOTA,
        ModelErrorKind.AUTH,
        ModelErrorKind.CONTEXT,
        ModelErrorKind.REFUSED,
    ],
)
async def test_every_other_error_is_raised_at_once(kind: ModelErrorKind) -> None:
    client, waits = Answers(failure(kind), DONE), Waits()
    with pytest.raises(ModelError) as caught:
        await complete(client, waits)
    assert (caught.value.kind, client.left, waits.slept) == (kind, 1, [])


async def test_the_last_error_is_raised_when_the_retries_are_spent() -> None:
    errors = [failure(ModelErrorKind.OVERLOAD) for _ in range(4)]
    client, waits = Answers(*errors, DONE), Waits()
    with pytest.raises(ModelError) as caught:
        await complete(client, waits, RetryPolicy(retries=3))
    assert caught.value is errors[3]
    assert (len(waits.slept), client.left) == (3, 1)


async def test_what_the_provider_asks_for_is_waited() -> None:
    waits = Waits()
    errors = [failure(ModelErrorKind.OVERLOAD, 30.0), failure(ModelErrorKind.OVERLOAD, 0.1)]
    await complete(Answers(*errors, DONE), waits)
    assert waits.slept == [30.5, 1.5]


async def test_a_wait_that_would_pass_the_total_is_not_begun() -> None:
    error = failure(ModelErrorKind.OVERLOAD, 3600.0)
    waits = Waits()
    with pytest.raises(ModelError) as caught:
        await complete(Answers(error, DONE), waits)
    assert caught.value is error
    assert (waits.slept, waits.retries) == ([], [])


@pytest.mark.parametrize(
    ("number", "share", "wait"),
    [(1, 0.0, 0.5), (1, 0.5, 0.75), (4, 0.0, 4.0), (40, 0.0, 30.0), (40, 0.5, 45.0)],
)
def test_our_waits_lie_between_half_and_the_whole_of_a_bounded_step(
    number: int, share: float, wait: float
) -> None:
    assert RetryPolicy().wait(number, None, share) == wait


async def test_a_spent_allowance_is_waited_for_when_the_provider_says_until_when() -> None:
    waits = Waits()
    policy = RetryPolicy(total_pause=100.0)
    error = failure(ModelErrorKind.QUOTA, 90.0)
    assert await complete(Answers(error, DONE), waits, policy) == DONE
    assert waits.retries == [Retry(number=1, wait=90.5, error=error, paused=True)]


async def test_nobody_waits_for_an_allowance_without_a_time_or_beyond_the_bound() -> None:
    policy = RetryPolicy(total_pause=100.0)
    for errors in ([failure(ModelErrorKind.QUOTA)], [failure(ModelErrorKind.QUOTA, 60.0)] * 2):
        client, waits = Answers(*errors, DONE), Waits()
        with pytest.raises(ModelError) as caught:
            await complete(client, waits, policy)
        assert (caught.value, client.left) == (errors[-1], 1)
        assert len(waits.slept) == len(errors) - 1


async def test_an_overload_is_waited_for_like_an_allowance_once_retries_would_take_too_long() -> (
    None
):
    waits = Waits()
    policy = RetryPolicy(total_pause=4000.0)
    errors = [failure(ModelErrorKind.OVERLOAD, 1.0), failure(ModelErrorKind.OVERLOAD, 3600.0)]
    assert await complete(Answers(*errors, DONE), waits, policy) == DONE
    assert [(retry.wait, retry.paused) for retry in waits.retries] == [
        (1.5, False),
        (3600.5, True),
    ]


async def test_a_provider_that_always_says_soon_is_left_in_the_end() -> None:
    errors = [failure(ModelErrorKind.QUOTA, 0.0) for _ in range(MAX_PAUSES + 1)]
    client, waits = Answers(*errors, DONE), Waits()
    with pytest.raises(ModelError) as caught:
        await complete(client, waits, RetryPolicy(total_pause=1e9))
    assert (caught.value, client.left, len(waits.slept)) == (errors[-1], 1, MAX_PAUSES)
    assert waits.slept[-1] > 30.0
