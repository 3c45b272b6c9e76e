"""What a run would take, before anything is spent: from its plan, and from the user's past runs."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..advising import spent_before
from ..agents.executors.litellm_client import cost_at, price_of
from ..agents.executors.scripted_client import script_path
from ..fsm.forecast_words import forecast_words, span
from ..fsm.report_words import money
from ..gitops.user_git import locate
from ..policy.estimates import Estimate, estimates
from ..policy.forecast import Forecast, forecast
from ..state.config import Config
from ..state.config_file import load_config
from ..state.document import load_run_of
from ..state.enums import Role
from ..state.records import Run
from ..state.redact import shown
from ..state.work import Usage
from ..wiring import Start


def forecast_of(run: Run, repo: Path) -> Forecast:
    """What is left of a run that has a plan."""
    config = load_config(locate(repo).root)
    return forecast(run, _estimates(config), config.max_parallel, config.run_limits.usd)


def dry_run(start: Start) -> Iterator[str]:
    """What starting would do, as lines; all that can be refused was looked at."""
    config = start.config
    yield f"Dry run of {start.name}: nothing was started and nothing was written."
    known = None if start.is_new else load_run_of(start.folder)
    yield f"  spec      {start.spec_path}"
    base = start.target.head if known is None else known.base_commit
    yield f"  from      {base[:12]}, onto the branch dispatch/{start.name}"
    yield from (f"  warning   {warning}" for warning in start.warnings)
    found = _estimates(config)
    for role in Role:
        yield f"  model     {role.value}: {config.model_config.of(role)}"
    caps = config.run_limits
    limit = "none; runLimits sets one" if caps.usd is None else f"{money(caps.usd)} for the run"
    yield f"  budget    {limit}"
    if known is not None and known.tasks:
        yield ""
        yield from forecast_words(forecast(known, found, config.max_parallel, caps.usd))
        return
    planner = found[Role.PLANNER]
    yield ""
    yield "There is no plan yet, so its schedule cannot be forecast."
    yield (
        f"  dispatch plan {start.name} makes one and stops: about {span(planner.seconds.middle)}, "
        f"{_usd(planner)}{'' if planner.pieces else ' (a prior: assumed, not measured)'}"
    )


def _estimates(config: Config) -> Mapping[Role, Estimate]:
    def price(role: Role, usage: Usage) -> float | None:
        model = config.model_config.of(role)
        if script_path(model) is not None:  # what it says it costs is in the script
            return None
        known = price_of(model, config.provider, config.prices)
        return None if known is None else cost_at(known, usage)

    models = {role: config.model_config.of(role) for role in Role}
    return estimates(spent_before(_say), models, price)


def _usd(estimate: Estimate) -> str:
    if estimate.usd is None:
        return "cost unknown"
    return f"about ${estimate.usd.middle:.2f}, at most ${estimate.usd.high:.2f} in nine of ten"


def _say(sentence: str) -> None:
    print(f"dispatch: {shown(sentence)}", file=sys.stderr)
