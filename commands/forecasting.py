"""What a run would take, before anything is spent: from its plan, and from the user's past runs."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from ..advising import spent_before
from ..agents.executors.litellm_client import cost_at, price_of
from ..agents.executors.scripted_client import script_path
from ..fsm.forecast_words import forecast_data, forecast_words, span
from ..fsm.report_words import money
from ..gitops.user_git import locate
from ..policy.estimates import Estimate, estimates
from ..policy.forecast import Forecast, forecast
from ..state.codec import unstructure
from ..state.config import Config
from ..state.config_file import load_config
from ..state.document import load_run_of
from ..state.enums import Role
from ..state.records import Run
from ..state.redact import shown
from ..state.work import Usage
from ..wiring import Start, branch_of


@frozen(kw_only=True)
class DryRun:
    """What starting would do; ``known`` is the run's document, null when there is none yet.

    ``forecast`` is null until there is a plan, which takes what ``planner`` says.
    """

    start: Start
    known: Run | None
    planner: Estimate
    forecast: Forecast | None

    @property
    def base(self) -> str:
        """The commit that the run starts from."""
        return self.start.target.head if self.known is None else self.known.base_commit


def forecast_of(run: Run, repo: Path) -> Forecast:
    """What is left of a run that has a plan."""
    config = load_config(locate(repo).root)
    return _forecast(run, config, _estimates(config))


def dry_run(start: Start) -> DryRun:
    """Look at what a start would do, and do nothing."""
    known = None if start.is_new else load_run_of(start.folder)
    found = _estimates(start.config)
    return DryRun(
        start=start,
        known=known,
        planner=found[Role.PLANNER],
        forecast=_forecast(known, start.config, found) if known and known.tasks else None,
    )


def dry_run_words(found: DryRun) -> Iterator[str]:
    """It as lines for people."""
    start, config = found.start, found.start.config
    yield f"Dry run of {start.name}: nothing was started and nothing was written."
    yield f"  spec      {start.spec_path}"
    yield f"  from      {found.base[:12]}, onto the branch {branch_of(start.name)}"
    yield from (f"  warning   {warning}" for warning in start.warnings)
    for role in Role:
        yield f"  model     {role.value}: {config.model_config.of(role)}"
    usd = config.run_limits.usd
    limit = "none; runLimits sets one" if usd is None else f"{money(usd)} for the run"
    yield f"  budget    {limit}"
    yield ""
    if found.forecast is not None:
        yield from forecast_words(found.forecast)
        return
    planner = found.planner
    yield "There is no plan yet, so its schedule cannot be forecast."
    yield (
        f"  dispatch plan {start.name} makes one and stops: about {span(planner.seconds.middle)}, "
        f"{_usd(planner)}{'' if planner.pieces else ' (a prior: assumed, not measured)'}"
    )


def dry_run_data(found: DryRun) -> Mapping[str, object]:
    """It for scripts; what ``plan --json`` has, too, is named as there."""
    start, config = found.start, found.start.config
    return {
        "run": start.name,
        "status": found.known.status if found.known else None,
        "spec": start.spec_path,
        "baseCommit": found.base,
        "branch": branch_of(start.name),
        "warnings": list(start.warnings),
        "models": {role.value: config.model_config.of(role) for role in Role},
        "capUSD": config.run_limits.usd,
        "planner": unstructure(found.planner),
        "forecast": forecast_data(found.forecast) if found.forecast else None,
    }


def _forecast(run: Run, config: Config, found: Mapping[Role, Estimate]) -> Forecast:
    return forecast(run, found, config.max_parallel, config.run_limits.usd, config.race)


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
