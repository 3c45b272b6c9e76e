"""What a run has used and may use, in words for ``status`` and the report."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..policy.ledger import Account, account, attempts_of, tokens_of
from ..state.codec import unstructure
from ..state.config import Caps
from ..state.records import Run
from ..state.work import Usage
from .report_words import money

MAX_NAMED: Final = 3  # attempts of unknown cost


def budget_lines(run: Run) -> Iterator[str]:
    """Each cap with what counts against it, then what is reserved or not known, a line each."""
    whole = account(attempts_of(run))
    yield from _capped("run", whole, run.run_limits, run.active_seconds)
    for task in run.tasks if run.task_limits != Caps() else ():
        own = account(task.attempts)
        yield from _capped(f"task {task.id}", own, run.task_limits, own.seconds)
    if whole.reserved != Usage():
        yield f"reserved by requests under way: up to {_amount(whole.reserved)}"
    if whole.assumed != Usage():
        yield f"assumed for requests whose usage nobody told: up to {_amount(whole.assumed)}"
    if whole.unpriced and (run.run_limits.usd, run.task_limits.usd) != (None, None):
        more = len(whole.unpriced) - MAX_NAMED
        named = ", ".join(whole.unpriced[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"of unknown cost: {named}"


def budget_data(run: Run) -> Mapping[str, object]:
    """The same for scripts."""
    whole = account(attempts_of(run))
    return {
        "spent": unstructure(whole.spent),
        "reserved": unstructure(whole.reserved),
        "assumed": unstructure(whole.assumed),
        "unpriced": list(whole.unpriced),
        "activeSeconds": run.active_seconds,
        "runLimits": unstructure(run.run_limits),
        "taskLimits": unstructure(run.task_limits),
    }


def _capped(of: str, found: Account, caps: Caps, seconds: float) -> Iterator[str]:
    used = found.used
    if caps.turns is not None:
        yield f"{of}: {used.turns} of {caps.turns} turns used"
    if caps.tokens is not None:
        yield f"{of}: {tokens_of(used):,} of {caps.tokens:,} tokens used"
    if caps.usd is not None:
        yield f"{of}: {money(used.cost_usd)} of {money(caps.usd)} used"
    if caps.wall_seconds is not None:
        yield f"{of}: {seconds:.0f} of {caps.wall_seconds:.0f} seconds used"


def _amount(usage: Usage) -> str:
    return f"{tokens_of(usage):,} tokens, {money(usage.cost_usd)}"
