"""Coming to a stop: nothing new is started, agents at work get a while to hand in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from attrs import define, field

# Long enough for a turn that is nearly written; whoever wants more says so with --grace.
GRACE_SECONDS: Final = 10.0


@define(eq=False)
class Stopping:
    """Asked before every agent, and every command that is not part of an agent's submission."""

    agents: int = 0  # at work now
    _asked: bool = False
    _idle: asyncio.Event = field(factory=asyncio.Event)

    async def admit(self) -> None:
        """Return at once; once the run is to stop, never: whoever waits here is cancelled."""
        if self._asked:
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        """Admit an agent and count it as long as it is at work and what it gave is being saved."""
        await self.admit()
        self.agents += 1
        try:
            yield
        finally:
            self.agents -= 1
            self._look()

    def ask(self) -> None:
        """From now on nothing is admitted."""
        self._asked = True
        self._look()

    async def wait(self, grace: float) -> None:
        """Return when no agent is at work any more, at the latest after ``grace`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()

    def _look(self) -> None:
        if self._asked and not self.agents:
            self._idle.set()
