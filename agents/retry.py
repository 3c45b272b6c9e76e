"""Failed calls of a model, made again as ``policy.outcomes`` allows, a bounded number of times."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from ..policy.outcomes import Action, allows
from .model import OUTCOME_OF, AssistantMessage, Completes, Delta, ModelError, ModelRequest

MAX_PAUSES: Final = 100  # of one turn: a provider may say "soon" for ever


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long; seconds.  A wait grows from ``first_wait`` by ``factor``."""

    retries: int = 6
    first_wait: float = 1.0
    factor: float = 2.0
    longest_wait: float = 60.0  # of our own; a provider may ask for more
    total_wait: float = 600.0  # of all waits of one call
    total_pause: float = 0.0  # of all waits of one call for an allowance to come back

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
    """One retry that is about to be waited for; ``paused``: for an allowance to come back."""

    number: int
    wait: float
    error: ModelError
    paused: bool = False


async def complete_with_retries(
    client: Completes,
    request: ModelRequest,
    on_delta: Callable[[Delta], None],
    *,
    policy: RetryPolicy,
    random: Callable[[], float],
    wait_for: Callable[[Retry], Awaitable[None]],
) -> AssistantMessage:
    """One turn; what may pass is tried again, every other error is raised at once.

    The last error is raised when the retries or pauses are spent, or when the next wait would pass
    its total.  ``wait_for`` shows a retry and waits for it.
    """
    retries = pauses = 0
    waited = paused = 0.0
    while True:
        try:
            return await client.complete(request, on_delta)
        except ModelError as error:
            outcome = OUTCOME_OF[error.kind]
            wait = policy.wait(retries + 1, error.retry_after, random())
            pause = policy.wait(pauses + 1, error.retry_after, random())
            if (
                allows(outcome, Action.SAME)
                and retries < policy.retries
                and waited + wait <= policy.total_wait
            ):
                retries, waited = retries + 1, waited + wait
                retry = Retry(number=retries, wait=wait, error=error)
            elif (
                allows(outcome, Action.WAIT)
                and error.retry_after is not None
                and pauses < MAX_PAUSES
                and paused + pause <= policy.total_pause
            ):
                pauses, paused = pauses + 1, paused + pause
                retry = Retry(number=pauses, wait=pause, error=error, paused=True)
            else:
                raise
        await wait_for(retry)
