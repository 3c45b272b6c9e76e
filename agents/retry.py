"""Failed calls of a model, made again as ``policy.outcomes`` allows, a bounded number of times."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, frozen

from ..policy.outcomes import allows
from ..state.enums import Action, AttemptOutcome
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
class Wait:
    """How long to wait before what failed is tried again; ``paused`` as in ``Retry``."""

    number: int
    seconds: float
    paused: bool = False


@define(kw_only=True)
class Waits:
    """What was waited for one call so far."""

    policy: RetryPolicy
    _retries: int = 0
    _pauses: int = 0
    _waited: float = 0.0
    _paused: float = 0.0

    def after(
        self, outcome: AttemptOutcome, asked: float | None, random: Callable[[], float]
    ) -> Wait | None:
        """The wait that follows an outcome; null when the retries or pauses are spent.

        ``asked``: the seconds that the provider stated, without which an allowance is not waited
        for.
        """
        policy = self.policy
        wait = policy.wait(self._retries + 1, asked, random())
        pause = policy.wait(self._pauses + 1, asked, random())
        if (
            allows(outcome, Action.SAME)
            and self._retries < policy.retries
            and self._waited + wait <= policy.total_wait
        ):
            self._retries, self._waited = self._retries + 1, self._waited + wait
            return Wait(number=self._retries, seconds=wait)
        if (
            allows(outcome, Action.WAIT)
            and asked is not None
            and self._pauses < MAX_PAUSES
            and self._paused + pause <= policy.total_pause
        ):
            self._pauses, self._paused = self._pauses + 1, self._paused + pause
            return Wait(number=self._pauses, seconds=pause, paused=True)
        return None


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
    waits = Waits(policy=policy)
    while True:
        try:
            return await client.complete(request, on_delta)
        except ModelError as error:
            wait = waits.after(OUTCOME_OF[error.kind], error.retry_after, random)
            if wait is None:
                raise
            retry = Retry(number=wait.number, wait=wait.seconds, error=error, paused=wait.paused)
        await wait_for(retry)
