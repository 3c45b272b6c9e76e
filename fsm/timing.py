"""How long a run has been worked on, over all its processes; a suspended machine does not count."""

from collections.abc import Callable

from attrs import evolve

from ..state.alive import alive_seconds
from ..state.records import Run
from .ports import Store


class TimedStore:
    """A store in which each save holds the seconds worked so far.

    ``monotonic`` must stand still while the machine is suspended or the process stopped.
    """

    def __init__(self, inner: Store, monotonic: Callable[[], float] = alive_seconds) -> None:
        self._inner = inner
        self._monotonic = monotonic
        self._began = monotonic() - inner.run.active_seconds

    @property
    def run(self) -> Run:
        """The document as it was last saved."""
        return self._inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Apply a change and save it with the time; see ``fsm.ports.Store``."""

        def timed(run: Run) -> Run:
            after = change(run)
            if after is run:
                return run
            return evolve(after, active_seconds=round(self.worked(), 3))

        return self._inner.update(timed)

    def worked(self) -> float:
        """Seconds, those of earlier processes included."""
        return self._monotonic() - self._began
