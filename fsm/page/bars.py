"""What each role and model used, as bars of tokens and money."""

from collections.abc import Sequence
from typing import Final

from ..report_words import money
from .costs import Cost, tokens
from .svg import fitting, picture, tag, tooltip, words

MAX_BARS: Final = 30  # of what used most; the table has all

_LEFT: Final = 330.0
_PLOT: Final = 230.0
_ROW: Final = 24.0
_GAP: Final = 110.0


def bars_picture(costs: Sequence[Cost]) -> str:
    """A line for each role and model: money on the left, tokens on the right."""
    shown = costs[:MAX_BARS]
    most = max((each.usage.cost_usd or 0.0 for each in shown), default=0.0)
    longest = max((tokens(each.usage) for each in shown), default=0)
    told = ", ".join(f"{each.role} {money(each.usage.cost_usd)}" for each in shown)
    second = _LEFT + _PLOT + _GAP
    return picture(
        second + _PLOT + _GAP,
        34 + _ROW * max(1, len(shown)),
        f"Cost and tokens by role and model: {told or 'nothing was used'}.",
        words(_LEFT, 18, "cost", class_="band"),
        words(second, 18, "tokens", class_="band"),
        *(
            tooltip(
                f"{each.role} with {each.model} through {each.executor}",
                words(4, _y(row) + 13, fitting(f"{each.role} · {each.model}", _LEFT - 12)),
                *_bar(_LEFT, row, each.usage.cost_usd or 0.0, most, money(each.usage.cost_usd)),
                *_bar(second, row, tokens(each.usage), longest, f"{tokens(each.usage):,}"),
            )
            for row, each in enumerate(shown)
        ),
    )


def _bar(left: float, row: int, value: float, most: float, told: str) -> tuple[str, str]:
    wide = round(_PLOT * value / most, 1) if most else 0.0
    return (
        tag("rect", x=left, y=_y(row), width=wide, height=16, class_="bar implementing"),
        words(left + wide + 6, _y(row) + 13, told, class_="small"),
    )


def _y(row: int) -> float:
    return 28 + row * _ROW
