"""How a forecast is said: as one, with where its numbers come from."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..policy.forecast import Forecast
from ..state.clean_text import clean
from ..state.codec import unstructure
from .report_words import many

MAX_OVERLAPS: Final = 20  # that are named; --json has all


def forecast_words(forecast: Forecast) -> Iterator[str]:
    """A forecast as lines for people."""
    yield "Forecast (a simulation, no promise)"
    if not forecast.tasks:
        yield "  nothing is left to do"
        return
    time = forecast.seconds
    yield (
        f"  time      about {span(time.middle)}, {span(time.low)} to {span(time.high)}, "
        f"with {forecast.max_parallel} at once"
    )
    yield (
        f"  speed-up  {forecast.speed_up:.1f} times one agent at a time "
        f"({span(forecast.one_by_one)}); at best {forecast.best_speed_up:.1f} times, "
        f"for {many(forecast.widest, 'task')} in the widest level"
    )
    yield f"  critical  {' → '.join(forecast.critical)}: {span(forecast.critical_seconds)}"
    yield f"  cost      {_cost(forecast)}"
    for each in forecast.overlaps[:MAX_OVERLAPS]:
        settled = "; a rule for hub files joins them" if each.settled else ""
        tasks = ", ".join(each.task_ids)
        yield f"  overlap   {clean(each.path)}, level {each.level}: {tasks}{settled}"
    more = len(forecast.overlaps) - MAX_OVERLAPS
    if more > 0:
        yield f"  overlap   and {more} more"
    if not forecast.overlaps:
        yield "  overlap   no two tasks of a level plan to change one file"
    yield f"  from      {_sources(forecast)}"


def forecast_data(forecast: Forecast) -> Mapping[str, object]:
    """A forecast for scripts; seconds and USD."""
    data: dict[str, object] = unstructure(forecast)
    data |= {"speedUp": forecast.speed_up, "bestSpeedUp": forecast.best_speed_up}
    data["fromPast"] = {role.value: pieces for role, pieces in forecast.from_past}
    return data


def span(seconds: float) -> str:
    """A time in its two largest units."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def _cost(forecast: Forecast) -> str:
    usd = forecast.usd
    if usd is None:
        roles = ", ".join(role.value for role in forecast.unpriced)
        return (
            f"unknown: nobody knows the price of {roles}; "
            "state it below prices in the configuration"
        )
    left, told = forecast.cap_left, ""
    if left is not None and usd.high > left:
        word = "will probably" if usd.middle > left else "may"
        told = f"; the ${left:.2f} that runLimits.usd leaves {word} not be enough"
    return f"about ${usd.middle:.2f}, ${usd.low:.2f} to ${usd.high:.2f}{told}"


def _sources(forecast: Forecast) -> str:
    past = ", ".join(f"{role.value} {pieces}" for role, pieces in forecast.from_past)
    parts = [f"your past runs ({past} times)"] if past else []
    parts.append(
        "for all other roles priors: assumed, not measured"
        if past
        else "priors: assumed, not measured; five past tasks with the same model replace them"
    )
    if forecast.gate_seconds is None:
        parts.append("the build gate was not measured and is left out")
    else:
        parts.append(f"the build gate took {span(forecast.gate_seconds)}")
    return "; ".join(parts)
