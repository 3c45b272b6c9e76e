"""A document that is kept in the process, for what only needs one that can be changed."""

from collections.abc import Callable

from attrs import define

from dispatch.state.records import Run


@define
class MemoryStore:
    """A ``Store`` port; ``seen`` is told each document that would have been saved."""

    run: Run
    seen: Callable[[Run], None] = lambda run: None

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Change it."""
        self.run = change(self.run)
        self.seen(self.run)
        return self.run
