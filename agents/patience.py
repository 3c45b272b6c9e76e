"""Waiting for a provider: what may pass is tried again, and whoever waits is shown to wait."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from attrs import frozen

from ..state.jobs import Purse
from .metering import WorkClock
from .model import AssistantMessage, Completes, Delta, ModelRequest
from .retry import Retry, RetryPolicy, complete_with_retries
from .trace import Trace

_TIME_OF_DAY: Final = "%H:%M:%S"


@frozen(kw_only=True)
class Patient:
    """A client whose failures that may pass are tried again, and shown."""

    client: Completes
    clock: WorkClock
    purse: Purse
    policy: RetryPolicy
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]
    trace: Trace
    event: Callable[..., None]

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn; raises ModelError when trying again is no use or has been enough."""
        return await complete_with_retries(
            self.client,
            request,
            on_delta,
            policy=self.policy,
            random=self.chance,
            wait_for=partial(self._wait_for, request.model, on_delta),
        )

    async def _wait_for(self, model: str, on_delta: Callable[[Delta], None], retry: Retry) -> None:
        # A sign of life: a provider that hangs is left by the bounds of retries, as his fault, and
        # not by the agent's silence.
        on_delta(Delta(kind="text", text=""))
        self.trace.turn_ended()
        self.trace.error(retry.error)
        if not retry.paused:
            self.trace.note(f"retry {retry.number} in {retry.wait:.1f} seconds")
            await self.sleep(retry.wait)
            return
        until = time.localtime(self.now() + retry.wait)
        self.trace.note(f"paused until {time.strftime(_TIME_OF_DAY, until)} (quota of {model})")
        self.event("attempt.paused", model=model, seconds=round(retry.wait, 1))
        with self.clock.stopped():  # whoever waits for an allowance is not at work
            async with self.purse.waiting():
                await self.sleep(retry.wait)
