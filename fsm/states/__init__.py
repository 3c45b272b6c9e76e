"""One module per working state, each with ``recover`` and ``work``; HANDLERS maps them."""

from collections.abc import Mapping
from typing import Protocol

from ...state.enums import RunStatus
from ...state.records import Run
from ..ports import Ports
from ..step import Step
from . import (
    consolidating,
    executing,
    fixing_verification,
    gating_plan,
    planning,
    verifying,
)


class Handler(Protocol):
    """A state's module."""

    async def recover(self, run: Run, ports: Ports) -> None:
        """Bring disk and processes back to what the document says."""
        ...

    async def work(self, run: Run, ports: Ports) -> Step:
        """Look at what is already done, do the rest, say which event that makes."""
        ...


HANDLERS: Mapping[RunStatus, Handler] = {
    RunStatus.PLANNING: planning,
    RunStatus.GATING_PLAN: gating_plan,
    RunStatus.EXECUTING: executing,
    RunStatus.VERIFYING: verifying,
    RunStatus.FIXING_VERIFICATION: fixing_verification,
    RunStatus.CONSOLIDATING: consolidating,
}
