"""The clocks behind every timer: seconds that this process was alive, and seconds in the world.

The kernel's monotonic clock never jumps when somebody sets the time, and stands still while the
machine is suspended.  But it goes on while this process is stopped (SIGSTOP, a frozen container, a
debugger), and afterwards every limit seems to be over at once: agents, commands and connections
that are sound would be ended.  So what passed while nobody here could look does not count.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

TICK_SECONDS: Final = 0.5  # how often somebody looks
# Longer than a busy machine keeps a thread waiting; what is shorter counts.
LONGEST_GAP_SECONDS: Final = 2.0


class AliveClock:
    """Seconds without the gaps in which it was not read; ``monotonic`` is the clock below.

    It has to be read every ``TICK_SECONDS``, by ``beat`` or otherwise.  Thread-safe.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen = monotonic()
        self._alive = 0.0
        self._one_at_a_time = threading.Lock()

    def __call__(self) -> float:
        """Seconds since some moment."""
        with self._one_at_a_time:
            passed = self._monotonic() - self._seen
            self._seen += passed
            if passed <= LONGEST_GAP_SECONDS:
                self._alive += passed
            return self._alive

    def beat(self) -> None:
        """Read it for ever."""
        while True:
            time.sleep(TICK_SECONDS)
            self()


class Alarm:
    """Calls ``ring`` in a thread of its own after seconds of being alive, unless cancelled."""

    def __init__(self, seconds: float, ring: Callable[[], object]) -> None:
        self._seconds = seconds
        self._ring = ring
        self._cancelled = threading.Event()
        threading.Thread(target=self._wait, name="alarm", daemon=True).start()

    def cancel(self) -> None:
        """Make no call any more."""
        self._cancelled.set()

    def _wait(self) -> None:
        end = alive_seconds() + self._seconds
        while (left := end - alive_seconds()) > 0:
            if self._cancelled.wait(min(left, TICK_SECONDS)):
                return
        self._ring()


def alive_seconds() -> float:
    """Seconds that this process was alive since some moment; only differences mean something."""
    global _ours
    with _making:
        if _ours is None:
            clock = AliveClock()
            threading.Thread(target=clock.beat, name="alive", daemon=True).start()
            _ours = clock
    return _ours()


def world_seconds() -> float:
    """Seconds that passed in the world, suspended, stopped or not; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_ours: AliveClock | None = None
_making = threading.Lock()
