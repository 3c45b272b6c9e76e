"""Which requests to models are under way in this process, and when one of them is over."""

import asyncio

from attrs import define, field


@define(eq=False)
class UnderWay:
    """Attempts with a request under way, by id."""

    _ids: set[str] = field(factory=set)
    _over: asyncio.Event = field(factory=asyncio.Event)

    def is_empty(self) -> bool:
        """Whether there is none that could be waited for."""
        return not self._ids

    def begin(self, attempt_id: str) -> None:
        """A request of the attempt begins."""
        self._ids.add(attempt_id)

    def end(self, attempt_id: str) -> None:
        """It is over; who waits may look again."""
        self._ids.discard(attempt_id)
        self._over.set()
        self._over = asyncio.Event()

    async def one_over(self) -> None:
        """Return when the next one is over; there must be one."""
        await self._over.wait()
