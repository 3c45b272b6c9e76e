"""SIGINT and SIGTERM: the first lets the run come to a stop, the second ends it at once.

SIGHUP, of a terminal that closes, is such a first one.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from ..agents.sandbox.processes import end_everything
from ..fsm.stopping import Stopping
from ..state.errors import ExitCode
from ..state.streams import Stream

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def heed_signals(folder: Path, grace: float, stream: Stream) -> Stopping:
    """What the run in ``folder`` asks before it starts anything; ``grace`` is in seconds.

    ``stream`` is told what a signal leads to.
    After a first signal the current task is cancelled, as soon as no agent is at work any more or
    the grace is over.
    """
    work = asyncio.current_task()
    assert work is not None  # only coroutines call this
    heeded = _Heeded(folder=folder, grace=grace, stream=stream, work=work)
    for each in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, heeded.arrived)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as ``nohup`` asks for
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, heeded.hung_up)
    return heeded.stopping


@define(eq=False, kw_only=True)
class _Heeded:
    folder: Path
    grace: float
    stream: Stream
    work: "asyncio.Task[Any]"
    stopping: Stopping = field(factory=Stopping)
    stop: "asyncio.Task[None] | None" = None  # under way once a signal came

    def arrived(self) -> None:
        if self.stop is not None:
            self._end_at_once()
        self.stopping.ask()
        agents = self.stopping.agents
        if agents:
            who = "1 agent gets" if agents == 1 else f"{agents} agents get"
            self._say(
                f"stopping: {who} {self.grace:g} seconds to hand in; the next signal ends it now"
            )
        self.stop = asyncio.create_task(self._come_to_a_stop())

    def hung_up(self) -> None:
        """The kernel and a shell that ends both say so: the second is no order to end at once."""
        if self.stop is None:
            self.arrived()

    async def _come_to_a_stop(self) -> None:
        await self.stopping.wait(self.grace)
        self.work.cancel()

    def _end_at_once(self) -> None:
        # The document on the disk is whole at any moment, so nothing has to be put in order.
        end_everything(str(self.folder))
        self._say(
            f"Ended at once; what was saved is kept. Continue it: dispatch {self.folder.name}"
        )
        os._exit(ExitCode.INTERRUPTED)

    def _say(self, text: str) -> None:
        # On a terminal the cursor stands behind the ``^C``, or behind a question's prompt.
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone stops nothing
            lead = "\n" if self.stream.isatty() else ""
            self.stream.write(f"{lead}dispatch: {text}\n")
            self.stream.flush()
