"""The clocks of ``state.alive`` where coroutines wait; looking at a run does without asyncio."""

import asyncio
from collections.abc import Callable
from typing import Final

from .alive import alive_seconds, world_seconds

LOOK_SECONDS: Final = 5.0  # how soon a sleeper notices that the world's clock went on


class AliveLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers, those of libraries too, run by ``clock``."""

    def __init__(self, clock: "Callable[[], float] | None" = None) -> None:
        super().__init__()
        self._clock = clock or alive_seconds

    def time(self) -> float:
        """See ``asyncio.AbstractEventLoop.time``."""
        return self._clock()


async def sleep_in_the_world(seconds: float, now: Callable[[], float] = world_seconds) -> None:
    """Sleep until so much time has passed for everybody else, such as a provider."""
    end = now() + seconds
    while (left := end - now()) > 0:
        await asyncio.sleep(min(left, LOOK_SECONDS))
