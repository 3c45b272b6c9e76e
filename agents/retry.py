"""Transient failures of a model call, tried again a bounded number of times."""

from collections.abc import Awaitable, Callable

from attrs import frozen

from .model import TRANSIENT, AssistantMessage, Delta, ModelClient, ModelError, ModelRequest


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long; seconds.  A wait grows from ``first_wait`` by ``factor``."""

    retries: int = 6
    first_wait: float = 1.0
    factor: float = 2.0
    longest_wait: float = 60.0  # of our own; a provider may ask for more
    total_wait: float = 600.0  # of all waits of one call

    def wait(self, number: int, asked: float | None, share: float) -> float:
        """The wait before retry ``number`` (from 1); ``share`` in [0, 1) spreads agents apart.

        Ours is between half and the whole of the step; what a provider asked for is a lower bound.
        """
        step = min(self.first_wait * self.factor ** (number - 1), self.longest_wait)
        if asked is not None and asked >= step / 2:
            return asked + share * self.first_wait
        return step * (0.5 + share / 2)


@frozen(kw_only=True)
class Retry:
    """One retry that is about to be waited for."""

    number: int
    wait: float
    error: ModelError


async def complete_with_retries(
    client: ModelClient,
    request: ModelRequest,
    on_delta: Callable[[Delta], None],
    *,
    policy: RetryPolicy,
    sleep: Callable[[float], Awaitable[None]],
    random: Callable[[], float],
    on_retry: Callable[[Retry], None],
) -> AssistantMessage:
    """One turn; transient errors are tried again, every other one is raised at once.

    The last error is raised when the retries are spent or the next wait would pass the total.
    """
    waited = 0.0
    for number in range(1, policy.retries + 1):
        try:
            return await client.complete(request, on_delta)
        except ModelError as error:
            wait = policy.wait(number, error.retry_after, random())
            if error.kind not in TRANSIENT or waited + wait > policy.total_wait:
                raise
            on_retry(Retry(number=number, wait=wait, error=error))
        await sleep(wait)
        waited += wait
    return await client.complete(request, on_delta)
